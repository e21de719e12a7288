//! Replay.

use domain::access::Role;
use domain::delivery::{self, Delivery, Occasion, Withheld};
use domain::findings::FindingCode;
use domain::id::Id;
use domain::period::Period;
use domain::report::{self, Report, Scheduled};
use domain::subscription;
use futures::TryStreamExt;
use ports::{Categories, Cause, EventHash, Expected, Fed, Metadata, NewEvent, StoredEvent};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::{Stored, World, at, document, edition, not_found, trial};

async fn log(world: &World) -> Vec<StoredEvent> {
    let fed: Vec<Fed> = world.feed.read(None, Categories::ALL).try_collect().await.unwrap();
    fed.into_iter().filter_map(|fed| if let Fed::Event(event) = fed { Some(event) } else { None }).collect()
}

/// Two trials; of each kind of event one, and a document that moved from the first to the second.
async fn busy() -> (World, Id<Delivery>) {
    let world = World::new().await;
    world.open_trial("ACME-1", "Hearts", "ada").await;
    world.open_trial("BETA-1", "Lungs", "ben").await;
    world.grant("ACME-1", "cay", Role::Reader).await;
    let stored = |of, name, order| Stored { id: document(1), trial: Some(of), name, site: "S-1", bytes: "x", order };
    world.observe(stored("ACME-1", "first.txt", 1), false).await;
    world.analyse("x", &[FindingCode::RaggedTable]).await;
    world.close("2026-11-16T07:15:00Z").await;
    world.observe(stored("BETA-1", "secret of beta.txt", 2), false).await;
    world.close("2026-11-16T07:30:00Z").await;
    world.observe(stored("BETA-1", "later.txt", 3), false).await;
    let (id, _) = world.subscribe("ACME-1", "cay").await;
    world.send(&id, "cay", subscription::Command::Pause).await;
    let period = Period::new(at("2026-11-08T23:00:00Z"), at("2026-11-15T23:00:00Z")).unwrap();
    let wanted = Scheduled { trial: trial("ACME-1"), period, edition: edition(), so_far: true };
    let report = Report::id(&wanted);
    world.send(&report, "scheduler", report::Command::Schedule(wanted.clone())).await;
    world.send(&report, "renderer", report::Command::Abandon { reason: "no room".to_owned() }).await;
    let occasion = Occasion::SendNow(Uuid::new_v4());
    let delivery = Delivery::id(&report, &id, &occasion);
    let request = delivery::Command::Request { subscription: id, occasion, wanted };
    world.send(&delivery, "cay", request).await;
    world.send(&delivery, "mailer", delivery::Command::Withhold { reason: Withheld::NoAddress }).await;
    world.fold().await;
    (world, delivery)
}

