//! The store from outside: what its callers can do, and what they may rely on.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bodies;
mod check;
mod crash;
#[cfg(target_os = "linux")]
mod disk;
mod events;
mod faults;
mod full;
mod histories;
mod kill;
#[cfg(target_os = "linux")]
mod power;
mod queries;
mod runs;
mod sealed;
mod states;
mod worker;
mod world;
