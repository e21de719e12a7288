//! Drives workers: steps each until it is stopped, and those that only one process should step while this one has their lease.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use ports::{Clock, Error, Leases, Step, Worker};
use tokio::sync::watch;

use crate::health::Health;

/// How long a worker rests after a port was unavailable.
const REST: Duration = Duration::from_secs(1);
/// How often a lease is renewed: well within the time for which it lasts.
const RENEWED_EVERY: Duration = Duration::from_secs(2);
/// How often a lease is looked for that another process has.
const LOOKED_FOR_EVERY: Duration = Duration::from_secs(1);

/// What driving needs beside the worker. Clones share it.
#[derive(Clone)]
pub struct Driver {
    /// The present time of steps.
    pub clock: Clock,
    /// Which process steps what only one should.
    pub leases: Arc<dyn Leases>,
    /// Where it is told what the workers do.
    pub health: Health,
}

/// Why stepping ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// It was asked to.
    Asked,
    /// It would fail again in the same way.
    Failed,
}

impl Driver {
    /// Drives a worker until it is stopped, and tells where it panics: what it was doing is lost, and what it holds may be half
    /// changed, so it is not stepped again.
    pub async fn drive(self, mut worker: Box<dyn Worker>, mut stopped: watch::Receiver<bool>) {
        let (name, is_single_active, lease) = (worker.name(), worker.is_single_active(), worker.lease());
        self.health.started(name);
        let driven = async {
            if is_single_active {
                self.step_while_held(&mut *worker, &lease, &mut stopped).await;
            } else {
                self.step_until(&mut *worker, &mut stopped).await;
            }
        };
        if AssertUnwindSafe(driven).catch_unwind().await.is_err() {
            tracing::error!(worker = name, "stopped; it panicked");
            self.health.stopped(name, "it panicked");
        }
        if is_single_active && let Err(error) = self.leases.release(&lease).await {
            tracing::debug!(worker = name, %error, "its lease lapses by itself");
        }
    }

    /// Steps a worker whenever this process has its lease. Others may have worked in its place before: it forgets what it
    /// remembers of the log.
    async fn step_while_held(&self, worker: &mut dyn Worker, lease: &str, stopped: &mut watch::Receiver<bool>) {
        let name = worker.name();
        while !*stopped.borrow() {
            if !self.holds(name, lease).await {
                pause(LOOKED_FOR_EVERY, stopped).await;
                continue;
            }
            worker.forget();
            let (over, mut ended) = watch::channel(false);
            // A step that is under way is not broken off: exact revisions and positions guard what it writes.
            let guard = async {
                tokio::select! {
                    _ = stopped.changed() => {}
                    () = self.renew_until_lost(name, lease) => {}
                }
                let _ = over.send(true);
                std::future::pending::<()>().await;
            };
            let end = tokio::select! {
                end = self.step_until(worker, &mut ended) => end,
                () = guard => return,
            };
            if end == End::Failed {
                return;
            }
        }
    }

    /// Resolves when another process has the lease, or nobody can say.
    async fn renew_until_lost(&self, name: &'static str, lease: &str) {
        loop {
            tokio::time::sleep(RENEWED_EVERY).await;
            if !self.holds(name, lease).await {
                return;
            }
        }
    }

    async fn holds(&self, name: &'static str, lease: &str) -> bool {
        match self.leases.hold(lease).await {
            Ok(held) => {
                self.health.held(name, held);
                held
            }
            Err(error) => {
                tracing::warn!(worker = name, %error, "its lease cannot be had now");
                self.health.unleased(name, &error.to_string());
                false
            }
        }
    }

