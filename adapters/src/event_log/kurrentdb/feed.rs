//! The feed: one subscription to the log's end for all readers of the process, which keeps the newest events in memory; who stands
//! further back is caught up by a subscription of its own.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::kurrentdb::{
    RecordedEvent, StreamPosition, SubscribeToAllOptions, Subscription, SubscriptionEvent, SubscriptionFilter,
};
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use ports::{Categories, Error, Fed, Position, Result};
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use super::connection::{Connection, Delays};
use super::event::{client_position, position, stored};
use super::{log_end, recorded};

/// How long a reader waits for the tail to have what this process appended, and for the subscription to come back.
const CATCHES_UP_WITHIN: Duration = Duration::from_secs(5);
/// A subscription that is silent for so long may be deaf: it is made again.
const SILENT_FOR: Duration = Duration::from_secs(20);
/// After so many events of others that the server looked at, it says how far it is.
const CHECKPOINT_EVENTS: u32 = 256;
/// The tail keeps so many events, and so many bytes of them.
const TAIL_EVENTS: usize = 8_192;
const TAIL_BYTES: usize = 32 << 20;

/// The newest events of our prefix.
struct Tail {
    /// All events of ours behind this position, up to `end`, are in `events`.
    start: Option<Position>,
    events: VecDeque<Arc<RecordedEvent>>,
    bytes: usize,
    /// Up to here the subscription has told all.
    end: Option<Position>,
    /// The newest event of ours, or what stood at the log's end at first: the bell.
    newest: Option<Position>,
    /// Why the subscription does not run now.
    broken: Option<Error>,
}

impl Tail {
    fn push(&mut self, event: RecordedEvent) {
        let at = Some(position(event.position));
        if at <= self.end {
            return;
        }
        (self.end, self.newest) = (at, at);
        self.bytes += size(&event);
        self.events.push_back(Arc::new(event));
        while self.events.len() > TAIL_EVENTS || self.bytes > TAIL_BYTES {
            let Some(oldest) = self.events.pop_front() else { break };
            self.bytes -= size(&oldest);
            self.start = Some(position(oldest.position));
        }
    }

    /// The events behind a position; none where the tail begins later or ends before.
    fn behind(&self, after: Option<Position>) -> Option<Vec<Arc<RecordedEvent>>> {
        if after < self.start || after > self.end {
            return None;
        }
        let first = self.events.partition_point(|event| Some(position(event.position)) <= after);
        Some(self.events.range(first..).cloned().collect())
    }
}

fn size(event: &RecordedEvent) -> usize {
    event.data.len() + event.custom_metadata.len()
}

/// The tail, and what readers need beside it.
pub(super) struct Feed {
    connection: Arc<Connection>,
    tail: watch::Sender<Tail>,
    /// The newest event that this process appended.
    appended: Mutex<Option<Position>>,
    /// Rung where the subscription did not tell what was appended: it may be deaf.
    doubted: Notify,
}

impl Feed {
    /// A feed whose tail begins behind `end`, the log's end of now.
    pub(super) fn new(connection: Arc<Connection>, end: Option<Position>) -> Self {
        let broken = Some(Error::Unavailable("KurrentDB has not confirmed the subscription yet".to_owned()));
        let tail = Tail { start: end, events: VecDeque::new(), bytes: 0, end, newest: end, broken };
        Self { connection, tail: watch::Sender::new(tail), appended: Mutex::new(None), doubted: Notify::new() }
    }

    /// Notes what this process appended: whoever reads from now on is told of it.
    pub(super) fn appended(&self, position: Position) {
        let mut appended = self.appended.lock().unwrap_or_else(PoisonError::into_inner);
        *appended = (*appended).max(Some(position));
    }

    /// Resolves when there may be events of ours behind a position: also while the subscription is broken, so that who waits asks
    /// and learns it.
    pub(super) async fn grown(&self, after: Option<Position>) {
        // The sender lives in `self`, so that the bell cannot be gone.
        drop(self.tail.subscribe().wait_for(|tail| tail.broken.is_some() || tail.newest > after).await);
    }

    /// Keeps the tail: subscribes from where it ends, again and again.
    pub(super) async fn follow(self: Arc<Self>) {
        let mut delays = Delays::default();
        loop {
            if let Err(error) = self.follow_once(&mut delays).await {
                warn!(%error, "the subscription to KurrentDB broke; it is made again");
                self.tail.send_modify(|tail| tail.broken = Some(error));
                sleep(delays.next_delay()).await;
            }
        }
    }

