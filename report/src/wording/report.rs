//! The words of the PDF.

use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};

use super::dates;
use super::numbers::{bytes, bytes_moved, changes, count, decimal, documents, of, percent_of_ppm, plural};
use crate::content::{
    Action, AnalysisCounts, Attention, Balance, ByWhom, Expected, ImageQuality, Paper, ReportContent, Week,
};

/// The product's name in the masthead.
pub const PRODUCT: &str = "Trialbrief";
/// Title of the attention list.
pub const ATTENTION: &str = "Needs attention";
/// Said instead of the list.
pub const NO_ATTENTION: &str = "Nothing needs attention.";
/// Title of the sum.
pub const BALANCE: &str = "Added, changed, removed";
/// Title of the table by person.
pub const BY_WHOM: &str = "By whom and why";
/// Said instead of the table.
pub const NOBODY: &str = "Nobody added, changed or removed a document in this period.";
/// Title of the block on expected documents.
pub const EXPECTED: &str = "Overdue against expected";
/// Said where no list is set.
pub const NO_EXPECTED: &str = "No list of expected documents is set for this trial, so none can be overdue.";
/// Title of the block on analysis.
pub const ANALYSED: &str = "Analysed";
/// Title of the chart.
pub const WEEKS: &str = "Twelve weeks of activity";
/// Axis title of the chart.
pub const WEEKS_UNIT: &str = "Documents added and removed, and changes, per week (dated by its first day)";
/// Mark of a week without observation.
pub const NOT_OBSERVED: &str = "not observed";
/// Title of the breakdowns.
pub const BREAKDOWNS: &str = "Breakdowns";
/// Title of a breakdown.
pub const BY_KIND: &str = "By kind";
/// Title of a breakdown.
pub const BY_SITE: &str = "By site";
/// Title of a breakdown.
pub const BY_STATUS: &str = "By status";
/// The code of what a record does not state.
pub const UNSTATED_CODE: &str = "none";
/// Said instead of the breakdowns.
pub const NO_DOCUMENTS: &str = "No document is present, so there is nothing to break down.";
/// Title of the image figures.
pub const QUALITY: &str = "Image quality";
/// Said instead of them.
pub const NO_IMAGES: &str = "No image is present, so there is nothing to measure.";
/// Title of the overdue list.
pub const OVERDUE: &str = "Overdue documents";
/// Title of the findings.
pub const FINDINGS: &str = "Findings";
/// Said instead of them.
pub const NO_FINDINGS: &str = "No finding is open.";
/// Heading of the remedies.
pub const REMEDIES: &str = "What to do";
/// Title of the contact sheet.
pub const CONTACT_SHEET: &str = "Contact sheet";
/// Said instead of it.
pub const NO_PICTURES: &str = "No picture is new in this period or needs attention.";
/// Under a picture that was added in the period.
pub const NEW: &str = "New";
/// Stands in the place of a picture that is not to be had.
pub const PICTURE_MISSING: &str = "Picture not available";
/// Title of the duplicates.
pub const DUPLICATES: &str = "Duplicates";
/// Said instead of them.
pub const NO_DUPLICATES: &str = "No two present documents have the same bytes.";
/// Title of the table of changes.
pub const CHANGES: &str = "Table of changes";
/// Said instead of it.
pub const NO_CHANGES: &str = "No document was added, changed or removed in this period.";
/// Title of the explanations.
pub const METHODS: &str = "How each figure is computed";
/// Title of the manifest.
pub const MANIFEST: &str = "Manifest";
/// Sections and their short names in the line of links on page 1.
pub const SECTIONS: [(&str, &str); 8] = [
    (BREAKDOWNS, "Breakdowns"),
    (QUALITY, "Image quality"),
    (FINDINGS, "Findings"),
    (CONTACT_SHEET, "Contact sheet"),
    (DUPLICATES, "Duplicates"),
    (CHANGES, "Changes"),
    (METHODS, "How computed"),
    (MANIFEST, "Manifest"),
];
/// What the manifest is for.
pub const MANIFEST_LEAD: &str =
    "The same log up to the same cut, and the same versions, give the same file, byte for byte.";
/// Printed where there is nothing to say.
pub const NONE: &str = "–";

/// `Trial report` or, where the period is a week, `Weekly trial report`.
pub fn document_kind(content: &ReportContent) -> &'static str {
    let days = content.period.from.until(content.period.to).map_or(0, |span| span.get_days());
    if days == 7 && !content.period.so_far { "Weekly trial report" } else { "Trial report" }
}

/// Title of the file: trial and period.
pub fn title(content: &ReportContent) -> String {
    format!("{} · {} · {}", content.trial.id, document_kind(content), dates::period_short(&content.period))
}

