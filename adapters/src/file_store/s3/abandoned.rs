//! Uploads in parts that nobody will complete: their processes were killed. Their parts cost room and are seen by nobody.

use std::sync::{Arc, Weak};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use ports::{Clock, Error, Result};

use super::failure::failed;
use super::{Bucket, instant};

/// How old an upload is when it counts as abandoned: no body flows that long.
const ABANDONED_AFTER: SignedDuration = SignedDuration::from_hours(24);
/// How often a process looks for them.
const EVERY: Duration = Duration::from_secs(24 * 60 * 60);

/// Aborts abandoned uploads below `homes`, now and once a day, as long as the bucket is open.
pub(super) fn watch(bucket: &Arc<Bucket>, homes: [&'static str; 2], clock: Clock) {
    let bucket: Weak<Bucket> = Arc::downgrade(bucket);
    tokio::spawn(async move {
        let mut look = tokio::time::interval(EVERY);
        loop {
            look.tick().await;
            let Some(bucket) = bucket.upgrade() else { return };
            for home in homes {
                match abort_older(&bucket, home, clock.now()).await {
                    Ok(0) => {}
                    Ok(aborted) => tracing::info!(aborted, home, "abandoned uploads were aborted"),
                    // Not ours to fail for: it may need a right that this identity lacks, or wait until tomorrow.
                    Err(error) => tracing::warn!(%error, home, "abandoned uploads were not aborted"),
                }
            }
        }
    });
}

/// Aborts the uploads below a home that were begun a day ago; answers how many.
async fn abort_older(bucket: &Bucket, home: &str, now: Timestamp) -> Result<usize> {
    let (mut key_marker, mut id_marker, mut aborted) = (None, None, 0);
    loop {
        let list =
            bucket.client.list_multipart_uploads().bucket(&bucket.name).prefix(format!("{}{home}", bucket.prefix));
        let list = list.set_key_marker(key_marker).set_upload_id_marker(id_marker);
        let page = list.send().await.map_err(|error| failed("listing uploads", &error))?;
        for upload in page.uploads() {
            let (Some(key), Some(id), Some(begun)) = (upload.key(), upload.upload_id(), upload.initiated()) else {
                return Err(Error::Corrupt("listing uploads: one has no key, id or time".to_owned()));
            };
            if now.duration_since(instant(begun)?) >= ABANDONED_AFTER {
                bucket.abort(key, id).await?;
                aborted += 1;
            }
        }
        if !page.is_truncated().unwrap_or(false) {
            return Ok(aborted);
        }
        (key_marker, id_marker) = (page.next_key_marker, page.next_upload_id_marker);
    }
}
