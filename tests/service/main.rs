//! The service: its loop under a clock that the tests set, and the command under `kill -9`.
#![allow(missing_docs)]

mod alerts;
mod catch_up;
mod doctor;
mod full;
mod killed;
mod load;
mod orders;
mod world;
