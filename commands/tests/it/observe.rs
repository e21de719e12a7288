use std::sync::Arc;
use std::sync::atomic::Ordering;

use ports::Find;
use projections::{ChangeKind, DocumentChange, Views};
use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn a_change_that_was_taken_back_is_taken_back_by_who_made_it() {
    let world = World::new().await;
    let record = world.stored("T-1", "a").await;
    world.put_file("trials/T-1/b/upload", b"b").await;
    let location = "s3://trialbrief/trials/T-1/b/upload";
    // The file is gone when it is looked for again, after the write.
    world.files.vanishing.store(true, Ordering::SeqCst);
    world.pass(1);
    let id = record["_id"].as_str().unwrap();
    let answer = world.patch("carl", id, &[], &json!({"FileLocation": location})).await;
    assert!(answer.refused(409, "")["type"].as_str().unwrap().ends_with("file-removed"));
    assert_eq!(world.get("carl", &format!("/api/documents/{id}")).await.json(), record);

    world.observe().await;
    let views = Views::new(Arc::clone(&world.views));
    let find = Find::all(9).equal("trial", "T-1").range("stamp", None, None);
    let mut changes: Vec<DocumentChange> = views.find(&find).await.unwrap();
    changes.sort_by_key(|change| change.revision);
    let told: Vec<_> = changes.iter().map(|change| (change.kind, change.actor.as_str())).collect();
    assert_eq!(told, [(ChangeKind::Added, "anna"), (ChangeKind::Changed, "carl"), (ChangeKind::Changed, "carl")]);
}
