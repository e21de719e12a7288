//! Reads the database's change stream: the collection's changes and our heartbeats, in the one order that the server gives them.

use std::time::Duration;

use futures::StreamExt;
use mongodb::Database;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Document, RawDocument, RawDocumentBuf, Timestamp, doc};
use mongodb::change_stream::ChangeStream;
use mongodb::change_stream::event::ResumeToken;
use mongodb::error::{Error as MongoError, ErrorKind, Result as MongoResult};
use mongodb::options::{FullDocumentBeforeChangeType, FullDocumentType};
use ports::{Error, Record, Result};
use serde::Deserialize;
use tokio::time::{Instant, interval_at, timeout};

use super::RELAY;
use super::place::{Standing, order_after};
use super::record::record;
use crate::mongodb::{bounded, sentence};

/// How long one call may take in which the server passes over what is not ours: after a long downtime that can be all that
/// others wrote to the replica set since.
const PASSES_WITHIN: Duration = Duration::from_secs(900);
/// How long it may have nothing to tell and nothing to pass over although our heartbeat is still to come.
const STANDS_FOR: Duration = Duration::from_secs(10);
/// How often it is asked meanwhile whether it is still there.
const ASKED_EVERY: Duration = Duration::from_secs(5);

/// Codes by which a server says that it cannot go on from a resume token: too old, of another history, or at a change with records
/// too large to be told.
const LOST: [i32; 5] = [136, 260, 280, 286, 10_334];

/// What is read.
pub(super) enum Told {
    /// A record changed.
    Change(Box<Changed>),
    /// A heartbeat came by.
    Beat(ObjectId),
    /// The changes from here on are not kept, or not whole.
    Lost,
}

/// A change of one record. Without images both sides are empty.
pub(super) struct Changed {
    pub(super) id: String,
    /// When, in seconds since 1970 by the cluster's clock, which never goes back.
    pub(super) second: u32,
    pub(super) before: Option<Record>,
    pub(super) after: Option<Record>,
}

/// An open change stream, and where in it we stand.
pub(super) struct Reader {
    database: Database,
    stream: ChangeStream<Event>,
    images: bool,
    at: Standing,
}

impl Reader {
    /// Goes on behind a place; `None` where the server no longer can. Without `images`, records are not fetched.
    pub(super) async fn after(
        database: &Database,
        collection: &str,
        at: Standing,
        images: bool,
    ) -> Result<Option<Self>> {
        let resume = Some(at.resume.clone());
        match open(database, collection, resume, images).await? {
            Some(stream) => Ok(Some(Self { database: database.clone(), stream, images, at })),
            None => Ok(None),
        }
    }

    /// Where we stand: at the last change, and the last heartbeat or change from which the server goes on.
    pub(super) const fn at(&self) -> &Standing {
        &self.at
    }

    /// What comes next, within bounded time: for a reader that waits for a heartbeat.
    pub(super) async fn next(&mut self) -> Result<Told> {
        loop {
            let Some(event) = awaited_event(&self.database, &mut self.stream).await? else { return Ok(Told::Lost) };
            if let Some(told) = self.take(event)? {
                return Ok(told);
            }
        }
    }

    /// Waits for what comes next, however long. A waiter that gives up loses nothing: the next one goes on.
    pub(super) async fn wait(&mut self) -> Result<Told> {
        loop {
            let event = match self.stream.next().await {
                Some(Ok(event)) => event,
                Some(Err(error)) if !is_lost(&error) => return Err(sentence(&error)),
                Some(Err(_)) | None => return Ok(Told::Lost),
            };
            if let Some(told) = self.take(event)? {
                return Ok(told);
            }
        }
    }

    fn take(&mut self, event: Event) -> Result<Option<Told>> {
        let is_ours = event.ns.as_ref().and_then(|ns| ns.coll.as_deref()) == Some(RELAY);
        if is_ours {
            let Some(beat) = event.beat() else { return Ok(None) };
            self.at.floor = beat.at.map_or(self.at.floor, |at| at.max(self.at.floor));
            self.at.resume = event.token;
            return Ok(Some(Told::Beat(beat.beat)));
        }
        let (has_before, has_after) = match event.operation_type.as_str() {
            "insert" => (false, true),
            "update" | "replace" => (true, true),
            "delete" => (true, false),
            // Dropped or renamed, the collection or the whole database.
            _ => return Ok(Some(Told::Lost)),
        };
        let is_whole = event.before.is_some() >= has_before && event.after.is_some() >= has_after;
        if self.images && !is_whole {
            return Ok(Some(Told::Lost));
        }
        let Some(key) = &event.document_key else {
            return Err(Error::Corrupt("a change of a record does not say of which".to_owned()));
        };
        let side =
            |raw: Option<RawDocumentBuf>, is_there| raw.filter(|_| is_there && self.images).map(|raw| record(&raw));
        let changed = Changed {
            id: record(key).id().to_owned(),
            second: event.cluster_time.time,
            before: side(event.before, has_before),
            after: side(event.after, has_after),
        };
        self.at.token.order = order_after(self.at.token.order, event.cluster_time);
        self.at.resume = event.token;
        Ok(Some(Told::Change(Box::new(changed))))
    }
}

