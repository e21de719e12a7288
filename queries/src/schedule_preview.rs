//! What a schedule means, before somebody subscribes to it.

use axum::extract::State;
use domain::period::Period;
use domain::schedule::Schedule;
use http::{Caller, Json, Problem, Problems, Query};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use crate::Queries;

/// A schedule, field by field.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Fields {
    /// `weekly`, `daily` or `monthly`.
    cadence: Option<String>,
    /// Of a weekly one: the day of the week, such as `monday`.
    weekday: Option<String>,
    /// Of a monthly one: the day of the month, 1 to 31.
    day: Option<String>,
    /// The wall-clock time, such as `08:00`.
    time: Option<String>,
    /// The zone by its IANA name, such as `Europe/Berlin`.
    zone: Option<String>,
}

impl Fields {
    fn schedule(self) -> Result<Schedule, Problem> {
        let day = self.day.map(|day| day.parse::<u64>().map_or(Value::String(day), Value::from));
        let texts = [("cadence", self.cadence), ("weekday", self.weekday), ("time", self.time), ("zone", self.zone)];
        let mut given: Map<String, Value> =
            texts.into_iter().filter_map(|(name, text)| Some((name.to_owned(), Value::String(text?)))).collect();
        given.extend(day.map(|day| ("day".to_owned(), day)));
        serde_json::from_value(Value::Object(given)).map_err(|error| problem(&error))
    }
}

/// A schedule's own refusal begins with the field's name in backticks; serde passes on nothing but the sentence.
fn problem(error: &serde_json::Error) -> Problem {
    let sentence = error.to_string();
    match sentence.strip_prefix('`').and_then(|rest| rest.split_once('`')) {
        Some((field, _)) => Problem::invalid(field, format!("{sentence}.")),
        None => Problem::malformed(sentence),
    }
}

/// What a schedule means.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SchedulePreview {
    /// The schedule in words.
    sentence: String,
    /// When the next report would be due.
    #[schema(value_type = String, format = DateTime)]
    next_due: Timestamp,
    /// What the first report would cover; null only at the end of the calendar.
    period: Option<Period>,
}

/// Say in words what a schedule means, when it is due next, and what the first report would cover.
#[utoipa::path(get, path = "/api/schedules/preview", tag = "subscriptions", params(Fields),
    responses((status = 200, body = SchedulePreview), Problems))]
pub(crate) async fn route(
    State(queries): State<Queries>,
    _caller: Caller,
    Query(fields): Query<Fields>,
) -> Result<Json<SchedulePreview>, Problem> {
    let schedule = fields.schedule()?;
    let next_due = schedule.next_after(queries.clock.now());
    let period = Period::regular(&schedule, next_due);
    Ok(Json(SchedulePreview { sentence: schedule.describe(), next_due, period }))
}
