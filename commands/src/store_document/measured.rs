//! Measuring bytes while they flow: size, MD5 and SHA-256, and the end of what is too large.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use futures::{StreamExt, stream};
use http::Problem;
use md5::Md5;
use ports::ByteStream;
use sha2::{Digest, Sha256};

use super::incoming::Source;

/// What was measured of a file that came whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Measured {
    pub(super) size_bytes: u64,
    /// In hex.
    pub(super) md5: String,
    /// In hex.
    pub(super) sha256: String,
}

/// How a body ended, told once it has ended.
#[derive(Clone, Default)]
pub(super) struct Outcome(Arc<Mutex<Option<Result<Measured, Problem>>>>);

impl Outcome {
    fn tell(&self, end: Result<Measured, Problem>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(end);
    }

    fn told(&self) -> Option<Result<Measured, Problem>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The measures of a body that was stored.
    pub(super) fn measured(&self) -> Result<Measured, Problem> {
        self.told().unwrap_or_else(|| Err(Problem::internal("a file was stored before its body had ended")))
    }

    /// Why the body ended too early, if it did.
    pub(super) fn problem(&self) -> Option<Problem> {
        self.told()?.err()
    }
}

/// A body on its way, and what is known of it so far.
struct Flow {
    body: Source,
    limit: u64,
    size_bytes: u64,
    md5: Md5,
    sha256: Sha256,
    outcome: Outcome,
}

impl Flow {
    /// Passes on the next bytes; an error ends the transfer, and its reason is told apart.
    async fn next(mut self) -> Option<(io::Result<bytes::Bytes>, Option<Self>)> {
        let problem = match self.body.next().await {
            Some(Ok(bytes)) => {
                self.size_bytes += bytes.len() as u64;
                if self.size_bytes <= self.limit {
                    self.md5.update(&bytes);
                    self.sha256.update(&bytes);
                    return Some((Ok(bytes), Some(self)));
                }
                Problem::too_large(self.limit)
            }
            Some(Err(problem)) => problem,
            None => {
                self.outcome.tell(Ok(Measured {
                    size_bytes: self.size_bytes,
                    md5: hex::encode(self.md5.finalize()),
                    sha256: hex::encode(self.sha256.finalize()),
                }));
                return None;
            }
        };
        let error = io::Error::other(problem.to_string());
        self.outcome.tell(Err(problem));
        Some((Err(error), None))
    }
}

/// The same bytes, measured, up to `limit`; and where its end will be told.
pub(super) fn measured(body: Source, limit: u64) -> (ByteStream, Outcome) {
    let outcome = Outcome::default();
    let flow = Flow { body, limit, size_bytes: 0, md5: Md5::new(), sha256: Sha256::new(), outcome: outcome.clone() };
    let stream = stream::unfold(Some(flow), |flow| async { flow?.next().await });
    (stream.boxed(), outcome)
}

/// Measures bytes that are not kept.
///
/// # Errors
/// 413 beyond `limit`; why the body ended too early.
pub(super) async fn measure(body: Source, limit: u64) -> Result<Measured, Problem> {
    let (stream, outcome) = measured(body, limit);
    stream.for_each(|_| std::future::ready(())).await;
    outcome.measured()
}
