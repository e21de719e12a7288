//! Reports and their deliveries: history, and what has no outcome yet.

use async_trait::async_trait;
use domain::any_event::AnyEvent;
use domain::delivery::{Delivery, Event as DeliveryEvent, Occasion};
use domain::edition::Edition;
use domain::id::{ContentHash, Id, TrialId};
use domain::occurrence::Event as OccurrenceEvent;
use domain::period::Period;
use domain::report::{Event as ReportEvent, Report, Scheduled};
use domain::sealed::Sealed;
use domain::subscription::Subscription;
use jiff::Timestamp;
use ports::{Categories, Origin, Result, Table};
use serde::{Deserialize, Serialize};

use crate::projection::{Draft, Projection, Recorded, Row, Stamp, stamp_of};

/// How far a report is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReportStatus {
    /// Asked for by a delivery; the scheduler has not seen it yet.
    Requested,
    /// Asked for.
    Scheduled,
    /// Stored.
    Rendered,
    /// Given up.
    Abandoned,
}

impl ReportStatus {
    /// The name in rows.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Scheduled => "scheduled",
            Self::Rendered => "rendered",
            Self::Abandoned => "abandoned",
        }
    }
}

/// A report as it is now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportNow {
    /// Its id.
    pub id: Id<Report>,
    /// The trial.
    pub trial: TrialId,
    /// The period.
    pub period: Period,
    /// The edition.
    pub edition: Edition,
    /// The closing that its figures end with.
    pub cut: Timestamp,
    /// Microseconds of the cut.
    pub cut_stamp: Stamp,
    /// Whether the period goes on.
    pub so_far: bool,
    /// How far it is.
    pub status: ReportStatus,
    /// When it was asked for.
    pub scheduled_at: Timestamp,
    /// Microseconds of that: as texts, instants with and without a fraction do not sort.
    pub scheduled_stamp: Stamp,
    /// When it was stored.
    pub rendered_at: Option<Timestamp>,
    /// Its file.
    pub sha256: Option<ContentHash>,
    /// In bytes.
    pub size_bytes: u64,
    /// Pages.
    pub pages: u32,
    /// The log hash at the cut.
    pub log_sha256: Option<String>,
    /// Why it was given up.
    pub abandoned_because: Option<String>,
    /// Deliveries without an outcome.
    pub open_deliveries: u64,
    /// Of these, those that nobody has attempted.
    #[serde(default)]
    pub waiting_deliveries: u64,
    /// Whether there is something to send for the first time, or to skip. What is tried again is found by its own due.
    pub sending: bool,
    /// What asked for it.
    pub origin: Origin,
}

impl Row for ReportNow {
    const TABLE: Table = Table {
        name: "reports",
        indexes: &[&["trial", "scheduled_stamp"], &["status", "cut_stamp"], &["sending", "id"]],
    };
    crate::projection::row_as_json!();

    fn key(&self) -> String {
        self.id.to_string()
    }
}

/// How far a delivery is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryStatus {
    /// Nothing has been tried.
    Waiting,
    /// A worker is at it.
    Attempted,
    /// The server took it.
    Sent,
    /// To be tried again.
    Deferred,
    /// Refused for good.
    Failed,
    /// Not sent, because it might not be.
    Withheld,
    /// Not sent, because it could not be.
    Skipped,
    /// Nobody knows.
    Unknown,
}

/// A delivery as it is now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryNow {
    /// Its id.
    pub id: Id<Delivery>,
    /// Of which report.
    pub report: Id<Report>,
    /// To which subscription.
    pub subscription: Id<Subscription>,
    /// On which occasion.
    pub occasion: Occasion,
    /// How far it is.
    pub status: DeliveryStatus,
    /// When something has to be done about it, in microseconds; none once it has an outcome.
    pub due: Option<Stamp>,
    /// The last attempt.
    pub attempt: u32,
    /// When it came to be so.
    pub at: Timestamp,
    /// Code of the reason, where it was withheld or skipped.
    pub reason: Option<String>,
    /// What the server said.
    pub reply: Option<Sealed>,
    /// What asked for it.
    pub origin: Origin,
}

