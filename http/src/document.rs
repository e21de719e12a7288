//! How a record of the `Documents` collection is read: its trial, its file, and what callers see of it.

use axum::http::HeaderValue;
use domain::id::TrialId;
use ports::{FileKey, Record};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::{ETag, etag};

#[cfg(test)]
mod tests;

/// The property by which we know our own writes. It is never shown, never patched, and never part of what is compared.
const LAST_CHANGE: &str = "LastChange";

/// `Cache-Control` of what only this caller may see: it may be kept, and is asked for again each time.
pub const PRIVATE: HeaderValue = HeaderValue::from_static("private, no-cache");

/// The longest media type, in characters (RFC 6838, 4.2, twice, and room for parameters).
const LONGEST_MEDIA_TYPE: usize = 255;

/// A document: a record of the `Documents` collection, as callers see it. It describes what is passed on as JSON:
/// any further property is kept as it was given.
#[derive(Clone, Debug, PartialEq, Eq, ToSchema)]
pub struct Document {
    /// ObjectId, 24 hexadecimal digits.
    #[schema(rename = "_id")]
    pub id: String,
    /// The name of the file, any text.
    #[schema(rename = "Filename")]
    pub filename: String,
    /// Where the file lies: `s3://bucket/key`.
    #[schema(rename = "FileLocation")]
    pub file_location: String,
    /// In bytes.
    #[schema(rename = "Size")]
    pub size: u64,
    /// 32 hexadecimal digits.
    #[schema(rename = "MD5")]
    pub md5: String,
    /// 64 hexadecimal digits.
    #[schema(rename = "SHA256")]
    pub sha256: Option<String>,
    /// The trial.
    #[schema(rename = "TrialId")]
    pub trial_id: Option<String>,
    /// The site.
    #[schema(rename = "SiteId")]
    pub site_id: Option<String>,
    /// The kind of document.
    #[schema(rename = "Kind")]
    pub kind: Option<String>,
    /// Its status.
    #[schema(rename = "Status")]
    pub status: Option<String>,
    /// The date on the document, YYYY-MM-DD.
    #[schema(rename = "DocumentDate")]
    pub document_date: Option<String>,
    /// Media type.
    #[schema(rename = "ContentType")]
    pub content_type: Option<String>,
    /// When it was stored.
    #[schema(rename = "CreatedAt")]
    pub created_at: Option<String>,
    /// When it was changed last.
    #[schema(rename = "UpdatedAt")]
    pub updated_at: Option<String>,
    /// Who changed it last.
    #[schema(rename = "UpdatedBy")]
    pub updated_by: Option<String>,
    /// Counts its changes, from 1.
    #[schema(rename = "Version")]
    pub version: Option<u64>,
}

/// The trial of a record: as it says, else as its file's place says, else none.
#[must_use]
pub fn trial_of(record: &Record) -> Option<TrialId> {
    if let Some(stated) = record.text("TrialId") {
        return TrialId::parse("TrialId", stated).ok();
    }
    let (_, key) = record.text("FileLocation")?.strip_prefix("s3://")?.split_once('/')?;
    TrialId::parse("FileLocation", key.strip_prefix("trials/")?.split('/').next()?).ok()
}

/// The key of a record's file in our store; none where it lies elsewhere, and then it is neither opened nor deleted.
#[must_use]
pub fn object_key(record: &Record, bucket: &str) -> Option<FileKey> {
    let (named, key) = record.text("FileLocation")?.strip_prefix("s3://")?.split_once('/')?;
    if named != bucket || !key.starts_with("trials/") {
        return None;
    }
    FileKey::new(key).ok()
}

/// The `FileLocation` of a file in our store.
#[must_use]
pub fn file_location(bucket: &str, key: &FileKey) -> String {
    format!("s3://{bucket}/{key}")
}

/// Whether a record is on its way out: to callers it is gone.
#[must_use]
pub fn is_leaving(record: &Record) -> bool {
    record.0.get(LAST_CHANGE).and_then(|change| change.get("Deleting")).and_then(Value::as_bool).unwrap_or(false)
}

/// What callers see of a record: all but how we know our own writes.
#[must_use]
pub fn shown(mut record: Record) -> Map<String, Value> {
    record.0.remove(LAST_CHANGE);
    record.0
}

/// The version of what callers see.
#[must_use]
pub fn version(shown: &Map<String, Value>) -> ETag {
    // A map of JSON values always has a JSON form.
    etag(&serde_json::to_vec(shown).unwrap_or_default())
}

/// A media type (RFC 9110, 8.3.1) that may stand in a header, or none.
#[must_use]
pub fn media_type(text: &str) -> Option<HeaderValue> {
    let is_token = |token: &str| {
        !token.is_empty() && token.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
    };
    let (kind, subtype) = essence(text).split_once('/')?;
    let is_visible = text.bytes().all(|b| b == b' ' || b.is_ascii_graphic());
    if text.len() <= LONGEST_MEDIA_TYPE && is_visible && is_token(kind) && is_token(subtype) {
        HeaderValue::from_str(text).ok()
    } else {
        None
    }
}

/// A media type without its parameters.
#[must_use]
pub fn essence(media_type: &str) -> &str {
    media_type.split(';').next().unwrap_or_default().trim_end()
}
