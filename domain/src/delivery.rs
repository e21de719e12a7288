//! One report to one subscription: every delivery that is due ends in a recorded outcome.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantNames};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::aggregate::{self, Aggregate, RefusalKind};
use crate::id::Id;
use crate::report::{Report, Scheduled};
use crate::sealed::Sealed;
use crate::subscription::Subscription;

#[cfg(test)]
mod tests;

/// What a delivery is for: the due time, or a command that asked for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Occasion {
    /// The slot was due.
    Due,
    /// Somebody asked for a report now.
    SendNow(Uuid),
    /// Somebody asked for the same report again.
    Resend(Uuid),
}

impl Occasion {
    fn part(&self) -> String {
        match self {
            Self::Due => "due".to_owned(),
            Self::SendNow(command) | Self::Resend(command) => command.to_string(),
        }
    }
}

/// Why nothing was sent although it was due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, IntoStaticStr)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Withheld {
    /// The person may not see the trial any more.
    NoAccess,
    /// The subscription ended or is paused.
    SubscriptionNotActive,
    /// The person has no mail address, or has left.
    NoAddress,
    /// The trial is closed.
    TrialClosed,
}

/// Why nothing will be sent although it was due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, IntoStaticStr)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Skipped {
    /// The report was abandoned.
    ReportAbandoned,
    /// What it is made of could not be read for a day.
    Unreadable,
}

/// What one may ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Ask for a delivery that no occurrence lists.
    Request {
        /// To which subscription.
        subscription: Id<Subscription>,
        /// On which occasion.
        occasion: Occasion,
        /// What the report is: who reads this event asks for it, if nobody has.
        wanted: Scheduled,
    },
    /// Claim the next attempt: only who appends it may send.
    Claim {
        /// Of which report.
        report: Id<Report>,
        /// To which subscription.
        subscription: Id<Subscription>,
        /// Who claims.
        worker: String,
        /// Until then nobody else records that the outcome is unknown.
        lease_until: Timestamp,
        /// HMAC of the address.
        address: String,
        /// Now.
        now: Timestamp,
    },
    /// The server took responsibility.
    RecordSent {
        /// Which attempt.
        attempt: u32,
        /// What the server said; it may name the address.
        reply: Sealed,
        /// The server's name for the mail.
        queue_id: Option<String>,
    },
    /// A temporary refusal.
    RecordDeferred {
        /// Which attempt.
        attempt: u32,
        /// What the server said.
        reply: Sealed,
        /// When to try again.
        retry_at: Timestamp,
    },
    /// A permanent refusal, or too many temporary ones.
    RecordFailed {
        /// Which attempt.
        attempt: u32,
        /// What the server said.
        reply: Sealed,
    },
    /// Nothing may be sent now.
    Withhold {
        /// Why.
        reason: Withheld,
    },
    /// Nothing can be sent.
    Skip {
        /// Why.
        reason: Skipped,
    },
    /// The worker vanished between the server's acceptance and our record, or cannot tell.
    RecordUnknown {
        /// Which attempt.
        attempt: u32,
        /// Now; before the lease has run out only its holder may say so.
        now: Timestamp,
        /// Who says so.
        worker: String,
    },
}

