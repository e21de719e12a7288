//! Seeded sample content: as the program fills it, with names that try to break a page. Used by tests, benchmark and example; the
//! same arguments give the same content.

use std::collections::BTreeMap;

use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use sha2::{Digest, Sha256};

use crate::content::*;

/// File names that have broken other reports: long, bidirectional, with controls, in other scripts, markup.
pub const HOSTILE_NAMES: [&str; 12] = [
    "Straße & Übergrößen – Prüfbericht №7.pdf",
    "nul\u{0}byte\u{7}bell.csv",
    "\u{202e}gpj.evil\u{202c}.png",
    "日本語の検査報告書.pdf",
    "تقرير الفحص النهائي.pdf",
    "דוח בדיקה.pdf",
    "../../etc/passwd",
    "<script>alert('x')</script>.html",
    "emoji 🫀 heart\u{fe0f} zwj\u{200d}.jpg",
    "Ελληνικό έγγραφο, русский документ.txt",
    "  two  spaces\tand\na line feed.txt",
    "combining e\u{301}\u{327} and private \u{f8ff} use.txt",
];

const SITES: [&str; 9] = ["DE-01", "DE-04", "FR-02", "GB-11", "US-03", "US-08", "JP-01", "PL-05", "ES-07"];
const KINDS: [&str; 6] =
    ["site-photograph", "lab-table", "monitoring-note", "consent-form", "temperature-log", "delegation-log"];
const STATUSES: [&str; 3] = ["final", "draft", "superseded"];
const PEOPLE: [&str; 6] =
    ["Ana Morales", "Dr Jürgen Weiß", "Mei Tanaka", "P. O’Connor", "Zofia Wiśniewska", "another program"];
const REASONS: [&str; 5] = [
    "Signature page was missing",
    "Wrong site code corrected",
    "Rescanned at a higher resolution",
    "Filed twice",
    "Draft became final after the monitoring visit",
];

/// The samples whose pages are pictured in `docs/report`: name, changes, paper, pages pictured.
pub const SAMPLES: [(&str, usize, Paper, usize); 5] = [
    ("empty-a4", 0, Paper::A4, 1),
    ("one-letter", 1, Paper::Letter, 1),
    ("thirty-a4", 30, Paper::A4, 6),
    ("three-hundred-a4", 300, Paper::A4, 1),
    ("three-hundred-letter", 300, Paper::Letter, 1),
];

/// A small generator (SplitMix64): no dependency, the same everywhere.
struct Seeded(u64);

impl Seeded {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n.max(1)
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[usize::try_from(self.below(of.len() as u64)).unwrap_or(0)]
    }
}

/// Content with `changes` changes in one week; none gives an empty trial.
pub fn content(seed: u64, changes: usize, paper: Paper) -> ReportContent {
    let mut random = Seeded(seed);
    let listed = change_list(&mut random, changes);
    let added = count(&listed, Action::Added) + count(&listed, Action::MovedIn);
    let removed = count(&listed, Action::Removed) + count(&listed, Action::MovedOut);
    let start = if changes == 0 { 0 } else { removed + 4 * changes as u64 };
    let balance = Balance {
        present_at_start: start,
        found: 0,
        added: count(&listed, Action::Added),
        moved_in: count(&listed, Action::MovedIn),
        moved_out: count(&listed, Action::MovedOut),
        removed: count(&listed, Action::Removed),
        changed: count(&listed, Action::Changed),
        present_at_end: start + added - removed,
        bytes_at_start: start * 912_345,
        bytes_at_end: start * 912_345 + added * 1_204_551,
    };
    let present = balance.present_at_end;
    let flagged = flagged(&listed);
    let thumbnails = pictures(&listed, &flagged);
    let open = |code: &str| flagged.iter().filter(|item| item.codes().any(|of| of.code == code)).count() as u64;
    let unreadable = open("truncated") + open("empty_file");
    let waiting = if changes > 1 { 2 } else { 0 };
    ReportContent {
        report_id: "6f1d7c1e-8f35-5a56-9f0e-5d3f3b1f9f4a".to_owned(),
        trial: Trial { id: "ACME-101".to_owned(), title: "Cardiology device study, first in human".to_owned() },
        period: period(),
        edition: Edition {
            zone: "Europe/Berlin".to_owned(),
            language: "en".to_owned(),
            paper,
            audience: "team".to_owned(),
        },
        cut: Cut { at: period().to_utc, log_hash: hex::encode(Sha256::digest(seed.to_be_bytes())), complete: true },
        observed_since: None,
        balance: balance.clone(),
        attention: flagged.iter().map(Flagged::attention).collect(),
        attention_omitted: 0,
        by_whom: by_whom(&listed),
        expected: None,
        analysis: AnalysisCounts { analysed: present - unreadable - waiting, unreadable, waiting, of: present },
        weeks: weeks(&mut random, changes, &listed),
        by_kind: breakdown(&mut random, &KINDS, &balance, flagged.len()),
        by_site: breakdown(&mut random, &SITES, &balance, flagged.len()),
        by_status: breakdown(&mut random, &STATUSES, &balance, flagged.len()),
        image_quality: (present > 1).then(|| quality(present.div_ceil(3), open)),
        findings: findings(&flagged, &thumbnails),
        findings_omitted: 0,
        thumbnails,
        thumbnails_omitted: 0,
        duplicates: duplicates(changes),
        duplicates_omitted: 0,
        changes: listed,
        changes_omitted: 0,
        manifest: Manifest {
            projection: "document-changes 1".to_owned(),
            template: crate::pdf::TEMPLATE_VERSION.to_owned(),
            renderer: crate::pdf::RENDERER_VERSION.to_owned(),
            fonts: crate::pdf::FONTS_VERSION.to_owned(),
            tz_data: "2025b".to_owned(),
            analysis: "analysis 1".to_owned(),
        },
    }
}

