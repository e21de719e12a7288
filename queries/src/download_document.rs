//! A document's file, and its thumbnail.
//!
//! Whoever uploaded the file chose its bytes, its name and its media type. So it is saved rather than shown, but for a few
//! types that cannot act, and the browser is told not to guess another.

mod range;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_SECURITY_POLICY,
    CONTENT_TYPE, ETAG, LOCATION, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use http::document::{PRIVATE, essence, media_type, object_key};
use http::{Caller, ETag, IfNoneMatch, Path, Problem, ProblemType, Problems, Query, attachment, etag, inline};
use ports::{FileKey, Record};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::Queries;
use range::Asked;

/// Media types that may be shown in the browser: none of them can run a script in our origin.
const SHOWN: [&str; 4] = ["image/jpeg", "image/png", "application/pdf", "text/plain"];

/// What a file may do that is opened all the same: nothing.
const NOTHING: HeaderValue = HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; sandbox");

/// What a PDF may do: browsers do not open one in a sandbox.
const NO_FRAMES: HeaderValue = HeaderValue::from_static("frame-ancestors 'self'");

/// Only our own pages may embed it.
const SAME_ORIGIN: (HeaderName, HeaderValue) =
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin"));

/// How a file is asked for.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Manner {
    /// `1`: to be shown, where its type allows it. Else it is saved.
    inline: Option<String>,
}

/// How a file is described to the browser.
fn describing(record: &Record, shown: bool) -> Vec<(HeaderName, HeaderValue)> {
    let stated = record.text("ContentType").and_then(media_type);
    let content_type = stated.unwrap_or(HeaderValue::from_static("application/octet-stream"));
    let essence = content_type.to_str().map(|text| essence(text).to_ascii_lowercase()).unwrap_or_default();
    let filename = record.text("Filename").unwrap_or_default();
    let shown = shown && SHOWN.contains(&essence.as_str());
    vec![
        (CONTENT_DISPOSITION, if shown { inline(filename) } else { attachment(filename) }),
        (CONTENT_SECURITY_POLICY, if shown && essence == "application/pdf" { NO_FRAMES } else { NOTHING }),
        (CONTENT_TYPE, content_type),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (CACHE_CONTROL, PRIVATE),
        SAME_ORIGIN,
    ]
}

fn no_file() -> Problem {
    Problem::new(ProblemType::NotFound, "The record names a file that is not in the store.")
}

/// Read a document's file, or a range of it.
///
/// It is sent to be saved. With `inline=1`, JPEG, PNG, PDF and plain text are sent to be shown. Where the file store gives links, a
/// file to be saved is answered by a redirection to one that is good for some minutes.
#[utoipa::path(get, path = "/api/documents/{id}/file", tag = "documents",
    params(("id" = String, Path), Manner, ("Range" = Option<String>, Header), ("If-Range" = Option<String>, Header)),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 206, body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 304, description = "You have it already"),
        (status = 307, description = "It lies at `Location`, for some minutes"),
        (status = 416, description = "The range lies outside the file"), Problems))]
