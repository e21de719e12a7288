//! A due hour of 100,000 deliveries through a queue: the real dispatcher over the views of SQLite, the queue that is measured, and
//! takers that do what a mailer does to both, but claim and send nothing.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::delivery::{Delivery, Occasion};
use domain::edition::{Audience, Edition, Language, Paper};
use domain::id::{Id, TrialId};
use domain::period::Period;
use domain::report::Report;
use domain::schedule::Zone;
use domain::subscription::Subscription;
use jiff::{SignedDuration, Timestamp};
use ports::{Clock, Origin, Position, Step, ViewStore, WorkKind, WorkQueue, Worker, Write};
use processors::Dispatcher;
use projections::{DeliveryNow, DeliveryStatus, ReportNow, ReportStatus, Row, Views, stamp_of};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::phases::per_second;

const REPORTS: usize = 20;
const DELIVERIES: usize = 100_000;
/// Two mailers with 16 deliveries each under way.
const TAKERS: usize = 32;
/// The most outcomes in one save, as a projection folds them.
const BATCH: usize = 512;
const AT_MOST: Duration = Duration::from_secs(1_200);
const VIEW: &str = "reports";

/// What became of it.
pub struct Outcome {
    pub per_second: f64,
    /// How many were in somebody's hands once more after their outcome was recorded: offered before the view had moved.
    pub taken_again: usize,
}

/// An outcome on its way into the view; answered when it is there.
type Recording = (DeliveryNow, oneshot::Sender<()>);

fn due() -> Timestamp {
    "2026-11-23T07:00:00Z".parse().unwrap()
}

const fn place(number: u64) -> Position {
    Position { commit: number, prepare: number }
}

fn put<R: Row>(row: &R) -> Write {
    Write::Put { table: R::TABLE, key: row.key(), row: row.to_json().unwrap().into() }
}

fn report(number: usize, waiting: usize) -> ReportNow {
    let to: Timestamp = "2026-11-22T23:00:00Z".parse().unwrap();
    ReportNow {
        id: Id::<Report>::known(Uuid::from_u128(number as u128).to_string()),
        trial: TrialId::parse("trial", "ACME-101").unwrap(),
        period: Period::new(to - SignedDuration::from_hours(168), to).unwrap(),
        edition: Edition {
            zone: "Europe/Berlin".parse::<Zone>().unwrap(),
            language: Language::En,
            paper: Paper::A4,
            audience: Audience::Members,
        },
        cut: to,
        cut_stamp: stamp_of(to),
        so_far: false,
        status: ReportStatus::Rendered,
        scheduled_at: due(),
        scheduled_stamp: stamp_of(due()),
        rendered_at: Some(due()),
        sha256: None,
        size_bytes: 0,
        pages: 0,
        log_sha256: None,
        abandoned_because: None,
        open_deliveries: waiting as u64,
        waiting_deliveries: waiting as u64,
        sending: waiting > 0,
        origin: origin(),
    }
}

const fn origin() -> Origin {
    Origin { event: Uuid::nil(), correlation: Uuid::nil() }
}

fn delivery(report: &ReportNow, number: usize) -> DeliveryNow {
    let subscription = Id::<Subscription>::known(Uuid::from_u128((1 << 64) + number as u128).to_string());
    DeliveryNow {
        id: Delivery::id(&report.id, &subscription, &Occasion::Due),
        report: report.id.clone(),
        subscription,
        occasion: Occasion::Due,
        status: DeliveryStatus::Waiting,
        due: Some(stamp_of(due())),
        attempt: 0,
        at: due(),
        reason: None,
        reply: None,
        origin: origin(),
    }
}

