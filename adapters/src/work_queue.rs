//! Work queues by URL.

mod in_process;
#[cfg(feature = "distributed")]
mod nats;

use std::sync::Arc;

pub use in_process::TAKEN_FOR;
use ports::{Clock, Result, WorkQueue};

/// Opens a queue.
///
/// `memory:` is a queue within this process: it forgets everything when the process ends.
/// `nats://[user:password@]host:4222[,host…]?prefix=<name>&ack_wait=<seconds>&replicas=<n>` is NATS JetStream, shared by any number
/// of processes; `tls://` demands TLS. `ack_wait` (60) is how long taken work is kept from others.
///
/// # Errors
/// `Rejected` where the URL names no queue or what is there is not ours, `Unavailable` where it cannot be reached.
pub async fn open(url: &str, clock: &Clock) -> Result<Arc<dyn WorkQueue>> {
    let (scheme, rest) = url.split_once(':').unwrap_or((url, ""));
    match scheme {
        "memory" if rest.is_empty() => Ok(Arc::new(in_process::InProcess::new(clock.clone()))),
        #[cfg(feature = "distributed")]
        "nats" | "tls" => Ok(Arc::new(nats::NatsQueue::open(url).await?)),
        #[cfg(not(feature = "distributed"))]
        "nats" | "tls" => Err(crate::missing_feature("stores.queue", scheme, "distributed")),
        _ => Err(crate::unknown_scheme("stores.queue", url, &["memory:", "nats://<host>:<port>"])),
    }
}
