//! Who may not see a trial gets nothing of it: not over HTTP, and not by mail.

use commands::Sender;
use domain::id::TrialId;
use domain::trial::{Command, Trial};
use ports::{Cause, Person};
use serde_json::{Value, json};

use crate::world::{World, mondays};

const TRIAL: &str = "ACME-101";

/// The outcome of the only delivery of the newest report.
async fn outcome(world: &World) -> (Value, Value) {
    let reports = world.reports(TRIAL).await;
    let deliveries = world.deliveries(reports.last().unwrap()).await;
    assert_eq!(deliveries.len(), 1);
    (deliveries[0]["status"].clone(), deliveries[0]["detail"].clone())
}

fn withheld(reason: &str) -> (Value, Value) {
    (json!("withheld"), json!(reason))
}

async fn events_of_kind(world: &World, kind: &str) -> usize {
    world.log().await.iter().filter(|stored| stored.event.kind == kind).count()
}

/// A trial with a text in it, a subscriber, and the world at a minute before the due.
async fn before_the_due() -> World {
    let mut world = World::at("2026-11-16T09:00[Europe/Berlin]").await;
    world.open_trial(TRIAL).await;
    world.subscribe("chi", TRIAL, mondays()).await;
    world.upload("ben", TRIAL, "visits.csv", b"site,visits\nDE-01,3\n".to_vec()).await;
    world.until("2026-11-23T07:59[Europe/Berlin]").await;
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn who_lost_the_role_a_minute_before_the_due_gets_no_mail_and_that_is_recorded() {
    let mut world = before_the_due().await;
    world.send("ada", "DELETE", "/api/trials/ACME-101/members/chi", json!({})).await.expect(200);
    world.until("2026-11-23T08:00[Europe/Berlin]").await;
    assert_eq!(world.mails().len(), 0);
    assert_eq!(outcome(&world).await, withheld("no-access"));
    assert_eq!(events_of_kind(&world, "DeliveryAttempted").await, 0, "no attempt was even claimed");

    let report = world.reports(TRIAL).await.pop().unwrap();
    for rest in ["", "/file", "/deliveries"] {
        let path = format!("/api/reports/{}{rest}", report["id"].as_str().unwrap());
        world.get("chi", &path).await.expect(404);
    }
    assert_eq!(world.get("chi", "/api/reports").await.expect(200).json()["items"], json!([]));

    // With the role back, the reports come again.
    world.send("ada", "PUT", "/api/trials/ACME-101/members/chi", json!({"role": "reader"})).await.expect(200);
    world.until("2026-11-30T08:00[Europe/Berlin]").await;
    assert_eq!(world.mails().len(), 1);
    assert_eq!(outcome(&world).await.0, "sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_left_or_has_no_address_gets_no_mail_and_that_is_recorded() {
    for (address, active) in [(Some("chi@example.org"), false), (None, true), (Some("chi@@example.org"), true)] {
        let mut world = before_the_due().await;
        let address = address.map(ToOwned::to_owned);
        let person = Person { user: "chi".to_owned(), name: "Chiara Nowak".to_owned(), address, active };
        world.ports.directory.save(&person).await.unwrap();
        world.until("2026-11-23T08:00[Europe/Berlin]").await;
        assert_eq!(world.mails().len(), 0, "{person:?}");
        assert_eq!(outcome(&world).await, withheld("no-address"), "{person:?}");
        let expected = if active { 200 } else { 401 };
        world.get("chi", "/api/trials").await.expect(expected);
    }
}

async fn tell(world: &World, command: Command) {
    let trial = TrialId::parse("trial", TRIAL).unwrap();
    let command_id = uuid::Uuid::new_v4();
    let cause =
        Cause { actor: "ada".to_owned(), command: command_id, correlation: command_id, causation: None, request: None };
    Sender::new(world.ports.log.clone(), world.ports.clock.clone())
        .send(&Trial::id(&trial), &cause, command)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_trial_sends_nothing_takes_nothing_and_goes_on_after_it_is_reopened() {
    let mut world = before_the_due().await;
    let subscribed = world.get("chi", "/api/subscriptions").await.expect(200).json()["items"][0].clone();
    let send_now = format!("/api/subscriptions/{}/send-now", subscribed["id"].as_str().unwrap());
    world.send("chi", "POST", &send_now, json!({})).await.expect(202);
    tell(&world, Command::Close { reason: None }).await;
    world.settle().await;
    assert_eq!(outcome(&world).await, withheld("trial-closed"), "asked for before it was closed");

    world.until("2026-11-23T08:00[Europe/Berlin]").await;
    assert_eq!(world.mails().len(), 0);
    assert_eq!(world.reports(TRIAL).await.len(), 1, "nobody is listed, so no regular report is made");
    let document = world.get("chi", "/api/documents?trial=ACME-101").await.expect(200).json()["items"][0].clone();
    let document = format!("/api/documents/{}", document["_id"].as_str().unwrap());
    for (user, method, path, body) in [
        ("ben", "PATCH", document.as_str(), json!({"Status": "final"})),
        ("ben", "DELETE", document.as_str(), json!({})),
        ("ben", "POST", "/api/documents?TrialId=ACME-101&Filename=late.txt", json!({})),
        ("ben", "POST", "/api/subscriptions", json!({"trial": TRIAL, "schedule": mondays()})),
        ("ada", "PUT", "/api/trials/ACME-101", json!({"title": "Another title"})),
    ] {
        let refused = world.send(user, method, path, body).await.expect(409).json();
        assert!(refused["type"].as_str().unwrap().ends_with("trial-closed"), "{method} {path}: {refused}");
    }
    world.get("chi", &document).await.expect(200);

    tell(&world, Command::Reopen { reason: None }).await;
    world.until("2026-11-30T08:00[Europe/Berlin]").await;
    assert_eq!(world.mails().len(), 1);
    assert_eq!(outcome(&world).await.0, "sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_finds_nothing_of_a_trial() {
    let mut world = before_the_due().await;
    world.until("2026-11-23T08:00[Europe/Berlin]").await;
    let report = world.reports(TRIAL).await.pop().unwrap()["id"].as_str().unwrap().to_owned();
    let documents = world.get("ben", "/api/documents?trial=ACME-101").await.expect(200).json();
    let document = documents["items"][0]["_id"].as_str().unwrap().to_owned();
    let subscription =
        world.get("chi", "/api/subscriptions").await.expect(200).json()["items"][0]["id"].as_str().unwrap().to_owned();
    let events = world.log().await.len();

    let readings = [
        "/api/trials/ACME-101/summary".to_owned(),
        "/api/trials/ACME-101/members".to_owned(),
        "/api/documents?trial=ACME-101".to_owned(),
        format!("/api/documents/{document}"),
        format!("/api/documents/{document}/file"),
        format!("/api/documents/{document}/thumbnail"),
        format!("/api/documents/{document}/findings"),
        "/api/reports?trial=ACME-101".to_owned(),
        format!("/api/reports/{report}"),
        format!("/api/reports/{report}/file"),
        format!("/api/reports/{report}/deliveries"),
        format!("/api/subscriptions/{subscription}"),
        "/api/audit/events?trial=ACME-101".to_owned(),
        format!("/api/audit/events?trial=ACME-101&stream=document-{document}"),
        "/api/audit/streams/trial-ACME-101".to_owned(),
        format!("/api/audit/streams/document-{document}"),
        format!("/api/audit/streams/report-{report}"),
        format!("/api/audit/streams/subscription-{subscription}"),
        "/api/people/chi".to_owned(),
    ];
    for path in &readings {
        let here = world.get("dov", path).await.expect(404);
        let nowhere = path.replace("ACME-101", "ACME-999");
        if nowhere != *path {
            let absent = world.get("dov", &nowhere).await.expect(404);
            assert_eq!(here.body, absent.body, "{path}: nothing tells what exists from what does not");
        }
    }
    let writings = [
        ("PUT", "/api/trials/ACME-101".to_owned(), json!({"title": "Mine"})),
        ("PUT", "/api/trials/ACME-101/members/dov".to_owned(), json!({"role": "coordinator"})),
        ("DELETE", "/api/trials/ACME-101/members/chi".to_owned(), json!({})),
        ("POST", "/api/documents?TrialId=ACME-101&Filename=a.txt".to_owned(), json!({})),
        ("PATCH", format!("/api/documents/{document}"), json!({"Status": "final"})),
        ("DELETE", format!("/api/documents/{document}"), json!({})),
        ("POST", "/api/subscriptions".to_owned(), json!({"trial": TRIAL, "schedule": mondays()})),
        ("PATCH", format!("/api/subscriptions/{subscription}"), json!({"paper": "letter"})),
        ("DELETE", format!("/api/subscriptions/{subscription}"), json!({})),
        ("POST", format!("/api/subscriptions/{subscription}/pause"), json!({})),
        ("POST", format!("/api/subscriptions/{subscription}/send-now"), json!({})),
    ];
    for (method, path, body) in writings {
        let refused = world.send("dov", method, &path, body).await;
        assert_eq!(refused.status, 404, "{method} {path}: {}", String::from_utf8_lossy(&refused.body));
    }
    for list in ["/api/trials", "/api/reports", "/api/subscriptions"] {
        assert_eq!(world.get("dov", list).await.expect(200).json()["items"], json!([]), "{list}");
    }
    // Nor does anybody who is not signed in.
    for path in &readings {
        world.get("nobody", path).await.expect(401);
    }
    world.settle().await;
    assert_eq!(world.log().await.len(), events, "nothing happened");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_role_may_do_what_it_may_and_no_more() {
    let mut world = before_the_due().await;
    world.settle().await;
    let document = world.get("ben", "/api/documents?trial=ACME-101").await.expect(200).json()["items"][0].clone();
    let document = format!("/api/documents/{}", document["_id"].as_str().unwrap());
    let grant = json!({"role": "reader"});
    let cases = [
        // Reader, contributor, coordinator.
        ("GET", "/api/trials/ACME-101/summary", Value::Null, [200, 200, 200]),
        ("GET", "/api/trials/ACME-101/members", Value::Null, [200, 200, 200]),
        ("GET", document.as_str(), Value::Null, [200, 200, 200]),
        ("PATCH", document.as_str(), json!({"Status": "final"}), [403, 200, 200]),
        ("POST", "/api/documents?TrialId=ACME-101&Filename=b.json", json!({"a": 1}), [403, 201, 201]),
        ("PUT", "/api/trials/ACME-101/members/dov", grant, [403, 403, 200]),
        ("DELETE", "/api/trials/ACME-101/members/dov", json!({}), [403, 403, 200]),
        ("PUT", "/api/trials/ACME-101", json!({"title": "A device study"}), [403, 403, 200]),
        ("GET", "/api/audit/events?trial=ACME-101", Value::Null, [403, 403, 200]),
        ("GET", "/api/audit/streams/trial-ACME-101", Value::Null, [404, 404, 200]),
        ("DELETE", document.as_str(), json!({}), [403, 204, 404]),
    ];
    for (method, path, body, expected) in cases {
        for (user, expected) in ["chi", "ben", "ada"].into_iter().zip(expected) {
            let answer = match &body {
                Value::Null => world.get(user, path).await,
                body => world.send(user, method, path, body.clone()).await,
            };
            assert_eq!(answer.status, expected, "{user}: {method} {path}: {}", String::from_utf8_lossy(&answer.body));
            if expected == 403 {
                let refused = answer.json();
                assert!(refused["detail"].as_str().unwrap().contains("ask a coordinator"), "{refused}");
            }
        }
    }
    world.settle().await;
    let seen = world.get("ada", "/api/people/chi").await.expect(200).json();
    assert_eq!(
        (&seen["name"], &seen["address"]),
        (&json!("Chiara Nowak"), &Value::Null),
        "names of others, no address"
    );
}
