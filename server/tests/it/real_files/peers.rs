//! Other people's programs: how they are found and asked.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

const SMTP_SERVER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../adapters/tests/peers/smtp_server.py");

/// The peer of the image measures.
pub const MEASURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../processors/tests/peers/measures.py");

/// A peer of these tests.
pub fn peer(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers").join(name)
}

/// What `scripts/test` installs and names; without it these tests cannot say anything.
pub fn named(variable: &str) -> PathBuf {
    let value = std::env::var_os(variable);
    value
        .unwrap_or_else(|| panic!("{variable} is not set: run scripts/test, which installs the peers and names them"))
        .into()
}

/// The files of a folder, in order of their names, without those below it.
pub fn files_in(folder: &Path, largest_bytes: u64) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let fits = |entry: &std::fs::DirEntry| {
        let metadata = entry.metadata().unwrap();
        metadata.is_file() && metadata.len() <= largest_bytes
    };
    let mut files: Vec<PathBuf> = entries.filter(fits).map(|entry| entry.path()).collect();
    files.sort();
    files
}

/// Runs a program that must succeed; what it printed.
pub async fn run(program: &Path, arguments: &[impl AsRef<OsStr>]) -> String {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().await;
    let output = output.unwrap_or_else(|e| panic!("{} does not start ({e}): run scripts/test", program.display()));
    assert!(output.status.success(), "{}: {}", program.display(), String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Runs a Python program that prints a line of JSON for each thing it was asked about.
pub async fn ask<T: DeserializeOwned>(script: &Path, arguments: &[impl AsRef<OsStr>]) -> Vec<T> {
    let mut all = vec![script.as_os_str()];
    all.extend(arguments.iter().map(AsRef::as_ref));
    let said = run(&named("TRIALBRIEF_PYTHON"), &all).await;
    said.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
}

/// A mail server with encryption and authentication (aiosmtpd); dropping it ends it.
pub struct MailServer {
    folder: TempDir,
    told: Told,
    _process: Child,
}

#[derive(Deserialize)]
struct Told {
    starttls: u16,
    ca: String,
}

impl MailServer {
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut process = Command::new(named("TRIALBRIEF_PYTHON"))
            .arg(SMTP_SERVER)
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("TRIALBRIEF_PYTHON names a Python");
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).await.unwrap();
        let told = serde_json::from_str(&line).expect("the server tells its ports; see its error above");
        Self { folder, told, _process: process }
    }

    /// Its address: STARTTLS, a password, and its own authority.
    pub fn url(&self) -> String {
        format!("smtp://user:p%40ss%2Fword@localhost:{}?ca={}&timeout=10", self.told.starttls, self.told.ca)
    }

    /// Sender, recipient and message of each mail that arrived.
    pub fn mails(&self) -> Vec<(String, String, Vec<u8>)> {
        let read = |path: PathBuf| {
            let mail = std::fs::read(path).unwrap();
            let mut lines = mail.splitn(3, |byte| *byte == b'\n');
            let mut line = || lines.next().unwrap().to_vec();
            let [from, to] = [line(), line()].map(|line| String::from_utf8(line).unwrap());
            (from, to, line())
        };
        files_in(&self.folder.path().join("mails"), u64::MAX).into_iter().map(read).collect()
    }
}
