//! The event log and its feed: setting `events`.

#[cfg(feature = "distributed")]
mod kurrentdb;
mod sqlite;

use std::sync::Arc;

use ports::{Clock, Error, EventFeed, EventLog, MAX_APPEND_BYTES, NewEvent, Result};

/// Opens the log that a URL names: `sqlite:<file>`, or
/// `kurrentdb://[user:password@]host:port[,host:port]?prefix=<name>[&tls=false]`, also `kurrentdb+discover://`.
///
/// # Errors
/// `Rejected` for another URL or a file of another kind, `Unavailable` where it is in use or cannot be reached.
pub async fn open(url: &str, _clock: &Clock) -> Result<(Arc<dyn EventLog>, Arc<dyn EventFeed>)> {
    match url.split_once(':') {
        Some(("sqlite", path)) => {
            let log = Arc::new(sqlite::SqliteEventLog::open(path)?);
            Ok((Arc::clone(&log) as Arc<dyn EventLog>, log))
        }
        #[cfg(feature = "distributed")]
        Some(("kurrentdb" | "kurrentdb+discover", _)) => {
            let log = Arc::new(kurrentdb::KurrentDbEventLog::open(url).await?);
            Ok((Arc::clone(&log) as Arc<dyn EventLog>, log))
        }
        #[cfg(not(feature = "distributed"))]
        Some((scheme @ ("kurrentdb" | "kurrentdb+discover"), _)) => {
            Err(crate::missing_feature("stores.events", scheme, "distributed"))
        }
        _ => Err(crate::unknown_scheme("stores.events", url, &["sqlite:<file>", "kurrentdb://<host>?prefix=<name>"])),
    }
}

/// What every adapter refuses before it asks its engine.
fn check_append(stream: &str, events: &[NewEvent]) -> Result<()> {
    let bytes: usize = events.iter().map(NewEvent::size_bytes).sum();
    let refusal = if stream.is_empty() {
        "no stream is named".to_owned()
    } else if events.is_empty() {
        format!("nothing to append to {stream}")
    } else if events.iter().any(|event| event.kind.is_empty() || event.id.is_nil()) {
        format!("an event for {stream} has no type or no id")
    } else if bytes > MAX_APPEND_BYTES {
        format!("{bytes} bytes for {stream} in one append; at most {MAX_APPEND_BYTES} fit")
    } else {
        return Ok(());
    };
    Err(Error::Rejected(refusal))
}
