//! Errors of the SDK in words of the port.

use std::error::Error as StdError;

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use ports::Error;

/// Codes that pass, though their status says that the request is at fault: the server's or the network's bad moment, a conflict
/// with another request, and an upload in parts that somebody ended.
const PASSING: [&str; 7] = [
    "BadDigest",
    "ConditionalRequestConflict",
    "IncompleteBody",
    "NoSuchUpload",
    "OperationAborted",
    "RequestTimeout",
    "SlowDown",
];

/// What a failed call means. Whether a call that was given up took place is not known; all of ours may be repeated.
pub(super) fn failed<E>(what: &str, error: &SdkError<E>) -> Error
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    let sentence = format!("{what}: {}", words(error));
    match (error, status(error)) {
        (SdkError::ConstructionFailure(_), _) => Error::Rejected(sentence),
        // Nothing is wrong with the file: the operator gives back the right that was taken, and the work that waits goes on.
        (SdkError::ServiceError(_), _) if denies(error) => Error::Unavailable(sentence),
        (SdkError::ServiceError(_), Some(400..=499)) if !passes(error) => Error::Rejected(sentence),
        _ => Error::Unavailable(sentence),
    }
}

/// The status of the answer, if there was one.
pub(super) fn status<E>(error: &SdkError<E>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
}

/// Whether an answer has this status.
pub(super) fn is<E>(error: &SdkError<E>, wanted: u16) -> bool {
    status(error) == Some(wanted)
}

/// Whether the server no longer takes our credentials, or they lack a right.
pub(super) fn denies<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    is(error, 401) || is(error, 403) || error.code() == Some("ExpiredToken")
}

fn passes<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    error.code().is_some_and(|code| PASSING.contains(&code)) || is(error, 408) || is(error, 429)
}

/// The server's code and words; else the last cause, which says most.
fn words<E>(error: &SdkError<E>) -> String
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    match (error.code(), error.message(), status(error)) {
        (Some(code), Some(message), _) => format!("{code}: {message}"),
        (Some(code), None, _) => code.to_owned(),
        (None, _, Some(status)) => format!("the server answered HTTP {status}"),
        (None, _, None) => {
            let mut cause: &dyn StdError = error;
            while let Some(deeper) = cause.source() {
                cause = deeper;
            }
            cause.to_string()
        }
    }
}
