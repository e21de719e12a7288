//! What people and another program do meanwhile, and what must have come of it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use domain::id::{DocumentId, Id, TrialId, UserId};
use domain::schedule::Cadence;
use domain::subscription::Subscription;
use futures::StreamExt;
use http::Caller;
use mongodb::bson::{Document, doc, oid::ObjectId};
use ports::FileKey;
use serde_json::{Value, json};

use crate::client::{self, Ask};
use crate::cluster::{Cluster, now};
use crate::samples::{self, Dice};

pub const TRIALS: [&str; 2] = ["ACME-101", "ACME-102"];
const ZONES: [&str; 2] = ["Europe/Berlin", "Europe/Rome"];
/// Readers, each of whom subscribes to both trials, every other one also daily.
const READERS: usize = 50;
/// Requests under way at once before the disturbances begin.
const TOGETHER: usize = 16;
/// A request is repeated for so long: past every cut.
const PATIENCE: Duration = Duration::from_secs(120);

pub fn reader(n: usize) -> String {
    format!("reader-{n}")
}

pub fn people() -> impl Iterator<Item = String> {
    ["ada", "ben"].map(ToOwned::to_owned).into_iter().chain((0..READERS).map(reader))
}

fn cadences(n: usize) -> &'static [Cadence] {
    if n.is_multiple_of(2) { &[Cadence::Weekly, Cadence::Daily] } else { &[Cadence::Weekly] }
}

pub fn subscription(trial: &str, reader: &str, cadence: Cadence) -> Id<Subscription> {
    let (trial, user) = (TrialId::parse("trial", trial).unwrap(), UserId::parse("user", reader).unwrap());
    Subscription::id(&trial, &user, cadence)
}

/// All subscriptions.
pub fn subscriptions() -> impl Iterator<Item = (&'static str, usize, Cadence)> {
    TRIALS
        .into_iter()
        .flat_map(|trial| (0..READERS).flat_map(move |n| cadences(n).iter().map(move |cadence| (trial, n, *cadence))))
}

fn json_ask(user: &str, method: &'static str, path: String, key: String, body: &Value) -> Ask {
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    Ask { user: user.to_owned(), method, path, content_type: "application/json", key, body }
}

