//! A Trialbrief over the embedded adapters in a temporary directory, asked over HTTP.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::body::{Body, Bytes};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use axum::{Extension, Router};
use commands::{Commands, Observed, Openers, document_of_record};
use domain::access::Role;
use domain::document::Source;
use domain::id::{DocumentId, TrialId, UserId};
use domain::membership::{self, Membership};
use domain::trial::{self, Enclosure, Trial};
use futures::StreamExt;
use futures::stream::BoxStream;
use http::{Caller, Problem, SignIn};
use jiff::{SignedDuration, Timestamp};
use ports::{
    ByteStream, Change, Clock, Directory, DocumentStore, EventFeed, FileBody, FileEntry, FileKey, FileStore, Record,
    RecordFilter, Result, Step, ViewStore, Worker,
};
use processors::sweeper::Sweeper;
use projections::{Projector, all};
use queries::Queries;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::watch;
use tower::ServiceExt;

/// The largest upload in these tests, in bytes.
pub const LIMIT: u64 = 1_000_000;

/// Who has which role: `anna` coordinates T-1 and T-2, `carl` contributes to T-1, `rita` reads T-1.
pub const MEMBERS: [(&str, &str, Role); 4] = [
    ("anna", "T-1", Role::Coordinator),
    ("anna", "T-2", Role::Coordinator),
    ("carl", "T-1", Role::Contributor),
    ("rita", "T-1", Role::Reader),
];

/// The originals, watched.
pub struct Watched {
    inner: Arc<dyn FileStore>,
    /// Keys with this beginning must not be touched.
    forbidden: Mutex<Option<String>>,
    puts: Mutex<Vec<String>>,
    /// While it is set, nothing can be deleted.
    pub stuck: AtomicBool,
    /// While it is set, files are listed that are gone when one looks again.
    pub vanishing: AtomicBool,
    /// While it is set, the store gives links.
    pub linking: AtomicBool,
    /// Counts the puts that have ended, one way or the other.
    ended: watch::Sender<usize>,
}

/// Counts a put as ended when it is dropped: its future may be, half way through.
struct Ends<'a>(&'a watch::Sender<usize>);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|ended| *ended += 1);
    }
}

impl Watched {
    /// Panics from now on when a key with this beginning is touched.
    pub fn forbid(&self, beginning: &str) {
        *self.forbidden.lock().unwrap() = Some(beginning.to_owned());
    }

    pub fn puts(&self) -> usize {
        self.puts.lock().unwrap().len()
    }

    /// Waits until so many puts have ended.
    pub async fn ended(&self, puts: usize) {
        self.ended.subscribe().wait_for(|ended| *ended >= puts).await.unwrap();
    }

    fn touch(&self, key: &str) {
        let forbidden = self.forbidden.lock().unwrap().clone();
        assert!(forbidden.is_none_or(|forbidden| !key.starts_with(&forbidden)), "{key} was touched");
    }
}

#[async_trait]
impl FileStore for Watched {
    async fn put(&self, key: &FileKey, body: ByteStream) -> Result<u64> {
        self.touch(key.as_str());
        self.puts.lock().unwrap().push(key.to_string());
        let _ends = Ends(&self.ended);
        self.inner.put(key, body).await
    }

    async fn get(&self, key: &FileKey, range: Option<std::ops::Range<u64>>) -> Result<Option<FileBody>> {
        self.touch(key.as_str());
        self.inner.get(key, range).await
    }

    async fn size(&self, key: &FileKey) -> Result<Option<u64>> {
        self.touch(key.as_str());
        if self.vanishing.load(Ordering::SeqCst) {
            return Ok(None);
        }
        self.inner.size(key).await
    }

    async fn delete(&self, key: &FileKey) -> Result<()> {
        self.touch(key.as_str());
        if self.stuck.load(Ordering::SeqCst) {
            return Err(ports::Error::Unavailable("stuck".to_owned()));
        }
        self.inner.delete(key).await
    }

    fn list(&self, prefix: &str) -> BoxStream<'static, Result<FileEntry>> {
        self.touch(prefix);
        self.inner.list(prefix)
    }

    async fn link(&self, key: &FileKey, disposition: &str, media_type: &str) -> Result<Option<String>> {
        self.touch(key.as_str());
        let links = self.linking.load(Ordering::SeqCst);
        Ok(links.then(|| format!("https://files.example/{key}?{disposition}&{media_type}")))
    }
}

/// Signs in whom the header `user` names.
struct ByHeader;

#[async_trait]
impl SignIn for ByHeader {
    async fn user(&self, parts: &Parts) -> std::result::Result<Option<UserId>, Problem> {
        let user = parts.headers.get("user").and_then(|user| user.to_str().ok());
        Ok(user.map(|user| UserId::parse("user", user)).transpose()?)
    }
}

/// What was answered.
#[derive(Debug)]
pub struct Answered {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub bytes: Bytes,
}

