//! The wall clock, the only one in a release build beside the demo's own.

use exhibit_evidence::time::{Clock, Timestamp};
use std::time::{SystemTime, UNIX_EPOCH};

/// The system's clock.
pub(crate) struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        let ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis());
        Timestamp::from_ms(u64::try_from(ms).unwrap_or(u64::MAX))
    }
}
