//! A migration that ends at any call, or is killed, goes on when it is begun again.

use std::future::Future;
use std::io::{BufRead, BufReader};
use std::ops::Range;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use futures::stream::{self, BoxStream, StreamExt};
use ports::{
    ByteStream, Categories, Change, ChangeToken, Directory, DocumentStore, Error, EventFeed, EventLog, Expected, Fed,
    FileBody, FileEntry, FileKey, FileStore, Key, KeyRing, NewEvent, Person, Place, Ports, Position, Record,
    RecordFilter, Result, StoredEvent,
};

use super::{assert_equal, middle_of_a_week, migrated, source, target};
use crate::setup::Setup;

/// Counts the calls over all ports of a target, and fails from one on.
struct Fuse {
    calls: AtomicU64,
    blows_at: u64,
    then: Then,
}

/// The call itself was carried out; its answer was lost.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    /// As if the program had been killed: nothing after it is carried out.
    Dead,
    /// Everything after it goes well.
    Well,
}

impl Fuse {
    fn new(blows_at: u64, then: Then) -> Arc<Self> {
        Arc::new(Self { calls: AtomicU64::new(0), blows_at, then })
    }

    fn error(&self) -> Error {
        match self.then {
            Then::Dead => Error::Rejected("the fuse has blown".to_owned()),
            Then::Well => Error::Unavailable("the fuse has blown".to_owned()),
        }
    }

    async fn call<T>(&self, call: impl Future<Output = Result<T>>) -> Result<T> {
        let number = self.calls.fetch_add(1, Ordering::SeqCst);
        if number < self.blows_at || (number > self.blows_at && self.then == Then::Well) {
            return call.await;
        }
        if number == self.blows_at {
            call.await?;
        }
        Err(self.error())
    }

    /// A stream breaks off behind its first item.
    fn stream<T: Send + 'static>(&self, items: BoxStream<'static, Result<T>>) -> BoxStream<'static, Result<T>> {
        let number = self.calls.fetch_add(1, Ordering::SeqCst);
        if number < self.blows_at || (number > self.blows_at && self.then == Then::Well) {
            return items;
        }
        items.take(1).chain(stream::iter([Err(self.error())])).boxed()
    }
}

/// A port behind a fuse.
struct Fused<P: ?Sized>(Arc<P>, Arc<Fuse>);

fn fused(ports: &Ports, fuse: &Arc<Fuse>) -> Ports {
    fn behind<P: ?Sized>(port: &Arc<P>, fuse: &Arc<Fuse>) -> Arc<Fused<P>> {
        Arc::new(Fused(Arc::clone(port), Arc::clone(fuse)))
    }
    Ports {
        log: behind(&ports.log, fuse),
        feed: behind(&ports.feed, fuse),
        documents: behind(&ports.documents, fuse),
        originals: behind(&ports.originals, fuse),
        derived: behind(&ports.derived, fuse),
        directory: behind(&ports.directory, fuse),
        keys: behind(&ports.keys, fuse),
        ..ports.clone()
    }
}

#[async_trait]
impl EventLog for Fused<dyn EventLog> {
    async fn append(&self, stream: &str, expected: Expected, events: &[NewEvent]) -> Result<Position> {
        self.1.call(self.0.append(stream, expected, events)).await
    }
    async fn read(&self, stream: &str, from: u64) -> Result<Vec<StoredEvent>> {
        self.1.call(self.0.read(stream, from)).await
    }
}

#[async_trait]
impl EventFeed for Fused<dyn EventFeed> {
    fn read(&self, after: Option<Position>, of: Categories) -> BoxStream<'static, Result<Fed>> {
        self.1.stream(self.0.read(after, of))
    }
    async fn grown(&self, after: Option<Position>) {
        self.0.grown(after).await;
    }
}

#[async_trait]
impl KeyRing for Fused<dyn KeyRing> {
    async fn key(&self, owner: &str) -> Result<Option<Key>> {
        self.1.call(self.0.key(owner)).await
    }
    async fn existing(&self, owner: &str) -> Result<Option<Key>> {
        self.1.call(self.0.existing(owner)).await
    }
    async fn owners(&self, after: Option<&str>, limit: usize) -> Result<Vec<(String, Option<Key>)>> {
        self.1.call(self.0.owners(after, limit)).await
    }
    async fn adopt(&self, owner: &str, key: Option<&Key>) -> Result<()> {
        self.1.call(self.0.adopt(owner, key)).await
    }
    async fn destroy(&self, owner: &str) -> Result<()> {
        self.1.call(self.0.destroy(owner)).await
    }
}

#[async_trait]
impl Directory for Fused<dyn Directory> {
    async fn person(&self, user: &str) -> Result<Option<Person>> {
        self.1.call(self.0.person(user)).await
    }
    async fn people(&self, after: Option<&str>, limit: usize) -> Result<Vec<Person>> {
        self.1.call(self.0.people(after, limit)).await
    }
    async fn save(&self, person: &Person) -> Result<()> {
        self.1.call(self.0.save(person)).await
    }
    async fn forget(&self, user: &str) -> Result<()> {
        self.1.call(self.0.forget(user)).await
    }
}

