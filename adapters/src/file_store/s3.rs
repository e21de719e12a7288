//! Files in a bucket of S3, or of a server that speaks its protocol, under their keys.
//!
//! The server makes a put visible when it is whole, and replaces a file in one step. Checksums (CRC-32C) go with what is sent, and
//! what is read whole is held against them.

mod abandoned;
mod failure;
mod settings;
mod upload;

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::DateTime;
use aws_sdk_s3::types::{Object, ServerSideEncryption};
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use jiff::Timestamp;
use ports::{ByteStream, Clock, Error, FileBody, FileEntry, FileKey, FileStore, Result};

use failure::{denies, failed, is};
use settings::{Encryption, Settings};
use upload::Replace;

/// A bucket, or what of it lies under a prefix.
pub(super) struct Bucket {
    client: Client,
    name: String,
    /// What stands before our keys: empty, or ends in `/`.
    prefix: String,
    encryption: Option<Encryption>,
    part_size: usize,
    links: Option<Duration>,
}

/// Files whose keys begin with a prefix.
pub(super) struct S3 {
    bucket: Arc<Bucket>,
    home: &'static str,
}

/// Opens a bucket and asks it for a file, so that what is wrong shows when the program starts. Uploads below `homes` that were
/// abandoned are aborted in the background, now and once a day.
pub(super) async fn open_bucket(url: &str, homes: [&'static str; 2], clock: &Clock) -> Result<Arc<Bucket>> {
    let settings = Settings::parse(url, |name| std::env::var(name).ok())?;
    let client = settings.client();
    let list = client.list_objects_v2().bucket(&settings.bucket).prefix(&settings.prefix).max_keys(1);
    if let Err(error) = list.send().await {
        let at = settings.endpoint.as_deref().unwrap_or("Amazon's S3");
        let what = format!(
            "setting \"stores.files\": the bucket {:?} at {at} with the access key {:?}",
            settings.bucket, settings.access_key
        );
        let remedy = match error.code() {
            Some("NoSuchBucket") => "; create the bucket, or name another",
            Some("InvalidAccessKeyId") => "; name an access key that the server knows",
            Some("SignatureDoesNotMatch") => "; the secret does not belong to the access key",
            Some("AccessDenied") => "; let this access key list, read, write and delete in the bucket",
            Some("PermanentRedirect" | "AuthorizationHeaderMalformed") => "; name the bucket's own region with region=",
            Some(_) | None => "",
        };
        return Err(match failed(&what, &error) {
            Error::Rejected(sentence) => Error::Rejected(format!("{sentence}{remedy}")),
            Error::Unavailable(sentence) if denies(&error) => Error::Rejected(format!("{sentence}{remedy}")),
            other @ (Error::Conflict(_) | Error::Unavailable(_) | Error::Corrupt(_)) => other,
        });
    }
    let bucket = Arc::new(Bucket {
        client,
        name: settings.bucket,
        prefix: settings.prefix,
        encryption: settings.encryption,
        part_size: settings.part_size,
        links: settings.links,
    });
    abandoned::watch(&bucket, homes, clock.clone());
    Ok(bucket)
}

impl Bucket {
    /// Size in bytes of what the server calls `key`, or `None`.
    async fn size(&self, key: &str) -> Result<Option<u64>> {
        let what = || format!("reading the size of {key}");
        match self.client.head_object().bucket(&self.name).key(key).send().await {
            Ok(head) => length(head.content_length, &what()).map(Some),
            Err(error) if is(&error, 404) => Ok(None),
            Err(error) => Err(failed(&what(), &error)),
        }
    }

    /// Aborts an upload in parts; no error if there is none.
    async fn abort(&self, key: &str, id: &str) -> Result<()> {
        match self.client.abort_multipart_upload().bucket(&self.name).key(key).upload_id(id).send().await {
            Ok(_) => Ok(()),
            Err(error) if is(&error, 404) => Ok(()),
            Err(error) => Err(failed(&format!("aborting the upload of {key}"), &error)),
        }
    }

    fn encryption_method(&self) -> Option<ServerSideEncryption> {
        self.encryption.as_ref().map(|encryption| encryption.method.clone())
    }

    fn kms_key(&self) -> Option<String> {
        self.encryption.as_ref().and_then(|encryption| encryption.kms_key.clone())
    }
}

impl S3 {
    pub(super) fn new(bucket: Arc<Bucket>, home: &'static str) -> Self {
        Self { bucket, home }
    }

    /// What the server calls a file.
    fn name(&self, key: &FileKey) -> Result<String> {
        if key.as_str().starts_with(self.home) {
            Ok(format!("{}{key}", self.bucket.prefix))
        } else {
            Err(Error::Rejected(format!("{key} does not begin with {}", self.home)))
        }
    }
}

#[async_trait]
impl FileStore for S3 {
    async fn put(&self, key: &FileKey, body: ByteStream) -> Result<u64> {
        let replace = if key.names_its_content() { Replace::UnlessSame } else { Replace::Always };
        upload::put(&self.bucket, &self.name(key)?, body, replace).await
    }

    async fn get(&self, key: &FileKey, range: Option<Range<u64>>) -> Result<Option<FileBody>> {
        let name = self.name(key)?;
        let what = format!("reading {key}");
        let empty = |size: Option<u64>| size.map(|size| FileBody { size, stream: stream::empty().boxed() });
        // HTTP has no empty range.
        if range.as_ref().is_some_and(Range::is_empty) {
            return Ok(empty(self.bucket.size(&name).await?));
        }
        let asked = range.as_ref().map(|range| format!("bytes={}-{}", range.start, range.end - 1));
        let get = self.bucket.client.get_object().bucket(&self.bucket.name).key(&name).set_range(asked);
        let found = match get.send().await {
            Ok(found) => found,
            Err(error) if error.code() == Some("NoSuchKey") => return Ok(None),
            // It lies behind the end.
            Err(error) if is(&error, 416) => return Ok(empty(self.bucket.size(&name).await?)),
            Err(error) => return Err(failed(&what, &error)),
        };
        let size = match (range, &found.content_range) {
            (None, _) => length(found.content_length, &what)?,
            (Some(_), Some(range)) => whole_size(range, &what)?,
            (Some(_), None) => return Err(Error::Corrupt(format!("{what}: the server did not answer with the range"))),
        };
        let stream = stream::try_unfold(found.body, |mut body| async move {
            Ok(body.try_next().await.map_err(io::Error::other)?.map(|piece| (piece, body)))
        });
        Ok(Some(FileBody { size, stream: stream.boxed() }))
    }

    async fn size(&self, key: &FileKey) -> Result<Option<u64>> {
        self.bucket.size(&self.name(key)?).await
    }

    async fn delete(&self, key: &FileKey) -> Result<()> {
        let name = self.name(key)?;
        match self.bucket.client.delete_object().bucket(&self.bucket.name).key(name).send().await {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some("NoSuchKey") => Ok(()),
            Err(error) => Err(failed(&format!("deleting {key}"), &error)),
        }
    }

    fn list(&self, prefix: &str) -> BoxStream<'static, Result<FileEntry>> {
        let wanted = if self.home.starts_with(prefix) { self.home } else { prefix };
        if !wanted.starts_with(self.home) {
            return stream::empty().boxed();
        }
        let bucket = Arc::clone(&self.bucket);
        let list = bucket.client.list_objects_v2().bucket(&bucket.name).prefix(format!("{}{wanted}", bucket.prefix));
        stream::try_unfold(list.into_paginator().send(), |mut pages| async move {
            Ok(pages.try_next().await.map_err(|error| failed("listing files", &error))?.map(|page| (page, pages)))
        })
        .map_ok(move |page| {
            let entries: Vec<_> =
                page.contents().iter().filter_map(|file| entry(&bucket.prefix, file).transpose()).collect();
            stream::iter(entries)
        })
        .try_flatten()
        .boxed()
    }

    async fn link(&self, key: &FileKey, disposition: &str, media_type: &str) -> Result<Option<String>> {
        let name = self.name(key)?;
        let Some(lifetime) = self.bucket.links else { return Ok(None) };
        let what = format!("signing a link to {key}");
        let lifetime = PresigningConfig::expires_in(lifetime).map_err(|e| Error::Rejected(format!("{what}: {e}")))?;
        let get = self.bucket.client.get_object().bucket(&self.bucket.name).key(name);
        let get = get.response_content_disposition(disposition).response_content_type(media_type);
        let signed = get.response_cache_control("private, no-store").presigned(lifetime).await;
        signed.map(|signed| Some(signed.uri().to_owned())).map_err(|error| failed(&what, &error))
    }
}

