//! JPEG: what its markers say, then the pixels.

use domain::findings::FindingCode;
use domain::measures::ImageFormat;
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;

use crate::analysis::image::{self, Channels, MEASURING_BYTES, Pixels};
use crate::analysis::orientation::Orientation;
use crate::analysis::{Analysis, Deadline, Limits, Stop, admit_image};

/// JPEG's own limit: sides are 16-bit numbers.
const MAX_SIDE_PX: usize = 65_535;
const END_OF_IMAGE: [u8; 2] = [0xff, 0xd9];

pub(super) fn analyse(bytes: &[u8], limits: &Limits, deadline: Deadline<'_>) -> Result<Analysis, Stop> {
    let markers = Markers::read(bytes);
    let Some(frame) = &markers.frame else {
        return Err(incomplete(bytes));
    };
    let (width, height) = (u64::from(frame.width), u64::from(frame.height));
    let channels = if frame.components.len() == 1 { Channels::Grey } else { Channels::Rgb };
    let output = width * height * channels.count() as u64;
    let coefficients = if markers.whole_image_buffered() { frame.coefficient_bytes() } else { 0 };
    admit_image(width, height, bytes.len() as u64 + output + coefficients + MEASURING_BYTES, limits)?;
    if !markers.complete {
        // A decoder would fill the rest with grey, and the measures would be those of the filling.
        return Err(incomplete(bytes));
    }

    let pixels = decode(bytes, channels)?;
    let orientation = markers.exif.map_or(Orientation::UPRIGHT, Orientation::from_exif);
    image::examine(&pixels, ImageFormat::Jpeg, orientation, deadline)
}

fn decode(bytes: &[u8], channels: Channels) -> Result<Pixels, Stop> {
    let colours = match channels {
        Channels::Grey => ColorSpace::Luma,
        Channels::Rgb => ColorSpace::RGB,
    };
    // Strict: data that break off or do not fit are an error, not a grey area.
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(MAX_SIDE_PX)
        .set_max_height(MAX_SIDE_PX)
        .jpeg_set_out_colorspace(colours);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    let data = decoder.decode().map_err(|error| refused(&error))?;
    let (width, height) = decoder.dimensions().ok_or_else(|| Stop::found(FindingCode::Undecodable, "no dimensions"))?;
    let expected = width * height * channels.count();
    if data.len() != expected {
        return Err(Stop::found(FindingCode::Undecodable, format!("{} bytes of {expected}", data.len())));
    }
    Ok(Pixels { width: width as u32, height: height as u32, channels, data })
}

/// Cut off, or damaged so that its markers do not lead to its end.
fn incomplete(bytes: &[u8]) -> Stop {
    if bytes.ends_with(&END_OF_IMAGE) {
        Stop::found(FindingCode::Undecodable, "the segments do not add up")
    } else {
        Stop::found(FindingCode::Truncated, "the end-of-image marker is missing")
    }
}

fn refused(error: &DecodeErrors) -> Stop {
    let finding = match error {
        DecodeErrors::Unsupported(_) => FindingCode::UnsupportedEncoding,
        DecodeErrors::ExhaustedData => FindingCode::Truncated,
        _ => FindingCode::Undecodable,
    };
    Stop::found(finding, error.to_string())
}

/// What stands in the marker segments (ITU-T T.81, annex B).
#[derive(Debug, Default)]
struct Markers<'a> {
    frame: Option<Frame>,
    /// The EXIF data of the first APP1 segment that holds any.
    exif: Option<&'a [u8]>,
    /// Components in the first scan.
    first_scan: usize,
    /// Whether the end-of-image marker was found.
    complete: bool,
}

#[derive(Debug)]
struct Frame {
    width: u16,
    height: u16,
    progressive: bool,
    /// Horizontal and vertical sampling factors.
    components: Vec<(u8, u8)>,
}

impl<'a> Markers<'a> {
    fn read(bytes: &'a [u8]) -> Self {
        let mut markers = Self::default();
        let mut at = 2;
        while let Some(marker) = next_marker(bytes, &mut at) {
            match marker {
                0x01 | 0xd0..=0xd8 => continue,
                0xd9 => {
                    markers.complete = true;
                    break;
                }
                _ => {}
            }
            let Some(segment) = segment(bytes, at) else { break };
            match marker {
                0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf if markers.frame.is_none() => {
                    markers.frame = Frame::read(marker, segment);
                }
                0xda if markers.first_scan == 0 => {
                    markers.first_scan = segment.first().map_or(0, |count| usize::from(*count))
                }
                0xe1 if markers.exif.is_none() => markers.exif = segment.strip_prefix(b"Exif\0\0"),
                _ => {}
            }
            at += 2 + segment.len();
        }
        markers
    }

    /// Whether the decoder holds the coefficients of the whole image before it makes the first pixel.
    fn whole_image_buffered(&self) -> bool {
        self.frame.as_ref().is_some_and(|frame| frame.progressive || self.first_scan < frame.components.len())
    }
}

impl Frame {
    fn read(marker: u8, segment: &[u8]) -> Option<Self> {
        let [_, high_y, low_y, high_x, low_x, count, components @ ..] = segment else { return None };
        let components = components
            .chunks_exact(3)
            .take(usize::from(*count))
            .map(|component| (component[1] >> 4, component[1] & 15));
        Some(Self {
            width: u16::from_be_bytes([*high_x, *low_x]),
            height: u16::from_be_bytes([*high_y, *low_y]),
            progressive: marker == 0xc2,
            components: components.collect(),
        })
    }

    /// Two bytes for each coefficient of each component, in whole MCUs.
    fn coefficient_bytes(&self) -> u64 {
        let factor = |of: fn(&(u8, u8)) -> u8| u64::from(self.components.iter().map(of).max().unwrap_or(1).max(1));
        let (horizontal, vertical) = (factor(|component| component.0), factor(|component| component.1));
        let mcus = u64::from(self.width).div_ceil(8 * horizontal) * u64::from(self.height).div_ceil(8 * vertical);
        let blocks: u64 = self.components.iter().map(|(across, down)| u64::from(*across) * u64::from(*down)).sum();
        mcus * blocks * 64 * 2
    }
}

/// The code of the next marker; `at` then stands behind it. Entropy-coded data (stuffed `ff 00`) and stray bytes are passed over.
fn next_marker(bytes: &[u8], at: &mut usize) -> Option<u8> {
    loop {
        *at += bytes.get(*at..)?.iter().position(|byte| *byte == 0xff)? + 1;
        while *bytes.get(*at)? == 0xff {
            *at += 1;
        }
        let code = *bytes.get(*at)?;
        *at += 1;
        if code != 0 {
            return Some(code);
        }
    }
}

/// The content of the segment whose length field is at `at`.
fn segment(bytes: &[u8], at: usize) -> Option<&[u8]> {
    let length = usize::from(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]));
    bytes.get(at + 2..at + length.max(2))
}
