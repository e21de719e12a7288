//! One person's role in one trial.

use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantNames};

use crate::access::Role;
use crate::aggregate::{self, Aggregate, RefusalKind};
use crate::id::{Id, TrialId, UserId};

#[cfg(test)]
mod tests;

/// What one may ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Give the person this role, in place of any other.
    Grant {
        /// In which trial.
        trial: TrialId,
        /// To whom.
        user: UserId,
        /// Which role.
        role: Role,
    },
    /// Take the role away; no event if there is none.
    Revoke,
}

/// What may have happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr, VariantNames)]
#[serde(tag = "type", content = "data")]
pub enum Event {
    /// The person may see the trial.
    MembershipGranted {
        /// In which trial.
        trial: TrialId,
        /// To whom.
        user: UserId,
        /// Which role.
        role: Role,
    },
    /// The person may not any more.
    MembershipRevoked {
        /// In which trial.
        trial: TrialId,
        /// From whom.
        user: UserId,
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
    /// So whoever takes a coordinator's role away is one still: a trial never loses its last.
    #[error(
        "a coordinator does not give up the role; let another coordinator of the trial take it, so that one remains"
    )]
    OwnRole,
}

impl aggregate::Refusal for Refusal {
    fn code(&self) -> &'static str {
        match self {
            Self::OwnRole => "own-role",
        }
    }

    fn kind(&self) -> RefusalKind {
        match self {
            Self::OwnRole => RefusalKind::Conflict,
        }
    }
}

/// The state: the role, if there is one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership(Option<(TrialId, UserId, Role)>);

impl Membership {
    /// The membership of a person in a trial.
    #[must_use]
    pub fn id(trial: &TrialId, user: &UserId) -> Id<Self> {
        Id::derive(&[trial.as_str(), user.as_str()])
    }

    /// The role, if there is one.
    #[must_use]
    pub fn role(&self) -> Option<Role> {
        self.0.as_ref().map(|(_, _, role)| *role)
    }
}

impl Aggregate for Membership {
    const CATEGORY: &'static str = "membership";
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(&self, command: Command) -> Result<Vec<Event>, Refusal> {
        Ok(match (&self.0, command) {
            (Some((.., now)), Command::Grant { role, .. }) if *now == role => vec![],
            (_, Command::Grant { trial, user, role }) => vec![Event::MembershipGranted { trial, user, role }],
            (Some((trial, user, _)), Command::Revoke) => {
                vec![Event::MembershipRevoked { trial: trial.clone(), user: user.clone() }]
            }
            (None, Command::Revoke) => vec![],
        })
    }

    fn apply(&mut self, event: &Event) {
        self.0 = match event {
            Event::MembershipGranted { trial, user, role } => Some((trial.clone(), user.clone(), *role)),
            Event::MembershipRevoked { .. } => None,
        };
    }
}