    /// Follows one subscription until it breaks, or was silent for so long that another should be asked.
    async fn follow_once(&self, delays: &mut Delays) -> Result<()> {
        let after = self.tail.borrow().end;
        let (mut subscription, generation) = self.subscribe(after).await;
        let mut is_confirmed = false;
        let mut lags = false;
        loop {
            let told = tokio::select! {
                told = timeout(SILENT_FOR, subscription.next_subscription_event()) => told,
                () = self.doubted.notified(), if is_confirmed => return Ok(()),
            };
            let Ok(told) = told else {
                if is_confirmed { return Ok(()) } else { return Err(self.connection.silent(generation, SILENT_FOR)) }
            };
            // A node that cannot be read yet confirms all the same.
            if told.as_ref().is_ok_and(|told| !matches!(told, SubscriptionEvent::Confirmed(_))) {
                *delays = Delays::default();
            }
            match told {
                Ok(SubscriptionEvent::Confirmed(_)) => {
                    is_confirmed = true;
                    self.connection.make_prompt();
                    self.tail.send_modify(|tail| tail.broken = None);
                }
                Ok(SubscriptionEvent::EventAppeared(resolved)) => {
                    if let Some(event) = recorded(resolved) {
                        self.tail.send_modify(|tail| tail.push(event));
                    }
                }
                Ok(SubscriptionEvent::Checkpoint(passed)) => {
                    self.tail.send_modify(|tail| tail.end = tail.end.max(Some(position(passed))));
                }
                Ok(SubscriptionEvent::FellBehind(_)) if !lags => {
                    lags = true;
                    warn!("KurrentDB writes faster than this process reads; figures and reports come later");
                }
                Ok(SubscriptionEvent::CaughtUp(_)) if lags => {
                    lags = false;
                    info!("this process has caught up with KurrentDB");
                }
                Ok(
                    SubscriptionEvent::FellBehind(_)
                    | SubscriptionEvent::CaughtUp(_)
                    | SubscriptionEvent::FirstStreamPosition(_)
                    | SubscriptionEvent::LastStreamPosition(_)
                    | SubscriptionEvent::LastAllPosition(_),
                ) => {}
                Err(error) => return Err(self.connection.failed(generation, &error)),
            }
        }
    }

    /// A subscription to our streams behind a position, and the generation of its client.
    async fn subscribe(&self, after: Option<Position>) -> (Subscription, u64) {
        let from = after.map_or(StreamPosition::Start, |after| StreamPosition::Position(client_position(after)));
        let filter = SubscriptionFilter::on_stream_name().add_prefix(&self.connection.settings().prefix);
        let options = SubscribeToAllOptions::default().position(from).filter(filter.max(CHECKPOINT_EVENTS));
        let options = self.connection.signed(options, SubscribeToAllOptions::authenticated);
        let (client, generation) = self.connection.client();
        (client.subscribe_to_all(&options).await, generation)
    }

