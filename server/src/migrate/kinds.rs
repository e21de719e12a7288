//! The kinds of things that are moved before the events.

use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;
use domain::id::DocumentId;
use futures::stream::{self, StreamExt, TryStreamExt};
use ports::{Directory, DocumentStore, Error, FileKey, FileStore, Key, KeyRing, Person, Record, RecordFilter, Result};
use sha2::{Digest, Sha256};

use super::parts::{Items, Part};
use super::retry::retried;

/// Things read at once.
const PAGE: usize = 500;

/// All of a list that is read in pages.
fn paged<T: Send + 'static, F, Page>(page: F) -> Items<T>
where
    F: Fn(Option<String>) -> Page + Send + Sync + 'static,
    Page: Future<Output = Result<Vec<(String, T)>>> + Send + 'static,
{
    stream::try_unfold((page, None), |(page, after)| async move {
        let items = retried(|| page(after.clone())).await?;
        let last = items.last().map(|(name, _)| name.clone());
        Ok::<_, Error>(last.map(|last| (stream::iter(items.into_iter().map(Ok)), (page, Some(last)))))
    })
    .try_flatten()
    .boxed()
}

/// Keys of sealed text; destroyed ones stay destroyed.
pub(super) struct Keys {
    pub(super) from: Arc<dyn KeyRing>,
    pub(super) to: Arc<dyn KeyRing>,
}

fn keys(ring: &Arc<dyn KeyRing>) -> Items<Option<Key>> {
    let ring = Arc::clone(ring);
    paged(move |after| {
        let ring = Arc::clone(&ring);
        async move { ring.owners(after.as_deref(), PAGE).await }
    })
}

#[async_trait]
impl Part for Keys {
    type Value = Option<Key>;
    fn what(&self) -> &'static str {
        "keys"
    }
    fn source(&self) -> Items<Option<Key>> {
        keys(&self.from)
    }
    fn target(&self) -> Items<Option<Key>> {
        keys(&self.to)
    }
    async fn copy(&self, owner: &str, key: &Option<Key>) -> Result<()> {
        self.to.adopt(owner, key.as_ref()).await
    }
}

/// Names and addresses.
pub(super) struct People {
    pub(super) from: Arc<dyn Directory>,
    pub(super) to: Arc<dyn Directory>,
}

fn people(directory: &Arc<dyn Directory>) -> Items<Person> {
    let directory = Arc::clone(directory);
    paged(move |after| {
        let directory = Arc::clone(&directory);
        async move {
            let people = directory.people(after.as_deref(), PAGE).await?;
            Ok(people.into_iter().map(|person| (person.user.clone(), person)).collect())
        }
    })
}

#[async_trait]
impl Part for People {
    type Value = Person;
    fn what(&self) -> &'static str {
        "directory"
    }
    fn source(&self) -> Items<Person> {
        people(&self.from)
    }
    fn target(&self) -> Items<Person> {
        people(&self.to)
    }
    async fn copy(&self, _user: &str, person: &Person) -> Result<()> {
        self.to.save(person).await
    }
}

/// Records, as they are.
pub(super) struct Documents {
    pub(super) from: Arc<dyn DocumentStore>,
    pub(super) to: Arc<dyn DocumentStore>,
}

fn records(documents: &Arc<dyn DocumentStore>) -> Items<Record> {
    let documents = Arc::clone(documents);
    paged(move |after| {
        let documents = Arc::clone(&documents);
        async move {
            let records = documents.list(&RecordFilter::default(), after.as_deref(), PAGE).await?;
            Ok(records.into_iter().map(|record| (record.id().to_owned(), record)).collect())
        }
    })
}

#[async_trait]
impl Part for Documents {
    type Value = Record;
    fn what(&self) -> &'static str {
        "documents"
    }
    fn source(&self) -> Items<Record> {
        records(&self.from)
    }
    fn target(&self) -> Items<Record> {
        records(&self.to)
    }
    async fn copy(&self, id: &str, record: &Record) -> Result<()> {
        match self.to.insert(record).await {
            // An insert before, whose answer was lost.
            Err(Error::Conflict(_)) if self.to.get(id).await?.as_ref() == Some(record) => Ok(()),
            inserted => inserted,
        }
    }
    fn refused(&self, id: &str, record: &Record) -> Option<&'static str> {
        if DocumentId::parse("_id", id).is_err() {
            return Some("its _id is no ObjectId, so it was never observed: remove it, or give it one");
        }
        // The embedded store says so of a record of another program, of which it tells only a part.
        record.text("UnreadableRecord").map(|_| "it cannot be read whole: mend its JSON")
    }
}

/// Files of one store, by key; their value is the size in bytes.
pub(super) struct Files {
    what: &'static str,
    prefix: &'static str,
    from: Arc<dyn FileStore>,
    to: Arc<dyn FileStore>,
}

impl Files {
    pub(super) fn originals(from: &Arc<dyn FileStore>, to: &Arc<dyn FileStore>) -> Self {
        Self { what: "originals", prefix: "trials/", from: Arc::clone(from), to: Arc::clone(to) }
    }

    pub(super) fn derived(from: &Arc<dyn FileStore>, to: &Arc<dyn FileStore>) -> Self {
        Self { what: "derived", prefix: "derived/", from: Arc::clone(from), to: Arc::clone(to) }
    }

    /// All of them in order of key, which a store does not promise: a million take some 150 MB of memory.
    fn list(&self, store: &Arc<dyn FileStore>) -> Items<u64> {
        let (store, prefix) = (Arc::clone(store), self.prefix);
        let listed = async move {
            let entries = || store.list(prefix).map_ok(|entry| (entry.key.to_string(), entry.size)).try_collect();
            let mut entries: Vec<(String, u64)> = retried(entries).await?;
            entries.sort_unstable();
            Ok(stream::iter(entries.into_iter().map(Ok)))
        };
        stream::once(listed).try_flatten().boxed()
    }
}

#[async_trait]
impl Part for Files {
    type Value = u64;
    fn what(&self) -> &'static str {
        self.what
    }
    fn source(&self) -> Items<u64> {
        self.list(&self.from)
    }
    fn target(&self) -> Items<u64> {
        self.list(&self.to)
    }
    async fn copy(&self, key: &str, size: &u64) -> Result<()> {
        let key = FileKey::new(key)?;
        let body = self.from.get(&key, None).await?.ok_or_else(|| gone(&key))?;
        let stored = self.to.put(&key, body.stream).await?;
        if stored == *size {
            return Ok(());
        }
        Err(Error::Corrupt(format!("{key} has {size} bytes at the source, and {stored} were stored")))
    }
    /// Every byte is read back from the target.
    async fn is_equal_within(&self, key: &str) -> Result<bool> {
        let key = FileKey::new(key)?;
        let (here, there) = futures::try_join!(sha256(&self.from, &key), sha256(&self.to, &key))?;
        Ok(here == there)
    }
}

async fn sha256(store: &Arc<dyn FileStore>, key: &FileKey) -> Result<[u8; 32]> {
    let mut body = store.get(key, None).await?.ok_or_else(|| gone(key))?.stream;
    let mut hash = Sha256::new();
    while let Some(bytes) = body.next().await {
        hash.update(bytes.map_err(|e| Error::Unavailable(format!("reading {key}: {e}")))?);
    }
    Ok(hash.finalize().into())
}

fn gone(key: &FileKey) -> Error {
    Error::Unavailable(format!("{key} was removed meanwhile"))
}
