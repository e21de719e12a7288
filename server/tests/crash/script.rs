//! What people do in the story, at fixed instants and under fixed keys, so that it can be gone on with from any point.

use domain::id::{DocumentId, Id, TrialId, UserId};
use domain::schedule::Cadence;
use domain::subscription::Subscription;
use http::Caller;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::samples::{csv, jpeg, png, text, truncated};

/// Something asked for over HTTP. The same key with it again changes nothing.
pub struct Ask {
    pub key: String,
    pub user: &'static str,
    pub method: &'static str,
    pub path: String,
    pub content_type: &'static str,
    pub reason: Option<&'static str>,
    pub body: Vec<u8>,
}

/// What is asked at one instant.
pub struct Moment {
    pub at: Timestamp,
    pub asks: Vec<Ask>,
}

/// A record and its file that were there before Trialbrief was.
pub struct Existing {
    pub id: String,
    pub filename: String,
    pub bytes: Vec<u8>,
}

/// When Trialbrief is started first.
pub fn start() -> Timestamp {
    "2026-11-22T06:00:00Z".parse().unwrap()
}

pub fn existing() -> Vec<Existing> {
    let of = |n: u64, filename: &str, bytes| Existing { id: format!("{n:024x}"), filename: filename.to_owned(), bytes };
    vec![
        of(1, "entrance.jpg", jpeg(1, 150)),
        of(2, "protocol.txt", text(2)),
        // The same bytes as an upload that comes later.
        of(3, "fridge.jpg", jpeg(3, 150)),
    ]
}

/// Two days of work across four due hours, and three quiet days in which leases run out and leftovers are swept.
pub fn script() -> Vec<Moment> {
    let mut script = Script(Vec::new());
    script.at("2026-11-22T06:05:00Z");
    for trial in ["ACME-101", "ACME-102"] {
        script.json("ada", "PUT", &format!("/api/trials/{trial}"), &json!({"title": "A device study"}));
        script.json("ada", "PUT", &format!("/api/trials/{trial}/members/ben"), &json!({"role": "contributor"}));
    }
    for user in ["chi", "dov"] {
        script.json("ada", "PUT", &format!("/api/trials/ACME-101/members/{user}"), &json!({"role": "reader"}));
    }
    script.at("2026-11-22T06:20:00Z");
    for (user, cadence, time, zone) in [
        ("ada", "weekly", "09:00", "Asia/Tokyo"),
        ("chi", "weekly", "08:00", "Europe/Berlin"),
        ("dov", "weekly", "08:00", "Europe/Berlin"),
        ("ben", "daily", "07:30", "America/New_York"),
    ] {
        let mut schedule = json!({"cadence": cadence, "time": time, "zone": zone});
        if cadence == "weekly" {
            schedule["weekday"] = json!("monday");
        }
        script.json(user, "POST", "/api/subscriptions", &json!({"trial": "ACME-101", "schedule": schedule}));
    }

    script.at("2026-11-22T08:07:00Z");
    let ward = script.upload("ACME-101", "DE-01", "photograph", "ward.jpg", jpeg(10, 150));
    script.upload("ACME-101", "DE-01", "log", "temperatures.csv", csv(11));
    script.upload("ACME-101", "US-02", "photograph", "shelf.png", png(12));
    script.at("2026-11-22T10:03:20Z");
    let twin = script.upload("ACME-101", "US-02", "photograph", "ward copy.jpg", jpeg(10, 150));
    script.upload("ACME-101", "DE-01", "photograph", "cut off.jpg", truncated(13));
    script.upload("ACME-101", "DE-01", "note", "visit.txt", text(14));
    script.at("2026-11-22T11:41:00Z");
    script.patch("000000000000000000000001", &json!({"Status": "checked"}));
    script.at("2026-11-22T13:22:00Z");
    script.upload("ACME-101", "JP-03", "photograph", "fridge.jpg", jpeg(3, 150));
    let dark = script.upload("ACME-101", "JP-03", "photograph", "dark.jpg", jpeg(15, 8));
    script.upload("ACME-101", "JP-03", "log", "weights.csv", csv(16));
    script.upload("ACME-101", "JP-03", "note", "call of Sunday.txt", text(26));
    script.at("2026-11-22T15:09:00Z");
    script.delete(&dark);
    script.at("2026-11-22T17:48:00Z");
    script.upload("ACME-102", "DE-01", "note", "letter.txt", text(17));
    script.upload("ACME-102", "DE-01", "photograph", "ward.jpg", jpeg(10, 150));
    script.at("2026-11-22T19:31:00Z");
    script.patch("000000000000000000000002", &json!({"TrialId": "ACME-102", "Note": "belongs there"}));

    // Tokyo is due at midnight UTC, Berlin at 07:00, New York at 12:30.
    script.at("2026-11-23T06:30:00Z");
    script.json("ada", "DELETE", "/api/trials/ACME-101/members/dov", &Value::Null);
    script.at("2026-11-23T09:12:00Z");
    script.upload("ACME-101", "DE-01", "photograph", "corridor.jpg", jpeg(18, 160));
    script.upload("ACME-101", "US-02", "log", "pulses.csv", csv(19));
    script.upload("ACME-101", "US-02", "photograph", "door.png", png(20));
    script.at("2026-11-23T10:55:00Z");
    script.patch(&ward, &json!({"Kind": "portrait", "Status": "checked"}));
    script.delete(&twin);
    script.at("2026-11-23T14:20:00Z");
    script.upload("ACME-101", "JP-03", "photograph", "window.jpg", jpeg(21, 150));
    let again = script.upload("ACME-101", "JP-03", "photograph", "window copy.jpg", jpeg(21, 150));
    script.upload("ACME-101", "JP-03", "note", "call.txt", text(22));
    script.at("2026-11-23T16:05:00Z");
    script.json("chi", "POST", &format!("{}/send-now", subscription("chi", Cadence::Weekly)), &Value::Null);
    script.at("2026-11-24T06:10:00Z");
    script.upload("ACME-101", "DE-01", "log", "lengths.csv", csv(23));
    script.upload("ACME-101", "DE-01", "log", "lengths copy.csv", csv(23));
    script.upload("ACME-101", "JP-03", "photograph", "gate.png", png(27));
    script.upload("ACME-101", "DE-01", "photograph", "cut off too.jpg", truncated(24));
    script.at("2026-11-24T13:05:00Z");
    script.json("ben", "DELETE", &subscription("ben", Cadence::Daily), &Value::Null);
    script.at("2026-11-24T15:00:00Z");
    script.delete(&again);
    script.upload("ACME-101", "US-02", "photograph", "lamp.jpg", jpeg(25, 240));
    script.at("2026-11-27T12:00:00Z");
    script.0
}

