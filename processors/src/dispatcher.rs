//! Open work to the queue. The queue may forget: what has no outcome is offered again.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use ports::{Find, Position, Result, Step, Work, WorkKind, WorkQueue, Worker};
use projections::{Analysis, DeliveryNow, ReportNow, Views, stamp_of};

/// At most so much work of one kind is offered at once; more follows when some of it is done.
const OFFERED: usize = 512;

/// The views whose moves may open work.
const WATCHED: [&str; 3] = ["analyses", "reports", "document_changes"];

/// The dispatcher.
pub struct Dispatcher {
    views: Views,
    queue: Arc<dyn WorkQueue>,
    seen: [Option<Position>; 3],
}

impl Dispatcher {
    /// A dispatcher from these views to this queue.
    #[must_use]
    pub fn new(views: Views, queue: Arc<dyn WorkQueue>) -> Self {
        Self { views, queue, seen: [None; 3] }
    }

    async fn offer(&self, kind: WorkKind, id: &str) -> Result<()> {
        self.queue.offer(&Work { kind, id: id.to_owned() }).await
    }

    async fn offer_analyses(&self) -> Result<()> {
        let waiting: Vec<Analysis> =
            self.views.find(&Find::all(OFFERED).equal("open", true).range("id", None, None)).await?;
        for analysis in waiting {
            self.offer(WorkKind::Analyse, &analysis.id).await?;
        }
        Ok(())
    }

    /// Reports whose cut is closed; the renderer looks whether the views have passed it.
    async fn offer_renderings(&self, now: Timestamp) -> Result<()> {
        let below = stamp_of(now) + 1;
        let find = Find::all(OFFERED).equal("status", "scheduled").range("cut_stamp", None, Some(below.into()));
        let scheduled: Vec<ReportNow> = self.views.find(&find).await?;
        for report in scheduled {
            self.offer(WorkKind::Render, report.id.as_str()).await?;
        }
        Ok(())
    }

    /// Deliveries of reports that are ready; answers when the next one is due.
    async fn offer_deliveries(&self, now: Timestamp) -> Result<Option<Timestamp>> {
        let below = stamp_of(now) + 1;
        let mut next: Option<Timestamp> = None;
        let sending: Vec<ReportNow> =
            self.views.find(&Find::all(OFFERED).equal("sending", true).range("id", None, None)).await?;
        let mut room = OFFERED;
        for report in sending {
            let limit = room.max(1);
            let of_report = || Find::all(limit).equal("report", report.id.as_str());
            let due: Vec<DeliveryNow> = self.views.find(&of_report().range("due", None, Some(below.into()))).await?;
            for delivery in due.iter().take(room) {
                self.offer(WorkKind::Deliver, delivery.id.as_str()).await?;
            }
            room = room.saturating_sub(due.len());
            let later: Option<DeliveryNow> =
                self.views.first(of_report().range("due", Some(below.into()), None)).await?;
            let later = later.and_then(|delivery| Timestamp::from_microsecond(delivery.due?).ok());
            next = next.into_iter().chain(later).min();
        }
        Ok(next)
    }
}

#[async_trait]
impl Worker for Dispatcher {
    fn name(&self) -> &'static str {
        "dispatcher"
    }

    async fn step(&mut self, now: Timestamp) -> Result<Step> {
        for (seen, view) in self.seen.iter_mut().zip(WATCHED) {
            *seen = self.views.position(view).await?;
        }
        self.offer_analyses().await?;
        self.offer_renderings(now).await?;
        let until = self.offer_deliveries(now).await?;
        Ok(Step::Idle { until })
    }

    async fn wake(&mut self) {
        let [analyses, reports, changes] = self.seen;
        tokio::select! {
            () = self.views.moved(WATCHED[0], analyses) => {}
            () = self.views.moved(WATCHED[1], reports) => {}
            () = self.views.moved(WATCHED[2], changes) => {}
        }
    }
}
