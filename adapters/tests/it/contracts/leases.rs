//! What may be relied on in leases that several processes share.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::time::Duration;

use ports::Leases;
use tokio::time::{Instant, interval, timeout};

/// Within this time somebody else has the role of a holder that says nothing.
const TAKEN_OVER_WITHIN: Duration = Duration::from_secs(10);

/// The contract of the leases of one process, the only one or not.
pub async fn of_one(leases: &dyn Leases) {
    for _ in 0..3 {
        assert_eq!(leases.hold("relay").await, Ok(true), "again and again");
    }
    leases.release("relay").await.unwrap();
    assert_eq!(leases.hold("relay").await, Ok(true));
    leases.release("relay").await.unwrap();
    leases.release("never-held").await.unwrap();
}

/// The contract of the leases of two processes.
pub async fn of_two(one: &dyn Leases, two: &dyn Leases) {
    assert_eq!((one.hold("relay").await, two.hold("relay").await), (Ok(true), Ok(false)), "one holder at a time");
    assert_eq!((two.hold("scheduler").await, one.hold("scheduler").await), (Ok(true), Ok(false)), "each by its name");
    two.release("relay").await.unwrap();
    assert_eq!(two.hold("relay").await, Ok(false), "who has it not cannot give it up");
    one.release("relay").await.unwrap();
    assert_eq!(
        (two.hold("relay").await, one.hold("relay").await),
        (Ok(true), Ok(false)),
        "given up, it is free at once"
    );
    who_speaks_keeps_it_and_who_is_silent_loses_it(one, two).await;
}

async fn who_speaks_keeps_it_and_who_is_silent_loses_it(one: &dyn Leases, two: &dyn Leases) {
    let began = Instant::now();
    let mut seconds = interval(Duration::from_secs(1));
    let taken_over = async {
        loop {
            seconds.tick().await;
            assert_eq!(two.hold("relay").await, Ok(true), "it spoke in time");
            if one.hold("scheduler").await.unwrap() {
                return began.elapsed();
            }
        }
    };
    timeout(TAKEN_OVER_WITHIN, taken_over).await.expect("a silent holder loses its role in time");
    assert_eq!(two.hold("scheduler").await, Ok(false), "what it remembers is no role");
}
