//! The log: events of KurrentDB's kind over the event log in one SQLite file.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt, TryStreamExt};
use ports::{Categories, Clock, Error, EventFeed, EventLog, Expected, Fed, NewEvent, StoredEvent};
use prost::Message;
use tonic::Status;
use uuid::Uuid;

use crate::messages::Envelope;

/// Positions are multiples of this, so that most numbers are no event's position, as in a log that counts bytes.
const STEP: u64 = 64;
/// How long a repeat waits for the append that is in flight before it is given up.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(2);

/// An event to be appended.
#[derive(Clone, Debug)]
pub struct Proposed {
    pub id: Uuid,
    pub kind: String,
    pub content_type: String,
    pub custom_metadata: Bytes,
    pub data: Bytes,
}

/// An event as it is stored.
#[derive(Clone, Debug)]
pub struct Recorded {
    pub stream: String,
    pub revision: u64,
    /// Its place in the log, from 1; see [`position`].
    pub row: u64,
    /// When it was stored: 100 ns since the Unix epoch.
    pub created: u64,
    pub event: Proposed,
}

/// What an append expects of its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expecting {
    NoStream,
    Revision(u64),
    Any,
    StreamExists,
}

/// Where the last event of an append stands; nowhere after appending nothing to nothing.
#[derive(Clone, Copy, Debug)]
pub struct Appended {
    pub revision: Option<u64>,
    pub row: Option<u64>,
}

/// Why an append came to nothing.
#[derive(Debug)]
pub enum Refused {
    /// The stream stands elsewhere; `None` where it does not exist.
    WrongExpectedVersion(Option<u64>),
    Status(Status),
}

impl From<Status> for Refused {
    fn from(status: Status) -> Self {
        Self::Status(status)
    }
}

/// The position of an event, commit and prepare alike.
pub const fn position(row: u64) -> u64 {
    row * STEP
}

/// The row that begins at a position, if one can.
pub const fn row_at(position: u64) -> Option<u64> {
    if position.is_multiple_of(STEP) { Some(position / STEP) } else { None }
}

pub struct Store {
    log: Arc<dyn EventLog>,
    feed: Arc<dyn EventFeed>,
    clock: Clock,
    /// The log ended here or later.
    end: AtomicU64,
    /// Stream and first id of the appends that are being stored.
    in_flight: Mutex<HashSet<(String, Uuid)>>,
    /// At which revision an append with this first id began. The real server forgets it when it ends, and so do we.
    began: Mutex<HashMap<(String, Uuid), u64>>,
}

impl Store {
    /// Opens the log in a folder, which is made where it is missing.
    pub async fn open(folder: &Path) -> Result<Self, String> {
        std::fs::create_dir_all(folder).map_err(|e| format!("--data {}: {e}", folder.display()))?;
        let clock = Clock::system();
        let url = format!("sqlite:{}", folder.join("events.db").display());
        let (log, feed) = adapters::event_log::open(&url, &clock).await.map_err(|e| e.to_string())?;
        Ok(Self { log, feed, clock, end: AtomicU64::new(0), in_flight: Mutex::default(), began: Mutex::default() })
    }

    /// The machine's time in 100 ns since the Unix epoch.
    pub fn now(&self) -> u64 {
        u64::try_from(self.clock.now().as_microsecond()).unwrap_or_default() * 10
    }

    /// Appends whole or not at all.
    pub async fn append(&self, stream: &str, expecting: Expecting, events: &[Proposed]) -> Result<Appended, Refused> {
        let Some(first) = events.first() else { return self.append_nothing(stream, expecting).await };
        let key = (stream.to_owned(), first.id);
        let Some(_flight) = Flight::begin(&self.in_flight, key.clone()) else {
            tokio::time::sleep(COMMIT_TIMEOUT).await;
            return Err(Status::aborted("Operation timed out: Commit phase timeout.").into());
        };
        let created = self.now();
        let events: Vec<NewEvent> = events.iter().map(|event| new_event(event, created)).collect();
        let (begins, row) = match expecting {
            Expecting::NoStream => self.append_at(stream, Expected::NoStream, &events).await?,
            Expecting::Revision(revision) => self.append_at(stream, Expected::Revision(revision), &events).await?,
            Expecting::Any | Expecting::StreamExists => self.append_at_end(&key, expecting, &events).await?,
        };
        self.began.lock().unwrap_or_else(PoisonError::into_inner).insert(key, begins);
        Ok(Appended { revision: Some(begins + events.len() as u64 - 1), row: Some(row) })
    }

    async fn append_nothing(&self, stream: &str, expecting: Expecting) -> Result<Appended, Refused> {
        let events = self.read(stream, 0).await?;
        let last = events.last();
        let revision = last.map(|last| last.revision);
        let met = match expecting {
            Expecting::NoStream => revision.is_none(),
            Expecting::Revision(expected) => revision == Some(expected),
            Expecting::Any => true,
            Expecting::StreamExists => revision.is_some(),
        };
        if met {
            Ok(Appended { revision, row: last.map(|last| last.row) })
        } else {
            Err(Refused::WrongExpectedVersion(revision))
        }
    }

