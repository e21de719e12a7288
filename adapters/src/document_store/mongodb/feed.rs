//! The changes of the collection since the acknowledged place, and how far they have been told.
//!
//! One document in `trialbrief_relay`, named as the collection, holds what we remember. Its heartbeats stand among the changes in
//! the server's one order: read up to a heartbeat, everything before its time has been told, and no machine's clock is compared
//! with another's.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures::stream::{self, BoxStream, StreamExt};
use jiff::Timestamp;
use mongodb::bson::doc;
use mongodb::bson::oid::ObjectId;
use mongodb::options::ReturnDocument;
use mongodb::{Collection, Database};
use ports::{Change, ChangeToken, Clock, Error, Place, Result};
use serde::Deserialize;
use tokio::time::timeout;

use super::place::{Standing, order_at};
use super::reader::{Changed, Reader, Told, here};
use super::{RELAY, shape};
use crate::mongodb::{bounded, durable_collection};

/// How long a reader waits for a change before it is woken without one: its stream may be deaf, and its place must not grow too old
/// for the server while nothing changes.
const LOOKS_AGAIN: Duration = Duration::from_secs(10);

/// What is remembered about the changes.
#[derive(Debug, Deserialize)]
struct State {
    epoch: i64,
    /// The time of the last heartbeat, in microseconds.
    at: i64,
    beat: ObjectId,
    /// The beginning of the epoch; nothing until the collection was opened once.
    begun: Option<Place>,
    acknowledged: Option<Place>,
    /// A heartbeat behind a change, and no other change between the two.
    quiet: Option<Place>,
}

impl State {
    /// The place behind which changes are told.
    fn from(&self) -> Result<&Place> {
        self.acknowledged.as_ref().or(self.begun.as_ref()).ok_or_else(forgotten)
    }
}

/// The changes of one collection.
pub(super) struct Feed {
    database: Database,
    collection: String,
    clock: Clock,
    /// To be remembered with the next heartbeat.
    quiet: std::sync::Mutex<Option<Place>>,
    /// Open while somebody waits for a change.
    waiting: tokio::sync::Mutex<Option<Reader>>,
}

impl Feed {
    /// Begins to observe, unless that was begun before.
    pub(super) async fn open(database: Database, collection: String, clock: Clock) -> Result<Self> {
        let feed = Self { database, collection, clock, quiet: None.into(), waiting: None.into() };
        let relay = feed.relay();
        if bounded(relay.find_one(doc! { "_id": &feed.collection, "begun": { "$ne": null } })).await?.is_none() {
            let begun = feed.here().await?.1.place()?;
            // Another process may have been first.
            let new = doc! { "_id": &feed.collection, "begun": null };
            bounded(relay.update_one(new, doc! { "$set": { "begun": begun.0 } })).await?;
        }
        Ok(feed)
    }

    fn relay(&self) -> Collection<State> {
        durable_collection(&self.database, RELAY).clone_with_type()
    }

