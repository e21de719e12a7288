//! Files by key, as streams.

use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use jiff::Timestamp;

use crate::{Error, Result};

/// A body as it flows. An error in it ends the transfer, and nothing is kept.
pub type ByteStream = BoxStream<'static, std::io::Result<Bytes>>;

/// Names a file: segments of `[A-Za-z0-9._-]` joined by `/`, none of them `.` or `..`, at most 512 bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileKey(String);

impl FileKey {
    /// Checks and takes a key.
    ///
    /// # Errors
    /// `Rejected` where it is no such name.
    pub fn new(key: impl Into<String>) -> Result<Self> {
        let key = key.into();
        let segment_is_fine = |segment: &str| {
            !segment.is_empty()
                && segment != "."
                && segment != ".."
                && segment.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        };
        if key.len() <= 512 && key.split('/').all(segment_is_fine) {
            Ok(Self(key))
        } else {
            Err(Error::Rejected(format!(
                "{key:?} is no file key: use segments of A-Z, a-z, 0-9, '.', '_', '-' joined by '/'"
            )))
        }
    }

    /// Whether it ends with the SHA-256 of what it names, so that two files of this key are the same: `derived/<64 hex digits>`.
    #[must_use]
    pub fn names_its_content(&self) -> bool {
        let hash = self.0.strip_prefix("derived/");
        hash.is_some_and(|hash| {
            hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        })
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for FileKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A file, or a range of it, on its way out.
pub struct FileBody {
    /// Size of the whole file in bytes.
    pub size: u64,
    /// The bytes asked for.
    pub stream: ByteStream,
}

/// A file in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileEntry {
    /// Its key.
    pub key: FileKey,
    /// Size in bytes.
    pub size: u64,
    /// When it was stored.
    pub modified: Timestamp,
}

/// Files by key: whole or not at all.
#[async_trait]
pub trait FileStore: Send + Sync {
    /// Stores a file, replacing one of the same key; visible only when whole and durable. Answers its size in bytes. Where the
    /// key names its content, a file of the same size may be left as it is.
    async fn put(&self, key: &FileKey, body: ByteStream) -> Result<u64>;
    /// A file or a range of it (half-open, in bytes, cut to the size); `None` where there is none.
    async fn get(&self, key: &FileKey, range: Option<Range<u64>>) -> Result<Option<FileBody>>;
    /// Size in bytes, or `None`.
    async fn size(&self, key: &FileKey) -> Result<Option<u64>>;
    /// Removes a file; no error if there is none.
    async fn delete(&self, key: &FileKey) -> Result<()>;
    /// The files whose key begins with the prefix, each once, and a key before the longer ones that begin with it. Further order
    /// is the store's own: some S3 servers take `/` for less than `-`.
    fn list(&self, prefix: &str) -> BoxStream<'static, Result<FileEntry>>;
    /// A URL at which anybody may read a file for some minutes, without us, with the headers `Content-Disposition` and
    /// `Content-Type` as given. `None` where the store gives none, as by default. Whether the file is there is not looked at.
    async fn link(&self, _key: &FileKey, _disposition: &str, _media_type: &str) -> Result<Option<String>> {
        Ok(None)
    }
}
