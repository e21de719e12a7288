//! A log and a view store in memory, and folding one into the other.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use domain::aggregate::{Aggregate, Event, encode};
use domain::clock::{ClockDay, LogHash};
use domain::document::Token;
use domain::id::{Id, derive};
use domain::sealed::Sealed;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use jiff::{SignedDuration, Timestamp};
use ports::{
    Categories, Cause, Error, EventFeed, EventHash, Fed, Find, Metadata, NewEvent, Order, Position, Result,
    StoredEvent, Table, ViewStore, Write,
};
use projections::{Projection, Projector, Row, Views, decode_row};
use serde_json::Value;

/// A Monday.
pub const BEGIN: &str = "2026-11-30T05:50:00Z";

pub fn at(instant: &str) -> Timestamp {
    instant.parse().unwrap()
}

pub fn sealed(owner: &str, text: &str) -> Sealed {
    Sealed { owner: owner.to_owned(), text: text.to_owned() }
}

pub const fn token(order: u64) -> Token {
    Token { epoch: 0, order }
}

/// Runs a test's future.
pub fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(test)
}

/// All events, in order.
#[derive(Default)]
pub struct Log {
    events: Mutex<Vec<StoredEvent>>,
    /// Revision and hash of each stream's last event.
    heads: Mutex<HashMap<String, (u64, EventHash)>>,
}

impl Log {
    /// Its first events, to be read.
    pub fn prefix(&self, len: usize) -> Arc<Self> {
        Arc::new(Self { events: Mutex::new(self.events()[..len].to_vec()), heads: Mutex::default() })
    }

    pub fn events(&self) -> Vec<StoredEvent> {
        self.events.lock().unwrap().clone()
    }

    pub fn append<E: Event>(&self, stream: &str, event: &E, recorded_at: Timestamp) {
        self.append_raw(stream, event.kind(), encode(event), recorded_at);
    }

    pub fn append_raw(&self, stream: &str, kind: &str, data: Vec<u8>, recorded_at: Timestamp) {
        let mut events = self.events.lock().unwrap();
        let place = events.len() as u64;
        let mut heads = self.heads.lock().unwrap();
        let (revision, previous) = heads.get(stream).map_or_else(Default::default, |(last, hash)| (last + 1, *hash));
        let id = derive("event", &[stream, &revision.to_string()]);
        let actor = format!("actor-{}", place % 3);
        let cause = Cause { actor, command: id, correlation: id, causation: None, request: None };
        let (kind, version) = (kind.to_owned(), 1);
        let metadata = Metadata { id, kind: kind.clone(), version, recorded_at, cause, previous };
        let metadata = serde_json::to_vec(&metadata).unwrap().into();
        let event = NewEvent { id, kind, version, data: data.into(), metadata };
        let position = Position { commit: place / 3, prepare: place };
        let stored = StoredEvent { stream: stream.to_owned(), revision, position, event };
        heads.insert(stored.stream.clone(), (revision, stored.hash()));
        events.push(stored);
    }
}

#[async_trait]
impl EventFeed for Log {
    fn read(&self, after: Option<Position>, of: Categories) -> BoxStream<'static, Result<Fed>> {
        let events = self.events();
        let passed = events.last().map(|last| Fed::Passed(last.position));
        let wanted = move |stored: &StoredEvent| Some(stored.position) > after && of.contains(&stored.stream);
        let fed = events.into_iter().filter(wanted).map(Fed::Event).chain(passed).map(Ok).collect::<Vec<_>>();
        stream::iter(fed).boxed()
    }

    async fn grown(&self, _after: Option<Position>) {}
}

/// The states of the streams of one aggregate, so that only what may happen does.
pub struct Streams<A>(BTreeMap<String, A>);

impl<A> Default for Streams<A> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<A: Aggregate> Streams<A> {
    pub fn state(&self, id: &Id<A>) -> A {
        self.0.get(id.as_str()).cloned().unwrap_or_default()
    }

    pub fn all(&self) -> &BTreeMap<String, A> {
        &self.0
    }

    /// What follows from a command, appended; nothing where it is refused.
    pub fn send(&mut self, log: &Log, id: &Id<A>, now: Timestamp, command: A::Command) -> Vec<A::Event> {
        let state = self.0.entry(id.as_str().to_owned()).or_default();
        let events = state.decide(command).unwrap_or_default();
        for event in &events {
            state.apply(event);
            log.append(&id.stream(), event, now);
        }
        events
    }
}

/// Closes an instant.
pub fn close(log: &Log, instant: Timestamp) -> domain::clock::Event {
    let hash = LogHash { through: None, sha256: "0".repeat(64) };
    let event = domain::clock::Event::QuarterHourClosed { instant, complete: true, log: hash };
    log.append(&ClockDay::id(ClockDay::date_of(instant)).stream(), &event, instant + SignedDuration::from_secs(1));
    event
}