/// The report in one sentence: `41 documents added, 3 need attention`.
pub fn headline(content: &ReportContent) -> String {
    let balance = &content.balance;
    let terms = [
        (balance.added, "added"),
        (balance.moved_in, "moved in"),
        (balance.found, "found"),
        (balance.changed, "changed"),
        (balance.removed, "removed"),
        (balance.moved_out, "moved out"),
    ];
    let news = terms.iter().find(|(n, _)| *n > 0).map_or_else(
        || "No document added, changed or removed".to_owned(),
        |(n, verb)| match *verb {
            "changed" => format!("{} to documents", changes(*n)),
            verb => format!("{} {verb}", documents(*n)),
        },
    );
    let attention = match content.needing_attention() {
        0 => "nothing needs attention".to_owned(),
        1 => "1 needs attention".to_owned(),
        n => format!("{} need attention", count(n)),
    };
    let head = if content.cut.complete { "" } else { "Incomplete: " };
    let news = if content.cut.complete { news } else { lower_first(&news) };
    format!("{head}{news}, {attention}")
}

fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

/// Said under the headline of an incomplete report.
pub const INCOMPLETE: &str = "Incomplete: part of the change history was lost before the cut and a scan of the collection filled \
     the gap. What is present is right; when it changed, and by whom, may be missing.";

/// Said under the headline of a report asked for before the period's end.
pub const SO_FAR: &str = "So far: this period is not over.";

/// `Observed since …: earlier documents count as found, not as added.`
pub fn observed_since(content: &ReportContent, zone: &TimeZone) -> Option<String> {
    let since = content.observed_since?;
    let since = dates::local(since, zone);
    Some(format!("Observed since {since}: what existed before counts as found, not as added."))
}

/// `5 more stand under Findings, with what to do about each.`
pub fn more_attention(n: u64, with_remedies: bool) -> String {
    match (n, with_remedies) {
        (0, _) => format!("What to do about each stands under {FINDINGS}."),
        (n, false) => format!("{} more under {FINDINGS}.", count(n)),
        (n, true) => format!("{} more under {FINDINGS}, with what to do about each.", count(n)),
    }
}

/// All findings of one document: `Blurred, low resolution`.
pub fn titles(item: &Attention) -> String {
    item.others.iter().fold(item.title.clone(), |titles, other| format!("{titles}, {}", lower_first(other)))
}

/// What to do, each sentence once, with the findings it is for: `Truncated, empty file`.
pub fn remedies(attention: &[Attention]) -> Vec<(String, String)> {
    let mut remedies: Vec<(Vec<&str>, &str)> = Vec::new();
    for item in attention {
        match remedies.iter_mut().find(|(_, remedy)| *remedy == item.reason) {
            Some((titles, _)) if titles.contains(&item.title.as_str()) => {}
            Some((titles, _)) => titles.push(&item.title),
            None => remedies.push((vec![&item.title], &item.reason)),
        }
    }
    let named = |titles: Vec<&str>| {
        titles[1..].iter().fold(titles[0].to_owned(), |all, title| format!("{all}, {}", lower_first(title)))
    };
    remedies.into_iter().map(|(titles, remedy)| (named(titles), remedy.to_owned())).collect()
}

/// `12 days` on the attention list.
pub fn age(days: u32) -> String {
    if days == 0 { "today".to_owned() } else { super::numbers::days(u64::from(days)) }
}

