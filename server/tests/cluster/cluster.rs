//! All servers and processes of a run.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use ports::{Clock, Person, Ports};
use tempfile::TempDir;
use test_servers::{Server, installed, kurrentdb, mongodb, nats, s3};
use trialbrief::wire::{self, Urls};

use crate::child::{LISTEN, PLACE, Place, ROLES};
use crate::client;
use crate::gate::Gates;

/// The processes: at least two of each role.
const PROCESSES: [&str; 11] = [
    "api",
    "api",
    "relay,projector",
    "relay,projector",
    "scheduler,dispatcher",
    "scheduler,dispatcher",
    "analyst,renderer",
    "analyst,renderer",
    "mailer",
    "mailer",
    "mailer",
];

/// A folder in which each run leaves what its processes told; nowhere where it is not set.
const LOGS: &str = "TRIALBRIEF_CLUSTER_LOGS";

pub struct Process {
    pub roles: &'static str,
    pub server: Server,
}

impl Process {
    pub fn has(&self, role: &str) -> bool {
        self.roles.split(',').any(|own| own == role)
    }
}

pub struct Cluster {
    pub processes: Vec<Process>,
    /// KurrentDB's stand-in, MongoDB's, S3 and NATS.
    pub servers: [(&'static str, Server); 4],
    sink: Server,
    pub place: Place,
    /// The test's own way to everything.
    pub ports: Ports,
    pub database: ::mongodb::Database,
    pub clock: Clock,
    _gates: TempDir,
}

impl Cluster {
    /// Starts everything, and waits until every process serves.
    pub async fn start(ahead: SignedDuration) -> Self {
        let servers = [
            ("kurrentdb", kurrentdb::start(&[])),
            ("mongodb", mongodb::start(&["--sync-on-commit"])),
            ("s3", s3::start()),
            ("nats", nats::start(&[])),
        ];
        let sink = sink();
        let name = "cluster";
        let gates = tempfile::tempdir().unwrap();
        s3::client(&servers[2].1).create_bucket().bucket(name).send().await.unwrap();
        let mongodb = mongodb::url(&servers[1].1, name);
        let urls = Urls {
            events: kurrentdb::url(&servers[0].1, name),
            documents: mongodb.clone(),
            views: mongodb.clone(),
            directory: mongodb.clone(),
            keys: mongodb.clone(),
            files: s3::url(&servers[2].1, name),
            // Taken work comes back as soon as a role does.
            queue: format!("{}&ack_wait=8", nats::url(&servers[3].1, name)),
            mail: format!("smtp://{}?tls=none&timeout=3&answer_timeout=5", sink.address()),
        };
        let clock = Clock::at_distance(ahead);
        let ports = wire::connect(&urls, clock.clone()).await.unwrap();
        let database = ::mongodb::Client::with_uri_str(&mongodb).await.unwrap().database(name);
        let place = Place { urls, ahead, gates: Gates(gates.path().to_owned()) };
        let processes = PROCESSES.map(|roles| Process { roles, server: process(roles, &place) }).into();
        let cluster = Self { processes, servers, sink, place, ports, database, clock, _gates: gates };
        for process in &cluster.processes {
            process.server.begin();
        }
        cluster.all_serve().await;
        cluster
    }

    /// Waits until every process serves, and each of its workers does what it should.
    pub async fn all_serve(&self) {
        for process in &self.processes {
            let is_ready = async || {
                let told = readiness(process.server.address()).await;
                told.is_some_and(|told| told["ready"] == true)
            };
            wait_for(&format!("{} serves", process.roles), Duration::from_secs(60), is_ready).await;
        }
    }

    pub fn apis(&self) -> Vec<SocketAddr> {
        self.processes.iter().filter(|process| process.has("api")).map(|process| process.server.address()).collect()
    }

    pub async fn add_people(&self, users: impl Iterator<Item = String>) {
        for user in users {
            let address = Some(format!("{user}@example.org"));
            let person = Person { name: format!("Person {user}"), user, address, active: true };
            self.ports.directory.save(&person).await.unwrap();
        }
    }

    /// Message-IDs that the mail server accepted, one for each time.
    pub fn accepted(&self) -> Vec<String> {
        let accepted = std::fs::read_to_string(self.sink.folder().join("accepted")).unwrap_or_default();
        accepted.lines().map(ToOwned::to_owned).collect()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let Some(folder) = std::env::var_os(LOGS) else { return };
        std::fs::create_dir_all(&folder).unwrap();
        let servers = self.servers.iter().map(|(name, server)| (*name, server));
        let processes = self.processes.iter().map(|process| (process.roles, &process.server));
        for (n, (name, server)) in servers.chain(processes).enumerate() {
            std::fs::write(Path::new(&folder).join(format!("{n}-{name}.log")), server.printed()).unwrap();
        }
    }
}

fn sink() -> Server {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/mail_sink.py");
    Server::start("sink", installed("python"), vec![], |port, folder| {
        vec![script.to_owned(), port.to_string(), folder.join("accepted").display().to_string()]
    })
}

/// This very program, as one process of the cluster.
fn process(roles: &'static str, place: &Place) -> Server {
    let program = std::env::current_exe().unwrap().display().to_string();
    let environment = vec![(ROLES, roles.to_owned()), (PLACE, place.to_json())];
    Server::at_rest("process", "/usr/bin/env".into(), environment, |port, _| {
        let listen = format!("{LISTEN}=127.0.0.1:{port}");
        let arguments = [&listen, &program, "--exact", "one_process_of_the_cluster", "--nocapture"];
        arguments.map(|argument| argument.to_owned()).into()
    })
}

#[expect(clippy::disallowed_methods, reason = "how long the processes themselves take")]
pub fn now() -> Instant {
    Instant::now()
}

/// Waits until something holds; answers how long it took.
pub async fn wait_for(what: &str, within: Duration, mut holds: impl AsyncFnMut() -> bool) -> Duration {
    let began = now();
    while !holds().await {
        assert!(began.elapsed() < within, "not within {within:?}: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    began.elapsed()
}

/// What a process says of itself at `/readyz`, whether or not it is ready.
pub async fn readiness(address: SocketAddr) -> Option<serde_json::Value> {
    let ready = client::Ask {
        user: String::new(),
        method: "GET",
        path: "/readyz".to_owned(),
        content_type: "application/json",
        key: "none".to_owned(),
        body: Vec::new(),
    };
    let (_, body) = client::ask(address, &ready).await.ok()?;
    serde_json::from_slice(&body).ok()
}
