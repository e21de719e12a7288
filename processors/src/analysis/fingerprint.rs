//! Perceptual hash of an image.

use std::f64::consts::PI;

use domain::measures::PerceptualHash;

use crate::analysis::Stop;
use crate::analysis::image::Channels;
use crate::analysis::luminance::Reduced;
use crate::analysis::orientation::Orientation;
use crate::analysis::thumbnail::{Filter, resize};

/// Side of the image that is transformed.
const SIDE: usize = 32;
/// Side of the square of lowest frequencies that makes the hash.
const LOW: usize = 8;

/// `imagehash.phash`: luminance resized to 32 × 32 by Lanczos, its two-dimensional DCT-II, of the lowest 8 × 8 coefficients
/// those above their median (Zauner 2010, "Implementation and benchmarking of perceptual image hash functions").
pub(super) fn perceptual_hash(luminance: &Reduced, orientation: Orientation) -> Result<PerceptualHash, Stop> {
    let side = SIDE as u32;
    let levels = luminance.to_bytes();
    let small = resize(&levels, luminance.width, luminance.height, Channels::Grey, side, side, Filter::Lanczos)?;
    let upright = orientation.apply(side, side, 1, &small);
    let low = low_frequencies(&upright);

    let mut sorted = low;
    sorted.sort_by(f64::total_cmp);
    let median = f64::midpoint(sorted[LOW * LOW / 2 - 1], sorted[LOW * LOW / 2]);
    Ok(PerceptualHash(low.iter().fold(0, |hash, coefficient| hash << 1 | u64::from(*coefficient > median))))
}

/// The lowest coefficients of the DCT-II, row by row.
fn low_frequencies(levels: &[u8]) -> [f64; LOW * LOW] {
    let cosine = |frequency: usize, at: usize| (PI * (2 * at + 1) as f64 * frequency as f64 / (2 * SIDE) as f64).cos();
    let cosines: [[f64; SIDE]; LOW] = std::array::from_fn(|frequency| std::array::from_fn(|at| cosine(frequency, at)));

    let mut rows = [[0.0; LOW]; SIDE];
    for (row, line) in rows.iter_mut().zip(levels.chunks_exact(SIDE)) {
        for (coefficient, wave) in row.iter_mut().zip(&cosines) {
            *coefficient = line.iter().zip(wave).map(|(level, cosine)| f64::from(*level) * cosine).sum();
        }
    }
    let mut low = [0.0; LOW * LOW];
    for (v, wave) in cosines.iter().enumerate() {
        for u in 0..LOW {
            low[v * LOW + u] = rows.iter().zip(wave).map(|(row, cosine)| row[u] * cosine).sum();
        }
    }
    low
}
