//! One Trialbrief under a simulated clock, asked over its router; and the workers that bring it on, here or in processes of their
//! own.

use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use futures::TryStreamExt;
use jiff::Timestamp;
use ports::{Accepted, Categories, Clock, Error, Fed, Mail, Mailer, NotSent, Ports, Position, Step, Worker};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower::ServiceExt;
use trialbrief::app::{self, App, AppSettings};
use trialbrief::config::{self, Sources};
use trialbrief::wire::{self, Urls};

/// What a process of workers is started with: this word, the URLs, the instant, and the workers' names.
pub const WORK: &str = "work";
/// What it prints when it is ready.
const READY: &str = "ready";
/// A phase that takes longer has gone wrong.
const AT_MOST: Duration = Duration::from_secs(900);

/// Takes every mail at once: what is measured is what comes before.
struct Accepting;

#[async_trait]
impl Mailer for Accepting {
    async fn send(&self, _mail: &Mail) -> Result<Accepted, NotSent> {
        Ok(Accepted { reply: "250 2.0.0 Ok".to_owned(), queue_id: None })
    }
}

/// A Trialbrief.
pub struct World {
    pub ports: Ports,
    pub app: App,
    urls: Urls,
    settings: AppSettings,
}

impl World {
    pub async fn open(urls: &Urls, now: Timestamp) -> Self {
        let ports = Ports { mailer: Arc::new(Accepting), ..wire::connect(urls, Clock::simulated(now)).await.unwrap() };
        let configured = config::load(&Sources::default()).unwrap().settings;
        let settings = AppSettings { largest_upload_bytes: 64 << 20, ..AppSettings::of(&configured).unwrap() };
        let app = app::build(&ports, &settings);
        Self { ports, app, urls: urls.clone(), settings }
    }

    /// Asks over HTTP; anything but success ends the bench.
    pub async fn ask(&self, user: &str, request: Request<Body>) -> Value {
        let mut request = request;
        let headers = request.headers_mut();
        headers.insert("host", "127.0.0.1".parse().unwrap());
        headers.insert("trialbrief-person", user.parse().unwrap());
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 1))));
        let response = self.app.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        assert!(status.is_success(), "{status} {}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).unwrap()
    }

    pub async fn send(&self, user: &str, method: &str, path: &str, body: &Value) -> Value {
        let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        self.ask(user, request.body(Body::from(body.to_string())).unwrap()).await
    }

    /// Workers of their own, of these names, as another process would have them.
    pub fn workers(&self, names: &[&str]) -> Vec<Box<dyn Worker>> {
        let all = app::build(&self.ports, &self.settings).workers;
        all.into_iter().filter(|worker| names.contains(&worker.name())).collect()
    }

    /// Steps workers of these names, one after another, until none finds anything to do.
    pub async fn settle(&self, names: &[&str]) {
        ports::settle(&mut self.workers(names), self.ports.clock.now()).await.unwrap();
    }

    /// The end of the log, and how many events it has.
    pub async fn end(&self) -> (Option<Position>, usize) {
        let fed: Vec<Fed> = self.ports.feed.read(None, Categories::ALL).try_collect().await.unwrap();
        let events = fed.iter().filter(|fed| matches!(fed, Fed::Event(_))).count();
        let last = fed.last().map(|fed| match fed {
            Fed::Event(event) => event.position,
            Fed::Passed(position) => *position,
        });
        (last, events)
    }

    /// Waits until so many events of some kinds stand behind a place of the log.
    pub async fn happened(&self, mut place: Option<Position>, kinds: &[&str], count: usize) {
        let waiting = async {
            let mut seen = 0;
            while seen < count {
                let mut feed = self.ports.feed.read(place, Categories::ALL);
                while let Some(fed) = feed.try_next().await.unwrap() {
                    place = Some(match fed {
                        Fed::Event(event) => {
                            seen += usize::from(kinds.contains(&event.event.kind.as_str()));
                            event.position
                        }
                        Fed::Passed(position) => position,
                    });
                }
                if seen < count {
                    self.ports.feed.grown(place).await;
                }
            }
        };
        tokio::time::timeout(AT_MOST, waiting).await.unwrap_or_else(|_| panic!("{count} {kinds:?} did not happen"));
    }

    /// Drives workers of these names in this process, each by itself.
    pub fn drive(&self, names: &[&str]) -> Driven {
        let (stop, stopped) = watch::channel(false);
        let mut working = JoinSet::new();
        for worker in self.workers(names) {
            working.spawn(drive(worker, self.ports.clock.clone(), stopped.clone()));
        }
        Driven { stop, working }
    }

    /// Drives workers of these names in a process of their own, and waits until it is ready.
    pub async fn spawn(&self, names: &[&str]) -> Child {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let Urls { events, documents, views, directory, keys, files, queue, mail } = &self.urls;
        command.arg(WORK).args([events, documents, views, directory, keys, files, queue, mail]);
        command.arg(self.ports.clock.now().to_string()).args(names);
        let mut child = command.stdout(Stdio::piped()).stdin(Stdio::null()).kill_on_drop(true).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert_eq!(lines.next_line().await.unwrap().as_deref(), Some(READY), "{names:?} did not start");
        child
    }
}

/// What a process of workers does until it is killed.
pub async fn work(mut arguments: impl Iterator<Item = String>) {
    let mut next = || arguments.next().unwrap();
    let urls = Urls {
        events: next(),
        documents: next(),
        views: next(),
        directory: next(),
        keys: next(),
        files: next(),
        queue: next(),
        mail: next(),
    };
    let now = next().parse().unwrap();
    let names: Vec<String> = arguments.collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut driven = World::open(&urls, now).await.drive(&names);
    #[expect(clippy::print_stdout, reason = "it is what the other process waits for")]
    {
        println!("{READY}");
    }
    while driven.working.join_next().await.is_some() {}
}

/// Workers that are driven in this process.
pub struct Driven {
    stop: watch::Sender<bool>,
    working: JoinSet<()>,
}

impl Driven {
    /// Stops them when their step is done.
    pub async fn stop(mut self) {
        // Nobody listens where all have ended.
        let _ = self.stop.send(true);
        while let Some(ended) = self.working.join_next().await {
            ended.unwrap();
        }
    }
}

async fn drive(mut worker: Box<dyn Worker>, clock: Clock, mut stopped: watch::Receiver<bool>) {
    while !*stopped.borrow() {
        match worker.step(clock.now()).await {
            Ok(Step::Worked) => {}
            Ok(Step::Idle { .. }) => tokio::select! {
                () = worker.wake() => {}
                // The sender is gone with the bench.
                _ = stopped.changed() => {}
            },
            Err(Error::Conflict(_) | Error::Unavailable(_)) => tokio::task::yield_now().await,
            Err(error) => panic!("{}: {error}", worker.name()),
        }
    }
}