pub(crate) async fn route(
    State(queries): State<Queries>,
    caller: Caller,
    Path(id): Path<String>,
    Query(manner): Query<Manner>,
    if_none_match: IfNoneMatch,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let record = queries.document(&caller, &id).await?;
    let key = object_key(&record, &queries.settings.bucket).ok_or_else(|| {
        Problem::new(ProblemType::NotFound, "The record names a file outside of this store; it is never opened.")
    })?;
    let size = queries.originals.size(&key).await?.ok_or_else(no_file)?;
    let etag = content_tag(&record, size);
    if let Some(etag) = etag.as_ref().filter(|etag| if_none_match.has(etag)) {
        return Ok(etag.not_modified());
    }
    let shown = manner.inline.as_deref() == Some("1");
    let mut describing = describing(&record, shown);
    // What is shown needs the headers that keep it from acting, which only we can send.
    if !shown && let Some(link) = link(&queries, &key, &describing).await? {
        return Ok(link);
    }
    let range = match range::asked(&headers, size, etag.as_ref()) {
        Asked::Whole => None,
        Asked::Range(range) => Some(range),
        Asked::Outside => return Err(Problem::range_not_satisfiable(size)),
    };
    let file = queries.originals.get(&key, range.clone()).await?.ok_or_else(no_file)?;
    describing.push((ACCEPT_RANGES, HeaderValue::from_static("bytes")));
    describing.extend(etag.map(|etag| (ETAG, etag.header())));
    let (status, length) = match range {
        None => (StatusCode::OK, file.size),
        Some(range) => {
            let text = format!("bytes {}-{}/{size}", range.start, range.end - 1);
            describing.extend(HeaderValue::from_str(&text).ok().map(|value| (CONTENT_RANGE, value)));
            (StatusCode::PARTIAL_CONTENT, range.end - range.start)
        }
    };
    describing.push((CONTENT_LENGTH, length.into()));
    let mut response = (status, Body::from_stream(file.stream)).into_response();
    response.headers_mut().extend(describing);
    Ok(response)
}

/// Sends the caller, who may read the file, to the store's own link to it, where there is one. The link is like a password for
/// its minutes: nobody keeps it.
async fn link(
    queries: &Queries,
    key: &FileKey,
    describing: &[(HeaderName, HeaderValue)],
) -> Result<Option<Response>, Problem> {
    let header = |name| describing.iter().find(|(known, _)| *known == name).and_then(|(_, value)| value.to_str().ok());
    let (Some(disposition), Some(media_type)) = (header(CONTENT_DISPOSITION), header(CONTENT_TYPE)) else {
        return Ok(None);
    };
    let Some(link) = queries.originals.link(key, disposition, media_type).await? else { return Ok(None) };
    let location = HeaderValue::try_from(link).map_err(Problem::internal)?;
    let headers = [(LOCATION, location), (CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    Ok(Some((StatusCode::TEMPORARY_REDIRECT, headers).into_response()))
}

/// The version of a file whose hash the record tells. Our files never change under their key.
fn content_tag(record: &Record, size: u64) -> Option<ETag> {
    let (hash, location) = (record.text("SHA256")?, record.text("FileLocation")?);
    Some(etag(format!("{hash} {size} {location}").as_bytes()))
}

/// A small picture of a document, a JPEG.
#[utoipa::path(get, path = "/api/documents/{id}/thumbnail", tag = "documents", params(("id" = String, Path)),
    responses((status = 200, body = Vec<u8>, content_type = "image/jpeg"),
        (status = 304, description = "You have it already"), Problems))]
pub(crate) async fn thumbnail(
    State(queries): State<Queries>,
    caller: Caller,
    Path(id): Path<String>,
    if_none_match: IfNoneMatch,
) -> Result<Response, Problem> {
    let record = queries.document(&caller, &id).await?;
    let none = |why: &str| Problem::new(ProblemType::NotFound, why);
    let (_, result) = queries.analysis_of(&record).await?;
    let result =
        result.ok_or_else(|| none("This document has not been analysed yet, so there is no picture of it."))?;
    let thumbnail = result
        .thumbnail
        .ok_or_else(|| none("There is no picture of this document: it is no image that can be read."))?;
    let etag = etag(thumbnail.sha256.as_str().as_bytes());
    if if_none_match.has(&etag) {
        return Ok(etag.not_modified());
    }
    let key = FileKey::new(format!("derived/{}", thumbnail.sha256))?;
    let file = queries.derived.get(&key, None).await?;
    let file = file.ok_or_else(|| none("The picture of this document is not in the store any more."))?;
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("image/jpeg")),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (CONTENT_SECURITY_POLICY, NOTHING),
        (CONTENT_LENGTH, file.size.into()),
        (CACHE_CONTROL, PRIVATE),
        (ETAG, etag.header()),
        SAME_ORIGIN,
    ];
    let mut response = Body::from_stream(file.stream).into_response();
    response.headers_mut().extend(headers);
    Ok(response)
}
