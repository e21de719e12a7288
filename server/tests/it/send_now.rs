//! A report now: it is marked "so far", and the regular ones do not know of it.

use axum::body::Body;
use axum::http::Request;
use mail_parser::MessageParser;
use serde_json::{Value, json};

use crate::world::{Answer, World, mondays, parse};

const TRIAL: &str = "ACME-101";

fn path_of(subscribed: &Value) -> String {
    format!("/api/subscriptions/{}/send-now", subscribed["id"].as_str().unwrap())
}

fn subjects(world: &World) -> Vec<String> {
    let subject = |mail: &Vec<u8>| MessageParser::default().parse(mail).unwrap().subject().unwrap().to_owned();
    let mut subjects: Vec<_> = world.mails().iter().map(subject).collect();
    subjects.sort_unstable();
    subjects
}

async fn keyed(world: &World, path: &str, key: &str) -> Answer {
    let request = Request::post(path).header("Trialbrief-Person", "chi").header("Idempotency-Key", key);
    world.ask(request.body(Body::empty()).unwrap()).await
}

/// Cut, whether "so far", and the period, of each report.
async fn told(world: &World) -> Vec<(bool, Value, Value)> {
    let reports = world.reports(TRIAL).await;
    reports
        .iter()
        .map(|report| (report["soFar"] == true, report["period"]["from"].clone(), report["period"]["to"].clone()))
        .collect()
}

fn utc(instant: &str) -> Value {
    json!(parse(instant).to_string())
}

#[tokio::test]
async fn a_report_so_far_moves_no_schedule_and_no_figure_of_the_regular_one() {
    let mut world = World::at("2026-11-16T09:00[Europe/Berlin]").await;
    world.open_trial(TRIAL).await;
    let subscribed = world.subscribe("chi", TRIAL, mondays()).await;
    world.until("2026-11-17T10:00[Europe/Berlin]").await;
    world.upload("ben", TRIAL, "first.txt", b"first\n".to_vec()).await;
    world.until("2026-11-18T10:07:30[Europe/Berlin]").await;
    let requested = world.send("chi", "POST", &path_of(&subscribed), json!({})).await.expect(202).json();
    world.settle().await;
    assert_eq!(subjects(&world), ["ACME-101: report so far, 16–18 Nov 2026"]);
    let report =
        world.get("chi", &format!("/api/reports/{}", requested["report"].as_str().unwrap())).await.expect(200).json();
    assert_eq!((&report["status"], &report["soFar"]), (&json!("rendered"), &json!(true)));
    assert_eq!(report["cut"], utc("2026-11-18T10:07:30[Europe/Berlin]"));
    let deliveries = world.deliveries(&report).await;
    assert_eq!((&deliveries[0]["delivery"], &deliveries[0]["status"]), (&requested["delivery"], &json!("sent")));
    let now = world
        .get("chi", &format!("/api/subscriptions/{}", subscribed["id"].as_str().unwrap()))
        .await
        .expect(200)
        .json();
    assert_eq!(now["nextDue"], subscribed["nextDue"]);

    world.upload("ben", TRIAL, "second.txt", b"second\n".to_vec()).await;
    world.until("2026-11-23T08:00[Europe/Berlin]").await;
    let monday = utc("2026-11-16T00:00[Europe/Berlin]");
    let expected = [
        (true, monday.clone(), utc("2026-11-18T10:07:30[Europe/Berlin]")),
        (false, monday, utc("2026-11-23T00:00[Europe/Berlin]")),
    ];
    assert_eq!(told(&world).await, expected);
    let mails = world.mails();
    let texts: Vec<_> = mails
        .iter()
        .map(|mail| MessageParser::default().parse(mail).unwrap().body_text(0).unwrap().into_owned())
        .collect();
    assert!(
        texts.iter().any(|text| text.contains("1 document added") && text.contains("So far: this period is not over."))
    );
    assert!(texts.iter().any(|text| text.contains("2 documents added") && !text.contains("So far")), "{texts:?}");
}

#[tokio::test]
async fn at_exactly_the_periods_end_it_is_still_another_report_than_the_regular_one() {
    let mut world = World::at("2026-11-16T09:00[Europe/Berlin]").await;
    world.open_trial(TRIAL).await;
    let subscribed = world.subscribe("chi", TRIAL, mondays()).await;
    world.until("2026-11-23T00:00[Europe/Berlin]").await;
    world.send("chi", "POST", &path_of(&subscribed), json!({})).await.expect(202);
    world.until("2026-11-23T08:00[Europe/Berlin]").await;
    let (from, to) = (utc("2026-11-16T00:00[Europe/Berlin]"), utc("2026-11-23T00:00[Europe/Berlin]"));
    assert_eq!(told(&world).await, [(true, from.clone(), to.clone()), (false, from, to)]);
    assert_eq!(subjects(&world), ["ACME-101: report so far, 16–22 Nov 2026", "ACME-101: report, 16–22 Nov 2026"]);

    // At the due itself the regular period has just been reported: so far is what came since midnight.
    world.send("chi", "POST", &path_of(&subscribed), json!({})).await.expect(202);
    world.settle().await;
    let last = told(&world).await.pop().unwrap();
    assert_eq!(last, (true, utc("2026-11-23T00:00[Europe/Berlin]"), utc("2026-11-23T08:00[Europe/Berlin]")));
}

