//! `exhibit.toml`: the organisation, the ledger's origin, where keys and data are.

use exhibit_evidence::name::SourceName;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// `exhibit.toml`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The organisation, as the auditor reads it.
    pub organisation: String,
    /// The ledger's origin (C2SP tlog-checkpoint): a name under a domain of yours, without scheme.
    pub origin: String,
    /// The store's folder, from the workspace.
    #[serde(default = "default_data")]
    pub data: PathBuf,
    /// The signing key.
    pub signing: Signing,
    /// Encryption at rest; absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<Encryption>,
    /// The source that is the directory of record, with which accounts elsewhere are compared; absent: the one that
    /// names most people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<SourceName>,
    /// The timestamp authority (RFC 3161) that seals are taken to; absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Timestamping>,
    /// The service.
    #[serde(default, skip_serializing_if = "Service::is_usual")]
    pub service: Service,
}

fn default_data() -> PathBuf {
    PathBuf::from("data")
}

/// Where the signing key is, and what opens it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signing {
    /// The key, encrypted with age.
    pub key: PathBuf,
    /// The age identity that opens it: `file:keys/operator.key` or `env:NAME`.
    pub identity: String,
}

/// Encryption at rest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Encryption {
    /// The age recipient that every bucket's key is wrapped for. The identity under `[signing]` opens it.
    pub recipient: String,
}

/// A timestamp authority.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timestamping {
    /// Its URL.
    pub url: String,
    /// PEM file with the authority's root certificate, to check answers before they are kept.
    pub ca: PathBuf,
    /// Milliseconds to wait for an answer.
    #[serde(default = "default_timeout_ms")]
    pub timeout_ms: u64,
}

fn default_timeout_ms() -> u64 {
    15_000
}

/// `[service]`: what `exhibit serve` keeps to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Service {
    /// Runs at once, in all.
    #[serde(deserialize_with = "at_least_one")]
    pub runs: usize,
    /// Runs at once that speak to one host.
    #[serde(deserialize_with = "at_least_one")]
    pub runs_per_host: usize,
    /// Megabytes that stay free on the disk of the data: with less, nothing new is started.
    pub keep_free_mb: u64,
    /// Seconds that runs may take to finish when the service is stopped.
    pub stop_grace_s: u64,
}

impl Default for Service {
    fn default() -> Self {
        Self { runs: 4, runs_per_host: 2, keep_free_mb: 512, stop_grace_s: 60 }
    }
}

impl Service {
    fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

fn at_least_one<'de, D: serde::Deserializer<'de>>(from: D) -> Result<usize, D::Error> {
    match usize::deserialize(from)? {
        0 => Err(serde::de::Error::custom("0 is too few: nothing would ever run; write 1 or more")),
        number => Ok(number),
    }
}
