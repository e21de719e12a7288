//! Reports, their files and their deliveries.

use bytes::Bytes;
use domain::access::Role;
use domain::delivery::{self, Delivery, Occasion, Withheld};
use domain::edition::Slot;
use domain::id::{ContentHash, Id};
use domain::occurrence::{self, Occurrence};
use domain::period::Period;
use domain::report::{self, Manifest, Report, Scheduled};
use domain::subscription::Subscription;
use futures::stream::{self, StreamExt};
use http::Keys;
use jiff::SignedDuration;
use ports::FileKey;
use serde_json::json;

use crate::world::{World, at, edition, mondays, not_found, trial, user};

const PDF: &[u8] = b"%PDF-1.7 for show";

fn week(number: i64) -> Period {
    let from = at("2026-11-01T23:00:00Z") + SignedDuration::from_hours(7 * 24 * number);
    Period::new(from, from + SignedDuration::from_hours(7 * 24)).unwrap()
}

async fn schedule(world: &World, of: &str, period: Period) -> Id<Report> {
    let wanted = Scheduled { trial: trial(of), period, edition: edition(), so_far: false };
    let id = Report::id(&wanted);
    world.clock.set(world.clock.now() + SignedDuration::from_mins(1));
    world.send(&id, "scheduler", report::Command::Schedule(wanted)).await;
    id
}

async fn render(world: &World, id: &Id<Report>) -> ContentHash {
    let sha256 = ContentHash::of(PDF);
    let key = FileKey::new(format!("derived/{sha256}")).unwrap();
    let body = stream::iter([Ok(Bytes::from_static(PDF))]).boxed();
    world.derived.put(&key, body).await.unwrap();
    let manifest = Manifest {
        cut: week(0).to(),
        log_sha256: "ab".repeat(32),
        projection: 1,
        template: "2".to_owned(),
        renderer: "krilla 0.8".to_owned(),
        fonts: "Inter".to_owned(),
        tz_data: "2026b".to_owned(),
        analysis: 1,
        base_url: "http://127.0.0.1".to_owned(),
        thumbnails: vec![],
        names: vec![],
    };
    let size_bytes = PDF.len() as u64;
    let command = report::Command::CompleteRendering { sha256: sha256.clone(), size_bytes, pages: 3, manifest };
    world.send(id, "renderer", command).await;
    sha256
}

async fn list_recipients(world: &World, period: Period, mut subscriptions: Vec<Id<Subscription>>) {
    let due = period.to() + SignedDuration::from_hours(8);
    let slot = Slot { trial: trial("ACME-1"), schedule: mondays(), edition: edition() };
    let id = Occurrence::id(&slot, due);
    subscriptions.sort();
    world.send(&id, "scheduler", occurrence::Command::Open { slot, due, joined: vec![] }).await;
    world.send(&id, "scheduler", occurrence::Command::List { period, subscriptions }).await;
    world.send(&id, "scheduler", occurrence::Command::Close).await;
}

async fn world() -> World {
    let world = World::new().await;
    world.open_trial("ACME-1", "Hearts", "ada").await;
    world.open_trial("BETA-1", "Lungs", "ben").await;
    world.grant("ACME-1", "cay", Role::Reader).await;
    world.grant("BETA-1", "cay", Role::Reader).await;
    world
}

