//! Why a command was not carried out, and which problem that becomes.

use domain::aggregate::Refusal;
use http::Problem;

/// Why a command was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error<R> {
    /// The business said no.
    #[error("{0}")]
    Refused(R),
    /// The idempotency key came with another request before.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// A port failed.
    #[error(transparent)]
    Port(#[from] ports::Error),
}

impl<R: Refusal> From<Error<R>> for Problem {
    fn from(error: Error<R>) -> Self {
        match error {
            Error::Refused(refusal) => Self::refused(&refusal),
            Error::KeyReused => Self::key_reused(),
            Error::Port(error) => error.into(),
        }
    }
}
