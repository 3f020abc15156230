//! Sleeps for long, and says how long it took by its own clocks.

use crate::{Failure, Settings, say};
use std::time::{Duration, Instant, SystemTime};

pub fn collect(_: &Settings) -> Result<(), Failure> {
    let (wall, begun) = (SystemTime::now(), Instant::now());
    std::thread::sleep(Duration::from_secs(3600));
    let short = wasip2::clocks::monotonic_clock::subscribe_duration(5_000_000);
    let long = wasip2::clocks::monotonic_clock::subscribe_duration(9_000_000);
    let first = wasip2::io::poll::poll(&[&long, &short]);
    say(&format!("ready {first:?}, long {}", long.ready()));
    say(&format!("slept {} ms, wall moved {:?}", begun.elapsed().as_millis(), wall.elapsed()));
    Ok(())
}