#[tokio::test]
async fn reports_are_listed_newest_first_over_all_trials_one_may_see() {
    let world = world().await;
    let mut newest_first = Vec::new();
    for number in 0..3 {
        for of in ["ACME-1", "BETA-1"] {
            newest_first.insert(0, schedule(&world, of, week(number)).await);
        }
    }
    render(&world, &newest_first[5]).await;
    world.fold().await;
    let ids = |reports: Vec<serde_json::Value>| -> Vec<String> {
        reports.iter().map(|report| report["id"].as_str().unwrap().to_owned()).collect()
    };
    let all: Vec<String> = newest_first.iter().map(ToString::to_string).collect();
    let of_acme: Vec<String> = all.iter().skip(1).step_by(2).cloned().collect();
    assert_eq!(ids(world.pages("cay", "/api/reports", 2).await), all);
    assert_eq!(ids(world.pages("cay", "/api/reports", 5).await), all);
    assert_eq!(ids(world.pages("cay", "/api/reports?trial=ACME-1", 2).await), of_acme);
    assert_eq!(ids(world.pages("ada", "/api/reports", 2).await), of_acme);
    assert!(world.get("eve", "/api/reports").await.items().is_empty());
    assert_eq!(world.get("ada", "/api/reports?trial=BETA-1").await.problem(), not_found());
    let reports = world.get("ada", "/api/reports").await.items();
    assert_eq!(
        reports[1],
        json!({
            "id": of_acme[1], "trial": "ACME-1", "period": week(1), "edition": edition(), "cut": week(1).to(),
            "soFar": false, "status": "scheduled", "pages": null, "sizeBytes": null, "sha256": null,
            "scheduledAt": "2026-11-16T07:03:00Z", "renderedAt": null,
        })
    );
    assert_eq!(
        (&reports[2]["status"], &reports[2]["pages"], &reports[2]["sizeBytes"]),
        (&json!("rendered"), &json!(3), &json!(PDF.len()))
    );
}

#[tokio::test]
async fn reports_of_one_second_are_listed_newest_first() {
    let world = world().await;
    let whole = schedule(&world, "ACME-1", week(0)).await;
    world.clock.set(world.clock.now() + SignedDuration::from_millis(250) - SignedDuration::from_mins(1));
    let fraction = schedule(&world, "ACME-1", week(1)).await;
    world.fold().await;
    let listed = world.pages("ada", "/api/reports?trial=ACME-1", 1).await;
    assert_eq!([&listed[0]["id"], &listed[1]["id"]], [&json!(fraction), &json!(whole)]);
}

#[tokio::test]
async fn a_report_is_read_once_it_is_rendered_by_those_who_may_see_it() {
    let world = world().await;
    let id = schedule(&world, "ACME-1", week(0)).await;
    world.fold().await;
    let (about, file) = (format!("/api/reports/{id}"), format!("/api/reports/{id}/file"));
    assert_eq!(world.get("cay", &about).await.ok()["manifest"], json!(null));
    assert_eq!(world.get("cay", &file).await.problem(), not_found());
    let sha256 = render(&world, &id).await;
    world.fold().await;
    let report = world.get("cay", &about).await.ok();
    assert_eq!((&report["status"], &report["sha256"]), (&json!("rendered"), &json!(sha256)));
    assert_eq!(
        report["manifest"],
        json!({
            "logSha256": "ab".repeat(32), "projection": 1, "template": "2", "renderer": "krilla 0.8", "fonts": "Inter",
            "tzData": "2026b", "analysis": 1, "baseUrl": "http://127.0.0.1", "thumbnails": [],
        })
    );
    let pdf = world.get("cay", &file).await;
    assert_eq!((pdf.status.as_u16(), pdf.bytes.as_ref()), (200, PDF));
    assert_eq!(pdf.headers["content-type"], "application/pdf");
    assert_eq!(pdf.headers["content-length"], PDF.len().to_string());
    let disposition = pdf.headers["content-disposition"].to_str().unwrap();
    assert!(disposition.starts_with("inline; filename=\"ACME-1_2026-11-02_2026-11-08.pdf\""), "{disposition}");
    let etag = pdf.headers["etag"].to_str().unwrap();
    assert_eq!(world.get_with("cay", &file, &[("if-none-match", etag)]).await.status, 304);
    for path in [&about, &file, &format!("{about}/deliveries")] {
        assert_eq!(world.get("ben", path).await.problem(), not_found(), "{path}");
        assert_eq!(world.get("ada", &path.replace(id.as_str(), "no-id")).await.problem(), not_found(), "{path}");
    }
    // Who may not see the trial any more may not see its old reports, whatever the view says.
    world.revoke("ACME-1", "cay").await;
    assert_eq!(world.get_with("cay", &file, &[("if-none-match", etag)]).await.problem(), not_found());
}

