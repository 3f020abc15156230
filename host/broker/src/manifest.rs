//! What a component asks for, readable without running it: the JSON of its custom section
//! `exhibit:connector`, and the `connector.toml` that the section is made from.

use exhibit_evidence::kind::{Kind, KindSpec};
use exhibit_evidence::name::Name;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Name of the custom section at a component's top level.
pub const SECTION: &str = "exhibit:connector";

/// What a component says of itself and asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComponentManifest {
    /// The connector's name, `okta`.
    pub name: Name,
    /// Its own version, `1.2.0`.
    pub version: String,
    /// Who publishes it.
    pub publisher: String,
    /// One line for people.
    pub description: String,
    /// The contract that it is built against, `0.1`.
    pub contract: String,
    /// The oldest host that can run it, `0.1.0`.
    pub min_host: String,
    /// Requests that it wants to make.
    #[serde(default)]
    pub egress: Vec<EgressAsk>,
    /// Credentials that it wants attached.
    #[serde(default)]
    pub credentials: Vec<CredentialAsk>,
    /// Kinds of evidence that it collects.
    pub kinds: Vec<Kind>,
    /// Kinds that it brings itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub own_kinds: Vec<KindSpec>,
    /// What is cut from answers before anyone sees them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub redact: Vec<RedactAsk>,
    /// For how many days the system itself keeps what a kind is made from.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub retention_days: BTreeMap<Kind, u32>,
    /// Memory that it needs, `64MiB`; absent: the host's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<String>,
}

/// One entry of requests that a component wants to make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EgressAsk {
    /// HTTP methods.
    pub methods: Vec<String>,
    /// URL pattern, with `{settings.x}` templates: `https://{settings.domain}/api/v1/**`.
    pub url: String,
    /// Operations, where the path does not name them: `iam:ListUsers`, `ec2:Describe*`, `s3:GET`, `graphql:query`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operations: Option<Vec<String>>,
    /// Says that these requests change nothing, so that they may be repeated. GET and HEAD always may.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub read_only: bool,
}

/// One credential that a component wants attached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CredentialAsk {
    /// The name that requests use, `okta`.
    pub slot: String,
    /// Schemes that the system accepts, the best first.
    pub schemes: Vec<String>,
    /// One line for people.
    pub title: String,
    /// Hosts that it may be sent to, with templates.
    pub hosts: Vec<String>,
}

/// One redaction: a place in the answers of some URLs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedactAsk {
    /// URL pattern, with templates.
    pub url: String,
    /// JSON pointer with `*`, XML path, or CSV column.
    pub pointer: String,
}
