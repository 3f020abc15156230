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
//! | `fakes` | the pair of fakes, started and stopped together: [`Fakes`] |
//! | [`okta`], [`aws`] | what each fake answers |
//! | `http` | the server they share |

pub mod aws;
pub mod calendar;
pub mod clock;
mod fakes;
mod http;
mod names;
pub mod okta;
pub mod org;
mod random;

pub use clock::SimulatedClock;
pub use fakes::{FakeOptions, Fakes, Requests, StartError};
pub use org::story::{Fact, Story, System};
pub use org::{Org, Organisation};
