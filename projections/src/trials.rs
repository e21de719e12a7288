//! Trials with their settings as of any cut, and who is a member.

use async_trait::async_trait;
use domain::access::Role;
use domain::any_event::AnyEvent;
use domain::id::{TrialId, UserId};
use domain::sealed::Sealed;
use domain::trial::{Enclosure, Event as TrialEvent};
use domain::{membership, trial};
use ports::{Categories, Result, Table};
use serde::{Deserialize, Serialize};

use crate::projection::{Draft, Projection, Recorded, Row, Stamp};

/// A trial's settings from a stamp on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrialSettings {
    /// The trial.
    pub trial: TrialId,
    /// Its title.
    pub title: Sealed,
    /// How reports are sent.
    pub enclosure: Enclosure,
    /// Whether it is open.
    pub open: bool,
    /// From this stamp on, until the next row.
    pub stamp: Stamp,
}

impl Row for TrialSettings {
    const TABLE: Table = Table { name: "trial_settings", indexes: &[&["trial", "stamp"]] };
    crate::projection::row_as_json!();

    fn key(&self) -> String {
        format!("{}|{:020}", self.trial, self.stamp)
    }
}

/// A trial as it is now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TrialNow(pub TrialSettings);

impl Row for TrialNow {
    const TABLE: Table = Table { name: "trials", indexes: &[] };
    crate::projection::row_as_json!();

    fn key(&self) -> String {
        self.0.trial.to_string()
    }
}

/// Somebody who may see a trial.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The trial.
    pub trial: TrialId,
    /// The person.
    pub user: UserId,
    /// The role.
    pub role: Role,
}

impl Row for Member {
    const TABLE: Table = Table { name: "members", indexes: &[&["trial", "user"], &["user", "trial"]] };
    crate::projection::row_as_json!();

    fn key(&self) -> String {
        format!("{}|{}", self.trial, self.user)
    }
}

/// The projection.
pub struct Trials;

#[async_trait]
impl Projection for Trials {
    fn name(&self) -> &'static str {
        "trials"
    }

    fn streams(&self) -> Categories {
        Categories(&["trial", "membership", "clock"])
    }

    fn tables(&self) -> &'static [Table] {
        &[TrialSettings::TABLE, TrialNow::TABLE, Member::TABLE]
    }

    async fn fold(&self, recorded: &Recorded, draft: &mut Draft<'_>) -> Result<()> {
        match &recorded.event {
            AnyEvent::Trial(event) => fold_trial(event, recorded, draft).await,
            AnyEvent::Membership(membership::Event::MembershipGranted { trial, user, role }) => {
                draft.put(&Member { trial: trial.clone(), user: user.clone(), role: *role })
            }
            AnyEvent::Membership(membership::Event::MembershipRevoked { trial, user }) => {
                draft.remove::<Member>(&format!("{trial}|{user}"));
                Ok(())
            }
            AnyEvent::Clock(_)
            | AnyEvent::Document(_)
            | AnyEvent::Content(_)
            | AnyEvent::Subscription(_)
            | AnyEvent::Occurrence(_)
            | AnyEvent::Report(_)
            | AnyEvent::Delivery(_) => Ok(()),
        }
    }
}

async fn fold_trial(event: &trial::Event, recorded: &Recorded, draft: &mut Draft<'_>) -> Result<()> {
    let known = draft.get::<TrialNow>(recorded.stream_id()).await?.map(|TrialNow(now)| now);
    let stamp = recorded.stamp;
    let now = match (event, known) {
        (TrialEvent::TrialOpened { trial, title, enclosure, .. }, _) => {
            TrialSettings { trial: trial.clone(), title: title.clone(), enclosure: *enclosure, open: true, stamp }
        }
        (TrialEvent::TrialSettingsChanged { title, enclosure }, Some(known)) => {
            TrialSettings { title: title.clone(), enclosure: *enclosure, stamp, ..known }
        }
        (TrialEvent::TrialClosed { .. }, Some(known)) => TrialSettings { open: false, stamp, ..known },
        (TrialEvent::TrialReopened { .. }, Some(known)) => TrialSettings { open: true, stamp, ..known },
        (
            TrialEvent::TrialSettingsChanged { .. } | TrialEvent::TrialClosed { .. } | TrialEvent::TrialReopened { .. },
            None,
        ) => return Ok(()),
    };
    draft.put(&now)?;
    draft.put(&TrialNow(now))
}