/// What may have happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr, VariantNames)]
#[serde(tag = "type", content = "data")]
pub enum Event {
    /// It was asked for by a command.
    DeliveryRequested {
        /// Of which report.
        report: Id<Report>,
        /// To which subscription.
        subscription: Id<Subscription>,
        /// On which occasion.
        occasion: Occasion,
        /// What the report is: who reads this event asks for it, if nobody has.
        wanted: Scheduled,
    },
    /// A worker claimed an attempt and may send.
    DeliveryAttempted {
        /// Of which report.
        report: Id<Report>,
        /// To which subscription.
        subscription: Id<Subscription>,
        /// Counts from 1.
        attempt: u32,
        /// Who claimed it.
        worker: String,
        /// Until then nobody else records that the outcome is unknown.
        lease_until: Timestamp,
        /// HMAC of the address.
        address: String,
    },
    /// The server took responsibility.
    DeliverySent {
        /// Which attempt.
        attempt: u32,
        /// What the server said.
        reply: Sealed,
        /// The server's name for the mail.
        queue_id: Option<String>,
    },
    /// A temporary refusal.
    DeliveryDeferred {
        /// Which attempt.
        attempt: u32,
        /// What the server said.
        reply: Sealed,
        /// When to try again.
        retry_at: Timestamp,
    },
    /// It ended in refusal.
    DeliveryFailed {
        /// Which attempt.
        attempt: u32,
        /// What the server said.
        reply: Sealed,
    },
    /// Nothing was sent, because it might not be.
    DeliveryWithheld {
        /// Why.
        reason: Withheld,
    },
    /// Nothing was sent, because it could not be.
    DeliverySkipped {
        /// Why.
        reason: Skipped,
    },
    /// Nobody knows whether the mail went; it is not repeated.
    DeliveryUnknown {
        /// Which attempt.
        attempt: u32,
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
    /// Somebody else holds the attempt.
    #[error("the delivery is being attempted")]
    BeingAttempted,
    /// It has an outcome.
    #[error("the delivery has its outcome already")]
    Ended,
    /// The outcome belongs to no running attempt.
    #[error("no such attempt is running")]
    NotAttempted,
    /// It is not due yet.
    #[error("the delivery was deferred; it is not due yet")]
    NotDue,
    /// Only the holder may say so while the lease runs.
    #[error("the attempt's lease has not run out")]
    Leased,
}

impl aggregate::Refusal for Refusal {
    fn code(&self) -> &'static str {
        match self {
            Self::BeingAttempted => "delivery-being-attempted",
            Self::Ended => "delivery-ended",
            Self::NotAttempted => "delivery-not-attempted",
            Self::NotDue => "delivery-not-due",
            Self::Leased => "delivery-leased",
        }
    }

    fn kind(&self) -> RefusalKind {
        RefusalKind::Conflict
    }
}

/// The state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Delivery {
    /// Nothing yet; an occurrence may list it.
    #[default]
    Waiting,
    /// Asked for by a command.
    Requested,
    /// In a worker's hands.
    Attempted {
        /// Counts from 1.
        attempt: u32,
        /// Whose hands.
        worker: String,
        /// Until when.
        lease_until: Timestamp,
    },
    /// To be tried again.
    Deferred {
        /// The attempt that was deferred.
        attempt: u32,
        /// When.
        retry_at: Timestamp,
    },
    /// Nobody knows; the attempt's own evidence may still come.
    Unknown {
        /// Which attempt.
        attempt: u32,
    },
    /// Sent, failed, withheld or skipped.
    Ended,
}

impl Delivery {
    /// The delivery of a report to a subscription on an occasion. Of a report now, the command alone is the name: the report
    /// ends at the moment of asking, and a repeat of the same command comes later.
    #[must_use]
    pub fn id(report: &Id<Report>, subscription: &Id<Subscription>, occasion: &Occasion) -> Id<Self> {
        let report = match occasion {
            Occasion::Due | Occasion::Resend(_) => report.as_str(),
            Occasion::SendNow(_) => "",
        };
        Id::derive(&[report, subscription.as_str(), &occasion.part()])
    }

    /// The attempt that a claim would be, where one may be made.
    ///
    /// # Errors
    /// Where none may be made now.
    pub fn next_attempt(&self, now: Timestamp) -> Result<u32, Refusal> {
        match self {
            Self::Waiting | Self::Requested => Ok(1),
            Self::Attempted { .. } => Err(Refusal::BeingAttempted),
            Self::Deferred { attempt, retry_at } if *retry_at <= now => Ok(attempt + 1),
            Self::Deferred { .. } => Err(Refusal::NotDue),
            Self::Unknown { .. } | Self::Ended => Err(Refusal::Ended),
        }
    }

