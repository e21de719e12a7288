use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::body::Body;
use serde_json::{Value, json};

use crate::world::{World, given};

fn id(record: &Value) -> &str {
    record["_id"].as_str().unwrap()
}

#[tokio::test]
async fn a_patch_merges_signs_and_tells_why() {
    let world = World::new().await;
    let record = world.stored("T-1", "a").await;
    world.pass(1);
    let patch = json!({"Filename": "b.txt", "Size": 9, "MD5": "f".repeat(32), "Note": {"by": "x", "on": 1}});
    let headers = [("change-reason", "falsch%20benannt")];
    let answer = world.patch("carl", id(&record), &headers, &patch).await.ok(200);
    let patched = answer.json();
    assert_eq!(
        (&patched["Filename"], &patched["Size"], &patched["Note"]["on"]),
        (&json!("b.txt"), &json!(9), &json!(1))
    );
    assert_eq!((&patched["Version"], &patched["UpdatedBy"]), (&json!(2), &json!("carl")));
    assert_eq!((&patched["UpdatedAt"], &patched["CreatedAt"]), (&json!("2026-11-23T09:00:00Z"), &record["CreatedAt"]));
    assert_eq!(patched["SHA256"], record["SHA256"]);
    assert_eq!(world.record(id(&record)).await.unwrap().0["LastChange"]["Reason"], "falsch benannt");
    let read = world.get("carl", &format!("/api/documents/{}", id(&record))).await;
    assert_eq!((read.json(), read.header("etag")), (patched, answer.header("etag")));
    // Null removes, also inside.
    let patched =
        world.patch("carl", id(&record), &[], &json!({"Note": {"on": null}, "ContentType": null})).await.ok(200);
    assert_eq!(patched.json()["Note"], json!({"by": "x"}));
    assert!(patched.json().get("ContentType").is_none());
    // The same again changes nothing.
    let stored = world.record(id(&record)).await;
    world.pass(1);
    world.patch("carl", id(&record), &[], &json!({"Note": {"on": null}, "Filename": "b.txt"})).await.ok(200);
    assert_eq!(world.record(id(&record)).await, stored);
}

#[tokio::test]
async fn a_bad_patch_is_refused_by_name_and_changes_nothing() {
    let world = World::new().await;
    let record = world.stored("T-1", "a").await;
    let before = world.records().await;
    let cases = [
        (json!({"_id": "0123456789abcdef01234567"}), "_id"),
        (json!({"SHA256": record["SHA256"]}), "SHA256"),
        (json!({"Version": 7}), "Version"),
        (json!({"LastChange": {"Actor": "somebody"}}), "LastChange"),
        (json!({"UpdatedBy": "somebody"}), "UpdatedBy"),
        (json!({"Size": -1}), "Size"),
        (json!({"Size": "3"}), "Size"),
        (json!({"MD5": "abc"}), "MD5"),
        (json!({"Filename": null}), "Filename"),
        (json!({"Filename": ["a"]}), "Filename"),
        (json!({"TrialId": "../T-1"}), "TrialId"),
        (json!({"DocumentDate": "soon"}), "DocumentDate"),
        (json!({"Note": "x".repeat(140_000)}), ""),
        (json!(["Filename"]), ""),
        (json!(null), ""),
    ];
    for (patch, field) in cases {
        world.patch("carl", id(&record), &[], &patch).await.refused(422, field);
    }
    let malformed = [("content-type", "application/merge-patch+json")];
    let path = format!("/api/documents/{}", id(&record));
    world.ask("carl", "PATCH", &path, &malformed, Body::from("{\"Filename\": ")).await.refused(422, "Filename");
    world
        .ask("carl", "PATCH", &path, &[("content-type", "text/plain")], Body::from("{}"))
        .await
        .refused(415, "Content-Type");
    for unknown in ["0123456789abcdef01234567", "nonsense", "0123456789ABCDEF01234567"] {
        world.patch("carl", unknown, &[], &json!({"Note": 1})).await.refused(404, "");
    }
    world.patch("rita", id(&record), &[], &json!({"Note": 1})).await.refused(403, "");
    world.patch("nina", id(&record), &[], &json!({"Note": 1})).await.refused(404, "");
    assert_eq!(world.records().await, before);
    world.close_trial("T-1").await;
    world.patch("carl", id(&record), &[], &json!({"Note": 1})).await.refused(409, "");
}

#[tokio::test]
async fn a_stale_version_is_refused() {
    let world = World::new().await;
    let record = world.stored("T-1", "a").await;
    let old = world.get("carl", &format!("/api/documents/{}", id(&record))).await.header("etag").to_owned();
    let fresh = world.patch("carl", id(&record), &[("if-match", &old)], &json!({"Note": 1})).await.ok(200);
    world.patch("carl", id(&record), &[("if-match", &old)], &json!({"Note": 2})).await.refused(412, "");
    world.delete("carl", id(&record), &[("if-match", &old)]).await.refused(412, "");
    world.patch("carl", id(&record), &[("if-match", fresh.header("etag"))], &json!({"Note": 3})).await.ok(200);
}

