//! The customer's `Documents` collection and its changes.

use async_trait::async_trait;
use futures::stream::BoxStream;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Result;

/// A record as it is stored: a JSON object, whatever its properties. `_id` is an ObjectId as 24 lower-case hex digits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Record(pub Map<String, Value>);

impl Record {
    /// The `_id`, or an empty text where the record has none.
    #[must_use]
    pub fn id(&self) -> &str {
        self.text("_id").unwrap_or_default()
    }

    /// A property that is a text.
    #[must_use]
    pub fn text(&self, property: &str) -> Option<&str> {
        self.0.get(property)?.as_str()
    }
}

/// Orders the changes of one document. Migration and lost history raise the epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ChangeToken {
    /// Counts the times the order began anew.
    pub epoch: u64,
    /// Order within the epoch.
    pub order: u64,
}

/// Where in the changes somebody stands; the adapter's own words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Place(pub String);

/// What the feed of changes tells.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// A record was inserted, replaced or deleted, by us or by another program.
    Seen {
        /// The record's id.
        id: String,
        /// Its order.
        token: ChangeToken,
        /// The store's time of the change.
        at: Timestamp,
        /// The record before; `None` for an insert.
        before: Option<Record>,
        /// The record after; `None` for a delete.
        after: Option<Record>,
        /// To be acknowledged.
        place: Place,
    },
    /// Every change whose `at` is before this instant has been told. Ends the stream.
    UpTo(Timestamp),
    /// The acknowledged place is no longer kept: a scan must fill the gap.
    Lost,
}

/// Which records to list. All given fields must match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordFilter {
    /// Properties that equal a text.
    pub equals: Vec<(&'static str, String)>,
}

/// A schemaless collection that other programs write too. Each write leaves a change in the same transaction.
#[async_trait]
pub trait DocumentStore: Send + Sync {
    /// Adds a record; `Conflict` where its `_id` is taken.
    async fn insert(&self, record: &Record) -> Result<()>;
    /// One record.
    async fn get(&self, id: &str) -> Result<Option<Record>>;
    /// Replaces a record; `Conflict` unless what is stored equals `expected`.
    async fn replace(&self, expected: &Record, record: &Record) -> Result<()>;
    /// Removes a record; `Conflict` unless what is stored equals `expected`.
    async fn delete(&self, expected: &Record) -> Result<()>;
    /// Records in order of `_id`, after the given one.
    async fn list(&self, filter: &RecordFilter, after: Option<&str>, limit: usize) -> Result<Vec<Record>>;
    /// The changes behind the acknowledged place, in order; finite: ends with `UpTo` (or `Lost`). Without an acknowledged
    /// place it begins with the first change kept.
    fn changes(&self) -> BoxStream<'static, Result<Change>>;
    /// The token of the newest change, and its place.
    async fn end(&self) -> Result<(ChangeToken, Place)>;
    /// The place acknowledged last; `None` before the first contact.
    async fn acknowledged(&self) -> Result<Option<Place>>;
    /// Remembers, durably, that the changes up to this place have been dealt with.
    async fn acknowledge(&self, place: &Place) -> Result<()>;
    /// Begins a new epoch, at least the given one, and acknowledges its beginning: for a collection that was moved here with
    /// everything that was observed of it. What changed before is not told.
    async fn begin_epoch(&self, at_least: u64) -> Result<()>;
    /// Resolves when there may be changes behind the acknowledged place.
    async fn changed(&self);
}
