//! Work queues by URL.

mod in_process;

use std::sync::Arc;

pub use in_process::TAKEN_FOR;
use ports::{Clock, Result, WorkQueue};

/// Opens a queue.
///
/// `memory:` is a queue within this process: it forgets everything when the process ends.
///
/// # Errors
/// `Rejected` where the URL names no queue.
pub async fn open(url: &str, clock: &Clock) -> Result<Arc<dyn WorkQueue>> {
    let (scheme, rest) = url.split_once(':').unwrap_or((url, ""));
    match scheme {
        "memory" if rest.is_empty() => Ok(Arc::new(in_process::InProcess::new(clock.clone()))),
        "nats" => Err(crate::missing_feature("queue", scheme, "distributed")),
        _ => Err(crate::unknown_scheme("queue", url, &["memory:", "nats://<host>:<port>"])),
    }
}
