//! The only source of the present time.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};

/// Marks a clock that follows the machine.
const SYSTEM: i64 = i64::MIN;

/// Tells the time: the machine's, or one that is set by hand. Clones share it.
///
/// Times have microsecond precision, as events record them.
#[derive(Clone, Debug)]
pub struct Clock {
    /// Microseconds of the simulated time, or `SYSTEM`.
    at: Arc<AtomicI64>,
    /// How far it is ahead of the machine while it follows it.
    ahead: SignedDuration,
}

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub fn system() -> Self {
        Self::at_distance(SignedDuration::ZERO)
    }

    /// A clock that runs as the machine's does, so far ahead of it. Several processes share one made-up time by it.
    #[must_use]
    pub fn at_distance(ahead: SignedDuration) -> Self {
        Self { at: Arc::new(AtomicI64::new(SYSTEM)), ahead }
    }

    /// A clock that stands at `at` until it is set.
    #[must_use]
    pub fn simulated(at: Timestamp) -> Self {
        Self { at: Arc::new(AtomicI64::new(at.as_microsecond())), ahead: SignedDuration::ZERO }
    }

    /// The present time, cut to microseconds.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let micros = match self.at.load(Ordering::SeqCst) {
            SYSTEM => {
                #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
                let now = Timestamp::now();
                now.saturating_add(self.ahead).unwrap_or(now).as_microsecond()
            }
            simulated => simulated,
        };
        Timestamp::from_microsecond(micros).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// Sets a simulated clock, forwards only. One that follows the machine goes on doing so.
    pub fn set(&self, at: Timestamp) {
        let forwards = |now| (now != SYSTEM).then_some(at.as_microsecond().max(now));
        // An error means that it follows the machine.
        let _ = self.at.fetch_update(Ordering::SeqCst, Ordering::SeqCst, forwards);
    }

    /// Becomes a clock that stands at `at` until it is set.
    pub fn simulate_from(&self, at: Timestamp) {
        self.at.store(at.as_microsecond(), Ordering::SeqCst);
    }

    /// Follows the machine from now on.
    pub fn release(&self) {
        self.at.store(SYSTEM, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_simulated_clock_can_be_set() {
        let [past, future] = [0, 32_503_680_000].map(|second| Timestamp::from_second(second).unwrap());
        let clock = Clock::system();
        clock.set(future);
        assert!(clock.now() < future);
        clock.simulate_from(future);
        clock.set(past);
        assert_eq!(clock.now(), future, "forwards only");
    }

    #[test]
    fn a_clock_at_a_distance_runs_with_the_machine() {
        let ahead = SignedDuration::from_hours(-100_000);
        let (system, apart) = (Clock::system(), Clock::at_distance(ahead));
        let (before, now, after) = (system.now(), apart.now() - ahead, system.now());
        assert!(before <= now && now <= after, "{before} {now} {after}");
    }
}
