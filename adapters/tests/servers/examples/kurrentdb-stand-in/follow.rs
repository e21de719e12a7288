//! `Streams/Read` as a subscription: what is there, then what comes. It ends only with an error, or when the reader leaves.

use std::sync::Arc;

use futures::stream::{self, StreamExt, TryStreamExt};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tonic::Status;
use uuid::Uuid;

use crate::append::stream_name;
use crate::messages::{AllOptions, FilterOptions, Position, ReadResp, StreamOptions, SubscriptionConfirmation};
use crate::read::{Answers, Filter, Ids, row_of};
use crate::store::{Store, position};

/// A page ends after so many wanted events.
const PAGE_EVENTS: u32 = 32;
/// How many events may wait for a live reader before it has to catch up again.
const LIVE_BUFFER: usize = 100;

/// Why following ended.
enum End {
    ReaderLeft,
    Failed(Status),
}

impl From<Status> for End {
    fn from(status: Status) -> Self {
        Self::Failed(status)
    }
}

/// Follows the whole log behind a position.
pub async fn follow_all(
    store: Arc<Store>,
    asked: AllOptions,
    filter: Option<&FilterOptions>,
    ids: Ids,
) -> Result<Answers, Status> {
    let window = filter.and_then(|filter| filter.max).unwrap_or(PAGE_EVENTS);
    let multiplier = filter.map(|filter| filter.checkpoint_interval_multiplier);
    if window == 0 || multiplier == Some(0) {
        return Err(Status::invalid_argument("neither the window nor the checkpoint interval may be 0"));
    }
    let end = store.end().await?;
    let behind = match asked {
        // Exclusive; but a checkpoint with prepare 0 stands before the event that begins there.
        AllOptions { position: Some(at), .. } if at.prepare_position == 0 => row_of(at, end)? - 1,
        AllOptions { position: Some(at), .. } => row_of(at, end.saturating_sub(1))?,
        AllOptions { end: Some(()), .. } => end,
        AllOptions { .. } => 0,
    };
    let (sender, receiver) = channel(PAGE_EVENTS as usize);
    let following = FollowingAll {
        store,
        filter: Filter::of(filter)?,
        ids,
        window,
        interval: multiplier.map(|multiplier| window.saturating_mul(multiplier)),
        considered: 0,
        behind,
        reader: sender.clone(),
    };
    Ok(run(following.run(), sender, receiver))
}

/// Follows one stream behind a revision.
pub async fn follow_stream(store: Arc<Store>, asked: &StreamOptions, ids: Ids) -> Result<Answers, Status> {
    let name = stream_name(asked.stream_identifier.as_ref())?;
    let next = match asked {
        StreamOptions { revision: Some(revision), .. } => revision.saturating_add(1),
        StreamOptions { end: Some(()), .. } => {
            store.read(&name, 0).await?.last().map_or(0, |last| last.revision.saturating_add(1))
        }
        StreamOptions { .. } => 0,
    };
    let (sender, receiver) = channel(PAGE_EVENTS as usize);
    let reader = sender.clone();
    let following = async move {
        let mut next = next;
        confirm(&reader).await?;
        let mut is_live = false;
        loop {
            let end = store.end().await?;
            for event in store.read(&name, next).await? {
                next = event.revision + 1;
                tell(&reader, ids.event(event)).await?;
            }
            if !std::mem::replace(&mut is_live, true) {
                tell(&reader, ReadResp { caught_up: Some(()), ..ReadResp::default() }).await?;
            }
            wait(&store, end, &reader).await?;
        }
    };
    Ok(run(following, sender, receiver))
}

/// Runs beside the answer, and ends the answer with the error if there is one.
fn run(
    following: impl Future<Output = Result<(), End>> + Send + 'static,
    reader: Sender<Result<ReadResp, Status>>,
    receiver: Receiver<Result<ReadResp, Status>>,
) -> Answers {
    tokio::spawn(async move {
        if let Err(End::Failed(status)) = following.await {
            // A reader who left needs no error.
            let _ = reader.send(Err(status)).await;
        }
    });
    stream::unfold(receiver, async |mut receiver| receiver.recv().await.map(|answer| (answer, receiver))).boxed()
}

