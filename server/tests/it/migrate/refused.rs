//! What cannot be moved is told before anything is written: the phase, the item, what to do.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use jiff::Timestamp;
use ports::{
    Categories, Cause, Clock, EventFeed, EventHash, EventLog, Expected, Fed, Key, Metadata, NewEvent, Person, Position,
    Record, Result,
};
use serde_json::json;
use trialbrief::migrate::{self, Source};
use uuid::Uuid;

use super::{embedded, kept, middle_of_a_week, migrated, source, target};

/// An event of another source.
fn opened(recorded_at: Timestamp) -> NewEvent {
    let id = Uuid::from_u128(1);
    let metadata = Metadata {
        id,
        kind: "Opened".to_owned(),
        version: 1,
        recorded_at,
        cause: Cause::by_itself("test", id),
        previous: EventHash::default(),
    };
    NewEvent {
        id,
        kind: "Opened".to_owned(),
        version: 1,
        data: "{}".into(),
        metadata: serde_json::to_vec(&metadata).unwrap().into(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_holds_anything_else_is_refused_and_nothing_is_changed() {
    let folder = tempfile::tempdir().unwrap();
    let now = middle_of_a_week(&folder.path().join("source")).await;
    let source = source(&folder.path().join("source"), now).await;
    let before = kept(&source).await;
    let eve = Person { user: "eve".to_owned(), name: "Eve".to_owned(), address: None, active: true };
    let ada = Person { user: "ada".to_owned(), ..eve.clone() };
    let serde_json::Value::Object(record) = json!({"_id": "00".repeat(12)}) else { unreachable!() };
    let event = opened(now);

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

/// The source's log, to which somebody appends once its end was read.
struct GoesOn {
    log: Arc<dyn EventLog>,
    feed: Arc<dyn EventFeed>,
    readings: AtomicU32,
}

#[async_trait]
impl EventFeed for GoesOn {
    fn read(&self, after: Option<Position>, of: Categories) -> BoxStream<'static, Result<Fed>> {
        let (log, feed) = (Arc::clone(&self.log), Arc::clone(&self.feed));
        // To compare the beginnings, and to copy.
        let is_copied = self.readings.fetch_add(1, Ordering::SeqCst) == 2;
        let reading = async move {
            if is_copied {
                let event = opened(Timestamp::UNIX_EPOCH);
                log.append("trial-late", Expected::NoStream, &[event]).await?;
            }
            Ok(feed.read(after, of))
        };
        futures::stream::once(reading).try_flatten().boxed()
    }

    async fn grown(&self, after: Option<Position>) {
        self.feed.grown(after).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_on_at_the_source_meanwhile_shows() {
    let folder = tempfile::tempdir().unwrap();
    let from = folder.path().join("source");
    let now = middle_of_a_week(&from).await;
    let (urls, clock) = (embedded(&from), Clock::simulated(now));
    let (log, feed) = adapters::event_log::open(&urls.events, &clock).await.unwrap();
    let (originals, derived) = adapters::file_store::open(&urls.files, &clock).await.unwrap();
    let source = Source {
        feed: Arc::new(GoesOn { log, feed, readings: AtomicU32::new(0) }),
        documents: adapters::document_store::open(&urls.documents, &clock).await.unwrap(),
        originals,
        derived,
        directory: adapters::directory::open(&urls.directory, &clock).await.unwrap(),
        keys: adapters::key_ring::open(&urls.keys, &clock).await.unwrap(),
        leases: adapters::leases::open(&urls.queue).await.unwrap(),
    };
    let target = target(&folder.path().join("target"), now).await;
    let compared = migrated(&source, &target).await.unwrap();
    let differing: Vec<_> = compared.iter().filter(|one| !one.is_equal()).map(|one| one.what).collect();
    assert_eq!(differing, ["events", "log hash"]);
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
