//! The log: streams of events at exact revisions, and the one order of them all.

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{Error, Result};

/// The most bytes that the events of one append may have together ([`NewEvent::size_bytes`]): KurrentDB's limit, kept by every
/// adapter.
pub const MAX_APPEND_BYTES: usize = 1_048_576;

/// A place in the order of all events: opaque, ordered, and never stored in an event or printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Position {
    /// Where the transaction ends.
    pub commit: u64,
    /// Where the event stands.
    pub prepare: u64,
}

/// What an append expects of its stream. "Any" cannot be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// The stream does not exist.
    NoStream,
    /// Its last event has this revision; the first event of a stream has 0.
    Revision(u64),
}

impl Expected {
    /// The revision that the first appended event will have.
    #[must_use]
    pub const fn next(self) -> u64 {
        match self {
            Self::NoStream => 0,
            Self::Revision(revision) => revision + 1,
        }
    }
}

/// Who asked for it, and what it follows from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// The opaque id of a person, or the name of a worker.
    pub actor: String,
    /// The command; event ids are derived from it.
    pub command: Uuid,
    /// Shared by all that follows from one request.
    pub correlation: Uuid,
    /// The event that led to the command, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causation: Option<Uuid>,
    /// SHA-256 of the request in hex, where it came with an `Idempotency-Key`: the same key with another request is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
}

/// What something follows from: an event, and the request that it goes back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The event's id.
    pub event: Uuid,
    /// Its correlation.
    pub correlation: Uuid,
}

impl Cause {
    /// The cause of what a worker does by itself, under a command of its own.
    #[must_use]
    pub fn by_itself(actor: &str, command: Uuid) -> Self {
        Self { actor: actor.to_owned(), command, correlation: command, causation: None, request: None }
    }

    /// The cause of what a worker does because of an event.
    #[must_use]
    pub fn following(actor: &str, command: Uuid, origin: Origin) -> Self {
        Self { correlation: origin.correlation, causation: Some(origin.event), ..Self::by_itself(actor, command) }
    }
}

/// SHA-256 of one event; see [`StoredEvent::hash`]. Written as hex.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct EventHash(pub [u8; 32]);

impl std::fmt::Display for EventHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::fmt::Debug for EventHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

impl std::str::FromStr for EventHash {
    type Err = Error;

    fn from_str(hex: &str) -> Result<Self> {
        let no_hash = || Error::Corrupt(format!("{hex:?} is no SHA-256 in hex"));
        if hex.len() != 64 || !hex.is_ascii() {
            return Err(no_hash());
        }
        let mut bytes = [0; 32];
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).map_err(|_| no_hash())?;
        }
        Ok(Self(bytes))
    }
}

impl Serialize for EventHash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EventHash {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What is known of an event beside its data; stored as JSON with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// The event's id.
    pub id: Uuid,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Version of the type's data.
    pub version: u32,
    /// When we recorded it (UTC, microseconds).
    pub recorded_at: Timestamp,
    /// Who and why.
    #[serde(flatten)]
    pub cause: Cause,
    /// Hash of the stream's event before; 32 zero bytes for the first.
    pub previous: EventHash,
}

impl Metadata {
    /// What follows from this event follows from this.
    #[must_use]
    pub const fn origin(&self) -> Origin {
        Origin { event: self.id, correlation: self.cause.correlation }
    }
}

/// An event to be appended. `metadata` is the JSON of [`Metadata`], kept byte for byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent {
    /// Unique in its stream.
    pub id: Uuid,
    /// The type's name.
    pub kind: String,
    /// Version of the type's data.
    pub version: u32,
    /// The data: a JSON object.
    pub data: Bytes,
    /// The metadata.
    pub metadata: Bytes,
}

impl NewEvent {
    /// Its bytes towards [`MAX_APPEND_BYTES`], as KurrentDB counts since version 25 (earlier ones: the data alone): data, metadata,
    /// and the type's name in UTF-16, behind which its version stands there.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.data.len() + self.metadata.len() + 2 * (self.kind.len() + ".v4294967295".len())
    }
}

/// An event as the log has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    /// Its stream.
    pub stream: String,
    /// Its place in the stream, from 0.
    pub revision: u64,
    /// Its place in the log.
    pub position: Position,
    /// The event.
    pub event: NewEvent,
}

impl StoredEvent {
    /// The metadata, decoded.
    ///
    /// # Errors
    /// `Corrupt` where it is not ours.
    pub fn metadata(&self) -> Result<Metadata> {
        serde_json::from_slice(&self.event.metadata)
            .map_err(|e| Error::Corrupt(format!("metadata of {}@{}: {e}", self.stream, self.revision)))
    }

    /// SHA-256 over stream, revision, id, type, version, data and metadata as sent, each prefixed by its length in bytes as a
    /// big-endian u64; numbers are big-endian too. No server time and no position goes in, so that it is the same on every engine.
    #[must_use]
    pub fn hash(&self) -> EventHash {
        EventHash::of(&self.stream, self.revision, &self.event)
    }
}

impl EventHash {
    /// The hash of an event at its place; see [`StoredEvent::hash`].
    #[must_use]
    pub fn of(stream: &str, revision: u64, event: &NewEvent) -> Self {
        let mut hash = Sha256::new();
        let revision = revision.to_be_bytes();
        let version = event.version.to_be_bytes();
        let parts: [&[u8]; 7] = [
            stream.as_bytes(),
            &revision,
            event.id.as_bytes(),
            event.kind.as_bytes(),
            &version,
            &event.data,
            &event.metadata,
        ];
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Self(hash.finalize().into())
    }

    /// The log hash: SHA-256 of the one before and an event's hash. It is folded event by event, in the log's order.
    #[must_use]
    pub fn then(self, next: Self) -> Self {
        Self(Sha256::new().chain_update(self.0).chain_update(next.0).finalize().into())
    }
}

/// Which streams a reader wants: those whose name begins with one of the categories and a hyphen. None named means all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Categories(pub &'static [&'static str]);

impl Categories {
    /// Every stream.
    pub const ALL: Self = Self(&[]);

    /// Whether a stream is wanted.
    #[must_use]
    pub fn contains(&self, stream: &str) -> bool {
        let category = stream.split_once('-').map_or(stream, |(category, _)| category);
        self.0.is_empty() || self.0.contains(&category)
    }
}

/// Appends to and reads single streams.
#[async_trait]
pub trait EventLog: Send + Sync {
    /// Appends whole or not at all, durably; answers the position of the last event. The same event ids again at the same
    /// place succeed with the original position. `Conflict` where the stream stands elsewhere, `Rejected` above
    /// [`MAX_APPEND_BYTES`] or for no events.
    async fn append(&self, stream: &str, expected: Expected, events: &[NewEvent]) -> Result<Position>;
    /// A stream's events from a revision on; empty where there are none.
    async fn read(&self, stream: &str, from: u64) -> Result<Vec<StoredEvent>>;
}

/// What a feed tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fed {
    /// An event that was asked for.
    Event(StoredEvent),
    /// Everything up to here has been told or was not asked for.
    Passed(Position),
}

/// The whole log in order. Finite, with a bell: that serves live folding, rebuild, audit and tests alike.
#[async_trait]
pub trait EventFeed: Send + Sync {
    /// Events behind a position (`None`: from the first), up to the log's present end; the last item is `Passed`, unless the
    /// log is empty.
    fn read(&self, after: Option<Position>, of: Categories) -> BoxStream<'static, Result<Fed>>;
    /// Resolves when there may be events behind the position.
    async fn grown(&self, after: Option<Position>);
}
