//! `Documents` in one SQLite file, which other programs may write with plain SQL: triggers leave a row for each change.
//!
//! SQLite's own clock cannot be simulated. So our writes tell the triggers the time through `trialbrief_clock.now`, which is
//! set and cleared inside the transaction and therefore never seen by others; for their writes it is empty, and the
//! triggers take the machine's time. `last` is the greatest time given out, and no change gets an earlier one.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use jiff::Timestamp;
use ports::{Change, ChangeToken, Clock, DocumentStore, Error, Place, Record, RecordFilter, Result};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};
use serde_json::{Map, Value};
use tokio::sync::watch;

use super::{changed_meanwhile, new_id};
use crate::sqlite::{Database, Kind, Outcome};

mod schema;

const KIND: Kind =
    Kind { name: "document store", mark: *b"TbDc", version: 1, durable: true, adopts: true, secret: false };

/// How often a waiting reader looks for changes that other programs wrote.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Changes in one page.
const PAGE: u64 = 256;

/// The property that says why a record of another program cannot be read whole.
const UNREADABLE: &str = "UnreadableRecord";

/// The collection in one file.
pub(super) struct SqliteDocumentStore {
    database: Arc<Database>,
    clock: Clock,
    /// Rings when we wrote.
    bell: watch::Sender<()>,
}

impl SqliteDocumentStore {
    pub(super) fn open(path: &str, clock: &Clock) -> Result<Self> {
        let database = Database::open("documents", path, &KIND, |connection, is_new| {
            schema::prepare(connection, is_new, clock.now())
        })?;
        Ok(Self { database: Arc::new(database), clock: clock.clone(), bell: watch::Sender::new(()) })
    }

    /// Runs a write whose changes carry our clock's time.
    async fn write(&self, work: impl FnOnce(&Connection) -> Outcome<()> + Send + 'static) -> Result<()> {
        let (clock, bell) = (self.clock.clone(), self.bell.clone());
        let timed = move |connection: &Connection| {
            let set =
                |now: Option<i64>| connection.prepare_cached("UPDATE trialbrief_clock SET now = ?1")?.execute([now]);
            set(Some(clock.now().as_microsecond()))?;
            work(connection)?;
            set(None)?;
            Ok(())
        };
        self.database.write_then(timed, move |()| bell.send_replace(())).await
    }
}

#[async_trait]
impl DocumentStore for SqliteDocumentStore {
    async fn insert(&self, record: &Record) -> Result<()> {
        let (id, text) = (new_id(record)?, text_of(record)?);
        self.write(move |connection| {
            connection.prepare_cached("INSERT INTO documents (id, record) VALUES (?1, ?2)")?.execute([id, text])?;
            Ok(())
        })
        .await
    }

    async fn get(&self, id: &str) -> Result<Option<Record>> {
        let id = id.to_owned();
        self.database.read(move |connection| stored(connection, &id)).await
    }

    async fn replace(&self, expected: &Record, record: &Record) -> Result<()> {
        if expected.id() != record.id() {
            return Err(Error::Rejected(format!("{:?} cannot be replaced by {:?}", expected.id(), record.id())));
        }
        if expected == record {
            let id = record.id().to_owned();
            let there = self.get(&id).await?;
            return if there.as_ref() == Some(expected) { Ok(()) } else { Err(changed_meanwhile(&id)) };
        }
        let (expected, text) = (expected.clone(), text_of(record)?);
        self.write(move |connection| {
            expect(connection, &expected)?;
            let sql = "UPDATE documents SET record = ?2 WHERE id = ?1";
            connection.prepare_cached(sql)?.execute([expected.id(), &text])?;
            Ok(())
        })
        .await
    }

    async fn delete(&self, expected: &Record) -> Result<()> {
        let expected = expected.clone();
        self.write(move |connection| {
            expect(connection, &expected)?;
            connection.prepare_cached("DELETE FROM documents WHERE id = ?1")?.execute([expected.id()])?;
            Ok(())
        })
        .await
    }

