//! What a view is: rows, and a fold over recorded events that reads by key and adds.

use std::collections::HashMap;

use async_trait::async_trait;
use bytes::Bytes;
use domain::any_event::AnyEvent;
use jiff::Timestamp;
use ports::{Categories, Error, EventHash, Metadata, Result, StoredEvent, Table, ViewStore, Write};
use serde::Serialize;

/// The order of an event among the closings: microseconds of the last closing before it, 0 before the first.
///
/// State at a closing is what is stamped before it, so rows carry stamps where they must be read as of a cut.
pub type Stamp = i64;

/// The stamp of a row that still holds.
pub const OPEN: Stamp = i64::MAX;

/// The stamp that a closing's state ends with: rows stamped below it belong to it.
#[must_use]
pub fn stamp_of(closing: Timestamp) -> Stamp {
    closing.as_microsecond()
}

/// An event as it is folded.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// Its stream.
    pub stream: String,
    /// Its place there.
    pub revision: u64,
    /// What happened.
    pub event: AnyEvent,
    /// Who, why and when.
    pub metadata: Metadata,
    /// Its hash.
    pub hash: EventHash,
    /// The last closing before it.
    pub stamp: Stamp,
}

impl Recorded {
    /// Decodes a stored event.
    ///
    /// # Errors
    /// `Corrupt` where it is none that we know: a reader stops there.
    pub fn new(stored: &StoredEvent, stamp: Stamp) -> Result<Self> {
        let event = AnyEvent::decode(&stored.stream, &stored.event.kind, stored.event.version, &stored.event.data)
            .map_err(|e| Error::Corrupt(format!("{}@{}: {e}", stored.stream, stored.revision)))?;
        Ok(Self {
            stream: stored.stream.clone(),
            revision: stored.revision,
            event,
            metadata: stored.metadata()?,
            hash: stored.hash(),
            stamp,
        })
    }

    /// The id that the stream's name holds.
    #[must_use]
    pub fn stream_id(&self) -> &str {
        self.stream.split_once('-').map_or(self.stream.as_str(), |(_, id)| id)
    }
}

/// A row of a view.
pub trait Row: Sized + Send + Sync + 'static {
    /// Where rows of this kind stand.
    const TABLE: Table;
    /// The row's key.
    fn key(&self) -> String;
    /// How it is stored.
    ///
    /// # Errors
    /// Where it has no JSON.
    fn to_json(&self) -> serde_json::Result<Vec<u8>>;
    /// The row out of its stored form.
    ///
    /// # Errors
    /// Where it has another shape.
    fn from_json(json: &[u8]) -> serde_json::Result<Self>;
}

/// The JSON of a row: no generic function, so that it is compiled here and not in each crate that reads rows.
macro_rules! row_as_json {
    () => {
        fn to_json(&self) -> serde_json::Result<Vec<u8>> {
            serde_json::to_vec(self)
        }

        fn from_json(json: &[u8]) -> serde_json::Result<Self> {
            serde_json::from_slice(json)
        }
    };
}
pub(crate) use row_as_json;

/// A row out of its stored form.
///
/// # Errors
/// `Corrupt` where it has another shape: the view was written by another version and must be rebuilt.
pub fn decode_row<R: Row>(row: &[u8]) -> Result<R> {
    R::from_json(row).map_err(|e| Error::Corrupt(format!("a row of {}: {e}", R::TABLE.name)))
}

/// Folds events into rows. It reads rows by key only, through the draft, and matches events without `_`.
#[async_trait]
pub trait Projection: Send + Sync {
    /// Its name, under which its position is kept.
    fn name(&self) -> &'static str;
    /// Which streams it folds.
    fn streams(&self) -> Categories;
    /// The tables it writes.
    fn tables(&self) -> &'static [Table];
    /// Folds one event.
    async fn fold(&self, event: &Recorded, draft: &mut Draft<'_>) -> Result<()>;
}

/// Rows as one who alone writes them knows them to be stored, by table and key; `None` where there is none.
pub type KnownRows = HashMap<(&'static str, String), (Table, Option<Bytes>)>;

/// Changes of a view that are saved together with the position, and read through at once.
pub struct Draft<'a> {
    views: &'a dyn ViewStore,
    rows: KnownRows,
    changed: Vec<(&'static str, String)>,
}

impl<'a> Draft<'a> {
    /// Nothing changed yet; the rows that are known need not be read.
    #[must_use]
    pub const fn new(views: &'a dyn ViewStore, rows: KnownRows) -> Self {
        Self { views, rows, changed: Vec::new() }
    }

    /// A row, as changed so far.
    ///
    /// # Errors
    /// The view store's, or `Corrupt`.
    pub async fn get<R: Row>(&mut self, key: &str) -> Result<Option<R>> {
        let place = (R::TABLE.name, key.to_owned());
        if !self.rows.contains_key(&place) {
            let stored = self.views.get(R::TABLE, key).await?;
            self.rows.insert(place.clone(), (R::TABLE, stored));
        }
        match self.rows.get(&place) {
            Some((_, Some(row))) => decode_row(row).map(Some),
            Some((_, None)) | None => Ok(None),
        }
    }

    /// Adds or replaces a row.
    ///
    /// # Errors
    /// `Rejected` where the row cannot be written as JSON.
    pub fn put<R: Row>(&mut self, row: &R) -> Result<()> {
        let bytes = row.to_json().map_err(|e| Error::Rejected(format!("a row of {}: {e}", R::TABLE.name)))?;
        self.change::<R>(row.key(), Some(bytes.into()));
        Ok(())
    }

    /// Removes a row.
    pub fn remove<R: Row>(&mut self, key: &str) {
        self.change::<R>(key.to_owned(), None);
    }

    fn change<R: Row>(&mut self, key: String, row: Option<Bytes>) {
        let place = (R::TABLE.name, key);
        self.changed.push(place.clone());
        self.rows.insert(place, (R::TABLE, row));
    }

    /// What is to be saved, and the rows as they are once it has been.
    #[must_use]
    pub fn into_writes(self) -> (Vec<Write>, KnownRows) {
        let Self { rows, mut changed, .. } = self;
        changed.sort_unstable();
        changed.dedup();
        let write = |place: (&'static str, String)| {
            let (table, row) = rows.get(&place)?;
            let (table, (_, key)) = (*table, place);
            Some(match row {
                Some(row) => Write::Put { table, key, row: row.clone() },
                None => Write::Remove { table, key },
            })
        };
        let writes = changed.into_iter().filter_map(write).collect();
        (writes, rows)
    }
}

/// How far a projection has come, in closings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct Progress {
    /// The projection.
    pub projection: String,
    /// The first closing it has passed.
    pub genesis: Option<Timestamp>,
    /// The last closing it has passed.
    pub closed: Option<Timestamp>,
}

impl Progress {
    /// The stamp of an event folded now.
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        self.closed.map_or(0, stamp_of)
    }

    /// Whether everything up to a closing has been folded.
    #[must_use]
    pub fn has_passed(&self, closing: Timestamp) -> bool {
        self.closed.is_some_and(|closed| closed >= closing)
    }
}

impl Row for Progress {
    const TABLE: Table = Table { name: "progress", indexes: &[] };
    row_as_json!();

    fn key(&self) -> String {
        self.projection.clone()
    }
}
