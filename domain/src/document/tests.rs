//! The rules of a document.

use super::*;
use crate::given::{content, given, minute, sealed, trial};

const EARLIER: Token = Token { epoch: 1, order: 1 };
const NOW: Token = Token { epoch: 1, order: 2 };
const LATER: Token = Token { epoch: 1, order: 3 };
const NEW_EPOCH: Token = Token { epoch: 2, order: 0 };

fn document() -> DocumentId {
    DocumentId::parse("_id", "65f0c0ffee65f0c0ffee0001").unwrap()
}

fn known(text: &str) -> Content {
    Content::Known(content(text))
}

/// A record; equal arguments make equal records, as the relay's HMACs do.
fn record(file: &str, status: &str, content: Content) -> Snapshot {
    Snapshot {
        trial: Some(trial()),
        site: Some(Code::or_other("S-01")),
        kind: None,
        status: Some(Code::or_other(status)),
        document_date: None,
        size_bytes: 3,
        content,
        promised: None,
        file: file.to_owned(),
        fingerprint: format!("{file} {status}"),
        record: sealed(&format!("{file} {status}")),
    }
}

fn plain(status: &str) -> Snapshot {
    record("file 1", status, Content::Unknown)
}

fn observe(token: Token, seen: Option<Snapshot>) -> Command {
    let reason = Some(sealed("a reason"));
    let changed = vec!["Status".to_owned()];
    Command::Observe { document: document(), token, at: minute(0), seen, changed, source: Source::Feed, reason }
}

fn seen_by(source: Source, command: Command) -> Command {
    match command {
        Command::Observe { document, token, at, seen, changed, reason, .. } => {
            Command::Observe { document, token, at, seen, changed, source, reason }
        }
        Command::IdentifyContent { .. } => command,
    }
}

fn at_first_contact(command: Command) -> Command {
    seen_by(Source::FirstContact, command)
}

#[test]
fn another_state_in_the_order_of_the_last_change_is_believed_of_a_look_and_not_of_the_feed() {
    let again = observe(NOW, Some(plain("final")));
    given::<Document>([added(NOW, plain("draft"))]).when(again.clone()).then([]);
    given::<Document>([added(NOW, plain("draft"))]).when(seen_by(Source::Scan, again)).then([changed(
        NOW,
        plain("draft"),
        plain("final"),
    )]);
}

fn identify(found: Option<&str>, file: &str, findings: &[FindingCode]) -> Command {
    Command::IdentifyContent { content: found.map(content), file: file.to_owned(), findings: findings.to_vec() }
}

fn found(token: Token, after: Snapshot) -> Event {
    Event::DocumentFound { document: document(), token, at: minute(0), after }
}

fn added(token: Token, after: Snapshot) -> Event {
    Event::DocumentAdded { document: document(), token, at: minute(0), after, reason: Some(sealed("a reason")) }
}

fn changed(token: Token, before: Snapshot, after: Snapshot) -> Event {
    let reason = Some(sealed("a reason"));
    let changed = vec!["Status".to_owned()];
    Event::DocumentChanged { document: document(), token, at: minute(0), before, after, changed, reason }
}

fn removed(token: Token, before: Snapshot) -> Event {
    Event::DocumentRemoved { document: document(), token, at: minute(0), before, reason: Some(sealed("a reason")) }
}

fn identified(found: Option<&str>, file: &str, findings: &[FindingCode]) -> Event {
    Event::DocumentContentIdentified {
        document: document(),
        trial: Some(trial()),
        content: found.map(content),
        file: file.to_owned(),
        findings: findings.to_vec(),
    }
}

#[test]
fn a_record_seen_at_first_contact_is_found_and_never_added() {
    given::<Document>([]).when(at_first_contact(observe(NOW, Some(plain("draft"))))).then([found(NOW, plain("draft"))]);
}

#[test]
fn a_record_first_seen_later_is_added() {
    given::<Document>([]).when(observe(NOW, Some(plain("draft")))).then([added(NOW, plain("draft"))]);
}

#[test]
fn another_record_is_a_change_that_holds_both() {
    given::<Document>([added(NOW, plain("draft"))]).when(observe(LATER, Some(plain("final")))).then([changed(
        LATER,
        plain("draft"),
        plain("final"),
    )]);
}

#[test]
fn a_change_seen_at_first_contact_of_a_known_document_is_a_change() {
    given::<Document>([added(NOW, plain("draft"))])
        .when(at_first_contact(observe(LATER, Some(plain("final")))))
        .then([changed(LATER, plain("draft"), plain("final"))]);
}

#[test]
fn a_record_with_an_equal_fingerprint_gives_no_event_whatever_its_token() {
    for token in [LATER, NEW_EPOCH] {
        given::<Document>([added(NOW, plain("draft"))]).when(observe(token, Some(plain("draft")))).then_nothing();
    }
}

#[test]
fn a_change_whose_token_is_not_later_than_the_last_is_ignored() {
    for token in [EARLIER, NOW] {
        given::<Document>([added(NOW, plain("draft"))]).when(observe(token, Some(plain("final")))).then_nothing();
        given::<Document>([added(NOW, plain("draft"))]).when(observe(token, None)).then_nothing();
    }
}

