//! Bad input: a clear error that names the field and the remedy, and nothing changes.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::{Answer, World, mondays};

const TRIAL: &str = "ACME-101";

async fn ask(world: &World, method: &str, path: &str, body: impl Into<Body>, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    world.ask(request.body(body.into()).unwrap()).await
}

/// Who asks, how and where, the body; the field that is named, and words of the problem.
type Asked<'a> = (&'a str, &'a str, &'a str, String, Option<&'a str>, &'a str);

/// Headers and body; the status, the field that is named, and words of the problem.
type Refused<'a> = (Vec<(&'a str, &'a str)>, String, u16, Option<&'a str>, &'a str);

/// The answer is a problem that names the field and says the words.
#[track_caller]
fn check(answer: &Answer, status: u16, field: Option<&str>, words: &str, asked: &str) {
    let text = String::from_utf8_lossy(&answer.body);
    assert_eq!(answer.status, status, "{asked}: {text}");
    assert_eq!(answer.headers["content-type"], "application/problem+json", "{asked}");
    let problem: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(problem["status"], status, "{asked}");
    assert_eq!(problem["field"].as_str(), field, "{asked}: {problem}");
    let said = format!("{} {}", problem["detail"].as_str().unwrap(), problem["remedy"].as_str().unwrap_or_default());
    assert!(said.contains(words), "{asked}: {words:?} is not in {said:?}");
}