#[tokio::test]
async fn coordinators_see_every_delivery_and_others_their_own() {
    let world = world().await;
    let report = schedule(&world, "ACME-1", week(0)).await;
    let mut subscriptions = Vec::new();
    for who in ["ada", "cay", "eve"] {
        subscriptions.push(world.subscribe("ACME-1", who).await.0);
    }
    list_recipients(&world, week(0), subscriptions.clone()).await;
    let now = world.clock.now();
    let delivery = |to: usize| Delivery::id(&report, &subscriptions[to], &Occasion::Due);
    let claim = |to: usize| delivery::Command::Claim {
        report: report.clone(),
        subscription: subscriptions[to].clone(),
        worker: "mailer-1".to_owned(),
        lease_until: now + SignedDuration::from_mins(5),
        address: "hmac".to_owned(),
        now,
    };
    let reply = world.keys.seal(&Keys::person(&user("cay")), b"250 queued for cay@example.org").await.unwrap();
    world.send(&delivery(1), "mailer", claim(1)).await;
    world.send(&delivery(1), "mailer", delivery::Command::RecordSent { attempt: 1, reply, queue_id: None }).await;
    world.send(&delivery(2), "mailer", delivery::Command::Withhold { reason: Withheld::NoAccess }).await;
    world.fold().await;
    let path = format!("/api/reports/{report}/deliveries");
    let all = world.pages("ada", &path, 2).await;
    let of = |who: &str| all.iter().find(|delivery| delivery["user"] == who).unwrap();
    assert_eq!(all.len(), 3);
    assert_eq!(
        of("cay"),
        &json!({
            "delivery": delivery(1), "subscription": subscriptions[1], "user": "cay", "name": "Cay Horstmann",
            "status": "sent", "attempt": 1, "at": now, "due": null, "detail": "250 queued for cay@example.org",
        })
    );
    assert_eq!((&of("eve")["status"], &of("eve")["detail"]), (&json!("withheld"), &json!("no-access")));
    assert_eq!((&of("ada")["status"], &of("ada")["due"]), (&json!("waiting"), &json!("2026-11-09T07:00:00Z")));
    let own = world.pages("cay", &path, 2).await;
    assert_eq!(own.len(), 1);
    assert_eq!((&own[0]["delivery"], &own[0]["detail"]), (&json!(delivery(1)), &json!(null)));
    let wanted = Scheduled { trial: trial("ACME-1"), period: week(0), edition: edition(), so_far: false };
    for _ in 0..3 {
        let (subscription, occasion) = (subscriptions[1].clone(), Occasion::Resend(uuid::Uuid::new_v4()));
        let id = Delivery::id(&report, &subscription, &occasion);
        let request = delivery::Command::Request { subscription, occasion, wanted: wanted.clone() };
        world.send(&id, "cay", request).await;
    }
    world.fold().await;
    assert_eq!(world.pages("cay", &path, 3).await.len(), 4);
    assert_eq!(world.get("cay", &format!("{path}?limit=3")).await.items().len(), 3, "pages are full but for the last");
    assert_eq!(world.get("eve", &path).await.problem(), not_found());
}

#[tokio::test]
async fn a_report_that_was_only_asked_for_is_listed_as_requested() {
    let world = world().await;
    let (subscription, _) = world.subscribe("ACME-1", "cay").await;
    let wanted = Scheduled { trial: trial("ACME-1"), period: week(2), edition: edition(), so_far: true };
    let report = Report::id(&wanted);
    let occasion = Occasion::SendNow(uuid::Uuid::new_v4());
    let delivery = Delivery::id(&report, &subscription, &occasion);
    let request = delivery::Command::Request { subscription, occasion, wanted };
    world.send(&delivery, "cay", request).await;
    world.fold().await;
    let found = world.get("cay", &format!("/api/reports/{report}")).await.ok();
    assert_eq!(
        (&found["status"], &found["soFar"], &found["manifest"]),
        (&json!("requested"), &json!(true), &json!(null))
    );
    assert_eq!(world.get("cay", &format!("/api/reports/{report}/file")).await.problem(), not_found());
    let deliveries = world.get("cay", &format!("/api/reports/{report}/deliveries")).await.items();
    assert_eq!(deliveries[0]["delivery"], json!(delivery));
}
