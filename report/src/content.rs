//! Everything a report shows, already computed: plain strings, integers with the unit in the name, and instants.
//!
//! Two equal contents with the same thumbnails give the same PDF, byte for byte; so whoever fills a
//! [`ReportContent`] must put its lists in a stated order (the fields say which).

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// JPEG bytes of thumbnails by the SHA-256 (lower-case hex) of those bytes.
pub type Thumbnails = BTreeMap<String, Vec<u8>>;

/// One trial, one period, one edition: all that a PDF shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportContent {
    /// Opaque id of the report; becomes the document id of the PDF.
    pub report_id: String,
    /// The trial.
    pub trial: Trial,
    /// What the report is about.
    pub period: Period,
    /// What may differ between two reports of one trial and period.
    pub edition: Edition,
    /// The log up to here, nothing later.
    pub cut: Cut,
    /// When observation began, if that is after the period's start.
    pub observed_since: Option<Timestamp>,
    /// What came and went.
    pub balance: Balance,
    /// What needs attention, one entry a document, worst first, then oldest; page 1 shows the first [`ATTENTION_SHOWN`].
    pub attention: Vec<Attention>,
    /// How many more documents need attention than listed.
    pub attention_omitted: u64,
    /// Added, changed, removed by person, busiest first; over all changes of the period, also those that are not listed.
    pub by_whom: Vec<ByWhom>,
    /// Expected documents; `None` where no list is set.
    pub expected: Option<Expected>,
    /// How much was looked at.
    pub analysis: AnalysisCounts,
    /// Twelve weeks (or fewer) up to the period's end, oldest first.
    pub weeks: Vec<Week>,
    /// Present documents by kind, most first.
    pub by_kind: Vec<Breakdown>,
    /// Present documents by site, most first.
    pub by_site: Vec<Breakdown>,
    /// Present documents by status, most first.
    pub by_status: Vec<Breakdown>,
    /// What the images measure; `None` where there is no image.
    pub image_quality: Option<ImageQuality>,
    /// Open findings by document, in the order of `attention`.
    pub findings: Vec<Finding>,
    /// How many more findings there are than listed.
    pub findings_omitted: u64,
    /// Pictures of what is new or flagged, in the order of the contact sheet.
    pub thumbnails: Vec<Thumbnail>,
    /// Once the contact sheet was full: how many more documents are new or flagged, at most, with or without a picture.
    pub thumbnails_omitted: u64,
    /// Files with the same bytes.
    pub duplicates: Vec<DuplicateGroup>,
    /// How many more files have the same bytes as others than named.
    pub duplicates_omitted: u64,
    /// Every change in the period, oldest first.
    pub changes: Vec<Change>,
    /// How many more changes there were than listed.
    pub changes_omitted: u64,
    /// Versions of what made the report.
    pub manifest: Manifest,
}

/// How many attention items page 1 shows.
pub const ATTENTION_SHOWN: usize = 8;

/// The trial, as it was at the cut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    /// Its code, e.g. `ACME-101`.
    pub id: String,
    /// Its title.
    pub title: String,
}

/// Half-open: from the first instant of `from` up to, not including, `to_utc`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    /// First day, in the edition's zone.
    pub from: Date,
    /// The day after the last; of a "so far" report, which may end within a day, the last.
    pub to: Date,
    /// The instant of the start.
    pub from_utc: Timestamp,
    /// The instant of the end, no longer part of it.
    pub to_utc: Timestamp,
    /// True for a report asked for before the period was over.
    pub so_far: bool,
}

/// What changes a report's bytes besides trial and period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edition {
    /// IANA zone, e.g. `Europe/Berlin`.
    pub zone: String,
    /// Language tag, `en`.
    pub language: String,
    /// Paper.
    pub paper: Paper,
    /// Whom it is for, e.g. `team`.
    pub audience: String,
}

/// Paper size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Paper {
    /// 210 × 297 mm.
    A4,
    /// 8.5 × 11 inches.
    Letter,
}

/// The closing that a report's figures go up to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cut {
    /// The closing's instant.
    pub at: Timestamp,
    /// Hash of the log up to it, lower-case hex.
    pub log_hash: String,
    /// False where history was lost before it and a scan filled the gap.
    pub complete: bool,
}

