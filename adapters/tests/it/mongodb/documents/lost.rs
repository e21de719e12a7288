//! History that the server no longer has is reported as lost, and what comes after is told again.

use mongodb::Client;
use mongodb::bson::doc;
use ports::{Change, DocumentStore, Error};
use serde_json::json;
use test_servers::mongodb::{shared, start};

use super::{database, elsewhere, open, told};
use crate::contracts::document_store::{changes, id, record};

/// Acknowledges the end of the changes.
async fn acknowledge_all(store: &dyn DocumentStore) -> ports::ChangeToken {
    let (token, place) = store.end().await.unwrap();
    store.acknowledge(&place).await.unwrap();
    token
}

/// Loss is told until somebody acknowledges a place behind it; then changes are told as ever.
async fn recovers(store: &dyn DocumentStore, before: ports::ChangeToken) {
    assert_eq!(told(store).await, [Change::Lost]);
    assert_eq!(told(store).await, [Change::Lost], "until a place behind it is acknowledged");
    let (token, place) = store.end().await.unwrap();
    assert!(token > before, "{token:?} {before:?}");
    assert_eq!(store.end().await.unwrap(), (token, place.clone()), "asking again loses nothing more");
    store.changed().await;
    store.acknowledge(&place).await.unwrap();
    let last = record(90_000, json!({"n": 1}));
    store.insert(&last).await.unwrap();
    store.replace(&last, &record(90_000, json!({"n": 2}))).await.unwrap();
    let seen = changes(store).await;
    assert_eq!(seen.told[1], (id(90_000), Some(last), Some(record(90_000, json!({"n": 2})))));
    assert!(seen.tokens[0] > token);
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_that_the_server_no_longer_keeps_are_lost() {
    let server = start(&["--oplog-max-entries", "200"]);
    let store = open(&database(&server).await).await;
    store.insert(&record(1, json!({}))).await.unwrap();
    let before = acknowledge_all(&*store).await;
    for n in 2..1_500 {
        store.insert(&record(n, json!({}))).await.unwrap();
    }
    recovers(&*store, before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_does_not_grow_old_while_others_write_elsewhere() {
    let server = start(&["--oplog-max-entries", "200"]);
    let url = database(&server).await;
    let store = open(&url).await;
    store.insert(&record(1, json!({}))).await.unwrap();
    acknowledge_all(&*store).await;
    let letters = Client::with_uri_str(&url).await.unwrap().default_database().unwrap().collection("Letters");
    for _ in 0..30 {
        letters.insert_many((0..60).map(|n| doc! { "n": n })).await.unwrap();
        assert_eq!(changes(&*store).await.told, []);
    }
    drop(store);
    let store = open(&url).await;
    assert_eq!(changes(&*store).await.told, [], "also by another process");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collection_that_was_dropped_renamed_or_made_anew_has_lost_its_history() {
    for renames in [false, true] {
        let url = database(shared()).await;
        let store = open(&url).await;
        store.insert(&record(1, json!({}))).await.unwrap();
        let before = acknowledge_all(&*store).await;
        let other = elsewhere(&url).await;
        if renames {
            let client = other.client();
            let database = Client::with_uri_str(&url).await.unwrap().default_database().unwrap().name().to_owned();
            let [from, to] = ["Documents", "Old"].map(|name| format!("{database}.{name}"));
            client.database("admin").run_command(doc! { "renameCollection": from, "to": to }).await.unwrap();
        } else {
            other.drop().await.unwrap();
        }
        other.insert_one(doc! { "n": 1 }).await.unwrap();
        recovers(&*store, before).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_without_their_before_are_lost_and_it_is_kept_again_afterwards() {
    let url = database(shared()).await;
    let store = open(&url).await;
    store.insert(&record(1, json!({}))).await.unwrap();
    let before = acknowledge_all(&*store).await;
    let other = elsewhere(&url).await;
    let database = Client::with_uri_str(&url).await.unwrap().default_database().unwrap();
    let images = doc! { "collMod": "Documents", "changeStreamPreAndPostImages": { "enabled": false } };
    database.run_command(images).await.unwrap();
    other.update_many(doc! {}, doc! { "$set": { "n": 1 } }).await.unwrap();
    recovers(&*store, before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn places_of_another_collection_are_rejected() {
    let (one, other) = (open(&database(shared()).await).await, open(&database(shared()).await).await);
    other.begin_epoch(u64::from(u32::MAX)).await.unwrap();
    let foreign = other.end().await.unwrap().1;
    assert!(matches!(one.acknowledge(&foreign).await, Err(Error::Rejected(_))));
    assert_eq!(one.acknowledged().await.unwrap(), None);
}
