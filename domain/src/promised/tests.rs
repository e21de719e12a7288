//! Promises that are kept, and promises that are not.

use super::*;

fn is_kept(file_name: &str, declared: Option<&str>, found: &str) -> bool {
    PromisedType::of(Some(file_name), declared).is_none_or(|promised| promised.is_kept_by(found))
}

#[test]
fn bytes_of_another_type_break_what_name_or_media_type_promise() {
    assert!(!is_kept("visit 3.JPG", None, "image/png"));
    assert!(!is_kept("lab.csv", Some("text/csv; charset=utf-8"), "application/zip"));
    assert!(!is_kept("letter", Some("application/pdf"), "text/plain"));
    assert!(is_kept("noextension", Some("image/png"), "image/png"));
    assert!(is_kept("lab.csv", Some("text/plain"), "text/csv"), "a table is a text");
}

#[test]
fn what_says_nothing_promises_nothing() {
    assert!(is_kept("lab.xlsx", Some("application/octet-stream"), "application/zip"));
    assert!(is_kept("lab.csv", Some("application/vnd.ms-excel"), "text/csv"), "as Windows declares it");
    assert_eq!(PromisedType::of(Some("visit 3.of 4"), None), None);
    assert_eq!(PromisedType::of(None, None), None);
}

#[test]
fn a_name_and_a_media_type_that_contradict_each_other_cannot_both_be_kept() {
    for found in ["image/jpeg", "image/png"] {
        assert!(!is_kept("scan.jpg", Some("image/png"), found));
    }
}
