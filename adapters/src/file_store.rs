//! File stores by URL.

mod local;
#[cfg(feature = "distributed")]
mod s3;

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
/// `s3://[key:secret@]bucket[/prefix]`: a bucket of S3, which exists already, or of a server that speaks its protocol. Key and
/// secret are percent-encoded; without them `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN` are read, once.
/// Roles of instances and profiles in files are not looked at. The identity needs to list, read, write and delete, and to list
/// and abort uploads in parts. A file's time of modification is the server's. Options behind `?`, joined by `&`:
///
/// | Option | Meaning | Default |
/// |---|---|---|
/// | `endpoint` | `http://` or `https://` URL of another server than Amazon's | |
/// | `region` | the bucket's | `AWS_REGION`, `AWS_DEFAULT_REGION`; `us-east-1` with `endpoint` |
/// | `path_style` | `true`: the bucket stands in the path and not in the host's name | `true` with `endpoint` |
/// | `encryption` | `AES256`, `aws:kms` or `aws:kms:<key id>`: how the server encrypts what we store | the bucket's |
/// | `part_size` | bytes of one part of an upload, 5 to 64 MiB; a put holds about two in memory | 8 MiB |
/// | `links` | 60 to 900: downloads are redirected to the server, by links that are good for so many seconds | no links |
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
        #[cfg(feature = "distributed")]
        "s3" => {
            let bucket = s3::open_bucket(url, [ORIGINALS, DERIVED], clock).await?;
            let store = |home| Arc::new(s3::S3::new(Arc::clone(&bucket), home));
            Ok((store(ORIGINALS), store(DERIVED)))
        }
        #[cfg(not(feature = "distributed"))]
        "s3" => Err(crate::missing_feature("stores.files", scheme, "distributed")),
        _ => Err(crate::unknown_scheme("stores.files", url, &["file:<directory>", "s3://<bucket>?endpoint=<URL>"])),
    }
}
