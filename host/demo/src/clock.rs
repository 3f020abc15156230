//! The clock that the demo's host and its fakes share, so that both live on the same simulated day.

use exhibit_evidence::time::{Clock, Timestamp};
use std::sync::atomic::{AtomicU64, Ordering};

/// A clock that stands still until it is set.
#[derive(Debug)]
pub struct SimulatedClock(AtomicU64);

impl SimulatedClock {
    /// A clock that stands at `at`.
    pub fn new(at: Timestamp) -> Self {
        Self(AtomicU64::new(at.as_ms()))
    }

    /// Moves the clock to `at`, forwards or backwards.
    pub fn set(&self, at: Timestamp) {
        self.0.store(at.as_ms(), Ordering::SeqCst);
    }

    /// Moves the clock forward by `ms` milliseconds and returns the new instant.
    pub fn advance_ms(&self, ms: u64) -> Timestamp {
        Timestamp::from_ms(self.0.fetch_add(ms, Ordering::SeqCst).saturating_add(ms))
    }
}

impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_ms(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stands_still_until_moved() {
        let clock = SimulatedClock::new(Timestamp::from_ms(5));
        assert_eq!((clock.now(), clock.now()), (Timestamp::from_ms(5), Timestamp::from_ms(5)));
        assert_eq!(clock.advance_ms(7), Timestamp::from_ms(12));
        clock.set(Timestamp::from_ms(3));
        assert_eq!(clock.now(), Timestamp::from_ms(3));
    }
}
