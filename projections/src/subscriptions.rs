//! Subscriptions, the slots they are served in, and when each slot is due.

use async_trait::async_trait;
use domain::any_event::AnyEvent;
use domain::edition::{Edition, Slot};
use domain::id::{Id, TrialId, UserId};
use domain::occurrence::Event as OccurrenceEvent;
use domain::schedule::Schedule;
use domain::subscription::{Event as SubscriptionEvent, Known, Status, Subscription};
use jiff::Timestamp;
use ports::{Categories, Result, Table};
use serde::{Deserialize, Serialize};

use crate::projection::{Draft, OPEN, Projection, Recorded, Row, Stamp, stamp_of};

/// A subscription as it is now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscriptionNow {
    /// Its id.
    pub id: Id<Subscription>,
    /// The trial.
    pub trial: TrialId,
    /// The subscriber.
    pub user: UserId,
    /// Schedule, edition, term and status.
    pub known: Known,
    /// Where the last listed period ended, since the term began or was resumed.
    pub covered_to: Option<Timestamp>,
    /// Since when it is served in its slot; none while it is not.
    pub served_from: Option<Stamp>,
}

impl Row for SubscriptionNow {
    const TABLE: Table = Table { name: "subscriptions", indexes: &[&["user", "id"], &["trial", "id"]] };
    crate::projection::row_as_json!();

    fn key(&self) -> String {
        self.id.to_string()
    }
}

/// Somebody who is served in a slot from one moment to another: at the closings in between.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Served {
    /// Key of the slot.
    pub slot: String,
    /// Who.
    pub subscription: Id<Subscription>,
    /// From this moment on, in microseconds.
    pub from: Stamp,
    /// Up to this moment.
    pub to: Stamp,
}

impl Row for Served {
    const TABLE: Table = Table { name: "served", indexes: &[&["slot", "to"]] };
    crate::projection::row_as_json!();

    fn key(&self) -> String {
        format!("{}|{}|{:020}", self.slot, self.subscription, self.from)
    }
}

/// A slot and when it is due next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotNow {
    /// Its key.
    pub key: String,
    /// The slot.
    pub slot: Slot,
    /// How many are served in it now.
    pub active: u64,
    /// Always 1, so that dues are one range of an index.
    pub one: u8,
    /// Microseconds of the next due; none while nobody is served.
    pub due: Option<Stamp>,
    /// The due that has been opened and not closed.
    pub open: Option<Timestamp>,
    /// Up to when somebody was served in it who is not any more.
    pub left: Stamp,
}

impl SlotNow {
    /// The next due.
    #[must_use]
    pub fn due(&self) -> Option<Timestamp> {
        self.due.and_then(|micros| Timestamp::from_microsecond(micros).ok())
    }
}

impl Row for SlotNow {
    const TABLE: Table = Table { name: "slots", indexes: &[&["one", "due"]] };
    crate::projection::row_as_json!();

    fn key(&self) -> String {
        self.key.clone()
    }
}

/// The projection.
pub struct Subscriptions;

#[async_trait]
impl Projection for Subscriptions {
    fn name(&self) -> &'static str {
        "subscriptions"
    }

    fn streams(&self) -> Categories {
        Categories(&["subscription", "occurrence", "clock"])
    }

    fn tables(&self) -> &'static [Table] {
        &[SubscriptionNow::TABLE, Served::TABLE, SlotNow::TABLE]
    }

    async fn fold(&self, recorded: &Recorded, draft: &mut Draft<'_>) -> Result<()> {
        match &recorded.event {
            AnyEvent::Subscription(event) => fold_subscription(event, recorded, draft).await,
            AnyEvent::Occurrence(event) => fold_occurrence(event, draft).await,
            AnyEvent::Clock(_)
            | AnyEvent::Trial(_)
            | AnyEvent::Membership(_)
            | AnyEvent::Document(_)
            | AnyEvent::Content(_)
            | AnyEvent::Report(_)
            | AnyEvent::Delivery(_) => Ok(()),
        }
    }
}

/// When a subscription changed. Quarter hours that nothing waits for are closed late, so in a quiet time the last closing before
/// the event may be long past; by that alone, who subscribes on Wednesday would be served for the Monday before.
fn moment(recorded: &Recorded) -> Stamp {
    recorded.stamp.max(stamp_of(recorded.metadata.recorded_at))
}

