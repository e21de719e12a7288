//! What may be found in a document: in its content by the analysis, or in its record when the two are compared.
//!
//! Codes are stored in events and never renamed.

use serde::{Deserialize, Serialize};

use crate::measures::{ImageMeasures, TableMeasures};

/// One thing that was found. The order is that of a report: what cannot be read first, what is merely worth knowing last.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    strum::IntoStaticStr,
    strum::Display,
    strum::EnumString,
    strum::EnumIter,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum FindingCode {
    /// The record names a file that is not in the store.
    FileMissing,
    /// The record names a file outside the product's bucket; it is never opened.
    ForeignBucket,
    /// The file has no bytes.
    EmptyFile,
    /// The image ends before its end mark.
    Truncated,
    /// The content breaks the rules of its own format.
    Undecodable,
    /// A variant of JPEG or PNG that is not decoded (arithmetic coding, lossless JPEG).
    UnsupportedEncoding,
    /// The decoder crashed.
    DecoderPanicked,
    /// The image has more pixels than the limit.
    TooManyPixels,
    /// The image file has more bytes than the limit.
    TooLarge,
    /// The analysis took longer than the limit.
    TooSlow,
    /// The analysis needs more memory than the limit.
    OutOfMemory,
    /// A line or record is longer than the limit.
    LineTooLong,
    /// The bytes are not what the record's SHA-256 says.
    Sha256Mismatch,
    /// The bytes are not what the record's MD5 says.
    Md5Mismatch,
    /// The number of bytes is not what the record says.
    SizeMismatch,
    /// The content is of another type than the name or the declared media type says.
    TypeMismatch,
    /// The image is not sharp.
    Blurred,
    /// The image is nearly black.
    TooDark,
    /// The image is nearly white.
    TooBright,
    /// The image is nearly uniform.
    LowContrast,
    /// The image has fewer pixels than a form needs to be read.
    LowResolution,
    /// Rows differ in their number of fields.
    RaggedTable,
    /// Text that is not stored as UTF-8 or UTF-16.
    NotUtf8,
    /// A large part of the image is black without detail.
    ClippedShadows,
    /// A large part of the image is white without detail.
    ClippedHighlights,
    /// A type that is counted, not analysed.
    UnsupportedType,
}

/// How much a finding matters.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    strum::IntoStaticStr,
    strum::Display,
    strum::EnumString,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Severity {
    /// Worth knowing; nobody has to act.
    Notice,
    /// Somebody should look: the document may not serve its purpose.
    Warning,
    /// The document cannot be used or trusted as it is.
    Problem,
}

impl FindingCode {
    /// The code as it is stored and shown, such as `line_too_long`.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// How much it matters.
    pub fn severity(self) -> Severity {
        match self {
            Self::FileMissing
            | Self::ForeignBucket
            | Self::EmptyFile
            | Self::Truncated
            | Self::Undecodable
            | Self::DecoderPanicked
            | Self::Sha256Mismatch
            | Self::Md5Mismatch
            | Self::SizeMismatch => Severity::Problem,
            Self::UnsupportedEncoding
            | Self::TooManyPixels
            | Self::TooLarge
            | Self::TooSlow
            | Self::OutOfMemory
            | Self::LineTooLong
            | Self::TypeMismatch
            | Self::Blurred
            | Self::TooDark
            | Self::TooBright
            | Self::LowContrast
            | Self::LowResolution
            | Self::RaggedTable => Severity::Warning,
            Self::NotUtf8 | Self::ClippedShadows | Self::ClippedHighlights | Self::UnsupportedType => Severity::Notice,
        }
    }

    /// Whether somebody has to look: everything above a notice.
    pub fn needs_attention(self) -> bool {
        self.severity() > Severity::Notice
    }

