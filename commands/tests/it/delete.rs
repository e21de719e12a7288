use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use crate::world::{World, given};

fn id(record: &Value) -> &str {
    record["_id"].as_str().unwrap()
}

#[tokio::test]
async fn a_deleted_document_is_gone_with_its_file() {
    let world = World::new().await;
    let record = world.stored("T-1", "a").await;
    let path = format!("/api/documents/{}", id(&record));
    world.delete("rita", id(&record), &[]).await.refused(403, "");
    world.delete("nina", id(&record), &[]).await.refused(404, "");
    assert!(world.delete("carl", id(&record), &[("change-reason", "twice")]).await.ok(204).bytes.is_empty());
    for gone in [path.clone(), format!("{path}/file"), format!("{path}/thumbnail"), format!("{path}/findings")] {
        world.get("carl", &gone).await.refused(404, "");
    }
    world.delete("carl", id(&record), &[]).await.refused(404, "");
    assert_eq!((world.records().await, world.keys().await), (vec![], vec![]));
}

#[tokio::test]
async fn only_the_last_record_takes_a_shared_file_along() {
    let world = World::new().await;
    let (a, b) = (world.stored("T-1", "a").await, world.stored("T-1", "b").await);
    world.patch("carl", id(&a), &[], &json!({"FileLocation": b["FileLocation"]})).await.ok(200);
    world.delete("carl", id(&b), &[]).await.ok(204);
    assert_eq!(world.get("carl", &format!("/api/documents/{}/file", id(&a))).await.ok(200).bytes, "b");
    world.delete("carl", id(&a), &[]).await.ok(204);
    assert!(!world.file_exists(&b["FileLocation"]).await);
}

#[tokio::test]
async fn records_that_share_a_file_and_leave_at_once_leave_no_file() {
    let world = World::new().await;
    let (a, b) = (world.stored("T-1", "a").await, world.stored("T-1", "b").await);
    world.patch("carl", id(&a), &[], &json!({"FileLocation": b["FileLocation"]})).await.ok(200);
    let (first, second) = futures::join!(world.delete("carl", id(&a), &[]), world.delete("carl", id(&b), &[]));
    first.ok(204);
    second.ok(204);
    assert!(!world.file_exists(&b["FileLocation"]).await);
}

#[tokio::test]
async fn files_elsewhere_are_left_alone() {
    let world = World::new().await;
    let places = ["s3://elsewhere/trials/T-1/x", "s3://trialbrief/trials/T-1/../x", "s3://trialbrief/derived/x", "x"];
    world.files.forbid("");
    for (i, place) in places.iter().enumerate() {
        let id = format!("{i:024x}");
        let mut record = given(&id, place);
        record["TrialId"] = json!("T-1");
        world.insert(record).await;
        world.get("carl", &format!("/api/documents/{id}/file")).await.refused(404, "");
        world.delete("carl", &id, &[]).await.ok(204);
    }
    assert_eq!(world.records().await, []);
}

#[tokio::test]
async fn a_deletion_that_a_crash_interrupted_is_seen_by_nobody_and_finished() {
    let world = World::new().await;
    let (mine, other) = (world.stored("T-1", "a").await, world.stored("T-1", "b").await);
    let path = format!("/api/documents/{}", id(&mine));
    world.files.stuck.store(true, Ordering::SeqCst);
    let headers = [("idempotency-key", "k")];
    assert_eq!(world.delete("carl", id(&mine), &headers).await.status, 503);
    // Between mark and removal.
    for gone in [path.clone(), format!("{path}/file"), format!("{path}/findings")] {
        world.get("carl", &gone).await.refused(404, "");
    }
    world.patch("carl", id(&mine), &[], &json!({"Note": 1})).await.refused(404, "");
    world.delete("carl", id(&mine), &[]).await.refused(404, "");
    let list = world.get("carl", "/api/documents?trial=T-1").await.ok(200).json();
    assert_eq!(list["items"], json!([other]));
    // Nobody may begin to point to a file that is about to go.
    let share = json!({"FileLocation": mine["FileLocation"]});
    world.pass(30);
    world.patch("carl", id(&other), &[], &share).await.refused(422, "FileLocation");
    assert!(world.sweep().await.is_err(), "the store is stuck");
    assert_eq!(world.records().await.len(), 2);
    world.files.stuck.store(false, Ordering::SeqCst);
    world.sweep().await.unwrap();
    assert!(world.record(id(&mine)).await.is_none());
    assert!(!world.file_exists(&mine["FileLocation"]).await && world.file_exists(&other["FileLocation"]).await);
}

#[tokio::test]
async fn the_same_deletion_repeated_finishes_what_it_began() {
    let world = World::new().await;
    let record = world.stored("T-1", "a").await;
    world.files.stuck.store(true, Ordering::SeqCst);
    let headers = [("idempotency-key", "k")];
    assert_eq!(world.delete("carl", id(&record), &headers).await.status, 503);
    world.files.stuck.store(false, Ordering::SeqCst);
    world.delete("carl", id(&record), &headers).await.ok(204);
    assert_eq!((world.records().await, world.keys().await), (vec![], vec![]));
}

#[tokio::test]
async fn a_file_whose_only_record_leaves_is_not_taken_over_by_another() {
    let world = World::new().await;
    let (leaving, other) = (world.stored("T-1", "a").await, world.stored("T-1", "b").await);
    world.files.stuck.store(true, Ordering::SeqCst);
    assert_eq!(world.delete("carl", id(&leaving), &[]).await.status, 503);
    let share = json!({"FileLocation": leaving["FileLocation"]});
    let before = world.get("carl", &format!("/api/documents/{}", id(&other))).await.json();
    // The file is young, so only the record that leaves tells.
    assert_eq!(world.patch("carl", id(&other), &[], &share).await.refused(409, "")["title"], "Conflict");
    assert_eq!(world.get("carl", &format!("/api/documents/{}", id(&other))).await.json(), before);
}
