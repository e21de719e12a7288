//! What an analysis measured in one file: integers with the unit in the name, so that they add up to the same figure in
//! any order. How they are computed stands in `processors::analysis`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What was measured in a file that could be read, by what it turned out to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Measures {
    /// A raster image that was decoded in full.
    Image(ImageMeasures),
    /// Delimited rows and columns (CSV, TSV).
    Table(TableMeasures),
    /// Plain text.
    Text(TextMeasures),
    /// Anything else: counted by type, not opened.
    Other(OtherMeasures),
}

impl Measures {
    /// The media type found in the bytes, whatever was declared.
    pub fn media_type(&self) -> &str {
        match self {
            Self::Image(image) => image.format.media_type(),
            Self::Table(table) => table.delimiter.media_type(),
            Self::Text(_) => "text/plain",
            Self::Other(other) => &other.media_type,
        }
    }
}

/// Measures of an image. Luminance is Rec. 601 luma (0.299 R + 0.587 G + 0.114 B) of the stored 8-bit values, 0 to 255,
/// as JPEG itself and Pillow's mode `L` have it; transparency is laid over white.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageMeasures {
    /// How the image is stored.
    pub format: ImageFormat,
    /// Width in pixels after the orientation is applied: as a viewer shows it.
    pub width_px: u32,
    /// Height in pixels after the orientation is applied.
    pub height_px: u32,
    /// The EXIF orientation that was applied, 1 (upright as stored) to 8.
    pub orientation: u8,
    /// Mean luminance in thousandths, 0 to 255,000.
    pub luminance_mean_milli: u32,
    /// Contrast: standard deviation of luminance over all pixels, in thousandths, 0 to 127,500.
    pub contrast_milli: u32,
    /// Pixels with a luminance of at most 2, per million.
    pub clipped_shadows_ppm: u32,
    /// Pixels with a luminance of at least 253, per million.
    pub clipped_highlights_ppm: u32,
    /// Sharpness in thousandths: variance of the 3 × 3 Laplacian of luminance (4 at the centre, −1 at its four neighbours,
    /// without the outermost pixels), after averaging square blocks of the smallest whole size that brings the long side
    /// to 1,024 px or less, so that cameras with different sensors compare (measure LAPV in Pech-Pacheco et al. 2000,
    /// "Diatom autofocusing in brightfield microscopy: a comparative study"). 0 where less than 3 px are left.
    pub sharpness_milli: u32,
    /// What the image looks like; near duplicates are a few bits apart.
    pub perceptual_hash: PerceptualHash,
}

impl ImageMeasures {
    /// Number of pixels.
    pub fn pixels(&self) -> u64 {
        u64::from(self.width_px) * u64::from(self.height_px)
    }
}

/// The image formats that are decoded.
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
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum ImageFormat {
    /// JPEG, baseline or progressive.
    Jpeg,
    /// Portable Network Graphics.
    Png,
}

impl ImageFormat {
    /// Its registered media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
        }
    }
}

/// Measures of a table. The first record is the header if [`TableMeasures::header`] says so, and is then no row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableMeasures {
    /// Records, the header not counted; empty lines are no records.
    pub rows: u64,
    /// Fields of the first record.
    pub columns: u64,
    /// Fields of the rows that hold nothing but blanks.
    pub empty_cells: u64,
    /// Rows whose number of fields differs from that of the first record.
    pub ragged_rows: u64,
    /// Whether the first record names the columns: none of its fields is empty, a number, or there twice.
    pub header: bool,
    /// What separates the fields.
    pub delimiter: Delimiter,
    /// How the characters are stored.
    pub encoding: Encoding,
}

/// What separates the fields of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, strum::IntoStaticStr, strum::Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Delimiter {
    /// `,`
    Comma,
    /// `;`
    Semicolon,
    /// A tab.
    Tab,
    /// `|`
    Pipe,
}

impl Delimiter {
    /// All of them, the most usual first.
    pub const ALL: [Self; 4] = [Self::Comma, Self::Semicolon, Self::Tab, Self::Pipe];

