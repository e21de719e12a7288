//! A small installation: one log, its views, and somebody who asks.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use adapters::{directory, document_store, event_log, file_store, key_ring, view_store};
use async_trait::async_trait;
use axum::body::{Body, to_bytes};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Request, StatusCode};
use axum::{Extension, Router};
use bytes::Bytes;
use commands::{Receipt, Sender};
use domain::access::Role;
use domain::aggregate::Aggregate;
use domain::clock::{self, ClockDay, LogHash};
use domain::content::{self, ContentState, Thumbnail};
use domain::document::{self, Content, Document, Snapshot, Source, Token};
use domain::edition::{Audience, Edition, Language, Paper};
use domain::findings::FindingCode;
use domain::id::{Code, ContentHash, DocumentId, Id, TrialId, UserId};
use domain::measures::{Encoding, ImageFormat, ImageMeasures, Measures, PerceptualHash, TextMeasures};
use domain::membership::{self, Membership};
use domain::schedule::Schedule;
use domain::subscription::{self, Subscription};
use domain::trial::{self, Enclosure, Trial};
use http::{Keys, Problem, SignIn};
use jiff::Timestamp;
use ports::{
    Cause, Clock, Directory, EventFeed, EventLog, FileStore, Find, KeyRing, Person, Position, Result, Table, ViewStore,
    Write,
};
use projections::Projector;
use queries::{Queries, Settings};
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt;
use uuid::Uuid;

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub fn trial(id: &str) -> TrialId {
    TrialId::parse("trial", id).unwrap()
}

pub fn user(id: &str) -> UserId {
    UserId::parse("user", id).unwrap()
}

pub fn document(number: u16) -> DocumentId {
    DocumentId::parse("document", &format!("{number:024x}")).unwrap()
}

/// Mondays at 08:00 in Berlin.
pub fn mondays() -> Schedule {
    let schedule = json!({"cadence": "weekly", "weekday": "monday", "time": "08:00", "zone": "Europe/Berlin"});
    serde_json::from_value(schedule).unwrap()
}

pub fn edition() -> Edition {
    Edition { zone: mondays().zone().clone(), language: Language::En, paper: Paper::A4, audience: Audience::Members }
}

/// The picture that an analysis would make.
pub fn picture_of(bytes: &str) -> ContentHash {
    ContentHash::of(format!("picture of {bytes}").as_bytes())
}

/// Counts what is read.
pub struct Counted {
    inner: Arc<dyn ViewStore>,
    reads: AtomicUsize,
}

#[async_trait]
impl ViewStore for Counted {
    async fn get(&self, table: Table, key: &str) -> Result<Option<Bytes>> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.inner.get(table, key).await
    }

    async fn find(&self, table: Table, find: &Find) -> Result<Vec<(String, Bytes)>> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.inner.find(table, find).await
    }

    async fn position(&self, projection: &str) -> Result<Option<Position>> {
        self.inner.position(projection).await
    }

    async fn save(&self, projection: &str, from: Option<Position>, to: Position, writes: Vec<Write>) -> Result<()> {
        self.inner.save(projection, from, to, writes).await
    }

    async fn moved(&self, projection: &str, seen: Option<Position>) {
        self.inner.moved(projection, seen).await;
    }
}

/// Believes a header.
struct Believing;

#[async_trait]
impl SignIn for Believing {
    async fn user(&self, parts: &Parts) -> std::result::Result<Option<UserId>, Problem> {
        Ok(parts.headers.get("person").map(|person| user(person.to_str().unwrap())))
    }
}

/// What came back.
pub struct Answered {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub bytes: Bytes,
}

