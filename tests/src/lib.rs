//! What the tests of the whole command share. The command is run as people run it: a process, its arguments, what
//! it prints, its exit code.
//!
//! | module | is |
//! | --- | --- |
//! | [`command`] | the command under test, and what came of running it |
//! | [`server`] | servers on loopback, stopped when they are dropped |
//! | [`fixtures`] | a connector's own fixtures, served on loopback as if they were its system |
//! | [`systems`] | how each connector that comes with Exhibit becomes a source of a server on loopback |
//! | [`google`] | recordings of Google's APIs, served on loopback, and a service account that may ask them |
//! | [`okta`] | recordings of Okta organisations, served on loopback |
//! | [`recordings`] | what a program of `tests/real` makes of recordings, served on loopback |
//! | [`workspace`] | workspaces to test in: fresh, or with some days of a made-up organisation |
//! | [`web`] | a web server that answers as a test says, rightly or not |
//! | [`tools`] | tools and material that are not ours, and saying that a test was skipped without them |

pub mod command;
pub mod fixtures;
pub mod google;
pub mod okta;
pub mod recordings;
pub mod server;
pub mod systems;
pub mod tools;
pub mod web;
pub mod workspace;
