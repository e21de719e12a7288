//! Opening a trial, and changing its settings.

use axum::extract::State;
use domain::access::{Action, Role};
use domain::id::TrialId;
use domain::membership::{self, Membership};
use domain::trial::{Command, Enclosure, Trial};
use futures::TryStreamExt;
use http::{Answer, Caller, Json, Keys, Path, Problem, Problems, Written};
use ports::RecordFilter;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Commands, Openers};

/// A trial's settings.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetTrial {
    /// Its title, 1 to 300 characters.
    pub title: String,
    /// How reports are sent.
    #[serde(default)]
    pub enclosure: Enclosure,
}

/// A trial.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TrialSet {
    /// The trial.
    pub trial: TrialId,
    /// Its title.
    pub title: String,
    /// How reports are sent.
    pub enclosure: Enclosure,
    /// The caller's role in it.
    pub role: Role,
}

impl Commands {
    /// Lets the caller open a trial.
    ///
    /// # Errors
    /// 403 where others may, or where its documents are there already and nobody said who may.
    async fn require_opener(&self, caller: &Caller, trial: &TrialId) -> Result<(), Problem> {
        let remedy = "Ask an operator to name you in the setting `trials.openers`.";
        match &self.settings.openers {
            Openers::People(people) if people.contains(&caller.user) => Ok(()),
            Openers::People(_) => Err(Problem::forbidden("You may not open trials.").with_remedy(remedy)),
            // Whoever opens a trial sees its documents.
            Openers::Anyone if self.has_documents(trial).await? => {
                Err(Problem::forbidden(format!("There are documents of {trial} already.")).with_remedy(remedy))
            }
            Openers::Anyone => Ok(()),
        }
    }

    /// Whether records name the trial, or files lie where those of its records lie.
    async fn has_documents(&self, trial: &TrialId) -> ports::Result<bool> {
        let filter = RecordFilter { equals: vec![("TrialId", trial.to_string())] };
        let is_named = !self.documents.list(&filter, None, 1).await?.is_empty();
        Ok(is_named || self.originals.list(&format!("trials/{trial}/")).try_next().await?.is_some())
    }

    /// Makes the founder a coordinator, unless somebody has decided on their role since. A crash after the opening is mended by
    /// asking again.
    async fn grant_to_founder(&self, caller: &Caller, trial: &TrialId) -> Result<(), Problem> {
        let id = Membership::id(trial, &caller.user);
        let is_founder =
            matches!(self.access.trial(trial).await?, Trial::Known { founder, .. } if founder == caller.user);
        if is_founder && self.sender.load(&id).await?.1.is_none() {
            let (trial, user) = (trial.clone(), caller.user.clone());
            let grant = membership::Command::Grant { trial, user, role: Role::Coordinator };
            self.sender.send(&id, &caller.cause(&()), grant).await?;
        }
        Ok(())
    }
}

/// Open a trial, or change the settings of one. Who opens it becomes its coordinator.
///
/// One whose documents are there already is opened only by those whom the configuration names.
#[utoipa::path(put, path = "/api/trials/{id}", tag = "trials", params(("id" = String, Path)), request_body = SetTrial,
    responses((status = 200, body = Written<TrialSet>), Problems))]
pub(crate) async fn route(
    State(commands): State<Commands>,
    caller: Caller,
    Path(id): Path<String>,
    Json(ask): Json<SetTrial>,
) -> Result<Answer<TrialSet>, Problem> {
    let trial = TrialId::parse("id", &id)?;
    let title = ask.title.trim();
    if title.is_empty() || title.chars().count() > 300 || title.chars().any(char::is_control) {
        return Err(Problem::invalid("title", "`title` must have 1 to 300 characters, none of them a line break."));
    }
    let by = caller.user.clone();
    if commands.access.trial(&trial).await? == Trial::Unknown {
        commands.require_opener(&caller, &trial).await?;
    } else {
        commands.grant_to_founder(&caller, &trial).await?;
        commands.access.require(&trial, &by, Action::Manage).await?;
    }
    let sealed = commands.keys.seal(&Keys::trial(&trial), title.as_bytes()).await?;
    let command = Command::Set { trial: trial.clone(), by, title: sealed, enclosure: ask.enclosure };
    let receipt = commands.sender.send(&Trial::id(&trial), &caller.cause(&ask), command).await?;
    commands.grant_to_founder(&caller, &trial).await?;
    let role = commands.access.require(&trial, &caller.user, Action::Manage).await?;
    let set = TrialSet { trial, title: title.to_owned(), enclosure: ask.enclosure, role };
    Ok(Answer::new(set).after(receipt.position))
}
