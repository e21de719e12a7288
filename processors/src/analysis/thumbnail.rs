//! A small version of an image.

use domain::findings::FindingCode;
use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::{U8, U8x3};
use fast_image_resize::{FilterType, PixelTrait, ResizeAlg, ResizeOptions, Resizer};
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
    let filter = match filter {
        Filter::Hamming => FilterType::Hamming,
        Filter::Lanczos => FilterType::Lanczos3,
    };
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter));
    let mut small = vec![0; to_width as usize * to_height as usize * channels.count()];
    match channels {
        Channels::Grey => resize_typed::<U8>(data, (width, height), &mut small, (to_width, to_height), &options),
        Channels::Rgb => resize_typed::<U8x3>(data, (width, height), &mut small, (to_width, to_height), &options),
    }
    .map_err(|sentence| Stop::found(FindingCode::Undecodable, format!("cannot resize: {sentence}")))?;
    Ok(small)
}

/// `Resizer::resize` would compile the kernels of all 13 pixel types into this crate: a minute of the first build.
fn resize_typed<P: PixelTrait>(
    from: &[u8],
    (from_width, from_height): (u32, u32),
    to: &mut [u8],
    (to_width, to_height): (u32, u32),
    options: &ResizeOptions,
) -> Result<(), String> {
    let source = TypedImageRef::<P>::from_buffer(from_width, from_height, from).map_err(|e| e.to_string())?;
    let mut target = TypedImage::<P>::from_buffer(to_width, to_height, to).map_err(|e| e.to_string())?;
    Resizer::new().resize_typed(&source, &mut target, options).map_err(|e| e.to_string())
}
