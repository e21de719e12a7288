//! Keys of sealed text, outside the log: setting `keys`.

mod sqlite;

use std::sync::Arc;

use ports::{Clock, KeyRing, Result};

/// Opens the key ring that a URL names: `sqlite:<file>`.
///
/// # Errors
/// `Rejected` for another URL or a file of another kind, `Unavailable` where it is in use or cannot be reached.
pub async fn open(url: &str, _clock: &Clock) -> Result<Arc<dyn KeyRing>> {
    match url.split_once(':') {
        Some(("sqlite", path)) => Ok(Arc::new(sqlite::SqliteKeyRing::open(path)?)),
        Some((scheme @ ("mongodb" | "mongodb+srv"), _)) => Err(crate::missing_feature("keys", scheme, "distributed")),
        _ => Err(crate::unknown_scheme("keys", url, &["sqlite:<file>", "mongodb://<host>/<database>"])),
    }
}