async fn fold_subscription(event: &SubscriptionEvent, recorded: &Recorded, draft: &mut Draft<'_>) -> Result<()> {
    let id = Id::<Subscription>::known(recorded.stream_id());
    let at = moment(recorded);
    let before: Option<SubscriptionNow> = draft.get(id.as_str()).await?;
    let mut now = match (event, before) {
        (SubscriptionEvent::SubscriptionStarted { term, trial, user, schedule, edition }, _) => SubscriptionNow {
            id,
            trial: trial.clone(),
            user: user.clone(),
            known: Known {
                term: *term,
                trial: trial.clone(),
                user: user.clone(),
                schedule: schedule.clone(),
                edition: edition.clone(),
                status: Status::Active,
            },
            covered_to: None,
            served_from: None,
        },
        (_, None) => return Ok(()),
        (SubscriptionEvent::SubscriptionRescheduled { schedule, edition, .. }, Some(mut now)) => {
            leave(&mut now, at, draft).await?;
            reschedule(&mut now.known, schedule, edition);
            now
        }
        (SubscriptionEvent::SubscriptionPaused { .. }, Some(mut now)) => {
            leave(&mut now, at, draft).await?;
            now.known.status = Status::Paused;
            now
        }
        (SubscriptionEvent::SubscriptionResumed { .. }, Some(mut now)) => {
            now.known.status = Status::Active;
            now.covered_to = None;
            now
        }
        (SubscriptionEvent::SubscriptionEnded { .. }, Some(mut now)) => {
            leave(&mut now, at, draft).await?;
            now.known.status = Status::Ended;
            now
        }
    };
    if now.known.status == Status::Active {
        enter(&mut now, at, draft).await?;
    }
    draft.put(&now)
}

fn reschedule(known: &mut Known, schedule: &Schedule, edition: &Edition) {
    known.schedule.clone_from(schedule);
    known.edition.clone_from(edition);
}

/// The subscription is served in its slot from now on.
async fn enter(now: &mut SubscriptionNow, at: Stamp, draft: &mut Draft<'_>) -> Result<()> {
    let slot = now.known.slot();
    let key = slot.key();
    draft.put(&Served { slot: key.clone(), subscription: now.id.clone(), from: at, to: OPEN })?;
    now.served_from = Some(at);
    let fresh = SlotNow { key: key.clone(), slot, active: 0, one: 1, due: None, open: None, left: 0 };
    let mut row: SlotNow = draft.get(&key).await?.unwrap_or(fresh);
    row.active += 1;
    if row.due.is_none() {
        let since = Timestamp::from_microsecond(at).unwrap_or(Timestamp::MIN);
        row.due = Some(stamp_of(row.slot.schedule.next_after(since)));
    }
    draft.put(&row)
}

/// The subscription is not served in its slot any more.
async fn leave(now: &mut SubscriptionNow, at: Stamp, draft: &mut Draft<'_>) -> Result<()> {
    let Some(from) = now.served_from.take() else { return Ok(()) };
    let slot = now.known.slot().key();
    let served = Served { slot: slot.clone(), subscription: now.id.clone(), from, to: at };
    // Another machine's clock may be a little behind: who came and went within that was never served.
    if from >= at {
        draft.remove::<Served>(&served.key());
    } else {
        draft.put(&served)?;
    }
    if let Some(mut row) = draft.get::<SlotNow>(&slot).await? {
        row.active = row.active.saturating_sub(1);
        row.left = row.left.max(at);
        draft.put(&row)?;
    }
    Ok(())
}

async fn fold_occurrence(event: &OccurrenceEvent, draft: &mut Draft<'_>) -> Result<()> {
    match event {
        OccurrenceEvent::OccurrenceOpened { slot, due, .. } => {
            if let Some(mut row) = draft.get::<SlotNow>(&slot.key()).await? {
                row.open = Some(*due);
                draft.put(&row)?;
            }
        }
        OccurrenceEvent::RecipientsListed { period, subscriptions, .. } => {
            for subscription in subscriptions {
                if let Some(mut now) = draft.get::<SubscriptionNow>(subscription.as_str()).await? {
                    now.covered_to = now.covered_to.max(Some(period.to()));
                    draft.put(&now)?;
                }
            }
        }
        OccurrenceEvent::OccurrenceClosed { slot, due, .. } => {
            if let Some(mut row) = draft.get::<SlotNow>(&slot.key()).await? {
                row.open = None;
                // A slot that nobody is in any more is asked once more where they left after its next due.
                let next = stamp_of(slot.schedule.next_after(*due));
                row.due = (row.active > 0 || next <= row.left).then_some(next);
                draft.put(&row)?;
            }
        }
    }
    Ok(())
}