    async fn list(&self, filter: &RecordFilter, after: Option<&str>, limit: usize) -> Result<Vec<Record>> {
        let sql = list_sql(filter)?;
        let mut values = vec![after.unwrap_or_default().to_owned()];
        values.extend(filter.equals.iter().map(|(_, value)| value.clone()));
        let limit = limit.min(i64::MAX as usize);
        self.database
            .read(move |connection| {
                let mut statement = connection.prepare_cached(&sql)?;
                let mut rows = statement.query(params_from_iter(&values))?;
                let mut records = Vec::new();
                while records.len() < limit
                    && let Some(row) = rows.next()?
                {
                    let id: String = row.get(0)?;
                    records.push(record(connection, &id, bytes_at(row, 1)?)?);
                }
                Ok(records)
            })
            .await
    }

    fn changes(&self) -> BoxStream<'static, Result<Change>> {
        let (database, clock) = (Arc::clone(&self.database), self.clock.clone());
        stream::try_unfold(Telling::Begin, move |telling| {
            let (database, clock) = (Arc::clone(&database), clock.clone());
            async move {
                let (page, next) = match telling {
                    Telling::Begin => (Vec::new(), database.write(move |c| begin(c, clock.now())).await?),
                    Telling::Changes(span) => database.read(move |c| read_page(c, span)).await?,
                    Telling::Lost => (vec![Change::Lost], Telling::Ended),
                    Telling::Ended => return Ok(None),
                };
                Ok::<_, Error>(Some((stream::iter(page.into_iter().map(Ok)), next)))
            }
        })
        .try_flatten()
        .boxed()
    }

    async fn end(&self) -> Result<(ChangeToken, Place)> {
        let token = self.database.read(|connection| Ok(newest(connection)?)).await?;
        Ok((token, place(token)))
    }

    async fn acknowledged(&self) -> Result<Option<Place>> {
        Ok(self.database.read(acknowledged).await?.map(place))
    }

    async fn acknowledge(&self, place: &Place) -> Result<()> {
        let token = token(place)?;
        self.database
            .write(move |connection| {
                let newest = newest(connection)?;
                if token.epoch != newest.epoch || token > newest {
                    return Err(Error::Rejected("this place is not in the changes of this store".to_owned()).into());
                }
                if acknowledged(connection)?.is_some_and(|before| before >= token) {
                    return Ok(());
                }
                let place = [token.epoch, token.order];
                let sql = "UPDATE trialbrief_meta SET acknowledged_epoch = ?1, acknowledged_order = ?2";
                connection.prepare_cached(sql)?.execute(place)?;
                // Nobody asks for them again, and they hold what people may have deleted since.
                let sql = "DELETE FROM trialbrief_changes WHERE \"order\" <= ?1";
                connection.prepare_cached(sql)?.execute([token.order])?;
                Ok(())
            })
            .await
    }

    async fn begin_epoch(&self, at_least: u64) -> Result<()> {
        self.database
            .write(move |connection| {
                let ChangeToken { epoch, order } = newest(connection)?;
                let epoch = (epoch + 1).max(at_least);
                let sql = "UPDATE trialbrief_meta SET epoch = ?1, acknowledged_epoch = ?1, acknowledged_order = ?2";
                connection.prepare_cached(sql)?.execute([epoch, order])?;
                connection.prepare_cached("DELETE FROM trialbrief_changes")?.execute([])?;
                Ok(())
            })
            .await
    }

    async fn changed(&self) {
        let mut bell = self.bell.subscribe();
        loop {
            let behind =
                self.database.read(|c| Ok(acknowledged(c)?.unwrap_or_default().order < newest(c)?.order)).await;
            // An error is for whoever reads the changes.
            if behind.unwrap_or(true) {
                return;
            }
            // Other programs cannot ring our bell.
            drop(tokio::time::timeout(LOOK_EVERY, bell.changed()).await);
        }
    }
}

