//! A look at the whole collection, a page at a time: at first contact, where history was lost, and each night.
//!
//! What is as known gives no event. Tokens keep the order: what is seen is as old as the feed's end when the look began.

use std::collections::HashSet;
use std::sync::Arc;

use commands::{Commands, Observed, document_of_record};
use domain::document::Source;
use domain::id::DocumentId;
use futures::{StreamExt, TryStreamExt};
use http::document::is_leaving;
use jiff::Timestamp;
use ports::{Change, ChangeToken, DocumentStore, Find, Record, RecordFilter, Result};
use projections::{DocumentNow, Views};
use serde_json::Value;

/// Records or documents that are read together.
const PAGE: usize = 500;
/// Of them, at most so many looked at at once, so that their appends share a commit.
const TOGETHER: usize = 64;

/// Why the collection is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Occasion {
    /// For the first time. What was added since is left to the feed, which knows by whom.
    FirstContact,
    /// The feed has lost its history, so that nothing is left to it.
    HistoryLost,
    /// As a check. What changed since is left to the feed, and what the views know already is not looked up in the log.
    Night,
}

/// A page that was looked at.
pub(crate) struct Page {
    /// The id it ended with; the next one begins behind it.
    pub(crate) last: String,
    pub(crate) looked_at: usize,
    /// How many of them the log had otherwise.
    pub(crate) different: usize,
}

/// Looks at the collection.
pub(crate) struct Scan {
    documents: Arc<dyn DocumentStore>,
    commands: Commands,
    views: Views,
}

impl Scan {
    pub(crate) fn new(documents: Arc<dyn DocumentStore>, commands: Commands, views: Views) -> Self {
        Self { documents, commands, views }
    }

    /// Looks at the next records; none where all were looked at.
    pub(crate) async fn records(
        &self,
        occasion: Occasion,
        token: ChangeToken,
        after: Option<&str>,
        at: Timestamp,
    ) -> Result<Option<Page>> {
        let records = self.documents.list(&RecordFilter::default(), after, PAGE).await?;
        let Some(last) = records.last().map(|record| record.id().to_owned()) else { return Ok(None) };
        // Asked after the page was read, so that no change that the page shows is missing in the answer.
        let left = self.left_to_the_feed(occasion).await?;
        let records = records.into_iter().filter(|record| !left.contains(record.id()));
        let named = records.filter_map(|record| Some((document_of_record(&record)?, record)));
        // Each record has a stream of its own, so the order among them is of no account.
        let mut looks = futures::stream::iter(named)
            .map(|(document, record)| self.look_at_record(occasion, document, record, token, at))
            .buffer_unordered(TOGETHER);
        let mut page = Page { last, looked_at: 0, different: 0 };
        while let Some(is_different) = looks.try_next().await? {
            page.looked_at += 1;
            page.different += usize::from(is_different);
        }
        Ok(Some(page))
    }

    /// Looks for documents, among the next ones known, whose record is gone; none where all were looked at.
    pub(crate) async fn known(
        &self,
        occasion: Occasion,
        token: ChangeToken,
        after: Option<&str>,
        at: Timestamp,
    ) -> Result<Option<Page>> {
        let after = after.map(|id| (Value::Null, id.to_owned()));
        let known: Vec<DocumentNow> = self.views.find(&Find::all(PAGE).after(after)).await?;
        let Some(last) = known.last().map(|DocumentNow(state)| state.document.to_string()) else { return Ok(None) };
        let mut page = Page { last, looked_at: known.len(), different: 0 };
        let mut gone = Vec::new();
        for DocumentNow(state) in known {
            if self.documents.get(state.document.as_str()).await?.is_none() {
                gone.push(state.document);
            }
        }
        let left = self.left_to_the_feed(occasion).await?;
        for document in gone.into_iter().filter(|document| !left.contains(document.as_str())) {
            page.different += usize::from(self.look_at(occasion, document, None, token, at).await?);
        }
        Ok(Some(page))
    }

    /// The records of which the feed will tell.
    async fn left_to_the_feed(&self, occasion: Occasion) -> Result<HashSet<String>> {
        let mut left = HashSet::new();
        if occasion == Occasion::HistoryLost {
            return Ok(left);
        }
        let mut changes = self.documents.changes();
        while let Some(change) = changes.try_next().await? {
            if let Change::Seen { id, before, .. } = change
                && (occasion == Occasion::Night || before.is_none())
            {
                left.insert(id);
            }
        }
        Ok(left)
    }

    async fn look_at_record(
        &self,
        occasion: Occasion,
        document: DocumentId,
        record: Record,
        token: ChangeToken,
        at: Timestamp,
    ) -> Result<bool> {
        if occasion == Occasion::Night && self.is_as_known(&document, &record).await? {
            return Ok(false);
        }
        self.look_at(occasion, document, Some(record), token, at).await
    }

    async fn is_as_known(&self, document: &DocumentId, record: &Record) -> Result<bool> {
        if is_leaving(record) {
            return Ok(false);
        }
        let Some(DocumentNow(known)) = self.views.get(document.as_str()).await? else { return Ok(false) };
        Ok(known.fingerprint == self.commands.record_fingerprint(document, record).await?)
    }

    /// Takes in what a document is; true where the log had it otherwise.
    async fn look_at(
        &self,
        occasion: Occasion,
        document: DocumentId,
        after: Option<Record>,
        token: ChangeToken,
        at: Timestamp,
    ) -> Result<bool> {
        let source = match occasion {
            Occasion::FirstContact => Source::FirstContact,
            Occasion::HistoryLost | Occasion::Night => Source::Scan,
        };
        let observed = Observed { document, token, stored_at: at, before: None, after, source };
        Ok(self.commands.observe(&observed, at).await?.appended > 0)
    }
}
