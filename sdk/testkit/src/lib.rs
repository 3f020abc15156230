//! Replays recorded exchanges against a connector, natively and with the host's own rules.
//!
//! The paging, the recording, the redaction, intake and the reconciling of populations are the host's, the very
//! same code; what is asked for is checked against the connector's `connector.toml`. So what holds in `cargo test`
//! holds in the sandbox. Every run is done twice, the second time over what the first recorded: a connector that
//! asks or emits something else then cannot be re-performed by an auditor, and fails here.
//!
//! ```no_run
//! use exhibit_testkit::Replay;
//! # use exhibit_sdk::prelude::*;
//! # #[derive(Deserialize)] struct Settings {}
//! # struct Okta;
//! # impl Connector for Okta {
//! #     type Settings = Settings;
//! #     fn describe() -> Description { Description::new("", "") }
//! #     fn check(_: &Context, _: &Settings) -> Result<String> { Ok(String::new()) }
//! #     fn collect(_: &Context, _: &Settings) -> Result<()> { Ok(()) }
//! # }
//! let outcome = Replay::fixtures("fixtures/basic.jsonl")
//!     .settings(serde_json::json!({"domain": "example.okta.com"}))
//!     .run::<Okta>();
//! outcome.assert_complete().assert_fixtures_used().assert_snapshot("fixtures/basic.records.jsonl");
//! let ada: Account = outcome.attributes("00u1");
//! assert_eq!(ada.mfa_status, Some(MfaStatus::Enrolled));
//! ```
//!
//! | module | holds |
//! | --- | --- |
//! | [`fixture`] | recorded exchanges as JSON lines |
//! | [`recorded`](recorded()) | recordings that are not part of the repository |
//! | [`replay`](Replay) | the run |
//! | [`outcome`](Outcome) | what it came to, and assertions on it |

mod host;
mod outcome;
mod recorded;
mod replay;

pub use exhibit_broker::fixture;
pub use outcome::{LogLine, Outcome, UPDATE};
pub use recorded::recorded;
pub use replay::Replay;