    /// What was found, in one plain sentence.
    pub fn describe(self) -> &'static str {
        match self {
            Self::FileMissing => "The record names a file that is not in the store.",
            Self::ForeignBucket => "The record names a file outside the document store, which is not opened.",
            Self::EmptyFile => "The file is empty.",
            Self::Truncated => "The file ends before the image is complete.",
            Self::Undecodable => "The file is damaged: its content breaks the rules of its format.",
            Self::UnsupportedEncoding => "The image uses a rare encoding that is not decoded.",
            Self::DecoderPanicked => "The decoder crashed on this file.",
            Self::TooManyPixels => "The image has more pixels than the limit.",
            Self::TooLarge => "The image file is larger than the limit.",
            Self::TooSlow => "The analysis was stopped because it took too long.",
            Self::OutOfMemory => "The analysis was stopped because it needs too much memory.",
            Self::LineTooLong => "A line is longer than the limit.",
            Self::Sha256Mismatch => "The file's bytes differ from the SHA-256 in its record.",
            Self::Md5Mismatch => "The file's bytes differ from the MD5 in its record.",
            Self::SizeMismatch => "The file's size differs from its record.",
            Self::TypeMismatch => "The content is of another type than the file's name or declared type says.",
            Self::Blurred => "The image is blurred.",
            Self::TooDark => "The image is very dark.",
            Self::TooBright => "The image is nearly white.",
            Self::LowContrast => "The image shows almost no contrast.",
            Self::LowResolution => "The image has very few pixels.",
            Self::RaggedTable => "Some rows of the table have more or fewer fields than its first.",
            Self::NotUtf8 => "The text is not stored as UTF-8.",
            Self::ClippedShadows => "A large part of the image is plain black.",
            Self::ClippedHighlights => "A large part of the image is plain white.",
            Self::UnsupportedType => "Files of this type are counted, not analysed.",
        }
    }

    /// What to do about it, in one plain sentence.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::FileMissing => "Upload the file again, or remove the record.",
            Self::ForeignBucket => "Upload the file through the service, or correct its location.",
            Self::EmptyFile | Self::Truncated => "Upload the file again from its source.",
            Self::Undecodable => "Open the file at its source; if it opens there, upload it again.",
            Self::UnsupportedEncoding => "Save it as baseline or progressive JPEG, or as PNG, and upload it again.",
            Self::DecoderPanicked => "Save the file anew with another program; keep the original for a bug report.",
            Self::TooManyPixels | Self::OutOfMemory => "Upload a smaller version, or have the limit raised.",
            Self::TooLarge => "Compress the image, or have the limit raised.",
            Self::TooSlow => "Split the file, or have the limit raised.",
            Self::LineTooLong => "Check the line ends and unclosed quotes of the file.",
            Self::Sha256Mismatch | Self::Md5Mismatch | Self::SizeMismatch => {
                "Find out which of the two is right: the file may have been replaced or damaged."
            }
            Self::TypeMismatch => "Correct the name or the declared type, or upload the intended file.",
            Self::Blurred | Self::TooDark | Self::TooBright | Self::LowContrast | Self::LowResolution => {
                "Look at the image; take or scan it again if it cannot be read."
            }
            Self::RaggedTable => "Check quotes and separators in the rows concerned.",
            Self::NotUtf8 => "Save it as UTF-8 if characters look wrong.",
            Self::ClippedShadows | Self::ClippedHighlights => {
                "Nothing for scanned pages or dark-field images; otherwise check the exposure."
            }
            Self::UnsupportedType => "Nothing.",
        }
    }
}