async fn tell(reader: &Sender<Result<ReadResp, Status>>, answer: ReadResp) -> Result<(), End> {
    reader.send(Ok(answer)).await.map_err(|_| End::ReaderLeft)
}

async fn confirm(reader: &Sender<Result<ReadResp, Status>>) -> Result<(), End> {
    let confirmation = Some(SubscriptionConfirmation { subscription_id: Uuid::new_v4().to_string() });
    tell(reader, ReadResp { confirmation, ..ReadResp::default() }).await
}

/// Waits until the log ends behind a row.
async fn wait(store: &Store, row: u64, reader: &Sender<Result<ReadResp, Status>>) -> Result<(), End> {
    tokio::select! {
        () = store.grown(row) => Ok(()),
        () = reader.closed() => Err(End::ReaderLeft),
    }
}

/// A reader of the whole log.
struct FollowingAll {
    store: Arc<Store>,
    filter: Filter,
    ids: Ids,
    /// How many events a page considers at most.
    window: u32,
    /// After how many considered events comes a checkpoint; none without a filter.
    interval: Option<u32>,
    /// Events considered since the last checkpoint.
    considered: u32,
    /// The last row that was considered.
    behind: u64,
    reader: Sender<Result<ReadResp, Status>>,
}

impl FollowingAll {
    async fn run(mut self) -> Result<(), End> {
        confirm(&self.reader).await?;
        loop {
            self.catch_up().await?;
            self.live().await?;
        }
    }

    /// Tells what is there, in pages; checkpoints come at the end of a page.
    async fn catch_up(&mut self) -> Result<(), End> {
        let mut events = self.store.behind(self.behind);
        let mut page = Page::behind(self.behind);
        while let Some(event) = events.try_next().await? {
            self.behind = event.row;
            page.considered += 1;
            if self.filter.wants(&event) {
                page.told += 1;
                page.checkpoint = at_event(event.row);
                tell(&self.reader, self.ids.event(event)).await?;
            }
            if page.considered == self.window || page.told == PAGE_EVENTS {
                self.considered = self.considered.saturating_add(page.considered);
                if let Some(interval) = self.interval.filter(|interval| self.considered >= *interval) {
                    self.considered %= interval;
                    self.checkpoint(page.checkpoint).await?;
                }
                page = Page::behind(self.behind);
            }
        }
        self.considered = self.considered.saturating_add(page.considered);
        if self.interval.is_some() {
            self.checkpoint(before_event(self.behind + 1)).await?;
        }
        tell(&self.reader, ReadResp { caught_up: Some(()), ..ReadResp::default() }).await
    }

    /// Tells events as they come, until too many have come at once.
    async fn live(&mut self) -> Result<(), End> {
        loop {
            wait(&self.store, self.behind, &self.reader).await?;
            let waiting: Vec<_> = self.store.behind(self.behind).take(LIVE_BUFFER + 1).try_collect().await?;
            if waiting.len() > LIVE_BUFFER {
                return Ok(());
            }
            for event in waiting {
                self.behind = event.row;
                self.considered = self.considered.saturating_add(1);
                if self.filter.wants(&event) {
                    tell(&self.reader, self.ids.event(event)).await?;
                }
                if self.interval.is_some_and(|interval| self.considered >= interval) {
                    self.considered = 0;
                    self.checkpoint(at_event(self.behind)).await?;
                }
            }
        }
    }

    async fn checkpoint(&self, at: Position) -> Result<(), End> {
        tell(&self.reader, ReadResp { checkpoint: Some(at), ..ReadResp::default() }).await
    }
}

/// A page of the log while a reader catches up.
struct Page {
    /// Events looked at, and those of them that were told.
    considered: u32,
    told: u32,
    /// The last event told; where there is none, the start of the page.
    checkpoint: Position,
}

impl Page {
    fn behind(row: u64) -> Self {
        Self { considered: 0, told: 0, checkpoint: before_event(row + 1) }
    }
}

fn at_event(row: u64) -> Position {
    Position { commit_position: position(row), prepare_position: position(row) }
}

/// A border of the log: what begins there has not been told.
fn before_event(row: u64) -> Position {
    Position { commit_position: position(row), prepare_position: 0 }
}
