//! The event log in one SQLite file. A position is the row number, for commit and prepare alike.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use ports::{Categories, Error, EventFeed, EventLog, Expected, Fed, NewEvent, Position, Result, StoredEvent};
use rusqlite::{Connection, OptionalExtension, Row, params};
use tokio::sync::watch;
use uuid::Uuid;

use super::check_append;
use crate::sqlite::{Database, Kind, Outcome};

const KIND: Kind = Kind { name: "event log", mark: *b"TbEv", version: 1, durable: true, adopts: false, secret: false };

/// Stream names are kept once: an event names its stream by number.
const SCHEMA: &str = "
CREATE TABLE streams (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE events (
    position INTEGER PRIMARY KEY,
    stream INTEGER NOT NULL REFERENCES streams,
    revision INTEGER NOT NULL,
    id BLOB NOT NULL,
    kind TEXT NOT NULL,
    version INTEGER NOT NULL,
    data BLOB NOT NULL,
    metadata BLOB NOT NULL,
    UNIQUE (stream, revision)
) STRICT;
CREATE TRIGGER events_stay BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'events are never deleted'); END;
CREATE TRIGGER events_stay_as_they_are BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'events are never changed'); END;
CREATE TRIGGER streams_stay BEFORE DELETE ON streams BEGIN SELECT RAISE(ABORT, 'streams are never deleted'); END;
CREATE TRIGGER streams_stay_as_they_are BEFORE UPDATE ON streams BEGIN SELECT RAISE(ABORT, 'streams are never changed'); END;
";

const READ_STREAM: &str = "
SELECT name, revision, position, id, kind, version, data, metadata
FROM streams JOIN events ON stream = number WHERE name = ?1 AND revision >= ?2 ORDER BY revision";

/// CROSS JOIN keeps SQLite from beginning with the streams.
const READ_FEED: &str = "
SELECT name, revision, position, id, kind, version, data, metadata
FROM events CROSS JOIN streams ON number = stream WHERE position > ?1 AND position <= ?2 ORDER BY position";

/// A page of the feed ends after so many events, or bytes of them, or rows looked at.
const PAGE_EVENTS: usize = 512;
const PAGE_BYTES: usize = 2 << 20;
const PAGE_ROWS: usize = 20_000;

/// Log and feed over one file.
pub(super) struct SqliteEventLog {
    database: Arc<Database>,
    /// Position of the newest event, 0 for none: the feed's bell.
    end: watch::Sender<u64>,
}

impl SqliteEventLog {
    pub(super) fn open(path: &str) -> Result<Self> {
        let mut end = 0;
        let database = Database::open("events", path, &KIND, |connection, is_new| {
            if is_new {
                connection.execute_batch(SCHEMA)?;
            }
            end = last_position(connection)?;
            Ok(())
        })?;
        Ok(Self { database: Arc::new(database), end: watch::Sender::new(end) })
    }
}

#[async_trait]
impl EventLog for SqliteEventLog {
    async fn append(&self, stream: &str, expected: Expected, events: &[NewEvent]) -> Result<Position> {
        check_append(stream, events)?;
        let (stream, events) = (stream.to_owned(), events.to_vec());
        let end = self.end.clone();
        let work = move |connection: &Connection| append(connection, &stream, expected, &events);
        let ring = move |position: &u64| {
            end.send_if_modified(|end| std::mem::replace(end, (*end).max(*position)) < *position);
        };
        self.database.write_then(work, ring).await.map(position)
    }

    async fn read(&self, stream: &str, from: u64) -> Result<Vec<StoredEvent>> {
        let Ok(from) = i64::try_from(from) else { return Ok(Vec::new()) };
        let stream = stream.to_owned();
        self.database
            .read(move |connection| {
                let mut statement = connection.prepare_cached(READ_STREAM)?;
                let events =
                    statement.query_map(params![stream, from], stored_event)?.collect::<rusqlite::Result<_>>()?;
                Ok(events)
            })
            .await
    }
}

#[async_trait]
impl EventFeed for SqliteEventLog {
    fn read(&self, after: Option<Position>, of: Categories) -> BoxStream<'static, Result<Fed>> {
        let database = Arc::clone(&self.database);
        let start = Reading { after: after.map_or(0, |after| after.commit), end: None, told: false };
        stream::try_unfold(start, move |reading| {
            let database = Arc::clone(&database);
            async move {
                if reading.told {
                    return Ok(None);
                }
                let (page, next) = database.read(move |connection| read_page(connection, reading, of)).await?;
                Ok::<_, Error>(Some((stream::iter(page.into_iter().map(Ok)), next)))
            }
        })
        .try_flatten()
        .boxed()
    }

    async fn grown(&self, after: Option<Position>) {
        let after = after.map_or(0, |after| after.commit);
        // The sender lives in `self`, so that the bell cannot be gone.
        drop(self.end.subscribe().wait_for(|end| *end > after).await);
    }
}