#[tokio::test]
async fn the_same_patch_under_one_key_is_applied_once() {
    let world = World::new().await;
    let record = world.stored("T-1", "a").await;
    let etag = world.get("carl", &format!("/api/documents/{}", id(&record))).await.header("etag").to_owned();
    let headers = [("idempotency-key", "k"), ("if-match", etag.as_str())];
    let first = world.patch("carl", id(&record), &headers, &json!({"Note": 1})).await.ok(200);
    let again = world.patch("carl", id(&record), &headers, &json!({"Note": 1})).await.ok(200);
    assert_eq!(again.json(), first.json());
    world.patch("carl", id(&record), &headers, &json!({"Note": 2})).await.refused(422, "Idempotency-Key");
    world.delete("carl", id(&record), &[("idempotency-key", "k")]).await.refused(422, "Idempotency-Key");
}

#[tokio::test]
async fn patches_of_different_properties_at_once_are_all_merged() {
    let world = World::new().await;
    let record = world.stored("T-1", "a").await;
    let properties: Vec<String> = (0..50).map(|n| format!("P{n}")).collect();
    let patches: Vec<Value> = properties.iter().map(|property| json!({ property: 1 })).collect();
    let asked = patches.iter().map(|patch| world.patch("carl", id(&record), &[], patch));
    for answer in futures::future::join_all(asked).await {
        answer.ok(200);
    }
    let merged = world.record(id(&record)).await.unwrap();
    assert!(properties.iter().all(|property| merged.0[property] == 1));
}

#[tokio::test]
async fn a_repeated_patch_does_not_undo_what_others_have_changed_since() {
    let world = World::new().await;
    let record = world.stored("T-1", "a").await;
    let ask = async |user: &str, key: &str, status: &str| {
        world.patch(user, id(&record), &[("idempotency-key", key)], &json!({"Status": status})).await
    };
    ask("carl", "k", "draft").await.ok(200);
    for n in 0..7 {
        ask("anna", &format!("k-{n}"), &format!("final-{n}")).await.ok(200);
    }
    // Changes without a key are not counted.
    world.patch("anna", id(&record), &[], &json!({"Status": "final"})).await.ok(200);
    assert_eq!(ask("carl", "k", "draft").await.ok(200).json()["Status"], "final");
    ask("carl", "k", "other").await.refused(422, "Idempotency-Key");
    assert_eq!(world.record(id(&record)).await.unwrap().0["Status"], "final");
}

