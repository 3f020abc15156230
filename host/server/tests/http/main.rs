//! The service's HTTP side, asked by clients over real connections.

#![allow(clippy::unwrap_used, clippy::panic)] // a test that cannot go on has failed

mod api;
mod bounds;
mod client;
mod foreign;
mod oidc;
mod people;
mod who;
mod world;