/// Where a reader of the feed stands. The log's end is taken once, so that reading comes to an end.
#[derive(Clone, Copy)]
struct Reading {
    after: u64,
    end: Option<u64>,
    told: bool,
}

fn position(row: u64) -> Position {
    Position { commit: row, prepare: row }
}

fn last_position(connection: &Connection) -> rusqlite::Result<u64> {
    connection.prepare_cached("SELECT coalesce(max(position), 0) FROM events")?.query_row([], |row| row.get(0))
}

/// Appends, or recognises an append that is there already; answers the position of its last event.
fn append(connection: &Connection, stream: &str, expected: Expected, events: &[NewEvent]) -> Outcome<u64> {
    let number = connection
        .prepare_cached("SELECT number FROM streams WHERE name = ?1")?
        .query_row([stream], |row| row.get::<_, i64>(0))
        .optional()?;
    let length: u64 = connection
        .prepare_cached("SELECT coalesce(max(revision) + 1, 0) FROM events WHERE stream = ?1")?
        .query_row([number], |row| row.get(0))?;
    let next = match expected {
        Expected::NoStream => 0,
        Expected::Revision(revision) => revision.saturating_add(1),
    };
    if next < length
        && let Some(position) = repeated(connection, number, next, events)?
    {
        return Ok(position);
    }
    if next != length {
        let stands =
            length.checked_sub(1).map_or_else(|| "does not exist".to_owned(), |last| format!("stands at {last}"));
        return Err(Error::Conflict(format!("{stream} {stands}, expected {expected:?}")).into());
    }
    let number = match number {
        Some(number) => number,
        None => connection.prepare_cached("INSERT INTO streams (name) VALUES (?1)")?.insert([stream])?,
    };
    let mut insert = connection.prepare_cached(
        "INSERT INTO events (stream, revision, id, kind, version, data, metadata) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    let mut last = 0;
    for (revision, event) in (next..).zip(events) {
        let id = event.id.as_bytes();
        let (data, metadata) = (event.data.as_ref(), event.metadata.as_ref());
        last = insert.insert(params![number, revision, id, event.kind, event.version, data, metadata])?;
    }
    Ok(last.cast_unsigned())
}

/// The position of the last of these events if exactly they stand at this place of the stream.
fn repeated(connection: &Connection, stream: Option<i64>, from: u64, events: &[NewEvent]) -> Outcome<Option<u64>> {
    let mut statement = connection.prepare_cached(
        "SELECT id, position FROM events WHERE stream = ?1 AND revision >= ?2 ORDER BY revision LIMIT ?3",
    )?;
    let place = params![stream, from, events.len()];
    let there = statement
        .query_map(place, |row| Ok((Uuid::from_bytes(row.get(0)?), row.get::<_, u64>(1)?)))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let same = there.len() == events.len() && there.iter().zip(events).all(|((id, _), event)| *id == event.id);
    Ok(there.last().filter(|_| same).map(|(_, position)| *position))
}

fn read_page(connection: &Connection, mut reading: Reading, of: Categories) -> Outcome<(Vec<Fed>, Reading)> {
    let end = match reading.end {
        Some(end) => end,
        None => last_position(connection)?,
    };
    reading.end = Some(end);
    if reading.after > end {
        return Err(
            Error::Corrupt("a reader stands behind the end of the log: it has read another log".to_owned()).into()
        );
    }
    if end == 0 {
        reading.told = true;
        return Ok((Vec::new(), reading));
    }
    let mut statement = connection.prepare_cached(READ_FEED)?;
    let mut rows = statement.query([reading.after, end])?;
    let mut page = Vec::new();
    let mut bytes = 0;
    for _ in 0..PAGE_ROWS {
        let Some(row) = rows.next()? else {
            reading.after = end;
            break;
        };
        reading.after = row.get(2)?;
        let stream = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
        if !of.contains(stream) {
            continue;
        }
        let stored = stored_event(row)?;
        bytes += stored.event.data.len() + stored.event.metadata.len();
        page.push(Fed::Event(stored));
        if page.len() >= PAGE_EVENTS || bytes >= PAGE_BYTES {
            break;
        }
    }
    if reading.after == end {
        page.push(Fed::Passed(position(end)));
        reading.told = true;
    }
    Ok((page, reading))
}

fn stored_event(row: &Row<'_>) -> rusqlite::Result<StoredEvent> {
    let bytes = |column| Ok::<_, rusqlite::Error>(Bytes::copy_from_slice(row.get_ref(column)?.as_blob()?));
    Ok(StoredEvent {
        stream: row.get(0)?,
        revision: row.get(1)?,
        position: position(row.get(2)?),
        event: NewEvent {
            id: Uuid::from_bytes(row.get(3)?),
            kind: row.get(4)?,
            version: row.get(5)?,
            data: bytes(6)?,
            metadata: bytes(7)?,
        },
    })
}
