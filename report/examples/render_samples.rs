//! Writes sample reports as PDF, and their pages as PNG where `pdftoppm` (poppler-utils) is installed.
//!
//! `cargo run -p report --example render_samples -- <directory>`; without one, `docs/report` of the project.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

use report::content::Paper;
use report::{pdf, sample};

fn main() -> Result<(), Box<dyn Error>> {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/report");
    let directory = std::env::args().nth(1).map_or(default, PathBuf::from);
    std::fs::create_dir_all(&directory)?;
    for (name, changes, paper) in [
        ("empty-a4", 0, Paper::A4),
        ("one-letter", 1, Paper::Letter),
        ("thirty-a4", 30, Paper::A4),
        ("three-hundred-a4", 300, Paper::A4),
        ("three-hundred-letter", 300, Paper::Letter),
    ] {
        let content = sample::content(7, changes, paper);
        let thumbnails = sample::thumbnails(&content, paint);
        let rendered = pdf::render(&content, &thumbnails)?;
        let file = directory.join(format!("{name}.pdf"));
        std::fs::write(&file, &rendered.bytes)?;
        // No more pages than show every section; a report's PDF is not kept here.
        let status = Command::new("pdftoppm")
            .args(["-png", "-r", "64", "-l", "8"])
            .arg(&file)
            .arg(directory.join(name))
            .status();
        if !status.is_ok_and(|status| status.success()) {
            return Err("pdftoppm failed or is missing: install poppler-utils".into());
        }
    }
    Ok(())
}

/// A stand-in picture: a lit wall, a bench, and something on it.
fn paint(width: u32, height: u32, number: usize) -> Vec<u8> {
    let mut pixels = Vec::with_capacity((width * height * 3) as usize);
    let hue = (number as f32 * 0.37).fract();
    for y in 0..height {
        for x in 0..width {
            let (u, v) = (x as f32 / width as f32, y as f32 / height as f32);
            let light = 1.0 - 0.55 * ((u - 0.3).powi(2) + (v - 0.2).powi(2)).sqrt();
            let bench = v > 0.68;
            let round = (u - 0.3 - 0.4 * hue).powi(2) * 1.8 + (v - 0.56).powi(2) < 0.028;
            let base = match (round, bench) {
                (true, _) => [70.0 + 120.0 * hue, 96.0, 170.0 - 90.0 * hue],
                (false, true) => [150.0, 132.0, 112.0],
                (false, false) => [205.0, 214.0, 216.0],
            };
            pixels.extend(base.map(|channel: f32| (channel * light).clamp(0.0, 255.0) as u8));
        }
    }
    let mut jpeg = Vec::new();
    let encoder = jpeg_encoder::Encoder::new(&mut jpeg, 80);
    let (width, height) = (width as u16, height as u16);
    match encoder.encode(&pixels, width, height, jpeg_encoder::ColorType::Rgb) {
        Ok(()) => jpeg,
        Err(_) => Vec::new(),
    }
}
