//! Replay: what happened in a trial, event by event, in the log's order.

mod opened;
pub(crate) mod subject;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use domain::access::Action;
use domain::id::{TrialId, UserId};
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use http::document::PRIVATE;
use http::{After, Caller, Problem, Problems, Query};
use jiff::Timestamp;
use ports::{Categories, Error, EventHash, Fed, Result, StoredEvent};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::Queries;
use subject::Subjects;

/// The streams whose events belong to a trial. Contents are shared between trials, and the clock is everybody's.
const OF_TRIALS: Categories =
    Categories(&["trial", "membership", "document", "subscription", "occurrence", "report", "delivery"]);

/// Which events.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Wanted {
    /// The trial; the caller must be its coordinator.
    trial: String,
    /// Only of this stream, such as `subscription-0e8f…`.
    stream: Option<String>,
    /// Only what this person did, or what concerns them.
    user: Option<String>,
    /// Only of this type, such as `DocumentAdded`.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// Only what was recorded at this instant or later.
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Only what was recorded before this instant.
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
}

/// One event, one line.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AuditEvent {
    /// Its stream.
    stream: String,
    /// Its place there, from 0.
    revision: u64,
    /// What happened.
    #[serde(rename = "type")]
    kind: String,
    /// Version of the type's data.
    version: u32,
    /// When it was recorded.
    #[schema(value_type = String, format = DateTime)]
    recorded_at: Timestamp,
    /// The opaque id of a person, or the name of a worker.
    actor: String,
    /// The command it follows from.
    #[schema(value_type = String, format = "uuid")]
    command_id: Uuid,
    /// Shared by all that follows from one request.
    #[schema(value_type = String, format = "uuid")]
    correlation_id: Uuid,
    /// SHA-256 of the event in its stream.
    #[schema(value_type = String)]
    hash: EventHash,
    /// The hash of the stream's event before; zeros for the first.
    #[schema(value_type = String)]
    previous: EventHash,
    /// The data as recorded; free text is sealed.
    #[schema(value_type = Object)]
    data: Value,
    /// The sealed texts of this trial by their JSON pointer in `data`; null where a key was destroyed.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(required = false)]
    opened: BTreeMap<String, Option<String>>,
}

/// One inspection of the log.
struct Inspection {
    subjects: Subjects,
    trial: TrialId,
    user: Option<UserId>,
    kind: Option<String>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
}

impl Inspection {
    /// The event as a line, if it is wanted.
    async fn line(&self, stored: StoredEvent) -> Result<Option<Bytes>> {
        if self.kind.as_ref().is_some_and(|kind| *kind != stored.event.kind) {
            return Ok(None);
        }
        let metadata = stored.metadata()?;
        let at = metadata.recorded_at;
        if self.from.is_some_and(|from| at < from) || self.to.is_some_and(|to| at >= to) {
            return Ok(None);
        }
        let subject = self.subjects.of(&stored).await?;
        if !subject.trials.contains(&self.trial) {
            return Ok(None);
        }
        if let Some(user) = &self.user
            && metadata.cause.actor != user.as_str()
            && self.subjects.user(&subject).await?.as_ref() != Some(user)
        {
            return Ok(None);
        }
        let corrupt = |e: serde_json::Error| Error::Corrupt(format!("{}@{}: {e}", stored.stream, stored.revision));
        let data: Value = serde_json::from_slice(&stored.event.data).map_err(corrupt)?;
        let event = AuditEvent {
            revision: stored.revision,
            kind: stored.event.kind.clone(),
            version: stored.event.version,
            recorded_at: at,
            actor: metadata.cause.actor,
            command_id: metadata.cause.command,
            correlation_id: metadata.cause.correlation,
            hash: stored.hash(),
            previous: metadata.previous,
            opened: opened::opened(&self.subjects.queries.keys, &data, &self.trial).await?,
            data,
            stream: stored.stream.clone(),
        };
        let mut line = serde_json::to_vec(&event).map_err(corrupt)?;
        line.push(b'\n');
        Ok(Some(line.into()))
    }
}

impl Queries {
    /// One stream, or the whole log.
    async fn events(&self, stream: Option<&str>) -> Result<BoxStream<'static, Result<StoredEvent>>> {
        if let Some(stream) = stream {
            let events = if OF_TRIALS.contains(stream) { self.log.read(stream, 0).await? } else { Vec::new() };
            return Ok(stream::iter(events.into_iter().map(Ok)).boxed());
        }
        let events = self.feed.read(None, OF_TRIALS).try_filter_map(|fed| async move {
            Ok(match fed {
                Fed::Event(event) => Some(event),
                Fed::Passed(_) => None,
            })
        });
        Ok(events.boxed())
    }
}

/// Replay the events of a trial in the order of the log, one JSON object on each line. For coordinators.
///
/// Events of documents, subscriptions, occurrences, reports, deliveries and memberships belong to the trial they name, or that
/// their stream names; what moved from one trial to another belongs to both. The log itself is read, up to its present end,
/// so `after` makes no difference. An answer that breaks off was not whole.
#[utoipa::path(get, path = "/api/audit/events", tag = "audit", params(Wanted, After),
    responses((status = 200, body = AuditEvent, content_type = "application/x-ndjson"), Problems))]
pub(crate) async fn route(
    State(queries): State<Queries>,
    caller: Caller,
    Query(wanted): Query<Wanted>,
    _after: After,
) -> std::result::Result<Response, Problem> {
    let trial = TrialId::parse("trial", &wanted.trial)?;
    queries.access.require(&trial, &caller.user, Action::Manage).await?;
    let user = wanted.user.as_deref().map(|user| UserId::parse("user", user)).transpose()?;
    let events = queries.events(wanted.stream.as_deref()).await?;
    let inspection = Arc::new(Inspection {
        subjects: Subjects::new(queries),
        trial,
        user,
        kind: wanted.kind,
        from: wanted.from,
        to: wanted.to,
    });
    let lines = events.try_filter_map(move |event| {
        let inspection = Arc::clone(&inspection);
        async move { inspection.line(event).await }
    });
    // The status has gone out already: the transfer is cut off, so that nobody takes a part for the whole.
    let body = Body::from_stream(lines.map_err(|error| {
        tracing::error!(%error, "an audit answer broke off");
        std::io::Error::other("the log could not be read to its end")
    }));
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson")),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (CACHE_CONTROL, PRIVATE),
    ];
    Ok((headers, body).into_response())
}
