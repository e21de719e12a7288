//! What other programs, crashes and undone changes do to what is known of the collection.

use std::sync::Arc;

use adapters::document_store;
use jiff::Timestamp;
use ports::{Clock, Record, Step, StoredEvent};
use projections::{Closing, Views};
use serde_json::{Value, json};

use crate::setup::{Setup, Write, lose_history, write_elsewhere, write_past_the_feed};
use crate::world::{World, mondays, parse};

const TRIAL: &str = "ACME-101";

fn record(id: &str, location: &str) -> Record {
    let properties = json!({
        "_id": id, "TrialId": TRIAL, "Filename": "note.txt", "FileLocation": location, "Size": 3, "MD5": "0".repeat(32),
    });
    serde_json::from_value(properties).unwrap()
}

fn of_kind<'a>(log: &'a [StoredEvent], kind: &str) -> Vec<&'a StoredEvent> {
    log.iter().filter(|stored| stored.event.kind == kind).collect()
}

/// Lets every worker but one do what it has to do.
async fn settle_without(world: &mut World, name: &str) {
    let now = world.ports.clock.now();
    loop {
        let mut worked = false;
        for worker in world.workers().iter_mut().filter(|worker| worker.name() != name) {
            worked |= worker.step(now).await.unwrap() == Step::Worked;
        }
        if !worked {
            return;
        }
    }
}

async fn codes(world: &World, id: &str) -> Vec<String> {
    let answer = world.get("ada", &format!("/api/documents/{id}/findings")).await.expect(200).json();
    answer["findings"].as_array().unwrap().iter().map(|finding| finding["code"].as_str().unwrap().to_owned()).collect()
}

async fn patch(world: &mut World, id: &str, patch: Value) {
    let request = axum::http::Request::patch(format!("/api/documents/{id}"))
        .header("Trialbrief-Person", "ben")
        .header("Content-Type", "application/merge-patch+json")
        .body(patch.to_string().into())
        .unwrap();
    world.ask(request).await.expect(200);
    world.settle().await;
}

