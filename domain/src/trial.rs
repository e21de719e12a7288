//! A trial: its title and settings, open or closed.

use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantNames};
use utoipa::ToSchema;

use crate::aggregate::{self, Aggregate, RefusalKind};
use crate::id::{Id, TrialId, UserId};
use crate::sealed::Sealed;

#[cfg(test)]
mod tests;

/// How a report reaches its readers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Enclosure {
    /// The PDF is attached to the mail, unless it is too large.
    #[default]
    Attachment,
    /// The mail holds a link behind the sign-in.
    Link,
}

/// What one may ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Open the trial, or change the settings of an open one. Saying what is so already changes nothing.
    Set {
        /// The trial.
        trial: TrialId,
        /// Who asks: the founder, where it is opened by this.
        by: UserId,
        /// Its title.
        title: Sealed,
        /// How reports are sent.
        enclosure: Enclosure,
    },
    /// No more reports are due.
    Close {
        /// Why.
        reason: Option<Sealed>,
    },
    /// Reports are due again.
    Reopen {
        /// Why.
        reason: Option<Sealed>,
    },
}

/// What may have happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr, VariantNames)]
#[serde(tag = "type", content = "data")]
pub enum Event {
    /// It began.
    TrialOpened {
        /// The trial.
        trial: TrialId,
        /// Its first coordinator.
        founder: UserId,
        /// Its title.
        title: Sealed,
        /// How reports are sent.
        enclosure: Enclosure,
    },
    /// Title or settings are others now.
    TrialSettingsChanged {
        /// Its title.
        title: Sealed,
        /// How reports are sent.
        enclosure: Enclosure,
    },
    /// It ended.
    TrialClosed {
        /// Why.
        reason: Option<Sealed>,
    },
    /// It goes on.
    TrialReopened {
        /// Why.
        reason: Option<Sealed>,
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
    /// There is no such trial.
    #[error("the trial has not been opened; open it with PUT /api/trials/{{id}} first")]
    NotOpened,
    /// It is closed.
    #[error("the trial is closed; reopen it first")]
    Closed,
    /// It is open.
    #[error("the trial is open already")]
    Open,
}

impl aggregate::Refusal for Refusal {
    fn code(&self) -> &'static str {
        match self {
            Self::NotOpened => "trial-not-opened",
            Self::Closed => "trial-closed",
            Self::Open => "trial-open",
        }
    }

    fn kind(&self) -> RefusalKind {
        RefusalKind::Conflict
    }
}

/// The state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Trial {
    /// Nothing yet.
    #[default]
    Unknown,
    /// Open or closed.
    Known {
        /// Its first coordinator.
        founder: UserId,
        /// Its title.
        title: Sealed,
        /// How reports are sent.
        enclosure: Enclosure,
        /// Whether it is open.
        open: bool,
    },
}

impl Trial {
    /// The trial's stream.
    #[must_use]
    pub fn id(trial: &TrialId) -> Id<Self> {
        Id::known(trial.as_str())
    }
}

impl Aggregate for Trial {
    const CATEGORY: &'static str = "trial";
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(&self, command: Command) -> Result<Vec<Event>, Refusal> {
        match (self, command) {
            (Self::Unknown, Command::Set { trial, by, title, enclosure }) => {
                Ok(vec![Event::TrialOpened { trial, founder: by, title, enclosure }])
            }
            (Self::Unknown, Command::Close { .. } | Command::Reopen { .. }) => Err(Refusal::NotOpened),
            (Self::Known { open: false, .. }, Command::Set { .. }) => Err(Refusal::Closed),
            (Self::Known { title: old_title, enclosure: old, .. }, Command::Set { title, enclosure, .. }) => {
                if *old_title == title && *old == enclosure {
                    return Ok(vec![]);
                }
                Ok(vec![Event::TrialSettingsChanged { title, enclosure }])
            }
            (Self::Known { open: true, .. }, Command::Close { reason }) => Ok(vec![Event::TrialClosed { reason }]),
            (Self::Known { open: false, .. }, Command::Close { .. }) => Err(Refusal::Closed),
            (Self::Known { open: false, .. }, Command::Reopen { reason }) => Ok(vec![Event::TrialReopened { reason }]),
            (Self::Known { open: true, .. }, Command::Reopen { .. }) => Err(Refusal::Open),
        }
    }

    fn apply(&mut self, event: &Event) {
        match event {
            Event::TrialOpened { founder, title, enclosure, .. } => {
                let (founder, title) = (founder.clone(), title.clone());
                *self = Self::Known { founder, title, enclosure: *enclosure, open: true };
            }
            Event::TrialSettingsChanged { title: new, enclosure: chosen } => {
                if let Self::Known { title, enclosure, .. } = self {
                    title.clone_from(new);
                    *enclosure = *chosen;
                }
            }
            Event::TrialClosed { .. } => self.set_open(false),
            Event::TrialReopened { .. } => self.set_open(true),
        }
    }
}

impl Trial {
    fn set_open(&mut self, now: bool) {
        if let Self::Known { open, .. } = self {
            *open = now;
        }
    }
}
