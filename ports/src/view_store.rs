//! Rows of the projections: JSON by key, with declared indexes, saved with the position.

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::Value;

use crate::{Position, Result};

/// A table of JSON rows. Each index is a list of top-level fields that hold strings, integers, booleans or null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Table {
    /// `[a-z_]+`, unique.
    pub name: &'static str,
    /// The indexes; a `Find` must fit one of them: its equals first, then its range.
    pub indexes: &'static [&'static [&'static str]],
}

/// Which way the rows come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Smallest first.
    Ascending,
    /// Greatest first.
    Descending,
}

/// A range over one field, both ends optional. Strings compare by bytes, integers by value; rows where the field is
/// null are left out.
#[derive(Clone, Debug, PartialEq)]
pub struct FindRange {
    /// The field.
    pub field: &'static str,
    /// At least.
    pub from: Option<Value>,
    /// Less than.
    pub below: Option<Value>,
}

/// What to find: equal fields, at most one range, by which the rows are ordered (then by key), from behind a cursor.
#[derive(Clone, Debug, PartialEq)]
pub struct Find {
    /// Fields that equal a value (null matches null or absent).
    pub equals: Vec<(&'static str, Value)>,
    /// The range, and the order.
    pub range: Option<FindRange>,
    /// Which way.
    pub order: Order,
    /// Behind this place: the range field's value (null without a range) and the key of the last row seen.
    pub after: Option<(Value, String)>,
    /// At most so many rows.
    pub limit: usize,
}

impl Find {
    /// All rows in order of key.
    #[must_use]
    pub const fn all(limit: usize) -> Self {
        Self { equals: Vec::new(), range: None, order: Order::Ascending, after: None, limit }
    }

    /// With a field equal to a value.
    #[must_use]
    pub fn equal(mut self, field: &'static str, value: impl Into<Value>) -> Self {
        self.equals.push((field, value.into()));
        self
    }

    /// With a field in `[from, below)`.
    #[must_use]
    pub fn range(mut self, field: &'static str, from: Option<Value>, below: Option<Value>) -> Self {
        self.range = Some(FindRange { field, from, below });
        self
    }

    /// Greatest first.
    #[must_use]
    pub const fn descending(mut self) -> Self {
        self.order = Order::Descending;
        self
    }

    /// From behind a place.
    #[must_use]
    pub fn after(mut self, after: Option<(Value, String)>) -> Self {
        self.after = after;
        self
    }
}

/// One change of a view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Add or replace a row (a JSON object).
    Put {
        /// Where.
        table: Table,
        /// Its key.
        key: String,
        /// The row.
        row: Bytes,
    },
    /// Remove a row, if it is there.
    Remove {
        /// Where.
        table: Table,
        /// Its key.
        key: String,
    },
}

/// Version of the rows that projections write and of how they fold. A store with rows of another version is emptied when it is
/// opened: the rows are folded from the log again.
pub const ROWS_VERSION: u32 = 3;

/// Rows by key or one declared index.
#[async_trait]
pub trait ViewStore: Send + Sync {
    /// One row.
    async fn get(&self, table: Table, key: &str) -> Result<Option<Bytes>>;
    /// Rows with their keys.
    async fn find(&self, table: Table, find: &Find) -> Result<Vec<(String, Bytes)>>;
    /// How far a projection has come; `None` before its first save.
    async fn position(&self, projection: &str) -> Result<Option<Position>>;
    /// All or nothing; `Conflict` unless the projection stands at `from`.
    async fn save(&self, projection: &str, from: Option<Position>, to: Position, writes: Vec<Write>) -> Result<()>;
    /// Resolves when the projection may stand elsewhere than at `seen`.
    async fn moved(&self, projection: &str, seen: Option<Position>);
}
