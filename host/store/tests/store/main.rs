//! The store from outside: what its callers can do, and what they may rely on.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bodies;
mod check;
mod crash;
mod events;
mod full;
mod queries;
mod runs;
mod sealed;
mod states;
mod world;
