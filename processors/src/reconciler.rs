//! Compares the whole collection with the log each night: what was written past the feed of changes, with its triggers dropped or
//! by a restored file, is found then and not only when the feed says that history was lost.
//!
//! What is as known gives no event. What the feed is about to tell is left to it, for it knows who did it. Tokens keep the order:
//! what is seen here is as old as the feed's end when the comparison began.

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use commands::{Commands, Observed, document_of_record};
use domain::id::DocumentId;
use futures::{StreamExt, TryStreamExt};
use http::document::is_leaving;
use jiff::Timestamp;
use ports::{Change, ChangeToken, DocumentStore, Find, Record, RecordFilter, Result, Step, Worker};
use projections::{DocumentNow, Views};
use serde_json::Value;

/// When a comparison begins: 03:10 UTC, between the quarter hours at which reports are due.
const BEGINS_SECOND: i64 = (3 * 60 + 10) * 60;
const DAY_SECONDS: i64 = 86_400;
/// Records or documents that are looked at in one step.
const PAGE: usize = 256;
/// Records that are looked at at once.
const TOGETHER: usize = 64;

/// How far a comparison has come.
enum Compared {
    /// Records, up to and with this id.
    Records(Option<String>),
    /// All records, and the documents that the log knows up to and with this id.
    Known(Option<(Value, String)>),
}

/// A comparison under way.
struct Pass {
    token: ChangeToken,
    compared: Compared,
    looked_at: usize,
    different: usize,
}

/// The reconciler.
pub struct Reconciler {
    documents: Arc<dyn DocumentStore>,
    commands: Commands,
    views: Views,
    /// When the next comparison begins; unknown before the first step. A program that was down at night compares the next night.
    next: Option<Timestamp>,
    pass: Option<Pass>,
}

impl Reconciler {
    /// A reconciler of the collection with what the views know of it.
    #[must_use]
    pub fn new(documents: Arc<dyn DocumentStore>, commands: Commands, views: Views) -> Self {
        Self { documents, commands, views, next: None, pass: None }
    }

    /// What changed behind the acknowledged place.
    async fn told_by_the_feed(&self) -> Result<HashSet<String>> {
        let mut told = HashSet::new();
        let mut changes = self.documents.changes();
        while let Some(change) = changes.try_next().await? {
            if let Change::Seen { id, .. } = change {
                told.insert(id);
            }
        }
        Ok(told)
    }

    /// Takes in what a document is; true where the log had it otherwise.
    async fn look_at(
        &self,
        document: DocumentId,
        after: Option<Record>,
        token: ChangeToken,
        now: Timestamp,
    ) -> Result<bool> {
        let last = self.views.last_closing(None).await?;
        let at = last.map_or(now, |closing| now.max(closing.instant));
        let (first_contact, scanned) = (false, true);
        let observed = Observed { document, token, stored_at: at, before: None, after, first_contact, scanned };
        Ok(self.commands.observe(&observed, at).await?.appended > 0)
    }

    /// As [`Reconciler::look_at`]; what the views know already needs no stream to be read.
    async fn look_at_record(
        &self,
        document: DocumentId,
        record: Record,
        token: ChangeToken,
        now: Timestamp,
    ) -> Result<bool> {
        let known: Option<DocumentNow> = self.views.get(document.as_str()).await?;
        if let Some(DocumentNow(known)) = known.filter(|_| !is_leaving(&record))
            && known.fingerprint == self.commands.record_fingerprint(&document, &record).await?
        {
            return Ok(false);
        }
        self.look_at(document, Some(record), token, now).await
    }

    async fn compare_records(&self, pass: &mut Pass, after: Option<&str>, now: Timestamp) -> Result<Compared> {
        let page = self.documents.list(&RecordFilter::default(), after, PAGE).await?;
        let Some(last) = page.last().map(|record| record.id().to_owned()) else { return Ok(Compared::Known(None)) };
        // Asked after the page was read, so that no change that the page shows is missing in the answer.
        let told = self.told_by_the_feed().await?;
        let records = page.into_iter().filter(|record| !told.contains(record.id()));
        let named = records.filter_map(|record| Some((document_of_record(&record)?, record)));
        // Each record has a stream of its own, so the order among them is of no account.
        let mut looks = futures::stream::iter(named)
            .map(|(document, record)| self.look_at_record(document, record, pass.token, now))
            .buffer_unordered(TOGETHER);
        let (mut looked_at, mut different) = (0, 0);
        while let Some(is_different) = looks.try_next().await? {
            looked_at += 1;
            different += usize::from(is_different);
        }
        drop(looks);
        pass.looked_at += looked_at;
        pass.different += different;
        Ok(Compared::Records(Some(last)))
    }

    /// Looks for documents whose record is gone; none where all were looked at.
    async fn compare_known(
        &self,
        pass: &mut Pass,
        after: Option<(Value, String)>,
        now: Timestamp,
    ) -> Result<Option<Compared>> {
        let page: Vec<DocumentNow> = self.views.find(&Find::all(PAGE).after(after)).await?;
        let Some(last) = page.last().map(|DocumentNow(state)| state.document.to_string()) else { return Ok(None) };
        for DocumentNow(state) in page {
            if self.documents.get(state.document.as_str()).await?.is_none()
                && !self.told_by_the_feed().await?.contains(state.document.as_str())
            {
                pass.different += usize::from(self.look_at(state.document, None, pass.token, now).await?);
            }
        }
        Ok(Some(Compared::Known(Some((Value::Null, last)))))
    }

    /// One page of a comparison; none where it is over.
    async fn advance(&self, mut pass: Pass, now: Timestamp) -> Result<Option<Pass>> {
        let next = match &pass.compared {
            Compared::Records(after) => {
                let after = after.clone();
                Some(self.compare_records(&mut pass, after.as_deref(), now).await?)
            }
            Compared::Known(after) => {
                let after = after.clone();
                self.compare_known(&mut pass, after, now).await?
            }
        };
        Ok(match next {
            Some(compared) => Some(Pass { compared, ..pass }),
            None => {
                let Pass { looked_at, different, .. } = pass;
                tracing::info!(records = looked_at, different, "the collection was compared with the log");
                None
            }
        })
    }
}

/// The next beginning behind an instant.
fn next_night(after: Timestamp) -> Timestamp {
    let days = (after.as_second() - BEGINS_SECOND).div_euclid(DAY_SECONDS) + 1;
    Timestamp::from_second(days * DAY_SECONDS + BEGINS_SECOND).unwrap_or(Timestamp::MAX)
}

#[async_trait]
impl Worker for Reconciler {
    fn name(&self) -> &'static str {
        "reconciler"
    }

    async fn step(&mut self, now: Timestamp) -> Result<Step> {
        let next = *self.next.get_or_insert_with(|| next_night(now));
        let pass = match self.pass.take() {
            Some(pass) => pass,
            None if now < next => return Ok(Step::Idle { until: Some(next) }),
            None if self.views.last_closing(None).await?.is_none() => {
                // Nobody has looked at the collection for the first time yet.
                self.next = Some(next_night(now));
                return Ok(Step::Idle { until: self.next });
            }
            None => {
                let (token, _) = self.documents.end().await?;
                Pass { token, compared: Compared::Records(None), looked_at: 0, different: 0 }
            }
        };
        // What fails begins anew: the pass is gone, and the next beginning stays where it is.
        self.pass = self.advance(pass, now).await?;
        if self.pass.is_none() {
            self.next = Some(next_night(now));
        }
        Ok(Step::Worked)
    }

    async fn wake(&mut self) {
        std::future::pending().await
    }
}
