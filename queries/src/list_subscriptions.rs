//! The caller's subscriptions.

use axum::extract::State;
use domain::id::Id;
use domain::subscription::Subscription;
use http::{After, Caller, Json, Page, Paging, Path, Problem, Problems, Query, Subscribed};
use ports::Find;
use projections::SubscriptionNow;

use crate::Queries;

/// List your subscriptions, those that ended included.
#[utoipa::path(get, path = "/api/subscriptions", tag = "subscriptions", params(Paging, After),
    responses((status = 200, body = Page<Subscribed>), Problems))]
pub(crate) async fn route(
    State(queries): State<Queries>,
    caller: Caller,
    Query(paging): Query<Paging>,
    After(after): After,
) -> Result<Page<Subscribed>, Problem> {
    queries.wait_for(after, &["subscriptions"]).await?;
    let behind = paging.place::<String>()?.map(|id| (id.clone().into(), id));
    let find = Find::all(paging.fetch()).equal("user", caller.user.as_str()).range("id", None, None).after(behind);
    let page = paging.page(queries.views.find(&find).await?, |last: &SubscriptionNow| last.id.to_string());
    let now = queries.clock.now();
    Ok(page.map(|row| Subscribed::new(row.id, &row.known, now)))
}

/// Read one of your subscriptions. It is read from its own events, so `after` makes no difference.
#[utoipa::path(get, path = "/api/subscriptions/{id}", tag = "subscriptions", params(("id" = String, Path), After),
    responses((status = 200, body = Subscribed), Problems))]
pub(crate) async fn find(
    State(queries): State<Queries>,
    caller: Caller,
    Path(id): Path<String>,
    _after: After,
) -> Result<Json<Subscribed>, Problem> {
    let not_found = || Problem::not_found("subscription");
    let id = Id::<Subscription>::parse("id", &id).map_err(|_| not_found())?;
    let known = queries.access.state(&id).await?.0.filter(|known| known.user == caller.user);
    Ok(Json(Subscribed::new(id, &known.ok_or_else(not_found)?, queries.clock.now())))
}