#[async_trait]
impl FileStore for Fused<dyn FileStore> {
    async fn put(&self, key: &FileKey, body: ByteStream) -> Result<u64> {
        self.1.call(self.0.put(key, body)).await
    }
    async fn get(&self, key: &FileKey, range: Option<Range<u64>>) -> Result<Option<FileBody>> {
        self.1.call(self.0.get(key, range)).await
    }
    async fn size(&self, key: &FileKey) -> Result<Option<u64>> {
        self.1.call(self.0.size(key)).await
    }
    async fn delete(&self, key: &FileKey) -> Result<()> {
        self.1.call(self.0.delete(key)).await
    }
    fn list(&self, prefix: &str) -> BoxStream<'static, Result<FileEntry>> {
        self.1.stream(self.0.list(prefix))
    }
}

#[async_trait]
impl DocumentStore for Fused<dyn DocumentStore> {
    async fn insert(&self, record: &Record) -> Result<()> {
        self.1.call(self.0.insert(record)).await
    }
    async fn get(&self, id: &str) -> Result<Option<Record>> {
        self.1.call(self.0.get(id)).await
    }
    async fn replace(&self, expected: &Record, record: &Record) -> Result<()> {
        self.1.call(self.0.replace(expected, record)).await
    }
    async fn delete(&self, expected: &Record) -> Result<()> {
        self.1.call(self.0.delete(expected)).await
    }
    async fn list(&self, filter: &RecordFilter, after: Option<&str>, limit: usize) -> Result<Vec<Record>> {
        self.1.call(self.0.list(filter, after, limit)).await
    }
    fn changes(&self) -> BoxStream<'static, Result<Change>> {
        self.1.stream(self.0.changes())
    }
    async fn end(&self) -> Result<(ChangeToken, Place)> {
        self.1.call(self.0.end()).await
    }
    async fn acknowledged(&self) -> Result<Option<Place>> {
        self.1.call(self.0.acknowledged()).await
    }
    async fn acknowledge(&self, place: &Place) -> Result<()> {
        self.1.call(self.0.acknowledge(place)).await
    }
    async fn begin_epoch(&self, at_least: u64) -> Result<()> {
        self.1.call(self.0.begin_epoch(at_least)).await
    }
    async fn changed(&self) {
        self.0.changed().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ended_at_any_call_it_goes_on_when_begun_again_and_an_answer_lost_once_is_asked_for_again() {
    let folder = tempfile::tempdir().unwrap();
    let now = middle_of_a_week(&folder.path().join("source")).await;
    let source = source(&folder.path().join("source"), now).await;
    let counting = Fuse::new(u64::MAX, Then::Well);
    let whole = target(&folder.path().join("whole"), now).await;
    assert_equal(&migrated(&source, &fused(&whole, &counting)).await.unwrap());
    let calls = counting.calls.load(Ordering::SeqCst);
    assert!(calls > 50, "{calls}");

    // Drawn over the whole range; another remainder in each part, so that no kind of call is passed by in step.
    for part in 0..8 {
        let blows_at = part * calls / 8 + part * 7 % (calls / 8);
        let at = folder.path().join(format!("ended-at-{blows_at}"));
        let fuse = Fuse::new(blows_at, Then::Dead);
        let error = migrated(&source, &fused(&target(&at, now).await, &fuse)).await.unwrap_err();
        assert!(format!("{error:#}").ends_with("the fuse has blown"), "call {blows_at} of {calls}: {error:#}");
        assert_equal(&migrated(&source, &target(&at, now).await).await.unwrap());

        if part % 2 == 0 {
            let at = folder.path().join(format!("lost-at-{blows_at}"));
            let fuse = Fuse::new(blows_at, Then::Well);
            assert_equal(&migrated(&source, &fused(&target(&at, now).await, &fuse)).await.unwrap());
        }
    }
}

/// The program, moving from one folder to what a file names, with nothing from this environment.
fn program(from: &Path, to: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trialbrief"));
    command.env_clear().arg("migrate").arg("--from-data").arg(from).arg("--to").arg(to).stdin(Stdio::null());
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_again_and_again_the_program_goes_on_and_ends_equal() {
    let folder = tempfile::tempdir().unwrap();
    let from = folder.path().join("source");
    middle_of_a_week(&from).await;
    let urls = Setup::chosen().urls(&folder.path().join("target")).await;
    let to = folder.path().join("new.toml");
    let stores = [
        ("events", &urls.events),
        ("documents", &urls.documents),
        ("views", &urls.views),
        ("directory", &urls.directory),
        ("keys", &urls.keys),
        ("files", &urls.files),
        ("queue", &urls.queue),
    ];
    let stores: String = stores.iter().map(|(setting, url)| format!("{setting} = {url:?}\n")).collect();
    std::fs::write(&to, format!("[stores]\n{stores}\n[mail]\nurl = {:?}\n", urls.mail)).unwrap();

    let mut killed = 0;
    // How many phases are over when it is killed. Once the events have begun, they come as the seventh.
    for phases in [6, 8, 10, 11, 6] {
        let mut running = program(&from, &to).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let over = BufReader::new(running.stdout.take().unwrap()).lines().take(phases).count();
        running.kill().unwrap();
        killed += u32::from(!running.wait().unwrap().success() && over == phases);
    }
    assert!(killed >= 3, "only {killed} of 5 were killed on the way");
    let ended = program(&from, &to).output().unwrap();
    let said = String::from_utf8_lossy(&[ended.stdout, ended.stderr].concat()).into_owned();
    assert!(ended.status.success() && said.contains("\nequal: start the program with the new"), "{said}");
    assert!(!said.contains("DIFFERS"), "{said}");
}
