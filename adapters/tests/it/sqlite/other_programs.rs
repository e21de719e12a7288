//! `Documents` belongs to the customer: other programs write the same file with plain SQL.

use std::sync::Arc;

use adapters::document_store;
use futures::TryStreamExt;
use jiff::SignedDuration;
use ports::{Change, DocumentStore, Error, RecordFilter};
use rusqlite::Connection;
use serde_json::json;
use tempfile::TempDir;

use super::{file, monday, url};
use crate::contracts::document_store::{changes, id, record};

/// The collection as some program made it, without anything of ours.
const COLLECTION: &str = "CREATE TABLE Documents (id TEXT PRIMARY KEY, record TEXT)";

async fn open(directory: &TempDir) -> Arc<dyn DocumentStore> {
    document_store::open(&url(directory, "documents.db"), &monday()).await.unwrap()
}

fn elsewhere(directory: &TempDir) -> Connection {
    std::fs::create_dir_all(file(directory, "")).unwrap();
    Connection::open(file(directory, "documents.db")).unwrap()
}

fn insert(connection: &Connection, verb: &str, number: u32, properties: &str) -> rusqlite::Result<usize> {
    connection
        .execute(&format!("{verb} INTO documents (id, record) VALUES (?1, ?2)"), [id(number), properties.to_owned()])
}

