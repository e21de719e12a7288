//! Versions and what a request says about them: `If-Match`, `If-None-Match`, `?after=`.

use std::fmt;

use axum::extract::FromRequestParts;
use axum::http::header::{ETAG, IF_MATCH, IF_NONE_MATCH};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use ports::Position;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use utoipa::IntoParams;

use crate::{Problem, Query, parse_after};

#[cfg(test)]
mod tests;

/// A strong entity tag (RFC 9110, 8.8.3), with its quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ETag(String);

/// The tag of a resource, from bytes that differ whenever it does: the first half of their SHA-256.
#[must_use]
pub fn etag(bytes: &[u8]) -> ETag {
    ETag(format!("\"{}\"", hex::encode(&Sha256::digest(bytes)[..16])))
}

impl ETag {
    /// As a header.
    #[must_use]
    pub fn header(&self) -> HeaderValue {
        HeaderValue::from_str(&self.0).unwrap_or_else(|_| HeaderValue::from_static("\"\""))
    }

    /// The answer 304 that names this version.
    #[must_use]
    pub fn not_modified(&self) -> Response {
        (StatusCode::NOT_MODIFIED, [(ETAG, self.header())]).into_response()
    }
}

impl fmt::Display for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What `If-Match` asks of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IfMatch {
    /// The header is absent.
    Absent,
    /// `*`: that it exists.
    Any,
    /// That it is at one of these versions. Weak tags match nothing.
    OneOf(Vec<ETag>),
}

impl IfMatch {
    /// Whether the write may go on over what is there now. Without the header it may.
    ///
    /// # Errors
    /// 412 where the resource is at another version.
    pub fn check(&self, now: &ETag) -> Result<(), Problem> {
        match self {
            Self::Absent | Self::Any => Ok(()),
            Self::OneOf(tags) if tags.contains(now) => Ok(()),
            Self::OneOf(_) => Err(Problem::stale("It has changed since you read it, so nothing was written.")),
        }
    }

    /// As [`IfMatch::check`], for a write that must not overwrite blindly.
    ///
    /// # Errors
    /// 428 without the header, 412 where the resource is at another version.
    pub fn require(&self, now: &ETag) -> Result<(), Problem> {
        match self {
            Self::Absent => Err(Problem::precondition_required()),
            Self::Any | Self::OneOf(_) => self.check(now),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        Ok(match tags(parts, &IF_MATCH)? {
            None => Self::Absent,
            Some(Tags::Any) => Self::Any,
            Some(Tags::List(tags)) => {
                Self::OneOf(tags.into_iter().filter(|tag| !tag.weak).map(|tag| tag.etag).collect())
            }
        })
    }
}

/// What `If-None-Match` asks of a read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IfNoneMatch {
    any: bool,
    tags: Vec<ETag>,
}

impl IfNoneMatch {
    /// Whether the caller has this version already: the answer is [`ETag::not_modified`].
    #[must_use]
    pub fn has(&self, now: &ETag) -> bool {
        self.any || self.tags.contains(now)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfNoneMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        Ok(match tags(parts, &IF_NONE_MATCH)? {
            None => Self { any: false, tags: Vec::new() },
            Some(Tags::Any) => Self { any: true, tags: Vec::new() },
            // The comparison is weak: a proxy that compressed the answer has weakened its tag.
            Some(Tags::List(tags)) => Self { any: false, tags: tags.into_iter().map(|tag| tag.etag).collect() },
        })
    }
}

enum Tags {
    Any,
    List(Vec<Tag>),
}

struct Tag {
    weak: bool,
    etag: ETag,
}

/// The tags of all headers of that name; `None` where there is no such header.
fn tags(parts: &Parts, header: &HeaderName) -> Result<Option<Tags>, Problem> {
    let malformed = || {
        Problem::invalid(header.as_str(), format!("{header} must be \"*\" or a list of entity tags in double quotes."))
    };
    let mut list = Vec::new();
    let mut values = parts.headers.get_all(header).iter().peekable();
    if values.peek().is_none() {
        return Ok(None);
    }
    for value in values {
        let mut rest = value.to_str().map_err(|_| malformed())?.trim();
        if rest == "*" {
            return Ok(Some(Tags::Any));
        }
        while !rest.is_empty() {
            let (weak, quoted) = match rest.strip_prefix("W/") {
                Some(quoted) => (true, quoted),
                None => (false, rest),
            };
            let (opaque, behind) =
                quoted.strip_prefix('"').and_then(|text| text.split_once('"')).ok_or_else(malformed)?;
            list.push(Tag { weak, etag: ETag(format!("\"{opaque}\"")) });
            let behind = behind.trim_start();
            rest = match behind.strip_prefix(',') {
                Some(next) => next.trim_start(),
                None if behind.is_empty() => behind,
                None => return Err(malformed()),
            };
        }
    }
    if list.is_empty() { Err(malformed()) } else { Ok(Some(Tags::List(list))) }
}

/// The position that a query must have seen before it answers; from `?after=`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct After(pub Option<Position>);

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct AfterField {
    /// `after` of a write's answer: the query waits until its view has seen that write.
    after: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for After {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Query(AfterField { after }) = Query::from_request_parts(parts, state).await?;
        after.as_deref().map(parse_after).transpose().map(Self)
    }
}

impl IntoParams for After {
    fn into_params(
        parameter_in_provider: impl Fn() -> Option<utoipa::openapi::path::ParameterIn>,
    ) -> Vec<utoipa::openapi::path::Parameter> {
        AfterField::into_params(parameter_in_provider)
    }
}
