//! The only source of the present time.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;

/// Marks a clock that follows the machine.
const SYSTEM: i64 = i64::MIN;

/// Tells the time: the machine's, or one that is set by hand. Clones share it.
///
/// Times have microsecond precision, as events record them.
#[derive(Clone, Debug)]
pub struct Clock(Arc<AtomicI64>);

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub fn system() -> Self {
        Self(Arc::new(AtomicI64::new(SYSTEM)))
    }

    /// A clock that stands at `at` until it is set.
    #[must_use]
    pub fn simulated(at: Timestamp) -> Self {
        Self(Arc::new(AtomicI64::new(at.as_microsecond())))
    }

    /// The present time, cut to microseconds.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let micros = match self.0.load(Ordering::SeqCst) {
            SYSTEM =>
            {
                #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
                Timestamp::now().as_microsecond()
            }
            simulated => simulated,
        };
        Timestamp::from_microsecond(micros).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// Sets a simulated clock, forwards only. One that follows the machine goes on doing so.
    pub fn set(&self, at: Timestamp) {
        let forwards = |now| (now != SYSTEM).then_some(at.as_microsecond().max(now));
        // An error means that it follows the machine.
        let _ = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, forwards);
    }

    /// Becomes a clock that stands at `at` until it is set.
    pub fn simulate_from(&self, at: Timestamp) {
        self.0.store(at.as_microsecond(), Ordering::SeqCst);
    }

    /// Follows the machine from now on.
    pub fn release(&self) {
        self.0.store(SYSTEM, Ordering::SeqCst);
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
}
