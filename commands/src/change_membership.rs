//! Who may see a trial, and do what in it.

use axum::extract::State;
use domain::access::{Action, Role};
use domain::id::{TrialId, UserId};
use domain::membership::{Command, Membership, Refusal};
use http::{Answer, Caller, Json, Path, Problem, Problems, Written};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Commands;

/// A role to be given.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GrantMembership {
    /// The role, in place of any other.
    pub role: Role,
}

/// Somebody's role in a trial.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MembershipSet {
    /// The trial.
    pub trial: TrialId,
    /// The person.
    pub user: UserId,
    /// The role; null where there is none.
    pub role: Option<Role>,
}

impl Commands {
    /// Whose role in which trial, where the caller may give them that role, or none.
    async fn managed(
        &self,
        caller: &Caller,
        trial: &str,
        user: &str,
        role: Option<Role>,
    ) -> Result<(TrialId, UserId), Problem> {
        let (trial, user) = (TrialId::parse("id", trial)?, UserId::parse("user", user)?);
        self.access.require(&trial, &caller.user, Action::Manage).await?;
        if user == caller.user && role != Some(Role::Coordinator) {
            return Err(Problem::refused(&Refusal::OwnRole));
        }
        Ok((trial, user))
    }
}

/// Give somebody a role in the trial.
///
/// Coordinators do not lower their own: another one does, so that the trial keeps one.
#[utoipa::path(put, path = "/api/trials/{id}/members/{user}", tag = "trials",
    params(("id" = String, Path), ("user" = String, Path)), request_body = GrantMembership,
    responses((status = 200, body = Written<MembershipSet>), Problems))]
pub(crate) async fn grant(
    State(commands): State<Commands>,
    caller: Caller,
    Path((trial, user)): Path<(String, String)>,
    Json(ask): Json<GrantMembership>,
) -> Result<Answer<MembershipSet>, Problem> {
    let (trial, user) = commands.managed(&caller, &trial, &user, Some(ask.role)).await?;
    if commands.directory.person(user.as_str()).await?.is_none() {
        return Err(Problem::invalid("user", format!("there is no person {user}; add them to the directory first")));
    }
    let command = Command::Grant { trial: trial.clone(), user: user.clone(), role: ask.role };
    let receipt = commands.sender.send(&Membership::id(&trial, &user), &caller.cause(&ask), command).await?;
    Ok(Answer::new(MembershipSet { trial, user, role: Some(ask.role) }).after(receipt.position))
}

/// Take somebody's role in the trial away. Reports to them are withheld from now on.
///
/// A coordinator's is taken by another one, so that the trial keeps one.
#[utoipa::path(delete, path = "/api/trials/{id}/members/{user}", tag = "trials",
    params(("id" = String, Path), ("user" = String, Path)),
    responses((status = 200, body = Written<MembershipSet>), Problems))]
pub(crate) async fn revoke(
    State(commands): State<Commands>,
    caller: Caller,
    Path((trial, user)): Path<(String, String)>,
) -> Result<Answer<MembershipSet>, Problem> {
    let (trial, user) = commands.managed(&caller, &trial, &user, None).await?;
    let receipt = commands.sender.send(&Membership::id(&trial, &user), &caller.cause(&()), Command::Revoke).await?;
    Ok(Answer::new(MembershipSet { trial, user, role: None }).after(receipt.position))
}
