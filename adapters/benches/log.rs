//! Appends, feed and view saves on SQLite, beside what this disk can synchronise in the same run.
//!
//! `cargo bench -p adapters --bench log [-- <directory>]`; without a directory the system's temporary one is used.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a benchmark measures and prints"
)]

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use futures::StreamExt;
use jiff::Timestamp;
use ports::{
    Categories, Cause, Clock, EventFeed, EventHash, EventLog, Expected, Fed, Find, Metadata, NewEvent, Position, Table,
    Write,
};
use serde_json::json;
use uuid::Uuid;

/// Disk and appends take turns, for a shared disk is not equally fast all the time.
const ROUNDS: u64 = 10;
const SEQUENTIAL: u64 = 200;
const IN_FLIGHT: u64 = 32;
const TOGETHER: u64 = 6_400;
const ROWS: usize = 5_000;

fn event(number: u64) -> NewEvent {
    let id = Uuid::from_u64_pair(number + 1, 7);
    let metadata = Metadata {
        id,
        kind: "DeliverySent".to_owned(),
        version: 1,
        recorded_at: Timestamp::UNIX_EPOCH,
        cause: Cause { actor: "mailer".to_owned(), command: id, correlation: id, causation: Some(id), request: None },
        previous: EventHash::default(),
    };
    NewEvent {
        id,
        kind: metadata.kind.clone(),
        version: 1,
        data: Bytes::from(json!({"attempt": 1, "reply": "250 2.0.0 Ok: queued as 4B2C3", "at": number}).to_string()),
        metadata: Bytes::from(serde_json::to_vec(&metadata).unwrap()),
    }
}

/// Seconds in which the disk makes overwritten pages durable, one by one: no append of its own can be faster.
fn synchronise_pages(file: &File) -> f64 {
    let started = Instant::now();
    for i in 0..SEQUENTIAL {
        file.write_all_at(&[i as u8; 4096], (i % 256) * 4096).unwrap();
        file.sync_data().unwrap();
    }
    started.elapsed().as_secs_f64()
}

async fn append_one_by_one(log: &dyn EventLog, round: u64) -> f64 {
    let started = Instant::now();
    for n in 0..SEQUENTIAL {
        let stream = format!("delivery-{}", Uuid::from_u64_pair(1 + round, n));
        log.append(&stream, Expected::NoStream, &[event(n)]).await.unwrap();
    }
    started.elapsed().as_secs_f64()
}

/// Two events per stream, as a usual delivery has.
async fn append_together(log: &Arc<dyn EventLog>, round: u64) -> f64 {
    let started = Instant::now();
    let appenders = (0..IN_FLIGHT).map(|appender| {
        let log = Arc::clone(log);
        tokio::spawn(async move {
            for n in 0..TOGETHER / IN_FLIGHT / 2 {
                let stream = format!("delivery-{}", Uuid::from_u64_pair(1000 + round * 100 + appender, n));
                log.append(&stream, Expected::NoStream, &[event(n)]).await.unwrap();
                log.append(&stream, Expected::Revision(0), &[event(n + 1)]).await.unwrap();
            }
        })
    });
    for appender in appenders.collect::<Vec<_>>() {
        appender.await.unwrap();
    }
    started.elapsed().as_secs_f64()
}

async fn read_feed(feed: &dyn EventFeed, of: Categories) -> (u64, f64) {
    let started = Instant::now();
    let told = feed.read(None, of).fold(0, async |told, fed| told + u64::from(matches!(fed, Ok(Fed::Event(_))))).await;
    (told, (ROUNDS * (SEQUENTIAL + TOGETHER)) as f64 / started.elapsed().as_secs_f64())
}