    /// The byte that stands between two fields.
    pub fn byte(self) -> u8 {
        match self {
            Self::Comma => b',',
            Self::Semicolon => b';',
            Self::Tab => b'\t',
            Self::Pipe => b'|',
        }
    }

    /// The media type of a table that is delimited so.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Tab => "text/tab-separated-values",
            Self::Comma | Self::Semicolon | Self::Pipe => "text/csv",
        }
    }
}

/// Measures of a plain text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextMeasures {
    /// Lines; the last one counts also without a line feed.
    pub lines: u64,
    /// Stretches between white space (Unicode).
    pub words: u64,
    /// Unicode scalar values, line ends included, a byte order mark not.
    pub characters: u64,
    /// How the characters are stored.
    pub encoding: Encoding,
}

/// How the characters of a text or table are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, strum::IntoStaticStr, strum::Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Encoding {
    /// UTF-8 (ASCII included) without byte order mark.
    Utf8,
    /// UTF-8 with byte order mark.
    Utf8Bom,
    /// UTF-16 with a little-endian byte order mark.
    Utf16Le,
    /// UTF-16 with a big-endian byte order mark.
    Utf16Be,
    /// Bytes that are not UTF-8, each of them read as ISO 8859-1.
    Latin1,
}

/// A file whose content is not opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherMeasures {
    /// Media type by its first bytes; `application/octet-stream` if they say nothing.
    pub media_type: String,
}

/// A 64-bit perceptual hash: the signs, against their median, of the lowest 8 × 8 DCT coefficients of the luminance at
/// 32 × 32 (`phash` of the Python package `imagehash`, bit for bit in the same order). Written as 16 hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PerceptualHash(pub u64);

impl PerceptualHash {
    /// In how many of the 64 bits two images differ: 0 to about 8 for copies that were scaled or saved again, around 32
    /// for unrelated ones.
    pub fn distance(self, other: Self) -> u32 {
        (self.0 ^ other.0).count_ones()
    }
}

impl fmt::Display for PerceptualHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The text is not 16 hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a perceptual hash is written as 16 hex digits")]
pub struct NotAPerceptualHash;

impl FromStr for PerceptualHash {
    type Err = NotAPerceptualHash;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() != 16 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(NotAPerceptualHash);
        }
        u64::from_str_radix(text, 16).map(Self).map_err(|_| NotAPerceptualHash)
    }
}

impl Serialize for PerceptualHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PerceptualHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_are_tagged_integers_and_survive_being_stored() {
        let measures = Measures::Image(ImageMeasures {
            format: ImageFormat::Jpeg,
            width_px: 4000,
            height_px: 3000,
            orientation: 6,
            luminance_mean_milli: 127_500,
            contrast_milli: 61_250,
            clipped_shadows_ppm: 12,
            clipped_highlights_ppm: 0,
            sharpness_milli: 310_000,
            perceptual_hash: PerceptualHash(0x00ff_0000_0000_0001),
        });
        let stored = serde_json::to_value(&measures).unwrap();
        assert_eq!(stored["type"], "image");
        assert_eq!(stored["format"], "jpeg");
        assert_eq!(stored["perceptual_hash"], "00ff000000000001");
        assert_eq!(stored.as_object().unwrap().values().filter(|value| value.is_f64()).count(), 0);
        assert_eq!(serde_json::from_value::<Measures>(stored).unwrap(), measures);
    }

    #[test]
    fn a_perceptual_hash_is_exactly_sixteen_hex_digits() {
        assert!("+0ff000000000001".parse::<PerceptualHash>().is_err());
        assert!("00ff".parse::<PerceptualHash>().is_err());
        assert_eq!("00ff000000000001".parse(), Ok(PerceptualHash(0x00ff_0000_0000_0001)));
        assert_eq!(PerceptualHash(0b1011).distance(PerceptualHash(0b0001)), 2);
    }
}
