//! The demo's documents: the trial "ACME-101", twelve sites, made from a seed.
//!
//! A pure library: no input, no output, no clock. The same seed and date give the same bytes on the same platform.
//! About one document in twenty is damaged, mislabelled or badly named, as in any real archive.

mod broken;
mod canvas;
mod chart;
mod dice;
mod glyphs;
mod heart;
mod lens;
mod names;
mod photo;
mod places;
mod plan;
mod scan;
mod table;
#[cfg(test)]
mod tests;
mod wording;

use jiff::ToSpan;
use jiff::civil::Date;

pub use places::{SITES, Site};
pub use plan::{Action, SampleChange, weeks};

use dice::Dice;
use lens::Held;
use photo::{Fault, SCENES, Scene};
use scan::{Form, Scanned};
use table::Style;

/// The code of the sample trial.
pub const TRIAL: &str = "ACME-101";
/// The trial to which one document is moved.
pub const OTHER_TRIAL: &str = "ACME-102";
/// The title of the sample trial.
pub const TITLE: &str = "Cardiology device study";
/// How many documents there are in all; the numbers below this are those of the plan.
pub const DOCUMENTS: usize = 300;
/// How many of them are there before the first week.
pub const PRESENT: usize = 120;
/// The length of the table that is one line, in bytes.
pub const LONG_LINE: usize = 2_000_000;

/// One document, ready to be uploaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SampleDocument {
    /// Its number in the sample.
    pub number: usize,
    /// The name as the site gave it; some are unpleasant.
    pub filename: String,
    /// The file.
    pub bytes: Vec<u8>,
    /// The media type as the browser claims it; not always true.
    pub content_type: &'static str,
    /// Its kind, a code.
    pub kind: &'static str,
    /// The code of its site.
    pub site: &'static str,
    /// `draft`, `final` or `superseded`.
    pub status: &'static str,
    /// The date it carries.
    pub document_date: Date,
}

/// How one document is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Recipe {
    Photograph(Scene, Fault, Held),
    Scan(Form, Scanned),
    Ecg,
    Chart,
    Angiogram,
    Echocardiogram,
    Lab(Style),
    Temperatures(Style),
    Note,
    /// The bytes of the photograph with this number, under another name.
    CopyOf(usize),
    Truncated,
    HugeClaim,
    Empty,
    TextAsJpeg,
    LongLine,
    Pdf,
    Zip,
    Random,
}

impl Recipe {
    fn kind(self) -> &'static str {
        match self {
            Self::Photograph(..) | Self::CopyOf(_) | Self::Truncated | Self::Empty | Self::TextAsJpeg => {
                "site-photograph"
            }
            Self::Scan(Form::Consent, _) => "consent-form",
            Self::Scan(Form::Delegation, _) => "delegation-log",
            Self::Scan(Form::Temperatures, _) | Self::Temperatures(_) => "temperature-log",
            Self::Scan(Form::Letter, _) | Self::HugeClaim | Self::Pdf => "scan",
            Self::Scan(Form::AdverseEvent, _) => "adverse-event-form",
            Self::Ecg => "ecg",
            Self::Chart => "chart",
            Self::Angiogram => "angiogram",
            Self::Echocardiogram => "echocardiogram",
            Self::Lab(_) | Self::LongLine => "lab-table",
            Self::Note => "monitoring-note",
            Self::Zip | Self::Random => "other-file",
        }
    }

    fn extension(self) -> &'static str {
        match self {
            Self::Photograph(..) | Self::CopyOf(_) | Self::Truncated | Self::Empty | Self::TextAsJpeg => "jpg",
            Self::Scan(_, Scanned::AsJpeg) | Self::Echocardiogram => "jpg",
            Self::Scan(_, Scanned::Well | Scanned::Faint) | Self::Ecg | Self::Chart => "png",
            Self::Angiogram | Self::HugeClaim => "png",
            Self::Lab(Style::Tabs) | Self::Temperatures(Style::Tabs) => "tsv",
            Self::Lab(_) | Self::Temperatures(_) | Self::LongLine => "csv",
            Self::Note => "txt",
            Self::Pdf => "pdf",
            Self::Zip => "zip",
            Self::Random => "bin",
        }
    }

    fn content_type(self) -> &'static str {
        match self.extension() {
            "jpg" => "image/jpeg",
            "png" => "image/png",
            "tsv" => "text/tab-separated-values",
            "csv" => "text/csv",
            "txt" => "text/plain",
            "pdf" => "application/pdf",
            "zip" => "application/zip",
            _ => "application/octet-stream",
        }
    }

    fn make(self, seed: u64, number: usize, site: &Site, date: Date, dice: &mut Dice) -> Vec<u8> {
        match self {
            Self::Photograph(scene, fault, held) => photo::photograph(scene, fault, held, dice),
            Self::Scan(form, scanned) => scan::scan(form, scanned, site, date, dice),
            Self::Ecg => chart::ecg_strip(site, date, dice),
            Self::Chart => chart::chart(site, dice),
            Self::Angiogram => chart::angiogram(dice),
            Self::Echocardiogram => chart::echocardiogram(dice),
            Self::Lab(style) => table::lab_values(style, site, date, dice),
            Self::Temperatures(style) => table::temperature_log(style, site, date, dice),
            Self::Note => table::monitoring_note(site, date, dice),
            // A photograph's bytes do not depend on site or date, so the copy is exact.
            Self::CopyOf(first) => recipe(seed, first).make(seed, first, site, date, &mut contents(seed, first, 0)),
            Self::Truncated => {
                let scene = SCENES[number % SCENES.len()];
                broken::truncated(photo::photograph(scene, Fault::None, Held::Level, dice), dice)
            }
            Self::HugeClaim => broken::huge_claim(),
            Self::Empty => Vec::new(),
            Self::TextAsJpeg => table::monitoring_note(site, date, dice),
            Self::LongLine => broken::long_line(LONG_LINE, dice),
            Self::Pdf => broken::pdf(&format!("{TRIAL} {}: shipping record of {date}", site.code)),
            Self::Zip => broken::zip("readings.csv", &table::temperature_log(Style::Commas, site, date, dice)),
            Self::Random => broken::random(60_000, dice),
        }
    }
}

