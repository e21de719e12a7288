//! How fast the document-change view folds 10,000 documents on SQLite, how many rows an event costs, and how fast the figures
//! at a closing are read back.
//!
//! `cargo bench -p projections --bench fold [-- <directory>]`; without a directory the system's temporary one is used.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a benchmark measures and prints"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use async_trait::async_trait;
use bytes::Bytes;
use domain::aggregate::{Event, encode};
use domain::clock::{self, ClockDay};
use domain::content::{self, ContentState};
use domain::document::{self, Content, Document, Snapshot, Token};
use domain::id::{Code, ContentHash, DocumentId, TrialId, derive};
use domain::measures::{Encoding, Measures, TextMeasures};
use domain::sealed::Sealed;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use jiff::{SignedDuration, Timestamp};
use ports::{
    Categories, Cause, Clock, EventFeed, EventHash, Fed, Find, Metadata, NewEvent, Position, Result, StoredEvent,
    Table, ViewStore, Write,
};
use projections::{DocumentChanges, Projector, Series, Views};

const DOCUMENTS: u32 = 10_000;
/// Events between two closings: a busy trial.
const A_QUARTER: usize = 50;
const SITES: u32 = 40;
const READS: usize = 10_000;

/// The log, in memory: what is measured is the fold and the view store.
#[derive(Default)]
struct Log {
    events: Vec<StoredEvent>,
    closings: Vec<Timestamp>,
}

impl Log {
    fn append<E: Event>(&mut self, stream: &str, revision: u64, event: &E) {
        let place = self.events.len() as u64;
        let id = derive("event", &[stream, &revision.to_string()]);
        let cause = Cause { actor: "u-1".to_owned(), command: id, correlation: id, causation: None, request: None };
        let (kind, version) = (event.kind().to_owned(), 1);
        let (recorded_at, previous) = (Timestamp::UNIX_EPOCH, EventHash::default());
        let metadata = Metadata { id, kind: kind.clone(), version, recorded_at, cause, previous };
        let metadata = serde_json::to_vec(&metadata).unwrap().into();
        let event = NewEvent { id, kind, version, data: encode(event).into(), metadata };
        let position = Position { commit: place, prepare: place };
        self.events.push(StoredEvent { stream: stream.to_owned(), revision, position, event });
        if self.events.len() % A_QUARTER == A_QUARTER - 1 {
            self.close();
        }
    }

    fn close(&mut self) {
        let quarters = i64::try_from(self.closings.len()).unwrap();
        let instant = Timestamp::UNIX_EPOCH + SignedDuration::from_mins(15 * quarters);
        let log = clock::LogHash { through: None, sha256: "0".repeat(64) };
        let event = clock::Event::QuarterHourClosed { instant, complete: true, log };
        self.closings.push(instant);
        self.append(&ClockDay::id(ClockDay::date_of(instant)).stream(), 0, &event);
    }
}

/// A feed over events that are there.
struct Told(Arc<Vec<StoredEvent>>);

#[async_trait]
impl EventFeed for Told {
    fn read(&self, after: Option<Position>, of: Categories) -> BoxStream<'static, Result<Fed>> {
        let events = Arc::clone(&self.0);
        let first = events.partition_point(|stored| Some(stored.position) <= after);
        let passed = events.last().map(|last| Ok(Fed::Passed(last.position)));
        let wanted =
            (first..events.len()).map(move |i| events[i].clone()).filter(move |stored| of.contains(&stored.stream));
        stream::iter(wanted.map(|stored| Ok(Fed::Event(stored)))).chain(stream::iter(passed)).boxed()
    }

    async fn grown(&self, _after: Option<Position>) {}
}

/// Counts what a view store is asked.
struct Counted {
    store: Arc<dyn ViewStore>,
    written: AtomicUsize,
    read: AtomicUsize,
}

#[async_trait]
impl ViewStore for Counted {
    async fn get(&self, table: Table, key: &str) -> Result<Option<Bytes>> {
        self.read.fetch_add(1, Ordering::Relaxed);
        self.store.get(table, key).await
    }

    async fn find(&self, table: Table, find: &Find) -> Result<Vec<(String, Bytes)>> {
        self.store.find(table, find).await
    }

    async fn position(&self, projection: &str) -> Result<Option<Position>> {
        self.store.position(projection).await
    }

    async fn save(&self, projection: &str, from: Option<Position>, to: Position, writes: Vec<Write>) -> Result<()> {
        self.written.fetch_add(writes.len(), Ordering::Relaxed);
        self.store.save(projection, from, to, writes).await
    }