/// Saves outcomes as they come, many at once.
async fn record(views: Arc<dyn ViewStore>, mut at: u64, mut outcomes: mpsc::Receiver<Recording>) {
    let mut waiting: HashMap<Id<Report>, usize> =
        (0..REPORTS).map(|n| (report(n, 0).id, DELIVERIES / REPORTS)).collect();
    let numbers: HashMap<Id<Report>, usize> = (0..REPORTS).map(|n| (report(n, 0).id, n)).collect();
    let mut batch = Vec::new();
    while outcomes.recv_many(&mut batch, BATCH).await > 0 {
        let mut writes = Vec::new();
        let mut touched = HashSet::new();
        for (delivery, _) in &batch {
            let sent = DeliveryNow { status: DeliveryStatus::Sent, due: None, attempt: 1, ..delivery.clone() };
            writes.push(put(&sent));
            *waiting.get_mut(&delivery.report).unwrap() -= 1;
            touched.insert(delivery.report.clone());
        }
        writes.extend(touched.iter().map(|id| put(&report(numbers[id], waiting[id]))));
        views.save(VIEW, Some(place(at)), place(at + 1), writes).await.unwrap();
        at += 1;
        for (_, saved) in batch.drain(..) {
            // A taker that is gone needs no answer.
            let _ = saved.send(());
        }
    }
}

/// As a mailer: take, look whether it is open, record, finish.
async fn take(queue: Arc<dyn WorkQueue>, views: Views, outcomes: mpsc::Sender<Recording>, taken: mpsc::Sender<String>) {
    loop {
        let Some(work) = queue.take(WorkKind::Deliver).await.unwrap() else {
            queue.offered(WorkKind::Deliver).await;
            continue;
        };
        let row: DeliveryNow = views.get(&work.work.id).await.unwrap().unwrap();
        let is_open = row.due.is_some();
        if is_open {
            let (saved, is_saved) = oneshot::channel();
            outcomes.send((row, saved)).await.unwrap();
            is_saved.await.unwrap();
        }
        let id = work.work.id.clone();
        queue.finish(work).await.unwrap();
        if taken.send(id).await.is_err() {
            return;
        }
    }
}

async fn dispatch(mut dispatcher: Dispatcher) {
    loop {
        match dispatcher.step(due()).await.unwrap() {
            Step::Worked => {}
            Step::Idle { .. } => dispatcher.wake().await,
        }
    }
}

/// Brings all through a queue.
pub async fn measure(queue_url: &str) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::simulated(due());
    let url = format!("sqlite:{}/views.db", folder.path().display());
    let views = adapters::view_store::open(&url, &clock).await.unwrap();
    let queue = adapters::work_queue::open(queue_url, &clock).await.unwrap();
    let each = DELIVERIES / REPORTS;
    for n in 0..REPORTS {
        let report = report(n, each);
        let deliveries = (n * each..(n + 1) * each).map(|number| put(&delivery(&report, number)));
        let writes = std::iter::once(put(&report)).chain(deliveries).collect();
        let from = (n > 0).then(|| place(n as u64));
        views.save(VIEW, from, place(n as u64 + 1), writes).await.unwrap();
    }

    let began = Instant::now();
    let mut working = JoinSet::new();
    let (outcomes, recorded) = mpsc::channel(BATCH);
    let (taken, mut done) = mpsc::channel(BATCH);
    working.spawn(record(Arc::clone(&views), REPORTS as u64, recorded));
    working.spawn(dispatch(Dispatcher::new(Views::new(Arc::clone(&views)), Arc::clone(&queue))));
    for _ in 0..TAKERS {
        let views = Views::new(Arc::clone(&views));
        working.spawn(take(Arc::clone(&queue), views, outcomes.clone(), taken.clone()));
    }
    let (mut seen, mut taken_again) = (HashSet::new(), 0);
    let all = async {
        while seen.len() < DELIVERIES {
            taken_again += usize::from(!seen.insert(done.recv().await.unwrap()));
        }
    };
    tokio::time::timeout(AT_MOST, all).await.unwrap();
    let per_second = per_second(DELIVERIES, began);
    working.shutdown().await;
    Outcome { per_second, taken_again }
}
