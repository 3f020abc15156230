//! Calls itself without end, with little of the stack in memory, so that it is the engine's bound that is met.

use crate::{Failure, Settings};

pub fn collect(_: &Settings) -> Result<(), Failure> {
    crate::say(&deeper(0).to_string());
    Ok(())
}

#[inline(never)]
fn deeper(n: u64) -> u64 {
    if std::hint::black_box(n) == u64::MAX { n } else { deeper(n + 1) ^ std::hint::black_box(n) }
}
