//! Reading rows by their type.

use std::sync::Arc;

use domain::figures::Figures;
use futures::stream::{self, Stream, TryStreamExt};
use jiff::Timestamp;
use ports::{Find, Position, Result, ViewStore};

use crate::projection::{Progress, Row, Stamp, decode_row, stamp_of};
use crate::{Closing, DocumentThen, FiguresThen, Series, TrialContent};

/// A row that holds from one stamp up to another, and has an index that ends with `to`.
pub trait Lasting: Row {
    /// From which stamp on, and up to which.
    fn validity(&self) -> (Stamp, Stamp);
}

impl Lasting for DocumentThen {
    fn validity(&self) -> (Stamp, Stamp) {
        (self.0.from, self.0.to)
    }
}

impl Lasting for TrialContent {
    fn validity(&self) -> (Stamp, Stamp) {
        (self.from, self.to)
    }
}

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

    /// All rows that held at a closing, `find.limit` read at a time. They come in an order that later events change, so
    /// who wants some of them must read all, and choose by what the rows say.
    pub fn held_at<R: Lasting>(&self, find: Find, closing: Timestamp) -> impl Stream<Item = Result<R>> + Send + '_ {
        let stamp = stamp_of(closing);
        let find = find.range("to", Some(stamp.into()), None);
        let pages = stream::try_unfold(Some(find), move |find| async move {
            let Some(find) = find else { return Ok(None) };
            let mut page: Vec<R> = self.find(&find).await?;
            let last = page.last().filter(|_| page.len() == find.limit);
            let next = last.map(|last| find.after(Some((last.validity().1.into(), last.key()))));
            page.retain(|row| row.validity().0 < stamp);
            Ok(Some((stream::iter(page.into_iter().map(Ok)), next)))
        });
        pages.try_flatten()
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

    /// The first closing not before an instant. Its state is that of the instant: what is stamped before it. It is another instant
    /// where a later one was closed first.
    ///
    /// # Errors
    /// The view store's, or `Corrupt`.
    pub async fn closing_of(&self, instant: Timestamp) -> Result<Option<Closing>> {
        self.first(Find::all(1).equal("one", 1).range("stamp", Some(stamp_of(instant).into()), None)).await
    }

    /// The last closing, or the last one not after an instant.
    ///
    /// # Errors
    /// The view store's, or `Corrupt`.
    pub async fn last_closing(&self, not_after: Option<Timestamp>) -> Result<Option<Closing>> {
        let Some(last) = self.progress("closings").await?.closed else { return Ok(None) };
        match not_after.filter(|instant| *instant < last) {
            None => self.get(&last.to_string()).await,
            Some(instant) => {
                let below = (stamp_of(instant) + 1).into();
                self.first(Find::all(1).equal("one", 1).range("stamp", None, Some(below)).descending()).await
            }
        }
    }
}