/// Sharpness below which an image is called blurred. Of the pictures that come with scikit-image those in focus measure
/// 41 to 5,300 (a smooth cell in phase contrast, 2, is the exception), one blurred by motion 24; a Gaussian blur of 3 px
/// at 1,024 px brings most of them below 25.
pub const BLURRED_BELOW_SHARPNESS_MILLI: u32 = 25_000;
/// Mean luminance below which an image is called too dark: night shots and closed shutters, not dark-field microscopy
/// with visible structure (12 of 255, under 5 %).
pub const TOO_DARK_BELOW_LUMINANCE_MILLI: u32 = 12_000;
/// Mean luminance above which an image is called too bright. A page with 2 % ink measures about 250, so this is a blank
/// or burnt-out one.
pub const TOO_BRIGHT_ABOVE_LUMINANCE_MILLI: u32 = 252_000;
/// Contrast below which an image is called uniform: about the noise of a camera that photographs a grey card.
pub const LOW_CONTRAST_BELOW_MILLI: u32 = 6_000;
/// Share of clipped pixels from which it is worth knowing (a quarter). Only a notice: pages on white paper and
/// dark-field images reach it without a fault.
pub const CLIPPED_FROM_PPM: u32 = 250_000;
/// Number of pixels below which an image is called small: a page of A4 would have under 46 pixels an inch, and a small letter
/// of its print three pixels. The customary 512 × 512 of slices and microscopes is above.
pub const LOW_RESOLUTION_BELOW_PIXELS: u64 = 200_000;

/// What the measures of an image say about its quality, in the order of [`FindingCode`].
pub fn of_image(image: &ImageMeasures) -> Vec<FindingCode> {
    let low_contrast = image.contrast_milli < LOW_CONTRAST_BELOW_MILLI;
    // Where there is nothing to see, there is nothing to be sharp: one finding, not two for one cause.
    let blurred = !low_contrast && image.sharpness_milli < BLURRED_BELOW_SHARPNESS_MILLI;
    select([
        (blurred, FindingCode::Blurred),
        (image.luminance_mean_milli < TOO_DARK_BELOW_LUMINANCE_MILLI, FindingCode::TooDark),
        (image.luminance_mean_milli > TOO_BRIGHT_ABOVE_LUMINANCE_MILLI, FindingCode::TooBright),
        (low_contrast, FindingCode::LowContrast),
        (image.pixels() < LOW_RESOLUTION_BELOW_PIXELS, FindingCode::LowResolution),
        (image.clipped_shadows_ppm >= CLIPPED_FROM_PPM, FindingCode::ClippedShadows),
        (image.clipped_highlights_ppm >= CLIPPED_FROM_PPM, FindingCode::ClippedHighlights),
    ])
}

/// What the measures of a table say about its quality.
pub fn of_table(table: &TableMeasures) -> Vec<FindingCode> {
    select([(table.ragged_rows > 0, FindingCode::RaggedTable)])
}

fn select<const N: usize>(found: [(bool, FindingCode); N]) -> Vec<FindingCode> {
    found.into_iter().filter(|(is_so, _)| *is_so).map(|(_, code)| code).collect()
}

#[cfg(test)]
mod tests {
    use strum::IntoEnumIterator;

    use super::*;
    use crate::measures::{ImageFormat, PerceptualHash};

    #[test]
    fn every_code_is_stored_as_it_is_shown_and_says_what_to_do() {
        for code in FindingCode::iter() {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
            assert_eq!(code.as_str().parse(), Ok(code));
            assert!(code.describe().ends_with('.') && code.remedy().ends_with('.'), "{code}");
        }
    }

    #[test]
    fn a_uniform_image_is_called_uniform_and_not_blurred_as_well() {
        let mut image = ImageMeasures {
            format: ImageFormat::Png,
            width_px: 1000,
            height_px: 1000,
            orientation: 1,
            luminance_mean_milli: 128_000,
            contrast_milli: 50_000,
            clipped_shadows_ppm: 0,
            clipped_highlights_ppm: 0,
            sharpness_milli: 500_000,
            perceptual_hash: PerceptualHash(0),
        };
        assert_eq!(of_image(&image), []);
        image.sharpness_milli = 1_000;
        assert_eq!(of_image(&image), [FindingCode::Blurred]);
        image.contrast_milli = 0;
        assert_eq!(of_image(&image), [FindingCode::LowContrast]);
        image.clipped_highlights_ppm = 1_000_000;
        image.luminance_mean_milli = 255_000;
        assert_eq!(
            of_image(&image),
            [FindingCode::TooBright, FindingCode::LowContrast, FindingCode::ClippedHighlights]
        );
    }
}