fn subscription(user: &str, cadence: Cadence) -> String {
    let (trial, user) = (TrialId::parse("trial", "ACME-101").unwrap(), UserId::parse("user", user).unwrap());
    let id: Id<Subscription> = Subscription::id(&trial, &user, cadence);
    format!("/api/subscriptions/{id}")
}

/// The script as it is being written.
struct Script(Vec<Moment>);

impl Script {
    fn at(&mut self, instant: &str) {
        self.0.push(Moment { at: instant.parse().unwrap(), asks: Vec::new() });
    }

    fn ask(&mut self, ask: Ask) {
        self.0.last_mut().unwrap().asks.push(ask);
    }

    fn key(&self) -> String {
        format!("step-{}-{}", self.0.len(), self.0.last().unwrap().asks.len())
    }

    fn json(&mut self, user: &'static str, method: &'static str, path: &str, body: &Value) {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let content_type = "application/json";
        self.ask(Ask { key: self.key(), user, method, path: path.to_owned(), content_type, reason: None, body });
    }

    /// The document's id follows from the key.
    fn upload(&mut self, trial: &str, site: &str, kind: &str, filename: &str, body: Vec<u8>) -> DocumentId {
        let (key, user) = (self.key(), "ben");
        let caller = Caller::keyed(UserId::parse("user", user).unwrap(), &key);
        let filename = filename.replace(' ', "+");
        let path = format!("/api/documents?TrialId={trial}&SiteId={site}&Kind={kind}&Filename={filename}");
        let content_type = "application/octet-stream";
        self.ask(Ask { key, user, method: "POST", path, content_type, reason: None, body });
        DocumentId::of_command(caller.command)
    }

    fn patch(&mut self, document: impl std::fmt::Display, patch: &Value) {
        let (path, body) = (format!("/api/documents/{document}"), patch.to_string().into_bytes());
        let (content_type, reason) = ("application/merge-patch+json", Some("looked at it"));
        self.ask(Ask { key: self.key(), user: "ben", method: "PATCH", path, content_type, reason, body });
    }

    fn delete(&mut self, document: &DocumentId) {
        let path = format!("/api/documents/{document}");
        let (content_type, reason) = ("application/json", Some("not of this study"));
        self.ask(Ask { key: self.key(), user: "ben", method: "DELETE", path, content_type, reason, body: Vec::new() });
    }
}
