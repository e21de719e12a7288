//! A report about the time since the last one, now.

use axum::extract::State;
use domain::access::Action;
use domain::delivery::{Command, Delivery, Event, Occasion};
use domain::id::Id;
use domain::period::Period;
use domain::report::{Report, Scheduled};
use domain::subscription::{self, Status};
use http::{Answer, Caller, Path, Problem, Problems, Written};
use serde::Serialize;
use utoipa::ToSchema;

use crate::Commands;

/// A delivery that was asked for.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Requested {
    /// Its id.
    #[schema(value_type = String)]
    pub delivery: Id<Delivery>,
    /// The report it delivers.
    #[schema(value_type = String)]
    pub report: Id<Report>,
}

/// Send the subscriber a report "so far": from the end of the last regular period until now.
///
/// It moves no schedule: the next regular report covers the same time again.
#[utoipa::path(post, path = "/api/subscriptions/{id}/send-now", tag = "subscriptions", params(("id" = String, Path)),
    responses((status = 202, body = Written<Requested>), Problems))]
pub(crate) async fn route(
    State(commands): State<Commands>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Answer<Requested>, Problem> {
    let (id, known) = commands.own_subscription(&caller, &id).await?;
    commands.access.require(&known.trial, &caller.user, Action::Read).await?;
    match known.status {
        Status::Active => {}
        Status::Paused => return Err(Problem::refused(&subscription::Refusal::Paused)),
        Status::Ended => return Err(Problem::refused(&subscription::Refusal::Ended)),
    }
    let occasion = Occasion::SendNow(caller.command);
    let now = commands.clock.now();
    let last_due = known.schedule.previous_at_or_before(now);
    let Some(period) = Period::so_far(Period::end(&known.schedule, last_due), now) else {
        return Err(Problem::conflict("nothing-to-report", "the period has only just begun; ask again in a moment"));
    };
    let wanted = Scheduled { trial: known.trial, period, edition: known.edition, so_far: true };
    let report = Report::id(&wanted);
    let delivery = Delivery::id(&report, &id, &occasion);
    let command = Command::Request { subscription: id, occasion, wanted };
    let receipt = commands.sender.send(&delivery, &caller.cause(&()), command).await?;
    // A repeat is told of the report that was asked for first, not of one that would end now.
    let first = if receipt.repeated { commands.sender.first(&delivery).await? } else { None };
    let report = match first {
        Some(Event::DeliveryRequested { report, .. }) => report,
        _ => report,
    };
    Ok(Answer::accepted(Requested { delivery, report }).after(receipt.position))
}
