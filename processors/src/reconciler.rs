//! Compares the whole collection with the log each night: what was written past the feed of changes, with its triggers dropped or
//! by a restored file, is found then and not only when the feed says that history was lost.

use std::sync::Arc;

use async_trait::async_trait;
use commands::Commands;
use jiff::Timestamp;
use ports::{ChangeToken, DocumentStore, Result, Step, Worker};
use projections::Views;

use crate::scan::{Occasion, Scan};

/// When a comparison begins: 03:10 UTC, between the quarter hours at which reports are due.
const BEGINS_SECOND: i64 = (3 * 60 + 10) * 60;
const DAY_SECONDS: i64 = 86_400;

/// What is compared: first the records, then what the log knows of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Records,
    Known,
}

/// A comparison under way.
struct Pass {
    token: ChangeToken,
    side: Side,
    /// The last id of this side that was looked at.
    last: Option<String>,
    records: usize,
    different: usize,
}

/// The reconciler.
pub struct Reconciler {
    documents: Arc<dyn DocumentStore>,
    views: Views,
    scan: Scan,
    /// When the next comparison begins; unknown before the first step. A program that was down at night compares the next night.
    next: Option<Timestamp>,
    pass: Option<Pass>,
}

impl Reconciler {
    /// A reconciler of the collection with what the views know of it.
    #[must_use]
    pub fn new(documents: Arc<dyn DocumentStore>, commands: Commands, views: Views) -> Self {
        let scan = Scan::new(Arc::clone(&documents), commands, views.clone());
        Self { documents, views, scan, next: None, pass: None }
    }

    /// One page of a comparison; none where it is over.
    async fn advance(&self, mut pass: Pass, at: Timestamp) -> Result<Option<Pass>> {
        let Pass { token, side, .. } = pass;
        let page = match side {
            Side::Records => self.scan.records(Occasion::Night, token, pass.last.as_deref(), at).await?,
            Side::Known => self.scan.known(Occasion::Night, token, pass.last.as_deref(), at).await?,
        };
        match page {
            Some(page) => {
                pass.last = Some(page.last);
                pass.different += page.different;
                if side == Side::Records {
                    pass.records += page.looked_at;
                }
                Ok(Some(pass))
            }
            None if side == Side::Records => Ok(Some(Pass { side: Side::Known, last: None, ..pass })),
            None => {
                let Pass { records, different, .. } = pass;
                tracing::info!(records, different, "the collection was compared with the log");
                Ok(None)
            }
        }
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
        if self.pass.is_none() && now < next {
            return Ok(Step::Idle { until: Some(next) });
        }
        let Some(last) = self.views.last_closing(None).await? else {
            // Nobody has looked at the collection for the first time yet.
            self.next = Some(next_night(now));
            return Ok(Step::Idle { until: self.next });
        };
        let pass = match self.pass.take() {
            Some(pass) => pass,
            None => {
                let (token, _) = self.documents.end().await?;
                Pass { token, side: Side::Records, last: None, records: 0, different: 0 }
            }
        };
        // What fails begins anew: the pass is gone, and the next beginning stays where it is.
        self.pass = self.advance(pass, now.max(last.instant)).await?;
        if self.pass.is_none() {
            self.next = Some(next_night(now));
        }
        Ok(Step::Worked)
    }

    async fn wake(&mut self) {
        std::future::pending().await
    }

    /// A pass that was under way begins anew: its beginning stays where it is.
    fn forget(&mut self) {
        self.pass = None;
    }
}