    async fn moved(&self, projection: &str, seen: Option<Position>) {
        self.store.moved(projection, seen).await;
    }
}

fn trial() -> TrialId {
    TrialId::parse("trial", "CARDIO-7").unwrap()
}

fn snapshot(number: u32, status: &str) -> Snapshot {
    let code = |text: String| Some(Code::or_other(&text));
    Snapshot {
        trial: Some(trial()),
        site: code(format!("S-{}", number % SITES)),
        kind: code(format!("kind-{}", number % 12)),
        status: code(status.to_owned()),
        document_date: None,
        size_bytes: 250_000,
        // Every tenth document shares its bytes with the one before.
        content: Content::Known(ContentHash::of(&(number - u32::from(number % 10 == 9)).to_be_bytes())),
        promised: None,
        file: format!("{number:032x}"),
        fingerprint: format!("{number:030x}{}", status.len()),
        record: Sealed { owner: format!("document/{number:024x}"), text: "x".repeat(600) },
    }
}

/// Every document is added and analysed; a third of them changes its status.
fn history() -> Log {
    let mut log = Log::default();
    log.close();
    for number in 0..DOCUMENTS {
        let document = DocumentId::parse("document", &format!("{number:024x}")).unwrap();
        let stream = Document::id(&document).stream();
        let (token, at) = (Token { epoch: 0, order: number.into() }, Timestamp::UNIX_EPOCH);
        let after = snapshot(number, "draft");
        let Content::Known(content) = after.content.clone() else { continue };
        let added = document::Event::DocumentAdded { document: document.clone(), token, at, after, reason: None };
        log.append(&stream, 0, &added);
        if number % 10 != 9 {
            let text = TextMeasures { lines: 10, words: 100, characters: 700, encoding: Encoding::Utf8 };
            let stream = ContentState::id(&content).stream();
            let measures = Measures::Text(text);
            let analysed =
                content::Event::ContentAnalysed { content, algorithm: 1, measures, findings: vec![], thumbnail: None };
            log.append(&stream, 0, &analysed);
        }
        if number % 3 == 0 {
            let (before, after) = (snapshot(number, "draft"), snapshot(number, "final"));
            let changed = vec!["Status".to_owned()];
            let changed =
                document::Event::DocumentChanged { document, token, at, before, after, changed, reason: None };
            log.append(&stream, 1, &changed);
        }
    }
    log.close();
    log
}

fn main() {
    let directory = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let scratch = match directory {
        Some(directory) => tempfile::tempdir_in(directory).unwrap(),
        None => tempfile::tempdir().unwrap(),
    };
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap().block_on(async {
        let url = format!("sqlite:{}", scratch.path().join("views.db").display());
        let store = adapters::view_store::open(&url, &Clock::simulated(Timestamp::UNIX_EPOCH)).await.unwrap();
        let counted = Arc::new(Counted { store, written: AtomicUsize::new(0), read: AtomicUsize::new(0) });
        let Log { events, closings } = history();
        let count = events.len();
        let feed = Arc::new(Told(Arc::new(events)));
        let mut projector = Projector::new(Arc::new(DocumentChanges), feed, counted.clone());
        let started = Instant::now();
        while projector.advance().await.unwrap() {}
        let seconds = started.elapsed().as_secs_f64();
        let per_event = |total: &AtomicUsize| total.load(Ordering::Relaxed) as f64 / count as f64;
        let bytes = std::fs::metadata(scratch.path().join("views.db")).unwrap().len();
        println!("{DOCUMENTS} documents, {count} events, {} closings", closings.len());
        println!("folded       {:>10.0} events/s ({seconds:.2} s)", count as f64 / seconds);
        println!(
            "rows         {:>10.2} written, {:.2} read per event",
            per_event(&counted.written),
            per_event(&counted.read)
        );
        println!("view file    {:>10.1} MB, {:.0} bytes per event", bytes as f64 / 1e6, bytes as f64 / count as f64);

        let views = Views::new(counted);
        let mut series = vec![Series::whole(trial())];
        series.extend((0..SITES).map(|site| Series {
            trial: trial(),
            dimension: "site".to_owned(),
            value: format!("S-{site}"),
        }));
        let started = Instant::now();
        let mut present = 0;
        for i in 0..READS {
            let closing = closings[i * 7 % closings.len()];
            present += views.figures_at(&series[i % series.len()], closing).await.unwrap().documents.present;
        }
        let seconds = started.elapsed().as_secs_f64();
        assert!(present > 0, "the figures are there");
        println!("figures_at   {:>10.0} reads/s ({:.0} µs each)", READS as f64 / seconds, seconds * 1e6 / READS as f64);
    });
}
