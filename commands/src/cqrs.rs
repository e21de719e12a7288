//! The thin bridge to `cqrs-es`: its traits implemented once, for all aggregates.
//!
//! `cqrs-es` drives a command: load, handle, commit. Its own stores are not used: they count events twice in snapshots, keep
//! revisions from 1, and cannot name the expected revision. Queries are never passed to it, because what they dispatch after
//! a commit is lost in a crash; projections follow the log instead.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use cqrs_es::event_sink::EventSink;
use cqrs_es::{AggregateContext, AggregateError, DomainEvent, EventEnvelope, EventStore};
use domain::aggregate::{Aggregate, Event, decode, encode};
use ports::{Cause, Clock, EventHash, EventLog, Expected, Metadata, NewEvent, Position, StoredEvent};
use serde::{Deserialize, Serialize};

/// An aggregate as `cqrs-es` wants it.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(bound = "")]
pub(crate) struct Root<A: Aggregate>(pub A);

/// An event as `cqrs-es` wants it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub(crate) struct Fact<E: Event>(pub E);

impl<E: Event> DomainEvent for Fact<E> {
    fn event_type(&self) -> String {
        self.0.kind().to_owned()
    }

    fn event_version(&self) -> String {
        self.0.version().to_string()
    }
}

impl<A: Aggregate> cqrs_es::Aggregate for Root<A> {
    const TYPE: &'static str = A::CATEGORY;
    type Command = A::Command;
    type Event = Fact<A::Event>;
    type Error = A::Refusal;
    type Services = ();

    async fn handle(
        &mut self,
        command: Self::Command,
        (): &Self::Services,
        sink: &EventSink<Self>,
    ) -> Result<(), Self::Error> {
        for event in self.0.decide(command)? {
            sink.write(Fact(event), self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: Self::Event) {
        self.0.apply(&event.0);
    }
}

/// A stream as it was read: its state and where the next event goes.
pub(crate) struct Loaded<A: Aggregate> {
    pub(crate) root: Root<A>,
    pub(crate) stream: String,
    pub(crate) expected: Expected,
    pub(crate) last: EventHash,
    pub(crate) position: Option<Position>,
}

impl<A: Aggregate> AggregateContext<Root<A>> for Loaded<A> {
    fn aggregate(&mut self) -> &mut Root<A> {
        &mut self.root
    }
}

/// What a command did to the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Receipt {
    /// The last event of the stream; none where the stream has none.
    pub position: Option<Position>,
    /// How many events were appended, now or when the same command came first.
    pub appended: usize,
    /// Whether the command had been carried out before.
    pub repeated: bool,
}

/// Why a stream was not read or written, in words that `cqrs-es` has no place for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Port(#[from] ports::Error),
    #[error("carried out before")]
    Repeated(Receipt),
    #[error("the idempotency key was used for another request")]
    KeyReused,
}

/// The log as the store of one command.
pub(crate) struct CommandLog<'a> {
    pub(crate) log: &'a Arc<dyn EventLog>,
    pub(crate) clock: &'a Clock,
    pub(crate) cause: &'a Cause,
    pub(crate) receipt: Arc<Mutex<Receipt>>,
}

fn unexpected<T: std::error::Error>(failure: impl Into<Failure>) -> AggregateError<T> {
    AggregateError::UnexpectedError(Box::new(failure.into()))
}

/// Decodes one stored event.
pub(crate) fn event_of<E: Event>(stored: &StoredEvent) -> ports::Result<E> {
    decode(&stored.event.kind, stored.event.version, &stored.event.data)
        .map_err(|e| ports::Error::Corrupt(format!("{}@{}: {e}", stored.stream, stored.revision)))
}

/// Reads a stream and folds it.
pub(crate) async fn load<A: Aggregate>(
    log: &Arc<dyn EventLog>,
    stream: String,
) -> ports::Result<(Loaded<A>, Vec<StoredEvent>)> {
    let events = log.read(&stream, 0).await?;
    let mut root = Root(A::default());
    for stored in &events {
        root.0.apply(&event_of(stored)?);
    }
    let loaded = Loaded {
        root,
        stream,
        expected: events.last().map_or(Expected::NoStream, |last| Expected::Revision(last.revision)),
        last: events.last().map_or_else(EventHash::default, StoredEvent::hash),
        position: events.last().map(|last| last.position),
    };
    Ok((loaded, events))
}