fn types(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|line| line["type"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_events_of_a_trial_are_replayed_in_the_order_of_the_log() {
    let (world, _) = busy().await;
    let answer = world.get("ada", "/api/audit/events?trial=ACME-1").await;
    assert_eq!(answer.headers["content-type"], "application/x-ndjson");
    let lines = answer.lines();
    assert_eq!(
        types(&lines),
        [
            "TrialOpened",
            "MembershipGranted",
            "MembershipGranted",
            "DocumentAdded",
            "DocumentChanged",
            "SubscriptionStarted",
            "SubscriptionPaused",
            "ReportScheduled",
            "ReportAbandoned",
            "DeliveryRequested",
            "DeliveryWithheld",
        ]
    );
    // Each line is the event that the log has, and names its place, its cause and its hashes.
    let log = log(&world).await;
    for line in &lines {
        let is_it = |stored: &&StoredEvent| {
            stored.stream == line["stream"].as_str().unwrap() && stored.revision == line["revision"]
        };
        let stored = log.iter().find(is_it).unwrap();
        let metadata = stored.metadata().unwrap();
        assert_eq!(line["data"], serde_json::from_slice::<Value>(&stored.event.data).unwrap());
        assert_eq!(line["hash"], stored.hash().to_string());
        assert_eq!(line["previous"], metadata.previous.to_string());
        assert_eq!(line["actor"], metadata.cause.actor);
        assert_eq!(line["commandId"], metadata.cause.command.to_string());
        assert_eq!(line["correlationId"], metadata.cause.correlation.to_string());
        assert_eq!(line["recordedAt"], metadata.recorded_at.to_string());
        assert_eq!((&line["version"], &line["type"]), (&json!(1), &json!(stored.event.kind)));
    }
}

#[tokio::test]
async fn sealed_text_is_opened_as_far_as_it_is_of_the_trial() {
    let (world, _) = busy().await;
    let acme = world.get("ada", "/api/audit/events?trial=ACME-1").await;
    let lines = acme.lines();
    assert_eq!(lines[0]["opened"], json!({"/title": "Hearts"}));
    let record = |number: u16, name: &str| json!({"_id": document(number), "Filename": name}).to_string();
    assert_eq!(lines[3]["opened"], json!({"/after/record": record(1, "first.txt"), "/reason": "because"}));
    // It moved away: what it became is for the other trial's coordinator.
    assert_eq!(lines[4]["opened"], json!({"/before/record": record(1, "first.txt"), "/reason": "because"}));
    assert!(!String::from_utf8_lossy(&acme.bytes).contains("secret of beta"));
    let beta = world.get("ben", "/api/audit/events?trial=BETA-1").await.lines();
    assert_eq!(types(&beta), ["TrialOpened", "MembershipGranted", "DocumentChanged", "DocumentChanged"]);
    assert_eq!(beta[2]["opened"], json!({"/after/record": record(1, "secret of beta.txt"), "/reason": "because"}));
    // Nobody but a coordinator reads the log.
    let readers = world.get("cay", "/api/audit/events?trial=ACME-1").await.problem();
    assert_eq!(readers, (403, "forbidden".to_owned(), None));
    assert_eq!(world.get("ben", "/api/audit/events?trial=ACME-1").await.problem(), not_found());
    let unnamed = world.get("ada", "/api/audit/events").await.problem();
    assert_eq!(unnamed, (422, "invalid".to_owned(), Some("trial".to_owned())));
}

#[tokio::test]
async fn a_replay_can_be_narrowed() {
    let (world, delivery) = busy().await;
    let asked = |fields: String| {
        let world = &world;
        async move { world.get("ada", &format!("/api/audit/events?trial=ACME-1&{fields}")).await.lines() }
    };
    assert_eq!(types(&asked("type=DocumentAdded".to_owned()).await), ["DocumentAdded"]);
    let stream = delivery.stream();
    assert_eq!(types(&asked(format!("stream={stream}")).await), ["DeliveryRequested", "DeliveryWithheld"]);
    assert!(asked("stream=trial-BETA-1".to_owned()).await.is_empty(), "another trial's stream");
    assert!(asked("stream=clock-2026-11-16".to_owned()).await.is_empty());
    // What cay did, and what concerns her.
    assert_eq!(
        types(&asked("user=cay".to_owned()).await),
        ["MembershipGranted", "SubscriptionStarted", "SubscriptionPaused", "DeliveryRequested", "DeliveryWithheld"]
    );
    assert_eq!(types(&asked("user=ben&type=DocumentAdded".to_owned()).await), ["DocumentAdded"]);
    let early = asked("to=2026-11-16T07:15:00Z".to_owned()).await;
    assert_eq!(types(&early).last(), Some(&"DocumentAdded"));
    let late = asked("from=2026-11-16T07:15:00Z&to=2026-11-16T07:30:00Z".to_owned()).await;
    assert_eq!(types(&late), ["DocumentChanged"]);
}

#[tokio::test]
async fn a_delivery_whose_report_the_view_does_not_know_yet_is_never_left_out() {
    let (world, delivery) = busy().await;
    let path = format!("/api/audit/events?trial=ACME-1&stream={}", delivery.stream());
    assert_eq!(world.get("ada", &path).await.lines().len(), 2);
    let other = Delivery::id(&Id::known(Uuid::new_v4().to_string()), &Id::known("s"), &Occasion::Due);
    world.send(&other, "mailer", delivery::Command::Withhold { reason: Withheld::NoAddress }).await;
    // The view stands still, so that the answer is cut off rather than short.
    tokio::time::pause();
    let whole = world.try_get("ada", "/api/audit/events?trial=ACME-1").await;
    assert!(whole.is_err());
}

#[tokio::test]
async fn a_stream_is_folded_as_of_any_instant() {
    let (world, _) = busy().await;
    let path = format!("/api/audit/streams/document-{}", document(1));
    let now = world.get("ben", &path).await.ok();
    assert_eq!((&now["revision"], &now["events"], &now["hashChain"]), (&json!(2), &json!(3), &json!("intact")));
    assert_eq!((&now["stream"], &now["at"]), (&json!(format!("document-{}", document(1))), &json!(null)));
    assert_eq!(now["state"]["Present"]["snapshot"]["trial"], "BETA-1");
    assert_eq!(world.get("ada", &path).await.problem(), not_found(), "it is another trial's now");
    // Before it moved, it was in the first trial.
    let then = world.get("ada", &format!("{path}?at=2026-11-16T07:10:00Z")).await.ok();
    assert_eq!((&then["revision"], &then["at"]), (&json!(0), &json!("2026-11-16T07:10:00Z")));
    assert_eq!(then["state"]["Present"]["snapshot"]["trial"], "ACME-1");
    assert_eq!(world.get("ben", &format!("{path}?at=2026-11-16T07:10:00Z")).await.problem(), not_found());
    let never = world.get("ada", &format!("{path}?at=2026-11-15T00:00:00Z")).await.ok();
    assert_eq!((&never["revision"], &never["events"], &never["state"]), (&json!(null), &json!(0), &json!("Unknown")));
    // One of each kind folds.
    for stored in log(&world).await {
        let who = if stored.stream.contains("BETA") || stored.stream.starts_with("content") { "ben" } else { "ada" };
        let status = world.get(who, &format!("/api/audit/streams/{}", stored.stream)).await.status;
        let of_other_trial = stored.stream.starts_with("document") || stored.stream.starts_with("membership");
        assert!(status == 200 || of_other_trial, "{who} reads {}: {status}", stored.stream);
        assert!(
            stored.stream.starts_with("clock")
                || world.get("cay", &format!("/api/audit/streams/{}", stored.stream)).await.status == 404
        );
    }
    for stream in ["trial-NONE", "nonsense", "secret-1"] {
        assert_eq!(world.get("ada", &format!("/api/audit/streams/{stream}")).await.problem(), not_found());
    }
}

#[tokio::test]
async fn an_event_that_does_not_follow_from_the_one_before_is_told() {
    let (world, _) = busy().await;
    let command = Uuid::new_v4();
    let metadata = Metadata {
        id: Uuid::new_v4(),
        kind: "TrialClosed".to_owned(),
        version: 1,
        recorded_at: world.clock.now(),
        cause: Cause { actor: "mallory".to_owned(), command, correlation: command, causation: None, request: None },
        previous: EventHash::default(),
    };
    let forged = NewEvent {
        id: metadata.id,
        kind: metadata.kind.clone(),
        version: 1,
        data: br#"{"reason":null}"#.as_slice().into(),
        metadata: serde_json::to_vec(&metadata).unwrap().into(),
    };
    world.log.append("trial-ACME-1", Expected::Revision(0), &[forged]).await.unwrap();
    let told = world.get("ada", "/api/audit/streams/trial-ACME-1").await.ok();
    assert_eq!((&told["hashChain"], &told["state"]["Known"]["open"]), (&json!("broken at 1"), &json!(false)));
}
