//! A whole Trialbrief in a folder of its own, under a simulated clock, stepped by hand and asked over HTTP.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Request, StatusCode};
use commands::Openers;
use domain::id::UserId;
use futures::TryStreamExt;
use jiff::Timestamp;
use ports::{Categories, Clock, Fed, Find, Person, Ports, Step, StoredEvent, WorkKind, Worker};
use processors::analysis::isolated::Analyser;
use projections::{Analysis, DeliveryNow, ReportNow, Views, stamp_of};
use serde_json::{Value, json};
use tokio::time::timeout;
use tower::ServiceExt;
use trialbrief::app::{self, App, AppSettings};
use trialbrief::config::{self, Sources};
use trialbrief::wire::{self, Urls};

use crate::setup::{Gone, Setup};

/// What a condition may take that is waited for.
pub const SOON: Duration = Duration::from_secs(60);

/// The people of every story.
pub const PEOPLE: [(&str, &str); 4] =
    [("ada", "Ada Berger"), ("ben", "Ben Okafor"), ("chi", "Chiara Nowak"), ("dov", "Dov Lindqvist")];

/// A running Trialbrief.
pub struct World {
    /// Before what it looks at, so that it looks first.
    at_end: NothingLeftOpen,
    pub ports: Ports,
    pub app: App,
    pub settings: AppSettings,
    folder: PathBuf,
    _kept: Option<tempfile::TempDir>,
    /// Last, for all that is above may ask it until it is dropped.
    _gone: Option<Gone>,
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|e| panic!("{} no JSON ({e}): {}", self.status, String::from_utf8_lossy(&self.body)))
    }

    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", String::from_utf8_lossy(&self.body));
        self
    }
}

pub fn settings() -> AppSettings {
    let configured = config::load(&Sources::default()).unwrap().settings;
    AppSettings {
        largest_upload_bytes: 64 << 20,
        roles: trialbrief::roles::Roles::all(),
        openers: Openers::People(vec![UserId::parse("user", "ada").unwrap()]),
        analyser: Analyser::InProcess,
        ..AppSettings::of(&configured).unwrap()
    }
}

impl World {
    /// A new world that begins at an instant such as `2026-11-02T00:00[Europe/Berlin]`.
    pub async fn at(instant: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        Self::open(path, Some(folder), parse(instant), |urls| urls).await
    }

    /// A world in a folder that outlives it, with other ports where a story needs them.
    pub async fn open(
        folder: PathBuf,
        kept: Option<tempfile::TempDir>,
        now: Timestamp,
        change: impl FnOnce(Urls) -> Urls,
    ) -> Self {
        let gone = kept.is_some().then(|| Gone(folder.clone()));
        let urls = change(Setup::chosen().urls(&folder).await);
        let ports = wire::connect(&urls, Clock::simulated(now)).await.unwrap();
        for (user, name) in PEOPLE {
            let address = Some(format!("{user}@example.org"));
            let person = Person { user: user.to_owned(), name: name.to_owned(), address, active: true };
            ports.directory.save(&person).await.unwrap();
        }
        let settings = settings();
        let app = app::build(&ports, &settings);
        let views = Views::new(Arc::clone(&ports.views));
        let at_end = NothingLeftOpen { views, clock: ports.clock.clone(), wanted: true };
        let mut world = Self { at_end, ports, app, settings, folder, _kept: kept, _gone: gone };
        world.settle().await;
        world
    }

    /// Steps every worker until none has anything to do.
    pub async fn settle(&mut self) {
        ports::settle(&mut self.app.workers, self.ports.clock.now()).await.unwrap();
    }

    /// Lets time pass until an instant, step by step.
    pub async fn until(&mut self, instant: &str) {
        app::simulate(&mut self.app.workers, &self.ports.clock, parse(instant)).await.unwrap();
    }

    /// Does work of a kind until the queue has none. A queue on a server gives out again by that server's clock what failed.
    pub async fn work_through(&mut self, kind: WorkKind) {
        while self.ports.queue.depth(kind).await.unwrap() > 0 {
            let offered = self.ports.queue.offered(kind);
            timeout(SOON, offered).await.unwrap_or_else(|_| panic!("work to {} does not come back", kind.name()));
            self.settle().await;
        }
    }

    /// This story means to end with work that has no outcome.
    pub fn leave_open_work(&mut self) {
        self.at_end.wanted = false;
    }

    /// Everything that happened, in order.
    pub async fn log(&self) -> Vec<StoredEvent> {
        let fed: Vec<Fed> = self.ports.feed.read(None, Categories::ALL).try_collect().await.unwrap();
        let event = |fed| match fed {
            Fed::Event(event) => Some(event),
            Fed::Passed(_) => None,
        };
        fed.into_iter().filter_map(event).collect()
    }

    /// The reports of a trial as its coordinator sees them, in order of their cut.
    pub async fn reports(&self, trial: &str) -> Vec<Value> {
        let path = format!("/api/reports?trial={trial}&limit=200");
        let mut reports = self.get("ada", &path).await.expect(200).json()["items"].as_array().unwrap().clone();
        reports.sort_by_key(|report| (parse(report["cut"].as_str().unwrap()), report["soFar"] == false));
        reports
    }

