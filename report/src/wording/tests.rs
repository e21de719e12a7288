use jiff::civil::date;
use jiff::tz::TimeZoneDatabase;
use proptest::prelude::*;

use super::{dates, numbers, report};
use crate::content::{Action, Attention, Change, Paper, Period, by_whom};
use crate::sample;

#[test]
fn one_is_singular_and_everything_else_plural() {
    assert_eq!(numbers::documents(0), "0 documents");
    assert_eq!(numbers::documents(1), "1 document");
    assert_eq!(numbers::documents(1_234_567), "1,234,567 documents");
}

#[test]
fn bytes_have_three_digits_and_never_reach_a_thousand_of_a_unit() {
    let said = [0, 1, 999, 1_000, 12_345, 999_499, 999_950, 1_500_000_000, u64::MAX].map(numbers::bytes);
    let nbsp = |text: &str| text.replace(' ', "\u{a0}");
    assert_eq!(said[..3], ["0 bytes", "1 byte", "999 bytes"]);
    let rest = ["1.00 kB", "12.3 kB", "999 kB", "1.00 MB", "1.50 GB", "18.4 EB"].map(nbsp);
    assert_eq!(said[3..], rest);
}

proptest! {
    #[test]
    fn grouping_changes_no_digit(n: u64) {
        prop_assert_eq!(numbers::count(n).replace(',', ""), n.to_string());
    }

    #[test]
    fn a_share_is_within_half_a_tenth_of_the_truth(whole in 1u64..1_000_000, part in 0u64..1_000_000) {
        let part = part.min(whole);
        let said: f64 = numbers::share(part, whole).trim_end_matches("\u{a0}%").parse().expect("a number");
        prop_assert!((said - 100.0 * part as f64 / whole as f64).abs() <= 0.050_001);
    }
}

#[test]
fn the_headline_says_what_came_and_what_needs_attention() {
    let mut content = sample::content(1, 1, Paper::A4);
    assert_eq!(report::headline(&content), "1 document added, nothing needs attention");
    content.cut.complete = false;
    assert_eq!(report::headline(&content), "Incomplete: 1 document added, nothing needs attention");
    let empty = sample::content(1, 0, Paper::A4);
    assert_eq!(report::headline(&empty), "No document added, changed or removed, nothing needs attention");
    let full = sample::content(7, 300, Paper::A4);
    assert!(report::headline(&full).ends_with(&format!("{} need attention", full.attention.len())));
}

#[test]
fn what_to_do_is_said_once_for_all_findings_it_is_for() {
    let item = |title: &str, others: &[&str], reason: &str| Attention {
        title: title.to_owned(),
        others: others.iter().map(|&other| other.to_owned()).collect(),
        reason: reason.to_owned(),
        file_name: "a.jpg".to_owned(),
        site: None,
        age_days: 0,
        link: None,
    };
    let list = [
        item("Truncated", &[], "Upload."),
        item("Blurred", &["Low resolution"], "Look."),
        item("Empty file", &[], "Upload."),
        item("Truncated", &[], "Upload."),
    ];
    let said = [("Truncated, empty file", "Upload."), ("Blurred", "Look.")].map(|(a, b)| (a.to_owned(), b.to_owned()));
    assert_eq!(report::remedies(&list), said);
    assert_eq!(report::titles(&list[1]), "Blurred, low resolution");
}

#[test]
fn a_period_names_its_last_day_and_its_exact_ends_in_zone_and_utc() {
    let zone = TimeZoneDatabase::bundled().get("Europe/Berlin").expect("bundled");
    let mut period = sample::content(1, 1, Paper::A4).period;
    assert_eq!(dates::period_days(&period), "Monday 16 to Sunday 22 November 2026");
    assert_eq!(dates::period_short(&period), "16–22 Nov 2026");
    assert_eq!(
        dates::period_exact(&period, "Europe/Berlin", &zone),
        "From 16 Nov 2026, 00:00 up to, not including, 23 Nov 2026, 00:00, Europe/Berlin \
         (UTC: 15 Nov, 23:00 to 22 Nov, 23:00)."
    );
    period = Period { from: date(2026, 12, 28), to: date(2027, 1, 4), ..period };
    assert_eq!(dates::period_days(&period), "Monday 28 December 2026 to Sunday 3 January 2027");
    assert_eq!(dates::period_short(&period), "28 Dec 2026 – 3 Jan 2027");
}

#[test]
fn people_are_added_up_from_their_changes_and_found_documents_are_nobodys() {
    let change = |by: &str, action, reason: Option<&str>| Change {
        action,
        file_name: "a.txt".to_owned(),
        site: None,
        kind: None,
        at: jiff::Timestamp::UNIX_EPOCH,
        by: by.to_owned(),
        reason: reason.map(str::to_owned),
        properties: Vec::new(),
    };
    let people = by_whom(&[
        change("b", Action::Changed, Some("typo")),
        change("a", Action::Added, None),
        change("b", Action::Removed, Some("twice")),
        change("b", Action::Changed, Some("typo")),
        change("c", Action::Found, None),
    ]);
    let seen: Vec<_> = people.iter().map(|p| (p.name.as_str(), p.added, p.changed, p.removed)).collect();
    assert_eq!(seen, [("b", 0, 2, 1), ("a", 1, 0, 0)]);
    assert_eq!(report::reasons(&people[0]), "typo, and 1 more");
    assert_eq!(report::reasons(&people[1]), "none given");
}
