//! Asks for memory without end, or once for too much.

use crate::{Failure, Settings};

pub fn collect(_: &Settings) -> Result<(), Failure> {
    let mut all: Vec<Vec<u8>> = Vec::new();
    loop {
        all.push(vec![1; 1 << 20]);
        std::hint::black_box(&all);
    }
}

/// Is refused memory, takes it well, and goes on.
pub fn then_carry_on(_: &Settings) -> Result<(), Failure> {
    let refused = Vec::<u8>::new().try_reserve_exact(1 << 30).is_err();
    crate::say(if refused { "refused" } else { "granted" });
    Ok(())
}
