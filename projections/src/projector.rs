//! Follows the log for one projection: read, fold, save rows and position together.

use std::sync::Arc;

use async_trait::async_trait;
use domain::aggregate::Aggregate;
use domain::any_event::AnyEvent;
use domain::clock::ClockDay;
use futures::StreamExt;
use jiff::Timestamp;
use ports::{Error, EventFeed, Fed, Position, ROWS_VERSION, Result, Step, StoredEvent, ViewStore, Worker};

use crate::projection::{Draft, KnownRows, Progress, Projection, Recorded};

/// At most so many events are folded into one save.
const BATCH: usize = 512;

/// The most rows that are remembered from one batch to the next.
const REMEMBERED: usize = 4_096;

/// One projection on its way through the log.
pub struct Projector {
    projection: Arc<dyn Projection>,
    feed: Arc<dyn EventFeed>,
    views: Arc<dyn ViewStore>,
    /// Where the view was seen to stand; unknown before the first step and after a conflict.
    seen: Option<Option<Position>>,
    /// Rows as the last save left them. As long as saves find the position where this projector left it, nobody else wrote any.
    rows: KnownRows,
}

impl Projector {
    /// Follows a feed into a view store.
    #[must_use]
    pub fn new(projection: Arc<dyn Projection>, feed: Arc<dyn EventFeed>, views: Arc<dyn ViewStore>) -> Self {
        Self { projection, feed, views, seen: None, rows: KnownRows::new() }
    }

    /// Folds the next batch; false where there is nothing new.
    ///
    /// # Errors
    /// A port's, or `Corrupt` at an event that cannot be decoded: the projector stays before it.
    pub async fn advance(&mut self) -> Result<bool> {
        let name = self.projection.name();
        let from = match self.seen {
            Some(position) => position,
            None => {
                // Somebody else may have moved it: what is remembered of its rows is of the past.
                self.rows.clear();
                self.views.position(name).await?
            }
        };
        let (events, to) = self.read(from).await?;
        let Some(to) = to.filter(|to| Some(*to) != from) else {
            self.seen = Some(from);
            return Ok(false);
        };
        // What goes wrong from here on leaves nothing remembered.
        self.seen = None;
        let mut draft = Draft::new(self.views.as_ref(), std::mem::take(&mut self.rows));
        let folded = self.fold(&events, &mut draft).await?;
        let to = if folded.len() == events.len() { to } else { folded.last().map_or(to, |last| last.position) };
        let (writes, rows) = draft.into_writes();
        match self.views.save(name, from, to, writes).await {
            Ok(()) => {
                self.seen = Some(Some(to));
                self.rows = if rows.len() <= REMEMBERED { rows } else { KnownRows::new() };
                Ok(true)
            }
            // Another process folded this batch; its rows are as good.
            Err(Error::Conflict(_)) => Ok(true),
            Err(error) => Err(error),
        }
    }

    async fn read(&self, from: Option<Position>) -> Result<(Vec<StoredEvent>, Option<Position>)> {
        let mut feed = self.feed.read(from, self.projection.streams());
        let (mut events, mut to) = (Vec::new(), None);
        while events.len() < BATCH
            && let Some(fed) = feed.next().await
        {
            match fed? {
                Fed::Event(event) => {
                    to = Some(event.position);
                    events.push(event);
                }
                Fed::Passed(position) => to = Some(position),
            }
        }
        Ok((events, to))
    }

    /// Folds events up to one that cannot be decoded, which is an error only where it is the first: what stands before it is
    /// saved. Answers those that were folded.
    async fn fold<'e>(&self, events: &'e [StoredEvent], draft: &mut Draft<'_>) -> Result<&'e [StoredEvent]> {
        let name = self.projection.name();
        let mut progress: Progress = draft.get(name).await?.unwrap_or_default();
        progress.projection = name.to_owned();
        let follows_clock = self.projection.streams().contains(ClockDay::CATEGORY);
        for (i, stored) in events.iter().enumerate() {
            let recorded = match Recorded::new(stored, progress.stamp()) {
                Err(Error::Corrupt(_)) if i > 0 => return Ok(&events[..i]),
                recorded => recorded?,
            };
            self.projection.fold(&recorded, draft).await?;
            if let AnyEvent::Clock(event) = &recorded.event
                && follows_clock
            {
                let (instant, _) = event.closing();
                progress.genesis.get_or_insert(instant);
                progress.closed = Some(instant);
                draft.put(&progress)?;
            }
        }
        Ok(events)
    }
}

#[async_trait]
impl Worker for Projector {
    fn name(&self) -> &'static str {
        self.projection.name()
    }

    async fn step(&mut self, _now: Timestamp) -> Result<Step> {
        Ok(if self.advance().await? { Step::Worked } else { Step::Idle { until: None } })
    }

    async fn wake(&mut self) {
        self.feed.grown(self.seen.flatten()).await;
    }

    /// While programs of two versions run side by side, each folds the rows of its own.
    fn lease(&self) -> String {
        format!("v{ROWS_VERSION}.{}", self.name())
    }

    fn forget(&mut self) {
        self.seen = None;
    }
}