/// How far a stream of changes has come.
enum Telling {
    Begin,
    Changes(Span),
    Lost,
    Ended,
}

/// The changes still to be told, and the instant before which there are no others.
#[derive(Clone, Copy)]
struct Span {
    epoch: u64,
    after: u64,
    until: u64,
    up_to: Timestamp,
}

/// Fixes the end of a stream in the writer: a change that comes later cannot get a time before `now`.
fn begin(connection: &Connection, now: Timestamp) -> Outcome<Telling> {
    connection
        .prepare_cached("UPDATE trialbrief_clock SET last = ?1 WHERE last < ?1")?
        .execute([now.as_microsecond()])?;
    let newest = newest(connection)?;
    let acknowledged = acknowledged(connection)?;
    let after = acknowledged.map_or(0, |acknowledged| acknowledged.order);
    let first_kept: Option<u64> = connection
        .prepare_cached("SELECT min(\"order\") FROM trialbrief_changes WHERE \"order\" > ?1")?
        .query_row([after], |row| row.get(0))?;
    let has_gap = newest.order > after && first_kept != Some(after + 1);
    if acknowledged.is_some_and(|place| place.epoch != newest.epoch || place > newest || has_gap) {
        return Ok(Telling::Lost);
    }
    Ok(Telling::Changes(Span { epoch: newest.epoch, after, until: newest.order, up_to: now }))
}

fn read_page(connection: &Connection, mut span: Span) -> Outcome<(Vec<Change>, Telling)> {
    let mut statement = connection.prepare_cached(
        "SELECT \"order\", id, at, before, after FROM trialbrief_changes
         WHERE \"order\" > ?1 AND \"order\" <= ?2 ORDER BY \"order\" LIMIT ?3",
    )?;
    let mut rows = statement.query([span.after, span.until, PAGE])?;
    let mut page = Vec::new();
    while let Some(row) = rows.next()? {
        let change = change(connection, row, span.epoch)?;
        span.after = row.get(0)?;
        page.push(change);
    }
    if span.after < span.until && !page.is_empty() {
        return Ok((page, Telling::Changes(span)));
    }
    page.push(Change::UpTo(span.up_to));
    Ok((page, Telling::Ended))
}

fn change(connection: &Connection, row: &Row<'_>, epoch: u64) -> Outcome<Change> {
    let token = ChangeToken { epoch, order: row.get(0)? };
    let id: String = row.get(1)?;
    let at =
        Timestamp::from_microsecond(row.get(2)?).map_err(|e| Error::Corrupt(format!("change {}: {e}", token.order)))?;
    let side = |column| {
        let text = row.get_ref(column)?.as_bytes_or_null().map_err(rusqlite::Error::from)?;
        text.map(|text| record(connection, &id, text)).transpose()
    };
    let (before, after): (Outcome<_>, Outcome<_>) = (side(3), side(4));
    let (before, after) = (before?, after?);
    Ok(Change::Seen { before, after, id, token, at, place: place(token) })
}

fn place(token: ChangeToken) -> Place {
    Place(format!("{}.{}", token.epoch, token.order))
}

fn token(place: &Place) -> Result<ChangeToken> {
    let parse = || {
        let (epoch, order) = place.0.split_once('.')?;
        Some(ChangeToken { epoch: epoch.parse().ok()?, order: order.parse().ok()? })
    };
    parse().ok_or_else(|| Error::Rejected(format!("{:?} is no place in the changes of this store", place.0)))
}

