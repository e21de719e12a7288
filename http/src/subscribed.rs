//! A subscription as callers see it: after a command, and in a list.

use domain::edition::Edition;
use domain::id::{Id, TrialId};
use domain::schedule::Schedule;
use domain::subscription::{Known, Status, Subscription};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// A subscription.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Subscribed {
    /// Its id.
    #[schema(value_type = String)]
    pub id: Id<Subscription>,
    /// The trial.
    pub trial: TrialId,
    /// When reports are due.
    pub schedule: Schedule,
    /// In which edition.
    pub edition: Edition,
    /// Whether reports come.
    pub status: Status,
    /// Counts the times it was started.
    pub term: u32,
    /// The schedule in words.
    pub sentence: String,
    /// When the next report is due, where it is active.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_due: Option<Timestamp>,
}

impl Subscribed {
    /// What callers see of a subscription at a moment.
    #[must_use]
    pub fn new(id: Id<Subscription>, known: &Known, now: Timestamp) -> Self {
        Self {
            id,
            trial: known.trial.clone(),
            sentence: known.schedule.describe(),
            next_due: (known.status == Status::Active).then(|| known.schedule.next_after(now)),
            schedule: known.schedule.clone(),
            edition: known.edition.clone(),
            status: known.status,
            term: known.term,
        }
    }
}
