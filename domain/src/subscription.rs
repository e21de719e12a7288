//! One person's wish for reports about one trial at one cadence.

use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantNames};
use utoipa::ToSchema;

use crate::aggregate::{self, Aggregate, RefusalKind};
use crate::edition::{Edition, Paper, Slot};
use crate::id::{Id, TrialId, UserId};
use crate::schedule::{Cadence, Schedule};

#[cfg(test)]
mod tests;

/// How a subscription ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EndedBy {
    /// The subscriber, signed in.
    Subscriber,
    /// Somebody who held the link of a mail.
    UnsubscribeLink,
    /// A coordinator of the trial.
    Coordinator,
}

/// What one may ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Begin, or begin again after an end.
    Start {
        /// The trial.
        trial: TrialId,
        /// The subscriber.
        user: UserId,
        /// When reports are due.
        schedule: Schedule,
        /// In which edition.
        edition: Edition,
    },
    /// Other times or another paper; what is left out stays as it is when this is decided.
    Reschedule {
        /// When reports are due.
        schedule: Option<Schedule>,
        /// On which paper.
        paper: Option<Paper>,
    },
    /// No reports for a while.
    Pause,
    /// Reports again.
    Resume,
    /// No more reports.
    End {
        /// By whom.
        by: EndedBy,
    },
}

/// What may have happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr, VariantNames)]
#[serde(tag = "type", content = "data")]
pub enum Event {
    /// A term began.
    SubscriptionStarted {
        /// Counts the terms from 1.
        term: u32,
        /// The trial.
        trial: TrialId,
        /// The subscriber.
        user: UserId,
        /// When reports are due.
        schedule: Schedule,
        /// In which edition.
        edition: Edition,
    },
    /// Other times or another edition.
    SubscriptionRescheduled {
        /// Before.
        schedule_before: Schedule,
        /// Before.
        edition_before: Edition,
        /// When reports are due.
        schedule: Schedule,
        /// In which edition.
        edition: Edition,
    },
    /// No reports for a while.
    SubscriptionPaused {
        /// The term.
        term: u32,
    },
    /// Reports again.
    SubscriptionResumed {
        /// The term.
        term: u32,
    },
    /// The term ended.
    SubscriptionEnded {
        /// The term.
        term: u32,
        /// By whom.
        by: EndedBy,
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
    /// Nobody ever subscribed.
    #[error("there is no such subscription; start one with POST /api/subscriptions")]
    NotStarted,
    /// It ended.
    #[error("the subscription has ended; start it again with POST /api/subscriptions")]
    Ended,
    /// It runs with other times.
    #[error("you are subscribed already, with another schedule; change it with PATCH /api/subscriptions/{{id}}")]
    RunsDifferently,
    /// The period's midnights and the printed times are of one zone.
    #[error("zone: the edition's zone must be the schedule's")]
    ZonesDiffer,
    /// Another cadence is another subscription.
    #[error("cadence: a subscription keeps its cadence; start another subscription for another cadence")]
    CadenceIsFixed,
    /// It is paused.
    #[error("the subscription is paused; resume it with POST /api/subscriptions/{{id}}/resume")]
    Paused,
    /// It is paused already.
    #[error("the subscription is paused already")]
    PausedAlready,
    /// It is not paused.
    #[error("the subscription is not paused")]
    NotPaused,
}

impl aggregate::Refusal for Refusal {
    fn code(&self) -> &'static str {
        match self {
            Self::NotStarted => "subscription-not-started",
            Self::Ended => "subscription-ended",
            Self::RunsDifferently => "subscription-runs-differently",
            Self::ZonesDiffer => "zones-differ",
            Self::CadenceIsFixed => "cadence-is-fixed",
            Self::Paused => "subscription-paused",
            Self::PausedAlready => "subscription-paused-already",
            Self::NotPaused => "subscription-not-paused",
        }
    }

    fn kind(&self) -> RefusalKind {
        match self {
            Self::ZonesDiffer | Self::CadenceIsFixed => RefusalKind::Invalid,
            Self::NotStarted
            | Self::Ended
            | Self::RunsDifferently
            | Self::Paused
            | Self::PausedAlready
            | Self::NotPaused => RefusalKind::Conflict,
        }
    }
}

/// Whether reports come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// They come.
    Active,
    /// Not for a while.
    Paused,
    /// Not any more.
    Ended,
}

