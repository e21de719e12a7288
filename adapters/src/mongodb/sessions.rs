//! Sessions that are known to other programs before they begin a transaction.
//!
//! A program that is killed or stopped within a transaction leaves it open, and the server keeps its documents from everybody for up
//! to a minute. So each session is registered, with what it writes, and who is kept from its documents too long ends the others'.
//! The ended transaction writes nothing; its program, if it lives, is told so at its next call.

use std::collections::HashMap;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::TryStreamExt;
use mongodb::bson::{Bson, Document, doc};
use mongodb::error::Result as MongoResult;
use mongodb::options::{CollectionOptions, IndexOptions, ReadConcern, WriteConcern};
use mongodb::{ClientSession, Collection, Database, IndexModel};
use ports::Result;
use tokio::time::Instant;

use super::bounded;

/// A session is used for so long: less than the half hour after which servers forget one that is idle.
const USED_FOR: Duration = Duration::from_secs(600);
/// A registration is removed when no transaction of its session can be open any more.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(3600);

/// The collection of registrations, `{_id: <session's UUID>, of: <what it writes>, at: <server's time>}`, and this program's idle
/// sessions by what they write.
pub(crate) struct Sessions {
    database: Database,
    registrations: Collection<Document>,
    idle: Mutex<HashMap<String, Registered>>,
}

/// A session that is registered.
pub(crate) struct Registered {
    session: ClientSession,
    since: Instant,
}

impl Deref for Registered {
    type Target = ClientSession;

    fn deref(&self) -> &ClientSession {
        &self.session
    }
}

impl DerefMut for Registered {
    fn deref_mut(&mut self) -> &mut ClientSession {
        &mut self.session
    }
}

impl Sessions {
    pub(crate) fn new(database: &Database) -> Self {
        // A change of primary ends all transactions, so that registrations need not outlast it.
        let options = CollectionOptions::builder()
            .write_concern(WriteConcern::nodes(1))
            .read_concern(ReadConcern::local())
            .build();
        let registrations = database.collection_with_options("trialbrief_sessions", options);
        Self { database: database.clone(), registrations, idle: Mutex::default() }
    }

    /// Has the server remove old registrations.
    pub(crate) async fn prepare(&self) -> Result<()> {
        let expires = IndexOptions::builder().expire_after(FORGOTTEN_AFTER).build();
        let index = IndexModel::builder().keys(doc! { "at": 1 }).options(expires).build();
        bounded(self.registrations.create_index(index)).await.map(drop)
    }

    /// A session for transactions that write `of`, with none begun.
    pub(crate) async fn take(&self, of: &str) -> MongoResult<Registered> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).remove(of);
        match idle {
            Some(session) if session.since.elapsed() < USED_FOR => return Ok(session),
            // The driver uses it for other calls from now on, which nobody may end.
            Some(session) => self.registrations.delete_one(doc! { "_id": uuid(&session) }).await.map(drop)?,
            None => {}
        }
        let session = self.database.client().start_session().causal_consistency(false).await?;
        let register = doc! { "$set": { "of": of }, "$currentDate": { "at": true } };
        self.registrations.update_one(doc! { "_id": uuid(&session) }, register).upsert(true).await?;
        Ok(Registered { session, since: Instant::now() })
    }

    /// Keeps a session for the next transaction. One that is dropped instead aborts its transaction in the background.
    pub(crate) fn give_back(&self, of: &str, session: Registered) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).insert(of.to_owned(), session);
    }

    /// Ends the sessions of whoever else writes `of`, and with them what they left open. Says how many there were.
    pub(crate) async fn end_others(&self, of: &[&str]) -> Result<usize> {
        let found = self.registrations.find(doc! { "of": { "$in": of } });
        let found: Vec<Document> = bounded(async { found.await?.try_collect().await }).await?;
        let others: Vec<Document> =
            found.iter().filter_map(|session| session.get("_id")).map(|uuid| doc! { "id": uuid }).collect();
        if !others.is_empty() {
            kill(&self.database, &others).await?;
        }
        Ok(others.len())
    }
}

/// Ends sessions, such as `{id: <UUID>}`, and aborts what they have begun.
pub(crate) async fn kill(database: &Database, sessions: &[Document]) -> Result<()> {
    let admin = database.client().database("admin");
    bounded(admin.run_command(doc! { "killSessions": sessions })).await.map(drop)
}

fn uuid(session: &ClientSession) -> Bson {
    session.id().get("id").cloned().unwrap_or(Bson::Null)
}
