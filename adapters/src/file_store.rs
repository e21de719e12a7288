//! File stores by URL.

mod local;

use std::sync::Arc;

use ports::{Clock, FileStore, Result};

/// The first segment of the keys of uploaded files.
const ORIGINALS: &str = "trials/";
/// The first segment of the keys of files made from others.
const DERIVED: &str = "derived/";

/// Opens one place as two stores: the originals, whose keys begin with `trials/`, and the derived files, whose keys begin
/// with `derived/`. Each rejects keys of the other.
///
/// `file:<directory>`: a directory, created if missing. Files are stored in it under their keys; their time of
/// modification follows the clock.
///
/// # Errors
/// `Rejected` where the URL names no file store, `Unavailable` where the place cannot be used.
pub async fn open(url: &str, clock: &Clock) -> Result<(Arc<dyn FileStore>, Arc<dyn FileStore>)> {
    let (scheme, rest) = url.split_once(':').unwrap_or((url, ""));
    match scheme {
        "file" => {
            let root = local::open_root(rest)?;
            let store = |prefix| Arc::new(local::Local::new(Arc::clone(&root), prefix, clock.clone()));
            Ok((store(ORIGINALS), store(DERIVED)))
        }
        "s3" => Err(crate::missing_feature("files", scheme, "distributed")),
        _ => Err(crate::unknown_scheme("files", url, &["file:<directory>", "s3://<bucket>?endpoint=<URL>"])),
    }
}
