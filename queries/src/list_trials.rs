//! The trials that the caller may see.

use axum::extract::State;
use domain::access::Role;
use domain::id::{TrialId, UserId};
use http::{After, Caller, Page, Paging, Problem, Problems, Query};
use ports::Find;
use projections::{FiguresNow, Member, Row, Series, TrialNow};
use serde::Serialize;
use utoipa::ToSchema;

use crate::Queries;

/// A trial in a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct TrialListed {
    /// The trial.
    trial: TrialId,
    /// Its title.
    title: String,
    /// The caller's role in it.
    role: Role,
    /// Whether it is open.
    open: bool,
    /// Documents that exist now.
    present: i64,
    /// How many of them have a finding that asks for attention.
    attention: i64,
}

impl Queries {
    /// Memberships of a person as the view has them, in order of the trial, from behind one.
    pub(crate) async fn memberships(
        &self,
        user: &UserId,
        after: Option<TrialId>,
        limit: usize,
    ) -> ports::Result<Vec<Member>> {
        let after =
            after.map(|trial| (trial.as_str().into(), Member { trial, user: user.clone(), role: Role::Reader }.key()));
        let find = Find::all(limit).equal("user", user.as_str()).range("trial", None, None).after(after);
        self.views.find(&find).await
    }

    async fn trial_listed(&self, trial: TrialId, role: Role) -> ports::Result<TrialListed> {
        let settings = self.views.get::<TrialNow>(trial.as_str()).await?.map(|TrialNow(settings)| settings);
        let figures = self.views.get::<FiguresNow>(&Series::whole(trial.clone()).key()).await?;
        let figures = figures.map(|now| now.figures).unwrap_or_default();
        Ok(TrialListed {
            title: match &settings {
                Some(settings) => self.text(&settings.title).await?,
                None => trial.to_string(),
            },
            open: settings.is_none_or(|settings| settings.open),
            trial,
            role,
            present: figures.documents.present,
            attention: figures.contents.flagged,
        })
    }
}

/// List the trials you may see, with their figures as of now.
#[utoipa::path(get, path = "/api/trials", tag = "trials", params(Paging, After),
    responses((status = 200, body = Page<TrialListed>), Problems))]
pub(crate) async fn route(
    State(queries): State<Queries>,
    caller: Caller,
    Query(paging): Query<Paging>,
    After(after): After,
) -> Result<Page<TrialListed>, Problem> {
    queries.wait_for(after, &["trials", "document_changes"]).await?;
    let members = queries.memberships(&caller.user, paging.place()?, paging.fetch()).await?;
    let Page { items: members, next } = paging.page(members, |last| last.trial.clone());
    let mut items = Vec::with_capacity(members.len());
    for member in members {
        // The stream has the last word: the view may not know of a revocation yet.
        if let Some(role) = queries.access.role(&member.trial, &caller.user).await? {
            items.push(queries.trial_listed(member.trial, role).await?);
        }
    }
    Ok(Page { items, next })
}