impl Answered {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|e| panic!("{e}: {:?}", self.bytes))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name}: {self:?}")).to_str().unwrap()
    }

    pub fn id(&self) -> String {
        self.json()["_id"].as_str().unwrap_or_else(|| panic!("{self:?}")).to_owned()
    }

    /// Asserts a problem of this status that names this field.
    #[track_caller]
    pub fn refused(&self, status: u16, field: &str) -> Value {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["field"].as_str().unwrap_or_default(), field, "{problem}");
        problem
    }

    #[track_caller]
    pub fn ok(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        self
    }
}

pub struct World {
    pub clock: Clock,
    pub documents: Arc<dyn DocumentStore>,
    pub files: Arc<Watched>,
    pub derived: Arc<dyn FileStore>,
    pub views: Arc<dyn ViewStore>,
    pub commands: Commands,
    pub people: Arc<dyn Directory>,
    feed: Arc<dyn EventFeed>,
    pub router: Router,
    _directory: TempDir,
}

impl World {
    pub async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Clock::simulated("2026-11-23T08:00:00Z".parse::<Timestamp>().unwrap());
        let at = |scheme: &str, name: &str| format!("{scheme}:{}/{name}", directory.path().display());
        let (log, feed) = adapters::event_log::open(&at("sqlite", "events.db"), &clock).await.unwrap();
        let documents = adapters::document_store::open(&at("sqlite", "documents.db"), &clock).await.unwrap();
        let views = adapters::view_store::open(&at("sqlite", "views.db"), &clock).await.unwrap();
        let people = adapters::directory::open(&at("sqlite", "people.db"), &clock).await.unwrap();
        let keys = adapters::key_ring::open(&at("sqlite", "keys.db"), &clock).await.unwrap();
        let (originals, derived) = adapters::file_store::open(&at("file", "files"), &clock).await.unwrap();
        let files = Arc::new(Watched {
            inner: originals,
            forbidden: Mutex::default(),
            puts: Mutex::default(),
            stuck: AtomicBool::default(),
            vanishing: AtomicBool::default(),
            linking: AtomicBool::default(),
            ended: watch::Sender::default(),
        });
        let commands = Commands::new(
            Arc::clone(&log),
            Arc::clone(&documents),
            Arc::clone(&files) as Arc<dyn FileStore>,
            Arc::clone(&people),
            Arc::clone(&keys),
            clock.clone(),
            commands::Settings {
                bucket: "trialbrief".to_owned(),
                largest_upload_bytes: LIMIT,
                openers: Openers::Anyone,
            },
        );
        let queries = Queries::new(
            Arc::clone(&views),
            log,
            Arc::clone(&feed),
            Arc::clone(&documents),
            Arc::clone(&files) as Arc<dyn FileStore>,
            Arc::clone(&derived),
            Arc::clone(&people),
            keys,
            clock.clone(),
            queries::Settings { bucket: "trialbrief".to_owned(), base_url: "http://localhost".to_owned() },
        );
        let (commanding, _) = commands::routes().with_state(commands.clone()).split_for_parts();
        let (querying, _) = queries::routes().with_state(queries).split_for_parts();
        let sign_in: Arc<dyn SignIn> = Arc::new(ByHeader);
        let router = commanding.merge(querying).layer(Extension(sign_in));
        let world =
            Self { clock, documents, files, derived, views, commands, people, feed, router, _directory: directory };
        world.open_trials().await;
        world
    }

    async fn open_trials(&self) {
        let anna = Caller::unkeyed(UserId::parse("user", "anna").unwrap());
        for (user, trial, role) in MEMBERS {
            let trial = TrialId::parse("trial", trial).unwrap();
            let title = self.commands.keys.seal("trial/x", b"A trial").await.unwrap();
            let by = anna.user.clone();
            let set = trial::Command::Set { trial: trial.clone(), by, title, enclosure: Enclosure::default() };
            let cause = Caller::unkeyed(anna.user.clone()).cause(&());
            self.commands.sender.send(&Trial::id(&trial), &cause, set).await.unwrap();
            set_role(&self.commands, trial.as_str(), user, Some(role)).await;
        }
    }

    pub async fn close_trial(&self, trial: &str) {
        let trial = TrialId::parse("trial", trial).unwrap();
        let cause = Caller::unkeyed(UserId::parse("user", "anna").unwrap()).cause(&());
        self.commands.sender.send(&Trial::id(&trial), &cause, trial::Command::Close { reason: None }).await.unwrap();
    }

    pub async fn send(&self, request: Request<Body>) -> Answered {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        Answered { status: parts.status, headers: parts.headers, bytes }
    }

    /// Asks as somebody, with further headers.
    pub async fn ask(&self, user: &str, method: &str, path: &str, headers: &[(&str, &str)], body: Body) -> Answered {
        let mut request = Request::builder().method(method.parse::<Method>().unwrap()).uri(path).header("user", user);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(body).unwrap()).await
    }

    pub async fn get(&self, user: &str, path: &str) -> Answered {
        self.ask(user, "GET", path, &[], Body::empty()).await
    }

    pub async fn patch(&self, user: &str, id: &str, headers: &[(&str, &str)], patch: &Value) -> Answered {
        let headers = [&[("content-type", "application/merge-patch+json")], headers].concat();
        self.ask(user, "PATCH", &format!("/api/documents/{id}"), &headers, Body::from(patch.to_string())).await
    }

    pub async fn delete(&self, user: &str, id: &str, headers: &[(&str, &str)]) -> Answered {
        self.ask(user, "DELETE", &format!("/api/documents/{id}"), headers, Body::empty()).await
    }

    /// Stores a bare file as carl in T-1.
    pub async fn store(&self, query: &str, content_type: &str, bytes: &[u8]) -> Answered {
        let path = format!("/api/documents?{query}");
        let headers = [("content-type", content_type)];
        self.ask("carl", "POST", &path, &headers, Body::from(bytes.to_vec())).await
    }

    /// Stores a small text as anna, and answers its record.
    pub async fn stored(&self, trial: &str, text: &str) -> Value {
        let path = format!("/api/documents?TrialId={trial}&Filename={text}.txt");
        let body = Body::from(text.to_owned());
        self.ask("anna", "POST", &path, &[("content-type", "text/plain")], body).await.ok(201).json()
    }

    /// Writes a record as another program does.
    pub async fn insert(&self, record: Value) {
        self.documents.insert(&serde_json::from_value(record).unwrap()).await.unwrap();
    }

    pub async fn put_file(&self, key: &str, bytes: &'static [u8]) {
        let body = futures::stream::iter([Ok(Bytes::from_static(bytes))]).boxed();
        self.files.inner.put(&FileKey::new(key).unwrap(), body).await.unwrap();
    }

    pub async fn record(&self, id: &str) -> Option<Record> {
        self.documents.get(id).await.unwrap()
    }

    pub async fn records(&self) -> Vec<Record> {
        self.documents.list(&RecordFilter::default(), None, 10_000).await.unwrap()
    }

    /// Keys of all originals.
    pub async fn keys(&self) -> Vec<String> {
        self.files.inner.list("").map(|entry| entry.unwrap().key.to_string()).collect().await
    }

    pub async fn file_exists(&self, location: &Value) -> bool {
        let key = location.as_str().unwrap().strip_prefix("s3://trialbrief/").unwrap();
        self.files.inner.size(&FileKey::new(key).unwrap()).await.unwrap().is_some()
    }

    /// Tells the log what happened to the collection, and the views what happened in the log.
    pub async fn observe(&self) {
        let mut changes = self.documents.changes();
        while let Some(change) = changes.next().await {
            let Change::Seen { id, token, at, before, after, place } = change.unwrap() else { continue };
            let record = after.as_ref().or(before.as_ref()).unwrap();
            let document: DocumentId = document_of_record(record).unwrap_or_else(|| panic!("{id}"));
            let observed = Observed { document, token, stored_at: at, before, after, source: Source::Feed };
            self.commands.observe(&observed, observed.changed_at()).await.unwrap();
            self.documents.acknowledge(&place).await.unwrap();
        }
        for projection in all() {
            let mut projector = Projector::new(projection, Arc::clone(&self.feed), Arc::clone(&self.views));
            while projector.advance().await.unwrap() {}
        }
    }

    pub fn pass(&self, hours: i64) {
        self.clock.set(self.clock.now() + SignedDuration::from_hours(hours));
    }

    /// Sweeps once from beginning to end.
    pub async fn sweep(&self) -> Result<()> {
        let mut sweeper = Sweeper::new(
            self.commands.clone(),
            Arc::clone(&self.documents),
            Arc::clone(&self.files) as Arc<dyn FileStore>,
            "trialbrief".to_owned(),
            SignedDuration::from_hours(1),
        );
        while sweeper.step(self.clock.now()).await? == Step::Worked {}
        Ok(())
    }
}

