//! Workers that run beside each other see views that lag: whatever the order of their steps, the outcome is the same.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use commands::Sender;
use domain::aggregate::decode;
use domain::id::Id;
use domain::occurrence::Event;
use domain::subscription::Subscription;
use http::Access;
use ports::{Find, Position, Step, Table, ViewStore, Worker, Write};
use processors::Scheduler;
use projections::{OPEN, Row, Served, SlotNow, Views, stamp_of};
use serde_json::{Value, json};

use crate::setup::Setup;
use crate::world::{World, mondays, parse};

const TRIAL: &str = "ACME-101";

fn fridays() -> Value {
    json!({"cadence": "weekly", "weekday": "friday", "time": "17:00", "zone": "Europe/Berlin"})
}

fn worker<'w>(world: &'w mut World, name: &str) -> &'w mut Box<dyn Worker> {
    world.workers().iter_mut().find(|worker| worker.name() == name).unwrap()
}

/// Period, whether "so far", and who got it with which outcome, of each report.
async fn told(world: &World) -> Vec<Value> {
    let mut told = Vec::new();
    for report in world.reports(TRIAL).await {
        let deliveries = world.deliveries(&report).await;
        let outcomes: Vec<Value> = deliveries.iter().map(|of| json!([of["user"], of["status"]])).collect();
        told.push(json!([report["period"]["from"], report["period"]["to"], report["soFar"], outcomes]));
    }
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn after_days_down_no_due_is_served_twice_though_the_view_lags_what_was_served() {
    let mut world = World::at("2026-11-16T09:00[Europe/Berlin]").await;
    world.open_trial(TRIAL).await;
    world.subscribe("chi", TRIAL, mondays()).await;
    world.settle().await;
    let now = parse("2026-12-08T09:00[Europe/Berlin]");
    world.ports.clock.set(now);
    while worker(&mut world, "change_relay").step(now).await.unwrap() == Step::Worked {}
    // Three weeks of closings are folded in several saves, and the scheduler looks between them: what it appends stands behind all.
    loop {
        let folded = worker(&mut world, "subscriptions").step(now).await.unwrap();
        let scheduled = worker(&mut world, "scheduler").step(now).await.unwrap();
        if folded != Step::Worked && scheduled != Step::Worked {
            break;
        }
    }
    world.settle().await;
    let sent = json!([["chi", "sent"]]);
    let week = |from: &str, to: &str| {
        let midnight = |day: &str| parse(&format!("{day}T00:00[Europe/Berlin]")).to_string();
        json!([midnight(from), midnight(to), false, sent])
    };
    assert_eq!(told(&world).await, [week("2026-11-16", "2026-11-23"), week("2026-11-23", "2026-12-07")]);
}

/// From where to where each person was told of the trial without a gap and without anything twice, and the reports "so far".
/// How many reports that took depends on how many missed dues were joined.
type Covered = (BTreeMap<String, (String, String)>, Vec<Value>);

fn covered(told: &[Value]) -> Covered {
    let mut covered: BTreeMap<String, (String, String)> = BTreeMap::new();
    let (so_far, regular): (Vec<&Value>, Vec<&Value>) = told.iter().partition(|report| report[2] == true);
    let mut regular: Vec<_> = regular.iter().flat_map(|report| periods(report)).collect();
    regular.sort();
    for (user, from, to) in regular {
        let reached = covered.entry(user.clone()).or_insert_with(|| (from.clone(), from.clone()));
        assert_eq!(reached.1, from, "{user}: {told:#?}");
        reached.1 = to;
    }
    (covered, so_far.into_iter().cloned().collect())
}

/// Who was sent a report, and its period.
fn periods(report: &Value) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let deliveries = report[3].as_array().unwrap();
    assert!(deliveries.iter().all(|delivery| delivery[1] == "sent"), "{report}");
    deliveries.iter().map(|delivery| (text(&delivery[0]), text(&report[0]), text(&report[1]))).collect()
}

/// Subscriptions that move between slots, two weeks without workers, a report now. The order is drawn from the seed, or as ever.
async fn a_story(mut seed: Option<u64>) -> Covered {
    let mut world = World::at("2026-11-09T09:00[Europe/Berlin]").await;
    world.open_trial(TRIAL).await;
    let chi = world.subscribe("chi", TRIAL, mondays()).await;
    let ben = world.subscribe("ben", TRIAL, fridays()).await;
    world.subscribe("ada", TRIAL, mondays()).await;
    until(&mut world, "2026-11-17T10:00[Europe/Berlin]", &mut seed).await;
    world.upload("ben", TRIAL, "visits.csv", b"site,visits\nDE-01,3\n".to_vec()).await;
    let path = |of: &Value| format!("/api/subscriptions/{}", of["id"].as_str().unwrap());
    // The API is up, the workers are not.
    world.ports.clock.set(parse("2026-12-01T10:00[Europe/Berlin]"));
    world.send("chi", "PATCH", &path(&chi), json!({"schedule": fridays()})).await.expect(200);
    world.ports.clock.set(parse("2026-12-05T10:00[Europe/Berlin]"));
    until(&mut world, "2026-12-05T10:00[Europe/Berlin]", &mut seed).await;
    world.send("ben", "POST", &format!("{}/send-now", path(&ben)), json!({})).await.expect(202);
    until(&mut world, "2026-12-12T10:00[Europe/Berlin]", &mut seed).await;
    covered(&told(&world).await)
}

