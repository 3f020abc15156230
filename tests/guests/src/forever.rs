//! Computes without end.

use crate::{Failure, Settings};

pub fn collect(_: &Settings) -> Result<(), Failure> {
    let mut n = 0_u64;
    loop {
        n = std::hint::black_box(n.wrapping_add(1));
    }
}