#[tokio::test]
async fn every_kind_of_write_by_another_program_leaves_its_changes() {
    let directory = TempDir::new().unwrap();
    let store = open(&directory).await;
    let other = elsewhere(&directory);
    let (one, two, three) = (record(1, json!({"n": 1})), record(1, json!({"n": 2})), record(1, json!({"n": 3})));
    insert(&other, "INSERT", 1, r#"{"n": 1}"#).unwrap();
    insert(&other, "INSERT OR IGNORE", 1, r#"{"n": 9}"#).unwrap();
    insert(&other, "INSERT OR REPLACE", 1, r#"{"n": 2}"#).unwrap();
    other
        .execute(
            "INSERT INTO documents VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET record = excluded.record",
            [id(1), r#"{"n": 3}"#.to_owned()],
        )
        .unwrap();
    other.execute("UPDATE documents SET record = record", []).unwrap();
    other.execute("UPDATE documents SET id = ?1", [id(2)]).unwrap();
    other.execute_batch("BEGIN; DELETE FROM documents; ROLLBACK; DELETE FROM documents;").unwrap();
    let moved = record(2, json!({"n": 3}));
    let expected = [
        (id(1), None, Some(one.clone())),
        (id(1), Some(one), Some(two.clone())),
        (id(1), Some(two), Some(three.clone())),
        (id(1), Some(three), None),
        (id(2), None, Some(moved.clone())),
        (id(2), Some(moved), None),
    ];
    assert_eq!(changes(&*store).await.told, expected);
}

#[tokio::test]
async fn our_writes_bear_our_clock_and_no_change_goes_back_in_time() {
    let directory = TempDir::new().unwrap();
    let clock = monday();
    let store = document_store::open(&url(&directory, "documents.db"), &clock).await.unwrap();
    let other = elsewhere(&directory);
    store.insert(&record(1, json!({}))).await.unwrap();
    let ours = clock.now();
    // Far ahead of any machine that runs this test: the other program's machine is behind.
    clock.set("2999-01-01T00:00:00Z".parse().unwrap());
    store.insert(&record(2, json!({}))).await.unwrap();
    insert(&other, "INSERT", 3, "{}").unwrap();
    clock.set(clock.now() + SignedDuration::from_secs(1));
    let seen = changes(&*store).await;
    let ahead = clock.now() - SignedDuration::from_secs(1);
    assert_eq!((seen.times, seen.up_to), (vec![ours, ahead, ahead], clock.now()));
    insert(&other, "INSERT", 4, "{}").unwrap();
    assert_eq!(changes(&*store).await.times[3], clock.now(), "not before what was passed");
}

#[tokio::test]
async fn another_programs_write_bears_the_machines_time() {
    let directory = TempDir::new().unwrap();
    let long_ago = ports::Clock::simulated("2001-01-01T00:00:00Z".parse().unwrap());
    let store = document_store::open(&url(&directory, "documents.db"), &long_ago).await.unwrap();
    let machine = ports::Clock::system();
    let before = machine.now();
    insert(&elsewhere(&directory), "INSERT", 1, "{}").unwrap();
    let at = changes(&*store).await.times[0];
    let tolerance = SignedDuration::from_millis(1);
    assert!(before - tolerance <= at && at <= machine.now() + tolerance, "{before} {at}");
}

#[tokio::test]
async fn a_waiting_reader_notices_another_program() {
    let directory = TempDir::new().unwrap();
    let store = open(&directory).await;
    let waiting = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.changed().await }
    });
    tokio::task::yield_now().await;
    insert(&elsewhere(&directory), "INSERT", 1, "{}").unwrap();
    waiting.await.unwrap();
}

#[tokio::test]
async fn another_program_is_told_when_it_writes_what_nobody_could_read() {
    let directory = TempDir::new().unwrap();
    let store = open(&directory).await;
    let other = elsewhere(&directory);
    for bad in ["", "{", "[1]", "null", "7"] {
        let refusal = insert(&other, "INSERT", 1, bad).unwrap_err().to_string();
        assert!(refusal.contains("record the text of a JSON object"), "{bad:?}: {refusal}");
    }
    insert(&other, "INSERT", 1, "{}").unwrap();
    other.execute("UPDATE documents SET record = '{'", []).unwrap_err();
    other.execute("INSERT INTO documents VALUES (NULL, '{}')", []).unwrap_err();
    assert_eq!(changes(&*store).await.told, [(id(1), None, Some(record(1, json!({}))))]);
}

#[tokio::test]
async fn a_record_that_sqlite_takes_for_json_and_we_cannot_read_stands_in_nobodys_way() {
    let directory = TempDir::new().unwrap();
    let store = open(&directory).await;
    let other = elsewhere(&directory);
    let deep = format!(r#"{{"TrialId": "t", "n": {}1{}}}"#, "[".repeat(300), "]".repeat(300));
    let texts = [r#"{"TrialId": "t", "n": 1e999}"#, r#"{"TrialId": "t", "Filename": "\ud800.png"}"#, deep.as_str()];
    for (number, text) in (1..).zip(texts) {
        insert(&other, "INSERT", number, text).unwrap();
    }
    insert(&other, "INSERT", 4, r#"{"TrialId": "t"}"#).unwrap();
    let of_trial = RecordFilter { equals: vec![("TrialId", "t".to_owned())] };
    let listed = store.list(&of_trial, None, 9).await.unwrap();
    assert_eq!(listed.iter().map(|record| record.text("TrialId")).collect::<Vec<_>>(), [Some("t"); 4]);
    let is_whole = |record: &ports::Record| record.text("UnreadableRecord").is_none();
    assert_eq!(listed.iter().map(is_whole).collect::<Vec<_>>(), [false, false, false, true]);
    assert!(listed[1].text("Filename").unwrap().ends_with(".png"));
    let told: Vec<_> = changes(&*store).await.told.into_iter().map(|(_, _, after)| after.unwrap()).collect();
    assert_eq!(told, listed);
    // It can be mended, and removed.
    store.replace(&listed[0], &record(1, json!({"n": 1}))).await.unwrap();
    store.delete(&listed[1]).await.unwrap();
    assert_eq!(store.get(&id(3)).await.unwrap().unwrap(), listed[2]);
}

#[tokio::test]
async fn a_record_counts_as_expected_however_it_is_spelled() {
    let directory = TempDir::new().unwrap();
    let store = open(&directory).await;
    insert(&elsewhere(&directory), "INSERT", 1, r#" { "b" : 1.0, "_id":"someone else's", "a":"A" } "#).unwrap();
    let read = store.get(&id(1)).await.unwrap().unwrap();
    assert_eq!(read, record(1, json!({"a": "A", "b": 1.0})), "the column id rules");
    store.replace(&read, &record(1, json!({"c": 1}))).await.unwrap();
}

#[tokio::test]
async fn an_existing_collection_is_taken_as_it_is() {
    let directory = TempDir::new().unwrap();
    let other = elsewhere(&directory);
    other.execute_batch(COLLECTION).unwrap();
    other.pragma_update(None, "user_version", 77).unwrap();
    insert(&other, "INSERT", 1, r#"{"TrialId": "t"}"#).unwrap();
    for _ in 0..2 {
        let store = open(&directory).await;
        let there = store.list(&RecordFilter::default(), None, 9).await.unwrap();
        assert_eq!(there, [record(1, json!({"TrialId": "t"}))]);
        assert_eq!(changes(&*store).await.told, [], "what was there before is no change");
        let epoch = store.end().await.unwrap().0.epoch;
        assert_eq!(epoch, u64::try_from(monday().now().as_second()).unwrap());
    }
    let version: i64 = other.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(version, 77, "the file still belongs to its maker");
}

#[tokio::test]
async fn a_collection_that_cannot_be_read_is_refused() {
    let malformed = "INSERT INTO documents VALUES ('x', '{}'), ('y', '{')";
    let cases = [
        (vec![COLLECTION, malformed], "with the id 'y' holds no JSON object"),
        (vec!["CREATE TABLE documents (id TEXT, body TEXT)"], "needs the columns id and record"),
        (vec!["CREATE TABLE letters (id TEXT)"], "no table documents"),
    ];
    for (sql, sentence) in cases {
        let directory = TempDir::new().unwrap();
        elsewhere(&directory).execute_batch(&sql.join(";")).unwrap();
        let refusal = document_store::open(&url(&directory, "documents.db"), &monday()).await.err().unwrap();
        assert!(matches!(refusal, Error::Corrupt(_) | Error::Rejected(_)), "{refusal:?}");
        assert!(refusal.to_string().contains(sentence), "{refusal}");
        let tables: i64 = elsewhere(&directory)
            .query_row("SELECT count(*) FROM sqlite_schema WHERE name LIKE 'trialbrief%'", [], |row| row.get(0))
            .unwrap();
        assert_eq!(tables, 0, "a refused file is left as it is");
    }
}

#[tokio::test]
async fn history_that_went_by_unseen_is_reported_as_lost() {
    let directory = TempDir::new().unwrap();
    let store = open(&directory).await;
    store.insert(&record(1, json!({}))).await.unwrap();
    let (before, place) = store.end().await.unwrap();
    store.acknowledge(&place).await.unwrap();
    drop(store);
    // The customer makes the table anew, as a tool for copying databases does: our triggers go with the old one.
    let other = elsewhere(&directory);
    other.execute_batch(&format!("DROP TABLE documents; {COLLECTION}")).unwrap();
    insert(&other, "INSERT", 2, "{}").unwrap();
    let store = open(&directory).await;
    let told: Vec<Change> = store.changes().try_collect().await.unwrap();
    assert_eq!(told, [Change::Lost]);
    let (end, place) = store.end().await.unwrap();
    assert!(end.epoch > before.epoch, "tokens of the new epoch are greater");
    store.acknowledge(&place).await.unwrap();
    store.insert(&record(3, json!({}))).await.unwrap();
    let seen = changes(&*store).await;
    assert_eq!(seen.told.len(), 1);
    assert!(seen.tokens[0] > end);
}

#[tokio::test]
async fn changes_removed_before_they_were_acknowledged_are_reported_as_lost() {
    let directory = TempDir::new().unwrap();
    let store = open(&directory).await;
    for n in 1..4 {
        store.insert(&record(n, json!({}))).await.unwrap();
    }
    store.acknowledge(&changes(&*store).await.places[0]).await.unwrap();
    elsewhere(&directory).execute("DELETE FROM trialbrief_changes WHERE id = ?1", [id(2)]).unwrap();
    let told: Vec<Change> = store.changes().try_collect().await.unwrap();
    assert_eq!(told, [Change::Lost]);
}

#[tokio::test]
async fn acknowledged_changes_are_not_kept() {
    let directory = TempDir::new().unwrap();
    let store = open(&directory).await;
    for n in 1..4 {
        store.insert(&record(n, json!({"Filename": "of a patient"}))).await.unwrap();
    }
    store.acknowledge(&changes(&*store).await.places[1]).await.unwrap();
    let kept = "SELECT count(*) FROM trialbrief_changes";
    let kept: i64 = elsewhere(&directory).query_row(kept, [], |row| row.get(0)).unwrap();
    assert_eq!(kept, 1);
}