async fn until(world: &mut World, instant: &str, seed: &mut Option<u64>) {
    let Some(seed) = seed else { return world.until(instant).await };
    let (to, clock) = (parse(instant), world.ports.clock.clone());
    loop {
        let next = ports::settle_in_any_order(world.workers(), clock.now(), seed).await.unwrap();
        if clock.now() == to {
            return;
        }
        clock.set(next.filter(|next| *next > clock.now()).map_or(to, |next| next.min(to)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_the_order_of_steps_everyone_gets_the_same() {
    let as_ever = a_story(None).await;
    assert_eq!((as_ever.0.len(), as_ever.1.len()), (3, 1), "{as_ever:#?}");
    for seed in 0..Setup::chosen().fewer(SEEDS, 1) {
        assert_eq!(a_story(Some(seed)).await, as_ever, "seed {seed}");
    }
}

/// Orders that are tried.
const SEEDS: u64 = 4;

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_with_nothing_to_do_rests() {
    let mut world = World::at("2026-11-16T09:00[Europe/Berlin]").await;
    world.open_trial(TRIAL).await;
    world.subscribe("chi", TRIAL, mondays()).await;
    world.upload("ben", TRIAL, "visits.csv", b"site,visits\nDE-01,3\n".to_vec()).await;
    world.until("2026-11-23T08:01[Europe/Berlin]").await;
    for worker in world.workers() {
        let name = worker.name();
        assert!(futures::poll!(worker.wake()).is_pending(), "{name} would be stepped again and again");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_view_that_a_report_is_read_from_wakes_who_offers_the_work_that_waited_for_it() {
    let mut world = World::at("2026-11-16T09:00[Europe/Berlin]").await;
    for view in ["closings", "trials", "document_changes"] {
        world.settle().await;
        assert!(futures::poll!(worker(&mut world, "dispatcher").wake()).is_pending());
        world.open_trial(&format!("T-{}", view.len())).await;
        let now = world.ports.clock.now();
        assert_eq!(worker(&mut world, view).step(now).await.unwrap(), Step::Worked);
        assert!(futures::poll!(worker(&mut world, "dispatcher").wake()).is_ready(), "{view}");
    }
    world.settle().await;
}

/// Views in which somebody leaves while the scheduler reads who is served.
struct SomebodyLeaves {
    views: Arc<dyn ViewStore>,
    leaver: Served,
    left: AtomicBool,
}

#[async_trait]
impl ViewStore for SomebodyLeaves {
    async fn get(&self, table: Table, key: &str) -> ports::Result<Option<Bytes>> {
        self.views.get(table, key).await
    }

    async fn find(&self, table: Table, find: &Find) -> ports::Result<Vec<(String, Bytes)>> {
        let found = self.views.find(table, find).await?;
        if table == Served::TABLE && !self.left.swap(true, Ordering::Relaxed) {
            put(&*self.views, std::slice::from_ref(&self.leaver)).await;
        }
        Ok(found)
    }

    async fn position(&self, projection: &str) -> ports::Result<Option<Position>> {
        self.views.position(projection).await
    }

    async fn save(&self, of: &str, from: Option<Position>, to: Position, writes: Vec<Write>) -> ports::Result<()> {
        self.views.save(of, from, to, writes).await
    }

    async fn moved(&self, projection: &str, seen: Option<Position>) {
        self.views.moved(projection, seen).await;
    }
}

async fn put(views: &dyn ViewStore, rows: &[Served]) {
    let at = views.position("subscriptions").await.unwrap();
    let write = |row: &Served| Write::Put { table: Served::TABLE, key: row.key(), row: row.to_json().unwrap().into() };
    views.save("subscriptions", at, at.unwrap(), rows.iter().map(write).collect()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_while_recipients_are_read_is_served_what_was_due_before() {
    let mut world = World::at("2026-11-16T09:00[Europe/Berlin]").await;
    world.leave_open_work();
    world.open_trial(TRIAL).await;
    world.subscribe("chi", TRIAL, mondays()).await;
    world.until("2026-11-23T07:59[Europe/Berlin]").await;
    let due = parse("2026-11-23T08:00[Europe/Berlin]");
    world.ports.clock.set(due);
    for name in ["change_relay", "subscriptions"] {
        while worker(&mut world, name).step(due).await.unwrap() == Step::Worked {}
    }
    // More than are read at once; the last of them leaves when the first have been read.
    let slot = Views::new(Arc::clone(&world.ports.views)).first::<SlotNow>(Find::all(1)).await.unwrap().unwrap();
    let from = stamp_of(parse("2026-11-16T09:00[Europe/Berlin]"));
    let subscription = |n: usize| Id::<Subscription>::known(format!("ffffffff-0000-5000-8000-{n:012}"));
    let served = |n| Served { slot: slot.key.clone(), subscription: subscription(n), from, to: OPEN };
    let rows: Vec<Served> = (0..5_000).map(served).collect();
    put(&*world.ports.views, &rows).await;
    let leaver = Served { to: stamp_of(due) + 1, ..rows[4_999].clone() };
    let views =
        Arc::new(SomebodyLeaves { views: Arc::clone(&world.ports.views), leaver, left: AtomicBool::new(false) });
    let sender = Sender::new(Arc::clone(&world.ports.log), world.ports.clock.clone());
    let access = Access::new(Arc::clone(&world.ports.log));
    let mut scheduler = Scheduler::new(sender, access, Views::new(views), Arc::clone(&world.ports.feed));
    assert_eq!(scheduler.step(due).await.unwrap(), Step::Worked);

    let log = world.log().await;
    let listed =
        log.iter().filter(|stored| stored.event.kind == "RecipientsListed").flat_map(|stored| {
            match decode::<Event>(&stored.event.kind, stored.event.version, &stored.event.data).unwrap() {
                Event::RecipientsListed { subscriptions, .. } => subscriptions,
                Event::OccurrenceOpened { .. } | Event::OccurrenceClosed { .. } => Vec::new(),
            }
        });
    assert_eq!(listed.count(), 5_001);
}
