//! Who may do what: asked of the streams themselves, never of a lagging view.

use std::sync::Arc;

use domain::access::{Action, Role, may};
use domain::aggregate::{Aggregate, replay};
use domain::id::{Id, TrialId, UserId};
use domain::membership::Membership;
use domain::trial::Trial;
use ports::EventLog;

use crate::Problem;

/// Answers who may do what.
#[derive(Clone)]
pub struct Access(Arc<dyn EventLog>);

impl Access {
    /// Reads the streams of a log.
    #[must_use]
    pub fn new(log: Arc<dyn EventLog>) -> Self {
        Self(log)
    }

    /// The state of a stream now.
    ///
    /// # Errors
    /// The log's; `Corrupt` where an event cannot be decoded.
    pub async fn state<A: Aggregate>(&self, id: &Id<A>) -> ports::Result<A> {
        let events = self.0.read(&id.stream(), 0).await?;
        let stored = events.iter().map(|e| (e.event.kind.as_str(), e.event.version, e.event.data.as_ref()));
        replay(stored).map_err(|e| ports::Error::Corrupt(format!("{}: {e}", id.stream())))
    }

    /// Somebody's role in a trial.
    ///
    /// # Errors
    /// A port's error.
    pub async fn role(&self, trial: &TrialId, user: &UserId) -> ports::Result<Option<Role>> {
        Ok(self.state(&Membership::id(trial, user)).await?.role())
    }

    /// Whether somebody may do something in a trial.
    ///
    /// # Errors
    /// A port's error.
    pub async fn may(&self, trial: &TrialId, user: &UserId, action: Action) -> ports::Result<bool> {
        Ok(may(self.role(trial, user).await?, action))
    }

    /// Lets somebody do something in a trial, or tells why not.
    ///
    /// # Errors
    /// 404 where the caller may not even know of the trial, 403 where the role is too small.
    pub async fn require(&self, trial: &TrialId, user: &UserId, action: Action) -> Result<Role, Problem> {
        match self.role(trial, user).await? {
            None => Err(Problem::not_found("trial")),
            Some(role) if may(Some(role), action) => Ok(role),
            Some(role) => Err(Problem::forbidden(format!(
                "your role in {trial} is {}; ask a coordinator of the trial for a role that may do this",
                <&str>::from(role)
            ))),
        }
    }

    /// The trial as it is now.
    ///
    /// # Errors
    /// A port's error.
    pub async fn trial(&self, trial: &TrialId) -> ports::Result<Trial> {
        self.state(&Trial::id(trial)).await
    }

    /// Whether the trial is open.
    ///
    /// # Errors
    /// A port's error.
    pub async fn is_open(&self, trial: &TrialId) -> ports::Result<bool> {
        Ok(matches!(self.trial(trial).await?, Trial::Known { open: true, .. }))
    }
}
