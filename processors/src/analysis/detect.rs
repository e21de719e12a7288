//! What a file is, by its first bytes.

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
