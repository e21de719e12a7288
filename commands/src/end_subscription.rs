//! No more reports.

use axum::extract::State;
use domain::subscription::{Command, EndedBy};
use http::{Answer, Caller, Path, Problem, Problems, Written};

use crate::{Commands, Subscribed};

/// End the subscription. Starting it again begins its next term.
#[utoipa::path(delete, path = "/api/subscriptions/{id}", tag = "subscriptions", params(("id" = String, Path)),
    responses((status = 200, body = Written<Subscribed>), Problems))]
pub(crate) async fn route(
    State(commands): State<Commands>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Answer<Subscribed>, Problem> {
    let (id, _) = commands.own_subscription(&caller, &id).await?;
    let command = Command::End { by: EndedBy::Subscriber };
    let receipt = commands.sender.send(&id, &caller.cause(&()), command).await?;
    Ok(Answer::new(commands.subscribed(id).await?).after(receipt.position))
}
