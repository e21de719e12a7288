//! Open work to the queue. The queue may forget: what has no outcome is offered again.

use std::sync::Arc;

use async_trait::async_trait;
use futures::future::select_all;
use futures::{StreamExt, TryStreamExt};
use jiff::{SignedDuration, Timestamp};
use ports::{Find, Position, Result, Step, Work, WorkKind, WorkQueue, Worker};
use projections::{Analysis, DeliveryNow, ReportNow, Views, stamp_of};

/// At most so much work of one kind is offered at once; more follows when some of it is done.
const OFFERED: usize = 512;

/// Offers under way at once.
const TOGETHER: usize = 64;

/// The views whose moves may open work, or let work go on that waited for one of them: those that a report is read from.
const WATCHED: [&str; 5] = ["analyses", "reports", "document_changes", "closings", "trials"];

/// How long work that was offered may stay open before it is offered again: the queue may have lost it.
const OFFERED_AGAIN: SignedDuration = SignedDuration::from_secs(60);

/// The dispatcher.
pub struct Dispatcher {
    views: Views,
    queue: Arc<dyn WorkQueue>,
    seen: [Option<Position>; WATCHED.len()],
    /// Until when nothing is to be offered unless a view moves; unknown before the first step and after one that failed.
    until: Option<Option<Timestamp>>,
}

impl Dispatcher {
    /// A dispatcher from these views to this queue.
    #[must_use]
    pub fn new(views: Views, queue: Arc<dyn WorkQueue>) -> Self {
        Self { views, queue, seen: [None; WATCHED.len()], until: None }
    }

    /// Several at once, for a queue may be a network away; in the order given. True where there was something.
    async fn offer(&self, kind: WorkKind, ids: impl ExactSizeIterator<Item = String> + Send) -> Result<bool> {
        let some = ids.len() > 0;
        let offers = ids.map(async |id| self.queue.offer(&Work { kind, id }).await);
        futures::stream::iter(offers).buffered(TOGETHER).try_collect::<()>().await?;
        Ok(some)
    }

    async fn offer_analyses(&self) -> Result<bool> {
        let waiting: Vec<Analysis> =
            self.views.find(&Find::all(OFFERED).equal("open", true).range("id", None, None)).await?;
        self.offer(WorkKind::Analyse, waiting.into_iter().map(|analysis| analysis.id)).await
    }

    /// Reports whose cut is closed; the renderer looks whether the views have passed it.
    async fn offer_renderings(&self, now: Timestamp) -> Result<bool> {
        let below = stamp_of(now) + 1;
        let find = Find::all(OFFERED).equal("status", "scheduled").range("cut_stamp", None, Some(below.into()));
        let scheduled: Vec<ReportNow> = self.views.find(&find).await?;
        self.offer(WorkKind::Render, scheduled.into_iter().map(|report| report.id.to_string())).await
    }

    /// Deliveries that nobody has attempted, of reports that are ready: of each so many that all come to their turn.
    async fn offer_first_attempts(&self, now: Timestamp) -> Result<bool> {
        let below = stamp_of(now) + 1;
        let sending: Vec<ReportNow> =
            self.views.find(&Find::all(OFFERED).equal("sending", true).range("id", None, None)).await?;
        let share = OFFERED.checked_div(sending.len()).unwrap_or(OFFERED);
        let mut offered = false;
        for report in sending {
            let find = Find::all(share).equal("report", report.id.as_str()).range("due", None, Some(below.into()));
            let due: Vec<DeliveryNow> = self.views.find(&find).await?;
            offered |= self.offer(WorkKind::Deliver, due.into_iter().map(|delivery| delivery.id.to_string())).await?;
        }
        Ok(offered)
    }

    /// Deliveries to be tried again, and those whose attempt was never answered; answers when the next one is due.
    async fn offer_further_attempts(&self, now: Timestamp) -> Result<(bool, Option<Timestamp>)> {
        let below = stamp_of(now) + 1;
        let (mut offered, mut next) = (false, None);
        for status in ["deferred", "attempted"] {
            let find = Find::all(OFFERED).equal("status", status);
            let due: Vec<DeliveryNow> = self.views.find(&find.clone().range("due", None, Some(below.into()))).await?;
            offered |= self.offer(WorkKind::Deliver, due.into_iter().map(|delivery| delivery.id.to_string())).await?;
            let later: Option<DeliveryNow> = self.views.first(find.range("due", Some(below.into()), None)).await?;
            let later = later.and_then(|delivery| Timestamp::from_microsecond(delivery.due?).ok());
            next = next.into_iter().chain(later).min();
        }
        Ok((offered, next))
    }

    /// Offers all that is open, and answers when to look again, though no view has moved.
    async fn offer_open_work(&self, now: Timestamp) -> Result<Option<Timestamp>> {
        let mut offered = self.offer_analyses().await?;
        offered |= self.offer_renderings(now).await?;
        offered |= self.offer_first_attempts(now).await?;
        let (again, next_due) = self.offer_further_attempts(now).await?;
        let lost = (offered | again).then(|| now.saturating_add(OFFERED_AGAIN).unwrap_or(Timestamp::MAX));
        Ok(next_due.into_iter().chain(lost).min())
    }
}

#[async_trait]
impl Worker for Dispatcher {
    fn name(&self) -> &'static str {
        "dispatcher"
    }

    async fn step(&mut self, now: Timestamp) -> Result<Step> {
        let mut stand = [None; WATCHED.len()];
        for (stand, view) in stand.iter_mut().zip(WATCHED) {
            *stand = self.views.position(view).await?;
        }
        if let Some(until) = self.until.filter(|_| stand == self.seen)
            && until.is_none_or(|until| now < until)
        {
            return Ok(Step::Idle { until });
        }
        (self.seen, self.until) = (stand, None);
        let until = self.offer_open_work(now).await?;
        self.until = Some(until);
        Ok(Step::Idle { until })
    }

    fn forget(&mut self) {
        self.until = None;
    }

    async fn wake(&mut self) {
        let moves = WATCHED.iter().zip(self.seen).map(|(view, seen)| Box::pin(self.views.moved(view, seen)));
        select_all(moves).await;
    }
}
