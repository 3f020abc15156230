//! A source: `sources/NAME.toml`.
//!
//! ```toml
//! connector = "okta"
//! kinds = ["identity.account@1"]   # leave out: all that the connector has
//! lookback_days = 7                # how far the first window of events reaches back
//! concurrency = 8                  # requests side by side
//! allow_addresses = ["10.1.0.0/16"]  # private addresses that may be reached
//! ca_file = "internal-ca.pem"      # another root to trust
//! redact = ["https://example.okta.com/api/v1/users** /*/profile/mobilePhone"]
//!
//! [settings]
//! org_url = "https://example.okta.com"
//!
//! [credentials.okta]
//! scheme = "ssws"
//! token = "env:OKTA_TOKEN"
//!
//! [limits]
//! deadline_ms = 1800000
//!
//! [schedule]                       # leave out: daily
//! every = "weekly"
//! ```

pub use crate::schedule::ScheduleConfig;
use exhibit_broker::credential::CredentialConfig;
use exhibit_broker::manifest::ComponentManifest;
use exhibit_evidence::canonical;
use exhibit_evidence::kind::Kind;
use exhibit_evidence::name::Name;
use exhibit_evidence::run::Limits;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The first window of events reaches back this many days, unless the source says otherwise.
const LOOKBACK_DAYS: u32 = 7;

/// Requests side by side, unless the source says otherwise.
const CONCURRENCY: usize = 8;

/// `sources/NAME.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceConfig {
    /// The connector's name.
    pub connector: Name,
    /// The kinds to collect; none: all that the connector has.
    #[serde(default)]
    pub kinds: Vec<Kind>,
    /// How many days back the first window of events reaches.
    #[serde(default = "default_lookback")]
    pub lookback_days: u32,
    /// Requests side by side.
    #[serde(default = "default_concurrency")]
    pub concurrency: usize,
    /// Private addresses and networks that may be reached.
    #[serde(default)]
    pub allow_addresses: Vec<String>,
    /// PEM file of another root to trust.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// What is cut from answers before anyone sees them, beside what the connector asks: a URL pattern and a
    /// place in the body.
    #[serde(default)]
    pub redact: Vec<String>,
    /// The connector's own settings.
    #[serde(default)]
    pub settings: toml::Table,
    /// A credential for each slot.
    #[serde(default)]
    pub credentials: BTreeMap<String, CredentialConfig>,
    /// Bounds that differ from the usual ones.
    #[serde(default)]
    pub limits: LimitsConfig,
    /// When the service collects.
    #[serde(default)]
    pub schedule: ScheduleConfig,
}

fn default_lookback() -> u32 {
    LOOKBACK_DAYS
}

fn default_concurrency() -> usize {
    CONCURRENCY
}

/// Bounds that an operator may set. They stand in the run's replay inputs, so each is a number that has a canonical
/// form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// [`Limits::memory_bytes`].
    #[serde(deserialize_with = "bound")]
    pub memory_bytes: Option<u64>,
    /// [`Limits::deadline_ms`].
    #[serde(deserialize_with = "bound")]
    pub deadline_ms: Option<u64>,
    /// [`Limits::records`].
    #[serde(deserialize_with = "bound")]
    pub records: Option<u64>,
    /// [`Limits::requests`].
    #[serde(deserialize_with = "bound")]
    pub requests: Option<u64>,
    /// [`Limits::body_bytes`].
    #[serde(deserialize_with = "bound")]
    pub body_bytes: Option<u64>,
    /// [`Limits::received_bytes`].
    #[serde(deserialize_with = "bound")]
    pub received_bytes: Option<u64>,
    /// [`Limits::pages`].
    pub pages: Option<u32>,
}

fn bound<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    let most = canonical::MAX_INTEGER.unsigned_abs();
    match u64::deserialize(from)? {
        bound if bound <= most => Ok(Some(bound)),
        bound => Err(D::Error::custom(format_args!(
            "{bound} is too large for a bound: write a number up to {most}, or leave the line out"
        ))),
    }
}

/// The most memory that any connector gets.
const MEMORY_CEILING_BYTES: u64 = 1 << 30;

impl LimitsConfig {
    /// The bounds in force: these, or the usual ones.
    pub fn over(self, manifest: &ComponentManifest) -> Limits {
        let usual = Limits::default();
        let memory = self.memory_bytes.or(manifest.memory_bytes()).unwrap_or(usual.memory_bytes);
        Limits {
            memory_bytes: memory.min(MEMORY_CEILING_BYTES),
            deadline_ms: self.deadline_ms.unwrap_or(usual.deadline_ms),
            records: self.records.unwrap_or(usual.records),
            requests: self.requests.unwrap_or(usual.requests),
            body_bytes: self.body_bytes.unwrap_or(usual.body_bytes),
            received_bytes: self.received_bytes.unwrap_or(usual.received_bytes),
            pages: self.pages.unwrap_or(usual.pages),
            ..usual
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_that_could_not_be_kept_is_refused_where_it_stands() {
        let file = |bound: &str| format!("connector = \"okta\"\n\n[limits]\npages = 3\n{bound}\n");
        for name in ["memory_bytes", "deadline_ms", "records", "requests", "body_bytes", "received_bytes"] {
            let most: SourceConfig = crate::read(&file(&format!("{name} = 9007199254740991"))).unwrap();
            assert_eq!(most.limits.pages, Some(3));
            for beyond in ["9007199254740992", "9223372036854775807"] {
                let error = crate::read::<SourceConfig>(&file(&format!("{name} = {beyond}"))).unwrap_err();
                assert_eq!(error.line, 5, "{error:?}");
                assert!(
                    error.what.starts_with(beyond) && error.what.contains("9007199254740991"),
                    "{error:?}"
                );
            }
        }
        let error = crate::read::<SourceConfig>(&file("records = -1")).unwrap_err();
        assert_eq!(error.line, 5, "{error:?}");
    }
}
