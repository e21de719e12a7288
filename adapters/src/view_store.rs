//! Rows of the projections: setting `views`.

mod sqlite;

use std::sync::Arc;

use ports::{Clock, Result, ViewStore};

/// Opens the views that a URL names: `sqlite:<file>`. The file may be deleted while the program is stopped.
///
/// # Errors
/// `Rejected` for another URL or a file of another kind, `Unavailable` where it is in use or cannot be reached.
pub async fn open(url: &str, _clock: &Clock) -> Result<Arc<dyn ViewStore>> {
    match url.split_once(':') {
        Some(("sqlite", path)) => Ok(Arc::new(sqlite::SqliteViewStore::open(path)?)),
        Some((scheme @ ("mongodb" | "mongodb+srv"), _)) => Err(crate::missing_feature("views", scheme, "distributed")),
        _ => Err(crate::unknown_scheme("views", url, &["sqlite:<file>", "mongodb://<host>/<database>"])),
    }
}
