//! Starts and stops the servers that tests run against, on free ports of 127.0.0.1, each with a folder of its own.
//!
//! A server is killed when it is dropped, and when the process that started it ends in whatever way. `shared()` of each module
//! gives the one that all tests of a process use: each test keeps to a database, bucket or prefix of its own.

#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    reason = "support of tests: what goes wrong here fails the test that asked"
)]

pub mod kurrentdb;
pub mod mongodb;
pub mod nats;
pub mod s3;

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// How long a server may take to open its port.
const STARTS_WITHIN: Duration = Duration::from_secs(30);

/// A server's process, which can be killed, paused and started again with the same ports and the same folder.
#[derive(Debug)]
pub struct Server {
    name: &'static str,
    program: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(&'static str, String)>,
    address: SocketAddr,
    folder: TempDir,
    process: Mutex<Option<Child>>,
}

impl Server {
    /// Starts a program and waits until it opens its port. `arguments` is given the port and the folder.
    pub fn start(
        name: &'static str,
        program: PathBuf,
        environment: Vec<(&'static str, String)>,
        arguments: impl FnOnce(u16, &Path) -> Vec<String>,
    ) -> Self {
        let server = Self::at_rest(name, program, environment, arguments);
        server.go_on();
        server
    }

    /// A program that is not started yet. `arguments` is given the port and the folder.
    pub fn at_rest(
        name: &'static str,
        program: PathBuf,
        environment: Vec<(&'static str, String)>,
        arguments: impl FnOnce(u16, &Path) -> Vec<String>,
    ) -> Self {
        let folder = tempfile::Builder::new().prefix(name).tempdir().expect("a folder for a server");
        let port = free_port();
        Self {
            name,
            program,
            arguments: arguments(port, folder.path()),
            environment,
            address: SocketAddr::from(([127, 0, 0, 1], port)),
            folder,
            process: Mutex::new(None),
        }
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its folder; what it prints is in `log` in it.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The id of its process, while it runs.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(Child::id)
    }

    /// Ends it at once, as a machine that loses its power; what it had synced stays.
    pub fn kill(&self) {
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mut child) = process.take() {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Starts it (again), and waits until it opens its port.
    pub fn go_on(&self) {
        self.begin();
        let began = Instant::now();
        while TcpStream::connect_timeout(&self.address, Duration::from_millis(200)).is_err() {
            assert!(
                !self.has_ended() && began.elapsed() < STARTS_WITHIN,
                "{} does not open {}\n{}",
                self.name,
                self.address,
                self.printed()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Starts it (again), and does not wait for anything.
    pub fn begin(&self) {
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        if process.is_some() {
            return;
        }
        let log = std::fs::File::options().create(true).append(true).open(self.folder.path().join("log"));
        let log = log.expect("a log file");
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).arg(&self.program).args(&self.arguments);
        command.envs(self.environment.iter().map(|(name, value)| (name, value))).current_dir(self.folder.path());
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("a log file")).stderr(log);
        *process = Some(spawn(command));
    }

    /// Whether it was started and ended by itself.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        process.as_mut().is_some_and(|child| child.try_wait().expect("the state of a process").is_some())
    }

    /// Kills it and starts it again with further arguments.
    pub fn restart_with(&mut self, further: &[&str]) {
        self.kill();
        self.arguments.extend(further.iter().map(|argument| (*argument).to_owned()));
        self.go_on();
    }

    /// Stops it where it is, with its connections open, until [`Server::resume`].
    pub fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on after [`Server::pause`].
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let id = self.id().expect("a running server");
        let pid = Pid::from_raw(i32::try_from(id).expect("a process id")).expect("a process id");
        kill_process(pid, signal).expect("a signal to a server");
    }

    /// What it printed so far.
    #[must_use]
    pub fn printed(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port that nobody listens on now.
#[must_use]
pub fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("its address").port()
}

/// A name that no other test uses: `[a-z0-9-]`, begins with a letter.
#[must_use]
pub fn unique(what: &str) -> String {
    format!("{what}-{}", uuid::Uuid::new_v4().simple())
}

/// A program that `scripts/test` installs beside the Python that `TRIALBRIEF_PYTHON` names.
#[must_use]
pub fn installed(program: &str) -> PathBuf {
    let python = std::env::var_os("TRIALBRIEF_PYTHON").unwrap_or_else(|| {
        panic!("TRIALBRIEF_PYTHON is not set: run scripts/test, which installs {program} and names it")
    });
    let path = Path::new(&python).with_file_name(program);
    assert!(path.exists(), "{} is missing: run scripts/test, which installs it", path.display());
    path
}

/// Starts a process that ends with ours. The kernel ties a child's end to the thread that started it, so that thread must live as
/// long as we do.
fn spawn(command: Command) -> Child {
    type Order = (Command, Sender<Child>);
    static SPAWNER: OnceLock<Mutex<Sender<Order>>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (sender, orders) = channel::<Order>();
        std::thread::spawn(move || {
            for (mut command, answer) in orders {
                let child = command.spawn().unwrap_or_else(|e| panic!("{command:?} cannot be started: {e}"));
                let _ = answer.send(child);
            }
        });
        Mutex::new(sender)
    });
    let (sender, answer) = channel();
    let ordered = spawner.lock().unwrap_or_else(PoisonError::into_inner).send((command, sender));
    ordered.expect("the thread that starts processes");
    answer.recv().expect("a process that was started")
}