#[derive(Default)]
struct Tables {
    rows: BTreeMap<(&'static str, String), Bytes>,
    positions: HashMap<String, Position>,
}

/// Rows in memory, found by declared indexes only.
#[derive(Default)]
pub struct MemoryViews(Mutex<Tables>);

/// Every row by table and key.
pub type Dump = BTreeMap<(String, String), Bytes>;

impl MemoryViews {
    /// Every row, byte by byte.
    pub fn dump(&self) -> Dump {
        let rows = &self.0.lock().unwrap().rows;
        rows.iter().map(|((table, key), row)| (((*table).to_owned(), key.clone()), row.clone())).collect()
    }

    /// Every row of a kind.
    pub fn rows<R: Row>(&self) -> Vec<R> {
        let tables = self.0.lock().unwrap();
        let of_table = tables.rows.iter().filter(|((table, _), _)| *table == R::TABLE.name);
        of_table
            .map(|((_, key), row)| {
                let row: R = decode_row(row).unwrap();
                assert_eq!(row.key(), *key, "a row stands under its own key");
                row
            })
            .collect()
    }
}

/// Orders what an index may hold.
fn place(value: &Value) -> (u8, i64, String) {
    match value {
        Value::Bool(flag) => (1, i64::from(*flag), String::new()),
        Value::Number(number) => (1, number.as_i64().unwrap(), String::new()),
        Value::String(text) => (2, 0, text.clone()),
        Value::Null | Value::Array(_) | Value::Object(_) => (0, 0, String::new()),
    }
}

#[async_trait]
impl ViewStore for MemoryViews {
    async fn get(&self, table: Table, key: &str) -> Result<Option<Bytes>> {
        // Two projectors on one store take turns at each row.
        tokio::task::yield_now().await;
        Ok(self.0.lock().unwrap().rows.get(&(table.name, key.to_owned())).cloned())
    }

    async fn find(&self, table: Table, find: &Find) -> Result<Vec<(String, Bytes)>> {
        let range = find.range.as_ref();
        let equals: Vec<_> = find.equals.iter().map(|(field, _)| *field).collect();
        let fits = |index: &&&[&str]| {
            let ends_with_range = index.get(equals.len()).copied() == range.map(|range| range.field);
            equals.iter().all(|field| index.iter().take(equals.len()).any(|known| known == field)) && ends_with_range
        };
        if (range.is_some() || !equals.is_empty()) && !table.indexes.iter().any(|index| fits(&index)) {
            return Err(Error::Rejected(format!("{} has no index for {find:?}", table.name)));
        }
        let tables = self.0.lock().unwrap();
        let mut found = Vec::new();
        for ((_, key), row) in tables.rows.iter().filter(|((name, _), _)| *name == table.name) {
            let fields: Value = serde_json::from_slice(row).unwrap();
            let by = range.map_or(Value::Null, |range| fields[range.field].clone());
            let inside = range.is_none_or(|range| {
                !by.is_null()
                    && range.from.as_ref().is_none_or(|from| place(&by) >= place(from))
                    && range.below.as_ref().is_none_or(|below| place(&by) < place(below))
            });
            if inside && find.equals.iter().all(|(field, value)| place(&fields[field]) == place(value)) {
                found.push(((place(&by), key.clone()), row.clone()));
            }
        }
        found.sort_by(|(one, _), (other, _)| one.cmp(other));
        if find.order == Order::Descending {
            found.reverse();
        }
        if let Some((value, key)) = &find.after {
            let after = (place(value), key.clone());
            found.retain(|(at, _)| if find.order == Order::Descending { *at < after } else { *at > after });
        }
        Ok(found.into_iter().take(find.limit).map(|((_, key), row)| (key, row)).collect())
    }

    async fn position(&self, projection: &str) -> Result<Option<Position>> {
        Ok(self.0.lock().unwrap().positions.get(projection).copied())
    }

    async fn save(&self, projection: &str, from: Option<Position>, to: Position, writes: Vec<Write>) -> Result<()> {
        let mut tables = self.0.lock().unwrap();
        if tables.positions.get(projection).copied() != from {
            return Err(Error::Conflict(projection.to_owned()));
        }
        tables.positions.insert(projection.to_owned(), to);
        for write in writes {
            match write {
                Write::Put { table, key, row } => tables.rows.insert((table.name, key), row),
                Write::Remove { table, key } => tables.rows.remove(&(table.name, key)),
            };
        }
        Ok(())
    }

    async fn moved(&self, _projection: &str, _seen: Option<Position>) {}
}

/// A view that follows a log.
pub struct Following {
    pub rows: Arc<MemoryViews>,
    pub views: Views,
    projector: Projector,
}

impl Following {
    pub fn new(projection: impl Projection + 'static, log: &Arc<Log>) -> Self {
        let rows = Arc::new(MemoryViews::default());
        let projector = Projector::new(Arc::new(projection), log.clone(), rows.clone());
        Self { views: Views::new(rows.clone()), rows, projector }
    }

    /// Folds all there is.
    pub async fn catch_up(&mut self) {
        while self.projector.advance().await.unwrap() {}
    }
}

/// The view of a whole log, folded at once.
pub async fn fold(projection: impl Projection + 'static, log: &Arc<Log>) -> Following {
    let mut following = Following::new(projection, log);
    following.catch_up().await;
    following
}
