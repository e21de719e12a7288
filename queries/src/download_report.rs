//! A report's PDF.

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::response::{IntoResponse, Response};
use domain::id::Id;
use domain::report::{Report, Scheduled};
use http::document::PRIVATE;
use http::{After, Caller, IfNoneMatch, Path, Problem, Problems, etag, inline};
use ports::{Error, FileKey};

use crate::Queries;

/// Trial and period, and nothing that names a participant.
fn file_name(scheduled: &Scheduled) -> String {
    let (period, zone) = (&scheduled.period, &scheduled.edition.zone);
    format!("{}_{}_{}.pdf", scheduled.trial, period.first_day(zone), period.last_day(zone))
}

/// Read a report's PDF; 404 until it is rendered. It is read from the report's own events, so `after` makes no difference.
#[utoipa::path(get, path = "/api/reports/{id}/file", tag = "reports", params(("id" = String, Path), After),
    responses((status = 200, body = Vec<u8>, content_type = "application/pdf"),
        (status = 304, description = "You have it already"), Problems))]
pub(crate) async fn route(
    State(queries): State<Queries>,
    caller: Caller,
    Path(id): Path<String>,
    _after: After,
    if_none_match: IfNoneMatch,
) -> Result<Response, Problem> {
    let not_found = || Problem::not_found("report");
    let id = Id::<Report>::parse("id", &id).map_err(|_| not_found())?;
    let (scheduled, rendered) = match queries.access.state(&id).await? {
        Report::Rendered(scheduled, rendered) => (scheduled, Some(rendered)),
        Report::Scheduled(scheduled) | Report::Abandoned(scheduled) => (scheduled, None),
        Report::Unknown => return Err(not_found()),
    };
    queries.seen_in(&scheduled.trial, &caller.user, "report").await?;
    let rendered = rendered.ok_or_else(|| {
        Problem::not_found("file")
            .with_remedy(format!("The report has not been rendered; GET /api/reports/{id} says how far it is."))
    })?;
    let etag = etag(rendered.sha256.as_str().as_bytes());
    if if_none_match.has(&etag) {
        return Ok(etag.not_modified());
    }
    let key = FileKey::new(format!("derived/{}", rendered.sha256))?;
    let missing = || Error::Corrupt(format!("{key} of report {id} is not in the store"));
    let file = queries.derived.get(&key, None).await?.ok_or_else(missing)?;
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/pdf")),
        (CONTENT_DISPOSITION, inline(&file_name(&scheduled))),
        (CONTENT_LENGTH, file.size.into()),
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static("frame-ancestors 'self'")),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (CACHE_CONTROL, PRIVATE),
        (ETAG, etag.header()),
    ];
    let mut response = Body::from_stream(file.stream).into_response();
    response.headers_mut().extend(headers);
    Ok(response)
}