#[test]
fn an_old_change_does_not_bring_a_removed_document_back() {
    let gone = || given::<Document>([added(EARLIER, plain("draft")), removed(LATER, plain("draft"))]);
    gone().when(observe(NOW, Some(plain("draft")))).then_nothing();
    gone().when(observe(LATER, Some(plain("draft")))).then_nothing();
}

#[test]
fn a_new_epoch_is_later_than_any_order_before_it() {
    let far = Token { epoch: 1, order: u64::MAX };
    given::<Document>([added(far, plain("draft"))]).when(observe(NEW_EPOCH, Some(plain("final")))).then([changed(
        NEW_EPOCH,
        plain("draft"),
        plain("final"),
    )]);
}

#[test]
fn a_record_that_is_gone_is_removed_once_and_keeps_what_it_was() {
    given::<Document>([added(EARLIER, plain("draft"))])
        .when(observe(NOW, None))
        .then([removed(NOW, plain("draft"))])
        .when(observe(LATER, None))
        .then_nothing();
    given::<Document>([]).when(observe(NOW, None)).then_nothing();
}

#[test]
fn a_removed_document_that_is_there_again_is_added_again_even_in_a_scan() {
    let gone = || given::<Document>([found(EARLIER, plain("draft")), removed(NOW, plain("draft"))]);
    gone().when(observe(LATER, Some(plain("draft")))).then([added(LATER, plain("draft"))]);
    gone().when(at_first_contact(observe(LATER, Some(plain("draft"))))).then([added(LATER, plain("draft"))]);
}

#[test]
fn content_that_nobody_hashed_is_identified_once() {
    given::<Document>([added(NOW, plain("draft"))])
        .when(identify(Some("abc"), "file 1", &[FindingCode::Md5Mismatch]))
        .then([identified(Some("abc"), "file 1", &[FindingCode::Md5Mismatch])])
        .when(identify(Some("abc"), "file 1", &[]))
        .then_nothing();
}

#[test]
fn content_that_we_hashed_needs_no_identification() {
    given::<Document>([added(NOW, record("file 1", "draft", known("abc")))])
        .when(identify(Some("other"), "file 1", &[]))
        .then_nothing();
}

#[test]
fn a_missing_file_is_identified_as_none() {
    let state = given::<Document>([added(NOW, plain("draft"))])
        .when(identify(None, "file 1", &[FindingCode::FileMissing]))
        .then([identified(None, "file 1", &[FindingCode::FileMissing])])
        .state();
    assert!(matches!(
        state,
        Document::Present { snapshot: Snapshot { content: Content::Unknown, .. }, identified: true, .. }
    ));
}

#[test]
fn an_identification_of_another_state_of_the_file_is_ignored() {
    given::<Document>([added(NOW, plain("draft"))]).when(identify(Some("abc"), "file 0", &[])).then_nothing();
}

#[test]
fn an_identification_of_a_document_that_is_not_there_is_ignored() {
    given::<Document>([]).when(identify(Some("abc"), "file 1", &[])).then_nothing();
    given::<Document>([added(NOW, plain("draft")), removed(LATER, plain("draft"))])
        .when(identify(Some("abc"), "file 1", &[]))
        .then_nothing();
}

#[test]
fn content_is_carried_over_where_only_metadata_changed() {
    let before = record("file 1", "draft", known("abc"));
    given::<Document>([added(NOW, plain("draft")), identified(Some("abc"), "file 1", &[])])
        .when(observe(LATER, Some(plain("final"))))
        .then([changed(LATER, before, record("file 1", "final", known("abc")))])
        .when(identify(Some("other"), "file 1", &[]))
        .then_nothing();
}

#[test]
fn a_file_known_to_be_missing_is_not_looked_for_again_where_only_metadata_changed() {
    given::<Document>([added(NOW, plain("draft")), identified(None, "file 1", &[FindingCode::FileMissing])])
        .when(observe(LATER, Some(plain("final"))))
        .then([changed(LATER, plain("draft"), plain("final"))])
        .when(identify(Some("abc"), "file 1", &[]))
        .then_nothing();
}

#[test]
fn another_file_must_be_identified_anew() {
    let before = record("file 1", "draft", known("abc"));
    let after = record("file 2", "draft", Content::Unknown);
    given::<Document>([added(NOW, plain("draft")), identified(Some("abc"), "file 1", &[])])
        .when(observe(LATER, Some(after.clone())))
        .then([changed(LATER, before, after)])
        .when(identify(Some("abc"), "file 1", &[]))
        .then([]) // late: it looked at the file before
        .when(identify(Some("xyz"), "file 2", &[]))
        .then([identified(Some("xyz"), "file 2", &[])]);
}

#[test]
fn what_we_hashed_ourselves_replaces_what_was_identified() {
    let before = record("file 1", "draft", known("abc"));
    let after = record("file 2", "draft", known("xyz"));
    given::<Document>([added(NOW, before.clone())])
        .when(observe(LATER, Some(after.clone())))
        .then([changed(LATER, before, after.clone())])
        .when(observe(NEW_EPOCH, None))
        .then([removed(NEW_EPOCH, after)]);
}