/// A subscription that was started at least once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// Counts the terms from 1.
    pub term: u32,
    /// The trial.
    pub trial: TrialId,
    /// The subscriber.
    pub user: UserId,
    /// When reports are due.
    pub schedule: Schedule,
    /// In which edition.
    pub edition: Edition,
    /// Whether reports come.
    pub status: Status,
}

impl Known {
    /// Those it is served with.
    #[must_use]
    pub fn slot(&self) -> Slot {
        Slot { trial: self.trial.clone(), schedule: self.schedule.clone(), edition: self.edition.clone() }
    }
}

/// The state; none: nothing yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription(pub Option<Known>);

impl Subscription {
    /// The subscription of a person to a trial at a cadence.
    #[must_use]
    pub fn id(trial: &TrialId, user: &UserId, cadence: Cadence) -> Id<Self> {
        Id::derive(&[trial.as_str(), user.as_str(), cadence.as_str()])
    }

    /// The running term.
    ///
    /// # Errors
    /// Where there is none.
    fn running(&self) -> Result<&Known, Refusal> {
        match &self.0 {
            None => Err(Refusal::NotStarted),
            Some(Known { status: Status::Ended, .. }) => Err(Refusal::Ended),
            Some(known) => Ok(known),
        }
    }
}

impl Aggregate for Subscription {
    const CATEGORY: &'static str = "subscription";
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(&self, command: Command) -> Result<Vec<Event>, Refusal> {
        match command {
            Command::Start { schedule, edition, .. } if *schedule.zone() != edition.zone => Err(Refusal::ZonesDiffer),
            Command::Start { trial, user, schedule, edition } => {
                let term = match &self.0 {
                    Some(known) if known.status != Status::Ended => {
                        return if known.schedule == schedule && known.edition == edition {
                            Ok(vec![])
                        } else {
                            Err(Refusal::RunsDifferently)
                        };
                    }
                    Some(ended) => ended.term + 1,
                    None => 1,
                };
                Ok(vec![Event::SubscriptionStarted { term, trial, user, schedule, edition }])
            }
            Command::Reschedule { schedule, paper } => {
                let known = self.running()?;
                let schedule = schedule.unwrap_or_else(|| known.schedule.clone());
                let paper = paper.unwrap_or(known.edition.paper);
                let edition = Edition { zone: schedule.zone().clone(), paper, ..known.edition.clone() };
                if known.schedule.cadence() != schedule.cadence() {
                    return Err(Refusal::CadenceIsFixed);
                }
                if known.schedule == schedule && known.edition == edition {
                    return Ok(vec![]);
                }
                Ok(vec![Event::SubscriptionRescheduled {
                    schedule_before: known.schedule.clone(),
                    edition_before: known.edition.clone(),
                    schedule,
                    edition,
                }])
            }
            Command::Pause => match self.running()? {
                Known { status: Status::Paused, .. } => Err(Refusal::PausedAlready),
                known => Ok(vec![Event::SubscriptionPaused { term: known.term }]),
            },
            Command::Resume => match self.running()? {
                known @ Known { status: Status::Paused, .. } => {
                    Ok(vec![Event::SubscriptionResumed { term: known.term }])
                }
                _ => Err(Refusal::NotPaused),
            },
            // Ending what has ended is no error: a mail client may post the unsubscribe link twice (RFC 8058).
            Command::End { by } => match self.running() {
                Ok(known) => Ok(vec![Event::SubscriptionEnded { term: known.term, by }]),
                Err(Refusal::Ended) => Ok(vec![]),
                Err(refusal) => Err(refusal),
            },
        }
    }

    fn apply(&mut self, event: &Event) {
        match event {
            Event::SubscriptionStarted { term, trial, user, schedule, edition } => {
                self.0 = Some(Known {
                    term: *term,
                    trial: trial.clone(),
                    user: user.clone(),
                    schedule: schedule.clone(),
                    edition: edition.clone(),
                    status: Status::Active,
                });
            }
            Event::SubscriptionRescheduled { schedule, edition, .. } => {
                if let Some(known) = &mut self.0 {
                    known.schedule.clone_from(schedule);
                    known.edition.clone_from(edition);
                }
            }
            Event::SubscriptionPaused { .. } => self.set(Status::Paused),
            Event::SubscriptionResumed { .. } => self.set(Status::Active),
            Event::SubscriptionEnded { .. } => self.set(Status::Ended),
        }
    }
}

impl Subscription {
    fn set(&mut self, status: Status) {
        if let Some(known) = &mut self.0 {
            known.status = status;
        }
    }
}