/// The choices that make a document's contents, anew for each revision.
fn contents(seed: u64, number: usize, revision: u64) -> Dice {
    Dice::new(seed, number, 100 + revision)
}

/// What the document with this number is; the odd ones have fixed numbers.
fn recipe(seed: u64, number: usize) -> Recipe {
    match number {
        17 | 222 => return Recipe::Truncated,
        41 | 263 => return Recipe::Empty,
        63 | 281 => return Recipe::TextAsJpeg,
        88 | 246 => return Recipe::CopyOf(43),
        188 => return Recipe::CopyOf(140),
        131 => return Recipe::HugeClaim,
        151 => return Recipe::LongLine,
        166 => return Recipe::Pdf,
        171 => return Recipe::Zip,
        206 => return Recipe::Random,
        24 => return Recipe::Lab(Style::DecimalCommas),
        55 => return Recipe::Lab(Style::Latin1),
        _ => {}
    }
    let mut dice = Dice::new(seed, number, 2);
    match number % 20 {
        2 => Recipe::Ecg,
        9 if (number / 20).is_multiple_of(2) => Recipe::Angiogram,
        9 => Recipe::Echocardiogram,
        4 | 15 => Recipe::Lab(dice.pick(&[Style::Commas, Style::Commas, Style::Tabs, Style::Gaps, Style::Ragged])),
        11 => Recipe::Temperatures(dice.pick(&[Style::Commas, Style::Tabs, Style::DecimalCommas, Style::Gaps])),
        7 | 19 => Recipe::Note,
        14 => Recipe::Chart,
        1 | 6 | 12 | 17 => {
            let forms = [Form::Consent, Form::Delegation, Form::Temperatures, Form::Letter, Form::AdverseEvent];
            let scanned = match dice.whole(0, 9) {
                0 => Scanned::Faint,
                1 | 2 => Scanned::AsJpeg,
                _ => Scanned::Well,
            };
            Recipe::Scan(forms[(number / 5 + number) % forms.len()], scanned)
        }
        place => photograph(seed, number / 20 * 8 + place * 8 / 20, number, &mut dice),
    }
}

fn photograph(seed: u64, ordinal: usize, number: usize, dice: &mut Dice) -> Recipe {
    let scene = SCENES[(ordinal + seed as usize % 7) % SCENES.len()];
    let fault = match dice.whole(0, 39) {
        0 | 1 => Fault::Blurred,
        2 | 3 => Fault::Dark,
        4 | 5 => Fault::Overexposed,
        6 => Fault::Tiny,
        _ => Fault::None,
    };
    let held = match number % 31 {
        3 => Held::Left,
        10 => Held::Right,
        _ => Held::Level,
    };
    Recipe::Photograph(scene, fault, held)
}

/// Where the document comes from; big sites send more. The plan's last one comes from the site that wakes first.
fn place(seed: u64, number: usize) -> usize {
    const SHARES: [usize; 30] =
        [0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 7, 7, 8, 8, 9, 10, 11];
    if number + 1 == DOCUMENTS { places::FIRST_TO_WAKE } else { Dice::new(seed, number, 3).pick(&SHARES) }
}

/// What a document's status is when it is uploaded.
fn status(seed: u64, number: usize) -> &'static str {
    let mut dice = Dice::new(seed, number, 4);
    let drafts = if number < PRESENT { 0.25 } else { 0.6 };
    match dice.unit() {
        share if share < drafts => "draft",
        share if share > 0.95 => "superseded",
        _ => "final",
    }
}

/// Makes one document, dated `date`.
pub fn document(seed: u64, number: usize, date: Date) -> SampleDocument {
    revision(seed, number, 0, date)
}

/// Makes the file anew, as a site does that sends a better one; revision 0 is the first upload. A later revision of
/// a faulty photograph or scan is without that fault.
pub fn revision(seed: u64, number: usize, revision: u64, date: Date) -> SampleDocument {
    let recipe = match recipe(seed, number) {
        Recipe::Photograph(scene, _, held) if revision > 0 => Recipe::Photograph(scene, Fault::None, held),
        Recipe::Scan(form, Scanned::Faint) if revision > 0 => Recipe::Scan(form, Scanned::Well),
        recipe => recipe,
    };
    let site = &SITES[place(seed, number)];
    SampleDocument {
        number,
        filename: names::filename(recipe, number, site, date, &mut Dice::new(seed, number, 5)),
        bytes: recipe.make(seed, number, site, date, &mut contents(seed, number, revision)),
        content_type: recipe.content_type(),
        kind: recipe.kind(),
        site: site.code,
        status: status(seed, number),
        document_date: date,
    }
}

/// The date of a document that is there before the trial is observed, in the four months before `start`.
pub fn date_before(seed: u64, number: usize, start: Date) -> Date {
    start.saturating_sub((Dice::new(seed, number, 6).whole(1, 120) as i64).days())
}

/// The first `count` documents, each made when it is asked for and dated before `start`.
pub fn documents(seed: u64, count: usize, start: Date) -> impl Iterator<Item = SampleDocument> {
    (0..count).map(move |number| document(seed, number, date_before(seed, number, start)))
}
