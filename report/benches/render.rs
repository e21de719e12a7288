//! Milliseconds to render a report: median and worst of several, by number of changes.
//!
//! `cargo bench -p report --bench render`. Layout alone is what a changed document costs on Monday; pictures are
//! copied, not decoded.

use std::io::{self, Write};
use std::time::Instant;

use report::content::Paper;
use report::mail::Attachment;
use report::{pdf, sample};

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{:>8} {:>6} {:>9} {:>11} {:>11} {:>14}",
        "changes", "pages", "kB", "median ms", "worst ms", "encode ms"
    )?;
    // The fonts are parsed once per process; that is not part of a report.
    let warm = sample::content(1, 1, Paper::A4);
    pdf::render(&warm, &sample::thumbnails(&warm, paint)).map_err(io::Error::other)?;
    for (changes, rounds) in [(0, 40), (1, 40), (300, 20), (3_000, 7)] {
        let content = sample::content(7, changes, Paper::A4);
        let thumbnails = sample::thumbnails(&content, paint);
        let mut times = Vec::new();
        let mut rendered = None;
        for _ in 0..rounds {
            let (pdf, ms) = timed(|| pdf::render(&content, &thumbnails));
            rendered = Some(pdf.map_err(io::Error::other)?);
            times.push(ms);
        }
        times.sort_by(f64::total_cmp);
        if let Some(pdf) = rendered {
            let (_, encode) = timed(|| Attachment::encode(&pdf));
            let (pages, kb) = (pdf.pages, pdf.bytes.len() / 1_000);
            let (median, worst) = (times[rounds / 2], times[rounds - 1]);
            writeln!(out, "{changes:>8} {pages:>6} {kb:>9} {median:>11.2} {worst:>11.2} {encode:>14.3}")?;
        }
    }
    Ok(())
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    #[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
    let start = Instant::now();
    let result = work();
    (result, start.elapsed().as_secs_f64() * 1_000.0)
}

/// A picture of noise, about as large as a thumbnail is: 12 kB.
fn paint(width: u32, height: u32, number: usize) -> Vec<u8> {
    let mut state = number as u32 + 1;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 27) as u8 + 100
    };
    let pixels: Vec<u8> = (0..width * height).map(|_| noise()).collect();
    let mut jpeg = Vec::new();
    let encoder = jpeg_encoder::Encoder::new(&mut jpeg, 60);
    if encoder.encode(&pixels, width as u16, height as u16, jpeg_encoder::ColorType::Luma).is_err() {
        jpeg.clear();
    }
    jpeg
}
