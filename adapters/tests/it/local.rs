//! The adapters that need nothing but this machine, and SMTP.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod smtp;
mod smtp_server;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use adapters::{file_store, mailer, work_queue};
use futures::StreamExt;
use futures::future::{join_all, poll_immediate};
use jiff::{SignedDuration, Timestamp};
use ports::{Clock, Error, FileStore, Mailer, WorkKind};
use tempfile::TempDir;

use crate::contracts;
use crate::contracts::file_store::{body, key, keys, read};
use crate::contracts::mailer::{Arrived, short};
use crate::contracts::work_queue::render;

fn monday() -> Clock {
    Clock::simulated("2026-11-30T07:00:00Z".parse().unwrap())
}

fn pass(clock: &Clock, time: SignedDuration) {
    clock.set(clock.now() + time);
}

async fn files(directory: &Path, clock: &Clock) -> (Arc<dyn FileStore>, Arc<dyn FileStore>) {
    file_store::open(&format!("file:{}", directory.display()), clock).await.unwrap()
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_directory_keeps_the_contract_of_a_file_store() {
    let directory = TempDir::new().unwrap();
    let (originals, derived) = files(directory.path(), &monday()).await;
    contracts::file_store::suite(originals, "trials/t1/", "derived/").await;
    contracts::file_store::suite(derived, "derived/", "trials/").await;
    // Writing that was given up may still be going on; opening again waits for nobody and removes nothing in use.
    drop(files(directory.path(), &monday()).await);
}

#[tokio::test]
async fn what_is_stored_in_a_directory_outlives_the_store_and_bears_our_time() {
    let directory = TempDir::new().unwrap();
    let clock = monday();
    let stored_at = clock.now();
    files(directory.path(), &clock).await.0.put(&key("trials/t/d/u"), body(b"kept")).await.unwrap();
    pass(&clock, SignedDuration::from_hours(24));
    let (originals, _) = files(directory.path(), &clock).await;
    assert_eq!(read(&*originals, &key("trials/t/d/u"), None).await, Some((4, b"kept".to_vec())));
    let modified: Vec<Timestamp> = originals.list("trials/").map(|entry| entry.unwrap().modified).collect().await;
    assert_eq!(modified, [stored_at]);
}

#[tokio::test]
async fn a_killed_process_leaves_nothing_and_a_running_one_is_left_alone() {
    let directory = TempDir::new().unwrap();
    drop(files(directory.path(), &monday()).await);
    let incoming = directory.path().join(".incoming");
    fs::write(incoming.join("dead.incoming"), b"half a file").unwrap();
    let running = fs::File::create(incoming.join("running.incoming")).unwrap();
    running.lock().unwrap();
    drop(files(directory.path(), &monday()).await);
    assert_eq!(names(&incoming), ["running.incoming"]);
}

#[tokio::test]
async fn a_key_cannot_be_a_file_and_a_folder() {
    let directory = TempDir::new().unwrap();
    let (originals, _) = files(directory.path(), &monday()).await;
    originals.put(&key("trials/a/b"), body(b"x")).await.unwrap();
    for other in ["trials/a", "trials/a/b/c", "trials/a/b/c/d"] {
        assert!(matches!(originals.put(&key(other), body(b"y")).await, Err(Error::Rejected(_))), "{other}");
        assert_eq!(originals.size(&key(other)).await, Ok(None), "{other}");
        assert_eq!(originals.delete(&key(other)).await, Ok(()), "{other}");
    }
    let long = format!("trials/{}", "n".repeat(300));
    assert!(matches!(originals.put(&key(&long), body(b"y")).await, Err(Error::Rejected(_))));
    assert_eq!(originals.size(&key(&long)).await, Ok(None));
    assert_eq!(keys(&*originals, "").await, ["trials/a/b"]);
    assert_eq!(names(&directory.path().join(".incoming")), [""; 0]);
    // The folders of deleted files stand in nobody's way.
    originals.delete(&key("trials/a/b")).await.unwrap();
    originals.put(&key("trials/a"), body(b"z")).await.unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn links_are_never_followed() {
    let (directory, elsewhere) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let (originals, _) = files(directory.path(), &monday()).await;
    originals.put(&key("trials/t/real"), body(b"real")).await.unwrap();
    fs::write(elsewhere.path().join("secret"), b"secret").unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), directory.path().join("trials/out")).unwrap();
    std::os::unix::fs::symlink(elsewhere.path().join("secret"), directory.path().join("trials/t/link")).unwrap();
    for linked in ["trials/out/secret", "trials/t/link"] {
        assert_eq!(originals.size(&key(linked)).await, Ok(None), "{linked}");
        assert_eq!(read(&*originals, &key(linked), None).await, None, "{linked}");
        originals.delete(&key(linked)).await.unwrap();
    }
    assert!(matches!(originals.put(&key("trials/out/new/x"), body(b"x")).await, Err(Error::Rejected(_))));
    assert_eq!(keys(&*originals, "").await, ["trials/t/real"]);
    assert_eq!(keys(&*originals, "trials/out/").await, [""; 0]);
    assert_eq!(names(elsewhere.path()), ["secret"]);
}

