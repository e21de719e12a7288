//! Writes to `Documents`, and how fast their changes are told, in SQLite and in MongoDB.
//!
//! `cargo bench -p adapters --features distributed --bench documents [-- <mongodb:// URL>]`; without a URL a SecantusDB is
//! started, which `TRIALBRIEF_PYTHON` must have beside it. That server is Python: it says nothing about the speed of mongod.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a benchmark measures and prints"
)]

use std::sync::Arc;
use std::time::Instant;

use adapters::document_store;
use futures::{StreamExt, TryStreamExt, stream};
use ports::{Change, Clock, DocumentStore, Record, RecordFilter};
use serde_json::json;

const RECORDS: u32 = 2_000;
const SEQUENTIAL: u32 = 200;
const IN_FLIGHT: usize = 32;

fn record(number: u32, version: u32) -> Record {
    let value = json!({
        "_id": format!("{number:024x}"), "TrialId": format!("t-{}", number % 20), "Kind": "image", "Version": version,
        "Filename": "scan-of-a-slide.png", "FileLocation": format!("s3://trialbrief/trials/t/{number}"), "Size": 123_456,
    });
    serde_json::from_value(value).unwrap()
}

/// How long one of so many takes, in milliseconds.
fn each(what: &str, many: u32, began: Instant) {
    let seconds = began.elapsed().as_secs_f64();
    println!("  {what:<44} {:>9.3} ms {:>9.0}/s", seconds * 1e3 / f64::from(many), f64::from(many) / seconds);
}

async fn read(store: &dyn DocumentStore) -> Vec<Change> {
    store.changes().try_collect().await.unwrap()
}

async fn measure(url: &str) {
    let store: Arc<dyn DocumentStore> = document_store::open(url, &Clock::system()).await.unwrap();
    let began = Instant::now();
    let inserts = stream::iter(0..RECORDS).map(async |n| store.insert(&record(n, 1)).await.unwrap());
    inserts.buffer_unordered(IN_FLIGHT).collect::<Vec<_>>().await;
    each("insert, 32 in flight", RECORDS, began);
    let began = Instant::now();
    for n in 0..SEQUENTIAL {
        store.replace(&record(n, 1), &record(n, 2)).await.unwrap();
    }
    each("replace, one after another", SEQUENTIAL, began);
    let began = Instant::now();
    let told = read(&*store).await;
    each("change told", RECORDS + SEQUENTIAL, began);
    assert_eq!(told.len() as u32, RECORDS + SEQUENTIAL + 1);
    let began = Instant::now();
    for change in told.iter().take(SEQUENTIAL as usize) {
        let Change::Seen { place, .. } = change else { panic!("{change:?}") };
        store.acknowledge(place).await.unwrap();
    }
    each("acknowledge", SEQUENTIAL, began);
    let (_, place) = store.end().await.unwrap();
    store.acknowledge(&place).await.unwrap();
    let began = Instant::now();
    for _ in 0..SEQUENTIAL {
        assert_eq!(read(&*store).await.len(), 1);
    }
    each("changes read where there are none", SEQUENTIAL, began);
    let began = Instant::now();
    for n in 0..SEQUENTIAL {
        let waiting = tokio::spawn({
            let store = Arc::clone(&store);
            async move { store.changed().await }
        });
        store.replace(&record(n, 2), &record(n, 3)).await.unwrap();
        waiting.await.unwrap();
        let told = read(&*store).await;
        let Some(Change::Seen { place, .. }) = told.first() else { panic!("{told:?}") };
        store.acknowledge(place).await.unwrap();
    }
    each("replace, woken, told, acknowledged", SEQUENTIAL, began);
    let filter = RecordFilter { equals: vec![("TrialId", "t-7".to_owned())] };
    let began = Instant::now();
    for _ in 0..20 {
        assert_eq!(store.list(&filter, None, 100).await.unwrap().len() as u32, RECORDS / 20);
    }
    each("list the 100 records of a trial", 20, began);
}

#[tokio::main]
async fn main() {
    let directory = tempfile::TempDir::new().unwrap();
    println!("sqlite");
    measure(&format!("sqlite:{}", directory.path().join("documents.db").display())).await;
    let named = std::env::args().nth(1).filter(|argument| argument.starts_with("mongodb"));
    let server = named.is_none().then(|| test_servers::mongodb::start(&["--sync-on-commit"]));
    let started = server.as_ref().map(|server| test_servers::mongodb::url(server, "documents"));
    println!("mongodb{}", if server.is_some() { ": SecantusDB, synchronised at each commit" } else { "" });
    measure(&named.or(started).unwrap()).await;
}
