//! Names that are derived, and names that are refused.

use proptest::prelude::*;

use super::*;
use crate::subscription::Subscription;
use crate::trial::Trial;

#[test]
fn a_derived_id_is_the_same_for_ever() {
    // Changing one of these orphans every stream ever written.
    assert_eq!(derive("subscription", &["T", "u", "weekly"]).to_string(), "706d5bef-b55e-5354-b742-cb411eaa781a");
    assert_eq!(
        Id::<Subscription>::derive(&["T", "u", "weekly"]).stream(),
        "subscription-706d5bef-b55e-5354-b742-cb411eaa781a"
    );
    assert_eq!(DocumentId::of_command(Uuid::from_u128(1)).as_str(), "cdf3261c775454809c2a5196");
}

#[test]
fn the_parts_of_an_id_cannot_run_into_each_other() {
    assert_ne!(derive("x", &["ab", "c"]), derive("x", &["a", "bc"]));
    assert_ne!(derive("x", &["ab"]), derive("x", &["ab", ""]));
    assert_ne!(derive("x", &[]), derive("x", &[""]));
    assert_ne!(derive("x", &["a"]), derive("y", &["a"]));
}

#[test]
fn a_stream_tells_its_id_and_whose_it_is() {
    let id = Id::<Trial>::known("a-trial-with-hyphens");
    assert_eq!(id.stream(), "trial-a-trial-with-hyphens");
    assert_eq!(Id::of_stream("trial-a-trial-with-hyphens"), Some(id));
    assert_eq!(Id::<Trial>::of_stream("report-1"), None);
    assert_eq!(Id::<Trial>::of_stream("trials-1"), None);
    assert_eq!(Id::<Trial>::of_stream("trial"), None);
}

#[test]
fn a_uuid_from_outside_names_one_stream_however_it_is_written() {
    let text = "6f2b38c4-9d1e-5a70-8c3b-41d2e7a95f06";
    let id = Id::<Subscription>::parse("id", text).unwrap();
    assert_eq!(Id::parse("id", &text.to_uppercase()), Ok(id));
    let refusal = Id::<Subscription>::parse("id", "subscription-1").unwrap_err();
    assert_eq!((refusal.field, refusal.found.as_str()), ("id", "subscription-1"));
}

#[test]
fn a_trial_is_never_a_way_out_of_its_folder() {
    for text in ["", ".", "..", "a/b", "a b", "ä", "a\0", &"a".repeat(65)] {
        let refusal = TrialId::parse("TrialId", text).unwrap_err();
        assert_eq!(refusal.field, "TrialId");
        assert!(refusal.to_string().contains(CODE_REMEDY), "{refusal}");
    }
    for text in ["a", "...", "CARDIO-7", "a_b.c", &"a".repeat(64)] {
        assert_eq!(TrialId::parse("TrialId", text).unwrap().as_str(), text);
    }
}

#[test]
fn a_person_is_named_by_a_code() {
    assert!(UserId::parse("user", "u-1").is_ok());
    for text in ["", "a@example.org", "A Person"] {
        assert!(UserId::parse("user", text).is_err(), "{text}");
    }
}

#[test]
fn hashes_and_object_ids_are_lower_case_hex_of_exactly_their_length() {
    let (hash, object) = ("0a".repeat(32), "0a".repeat(12));
    assert_eq!(ContentHash::parse("SHA256", &hash).unwrap().as_str(), hash);
    assert_eq!(DocumentId::parse("_id", &object).unwrap().as_str(), object);
    for text in [hash.to_uppercase(), hash[1..].to_owned(), format!("{hash}0"), "0g".repeat(32)] {
        assert!(ContentHash::parse("SHA256", &text).is_err(), "{text}");
    }
    for text in [object.to_uppercase(), object[1..].to_owned(), hash] {
        assert!(DocumentId::parse("_id", &text).is_err(), "{text}");
    }
}

#[test]
fn a_content_is_named_by_its_sha_256() {
    let of_nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(ContentHash::of(b"").as_str(), of_nothing);
    let digest = Sha256::digest(b"abc").into();
    assert_eq!(ContentHash::from_digest(digest), ContentHash::of(b"abc"));
}

proptest! {
    #[test]
    fn a_code_is_the_text_itself_or_other(text in "\\PC{0,70}") {
        let code = Code::or_other(&text);
        if code.as_str() == text {
            prop_assert!(is_code(&text));
        } else {
            prop_assert_eq!(code, Code::other());
            prop_assert!(!is_code(&text));
        }
    }

    #[test]
    fn a_refused_name_is_quoted_in_no_more_than_eighty_characters(text in "\\PC{0,300}") {
        if let Err(refusal) = DocumentId::parse("_id", &text) {
            prop_assert!(refusal.found.chars().count() <= 80 && text.starts_with(&refusal.found));
        }
    }

    #[test]
    fn an_uploads_document_id_is_an_object_id(command in any::<u128>()) {
        let id = DocumentId::of_command(Uuid::from_u128(command));
        prop_assert_eq!(DocumentId::parse("_id", id.as_str()), Ok(id));
    }
}
