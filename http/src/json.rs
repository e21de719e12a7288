//! `Json<T>`: bodies in and out. A failure names the field.

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use futures::TryStreamExt;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Problem;

#[cfg(test)]
mod tests;

/// The most bytes a JSON body may have: 1 MiB. Files do not come as JSON.
pub const BODY_LIMIT_BYTES: usize = 1_048_576;

/// A JSON body. As an argument: 415 for another media type, 413 above [`BODY_LIMIT_BYTES`], 422 where it does not fit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(Problem::unsupported_media_type("application/json"));
        }
        if announced_bytes(request.headers()).is_some_and(|bytes| bytes > BODY_LIMIT_BYTES as u64) {
            return Err(Problem::too_large(BODY_LIMIT_BYTES as u64));
        }
        let body = whole(request.into_body()).await?;
        parse(&body).map(Self)
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(body) => ([(CONTENT_TYPE, "application/json")], body).into_response(),
            Err(error) => Problem::internal(error).into_response(),
        }
    }
}

/// A value out of the text of a JSON object. `serde` would take an array for an object whose fields come in order.
///
/// # Errors
/// 422 that names the field.
pub(crate) fn parse<T: DeserializeOwned>(text: &[u8]) -> Result<T, Problem> {
    if text.trim_ascii_start().first() != Some(&b'{') {
        return Err(Problem::malformed("The body must be one JSON object: {…}."));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| misfit(&error))?;
    deserializer.end().map_err(|error| Problem::malformed(format!("The JSON is malformed: {error}.")))?;
    Ok(value)
}

/// The problem of an input that does not fit its type, with the path of the field in it.
pub(crate) fn misfit<E: std::fmt::Display>(error: &serde_path_to_error::Error<E>) -> Problem {
    let message = error.inner().to_string();
    let message = message.split(" at line ").next().unwrap_or(&message);
    let outer = error.path().to_string();
    // "." is the whole input; "?" stands where the input ends before it names a field.
    let outer = outer.trim_end_matches('?').trim_end_matches('.');
    let field = match named_first(message) {
        Some(inner) if outer.is_empty() => inner.to_owned(),
        // The path ends with the field already where it is the field that is unknown.
        Some(inner) if outer == inner || outer.ends_with(&format!(".{inner}")) => outer.to_owned(),
        Some(inner) => format!("{outer}.{inner}"),
        None => outer.to_owned(),
    };
    let detail = format!("{}.", message.trim_end_matches('.'));
    if field.is_empty() { Problem::malformed(detail) } else { Problem::invalid(&field, detail) }
}

/// The field that a message names before it says anything else, such as "missing field `trial`" (serde) or
/// "`zone` cannot be …" (ours): the path ends at the object around it.
fn named_first(message: &str) -> Option<&str> {
    let message = ["missing field ", "unknown field ", "duplicate field "]
        .into_iter()
        .find_map(|words| message.strip_prefix(words))
        .unwrap_or(message);
    message.strip_prefix('`')?.split_once('`').map(|(name, _)| name)
}

fn is_json(headers: &HeaderMap) -> bool {
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

fn announced_bytes(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

async fn whole(body: Body) -> Result<Vec<u8>, Problem> {
    let mut stream = body.into_data_stream();
    let mut whole = Vec::new();
    while let Some(chunk) =
        stream.try_next().await.map_err(|_| Problem::malformed("The body ended before it was complete."))?
    {
        if whole.len() + chunk.len() > BODY_LIMIT_BYTES {
            return Err(Problem::too_large(BODY_LIMIT_BYTES as u64));
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(whole)
}
