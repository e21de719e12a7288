//! Problem documents (RFC 9457): the one form of every error, and the only table of statuses.

use std::collections::BTreeMap;
use std::fmt::{self, Display};

use axum::http::header::{CONTENT_RANGE, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use domain::aggregate::{Refusal, RefusalKind, Undecodable};
use domain::id::InvalidName;
use domain::schedule::ScheduleError;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response as Documented, ResponseBuilder};
use utoipa::{IntoResponses, ToSchema};
use uuid::Uuid;

#[cfg(test)]
mod tests;

/// What every problem's type begins with; its code follows.
const TYPE_PREFIX: &str = "https://trialbrief.example/problems/";

/// Media type of a problem document.
const MEDIA_TYPE: &str = "application/problem+json";

/// Seconds after which a call may succeed that a busy or absent part refused.
const RETRY_AFTER_SECONDS: u32 = 2;

/// The kinds of problem. A refusal of the business has a code of its own and the status of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProblemType {
    /// A field has a value it cannot have.
    Invalid,
    /// Nobody is signed in.
    Unauthenticated,
    /// This caller may not.
    Forbidden,
    /// There is no such thing, or it is not to be seen.
    NotFound,
    /// The path has no such method.
    MethodNotAllowed,
    /// The present state forbids it.
    Conflict,
    /// What was to be changed has changed meanwhile.
    Stale,
    /// A write without the `If-Match` it needs.
    PreconditionRequired,
    /// The body is too large.
    TooLarge,
    /// The body is of a media type that is not understood.
    UnsupportedMediaType,
    /// The range lies outside the file.
    RangeNotSatisfiable,
    /// An `Idempotency-Key` came again with another request.
    KeyReused,
    /// The view has not come as far as `after` asks.
    Behind,
    /// Something this program stands on cannot be reached now.
    Unavailable,
    /// Our fault.
    Internal,
}

impl ProblemType {
    /// Code, status and title.
    const fn row(self) -> (&'static str, StatusCode, &'static str) {
        match self {
            Self::Invalid => ("invalid", StatusCode::UNPROCESSABLE_ENTITY, "Invalid request"),
            Self::Unauthenticated => ("unauthenticated", StatusCode::UNAUTHORIZED, "Not signed in"),
            Self::Forbidden => ("forbidden", StatusCode::FORBIDDEN, "Not allowed"),
            Self::NotFound => ("not-found", StatusCode::NOT_FOUND, "Not found"),
            Self::MethodNotAllowed => ("method-not-allowed", StatusCode::METHOD_NOT_ALLOWED, "Method not allowed"),
            Self::Conflict => ("conflict", StatusCode::CONFLICT, "Conflict"),
            Self::Stale => ("stale", StatusCode::PRECONDITION_FAILED, "Changed meanwhile"),
            Self::PreconditionRequired => {
                ("precondition-required", StatusCode::PRECONDITION_REQUIRED, "Precondition required")
            }
            Self::TooLarge => ("too-large", StatusCode::PAYLOAD_TOO_LARGE, "Too large"),
            Self::UnsupportedMediaType => {
                ("unsupported-media-type", StatusCode::UNSUPPORTED_MEDIA_TYPE, "Unsupported media type")
            }
            Self::RangeNotSatisfiable => {
                ("range-not-satisfiable", StatusCode::RANGE_NOT_SATISFIABLE, "Range not satisfiable")
            }
            Self::KeyReused => ("key-reused", StatusCode::UNPROCESSABLE_ENTITY, "Idempotency-Key reused"),
            Self::Behind => ("behind", StatusCode::SERVICE_UNAVAILABLE, "Not there yet"),
            Self::Unavailable => ("unavailable", StatusCode::SERVICE_UNAVAILABLE, "Unavailable"),
            Self::Internal => ("internal", StatusCode::INTERNAL_SERVER_ERROR, "Internal error"),
        }
    }

    /// The end of the type's URI.
    #[must_use]
    pub const fn code(self) -> &'static str {
        self.row().0
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        self.row().1
    }

    /// The title, the same for all problems of the type.
    #[must_use]
    pub const fn title(self) -> &'static str {
        self.row().2
    }
}

/// A problem as it is sent.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemDocument {
    /// The kind of problem, a URI; its last segment is the code.
    #[serde(rename = "type")]
    #[schema(example = "https://trialbrief.example/problems/invalid")]
    pub type_uri: String,
    /// The same for all problems of this type.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong here, in one or two sentences.
    pub detail: String,
    /// The field that is wrong: its path in the body, the query parameter or the header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What to do about it, where the detail does not say so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// Further members, such as `reference` (to be given to the operator) or `limitBytes`.
    #[serde(flatten)]
    #[schema(additional_properties)]
    pub extensions: Map<String, Value>,
}

/// Why a request was not done. Boxed, because it travels in every `Result`.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem(Box<Content>);