/// Labels and values of the sum, in its order.
pub fn balance_terms(balance: &Balance) -> [(&'static str, u64); 7] {
    [
        ("at the start", balance.present_at_start),
        ("+ found", balance.found),
        ("+ added", balance.added),
        ("+ moved in", balance.moved_in),
        ("− moved out", balance.moved_out),
        ("− removed", balance.removed),
        ("= present", balance.present_at_end),
    ]
}

/// What the sum leaves out.
pub fn balance_rest(balance: &Balance) -> String {
    format!(
        "{} to documents. The files present take {}, {}.",
        changes(balance.changed),
        bytes(balance.bytes_at_end),
        bytes_moved(balance.bytes_at_start, balance.bytes_at_end)
    )
}

/// Head of the table by person.
pub const BY_WHOM_COLUMNS: [&str; 5] = ["Person", "Added", "Changes", "Removed", "Reasons given"];

/// `3 others` in the table by person.
pub fn others(n: u64) -> String {
    plural(n, "other", "others")
}

/// The most frequent reason of one person, and how many others there are.
pub fn reasons(person: &ByWhom) -> String {
    match person.reasons.as_slice() {
        [] => "none given".to_owned(),
        [only] => only.clone(),
        [first, others @ ..] => format!("{first}, and {} more", count(others.len() as u64)),
    }
}

/// Large figure and sentence on expected documents.
pub fn expected(expected: &Expected) -> (String, String) {
    let late = match expected.overdue {
        0 => "None is overdue".to_owned(),
        1 => "1 expected document is overdue".to_owned(),
        n => format!("{} expected documents are overdue", count(n)),
    };
    (of(expected.overdue, expected.expected), format!("{late}; {} of the list are present.", count(expected.present)))
}

/// Large figure and sentence on analysis.
pub fn analysed(counts: &AnalysisCounts) -> (String, String) {
    if counts.of == 0 {
        return ("0 of 0".to_owned(), "No document is present, so there was none to analyse.".to_owned());
    }
    let rest = match (counts.unreadable, counts.waiting) {
        (0, 0) => "All present documents were analysed.".to_owned(),
        (unreadable, 0) => format!("{} could not be read; none is waiting.", count(unreadable)),
        (0, waiting) => format!("{} waiting at the cut; none was unreadable.", plural(waiting, "was", "were")),
        (unreadable, waiting) => {
            format!("{} could not be read; {} waiting at the cut.", count(unreadable), plural(waiting, "was", "were"))
        }
    };
    (of(counts.analysed, counts.of), rest)
}

/// Names of the chart's series, in drawing order.
pub const SERIES: [&str; 3] = ["added", "changes", "removed"];

/// Said instead of the chart where it would be empty.
pub fn quiet_weeks(observed: u64) -> String {
    match observed {
        0 => "No week was observed yet.".to_owned(),
        1 => "Nothing was added, changed or removed in the last week.".to_owned(),
        n => format!("Nothing was added, changed or removed in the last {} weeks.", count(n)),
    }
}

/// The chart in words, for those who do not see it.
pub fn weeks_alt(weeks: &[Week]) -> String {
    let mut alt = "Bar chart of documents added, changes, and documents removed per week.".to_owned();
    for week in weeks {
        if week.observed {
            alt.push_str(&format!(
                " Week of {}: {} added, {}, {} removed.",
                dates::day(week.from),
                count(week.added),
                changes(week.changed),
                count(week.removed)
            ));
        } else {
            alt.push_str(&format!(" Week of {}: {NOT_OBSERVED}.", dates::day(week.from)));
        }
    }
    alt
}

/// Head of a breakdown.
pub fn breakdown_columns(first: &'static str) -> [&'static str; 7] {
    [first, "Documents", "Share", "Size", "Added", "Removed", "Attention"]
}

/// A kind, site or status as it is printed.
pub fn code(code: &str) -> &str {
    if code == UNSTATED_CODE { "not given" } else { code }
}

/// Which breakdowns are left out: `No document has a site or a status.`
pub fn unstated(dimensions: &[&str]) -> String {
    let each: Vec<String> = dimensions.iter().map(|dimension| format!("a {}", lower_first(dimension))).collect();
    format!("No document has {}.", each.join(" or "))
}

/// Site and kind of a changed document: `DE-04 · lab-table`.
pub fn place(site: Option<&str>, kind: Option<&str>) -> String {
    match (site, kind) {
        (Some(site), Some(kind)) => format!("{site} · {kind}"),
        (site, kind) => site.or(kind).unwrap_or(NONE).to_owned(),
    }
}

/// Head of the image figures.
pub const QUALITY_COLUMNS: [&str; 4] = ["Measure", "Figure", "Images", "What it says"];

/// What the image figures rest on.
pub fn quality_lead(quality: &ImageQuality) -> String {
    format!(
        "Figures are means over {} images that were analysed; every image counts once.",
        of(quality.images_analysed, quality.images)
    )
}

/// Measure, figure, denominator, meaning.
pub fn quality(quality: &ImageQuality) -> Vec<(&'static str, String, String, &'static str)> {
    let images = format!("{} analysed", of(quality.images_analysed, quality.images));
    let mean = |figure: String| if quality.images_analysed == 0 { NONE.to_owned() } else { figure };
    let found = |n: u64| of(n, quality.images_analysed);
    let rows = [
        ("Size", mean(format!("{} MP", decimal(quality.megapixels_mean_milli))), "Megapixels of the mean image."),
        ("Luminance", mean(decimal(quality.luminance_mean_milli)), "0 is black, 255 is white."),
        ("Contrast", mean(decimal(quality.contrast_mean_milli)), "Standard deviation of luminance; low is flat."),
        ("Sharpness", mean(decimal(quality.sharpness_mean_milli)), "Variance of the Laplacian; low is blurred."),
        ("Clipped shadows", mean(percent_of_ppm(quality.clipped_shadows_mean_ppm)), "Pixels lost to black."),
        ("Clipped highlights", mean(percent_of_ppm(quality.clipped_highlights_mean_ppm)), "Pixels lost to white."),
        ("Blurred", found(quality.blurred), "Images below the limit of sharpness."),
        ("Too dark", found(quality.too_dark), "Images below the limit of luminance."),
        ("Too bright", found(quality.too_bright), "Images above the limit of luminance."),
    ];
    rows.into_iter().map(|(measure, figure, says)| (measure, figure, images.clone(), says)).collect()
}

/// Entry, value, and whether the value is a hash.
pub fn manifest(content: &ReportContent) -> Vec<(&'static str, String, bool)> {
    let (manifest, edition, cut) = (&content.manifest, &content.edition, &content.cut);
    let paper = match edition.paper {
        Paper::A4 => "A4",
        Paper::Letter => "Letter",
    };
    vec![
        ("Report", content.report_id.clone(), true),
        ("Cut", dates::utc(cut.at), false),
        ("Log hash at the cut", cut.log_hash.clone(), true),
        ("Change history", if cut.complete { "complete" } else { "incomplete" }.to_owned(), false),
        ("Edition", format!("{}, {}, {paper}, for: {}", edition.zone, edition.language, edition.audience), false),
        ("Projection", manifest.projection.clone(), false),
        ("Template", manifest.template.clone(), false),
        ("Renderer", manifest.renderer.clone(), false),
        ("Fonts", manifest.fonts.clone(), false),
        ("Time zone data", manifest.tz_data.clone(), false),
        ("Analysis", manifest.analysis.clone(), false),
        (
            "Thumbnails",
            plural(content.thumbnails.len() as u64, "picture, by its SHA-256", "pictures, by their SHA-256"),
            false,
        ),
        ("SHA-256 of their list", thumbnails_hash(content), true),
    ]
}

/// SHA-256 over the thumbnails' hashes, in order, each with a line feed.
fn thumbnails_hash(content: &ReportContent) -> String {
    let mut hash = Sha256::new();
    for thumbnail in &content.thumbnails {
        hash.update(thumbnail.sha256.as_bytes());
        hash.update(b"\n");
    }
    hex::encode(hash.finalize())
}

/// Head of the overdue list.
pub const OVERDUE_COLUMNS: [&str; 4] = ["Kind", "Site", "Due", "Overdue"];

/// Head of the attention list.
pub const ATTENTION_COLUMNS: [&str; 4] = ["Finding", "File", "Site", "Open for"];

/// Head of the findings.
pub const FINDING_COLUMNS: [&str; 4] = ["Picture", "File and findings", "Site", "Open since"];

/// Head of the duplicates.
pub const DUPLICATE_COLUMNS: [&str; 4] = ["Files with the same bytes", "Site", "Size", "SHA-256"];

/// Head of the table of changes.
pub const CHANGE_COLUMNS: [&str; 5] = ["When", "What", "File", "Site and kind", "By"];

/// Head of the manifest.
pub const MANIFEST_COLUMNS: [&str; 2] = ["Entry", "Value"];

/// One word for what happened.
pub fn action(action: Action) -> &'static str {
    match action {
        Action::Found => "Found",
        Action::Added => "Added",
        Action::Changed => "Changed",
        Action::Removed => "Removed",
        Action::MovedIn => "Moved in",
        Action::MovedOut => "Moved out",
    }
}