/// `present_at_end = present_at_start + found + added + moved_in − moved_out − removed`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Balance {
    /// Documents present when the period began.
    pub present_at_start: u64,
    /// Documents that existed before observation began and were met in the period.
    pub found: u64,
    /// Documents added in the period.
    pub added: u64,
    /// Documents moved here from another trial.
    pub moved_in: u64,
    /// Documents moved to another trial.
    pub moved_out: u64,
    /// Documents removed.
    pub removed: u64,
    /// Changes of records; a document that changed twice counts twice. Not part of the sum.
    pub changed: u64,
    /// Documents present at the end.
    pub present_at_end: u64,
    /// Bytes of all files at the start.
    pub bytes_at_start: u64,
    /// Bytes of all files at the end.
    pub bytes_at_end: u64,
}

impl ReportContent {
    /// How many documents need attention, listed or not.
    pub fn needing_attention(&self) -> u64 {
        self.attention.len() as u64 + self.attention_omitted
    }
}

impl Balance {
    /// What the sum gives; a report whose balance does not hold is refused by [`crate::pdf::render`].
    pub fn expected_at_end(&self) -> i128 {
        i128::from(self.present_at_start) + i128::from(self.found) + i128::from(self.added) + i128::from(self.moved_in)
            - i128::from(self.moved_out)
            - i128::from(self.removed)
    }
}

/// One thing that wants a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attention {
    /// Its gravest finding, in a word or two: `Truncated`.
    pub title: String,
    /// Its other findings, in a word or two each, gravest first.
    #[serde(default)]
    pub others: Vec<String>,
    /// What to do about the gravest, in a sentence; the same for equal titles.
    pub reason: String,
    /// The file concerned.
    pub file_name: String,
    /// Its site code.
    pub site: Option<String>,
    /// Whole days since it became so, at the cut.
    pub age_days: u32,
    /// Where to look at it (`https://…`).
    pub link: Option<String>,
}

/// What one person did in the period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ByWhom {
    /// Display name, or an opaque id, or `[erased]`.
    pub name: String,
    /// Documents added or moved in.
    pub added: u64,
    /// Changes made.
    pub changed: u64,
    /// Documents removed or moved out.
    pub removed: u64,
    /// Reasons given, most frequent first.
    pub reasons: Vec<String>,
}

/// Expected documents against those that are there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expected {
    /// How many the list names.
    pub expected: u64,
    /// How many of them are present.
    pub present: u64,
    /// How many of the absent are past their due date.
    pub overdue: u64,
    /// The overdue ones, longest overdue first.
    pub items: Vec<OverdueItem>,
}

/// A document that should be there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OverdueItem {
    /// Kind code.
    pub kind: String,
    /// Site code.
    pub site: Option<String>,
    /// When it was due.
    pub due: Date,
    /// Whole days past it, at the cut.
    pub days_overdue: u32,
}

/// `of = analysed + unreadable + waiting`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnalysisCounts {
    /// Documents whose content was analysed.
    pub analysed: u64,
    /// Documents whose content could not be read; each is a finding.
    pub unreadable: u64,
    /// Documents still to be analysed at the cut.
    pub waiting: u64,
    /// Documents present.
    pub of: u64,
}

/// A week of activity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Week {
    /// Its first day.
    pub from: Date,
    /// Documents added or moved in.
    pub added: u64,
    /// Changes.
    pub changed: u64,
    /// Documents removed or moved out.
    pub removed: u64,
    /// False where the trial was not observed: no figure, which is not zero.
    pub observed: bool,
}

/// Figures of one kind, site or status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breakdown {
    /// The code, or `other`, or `none`.
    pub code: String,
    /// Documents present.
    pub count: u64,
    /// Bytes of their files.
    pub bytes: u64,
    /// Added or moved in, in the period.
    pub added: u64,
    /// Removed or moved out, in the period.
    pub removed: u64,
    /// Documents with an open finding.
    pub flagged: u64,
}

/// Means over analysed images; each is printed with `images_analysed` of `images`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageQuality {
    /// Images present, readable or not; what waits to be analysed has no type yet.
    pub images: u64,
    /// Images analysed: the denominator of every mean below.
    pub images_analysed: u64,
    /// Mean luminance in thousandths, 0 (black) to 255,000 (white).
    pub luminance_mean_milli: u64,
    /// Mean contrast (standard deviation of luminance) in thousandths, 0 to 127,500.
    pub contrast_mean_milli: u64,
    /// Mean sharpness (variance of the Laplacian of luminance) in thousandths.
    pub sharpness_mean_milli: u64,
    /// Mean share of pixels clipped to black, per million.
    pub clipped_shadows_mean_ppm: u64,
    /// Mean share of pixels clipped to white, per million.
    pub clipped_highlights_mean_ppm: u64,
    /// Mean size, thousandths of a megapixel.
    pub megapixels_mean_milli: u64,
    /// Images found blurred.
    pub blurred: u64,
    /// Images found too dark.
    pub too_dark: u64,
    /// Images found too bright.
    pub too_bright: u64,
}