    /// Whether the attempt is running.
    fn running(&self, wanted: u32) -> Result<(), Refusal> {
        match self {
            Self::Attempted { attempt, .. } if *attempt == wanted => Ok(()),
            Self::Ended => Err(Refusal::Ended),
            Self::Waiting | Self::Requested | Self::Attempted { .. } | Self::Deferred { .. } | Self::Unknown { .. } => {
                Err(Refusal::NotAttempted)
            }
        }
    }

    /// Whether nothing is under way and nothing has been decided.
    fn waiting(&self) -> Result<(), Refusal> {
        match self {
            Self::Waiting | Self::Requested | Self::Deferred { .. } => Ok(()),
            Self::Attempted { .. } => Err(Refusal::BeingAttempted),
            Self::Unknown { .. } | Self::Ended => Err(Refusal::Ended),
        }
    }
}

impl Aggregate for Delivery {
    const CATEGORY: &'static str = "delivery";
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(&self, command: Command) -> Result<Vec<Event>, Refusal> {
        let event = match command {
            Command::Request { subscription, occasion, wanted } => match self {
                Self::Waiting => {
                    Event::DeliveryRequested { report: Report::id(&wanted), subscription, occasion, wanted }
                }
                Self::Requested
                | Self::Attempted { .. }
                | Self::Deferred { .. }
                | Self::Unknown { .. }
                | Self::Ended => return Ok(vec![]),
            },
            Command::Claim { report, subscription, worker, lease_until, address, now } => {
                let attempt = self.next_attempt(now)?;
                Event::DeliveryAttempted { report, subscription, attempt, worker, lease_until, address }
            }
            Command::RecordSent { attempt, reply, queue_id } => {
                match self {
                    // The proof came late, but it came.
                    Self::Unknown { attempt: unknown } if *unknown == attempt => {}
                    Self::Waiting
                    | Self::Requested
                    | Self::Attempted { .. }
                    | Self::Deferred { .. }
                    | Self::Unknown { .. }
                    | Self::Ended => self.running(attempt)?,
                }
                Event::DeliverySent { attempt, reply, queue_id }
            }
            Command::RecordDeferred { attempt, reply, retry_at } => {
                self.running(attempt)?;
                Event::DeliveryDeferred { attempt, reply, retry_at }
            }
            Command::RecordFailed { attempt, reply } => {
                self.running(attempt)?;
                Event::DeliveryFailed { attempt, reply }
            }
            Command::Withhold { reason } => {
                self.waiting()?;
                Event::DeliveryWithheld { reason }
            }
            Command::Skip { reason } => {
                self.waiting()?;
                Event::DeliverySkipped { reason }
            }
            Command::RecordUnknown { attempt, now, worker: who } => {
                self.running(attempt)?;
                if let Self::Attempted { worker, lease_until, .. } = self
                    && *worker != who
                    && *lease_until > now
                {
                    return Err(Refusal::Leased);
                }
                Event::DeliveryUnknown { attempt }
            }
        };
        Ok(vec![event])
    }

    fn apply(&mut self, event: &Event) {
        *self = match event {
            Event::DeliveryRequested { .. } => Self::Requested,
            Event::DeliveryAttempted { attempt, worker, lease_until, .. } => {
                Self::Attempted { attempt: *attempt, worker: worker.clone(), lease_until: *lease_until }
            }
            Event::DeliveryDeferred { attempt, retry_at, .. } => {
                Self::Deferred { attempt: *attempt, retry_at: *retry_at }
            }
            Event::DeliveryUnknown { attempt } => Self::Unknown { attempt: *attempt },
            Event::DeliverySent { .. }
            | Event::DeliveryFailed { .. }
            | Event::DeliveryWithheld { .. }
            | Event::DeliverySkipped { .. } => Self::Ended,
        };
    }
}
