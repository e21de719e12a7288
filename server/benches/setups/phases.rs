//! One week of one trial, a phase at a time: each phase is one kind of work alone, from its first piece to its last.

use std::collections::HashSet;
use std::time::Instant;

use axum::body::Body;
use axum::http::Request;
use domain::id::ContentHash;
use futures::{StreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use ports::Person;
use serde_json::json;
use trialbrief::app;
use trialbrief::demo::sample::SampleDocument;
use trialbrief::wire::Urls;

use crate::world::World;

/// Requests in flight.
const IN_FLIGHT: usize = 16;
/// Half of the reports: each zone has the same midnights, and one report on each paper.
const ZONES: [&str; 8] = ["Berlin", "Paris", "Rome", "Madrid", "Vienna", "Zurich", "Brussels", "Warsaw"];
const PAPERS: [&str; 2] = ["a4", "letter"];
/// Recipients of each report.
const RECIPIENTS: usize = 20;

const TRIAL: &str = "ACME-101";
/// Behind the dues of the Monday before, so that this week's is the first.
const BEGINS: &str = "2026-11-16T10:00:00Z";
const UPLOADS: &str = "2026-11-18T10:00:00Z";
const DUE: &str = "2026-11-23T07:00:00Z";

const PROJECTIONS: [&str; 6] = ["analyses", "closings", "document_changes", "reports", "subscriptions", "trials"];

/// Who does the work that a queue spreads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workers {
    /// This process, which does everything.
    Here,
    /// So many processes of each kind, beside this one.
    Apart(usize),
}

/// What was measured: a name, and pieces per second.
pub type Rates = Vec<(&'static str, f64)>;

fn at(instant: &str) -> Timestamp {
    instant.parse().unwrap()
}

/// Lives through the week.
pub async fn measure(urls: &Urls, workers: Workers, documents: &[SampleDocument]) -> (World, Rates) {
    let world = World::open(urls, at(BEGINS)).await;
    begin(&world).await;
    world.ports.clock.set(at(UPLOADS));
    let mut rates = Rates::new();

    let (began, (_, events_before)) = (Instant::now(), world.end().await);
    stream::iter(documents.iter().enumerate())
        .map(async |(i, document)| upload(&world, i, document).await)
        .buffer_unordered(IN_FLIGHT)
        .collect::<Vec<_>>()
        .await;
    rates.push(("uploads", per_second(documents.len(), began)));

    let began = Instant::now();
    world.settle(&["change_relay"]).await;
    rates.push(("changes relayed", per_second(documents.len(), began)));

    let (place, events) = world.end().await;
    let began = Instant::now();
    world.settle(&PROJECTIONS).await;
    rates.push(("events through six projections", per_second(events - events_before, began)));

    let contents: HashSet<_> = documents.iter().map(|document| ContentHash::of(&document.bytes)).collect();
    let outcomes = ["ContentAnalysed", "ContentUnreadable"];
    let analyses = phase(&world, workers, "analyst", &outcomes, contents.len(), place).await;
    rates.push(("analyses", analyses));

    let mut until_due = world.workers(&[&PROJECTIONS[..], &["change_relay", "scheduler"]].concat());
    app::simulate(&mut until_due, &world.ports.clock, at(DUE)).await.unwrap();
    let (place, _) = world.end().await;
    let reports = ZONES.len() * PAPERS.len();
    rates.push(("renderings", phase(&world, workers, "renderer", &["ReportRendered"], reports, place).await));
    rates.push(("deliveries", phase(&world, workers, "mailer", &["DeliverySent"], reports * RECIPIENTS, place).await));
    (world, rates)
}

/// How many events of some kinds the named worker makes in a second, with the dispatcher and the projections beside it.
async fn phase(
    world: &World,
    workers: Workers,
    worker: &'static str,
    outcomes: &[&str],
    count: usize,
    place: Option<ports::Position>,
) -> f64 {
    let mut processes = Vec::new();
    let mut here = [&PROJECTIONS[..], &["dispatcher"]].concat();
    match workers {
        Workers::Here => here.push(worker),
        Workers::Apart(many) => {
            for _ in 0..many {
                processes.push(world.spawn(&[worker]).await);
            }
        }
    }
    let began = Instant::now();
    let driven = world.drive(&here);
    world.happened(place, outcomes, count).await;
    let rate = per_second(count, began);
    for mut process in processes {
        process.kill().await.unwrap();
    }
    driven.stop().await;
    world.settle(&PROJECTIONS).await;
    rate
}

/// The trial, its people, and their subscriptions.
async fn begin(world: &World) {
    let person = |user: String| {
        let address = Some(format!("{user}@example.org"));
        Person { name: user.clone(), user, address, active: true }
    };
    world.ports.directory.save(&person("ada".to_owned())).await.unwrap();
    world.settle(&["change_relay"]).await;
    world.send("ada", "PUT", &format!("/api/trials/{TRIAL}"), &json!({"title": "A device study"})).await;
    let editions = ZONES.iter().flat_map(|zone| PAPERS.map(|paper| (zone, paper)));
    let readers = editions.flat_map(|edition| (0..RECIPIENTS).map(move |n| (edition, n)));
    stream::iter(readers)
        .map(async |((zone, paper), n)| {
            let user = format!("{}-{paper}-{n}", zone.to_lowercase());
            world.ports.directory.save(&person(user.clone())).await.unwrap();
            let member = format!("/api/trials/{TRIAL}/members/{user}");
            world.send("ada", "PUT", &member, &json!({"role": "reader"})).await;
            let zone = format!("Europe/{zone}");
            let schedule = json!({"cadence": "weekly", "weekday": "monday", "time": "08:00", "zone": zone});
            let ask = json!({"trial": TRIAL, "schedule": schedule, "paper": paper});
            world.send(&user, "POST", "/api/subscriptions", &ask).await;
        })
        .buffer_unordered(IN_FLIGHT)
        .collect::<Vec<_>>()
        .await;
    world.settle(&PROJECTIONS).await;
}

async fn upload(world: &World, number: usize, document: &SampleDocument) {
    let path =
        format!("/api/documents?TrialId={TRIAL}&Filename=d{number}&Kind={}&SiteId={}", document.kind, document.site);
    let request = Request::post(path).header("content-type", document.content_type);
    world.ask("ada", request.body(Body::from(document.bytes.clone())).unwrap()).await;
}

pub fn per_second(count: usize, began: Instant) -> f64 {
    count as f64 / SignedDuration::try_from(began.elapsed()).unwrap().as_secs_f64()
}