/// How grave a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Wants a person.
    Problem,
    /// Worth knowing.
    Notice,
}

/// Something wrong with a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Opaque id of the document; findings of one document follow each other.
    #[serde(default)]
    pub document: String,
    /// The code, e.g. `blurred`.
    pub code: String,
    /// What it means, in a sentence.
    pub sentence: String,
    /// How grave.
    pub severity: Severity,
    /// The file concerned.
    pub file_name: String,
    /// Its site code.
    pub site: Option<String>,
    /// Since when it is open.
    pub since: Timestamp,
    /// Its picture, as an index into [`ReportContent::thumbnails`].
    pub thumbnail: Option<usize>,
}

/// A small picture; its bytes travel beside the content, in [`Thumbnails`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thumbnail {
    /// SHA-256 of the JPEG bytes, lower-case hex.
    pub sha256: String,
    /// Width in pixels.
    pub width_px: u32,
    /// Height in pixels.
    pub height_px: u32,
    /// The file it shows.
    pub file_name: String,
    /// Its site code.
    pub site: Option<String>,
    /// Added in the period.
    pub new: bool,
    /// Findings in a word or two each, e.g. `Blurred`.
    pub flags: Vec<String>,
}

/// Files with the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DuplicateGroup {
    /// SHA-256 of their bytes, lower-case hex.
    pub sha256: String,
    /// Size of each.
    pub bytes_each: u64,
    /// The files, by name; at least two.
    pub files: Vec<DuplicateFile>,
}

/// One of several files with the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DuplicateFile {
    /// Its name.
    pub file_name: String,
    /// Its site code.
    pub site: Option<String>,
}

/// What happened to a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// It existed before observation began.
    Found,
    /// Added.
    Added,
    /// Its properties or its file changed.
    Changed,
    /// Removed.
    Removed,
    /// Moved here from another trial.
    MovedIn,
    /// Moved to another trial.
    MovedOut,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// What happened.
    pub action: Action,
    /// The file, by its name after the change.
    pub file_name: String,
    /// Its site code.
    pub site: Option<String>,
    /// Its kind code.
    pub kind: Option<String>,
    /// When.
    pub at: Timestamp,
    /// Display name, or an opaque id, or `[erased]`.
    pub by: String,
    /// Why, where a reason was given.
    pub reason: Option<String>,
    /// Names of the properties that changed.
    pub properties: Vec<String>,
}

/// What a report was made from and with; two reports with equal manifests and cuts have equal bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the projection the figures come from.
    pub projection: String,
    /// Version of the page layout and its words ([`crate::pdf::TEMPLATE_VERSION`]).
    pub template: String,
    /// Version of the PDF writer ([`crate::pdf::RENDERER_VERSION`]).
    pub renderer: String,
    /// Version of the fonts ([`crate::pdf::FONTS_VERSION`]).
    pub fonts: String,
    /// Version of the time zone data.
    pub tz_data: String,
    /// Version of the image and table analysis.
    pub analysis: String,
}

/// Adds changes up by person: most changes first, then by name.
pub fn by_whom(changes: &[Change]) -> Vec<ByWhom> {
    let mut people: BTreeMap<&str, (ByWhom, BTreeMap<&str, u64>)> = BTreeMap::new();
    for change in changes {
        let (person, reasons) = people.entry(&change.by).or_insert_with(|| (ByWhom::none(&change.by), BTreeMap::new()));
        match change.action {
            Action::Added | Action::MovedIn => person.added += 1,
            Action::Changed => person.changed += 1,
            Action::Removed | Action::MovedOut => person.removed += 1,
            // Nobody does anything when a scan meets what was there before.
            Action::Found => continue,
        }
        if let Some(reason) = &change.reason {
            *reasons.entry(reason).or_default() += 1;
        }
    }
    let mut people: Vec<ByWhom> = people
        .into_values()
        .filter(|(person, _)| person.total() > 0)
        .map(|(person, reasons)| {
            let mut reasons: Vec<(&str, u64)> = reasons.into_iter().collect();
            reasons.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
            ByWhom { reasons: reasons.into_iter().map(|(reason, _)| reason.to_owned()).collect(), ..person }
        })
        .collect();
    people.sort_by(|a, b| b.total().cmp(&a.total()).then_with(|| a.name.cmp(&b.name)));
    people
}

impl ByWhom {
    fn none(name: &str) -> Self {
        Self { name: name.to_owned(), added: 0, changed: 0, removed: 0, reasons: Vec::new() }
    }

    /// All that this person did.
    pub fn total(&self) -> u64 {
        self.added + self.changed + self.removed
    }
}
