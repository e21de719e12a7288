//! What a file is, by its first bytes.

use crate::analysis::Declared;

/// How many bytes the decision is made from.
pub(super) const PREFIX_BYTES: usize = 8 * 1024;

/// Share of control characters up to which bytes without a NUL pass for text: one in a hundred.
const TEXT_CONTROL_SHARE: usize = 100;

/// What the bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Jpeg,
    Png,
    /// Text of any sort, tables included.
    Text,
    /// Not opened; its media type.
    Other(&'static str),
}

impl Kind {
    pub(super) fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Text => "text/plain",
            Self::Other(media_type) => media_type,
        }
    }
}

/// What a declaration says about text, where the bytes leave it open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hint {
    Table,
    Text,
}

const UNKNOWN: &str = "application/octet-stream";
const OLE: &str = "application/x-ole-storage";
const ISO_MEDIA: &str = "video/mp4";

/// Where which bytes stand, and what that means. The first that fits decides.
const MAGIC: &[(usize, &[u8], Kind)] = &[
    (0, b"\xff\xd8\xff", Kind::Jpeg),
    (0, b"\x89PNG\r\n\x1a\n", Kind::Png),
    (0, b"GIF87a", Kind::Other("image/gif")),
    (0, b"GIF89a", Kind::Other("image/gif")),
    (0, b"II*\0", Kind::Other("image/tiff")),
    (0, b"MM\0*", Kind::Other("image/tiff")),
    (0, b"II+\0", Kind::Other("image/tiff")),
    (0, b"MM\0+", Kind::Other("image/tiff")),
    (8, b"WEBP", Kind::Other("image/webp")),
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", Kind::Other("image/jp2")),
    (4, b"ftypheic", Kind::Other("image/heic")),
    (4, b"ftypheix", Kind::Other("image/heic")),
    (4, b"ftypmif1", Kind::Other("image/heic")),
    (4, b"ftypavif", Kind::Other("image/avif")),
    (4, b"ftyp", Kind::Other(ISO_MEDIA)),
    (128, b"DICM", Kind::Other("application/dicom")),
    (0, b"%PDF-", Kind::Other("application/pdf")),
    (0, b"PK\x03\x04", Kind::Other("application/zip")),
    (0, b"PK\x05\x06", Kind::Other("application/zip")),
    (0, b"\x1f\x8b", Kind::Other("application/gzip")),
    (0, b"7z\xbc\xaf\x27\x1c", Kind::Other("application/x-7z-compressed")),
    (0, b"\x28\xb5\x2f\xfd", Kind::Other("application/zstd")),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Kind::Other(OLE)),
    (0, b"{\\rtf", Kind::Other("application/rtf")),
    (0, b"SQLite format 3\0", Kind::Other("application/vnd.sqlite3")),
];

/// What the file is that starts with `prefix`.
pub(super) fn kind(prefix: &[u8]) -> Kind {
    let magic = MAGIC.iter().find(|(at, bytes, _)| prefix.get(*at..).is_some_and(|rest| rest.starts_with(bytes)));
    match magic {
        Some((_, _, kind)) => *kind,
        None if is_bitmap(prefix) => Kind::Other("image/bmp"),
        None if is_text(prefix) => Kind::Text,
        None => Kind::Other(UNKNOWN),
    }
}

/// "BM" alone is too little: the length field and the reserved zeros must fit as well.
fn is_bitmap(prefix: &[u8]) -> bool {
    prefix.starts_with(b"BM") && prefix.get(6..10) == Some(&[0, 0, 0, 0])
}

fn is_text(prefix: &[u8]) -> bool {
    let byte_order_mark = [&b"\xef\xbb\xbf"[..], b"\xff\xfe", b"\xfe\xff"];
    if byte_order_mark.iter().any(|mark| prefix.starts_with(mark)) {
        return true;
    }
    let control = prefix.iter().filter(|byte| byte.is_ascii_control() && !b"\t\n\r\x0c\x1b".contains(byte)).count();
    !prefix.contains(&0) && control <= prefix.len() / TEXT_CONTROL_SHARE
}

