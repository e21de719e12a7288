//! A slot at one due time: who is to get which report.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantNames};

use crate::aggregate::{self, Aggregate, RefusalKind};
use crate::edition::Slot;
use crate::id::Id;
use crate::period::Period;
use crate::report::Report;
use crate::subscription::Subscription;

#[cfg(test)]
mod tests;

/// At most so many recipients in one event, so that an append stays below the log's limit.
pub const CHUNK: usize = 5_000;

/// What one may ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// The slot's time has come. No event where it has been opened.
    Open {
        /// The slot.
        slot: Slot,
        /// When it was due.
        due: Timestamp,
        /// Dues that were missed and are joined into it.
        joined: Vec<Timestamp>,
    },
    /// Name the next recipients of one report: reports in order of their period's start, recipients in order of their id.
    List {
        /// The report's period.
        period: Period,
        /// In ascending order, at most [`CHUNK`].
        subscriptions: Vec<Id<Subscription>>,
    },
    /// All recipients are named.
    Close,
}

/// What may have happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr, VariantNames)]
#[serde(tag = "type", content = "data")]
pub enum Event {
    /// The slot's time came.
    OccurrenceOpened {
        /// The slot.
        slot: Slot,
        /// When it was due.
        due: Timestamp,
        /// Dues that were missed and are joined into it.
        joined: Vec<Timestamp>,
    },
    /// These are to get this report.
    RecipientsListed {
        /// The report.
        report: Id<Report>,
        /// Its period.
        period: Period,
        /// When the occurrence was due.
        due: Timestamp,
        /// In ascending order.
        subscriptions: Vec<Id<Subscription>>,
    },
    /// All recipients are named.
    OccurrenceClosed {
        /// The slot.
        slot: Slot,
        /// When it was due.
        due: Timestamp,
        /// How many were named.
        listed: u64,
    },
}

impl aggregate::Event for Event {
    aggregate::stored_as_json!();

    fn kind(&self) -> &'static str {
        self.into()
    }
}

/// Why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It was not opened.
    #[error("the occurrence has not been opened")]
    NotOpened,
    /// All recipients are named.
    #[error("the occurrence is closed; all its recipients are named")]
    Closed,
    /// Recipients come in order, so that a crash between two chunks loses and doubles nobody.
    #[error("recipients must be named in order of their period's start and their id, after those already named")]
    OutOfOrder,
    /// Too many at once.
    #[error("at most 5,000 recipients at once")]
    TooMany,
}

impl aggregate::Refusal for Refusal {
    fn code(&self) -> &'static str {
        match self {
            Self::NotOpened => "occurrence-not-opened",
            Self::Closed => "occurrence-closed",
            Self::OutOfOrder => "recipients-out-of-order",
            Self::TooMany => "too-many-recipients",
        }
    }

    fn kind(&self) -> RefusalKind {
        RefusalKind::Conflict
    }
}

/// The state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Occurrence {
    /// Nothing yet.
    #[default]
    Unknown,
    /// Its time has come.
    Open {
        /// The slot.
        slot: Slot,
        /// When it was due.
        due: Timestamp,
        /// The last that were named: the start of their period and the greatest subscription.
        last: Option<(Timestamp, Id<Subscription>)>,
        /// How many were named.
        listed: u64,
    },
    /// All recipients are named.
    Closed,
}

impl Occurrence {
    /// The occurrence of a slot at a due time.
    #[must_use]
    pub fn id(slot: &Slot, due: Timestamp) -> Id<Self> {
        Id::derive(&[&slot.key(), &due.to_string()])
    }
}

impl Aggregate for Occurrence {
    const CATEGORY: &'static str = "occurrence";
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(&self, command: Command) -> Result<Vec<Event>, Refusal> {
        match (self, command) {
            (Self::Unknown, Command::Open { slot, due, joined }) => {
                Ok(vec![Event::OccurrenceOpened { slot, due, joined }])
            }
            (Self::Open { .. } | Self::Closed, Command::Open { .. }) | (Self::Closed, Command::Close) => Ok(vec![]),
            (Self::Unknown, Command::List { .. } | Command::Close) => Err(Refusal::NotOpened),
            (Self::Closed, Command::List { .. }) => Err(Refusal::Closed),
            (Self::Open { slot, due, last, .. }, Command::List { period, subscriptions }) => {
                if subscriptions.len() > CHUNK {
                    return Err(Refusal::TooMany);
                }
                let next: Vec<_> = subscriptions.iter().map(|subscription| (period.from(), subscription)).collect();
                let last = last.iter().map(|(from, subscription)| (*from, subscription));
                if !last.chain(next.iter().copied()).is_sorted_by(|one, next| one < next) {
                    return Err(Refusal::OutOfOrder);
                }
                if subscriptions.is_empty() {
                    return Ok(vec![]);
                }
                let report = Report::id(&slot.report(period));
                Ok(vec![Event::RecipientsListed { report, period, due: *due, subscriptions }])
            }
            (Self::Open { slot, due, listed, .. }, Command::Close) => {
                Ok(vec![Event::OccurrenceClosed { slot: slot.clone(), due: *due, listed: *listed }])
            }
        }
    }

    fn apply(&mut self, event: &Event) {
        match event {
            Event::OccurrenceOpened { slot, due, .. } => {
                *self = Self::Open { slot: slot.clone(), due: *due, last: None, listed: 0 };
            }
            Event::RecipientsListed { period, subscriptions, .. } => {
                if let Self::Open { last, listed, .. } = self {
                    *last = subscriptions.last().map(|subscription| (period.from(), subscription.clone()));
                    *listed += subscriptions.len() as u64;
                }
            }
            Event::OccurrenceClosed { .. } => *self = Self::Closed,
        }
    }
}
