//! What cannot be moved is told before anything is written: the phase, the item, what to do.

use ports::{Cause, EventHash, Expected, Key, Metadata, NewEvent, Person, Position, Record};
use serde_json::json;
use trialbrief::migrate;
use uuid::Uuid;

use super::{embedded, kept, middle_of_a_week, migrated, source, target};

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_holds_anything_else_is_refused_and_nothing_is_changed() {
    let folder = tempfile::tempdir().unwrap();
    let now = middle_of_a_week(&folder.path().join("source")).await;
    let source = source(&folder.path().join("source"), now).await;
    let before = kept(&source).await;
    let eve = Person { user: "eve".to_owned(), name: "Eve".to_owned(), address: None, active: true };
    let ada = Person { user: "ada".to_owned(), ..eve.clone() };
    let serde_json::Value::Object(record) = json!({"_id": "00".repeat(12)}) else { unreachable!() };
    let id = Uuid::from_u128(1);
    let metadata = Metadata {
        id,
        kind: "Opened".to_owned(),
        version: 1,
        recorded_at: now,
        cause: Cause::by_itself("test", id),
        previous: EventHash::default(),
    };
    let event = NewEvent {
        id,
        kind: "Opened".to_owned(),
        version: 1,
        data: "{}".into(),
        metadata: serde_json::to_vec(&metadata).unwrap().into(),
    };

    for (what, told) in [
        ("a person", "directory: the target holds eve, which the source does not: give an empty target"),
        ("another person", "directory: ada is another one at the target: give an empty target"),
        ("a key", "keys: the target holds person/eve, which the source does not: give an empty target"),
        ("a record", "documents: the target holds 000000000000000000000000, which the source does not: give an empty"),
        ("an event", "events: the target holds trial-1@0 as event 1, which is not the source's"),
        ("a view", "views: the target holds the view reports of another log: give an empty database"),
    ] {
        let target = target(&folder.path().join(what.replace(' ', "-")), now).await;
        match what {
            "a person" => target.directory.save(&eve).await.unwrap(),
            "another person" => target.directory.save(&ada).await.unwrap(),
            "a key" => target.keys.adopt("person/eve", Some(&Key([7; 32]))).await.unwrap(),
            "a record" => target.documents.insert(&Record(record.clone())).await.unwrap(),
            "an event" => {
                target.log.append("trial-1", Expected::NoStream, std::slice::from_ref(&event)).await.unwrap();
            }
            "a view" => {
                let somewhere = Position { commit: 1, prepare: 1 };
                target.views.save("reports", None, somewhere, Vec::new()).await.unwrap();
            }
            other => panic!("{other}"),
        }
        let error = format!("{:#}", migrated(&source, &target).await.unwrap_err());
        assert!(error.starts_with(told), "{what}: {error}");
        let keys = target.keys.owners(None, 10).await.unwrap();
        assert!(keys.len() <= usize::from(what == "a key"), "{what}: something was moved");
        assert!(kept(&source).await == before, "{what}: the source was changed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_with_a_change_that_stands_in_no_event_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let now = middle_of_a_week(&folder.path().join("source")).await;
    let source = source(&folder.path().join("source"), now).await;
    let serde_json::Value::Object(record) = json!({"_id": "0".repeat(24)}) else { unreachable!() };
    source.documents.insert(&Record(record)).await.unwrap();
    let target = target(&folder.path().join("target"), now).await;
    let error = format!("{:#}", migrated(&source, &target).await.unwrap_err());
    assert_eq!(
        error,
        "documents: the change of record 000000000000000000000000 at the source stands in no event: start the old program, let \
         it run until it has caught up, stop it, and migrate again"
    );
    assert!(target.keys.owners(None, 1).await.unwrap().is_empty());
}

#[test]
fn a_source_that_is_not_there_or_is_the_target_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let urls = embedded(folder.path());
    let missing = migrate::refuse_missing(&urls).unwrap_err().to_string();
    assert!(missing.starts_with("stores.events: the source has nothing at "), "{missing}");
    assert!(missing.ends_with("name its folder with --from-data, or its file with --from"), "{missing}");
    let shared = migrate::refuse_shared(&urls, &urls).unwrap_err().to_string();
    assert_eq!(shared, "stores.events: source and target are the same store: give the target one of its own");

    let other = tempfile::tempdir().unwrap();
    let mut one = embedded(other.path());
    migrate::refuse_shared(&urls, &one).unwrap();
    one.files.clone_from(&urls.files);
    let shared = migrate::refuse_shared(&urls, &one).unwrap_err().to_string();
    assert!(shared.starts_with("stores.files: "), "{shared}");
    let [mut here, mut there] = [embedded(folder.path()), embedded(other.path())];
    for urls in [&mut here, &mut there] {
        urls.queue = "nats://127.0.0.1:4222?prefix=a".to_owned();
    }
    let shared = migrate::refuse_shared(&here, &there).unwrap_err().to_string();
    assert!(shared.starts_with("stores.queue: source and target are the same"), "{shared}");
}
