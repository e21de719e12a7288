//! Writes sample reports: PDFs and a mail into `target/report-samples`, pages as PNG into `docs/report`.
//!
//! `cargo run -p report --example render_samples [-- <directory for PDFs> <directory for PNGs>]`; needs `pdftoppm`
//! (poppler-utils).

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

use report::content::Paper;
use report::mail::{self, Attachment, Letter, MailContent, Mailbox};
use report::{pdf, sample};

fn main() -> Result<(), Box<dyn Error>> {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut arguments = std::env::args().skip(1).map(PathBuf::from);
    let pdfs = arguments.next().unwrap_or_else(|| project.join("target/report-samples"));
    let pages = arguments.next().unwrap_or_else(|| project.join("docs/report"));
    std::fs::create_dir_all(&pdfs)?;
    std::fs::create_dir_all(&pages)?;
    // Name, changes, paper, and how many pages are kept as pictures.
    for (name, changes, paper, shown) in [
        ("empty-a4", 0, Paper::A4, 1),
        ("one-letter", 1, Paper::Letter, 1),
        ("thirty-a4", 30, Paper::A4, 6),
        ("three-hundred-a4", 300, Paper::A4, 1),
        ("three-hundred-letter", 300, Paper::Letter, 1),
    ] {
        let content = sample::content(7, changes, paper);
        let rendered = pdf::render(&content, &sample::thumbnails(&content, paint))?;
        let file = pdfs.join(format!("{name}.pdf"));
        std::fs::write(&file, &rendered.bytes)?;
        let mail = MailContent::of(&content)?;
        let attachment = Attachment::encode(&rendered);
        let enclosure = mail::enclose(&attachment, 10_000_000, "https://trialbrief.example/reports/1");
        std::fs::write(pdfs.join(format!("{name}.eml")), mail::compose(&mail, &enclosure, &letter()?)?.concat())?;
        let status = Command::new("pdftoppm")
            .args(["-png", "-r", "80", "-l", &shown.to_string()])
            .arg(&file)
            .arg(pages.join(name))
            .status();
        if !status.is_ok_and(|status| status.success()) {
            return Err("pdftoppm failed or is missing: apt-get install poppler-utils".into());
        }
    }
    Ok(())
}

fn letter() -> Result<Letter, Box<dyn Error>> {
    Ok(Letter {
        from: Mailbox::new(Some("Trialbrief"), "reports@trialbrief.example")?,
        to: Mailbox::new(Some("Zofia Wiśniewska"), "zofia@site.example")?,
        reply_to: None,
        date: "2026-11-23T07:00:00Z".parse()?,
        message_id: "sample.1@trialbrief.example".to_owned(),
        unsubscribe: "https://trialbrief.example/unsubscribe/sample".to_owned(),
        list_id: "acme-101.reports.trialbrief.example".to_owned(),
    })
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
