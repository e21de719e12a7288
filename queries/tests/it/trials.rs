//! Trials and their figures.

use domain::access::Role;
use domain::findings::FindingCode;
use jiff::SignedDuration;
use serde_json::json;

use crate::world::{Stored, World, at, document, not_found};

/// Of ACME-1: found one document on 16 November, got another the day after (blurred), and on the 23rd a third instead of the first.
async fn acme() -> World {
    let world = World::new().await;
    world.open_trial("ACME-1", "Hearts", "ada").await;
    world.grant("ACME-1", "ben", Role::Contributor).await;
    world.grant("ACME-1", "cay", Role::Reader).await;
    let stored = |number, name, site, bytes, order| Stored {
        id: document(number),
        trial: Some("ACME-1"),
        name,
        site,
        bytes,
        order,
    };
    world.observe(stored(1, "old.txt", "S-1", "old", 1), true).await;
    world.close("2026-11-16T07:15:00Z").await;
    world.clock.set(at("2026-11-17T10:00:00Z"));
    world.observe(stored(2, "blurred.jpg", "S-1", "blurred", 2), false).await;
    world.analyse("blurred", &[FindingCode::Blurred, FindingCode::ClippedShadows]).await;
    world.close("2026-11-17T10:15:00Z").await;
    world.close("2026-11-23T00:00:00Z").await;
    world.clock.set(at("2026-11-23T09:00:00Z"));
    world.observe(stored(3, "new.txt", "S-2", "new", 3), false).await;
    world.remove(document(1), 4).await;
    world.close("2026-11-23T09:15:00Z").await;
    world.clock.set(at("2026-11-25T12:00:00Z"));
    world.fold().await;
    world
}

#[tokio::test]
async fn trials_are_listed_with_their_figures_to_those_who_may_see_them() {
    let world = acme().await;
    for (id, title) in [("BETA-1", "Lungs"), ("BETA-2", "Livers")] {
        world.open_trial(id, title, "ada").await;
    }
    world.fold().await;
    let trials = world.pages("ada", "/api/trials", 2).await;
    assert_eq!(trials.len(), 3);
    assert_eq!(
        trials[0],
        json!({"trial": "ACME-1", "title": "Hearts", "role": "coordinator", "open": true, "present": 2, "attention": 1})
    );
    assert_eq!([&trials[1]["trial"], &trials[2]["trial"]], ["BETA-1", "BETA-2"]);
    assert_eq!(world.get("cay", "/api/trials").await.items()[0]["role"], "reader");
    assert!(world.get("eve", "/api/trials").await.items().is_empty());
    // The view does not know of it, and still nobody sees what they may not.
    world.revoke("ACME-1", "cay").await;
    assert!(world.get("cay", "/api/trials").await.items().is_empty());
    assert_eq!(world.get("cay", "/api/trials/ACME-1/summary").await.problem(), not_found());
    let wrong = world.get("ada", "/api/trials?cursor=nonsense").await.problem();
    assert_eq!(wrong, (422, "invalid".to_owned(), Some("cursor".to_owned())));
}

#[tokio::test]
async fn a_summary_tells_the_present_figures_and_who_needs_attention() {
    let world = acme().await;
    let summary = world.get("cay", "/api/trials/ACME-1/summary").await.ok();
    assert_eq!(
        (&summary["title"], &summary["role"], &summary["asOf"]),
        (&json!("Hearts"), &json!("reader"), &json!(null))
    );
    assert_eq!(
        (&summary["open"], &summary["enclosure"], &summary["complete"]),
        (&json!(true), &json!("attachment"), &json!(true))
    );
    assert_eq!(summary["observedSince"], "2026-11-16T07:15:00Z");
    let figures = &summary["figures"];
    assert_eq!(figures["documents"], json!({"present": 2, "bytes": 10, "found": 1, "added": 2, "removed": 1}));
    assert_eq!(figures["contents"], json!({"analysed": 1, "flagged": 1, "texts": 1, "words": 3}));
    assert_eq!(figures["findings"], json!({"blurred": 1, "clipped_shadows": 1}));
    let sites = summary["breakdown"]["site"].as_array().unwrap();
    let present: Vec<_> = sites.iter().map(|site| (&site["value"], &site["figures"]["documents"]["present"])).collect();
    assert_eq!(present, [(&json!("S-1"), &json!(1)), (&json!("S-2"), &json!(1))]);
    assert_eq!(summary["breakdown"]["kind"][0]["value"], "consent");
    assert_eq!(summary["breakdown"]["status"][0]["value"], "");
    assert_eq!(
        summary["flagged"],
        json!([{
            "document": document(2), "filename": "blurred.jpg", "site": "S-1", "kind": "consent",
            "findings": ["blurred"], "sentence": FindingCode::Blurred.describe(),
            "since": "2026-11-16T07:15:00Z", "thumbnail": true,
        }])
    );
    assert_eq!(
        summary["weeks"],
        json!([
            {"from": "2026-11-16", "added": 1, "changed": 0, "removed": 0},
            {"from": "2026-11-23", "added": 1, "changed": 0, "removed": 1},
        ])
    );
    assert_eq!(world.get("eve", "/api/trials/ACME-1/summary").await.problem(), not_found());
    assert_eq!(world.get("ada", "/api/trials/NONE/summary").await.problem(), not_found());
}

