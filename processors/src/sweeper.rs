//! Finishes deletions that a crash interrupted, and removes files that no record names.
//!
//! Such files are left by uploads whose record was never written, and by records that point elsewhere now. A file younger
//! than [`SWEPT_AFTER`] may belong to an upload that is under way and is left alone. Derived files (thumbnails, PDFs) are all
//! left alone: a manifest may name them. The sweeper remembers nothing; a sweep that a crash ends begins anew.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use commands::{Commands, SWEPT_AFTER};
use futures::StreamExt;
use futures::stream::BoxStream;
use http::document::{file_location, is_leaving};
use jiff::{SignedDuration, Timestamp};
use ports::{DocumentStore, FileEntry, FileStore, RecordFilter, Result, Step, Worker};

/// Records or files that are looked at in one step.
const BATCH: usize = 256;

/// How far a sweep has come.
enum Sweep {
    /// It looks for marked records, behind this id.
    Records(Option<String>),
    /// It looks for files without a record.
    Files(Mutex<BoxStream<'static, Result<FileEntry>>>),
    /// It is over.
    Rests { until: Timestamp },
}

/// The sweeper.
pub struct Sweeper {
    commands: Commands,
    documents: Arc<dyn DocumentStore>,
    originals: Arc<dyn FileStore>,
    bucket: String,
    every: SignedDuration,
    sweep: Sweep,
}

impl Sweeper {
    /// Sweeps the collection and the originals, which `bucket` names in records, once in `every` so often.
    #[must_use]
    pub fn new(
        commands: Commands,
        documents: Arc<dyn DocumentStore>,
        originals: Arc<dyn FileStore>,
        bucket: String,
        every: SignedDuration,
    ) -> Self {
        Self { commands, documents, originals, bucket, every, sweep: Sweep::Records(None) }
    }

    /// Finishes the deletions among the next records; answers where to go on.
    async fn finish_deletions(&self, after: Option<&str>) -> Result<Sweep> {
        let records = self.documents.list(&RecordFilter::default(), after, BATCH).await?;
        for marked in records.iter().filter(|record| is_leaving(record)) {
            self.commands.finish_delete(marked).await?;
            tracing::info!(document = marked.id(), "an interrupted deletion was finished");
        }
        Ok(match records.last() {
            Some(last) if records.len() == BATCH => Sweep::Records(Some(last.id().to_owned())),
            Some(_) | None => Sweep::Files(Mutex::new(self.originals.list("trials/"))),
        })
    }

    /// Removes an old file that no record names at this moment.
    async fn remove_if_unnamed(&self, file: &FileEntry, now: Timestamp) -> Result<()> {
        if now.duration_since(file.modified) < SWEPT_AFTER {
            return Ok(());
        }
        let filter = RecordFilter { equals: vec![("FileLocation", file_location(&self.bucket, &file.key))] };
        if self.documents.list(&filter, None, 1).await?.is_empty() {
            self.originals.delete(&file.key).await?;
            tracing::info!(key = %file.key, "a file that no record names was removed");
        }
        Ok(())
    }

    async fn advance(&mut self, now: Timestamp) -> Result<()> {
        match &mut self.sweep {
            Sweep::Rests { .. } => self.sweep = Sweep::Records(None),
            Sweep::Records(after) => {
                let after = after.clone();
                self.sweep = self.finish_deletions(after.as_deref()).await?;
            }
            Sweep::Files(files) => {
                let files = files.get_mut().unwrap_or_else(PoisonError::into_inner);
                let batch: Vec<Result<FileEntry>> = files.take(BATCH).collect().await;
                if batch.len() < BATCH {
                    self.sweep = Sweep::Rests { until: now.saturating_add(self.every).unwrap_or(Timestamp::MAX) };
                }
                for file in batch {
                    self.remove_if_unnamed(&file?, now).await?;
                }
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Worker for Sweeper {
    fn name(&self) -> &'static str {
        "sweeper"
    }

    async fn step(&mut self, now: Timestamp) -> Result<Step> {
        match self.sweep {
            Sweep::Rests { until } if now < until => Ok(Step::Idle { until: Some(until) }),
            _ => {
                let done = self.advance(now).await;
                if done.is_err() {
                    // What failed may have been lost from the batch: it begins anew.
                    self.sweep = Sweep::Records(None);
                }
                done.map(|()| Step::Worked)
            }
        }
    }

    async fn wake(&mut self) {
        std::future::pending().await
    }

    fn forget(&mut self) {
        self.sweep = Sweep::Records(None);
    }
}
