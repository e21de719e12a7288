//! Several processes for real: every role in at least two of them, against servers that are restarted and cut off, while processes
//! are killed and paused. At the end nothing is lost, nothing is doubled and every view is what its log folds to.
//!
//! `TRIALBRIEF_CLUSTER_RUNS` says how many runs, each with a seed of its own, `TRIALBRIEF_CLUSTER_SEED` the first seed,
//! `TRIALBRIEF_CLUSTER_CUT_SECONDS` how long a server is cut off, `TRIALBRIEF_CLUSTER_LOGS` where to leave what all processes told.
#![cfg(feature = "distributed")]
#![expect(clippy::unwrap_used, reason = "allowed in tests by clippy.toml; their helpers need it too")]

mod child;
#[path = "../shared/client.rs"]
mod client;
mod cluster;
mod disturb;
mod gate;
mod load;
mod outcome;
#[path = "../shared/samples.rs"]
mod samples;
#[path = "../shared/whole.rs"]
mod whole;

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cluster::{Cluster, now, wait_for};
use jiff::Timestamp;
use ports::Clock;
use samples::Dice;

const RUNS: &str = "TRIALBRIEF_CLUSTER_RUNS";
const SEED: &str = "TRIALBRIEF_CLUSTER_SEED";

/// Does nothing, unless it was started by the test below.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_process_of_the_cluster() {
    let Ok(roles) = std::env::var(child::ROLES) else { return };
    child::live(&roles).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "takes minutes: cargo test … --test cluster -- --ignored --nocapture"]
async fn killed_paused_and_cut_off_they_lose_nothing_and_double_nothing() {
    let number = |name: &str, default: u64| std::env::var(name).map_or(default, |text| text.parse().unwrap());
    let first = number(SEED, 20_261_124);
    for seed in first..first + number(RUNS, 1) {
        let began = now();
        tell(&format!("seed {seed}"));
        let told = run(seed).await;
        tell(&format!("seed {seed}: {told}, {:.0?} in all", began.elapsed()));
    }
}

/// Tells the person who runs the test.
pub fn tell(line: &str) {
    std::io::stderr().lock().write_all(format!("{line}\n").as_bytes()).unwrap();
}

async fn run(seed: u64) -> String {
    // Two minutes before a Monday in Berlin and Rome, when everybody is due. In the past: the S3 server stamps files by the
    // machine's clock, and what seems to be of days ago would be swept while it is being uploaded.
    let start: Timestamp = "2026-11-22T22:58:00Z".parse().unwrap();
    let due: Timestamp = "2026-11-22T23:00:00Z".parse().unwrap();
    let ahead = start.duration_since(Clock::system().now());
    let began = now();
    let cluster = Cluster::start(jiff::SignedDuration::from_secs(ahead.as_secs())).await;
    let served = began.elapsed();
    load::set_up(&cluster).await;
    tell(&format!("served after {served:.1?}, set up after {:.1?}", began.elapsed()));
    assert!(cluster.clock.now() < due, "the set-up takes so long that the due hour is over");

    let (apis, over, mut dice) = (cluster.apis(), AtomicBool::new(false), Dice(seed));
    let disturbed = async {
        let told = disturb::disturb(&cluster, &mut dice).await;
        wait_for("the due hour", Duration::from_secs(240), async || cluster.clock.now() > due).await;
        over.store(true, Ordering::SeqCst);
        told
    };
    let (_, one, two, other) = tokio::join!(
        disturbed,
        load::person(&apis, 1, seed, &over),
        load::person(&apis, 2, seed, &over),
        load::other_program(&cluster, seed, &over),
    );
    let ledger = one.join(two).join(other);
    tell(&format!("disturbed and loaded until {:.0?}", began.elapsed()));
    outcome::of(&cluster, &ledger, due).await
}