/// Asks one process after the other until one of them says yes or no.
async fn insist(apis: &[SocketAddr], ask: &Ask, dice: &mut Dice) -> (u16, Vec<u8>) {
    let began = now();
    loop {
        let api = apis[dice.below(apis.len() as u64) as usize];
        let answer = client::ask(api, ask).await;
        match answer {
            // A conflict: the same request, whose answer was lost, is still under way in another process.
            Ok((status, body)) if ![409, 503].contains(&status) => return (status, body),
            Ok(_) | Err(_) => {}
        }
        assert!(began.elapsed() < PATIENCE, "{} {}: {answer:?}", ask.method, ask.path);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn succeed(apis: &[SocketAddr], ask: &Ask, dice: &mut Dice) -> Vec<u8> {
    let (status, body) = insist(apis, ask, dice).await;
    assert!((200..300).contains(&status), "{} {}: {status} {}", ask.method, ask.path, String::from_utf8_lossy(&body));
    body
}

/// Trials, members and subscriptions, before anything is disturbed.
pub async fn set_up(cluster: &Cluster) {
    cluster.add_people(people()).await;
    let open = |trial: &&str| {
        json_ask(
            "ada",
            "PUT",
            format!("/api/trials/{trial}"),
            format!("open-{trial}"),
            &json!({"title": "A device study"}),
        )
    };
    let member = |trial: &str, user: String, role: &str| {
        let path = format!("/api/trials/{trial}/members/{user}");
        json_ask("ada", "PUT", path, format!("member-{trial}-{user}"), &json!({"role": role}))
    };
    let subscribe = |(trial, n, cadence): (&str, usize, Cadence)| {
        let mut schedule = json!({"cadence": cadence, "time": "00:00", "zone": ZONES[n / 2 % 2]});
        if cadence == Cadence::Weekly {
            schedule["weekday"] = json!("monday");
        }
        let key = format!("subscribe-{trial}-{n}-{cadence:?}");
        json_ask(
            &reader(n),
            "POST",
            "/api/subscriptions".to_owned(),
            key,
            &json!({"trial": trial, "schedule": schedule}),
        )
    };
    let members = TRIALS.into_iter().flat_map(|trial| {
        let readers = (0..READERS).map(move |n| member(trial, reader(n), "reader"));
        readers.chain([member(trial, "ben".to_owned(), "contributor")])
    });
    let apis = cluster.apis();
    for asks in
        [TRIALS.iter().map(open).collect::<Vec<_>>(), members.collect(), subscriptions().map(subscribe).collect()]
    {
        let asked = asks.iter().enumerate().map(|(n, ask)| {
            let (apis, mut dice) = (&apis, Dice(n as u64));
            async move { succeed(apis, ask, &mut dice).await }
        });
        futures::stream::iter(asked).buffer_unordered(TOGETHER).for_each(|_| std::future::ready(())).await;
    }
}

/// What must have come of it.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Trial and bytes of each document that is there.
    pub present: BTreeMap<String, (&'static str, i64)>,
    /// Ever added and ever removed, by trial.
    pub added: BTreeMap<&'static str, i64>,
    pub removed: BTreeMap<&'static str, i64>,
    /// Reports asked for at once.
    pub sent_now: usize,
}

impl Ledger {
    fn add(&mut self, id: String, trial: &'static str, bytes: usize) {
        self.present.insert(id, (trial, bytes as i64));
        *self.added.entry(trial).or_default() += 1;
    }

    fn remove(&mut self, id: &str) {
        let (trial, _) = self.present.remove(id).unwrap();
        *self.removed.entry(trial).or_default() += 1;
    }

    pub fn join(mut self, other: Self) -> Self {
        self.present.extend(other.present);
        for (sums, more) in [(&mut self.added, other.added), (&mut self.removed, other.removed)] {
            for (trial, count) in more {
                *sums.entry(trial).or_default() += count;
            }
        }
        self.sent_now += other.sent_now;
        self
    }

    fn any(&self, dice: &mut Dice) -> Option<(String, &'static str)> {
        let n = dice.below(self.present.len().max(1) as u64) as usize;
        self.present.iter().nth(n).map(|(id, (trial, _))| (id.clone(), *trial))
    }
}

/// Somebody who works through the API, on documents of their own, until `over`.
pub async fn person(apis: &[SocketAddr], n: u64, seed: u64, over: &AtomicBool) -> Ledger {
    let (mut dice, mut ledger, mut count) = (Dice(seed ^ (n << 32)), Ledger::default(), 0);
    while !over.load(Ordering::SeqCst) {
        count += 1;
        let key = format!("person-{n}-{count}");
        let any = ledger.any(&mut dice);
        match (dice.below(10), any) {
            (0..=1, Some((id, _))) => {
                let mut change = json_ask(
                    "ben",
                    "PATCH",
                    format!("/api/documents/{id}"),
                    key,
                    &json!({"Status": format!("s-{count}")}),
                );
                change.content_type = "application/merge-patch+json";
                succeed(apis, &change, &mut dice).await;
            }
            (2, Some((id, _))) => {
                let delete = json_ask("ben", "DELETE", format!("/api/documents/{id}"), key, &Value::Null);
                let (status, body) = insist(apis, &delete, &mut dice).await;
                // One that was asked for before, and whose answer was lost, finds nothing.
                assert!(status == 404 || (200..300).contains(&status), "{status} {}", String::from_utf8_lossy(&body));
                ledger.remove(&id);
            }
            (3, _) => {
                let (trial, n) = (TRIALS[dice.below(2) as usize], dice.below(READERS as u64) as usize);
                let id = subscription(trial, &reader(n), Cadence::Weekly);
                let path = format!("/api/subscriptions/{id}/send-now");
                succeed(apis, &json_ask(&reader(n), "POST", path, key, &Value::Null), &mut dice).await;
                ledger.sent_now += 1;
            }
            (_, _) => {
                let trial = TRIALS[dice.below(2) as usize];
                let body = file(&mut dice);
                let bytes = body.len();
                let path =
                    format!("/api/documents?TrialId={trial}&SiteId=DE-01&Kind=photograph&Filename=f-{n}-{count}");
                let content_type = "application/octet-stream";
                let caller = Caller::keyed(UserId::parse("user", "ben").unwrap(), &key);
                let id = DocumentId::of_command(caller.command).to_string();
                let upload = Ask { user: "ben".to_owned(), method: "POST", path, content_type, key, body };
                succeed(apis, &upload, &mut dice).await;
                ledger.add(id, trial, bytes);
            }
        }
        tokio::time::sleep(Duration::from_millis(dice.below(400))).await;
    }
    ledger
}

/// Another program, which knows nothing of Trialbrief, until `over`.
pub async fn other_program(cluster: &Cluster, seed: u64, over: &AtomicBool) -> Ledger {
    let (mut dice, mut ledger) = (Dice(!seed), Ledger::default());
    let collection = cluster.database.collection::<Document>("Documents");
    let mut records: BTreeMap<String, Document> = BTreeMap::new();
    while !over.load(Ordering::SeqCst) {
        let any = ledger.any(&mut dice);
        match (dice.below(6), any) {
            (0..=1, Some((id, _))) => {
                let record = records.get_mut(&id).unwrap();
                record.insert("Status", format!("t-{}", dice.below(1_000)));
                let filter = doc! {"_id": record.get_object_id("_id").unwrap()};
                persist(async || collection.replace_one(filter.clone(), &*record).await.map(|_| ())).await;
            }
            (2, Some((id, _))) => {
                let filter = doc! {"_id": ObjectId::parse_str(&id).unwrap()};
                persist(async || collection.delete_one(filter.clone()).await.map(|_| ())).await;
                ledger.remove(&id);
            }
            (_, _) => {
                let (id, trial, body) = (ObjectId::new(), TRIALS[dice.below(2) as usize], file(&mut dice));
                let key = FileKey::new(format!("trials/{trial}/{id}/file")).unwrap();
                let bytes = bytes::Bytes::from(body);
                persist(async || {
                    let chunk = bytes.clone();
                    let once = futures::stream::once(async { Ok(chunk) }).boxed();
                    cluster.ports.originals.put(&key, once).await.map(|_| ())
                })
                .await;
                let record = doc! {
                    "_id": id, "Filename": format!("x-{id}"), "FileLocation": format!("s3://trialbrief/{key}"),
                    "Size": bytes.len() as i64, "SiteId": "DE-02", "Kind": "photograph",
                };
                let filter = doc! {"_id": id};
                persist(async || collection.replace_one(filter.clone(), &record).upsert(true).await.map(|_| ())).await;
                ledger.add(id.to_hex(), trial, bytes.len());
                records.insert(id.to_hex(), record);
            }
        }
        tokio::time::sleep(Duration::from_millis(dice.below(600))).await;
    }
    ledger
}

/// Does it again until it works.
async fn persist<E: std::fmt::Display>(mut act: impl AsyncFnMut() -> Result<(), E>) {
    let began = now();
    while let Err(error) = act().await {
        assert!(began.elapsed() < PATIENCE, "{error}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Some of them equal, so that contents are shared.
fn file(dice: &mut Dice) -> Vec<u8> {
    let seed = dice.below(200);
    match dice.below(5) {
        0 => samples::jpeg(seed, 150),
        3 => samples::png(seed),
        1 => samples::csv(seed),
        2 => samples::truncated(seed),
        _ => samples::text(seed),
    }
}
