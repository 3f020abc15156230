//! A made-up organisation, served on loopback by fakes that speak the real APIs.
//!
//! `exhibit demo` and tests collect from it through the real connectors, so nothing here is a shortcut:
//! the fakes check credentials, page, limit and fail as the vendors document it.
//!
//! | module | holds |
//! | --- | --- |
//! | [`org`] | the organisation, grown from a seed, as timelines over half a year, and its story |
//! | [`clock`] | the clock that the fakes share with the host |
//! | [`calendar`] | the half year |
//! | `system` | the systems, each with a fake: [`System`] |
//! | `fakes` | the fakes, started and stopped together: [`Fakes`] |
//! | `okta`, `aws`, `gcp`, `azure`, `github`, `google_workspace`, `jira`, `pulumi` | what each fake answers |
//! | `google` | what the APIs of Google have in common |
//! | `http` | the server they share |

// Some answers of vendors have more members than a macro may nest by default.
#![recursion_limit = "256"]

mod aws;
mod azure;
pub mod calendar;
pub mod clock;
mod fakes;
mod gcp;
mod github;
mod google;
mod google_workspace;
mod http;
mod jira;
mod names;
mod okta;
pub mod org;
mod pulumi;
mod random;
mod system;

pub use clock::SimulatedClock;
pub use fakes::{FakeOptions, Fakes, StartError};
pub use org::story::{Fact, Story};
pub use org::{Org, Organisation};
pub use system::{Source, System};