#[derive(Clone, Debug, PartialEq)]
struct Content {
    document: ProblemDocument,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// A problem of the type; the other constructors say it better where one fits.
    #[must_use]
    pub fn new(kind: ProblemType, detail: impl Into<String>) -> Self {
        let document = ProblemDocument {
            type_uri: format!("{TYPE_PREFIX}{}", kind.code()),
            title: kind.title(),
            status: kind.status().as_u16(),
            detail: detail.into(),
            field: None,
            remedy: None,
            extensions: Map::new(),
        };
        Self(Box::new(Content { document, headers: Vec::new() }))
    }

    /// A field is wrong: 422.
    #[must_use]
    pub fn invalid(field: &str, detail: impl Into<String>) -> Self {
        Self::new(ProblemType::Invalid, detail).with_field(field)
    }

    /// The body as a whole cannot be read: 422.
    #[must_use]
    pub fn malformed(detail: impl Into<String>) -> Self {
        Self::new(ProblemType::Invalid, detail)
    }

    /// The business said no: 422, 409 or 403, with the refusal's own code and sentence.
    #[must_use]
    pub fn refused(refusal: &impl Refusal) -> Self {
        let kind = match refusal.kind() {
            RefusalKind::Invalid => ProblemType::Invalid,
            RefusalKind::Conflict => ProblemType::Conflict,
            RefusalKind::Forbidden => ProblemType::Forbidden,
        };
        Self::new(kind, refusal.to_string()).with_code(refusal.code())
    }

    /// The present state forbids it: 409, with a code of its own.
    #[must_use]
    pub fn conflict(code: &str, detail: impl Into<String>) -> Self {
        Self::new(ProblemType::Conflict, detail).with_code(code)
    }

    /// There is none, or the caller may not know of it: 404. `what` is a noun such as "document".
    #[must_use]
    pub fn not_found(what: &str) -> Self {
        Self::new(ProblemType::NotFound, format!("There is no such {what}, or it is not open to you."))
    }

    /// Nobody is signed in: 401.
    #[must_use]
    pub fn unauthenticated() -> Self {
        Self::new(ProblemType::Unauthenticated, "Nobody is signed in.")
            .with_remedy("Sign in, then ask again.")
            // RFC 9110 wants a challenge; an unknown scheme keeps browsers from asking for a password.
            .with_header(WWW_AUTHENTICATE, HeaderValue::from_static("Session realm=\"trialbrief\""))
    }

    /// This caller may not: 403.
    #[must_use]
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(ProblemType::Forbidden, detail)
    }

    /// What was to be changed has changed meanwhile: 412.
    #[must_use]
    pub fn stale(detail: impl Into<String>) -> Self {
        Self::new(ProblemType::Stale, detail).with_remedy("Read it again, and send the new ETag as If-Match.")
    }

    /// This write needs an `If-Match`: 428.
    #[must_use]
    pub fn precondition_required() -> Self {
        Self::new(ProblemType::PreconditionRequired, "This write must say which version it changes.")
            .with_field("If-Match")
            .with_remedy("Send the ETag that came with the last read as If-Match.")
    }

    /// The body is larger than `limit` bytes: 413.
    #[must_use]
    pub fn too_large(limit: u64) -> Self {
        Self::new(ProblemType::TooLarge, format!("The body is larger than {limit} bytes.")).with("limitBytes", limit)
    }

    /// The body is of another media type than `expected`: 415.
    #[must_use]
    pub fn unsupported_media_type(expected: &str) -> Self {
        Self::new(
            ProblemType::UnsupportedMediaType,
            format!("The body must be {expected}, and Content-Type must say so."),
        )
        .with_field("Content-Type")
    }

    /// The range lies outside a file of `size` bytes: 416.
    #[must_use]
    pub fn range_not_satisfiable(size: u64) -> Self {
        let problem =
            Self::new(ProblemType::RangeNotSatisfiable, format!("The file has {size} bytes.")).with_field("Range");
        match HeaderValue::try_from(format!("bytes */{size}")) {
            Ok(value) => problem.with_header(CONTENT_RANGE, value),
            Err(_) => problem,
        }
    }

    /// The same `Idempotency-Key` came with another request: 422.
    #[must_use]
    pub fn key_reused() -> Self {
        Self::new(ProblemType::KeyReused, "This Idempotency-Key was used before, with another request.")
            .with_field("Idempotency-Key")
            .with_remedy("Use a new key for each new request, and an old one only to repeat it unchanged.")
    }

    /// The view has not come as far as `after` asks: 503, to be asked again soon.
    #[must_use]
    pub fn behind() -> Self {
        Self::new(ProblemType::Behind, "What you wrote is safe, but has not arrived in this view yet. Ask again.")
            .with_retry_after(1)
    }

    /// Our fault: 500. What happened is logged under a reference, which is all that the caller sees.
    #[must_use]
    pub fn internal(what: impl Display) -> Self {
        let reference = Uuid::new_v4().to_string();
        tracing::error!(reference, error = %what, "request failed");
        Self::new(
            ProblemType::Internal,
            "This failed, and it is not your fault. The operator finds the reason by the reference.",
        )
        .with("reference", reference)
    }

    /// Names the field.
    #[must_use]
    pub fn with_field(mut self, field: &str) -> Self {
        self.0.document.field = Some(field.to_owned());
        self
    }

    /// Says what to do about it.
    #[must_use]
    pub fn with_remedy(mut self, remedy: impl Into<String>) -> Self {
        self.0.document.remedy = Some(remedy.into());
        self
    }

    /// Adds a member. Those of RFC 9457 cannot be replaced this way.
    #[must_use]
    pub fn with(mut self, member: &str, value: impl Into<Value>) -> Self {
        if !["type", "title", "status", "detail", "field", "remedy"].contains(&member) {
            self.0.document.extensions.insert(member.to_owned(), value.into());
        }
        self
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.0.document.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The end of the type's URI.
    #[must_use]
    pub fn code(&self) -> &str {
        self.0.document.type_uri.strip_prefix(TYPE_PREFIX).unwrap_or_default()
    }

    /// The document as it is sent.
    #[must_use]
    pub fn document(&self) -> &ProblemDocument {
        &self.0.document
    }

    fn with_code(mut self, code: &str) -> Self {
        self.0.document.type_uri = format!("{TYPE_PREFIX}{code}");
        self
    }

    fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    fn with_retry_after(self, seconds: u32) -> Self {
        self.with_header(RETRY_AFTER, seconds.into())
    }
}

