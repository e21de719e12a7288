//! The rules of a content.

use super::*;
use crate::given::given;
use crate::measures::{Encoding, TextMeasures};

fn content() -> ContentHash {
    crate::given::content("a b")
}

fn measures() -> Measures {
    Measures::Text(TextMeasures { lines: 1, words: 2, characters: 3, encoding: Encoding::Utf8 })
}

fn record(algorithm: u32) -> Command {
    Command::RecordAnalysis { content: content(), algorithm, measures: measures(), findings: vec![], thumbnail: None }
}

fn analysed(algorithm: u32) -> Event {
    Event::ContentAnalysed { content: content(), algorithm, measures: measures(), findings: vec![], thumbnail: None }
}

fn record_unreadable(algorithm: u32, finding: FindingCode) -> Command {
    Command::RecordUnreadable { content: content(), algorithm, finding, media_type: None }
}

fn unreadable(algorithm: u32, finding: FindingCode) -> Event {
    Event::ContentUnreadable { content: content(), algorithm, finding, media_type: None }
}

#[test]
fn a_content_is_analysed_once_per_version_of_the_analysis() {
    given::<ContentState>([]).when(record(1)).then([analysed(1)]).when(record(1)).then_nothing();
    given::<ContentState>([analysed(1)]).when(record(2)).then([analysed(2)]);
}

#[test]
fn an_older_version_of_the_analysis_never_replaces_a_newer_one() {
    given::<ContentState>([analysed(2)]).when(record(1)).then_nothing();
    given::<ContentState>([analysed(2)]).when(record_unreadable(1, FindingCode::Truncated)).then_nothing();
    given::<ContentState>([unreadable(2, FindingCode::FileMissing)]).when(record(1)).then_nothing();
}

#[test]
fn bytes_that_cannot_be_read_are_a_result_too() {
    given::<ContentState>([])
        .when(record_unreadable(1, FindingCode::Truncated))
        .then([unreadable(1, FindingCode::Truncated)])
        .when(record_unreadable(1, FindingCode::Truncated))
        .then_nothing();
    given::<ContentState>([unreadable(1, FindingCode::Truncated)]).when(record(1)).then_nothing();
    given::<ContentState>([unreadable(1, FindingCode::Truncated)]).when(record(2)).then([analysed(2)]);
}

#[test]
fn a_missing_file_may_turn_up_or_be_missed_again_under_the_same_version() {
    let missing = || given::<ContentState>([unreadable(1, FindingCode::FileMissing)]);
    missing().when(record_unreadable(1, FindingCode::FileMissing)).then([unreadable(1, FindingCode::FileMissing)]);
    missing().when(record(1)).then([analysed(1)]).when(record(1)).then_nothing();
    missing()
        .when(record_unreadable(1, FindingCode::Truncated))
        .then([unreadable(1, FindingCode::Truncated)])
        .when(record(1))
        .then_nothing();
}