async fn views(directory: &Path, clock: &Clock) {
    const DUE: Table = Table { name: "due", indexes: &[&["kind", "due"], &["slot"]] };
    let views =
        ports_open(adapters::view_store::open(&format!("sqlite:{}/views.db", directory.display()), clock).await);
    let row = |round: u64, n: usize| {
        Write::Put {
        table: DUE,
        key: Uuid::from_u64_pair(n as u64, 5).to_string(),
        row: json!({"kind": "deliver", "due": round * 100 + n as u64, "slot": format!("slot-{}", n % 97), "attempts": round,
            "report": Uuid::from_u64_pair(1, 2), "subscription": Uuid::from_u64_pair(3, n as u64)})
        .to_string()
        .into(),
    }
    };
    let at = |n| Position { commit: n, prepare: n };
    views.find(DUE, &Find::all(1)).await.unwrap();
    for (name, round) in [("new", 1), ("replaced", 2), ("replaced", 3)] {
        let writes: Vec<_> = (0..ROWS).map(|n| row(round, n)).collect();
        let from = (round > 1).then(|| at(round - 1));
        let started = Instant::now();
        views.save("bench", from, at(round), writes).await.unwrap();
        let took = started.elapsed();
        println!(
            "view save, {ROWS} {name} rows, 2 indexes: {took:.1?}, {:.0} rows/s",
            ROWS as f64 / took.as_secs_f64()
        );
    }
    let started = Instant::now();
    let mut after = None;
    let mut found = 0;
    loop {
        let find = Find::all(500).equal("kind", "deliver").range("due", None, None).after(after);
        let page = views.find(DUE, &find).await.unwrap();
        found += page.len();
        let Some((key, row)) = page.last() else { break };
        after = Some((serde_json::from_slice::<serde_json::Value>(row).unwrap()["due"].clone(), key.clone()));
    }
    println!("view find, pages of 500: {:.0} rows/s", found as f64 / started.elapsed().as_secs_f64());
    let started = Instant::now();
    for n in 0..ROWS {
        views.get(DUE, &Uuid::from_u64_pair(n as u64, 5).to_string()).await.unwrap();
    }
    println!("view get: {:.0} rows/s", ROWS as f64 / started.elapsed().as_secs_f64());
}

fn ports_open<T>(opened: ports::Result<T>) -> T {
    opened.unwrap()
}

#[tokio::main]
async fn main() {
    let given = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let directory =
        given.map_or_else(|| tempfile::TempDir::new().unwrap(), |given| tempfile::TempDir::new_in(given).unwrap());
    let directory = directory.path();
    let clock = Clock::system();
    let (log, feed) =
        ports_open(adapters::event_log::open(&format!("sqlite:{}/events.db", directory.display()), &clock).await);

    let mut pages = File::create(directory.join("pages")).unwrap();
    pages.write_all(&[0; 1 << 20]).unwrap();
    pages.sync_all().unwrap();
    let (mut syncs, mut alone, mut together) = (0.0, 0.0, 0.0);
    for round in 0..ROUNDS {
        syncs += synchronise_pages(&pages);
        alone += append_one_by_one(&*log, round).await;
        together += append_together(&log, round).await;
    }
    let per_second = |number: u64, seconds: f64| (ROUNDS * number) as f64 / seconds;
    let (syncs, alone) = (per_second(SEQUENTIAL, syncs), per_second(SEQUENTIAL, alone));
    let together = per_second(TOGETHER, together);
    println!("disk: {syncs:.0} synchronised page writes/s");
    println!("append, one by one: {alone:.0}/s = {:.2} of the disk's", alone / syncs);
    println!("append, {IN_FLIGHT} in flight: {together:.0}/s = {:.2} of the disk's", together / syncs);
    for _ in 0..2 {
        let (told, speed) = read_feed(&*feed, Categories::ALL).await;
        println!("feed, all {told} events: {speed:.0} events/s");
    }
    let (told, speed) = read_feed(&*feed, Categories(&["nothing"])).await;
    println!("feed, {told} wanted: {speed:.0} events/s passed");
    drop((log, feed));
    let size = std::fs::metadata(directory.join("events.db")).unwrap().len();
    let first = event(0);
    println!(
        "log file: {:.0} bytes per event of {} + {} bytes (data + metadata), one or two events per stream",
        size as f64 / (ROUNDS * (SEQUENTIAL + TOGETHER)) as f64,
        first.data.len(),
        first.metadata.len()
    );
    views(directory, &clock).await;
}