async fn closing(world: &World, instant: Timestamp) -> Closing {
    Views::new(Arc::clone(&world.ports.views)).get(&instant.to_string()).await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_can_tell_that_history_was_lost_in_its_period_also_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_owned();
    let mut world = World::open(path.clone(), None, parse("2026-11-16T09:00[Europe/Berlin]"), |urls| urls).await;
    world.open_trial(TRIAL).await;
    world.subscribe("chi", TRIAL, mondays()).await;
    world.until("2026-11-18T10:05[Europe/Berlin]").await;
    lose_history(&path).await;
    world.settle().await;
    let lost = world.ports.clock.now();
    drop(world);

    let mut world = World::open(path, Some(folder), lost, |urls| urls).await;
    assert!(!closing(&world, lost).await.complete);
    world.until("2026-11-30T08:00[Europe/Berlin]").await;
    let cuts: Vec<Timestamp> =
        world.reports(TRIAL).await.iter().map(|report| parse(report["cut"].as_str().unwrap())).collect();
    assert_eq!(cuts.len(), 2);
    for cut in cuts {
        let closing = closing(&world, cut).await;
        assert_eq!((closing.complete, closing.last_incomplete), (true, Some(lost.as_microsecond())));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_comes_back_to_an_earlier_state_is_identified_again() {
    let mut world = World::at("2026-11-16T09:00[Europe/Berlin]").await;
    world.open_trial(TRIAL).await;
    let document = world.upload("ben", TRIAL, "note.txt", b"abc".to_vec()).await;
    let id = document["_id"].as_str().unwrap();
    world.settle().await;
    for (size, expected) in [(99, vec!["size_mismatch"]), (3, vec![]), (99, vec!["size_mismatch"]), (3, vec![])] {
        patch(&mut world, id, json!({"Size": size})).await;
        assert_eq!(codes(&world, id).await, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_hashed_is_not_taken_for_the_file_that_the_record_named_before() {
    let mut world = World::at("2026-11-16T09:00[Europe/Berlin]").await;
    world.open_trial(TRIAL).await;
    let ours = world.upload("ben", TRIAL, "note.txt", b"abc".to_vec()).await;
    let documents = Arc::clone(&world.ports.documents);
    let before = record("0123456789abcdef01234567", "s3://trialbrief/trials/ACME-101/gone");
    documents.insert(&before).await.unwrap();
    settle_without(&mut world, "analyst").await;
    // The relay has not seen this yet when the analyst looks.
    let after = record(before.id(), ours["FileLocation"].as_str().unwrap());
    documents.replace(&before, &after).await.unwrap();
    let now = world.ports.clock.now();
    for worker in world.workers().iter_mut().filter(|worker| worker.name() == "analyst") {
        worker.step(now).await.unwrap();
    }
    world.settle().await;
    assert_eq!(of_kind(&world.log().await, "DocumentContentIdentified").len(), 1);
    assert_eq!(codes(&world, before.id()).await, ["md5_mismatch"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_whose_id_is_no_object_id_is_left_out_and_stops_nobody() {
    let mut world = World::at("2026-11-16T09:00[Europe/Berlin]").await;
    world.open_trial(TRIAL).await;
    write_elsewhere(world.folder(), vec![Write::Insert("a customer's own".to_owned(), json!({}))]).await;
    world.settle().await;
    let documents = Arc::clone(&world.ports.documents);
    assert_eq!(
        documents.acknowledged().await.unwrap(),
        Some(documents.end().await.unwrap().1),
        "or it is read for ever"
    );
    world.upload("ben", TRIAL, "note.txt", b"abc".to_vec()).await;
    world.settle().await;
    assert_eq!(of_kind(&world.log().await, "DocumentAdded").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_uploaded_while_the_first_look_lasts_was_added_by_who_uploaded_it() {
    let folder = tempfile::tempdir().unwrap();
    let begin = parse("2026-11-16T09:00[Europe/Berlin]");
    let url = Setup::chosen().urls(folder.path()).await.documents;
    let documents = document_store::open(&url, &Clock::simulated(begin)).await.unwrap();
    documents.insert(&record("0123456789abcdef00000001", "s3://elsewhere/a")).await.unwrap();
    // A first look has begun, and was not finished.
    documents.acknowledge(&documents.end().await.unwrap().1).await.unwrap();
    let mut added = record("0123456789abcdef00000002", "s3://elsewhere/b");
    let command = "3f0e9c1e-6d5b-4c0c-9c55-3b1d1c8b9f10";
    added.0.insert("LastChange".to_owned(), json!({"Actor": "ben", "CommandId": command, "At": begin.to_string()}));
    documents.insert(&added).await.unwrap();
    drop(documents);

    let path = folder.path().to_owned();
    let world = World::open(path, Some(folder), begin, |urls| urls).await;
    let log = world.log().await;
    let told = |kind: &str| -> Vec<(String, String)> {
        let actor = |stored: &&StoredEvent| stored.metadata().unwrap().cause.actor;
        of_kind(&log, kind).iter().map(|stored| (stored.stream.clone(), actor(stored))).collect()
    };
    let stream = |number: u8| format!("document-0123456789abcdef0000000{number}");
    assert_eq!(told("DocumentFound"), [(stream(1), "external".to_owned())]);
    assert_eq!(told("DocumentAdded"), [(stream(2), "ben".to_owned())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_is_not_what_its_name_promises_asks_for_attention_until_it_is_renamed() {
    let mut world = World::at("2026-11-16T09:00[Europe/Berlin]").await;
    world.open_trial(TRIAL).await;
    let document = world.upload("ben", TRIAL, "consent.pdf", b"A letter to the subject.".to_vec()).await;
    // The same bytes under a name that fits.
    world.upload("ben", TRIAL, "consent.txt", b"A letter to the subject.".to_vec()).await;
    world.settle().await;
    let id = document["_id"].as_str().unwrap();
    let flagged = |summary: Value| {
        let flagged = summary["figures"]["contents"]["flagged"].as_i64().unwrap_or(0);
        let documents = summary["flagged"].as_array().unwrap().clone();
        (
            flagged,
            documents.iter().map(|document| document["filename"].as_str().unwrap().to_owned()).collect::<Vec<_>>(),
        )
    };
    let summary = world.get("ada", "/api/trials/ACME-101/summary").await.expect(200).json();
    assert_eq!(flagged(summary), (1, vec!["consent.pdf".to_owned()]));
    assert_eq!(codes(&world, id).await, ["type_mismatch"]);
    patch(&mut world, id, json!({"Filename": "letter.txt"})).await;
    let summary = world.get("ada", "/api/trials/ACME-101/summary").await.expect(200).json();
    assert_eq!(flagged(summary), (0, vec![]));
    assert_eq!(codes(&world, id).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_written_past_the_feed_is_found_at_night_also_behind_one_and_the_same_change() {
    let mut world = World::at("2026-11-16T09:00[Europe/Berlin]").await;
    world.open_trial(TRIAL).await;
    let mut ids = Vec::new();
    for name in ["kept.txt", "removed.txt", "changed.txt"] {
        ids.push(world.upload("ben", TRIAL, name, name.as_bytes().to_vec()).await["_id"].as_str().unwrap().to_owned());
    }
    world.settle().await;
    let told = |log: Vec<StoredEvent>, id: &str| -> Vec<(String, String)> {
        let stream = format!("document-{id}");
        let of_document = log.into_iter().filter(|stored| stored.stream == stream);
        let kinds = of_document.map(|stored| {
            let actor = stored.metadata().unwrap().cause.actor;
            (stored.event.kind, actor)
        });
        kinds.filter(|(kind, _)| kind != "DocumentContentIdentified").collect()
    };
    let new = "0123456789abcdef01234567";
    let as_final = Write::Set(ids[2].clone(), "Status", "final");
    let mut inserted = world.ports.documents.get(&ids[0]).await.unwrap().unwrap();
    inserted.0.insert("_id".to_owned(), json!(new));
    let insert = Write::Insert(new.to_owned(), Value::Object(inserted.0));
    let writes = vec![as_final, insert, Write::Delete(ids[1].clone())];
    write_past_the_feed(world.folder(), &world.ports, writes).await;
    let before = world.log().await.len();
    world.until("2026-11-17T03:00[UTC]").await;
    assert_eq!(world.log().await.len(), before, "nobody has told");

    world.until("2026-11-17T03:15[UTC]").await;
    let by = |kind: &str, actor: &str| (kind.to_owned(), actor.to_owned());
    let added = by("DocumentAdded", "ben");
    let log = world.log().await;
    assert_eq!(told(log.clone(), &ids[0]), std::slice::from_ref(&added));
    assert_eq!(told(log.clone(), &ids[1]), [added.clone(), by("DocumentRemoved", "external")]);
    assert_eq!(told(log.clone(), &ids[2]), [added.clone(), by("DocumentChanged", "external")]);
    assert_eq!(told(log, new), [by("DocumentAdded", "external")]);

    // Nothing was told since, so that this night's look is as old as the last one.
    let as_draft = Write::Set(ids[2].clone(), "Status", "draft");
    write_past_the_feed(world.folder(), &world.ports, vec![as_draft]).await;
    world.until("2026-11-18T03:15[UTC]").await;
    let changed = by("DocumentChanged", "external");
    assert_eq!(told(world.log().await, &ids[2]), [added, changed.clone(), changed]);
}
