//! Where the projections stand and which generation lives, followed through a change stream: the bell of `moved`.

use std::time::Duration;

use futures::StreamExt;
use mongodb::Collection;
use mongodb::bson::Document;
use mongodb::change_stream::event::ChangeStreamEvent;
use ports::{Error, Position, Result};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::sets::{self, Generations, Positions, Standing};
use crate::mongodb::{bounded, sentence};

/// A stream that is silent for so long may be deaf: what it should have told is looked up.
const QUIET: Duration = Duration::from_secs(5);
/// Between two streams.
const PAUSE: Duration = Duration::from_secs(1);

/// One generation, as it was last seen.
#[derive(Debug, Default)]
struct Seen {
    generation: i64,
    positions: Positions,
}

/// What a store follows: the live generation, or a next one until it is swapped away.
pub(super) struct Followed {
    views: Collection<Document>,
    /// The generation that a store stays with.
    pinned: Option<i64>,
    seen: watch::Sender<Seen>,
}

impl Followed {
    /// Looks where everything stands. `is_new`: the next generation, instead of the live one.
    pub(super) async fn open(views: Collection<Document>, is_new: bool) -> Result<Self> {
        let standing = sets::look(&views).await?;
        let pinned = is_new.then_some(standing.generations.next);
        let followed = Self { views, pinned, seen: watch::Sender::default() };
        followed.learn(standing, true)?;
        Ok(followed)
    }

    /// The generation to read and write.
    pub(super) fn generation(&self) -> i64 {
        self.seen.borrow().generation
    }

    /// Where a projection stands, as far as this store has heard: it may have gone on since.
    pub(super) fn position(&self, projection: &str) -> Option<Position> {
        self.seen.borrow().positions.get(projection).copied()
    }

    /// Asks the server where the projections stand, and in which generation.
    pub(super) async fn look(&self) -> Result<Positions> {
        let standing = sets::look(&self.views).await?;
        let generation = self.chosen(standing.generations)?;
        let positions = standing.positions.get(&generation).cloned().unwrap_or_default();
        self.learn(standing, false)?;
        Ok(positions)
    }

    /// Rings for a save of this program, or one that was heard of.
    pub(super) fn note(&self, generation: i64, projection: &str, to: Position) {
        self.seen
            .send_if_modified(|seen| seen.generation == generation && advance(&mut seen.positions, projection, to));
    }

    pub(super) async fn moved(&self, projection: &str, since: Option<Position>) {
        let stands_elsewhere = |seen: &Seen| seen.positions.get(projection).copied() != since;
        // The sender lives in `self`, so that the bell cannot be gone.
        drop(self.seen.subscribe().wait_for(stands_elsewhere).await);
    }

    fn chosen(&self, generations: Generations) -> Result<i64> {
        match self.pinned {
            None => Ok(generations.live),
            Some(pinned) if [generations.live, generations.next].contains(&pinned) => Ok(pinned),
            Some(pinned) => {
                Err(Error::Rejected(format!("generation {pinned} of the views was swapped away or dropped")))
            }
        }
    }

    /// Takes over what was seen; true where that is news. What was looked up may be older than what was noted meanwhile, so that
    /// positions only go on, unless all begins afresh.
    fn learn(&self, standing: Standing, afresh: bool) -> Result<bool> {
        let generation = self.chosen(standing.generations)?;
        let mut positions = standing.positions;
        let positions = positions.remove(&generation).unwrap_or_default();
        Ok(self.seen.send_if_modified(|seen| {
            if afresh || seen.generation != generation {
                *seen = Seen { generation, positions };
                return true;
            }
            let advanced = positions.iter().filter(|(projection, at)| advance(&mut seen.positions, projection, **at));
            advanced.count() > 0
        }))
    }

    /// Hears one change. A change of the generations, and whatever is not understood, is looked up.
    async fn hear(&self, change: ChangeStreamEvent<Document>) -> Result<()> {
        let document = change.full_document.as_ref();
        let id = document.and_then(|document| document.get_str("_id").ok()).and_then(sets::parse);
        if let (Some(document), Some((generation, projection))) = (document, id) {
            self.note(generation, projection, sets::position(document)?);
            return Ok(());
        }
        self.look().await.map(drop)
    }

    /// Follows one stream until it ends or turns out to be deaf.
    async fn listen(&self) -> Result<()> {
        let mut changes = bounded(self.views.watch()).await?;
        self.learn(sets::look(&self.views).await?, true)?;
        loop {
            match timeout(QUIET, changes.next()).await {
                Ok(Some(Ok(change))) => self.hear(change).await?,
                Ok(Some(Err(error))) => return Err(sentence(&error)),
                Ok(None) => return Ok(()),
                Err(_) if self.learn(sets::look(&self.views).await?, false)? => return Ok(()),
                Err(_) => {}
            }
        }
    }
}

/// Puts a projection further; false where it stands there or beyond.
fn advance(positions: &mut Positions, projection: &str, to: Position) -> bool {
    let is_further = positions.get(projection).is_none_or(|at| *at < to);
    if is_further {
        positions.insert(projection.to_owned(), to);
    }
    is_further
}

/// Follows for as long as the store is open.
pub(super) async fn follow(followed: std::sync::Arc<Followed>) {
    loop {
        if let Err(error) = followed.listen().await {
            tracing::warn!(%error, "the positions of the views are looked up until their change stream is there again");
            // It may be the stream alone that fails. If not, the next stream says so.
            drop(followed.look().await);
        }
        sleep(PAUSE).await;
    }
}
