//! Keys of sealed text, outside the log: setting `keys`.

#[cfg(feature = "distributed")]
mod mongodb;
mod sqlite;

use std::sync::Arc;

use ports::{Clock, KeyRing, Result};

/// Opens the key ring that a URL names: `sqlite:<file>`, or `mongodb://<host>/<database>`, where it is the collection `keys`.
///
/// # Errors
/// `Rejected` for another URL or a file of another kind, `Unavailable` where it is in use or cannot be reached.
pub async fn open(url: &str, _clock: &Clock) -> Result<Arc<dyn KeyRing>> {
    match url.split_once(':') {
        Some(("sqlite", path)) => Ok(Arc::new(sqlite::SqliteKeyRing::open(path)?)),
        #[cfg(feature = "distributed")]
        Some(("mongodb" | "mongodb+srv", _)) => Ok(Arc::new(mongodb::MongoKeyRing::open(url).await?)),
        #[cfg(not(feature = "distributed"))]
        Some((scheme @ ("mongodb" | "mongodb+srv"), _)) => {
            Err(crate::missing_feature("stores.keys", scheme, "distributed"))
        }
        _ => Err(crate::unknown_scheme("stores.keys", url, &["sqlite:<file>", "mongodb://<host>/<database>"])),
    }
}