#[tokio::test]
async fn the_same_key_is_the_same_mail_whenever_it_comes_again() {
    let mut world = World::at("2026-11-16T09:00[Europe/Berlin]").await;
    world.open_trial(TRIAL).await;
    let subscribed = world.subscribe("chi", TRIAL, mondays()).await;
    let path = path_of(&subscribed);
    world.until("2026-11-18T10:00[Europe/Berlin]").await;
    let first = keyed(&world, &path, "one-click").await.expect(202).json();
    let at_once = keyed(&world, &path, "one-click").await.expect(202).json();
    world.until("2026-11-18T10:01[Europe/Berlin]").await;
    let a_minute_later = keyed(&world, &path, "one-click").await.expect(202).json();
    world.until("2026-11-18T10:02[Europe/Berlin]").await;
    for again in [&at_once, &a_minute_later] {
        assert_eq!((&again["delivery"], &again["report"]), (&first["delivery"], &first["report"]));
    }
    assert_eq!(world.mails().len(), 1);

    // The key names the request, path included.
    let pause = path.replace("send-now", "pause");
    keyed(&world, &path, "another").await.expect(202);
    world.settle().await;
    assert_eq!(world.mails().len(), 2, "another key, another mail");
    keyed(&world, &pause, "a-pause").await.expect(200);
    let repeated = keyed(&world, &pause, "a-pause").await.expect(200).json();
    assert_eq!(repeated["status"], "paused", "a repeat is answered, not refused");
    let reused = keyed(&world, &path.replace("send-now", "resume"), "a-pause").await.expect(422).json();
    assert_eq!(
        (&reused["field"], reused["type"].as_str().unwrap().ends_with("key-reused")),
        (&json!("Idempotency-Key"), true)
    );
    let status = world.get("chi", path.trim_end_matches("/send-now")).await.expect(200).json()["status"].clone();
    assert_eq!(status, "paused");
}

#[tokio::test]
async fn of_different_requests_at_once_under_one_key_one_is_carried_out_and_the_others_are_told() {
    let mut world = World::at("2026-11-16T09:00[Europe/Berlin]").await;
    let titled = |title: String| {
        let request = Request::put("/api/trials/ACME-102")
            .header("Trialbrief-Person", "ada")
            .header("Content-Type", "application/json")
            .header("Idempotency-Key", "one-key");
        world.ask(request.body(Body::from(json!({"title": title}).to_string())).unwrap())
    };
    let answers = futures::future::join_all((0..8).map(|i| titled(format!("Title {i}")))).await;
    world.settle().await;
    let kept = world.get("ada", "/api/trials/ACME-102/summary").await.expect(200).json()["title"].clone();
    for (i, answer) in answers.into_iter().enumerate() {
        let status = if kept == format!("Title {i}") { 200 } else { 422 };
        answer.expect(status);
    }
}

#[tokio::test]
async fn it_is_refused_where_there_is_nothing_to_send() {
    let mut world = World::at("2026-11-16T09:00[Europe/Berlin]").await;
    world.open_trial(TRIAL).await;
    let midnights = json!({"cadence": "weekly", "weekday": "tuesday", "time": "00:00", "zone": "Europe/Berlin"});
    let subscribed = world.subscribe("chi", TRIAL, midnights).await;
    world.until("2026-11-24T00:00[Europe/Berlin]").await;
    let refused = world.send("chi", "POST", &path_of(&subscribed), json!({})).await.expect(409).json();
    assert!(refused["type"].as_str().unwrap().ends_with("nothing-to-report"), "{refused}");
    world.send("ben", "POST", &path_of(&subscribed), json!({})).await.expect(404);
    world.send("chi", "POST", &path_of(&subscribed).replace("send-now", "pause"), json!({})).await.expect(200);
    let refused = world.send("chi", "POST", &path_of(&subscribed), json!({})).await.expect(409).json();
    assert!(refused["type"].as_str().unwrap().ends_with("subscription-paused"), "{refused}");
    assert_eq!(told(&world).await.iter().filter(|(so_far, ..)| *so_far).count(), 0);
}
