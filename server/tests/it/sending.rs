//! Mail servers that refuse, put off, go away or fall silent: each delivery has its own outcome.

#[expect(dead_code, reason = "the adapter's own tests use all of it")]
#[path = "../../../adapters/tests/it/local/smtp_server.rs"]
mod smtp_server;

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use tokio::net::TcpListener;
use trialbrief::wire::Urls;

use crate::world::{World, mondays, parse};
use smtp_server::{Answer, Server, serve};

const TRIAL: &str = "ACME-101";
const DUE: &str = "2026-11-16T08:00[Europe/Berlin]";
const SUBSCRIBERS: [&str; 3] = ["ben", "chi", "dov"];

fn clear_text(port: u16) -> String {
    format!("smtp://127.0.0.1:{port}?tls=none&timeout=10&answer_timeout=10")
}

async fn world(folder: PathBuf, kept: Option<tempfile::TempDir>, now: &str, port: u16) -> World {
    World::open(folder, kept, parse(now), |urls| Urls { mail: clear_text(port), ..urls }).await
}

/// Three people wait for Monday, 08:00.
async fn subscribed(port: u16) -> World {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path().to_owned(), Some(folder), "2026-11-15T12:00[Europe/Berlin]", port).await;
    subscribe(&world).await;
    world
}

async fn subscribe(world: &World) {
    world.open_trial(TRIAL).await;
    world.send("ada", "PUT", &format!("/api/trials/{TRIAL}/members/dov"), json!({"role": "reader"})).await.expect(200);
    for user in SUBSCRIBERS {
        world.subscribe(user, TRIAL, mondays()).await;
    }
}

/// The deliveries of the only report, as somebody sees them, by user.
async fn deliveries(world: &World, user: &str) -> Vec<Value> {
    let reports = world.get(user, &format!("/api/reports?trial={TRIAL}")).await.expect(200).json();
    let [report] = reports["items"].as_array().unwrap().as_slice() else { panic!("{reports}") };
    let path = format!("/api/reports/{}/deliveries", report["id"].as_str().unwrap());
    let mut items = world.get(user, &path).await.expect(200).json()["items"].as_array().unwrap().clone();
    items.sort_by_key(|item| item["user"].as_str().unwrap().to_owned());
    items
}

/// User, status and attempt of each, as the coordinator sees them.
async fn outcomes(world: &World) -> Vec<(String, String, u64)> {
    let told = |item: &Value| {
        let text = |name: &str| item[name].as_str().unwrap().to_owned();
        (text("user"), text("status"), item["attempt"].as_u64().unwrap())
    };
    deliveries(world, "ada").await.iter().map(told).collect()
}

fn all(status: &str, attempt: u64) -> Vec<(String, String, u64)> {
    SUBSCRIBERS.map(|user| (user.to_owned(), status.to_owned(), attempt)).into()
}

/// How many messages the server was given for somebody.
fn messages_to(server: &Server, user: &str) -> usize {
    let seen = server.seen.lock().unwrap();
    let address = format!("<{user}@example.org>");
    let is_theirs = |message: &&Vec<u8>| String::from_utf8_lossy(message).contains(&address);
    seen.messages.iter().filter(is_theirs).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_recipient_never_affects_another() {
    let server = serve(|_, _, line| match line.starts_with("RCPT TO:<chi@") {
        true => Answer::Say(b"550 5.1.1 no such user"),
        false => Answer::Usual,
    })
    .await;
    let mut world = subscribed(server.port).await;
    world.until(DUE).await;
    let wanted = [("ben", "sent", 1), ("chi", "failed", 1), ("dov", "sent", 1)];
    assert_eq!(outcomes(&world).await, wanted.map(|(user, status, n)| (user.to_owned(), status.to_owned(), n)));

    let seen = deliveries(&world, "ada").await;
    assert_eq!((&seen[1]["detail"], &seen[1]["due"]), (&json!("550 5.1.1 no such user"), &Value::Null));
    let own = deliveries(&world, "chi").await;
    assert_eq!(own.len(), 1, "others see their own only");
    assert_eq!((&own[0]["user"], &own[0]["detail"]), (&json!("chi"), &Value::Null), "and not what the server said");

    world.until("2026-11-18T08:00[Europe/Berlin]").await;
    assert_eq!(SUBSCRIBERS.map(|user| messages_to(&server, user)), [1, 0, 1], "nothing is repeated");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_put_off_is_tried_again_after_a_while() {
    let tried = AtomicUsize::new(0);
    let server =
        serve(move |_, _, line| match line.starts_with("RCPT TO:<chi@") && tried.fetch_add(1, Ordering::Relaxed) < 2 {
            true => Answer::Say(b"450 4.2.1 greylisted"),
            false => Answer::Usual,
        })
        .await;
    let mut world = subscribed(server.port).await;
    world.until(DUE).await;
    let chi = deliveries(&world, "ada").await.remove(1);
    assert_eq!((&chi["status"], &chi["detail"]), (&json!("deferred"), &json!("450 4.2.1 greylisted")));
    let due: jiff::Timestamp = chi["due"].as_str().unwrap().parse().unwrap();
    let wait = due.duration_since(parse(DUE)).as_secs();
    assert!((60..=75).contains(&wait), "a minute and up to a quarter more, not {wait} s");

    world.until("2026-11-16T08:02[Europe/Berlin]").await;
    assert_eq!(outcomes(&world).await[1], ("chi".to_owned(), "deferred".to_owned(), 2));
    world.until("2026-11-16T08:09[Europe/Berlin]").await;
    assert_eq!(outcomes(&world).await[1], ("chi".to_owned(), "sent".to_owned(), 3));
    assert_eq!(SUBSCRIBERS.map(|user| messages_to(&server, user)), [1, 1, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_for_a_server_that_is_away_waits_and_outlives_a_restart() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let folder = tempfile::tempdir().unwrap();
    let mut away = world(folder.path().to_owned(), None, "2026-11-15T12:00[Europe/Berlin]", gone).await;
    subscribe(&away).await;
    away.until(DUE).await;
    assert_eq!(outcomes(&away).await, all("deferred", 1));
    drop(away);

    let server = serve(|_, _, _| Answer::Usual).await;
    let back = world(folder.path().to_owned(), None, "2026-11-16T09:00[Europe/Berlin]", server.port).await;
    assert_eq!(outcomes(&back).await, all("sent", 2));
    assert_eq!(SUBSCRIBERS.map(|user| messages_to(&server, user)), [1, 1, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_was_handed_over_without_an_answer_is_unknown_and_never_repeated() {
    let server = serve(|_, _, line| if line == "." { Answer::Close } else { Answer::Usual }).await;
    let mut world = subscribed(server.port).await;
    world.until(DUE).await;
    assert_eq!(outcomes(&world).await, all("unknown", 1));
    world.until("2026-11-18T08:00[Europe/Berlin]").await;
    assert_eq!(SUBSCRIBERS.map(|user| messages_to(&server, user)), [1, 1, 1]);
}
