//! A queue within one process.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use ports::{Clock, Error, Result, Taken, Work, WorkKind, WorkQueue};
use tokio::sync::Notify;

/// How long taken work is kept from others.
pub const TAKEN_FOR: SignedDuration = SignedDuration::from_secs(60);

/// The most work of one kind that waits; more is `Unavailable`, and its row of open work stays.
const MOST_WAITING: usize = 100_000;

/// A queue per kind of work.
pub(super) struct InProcess {
    clock: Clock,
    queues: HashMap<WorkKind, Queue>,
}

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    bell: Notify,
}

#[derive(Default)]
struct State {
    /// Ids in order of their offer.
    waiting: VecDeque<Arc<str>>,
    /// Ids that wait or are taken.
    known: HashSet<Arc<str>>,
    /// By receipt.
    taken: HashMap<u64, Held>,
    receipts: u64,
}

struct Held {
    id: Arc<str>,
    until: Timestamp,
}

impl InProcess {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, queues: WorkKind::ALL.map(|kind| (kind, Queue::default())).into() }
    }

    fn queue(&self, kind: WorkKind) -> &Queue {
        &self.queues[&kind]
    }
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Puts work whose time has run out back before all that waits, the oldest first.
    fn take_back(&mut self, now: Timestamp) {
        let mut lapsed: Vec<u64> =
            self.taken.iter().filter(|(_, held)| held.until <= now).map(|(receipt, _)| *receipt).collect();
        lapsed.sort_unstable();
        for receipt in lapsed.into_iter().rev() {
            if let Some(held) = self.taken.remove(&receipt) {
                self.waiting.push_front(held.id);
            }
        }
    }
}

#[async_trait]
impl WorkQueue for InProcess {
    async fn offer(&self, work: &Work) -> Result<()> {
        let queue = self.queue(work.kind);
        {
            let mut state = queue.state();
            if state.known.contains(work.id.as_str()) {
                return Ok(());
            }
            if state.waiting.len() >= MOST_WAITING {
                return Err(Error::Unavailable(format!(
                    "the queue already holds {MOST_WAITING} of {}",
                    work.kind.name()
                )));
            }
            let id: Arc<str> = work.id.as_str().into();
            state.known.insert(Arc::clone(&id));
            state.waiting.push_back(id);
        }
        queue.bell.notify_waiters();
        Ok(())
    }

    async fn take(&self, kind: WorkKind) -> Result<Option<Taken>> {
        let now = self.clock.now();
        let mut state = self.queue(kind).state();
        state.take_back(now);
        let Some(id) = state.waiting.pop_front() else { return Ok(None) };
        state.receipts += 1;
        let (receipt, work) = (state.receipts, Work { kind, id: id.to_string() });
        let until = now.saturating_add(TAKEN_FOR).unwrap_or(Timestamp::MAX);
        state.taken.insert(receipt, Held { id, until });
        Ok(Some(Taken { work, receipt }))
    }

    async fn offered(&self, kind: WorkKind) {
        let queue = self.queue(kind);
        loop {
            // From its making on it hears every bell, also those before it is awaited.
            let rung = queue.bell.notified();
            let now = self.clock.now();
            let lapses = {
                let mut state = queue.state();
                state.take_back(now);
                if !state.waiting.is_empty() {
                    return;
                }
                state.taken.values().map(|held| held.until).min()
            };
            match lapses {
                None => rung.await,
                Some(until) => {
                    // Under a simulated clock it may wake too early, and looks again.
                    let left = Duration::try_from(until.duration_since(now)).unwrap_or(Duration::ZERO);
                    let _early = tokio::time::timeout(left, rung).await;
                }
            }
        }
    }

    async fn extend(&self, taken: &Taken) -> Result<()> {
        let until = self.clock.now().saturating_add(TAKEN_FOR).unwrap_or(Timestamp::MAX);
        if let Some(held) = self.queue(taken.work.kind).state().taken.get_mut(&taken.receipt) {
            held.until = until;
        }
        Ok(())
    }

    fn kept_for(&self) -> Duration {
        Duration::try_from(TAKEN_FOR).unwrap_or(Duration::MAX)
    }

    async fn depth(&self, kind: WorkKind) -> Result<u64> {
        Ok(self.queue(kind).state().known.len() as u64)
    }

    async fn finish(&self, taken: Taken) -> Result<()> {
        let mut state = self.queue(taken.work.kind).state();
        if let Some(held) = state.taken.remove(&taken.receipt) {
            state.known.remove(&held.id);
        }
        Ok(())
    }
}
