//! People of the directory, one by one: who has no id has no business with a name.

use axum::extract::State;
use domain::access::Role;
use domain::id::UserId;
use http::{After, Caller, Json, Path, Problem, Problems};
use serde::Serialize;
use utoipa::ToSchema;

use crate::Queries;

/// Of so many trials of the caller it is asked whether one has the caller as its coordinator.
const MOST_TRIALS: usize = 200;

/// A person.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct PersonSeen {
    /// Opaque id.
    user: UserId,
    /// Name for display.
    name: String,
    /// Mail address; null where there is none, and to everybody else.
    address: Option<String>,
}

impl Queries {
    /// Whether somebody is a coordinator of any trial.
    async fn coordinates(&self, user: &UserId) -> ports::Result<bool> {
        let members = self.memberships(user, None, MOST_TRIALS).await?;
        for member in members.iter().filter(|member| member.role == Role::Coordinator) {
            if self.access.role(&member.trial, user).await? == Some(Role::Coordinator) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Read one's own name and address. Coordinators of a trial read the names of others, too, but no address.
#[utoipa::path(get, path = "/api/people/{id}", tag = "people", params(("id" = String, Path), After),
    responses((status = 200, body = PersonSeen), Problems))]
pub(crate) async fn route(
    State(queries): State<Queries>,
    caller: Caller,
    Path(id): Path<String>,
    After(after): After,
) -> Result<Json<PersonSeen>, Problem> {
    let not_found = || Problem::not_found("person");
    let user = UserId::parse("id", &id).map_err(|_| not_found())?;
    let own = user == caller.user;
    if !own {
        queries.wait_for(after, &["trials"]).await?;
        if !queries.coordinates(&caller.user).await? {
            return Err(not_found());
        }
    }
    let person = queries.directory.person(user.as_str()).await?.ok_or_else(not_found)?;
    Ok(Json(PersonSeen { user, name: person.name, address: person.address.filter(|_| own) }))
}
