//! Who was sent a report, and what became of it.

use axum::extract::State;
use domain::access::Role;
use domain::delivery::Delivery;
use domain::id::{Id, TrialId, UserId};
use domain::schedule::Cadence;
use domain::subscription::Subscription;
use http::{After, Caller, Page, Paging, Path, Problem, Problems, Query};
use jiff::Timestamp;
use ports::Find;
use projections::{DeliveryNow, DeliveryStatus, SubscriptionNow};
use serde::Serialize;
use utoipa::ToSchema;

use crate::Queries;

/// A report to one subscription.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct DeliveryListed {
    /// Its id.
    #[schema(value_type = String)]
    delivery: Id<Delivery>,
    /// To which subscription.
    #[schema(value_type = String)]
    subscription: Id<Subscription>,
    /// The subscriber; null where the subscription is not known.
    user: Option<UserId>,
    /// The subscriber's name, as the directory has it now.
    name: Option<String>,
    /// How far it is.
    status: DeliveryStatus,
    /// The last attempt; 0: none was made.
    attempt: u32,
    /// When it came to be so.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// When something has to be done about it; null once it has an outcome.
    #[schema(value_type = Option<String>, format = DateTime)]
    due: Option<Timestamp>,
    /// Code of the reason, or, to coordinators, what the mail server said.
    detail: Option<String>,
}

/// The subscriptions that somebody can have to a trial.
fn own_subscriptions(trial: &TrialId, user: &UserId) -> [Id<Subscription>; 3] {
    [Cadence::Weekly, Cadence::Daily, Cadence::Monthly].map(|cadence| Subscription::id(trial, user, cadence))
}

impl Queries {
    async fn delivery_listed(&self, row: DeliveryNow, role: Role) -> ports::Result<DeliveryListed> {
        let subscription: Option<SubscriptionNow> = self.views.get(row.subscription.as_str()).await?;
        let user = subscription.map(|subscription| subscription.user);
        let name = match &user {
            Some(user) => Some(self.name_of(user).await?),
            None => None,
        };
        let detail = match (&row.reason, &row.reply) {
            (Some(reason), _) => Some(reason.clone()),
            (None, Some(reply)) if role == Role::Coordinator => Some(self.text(reply).await?),
            (None, _) => None,
        };
        Ok(DeliveryListed {
            delivery: row.id,
            subscription: row.subscription,
            user,
            name,
            status: row.status,
            attempt: row.attempt,
            at: row.at,
            due: row.due.and_then(|micros| Timestamp::from_microsecond(micros).ok()),
            detail,
        })
    }
}

/// List the deliveries of a report. Coordinators see all of them, others their own.
#[utoipa::path(get, path = "/api/reports/{id}/deliveries", tag = "reports", params(("id" = String, Path), Paging, After),
    responses((status = 200, body = Page<DeliveryListed>), Problems))]
pub(crate) async fn route(
    State(queries): State<Queries>,
    caller: Caller,
    Path(id): Path<String>,
    Query(paging): Query<Paging>,
    After(after): After,
) -> Result<Page<DeliveryListed>, Problem> {
    queries.wait_for(after, &["reports", "subscriptions"]).await?;
    let (report, role) = queries.report_seen(&caller, &id).await?;
    let find = Find::all(paging.fetch()).equal("report", report.id.as_str());
    let finds = if role == Role::Coordinator {
        vec![find]
    } else {
        let own = own_subscriptions(&report.trial, &caller.user);
        own.iter().map(|own| find.clone().equal("subscription", own.as_str())).collect()
    };
    let behind = paging.place::<String>()?.map(|id| (id.clone().into(), id));
    let mut rows: Vec<DeliveryNow> = Vec::new();
    for find in finds {
        rows.extend(queries.views.find(&find.range("id", None, None).after(behind.clone())).await?);
    }
    rows.sort_by(|a, b| a.id.cmp(&b.id));
    rows.truncate(paging.fetch());
    let Page { items: rows, next } = paging.page(rows, |last| last.id.to_string());
    let mut items = Vec::with_capacity(rows.len());
    for row in rows {
        items.push(queries.delivery_listed(row, role).await?);
    }
    Ok(Page { items, next })
}