    /// See [`ports::EventFeed::read`].
    pub(super) fn read(self: Arc<Self>, after: Option<Position>, of: Categories) -> BoxStream<'static, Result<Fed>> {
        stream::once(async move { self.tell(after, of).await }).try_flatten().boxed()
    }

    async fn tell(self: Arc<Self>, after: Option<Position>, of: Categories) -> Result<BoxStream<'static, Result<Fed>>> {
        let (end, in_memory) = self.until_own_appends_are_in(after).await?;
        if after > end {
            self.check_is_of_this_log(after).await?;
        }
        let Some(events) = in_memory else {
            let Some(end) = end.max(after) else { return Ok(stream::empty().boxed()) };
            // What says that it has told all is a node, and not the cluster: it must have come so far itself.
            let newest = self.tail.borrow().newest;
            if log_end(&self.connection).await? < newest {
                return Err(Error::Unavailable("this node of KurrentDB lags behind".to_owned()));
            }
            return Ok(self.catch_up(after, end, of));
        };
        let mut told = Vec::with_capacity(events.len() + 1);
        for event in &events {
            let fed = self.fed(event, of);
            let is_corrupt = matches!(fed, Some(Err(_)));
            told.extend(fed);
            if is_corrupt {
                return Ok(stream::iter(told).boxed());
            }
        }
        told.extend(end.map(|end| Ok(Fed::Passed(end))));
        Ok(stream::iter(told).boxed())
    }

    /// Waits until the tail has what this process appended so far; answers where it ends, and what is behind the position, if the
    /// tail reaches back so far.
    async fn until_own_appends_are_in(
        &self,
        after: Option<Position>,
    ) -> Result<(Option<Position>, Option<Vec<Arc<RecordedEvent>>>)> {
        let appended = *self.appended.lock().unwrap_or_else(PoisonError::into_inner);
        let mut tail = self.tail.subscribe();
        let caught_up = tail.wait_for(|tail| tail.broken.is_none() && tail.end >= appended);
        if let Ok(Ok(tail)) = timeout(CATCHES_UP_WITHIN, caught_up).await {
            return Ok((tail.end, tail.behind(after)));
        }
        self.doubted.notify_one();
        let behind = || Error::Unavailable("the subscription to KurrentDB is behind what was appended here".to_owned());
        Err(self.tail.borrow().broken.clone().unwrap_or_else(behind))
    }

    /// Another process may have read further than this one; nobody has read further than the log reaches. A checkpoint may name
    /// the place of an event to come, with prepare 0.
    async fn check_is_of_this_log(&self, after: Option<Position>) -> Result<()> {
        let is_event = after.is_some_and(|after| after.prepare != 0);
        if is_event && log_end(&self.connection).await? < after {
            let why = "a reader stands behind the end of the log: it has read another log";
            return Err(Error::Corrupt(why.to_owned()));
        }
        Ok(())
    }

    /// What is told of an event: nothing where its category is not wanted.
    fn fed(&self, event: &RecordedEvent, of: Categories) -> Option<Result<Fed>> {
        let prefix = &self.connection.settings().prefix;
        let is_wanted = event.stream_id().strip_prefix(prefix.as_str()).is_none_or(|stream| of.contains(stream));
        is_wanted.then(|| stored(event, prefix).map(Fed::Event))
    }

    /// Tells from a position on that the tail has no longer, up to `end`.
    fn catch_up(
        self: Arc<Self>,
        after: Option<Position>,
        end: Position,
        of: Categories,
    ) -> BoxStream<'static, Result<Fed>> {
        let start = CatchUp { feed: self, of, reached: after, end, subscription: None, delays: Delays::default() };
        stream::try_unfold(Some(start), |reading| async move {
            let Some(mut reading) = reading else { return Ok(None) };
            Ok(match reading.next().await? {
                event @ Fed::Event(_) => Some((event, Some(reading))),
                passed @ Fed::Passed(_) => Some((passed, None)),
            })
        })
        .boxed()
    }
}

/// How often a subscription that catches up is made again before its reader is told.
const TRIES: u32 = 4;

/// A reader that stands further back than the tail.
struct CatchUp {
    feed: Arc<Feed>,
    of: Categories,
    /// Up to here everything was told.
    reached: Option<Position>,
    /// Where it ends: what comes later, a later reading tells.
    end: Position,
    subscription: Option<(Subscription, u64)>,
    delays: Delays,
}

impl CatchUp {
    /// The next wanted event, or `Passed` at the end.
    async fn next(&mut self) -> Result<Fed> {
        let mut tries = 0;
        while self.reached < Some(self.end) {
            let (mut subscription, generation) = match self.subscription.take() {
                Some(running) => running,
                None => self.feed.subscribe(self.reached).await,
            };
            let error = match timeout(SILENT_FOR, subscription.next_subscription_event()).await {
                Ok(Ok(told)) => {
                    self.subscription = Some((subscription, generation));
                    match self.fed(told) {
                        Some(fed) => return fed,
                        None => continue,
                    }
                }
                Ok(Err(error)) => self.feed.connection.failed(generation, &error),
                Err(_) => self.feed.connection.silent(generation, SILENT_FOR),
            };
            tries += 1;
            if tries == TRIES || !matches!(error, Error::Unavailable(_)) {
                return Err(error);
            }
            sleep(self.delays.next_delay()).await;
        }
        Ok(Fed::Passed(self.end))
    }

    /// Notes how far the subscription has told, and answers what the reader wants of it.
    fn fed(&mut self, told: SubscriptionEvent) -> Option<Result<Fed>> {
        match told {
            SubscriptionEvent::EventAppeared(resolved) => {
                let event = recorded(resolved)?;
                let at = position(event.position);
                if Some(at) <= self.reached {
                    return None;
                }
                self.reached = Some(at.min(self.end));
                if at <= self.end { self.feed.fed(&event, self.of) } else { None }
            }
            SubscriptionEvent::Checkpoint(passed) => {
                self.reached = self.reached.max(Some(position(passed).min(self.end)));
                None
            }
            SubscriptionEvent::CaughtUp(_) => {
                self.reached = Some(self.end);
                None
            }
            SubscriptionEvent::Confirmed(_)
            | SubscriptionEvent::FellBehind(_)
            | SubscriptionEvent::FirstStreamPosition(_)
            | SubscriptionEvent::LastStreamPosition(_)
            | SubscriptionEvent::LastAllPosition(_) => None,
        }
    }
}
