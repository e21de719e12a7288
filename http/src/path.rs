//! `Path<T>`: the parts of a path. A failure names the part.

use axum::extract::FromRequestParts;
use axum::extract::path::ErrorKind;
use axum::extract::rejection::PathRejection;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::Problem;

#[cfg(test)]
mod tests;

/// The named parts of the path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Path::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            Err(rejection) => Err(problem(rejection)),
        }
    }
}

fn problem(rejection: PathRejection) -> Problem {
    match rejection {
        PathRejection::FailedToDeserializePathParams(failed) => match failed.into_kind() {
            ErrorKind::ParseErrorAtKey { key, value, expected_type } => {
                Problem::invalid(&key, format!("{value:?} is no {expected_type}."))
            }
            ErrorKind::DeserializeError { key, message, .. } => Problem::invalid(&key, message),
            ErrorKind::InvalidUtf8InPathParam { key } => Problem::invalid(&key, "This part of the path is not UTF-8."),
            ErrorKind::ParseError { value, expected_type } => {
                Problem::malformed(format!("{value:?} in the path is no {expected_type}."))
            }
            other => Problem::malformed(other.to_string()),
        },
        other => Problem::internal(other),
    }
}
