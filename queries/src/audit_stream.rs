//! What one stream folds to, now or at an instant, and whether its events are those that were written.

use axum::extract::State;
use domain::access::Role;
use domain::any_event;
use domain::clock::ClockDay;
use domain::content::ContentState;
use domain::id::Id;
use http::{After, Caller, Json, Path, Problem, Problems, Query};
use jiff::Timestamp;
use ports::{Error, EventHash, Result, StoredEvent};
use projections::ContentNow;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::Queries;
use crate::audit_events::subject::Subjects;

/// At which moment.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct When {
    /// Only what was recorded at this instant or before; without it, all.
    #[param(value_type = Option<String>, format = DateTime)]
    at: Option<Timestamp>,
}

/// A stream, folded.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AuditedStream {
    /// The stream.
    stream: String,
    /// The instant asked for; null: now.
    #[schema(value_type = Option<String>, format = DateTime)]
    at: Option<Timestamp>,
    /// Revision of the last event then; null where there was none.
    revision: Option<u64>,
    /// What the events fold to; free text is sealed.
    #[schema(value_type = Object)]
    state: Value,
    /// How many events.
    events: usize,
    /// `intact`, or `broken at N`: the first revision that does not follow from the one before.
    hash_chain: String,
}

/// The first revision whose event is not what its metadata says, or does not name the hash of the event before.
fn break_of(events: &[StoredEvent]) -> Option<u64> {
    let mut previous = EventHash::default();
    for (expected, stored) in (0_u64..).zip(events) {
        let is_as_written = stored.metadata().is_ok_and(|metadata| {
            let event = &stored.event;
            metadata.previous == previous
                && (metadata.id, metadata.kind.as_str(), metadata.version)
                    == (event.id, event.kind.as_str(), event.version)
        });
        if !is_as_written || stored.revision != expected {
            return Some(expected);
        }
        previous = stored.hash();
    }
    None
}

/// What the events of a stream fold to; none where no aggregate has such streams.
fn state_of(stream: &str, events: &[StoredEvent]) -> Result<Option<Value>> {
    let stored: Vec<_> =
        events.iter().map(|e| (e.event.kind.as_str(), e.event.version, e.event.data.as_ref())).collect();
    any_event::state_of(stream, &stored).map_err(|e| Error::Corrupt(e.to_string()))
}

impl Queries {
    /// Whether the caller coordinates a trial that a stream belongs to after an event. Contents are asked for by where they are
    /// used; closings hold nothing of any trial, so that everybody may check them.
    async fn may_audit(&self, caller: &Caller, last: &StoredEvent) -> Result<bool> {
        if Id::<ClockDay>::of_stream(&last.stream).is_some() {
            return Ok(true);
        }
        let trials = match Id::<ContentState>::of_stream(&last.stream) {
            Some(content) => {
                let now: Option<ContentNow> = self.views.get(content.as_str()).await?;
                let mut trials: Vec<_> =
                    now.into_iter().flat_map(|now| now.uses).map(|used| used.place.trial).collect();
                trials.sort_unstable();
                trials.dedup();
                trials
            }
            None => Subjects::new(self.clone()).of(last).await?.trials.pop().into_iter().collect(),
        };
        for trial in trials {
            if self.access.role(&trial, &caller.user).await? == Some(Role::Coordinator) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Read what a stream's events fold to, now or at an instant, and whether they are as they were written. For coordinators of
/// the trial it belongs to.
///
/// The log itself is read, so `after` makes no difference.
#[utoipa::path(get, path = "/api/audit/streams/{stream}", tag = "audit",
    params(("stream" = String, Path, description = "Such as `document-65f1c0ffee0123456789abcd`"), When, After),
    responses((status = 200, body = AuditedStream), Problems))]
pub(crate) async fn route(
    State(queries): State<Queries>,
    caller: Caller,
    Path(stream): Path<String>,
    Query(When { at }): Query<When>,
    _after: After,
) -> std::result::Result<Json<AuditedStream>, Problem> {
    let not_found = || Problem::not_found("stream");
    let mut events = queries.log.read(&stream, 0).await?;
    let all = events.len();
    if let Some(at) = at {
        // What cannot be read was written before what follows it.
        let later = events.iter().position(|stored| stored.metadata().is_ok_and(|metadata| metadata.recorded_at > at));
        // The first event stays for a moment: it tells whose the stream is.
        events.truncate(later.unwrap_or(all).max(1));
    }
    let last = events.last().ok_or_else(not_found)?;
    if !queries.may_audit(&caller, last).await? {
        return Err(not_found());
    }
    if at.is_some_and(|at| last.metadata().is_ok_and(|metadata| metadata.recorded_at > at)) {
        events.clear();
    }
    Ok(Json(AuditedStream {
        at,
        revision: events.last().map(|last| last.revision),
        state: state_of(&stream, &events)?.ok_or_else(not_found)?,
        events: events.len(),
        hash_chain: break_of(&events).map_or_else(|| "intact".to_owned(), |revision| format!("broken at {revision}")),
        stream,
    }))
}
