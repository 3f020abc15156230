//! When each source is due, and what became of the slots that passed: a step function of time and events.
//!
//! Nothing here reads a clock, draws a random number, or runs anything. Whoever operates a host hands in the
//! present instant and what happened, and is told what to do and when to ask again:
//!
//! ```text
//! (now, events) ─▶ Scheduler::step ─▶ actions: start this source, this was missed, this was caught up
//!                                     wake at
//! ```
//!
//! | module | holds |
//! | --- | --- |
//! | [`plan`] | the slots that a source is to be looked at in: by frequency, or by cron |
//! | [`scheduler`] | the step function |
//! | `source` | what is remembered of one source |
//!
//! A **slot** is a stretch of time in which a source is looked at once: a collection period of the tightest frequency
//! that its controls have, or from one instant of a cron expression to the next. State that nobody looked at in a slot
//! is missed for good; events are caught up by the next complete run, late where that is after the grace, and missed
//! where the system no longer has them. All in UTC.

pub mod plan;
pub mod scheduler;
mod source;

pub use plan::{CronError, Plan};
pub use scheduler::{Action, Bounds, Ended, Event, Events, Of, Scheduler, SourceSetup, Step, Why};
