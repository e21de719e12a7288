//! What Trialbrief does by itself: relay, analyst, scheduler, dispatcher, renderer, mailer, sweeper.
//!
//! Each is a [`ports::Worker`]: a step does a bounded piece of work and never waits for time to pass. A worker tries once and
//! records what happened; only a due time in a view brings it back.

pub mod analysis;
mod analyst;
mod backoff;
mod change_relay;
mod dispatcher;
mod mailer;
mod reconciler;
mod renderer;
mod scan;
mod scheduler;
pub mod sweeper;

use std::pin::pin;

use domain::aggregate::Refusal;
use jiff::{SignedDuration, Timestamp};
use ports::{Error, Result, Taken, WorkQueue};
use tokio::time::timeout;

pub use analyst::Analyst;
pub use change_relay::ChangeRelay;
pub use dispatcher::Dispatcher;
pub use mailer::{Mailer, MailerSettings};
pub use reconciler::Reconciler;
pub use renderer::Renderer;
pub use scheduler::Scheduler;

/// How long work that fails in the same way each time stays open, so that what it reads can be mended, before it is given up.
const GIVEN_UP_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// What a look at a piece of work came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Done {
    /// Something was recorded.
    Recorded,
    /// There was nothing to do, or somebody else did it.
    Nothing,
    /// A view has not come far enough.
    Behind,
}

impl Done {
    const fn recorded(recorded: bool) -> Self {
        if recorded { Self::Recorded } else { Self::Nothing }
    }
}

/// Whether it would fail again in the same way: what is read or asked is at fault, not the moment. Such a failure is about one
/// piece of work and must not stop the others.
const fn is_lasting(error: &Error) -> bool {
    match error {
        Error::Rejected(_) | Error::Corrupt(_) => true,
        Error::Conflict(_) | Error::Unavailable(_) => false,
    }
}

/// Whether anything was recorded by pieces of work that were done together. One that would fail again in the same way is left in
/// these hands until the queue gives it out again, and the others go on.
fn outcome_of_all(ids: &[String], done: Vec<Result<bool>>) -> Result<bool> {
    let (mut recorded, mut failed) = (false, None);
    for (id, done) in ids.iter().zip(done) {
        match done {
            Ok(done) => recorded |= done,
            Err(error) if is_lasting(&error) => tracing::error!(work.id = id, %error, "work cannot be done now"),
            Err(error) => failed = Some(error),
        }
    }
    failed.map_or(Ok(recorded), Err)
}

/// Does what was taken from the queue to do, and tells the queue so while it lasts.
async fn while_holding<T>(queue: &dyn WorkQueue, taken: &Taken, work: impl Future<Output = T>) -> T {
    let third = queue.kept_for() / 3;
    let mut work = pin!(work);
    loop {
        match timeout(third, &mut work).await {
            Ok(done) => return done,
            Err(_) => {
                if let Err(error) = queue.extend(taken).await {
                    // It may be given out twice then, and one of both finds that it is done.
                    tracing::debug!(work.id = taken.work.id, %error, "work cannot be held longer");
                }
            }
        }
    }
}

/// Whether work that was to be done at an instant has failed for long enough.
fn is_given_up(since: Timestamp, now: Timestamp) -> bool {
    now.duration_since(since) >= GIVEN_UP_AFTER
}

/// A worker's command is derived from the log, so a refusal means that somebody else was first or that the log says otherwise.
fn into_port_error<R: Refusal>(error: commands::Error<R>) -> Error {
    match error {
        commands::Error::Port(error) => error,
        commands::Error::Refused(refusal) => Error::Rejected(refusal.to_string()),
        commands::Error::KeyReused => Error::Corrupt("one command id came with two commands".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use async_trait::async_trait;
    use ports::{Work, WorkKind};
    use tokio::time::sleep;

    use super::*;

    /// Keeps work for a minute, and counts how often it is asked to keep it longer.
    struct Counting(AtomicU32);

    #[async_trait]
    impl WorkQueue for Counting {
        async fn offer(&self, _work: &Work) -> Result<()> {
            Ok(())
        }
        async fn take(&self, _kind: WorkKind) -> Result<Option<Taken>> {
            Ok(None)
        }
        async fn offered(&self, _kind: WorkKind) {}
        async fn extend(&self, _taken: &Taken) -> Result<()> {
            self.0.fetch_add(1, Ordering::SeqCst);
            Err(Error::Unavailable("the queue is away".to_owned()))
        }
        fn kept_for(&self) -> Duration {
            Duration::from_secs(60)
        }
        async fn finish(&self, _taken: Taken) -> Result<()> {
            Ok(())
        }
        async fn depth(&self, _kind: WorkKind) -> Result<u64> {
            Ok(0)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_lasts_is_held_in_time_and_done_though_the_queue_is_away() {
        let queue = Counting(AtomicU32::new(0));
        let taken = Taken { work: Work { kind: WorkKind::Render, id: "r".to_owned() }, receipt: 1 };
        let slow = async {
            sleep(Duration::from_secs(90)).await;
            "done"
        };
        assert_eq!(while_holding(&queue, &taken, slow).await, "done");
        assert_eq!(queue.0.load(Ordering::SeqCst), 4, "every 20 s");
        while_holding(&queue, &taken, async {}).await;
        assert_eq!(queue.0.load(Ordering::SeqCst), 4, "what is quick needs no word");
    }
}