#[tokio::test]
async fn puts_and_deletes_side_by_side_lose_no_file() {
    let directory = TempDir::new().unwrap();
    let (originals, _) = files(directory.path(), &monday()).await;
    let (kept, fleeting) = (key("trials/t/deep/er/kept"), key("trials/t/deep/er/fleeting"));
    for _ in 0..30 {
        // Each delete tries to remove the folder that the puts need.
        let puts = join_all((0..4).map(|_| originals.put(&kept, body(b"kept"))));
        let churn = async {
            originals.put(&fleeting, body(b"x")).await.unwrap();
            originals.delete(&fleeting).await.unwrap();
        };
        assert!(futures::join!(puts, churn).0.iter().all(Result::is_ok));
        assert_eq!(originals.size(&kept).await, Ok(Some(4)));
        originals.delete(&kept).await.unwrap();
    }
    assert_eq!(names(&directory.path().join("trials")), [""; 0]);
}

#[tokio::test]
async fn a_queue_in_memory_keeps_the_contract_of_a_queue() {
    let clock = monday();
    let queue = work_queue::open("memory:", &clock).await.unwrap();
    let most_of_it = async || pass(&clock, work_queue::TAKEN_FOR / 3 * 2);
    contracts::work_queue::suite(&*queue, async || pass(&clock, work_queue::TAKEN_FOR), most_of_it).await;
}

#[tokio::test]
async fn taken_work_stays_taken_until_its_time_and_comes_back_first() {
    let clock = monday();
    let queue = work_queue::open("memory:", &clock).await.unwrap();
    for id in ["a", "b", "c"] {
        queue.offer(&render(id)).await.unwrap();
    }
    let [a, b] =
        [queue.take(WorkKind::Render).await, queue.take(WorkKind::Render).await].map(|taken| taken.unwrap().unwrap());
    pass(&clock, SignedDuration::from_secs(59));
    assert_eq!(queue.take(WorkKind::Render).await.unwrap().unwrap().work, render("c"));
    assert!(queue.take(WorkKind::Render).await.unwrap().is_none());
    queue.offer(&render("d")).await.unwrap();
    pass(&clock, SignedDuration::from_secs(1));
    for (next, why) in [(a.work, "the oldest"), (b.work, "its time is over too"), (render("d"), "it only waited")] {
        assert_eq!(queue.take(WorkKind::Render).await.unwrap().unwrap().work, next, "{why}");
    }
}

