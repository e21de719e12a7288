//! What is believed of a record that anybody may write.

use super::*;

fn record(properties: Value) -> Record {
    serde_json::from_value(properties).unwrap()
}

/// A record with a mark as we leave it.
fn marked(actor: &str, command: u128, at: &str) -> Record {
    let mut record = record(json!({"_id": "0123456789abcdef01234567"}));
    let (actor, command, at) = (actor.to_owned(), Uuid::from_u128(command), at.parse().unwrap());
    LastChange { actor, command, correlation: command, request: None, reason: None, at, deleting: false }
        .write(&mut record);
    record
}

/// Who changed a record, as far as we know them.
fn actor(before: Record, after: Record) -> Option<String> {
    let observed = Observed {
        document: document_of_record(&after).unwrap(),
        token: ChangeToken::default(),
        stored_at: "2026-11-23T12:00:00Z".parse().unwrap(),
        before: Some(before),
        after: Some(after),
        source: Source::Feed,
    };
    observed.ours().map(|ours| ours.actor)
}

#[test]
fn only_a_new_mark_tells_who_changed_a_record() {
    let anna = || marked("anna", 1, "2026-11-23T08:00:00Z");
    let carl = || marked("carl", 2, "2026-11-23T09:00:00Z");
    assert_eq!(actor(anna(), carl()).as_deref(), Some("carl"));
    assert_eq!(actor(anna(), anna()), None, "another program kept the mark");
    assert_eq!(actor(carl(), anna()), None, "another program wrote back what it had read earlier");
}

#[test]
fn a_mark_that_cannot_be_ours_is_none_and_a_reason_is_no_longer_than_we_take_one() {
    let anna = || marked("anna", 1, "2026-11-23T08:00:00Z");
    for foreign in ["Dr. Anna Berger", "", "anna\r\n", &"x".repeat(800_000)] {
        assert_eq!(actor(anna(), marked(foreign, 2, "2026-11-23T09:00:00Z")), None);
    }
    let mut long = anna();
    long.0["LastChange"]["Reason"] = "ä".repeat(800_000).into();
    assert_eq!(LastChange::of(&long).unwrap().reason, Some("ä".repeat(LONGEST_REASON)));
}

#[test]
fn a_site_that_is_no_text_is_stated_and_is_no_code() {
    let of = |value: Value| code(&record(json!({"SiteId": value})), "SiteId");
    assert_eq!(of(Value::Null), None);
    assert_eq!(code(&record(json!({})), "SiteId"), None);
    assert_eq!(of(json!("DE-01")), Some(Code::or_other("DE-01")));
    for value in [json!(7), json!(true), json!(["DE-01"]), json!({"code": "DE-01"}), json!("Köln")] {
        assert_eq!(of(value), Some(Code::other()));
    }
}
