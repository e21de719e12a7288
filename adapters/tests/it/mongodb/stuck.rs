//! A program that is stopped or killed within a save keeps nobody else from saving.

use std::io::{BufRead, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use mongodb::Database;
use mongodb::bson::{Document, doc};
use mongodb::error::TRANSIENT_TRANSACTION_ERROR;
use ports::{Error, Position, ROWS_VERSION, ViewStore};
use rustix::process::{Pid, Signal, kill_process};
use test_servers::mongodb::{shared, url};
use test_servers::unique;
use tokio::time::timeout;

use super::views::{at, due, open, put};
use super::{database, soon};

/// Where the child finds the URL of its views, if it is one.
const CHILD: &str = "TRIALBRIEF_TEST_SAVING_CHILD";
/// So many that a save takes a while.
const ROWS: u64 = 300;
/// Another program saves within this time, whatever became of the first.
const SAVES_WITHIN: Duration = Duration::from_secs(10);

/// Does nothing, unless it was started by the tests below: then it saves until another program has moved the projection.
#[tokio::test(flavor = "multi_thread")]
async fn child_that_saves_until_it_meets_a_conflict() {
    let Ok(url) = std::env::var(CHILD) else { return };
    let views = open(&url).await;
    let mut from = None;
    loop {
        let to = at(from.map_or(1, |from: Position| from.commit + 1));
        match views.save("p", from, to, rows(to)).await {
            Ok(()) => from = Some(to),
            Err(Error::Conflict(_)) => break,
            Err(error) => panic!("{error}"),
        }
    }
    std::io::stdout().lock().write_all(b"\nConflict\n").unwrap();
}

fn rows(to: Position) -> Vec<ports::Write> {
    (0..ROWS).map(|n| put(&n.to_string(), to.commit)).collect()
}

fn child(url: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "mongodb::stuck::child_that_saves_until_it_meets_a_conflict", "--nocapture"])
        .env(CHILD, url)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// Whether a transaction that has written the projection's position is open.
async fn is_in_other_hands(database: &Database) -> bool {
    let mut session = database.client().start_session().await.unwrap();
    session.start_transaction().await.unwrap();
    let touch = doc! { "$set": { "touched": true } };
    let position = doc! { "_id": format!("v{ROWS_VERSION}.1.p") };
    let answer = database.collection::<Document>("views").update_one(position, touch).session(&mut session).await;
    let _ = session.abort_transaction().await;
    answer.is_err_and(|error| error.contains_label(TRANSIENT_TRANSACTION_ERROR))
}

/// Starts a child and stops it between the first write of a save and the commit.
async fn stopped_within_a_save(url: &str, views: &dyn ViewStore) -> Child {
    let child = child(url);
    soon("the child's first save", views.moved("p", None)).await;
    let database = database(url).await;
    soon("a save to stop in", async {
        loop {
            signal(&child, Signal::STOP);
            if is_in_other_hands(&database).await {
                return child;
            }
            signal(&child, Signal::CONT);
            tokio::task::yield_now().await;
        }
    })
    .await
}

/// Saves where another program's transaction may be open, and answers where it began.
async fn save(views: &dyn ViewStore, to: u64) -> Position {
    let from = views.position("p").await.unwrap();
    let saved = timeout(SAVES_WITHIN, views.save("p", from, at(to), rows(at(to)))).await;
    saved.expect("a save in time").unwrap();
    from.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_stopped_within_a_save_is_overtaken_and_finds_a_conflict_when_it_goes_on() {
    let url = url(shared(), &unique("stuck"));
    let views = open(&url).await;
    let mut child = stopped_within_a_save(&url, &*views).await;
    let from = save(&*views, 1_000_000).await;
    assert!(from < at(1_000_000));

    signal(&child, Signal::CONT);
    let output = child.stdout.take().unwrap();
    let told = tokio::task::spawn_blocking(|| BufReader::new(output).lines().map(Result::unwrap).collect::<Vec<_>>());
    let told = soon("the child's conflict", told).await.unwrap();
    assert!(told.iter().any(|line| line == "Conflict"), "{told:?}");
    assert!(child.wait().unwrap().success());
    assert_eq!(views.position("p").await.unwrap(), Some(at(1_000_000)));
    assert_eq!(due(&*views).await, vec![1_000_000; ROWS as usize], "nothing of the stopped save is there");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_killed_within_a_save_is_overtaken_and_leaves_nothing_half_saved() {
    let url = url(shared(), &unique("stuck"));
    let views = open(&url).await;
    let mut child = stopped_within_a_save(&url, &*views).await;
    child.kill().unwrap();
    child.wait().unwrap();
    let stands = views.position("p").await.unwrap().unwrap();
    assert_eq!(due(&*views).await, vec![stands.commit; ROWS as usize]);
    save(&*views, 1_000_000).await;
    assert_eq!(due(&*views).await, vec![1_000_000; ROWS as usize]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_position_alone_is_saved_although_a_program_is_stopped_within_a_save() {
    let url = url(shared(), &unique("stuck"));
    let views = open(&url).await;
    let mut child = stopped_within_a_save(&url, &*views).await;
    let from = views.position("p").await.unwrap();
    let saved = timeout(SAVES_WITHIN, views.save("p", from, at(1_000_000), vec![])).await;
    saved.expect("a save in time").unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(views.position("p").await.unwrap(), Some(at(1_000_000)));
}