#[tokio::test]
async fn a_full_queue_says_so_and_takes_work_again_later() {
    let queue = work_queue::open("memory:", &monday()).await.unwrap();
    let mut offered = 0;
    while queue.offer(&render(&offered.to_string())).await.is_ok() {
        offered += 1;
    }
    assert_eq!(offered, 100_000);
    assert!(matches!(queue.offer(&render("more")).await, Err(Error::Unavailable(_))));
    queue.finish(queue.take(WorkKind::Render).await.unwrap().unwrap()).await.unwrap();
    queue.offer(&render("more")).await.unwrap();
    assert_eq!(poll_immediate(queue.offered(WorkKind::Deliver)).await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn offers_and_takes_on_several_threads_lose_and_double_nothing() {
    let queue = work_queue::open("memory:", &Clock::system()).await.unwrap();
    let taker = |queue: Arc<dyn ports::WorkQueue>| async move {
        let mut ids = Vec::new();
        loop {
            queue.offered(WorkKind::Render).await;
            let Some(taken) = queue.take(WorkKind::Render).await.unwrap() else { continue };
            let is_last = taken.work.id.starts_with("last");
            ids.push(taken.work.id.clone());
            queue.finish(taken).await.unwrap();
            if is_last {
                return ids;
            }
        }
    };
    let takers: Vec<_> = (0..3).map(|_| tokio::spawn(taker(Arc::clone(&queue)))).collect();
    for i in 0..5_000 {
        queue.offer(&render(&format!("{i:04}"))).await.unwrap();
        tokio::task::yield_now().await;
    }
    for i in 0..3 {
        queue.offer(&render(&format!("last{i}"))).await.unwrap();
    }
    let mut ids: Vec<String> = join_all(takers).await.into_iter().flat_map(Result::unwrap).collect();
    ids.sort();
    assert_eq!(ids.len(), 5_003);
    ids.dedup();
    assert_eq!(ids.len(), 5_003);
}

fn outbox(directory: &Path) -> Arc<dyn Mailer> {
    mailer::open(&format!("outbox:{}", directory.display()), &monday()).unwrap()
}

/// Reads an outbox file as a mail program does: the envelope stands in its first two lines.
fn read_outbox(directory: &Path) -> Vec<Arrived> {
    let read = |name: &String| {
        let file = fs::read(directory.join(name)).unwrap();
        let lines: Vec<&[u8]> = file.splitn(3, |b| *b == b'\n').collect();
        let value = |line: &[u8], before: &str, after: &str| {
            let line = std::str::from_utf8(line).unwrap();
            line.strip_prefix(before).unwrap().strip_suffix(after).unwrap().to_owned()
        };
        let (from, to) = (value(lines[0], "Return-Path: <", ">\r"), value(lines[1], "Delivered-To: ", "\r"));
        Arrived { from, to, message: lines[2].to_vec() }
    };
    names(directory).iter().map(read).collect()
}

#[tokio::test]
async fn an_outbox_keeps_the_contract_of_a_mailer() {
    let directory = TempDir::new().unwrap();
    let mailer = outbox(directory.path());
    contracts::mailer::suite(&*mailer, async || read_outbox(directory.path())).await;
}

#[tokio::test]
async fn an_outbox_holds_one_file_for_an_id() {
    let directory = TempDir::new().unwrap();
    fs::write(directory.path().join("dead.incoming"), b"half a mail").unwrap();
    let mailer = outbox(directory.path());
    for to in ["a@example.org", "b@example.org"] {
        let accepted = mailer.send(&short("same.id_1", to)).await.unwrap();
        assert_eq!(accepted.queue_id.as_deref(), Some("same.id_1.eml"));
    }
    assert_eq!(names(directory.path()), ["same.id_1.eml"]);
    assert_eq!(read_outbox(directory.path())[0].to, "b@example.org");
}

#[tokio::test]
async fn a_url_that_is_not_known_is_rejected_with_what_is_possible() {
    let sentence = |result: Option<Error>| match result {
        Some(Error::Rejected(sentence)) => sentence,
        other => panic!("{other:?}"),
    };
    let clock = monday();
    let files = async |url| sentence(file_store::open(url, &clock).await.err());
    let queue = async |url| sentence(work_queue::open(url, &clock).await.err());
    let mail = |url| sentence(mailer::open(url, &clock).err());
    assert!(
        files("ftp://u:secret@x").await.contains("file:<directory>")
            && !files("ftp://u:secret@x").await.contains("secret")
    );
    assert!(!files("file:").await.is_empty());
    assert!(queue("redis://x").await.contains("memory:"));
    assert!(mail("sendmail:").contains("outbox:<directory>") && mail("nothing").contains("smtps://"));
    assert!(!mail("outbox:").is_empty());
}