    /// The deliveries of a report as the trial's coordinator sees them, in order of their people.
    pub async fn deliveries(&self, report: &Value) -> Vec<Value> {
        let path = format!("/api/reports/{}/deliveries", report["id"].as_str().unwrap());
        let mut deliveries = self.get("ada", &path).await.expect(200).json()["items"].as_array().unwrap().clone();
        deliveries.sort_by_key(|delivery| delivery["user"].to_string());
        deliveries
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn workers(&mut self) -> &mut [Box<dyn Worker>] {
        &mut self.app.workers
    }

    pub fn outbox(&self) -> PathBuf {
        self.folder.join("outbox")
    }

    /// The mails in the outbox, in order of their names.
    pub fn mails(&self) -> Vec<Vec<u8>> {
        let Ok(entries) = std::fs::read_dir(self.outbox()) else { return Vec::new() };
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths
            .into_iter()
            .filter(|path| path.extension().is_some_and(|e| e == "eml"))
            .map(|path| std::fs::read(path).unwrap())
            .collect()
    }

    /// Asks over HTTP.
    pub async fn ask(&self, request: Request<Body>) -> Answer {
        let mut request = request;
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 40_000))));
        if !request.headers().contains_key("host") {
            request.headers_mut().insert("host", "127.0.0.1:8080".parse().unwrap());
        }
        let response = self.app.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        Answer { status: parts.status, headers: parts.headers, body: body.to_vec() }
    }

    pub async fn get(&self, user: &str, path: &str) -> Answer {
        self.ask(Request::get(path).header("Trialbrief-Person", user).body(Body::empty()).unwrap()).await
    }

    pub async fn send(&self, user: &str, method: &str, path: &str, body: Value) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("Trialbrief-Person", user)
            .header("Content-Type", "application/json")
            .body(Body::from(body.to_string()))
            .unwrap();
        self.ask(request).await
    }

    /// Opens a trial and makes Ben a contributor and Chiara a reader.
    pub async fn open_trial(&self, trial: &str) {
        self.send("ada", "PUT", &format!("/api/trials/{trial}"), json!({"title": "A device study"})).await.expect(200);
        for (user, role) in [("ben", "contributor"), ("chi", "reader")] {
            let path = format!("/api/trials/{trial}/members/{user}");
            self.send("ada", "PUT", &path, json!({"role": role})).await.expect(200);
        }
    }

    /// Uploads a file and answers its record.
    pub async fn upload(&self, user: &str, trial: &str, filename: &str, bytes: Vec<u8>) -> Value {
        let path = format!("/api/documents?TrialId={trial}&SiteId=DE-01&Kind=photograph&Filename={filename}");
        let request = Request::post(path)
            .header("Trialbrief-Person", user)
            .header("Content-Type", "application/octet-stream")
            .body(Body::from(bytes))
            .unwrap();
        self.ask(request).await.expect(201).json()
    }

    pub async fn subscribe(&self, user: &str, trial: &str, schedule: Value) -> Value {
        let answer = self.send(user, "POST", "/api/subscriptions", json!({"trial": trial, "schedule": schedule})).await;
        assert!(answer.status.is_success(), "{}", String::from_utf8_lossy(&answer.body));
        answer.json()
    }
}

/// When a world ends, what was due has an outcome: every analysis, every report whose cut has passed, every delivery.
struct NothingLeftOpen {
    views: Views,
    clock: Clock,
    wanted: bool,
}

impl NothingLeftOpen {
    async fn open_work(&self) -> ports::Result<Vec<String>> {
        let below = stamp_of(self.clock.now()) + 1;
        let find = Find::all(10).equal("open", true).range("id", None, None);
        let analyses: Vec<Analysis> = self.views.find(&find).await?;
        let mut open: Vec<String> = analyses.iter().map(|analysis| format!("analysis of {}", analysis.id)).collect();
        for status in ["requested", "scheduled"] {
            let find = Find::all(10).equal("status", status).range("cut_stamp", None, Some(below.into()));
            let reports: Vec<ReportNow> = self.views.find(&find).await?;
            open.extend(reports.iter().map(|report| format!("report {}, {status}, cut at {}", report.id, report.cut)));
        }
        for status in ["waiting", "deferred", "attempted"] {
            let find = Find::all(10).equal("status", status).range("due", None, Some(below.into()));
            let deliveries: Vec<DeliveryNow> = self.views.find(&find).await?;
            open.extend(deliveries.iter().map(|delivery| format!("delivery {}, {:?}", delivery.id, delivery.status)));
        }
        Ok(open)
    }
}

impl Drop for NothingLeftOpen {
    fn drop(&mut self) {
        if !self.wanted || std::thread::panicking() {
            return;
        }
        // The test's own runtime cannot be waited on from here.
        let look = || tokio::runtime::Runtime::new().unwrap().block_on(self.open_work()).unwrap();
        let open = std::thread::scope(|scope| scope.spawn(look).join().unwrap());
        assert!(open.is_empty(), "open work is left: {open:#?}");
    }
}

/// An instant, written with its zone.
pub fn parse(instant: &str) -> Timestamp {
    instant.parse::<jiff::ZonedDateTime>().map_or_else(|_| instant.parse().unwrap(), |zoned| zoned.timestamp())
}

/// Every Monday at 08:00 in Berlin.
pub fn mondays() -> Value {
    json!({"cadence": "weekly", "weekday": "monday", "time": "08:00", "zone": "Europe/Berlin"})
}

/// A document that is in the views, and that nobody has analysed.
async fn with_open_work() -> World {
    let mut world = World::at("2026-11-16T09:00[Europe/Berlin]").await;
    world.open_trial("ACME-101").await;
    world.upload("ben", "ACME-101", "visits.csv", b"site,visits\nDE-01,3\n".to_vec()).await;
    let now = world.ports.clock.now();
    for worker in world.workers().iter_mut().filter(|worker| worker.name() != "analyst") {
        while worker.step(now).await.unwrap() == Step::Worked {}
    }
    world
}

#[tokio::test(flavor = "multi_thread")]
#[should_panic(expected = "open work is left")]
async fn a_story_that_ends_with_open_work_fails() {
    drop(with_open_work().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_story_may_mean_to_end_with_open_work() {
    with_open_work().await.leave_open_work();
}
