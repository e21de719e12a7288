//! The log: the same events in the same order, and one hash folded over each side.

use std::sync::Arc;

use anyhow::{Context, bail};
use futures::stream::{self, BoxStream, StreamExt};
use ports::{
    Categories, EventFeed, EventHash, EventLog, Expected, Fed, MAX_APPEND_BYTES, NewEvent, Position, Result,
    StoredEvent,
};

use super::Compared;
use super::progress::Progress;
use super::retry::{Patience, retried};

/// Events that go into one append at most: their metadata takes room in a request too.
const MOST_IN_ONE_APPEND: usize = 512;

/// A log, event by event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Folded {
    pub(super) events: u64,
    hash: EventHash,
}

impl Folded {
    fn then(self, event: EventHash) -> Self {
        Self { events: self.events + 1, hash: self.hash.then(event) }
    }
}

/// What the target holds of the source's log.
pub(super) struct Prefix {
    pub(super) of_target: Folded,
    /// Where it ends at the source.
    after: Option<Position>,
    /// Whether the source has nothing behind it.
    pub(super) is_whole: bool,
}

/// All events behind a position. Where the feed breaks off, it goes on behind the event that was told last.
fn all(feed: &Arc<dyn EventFeed>, after: Option<Position>) -> BoxStream<'static, Result<StoredEvent>> {
    let under_way = feed.read(after, Categories::ALL);
    let reading = (Arc::clone(feed), after, under_way, Patience::default());
    let events = stream::try_unfold(reading, |(feed, mut after, mut under_way, mut patience)| async move {
        loop {
            match under_way.next().await {
                None => return Ok(None),
                Some(Ok(Fed::Passed(_))) => {}
                Some(Ok(Fed::Event(event))) => {
                    after = Some(event.position);
                    return Ok(Some((event, (feed, after, under_way, Patience::default()))));
                }
                Some(Err(error)) => {
                    patience.after(error).await?;
                    under_way = feed.read(after, Categories::ALL);
                }
            }
        }
    });
    events.boxed()
}

/// How far the target has come. Refuses one that holds anything but the beginning of the source's log.
pub(super) async fn compare(
    source: &Arc<dyn EventFeed>,
    target: &Arc<dyn EventFeed>,
    progress: &mut Progress,
) -> anyhow::Result<Prefix> {
    progress.begin("looking at events".to_owned());
    let (mut here, mut there) = (all(source, None), all(target, None));
    let mut prefix = Prefix { of_target: Folded::default(), after: None, is_whole: false };
    while let Some(at_target) = there.next().await {
        let at_target = at_target.context("events: the target's log")?;
        let at_source = here.next().await.transpose().context("events: the source's log")?;
        let Some(at_source) = at_source.filter(|event| event.hash() == at_target.hash()) else {
            bail!(
                "events: the target holds {}@{} as event {}, which is not the source's: it is in use, or of another \
                 source; give an empty target",
                at_target.stream,
                at_target.revision,
                prefix.of_target.events + 1
            );
        };
        prefix.of_target = prefix.of_target.then(at_target.hash());
        prefix.after = Some(at_source.position);
        progress.inc(1);
    }
    prefix.is_whole = here.next().await.transpose().context("events: the source's log")?.is_none();
    Ok(prefix)
}

/// What of the source's log was moved, and where it ended.
pub(super) struct Moved {
    whole: Folded,
    after: Option<Position>,
}

/// Appends what the target does not have yet.
pub(super) async fn copy(
    source: &Arc<dyn EventFeed>,
    target: &Arc<dyn EventLog>,
    prefix: &Prefix,
    progress: &mut Progress,
) -> anyhow::Result<Moved> {
    progress.begin("moving events".to_owned());
    let mut moved = Moved { whole: prefix.of_target, after: prefix.after };
    let mut joined = Joined::default();
    let mut events = all(source, prefix.after);
    while let Some(event) = events.next().await {
        let event = event.context("events: the source's log")?;
        moved = Moved { whole: moved.whole.then(event.hash()), after: Some(event.position) };
        if !joined.takes(&event) {
            joined.append(target, progress).await?;
        }
        joined.push(event);
    }
    joined.append(target, progress).await?;
    Ok(moved)
}

/// Neighbours in the log that belong to one stream: one append.
#[derive(Default)]
struct Joined {
    stream: String,
    first: u64,
    events: Vec<NewEvent>,
    bytes: usize,
}

impl Joined {
    fn takes(&self, event: &StoredEvent) -> bool {
        self.events.is_empty()
            || (self.stream == event.stream
                && self.events.len() < MOST_IN_ONE_APPEND
                && self.bytes + event.event.size_bytes() <= MAX_APPEND_BYTES)
    }

    fn push(&mut self, stored: StoredEvent) {
        if self.events.is_empty() {
            (self.stream, self.first) = (stored.stream, stored.revision);
        }
        self.bytes += stored.event.size_bytes();
        self.events.push(stored.event);
    }

    /// One after the other, for the order of appends is the order of the log.
    async fn append(&mut self, target: &Arc<dyn EventLog>, progress: &Progress) -> anyhow::Result<()> {
        if self.events.is_empty() {
            return Ok(());
        }
        let expected = self.first.checked_sub(1).map_or(Expected::NoStream, Expected::Revision);
        let appended = retried(|| target.append(&self.stream, expected, &self.events)).await;
        appended.with_context(|| format!("events: appending {}@{}", self.stream, self.first))?;
        progress.inc(self.events.len() as u64);
        *self = Self::default();
        Ok(())
    }
}

/// Compares the source's log, with what came to it meanwhile, with what is read back from the target.
pub(super) async fn verify(
    moved: Moved,
    source: &Arc<dyn EventFeed>,
    target: &Arc<dyn EventFeed>,
    progress: &mut Progress,
) -> anyhow::Result<Vec<Compared>> {
    progress.begin("comparing events".to_owned());
    let mut found = Folded::default();
    let mut events = all(target, None);
    while let Some(event) = events.next().await {
        found = found.then(event.context("events: the target's log")?.hash());
        progress.inc(1);
    }
    let mut whole = moved.whole;
    let mut events = all(source, moved.after);
    while let Some(event) = events.next().await {
        whole = whole.then(event.context("events: the source's log")?.hash());
    }
    let compared = |what, source: String, target: String| Compared { what, source, target, differences: Vec::new() };
    Ok(vec![
        compared("events", whole.events.to_string(), found.events.to_string()),
        compared("log hash", whole.hash.to_string(), found.hash.to_string()),
    ])
}