impl Row for DeliveryNow {
    const TABLE: Table = Table {
        name: "deliveries",
        indexes: &[&["report", "due"], &["report", "id"], &["report", "subscription", "id"], &["status", "due"]],
    };
    crate::projection::row_as_json!();

    fn key(&self) -> String {
        self.id.to_string()
    }
}

/// The projection.
pub struct Reports;

#[async_trait]
impl Projection for Reports {
    fn name(&self) -> &'static str {
        "reports"
    }

    fn streams(&self) -> Categories {
        Categories(&["report", "occurrence", "delivery"])
    }

    fn tables(&self) -> &'static [Table] {
        &[ReportNow::TABLE, DeliveryNow::TABLE]
    }

    async fn fold(&self, recorded: &Recorded, draft: &mut Draft<'_>) -> Result<()> {
        match &recorded.event {
            AnyEvent::Report(event) => fold_report(event, recorded, draft).await,
            AnyEvent::Occurrence(OccurrenceEvent::RecipientsListed { report, due, subscriptions, .. }) => {
                for subscription in subscriptions {
                    open(report, subscription, &Occasion::Due, stamp_of(*due), recorded, draft).await?;
                }
                Ok(())
            }
            AnyEvent::Delivery(event) => fold_delivery(event, recorded, draft).await,
            AnyEvent::Occurrence(
                OccurrenceEvent::OccurrenceOpened { .. } | OccurrenceEvent::OccurrenceClosed { .. },
            )
            | AnyEvent::Trial(_)
            | AnyEvent::Membership(_)
            | AnyEvent::Document(_)
            | AnyEvent::Content(_)
            | AnyEvent::Subscription(_)
            | AnyEvent::Clock(_) => Ok(()),
        }
    }
}

fn report_of(id: Id<Report>, wanted: &Scheduled, status: ReportStatus, recorded: &Recorded) -> ReportNow {
    let at = recorded.metadata.recorded_at;
    ReportNow {
        id,
        trial: wanted.trial.clone(),
        period: wanted.period,
        edition: wanted.edition.clone(),
        cut: wanted.cut(),
        cut_stamp: stamp_of(wanted.cut()),
        so_far: wanted.so_far,
        status,
        scheduled_at: at,
        scheduled_stamp: stamp_of(at),
        rendered_at: None,
        sha256: None,
        size_bytes: 0,
        pages: 0,
        log_sha256: None,
        abandoned_because: None,
        open_deliveries: 0,
        waiting_deliveries: 0,
        sending: false,
        origin: recorded.metadata.origin(),
    }
}

async fn fold_report(event: &ReportEvent, recorded: &Recorded, draft: &mut Draft<'_>) -> Result<()> {
    let id = Id::<Report>::known(recorded.stream_id());
    let at = recorded.metadata.recorded_at;
    let known: Option<ReportNow> = draft.get(id.as_str()).await?;
    let mut now = match (event, known) {
        (ReportEvent::ReportScheduled { trial, period, edition, so_far }, known) => {
            let (trial, edition) = (trial.clone(), edition.clone());
            let wanted = Scheduled { trial, period: *period, edition, so_far: *so_far };
            let (open_deliveries, waiting_deliveries) =
                known.map_or((0, 0), |known| (known.open_deliveries, known.waiting_deliveries));
            ReportNow {
                open_deliveries,
                waiting_deliveries,
                ..report_of(id, &wanted, ReportStatus::Scheduled, recorded)
            }
        }
        (_, None) => return Ok(()),
        (ReportEvent::ReportRendered { sha256, size_bytes, pages, manifest }, Some(known)) => ReportNow {
            status: ReportStatus::Rendered,
            rendered_at: Some(at),
            sha256: Some(sha256.clone()),
            size_bytes: *size_bytes,
            pages: *pages,
            log_sha256: Some(manifest.log_sha256.clone()),
            ..known
        },
        (ReportEvent::ReportAbandoned { reason }, Some(known)) => {
            ReportNow { status: ReportStatus::Abandoned, abandoned_because: Some(reason.clone()), ..known }
        }
    };
    save(&mut now, draft)
}

fn save(report: &mut ReportNow, draft: &mut Draft<'_>) -> Result<()> {
    let ended = matches!(report.status, ReportStatus::Rendered | ReportStatus::Abandoned);
    report.sending = ended && report.waiting_deliveries > 0;
    draft.put(report)
}