/// Reads on from now until a heartbeat that is sent once the stream is open: where the server goes on from, and the heartbeat's
/// time in the cluster.
pub(super) async fn here<T>(
    database: &Database,
    collection: &str,
    beat: impl Future<Output = Result<(ObjectId, T)>>,
) -> Result<(T, ResumeToken, Timestamp)> {
    let gone = || Error::Unavailable(format!("the collection {collection} was dropped while it was opened"));
    let mut stream = open(database, collection, None, false).await?.ok_or_else(gone)?;
    let (sent, answer) = beat.await?;
    loop {
        let event = awaited_event(database, &mut stream).await?.ok_or_else(gone)?;
        if event.beat().is_some_and(|beat| beat.beat == sent) {
            return Ok((answer, event.token, event.cluster_time));
        }
    }
}

/// Opens a stream; `None` where the server cannot go on from there.
async fn open(
    database: &Database,
    collection: &str,
    resume: Option<ResumeToken>,
    images: bool,
) -> Result<Option<ChangeStream<Event>>> {
    let mut watch = database.watch().pipeline(pipeline(collection, images));
    if let Some(token) = resume {
        watch = watch.resume_after(token);
    }
    if images {
        watch = watch
            .full_document(FullDocumentType::WhenAvailable)
            .full_document_before_change(FullDocumentBeforeChangeType::WhenAvailable);
    }
    let opened = async {
        match watch.await {
            Ok(stream) => Ok(Some(stream.with_type::<Event>())),
            Err(error) if is_lost(&error) => Ok(None),
            Err(error) => Err(error),
        }
    };
    patiently(database, opened).await
}

/// The next event, where one is sure to come: a heartbeat. `None` where the server cannot go on.
async fn awaited_event(database: &Database, stream: &mut ChangeStream<Event>) -> Result<Option<Event>> {
    let mut moved = Instant::now();
    while moved.elapsed() < STANDS_FOR {
        let before = stream.resume_token();
        let next = async {
            match stream.next_if_any().await {
                Err(error) if is_lost(&error) => Ok(None),
                Ok(None) if !stream.is_alive() => Ok(None),
                next => next.map(Some),
            }
        };
        match patiently(database, next).await? {
            Some(Some(event)) => return Ok(Some(event)),
            Some(None) if stream.resume_token() != before => moved = Instant::now(),
            Some(None) => {}
            None => return Ok(None),
        }
    }
    Err(Error::Unavailable("the change stream does not come to our heartbeat".to_owned()))
}

/// Awaits what the server may have to search long for, for as long as it answers others.
async fn patiently<T>(database: &Database, call: impl Future<Output = MongoResult<T>>) -> Result<T> {
    let gone = async {
        let mut asked = interval_at(Instant::now() + ASKED_EVERY, ASKED_EVERY);
        loop {
            asked.tick().await;
            if let Err(error) = bounded(database.run_command(doc! { "ping": 1 })).await {
                return error;
            }
        }
    };
    tokio::select! {
        answer = timeout(PASSES_WITHIN, call) => match answer {
            Ok(answer) => answer.map_err(|error| sentence(&error)),
            Err(_) => Err(Error::Unavailable("the change stream does not answer".to_owned())),
        },
        error = gone => Err(error),
    }
}

fn is_lost(error: &MongoError) -> bool {
    matches!(&*error.kind, ErrorKind::Command(command) if LOST.contains(&command.code))
}

/// The collection's changes, whatever happens to it, and its heartbeats.
fn pipeline(collection: &str, images: bool) -> Vec<Document> {
    let mut stages = vec![doc! { "$match": { "$or": [
        { "ns.coll": collection },
        { "to.coll": collection },
        { "ns.coll": RELAY, "documentKey._id": collection, "operationType": "insert" },
        { "ns.coll": RELAY, "documentKey._id": collection, "updateDescription.updatedFields.beat": { "$exists": true } },
        { "operationType": { "$in": ["dropDatabase", "invalidate"] } },
    ] } }];
    if !images {
        stages.push(doc! { "$project": {
            "operationType": 1, "ns": 1, "documentKey": 1, "clusterTime": 1,
            "fullDocument.beat": 1, "fullDocument.at": 1,
            "updateDescription.updatedFields.beat": 1, "updateDescription.updatedFields.at": 1,
        } });
    }
    stages
}

/// An event as the server sends it. Records stay as they came: what another program wrote must not fail the stream.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    #[serde(rename = "_id")]
    token: ResumeToken,
    operation_type: String,
    ns: Option<Namespace>,
    document_key: Option<RawDocumentBuf>,
    cluster_time: Timestamp,
    #[serde(rename = "fullDocument")]
    after: Option<RawDocumentBuf>,
    #[serde(rename = "fullDocumentBeforeChange")]
    before: Option<RawDocumentBuf>,
    update_description: Option<RawDocumentBuf>,
}

#[derive(Debug, Deserialize)]
struct Namespace {
    coll: Option<String>,
}

/// What a heartbeat wrote. A time no later than the one before leaves that as it is.
#[derive(Deserialize)]
struct Beat {
    beat: ObjectId,
    at: Option<i64>,
}

impl Event {
    fn beat(&self) -> Option<Beat> {
        let updated = self.update_description.as_deref().and_then(|update| update.get_document("updatedFields").ok());
        let written: &RawDocument = updated.or(self.after.as_deref())?;
        mongodb::bson::deserialize_from_slice(written.as_bytes()).ok()
    }
}