impl Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.0.document.status, self.code(), self.0.document.detail)
    }
}

impl std::error::Error for Problem {}

impl From<InvalidName> for Problem {
    fn from(error: InvalidName) -> Self {
        Self::invalid(error.field, error.to_string())
    }
}

impl From<ScheduleError> for Problem {
    fn from(error: ScheduleError) -> Self {
        Self::invalid(error.field(), error.to_string())
    }
}

impl From<Undecodable> for Problem {
    fn from(error: Undecodable) -> Self {
        Self::internal(error)
    }
}

/// The reason is for the operator: it is logged here, and the caller sees only what to do.
impl From<ports::Error> for Problem {
    fn from(error: ports::Error) -> Self {
        match error {
            ports::Error::Unavailable(_) => {
                tracing::warn!(%error, "request refused for now");
                Self::new(
                    ProblemType::Unavailable,
                    "A part of the service cannot be reached just now. Nothing is lost; ask again.",
                )
                .with_retry_after(RETRY_AFTER_SECONDS)
            }
            ports::Error::Conflict(_) => {
                tracing::debug!(%error, "request lost a race");
                Self::new(ProblemType::Conflict, "Somebody else changed it at the same moment.")
                    .with_remedy("Read it again, then repeat the change.")
            }
            ports::Error::Rejected(_) | ports::Error::Corrupt(_) => Self::internal(error),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status();
        let Content { document, headers } = *self.0;
        let body = serde_json::to_vec(&document).unwrap_or_default();
        let mut response = (status, [(CONTENT_TYPE, MEDIA_TYPE)], body).into_response();
        response.headers_mut().extend(headers);
        response
    }
}

/// The answer to a path that does not exist: the router's fallback.
pub async fn no_such_route(uri: Uri) -> Problem {
    Problem::new(ProblemType::NotFound, format!("There is nothing at {:?}.", shortened(uri.path())))
}

/// The answer to a method that a path does not have: the router's fallback for methods.
pub async fn method_not_allowed(method: Method, uri: Uri) -> Problem {
    Problem::new(
        ProblemType::MethodNotAllowed,
        format!("{:?} does not take {}.", shortened(uri.path()), shortened(method.as_str())),
    )
}

fn shortened(text: &str) -> String {
    text.chars().take(200).collect()
}

/// The problems that any route may answer, for the OpenAPI document: `responses(…, Problems)`.
///
/// They refer to the schema `Problem`, which the document's owner lists once: `components(schemas(ProblemDocument))`.
pub struct Problems;

impl IntoResponses for Problems {
    fn responses() -> BTreeMap<String, RefOr<Documented>> {
        [
            ("401", "Nobody is signed in"),
            ("403", "This caller may not"),
            ("404", "There is none, or it is not open to this caller"),
            ("409", "The present state forbids it"),
            ("412", "It has changed meanwhile: `If-Match` names an old version"),
            ("413", "The body is too large"),
            ("422", "A field is wrong; `field` names it"),
            ("503", "Not now; `Retry-After` says when"),
        ]
        .into_iter()
        .map(|(status, description)| (status.to_owned(), RefOr::T(documented(description))))
        .collect()
    }
}

fn documented(description: &str) -> Documented {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    ResponseBuilder::new().description(description).content(MEDIA_TYPE, content).build()
}