/// The newest change's token. Rows that were acknowledged are gone, but SQLite remembers their numbers.
fn newest(connection: &Connection) -> rusqlite::Result<ChangeToken> {
    let sql = "SELECT epoch, max(
        coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'trialbrief_changes'), 0),
        coalesce((SELECT max(\"order\") FROM trialbrief_changes), 0)) FROM trialbrief_meta";
    connection.prepare_cached(sql)?.query_row([], |row| Ok(ChangeToken { epoch: row.get(0)?, order: row.get(1)? }))
}

fn acknowledged(connection: &Connection) -> Outcome<Option<ChangeToken>> {
    let sql = "SELECT acknowledged_epoch, acknowledged_order FROM trialbrief_meta WHERE acknowledged_epoch IS NOT NULL";
    let token = |row: &Row<'_>| Ok(ChangeToken { epoch: row.get(0)?, order: row.get(1)? });
    Ok(connection.prepare_cached(sql)?.query_row([], token).optional()?)
}

fn stored(connection: &Connection, id: &str) -> Outcome<Option<Record>> {
    let mut statement = connection.prepare_cached("SELECT record FROM documents WHERE id = ?1")?;
    let mut rows = statement.query([id])?;
    rows.next()?.map(|row| record(connection, id, bytes_at(row, 0)?)).transpose()
}

fn bytes_at<'a>(row: &'a Row<'_>, column: usize) -> rusqlite::Result<&'a [u8]> {
    Ok(row.get_ref(column)?.as_bytes()?)
}

/// Compares what is stored as JSON: other programs may write it with other blanks or in another order.
fn expect(connection: &Connection, expected: &Record) -> Outcome<()> {
    match stored(connection, expected.id())? {
        Some(stored) if stored == *expected => Ok(()),
        _ => Err(changed_meanwhile(expected.id()).into()),
    }
}

/// A record as it is stored; the column `id` rules over the property.
fn record(connection: &Connection, id: &str, text: &[u8]) -> Outcome<Record> {
    let mut properties = match serde_json::from_slice(text) {
        Ok(properties) => properties,
        Err(error) => readable_part(connection, text, &error)?,
    };
    properties.insert("_id".to_owned(), Value::from(id));
    Ok(Record(properties))
}

/// SQLite, which the triggers ask, takes more for JSON than we can read: numbers of any size, halves of surrogate pairs, any
/// depth. Such a record has those of its texts and whole numbers that SQLite can tell, and says why it has no more, so that it
/// is there and stands in nobody's way.
fn readable_part(connection: &Connection, text: &[u8], error: &serde_json::Error) -> Outcome<Map<String, Value>> {
    let sql = "SELECT key, atom FROM json_each(?1) WHERE type IN ('text', 'integer')";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([String::from_utf8_lossy(text)])?;
    let mut properties = Map::new();
    while let Some(row) = rows.next()? {
        let name = String::from_utf8_lossy(bytes_at(row, 0)?).into_owned();
        match row.get_ref(1)? {
            ValueRef::Text(text) => properties.insert(name, Value::from(String::from_utf8_lossy(text))),
            ValueRef::Integer(number) => properties.insert(name, Value::from(number)),
            ValueRef::Null | ValueRef::Real(_) | ValueRef::Blob(_) => None,
        };
    }
    properties.insert(UNREADABLE.to_owned(), Value::from(error.to_string()));
    Ok(properties)
}

fn text_of(record: &Record) -> Result<String> {
    serde_json::to_string(record).map_err(|e| Error::Rejected(format!("record {:?}: {e}", record.id())))
}

/// Property names become part of the statement, so that an index on one of them can be used.
fn list_sql(filter: &RecordFilter) -> Result<String> {
    let mut sql = "SELECT id, record FROM documents WHERE id > ?1".to_owned();
    for (i, (property, _)) in filter.equals.iter().enumerate() {
        if property.is_empty() || !property.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            return Err(Error::Rejected(format!("cannot filter by the property {property:?}")));
        }
        sql += &format!(" AND json_extract(record, '$.{property}') = ?{}", i + 2);
    }
    Ok(sql + " ORDER BY id")
}

#[cfg(test)]
mod tests;
