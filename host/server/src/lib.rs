//! The service that an operator leaves running: collection on schedule, HTTP API, pages, metrics, alerts; one process,
//! one data directory.
//!
//! Floor 5. The loop alone starts runs and writes what the host itself did into the ledger; the HTTP side reads
//! the store, and asks the loop for whatever changes something. What they share is [`service`].
//!
//! | module | holds |
//! | --- | --- |
//! | [`doctor`] | what is wrong with an installation |
//! | [`http`] | who may ask for what, and what is answered |
//! | [`operate`] | the loop: runs the schedule, writes down what the host did, watches the disk |
//! | [`pages`] | what people look at |
//! | [`service`] | what both halves share: the open workspace, what goes on now, what the loop can be asked |

pub mod doctor;
pub mod http;
pub mod operate;
pub mod pages;
pub mod service;