    /// Writes a heartbeat: the only write of a reader that finds nothing.
    async fn beat(&self) -> Result<State> {
        let now = self.clock.now();
        let mut set = doc! { "beat": ObjectId::new() };
        if let Some(quiet) = self.quiet.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            set.insert("quiet", quiet.0);
        }
        let new = doc! { "epoch": now.as_second().max(1) };
        let update = doc! { "$max": { "at": now.as_microsecond() }, "$set": set, "$setOnInsert": new };
        let relay = self.relay();
        let beat = relay.find_one_and_update(doc! { "_id": &self.collection }, update);
        let state = bounded(beat.upsert(true).return_document(ReturnDocument::After)).await?;
        state.ok_or_else(|| Error::Corrupt(format!("{RELAY} does not keep what is written")))
    }

    /// The present end of the changes, with the beginning of an epoch there.
    async fn here(&self) -> Result<(State, Standing)> {
        let beat = async {
            let state = self.beat().await?;
            Ok((state.beat, state))
        };
        let (state, resume, time) = here(&self.database, &self.collection, beat).await?;
        let token = ChangeToken { epoch: state.epoch.unsigned_abs(), order: order_at(time) };
        let standing = Standing { token, floor: state.at, resume };
        Ok((state, standing))
    }

    /// Where a reader begins; `None` where the acknowledged place is of an epoch before.
    fn start(state: &State) -> Result<Option<Standing>> {
        let from = Standing::parse(state.from()?)?;
        if from.token.epoch != state.epoch.unsigned_abs() {
            return Ok(None);
        }
        let quiet = state.quiet.as_ref().map(Standing::parse).transpose()?;
        Ok(Some(quiet.filter(|quiet| quiet.token == from.token).unwrap_or(from)))
    }

    async fn read_from(&self, start: Option<Standing>, images: bool) -> Result<Option<Reader>> {
        match start {
            Some(start) => Reader::after(&self.database, &self.collection, start, images).await,
            None => Ok(None),
        }
    }

    pub(super) fn changes(self: &Arc<Self>) -> BoxStream<'static, Result<Change>> {
        let feed = Arc::clone(self);
        stream::try_unfold(Telling::Begin, move |telling| {
            let feed = Arc::clone(&feed);
            async move { feed.tell(telling).await }
        })
        .boxed()
    }

    async fn tell(&self, telling: Telling) -> Result<Option<(Change, Telling)>> {
        let (mut reader, beat, up_to) = match telling {
            Telling::Begin => {
                let state = self.beat().await?;
                let Some(reader) = self.read_from(Self::start(&state)?, true).await? else { return self.lost().await };
                (reader, state.beat, instant(state.at)?)
            }
            Telling::Reading(reader, beat, up_to) => (*reader, beat, up_to),
            Telling::Ended => return Ok(None),
        };
        loop {
            match reader.next().await? {
                Told::Change(change) => {
                    let change = seen(*change, reader.at(), up_to)?;
                    return Ok(Some((change, Telling::Reading(Box::new(reader), beat, up_to))));
                }
                Told::Beat(told) if told == beat => {
                    let quiet = Some(reader.at().place()?);
                    *self.quiet.lock().unwrap_or_else(PoisonError::into_inner) = quiet;
                    return Ok(Some((Change::UpTo(up_to), Telling::Ended)));
                }
                Told::Beat(_) => {}
                Told::Lost => return self.lost().await,
            }
        }
    }

    /// Says so, and sees to it that what changes from now on is kept whole.
    async fn lost(&self) -> Result<Option<(Change, Telling)>> {
        shape::prepare(&self.database, &self.collection).await?;
        Ok(Some((Change::Lost, Telling::Ended)))
    }

    pub(super) async fn end(&self) -> Result<(ChangeToken, Place)> {
        let mut state = self.beat().await?;
        if Self::start(&state)?.is_none() {
            state.acknowledged = None;
        }
        let mut newest = state.from()?.clone();
        let Some(mut reader) = self.read_from(Self::start(&state)?, false).await? else {
            return self.begin_anew().await;
        };
        loop {
            match reader.next().await? {
                Told::Change(_) => newest = reader.at().place()?,
                Told::Beat(told) if told == state.beat => return Ok((Standing::parse(&newest)?.token, newest)),
                Told::Beat(_) => {}
                Told::Lost => return self.begin_anew().await,
            }
        }
    }

    /// Begins behind what was lost.
    async fn begin_anew(&self) -> Result<(ChangeToken, Place)> {
        shape::prepare(&self.database, &self.collection).await?;
        self.begin(0, false).await
    }

    pub(super) async fn begin_epoch(&self, at_least: u64) -> Result<()> {
        self.begin(at_least, true).await.map(drop)
    }

    async fn begin(&self, at_least: u64, acknowledged: bool) -> Result<(ChangeToken, Place)> {
        let (state, mut standing) = self.here().await?;
        let epoch = (standing.token.epoch + 1).max(at_least);
        let stored = i64::try_from(epoch).map_err(|_| Error::Rejected(format!("{epoch} is no number of an epoch")))?;
        standing.token.epoch = epoch;
        let place = standing.place()?;
        let mut set = doc! { "epoch": stored, "begun": &place.0 };
        if acknowledged {
            set.insert("acknowledged", &place.0);
        }
        let same = doc! { "_id": &self.collection, "epoch": state.epoch };
        if bounded(self.relay().update_one(same, doc! { "$set": set })).await?.matched_count == 0 {
            return Err(Error::Unavailable("another process began an epoch just now; ask again".to_owned()));
        }
        Ok((standing.token, place))
    }

    async fn state(&self) -> Result<State> {
        let state = bounded(self.relay().find_one(doc! { "_id": &self.collection })).await?;
        state.ok_or_else(forgotten)
    }

    pub(super) async fn acknowledged(&self) -> Result<Option<Place>> {
        Ok(self.state().await?.acknowledged)
    }

    pub(super) async fn acknowledge(&self, place: &Place) -> Result<()> {
        let epoch = Standing::parse(place)?.token.epoch;
        let same = doc! { "_id": &self.collection, "epoch": i64::try_from(epoch).unwrap_or_default() };
        let further = doc! { "$max": { "acknowledged": &place.0 } };
        if bounded(self.relay().update_one(same, further)).await?.matched_count == 0 {
            return Err(Error::Rejected("this place is not in the changes of this collection".to_owned()));
        }
        Ok(())
    }

    pub(super) async fn changed(&self) {
        let mut waiting = self.waiting.lock().await;
        // An error is for whoever reads the changes.
        if !matches!(timeout(LOOKS_AGAIN, self.wait(&mut waiting)).await, Ok(Ok(()))) {
            *waiting = None;
        }
    }

    /// Resolves when there is a change behind the acknowledged place, when none can be seen any more, and with an error.
    async fn wait(&self, waiting: &mut Option<Reader>) -> Result<()> {
        let Some(start) = Self::start(&self.state().await?)? else { return Ok(()) };
        let acknowledged = start.token;
        let open = waiting.take().filter(|reader| reader.at().token.epoch == acknowledged.epoch);
        let Some(found) = (match open {
            Some(reader) => Some(reader),
            None => self.read_from(Some(start), false).await?,
        }) else {
            return Ok(());
        };
        let reader = waiting.insert(found);
        while reader.at().token <= acknowledged {
            if let Told::Lost = reader.wait().await? {
                *waiting = None;
                return Ok(());
            }
        }
        Ok(())
    }
}

/// How far a stream of changes has come.
enum Telling {
    Begin,
    /// Up to this heartbeat, which was sent at that time.
    Reading(Box<Reader>, ObjectId, Timestamp),
    Ended,
}

/// A change at the store's time, but not before the heartbeat before it, nor behind the one that is read up to.
fn seen(change: Changed, at: &Standing, up_to: Timestamp) -> Result<Change> {
    let second = Timestamp::from_second(change.second.into()).unwrap_or(up_to);
    let Changed { id, before, after, .. } = change;
    let at_time = second.min(up_to).max(instant(at.floor)?);
    Ok(Change::Seen { id, token: at.token, at: at_time, before, after, place: at.place()? })
}

fn instant(micros: i64) -> Result<Timestamp> {
    Timestamp::from_microsecond(micros).map_err(|error| Error::Corrupt(format!("heartbeat: {error}")))
}

fn forgotten() -> Error {
    Error::Corrupt(format!("somebody removed what {RELAY} remembers; start the program again"))
}
