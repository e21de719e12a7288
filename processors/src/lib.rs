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
mod renderer;
mod scheduler;
pub mod sweeper;

use domain::aggregate::Refusal;
use ports::{Cause, Error};
use uuid::Uuid;

pub use analyst::Analyst;
pub use change_relay::ChangeRelay;
pub use dispatcher::Dispatcher;
pub use mailer::{Mailer, MailerSettings};
pub use renderer::Renderer;
pub use scheduler::Scheduler;

/// The cause of what a worker does by itself.
fn caused_by(actor: &str, command: Uuid) -> Cause {
    Cause { actor: actor.to_owned(), command, correlation: command, causation: None, request: None }
}

/// A worker's command is derived from the log, so a refusal means that somebody else was first or that the log says otherwise.
fn into_port_error<R: Refusal>(error: commands::Error<R>) -> Error {
    match error {
        commands::Error::Port(error) => error,
        commands::Error::Refused(refusal) => Error::Rejected(refusal.to_string()),
        commands::Error::KeyReused => Error::Corrupt("one command id came with two commands".to_owned()),
    }
}
