//! The SQLite adapters keep the contracts; and what only files can go through.

mod crash;
mod other_programs;

use std::fs;
use std::path::Path;

use adapters::{directory, document_store, event_log, key_ring, view_store};
use ports::{Categories, Clock, Error, Expected, Find, Position, Table, Write};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::contracts;
use crate::contracts::event_log::event;

fn monday() -> Clock {
    Clock::simulated("2026-11-30T07:00:00Z".parse().unwrap())
}

fn url(directory: &TempDir, file: &str) -> String {
    format!("sqlite:{}", directory.path().join("made/on demand").join(file).display())
}

fn file(directory: &TempDir, file: &str) -> std::path::PathBuf {
    directory.path().join("made/on demand").join(file)
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_keeps_the_contract_of_an_event_log() {
    let directory = TempDir::new().unwrap();
    contracts::event_log::suite(async || event_log::open(&url(&directory, "events.db"), &monday()).await.unwrap())
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_keeps_the_contract_of_a_document_store() {
    let directory = TempDir::new().unwrap();
    let clock = monday();
    let open = async || document_store::open(&url(&directory, "documents.db"), &clock).await.unwrap();
    contracts::document_store::suite(open, &clock).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_keeps_the_contract_of_a_view_store() {
    let directory = TempDir::new().unwrap();
    contracts::view_store::suite(async || view_store::open(&url(&directory, "views.db"), &monday()).await.unwrap())
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_keeps_the_contract_of_a_directory() {
    let directory = TempDir::new().unwrap();
    contracts::directory::suite(async || directory::open(&url(&directory, "people.db"), &monday()).await.unwrap())
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_keeps_the_contract_of_a_key_ring() {
    let directory = TempDir::new().unwrap();
    contracts::key_ring::suite(async || key_ring::open(&url(&directory, "keys.db"), &monday()).await.unwrap()).await;
}

/// What each port says to a URL; nothing where it opens.
async fn refusals(url: &str) -> Vec<Option<Error>> {
    let clock = monday();
    vec![
        event_log::open(url, &clock).await.err(),
        document_store::open(url, &clock).await.err(),
        view_store::open(url, &clock).await.err(),
        directory::open(url, &clock).await.err(),
        key_ring::open(url, &clock).await.err(),
    ]
}

#[tokio::test]
async fn a_url_that_no_adapter_knows_is_refused_with_the_choices() {
    for url in ["", "events.db", "postgres://user:secret@host/x", "sqlite:", "sqlite:data/", "sqlite://data/x.db"] {
        for refusal in refusals(url).await {
            let Some(Error::Rejected(text)) = refusal else { panic!("{url:?}: {refusal:?}") };
            assert!(text.contains("sqlite:<file>") && !text.contains("secret"), "{text}");
        }
    }
}

#[tokio::test]
async fn a_second_program_on_the_same_file_is_refused_and_told_why() {
    let directory = TempDir::new().unwrap();
    let url = url(&directory, "events.db");
    let first = event_log::open(&url, &monday()).await.unwrap();
    // The same file by another way.
    let link = directory.path().join("link.db");
    std::os::unix::fs::symlink(file(&directory, "events.db"), &link).unwrap();
    for url in [url.clone(), format!("sqlite:{}", link.display())] {
        for refusal in refusals(&url).await {
            let Some(Error::Unavailable(text)) = refusal else { panic!("{refusal:?}") };
            assert!(text.contains("events.db is in use by another program"), "{text}");
        }
    }
    drop(first);
    event_log::open(&url, &monday()).await.unwrap();
}

#[tokio::test]
async fn a_file_of_another_kind_is_refused_and_left_as_it_is() {
    let directory = TempDir::new().unwrap();
    let clock = monday();
    drop(event_log::open(&url(&directory, "events.db"), &clock).await.unwrap());
    let events = file(&directory, "events.db");
    let before = fs::read(&events).unwrap();
    let as_views = view_store::open(&url(&directory, "events.db"), &clock).await.err().unwrap().to_string();
    assert!(as_views.contains("is no view store") && as_views.contains("marked \"TbEv\""), "{as_views}");
    assert!(matches!(
        refusals(&url(&directory, "events.db")).await[1..],
        [Some(Error::Rejected(_)), Some(Error::Rejected(_)), Some(Error::Rejected(_)), Some(Error::Rejected(_))]
    ));

    let strange = file(&directory, "strange.db");
    Connection::open(&strange).unwrap().execute_batch("CREATE TABLE orders (id)").unwrap();
    assert!(refusals(&url(&directory, "strange.db")).await.iter().all(|r| matches!(r, Some(Error::Rejected(_)))));

    fs::write(file(&directory, "text.db"), "This is no database, but a text of some length.\n".repeat(100)).unwrap();
    assert!(refusals(&url(&directory, "text.db")).await.iter().all(|r| matches!(r, Some(Error::Corrupt(_)))));

    assert_eq!(fs::read(&events).unwrap(), before);
    Connection::open(&events).unwrap().pragma_update(None, "user_version", 2).unwrap();
    let newer = event_log::open(&url(&directory, "events.db"), &clock).await.err().unwrap().to_string();
    assert!(newer.contains("has layout 2, and this program knows layouts up to 1"), "{newer}");
}

#[tokio::test]
async fn events_cannot_be_changed_or_deleted_with_plain_sql() {
    let directory = TempDir::new().unwrap();
    let (log, _) = event_log::open(&url(&directory, "events.db"), &monday()).await.unwrap();
    log.append("a-1", Expected::NoStream, &[event("a")]).await.unwrap();
    let other = Connection::open(file(&directory, "events.db")).unwrap();
    for sql in [
        "DELETE FROM events",
        "UPDATE events SET data = x'00'",
        "DELETE FROM streams",
        "UPDATE streams SET name = 'b-1'",
    ] {
        let refusal = other.execute_batch(sql).unwrap_err().to_string();
        assert!(refusal.contains("never"), "{sql}: {refusal}");
    }
    assert_eq!(log.read("a-1", 0).await.unwrap()[0].event, event("a"));
}

#[tokio::test]
async fn a_reader_from_another_log_is_told_so() {
    let directory = TempDir::new().unwrap();
    let (_, feed) = event_log::open(&url(&directory, "events.db"), &monday()).await.unwrap();
    let elsewhere = Position { commit: 7, prepare: 7 };
    let told: Vec<_> = futures::StreamExt::collect(feed.read(Some(elsewhere), Categories::ALL)).await;
    assert!(matches!(told[..], [Err(Error::Corrupt(_))]), "{told:?}");
}

#[tokio::test]
async fn one_refused_write_does_not_spoil_those_that_share_its_commit() {
    let directory = TempDir::new().unwrap();
    let (log, _) = event_log::open(&url(&directory, "events.db"), &monday()).await.unwrap();
    // Handed in by one thread without a pause, so that they meet in the writer.
    let streams: Vec<_> = (0..200).map(|i| format!("shared-{}", i / 2)).collect();
    let one = [event("one")];
    let other = [event("other")];
    let appends = streams
        .iter()
        .enumerate()
        .map(|(i, stream)| log.append(stream, Expected::NoStream, if i % 2 == 0 { &one } else { &other }));
    let answers = futures::future::join_all(appends).await;
    for pair in answers.chunks(2) {
        assert!(matches!(pair, [Ok(_), Err(Error::Conflict(_))]), "{pair:?}");
    }
}

const ROWS: Table = Table { name: "rows", indexes: &[&["kind"]] };
const MORE_INDEXES: Table = Table { name: "rows", indexes: &[&["kind"], &["kind", "due"]] };

#[tokio::test]
async fn an_index_declared_later_is_made() {
    let directory = TempDir::new().unwrap();
    let url = url(&directory, "views.db");
    let views = view_store::open(&url, &monday()).await.unwrap();
    let row = |key: &str, row: &'static str| Write::Put { table: ROWS, key: key.to_owned(), row: row.into() };
    let rows = vec![row("a", r#"{"kind":"x","due":2}"#), row("b", r#"{"kind":"x","due":1}"#)];
    let at = Position { commit: 1, prepare: 1 };
    views.save("p", None, at, rows).await.unwrap();
    drop(views);
    let views = view_store::open(&url, &monday()).await.unwrap();
    let by_due = Find::all(9).equal("kind", "x").range("due", None, None);
    let found = views.find(MORE_INDEXES, &by_due).await.unwrap();
    assert_eq!(found.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(), ["b", "a"]);
}

#[tokio::test]
async fn deleted_views_begin_anew() {
    let directory = TempDir::new().unwrap();
    let url = url(&directory, "views.db");
    let at = Position { commit: 1, prepare: 1 };
    let views = view_store::open(&url, &monday()).await.unwrap();
    views.save("p", None, at, vec![]).await.unwrap();
    drop(views);
    for entry in fs::read_dir(file(&directory, "")).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    let views = view_store::open(&url, &monday()).await.unwrap();
    assert_eq!(views.position("p").await.unwrap(), None);
    views.save("p", None, at, vec![]).await.unwrap();
}

#[tokio::test]
async fn views_whose_rows_are_of_another_version_begin_anew() {
    let directory = TempDir::new().unwrap();
    let url = url(&directory, "views.db");
    let at = Position { commit: 1, prepare: 1 };
    let row = || vec![Write::Put { table: ROWS, key: "a".to_owned(), row: r#"{"kind":"x","due":2}"#.into() }];
    for version in [1, i32::MAX] {
        let views = view_store::open(&url, &monday()).await.unwrap();
        assert_eq!((views.position("p").await.unwrap(), views.get(ROWS, "a").await.unwrap()), (None, None));
        views.save("p", None, at, row()).await.unwrap();
        drop(views);
        let other = Connection::open(file(&directory, "views.db")).unwrap();
        other.pragma_update(None, "user_version", version).unwrap();
    }
    let views = view_store::open(&url, &monday()).await.unwrap();
    assert_eq!(views.position("p").await.unwrap(), None);
}

fn holds(directory: &Path, bytes: &[u8]) -> bool {
    fs::read_dir(directory).unwrap().any(|entry| {
        let content = fs::read(entry.unwrap().path()).unwrap();
        content.windows(bytes.len()).any(|window| window == bytes)
    })
}

#[tokio::test]
async fn a_destroyed_key_and_a_forgotten_person_leave_no_bytes_on_the_disk() {
    let directory = TempDir::new().unwrap();
    let keys = key_ring::open(&url(&directory, "keys.db"), &monday()).await.unwrap();
    let people = directory::open(&url(&directory, "people.db"), &monday()).await.unwrap();
    let key = keys.key("person-1").await.unwrap().unwrap().0;
    keys.key("person-2").await.unwrap();
    let person = |name: &str| ports::Person { user: "u".into(), name: name.into(), address: None, active: true };
    people.save(&person("Maria Musterfrau")).await.unwrap();
    people.save(&person("Maria Beispiel")).await.unwrap();
    let place = file(&directory, "");
    assert!(holds(&place, &key) && holds(&place, b"Maria Beispiel"), "they can be found while they are there");
    keys.destroy("person-1").await.unwrap();
    people.forget("u").await.unwrap();
    assert!(!holds(&place, &key) && !holds(&place, b"Maria"), "they are gone from file and write-ahead log");
    #[cfg(unix)]
    for secret in ["keys.db", "people.db"] {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(place.join(secret)).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
