//! Against other people's programs.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::path::{Path, PathBuf};
use std::process::Command;

use domain::measures::{ImageMeasures, Measures};
use processors::analysis::{Limits, analyse};
use serde::Deserialize;

/// Luminance mean and contrast, in grey levels: the rounding of each pixel, and another JPEG decoder.
const LEVELS: f64 = 0.5;
/// Shares of clipped pixels, of 1.
const SHARE: f64 = 0.01;
/// Sharpness, relative.
const SHARPNESS: f64 = 0.03;
/// Sharpness, absolute: what rounding each pixel to a whole grey level adds, its variance of 1/12 times the sum of the
/// squared weights of the Laplacian (16 + 4).
const SHARPNESS_OF_ROUNDING: f64 = 20.0 / 12.0;
/// Bits of the perceptual hash, whose coefficients near the median may fall either way.
const HASH_BITS: u32 = 2;

const MEASURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/measures.py");

/// What `measures.py` prints.
#[derive(Debug, Deserialize)]
struct Peer {
    file: PathBuf,
    width_px: u32,
    height_px: u32,
    luminance_mean: f64,
    contrast: f64,
    clipped_shadows: f64,
    clipped_highlights: f64,
    sharpness: f64,
    perceptual_hash: String,
}

#[test]
fn measures_agree_with_scikit_image() {
    let folder = std::env::var("TRIALBRIEF_SKIMAGE_DATA").map_or_else(|_| skimage_data(), PathBuf::from);
    let mut pictures = pictures(&folder);
    assert!(pictures.len() >= 10, "only {} pictures in {}", pictures.len(), folder.display());
    let scratch = tempfile::tempdir().unwrap();
    pictures.extend(turned(scratch.path()));

    let mut wrong = Vec::new();
    for peer in peers(&pictures) {
        let file = std::fs::read(&peer.file).unwrap();
        let analysis = analyse(&mut file.as_slice(), &Limits::default()).unwrap().unwrap();
        let Measures::Image(ours) = analysis.measures else { panic!("{} is no image to us", peer.file.display()) };
        wrong.extend(differences(&ours, &peer).map(|difference| format!("{}: {difference}", peer.file.display())));
    }
    assert!(wrong.is_empty(), "{} of {} pictures differ:\n{}", wrong.len(), pictures.len(), wrong.join("\n"));
}

fn differences(ours: &ImageMeasures, peer: &Peer) -> impl Iterator<Item = String> {
    let hash = peer.perceptual_hash.parse().unwrap();
    let bits = ours.perceptual_hash.distance(hash);
    let compare = |what: &str, ours: f64, theirs: f64, tolerance: f64| {
        ((ours - theirs).abs() > tolerance).then(|| format!("{what} {ours} against {theirs}"))
    };
    let milli = |value: u32| f64::from(value) / 1e3;
    let share = |value: u32| f64::from(value) / 1e6;
    let size = (ours.width_px, ours.height_px);
    [
        (size != (peer.width_px, peer.height_px)).then(|| format!("size {size:?}")),
        compare("mean", milli(ours.luminance_mean_milli), peer.luminance_mean, LEVELS),
        compare("contrast", milli(ours.contrast_milli), peer.contrast, LEVELS),
        compare("shadows", share(ours.clipped_shadows_ppm), peer.clipped_shadows, SHARE),
        compare("highlights", share(ours.clipped_highlights_ppm), peer.clipped_highlights, SHARE),
        compare(
            "sharpness",
            milli(ours.sharpness_milli),
            peer.sharpness,
            peer.sharpness * SHARPNESS + SHARPNESS_OF_ROUNDING,
        ),
        (bits > HASH_BITS && !has_no_hash(&peer.file)).then(|| format!("{bits} bits of the hash")),
    ]
    .into_iter()
    .flatten()
}

/// Chessboards: nearly all low frequencies are exactly zero, so that the last digit of the arithmetic decides.
fn has_no_hash(file: &Path) -> bool {
    file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("chessboard"))
}

/// The interpreter with the peers; without it this test cannot say anything.
fn python() -> String {
    std::env::var("TRIALBRIEF_PYTHON").expect(
        "set TRIALBRIEF_PYTHON to a Python with scikit-image, imagehash and pillow: \
         python3 -m venv venv && venv/bin/pip install scikit-image imagehash pillow, then TRIALBRIEF_PYTHON=$PWD/venv/bin/python",
    )
}

fn run(arguments: &[&Path]) -> String {
    let output =
        Command::new(python()).arg(MEASURES).args(arguments).output().expect("TRIALBRIEF_PYTHON names no program");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn peers(files: &[PathBuf]) -> Vec<Peer> {
    let files: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    run(&files).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn skimage_data() -> PathBuf {
    run(&[Path::new("--data")]).trim().into()
}

fn pictures(folder: &Path) -> Vec<PathBuf> {
    let is_picture = |path: &Path| path.extension().is_some_and(|extension| extension == "png" || extension == "jpg");
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut pictures: Vec<PathBuf> = entries.filter(|path| is_picture(path)).collect();
    pictures.sort();
    pictures
}

/// One picture in all eight EXIF orientations, large enough to be reduced. Its sides are multiples of the block of 3, so
/// that ours, laid over the stored picture, and the peer's, over the upright one, are the same blocks.
fn turned(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let (width, height) = (2601_u16, 1701_u16);
    let level = |x: u32, y: u32| {
        let disc = |at_x: u32, at_y: u32, radius: u32| {
            u32::from(x.abs_diff(at_x).pow(2) + y.abs_diff(at_y).pow(2) < radius.pow(2))
        };
        60 * disc(700, 500, 400)
            + 50 * disc(1900, 400, 250)
            + 40 * disc(1500, 1200, 450)
            + 30 * ((x / 9 + y / 13) % 2)
            + x / 50
    };
    let pixels: Vec<u8> = (0..u32::from(height))
        .flat_map(|y| (0..u32::from(width)).flat_map(move |x| [level(x, y), level(x, y) / 2 + 40, level(y, x)]))
        .map(|level| level.min(255) as u8)
        .collect();
    (1..=8).map(move |orientation: u8| {
        let exif =
            [&b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0"[..], &[orientation, 0, 0, 0, 0, 0, 0, 0]].concat();
        let path = folder.join(format!("orientation-{orientation}.jpg"));
        let mut encoder = jpeg_encoder::Encoder::new_file(&path, 92).unwrap();
        encoder.add_exif_metadata(&exif).unwrap();
        encoder.encode(&pixels, width, height, jpeg_encoder::ColorType::Rgb).unwrap();
        path
    })
}
