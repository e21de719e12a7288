//! One save: the projection's position, compared and set, and its rows, all or nothing.
//!
//! A transaction is open for as short a time as can be: one call that moves the position and writes the rows, and the commit.

use std::time::Duration;

use mongodb::bson::{Document, doc};
use mongodb::error::{Result as MongoResult, UNKNOWN_TRANSACTION_COMMIT_RESULT};
use mongodb::options::{DeleteOneModel, InsertOneModel, ReplaceOneModel, UpdateOneModel, WriteModel};
use mongodb::{ClientSession, Collection, Database, Namespace};
use ports::{Error, Position, Result, Write};
use tokio::pin;
use tokio::time::{Instant, sleep, timeout};

use super::{rows, sets};
use crate::mongodb::sessions::{Sessions, kill};
use crate::mongodb::{bounded, durably, is_duplicate_key, sentence};
use crate::view_store::{check_table, table_of};

/// How long a save may take.
const TAKES: Duration = Duration::from_secs(45);
/// How long a save waits for others that have its documents in their hands, before it ends them.
const PATIENCE: Duration = Duration::from_secs(2);
/// When a save that still meets others gives up.
const GIVES_UP: Duration = Duration::from_secs(5);
/// A first pause after such a meeting; it doubles with each, up to the longest.
const PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);
/// How often a commit is asked for whose answer was lost.
const COMMITS: u32 = 3;

/// A save, ready to be tried.
pub(super) struct Save<'s> {
    database: &'s Database,
    sessions: &'s Sessions,
    views: Collection<Document>,
    generation: i64,
    projection: &'s str,
    from: Option<Position>,
    to: Position,
    rows: Vec<WriteModel>,
    /// How many of the rows are put, and not removed.
    puts: usize,
}

impl<'s> Save<'s> {
    /// # Errors
    /// `Rejected` for a row that is no JSON object.
    pub(super) fn new(
        (database, sessions): (&'s Database, &'s Sessions),
        generation: i64,
        projection: &'s str,
        (from, to): (Option<Position>, Position),
        writes: &[Write],
    ) -> Result<Self> {
        let rows = writes.iter().map(|write| model(database.name(), generation, write)).collect::<Result<_>>()?;
        let puts = writes.iter().filter(|write| matches!(write, Write::Put { .. })).count();
        Ok(Self { database, sessions, views: sets::collection(database), generation, projection, from, to, rows, puts })
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

    /// False where the projection stands elsewhere. Another transaction that has the same document in its hands is waited for, a
    /// little: who comes too late sees so when that one is done.
    async fn tries(&self) -> Result<bool> {
        let began = Instant::now();
        let mut pause = PAUSE;
        let mut has_ended_others = false;
        loop {
            match self.attempt().await.map_err(|error| sentence(&error)) {
                Err(Error::Conflict(_)) if began.elapsed() < GIVES_UP => {}
                answer => return answer,
            }
            if began.elapsed() >= PATIENCE && !has_ended_others {
                self.end_others().await?;
                has_ended_others = true;
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn attempt(&self) -> MongoResult<bool> {
        if let (Some(from), []) = (self.from, &self.rows[..]) {
            return self.move_only(from).await;
        }
        let id = self.id();
        let mut session = self.sessions.take(&id).await?;
        let answer = self.transaction(&mut session).await;
        // Where neither is said, the driver aborts the transaction as it drops the session.
        if matches!(answer, Ok(true)) || session.abort_transaction().await.is_ok() {
            self.sessions.give_back(&id, session);
        }
        answer
    }

    /// A single write needs no transaction. It waits in the server for one that has the document in its hands.
    async fn move_only(&self, from: Position) -> MongoResult<bool> {
        let write = self.views.replace_one(self.standing(from), self.document()).into_future();
        pin!(write);
        let answer = match timeout(PATIENCE, &mut write).await {
            Ok(answer) => answer,
            Err(_) => {
                // What goes wrong with that shows in the write's own answer.
                drop(self.end_others().await);
                write.await
            }
        };
        Ok(answer?.matched_count == 1)
    }

    /// Moves the position and writes the rows in one call, and commits where the position was as expected.
    async fn transaction(&self, session: &mut ClientSession) -> MongoResult<bool> {
        session.start_transaction().write_concern(durably()).await?;
        let writes = self.position().into_iter().chain(self.rows.iter().cloned());
        let written = match self.database.client().bulk_write(writes).session(&mut *session).await {
            Err(error) if is_duplicate_key(&error) => return Ok(false),
            written => written?,
        };
        // Each row that is put is matched or new, so that one more was matched where the position was.
        if written.matched_count + written.upserted_count != 1 + self.puts as i64 {
            return Ok(false);
        }
        commit(session).await?;
        Ok(true)
    }

    /// Compare-and-set on where the projection stands: writes of which one matches where it stands as expected.
    fn position(&self) -> Vec<WriteModel> {
        let views = self.views.namespace();
        if let Some(from) = self.from {
            let replace = ReplaceOneModel::builder().namespace(views).filter(self.standing(from));
            return vec![replace.replacement(self.document()).build().into()];
        }
        // A generation that was swapped away must not begin anew. Its other positions are gone; a first one takes this look, and
        // as it writes, a swap at the same time makes one of both fail.
        let wanted = doc! {
            "_id": sets::generations_id(), "$or": [{ "live": self.generation }, { "next": self.generation }]
        };
        let begin = UpdateOneModel::builder().namespace(views.clone()).filter(wanted);
        vec![
            InsertOneModel::builder().namespace(views).document(self.document()).build().into(),
            begin.update(doc! { "$inc": { "begun": 1_i64 } }).build().into(),
        ]
    }

    /// Ends what others left open on the projection's position, or on the generations' document.
    async fn end_others(&self) -> Result<()> {
        let sessions = self.sessions.end_others(&[&self.id(), &sets::generations_id()]).await?;
        tracing::warn!(
            projection = self.projection,
            sessions,
            "another program kept a projection from being saved: its sessions were ended"
        );
        Ok(())
    }

    /// What became of a save whose answer was lost. Where the projection stands at its end, it was this save, or another
    /// program's of the same events, whose rows are as good.
    async fn outcome(&self, why: String) -> Result<()> {
        let found = bounded(self.views.find_one(doc! { "_id": self.id() })).await?;
        let stands = found.as_ref().map(sets::position).transpose()?;
        if stands == self.from {
            Err(Error::Unavailable(why))
        } else if stands == Some(self.to) {
            Ok(())
        } else {
            Err(self.conflict())
        }
    }

    /// The id of the position's document.
    fn id(&self) -> String {
        sets::name(self.generation, self.projection)
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
        // If it is open still, it would keep everybody from its documents. Whoever meets it does the same.
        let database = session.client().database("admin");
        drop(kill(&database, &[session.id().clone()]).await);
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
