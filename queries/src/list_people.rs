//! People of the directory, one by one: who has no id has no business with a name.

use std::collections::BTreeSet;

use axum::extract::State;
use domain::access::Role;
use domain::id::{TrialId, UserId};
use http::{After, Caller, Json, Path, Problem, Problems};
use projections::Member;
use serde::Serialize;
use utoipa::ToSchema;

use crate::Queries;

/// So many trials of each person are looked at for one that both are members of.
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
    /// Whether somebody coordinates a trial that the other is a member of: the view says which it may be, the streams decide.
    async fn coordinates(&self, user: &UserId, other: &UserId) -> ports::Result<bool> {
        let of_other = self.memberships(other, None, MOST_TRIALS).await?;
        let of_other: BTreeSet<TrialId> = of_other.into_iter().map(|member| member.trial).collect();
        for Member { trial, role, .. } in self.memberships(user, None, MOST_TRIALS).await? {
            if role == Role::Coordinator
                && of_other.contains(&trial)
                && self.access.role(&trial, user).await? == Some(Role::Coordinator)
                && self.access.role(&trial, other).await?.is_some()
            {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Read one's own name and address. Coordinators of a trial read the names of its members, too, but no address.
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
        if !queries.coordinates(&caller.user, &user).await? {
            return Err(not_found());
        }
    }
    let person = queries.directory.person(user.as_str()).await?.ok_or_else(not_found)?;
    Ok(Json(PersonSeen { user, name: person.name, address: person.address.filter(|_| own) }))
}
