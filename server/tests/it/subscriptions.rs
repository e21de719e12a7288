//! Subscriptions over months: one report for each period, however schedules, zones and clocks change.

use axum::body::Body;
use axum::http::Request;
use domain::aggregate::decode;
use domain::occurrence::Event;
use jiff::{SignedDuration, Timestamp, ToSpan, ZonedDateTime};
use mail_parser::{Message, MessageParser};
use serde_json::{Value, json};

use crate::world::{World, mondays, parse};

const TRIAL: &str = "ACME-101";

fn weekly(weekday: &str, time: &str, zone: &str) -> Value {
    json!({"cadence": "weekly", "weekday": weekday, "time": time, "zone": zone})
}

fn path_of(subscribed: &Value) -> String {
    format!("/api/subscriptions/{}", subscribed["id"].as_str().unwrap())
}

fn period_of(report: &Value) -> (Timestamp, Timestamp) {
    let instant = |end: &str| parse(report["period"][end].as_str().unwrap());
    (instant("from"), instant("to"))
}

fn berlin(from: &str, to: &str) -> (Timestamp, Timestamp) {
    let midnight = |date: &str| parse(&format!("{date}T00:00[Europe/Berlin]"));
    (midnight(from), midnight(to))
}

async fn revisions(world: &World, subscribed: &Value) -> usize {
    let stream = format!("subscription-{}", subscribed["id"].as_str().unwrap());
    world.ports.log.read(&stream, 0).await.unwrap().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_wish_is_one_subscription_and_an_ended_one_begins_its_next_term() {
    let world = World::at("2026-11-16T09:00[Europe/Berlin]").await;
    world.open_trial(TRIAL).await;
    let ask = json!({"trial": TRIAL, "schedule": mondays()});
    let first = world.send("chi", "POST", "/api/subscriptions", ask.clone()).await.expect(201);
    let first_seen = first.json();
    assert_eq!(first.headers["location"], path_of(&first_seen));
    assert_eq!(first_seen["nextDue"], "2026-11-23T07:00:00Z");

    let again = world.send("chi", "POST", "/api/subscriptions", ask.clone()).await.expect(200).json();
    assert_eq!(again["id"], first_seen["id"]);
    assert_eq!(revisions(&world, &first_seen).await, 1, "no second event");

    let other = json!({"trial": TRIAL, "schedule": weekly("friday", "17:00", "Europe/Berlin")});
    let other_paper = json!({"trial": TRIAL, "schedule": mondays(), "paper": "letter"});
    for different in [&other, &other_paper] {
        let refused = world.send("chi", "POST", "/api/subscriptions", different.clone()).await.expect(409).json();
        assert_eq!(refused["type"], "https://trialbrief.example/problems/subscription-runs-differently");
        let sentence =
            "you are subscribed already, with another schedule; change it with PATCH /api/subscriptions/{id}";
        assert_eq!(refused["detail"], sentence);
    }
    assert_eq!(revisions(&world, &first_seen).await, 1, "a refusal leaves no event");

    let ended = world.send("chi", "DELETE", &path_of(&first_seen), json!({})).await.expect(200).json();
    assert_eq!((&ended["status"], &ended["nextDue"]), (&json!("ended"), &Value::Null));
    for (command, code) in
        [("pause", "subscription-ended"), ("resume", "subscription-ended"), ("send-now", "subscription-ended")]
    {
        let path = format!("{}/{command}", path_of(&first_seen));
        let refused = world.send("chi", "POST", &path, json!({})).await.expect(409).json();
        assert!(refused["type"].as_str().unwrap().ends_with(code), "{command}: {refused}");
    }
    let next = world.send("chi", "POST", "/api/subscriptions", other).await.expect(201).json();
    assert_eq!((&next["id"], &next["term"], &next["status"]), (&first_seen["id"], &json!(2), &json!("active")));
    assert_eq!(revisions(&world, &first_seen).await, 3);

    let monthly = json!({"schedule": {"cadence": "monthly", "day": 31, "time": "08:00", "zone": "Europe/Berlin"}});
    let refused = world.send("chi", "PATCH", &path_of(&next), monthly).await.expect(422).json();
    assert!(refused["type"].as_str().unwrap().ends_with("cadence-is-fixed"), "{refused}");
    world.send("ben", "PATCH", &path_of(&next), json!({"paper": "letter"})).await.expect(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_subscribes_after_a_quiet_time_waits_for_the_next_due() {
    let mut world = World::at("2026-11-02T09:00[Europe/Berlin]").await;
    world.open_trial(TRIAL).await;
    world.until("2026-11-18T10:00[Europe/Berlin]").await;
    let subscribed = world.subscribe("chi", TRIAL, mondays()).await;
    assert_eq!(subscribed["nextDue"], "2026-11-23T07:00:00Z");
    world.until("2026-11-23T07:59[Europe/Berlin]").await;
    assert_eq!(world.mails().len(), 0, "no due has come since the subscription began");
    world.until("2026-11-23T08:00[Europe/Berlin]").await;
    assert_eq!(world.mails().len(), 1);
    assert_eq!(period_of(&world.reports(TRIAL).await[0]), berlin("2026-11-16", "2026-11-23"));
}

#[tokio::test(flavor = "multi_thread")]
async fn periods_follow_each_other_through_reschedules_another_zone_a_pause_and_a_resume() {
    let mut world = World::at("2026-11-02T09:00[Europe/Berlin]").await;
    world.open_trial(TRIAL).await;
    let subscribed = world.subscribe("chi", TRIAL, mondays()).await;
    let path = path_of(&subscribed);
    let reschedule = async |world: &World, schedule: Value| {
        world.send("chi", "PATCH", &path, json!({"schedule": schedule})).await.expect(200).json()
    };
    let command = async |world: &World, command: &str| {
        world.send("chi", "POST", &format!("{path}/{command}"), json!({})).await.expect(200).json()
    };

    world.until("2026-11-11T12:00[Europe/Berlin]").await;
    reschedule(&world, weekly("friday", "17:00", "Europe/Berlin")).await;
    world.until("2026-11-17T12:00[Europe/Berlin]").await;
    reschedule(&world, weekly("friday", "17:00", "America/New_York")).await;
    world.until("2026-11-24T12:00[Europe/Berlin]").await;
    let tokyo = reschedule(&world, weekly("monday", "08:00", "Asia/Tokyo")).await;
    assert_eq!(tokyo["sentence"], "Every Monday at 08:00 Asia/Tokyo");
    world.until("2026-12-01T12:00[Asia/Tokyo]").await;
    assert_eq!(world.mails().len(), 4);
    // A pause in which nothing was due leaves no trace in the periods.
    command(&world, "pause").await;
    world.until("2026-12-02T12:00[Asia/Tokyo]").await;
    command(&world, "resume").await;
    world.until("2026-12-08T12:00[Asia/Tokyo]").await;
    assert_eq!(world.mails().len(), 5);
    let paused = command(&world, "pause").await;
    assert_eq!((&paused["status"], &paused["nextDue"]), (&json!("paused"), &Value::Null));
    world.until("2026-12-15T12:00[Asia/Tokyo]").await;
    assert_eq!(world.mails().len(), 5, "nothing is sent in a pause");
    command(&world, "resume").await;
    world.until("2026-12-21T08:00[Asia/Tokyo]").await;

    let instants = [
        "2026-11-02T00:00[Europe/Berlin]",
        "2026-11-09T00:00[Europe/Berlin]",
        "2026-11-13T00:00[Europe/Berlin]",
        "2026-11-20T00:00[America/New_York]",
        "2026-11-30T00:00[Asia/Tokyo]",
        "2026-12-07T00:00[Asia/Tokyo]",
    ]
    .map(parse);
    let mut expected: Vec<_> = instants.windows(2).map(|ends| (ends[0], ends[1])).collect();
    // After a pause over a due it is one regular period again.
    expected.push((parse("2026-12-14T00:00[Asia/Tokyo]"), parse("2026-12-21T00:00[Asia/Tokyo]")));
    let reports = world.reports(TRIAL).await;
    assert_eq!(reports.iter().map(period_of).collect::<Vec<_>>(), expected);
    for report in &reports {
        let deliveries = world.deliveries(report).await;
        assert_eq!(deliveries.len(), 1);
        assert_eq!((&deliveries[0]["user"], &deliveries[0]["status"]), (&json!("chi"), &json!("sent")));
    }
    assert_eq!(world.mails().len(), expected.len());
}

/// The last occurrence that was opened: its due, and the dues joined into it.
async fn last_opened(world: &World) -> (Timestamp, Vec<Timestamp>) {
    let log = world.log().await;
    let stored = log.iter().rfind(|stored| stored.event.kind == "OccurrenceOpened").unwrap();
    match decode::<Event>(&stored.event.kind, stored.event.version, &stored.event.data).unwrap() {
        Event::OccurrenceOpened { due, joined, .. } => (due, joined),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn missed_dues_become_one_report_that_covers_all_of_them() {
    let mut world = World::at("2026-11-02T09:00[Europe/Berlin]").await;
    world.open_trial(TRIAL).await;
    world.subscribe("chi", TRIAL, mondays()).await;
    world.until("2026-11-10T09:00[Europe/Berlin]").await;
    assert_eq!(world.mails().len(), 1);
    world.subscribe("ben", TRIAL, mondays()).await;

    // The API is up, the workers are not.
    world.ports.clock.set(parse("2026-11-18T10:00[Europe/Berlin]"));
    world.upload("ben", TRIAL, "missed.txt", b"site,visits\nDE-01,3\n".to_vec()).await;
    world.ports.clock.set(parse("2026-12-01T09:00[Europe/Berlin]"));
    world.settle().await;

    let dues =
        ["2026-11-16T08:00[Europe/Berlin]", "2026-11-23T08:00[Europe/Berlin]", "2026-11-30T08:00[Europe/Berlin]"];
    let [first, second, newest] = dues.map(parse);
    assert_eq!(last_opened(&world).await, (newest, vec![first, second]));
    let reports = world.reports(TRIAL).await;
    // Ben, who never had a report, gets what a report at the first missed due would have covered, and all since.
    let expected = [berlin("2026-11-02", "2026-11-09"), berlin("2026-11-09", "2026-11-30")];
    assert_eq!(reports.iter().map(period_of).collect::<Vec<_>>(), expected);
    let people: Vec<_> = world.deliveries(&reports[1]).await.iter().map(|delivery| delivery["user"].clone()).collect();
    assert_eq!(people, ["ben", "chi"]);
    let mails = world.mails();
    assert_eq!(mails.len(), 3);
    let added = mails.iter().filter(|mail| text_of(&parsed(mail)).contains("1 document added")).count();
    assert_eq!(added, 2, "what happened meanwhile is in it");

    world.until("2026-12-07T08:00[Europe/Berlin]").await;
    assert_eq!(period_of(world.reports(TRIAL).await.last().unwrap()), berlin("2026-11-30", "2026-12-07"));
}

fn parsed(mail: &[u8]) -> Message<'_> {
    MessageParser::default().parse(mail).unwrap()
}

fn text_of(mail: &Message<'_>) -> String {
    mail.body_text(0).unwrap().into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_and_seventeen_o_clock_share_one_report() {
    let mut world = World::at("2026-11-16T09:00[Europe/Berlin]").await;
    world.open_trial(TRIAL).await;
    world.subscribe("chi", TRIAL, mondays()).await;
    world.subscribe("ben", TRIAL, weekly("monday", "17:00", "Europe/Berlin")).await;
    world.until("2026-11-16T18:00[Europe/Berlin]").await;
    let before = world.mails().len();
    world.until("2026-11-23T16:59[Europe/Berlin]").await;
    assert_eq!(world.mails().len(), before + 1, "the first at eight");
    // What is added between the two changes neither.
    world.upload("ben", TRIAL, "between.txt", b"between\n".to_vec()).await;
    world.until("2026-11-23T17:00[Europe/Berlin]").await;

    let reports = world.reports(TRIAL).await;
    let report = reports.last().unwrap();
    assert_eq!(period_of(report), berlin("2026-11-16", "2026-11-23"));
    assert_eq!(reports.iter().filter(|other| period_of(other) == period_of(report)).count(), 1);
    let deliveries = world.deliveries(report).await;
    let at: Vec<_> = deliveries.iter().map(|delivery| (delivery["user"].clone(), delivery["at"].clone())).collect();
    assert_eq!(at, [(json!("ben"), json!("2026-11-23T16:00:00Z")), (json!("chi"), json!("2026-11-23T07:00:00Z"))]);
    let mails = world.mails();
    let pdfs: Vec<_> =
        mails.iter().map(|mail| parsed(mail).attachments().next().unwrap().contents().to_vec()).collect();
    let hash = |pdf: &[u8]| domain::id::ContentHash::of(pdf).to_string();
    let of_the_week = pdfs.iter().filter(|pdf| report["sha256"] == hash(pdf)).count();
    assert_eq!(of_the_week, 2, "the same bytes to both");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_week_has_one_mail_also_when_the_clocks_change() {
    // 02:30 occurs twice on 25 October 2026, and not at all on 28 March 2027.
    for (begin, change, due) in [
        ("2026-10-12T00:00[Europe/Berlin]", "2026-10-25T00:00[Europe/Berlin]", "2026-10-25T00:30:00Z"),
        ("2027-03-15T00:00[Europe/Berlin]", "2027-03-28T00:00[Europe/Berlin]", "2027-03-28T01:00:00Z"),
    ] {
        let mut world = World::at(begin).await;
        world.open_trial(TRIAL).await;
        world.subscribe("chi", TRIAL, weekly("sunday", "02:30", "Europe/Berlin")).await;
        let change: ZonedDateTime = change.parse().unwrap();
        let mut sunday = change.checked_sub(1.week()).unwrap();
        for mails in 1..=4 {
            world.until(&sunday.to_string()).await;
            assert_eq!(world.mails().len(), mails - 1, "none before {sunday}");
            if sunday == change {
                world.until(&(parse(due) - 1.second()).to_string()).await;
                assert_eq!(world.mails().len(), mails - 1, "none before {due}");
                world.until(due).await;
            }
            world.until(&sunday.with().hour(4).build().unwrap().to_string()).await;
            assert_eq!(world.mails().len(), mails, "one on {sunday}");
            sunday = sunday.checked_add(1.week()).unwrap();
        }
        let reports = world.reports(TRIAL).await;
        let ends: Vec<_> = reports.iter().map(period_of).collect();
        assert!(ends.windows(2).all(|pair| pair[0].1 == pair[1].0), "{ends:?}");
        let week_of_the_change = ends.iter().find(|(from, _)| *from == change.timestamp()).unwrap();
        assert_ne!(week_of_the_change.1 - week_of_the_change.0, SignedDuration::from_hours(7 * 24));
    }
}

/// As a mail program posts: from anywhere, without any sign-in.
async fn one_click(world: &World, method: &str, path: &str) -> u16 {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("Host", "reports.example.org")
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(Body::from("List-Unsubscribe=One-Click"))
        .unwrap();
    world.ask(request).await.status.as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_link_of_a_mail_ends_one_subscription_and_only_when_it_is_posted_to() {
    let mut world = World::at("2026-11-16T09:00[Europe/Berlin]").await;
    world.open_trial(TRIAL).await;
    let weekly = world.subscribe("chi", TRIAL, mondays()).await;
    let others = [
        world.subscribe("chi", TRIAL, json!({"cadence": "daily", "time": "06:00", "zone": "Europe/Berlin"})).await,
        world.subscribe("ben", TRIAL, mondays()).await,
    ];
    world.until("2026-11-23T07:00[Europe/Berlin]").await;
    let known: Vec<_> = world.mails();
    world.until("2026-11-23T08:00[Europe/Berlin]").await;
    let mails = world.mails();
    let to = |mail: &Message<'_>| mail.to().and_then(|to| to.first()).and_then(|to| to.address()).unwrap().to_owned();
    let mail = mails.iter().filter(|mail| !known.contains(mail)).find(|mail| to(&parsed(mail)) == "chi@example.org");
    let mail = parsed(mail.unwrap());
    let raw = |name: &str| mail.header_raw(name).unwrap().replace("\r\n", "").trim().to_owned();
    assert_eq!(raw("List-Unsubscribe-Post"), "List-Unsubscribe=One-Click");
    let header = raw("List-Unsubscribe");
    let link = header.trim_start_matches('<').trim_end_matches('>');
    assert!(text_of(&mail).contains(link), "the body has the link of the header: {link}");
    let path = link.strip_prefix("http://127.0.0.1:8080").unwrap();

    let before = world.log().await.len();
    for method in ["GET", "HEAD", "GET"] {
        assert_eq!(one_click(&world, method, path).await, 200, "{method}");
    }
    assert_eq!(world.log().await.len(), before, "looking changes nothing");
    let token = path.strip_prefix("/unsubscribe/").unwrap();
    let altered = format!("{}{}", if token.starts_with('A') { 'B' } else { 'A' }, &token[1..]);
    let (cut, longer) = (&token[..token.len() - 1], format!("{token}A"));
    for tampered in [altered.as_str(), cut, longer.as_str(), "x", weekly["id"].as_str().unwrap()] {
        for method in ["GET", "POST"] {
            assert_eq!(
                one_click(&world, method, &format!("/unsubscribe/{tampered}")).await,
                404,
                "{method} {tampered}"
            );
        }
    }
    assert_eq!(world.log().await.len(), before);

    for _ in 0..2 {
        assert_eq!(one_click(&world, "POST", path).await, 200);
    }
    let log = world.log().await;
    assert_eq!(log.len(), before + 1, "the second time changes nothing");
    let ended = log.last().unwrap();
    let data: Value = serde_json::from_slice(&ended.event.data).unwrap();
    assert_eq!((ended.event.kind.as_str(), &data["by"]), ("SubscriptionEnded", &json!("unsubscribe-link")));
    assert_eq!(ended.metadata().unwrap().cause.actor, "unsubscribe-link");
    assert_eq!(world.get("chi", &path_of(&weekly)).await.expect(200).json()["status"], "ended");
    for (user, other) in ["chi", "ben"].iter().zip(&others) {
        assert_eq!(world.get(user, &path_of(other)).await.expect(200).json()["status"], "active");
    }
    world.until("2026-11-30T09:00[Europe/Berlin]").await;
    let last =
        world.reports(TRIAL).await.into_iter().find(|r| period_of(r) == berlin("2026-11-23", "2026-11-30")).unwrap();
    let people: Vec<_> = world.deliveries(&last).await.iter().map(|delivery| delivery["user"].clone()).collect();
    assert_eq!(people, ["ben"], "it took effect before the next due");
}
