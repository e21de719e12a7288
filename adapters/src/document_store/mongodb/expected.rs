//! Writes of a record that go through only where it is as expected: read, compared and written in one transaction.

use std::time::Duration;

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Document, RawDocumentBuf, doc};
use mongodb::error::{Result as MongoResult, UNKNOWN_TRANSACTION_COMMIT_RESULT};
use mongodb::options::ReadConcern;
use mongodb::{ClientSession, Collection};
use ports::{Error, Record, Result};
use tokio::time::sleep;

use super::changed_meanwhile;
use super::record::{document, record};
use crate::mongodb::{bounded, durably};

/// How often a transaction that met another is begun.
const TRIES: u32 = 5;
/// How long the first of them waits; each waits longer than the one before.
const PAUSE: Duration = Duration::from_millis(5);
/// How often a commit is asked for whose answer is lost. Asking again commits nothing twice.
const COMMITS: u32 = 3;

/// A record as it is expected, and what is to become of it: removed where there is none after.
pub(super) struct Expected<'a> {
    pub(super) records: &'a Collection<RawDocumentBuf>,
    pub(super) before: &'a Record,
    pub(super) after: Option<&'a Record>,
}

impl Expected<'_> {
    /// Writes, or says `Conflict` where something else is stored.
    pub(super) async fn write(&self, id: ObjectId) -> Result<()> {
        for attempt in 1..=TRIES {
            match self.attempt(id).await {
                Ok(true) => return Ok(()),
                Ok(false) => break,
                // Another transaction has the record in its hands. Who comes too late sees so when that one is done.
                Err(Error::Conflict(_)) => sleep(PAUSE * attempt).await,
                Err(error) => return Err(error),
            }
        }
        Err(changed_meanwhile(self.before.id()))
    }

    /// False where something else is stored. Where this returns early, the driver aborts the transaction.
    async fn attempt(&self, id: ObjectId) -> Result<bool> {
        let mut session = bounded(self.records.client().start_session()).await?;
        let transaction = session.start_transaction().read_concern(ReadConcern::snapshot()).write_concern(durably());
        bounded(transaction).await?;
        let by_id = doc! { "_id": id };
        let stored = bounded(self.records.find_one(by_id.clone()).session(&mut session)).await?;
        let Some(stored) = stored.filter(|stored| record(stored) == *self.before) else { return Ok(false) };
        match self.after {
            Some(after) if after == self.before => return Ok(true),
            Some(after) => {
                // What cannot be read whole is mended whole.
                let kept = Document::try_from(&*stored).ok();
                let document = document(after, kept.as_ref())?;
                bounded(self.records.replace_one(by_id, &document).session(&mut session)).await?;
            }
            None => {
                bounded(self.records.delete_one(by_id).session(&mut session)).await?;
            }
        }
        bounded(commit(&mut session)).await?;
        Ok(true)
    }
}

async fn commit(session: &mut ClientSession) -> MongoResult<()> {
    for _ in 1..COMMITS {
        match session.commit_transaction().await {
            Err(error) if error.contains_label(UNKNOWN_TRANSACTION_COMMIT_RESULT) => {}
            answer => return answer,
        }
    }
    session.commit_transaction().await
}
