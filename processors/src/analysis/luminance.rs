//! Luminance of an image, in one pass: its histogram, and a reduced copy for what depends on scale. All in integers.

use crate::analysis::image::{Channels, Pixels};

/// Long side in pixels up to which sharpness is measured; larger images are reduced by whole blocks.
const WORKING_SIDE_PX: u32 = 1024;
/// Luminance up to which a pixel counts as black: two steps, the noise of JPEG.
const SHADOW_AT_MOST: usize = 2;
/// Luminance from which a pixel counts as white.
const HIGHLIGHT_AT_LEAST: usize = 253;
/// Parts of a grey level in the reduced image, so that averaging does not round sharpness away.
const PARTS: u64 = 256;

pub(super) struct Luminance {
    /// Pixels of each luminance.
    histogram: [u64; 256],
    pub(super) reduced: Reduced,
}

/// The luminance, averaged over square blocks; those at the right and lower edge may be smaller.
pub(super) struct Reduced {
    pub(super) width: u32,
    pub(super) height: u32,
    /// In 1/256 of a grey level.
    levels: Vec<u16>,
}

impl Luminance {
    pub(super) fn of(pixels: &Pixels) -> Self {
        let block = pixels.width.max(pixels.height).div_ceil(WORKING_SIDE_PX).max(1);
        let (width, height) = (pixels.width.div_ceil(block), pixels.height.div_ceil(block));
        let mut levels = Vec::with_capacity(width as usize * height as usize);
        let mut histogram = [[0_u64; 256]; 4];
        let mut columns = vec![0_u32; pixels.width as usize];
        let mut line = vec![0_u8; pixels.width as usize];
        let mut rows_in_block = 0;

        let rows = pixels.data.chunks_exact(pixels.width as usize * pixels.channels.count());
        let last = rows.len().saturating_sub(1);
        for (y, row) in rows.enumerate() {
            match pixels.channels {
                Channels::Grey => line.copy_from_slice(row),
                Channels::Rgb => luma(row, &mut line),
            }
            count(&line, &mut histogram);
            for (column, level) in columns.iter_mut().zip(&line) {
                *column += u32::from(*level);
            }
            rows_in_block += 1;
            if rows_in_block == block || y == last {
                levels.extend(columns.chunks(block as usize).map(|columns| {
                    let sum: u64 = columns.iter().map(|column| u64::from(*column)).sum();
                    average(sum, columns.len() as u64 * u64::from(rows_in_block))
                }));
                columns.fill(0);
                rows_in_block = 0;
            }
        }
        Self { histogram: add_up(histogram), reduced: Reduced { width, height, levels } }
    }

    fn pixels(&self) -> u64 {
        self.histogram.iter().sum::<u64>().max(1)
    }

    pub(super) fn mean_milli(&self) -> u32 {
        let sum: u64 = self.histogram.iter().zip(0..).map(|(count, level)| count * level).sum();
        to_u32(rounded(u128::from(sum) * 1000, u128::from(self.pixels())))
    }

    /// Standard deviation over all pixels: √(E[x²] − E[x]²).
    pub(super) fn deviation_milli(&self) -> u32 {
        let (mut sum, mut squares) = (0_u128, 0_u128);
        for (count, level) in self.histogram.iter().zip(0_u128..) {
            sum += u128::from(*count) * level;
            squares += u128::from(*count) * level * level;
        }
        let pixels = u128::from(self.pixels());
        let variance_micro = (squares * pixels - sum * sum) * 1_000_000 / (pixels * pixels);
        to_u32(variance_micro.isqrt())
    }

    pub(super) fn shadows_ppm(&self) -> u32 {
        self.ppm(self.histogram[..=SHADOW_AT_MOST].iter().sum())
    }

    pub(super) fn highlights_ppm(&self) -> u32 {
        self.ppm(self.histogram[HIGHLIGHT_AT_LEAST..].iter().sum())
    }

    fn ppm(&self, pixels: u64) -> u32 {
        to_u32(rounded(u128::from(pixels) * 1_000_000, u128::from(self.pixels())))
    }
}

impl Reduced {
    /// The reduced image in whole grey levels.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        self.levels.iter().map(|level| (u64::from(*level) + PARTS / 2).div_euclid(PARTS).min(255) as u8).collect()
    }

    /// Variance of the 3 × 3 Laplacian (4 at the centre, −1 at its four neighbours) without the outermost pixels, in
    /// thousandths of a squared grey level.
    pub(super) fn laplacian_variance_milli(&self) -> u32 {
        let (width, height) = (self.width as usize, self.height as usize);
        if width < 3 || height < 3 {
            return 0;
        }
        let row = |y: usize| &self.levels[y * width..(y + 1) * width];
        let (mut sum, mut squares) = (0_i64, 0_i64);
        for y in 1..height - 1 {
            let (above, here, below) = (row(y - 1), row(y), row(y + 1));
            for x in 1..width - 1 {
                let neighbours = [above[x], below[x], here[x - 1], here[x + 1]].map(i64::from);
                let laplacian = 4 * i64::from(here[x]) - neighbours.iter().sum::<i64>();
                sum += laplacian;
                squares += laplacian * laplacian;
            }
        }
        let count = ((width - 2) * (height - 2)) as u128;
        let spread = u128::from(squares.unsigned_abs()) * count - u128::from(sum.unsigned_abs()).pow(2);
        to_u32(rounded(spread * 1000, count * count * u128::from(PARTS * PARTS)))
    }
}

/// Rec. 601 luma, rounded as Pillow does it (fixed point with 16 bits).
fn luma(row: &[u8], line: &mut [u8]) {
    for (level, pixel) in line.iter_mut().zip(row.chunks_exact(3)) {
        let [red, green, blue] = [u32::from(pixel[0]), u32::from(pixel[1]), u32::from(pixel[2])];
        *level = ((19_595 * red + 38_470 * green + 7_471 * blue + 0x8000) >> 16) as u8;
    }
}

/// Four histograms in turn, so that equal neighbours do not wait for each other's increment.
fn count(line: &[u8], histogram: &mut [[u64; 256]; 4]) {
    let [first, second, third, fourth] = histogram;
    let fours = line.chunks_exact(4);
    for level in fours.remainder() {
        first[usize::from(*level)] += 1;
    }
    for four in fours {
        first[usize::from(four[0])] += 1;
        second[usize::from(four[1])] += 1;
        third[usize::from(four[2])] += 1;
        fourth[usize::from(four[3])] += 1;
    }
}

fn add_up(histogram: [[u64; 256]; 4]) -> [u64; 256] {
    let mut sum = [0; 256];
    for part in histogram {
        for (total, count) in sum.iter_mut().zip(part) {
            *total += count;
        }
    }
    sum
}

/// At most 255 × 256, so that it fits.
fn average(sum: u64, pixels: u64) -> u16 {
    ((sum * PARTS + pixels / 2) / pixels).min(u64::from(u16::MAX)) as u16
}

fn rounded(numerator: u128, denominator: u128) -> u128 {
    (numerator + denominator / 2) / denominator
}

fn to_u32(value: u128) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}
