//! A body on its way up: one put where it is small, else an upload in parts.

use std::sync::Arc;

use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::complete_multipart_upload::CompleteMultipartUploadError;
use aws_sdk_s3::operation::put_object::PutObjectError;
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumType, CompletedMultipartUpload, CompletedPart};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use ports::{ByteStream, Error, Result};
use tokio::runtime::Handle;

use super::Bucket;
use super::failure::{failed, is};

/// The most parts S3 takes.
const MOST_PARTS: i32 = 10_000;

/// Whether a file that is there already is replaced.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Replace {
    Always,
    /// The key names the content: what is there with the same size is the same, and is left as it is.
    UnlessSame,
}

/// Stores a body under the bucket's name for it. Holds one part in memory, and what the body gives at once.
pub(super) async fn put(bucket: &Arc<Bucket>, key: &str, body: ByteStream, replace: Replace) -> Result<u64> {
    let mut parts = Parts { body, gathered: BytesMut::new(), part_size: bucket.part_size };
    match parts.next().await? {
        Part::Last(whole) => put_whole(bucket, key, whole, replace).await,
        Part::Full(first) => put_in_parts(bucket, key, first, parts, replace).await,
    }
}

async fn put_whole(bucket: &Bucket, key: &str, whole: Bytes, replace: Replace) -> Result<u64> {
    let size = whole.len() as u64;
    let send = |condition: Option<String>| {
        let put = bucket.client.put_object().bucket(&bucket.name).key(key).set_if_none_match(condition);
        let put = put.set_server_side_encryption(bucket.encryption_method()).set_ssekms_key_id(bucket.kms_key());
        put.checksum_algorithm(ChecksumAlgorithm::Crc32C).body(whole.clone().into()).send()
    };
    let mut sent = send(condition(replace)).await;
    if replace == Replace::UnlessSame && sent.as_ref().is_err_and(|error: &SdkError<PutObjectError>| is(error, 412)) {
        if bucket.size(key).await? == Some(size) {
            return Ok(size);
        }
        sent = send(None).await;
    }
    sent.map(|_| size).map_err(|error| failed(&format!("storing {key}"), &error))
}

async fn put_in_parts(
    bucket: &Arc<Bucket>,
    key: &str,
    first: Bytes,
    mut parts: Parts,
    replace: Replace,
) -> Result<u64> {
    let mut upload = Upload::begin(bucket, key).await?;
    upload.send(first).await?;
    loop {
        match parts.next().await? {
            Part::Full(part) => upload.send(part).await?,
            Part::Last(part) => {
                upload.send(part).await?;
                return upload.complete(replace).await;
            }
        }
    }
}

fn condition(replace: Replace) -> Option<String> {
    match replace {
        Replace::Always => None,
        Replace::UnlessSame => Some("*".to_owned()),
    }
}

/// A body, cut into parts.
struct Parts {
    body: ByteStream,
    gathered: BytesMut,
    part_size: usize,
}

enum Part {
    /// More comes behind it.
    Full(Bytes),
    /// The rest: empty only where the whole body is.
    Last(Bytes),
}

impl Parts {
    async fn next(&mut self) -> Result<Part> {
        while self.gathered.len() <= self.part_size {
            match self.body.next().await {
                Some(Ok(piece)) => self.gathered.extend_from_slice(&piece),
                Some(Err(error)) => {
                    return Err(Error::Unavailable(format!("the body broke off, nothing was stored: {error}")));
                }
                None => return Ok(Part::Last(self.gathered.split().freeze())),
            }
        }
        Ok(Part::Full(self.gathered.split_to(self.part_size).freeze()))
    }
}

/// An upload in parts. Dropped before it is completed, it is aborted as well as may be: what is left of it is found later by
/// [`super::abandoned`], and nobody sees it before.
struct Upload {
    bucket: Arc<Bucket>,
    key: String,
    id: String,
    parts: Vec<CompletedPart>,
    size: u64,
    completed: bool,
}

impl Upload {
    async fn begin(bucket: &Arc<Bucket>, key: &str) -> Result<Self> {
        let begin = bucket.client.create_multipart_upload().bucket(&bucket.name).key(key);
        let begin = begin.set_server_side_encryption(bucket.encryption_method()).set_ssekms_key_id(bucket.kms_key());
        // A checksum of the whole, and not of the parts' checksums, is one that a download can be held against.
        let begin = begin.checksum_algorithm(ChecksumAlgorithm::Crc32C).checksum_type(ChecksumType::FullObject);
        let begun = begin.send().await.map_err(|error| failed(&format!("storing {key}"), &error))?;
        let id = begun.upload_id.ok_or_else(|| Error::Corrupt(format!("storing {key}: the upload has no id")))?;
        let (bucket, key) = (Arc::clone(bucket), key.to_owned());
        Ok(Self { bucket, key, id, parts: vec![], size: 0, completed: false })
    }

    async fn send(&mut self, part: Bytes) -> Result<()> {
        let number = i32::try_from(self.parts.len()).unwrap_or(i32::MAX).saturating_add(1);
        if number > MOST_PARTS {
            let most = self.bucket.part_size as u64 * u64::from(MOST_PARTS.unsigned_abs());
            return Err(Error::Rejected(format!(
                "storing {}: it is larger than {most} bytes, the most in parts of {} bytes: raise part_size= in the setting \
                 \"stores.files\"",
                self.key, self.bucket.part_size
            )));
        }
        self.size += part.len() as u64;
        let send = self.bucket.client.upload_part().bucket(&self.bucket.name).key(&self.key).upload_id(&self.id);
        let send = send.part_number(number).checksum_algorithm(ChecksumAlgorithm::Crc32C).body(part.into());
        let sent = send.send().await.map_err(|error| failed(&format!("storing {}", self.key), &error))?;
        let part = CompletedPart::builder().part_number(number).set_e_tag(sent.e_tag);
        self.parts.push(part.set_checksum_crc32_c(sent.checksum_crc32_c).build());
        Ok(())
    }

    async fn complete(mut self, replace: Replace) -> Result<u64> {
        let mut sent = self.send_completion(condition(replace)).await;
        if replace == Replace::UnlessSame && sent.as_ref().is_err_and(|error| is(error, 412)) {
            if self.bucket.size(&self.key).await? == Some(self.size) {
                return Ok(self.size);
            }
            sent = self.send_completion(None).await;
        }
        sent.map_err(|error| failed(&format!("storing {}", self.key), &error))?;
        self.completed = true;
        Ok(self.size)
    }

    async fn send_completion(
        &self,
        condition: Option<String>,
    ) -> std::result::Result<(), SdkError<CompleteMultipartUploadError>> {
        let parts = CompletedMultipartUpload::builder().set_parts(Some(self.parts.clone())).build();
        let complete = self.bucket.client.complete_multipart_upload().bucket(&self.bucket.name).key(&self.key);
        let complete = complete.upload_id(&self.id).multipart_upload(parts).checksum_type(ChecksumType::FullObject);
        complete.set_if_none_match(condition).send().await.map(|_| ())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if self.completed {
            return;
        }
        let Ok(runtime) = Handle::try_current() else { return };
        let (bucket, key, id) = (Arc::clone(&self.bucket), std::mem::take(&mut self.key), std::mem::take(&mut self.id));
        runtime.spawn(async move {
            if let Err(error) = bucket.abort(&key, &id).await {
                tracing::info!(key, %error, "an upload that broke off is left to be aborted later");
            }
        });
    }
}
