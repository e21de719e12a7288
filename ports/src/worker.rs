//! Workers that are stepped: by the program's loop, or by hand.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::Result;

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Something; step again at once.
    Worked,
    /// Nothing to do before `until`, or before something wakes it.
    Idle {
        /// The next instant at which stepping pays for itself.
        until: Option<Timestamp>,
    },
}

/// Something that works by itself. `step` never waits for time to pass; `wake` resolves when stepping may pay.
#[async_trait]
pub trait Worker: Send {
    /// Its name in logs and metrics.
    fn name(&self) -> &'static str;
    /// Does a bounded piece of work.
    async fn step(&mut self, now: Timestamp) -> Result<Step>;
    /// Waits for its bell.
    async fn wake(&mut self);
}

/// Steps all workers until none finds work, and answers the next instant any of them waits for.
///
/// # Errors
/// The first error of a worker ends it.
pub async fn settle(workers: &mut [Box<dyn Worker>], now: Timestamp) -> Result<Option<Timestamp>> {
    loop {
        let mut next: Option<Timestamp> = None;
        let mut worked = false;
        for worker in workers.iter_mut() {
            loop {
                match worker.step(now).await? {
                    Step::Worked => worked = true,
                    Step::Idle { until } => {
                        next = next.into_iter().chain(until).min();
                        break;
                    }
                }
            }
        }
        if !worked {
            return Ok(next);
        }
    }
}
