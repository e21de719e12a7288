//! From linear light to files: light falloff, tone curve, sensor noise, JPEG with EXIF orientation, PNG.

use super::canvas::{Canvas, Pixel, Point, Rgb};
use super::dice::Dice;

/// How a scene is lit and taken.
#[derive(Clone, Debug)]
pub struct Lens {
    /// Brightness; 1.0 is right.
    pub exposure: f32,
    /// Where the light falls brightest, in units.
    pub light_at: Point,
    /// The light's colour.
    pub light: Rgb,
    /// What reaches the dark corners, `0..=1`.
    pub ambient: f32,
    /// Strength of the sensor's noise, in levels of 255.
    pub noise: f32,
    /// Seed of the noise.
    pub seed: u64,
}

/// Finished pixels, three bytes each.
pub struct Picture {
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// Red, green, blue, row by row.
    pub rgb: Vec<u8>,
}

const CURVE_STEPS: usize = 2048;

/// Levels of 255 for the square root of linear light in `[0, 2)`: linear up to 0.7, then a soft shoulder; then sRGB.
fn tone_curve() -> Vec<f32> {
    let level = |step: usize| {
        let light = (step as f32 / CURVE_STEPS as f32 * 2.0).powi(2);
        let kept = if light < 0.7 { light } else { 0.7 + 0.3 * (1.0 - ((0.7 - light) / 0.3).exp()) };
        if kept < 0.003_130_8 { kept * 12.92 * 255.0 } else { (1.055 * kept.powf(1.0 / 2.4) - 0.055) * 255.0 }
    };
    (0..CURVE_STEPS).map(level).collect()
}

/// Takes the picture.
pub fn develop(canvas: &Canvas<Rgb>, lens: &Lens) -> Picture {
    let curve = tone_curve();
    let indirect = lens.ambient;
    let (across, unit) = (canvas.across(), canvas.down() / canvas.height as f32);
    let mut grain = Dice::new(lens.seed, canvas.width, 1).bits() | 1;
    let mut rgb = vec![0; canvas.pixels.len() * 3];
    let rows = canvas.pixels.chunks_exact(canvas.width).zip(rgb.chunks_exact_mut(canvas.width * 3));
    for (row, (pixels, finished)) in rows.enumerate() {
        let y = (row as f32 + 0.5) * unit;
        for (column, (pixel, finished)) in pixels.iter().zip(finished.as_chunks_mut::<3>().0).enumerate() {
            let x = (column as f32 + 0.5) * unit;
            let far = ((x - lens.light_at.0).powi(2) + (y - lens.light_at.1).powi(2)) * 1.6e-4;
            let off_centre = ((x - across * 0.5).powi(2) + (y - 50.0).powi(2)) * (0.28 / 7000.0);
            let direct = (1.0 - lens.ambient) / (1.0 + far);
            let gain = lens.exposure * (1.0 - off_centre);
            grain ^= grain << 13;
            grain ^= grain >> 7;
            grain ^= grain << 17;
            let shared = ((grain & 255) + (grain >> 8 & 255)) as i32 - 255;
            for channel in 0..3 {
                let lit = pixel[channel] * gain * (indirect + direct * lens.light[channel]);
                let step = (lit.max(0.0).sqrt() * (CURVE_STEPS / 2) as f32) as u32;
                let level = curve[(step as usize).min(CURVE_STEPS - 1)];
                let own = (grain >> (24 + channel * 8) & 255) as i32 - 127;
                let noise = (shared * 4 + own * 3) as f32 * lens.noise * (0.0025 - level * (0.0025 / 370.0));
                finished[channel] = ((level + noise + 0.5) as i32).clamp(0, 255) as u8;
            }
        }
    }
    Picture { width: canvas.width, height: canvas.height, rgb }
}

/// How a camera was held: the stored pixels are turned, and EXIF says how to turn them back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// Upright, no EXIF.
    Level,
    /// EXIF orientation 6: a viewer must turn the stored pixels by 90° clockwise.
    Left,
    /// EXIF orientation 8: a viewer must turn the stored pixels by 90° counter-clockwise.
    Right,
}

/// A JPEG file of quality 85.
pub fn jpeg(picture: &Picture, held: Held) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut file, 85);
    encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::F_2_2);
    let turned = match held {
        Held::Level => None,
        Held::Left => Some((turn(picture, false), 6)),
        Held::Right => Some((turn(picture, true), 8)),
    };
    let stored = turned.as_ref().map_or(picture, |(turned, _)| turned);
    if let Some((_, orientation)) = turned {
        encoder.add_app_segment(1, exif(orientation)).expect("a segment of 60 bytes is below the limit of 65,533");
    }
    let (width, height) = (stored.width as u16, stored.height as u16);
    encoder
        .encode(&stored.rgb, width, height, jpeg_encoder::ColorType::Rgb)
        .expect("writing to memory does not fail and the buffer has the size said");
    file
}

/// A grey JPEG file of quality 85.
pub fn grey_jpeg(grey: &[u8], width: usize, height: usize) -> Vec<u8> {
    let mut file = Vec::new();
    jpeg_encoder::Encoder::new(&mut file, 85)
        .encode(grey, width as u16, height as u16, jpeg_encoder::ColorType::Luma)
        .expect("writing to memory does not fail and the buffer has the size said");
    file
}

/// A PNG file with 8 bits a channel.
pub fn png(pixels: &[u8], width: usize, height: usize, colour: png::ColorType) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width as u32, height as u32);
    encoder.set_color(colour);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    encoder
        .write_header()
        .and_then(|mut writer| writer.write_image_data(pixels))
        .expect("writing to memory does not fail and the buffer has the size said");
    file
}

/// The pixels turned by 90°, clockwise or not.
fn turn(picture: &Picture, clockwise: bool) -> Picture {
    let (width, height) = (picture.height, picture.width);
    let mut rgb = vec![0; picture.rgb.len()];
    for (at, pixel) in picture.rgb.chunks_exact(3).enumerate() {
        let (x, y) = (at % picture.width, at / picture.width);
        let (x, y) = if clockwise { (picture.height - 1 - y, x) } else { (y, picture.width - 1 - x) };
        let to = (y * width + x) * 3;
        rgb[to..to + 3].copy_from_slice(pixel);
    }
    Picture { width, height, rgb }
}

/// An EXIF block (CIPA DC-008) with maker and orientation, big-endian.
fn exif(orientation: u8) -> Vec<u8> {
    let mut block = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x02".to_vec();
    // Tag 0x010F (Make): ASCII, 8 bytes, stored after the directory at offset 38.
    block.extend(b"\x01\x0f\0\x02\0\0\0\x08\0\0\0\x26");
    // Tag 0x0112 (Orientation): one SHORT, in the left half of the value field.
    block.extend([0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0]);
    block.extend(b"\0\0\0\0Pocket4\0");
    block
}

/// Grey pixels as bytes.
pub fn grey(canvas: &Canvas<f32>) -> Vec<u8> {
    canvas.pixels.iter().map(|&value| (value * 255.0 + 0.5) as u8).collect()
}

/// Colour pixels that are in display space already, as bytes.
pub fn display(canvas: &Canvas<Rgb>) -> Vec<u8> {
    canvas.pixels.iter().flat_map(|&pixel| pixel.times(255.0).map(|value| (value + 0.5) as u8)).collect()
}
