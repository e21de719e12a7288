//! Trialbrief in a process of its own, which lives through the script and may be killed at any moment.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use commands::Openers;
use domain::id::UserId;
use jiff::Timestamp;
use ports::{
    Accepted, Clock, EventLog, Expected, Mail, Mailer, NewEvent, NotSent, Person, Ports, Position, StoredEvent,
};
use processors::analysis::isolated::Analyser;
use tower::ServiceExt;
use trialbrief::app::{self, App, AppSettings};
use trialbrief::config::{self, Sources};
use trialbrief::wire::{self, Urls};

use crate::script::{Ask, script, start};

/// Where the child finds its folder, if it is one.
pub const CHILD: &str = "TRIALBRIEF_TEST_CRASHING_CHILD";
/// Behind which write the child hangs, so that it is killed right there: "append 7" or "mail 2", counted in one life.
pub const HANG: &str = "TRIALBRIEF_TEST_HANG";

/// The lines by which the child tells how far it is.
pub const STARTED: &str = "started";
pub const HANGS: &str = "hangs";
pub const APPENDS: &str = " appends in this life";
pub const DONE: &str = "done";

const PEOPLE: [(&str, &str); 4] =
    [("ada", "Ada Berger"), ("ben", "Ben Okafor"), ("chi", "Chiara Nowak"), ("dov", "Dov Lindqvist")];

pub fn settings() -> AppSettings {
    let configured = config::load(&Sources::default()).unwrap().settings;
    AppSettings {
        largest_upload_bytes: 1 << 20,
        roles: trialbrief::roles::Roles::all(),
        openers: Openers::People(vec![UserId::parse("user", "ada").unwrap()]),
        analyser: Analyser::InProcess,
        ..AppSettings::of(&configured).unwrap()
    }
}

/// Every mail that was handed over, by its delivery: one line for each time.
pub fn journal(folder: &Path) -> PathBuf {
    folder.join("mails.journal")
}

/// Tells the parent, or the person who runs the test.
pub fn tell(line: &str) {
    // The test harness may have begun a line of its own. One call, so that lines do not mix.
    std::io::stdout().lock().write_all(format!("\n{line}\n").as_bytes()).unwrap();
}

/// How far the child has come: the step that is next or under way, and its clock.
#[derive(Clone, Copy)]
struct Progress {
    step: usize,
    at: Timestamp,
}

impl Progress {
    fn read(folder: &Path) -> Self {
        let Ok(text) = fs::read_to_string(folder.join("progress")) else { return Self { step: 0, at: start() } };
        let (step, at) = text.split_once(' ').unwrap();
        Self { step: step.parse().unwrap(), at: at.parse().unwrap() }
    }

    /// Whole or not at all, and durable, before anything happens at the new instant: no clock goes back.
    fn save(self, folder: &Path) {
        let passing = folder.join("progress.incoming");
        let mut file = File::create(&passing).unwrap();
        file.write_all(format!("{} {}", self.step, self.at).as_bytes()).unwrap();
        file.sync_all().unwrap();
        fs::rename(&passing, folder.join("progress")).unwrap();
        File::open(folder).unwrap().sync_all().unwrap();
    }
}

/// Counts writes that are durable, and hangs behind one of them.
struct Gate {
    passed: AtomicUsize,
    hang_behind: Option<usize>,
}

impl Gate {
    fn new(what: &str) -> Self {
        let hang = std::env::var(HANG).unwrap_or_default();
        let hang_behind = hang.strip_prefix(what).map(|count| count.trim().parse().unwrap());
        Self { passed: AtomicUsize::new(0), hang_behind }
    }

    async fn pass(&self) {
        let passed = self.passed.fetch_add(1, Ordering::SeqCst) + 1;
        if self.hang_behind == Some(passed) {
            tell(HANGS);
            std::future::pending::<()>().await;
        }
    }
}

struct GatedLog {
    log: Arc<dyn EventLog>,
    gate: Arc<Gate>,
}

#[async_trait]
impl EventLog for GatedLog {
    async fn append(&self, stream: &str, expected: Expected, events: &[NewEvent]) -> ports::Result<Position> {
        let position = self.log.append(stream, expected, events).await?;
        self.gate.pass().await;
        Ok(position)
    }

