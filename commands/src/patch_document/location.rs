//! Letting a record point to another file.
//!
//! Two records may share an object, and the last of them takes it along. So a record must not begin to point to an object
//! that somebody is about to remove: not to one whose only other record is on its way out, and not to one that no record
//! names and that is old enough for the sweeper.

use domain::id::derive;
use futures::{StreamExt, TryStreamExt};
use http::Problem;
use http::document::{file_location, is_leaving, object_key, trial_of};
use ports::{Cause, FileEntry, FileKey, Record, RecordFilter};
use serde_json::Value;

use crate::store_document::{LONGEST_UPLOAD, mark};
use crate::{Commands, LastChange};

/// How many records of one object are looked at.
const MOST_SHARED: usize = 100;

/// Why a record points to its former file again.
const TAKEN_BACK: &str = "The change before was taken back: the file it named was being removed.";

impl Commands {
    /// Whether no record that stays points to the file of this one.
    pub(crate) async fn is_last(&self, record: &Record) -> ports::Result<bool> {
        let sharing = self.sharing(record).await?;
        // Where there may be more of them than were looked at, the sweeper will find out.
        Ok(sharing.len() < MOST_SHARED - 1 && sharing.iter().all(is_leaving))
    }

    /// Other records that point to the same file, at most a hundred.
    async fn sharing(&self, record: &Record) -> ports::Result<Vec<Record>> {
        let Some(location) = record.text("FileLocation") else { return Ok(Vec::new()) };
        let filter = RecordFilter { equals: vec![("FileLocation", location.to_owned())] };
        let records = self.documents.list(&filter, None, MOST_SHARED).await?;
        Ok(records.into_iter().filter(|other| other.id() != record.id()).collect())
    }

    /// Checks the file that a patched record names, before it is written.
    ///
    /// # Errors
    /// 422 for `FileLocation` where it is no object of the record's trial, 409 where the object is being removed.
    pub(super) async fn point_to_file(&self, patched: &mut Record) -> Result<(), Problem> {
        let bucket = &self.settings.bucket;
        let trial = trial_of(patched).map_or_else(String::new, |trial| trial.to_string());
        let folder = format!("trials/{trial}/");
        // The key is looked at only after it is known to be this trial's.
        let key = object_key(patched, bucket).filter(|key| key.as_str().starts_with(&folder)).ok_or_else(|| {
            Problem::invalid("FileLocation", format!("`FileLocation` must lie in s3://{bucket}/{folder}."))
                .with_remedy("Name a file of the document's own trial, or store the file anew.")
        })?;
        let sharing = self.sharing(patched).await?;
        let entry = self.entry(&key).await?;
        let keeps = |entry: &FileEntry| {
            let age = self.clock.now().duration_since(entry.modified);
            sharing.iter().any(|record| !is_leaving(record)) || age < LONGEST_UPLOAD
        };
        if !entry.as_ref().is_some_and(keeps) {
            let location = file_location(bucket, &key);
            return Err(Problem::invalid("FileLocation", format!("There is no file at {location}.")));
        }
        if sharing.iter().any(is_leaving) {
            return Err(file_removed());
        }
        // The hash was of the other file. One that we computed for this file is true of it.
        let hash = |other: &Record| LastChange::of(other).and_then(|_| other.text("SHA256").map(Value::from));
        match sharing.iter().find_map(hash) {
            Some(hash) => patched.0.insert("SHA256".to_owned(), hash),
            None => patched.0.remove("SHA256"),
        };
        Ok(())
    }

    async fn entry(&self, key: &FileKey) -> ports::Result<Option<FileEntry>> {
        let first = self.originals.list(key.as_str()).boxed().try_next().await?;
        Ok(first.filter(|entry| entry.key == *key))
    }

    /// Looks again after the write: where the file's other record began to leave meanwhile, its deletion may not have seen
    /// this record, and the change is taken back: by the same person, though callers see no difference afterwards.
    ///
    /// # Errors
    /// 409 where it was taken back.
    pub(super) async fn keep_or_revert(
        &self,
        before: &Record,
        patched: Record,
        cause: &Cause,
    ) -> Result<Record, Problem> {
        let leaving = self.sharing(&patched).await?.iter().any(is_leaving);
        let key = object_key(&patched, &self.settings.bucket);
        let exists = match &key {
            Some(key) => self.originals.size(key).await?.is_some(),
            None => false,
        };
        if exists && !leaving {
            return Ok(patched);
        }
        // The request's own command is not left in the record: sent again, it is tried again.
        let command = derive("take-back", &[&cause.command.to_string()]);
        let taking_back = Cause { command, request: None, ..cause.clone() };
        let mut reverted = before.clone();
        mark(&mut reverted, &taking_back, Some(TAKEN_BACK.to_owned()), self.clock.now(), false);
        self.documents.replace(&patched, &reverted).await?;
        Err(file_removed())
    }
}

fn file_removed() -> Problem {
    Problem::conflict("file-removed", "The file at `FileLocation` is being removed, so nothing was changed.")
}
