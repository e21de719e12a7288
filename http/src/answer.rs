//! Answers to writes: the resource, and the token by which a later query waits for it.

use axum::http::header::{ETAG, LOCATION};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ports::Position;
use serde::Serialize;
use utoipa::ToSchema;

use crate::precondition::ETag;
use crate::{Json, Problem};

#[cfg(test)]
mod tests;

/// A position as the opaque token that callers see.
#[must_use]
pub fn after_token(position: Position) -> String {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&position.commit.to_be_bytes());
    bytes[8..].copy_from_slice(&position.prepare.to_be_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The position in a token.
///
/// # Errors
/// 422 for the field `after` where it is none of ours.
pub fn parse_after(token: &str) -> Result<Position, Problem> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| <[u8; 16]>::try_from(bytes).ok());
    let bytes = bytes.ok_or_else(|| Problem::invalid("after", "`after` must be a token as a write answered it."))?;
    let (commit, prepare) = bytes.split_at(8);
    Ok(Position { commit: number(commit), prepare: number(prepare) })
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// What a write answers: the resource's own fields, and `after`. For the OpenAPI document: `body = Written<T>`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Written<T> {
    /// The resource.
    #[serde(flatten)]
    pub resource: T,
    /// Given as `?after=` to a query, it waits until its view has seen this write. Absent where nothing was recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// The answer to a write: 200 (or another status), the resource, and `after`.
#[derive(Clone, Debug)]
pub struct Answer<T> {
    status: StatusCode,
    written: Written<T>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl<T> Answer<T> {
    /// 200 and the resource, a struct or a map.
    #[must_use]
    pub const fn new(resource: T) -> Self {
        Self { status: StatusCode::OK, written: Written { resource, after: None }, headers: Vec::new() }
    }

    /// 202: it was recorded and will be done.
    #[must_use]
    pub fn accepted(resource: T) -> Self {
        Self { status: StatusCode::ACCEPTED, ..Self::new(resource) }
    }

    /// With the position of the write, or of what it found done already.
    #[must_use]
    pub fn after(mut self, position: impl Into<Option<Position>>) -> Self {
        self.written.after = position.into().map(after_token);
        self
    }

    /// With the resource's version.
    #[must_use]
    pub fn etag(mut self, etag: &ETag) -> Self {
        self.headers.push((ETAG, etag.header()));
        self
    }
}

impl<T: Serialize> IntoResponse for Answer<T> {
    fn into_response(self) -> Response {
        let mut response = Json(self.written).into_response();
        // A body that cannot be written has become a 500.
        if response.status().is_success() {
            *response.status_mut() = self.status;
            response.headers_mut().extend(self.headers);
        }
        response
    }
}

/// The answer to a write that made something: 201, `Location`, the resource, and `after`.
#[derive(Clone, Debug)]
pub struct Created<T>(Answer<T>);

impl<T> Created<T> {
    /// 201 and the resource; `location` is its path, of visible ASCII.
    #[must_use]
    pub fn new(location: &str, resource: T) -> Self {
        let mut answer = Answer { status: StatusCode::CREATED, ..Answer::new(resource) };
        answer.headers.extend(HeaderValue::from_str(location).ok().map(|location| (LOCATION, location)));
        Self(answer)
    }

    /// With the position of the write.
    #[must_use]
    pub fn after(self, position: impl Into<Option<Position>>) -> Self {
        Self(self.0.after(position))
    }

    /// With the resource's version.
    #[must_use]
    pub fn etag(self, etag: &ETag) -> Self {
        Self(self.0.etag(etag))
    }
}

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}