    /// Steps one worker until it is stopped. `Unavailable` and `Conflict` mean: again later. Anything else stops this worker alone
    /// and shows in `/readyz`, for it would fail again in the same way.
    async fn step_until(&self, worker: &mut dyn Worker, stopped: &mut watch::Receiver<bool>) -> End {
        let name = worker.name();
        while !*stopped.borrow() {
            let now = self.clock.now();
            let rest = match worker.step(now).await {
                Ok(Step::Worked) => {
                    self.health.worked(name);
                    continue;
                }
                Ok(Step::Idle { until }) => {
                    self.health.idle(name);
                    until.map(|until| Duration::try_from(until.duration_since(now)).unwrap_or_default())
                }
                Err(error @ (Error::Unavailable(_) | Error::Conflict(_))) => {
                    tracing::warn!(worker = name, %error, "will try again");
                    self.health.failed(name, &error.to_string());
                    pause(REST, stopped).await;
                    continue;
                }
                Err(error @ (Error::Rejected(_) | Error::Corrupt(_))) => {
                    tracing::error!(worker = name, %error, "stopped; it would fail again in the same way");
                    self.health.stopped(name, &error.to_string());
                    return End::Failed;
                }
            };
            let due = async {
                match rest {
                    Some(rest) => tokio::time::sleep(rest).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = worker.wake() => {}
                () = due => {}
                _ = stopped.changed() => {}
            }
        }
        End::Asked
    }
}

/// Lets a time pass, or less where it is stopped.
async fn pause(time: Duration, stopped: &mut watch::Receiver<bool>) {
    tokio::select! {
        () = tokio::time::sleep(time) => {}
        _ = stopped.changed() => {}
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicU64, Ordering};

    use async_trait::async_trait;
    use jiff::Timestamp;
    use tokio::task::JoinHandle;
    use tokio::time::{Instant, sleep};

    use super::*;

    /// How long a role is kept by a holder that says nothing.
    const LASTS: Duration = Duration::from_secs(6);

    type Held = Arc<Mutex<HashMap<String, (u8, Instant)>>>;

    /// The leases of one of several processes.
    struct Shared(u8, Held);

    #[async_trait]
    impl Leases for Shared {
        async fn hold(&self, role: &str) -> ports::Result<bool> {
            let (mut held, now) = (self.1.lock().unwrap(), Instant::now());
            if held.get(role).is_some_and(|(holder, until)| *holder != self.0 && *until > now) {
                return Ok(false);
            }
            held.insert(role.to_owned(), (self.0, now + LASTS));
            Ok(true)
        }

        async fn release(&self, role: &str) -> ports::Result<()> {
            let mut held = self.1.lock().unwrap();
            if held.get(role).is_some_and(|(holder, _)| *holder == self.0) {
                held.remove(role);
            }
            Ok(())
        }
    }

    /// Counts its steps, each of which takes longer than a lease lasts.
    struct Slow(Arc<AtomicU64>);

    #[async_trait]
    impl Worker for Slow {
        fn name(&self) -> &'static str {
            "slow"
        }

        async fn step(&mut self, _now: Timestamp) -> ports::Result<Step> {
            self.0.fetch_add(1, Ordering::SeqCst);
            sleep(LASTS * 2).await;
            Ok(Step::Worked)
        }

        async fn wake(&mut self) {}
    }

    struct Process {
        steps: Arc<AtomicU64>,
        stop: watch::Sender<bool>,
        driven: JoinHandle<()>,
    }

    fn start(id: u8, held: &Held) -> Process {
        let (clock, steps) = (Clock::simulated(Timestamp::UNIX_EPOCH), Arc::new(AtomicU64::new(0)));
        let driver =
            Driver { health: Health::new(clock.clone()), clock, leases: Arc::new(Shared(id, Arc::clone(held))) };
        let (stop, stopped) = watch::channel(false);
        let driven = tokio::spawn(driver.drive(Box::new(Slow(Arc::clone(&steps))), stopped));
        Process { steps, stop, driven }
    }

    impl Process {
        fn steps(&self) -> u64 {
            self.steps.load(Ordering::SeqCst)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn exactly_one_process_steps_and_another_takes_over_within_ten_seconds_of_a_crash() {
        let held = Held::default();
        let one = start(1, &held);
        sleep(Duration::from_millis(1)).await;
        let two = start(2, &held);
        sleep(LASTS * 20).await;
        assert!(one.steps() >= 10, "its lease is renewed while a step takes longer than it lasts");
        assert_eq!(two.steps(), 0);
        one.driven.abort();
        sleep(Duration::from_secs(10)).await;
        assert!(two.steps() > 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_clean_stop_frees_the_lease_at_once() {
        let held = Held::default();
        let mut one = start(1, &held);
        sleep(Duration::from_millis(1)).await;
        let two = start(2, &held);
        one.stop.send(true).unwrap();
        (&mut one.driven).await.unwrap();
        sleep(LOOKED_FOR_EVERY * 2).await;
        assert_eq!((one.steps(), two.steps()), (1, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn who_lost_the_lease_ends_its_step_and_steps_no_more() {
        let held = Held::default();
        let one = start(1, &held);
        sleep(Duration::from_millis(1)).await;
        held.lock().unwrap().insert("slow".to_owned(), (9, Instant::now() + LASTS * 100));
        sleep(LASTS * 20).await;
        assert_eq!(one.steps(), 1);
    }
}
