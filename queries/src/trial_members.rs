//! Who may see a trial.

use axum::extract::State;
use domain::access::{Action, Role};
use domain::id::{TrialId, UserId};
use http::{After, Caller, Page, Paging, Path, Problem, Problems, Query};
use ports::Find;
use projections::{Member, Row};
use serde::Serialize;
use utoipa::ToSchema;

use crate::Queries;

/// Somebody who may see a trial.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct TrialMember {
    /// The person, opaque.
    user: UserId,
    /// Name for display; the id where the directory does not know the person any more.
    name: String,
    /// The role.
    role: Role,
}

impl Queries {
    /// A person's name as the directory has it now, or the opaque id.
    pub(crate) async fn name_of(&self, user: &UserId) -> ports::Result<String> {
        let person = self.directory.person(user.as_str()).await?;
        Ok(person.map_or_else(|| user.to_string(), |person| person.name))
    }
}

/// List who may see a trial, and do what in it.
#[utoipa::path(get, path = "/api/trials/{id}/members", tag = "trials", params(("id" = String, Path), Paging, After),
    responses((status = 200, body = Page<TrialMember>), Problems))]
pub(crate) async fn route(
    State(queries): State<Queries>,
    caller: Caller,
    Path(id): Path<String>,
    Query(paging): Query<Paging>,
    After(after): After,
) -> Result<Page<TrialMember>, Problem> {
    let trial = TrialId::parse("id", &id).map_err(|_| Problem::not_found("trial"))?;
    queries.access.require(&trial, &caller.user, Action::Read).await?;
    queries.wait_for(after, &["trials"]).await?;
    let behind = paging
        .place::<UserId>()?
        .map(|user| (user.as_str().into(), Member { trial: trial.clone(), user, role: Role::Reader }.key()));
    let find = Find::all(paging.fetch()).equal("trial", trial.as_str()).range("user", None, None).after(behind);
    let Page { items: members, next } =
        paging.page(queries.views.find(&find).await?, |last: &Member| last.user.clone());
    let mut items = Vec::with_capacity(members.len());
    for Member { user, role, .. } in members {
        items.push(TrialMember { name: queries.name_of(&user).await?, user, role });
    }
    Ok(Page { items, next })
}