    /// Answers the revision of the first event and the row of the last.
    async fn append_at(&self, stream: &str, expected: Expected, events: &[NewEvent]) -> Result<(u64, u64), Refused> {
        let begins = match expected {
            Expected::NoStream => 0,
            Expected::Revision(revision) => revision.saturating_add(1),
        };
        match self.log.append(stream, expected, events).await {
            Ok(position) => Ok((begins, position.commit)),
            Err(Error::Conflict(_)) => {
                let mut there = self.read(stream, begins).await?;
                if there.is_empty() {
                    there = self.read(stream, 0).await?;
                }
                Err(Refused::WrongExpectedVersion(there.last().map(|last| last.revision)))
            }
            Err(e) => Err(status(e).into()),
        }
    }

    /// Appends wherever the stream ends, unless it is remembered where this append was stored before.
    async fn append_at_end(
        &self,
        key: &(String, Uuid),
        expecting: Expecting,
        events: &[NewEvent],
    ) -> Result<(u64, u64), Refused> {
        let stream = &key.0;
        let after = |begins: u64| begins.checked_sub(1).map_or(Expected::NoStream, Expected::Revision);
        let remembered = self.began.lock().unwrap_or_else(PoisonError::into_inner).get(key).copied();
        if let Some(begins) = remembered {
            return self.append_at(stream, after(begins), events).await;
        }
        loop {
            let last = self.read(stream, 0).await?.last().map(|last| last.revision);
            if last.is_none() && expecting == Expecting::StreamExists {
                return Err(Refused::WrongExpectedVersion(None));
            }
            match self.append_at(stream, last.map_or(Expected::NoStream, Expected::Revision), events).await {
                // Somebody else was faster.
                Err(Refused::WrongExpectedVersion(_)) => {}
                answer => return answer,
            }
        }
    }

    /// A stream's events from a revision on.
    pub async fn read(&self, stream: &str, from: u64) -> Result<Vec<Recorded>, Status> {
        self.log.read(stream, from).await.map_err(status)?.into_iter().map(recorded).collect()
    }

    /// The events behind a row, up to the log's present end.
    pub fn behind(&self, row: u64) -> BoxStream<'static, Result<Recorded, Status>> {
        let events = self.feed.read(at(row), Categories::ALL).try_filter_map(async |fed| match fed {
            Fed::Event(event) => Ok(Some(event)),
            Fed::Passed(_) => Ok(None),
        });
        events.map(|event| event.map_err(status).and_then(recorded)).boxed()
    }

    /// The row of the newest event, 0 for none.
    pub async fn end(&self) -> Result<u64, Status> {
        let known = self.end.load(Ordering::Relaxed);
        // No stream is of this category: the feed only tells where it ends.
        let mut fed = self.feed.read(at(known), Categories(&["\0"]));
        let mut end = known;
        while let Some(Fed::Passed(passed)) = fed.try_next().await.map_err(status)? {
            end = passed.commit;
        }
        self.end.fetch_max(end, Ordering::Relaxed);
        Ok(end)
    }

    /// Resolves when there may be events behind a row.
    pub async fn grown(&self, row: u64) {
        self.feed.grown(at(row)).await;
    }
}

/// An append that is being stored. Ends when dropped.
struct Flight<'a> {
    all: &'a Mutex<HashSet<(String, Uuid)>>,
    key: (String, Uuid),
}

impl<'a> Flight<'a> {
    /// `None` where the same append is in flight already.
    fn begin(all: &'a Mutex<HashSet<(String, Uuid)>>, key: (String, Uuid)) -> Option<Self> {
        let is_first = all.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone());
        is_first.then_some(Self { all, key })
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

fn at(row: u64) -> Option<ports::Position> {
    (row > 0).then_some(ports::Position { commit: row, prepare: row })
}

fn new_event(event: &Proposed, created: u64) -> NewEvent {
    let envelope =
        Envelope { created, content_type: event.content_type.clone(), custom_metadata: event.custom_metadata.clone() };
    NewEvent {
        id: event.id,
        kind: event.kind.clone(),
        // Ours to number; the wire knows no versions.
        version: 0,
        data: event.data.clone(),
        metadata: envelope.encode_to_vec().into(),
    }
}

fn recorded(stored: StoredEvent) -> Result<Recorded, Status> {
    let envelope = Envelope::decode(stored.event.metadata)
        .map_err(|e| Status::data_loss(format!("{}@{}: {e}", stored.stream, stored.revision)))?;
    Ok(Recorded {
        stream: stored.stream,
        revision: stored.revision,
        row: stored.position.commit,
        created: envelope.created,
        event: Proposed {
            id: stored.event.id,
            kind: stored.event.kind,
            content_type: envelope.content_type,
            custom_metadata: envelope.custom_metadata,
            data: stored.event.data,
        },
    })
}

#[expect(clippy::needless_pass_by_value, reason = "it is the function for map_err")]
fn status(error: Error) -> Status {
    let text = error.to_string();
    match error {
        Error::Unavailable(_) => Status::unavailable(text),
        Error::Rejected(_) => Status::invalid_argument(text),
        Error::Corrupt(_) => Status::data_loss(text),
        Error::Conflict(_) => Status::internal(text),
    }
}