/// A delivery has come, where it was nothing before, or come further. Most events change neither count.
async fn count(before: Option<&DeliveryNow>, now: &DeliveryNow, draft: &mut Draft<'_>) -> Result<()> {
    let is_open = |delivery: &DeliveryNow| delivery.due.is_some();
    let is_waiting = |delivery: &DeliveryNow| delivery.status == DeliveryStatus::Waiting;
    let change = |is: fn(&DeliveryNow) -> bool| i64::from(is(now)) - before.map_or(0, |before| i64::from(is(before)));
    let (open, waiting) = (change(is_open), change(is_waiting));
    if (open, waiting) == (0, 0) {
        return Ok(());
    }
    if let Some(mut report) = draft.get::<ReportNow>(now.report.as_str()).await? {
        report.open_deliveries = report.open_deliveries.saturating_add_signed(open);
        report.waiting_deliveries = report.waiting_deliveries.saturating_add_signed(waiting);
        save(&mut report, draft)?;
    }
    Ok(())
}

async fn open(
    report: &Id<Report>,
    subscription: &Id<Subscription>,
    occasion: &Occasion,
    due: Stamp,
    recorded: &Recorded,
    draft: &mut Draft<'_>,
) -> Result<()> {
    let id = Delivery::id(report, subscription, occasion);
    if draft.get::<DeliveryNow>(id.as_str()).await?.is_some() {
        return Ok(());
    }
    let delivery = DeliveryNow {
        id,
        report: report.clone(),
        subscription: subscription.clone(),
        occasion: occasion.clone(),
        status: DeliveryStatus::Waiting,
        due: Some(due),
        attempt: 0,
        at: recorded.metadata.recorded_at,
        reason: None,
        reply: None,
        origin: recorded.metadata.origin(),
    };
    draft.put(&delivery)?;
    count(None, &delivery, draft).await
}

async fn fold_delivery(event: &DeliveryEvent, recorded: &Recorded, draft: &mut Draft<'_>) -> Result<()> {
    if let DeliveryEvent::DeliveryRequested { report, subscription, occasion, wanted } = event {
        let at = recorded.metadata.recorded_at;
        if draft.get::<ReportNow>(report.as_str()).await?.is_none() {
            draft.put(&report_of(report.clone(), wanted, ReportStatus::Requested, recorded))?;
        }
        return open(report, subscription, occasion, stamp_of(at), recorded, draft).await;
    }
    let Some(mut now) = draft.get::<DeliveryNow>(recorded.stream_id()).await? else { return Ok(()) };
    let before = now.clone();
    now.at = recorded.metadata.recorded_at;
    let (status, due) = match event {
        DeliveryEvent::DeliveryRequested { .. } => return Ok(()),
        DeliveryEvent::DeliveryAttempted { attempt, lease_until, .. } => {
            now.attempt = *attempt;
            (DeliveryStatus::Attempted, Some(stamp_of(*lease_until)))
        }
        DeliveryEvent::DeliverySent { reply, .. } => {
            now.reply = Some(reply.clone());
            (DeliveryStatus::Sent, None)
        }
        DeliveryEvent::DeliveryDeferred { reply, retry_at, .. } => {
            now.reply = Some(reply.clone());
            (DeliveryStatus::Deferred, Some(stamp_of(*retry_at)))
        }
        DeliveryEvent::DeliveryFailed { reply, .. } => {
            now.reply = Some(reply.clone());
            (DeliveryStatus::Failed, None)
        }
        DeliveryEvent::DeliveryWithheld { reason } => {
            now.reason = Some(<&str>::from(reason).to_owned());
            (DeliveryStatus::Withheld, None)
        }
        DeliveryEvent::DeliverySkipped { reason } => {
            now.reason = Some(<&str>::from(reason).to_owned());
            (DeliveryStatus::Skipped, None)
        }
        DeliveryEvent::DeliveryUnknown { .. } => (DeliveryStatus::Unknown, None),
    };
    now.status = status;
    now.due = due;
    draft.put(&now)?;
    count(Some(&before), &now, draft).await
}