async fn world() -> (World, String, String) {
    let mut world = World::at("2026-11-16T09:00[Europe/Berlin]").await;
    world.open_trial(TRIAL).await;
    let subscribed = world.subscribe("chi", TRIAL, mondays()).await;
    let record = world.upload("ben", TRIAL, "visits.csv", b"site,visits\nDE-01,3\n".to_vec()).await;
    world.settle().await;
    let id = |value: &Value, name: &str| value[name].as_str().unwrap().to_owned();
    let (subscription, document) = (id(&subscribed, "id"), id(&record, "_id"));
    (world, subscription, document)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_not_found() {
    let (world, ..) = world().await;
    let id = Uuid::from_u128(7);
    let document = "65f1c0ffee0123456789abcd";
    let before = world.log().await.len();
    let asked = [
        ("GET", format!("/api/documents/{document}"), "document"),
        ("GET", "/api/documents/no-id".to_owned(), "document"),
        ("GET", format!("/api/documents/{document}/file"), "document"),
        ("GET", format!("/api/documents/{document}/thumbnail"), "document"),
        ("GET", format!("/api/documents/{document}/findings"), "document"),
        ("PATCH", format!("/api/documents/{document}"), "document"),
        ("DELETE", format!("/api/documents/{document}"), "document"),
        ("DELETE", "/api/documents/%2e%2e%2fetc".to_owned(), "document"),
        ("GET", "/api/trials/ACME-999/summary".to_owned(), "trial"),
        ("GET", "/api/trials/%00/summary".to_owned(), "trial"),
        ("GET", "/api/trials/ACME-999/members".to_owned(), "trial"),
        ("DELETE", "/api/trials/ACME-999/members/chi".to_owned(), "trial"),
        ("GET", "/api/people/nobody".to_owned(), "person"),
        ("GET", format!("/api/subscriptions/{id}"), "subscription"),
        ("GET", "/api/subscriptions/no-id".to_owned(), "subscription"),
        ("PATCH", format!("/api/subscriptions/{id}"), "subscription"),
        ("DELETE", format!("/api/subscriptions/{id}"), "subscription"),
        ("POST", format!("/api/subscriptions/{id}/pause"), "subscription"),
        ("POST", format!("/api/subscriptions/{id}/resume"), "subscription"),
        ("POST", format!("/api/subscriptions/{id}/send-now"), "subscription"),
        ("GET", format!("/api/reports/{id}"), "report"),
        ("GET", "/api/reports/no-id".to_owned(), "report"),
        ("GET", format!("/api/reports/{id}/file"), "report"),
        ("GET", format!("/api/reports/{id}/deliveries"), "report"),
        ("GET", "/api/audit/streams/subscription-none".to_owned(), "stream"),
        ("GET", "/api/audit/streams/nothing".to_owned(), "stream"),
        ("GET", "/unsubscribe/nothing".to_owned(), "unsubscribe link"),
        ("POST", "/unsubscribe/nothing".to_owned(), "unsubscribe link"),
    ];
    for (method, path, what) in asked {
        let answer = match method {
            "GET" => world.get("ada", &path).await,
            _ => world.send("ada", method, &path, json!({})).await,
        };
        check(&answer, 404, None, &format!("There is no such {what}"), &format!("{method} {path}"));
    }
    assert_eq!(world.log().await.len(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_do_not_fit_name_the_field_and_change_nothing() {
    let (mut world, subscription, document) = world().await;
    let record_before = world.get("ben", &format!("/api/documents/{document}")).await.expect(200).body;
    let before = world.log().await.len();
    let subscribe = "/api/subscriptions";
    let (change, patch) = (format!("/api/subscriptions/{subscription}"), format!("/api/documents/{document}"));
    let with = |name: &str, value: Value| {
        let mut schedule = mondays();
        schedule[name] = value;
        json!({"trial": TRIAL, "schedule": schedule}).to_string()
    };
    let without = |name: &str| {
        let mut schedule = mondays();
        schedule.as_object_mut().unwrap().remove(name);
        json!({"trial": TRIAL, "schedule": schedule}).to_string()
    };
    let text = |value: Value| value.to_string();
    let quarter = "at a quarter hour (:00, :15, :30, :45)";
    let asked: Vec<Asked> = vec![
        ("ben", "POST", subscribe, String::new(), None, "one JSON object"),
        ("ben", "POST", subscribe, "[\"ACME-101\"]".to_owned(), None, "one JSON object"),
        ("ben", "POST", subscribe, "{\"trial\": ".to_owned(), Some("trial"), "EOF while parsing"),
        ("ben", "POST", subscribe, "{} {}".to_owned(), Some("trial"), "missing field `trial`"),
        (
            "ben",
            "POST",
            subscribe,
            text(json!({"trial": 7, "schedule": mondays()})),
            Some("trial"),
            "expected a string",
        ),
        ("ben", "POST", subscribe, text(json!({"trial": "../x", "schedule": mondays()})), Some("trial"), "use "),
        ("ben", "POST", subscribe, text(json!({"trial": TRIAL})), Some("schedule"), "missing field"),
        (
            "ben",
            "POST",
            subscribe,
            text(json!({"trial": TRIAL, "schedule": "mondays"})),
            Some("schedule"),
            "\"cadence\":\"weekly\"",
        ),
        (
            "ben",
            "POST",
            subscribe,
            text(json!({"trial": TRIAL, "schedule": mondays(), "papr": "a4"})),
            Some("papr"),
            "`paper`",
        ),
        (
            "ben",
            "POST",
            subscribe,
            text(json!({"trial": TRIAL, "schedule": mondays(), "paper": "a5"})),
            Some("paper"),
            "`letter`",
        ),
        ("ben", "POST", subscribe, with("zone", json!("Europe/Atlantis")), Some("schedule.zone"), "\"Europe/Berlin\""),
        ("ben", "POST", subscribe, with("zone", json!(1)), Some("schedule.zone"), "\"Europe/Berlin\""),
        ("ben", "POST", subscribe, with("time", json!("25:00")), Some("schedule.time"), quarter),
        ("ben", "POST", subscribe, with("time", json!("08:07")), Some("schedule.time"), quarter),
        ("ben", "POST", subscribe, with("time", json!("8:00")), Some("schedule.time"), quarter),
        ("ben", "POST", subscribe, with("time", json!(800)), Some("schedule.time"), quarter),
        ("ben", "POST", subscribe, without("time"), Some("schedule.time"), quarter),
        ("ben", "POST", subscribe, with("weekday", json!("Montag")), Some("schedule.weekday"), "\"monday\""),
        ("ben", "POST", subscribe, with("cadence", json!("hourly")), Some("schedule.cadence"), "\"weekly\""),
        ("ben", "POST", subscribe, with("day", json!(31)), Some("schedule.day"), "leave it out"),
        ("ben", "POST", subscribe, with("wekday", json!("monday")), Some("schedule.wekday"), "`weekday`"),
        (
            "chi",
            "PATCH",
            &change,
            text(json!({"schedule": {"cadence": "monthly", "day": 32, "time": "08:00", "zone": "UTC"}})),
            Some("schedule.day"),
            "from 1 to 31",
        ),
        ("chi", "PATCH", &change, text(json!({"status": "paused"})), Some("status"), "`schedule`"),
        ("ada", "PUT", "/api/trials/ACME-101", text(json!({"title": 7})), Some("title"), "expected a string"),
        ("ada", "PUT", "/api/trials/ACME-101", text(json!({"title": "two\nlines"})), Some("title"), "line break"),
        (
            "ada",
            "PUT",
            "/api/trials/ACME-101",
            text(json!({"title": "x".repeat(301)})),
            Some("title"),
            "1 to 300 characters",
        ),
        (
            "ada",
            "PUT",
            "/api/trials/ACME-101",
            text(json!({"title": "A", "enclosure": "fax"})),
            Some("enclosure"),
            "`link`",
        ),
        ("ada", "PUT", "/api/trials/a%20b", text(json!({"title": "A"})), Some("id"), "use "),
        (
            "ada",
            "PUT",
            "/api/trials/ACME-101/members/chi",
            text(json!({"role": "king"})),
            Some("role"),
            "`coordinator`",
        ),
        (
            "ada",
            "PUT",
            "/api/trials/ACME-101/members/nobody",
            text(json!({"role": "reader"})),
            Some("user"),
            "add them to the directory first",
        ),
        (
            "chi",
            "PUT",
            "/api/people/chi",
            text(json!({"name": "Chi", "address": "chi@example.org\r\nBcc: all@example.org"})),
            Some("address"),
            "without spaces or line breaks",
        ),
        (
            "chi",
            "PUT",
            "/api/people/chi",
            text(json!({"name": "Chi", "address": "chi@a.org,dov@b.org"})),
            Some("address"),
            "one mail address",
        ),
        (
            "chi",
            "PUT",
            "/api/people/chi",
            text(json!({"name": "Chi\r\nBcc: all@example.org", "address": null})),
            Some("name"),
            "line break",
        ),
        ("ben", "PATCH", &patch, text(json!({"_id": "65f1c0ffee0123456789abcd"})), Some("_id"), "Leave it out."),
        ("ben", "PATCH", &patch, text(json!({"Size": "large"})), Some("Size"), "a whole number, 0 or more"),
        ("ben", "PATCH", &patch, text(json!({"Filename": 7})), Some("Filename"), "a text"),
        ("ben", "PATCH", &patch, text(json!({"TrialId": 5})), Some("TrialId"), "the id of a trial"),
        ("ben", "PATCH", &patch, text(json!({"MD5": null})), Some("MD5"), "only changed"),
        ("ben", "PATCH", &patch, "{\"Status\": \"final\"".to_owned(), None, "EOF while parsing"),
        ("ben", "PATCH", &patch, "7".to_owned(), None, "one JSON object"),
    ];
    for (user, method, path, body, field, words) in asked {
        let headers = [("Trialbrief-Person", user), ("Content-Type", "application/json")];
        let said = format!("{method} {path} {body}");
        let answer = ask(&world, method, path, body, &headers).await;
        check(&answer, 422, field, words, &said);
    }
    world.settle().await;
    assert_eq!(world.log().await.len(), before, "nothing happened");
    assert_eq!(world.get("ben", &format!("/api/documents/{document}")).await.expect(200).body, record_before);
    let chi = world.ports.directory.person("chi").await.unwrap().unwrap();
    assert_eq!((chi.name.as_str(), chi.address.as_deref()), ("Chiara Nowak", Some("chi@example.org")));
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_of_another_kind_or_size_are_refused() {
    let (world, ..) = world().await;
    let body = json!({"trial": TRIAL, "schedule": mondays()}).to_string();
    let cases: [Refused; 3] = [
        (vec![], body.clone(), 415, Some("Content-Type"), "application/json"),
        (vec![("Content-Type", "text/plain")], body.clone(), 415, Some("Content-Type"), "application/json"),
        (
            vec![("Content-Type", "application/json")],
            format!("\"{}\"", "x".repeat(1 << 20)),
            413,
            None,
            "1048576 bytes",
        ),
    ];
    for (mut headers, body, status, field, words) in cases {
        headers.push(("Trialbrief-Person", "ben"));
        let answer = ask(&world, "POST", "/api/subscriptions", body, &headers).await;
        check(&answer, status, field, words, &format!("{headers:?}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn query_fields_and_headers_that_do_not_fit_are_named() {
    let (world, subscription, _) = world().await;
    let preview = "/api/schedules/preview?cadence=weekly&weekday=monday&time=08:00";
    let asked = [
        ("/api/trials?limit=0".to_owned(), "limit", "from 1 to 200"),
        ("/api/trials?limit=many".to_owned(), "limit", "from 1 to 200"),
        ("/api/trials?cursor=garbage".to_owned(), "cursor", "Leave it out to begin."),
        ("/api/subscriptions?after=garbage".to_owned(), "after", "as a write answered it"),
        ("/api/documents".to_owned(), "trial", "missing field"),
        ("/api/documents?trial=a/b".to_owned(), "trial", "use "),
        ("/api/reports?trial=a/b".to_owned(), "trial", "use "),
        ("/api/audit/events".to_owned(), "trial", "missing field"),
        ("/api/audit/events?trial=ACME-101&from=yesterday".to_owned(), "from", ""),
        ("/api/audit/streams/trial-ACME-101?at=yesterday".to_owned(), "at", ""),
        ("/api/trials/ACME-101/summary?at=yesterday".to_owned(), "at", ""),
        ("/api/trials/ACME-101/summary?at=2020-01-01T00:00:00Z".to_owned(), "at", "Give an instant not before"),
        (format!("{preview}&zone=Europe/Atlantis"), "zone", "\"Europe/Berlin\""),
        (format!("{}&zone=UTC", preview.replace("08:00", "08:07")), "time", "at a quarter hour"),
        (preview.to_owned(), "zone", "is missing"),
    ];
    for (path, field, words) in asked {
        check(&world.get("ada", &path).await, 422, Some(field), words, &path);
    }
    let pause = format!("/api/subscriptions/{subscription}/pause");
    for key in ["", "two words", &"k".repeat(201)] {
        let headers = [("Trialbrief-Person", "chi"), ("Idempotency-Key", key)];
        let answer = ask(&world, "POST", &pause, Body::empty(), &headers).await;
        check(&answer, 422, Some("Idempotency-Key"), "such as a random UUID", key);
    }
    for headers in [vec![], vec![("Trialbrief-Person", "nobody")], vec![("Trialbrief-Person", "../chi")]] {
        let answer = ask(&world, "POST", &pause, Body::empty(), &headers).await;
        check(&answer, 401, None, "Sign in", &format!("{headers:?}"));
        assert!(answer.headers.contains_key("www-authenticate"));
    }
    assert_eq!(
        world.get("chi", &format!("/api/subscriptions/{subscription}")).await.expect(200).json()["status"],
        "active"
    );
}