impl Answered {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap()
    }

    #[track_caller]
    pub fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{}", String::from_utf8_lossy(&self.bytes));
        self.json()
    }

    /// The items of a page.
    #[track_caller]
    pub fn items(self) -> Vec<Value> {
        self.ok()["items"].as_array().unwrap().clone()
    }

    /// The status, the problem's code, and the field it names.
    #[track_caller]
    pub fn problem(self) -> (u16, String, Option<String>) {
        let problem = self.json();
        let code = problem["type"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
        (self.status.as_u16(), code, problem["field"].as_str().map(ToOwned::to_owned))
    }

    pub fn lines(&self) -> Vec<Value> {
        assert_eq!(self.status, 200, "{}", String::from_utf8_lossy(&self.bytes));
        let text = std::str::from_utf8(&self.bytes).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

pub fn not_found() -> (u16, String, Option<String>) {
    (404, "not-found".to_owned(), None)
}

/// A document as its record says.
pub struct Stored<'a> {
    pub id: DocumentId,
    pub trial: Option<&'a str>,
    pub name: &'a str,
    pub site: &'a str,
    pub bytes: &'a str,
    pub order: u64,
}

pub struct World {
    pub log: Arc<dyn EventLog>,
    pub feed: Arc<dyn EventFeed>,
    pub derived: Arc<dyn FileStore>,
    pub directory: Arc<dyn Directory>,
    pub keys: Keys,
    pub key_ring: Arc<dyn KeyRing>,
    pub queries: Queries,
    pub clock: Clock,
    pub sender: Sender,
    views: Arc<Counted>,
    router: Router,
    _files: TempDir,
}

impl World {
    /// Monday morning; nothing has happened, and four people are in the directory.
    pub async fn new() -> Self {
        let files = tempfile::tempdir().unwrap();
        let url = |name: &str| format!("sqlite:{}", files.path().join(name).display());
        let clock = Clock::simulated(at("2026-11-16T07:00:00Z"));
        let (log, feed) = event_log::open(&url("events.db"), &clock).await.unwrap();
        let inner = view_store::open(&url("views.db"), &clock).await.unwrap();
        let views = Arc::new(Counted { inner, reads: AtomicUsize::new(0) });
        let directory = directory::open(&url("directory.db"), &clock).await.unwrap();
        let key_ring = key_ring::open(&url("keys.db"), &clock).await.unwrap();
        let documents = document_store::open(&url("documents.db"), &clock).await.unwrap();
        let (originals, derived) =
            file_store::open(&format!("file:{}", files.path().join("files").display()), &clock).await.unwrap();
        for (id, name) in [("ada", "Ada Lovelace"), ("ben", "Ben Bitdiddle"), ("cay", "Cay Horstmann"), ("eve", "Eve")]
        {
            let address = Some(format!("{id}@example.org"));
            directory
                .save(&Person { user: id.to_owned(), name: name.to_owned(), address, active: true })
                .await
                .unwrap();
        }
        let queries = Queries::new(
            views.clone(),
            log.clone(),
            feed.clone(),
            documents,
            originals,
            derived.clone(),
            directory.clone(),
            key_ring.clone(),
            clock.clone(),
            Settings { bucket: "trialbrief".to_owned(), base_url: "http://127.0.0.1".to_owned() },
        );
        let (router, _) = queries::routes().with_state(queries.clone()).split_for_parts();
        let router = router.layer(Extension(Arc::new(Believing) as Arc<dyn SignIn>));
        let (keys, sender) = (Keys::new(key_ring.clone()), Sender::new(log.clone(), clock.clone()));
        Self { log, feed, derived, directory, keys, key_ring, queries, clock, sender, views, router, _files: files }
    }

    pub async fn send<A: Aggregate>(&self, id: &Id<A>, by: &str, command: A::Command) -> Receipt {
        let id_of_command = Uuid::new_v4();
        let cause = Cause {
            actor: by.to_owned(),
            command: id_of_command,
            correlation: id_of_command,
            causation: None,
            request: None,
        };
        self.sender.send(id, &cause, command).await.unwrap()
    }

    /// Opens a trial whose coordinator is `by`.
    pub async fn open_trial(&self, id: &str, title: &str, by: &str) -> Receipt {
        let title = self.keys.seal(&Keys::trial(&trial(id)), title.as_bytes()).await.unwrap();
        let enclosure = Enclosure::Attachment;
        let command = trial::Command::Set { trial: trial(id), by: user(by), title, enclosure };
        self.send(&Trial::id(&trial(id)), by, command).await;
        self.grant(id, by, Role::Coordinator).await
    }

    pub async fn grant(&self, id: &str, to: &str, role: Role) -> Receipt {
        let command = membership::Command::Grant { trial: trial(id), user: user(to), role };
        self.send(&Membership::id(&trial(id), &user(to)), "ada", command).await
    }

    pub async fn revoke(&self, id: &str, from: &str) -> Receipt {
        self.send(&Membership::id(&trial(id), &user(from)), "ada", membership::Command::Revoke).await
    }

    /// What the relay would tell of a record.
    pub async fn observe(&self, stored: Stored<'_>, first_contact: bool) -> Receipt {
        let size_bytes = stored.bytes.len() as u64;
        self.observe_by("ben", stored, size_bytes, first_contact).await
    }

    /// The same, by anybody, of a record that claims any size.
    pub async fn observe_by(&self, by: &str, stored: Stored<'_>, size_bytes: u64, first_contact: bool) -> Receipt {
        let record = json!({"_id": stored.id, "Filename": stored.name}).to_string();
        let record = self.keys.seal(&Keys::document(&stored.id), record.as_bytes()).await.unwrap();
        let reason = self.keys.seal(&Keys::document(&stored.id), b"because").await.unwrap();
        let command = document::Command::Observe {
            document: stored.id.clone(),
            token: Token { epoch: 0, order: stored.order },
            at: self.clock.now(),
            seen: Some(Snapshot {
                trial: stored.trial.map(trial),
                site: Some(Code::or_other(stored.site)),
                kind: Some(Code::or_other("consent")),
                status: None,
                document_date: None,
                size_bytes,
                content: Content::Known(ContentHash::of(stored.bytes.as_bytes())),
                promised: None,
                file: stored.bytes.to_owned(),
                fingerprint: ContentHash::of(format!("{} {:?} {}", stored.name, stored.trial, stored.bytes).as_bytes())
                    .to_string(),
                record,
            }),
            changed: vec!["Filename".to_owned()],
            source: if first_contact { Source::FirstContact } else { Source::Feed },
            reason: Some(reason),
        };
        self.send(&Document::id(&stored.id), by, command).await
    }

    pub async fn remove(&self, id: DocumentId, order: u64) -> Receipt {
        let command = document::Command::Observe {
            document: id.clone(),
            token: Token { epoch: 0, order },
            at: self.clock.now(),
            seen: None,
            changed: vec![],
            source: Source::Feed,
            reason: None,
        };
        self.send(&Document::id(&id), "ben", command).await
    }

    /// What an analysis would give: a text, with a picture where something was found.
    pub async fn analyse(&self, bytes: &str, findings: &[FindingCode]) -> Receipt {
        let content = ContentHash::of(bytes.as_bytes());
        let text = TextMeasures { lines: 1, words: 3, characters: 9, encoding: Encoding::Utf8 };
        let thumbnail =
            (!findings.is_empty()).then(|| Thumbnail { sha256: picture_of(bytes), width_px: 10, height_px: 10 });
        let command = content::Command::RecordAnalysis {
            content: content.clone(),
            algorithm: content::ANALYSIS_VERSION,
            measures: Measures::Text(text),
            findings: findings.to_vec(),
            thumbnail,
        };
        self.send(&ContentState::id(&content), "analyst", command).await
    }

    /// What an analysis gives that measures an image, or gives up on one.
    pub async fn analyse_image(&self, bytes: &str, readable: bool) -> Receipt {
        let content = ContentHash::of(bytes.as_bytes());
        let algorithm = content::ANALYSIS_VERSION;
        let id = ContentState::id(&content);
        let command = if readable {
            let measures = Measures::Image(ImageMeasures {
                format: ImageFormat::Jpeg,
                width_px: 1_000,
                height_px: 1_000,
                orientation: 1,
                luminance_mean_milli: 100_000,
                contrast_milli: 50_000,
                clipped_shadows_ppm: 0,
                clipped_highlights_ppm: 0,
                sharpness_milli: 500_000,
                perceptual_hash: PerceptualHash(1),
            });
            content::Command::RecordAnalysis { content, algorithm, measures, findings: vec![], thumbnail: None }
        } else {
            let (finding, media_type) = (FindingCode::Truncated, Some("image/jpeg".to_owned()));
            content::Command::RecordUnreadable { content, algorithm, finding, media_type }
        };
        self.send(&id, "analyst", command).await
    }

    /// Sets the clock and closes there.
    pub async fn close(&self, instant: &str) -> Receipt {
        self.close_as(instant, true).await
    }

    /// The same, where history may have been lost before.
    pub async fn close_as(&self, instant: &str, complete: bool) -> Receipt {
        let instant = at(instant);
        self.clock.set(instant);
        let log = LogHash { through: None, sha256: "0".repeat(64) };
        let command = clock::Command::Close { instants: vec![instant], moment: None, complete, log };
        self.send(&ClockDay::id(ClockDay::date_of(instant)), "relay", command).await
    }

    pub async fn subscribe(&self, to: &str, who: &str) -> (Id<Subscription>, Receipt) {
        let id = Subscription::id(&trial(to), &user(who), mondays().cadence());
        let command =
            subscription::Command::Start { trial: trial(to), user: user(who), schedule: mondays(), edition: edition() };
        let receipt = self.send(&id, who, command).await;
        (id, receipt)
    }

    /// Steps every view to the end of the log.
    pub async fn fold(&self) {
        for projection in projections::all() {
            let mut projector = Projector::new(projection, self.feed.clone(), self.views.clone());
            while projector.advance().await.unwrap() {}
        }
    }

    pub async fn get(&self, who: &str, path: &str) -> Answered {
        self.get_with(who, path, &[]).await
    }

    pub async fn get_with(&self, who: &str, path: &str, headers: &[(&str, &str)]) -> Answered {
        let mut request = Request::get(path).header("person", who);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.ask(request.body(Body::empty()).unwrap()).await.unwrap()
    }

    /// As [`World::get`], where the answer may break off.
    pub async fn try_get(&self, who: &str, path: &str) -> std::result::Result<Answered, axum::Error> {
        self.ask(Request::get(path).header("person", who).body(Body::empty()).unwrap()).await
    }

    async fn ask(&self, request: Request<Body>) -> std::result::Result<Answered, axum::Error> {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await?;
        Ok(Answered { status: parts.status, headers: parts.headers, bytes })
    }

    /// All items of a list, `limit` at a time.
    pub async fn pages(&self, who: &str, path: &str, limit: usize) -> Vec<Value> {
        let mut items = Vec::new();
        let mut next = String::new();
        let and = if path.contains('?') { '&' } else { '?' };
        loop {
            let page = self.get(who, &format!("{path}{and}limit={limit}{next}")).await.ok();
            let of_page = page["items"].as_array().unwrap();
            assert!(of_page.len() <= limit);
            items.extend(of_page.iter().cloned());
            match page["next"].as_str() {
                Some(cursor) => next = format!("&cursor={cursor}"),
                None => return items,
            }
        }
    }

    /// How many reads of views a request makes.
    pub async fn reads_of(&self, who: &str, path: &str) -> usize {
        let before = self.views.reads.load(Ordering::SeqCst);
        self.get(who, path).await.ok();
        self.views.reads.load(Ordering::SeqCst) - before
    }
}
