//! Reading rows by their type.

use std::sync::Arc;

use jiff::Timestamp;
use ports::{Find, Position, Result, ViewStore};

use crate::projection::{Progress, Row, decode_row, stamp_of};
use crate::{Closing, FiguresThen, Series};
use domain::figures::Figures;

/// The views, read by row type.
#[derive(Clone)]
pub struct Views(Arc<dyn ViewStore>);

impl Views {
    /// Reads from a view store.
    #[must_use]
    pub fn new(store: Arc<dyn ViewStore>) -> Self {
        Self(store)
    }

    /// One row.
    ///
    /// # Errors
    /// The view store's, or `Corrupt`.
    pub async fn get<R: Row>(&self, key: &str) -> Result<Option<R>> {
        self.0.get(R::TABLE, key).await?.map(|row| decode_row(&row)).transpose()
    }

    /// Rows of one index range.
    ///
    /// # Errors
    /// The view store's, or `Corrupt`.
    pub async fn find<R: Row>(&self, find: &Find) -> Result<Vec<R>> {
        self.0.find(R::TABLE, find).await?.iter().map(|(_, row)| decode_row(row)).collect()
    }

    /// The first row of an index range.
    ///
    /// # Errors
    /// The view store's, or `Corrupt`.
    pub async fn first<R: Row>(&self, mut find: Find) -> Result<Option<R>> {
        find.limit = 1;
        Ok(self.find(&find).await?.pop())
    }

    /// How far a projection has come in the log.
    ///
    /// # Errors
    /// The view store's.
    pub async fn position(&self, projection: &str) -> Result<Option<Position>> {
        self.0.position(projection).await
    }

    /// How far a projection has come in closings.
    ///
    /// # Errors
    /// The view store's, or `Corrupt`.
    pub async fn progress(&self, projection: &str) -> Result<Progress> {
        Ok(self.get(projection).await?.unwrap_or_default())
    }

    /// Waits until a projection may have moved on from `seen`.
    pub async fn moved(&self, projection: &str, seen: Option<Position>) {
        self.0.moved(projection, seen).await;
    }

    /// The figures of a series at the end of what a closing closed.
    ///
    /// # Errors
    /// The view store's, or `Corrupt`.
    pub async fn figures_at(&self, series: &Series, closing: Timestamp) -> Result<Figures> {
        let find = Find::all(1)
            .equal("series", series.key())
            .range("stamp", None, Some(stamp_of(closing).into()))
            .descending();
        Ok(self.first::<FiguresThen>(find).await?.map_or_else(Figures::default, |then| then.figures))
    }

    /// The last closing, or the last one not after an instant.
    ///
    /// # Errors
    /// The view store's, or `Corrupt`.
    pub async fn last_closing(&self, not_after: Option<Timestamp>) -> Result<Option<Closing>> {
        let below = not_after.map(|instant| (stamp_of(instant) + 1).into());
        self.first(Find::all(1).equal("one", 1).range("stamp", None, below).descending()).await
    }
}
