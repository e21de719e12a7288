//! No reports for a while, and reports again.

use axum::extract::State;
use domain::subscription::Command;
use http::{Answer, Caller, Path, Problem, Problems, Written};

use crate::{Commands, Subscribed};

impl Commands {
    async fn pause_or_resume(
        &self,
        caller: &Caller,
        id: &str,
        command: Command,
    ) -> Result<Answer<Subscribed>, Problem> {
        let (id, _) = self.own_subscription(caller, id).await?;
        let receipt = self.sender.send(&id, &caller.cause(&()), command).await?;
        Ok(Answer::new(self.subscribed(id).await?).after(receipt.position))
    }
}

/// Send no reports until it is resumed.
#[utoipa::path(post, path = "/api/subscriptions/{id}/pause", tag = "subscriptions", params(("id" = String, Path)),
    responses((status = 200, body = Written<Subscribed>), Problems))]
pub(crate) async fn pause(
    State(commands): State<Commands>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Answer<Subscribed>, Problem> {
    commands.pause_or_resume(&caller, &id, Command::Pause).await
}

/// Send reports again; the first covers one regular period.
#[utoipa::path(post, path = "/api/subscriptions/{id}/resume", tag = "subscriptions", params(("id" = String, Path)),
    responses((status = 200, body = Written<Subscribed>), Problems))]
pub(crate) async fn resume(
    State(commands): State<Commands>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Answer<Subscribed>, Problem> {
    commands.pause_or_resume(&caller, &id, Command::Resume).await
}
