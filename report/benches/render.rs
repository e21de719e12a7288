//! Milliseconds to render a report: median and worst of several, by number of changes.
//!
//! `cargo bench -p report --bench render`. Layout alone is what a changed document costs on Monday; pictures are
//! copied, not decoded.

use std::io::{self, Write};
use std::time::Instant;

use report::content::Paper;
use report::mail::Attachment;
use report::{pdf, sample};

#[path = "../tests/it/picture.rs"]
mod picture;

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{:>8} {:>6} {:>9} {:>11} {:>11} {:>14}",
        "changes", "pages", "kB", "median ms", "worst ms", "encode ms"
    )?;
    // The fonts are parsed once per process; that is not part of a report.
    let warm = sample::content(1, 1, Paper::A4);
    pdf::render(&warm, &sample::thumbnails(&warm, picture::paint)).map_err(io::Error::other)?;
    for (changes, rounds) in [(0, 40), (1, 40), (300, 20), (3_000, 7)] {
        let content = sample::content(7, changes, Paper::A4);
        let thumbnails = sample::thumbnails(&content, picture::paint);
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
