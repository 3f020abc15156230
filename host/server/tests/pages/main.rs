//! The pages, drawn from a small made-up organisation's store: against what is known to be in it, through the router,
//! and in a real browser.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test that cannot go on has failed

mod auditor;
mod browser;
mod counts;
mod hostile;
mod html;
mod webdriver;
mod world;
