//! What one weekly report costs: original files opened and records read at render time, and the processor time of a rendering
//! beside that of one image analysis. `cargo bench -p trialbrief --bench weekly_report`

#![expect(clippy::unwrap_used, reason = "a bench that cannot set itself up fails loudly")]

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use futures::stream::BoxStream;
use jiff::Timestamp;
use ports::{
    ByteStream, Change, ChangeToken, Clock, DocumentStore, FileBody, FileEntry, FileKey, FileStore, Person, Place,
    Ports, Record, RecordFilter, Result,
};
use processors::analysis::isolated::Analyser;
use processors::analysis::{Limits, analyse};
use serde_json::{Value, json};
use tower::ServiceExt;
use trialbrief::app::{self, App, AppSettings};
use trialbrief::config::{self, Sources};
use trialbrief::demo::sample;
use trialbrief::wire::{self, Urls};

/// Documents in the trial.
const DOCUMENTS: usize = 300;

/// Counts what is read of the originals.
struct CountedFiles(Arc<dyn FileStore>, Arc<AtomicU64>);

#[async_trait]
impl FileStore for CountedFiles {
    async fn put(&self, key: &FileKey, body: ByteStream) -> Result<u64> {
        self.0.put(key, body).await
    }
    async fn get(&self, key: &FileKey, range: Option<Range<u64>>) -> Result<Option<FileBody>> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.get(key, range).await
    }
    async fn size(&self, key: &FileKey) -> Result<Option<u64>> {
        self.0.size(key).await
    }
    async fn delete(&self, key: &FileKey) -> Result<()> {
        self.0.delete(key).await
    }
    fn list(&self, prefix: &str) -> BoxStream<'static, Result<FileEntry>> {
        self.0.list(prefix)
    }
}

/// Counts what is read of the collection.
struct CountedRecords(Arc<dyn DocumentStore>, Arc<AtomicU64>);

#[async_trait]
impl DocumentStore for CountedRecords {
    async fn insert(&self, record: &Record) -> Result<()> {
        self.0.insert(record).await
    }
    async fn get(&self, id: &str) -> Result<Option<Record>> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.get(id).await
    }
    async fn replace(&self, expected: &Record, record: &Record) -> Result<()> {
        self.0.replace(expected, record).await
    }
    async fn delete(&self, expected: &Record) -> Result<()> {
        self.0.delete(expected).await
    }
    async fn list(&self, filter: &RecordFilter, after: Option<&str>, limit: usize) -> Result<Vec<Record>> {
        let records = self.0.list(filter, after, limit).await?;
        self.1.fetch_add(records.len() as u64, Ordering::Relaxed);
        Ok(records)
    }
    fn changes(&self) -> BoxStream<'static, Result<Change>> {
        self.0.changes()
    }
    async fn end(&self) -> Result<(ChangeToken, Place)> {
        self.0.end().await
    }
    async fn acknowledged(&self) -> Result<Option<Place>> {
        self.0.acknowledged().await
    }
    async fn acknowledge(&self, place: &Place) -> Result<()> {
        self.0.acknowledge(place).await
    }
    async fn begin_epoch(&self, at_least: u64) -> Result<()> {
        self.0.begin_epoch(at_least).await
    }
    async fn changed(&self) {
        self.0.changed().await;
    }
}

/// Processor time of this thread so far, in nanoseconds.
fn thread_nanoseconds() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    stat.split_whitespace().next().unwrap().parse().unwrap()
}

/// The median processor time of some runs, in milliseconds.
fn median_milliseconds(runs: usize, mut run: impl FnMut()) -> f64 {
    let mut times: Vec<u64> = (0..runs)
        .map(|_| {
            let before = thread_nanoseconds();
            run();
            thread_nanoseconds() - before
        })
        .collect();
    times.sort_unstable();
    times[runs / 2] as f64 / 1e6
}

fn settings() -> AppSettings {
    let configured = config::load(&Sources::default()).unwrap().settings;
    AppSettings {
        largest_upload_bytes: 64 << 20,
        analyser: Analyser::InProcess,
        ..AppSettings::of(&configured).unwrap()
    }
}

async fn ask(app: &App, mut request: Request<Body>) -> Value {
    request.headers_mut().insert("host", "127.0.0.1".parse().unwrap());
    request.headers_mut().insert("trialbrief-person", "ada".parse().unwrap());
    request.extensions_mut().insert(ConnectInfo(std::net::SocketAddr::from(([127, 0, 0, 1], 1))));
    let response = app.router.clone().oneshot(request).await.unwrap();
    assert!(response.status().is_success(), "{}", response.status());
    serde_json::from_slice(&axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap()).unwrap()
}

