//! Other times or another paper for a running subscription.

use axum::extract::State;
use domain::edition::Paper;
use domain::schedule::Schedule;
use domain::subscription::Command;
use http::{Answer, Caller, Json, Path, Problem, Problems, Written};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Commands, Subscribed};

/// What to change; what is left out stays.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeSubscription {
    /// When reports are due; the cadence stays.
    pub schedule: Option<Schedule>,
    /// On which paper.
    pub paper: Option<Paper>,
}

/// Change when reports are due, or their paper.
#[utoipa::path(patch, path = "/api/subscriptions/{id}", tag = "subscriptions", params(("id" = String, Path)),
    request_body = ChangeSubscription, responses((status = 200, body = Written<Subscribed>), Problems))]
pub(crate) async fn route(
    State(commands): State<Commands>,
    caller: Caller,
    Path(id): Path<String>,
    Json(ask): Json<ChangeSubscription>,
) -> Result<Answer<Subscribed>, Problem> {
    let (id, _) = commands.own_subscription(&caller, &id).await?;
    let command = Command::Reschedule { schedule: ask.schedule.clone(), paper: ask.paper };
    let receipt = commands.sender.send(&id, &caller.cause(&ask), command).await?;
    Ok(Answer::new(commands.subscribed(id).await?).after(receipt.position))
}
