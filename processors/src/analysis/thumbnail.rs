//! A small version of an image.

use domain::findings::FindingCode;
use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use jpeg_encoder::{ColorType, Encoder};

use crate::analysis::image::{Channels, Pixels};
use crate::analysis::orientation::Orientation;
use crate::analysis::{Stop, Thumbnail};

/// Longest side of a thumbnail in pixels. Smaller images keep their size.
pub const THUMBNAIL_SIDE_PX: u32 = 320;
/// JPEG quality of a thumbnail: the usual middle, about 15 kB each.
pub const THUMBNAIL_QUALITY: u8 = 80;

/// A filter, both with antialiasing.
#[derive(Clone, Copy, Debug)]
pub(super) enum Filter {
    /// As sharp as bicubic at the cost of bilinear.
    Hamming,
    /// Three lobes, as Pillow's `LANCZOS`.
    Lanczos,
}

/// The thumbnail, upright, as a JPEG in the colour space of its image.
pub(super) fn of(pixels: &Pixels, orientation: Orientation) -> Result<Thumbnail, Stop> {
    let (width, height) = fit(pixels.width, pixels.height);
    let small = resize(&pixels.data, pixels.width, pixels.height, pixels.channels, width, height, Filter::Hamming)?;
    let upright = orientation.apply(width, height, pixels.channels.count(), &small);
    let (width_px, height_px) = orientation.upright(width, height);
    let colour = match pixels.channels {
        Channels::Grey => ColorType::Luma,
        Channels::Rgb => ColorType::Rgb,
    };
    let mut jpeg = Vec::new();
    Encoder::new(&mut jpeg, THUMBNAIL_QUALITY)
        .encode(&upright, width_px as u16, height_px as u16, colour)
        .map_err(|error| Stop::found(FindingCode::Undecodable, format!("no thumbnail: {error}")))?;
    Ok(Thumbnail { width_px, height_px, jpeg })
}

fn fit(width: u32, height: u32) -> (u32, u32) {
    let long = width.max(height);
    if long <= THUMBNAIL_SIDE_PX {
        return (width, height);
    }
    let scaled = |side: u32| {
        let (side, long) = (u64::from(side), u64::from(long));
        ((side * u64::from(THUMBNAIL_SIDE_PX) + long / 2) / long).max(1) as u32
    };
    (scaled(width), scaled(height))
}

/// Resizes 8-bit pixels.
pub(super) fn resize(
    data: &[u8],
    width: u32,
    height: u32,
    channels: Channels,
    to_width: u32,
    to_height: u32,
    filter: Filter,
) -> Result<Vec<u8>, Stop> {
    let failed =
        |error: &dyn std::fmt::Display| Stop::found(FindingCode::Undecodable, format!("cannot resize: {error}"));
    let pixel = match channels {
        Channels::Grey => PixelType::U8,
        Channels::Rgb => PixelType::U8x3,
    };
    let filter = match filter {
        Filter::Hamming => FilterType::Hamming,
        Filter::Lanczos => FilterType::Lanczos3,
    };
    let source = ImageRef::new(width, height, data, pixel).map_err(|error| failed(&error))?;
    let mut target = Image::new(to_width, to_height, pixel);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter));
    Resizer::new().resize(&source, &mut target, &options).map_err(|error| failed(&error))?;
    Ok(target.into_vec())
}