/// A file as the server lists it; `None` for what is none of ours.
fn entry(prefix: &str, file: &Object) -> Result<Option<FileEntry>> {
    let Some(key) = file.key().and_then(|name| FileKey::new(name.strip_prefix(prefix)?).ok()) else { return Ok(None) };
    let what = format!("listing {key}");
    let modified = file.last_modified().ok_or_else(|| Error::Corrupt(format!("{what}: it has no time")))?;
    Ok(Some(FileEntry { size: length(file.size(), &what)?, modified: instant(modified)?, key }))
}

fn instant(time: &DateTime) -> Result<Timestamp> {
    Timestamp::from_second(time.secs()).map_err(|e| Error::Corrupt(format!("a time of the server: {e}")))
}

fn length(length: Option<i64>, what: &str) -> Result<u64> {
    let length = length.and_then(|length| u64::try_from(length).ok());
    length.ok_or_else(|| Error::Corrupt(format!("{what}: the server tells no size")))
}

/// The size behind the slash of `bytes 0-1/3`.
fn whole_size(content_range: &str, what: &str) -> Result<u64> {
    let size = content_range.rsplit_once('/').and_then(|(_, size)| size.parse().ok());
    size.ok_or_else(|| Error::Corrupt(format!("{what}: the server tells the range as {content_range:?}")))
}
