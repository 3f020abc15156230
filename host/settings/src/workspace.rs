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
