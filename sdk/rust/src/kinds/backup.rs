//! Plans for backups.

use crate::EvidenceKind;
use crate::kinds::details::Details;
use serde::{Deserialize, Serialize};

/// One plan, or one rule of it, or one resource's own setting.
///
/// Kind `config.backup_plan@1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupPlan {
    /// Its name.
    pub name: String,
    /// What it is: `aws:backup:plan`, `aws:rds:instance`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_type: Option<String>,
    /// Region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Whether it is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Resources, or selections of them, that it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub covers: Option<Vec<String>>,
    /// When it runs, in the system's word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// Days that a backup is kept; 0: for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_days: Option<u64>,
    /// Regions or accounts that copies go to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copies_to: Option<Vec<String>>,
    /// Whether backups are encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encrypted: Option<bool>,
    /// The key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// Whether a backup cannot be deleted before its time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub immutable: Option<bool>,
    /// Whether any instant can be restored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub point_in_time_recovery: Option<bool>,
    /// More, as the system has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Details>,
}

impl BackupPlan {
    /// With what is required; the rest is absent: `BackupPlan { …, ..BackupPlan::new(…) }`.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            resource_type: None,
            region: None,
            enabled: None,
            covers: None,
            schedule: None,
            retention_days: None,
            copies_to: None,
            encrypted: None,
            key_id: None,
            immutable: None,
            point_in_time_recovery: None,
            details: None,
        }
    }
}

impl EvidenceKind for BackupPlan {
    const KIND: &'static str = "config.backup_plan@1";
}
