//! What the tests of the whole command share. The command is run as people run it: a process, its arguments, what
//! it prints, its exit code.
//!
//! | module | is |
//! | --- | --- |
//! | [`command`] | the command under test, and what came of running it |
//! | [`server`] | servers on loopback, stopped when they are dropped |
//! | [`google`] | recordings of Google's APIs, served on loopback, and a service account that may ask them |
//! | [`workspace`] | workspaces to test in: fresh, or with some days of a made-up organisation |
//! | [`web`] | a web server that answers as a test says, rightly or not |
//! | [`tools`] | tools and material that are not ours, and saying that a test was skipped without them |

pub mod command;
pub mod google;
pub mod server;
pub mod tools;
pub mod web;
pub mod workspace;
