//! Workers that are stepped: by the program's loop, or by hand.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::Result;

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Something; step again at once.
    Worked,
    /// Nothing to do before `until`, or before something wakes it.
    Idle {
        /// The next instant at which stepping pays for itself.
        until: Option<Timestamp>,
    },
}

/// Something that works by itself. `step` never waits for time to pass; `wake` resolves when stepping may pay.
#[async_trait]
pub trait Worker: Send {
    /// Its name in logs and metrics.
    fn name(&self) -> &'static str;
    /// Does a bounded piece of work.
    async fn step(&mut self, now: Timestamp) -> Result<Step>;
    /// Waits for its bell.
    async fn wake(&mut self);
    /// Whether only one process at a time should step it. Those that take from the queue may run anywhere.
    fn is_single_active(&self) -> bool {
        true
    }
    /// The lease under which one process at a time steps it.
    fn lease(&self) -> String {
        self.name().to_owned()
    }
    /// Forgets what it remembers of the log, for others may have worked in its place.
    fn forget(&mut self) {}
}

/// Steps all workers until none finds work, and answers the next instant any of them waits for.
///
/// # Errors
/// The first error of a worker ends it.
pub async fn settle(workers: &mut [Box<dyn Worker>], now: Timestamp) -> Result<Option<Timestamp>> {
    loop {
        let mut next: Option<Timestamp> = None;
        let mut worked = false;
        for worker in workers.iter_mut() {
            loop {
                match worker.step(now).await? {
                    Step::Worked => worked = true,
                    Step::Idle { until } => {
                        next = next.into_iter().chain(until).min();
                        break;
                    }
                }
            }
        }
        if !worked {
            return Ok(next);
        }
    }
}

/// As [`settle`], but one step of one worker at a time, in an order drawn from `seed`: every way in which workers that run
/// beside each other may lag is one of these orders.
///
/// # Errors
/// The first error of a worker ends it.
pub async fn settle_in_any_order(
    workers: &mut [Box<dyn Worker>],
    now: Timestamp,
    seed: &mut u64,
) -> Result<Option<Timestamp>> {
    loop {
        let mut busy: Vec<usize> = (0..workers.len()).collect();
        while !busy.is_empty() {
            let drawn = draw(seed, busy.len());
            match workers[busy[drawn]].step(now).await? {
                Step::Worked => busy = (0..workers.len()).collect(),
                Step::Idle { .. } => {
                    busy.swap_remove(drawn);
                }
            }
        }
        // Some hand work on without calling that work: only where a whole round in order finds nothing, nothing is left.
        let (mut next, mut worked) = (None, false);
        for worker in workers.iter_mut() {
            match worker.step(now).await? {
                Step::Worked => worked = true,
                Step::Idle { until } => next = next.into_iter().chain(until).min(),
            }
        }
        if !worked {
            return Ok(next);
        }
    }
}

/// A number below `below`, which is not zero (SplitMix64).
fn draw(seed: &mut u64, below: usize) -> usize {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*seed ^ (*seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    usize::try_from((mixed ^ (mixed >> 31)) % below as u64).unwrap_or(0)
}