fn at(instant: &str) -> Timestamp {
    instant.parse().unwrap()
}

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().unwrap();
    let urls = Urls::embedded(folder.path().to_str().unwrap());
    let clock = Clock::simulated(at("2026-11-16T00:00:00Z"));
    let (files, records) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let real = wire::connect(&urls, clock.clone()).await.unwrap();
    let ports = Ports {
        originals: Arc::new(CountedFiles(Arc::clone(&real.originals), Arc::clone(&files))),
        documents: Arc::new(CountedRecords(Arc::clone(&real.documents), Arc::clone(&records))),
        ..real
    };
    let (user, name) = ("ada".to_owned(), "Ada".to_owned());
    let address = Some("ada@example.org".to_owned());
    ports.directory.save(&Person { user, name, address, active: true }).await.unwrap();
    let settings = settings();
    let mut app = app::build(&ports, &settings);
    let put = Request::put("/api/trials/ACME-101").header("content-type", "application/json");
    ask(&app, put.body(Body::from(json!({"title": "A study"}).to_string())).unwrap()).await;
    let schedule = json!({"cadence": "weekly", "weekday": "monday", "time": "08:00", "zone": "UTC"});
    let post = Request::post("/api/subscriptions").header("content-type", "application/json");
    ask(&app, post.body(Body::from(json!({"trial": "ACME-101", "schedule": schedule}).to_string())).unwrap()).await;
    app::simulate(&mut app.workers, &clock, at("2026-11-18T10:00:00Z")).await.unwrap();

    let (mut image, mut uploaded) = (Vec::new(), 0);
    for document in sample::documents(7, DOCUMENTS, jiff::civil::date(2026, 11, 1)) {
        let path = format!(
            "/api/documents?TrialId=ACME-101&Filename=d{uploaded}&Kind={}&SiteId={}",
            document.kind, document.site
        );
        let post = Request::post(path).header("content-type", document.content_type);
        ask(&app, post.body(Body::from(document.bytes.clone())).unwrap()).await;
        if document.content_type == "image/jpeg" && document.bytes.len() > image.len() {
            image = document.bytes;
        }
        uploaded += 1;
    }
    app::simulate(&mut app.workers, &clock, at("2026-11-23T07:45:00Z")).await.unwrap();

    let (files_before, records_before) = (files.load(Ordering::Relaxed), records.load(Ordering::Relaxed));
    app::simulate(&mut app.workers, &clock, at("2026-11-23T08:00:00Z")).await.unwrap();
    let mails = std::fs::read_dir(folder.path().join("outbox")).unwrap().count();
    assert_eq!(mails, 2, "the Monday before anything was there, and this one");
    let opened = files.load(Ordering::Relaxed) - files_before;
    let scanned = records.load(Ordering::Relaxed) - records_before;
    assert_eq!((opened, scanned), (0, 0), "a report is a read of figures that are ready");

    let report = ask(&app, Request::get("/api/reports?trial=ACME-101").body(Body::empty()).unwrap()).await;
    let id = report["items"][0]["id"].as_str().unwrap().to_owned();
    let queries = app::queries(&ports, &settings);
    let state = queries.access.state(&domain::id::Id::<domain::report::Report>::known(id.as_str())).await.unwrap();
    let domain::report::Report::Rendered(scheduled, _) = state else { panic!("the report is not rendered") };
    let prepared = queries.report_content(&id, &scheduled, None).await.unwrap().unwrap();
    let render = median_milliseconds(9, || {
        report::pdf::render(&prepared.content, &prepared.thumbnails).unwrap();
    });
    let analysis = median_milliseconds(9, || {
        analyse(&mut image.as_slice(), &Limits::default()).unwrap().unwrap();
    });
    #[expect(clippy::print_stdout, reason = "what was asked for")]
    {
        println!("one weekly report of a trial with {DOCUMENTS} documents, all added in its week");
        println!("| what | value |\n|---|---|");
        println!("| original files opened from the due hour to the mail | {opened} |");
        println!("| records of the collection read | {scanned} |");
        println!("| processor time of the rendering | {render:.1} ms |");
        println!("| processor time of one image analysis ({} kB JPEG) | {analysis:.1} ms |", image.len() / 1000);
    }
}