/// Gives somebody a role in a trial, or takes it.
pub async fn set_role(commands: &Commands, trial: &str, user: &str, role: Option<Role>) {
    let (trial, user) = (TrialId::parse("trial", trial).unwrap(), UserId::parse("user", user).unwrap());
    let id = Membership::id(&trial, &user);
    let command = match role {
        Some(role) => membership::Command::Grant { trial, user, role },
        None => membership::Command::Revoke,
    };
    let cause = Caller::unkeyed(UserId::parse("user", "anna").unwrap()).cause(&());
    commands.sender.send(&id, &cause, command).await.unwrap();
}

/// A form of fields and files: name, file name, value.
pub fn form(parts: &[(&str, Option<&str>, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, filename, value) in parts {
        body.extend_from_slice(format!("--frontier\r\nContent-Disposition: form-data; name=\"{name}\"").as_bytes());
        if let Some(filename) = filename {
            body.extend_from_slice(format!("; filename=\"{filename}\"\r\nContent-Type: text/plain").as_bytes());
        }
        body.extend_from_slice(b"\r\n\r\n");
        body.extend_from_slice(value);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--frontier--\r\n");
    body
}

/// The header that goes with [`form`].
pub const FORM: (&str, &str) = ("content-type", "multipart/form-data; boundary=frontier");

/// A record as another program writes it, with nothing but what was given.
pub fn given(id: &str, location: &str) -> Value {
    json!({"_id": id, "Filename": "scan.txt", "FileLocation": location, "Size": 3, "MD5": "0".repeat(32)})
}
