//! Writes sample reports: PDFs and mails into `target/report-samples`, pages as PNG and the PDFs' SHA-256 into
//! `docs/report`.
//!
//! `cargo run -p report --example render_samples [-- <directory for PDFs> <directory for PNGs>]`; needs `pdftoppm`
//! (poppler-utils).

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

use report::mail::{self, Attachment, Letter, MailContent, Mailbox};
use report::{pdf, sample};

#[path = "../tests/it/picture.rs"]
mod picture;

fn main() -> Result<(), Box<dyn Error>> {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut arguments = std::env::args().skip(1).map(PathBuf::from);
    let pdfs = arguments.next().unwrap_or_else(|| project.join("target/report-samples"));
    let pages = arguments.next().unwrap_or_else(|| project.join("docs/report"));
    std::fs::create_dir_all(&pdfs)?;
    std::fs::create_dir_all(&pages)?;
    let mut hashes = String::new();
    for (name, changes, paper, shown) in sample::SAMPLES {
        let content = sample::content(7, changes, paper);
        let rendered = pdf::render(&content, &sample::thumbnails(&content, picture::paint))?;
        let file = pdfs.join(format!("{name}.pdf"));
        std::fs::write(&file, &rendered.bytes)?;
        hashes.push_str(&format!("{}  {name}.pdf\n", rendered.sha256));
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
    // A test compares these with the pages of today, so that no picture stays behind the code.
    std::fs::write(pages.join("samples.sha256"), hashes)?;
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