impl CommandLog<'_> {
    /// What the same command did when it came first.
    fn earlier(&self, events: &[StoredEvent]) -> Result<Option<Receipt>, Failure> {
        let mut receipt: Option<Receipt> = None;
        for stored in events {
            let metadata = stored.metadata()?;
            if metadata.cause.command != self.cause.command {
                continue;
            }
            if metadata.cause.request != self.cause.request {
                return Err(Failure::KeyReused);
            }
            let appended = receipt.map_or(0, |earlier| earlier.appended) + 1;
            receipt = Some(Receipt { position: Some(stored.position), appended, repeated: true });
        }
        Ok(receipt)
    }

    /// Looks whether an append under a key wrote these events, or found those of another request under the same key that came
    /// at the same moment: a log tells repeats by event ids alone, and these two have the same.
    async fn written_by_us<A: Aggregate>(&self, context: &Loaded<A>, written: &[NewEvent]) -> Result<(), Failure> {
        let there = self.log.read(&context.stream, context.expected.next()).await?;
        if there.iter().zip(written).all(|(there, ours)| there.event == *ours) {
            return Ok(());
        }
        self.earlier(&there)?.map_or(Ok(()), |receipt| Err(Failure::Repeated(receipt)))
    }

    /// The events as the log wants them: ids derived, hashes chained.
    fn envelopes<A: Aggregate>(&self, context: &Loaded<A>, events: &[Fact<A::Event>]) -> ports::Result<Vec<NewEvent>> {
        let recorded_at = self.clock.now();
        let command = self.cause.command.to_string();
        let mut previous = context.last;
        let mut envelopes = Vec::with_capacity(events.len());
        for (index, Fact(event)) in events.iter().enumerate() {
            let revision = context.expected.next() + index as u64;
            let metadata = Metadata {
                id: domain::id::derive("event", &[&command, &context.stream, &index.to_string()]),
                kind: event.kind().to_owned(),
                version: event.version(),
                recorded_at,
                cause: self.cause.clone(),
                previous,
            };
            let envelope = NewEvent {
                id: metadata.id,
                kind: metadata.kind.clone(),
                version: metadata.version,
                data: encode(event).into(),
                metadata: serde_json::to_vec(&metadata).map_err(|e| ports::Error::Rejected(e.to_string()))?.into(),
            };
            previous = EventHash::of(&context.stream, revision, &envelope);
            envelopes.push(envelope);
        }
        Ok(envelopes)
    }
}

impl<A: Aggregate> EventStore<Root<A>> for CommandLog<'_> {
    type AC = Loaded<A>;

    async fn load_events(&self, _stream: &str) -> Result<Vec<EventEnvelope<Root<A>>>, AggregateError<A::Refusal>> {
        // `cqrs-es` calls this only from stores of its own.
        Ok(Vec::new())
    }

    async fn load_aggregate(&self, stream: &str) -> Result<Loaded<A>, AggregateError<A::Refusal>> {
        let (loaded, events) = load(self.log, stream.to_owned()).await.map_err(unexpected)?;
        match self.earlier(&events).map_err(unexpected)? {
            Some(receipt) => Err(unexpected(Failure::Repeated(receipt))),
            None => Ok(loaded),
        }
    }

    async fn commit(
        &self,
        events: Vec<Fact<A::Event>>,
        context: Loaded<A>,
        _metadata: HashMap<String, String>,
    ) -> Result<Vec<EventEnvelope<Root<A>>>, AggregateError<A::Refusal>> {
        let position = if events.is_empty() {
            context.position
        } else {
            let envelopes = self.envelopes(&context, &events).map_err(unexpected)?;
            let position = match self.log.append(&context.stream, context.expected, &envelopes).await {
                Ok(position) => position,
                Err(ports::Error::Conflict(_)) => return Err(AggregateError::AggregateConflict),
                Err(error) => return Err(unexpected(error)),
            };
            if self.cause.request.is_some() {
                self.written_by_us(&context, &envelopes).await.map_err(unexpected)?;
            }
            Some(position)
        };
        *self.receipt.lock().unwrap_or_else(PoisonError::into_inner) =
            Receipt { position, appended: events.len(), repeated: false };
        Ok(Vec::new())
    }
}
