//! What is measured of a decoded image, whatever its format.

use domain::findings;
use domain::measures::{ImageFormat, ImageMeasures, Measures};

use crate::analysis::luminance::Luminance;
use crate::analysis::orientation::Orientation;
use crate::analysis::{Analysis, Deadline, Stop, fingerprint, thumbnail};

/// Memory that the measures take beside the decoded pixels, in bytes: the reduced luminance and the rows of a resize.
pub(super) const MEASURING_BYTES: u64 = 16 << 20;

/// A decoded image as it is stored, before its orientation is applied.
pub(super) struct Pixels {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) channels: Channels,
    /// Rows from top to bottom, 8 bits a channel.
    pub(super) data: Vec<u8>,
}

/// What a pixel consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Channels {
    Grey,
    Rgb,
}

impl Channels {
    pub(super) fn count(self) -> usize {
        match self {
            Self::Grey => 1,
            Self::Rgb => 3,
        }
    }
}

pub(super) fn examine(
    pixels: &Pixels,
    format: ImageFormat,
    orientation: Orientation,
    deadline: Deadline<'_>,
) -> Result<Analysis, Stop> {
    deadline.check()?;
    let luminance = Luminance::of(pixels);
    deadline.check()?;
    let perceptual_hash = fingerprint::perceptual_hash(&luminance.reduced, orientation)?;
    let thumbnail = thumbnail::of(pixels, orientation)?;
    deadline.check()?;
    let (width_px, height_px) = orientation.upright(pixels.width, pixels.height);
    let measures = ImageMeasures {
        format,
        width_px,
        height_px,
        orientation: orientation.value(),
        luminance_mean_milli: luminance.mean_milli(),
        contrast_milli: luminance.deviation_milli(),
        clipped_shadows_ppm: luminance.shadows_ppm(),
        clipped_highlights_ppm: luminance.highlights_ppm(),
        sharpness_milli: luminance.reduced.laplacian_variance_milli(),
        perceptual_hash,
    };
    let findings = findings::of_image(&measures);
    Ok(Analysis { measures: Measures::Image(measures), findings, thumbnail: Some(thumbnail) })
}