    async fn read(&self, stream: &str, from: u64) -> ports::Result<Vec<StoredEvent>> {
        self.log.read(stream, from).await
    }
}

/// Notes each mail before it goes.
struct GatedMailer {
    mailer: Arc<dyn Mailer>,
    journal: PathBuf,
    gate: Gate,
}

#[async_trait]
impl Mailer for GatedMailer {
    async fn send(&self, mail: &Mail) -> Result<Accepted, NotSent> {
        let mut journal = OpenOptions::new().create(true).append(true).open(&self.journal).unwrap();
        journal.write_all(format!("{}\n", mail.id).as_bytes()).unwrap();
        let sent = self.mailer.send(mail).await;
        self.gate.pass().await;
        sent
    }
}

struct Child {
    folder: PathBuf,
    ports: Ports,
    app: App,
    appends: Arc<Gate>,
}

impl Child {
    async fn open(folder: &Path, at: Timestamp) -> Self {
        let urls = Urls::embedded(folder.to_str().unwrap());
        let mut ports = wire::connect(&urls, Clock::simulated(at)).await.unwrap();
        for (user, name) in PEOPLE {
            let address = Some(format!("{user}@example.org"));
            ports
                .directory
                .save(&Person { user: user.to_owned(), name: name.to_owned(), address, active: true })
                .await
                .unwrap();
        }
        let appends = Arc::new(Gate::new("append"));
        ports.log = Arc::new(GatedLog { log: ports.log, gate: Arc::clone(&appends) });
        let mails = Gate::new("mail");
        let mut settings = settings();
        // One at a time, so that where it hangs one delivery is in the air.
        settings.mail.together = if mails.hang_behind.is_some() { 1 } else { settings.mail.together };
        ports.mailer = Arc::new(GatedMailer { mailer: ports.mailer, journal: journal(folder), gate: mails });
        app::catch_up(&ports).await.unwrap();
        let app = app::build(&ports, &settings);
        Self { folder: folder.to_owned(), ports, app, appends }
    }

    /// Lets the time pass to an instant, and tells each instant that it lives through.
    async fn until(&mut self, step: usize, to: Timestamp) {
        loop {
            tell(&format!("{step} at {}", self.ports.clock.now()));
            let next = ports::settle(&mut self.app.workers, self.ports.clock.now()).await.unwrap();
            let now = self.ports.clock.now();
            if now == to {
                return;
            }
            let at = next.filter(|next| *next > now && *next < to).unwrap_or(to);
            Progress { step, at }.save(&self.folder);
            self.ports.clock.set(at);
        }
    }

    async fn ask(&self, ask: &Ask) {
        let mut request = Request::builder()
            .method(ask.method)
            .uri(&ask.path)
            .header("Host", "127.0.0.1:8080")
            .header("Trialbrief-Person", ask.user)
            .header("Content-Type", ask.content_type)
            .header("Idempotency-Key", &ask.key);
        if let Some(reason) = ask.reason {
            request = request.header("Change-Reason", reason);
        }
        let request = request
            .extension(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 40_000))))
            .body(Body::from(ask.body.clone()))
            .unwrap();
        let response = self.app.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        // A deletion that is asked for again finds nothing.
        let is_gone = ask.method == "DELETE" && ask.path.starts_with("/api/documents/") && status == 404;
        assert!(status.is_success() || is_gone, "{} {}: {}", ask.method, ask.path, String::from_utf8_lossy(&body));
    }
}

/// Goes on with the script from where it stands, to its end.
pub async fn live(folder: &Path) {
    tell(STARTED);
    let progress = Progress::read(folder);
    let mut child = Child::open(folder, progress.at).await;
    for (step, moment) in script().iter().enumerate().skip(progress.step) {
        child.until(step, moment.at).await;
        tell(&format!("{step} acts"));
        for ask in &moment.asks {
            child.ask(ask).await;
        }
        ports::settle(&mut child.app.workers, moment.at).await.unwrap();
        Progress { step: step + 1, at: moment.at }.save(folder);
    }
    tell(&format!("{}{APPENDS}", child.appends.passed.load(Ordering::SeqCst)));
    tell(DONE);
}
