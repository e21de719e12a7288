//! What a document's name and declared media type promise of its bytes.

use serde::{Deserialize, Serialize};

#[cfg(test)]
mod tests;

/// What a file name's extension or a declared media type promises the bytes to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PromisedType {
    /// JPEG.
    Jpeg,
    /// PNG.
    Png,
    /// GIF.
    Gif,
    /// TIFF.
    Tiff,
    /// WebP.
    Webp,
    /// BMP.
    Bmp,
    /// HEIC.
    Heic,
    /// Text of any sort, tables included.
    Text,
    /// PDF.
    Pdf,
    /// DICOM.
    Dicom,
    /// A ZIP archive, as which office documents are stored too.
    Zip,
    /// Gzip.
    Gzip,
    /// Rich text.
    Rtf,
    /// An office document of the time before ZIP.
    Ole,
    /// Name and media type promise different types, so that no bytes keep both.
    Contradictory,
}

impl PromisedType {
    /// What a record promises; none where neither says anything that bytes could break.
    #[must_use]
    pub fn of(file_name: Option<&str>, media_type: Option<&str>) -> Option<Self> {
        let by_name = file_name.and_then(|name| name.rsplit_once('.')).and_then(|(_, end)| Self::of_extension(end));
        let by_type = media_type.and_then(Self::of_media_type);
        match (by_name, by_type) {
            (Some(name), Some(declared)) if name != declared => Some(Self::Contradictory),
            (by_name, by_type) => by_name.or(by_type),
        }
    }

    /// Whether bytes of this media type, as the analysis found it, keep the promise.
    #[must_use]
    pub fn is_kept_by(self, media_type: &str) -> bool {
        match self {
            Self::Jpeg => media_type == "image/jpeg",
            Self::Png => media_type == "image/png",
            Self::Gif => media_type == "image/gif",
            Self::Tiff => media_type == "image/tiff",
            Self::Webp => media_type == "image/webp",
            Self::Bmp => media_type == "image/bmp",
            Self::Heic => media_type == "image/heic",
            Self::Text => media_type.starts_with("text/"),
            Self::Pdf => media_type == "application/pdf",
            Self::Dicom => media_type == "application/dicom",
            Self::Zip => media_type == "application/zip",
            Self::Gzip => media_type == "application/gzip",
            Self::Rtf => media_type == "application/rtf",
            Self::Ole => media_type == "application/x-ole-storage",
            Self::Contradictory => false,
        }
    }

    fn of_extension(extension: &str) -> Option<Self> {
        match extension.to_ascii_lowercase().as_str() {
            "jpg" | "jpeg" | "jpe" => Some(Self::Jpeg),
            "png" => Some(Self::Png),
            "gif" => Some(Self::Gif),
            "tif" | "tiff" => Some(Self::Tiff),
            "webp" => Some(Self::Webp),
            "bmp" => Some(Self::Bmp),
            "heic" => Some(Self::Heic),
            "csv" | "tsv" | "tab" | "txt" | "md" | "log" | "json" | "xml" | "html" | "htm" | "svg" => Some(Self::Text),
            "pdf" => Some(Self::Pdf),
            "dcm" => Some(Self::Dicom),
            "zip" | "docx" | "xlsx" | "pptx" | "odt" | "ods" | "odp" => Some(Self::Zip),
            "gz" | "tgz" => Some(Self::Gzip),
            "rtf" => Some(Self::Rtf),
            _ => None,
        }
    }

    fn of_media_type(media_type: &str) -> Option<Self> {
        let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match essence.as_str() {
            "image/jpeg" | "image/jpg" | "image/pjpeg" => Some(Self::Jpeg),
            "image/png" => Some(Self::Png),
            "image/gif" => Some(Self::Gif),
            "image/tiff" => Some(Self::Tiff),
            "image/webp" => Some(Self::Webp),
            "image/bmp" => Some(Self::Bmp),
            "image/heic" | "image/heif" => Some(Self::Heic),
            "image/svg+xml" | "application/json" | "application/xml" | "application/csv" => Some(Self::Text),
            "application/pdf" => Some(Self::Pdf),
            "application/dicom" => Some(Self::Dicom),
            "application/gzip" => Some(Self::Gzip),
            "application/rtf" | "text/rtf" => Some(Self::Rtf),
            "application/msword" => Some(Self::Ole),
            "application/zip" => Some(Self::Zip),
            office if office.starts_with("application/vnd.openxmlformats-") => Some(Self::Zip),
            office if office.starts_with("application/vnd.oasis.opendocument") => Some(Self::Zip),
            text if text.starts_with("text/") => Some(Self::Text),
            // Among them `application/vnd.ms-excel`, which Windows declares for `.csv`.
            _ => None,
        }
    }
}
