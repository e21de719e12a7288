//! Views in one MongoDB database: each table of a generation is a collection, and rows and position are saved in one transaction.
//!
//! Programs with another version of the rows, or the next generation that is folded beside, have collections of their own
//! (`sets`), so that a rolling restart and a rebuild disturb nobody.

mod follow;
mod rows;
mod save;
mod sets;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures::TryStreamExt;
use mongodb::bson::{Document, doc};
use mongodb::{Collection, Database};
use ports::{Error, Find, Position, Result, Table, ViewStore, Write};
use tokio::task::JoinHandle;

use super::{check_table, table_of};
use crate::mongodb::sessions::Sessions;
use crate::mongodb::{bounded, connect, durable_collection, of_setting};
use follow::Followed;
use save::Save;

/// Servers from MongoDB 8.0 on take writes to many collections in one call.
const WIRE_VERSION: i32 = 25;

/// The views in one database.
pub(super) struct MongoViewStore {
    database: Database,
    sessions: Sessions,
    followed: Arc<Followed>,
    /// Collections whose indexes are known to be there.
    made: Mutex<HashSet<String>>,
    follower: JoinHandle<()>,
}

impl MongoViewStore {
    pub(super) async fn open(url: &str) -> Result<Self> {
        let (url, generation) = without_option(url, "generation");
        let is_new = match generation {
            None => false,
            Some("new") => true,
            Some(other) => {
                let why =
                    format!("setting \"stores.views\": the generation is {other:?}; it may be left out, or \"new\"");
                return Err(Error::Rejected(why));
            }
        };
        let database = database(&url).await?;
        let sessions = Sessions::new(&database);
        sessions.prepare().await.map_err(|error| of_setting("stores.views", error))?;
        let followed = Followed::open(sets::collection(&database), is_new);
        let followed = Arc::new(followed.await.map_err(|error| of_setting("stores.views", error))?);
        let follower = tokio::spawn(follow::follow(Arc::clone(&followed)));
        Ok(Self { database, sessions, followed, made: Mutex::default(), follower })
    }

    fn rows(&self, generation: i64, table: Table) -> Collection<Document> {
        durable_collection(&self.database, &sets::name(generation, table.name))
    }

    /// Makes a table's collection and its indexes where they are missing, once per program. Not in the transaction: there, a
    /// server makes no index.
    async fn make(&self, generation: i64, table: Table) -> Result<()> {
        let collection = self.rows(generation, table);
        if self.made.lock().unwrap_or_else(PoisonError::into_inner).contains(collection.name()) {
            return Ok(());
        }
        let indexes = rows::indexes(&table);
        if indexes.is_empty() {
            match bounded(self.database.create_collection(collection.name())).await {
                // It is there.
                Ok(()) | Err(Error::Conflict(_)) => {}
                Err(error) => return Err(error),
            }
        } else {
            bounded(collection.create_indexes(indexes)).await?;
        }
        self.made.lock().unwrap_or_else(PoisonError::into_inner).insert(collection.name().to_owned());
        Ok(())
    }
}

#[async_trait]
impl ViewStore for MongoViewStore {
    async fn get(&self, table: Table, key: &str) -> Result<Option<Bytes>> {
        check_table(&table)?;
        let rows = self.rows(self.followed.generation(), table);
        let found = bounded(rows.find_one(doc! { "_id": key }).projection(doc! { "row": 1 })).await?;
        Ok(found.map(rows::row).transpose()?.map(|(_, row)| row))
    }

    async fn find(&self, table: Table, find: &Find) -> Result<Vec<(String, Bytes)>> {
        let rows::Query { filter, sort } = rows::query(&table, find)?;
        // To the server, no limit is 0.
        if find.limit == 0 {
            return Ok(Vec::new());
        }
        let rows = self.rows(self.followed.generation(), table);
        let found = rows.find(filter).sort(sort).projection(doc! { "row": 1 });
        let found = found.limit(i64::try_from(find.limit).unwrap_or(i64::MAX));
        // All in one answer, as far as an answer reaches.
        let found = found.batch_size(find.limit.min(i32::MAX as usize) as u32);
        let found: Vec<Document> = bounded(async { found.await?.try_collect().await }).await?;
        found.into_iter().map(rows::row).collect()
    }

    async fn position(&self, projection: &str) -> Result<Option<Position>> {
        Ok(self.followed.position(projection))
    }

    async fn save(&self, projection: &str, from: Option<Position>, to: Position, writes: Vec<Write>) -> Result<()> {
        let generation = self.followed.generation();
        let save = Save::new((&self.database, &self.sessions), generation, projection, (from, to), &writes)?;
        for run in writes.chunk_by(|a, b| table_of(a).name == table_of(b).name) {
            if let Some(write) = run.first() {
                self.make(generation, table_of(write)).await?;
            }
        }
        if let Err(error) = save.run().await {
            // What was known of the position may be behind.
            self.followed.look().await?;
            return Err(error);
        }
        self.followed.note(generation, projection, to);
        Ok(())
    }

    async fn moved(&self, projection: &str, seen: Option<Position>) {
        self.followed.moved(projection, seen).await;
    }
}

impl Drop for MongoViewStore {
    fn drop(&mut self) {
        self.follower.abort();
    }
}

/// Connects, and refuses a server that has no transactions or no change streams.
async fn database(url: &str) -> Result<Database> {
    let database = connect("stores.views", url).await?;
    let hello =
        bounded(database.run_command(doc! { "hello": 1 })).await.map_err(|error| of_setting("stores.views", error))?;
    if !hello.contains_key("setName") && !hello.get_str("msg").is_ok_and(|msg| msg == "isdbgrid") {
        let why = "the server is no member of a replica set: views need its transactions and change streams";
        return Err(Error::Rejected(format!("setting \"stores.views\": {why}; start it with --replSet")));
    }
    let version = hello.get_i32("maxWireVersion").unwrap_or_default();
    if version < WIRE_VERSION {
        let why =
            format!("the server speaks wire version {version}, and views need {WIRE_VERSION}: MongoDB 8.0 or later");
        return Err(Error::Rejected(format!("setting \"stores.views\": {why}")));
    }
    Ok(database)
}

/// Makes the next generation live.
pub(super) async fn swap(url: &str) -> Result<()> {
    sets::swap(&database(&without_option(url, "generation").0).await?).await
}

/// Drops all sets of rows that no program of this version or a later one reads.
pub(super) async fn drop_unused(url: &str) -> Result<()> {
    sets::drop_unused(&database(&without_option(url, "generation").0).await?).await
}

/// A URL without one of its options, and the option's value: the driver refuses options that it does not know.
fn without_option<'u>(url: &'u str, name: &str) -> (String, Option<&'u str>) {
    let Some((place, options)) = url.split_once('?') else { return (url.to_owned(), None) };
    let value_of = |option: &'u str| option.split_once('=').filter(|(key, _)| *key == name).map(|(_, value)| value);
    let value = options.split('&').find_map(value_of);
    let kept: Vec<_> = options.split('&').filter(|option| value_of(option).is_none()).collect();
    let question_mark = if kept.is_empty() { "" } else { "?" };
    (format!("{place}{question_mark}{}", kept.join("&")), value)
}
