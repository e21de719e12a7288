//! Subscribing to a trial's reports.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::access::Action;
use domain::edition::{Audience, Edition, Language, Paper};
use domain::id::{Id, TrialId};
use domain::schedule::Schedule;
use domain::subscription::{Command, Known, Subscription};
use http::{Answer, Caller, Created, Json, Problem, Problems, Written};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use http::Subscribed;

use crate::{Commands, Receipt};

/// What to subscribe to.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Subscribe {
    /// The trial.
    pub trial: String,
    /// When reports are due.
    pub schedule: Schedule,
    /// On which paper.
    #[serde(default)]
    pub paper: Paper,
}

/// The edition that a schedule and a paper make.
pub(crate) fn edition(schedule: &Schedule, paper: Paper) -> Edition {
    Edition { zone: schedule.zone().clone(), language: Language::default(), paper, audience: Audience::default() }
}

impl Commands {
    /// Starts the caller's subscription, or its next term. The same again changes nothing.
    ///
    /// # Errors
    /// 404 for a trial the caller may not see, 409 where the subscription runs with another schedule.
    pub async fn subscribe(&self, caller: &Caller, ask: &Subscribe) -> Result<(Id<Subscription>, Receipt), Problem> {
        let trial = TrialId::parse("trial", &ask.trial)?;
        self.access.require(&trial, &caller.user, Action::Read).await?;
        if !self.access.is_open(&trial).await? {
            return Err(Problem::refused(&domain::trial::Refusal::Closed));
        }
        let id = Subscription::id(&trial, &caller.user, ask.schedule.cadence());
        let command = Command::Start {
            trial,
            user: caller.user.clone(),
            edition: edition(&ask.schedule, ask.paper),
            schedule: ask.schedule.clone(),
        };
        let receipt = self.sender.send(&id, &caller.cause(ask), command).await?;
        Ok((id, receipt))
    }

    /// A subscription of the caller, as it is now.
    ///
    /// # Errors
    /// 404 where it is not the caller's.
    pub(crate) async fn own_subscription(
        &self,
        caller: &Caller,
        id: &str,
    ) -> Result<(Id<Subscription>, Known), Problem> {
        let id = Id::<Subscription>::parse("id", id).map_err(|_| Problem::not_found("subscription"))?;
        match self.access.state(&id).await?.0 {
            Some(known) if known.user == caller.user => Ok((id, known)),
            _ => Err(Problem::not_found("subscription")),
        }
    }

    /// The caller's subscription after a command.
    pub(crate) async fn subscribed(&self, id: Id<Subscription>) -> Result<Subscribed, Problem> {
        let known = self.access.state(&id).await?.0.ok_or_else(|| Problem::not_found("subscription"))?;
        Ok(Subscribed::new(id, &known, self.clock.now()))
    }
}

/// Subscribe to the reports of a trial.
///
/// The same subscription asked for twice is answered with what is there; one that ended begins its next term.
#[utoipa::path(post, path = "/api/subscriptions", tag = "subscriptions", request_body = Subscribe,
    responses((status = 201, body = Written<Subscribed>), (status = 200, body = Written<Subscribed>), Problems))]
pub(crate) async fn route(
    State(commands): State<Commands>,
    caller: Caller,
    Json(ask): Json<Subscribe>,
) -> Result<Response, Problem> {
    let (id, receipt) = commands.subscribe(&caller, &ask).await?;
    let location = format!("/api/subscriptions/{id}");
    let subscribed = commands.subscribed(id).await?;
    Ok(if receipt.appended > 0 {
        Created::new(&location, subscribed).after(receipt.position).into_response()
    } else {
        Answer::new(subscribed).after(receipt.position).into_response()
    })
}
