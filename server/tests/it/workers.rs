//! What one piece of work, one recipient or one worker does to the others: nothing.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use commands::Sender;
use domain::delivery::{self, Delivery, Occasion};
use domain::edition::{Audience, Edition, Language, Paper};
use domain::id::{ContentHash, Id, TrialId, UserId, derive};
use domain::period::Period;
use domain::report::{self, Manifest, Report, Scheduled};
use domain::schedule::{Cadence, Zone};
use domain::sealed::Sealed;
use domain::subscription::Subscription;
use futures::StreamExt;
use futures::future::join_all;
use futures::stream::BoxStream;
use jiff::{SignedDuration, Timestamp};
use ports::{ByteStream, Cause, FileBody, FileEntry, FileKey, FileStore, Step, WorkKind, Worker, Write};
use processors::Dispatcher;
use projections::{FiguresThen, Row, Series, Views, stamp_of};
use serde_json::json;
use tokio::net::TcpListener;
use trialbrief::app::{self, App};

use crate::world::{World, mondays, parse};

const GOOD: &str = "ACME-101";
const BAD: &str = "BASIL-7";

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_whose_figures_cannot_be_read_holds_up_no_other_and_is_given_up_after_a_day() {
    let mut world = World::at("2026-11-16T09:00[Europe/Berlin]").await;
    for trial in [BAD, GOOD] {
        world.open_trial(trial).await;
        world.subscribe("chi", trial, mondays()).await;
    }
    world.until("2026-11-23T07:59[Europe/Berlin]").await;
    let series = Series::whole(TrialId::parse("trial", BAD).unwrap()).key();
    let mut broken =
        FiguresThen { series, stamp: stamp_of(parse("2026-11-22T12:00Z[UTC]")), figures: Default::default() };
    broken.figures.documents.present = -1;
    let write = Write::Put { table: FiguresThen::TABLE, key: broken.key(), row: broken.to_json().unwrap().into() };
    let at = world.ports.views.position("document_changes").await.unwrap();
    world.ports.views.save("document_changes", at, at.unwrap(), vec![write]).await.unwrap();

    world.until("2026-11-23T08:00[Europe/Berlin]").await;
    let report = world.reports(GOOD).await.remove(0);
    assert_eq!(world.deliveries(&report).await[0]["status"], "sent");
    assert_eq!(world.reports(BAD).await[0]["status"], "scheduled", "it may still be mended");

    world.until("2026-11-24T08:00[Europe/Berlin]").await;
    world.work_through(WorkKind::Render).await;
    let report = world.reports(BAD).await.remove(0);
    assert_eq!(report["status"], "abandoned");
    let skipped = world.deliveries(&report).await.remove(0);
    assert_eq!((&skipped["status"], &skipped["detail"]), (&json!("skipped"), &json!("report-abandoned")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_to_whose_key_was_destroyed_is_known_to_have_gone() {
    let mut world = World::at("2026-11-16T09:00[Europe/Berlin]").await;
    world.open_trial(GOOD).await;
    world.subscribe("chi", GOOD, mondays()).await;
    world.ports.keys.destroy("person/chi").await.unwrap();
    world.until("2026-11-23T08:00[Europe/Berlin]").await;
    let report = world.reports(GOOD).await.remove(0);
    let sent = world.deliveries(&report).await.remove(0);
    assert_eq!((&sent["status"], &sent["detail"]), (&json!("sent"), &json!("[erased]")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_whose_pdf_is_gone_is_given_up_after_a_day() {
    let mut world = World::at("2026-11-16T09:00[Europe/Berlin]").await;
    world.open_trial(GOOD).await;
    world.subscribe("chi", GOOD, mondays()).await;
    world.until("2026-11-23T07:59[Europe/Berlin]").await;
    let mut ports = world.ports.clone();
    ports.derived = Arc::new(Broken { files: Arc::clone(&world.ports.derived), how: How::Gone });
    let whole = std::mem::replace(&mut world.app, app::build(&ports, &world.settings));
    world.until("2026-11-23T08:00[Europe/Berlin]").await;
    let report = world.reports(GOOD).await.remove(0);
    assert_eq!(world.deliveries(&report).await[0]["status"], "waiting", "it may still come back");
    world.until("2026-11-24T08:00[Europe/Berlin]").await;
    world.work_through(WorkKind::Deliver).await;
    let skipped = world.deliveries(&report).await.remove(0);
    assert_eq!((&skipped["status"], &skipped["detail"]), (&json!("skipped"), &json!("unreadable")));
    world.app = whole;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_whose_reading_breaks_off_is_not_missing_and_read_again() {
    let mut world = World::at("2026-11-16T09:00[Europe/Berlin]").await;
    world.open_trial(GOOD).await;
    let document = world.upload("ben", GOOD, "visits.csv", b"site,visits\nDE-01,3\n".to_vec()).await;
    let mut ports = world.ports.clone();
    ports.originals = Arc::new(Broken { files: Arc::clone(&world.ports.originals), how: How::BreaksOff });
    let whole = std::mem::replace(&mut world.app, app::build(&ports, &world.settings));
    let now = world.ports.clock.now();
    let failed = ports::settle(&mut world.app.workers, now).await;
    assert!(matches!(failed, Err(ports::Error::Unavailable(_))), "{failed:?}");
    world.app = whole;
    world.until("2026-11-16T09:05[Europe/Berlin]").await;
    world.work_through(WorkKind::Analyse).await;
    let kinds: Vec<String> = world.log().await.into_iter().map(|stored| stored.event.kind).collect();
    assert!(kinds.iter().any(|kind| kind == "ContentAnalysed"), "{kinds:?}");
    assert!(!kinds.iter().any(|kind| kind == "ContentUnreadable"), "{kinds:?}");
    let id = document["_id"].as_str().unwrap();
    let told = world.get("ben", &format!("/api/documents/{id}")).await.expect(200).json();
    assert!(!told.to_string().contains("file_missing"), "{told}");
}

/// Files that cannot be read.
struct Broken {
    files: Arc<dyn FileStore>,
    how: How,
}

enum How {
    Gone,
    BreaksOff,
}

#[async_trait]
impl FileStore for Broken {
    async fn put(&self, key: &FileKey, body: ByteStream) -> ports::Result<u64> {
        self.files.put(key, body).await
    }

    async fn get(&self, key: &FileKey, range: Option<Range<u64>>) -> ports::Result<Option<FileBody>> {
        match self.how {
            How::Gone => Ok(None),
            How::BreaksOff => {
                let Some(FileBody { size, stream }) = self.files.get(key, range).await? else { return Ok(None) };
                let broken = async { Err(std::io::Error::other("the connection broke")) };
                let stream = stream.take(0).chain(futures::stream::once(broken)).boxed();
                Ok(Some(FileBody { size, stream }))
            }
        }
    }

    async fn size(&self, key: &FileKey) -> ports::Result<Option<u64>> {
        self.files.size(key).await
    }

    async fn delete(&self, key: &FileKey) -> ports::Result<()> {
        self.files.delete(key).await
    }

    fn list(&self, prefix: &str) -> BoxStream<'static, ports::Result<FileEntry>> {
        self.files.list(prefix)
    }
}

/// A worker with a bug.
struct Panics;

#[async_trait]
impl Worker for Panics {
    fn name(&self) -> &'static str {
        "panics"
    }

    async fn step(&mut self, _now: Timestamp) -> ports::Result<Step> {
        panic!("for the test")
    }

    async fn wake(&mut self) {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_panics_is_told_by_readyz() {
    let world = World::at("2026-11-16T09:00[Europe/Berlin]").await;
    let App { router, health, .. } = &world.app;
    let app = App {
        router: router.clone(),
        workers: vec![Box::new(Panics)],
        health: health.clone(),
        leases: adapters::leases::open("memory:").await.unwrap(),
        mailer: Arc::clone(&world.ports.mailer),
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let clock = world.ports.clock.clone();
    let running = tokio::spawn(app::run(app, clock, listener, async move { stopped.await.unwrap_or_default() }));
    let told = async {
        loop {
            let answer = world.get("", "/readyz").await;
            if answer.status == 503 {
                return answer.json();
            }
            tokio::task::yield_now().await;
        }
    };
    let told = tokio::time::timeout(std::time::Duration::from_secs(30), told).await.unwrap();
    assert_eq!(told["failing"], json!({"panics": "it panicked"}));
    stop.send(()).unwrap();
    running.await.unwrap();
}

/// A delivery of a report of its own, rendered, tried once and put off where there is a time to try it again.
async fn delivery(sender: &Sender, n: u32, now: Timestamp, retry_at: Option<Timestamp>) -> Id<Delivery> {
    let trial = TrialId::parse("trial", GOOD).unwrap();
    let subscription = Subscription::id(&trial, &UserId::parse("user", &format!("u-{n}")).unwrap(), Cadence::Weekly);
    let edition = Edition { zone: Zone::utc(), language: Language::En, paper: Paper::A4, audience: Audience::Members };
    let from = now - SignedDuration::from_secs(i64::from(n) + 1);
    let wanted = Scheduled { trial, period: Period::new(from, now).unwrap(), edition, so_far: true };
    let report = Report::id(&wanted);
    let occasion = Occasion::SendNow(derive("test", &[&n.to_string()]));
    let id = Delivery::id(&report, &subscription, &occasion);
    let cause = |part: &str| {
        let command = derive("test", &[part, &n.to_string()]);
        Cause { actor: "test".to_owned(), command, correlation: command, causation: None, request: None }
    };
    let manifest = Manifest {
        cut: now,
        log_sha256: "ab".repeat(32),
        projection: 1,
        template: String::new(),
        renderer: String::new(),
        fonts: String::new(),
        tz_data: String::new(),
        analysis: 1,
        thumbnails: vec![],
        names: vec![],
        base_url: String::new(),
    };
    let request = delivery::Command::Request { subscription: subscription.clone(), occasion, wanted: wanted.clone() };
    sender.send(&id, &cause("request"), request).await.unwrap();
    sender.send(&report, &cause("schedule"), report::Command::Schedule(wanted)).await.unwrap();
    let rendered =
        report::Command::CompleteRendering { sha256: ContentHash::of(b""), size_bytes: 9, pages: 1, manifest };
    sender.send(&report, &cause("render"), rendered).await.unwrap();
    if let Some(retry_at) = retry_at {
        let (worker, address) = ("m".to_owned(), "ab".repeat(16));
        let claim = delivery::Command::Claim { report, subscription, worker, lease_until: now, address, now };
        sender.send(&id, &cause("claim"), claim).await.unwrap();
        let reply = Sealed::seal("person/u", &[1; 32], b"450 greylisted");
        sender
            .send(&id, &cause("defer"), delivery::Command::RecordDeferred { attempt: 1, reply, retry_at })
            .await
            .unwrap();
    }
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn any_number_of_mails_put_off_keeps_no_other_from_its_turn() {
    let mut world = World::at("2026-11-16T09:00[Europe/Berlin]").await;
    world.leave_open_work();
    let now = world.ports.clock.now();
    let sender = Sender::new(Arc::clone(&world.ports.log), world.ports.clock.clone());
    // More than the dispatcher reads at once, whatever the order of their ids.
    let later = |n: u32| now + SignedDuration::from_secs(3_600 - i64::from(n));
    join_all((0..600).map(|n| delivery(&sender, n, now, Some(later(n))))).await;
    let fresh: Vec<_> = join_all((600..640).map(|n| delivery(&sender, n, now, None))).await;
    for worker in world.workers().iter_mut().filter(|worker| worker.name() == "reports") {
        while worker.step(now).await.unwrap() == Step::Worked {}
    }
    let queue = Arc::clone(&world.ports.queue);
    let mut dispatcher = Dispatcher::new(Views::new(Arc::clone(&world.ports.views)), Arc::clone(&queue));
    // It is offered again, for a queue may lose it; the first of the others is due later.
    let again = now + SignedDuration::from_secs(60);
    let next = later(599);
    assert!(again < next);
    assert_eq!(dispatcher.step(now).await.unwrap(), Step::Idle { until: Some(again) });
    let mut offered = Vec::new();
    while let Some(taken) = queue.take(WorkKind::Deliver).await.unwrap() {
        offered.push(taken.work.id);
    }
    offered.sort();
    let mut fresh: Vec<String> = fresh.iter().map(ToString::to_string).collect();
    fresh.sort();
    assert_eq!(offered, fresh);
    dispatcher.step(next).await.unwrap();
    assert!(queue.take(WorkKind::Deliver).await.unwrap().is_some(), "what was put off is offered when it is due");
}
