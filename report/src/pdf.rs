//! The PDF: PDF/A-2a and PDF/UA-1 at once, the same bytes for the same content.
//!
//! Layout is ours (`page`, `table`, `chart`); `krilla` writes, embeds subset fonts, and refuses what the two
//! standards forbid, so a file that breaks them is an error and never a file.

use jiff::tz::TimeZoneDatabase;
use sha2::{Digest, Sha256};

use crate::content::{ReportContent, Thumbnails};
use crate::wording::{dates, report as words};

mod chart;
mod fonts;
mod front;
mod page;
mod palette;
mod pictures;
mod sections;
mod table;
mod text;
mod write;

#[cfg(test)]
mod tests;

/// Version of layout and words; raised whenever the same content would give other bytes.
pub const TEMPLATE_VERSION: &str = "2";
/// Version of what writes the PDF.
pub const RENDERER_VERSION: &str = "krilla 0.8.2";
/// Versions of the fonts.
pub const FONTS_VERSION: &str = "IBM Plex Sans 1.1.0, Serif 2.0.0, Mono 2.5.0";

/// A finished report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pdf {
    /// The file.
    pub bytes: Vec<u8>,
    /// SHA-256 of the file, lower-case hex.
    pub sha256: String,
    /// How many pages it has.
    pub pages: usize,
}

/// Why there is no PDF.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The edition names a zone that the bundled data does not know.
    #[error("the time zone {0:?} is unknown")]
    Zone(String),
    /// The figures contradict each other; such a report must not be sent.
    #[error("the figures contradict each other: {0}")]
    Contradiction(String),
    /// The result would break PDF/A-2a or PDF/UA-1.
    #[error("the PDF would not be valid: {0}")]
    Invalid(String),
}

impl From<krilla::error::KrillaError> for Error {
    fn from(error: krilla::error::KrillaError) -> Self {
        match error {
            krilla::error::KrillaError::Validation(broken) => {
                let rules: Vec<String> = broken.iter().take(5).map(|(rule, _)| format!("{rule:?}")).collect();
                Self::Invalid(rules.join("; "))
            }
            other => Self::Invalid(other.to_string()),
        }
    }
}

/// Lays out and writes a report. A thumbnail whose bytes are missing or no JPEG is replaced by words.
///
/// # Errors
///
/// An unknown zone, figures that contradict each other, or content that the two standards forbid.
pub fn render(content: &ReportContent, thumbnails: &Thumbnails) -> Result<Pdf, Error> {
    check(content)?;
    // The bundled data, so that the bytes do not depend on the machine's.
    let zone = TimeZoneDatabase::bundled()
        .get(&content.edition.zone)
        .map_err(|_| Error::Zone(content.edition.zone.clone()))?;
    let pictures = write::Pictures::load(thumbnails);
    let mut sheet = page::Sheet::new(page::Geometry::of(content.edition.paper));
    let mut links = front::lay(&mut sheet, content, &zone, false);
    if sheet.pages.len() > 1 {
        sheet = page::Sheet::new(page::Geometry::of(content.edition.paper));
        links = front::lay(&mut sheet, content, &zone, true);
    }
    sheet.new_page();
    sections::breakdowns(&mut sheet, content);
    sections::quality(&mut sheet, content.image_quality.as_ref());
    pictures::findings(&mut sheet, content, &zone, &pictures);
    pictures::contact_sheet(&mut sheet, content, &pictures);
    sections::duplicates(&mut sheet, content);
    sections::changes(&mut sheet, content, &zone);
    sections::methods(&mut sheet);
    sections::manifest(&mut sheet, content);
    front::links(&mut sheet, links);
    sections::running(&mut sheet, content);

    let pages = sheet.pages.len();
    let about = write::About {
        title: words::title(content),
        subject: format!("{}. {}", words::headline(content), dates::period_days(&content.period)),
        language: content.edition.language.clone(),
        created: content.cut.at,
        document_id: content.report_id.clone(),
    };
    let bytes = write::write(sheet, &about, &pictures)?;
    let sha256 = hex::encode(Sha256::digest(&bytes));
    Ok(Pdf { bytes, sha256, pages })
}

/// Fails closed: a report whose sums do not hold is not printed.
fn check(content: &ReportContent) -> Result<(), Error> {
    let balance = &content.balance;
    if balance.expected_at_end() != i128::from(balance.present_at_end) {
        return Err(Error::Contradiction(format!(
            "{} present at the end, but the sum gives {}",
            balance.present_at_end,
            balance.expected_at_end()
        )));
    }
    let counts = &content.analysis;
    if counts.analysed + counts.unreadable + counts.waiting != counts.of {
        return Err(Error::Contradiction(format!(
            "{} analysed, {} unreadable and {} waiting are not {} documents",
            counts.analysed, counts.unreadable, counts.waiting, counts.of
        )));
    }
    Ok(())
}
