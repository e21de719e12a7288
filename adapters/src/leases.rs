//! Which process does what only one should do: kept where the queue is, by the setting `queue`.

#[cfg(feature = "distributed")]
mod nats;

use std::sync::Arc;

use async_trait::async_trait;
use ports::{Leases, Result};

/// Opens the leases beside the queue that a URL names: `memory:`, where this process is the only one, or
/// `nats://…`, where a holder that says nothing loses a role after 6 seconds.
///
/// # Errors
/// `Rejected` for another URL, `Unavailable` where the place cannot be reached.
pub async fn open(url: &str) -> Result<Arc<dyn Leases>> {
    match url.split_once(':') {
        Some(("memory", "")) => Ok(Arc::new(Alone)),
        #[cfg(feature = "distributed")]
        Some(("nats" | "tls", _)) => Ok(Arc::new(nats::NatsLeases::open(url).await?)),
        #[cfg(not(feature = "distributed"))]
        Some((scheme @ ("nats" | "tls"), _)) => Err(crate::missing_feature("stores.queue", scheme, "distributed")),
        _ => Err(crate::unknown_scheme("stores.queue", url, &["memory:", "nats://<host>:4222"])),
    }
}

/// The only process there is has every role.
struct Alone;

#[async_trait]
impl Leases for Alone {
    async fn hold(&self, _role: &str) -> Result<bool> {
        Ok(true)
    }

    async fn release(&self, _role: &str) -> Result<()> {
        Ok(())
    }
}
