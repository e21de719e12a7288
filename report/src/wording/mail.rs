//! The words of the mail. Nothing here takes a file name, a site or a person: what is not asked for cannot leak.

use super::numbers::{bytes, count, of};
use crate::mail::MailContent;

/// Subject: code, kind, period; "incomplete" where the cut is.
pub fn subject(content: &MailContent) -> String {
    let kind = match (content.complete, content.so_far) {
        (false, _) => "incomplete report",
        (true, true) => "report so far",
        (true, false) => "report",
    };
    format!("{}: {kind}, {}", content.trial_id, content.period_short)
}

/// Label and figure of each row.
pub fn figures(content: &MailContent) -> Vec<(&'static str, String)> {
    let mut rows = vec![("Added", count(content.added))];
    if content.moved_in > 0 {
        rows.push(("Moved in", count(content.moved_in)));
    }
    rows.push(("Changes", count(content.changed)));
    rows.push(("Removed", count(content.removed)));
    if content.moved_out > 0 {
        rows.push(("Moved out", count(content.moved_out)));
    }
    rows.push(("Present", count(content.present)));
    rows.push(("Need attention", count(content.attention)));
    if let Some((overdue, expected)) = content.overdue {
        rows.push(("Overdue of expected", of(overdue, expected)));
    }
    rows.push(("Analysed", of(content.analysed.0, content.analysed.1)));
    rows
}

/// `The full report is attached: ….pdf (431 kB).`
pub fn attached(file_name: &str, size_bytes: u64) -> String {
    format!("The full report is attached: {file_name} ({}).", bytes(size_bytes))
}

/// Why there is a link instead, for a file above the limit.
pub fn too_large(encoded_bytes: u64, limit_bytes: u64) -> String {
    format!(
        "The full report is too large to attach: it would take {} of this mail, and the limit is {}. Read it here:",
        bytes(encoded_bytes),
        bytes(limit_bytes)
    )
}

/// Why there is a link instead, where the trial's settings ask for it.
pub const LINK_ONLY: &str = "Reports of this trial are not sent as attachments. Read the full report here:";
/// Words of the link.
pub const OPEN_REPORT: &str = "Open the report";
/// Said of an incomplete report.
pub const INCOMPLETE: &str =
    "Incomplete: part of the change history was lost and a scan filled the gap; page 1 of the report says more.";
/// Said of a report before the period's end.
pub const SO_FAR: &str = "So far: this period is not over.";
/// Words of the unsubscribe link.
pub const UNSUBSCRIBE: &str = "Unsubscribe";
/// Caption of the table of figures.
pub const FIGURES: &str = "Key figures of the period";

/// Why this mail came.
pub fn why(trial_id: &str) -> String {
    format!("You receive this mail because you subscribed to reports about {trial_id}.")
}
