//! One save: the projection's position, compared and set, and its rows, all or nothing.

use std::time::Duration;

use mongodb::bson::{Document, doc};
use mongodb::error::{Result as MongoResult, UNKNOWN_TRANSACTION_COMMIT_RESULT};
use mongodb::options::{DeleteOneModel, ReplaceOneModel, WriteModel};
use mongodb::{ClientSession, Collection, Database, Namespace};
use ports::{Error, Position, Result, Write};
use tokio::time::{sleep, timeout};

use super::{rows, sets};
use crate::mongodb::{bounded, is_duplicate_key, sentence};
use crate::view_store::{check_table, table_of};

/// How long a save may take: servers end a transaction after 60 seconds.
const TAKES: Duration = Duration::from_secs(45);
/// How often a transaction that met another is begun.
const TRIES: u32 = 20;
/// A first pause after such a meeting; it grows with each.
const PAUSE: Duration = Duration::from_millis(2);
/// How often a commit is asked for whose answer was lost.
const COMMITS: u32 = 3;

/// A save, ready to be tried.
pub(super) struct Save<'s> {
    database: &'s Database,
    views: Collection<Document>,
    generation: i64,
    projection: &'s str,
    from: Option<Position>,
    to: Position,
    rows: Vec<WriteModel>,
}

impl<'s> Save<'s> {
    /// # Errors
    /// `Rejected` for a row that is no JSON object.
    pub(super) fn new(
        database: &'s Database,
        generation: i64,
        projection: &'s str,
        from: Option<Position>,
        to: Position,
        writes: &[Write],
    ) -> Result<Self> {
        let rows = writes.iter().map(|write| model(database.name(), generation, write)).collect::<Result<_>>()?;
        Ok(Self { database, views: sets::collection(database), generation, projection, from, to, rows })
    }

    /// Saves.
    ///
    /// # Errors
    /// `Conflict` where the projection stands elsewhere, `Unavailable` where the server does not answer.
    pub(super) async fn run(&self) -> Result<()> {
        let why = match timeout(TAKES, self.tries()).await {
            Ok(Ok(true)) => return Ok(()),
            Ok(Ok(false)) => return Err(self.conflict()),
            Ok(Err(Error::Unavailable(why))) => why,
            Ok(Err(error)) => return Err(error),
            Err(_) => format!("a save took longer than {} seconds", TAKES.as_secs()),
        };
        self.outcome(why).await
    }

    /// False where the projection stands elsewhere.
    async fn tries(&self) -> Result<bool> {
        for attempt in 1..TRIES {
            match self.attempt().await.map_err(|error| sentence(&error)) {
                // Another transaction has the same document in its hands. Who comes too late sees so when that one is done.
                Err(Error::Conflict(_)) => sleep(PAUSE * attempt).await,
                answer => return answer,
            }
        }
        self.attempt().await.map_err(|error| sentence(&error))
    }

    async fn attempt(&self) -> MongoResult<bool> {
        if let (Some(from), []) = (self.from, &self.rows[..]) {
            let write = self.views.replace_one(self.standing(from), self.document()).await?;
            return Ok(write.matched_count == 1);
        }
        // Where this returns early, the driver aborts the transaction as it drops the session.
        let mut session = sets::begin(self.database).await?;
        if !self.move_position(&mut session).await? {
            return Ok(false);
        }
        if !self.rows.is_empty() {
            self.database.client().bulk_write(self.rows.clone()).session(&mut session).await?;
        }
        commit(&mut session).await?;
        Ok(true)
    }

    /// Compare-and-set on where the projection stands.
    async fn move_position(&self, session: &mut ClientSession) -> MongoResult<bool> {
        if let Some(from) = self.from {
            let write = self.views.replace_one(self.standing(from), self.document()).session(session).await?;
            return Ok(write.matched_count == 1);
        }
        match self.views.insert_one(self.document()).session(&mut *session).await {
            Err(error) if is_duplicate_key(&error) => return Ok(false),
            answer => answer?,
        };
        // A generation that was swapped away must not begin anew. Its other positions are gone; a first one takes this look, and
        // as it writes, a swap at the same time makes one of both fail.
        let wanted = doc! {
            "_id": sets::generations_id(), "$or": [{ "live": self.generation }, { "next": self.generation }]
        };
        let write = self.views.update_one(wanted, doc! { "$inc": { "begun": 1_i64 } }).session(session).await?;
        Ok(write.matched_count == 1)
    }

    /// What became of a save whose answer was lost. Where the projection stands at its end, it was this save, or another
    /// program's of the same events, whose rows are as good.
    async fn outcome(&self, why: String) -> Result<()> {
        let id = sets::name(self.generation, self.projection);
        let found = bounded(self.views.find_one(doc! { "_id": id })).await?;
        let stands = found.as_ref().map(sets::position).transpose()?;
        if stands == self.from {
            Err(Error::Unavailable(why))
        } else if stands == Some(self.to) {
            Ok(())
        } else {
            Err(self.conflict())
        }
    }

    fn document(&self) -> Document {
        sets::document(self.generation, self.projection, self.to)
    }

    /// The projection's document, if it stands there.
    fn standing(&self, at: Position) -> Document {
        sets::document(self.generation, self.projection, at)
    }

    fn conflict(&self) -> Error {
        Error::Conflict(format!("projection {:?} stands elsewhere: another program moved it", self.projection))
    }
}

async fn commit(session: &mut ClientSession) -> MongoResult<()> {
    for _ in 1..COMMITS {
        match session.commit_transaction().await {
            Err(error) if error.contains_label(UNKNOWN_TRANSACTION_COMMIT_RESULT) => {}
            answer => return answer,
        }
    }
    let answer = session.commit_transaction().await;
    if answer.as_ref().is_err_and(|error| error.contains_label(UNKNOWN_TRANSACTION_COMMIT_RESULT)) {
        // If it is open still, it would keep everybody from its documents until the server ends it, a minute later.
        let kill = doc! { "killSessions": [session.id().clone()] };
        drop(session.client().database("admin").run_command(kill).await);
    }
    answer
}

fn model(database: &str, generation: i64, write: &Write) -> Result<WriteModel> {
    let table = table_of(write);
    check_table(&table)?;
    let collection = Namespace::new(database, sets::name(generation, table.name));
    Ok(match write {
        Write::Put { key, row, .. } => {
            let model = ReplaceOneModel::builder().namespace(collection).filter(doc! { "_id": key });
            model.replacement(rows::document(&table, key, row)?).upsert(true).build().into()
        }
        Write::Remove { key, .. } => {
            DeleteOneModel::builder().namespace(collection).filter(doc! { "_id": key }).build().into()
        }
    })
}
