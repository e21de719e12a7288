//! A program killed at any moment loses nothing it acknowledged, and leaves nothing half written.
//!
//! A kill leaves what the kernel already has; it cannot show what a power cut does to unsynchronised writes.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use adapters::{document_store, event_log};
use ports::{Categories, Expected, RecordFilter};
use serde_json::json;
use tempfile::TempDir;
use tokio::task::JoinSet;

use super::monday;
use crate::contracts::document_store::{changes, id, record};
use crate::contracts::event_log::{event, tell};

/// Where the child finds the directory and its round, if it is one.
const CHILD: &str = "TRIALBRIEF_TEST_CRASHING_CHILD";
const ROUNDS: u32 = 6;
const WRITERS: u32 = 8;
/// Events in one append.
const TOGETHER: u64 = 3;

fn url(directory: &Path, file: &str) -> String {
    format!("sqlite:{}", directory.join(file).display())
}

/// What the child calls an event.
fn name(stream: &str, revision: u64) -> String {
    format!("{stream} {revision}")
}

fn acknowledge(line: &str) {
    // The test harness may have begun a line of its own. One call, so that lines do not mix.
    std::io::stdout().lock().write_all(format!("\nack {line}\n").as_bytes()).unwrap();
}

/// Does nothing, unless it was started by the test below: then it writes until it is killed.
#[tokio::test(flavor = "multi_thread")]
async fn child_that_writes_until_it_is_killed() {
    let Ok(task) = std::env::var(CHILD) else { return };
    let (round, directory) = task.split_once(' ').unwrap();
    let round: u32 = round.parse().unwrap();
    let (log, _feed) = event_log::open(&url(Path::new(directory), "events.db"), &monday()).await.unwrap();
    let documents = document_store::open(&url(Path::new(directory), "documents.db"), &monday()).await.unwrap();
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (log, documents) = (Arc::clone(&log), Arc::clone(&documents));
        writers.spawn(async move {
            let stream = format!("crash-{round}-{writer}");
            let mut expected = Expected::NoStream;
            for next in (0..).step_by(TOGETHER as usize) {
                let events: Vec<_> = (next..next + TOGETHER).map(|r| event(&name(&stream, r))).collect();
                log.append(&stream, expected, &events).await.unwrap();
                acknowledge(&format!("event {stream} {}", next + TOGETHER - 1));
                expected = Expected::Revision(next + TOGETHER - 1);
                let number = (round * WRITERS + writer) * 100_000 + next as u32;
                documents.insert(&record(number, json!({"n": number}))).await.unwrap();
                acknowledge(&format!("record {number}"));
            }
        });
    }
    writers.join_all().await;
}

/// Starts the child, kills it after so many acknowledgements, and answers them all.
fn kill_after(acknowledgements: u64, round: u32, directory: &Path) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "sqlite::crash::child_that_writes_until_it_is_killed", "--nocapture"])
        .env(CHILD, format!("{round} {}", directory.display()))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).split(b'\n');
    let mut acknowledged = Vec::new();
    for line in lines {
        let line = String::from_utf8(line.unwrap()).unwrap();
        acknowledged.extend(line.strip_prefix("ack ").map(str::to_owned));
        if acknowledged.len() as u64 == acknowledgements {
            child.kill().unwrap();
        }
    }
    assert!(!child.wait().unwrap().success(), "it was killed");
    assert!(acknowledged.len() as u64 >= acknowledgements);
    acknowledged
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_program_loses_nothing_acknowledged_and_leaves_nothing_half_written() {
    let directory = TempDir::new().unwrap();
    let mut acknowledged = Vec::new();
    for round in 0..ROUNDS {
        let some = 1 + RandomState::new().hash_one(round) % 400;
        acknowledged.extend(kill_after(some, round, directory.path()));
    }
    let mut lengths: BTreeMap<&str, u64> = BTreeMap::new();
    let mut numbers: BTreeSet<u32> = BTreeSet::new();
    for line in &acknowledged {
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["event", stream, revision] => drop(lengths.insert(stream, revision.parse::<u64>().unwrap() + 1)),
            ["record", number] => drop(numbers.insert(number.parse().unwrap())),
            _ => panic!("{line:?}"),
        }
    }
    assert!(!lengths.is_empty());

    let (log, feed) = event_log::open(&url(directory.path(), "events.db"), &monday()).await.unwrap();
    let (told, _) = tell(&*feed, None, Categories::ALL).await;
    let streams: BTreeSet<_> = told.iter().map(|event| event.stream.clone()).collect();
    let mut stored = 0;
    for stream in &streams {
        let events = log.read(stream, 0).await.unwrap();
        assert_eq!(events.len() as u64 % TOGETHER, 0, "half an append in {stream}");
        for (revision, stored) in (0..).zip(&events) {
            assert_eq!((stored.revision, &stored.event), (revision, &event(&name(stream, revision))));
        }
        assert!(events.len() as u64 >= lengths.remove(stream.as_str()).unwrap_or(0), "{stream} lost an event");
        stored += events.len();
    }
    assert!(lengths.is_empty(), "lost whole streams: {lengths:?}");
    assert_eq!(stored, told.len());

    let documents = document_store::open(&url(directory.path(), "documents.db"), &monday()).await.unwrap();
    let records = documents.list(&RecordFilter::default(), None, usize::MAX).await.unwrap();
    for number in &numbers {
        assert_eq!(documents.get(&id(*number)).await.unwrap(), Some(record(*number, json!({"n": number}))));
    }
    let mut told: Vec<_> = changes(&*documents).await.told.into_iter().map(|(_, _, after)| after.unwrap()).collect();
    told.sort_by(|a, b| a.id().cmp(b.id()));
    assert_eq!(told, records, "each record has its change, and each change its record");
}
