//! Moves everything that cannot be made again to other engines: keys, people, files, documents, events. Views fold from the log.
//!
//! The log is the progress. Events come last, in the log's order, so the first of them at the target says that all before it
//! stands there, and what the target holds of them is a prefix of the source's. A migration that was killed goes on from that.

mod events;
mod idle;
mod kinds;
mod parts;
mod progress;
mod retry;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use futures::StreamExt;
use ports::{Change, Clock, Directory, DocumentStore, Error, EventFeed, FileStore, KeyRing, Leases, Ports, Result};

use crate::app::{self, AppSettings};
use crate::roles::Roles;
use crate::wire::Urls;
use idle::Side;
use kinds::{Documents, Files, Keys, People};
pub use progress::{Phase, Progress};
use retry::retried;

/// What is moved, opened without the rest: views and mail of the source are not touched.
pub struct Source {
    /// The whole log, in order.
    pub feed: Arc<dyn EventFeed>,
    /// The `Documents` collection.
    pub documents: Arc<dyn DocumentStore>,
    /// Files as people uploaded them.
    pub originals: Arc<dyn FileStore>,
    /// Thumbnails and PDFs.
    pub derived: Arc<dyn FileStore>,
    /// People.
    pub directory: Arc<dyn Directory>,
    /// Keys of sealed text.
    pub keys: Arc<dyn KeyRing>,
    /// Tell whether the program is still running.
    pub leases: Arc<dyn Leases>,
}

impl Source {
    /// Opens the stores that are moved.
    ///
    /// # Errors
    /// The first that cannot be opened; `Unavailable` where the program is running on embedded ones.
    pub async fn open(urls: &Urls, clock: &Clock) -> Result<Self> {
        let (_, feed) = adapters::event_log::open(&urls.events, clock).await?;
        let (originals, derived) = adapters::file_store::open(&urls.files, clock).await?;
        Ok(Self {
            feed,
            documents: adapters::document_store::open(&urls.documents, clock).await?,
            originals,
            derived,
            directory: adapters::directory::open(&urls.directory, clock).await?,
            keys: adapters::key_ring::open(&urls.keys, clock).await?,
            leases: adapters::leases::open(&urls.queue).await?,
        })
    }
}

/// Refuses a source that is not there: a mistyped folder is told, and not made and found empty.
///
/// # Errors
/// Names the setting and the file.
pub fn refuse_missing(source: &Urls) -> anyhow::Result<()> {
    for (setting, url) in moved(source) {
        let path = url.strip_prefix("sqlite:").or_else(|| url.strip_prefix("file:"));
        if let Some(path) = path.filter(|path| !Path::new(path).exists()) {
            bail!(
                "{setting}: the source has nothing at {path}: name its folder with --from-data, or its file with --from"
            );
        }
    }
    Ok(())
}

/// Refuses a target that is the source.
///
/// # Errors
/// Names the setting.
pub fn refuse_shared(source: &Urls, target: &Urls) -> anyhow::Result<()> {
    for ((setting, from), (_, to)) in moved(source).into_iter().zip(moved(target)) {
        ensure!(from != to, "{setting}: source and target are the same store: give the target one of its own");
    }
    ensure!(
        source.queue != target.queue || target.queue == "memory:",
        "stores.queue: source and target are the same: give the target a prefix of its own, such as ?prefix=new"
    );
    Ok(())
}

/// The settings whose stores are moved.
fn moved(urls: &Urls) -> [(&'static str, &str); 5] {
    [
        ("stores.events", &urls.events),
        ("stores.documents", &urls.documents),
        ("stores.directory", &urls.directory),
        ("stores.keys", &urls.keys),
        ("stores.files", &urls.files),
    ]
}

/// One kind of things on both sides, once all is moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compared {
    /// What: `events`, `documents`, …
    pub what: &'static str,
    /// How many at the source, or the log hash there.
    pub source: String,
    /// The same of the target.
    pub target: String,
    /// What differs, the first few.
    pub differences: Vec<String>,
}

impl Compared {
    /// Whether both sides hold the same.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.source == self.target && self.differences.is_empty()
    }
}

impl fmt::Display for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.is_equal() { "equal" } else { "DIFFERS" };
        write!(f, "{:10} {:>16.16} {:>16.16}  {verdict}", self.what, self.source, self.target)?;
        self.differences.iter().try_for_each(|difference| write!(f, "\n    {difference}"))
    }
}

/// The leases under which only one process of several works: while this one has them all, no other does.
#[must_use]
pub fn leases(target: &Ports, settings: &AppSettings) -> Vec<String> {
    let all = AppSettings { roles: Roles::all(), ..settings.clone() };
    let workers = app::build(target, &all).workers;
    workers.iter().filter(|worker| worker.is_single_active()).map(|worker| worker.lease()).collect()
}

