//! Resources, and the code that declares them.

use crate::kinds::details::Details;
use crate::kinds::words::Outcome;
use crate::{Date, EvidenceKind, Timestamp};
use serde::{Deserialize, Serialize};

/// One resource: an account, a server, a bucket, a database, a service. OCSF: Cloud Resources Inventory Info
/// (5023).
///
/// Kind `asset.resource@1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resource {
    /// Its name.
    pub name: String,
    /// What it is: vendor, service and type, `aws:s3:bucket`.
    pub resource_type: String,
    /// Account, project or subscription that it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// Region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Who answers for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// production, staging, development, or the organisation's word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// Tags, `name=value`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
    /// Its status in the system's own word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Whether it can be reached or read from the internet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publicly_accessible: Option<bool>,
    /// Whether settings above it make public access impossible.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_access_blocked: Option<bool>,
    /// Whether it keeps earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub versioning_enabled: Option<bool>,
    /// Whether it is protected from deletion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_protected: Option<bool>,
    /// Software that it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// Version of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine_version: Option<String>,
    /// Whether updates install by themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub automatic_updates_enabled: Option<bool>,
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// More, as the system has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Details>,
}

impl Resource {
    /// With what is required; the rest is absent: `Resource { …, ..Resource::new(…) }`.
    pub fn new(name: impl Into<String>, resource_type: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            resource_type: resource_type.into(),
            container: None,
            region: None,
            owner: None,
            environment: None,
            tags: None,
            status: None,
            publicly_accessible: None,
            public_access_blocked: None,
            versioning_enabled: None,
            deletion_protected: None,
            engine: None,
            engine_version: None,
            automatic_updates_enabled: None,
            created_at: None,
            details: None,
        }
    }
}

impl EvidenceKind for Resource {
    const KIND: &'static str = "asset.resource@1";
}

/// One stack, and whether what runs is what it declares.
///
/// Kind `iac.stack@1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stack {
    /// Its name.
    pub name: String,
    /// terraform, pulumi, cloudformation, or another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// Project that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// Repository that declares it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// production, staging, development, or the organisation's word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// Its status in the system's own word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// How the last update ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_update_result: Option<Outcome>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_updated_at: Option<Timestamp>,
    /// By whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_updated_by: Option<String>,
    /// Whether what runs is what is declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift_status: Option<DriftStatus>,
    /// Day of the last comparison.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift_checked_on: Option<Date>,
    /// Resources in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_count: Option<u64>,
    /// Whether it is protected from deletion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_protected: Option<bool>,
    /// Policy packs in force on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policies: Option<Vec<String>>,
}

impl Stack {
    /// With what is required; the rest is absent: `Stack { …, ..Stack::new(…) }`.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            tool: None,
            project: None,
            repository: None,
            environment: None,
            status: None,
            last_update_result: None,
            last_updated_at: None,
            last_updated_by: None,
            drift_status: None,
            drift_checked_on: None,
            resource_count: None,
            deletion_protected: None,
            policies: None,
        }
    }
}

impl EvidenceKind for Stack {
    const KIND: &'static str = "iac.stack@1";
}

/// Whether what runs is what is declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DriftStatus {
    /// It is.
    InSync,
    /// It differs.
    Drifted,
}