/// Whether name or media type promise something else than the bytes are.
pub(super) fn contradicts(declared: &Declared, kind: Kind) -> bool {
    let promises = [
        declared.media_type.as_deref().and_then(promised_by_media_type),
        extension(declared).as_deref().and_then(promised_by_extension),
    ];
    promises.into_iter().flatten().any(|promise| promise != kind)
}

/// What a declaration says about text. "table" wins, since browsers declare `text/plain` for a `.csv`.
pub(super) fn hint(declared: &Declared) -> Option<Hint> {
    let essence = declared.media_type.as_deref().map(essence);
    let extension = extension(declared);
    let table = matches!(essence.as_deref(), Some("text/csv" | "text/tab-separated-values" | "application/csv"))
        || matches!(extension.as_deref(), Some("csv" | "tsv" | "tab"));
    let text = matches!(essence.as_deref(), Some(essence) if promised_by_media_type(essence) == Some(Kind::Text))
        || matches!(extension.as_deref(), Some(extension) if promised_by_extension(extension) == Some(Kind::Text));
    match (table, text) {
        (true, _) => Some(Hint::Table),
        (false, true) => Some(Hint::Text),
        (false, false) => None,
    }
}

/// What a media type promises; `None` where it says nothing that the bytes could contradict.
fn promised_by_media_type(media_type: &str) -> Option<Kind> {
    match essence(media_type).as_str() {
        "image/jpeg" | "image/jpg" | "image/pjpeg" => Some(Kind::Jpeg),
        "image/png" => Some(Kind::Png),
        "image/gif" => Some(Kind::Other("image/gif")),
        "image/tiff" => Some(Kind::Other("image/tiff")),
        "image/webp" => Some(Kind::Other("image/webp")),
        "image/bmp" => Some(Kind::Other("image/bmp")),
        "image/heic" | "image/heif" => Some(Kind::Other("image/heic")),
        "image/svg+xml" | "application/json" | "application/xml" | "application/csv" => Some(Kind::Text),
        "application/pdf" => Some(Kind::Other("application/pdf")),
        "application/dicom" => Some(Kind::Other("application/dicom")),
        "application/gzip" => Some(Kind::Other("application/gzip")),
        "application/rtf" | "text/rtf" => Some(Kind::Other("application/rtf")),
        "application/msword" => Some(Kind::Other(OLE)),
        // Excel is declared for `.csv` by Windows, so that the type promises nothing.
        "application/vnd.ms-excel" => None,
        other if other == "application/zip" || other.starts_with("application/vnd.openxmlformats-") => {
            Some(Kind::Other("application/zip"))
        }
        other if other.starts_with("application/vnd.oasis.opendocument") => Some(Kind::Other("application/zip")),
        other if other.starts_with("text/") => Some(Kind::Text),
        _ => None,
    }
}

/// What a file name's extension promises.
fn promised_by_extension(extension: &str) -> Option<Kind> {
    match extension {
        "jpg" | "jpeg" | "jpe" => Some(Kind::Jpeg),
        "png" => Some(Kind::Png),
        "gif" => Some(Kind::Other("image/gif")),
        "tif" | "tiff" => Some(Kind::Other("image/tiff")),
        "webp" => Some(Kind::Other("image/webp")),
        "bmp" => Some(Kind::Other("image/bmp")),
        "heic" => Some(Kind::Other("image/heic")),
        "csv" | "tsv" | "tab" | "txt" | "md" | "log" | "json" | "xml" | "html" | "htm" | "svg" => Some(Kind::Text),
        "pdf" => Some(Kind::Other("application/pdf")),
        "dcm" => Some(Kind::Other("application/dicom")),
        "zip" | "docx" | "xlsx" | "pptx" | "odt" | "ods" | "odp" => Some(Kind::Other("application/zip")),
        "gz" | "tgz" => Some(Kind::Other("application/gzip")),
        "rtf" => Some(Kind::Other("application/rtf")),
        _ => None,
    }
}

/// A media type without parameters, in lower case.
fn essence(media_type: &str) -> String {
    media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn extension(declared: &Declared) -> Option<String> {
    let (_, extension) = declared.name.as_deref()?.rsplit_once('.')?;
    Some(extension.to_ascii_lowercase())
}