#[tokio::test]
async fn a_summary_looks_back_to_any_closing() {
    let world = acme().await;
    let then = world.get("ada", "/api/trials/ACME-1/summary?at=2026-11-20T00:00:00Z").await.ok();
    assert_eq!(then["asOf"], "2026-11-17T10:15:00Z");
    assert_eq!(then["figures"]["documents"], json!({"present": 2, "bytes": 10, "found": 1, "added": 1}));
    assert_eq!(then["breakdown"]["site"].as_array().unwrap().len(), 1);
    assert_eq!(then["flagged"].as_array().unwrap().len(), 1);
    assert_eq!(then["weeks"], json!([{"from": "2026-11-16", "added": 1, "changed": 0, "removed": 0}]));
    // A closing tells what was before it.
    let genesis = world.get("ada", "/api/trials/ACME-1/summary?at=2026-11-16T07:15:00Z").await.ok();
    assert_eq!(genesis["figures"]["documents"], json!({"present": 1, "bytes": 3, "found": 1}));
    assert_eq!((&genesis["flagged"], &genesis["weeks"][0]["added"]), (&json!([]), &json!(0)));
    assert_eq!(genesis["title"], "Hearts");
    // What a removed document looked like is still there.
    let before = world.get("ada", "/api/trials/ACME-1/summary?at=2026-11-23T09:14:59Z").await.ok();
    assert_eq!(
        (&before["asOf"], &before["figures"]["documents"]["present"]),
        (&json!("2026-11-23T00:00:00Z"), &json!(2))
    );
    assert_eq!(before["weeks"].as_array().unwrap().len(), 1, "at midnight, the new week has not begun");
    // The future is the last closing; the time before the first is nothing that anybody knows.
    let future = world.get("ada", "/api/trials/ACME-1/summary?at=2099-01-01T00:00:00Z").await.ok();
    assert_eq!(future["asOf"], "2026-11-23T09:15:00Z");
    let early = world.get("ada", "/api/trials/ACME-1/summary?at=2026-11-16T07:14:59Z").await;
    assert!(early.json()["detail"].as_str().unwrap().contains("since 2026-11-16T07:15:00Z"));
    assert_eq!(early.problem(), (422, "invalid".to_owned(), Some("at".to_owned())));
    let wrong = world.get("ada", "/api/trials/ACME-1/summary?at=yesterday").await.problem();
    assert_eq!(wrong, (422, "invalid".to_owned(), Some("at".to_owned())));
}

#[tokio::test]
async fn a_summary_is_not_sent_twice_until_something_changes() {
    let world = acme().await;
    let path = "/api/trials/ACME-1/summary";
    let etag = world.get("ada", path).await.headers["etag"].to_str().unwrap().to_owned();
    let again = world.get_with("ada", path, &[("if-none-match", &etag)]).await;
    assert_eq!((again.status.as_u16(), again.bytes.len()), (304, 0));
    // Time alone changes nothing within the week.
    world.clock.set(world.clock.now() + SignedDuration::from_mins(30));
    assert_eq!(world.get_with("ada", path, &[("if-none-match", &etag)]).await.status, 304);
    world.remove(document(3), 9).await;
    world.fold().await;
    assert_eq!(world.get_with("ada", path, &[("if-none-match", &etag)]).await.status, 200);
}

#[tokio::test]
async fn a_summary_costs_the_same_reads_however_many_documents_there_are() {
    let world = acme().await;
    let path = "/api/trials/ACME-1/summary";
    assert!(world.reads_of("ada", path).await <= 13, "{}", world.reads_of("ada", path).await);
    let mut reads = Vec::new();
    for hundred in 0..2 {
        for number in 0..60 {
            let bytes = format!("{hundred} {number}");
            let id = document(10 + hundred * 60 + number);
            let stored = Stored { id, trial: Some("ACME-1"), name: "x.jpg", site: "S-1", bytes: &bytes, order: 20 };
            world.observe(stored, false).await;
            let finding = if number % 2 == 0 { FindingCode::Blurred } else { FindingCode::Truncated };
            world.analyse(&bytes, &[finding]).await;
        }
        world.fold().await;
        reads.push(world.reads_of("ada", path).await);
    }
    assert_eq!(reads[0], reads[1]);
    assert!(reads[0] <= 63, "{reads:?}");
    let summary = world.get("ada", path).await.ok();
    let flagged = summary["flagged"].as_array().unwrap();
    assert_eq!((flagged.len(), &summary["figures"]["contents"]["flagged"]), (50, &json!(121)));
    assert!(flagged.iter().all(|document| document["findings"] == json!(["truncated"])), "the gravest come first");
}