#[tokio::test]
async fn a_change_that_is_taken_back_is_told_as_a_change_of_the_one_who_asked() {
    let world = World::new().await;
    let (record, other) = (world.stored("T-1", "a").await, world.stored("T-1", "b").await);
    world.files.vanishing.store(true, Ordering::SeqCst);
    let patch = json!({"FileLocation": other["FileLocation"]});
    let key = [("idempotency-key", "k")];
    world.patch("carl", id(&record), &key, &patch).await.refused(409, "");
    let path = format!("/api/documents/{}", id(&record));
    assert_eq!(world.get("carl", &path).await.json(), record);
    let last = &world.record(id(&record)).await.unwrap().0["LastChange"];
    assert_eq!(last["Actor"], "carl");
    assert!(last["Reason"].as_str().unwrap().contains("taken back"), "{last}");
    // It was not carried out, so the same request is tried again.
    world.files.vanishing.store(false, Ordering::SeqCst);
    let patched = world.patch("carl", id(&record), &key, &patch).await.ok(200).json();
    assert_eq!(patched["FileLocation"], other["FileLocation"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_patches_at_once_exactly_one_wins_each_version() {
    let world = Arc::new(World::new().await);
    let record = world.stored("T-1", "a").await;
    let id = id(&record).to_owned();
    let patching = (0..64).map(|i| {
        let (world, id) = (Arc::clone(&world), id.clone());
        tokio::spawn(async move {
            let mut lost = 0;
            loop {
                let etag = world.get("carl", &format!("/api/documents/{id}")).await.header("etag").to_owned();
                let answer = world.patch("carl", &id, &[("if-match", &etag)], &json!({"Note": i})).await;
                if answer.status == 200 {
                    return (answer.json()["Version"].as_u64().unwrap(), lost);
                }
                answer.refused(412, "");
                lost += 1;
            }
        })
    });
    let mut won: Vec<(u64, usize)> = Vec::new();
    for patched in patching.collect::<Vec<_>>() {
        won.push(patched.await.unwrap());
    }
    won.sort_unstable();
    assert!(won.iter().map(|(version, _)| *version).eq(2..=65), "{won:?}");
    assert!(won.iter().any(|(_, lost)| *lost > 0), "they never met");
}

#[tokio::test]
async fn a_file_of_another_trial_is_neither_read_nor_deleted() {
    let world = World::new().await;
    let ours = world.stored("T-1", "ours").await;
    let theirs = world.stored("T-2", "theirs").await;
    world.files.forbid("trials/T-2/");
    let places = [
        theirs["FileLocation"].clone(),
        json!("s3://trialbrief/trials/T-2/none"),
        json!("s3://trialbrief/trials/T-1/../T-2/x"),
        json!("s3://trialbrief/trials/T-1x/x"),
        json!("s3://elsewhere/trials/T-1/x"),
        json!("s3://trialbrief/derived/0"),
        json!("s3://trialbrief/trials/T-1/"),
    ];
    for place in places {
        // Not even for somebody who may write in both.
        for user in ["carl", "anna"] {
            let problem = world.patch(user, id(&ours), &[], &json!({"FileLocation": place})).await;
            assert!(
                problem.refused(422, "FileLocation")["detail"].as_str().unwrap().contains("trials/T-1/"),
                "{place}"
            );
        }
    }
    world.delete("carl", id(&ours), &[]).await.ok(204);
    assert_eq!(world.keys().await.len(), 1);
}

#[tokio::test]
async fn a_patched_place_must_hold_a_file_that_stays() {
    let world = World::new().await;
    let (a, b) = (world.stored("T-1", "a").await, world.stored("T-1", "b").await);
    let missing = json!({"FileLocation": "s3://trialbrief/trials/T-1/none"});
    world.patch("carl", id(&a), &[], &missing).await.refused(422, "FileLocation");
    // Another document's file: its hash, which we computed, is known.
    let shared = world.patch("carl", id(&a), &[], &json!({"FileLocation": b["FileLocation"]})).await.ok(200).json();
    assert_eq!(shared["SHA256"], b["SHA256"]);
    // A file that another program put there: nobody has hashed it.
    world.put_file("trials/T-1/dropped/scan", b"xyz").await;
    let dropped = json!({"FileLocation": "s3://trialbrief/trials/T-1/dropped/scan"});
    let patched = world.patch("carl", id(&a), &[], &dropped).await.ok(200).json();
    assert!(patched.get("SHA256").is_none());
    assert_eq!((&patched["Size"], &patched["MD5"]), (&a["Size"], &a["MD5"]));
    assert_eq!(world.get("carl", &format!("/api/documents/{}/file", id(&a))).await.bytes, "xyz");
    // What no record names for a day is about to be swept.
    world.put_file("trials/T-1/dropped/old", b"old").await;
    world.pass(23);
    let old = json!({"FileLocation": "s3://trialbrief/trials/T-1/dropped/old"});
    world.patch("carl", id(&b), &[], &old).await.refused(422, "FileLocation");
}

#[tokio::test]
async fn moving_a_document_needs_both_trials() {
    let world = World::new().await;
    let record = world.stored("T-1", "a").await;
    world.patch("carl", id(&record), &[], &json!({"TrialId": "T-2"})).await.refused(404, "");
    let moved = world.patch("anna", id(&record), &[], &json!({"TrialId": "T-2"})).await.ok(200).json();
    assert_eq!(moved["FileLocation"], record["FileLocation"]);
    world.get("carl", &format!("/api/documents/{}", id(&record))).await.refused(404, "");
    assert_eq!(world.get("anna", &format!("/api/documents/{}/file", id(&record))).await.ok(200).bytes, "a");
    // Without a stated trial it is where its file lies.
    world.patch("anna", id(&record), &[], &json!({"TrialId": null})).await.ok(200);
    world.get("carl", &format!("/api/documents/{}", id(&record))).await.ok(200);
    // One that would be in none is not taken.
    world.insert(json!({"_id": "0".repeat(24), "TrialId": "T-1", "FileLocation": "s3://elsewhere/x"})).await;
    world.patch("carl", &"0".repeat(24), &[], &json!({"TrialId": null})).await.refused(422, "TrialId");
}

#[tokio::test]
async fn a_record_of_another_program_is_changed_as_it_is() {
    let world = World::new().await;
    let id = "abcdefabcdefabcdefabcdef";
    world.insert(given(id, "s3://trialbrief/trials/T-1/scan")).await;
    let patched = world.patch("carl", id, &[], &json!({"Kind": "scan"})).await.ok(200).json();
    assert_eq!((&patched["Version"], &patched["Filename"]), (&json!(1), &json!("scan.txt")));
    assert!(patched.get("TrialId").is_none() && patched.get("CreatedAt").is_none());
}
