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

use domain::aggregate::Refusal;
use jiff::{SignedDuration, Timestamp};
use ports::{Error, Result};

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
