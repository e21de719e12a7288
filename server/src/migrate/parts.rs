//! What is moved thing by thing, each under a name, before the events.

use std::cmp::Ordering;
use std::future::Future;
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use async_trait::async_trait;
use domain::id::DocumentId;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use indicatif::ProgressBar;
use ports::{Directory, DocumentStore, Error, FileKey, FileStore, Key, KeyRing, Person, Record, RecordFilter, Result};
use sha2::{Digest, Sha256};

use super::Compared;

/// Things read at once.
const PAGE: usize = 500;
/// Things moved beside each other, so that they share commits and round trips.
const TOGETHER: usize = 16;
/// Differences told of one kind.
const TOLD: usize = 5;

type Items<T> = BoxStream<'static, Result<(String, T)>>;

/// One kind of things, listed in order of their names on both sides.
#[async_trait]
pub(super) trait Part: Sync {
    type Value: PartialEq + Clone + Send + Sync + 'static;
    /// As messages name it.
    fn what(&self) -> &'static str;
    fn source(&self) -> Items<Self::Value>;
    fn target(&self) -> Items<Self::Value>;
    async fn copy(&self, name: &str, value: Self::Value) -> Result<()>;
    /// Why this cannot be moved.
    fn refused(&self, _name: &str, _value: &Self::Value) -> Option<&'static str> {
        None
    }
    /// Whether what stands under equal values is equal too.
    async fn is_equal_within(&self, _name: &str) -> Result<bool> {
        Ok(true)
    }
}

/// A name with what each side has under it.
struct Pair<T> {
    name: String,
    source: Option<T>,
    target: Option<T>,
}

/// Both sides merged by name.
fn pairs<P: Part>(part: &P) -> BoxStream<'static, Result<Pair<P::Value>>> {
    let (source, target) = (part.source().peekable(), part.target().peekable());
    stream::try_unfold((Box::pin(source), Box::pin(target)), |(mut source, mut target)| async move {
        let order = match (source.as_mut().peek().await, target.as_mut().peek().await) {
            (None, None) => return Ok(None),
            (Some(Err(error)), _) | (_, Some(Err(error))) => return Err(error.clone()),
            (Some(Ok(_)), None) => Ordering::Less,
            (None, Some(Ok(_))) => Ordering::Greater,
            (Some(Ok((a, _))), Some(Ok((b, _)))) => a.cmp(b),
        };
        let here = if order.is_le() { source.next().await.transpose()? } else { None };
        let there = if order.is_ge() { target.next().await.transpose()? } else { None };
        let name = here.as_ref().or(there.as_ref()).map(|(name, _)| name.clone()).unwrap_or_default();
        let pair = Pair { name, source: here.map(|(_, value)| value), target: there.map(|(_, value)| value) };
        Ok::<_, Error>(Some((pair, (source, target))))
    })
    .boxed()
}

/// Refuses a target that holds anything but a part of the source, or all of it where the events have begun.
pub(super) async fn survey<P: Part>(part: &P, is_begun: bool, bar: &ProgressBar) -> anyhow::Result<()> {
    let what = part.what();
    bar.set_message(format!("looking at {what}"));
    let mut pairs = pairs(part);
    while let Some(pair) = pairs.next().await {
        let Pair { name, source, target } = pair.with_context(|| format!("{what}: cannot be listed"))?;
        let Some(source) = source else {
            bail!("{what}: the target holds {name}, which the source does not: give an empty target");
        };
        if let Some(why) = part.refused(&name, &source) {
            bail!("{what}: {name} of the source cannot be moved: {why}");
        }
        match target {
            Some(target) => {
                ensure!(source == target, "{what}: {name} is another one at the target: give an empty target");
            }
            None => ensure!(
                !is_begun,
                "{what}: {name} is not at the target, where events stand already: the source went on after the migration \
                 began; give an empty target and begin anew"
            ),
        }
    }
    Ok(())
}

/// Copies what the target does not have.
pub(super) async fn copy<P: Part>(part: &P, bar: &ProgressBar) -> anyhow::Result<()> {
    let what = part.what();
    bar.set_message(format!("moving {what}"));
    bar.set_position(0);
    pairs(part)
        .map(|pair| pair.with_context(|| format!("{what}: cannot be listed")))
        .try_for_each_concurrent(TOGETHER, |pair| async move {
            if let (Some(value), None) = (pair.source, pair.target) {
                let moved = part.copy(&pair.name, value).await;
                moved.with_context(|| format!("{what}: moving {}; run the same command again to go on", pair.name))?;
            }
            bar.inc(1);
            Ok(())
        })
        .await
}

/// Compares both sides whole.
pub(super) async fn verify<P: Part>(part: &P, bar: &ProgressBar) -> anyhow::Result<Compared> {
    let what = part.what();
    bar.set_message(format!("comparing {what}"));
    bar.set_position(0);
    let (mut source, mut target, mut differences) = (0_u64, 0_u64, Vec::new());
    let mut looked = pairs(part)
        .map(|pair| async move {
            let Pair { name, source, target } = pair?;
            let is_equal = source == target && part.is_equal_within(&name).await?;
            Ok::<_, Error>((name, source.is_some(), target.is_some(), is_equal))
        })
        .buffered(TOGETHER);
    while let Some(found) = looked.next().await {
        let (name, here, there, is_equal) = found.with_context(|| format!("{what}: comparing both sides"))?;
        source += u64::from(here);
        target += u64::from(there);
        if !is_equal && differences.len() < TOLD {
            let how = if here && there {
                "differs"
            } else if here {
                "is missing"
            } else {
                "is only at the target"
            };
            differences.push(format!("{name} {how}"));
        }
        bar.inc(1);
    }
    Ok(Compared { what, source: source.to_string(), target: target.to_string(), differences })
}

/// All of a list that is read in pages.
fn paged<T: Send + 'static, F, Page>(page: F) -> Items<T>
where
    F: Fn(Option<String>) -> Page + Send + 'static,
    Page: Future<Output = Result<Vec<(String, T)>>> + Send + 'static,
{
    stream::try_unfold((page, None), |(page, after)| async move {
        let items = page(after).await?;
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
    async fn copy(&self, owner: &str, key: Option<Key>) -> Result<()> {
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
    async fn copy(&self, _user: &str, person: Person) -> Result<()> {
        self.to.save(&person).await
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
    async fn copy(&self, _id: &str, record: Record) -> Result<()> {
        self.to.insert(&record).await
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

    fn list(&self, store: &Arc<dyn FileStore>) -> Items<u64> {
        store.list(self.prefix).map_ok(|entry| (entry.key.to_string(), entry.size)).boxed()
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
    async fn copy(&self, key: &str, size: u64) -> Result<()> {
        let key = FileKey::new(key)?;
        let body = self.from.get(&key, None).await?.ok_or_else(|| gone(&key))?;
        let stored = self.to.put(&key, body.stream).await?;
        if stored == size {
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
