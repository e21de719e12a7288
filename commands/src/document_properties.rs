//! What the properties of a record may be when a caller gives them.

use axum::http::HeaderMap;
use domain::id::TrialId;
use http::{Problem, document};
use jiff::civil::Date;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

/// Properties that only the service writes.
pub(crate) const KEPT_BY_THE_SERVICE: [&str; 7] =
    ["_id", "SHA256", "Version", "CreatedAt", "UpdatedAt", "UpdatedBy", "LastChange"];

/// The header that says why a document is changed.
const CHANGE_REASON: &str = "Change-Reason";

/// The longest file name, in characters.
const LONGEST_FILENAME: usize = 1_024;

/// The longest site, kind or status, in characters.
const LONGEST_LABEL: usize = 256;

/// The longest name of a further property, in characters.
const LONGEST_NAME: usize = 128;

/// The longest reason, in characters.
pub(crate) const LONGEST_REASON: usize = 1_000;

/// The largest record, in bytes of JSON: an event holds it twice, sealed, and must fit into one append.
const LARGEST_RECORD_BYTES: usize = 131_072;

/// The largest size, in bytes: 2^53, up to which every reader of JSON tells whole numbers apart.
const LARGEST_SIZE_BYTES: u64 = 1 << 53;

/// Checks one property that a caller gives.
///
/// # Errors
/// 422 that names it.
pub(crate) fn check(name: &str, value: &Value) -> Result<(), Problem> {
    let (fine, wanted) = match name {
        "Filename" => (is_text(value, LONGEST_FILENAME), "a text of 1 to 1,024 characters"),
        "SiteId" | "Kind" | "Status" => (is_text(value, LONGEST_LABEL), "a text of 1 to 256 characters"),
        "FileLocation" => (
            value.as_str().is_some_and(|text| text.starts_with("s3://")),
            "the place of a stored file, as in s3://bucket/key",
        ),
        "Size" => (
            value.as_u64().is_some_and(|bytes| bytes <= LARGEST_SIZE_BYTES),
            "the file's size in bytes: a whole number, 0 or more, at most 9007199254740992",
        ),
        "MD5" => (value.as_str().is_some_and(is_md5), "an MD5 as 32 hexadecimal digits"),
        "TrialId" => match value.as_str() {
            Some(text) => return TrialId::parse("TrialId", text).map(|_| ()).map_err(Problem::from),
            None => (false, "the id of a trial, a text"),
        },
        "DocumentDate" => (value.as_str().is_some_and(is_date), "a date as YYYY-MM-DD"),
        "ContentType" => {
            (value.as_str().is_some_and(|text| document::media_type(text).is_some()), "a media type such as image/jpeg")
        }
        kept if KEPT_BY_THE_SERVICE.contains(&kept) => return Err(kept_by_the_service(kept)),
        further => {
            (is_name(further), "named with 1 to 128 characters, without a dot, a leading $, or control characters")
        }
    };
    if fine { Ok(()) } else { Err(Problem::invalid(name, format!("`{}` must be {wanted}.", shortened(name)))) }
}

/// The problem of a property that callers cannot give.
pub(crate) fn kept_by_the_service(name: &str) -> Problem {
    Problem::invalid(name, format!("`{name}` is kept by the service.")).with_remedy("Leave it out.")
}

fn is_text(value: &Value, longest: usize) -> bool {
    value.as_str().is_some_and(|text| (1..=longest).contains(&text.chars().count()))
}

fn is_md5(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

fn is_date(text: &str) -> bool {
    // The parser alone would also take other forms of ISO 8601.
    text.len() == 10 && text.as_bytes()[4] == b'-' && text.parse::<Date>().is_ok()
}

/// A name that every document database takes.
fn is_name(name: &str) -> bool {
    (1..=LONGEST_NAME).contains(&name.chars().count())
        && !name.starts_with('$')
        && !name.chars().any(|c| c == '.' || c.is_control())
}

fn shortened(text: &str) -> String {
    text.chars().take(LONGEST_NAME).collect()
}

/// Refuses properties that would not fit into the log.
///
/// # Errors
/// 422 that says how large it is.
pub(crate) fn check_size(properties: &Map<String, Value>) -> Result<(), Problem> {
    let bytes = serde_json::to_vec(properties).map_err(Problem::internal)?.len();
    if bytes <= LARGEST_RECORD_BYTES {
        return Ok(());
    }
    Err(Problem::malformed(format!(
        "The record would have {bytes} bytes of JSON; at most {LARGEST_RECORD_BYTES} are possible."
    ))
    .with_remedy("Put long texts into a file of their own."))
}

/// Why a document is changed, from the header `Change-Reason`: UTF-8, percent-encoded or plain.
///
/// # Errors
/// 422 that names the header.
pub(crate) fn reason_in(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get(CHANGE_REASON) else { return Ok(None) };
    let plain = std::str::from_utf8(value.as_bytes()).ok();
    let decoded = plain.and_then(|text| percent_decode_str(text).decode_utf8().ok());
    let decoded =
        decoded.ok_or_else(|| Problem::invalid(CHANGE_REASON, "`Change-Reason` must be UTF-8, percent-encoded."))?;
    reason(CHANGE_REASON, &decoded)
}

/// A reason as it is kept; none where it says nothing.
///
/// # Errors
/// 422 that names the field it came in.
pub(crate) fn reason(field: &str, text: &str) -> Result<Option<String>, Problem> {
    let text = text.trim();
    if text.chars().count() > LONGEST_REASON || text.chars().any(char::is_control) {
        return Err(Problem::invalid(
            field,
            format!("`{field}` must have at most 1,000 characters, none of them a line break."),
        ));
    }
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

#[cfg(test)]
mod tests;
