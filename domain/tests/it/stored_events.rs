//! What is in the log stays readable, and nothing in it can be altered unseen.

use std::collections::{BTreeMap, BTreeSet};

use domain::any_event::{AnyEvent, CATEGORIES};
use domain::sealed::Sealed;
use serde_json::Value;

use crate::golden::{Golden, files, sisters, stored_today};
use crate::story;

const BLESS: &str = "write it with TRIALBRIEF_BLESS=1";

#[test]
fn every_type_of_event_has_a_golden_file_in_its_present_version() {
    let told = story::first_of_each_type();
    let decoded: Vec<AnyEvent> = told.iter().map(Golden::decode).collect();
    let all: BTreeSet<&str> = decoded.iter().flat_map(sisters).copied().collect();
    let told_of: BTreeSet<&str> = told.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(told_of, all, "a type is missing in the story");
    let categories: BTreeSet<&str> = told.iter().map(|event| event.stream.split_once('-').unwrap().0).collect();
    assert_eq!(categories, CATEGORIES.iter().copied().collect(), "an aggregate is missing in the story");
    for event in &told {
        assert!(files().contains_key(&event.file_name()), "{} is missing; {BLESS}", event.file_name());
    }
}

#[test]
fn what_was_ever_stored_is_read_today() {
    for (name, golden) in files() {
        assert_eq!(*name, golden.file_name());
        let (kind, version, data) = stored_today(&golden.decode());
        assert_eq!(kind, golden.kind, "{name}");
        assert!(version >= golden.version, "{name}");
        if version == golden.version {
            assert_eq!(
                String::from_utf8(data).unwrap(),
                golden.data.to_string(),
                "{name} would be stored otherwise today"
            );
        }
    }
}

#[test]
fn events_are_read_that_lack_a_field_which_was_added_later() {
    for (name, parent, field) in
        [("ReportRendered.v1.json", "/manifest", "base_url"), ("ContentUnreadable.v1.json", "", "media_type")]
    {
        let mut older = files()[name].clone();
        let fields = older.data.pointer_mut(parent).and_then(Value::as_object_mut).unwrap();
        assert!(fields.remove(field).is_some(), "{name} has {field}");
        older.decode();
    }
}

#[test]
fn the_same_happening_is_stored_today_as_it_was_then() {
    for event in story::first_of_each_type() {
        let golden =
            files().get(&event.file_name()).unwrap_or_else(|| panic!("{} is missing; {BLESS}", event.file_name()));
        assert_eq!(event.data, golden.data, "{}: changed data needs a new version", event.file_name());
    }
}

#[test]
fn every_stored_hash_is_the_hash_of_what_is_stored() {
    for (name, golden) in files() {
        assert_eq!(golden.hash_with(&golden.data_bytes()), golden.hash, "{name}");
        let metadata = &golden.metadata;
        assert_eq!(
            (metadata.id, &metadata.kind, metadata.version),
            (golden.id, &golden.kind, golden.version),
            "{name}"
        );
        assert_eq!(
            golden.revision == 0,
            metadata.previous == "00".repeat(32),
            "{name}: only a first event follows nothing"
        );
    }
}

#[test]
fn an_event_names_the_hash_of_the_one_before_it_in_its_stream() {
    let by_place: BTreeMap<_, _> = files().values().map(|golden| ((&golden.stream, golden.revision), golden)).collect();
    let mut links = 0;
    for golden in files().values().filter(|golden| golden.revision > 0) {
        if let Some(before) = by_place.get(&(&golden.stream, golden.revision - 1)) {
            assert_eq!(golden.metadata.previous, before.hash, "{}", golden.file_name());
            links += 1;
        }
    }
    assert!(links >= 15, "only {links} golden files follow another");
}