/// Which properties changed, and why.
pub fn change_note(properties: &[String], reason: Option<&str>) -> Option<String> {
    let changed = (!properties.is_empty()).then(|| properties.join(", "));
    let reason = reason.map(|reason| format!("Reason: {reason}"));
    match (changed, reason) {
        (Some(changed), Some(reason)) => Some(format!("{changed}. {reason}")),
        (changed, reason) => changed.or(reason),
    }
}

/// `All times are in Europe/Berlin.`
pub fn times_in(zone: &str) -> String {
    format!("All times are in {zone}.")
}

/// `12 more changes are counted but not listed.`
pub fn omitted(n: u64, one: &str, many: &str) -> Option<String> {
    (n > 0).then(|| format!("{} counted but not listed.", plural(n, one, many)))
}

/// What the contact sheet had no room for.
pub fn pictures_omitted(n: u64) -> Option<String> {
    (n > 0)
        .then(|| format!("The sheet is full: up to {} more new or flagged, with or without a picture.", documents(n)))
}

/// Alternative text of a thumbnail.
pub fn picture_alt(file_name: &str, flags: &[String]) -> String {
    if flags.is_empty() {
        format!("Picture of {file_name}")
    } else {
        format!("Picture of {file_name}: {}", flags.join(", "))
    }
}

/// `Page 3 of 12`.
pub fn page_of(page: usize, pages: usize) -> String {
    format!("Page {page} of {pages}")
}

/// The cut in the footer: instant in UTC and the head of the log hash.
pub fn footer(content: &ReportContent) -> String {
    let hash = &content.cut.log_hash;
    let short = hash.char_indices().nth(12).map_or(hash.as_str(), |(end, _)| &hash[..end]);
    let state = if content.cut.complete { "" } else { " · incomplete" };
    format!("{} · cut {} · log {short}{state}", content.trial.id, dates::utc(content.cut.at))
}
