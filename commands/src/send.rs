//! The one place that appends.

use std::sync::{Arc, Mutex, PoisonError};

use cqrs_es::{AggregateError, CqrsFramework};
use domain::aggregate::Aggregate;
use domain::id::Id;
use ports::{Cause, Clock, EventLog, Position};
use tracing::Instrument;

use crate::cqrs::{CommandLog, Failure, Receipt, Root, event_of, load};
use crate::error::Error;

/// How often a command is decided again when somebody else wrote to its stream meanwhile.
const ATTEMPTS: usize = 8;

/// Sends commands to aggregates. Everything that happens, happens through [`Sender::send`].
#[derive(Clone)]
pub struct Sender {
    log: Arc<dyn EventLog>,
    clock: Clock,
}

impl Sender {
    /// Sends to a log.
    #[must_use]
    pub fn new(log: Arc<dyn EventLog>, clock: Clock) -> Self {
        Self { log, clock }
    }

    /// Decides a command on its stream's state and appends what follows. Where the stream moved meanwhile it is decided anew.
    /// A command that is in the stream already is not carried out again; its first receipt is given.
    ///
    /// # Errors
    /// The aggregate's refusal, a key used for another request, or a port's error.
    pub async fn send<A: Aggregate>(
        &self,
        id: &Id<A>,
        cause: &Cause,
        command: A::Command,
    ) -> Result<Receipt, Error<A::Refusal>> {
        for _ in 0..ATTEMPTS {
            match self.send_once(id, cause, command.clone()).await {
                Err(Error::Port(ports::Error::Conflict(_))) => {}
                done => return done,
            }
        }
        Err(Error::Port(ports::Error::Conflict(format!("{} keeps changing", id.stream()))))
    }

    /// As [`Sender::send`], but a stream that moved meanwhile is a conflict: for claims, which only one may win.
    ///
    /// # Errors
    /// As [`Sender::send`], and `Conflict`.
    pub async fn send_once<A: Aggregate>(
        &self,
        id: &Id<A>,
        cause: &Cause,
        command: A::Command,
    ) -> Result<Receipt, Error<A::Refusal>> {
        let receipt = Arc::new(Mutex::new(Receipt::default()));
        let store = CommandLog { log: &self.log, clock: &self.clock, cause, receipt: Arc::clone(&receipt) };
        let stream = id.stream();
        let span = tracing::info_span!("command", trace = %cause.correlation, stream);
        let framework: CqrsFramework<Root<A>, _> = CqrsFramework::new(store, vec![], ());
        match framework.execute(&stream, command).instrument(span).await {
            Ok(()) => Ok(*receipt.lock().unwrap_or_else(PoisonError::into_inner)),
            Err(AggregateError::UserError(refusal)) => Err(Error::Refused(refusal)),
            Err(AggregateError::AggregateConflict) => Err(ports::Error::Conflict(format!("{stream} moved")).into()),
            Err(
                AggregateError::UnexpectedError(error)
                | AggregateError::DatabaseConnectionError(error)
                | AggregateError::DeserializationError(error),
            ) => match error.downcast::<Failure>().map(|failure| *failure) {
                Ok(Failure::Repeated(receipt)) => Ok(receipt),
                Ok(Failure::KeyReused) => Err(Error::KeyReused),
                Ok(Failure::Port(error)) => Err(error.into()),
                Err(other) => Err(ports::Error::Corrupt(other.to_string()).into()),
            },
        }
    }

    /// The first event of a stream; none where the stream has none.
    ///
    /// # Errors
    /// A port's error.
    pub async fn first<A: Aggregate>(&self, id: &Id<A>) -> ports::Result<Option<A::Event>> {
        self.log.read(&id.stream(), 0).await?.first().map(event_of).transpose()
    }

    /// The state of a stream now, and the position of its last event.
    ///
    /// # Errors
    /// A port's error.
    pub async fn load<A: Aggregate>(&self, id: &Id<A>) -> ports::Result<(A, Option<Position>)> {
        let (loaded, _) = load::<A>(&self.log, id.stream()).await?;
        Ok((loaded.root.0, loaded.position))
    }
}