/// Moves everything from the source to the target and compares both sides. What is there already is left as it is. `leases` are
/// those that neither side's program may have meanwhile.
///
/// # Errors
/// Where a program still runs, the source has changes that were not relayed, the target holds something else, or a port fails; the
/// sentence names the phase, the item and the remedy. Nothing is written before the target was found empty or a begun migration of
/// this source. After an `Unavailable` of half a minute, the same call goes on.
pub async fn migrate(
    source: &Source,
    target: &Ports,
    leases: &[String],
    progress: &mut Progress,
) -> anyhow::Result<Vec<Compared>> {
    let sides = [
        Side { name: "source", leases: Arc::clone(&source.leases) },
        Side { name: "target", leases: Arc::clone(&target.leases) },
    ];
    idle::while_idle(sides, leases, moved_and_compared(source, target, progress)).await.map_err(|error| {
        match error.downcast_ref::<Error>() {
            Some(Error::Unavailable(_)) => error.context("cut off; run the same command again to go on"),
            Some(Error::Conflict(_) | Error::Rejected(_) | Error::Corrupt(_)) | None => error,
        }
    })
}

async fn moved_and_compared(source: &Source, target: &Ports, progress: &mut Progress) -> anyhow::Result<Vec<Compared>> {
    refuse_what_was_not_relayed(source.documents.as_ref()).await?;
    let keys = Keys { from: Arc::clone(&source.keys), to: Arc::clone(&target.keys) };
    let people = People { from: Arc::clone(&source.directory), to: Arc::clone(&target.directory) };
    let originals = Files::originals(&source.originals, &target.originals);
    let derived = Files::derived(&source.derived, &target.derived);
    let documents = Documents { from: Arc::clone(&source.documents), to: Arc::clone(&target.documents) };

    let prefix = events::compare(&source.feed, &target.feed, progress).await?;
    if !prefix.is_whole {
        refuse_views_of_another_log(target).await?;
        let is_begun = prefix.of_target.events > 0;
        parts::survey(&keys, is_begun, progress).await?;
        parts::survey(&people, is_begun, progress).await?;
        parts::survey(&originals, is_begun, progress).await?;
        parts::survey(&derived, is_begun, progress).await?;
        parts::survey(&documents, is_begun, progress).await?;
        if !is_begun {
            parts::copy(&keys, progress).await?;
            parts::copy(&people, progress).await?;
            parts::copy(&originals, progress).await?;
            parts::copy(&derived, progress).await?;
            parts::copy(&documents, progress).await?;
            begin_epoch(source, target).await?;
        }
    }
    let moved = events::copy(&source.feed, &target.log, &prefix, progress).await?;

    let parts = [
        parts::verify(&documents, progress).await?,
        parts::verify(&originals, progress).await?,
        parts::verify(&derived, progress).await?,
        parts::verify(&people, progress).await?,
        parts::verify(&keys, progress).await?,
    ];
    // Last, so that it shows where the source went on meanwhile: not every process has a lease.
    let mut compared = events::verify(moved, &source.feed, &target.feed, progress).await?;
    compared.extend(parts);
    progress.end();
    Ok(compared)
}

/// What the collection tells and nobody has observed would be lost: the target's feed of changes begins anew.
async fn refuse_what_was_not_relayed(documents: &dyn DocumentStore) -> anyhow::Result<()> {
    let remedy = "start the old program, let it run until it has caught up, stop it, and migrate again";
    let what = "documents: the changes of the source";
    if retried(|| documents.acknowledged()).await.context(what)?.is_none() {
        bail!("documents: the source was never observed: {remedy}");
    }
    let first = async || documents.changes().next().await.transpose();
    match retried(first).await.context(what)? {
        Some(Change::Seen { id, .. }) => {
            bail!("documents: the change of record {id} at the source stands in no event: {remedy}")
        }
        Some(Change::Lost) => {
            bail!("documents: changes of the source were lost before they stood in the log: {remedy}")
        }
        Some(Change::UpTo(_)) | None => Ok(()),
    }
}

/// Views keep positions, and those of another log mean nothing in this one.
async fn refuse_views_of_another_log(target: &Ports) -> anyhow::Result<()> {
    for projection in projections::all() {
        let position = retried(|| target.views.position(projection.name())).await.context("views: the target's")?;
        ensure!(
            position.is_none(),
            "views: the target holds the view {} of another log: give an empty database; views are folded again at the start",
            projection.name()
        );
    }
    Ok(())
}

/// What was observed of the source's collection is not told again.
async fn begin_epoch(source: &Source, target: &Ports) -> anyhow::Result<()> {
    let (last, _) = retried(|| source.documents.end()).await.context("documents: the end of the source's changes")?;
    let begun = retried(|| target.documents.begin_epoch(last.epoch + 1)).await;
    begun.context("documents: beginning an epoch at the target")
}