const FIRST: Date = date(2026, 11, 16);

fn period() -> Period {
    // Berlin keeps UTC+1 in November; a sample needs no zone data.
    let midnight = |day: Date| {
        TimeZone::fixed(jiff::tz::offset(1)).to_timestamp(day.at(0, 0, 0, 0)).unwrap_or(Timestamp::UNIX_EPOCH)
    };
    let to = FIRST.saturating_add(7.days());
    Period { from: FIRST, to, from_utc: midnight(FIRST), to_utc: midnight(to), so_far: false }
}

fn count(changes: &[Change], action: Action) -> u64 {
    changes.iter().filter(|change| change.action == action).count() as u64
}

fn file_name(random: &mut Seeded, i: usize, site: &str, kind: &str) -> String {
    if i == 3 {
        return format!("{}.pdf", "x".repeat(296));
    }
    if i > 3 && i.is_multiple_of(5) && i / 5 <= HOSTILE_NAMES.len() {
        return HOSTILE_NAMES[i / 5 - 1].to_owned();
    }
    let ending = match kind {
        "site-photograph" => "jpg",
        "lab-table" | "temperature-log" => "csv",
        "monitoring-note" => "txt",
        _ => "pdf",
    };
    format!("{site}_{kind}_visit-{:02}_{:04}.{ending}", 1 + random.below(12), i)
}

fn change_list(random: &mut Seeded, changes: usize) -> Vec<Change> {
    let week_seconds = 7 * 86_400;
    (0..changes)
        .map(|i| {
            let action = match (i, random.below(20)) {
                (0, _) | (_, 0..13) => Action::Added,
                (_, 13..17) => Action::Changed,
                (_, 17..19) => Action::Removed,
                (_, _) => Action::MovedIn,
            };
            let (site, kind) = (random.pick(&SITES), random.pick(&KINDS));
            let edited = action == Action::Changed;
            let properties: &[&str] = if edited { &["Status", "DocumentDate"] } else { &[] };
            let explained = edited || action == Action::Removed;
            let offset = i64::try_from((i as u64 * 1_000 + 500) * week_seconds / (changes as u64 * 1_000)).unwrap_or(0);
            Change {
                action,
                file_name: file_name(random, i, site, kind),
                site: (i % 11 != 10).then(|| site.to_owned()),
                kind: Some(kind.to_owned()),
                at: period().from_utc.saturating_add(offset.seconds()).unwrap_or_else(|_| period().from_utc),
                by: random.pick(&PEOPLE).to_owned(),
                reason: explained.then(|| random.pick(&REASONS).to_owned()),
                properties: properties.iter().map(|&name| name.to_owned()).collect(),
            }
        })
        .collect()
}

struct Known {
    code: &'static str,
    title: &'static str,
    sentence: &'static str,
    remedy: &'static str,
}

const fn known(code: &'static str, title: &'static str, sentence: &'static str, remedy: &'static str) -> Known {
    Known { code, title, sentence, remedy }
}

const AGAIN: &str = "Upload the file again from its source.";
const LOOK: &str = "Look at the image; take or scan it again if it cannot be read.";

/// Some of what the analysis finds, gravest first: before [`WARNINGS`] the document cannot be used as it is.
const KNOWN: [Known; 7] = [
    known("empty_file", "Empty file", "The file is empty.", AGAIN),
    known("truncated", "Truncated", "The file ends before the image is complete.", AGAIN),
    known(
        "size_mismatch",
        "Size mismatch",
        "The file's size differs from its record.",
        "Find out which of the two is right: the file may have been replaced or damaged.",
    ),
    known("blurred", "Blurred", "The image is blurred.", LOOK),
    known("too_dark", "Too dark", "The image is very dark.", LOOK),
    known("low_resolution", "Low resolution", "The image has very few pixels.", LOOK),
    known(
        "ragged_table",
        "Ragged table",
        "Some rows of the table have more or fewer fields than its first.",
        "Check quotes and separators in the rows concerned.",
    ),
];
const WARNINGS: usize = 3;