#[test]
fn changing_any_byte_of_the_data_changes_the_hash() {
    for (name, golden) in files() {
        let mut data = golden.data_bytes();
        for at in 0..data.len() {
            data[at] ^= 1;
            assert_ne!(golden.hash_with(&data), golden.hash, "{name}, byte {at}");
            data[at] ^= 1;
        }
        data.push(b' ');
        assert_ne!(golden.hash_with(&data), golden.hash, "{name}, a blank more");
    }
}

#[test]
fn changing_any_part_of_the_envelope_changes_the_hash() {
    let golden = &files()["TrialSettingsChanged.v1.json"];
    let changes: [fn(&mut Golden); 8] = [
        |golden| golden.stream.push('X'),
        |golden| golden.revision += 1,
        |golden| golden.id = uuid::Uuid::nil(),
        |golden| golden.kind.push('X'),
        |golden| golden.version += 1,
        |golden| golden.metadata.actor.push('X'),
        |golden| golden.metadata.recorded_at += jiff::SignedDuration::from_micros(1),
        |golden| golden.metadata.previous = "11".repeat(32),
    ];
    for change in changes {
        let mut altered = golden.clone();
        change(&mut altered);
        assert_ne!(altered.hash_with(&altered.data_bytes()), golden.hash, "{altered:?}");
    }
}

/// Every sealed text in some data.
fn sealed_in(data: &Value, found: &mut Vec<Sealed>) {
    match data {
        Value::Object(fields) if fields.keys().eq(["owner", "text"]) => {
            found.push(serde_json::from_value(data.clone()).unwrap());
        }
        Value::Object(fields) => fields.values().for_each(|value| sealed_in(value, found)),
        Value::Array(items) => items.iter().for_each(|value| sealed_in(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn sealed_texts_open_with_their_key_and_stand_nowhere_in_clear() {
    let mut owners = BTreeSet::new();
    for (name, golden) in files() {
        let mut found = vec![];
        sealed_in(&golden.data, &mut found);
        for sealed in found {
            let text = String::from_utf8(sealed.open(&story::KEY).unwrap()).unwrap();
            assert!(!text.is_empty() && !golden.data.to_string().contains(&text), "{name}: {text} stands in clear");
            assert!(sealed.open(&[0; 32]).is_err(), "{name}: opens with any key");
            owners.insert(sealed.owner.split_once('/').unwrap().0.to_owned());
        }
    }
    assert_eq!(owners, ["document", "person", "trial"].map(str::to_owned).into(), "texts of each kind of owner");
}

#[test]
fn no_quantity_in_an_event_is_a_float() {
    fn floats(value: &Value) -> usize {
        match value {
            Value::Number(number) => usize::from(!number.is_i64() && !number.is_u64()),
            Value::Object(fields) => fields.values().map(floats).sum(),
            Value::Array(items) => items.iter().map(floats).sum(),
            Value::Null | Value::Bool(_) | Value::String(_) => 0,
        }
    }
    for (name, golden) in files() {
        assert_eq!(floats(&golden.data), 0, "{name}");
    }
}

#[test]
fn a_reader_stops_at_what_it_does_not_know() {
    let golden = &files()["TrialOpened.v1.json"];
    let data = golden.data_bytes();
    let stream = golden.stream.as_str();
    let detail = |stream: &str, kind: &str, version, data: &[u8]| {
        AnyEvent::decode(stream, kind, version, data).unwrap_err().to_string()
    };
    assert!(detail(stream, "TrialRenamed", 1, &data).contains("unknown variant `TrialRenamed`"));
    assert!(detail(stream, "TrialOpened", 2, &data).contains("versions up to 1"));
    assert!(detail("report-1", "TrialOpened", 1, &data).contains("unknown variant"));
    assert!(detail("trials-1", "TrialOpened", 1, &data).contains("no aggregate keeps its events in trials-"));
    assert!(detail(stream, "TrialOpened", 1, b"{}").contains("missing field"));
    assert!(detail(stream, "TrialOpened", 1, &data[1..]).starts_with("TrialOpened version 1: "));
}
