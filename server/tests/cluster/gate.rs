//! Stops a process right before a write that it has decided upon, so that it comes too late with it.
//!
//! A gate is a file in a folder that all processes share. The test arms one; the first process that comes to it takes it, tells
//! about its write, and stops until the test lets it go on; then it tells what became of the write.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use ports::{EventLog, Expected, Find, NewEvent, Position, Result, StoredEvent, Table, ViewStore, Write};
use rustix::process::{Signal, getpid, kill_process};
use serde_json::{Value, json};

/// What a stopped process was about to write.
#[derive(Clone, Debug)]
pub struct Stopped {
    pub id: u32,
    /// Of an append: the stream, and the revision of its last event.
    pub stream: String,
    pub revision: u64,
    /// Of a save: where the projection stood.
    pub from: Option<Position>,
}

/// All gates.
#[derive(Clone, Debug)]
pub struct Gates(pub PathBuf);

impl Gates {
    fn file(&self, gate: &str, what: &str) -> PathBuf {
        self.0.join(format!("{gate}.{what}"))
    }

    /// The next process that comes to it stops there.
    pub fn arm(&self, gate: &str) {
        fs::write(self.file(gate, "armed"), "").unwrap();
    }

    pub fn stopped(&self, gate: &str) -> Option<Stopped> {
        let told: Value = serde_json::from_slice(&fs::read(self.file(gate, "stopped")).ok()?).unwrap();
        Some(Stopped {
            id: told["id"].as_u64().unwrap() as u32,
            stream: told["stream"].as_str().unwrap_or_default().to_owned(),
            revision: told["revision"].as_u64().unwrap_or_default(),
            from: serde_json::from_value(told["from"].clone()).unwrap(),
        })
    }

    /// To be followed by SIGCONT.
    pub fn open(&self, gate: &str) {
        fs::write(self.file(gate, "open"), "").unwrap();
    }

    pub fn answer(&self, gate: &str) -> Option<String> {
        fs::read_to_string(self.file(gate, "answer")).ok()
    }

    /// Stops here where the gate is armed. True where it was.
    fn pass(&self, gate: &str, told: impl FnOnce() -> Value) -> bool {
        if fs::rename(self.file(gate, "armed"), self.file(gate, "taken")).is_err() {
            return false;
        }
        let mut told = told();
        told["id"] = json!(std::process::id());
        write_whole(&self.file(gate, "stopped"), &told.to_string());
        kill_process(getpid(), Signal::STOP).unwrap();
        // The signal reaches some other thread first; nothing of this one happens before the gate is open.
        while !self.file(gate, "open").exists() {
            std::thread::sleep(Duration::from_millis(5));
        }
        true
    }

    fn tell(&self, gate: &str, answer: &str) {
        tracing::warn!(gate, answer, "came too late");
        write_whole(&self.file(gate, "answer"), answer);
    }
}

/// Never seen in part.
fn write_whole(path: &Path, text: &str) {
    let passing = path.with_extension("passing");
    fs::write(&passing, text).unwrap();
    fs::rename(passing, path).unwrap();
}

/// A log with a gate before the append of each type of event.
pub struct GatedLog {
    pub log: Arc<dyn EventLog>,
    pub gates: Gates,
}

#[async_trait]
impl EventLog for GatedLog {
    async fn append(&self, stream: &str, expected: Expected, events: &[NewEvent]) -> Result<Position> {
        let told = || json!({"stream": stream, "revision": expected.next() + events.len() as u64 - 1, "from": null});
        let gate = events.first().map(|event| event.kind.clone()).filter(|kind| self.gates.pass(kind, told));
        let Some(gate) = gate else { return self.log.append(stream, expected, events).await };
        // Whoever asked may give up meanwhile, as others of the same batch fail; the test waits for the answer all the same.
        let (log, gates) = (Arc::clone(&self.log), self.gates.clone());
        let (stream, events) = (stream.to_owned(), events.to_vec());
        let late = tokio::spawn(async move {
            let appended = log.append(&stream, expected, &events).await;
            let answer = match &appended {
                Ok(position) => serde_json::to_string(position).unwrap(),
                Err(error) => error.to_string(),
            };
            gates.tell(&gate, &answer);
            appended
        });
        late.await.unwrap()
    }

    async fn read(&self, stream: &str, from: u64) -> Result<Vec<StoredEvent>> {
        self.log.read(stream, from).await
    }
}

/// Views with a gate before each save.
pub struct GatedViews {
    pub views: Arc<dyn ViewStore>,
    pub gates: Gates,
}

#[async_trait]
impl ViewStore for GatedViews {
    async fn get(&self, table: Table, key: &str) -> Result<Option<Bytes>> {
        self.views.get(table, key).await
    }

    async fn find(&self, table: Table, find: &Find) -> Result<Vec<(String, Bytes)>> {
        self.views.find(table, find).await
    }

    async fn position(&self, projection: &str) -> Result<Option<Position>> {
        self.views.position(projection).await
    }

    async fn save(&self, projection: &str, from: Option<Position>, to: Position, writes: Vec<Write>) -> Result<()> {
        let was_stopped = self.gates.pass(projection, || json!({"from": from}));
        let saved = self.views.save(projection, from, to, writes).await;
        if was_stopped {
            self.gates.tell(projection, &saved.as_ref().map_or_else(ToString::to_string, |()| "saved".to_owned()));
        }
        saved
    }

    async fn moved(&self, projection: &str, seen: Option<Position>) {
        self.views.moved(projection, seen).await;
    }
}