/// A document with findings, as indices of [`KNOWN`].
struct Flagged {
    file_name: String,
    site: Option<String>,
    since: Timestamp,
    new: bool,
    found: &'static [usize],
}

impl Flagged {
    fn codes(&self) -> impl Iterator<Item = &'static Known> {
        self.found.iter().map(|&i| &KNOWN[i])
    }

    fn document(&self) -> String {
        hex::encode(&Sha256::digest(&self.file_name)[..12])
    }

    fn attention(&self) -> Attention {
        let age_days = period().to_utc.duration_since(self.since).as_hours() / 24;
        let titles: Vec<String> = self.codes().map(|known| known.title.to_owned()).collect();
        Attention {
            title: titles[0].clone(),
            others: titles[1..].to_vec(),
            reason: KNOWN[self.found[0]].remedy.to_owned(),
            file_name: self.file_name.clone(),
            site: self.site.clone(),
            age_days: u32::try_from(age_days).unwrap_or(0),
            link: Some(format!("https://trialbrief.example/#/documents/{}", self.document())),
        }
    }
}

fn is_image(file_name: &str) -> bool {
    file_name.ends_with(".jpg") || file_name.ends_with(".png")
}

/// Worst first, then oldest: a third of them new in the period, the others from weeks before.
fn flagged(changes: &[Change]) -> Vec<Flagged> {
    let wanted = if changes.len() > 3 { 2 + changes.len() / 10 } else { 0 };
    let mut added = changes.iter().filter(|change| change.action == Action::Added);
    let mut flagged: Vec<Flagged> = (0..wanted.min(60))
        .filter_map(|i| {
            let before = i64::try_from(3 + 7 * i % 80).unwrap_or(3);
            let (file_name, site, since) = match i % 3 {
                0 => added.nth(1).map(|change| (change.file_name.clone(), change.site.clone(), change.at))?,
                _ => {
                    let (site, kind) =
                        (SITES[i % SITES.len()], ["site-photograph", "lab-table"][usize::from(i % 4 == 1)]);
                    let ending = if kind == "lab-table" { "csv" } else { "jpg" };
                    let since = period().from_utc.saturating_sub((24 * before).hours()).ok()?;
                    (format!("{site}_{kind}_visit-01_{:04}.{ending}", 9_000 + i), Some(site.to_owned()), since)
                }
            };
            let found: &[usize] = match i % 5 {
                _ if file_name.ends_with(".csv") => &[6],
                0 | 1 if !is_image(&file_name) => &[0],
                _ if !is_image(&file_name) => &[2],
                0 => &[1],
                1 => &[3, 5],
                2 => &[5],
                3 => &[4],
                _ => &[3],
            };
            Some(Flagged { file_name, site, since, new: i % 3 == 0, found })
        })
        .collect();
    flagged.sort_by_key(|item| (item.found[0] >= WARNINGS, item.since));
    flagged
}

/// Pictures of what is flagged and can be decoded, then of what is new.
fn pictures(changes: &[Change], flagged: &[Flagged]) -> Vec<Thumbnail> {
    let decoded = flagged.iter().filter(|item| is_image(&item.file_name) && item.found[0] >= WARNINGS);
    let flagged_ones = decoded.map(|item| {
        let flags = item.codes().map(|known| known.title.to_owned()).collect();
        (item.file_name.clone(), item.site.clone(), item.new, flags)
    });
    let new = changes
        .iter()
        .filter(|change| change.action == Action::Added && is_image(&change.file_name))
        .filter(|change| flagged.iter().all(|item| item.file_name != change.file_name))
        .map(|change| (change.file_name.clone(), change.site.clone(), true, Vec::new()));
    flagged_ones
        .chain(new)
        .take(60)
        .enumerate()
        .map(|(i, (file_name, site, new, flags))| {
            let picture = i % 8;
            let (width_px, height_px) = if picture == 3 { (240, 320) } else { (320, 240) };
            let sha256 = hex::encode(Sha256::digest(format!("picture {picture}")));
            Thumbnail { sha256, width_px, height_px, file_name, site, new, flags }
        })
        .collect()
}

fn findings(flagged: &[Flagged], thumbnails: &[Thumbnail]) -> Vec<Finding> {
    let of_document = |item: &Flagged| {
        let thumbnail = thumbnails.iter().position(|picture| picture.file_name == item.file_name);
        let finding = |known: &Known| Finding {
            document: item.document(),
            code: known.code.to_owned(),
            sentence: known.sentence.to_owned(),
            severity: Severity::Problem,
            file_name: item.file_name.clone(),
            site: item.site.clone(),
            since: item.since,
            thumbnail,
        };
        item.codes().map(finding).collect::<Vec<_>>()
    };
    flagged.iter().flat_map(of_document).collect()
}

