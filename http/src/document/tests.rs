use serde_json::json;

use super::*;

fn record(value: Value) -> Record {
    serde_json::from_value(value).unwrap()
}

#[test]
fn the_stated_trial_rules_over_the_place_of_the_file() {
    let place = "s3://trialbrief/trials/T-2/x/y";
    let stated = record(json!({"TrialId": "T-1", "FileLocation": place}));
    assert_eq!(trial_of(&stated), TrialId::parse("TrialId", "T-1").ok());
    assert_eq!(trial_of(&record(json!({"FileLocation": place}))), TrialId::parse("TrialId", "T-2").ok());
    // A stated trial that is none does not fall back: whoever wrote it meant another.
    assert_eq!(trial_of(&record(json!({"TrialId": "T 1", "FileLocation": place}))), None);
    for elsewhere in ["s3://trialbrief/other/T-2/x", "trials/T-2/x", "s3://trialbrief/trials/../x", "s3://trialbrief"] {
        assert_eq!(trial_of(&record(json!({"FileLocation": elsewhere}))), None, "{elsewhere}");
    }
}

#[test]
fn only_files_of_our_bucket_below_trials_have_a_key() {
    let key =
        |location: &str| object_key(&record(json!({"FileLocation": location})), "ours").map(|key| key.to_string());
    assert_eq!(key("s3://ours/trials/T/d/u").as_deref(), Some("trials/T/d/u"));
    let elsewhere = [
        "s3://theirs/trials/T/d/u",
        "s3://ours/derived/0",
        "s3://ours/trials/../derived/0",
        "s3://ours/trials//x",
        "s3://ours/trials/%2e%2e/x",
        "file:///trials/T/d/u",
        "S3://ours/trials/T/d/u",
        "",
    ];
    for location in elsewhere {
        assert_eq!(key(location), None, "{location}");
    }
}

#[test]
fn the_version_is_of_what_callers_see() {
    let before = record(json!({"_id": "1", "Filename": "a", "LastChange": {"Deleting": true, "Actor": "x"}}));
    let after = record(json!({"_id": "1", "Filename": "a", "LastChange": {"Actor": "y"}}));
    assert!(is_leaving(&before) && !is_leaving(&after));
    assert_eq!(version(&shown(before)), version(&shown(after.clone())));
    let renamed = record(json!({"_id": "1", "Filename": "b"}));
    assert_ne!(version(&shown(renamed)), version(&shown(after)));
}

#[test]
fn only_a_media_type_may_stand_in_a_header() {
    for fine in ["image/jpeg", "text/plain; charset=utf-8", "application/vnd.ms-excel", "a/b"] {
        assert!(media_type(fine).is_some(), "{fine}");
    }
    for bad in ["", "text", "text/", "/plain", "text/plain\r\nX: y", "text/pl ain", "tëxt/plain", "text/plain; a=\u{1}"]
    {
        assert!(media_type(bad).is_none(), "{bad:?}");
    }
    assert!(media_type(&format!("text/{}", "x".repeat(300))).is_none());
    assert_eq!(essence("text/plain ; charset=utf-8"), "text/plain");
}
