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

#[tokio::test(flavor = "multi_thread")]
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

#[tokio::test(flavor = "multi_thread")]
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

#[tokio::test(flavor = "multi_thread")]
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

#[tokio::test(flavor = "multi_thread")]
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

#[tokio::test(flavor = "multi_thread")]
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

#[tokio::test(flavor = "multi_thread")]
async fn one_correlation_leads_from_the_request_to_the_mail_and_another_from_the_upload_to_its_analysis() {
    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    let traced = |request: axum::http::request::Builder| {
        request.header("traceparent", format!("00-{TRACE}-00f067aa0ba902b7-01")).body(Body::empty()).unwrap()
    };
    let correlated = async |world: &World, stream: &str| -> Vec<(String, bool, bool)> {
        let log = world.log().await;
        let of_stream = log.iter().filter(|stored| stored.stream.starts_with(stream)).map(|stored| {
            let cause = stored.metadata().unwrap().cause;
            let is_known = cause.causation.is_some_and(|id| log.iter().any(|other| other.event.id == id));
            (stored.event.kind.clone(), cause.correlation.simple().to_string() == TRACE, is_known)
        });
        of_stream.collect()
    };
    let mut world = World::at("2026-11-16T09:00[Europe/Berlin]").await;
    world.open_trial(TRIAL).await;
    let subscribed = world.subscribe("chi", TRIAL, mondays()).await;
    world.upload("ben", TRIAL, "first.txt", b"first\n".to_vec()).await;
    world.until("2026-11-18T10:07:30[Europe/Berlin]").await;
    let request = Request::post(path_of(&subscribed)).header("Trialbrief-Person", "chi");
    world.ask(traced(request.header("Idempotency-Key", "now"))).await.expect(202);
    world.settle().await;
    let told = |kind: &str, follows: bool| (kind.to_owned(), true, follows);
    let report = [told("ReportScheduled", true), told("ReportRendered", true)];
    assert_eq!(correlated(&world, "report-").await, report);
    let delivery = [told("DeliveryRequested", false), told("DeliveryAttempted", true), told("DeliverySent", true)];
    assert_eq!(correlated(&world, "delivery-").await, delivery);

    let mut world = World::at("2026-11-16T09:00[Europe/Berlin]").await;
    world.open_trial(TRIAL).await;
    let path = format!("/api/documents?TrialId={TRIAL}&Filename=second.txt");
    let request = Request::post(path).header("Trialbrief-Person", "ben").header("Idempotency-Key", "second");
    let mut request = traced(request.header("Content-Type", "application/octet-stream"));
    *request.body_mut() = Body::from("second\n");
    world.ask(request).await.expect(201);
    world.settle().await;
    assert_eq!(correlated(&world, "document-").await, [told("DocumentAdded", false)]);
    assert_eq!(correlated(&world, "content-").await, [told("ContentAnalysed", true)]);
}