/// A list of expected documents with two overdue; [`content`] has none.
pub fn expected(of: u64) -> Expected {
    let item = |i: u64| OverdueItem {
        kind: KINDS[usize::try_from(i).unwrap_or(0) % KINDS.len()].to_owned(),
        site: Some(SITES[usize::try_from(i).unwrap_or(0) % SITES.len()].to_owned()),
        due: FIRST.saturating_sub(i64::try_from(5 * i).unwrap_or(0).days()),
        days_overdue: u32::try_from(7 + 5 * i).unwrap_or(7),
    };
    Expected { expected: of, present: of.saturating_sub(3), overdue: of.min(2), items: vec![item(1), item(0)] }
}

fn weeks(random: &mut Seeded, changes: usize, listed: &[Change]) -> Vec<Week> {
    let per_week = changes as u64;
    (0..12_i64)
        .map(|i| {
            let from = FIRST.saturating_sub((7 * (11 - i)).days());
            let last = i == 11;
            let observed = i > 1 || changes == 0;
            let mut figure = |share: u64, now: u64| match (last, observed) {
                (true, _) => now,
                (false, false) => 0,
                (false, true) => random.below(per_week * share / 100 + u64::from(per_week > 0)),
            };
            let added = figure(90, count(listed, Action::Added) + count(listed, Action::MovedIn));
            let changed = figure(40, count(listed, Action::Changed));
            let removed = figure(20, count(listed, Action::Removed));
            Week { from, added, changed, removed, observed }
        })
        .collect()
}

/// Splits the totals over the codes so that each column's sum is right.
fn breakdown(random: &mut Seeded, codes: &[&str], balance: &Balance, flagged: usize) -> Vec<Breakdown> {
    let mut rows: Vec<Breakdown> = codes
        .iter()
        .map(|code| Breakdown { code: (*code).to_owned(), count: 0, bytes: 0, added: 0, removed: 0, flagged: 0 })
        .collect();
    let n = codes.len() as u64;
    let mut row = || usize::try_from(random.below(n).min(random.below(n))).unwrap_or(0);
    for _ in 0..balance.present_at_end {
        let i = row();
        rows[i].count += 1;
        rows[i].bytes += 912_345;
    }
    for _ in 0..balance.added + balance.moved_in {
        let drawn = row();
        // What was added is present, so a code has no more added than present.
        if let Some(i) = (0..codes.len()).map(|i| (drawn + i) % codes.len()).find(|&i| rows[i].added < rows[i].count) {
            rows[i].added += 1;
        }
    }
    for _ in 0..balance.removed + balance.moved_out {
        rows[row()].removed += 1;
    }
    rows.retain(|row| row.count + row.added + row.removed > 0);
    rows.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.code.cmp(&b.code)));
    let mut left = flagged as u64;
    for row in &mut rows {
        row.flagged = left.div_ceil(2).min(row.count);
        left -= row.flagged;
    }
    rows
}

fn quality(images: u64, open: impl Fn(&str) -> u64) -> ImageQuality {
    ImageQuality {
        images,
        images_analysed: images,
        luminance_mean_milli: 131_270,
        contrast_mean_milli: 52_410,
        sharpness_mean_milli: 412_530,
        clipped_shadows_mean_ppm: 12_480,
        clipped_highlights_mean_ppm: 21_020,
        megapixels_mean_milli: 1_920,
        blurred: open("blurred"),
        too_dark: open("too_dark"),
        too_bright: 0,
    }
}

fn duplicates(changes: usize) -> Vec<DuplicateGroup> {
    if changes < 10 {
        return Vec::new();
    }
    let file = |name: &str, site: &str| DuplicateFile { file_name: name.to_owned(), site: Some(site.to_owned()) };
    vec![DuplicateGroup {
        sha256: hex::encode(Sha256::digest(b"duplicate")),
        bytes_each: 2_482_113,
        files: vec![file("consent-form_0042.pdf", "DE-01"), file("consent-form_0042 (copy).pdf", "DE-04")],
    }]
}

/// Thumbnails for a content: each hash gets the JPEG that `paint` makes for its number.
pub fn thumbnails(content: &ReportContent, paint: impl Fn(u32, u32, usize) -> Vec<u8>) -> Thumbnails {
    let mut made: Thumbnails = BTreeMap::new();
    for (i, thumbnail) in content.thumbnails.iter().enumerate() {
        made.entry(thumbnail.sha256.clone()).or_insert_with(|| paint(thumbnail.width_px, thumbnail.height_px, i));
    }
    made
}
