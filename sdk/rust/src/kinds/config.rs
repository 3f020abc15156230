//! Encryption and logging.

use crate::kinds::details::Details;
use crate::{Date, EvidenceKind};
use serde::{Deserialize, Serialize};

/// Whether and how one resource, or one scope by default, is encrypted; or how one key is kept.
///
/// Kind `config.encryption@1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Encryption {
    /// The resource, the scope or the key.
    pub resource_id: String,
    /// What it is: `aws:s3:bucket`.
    pub resource_type: String,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_name: Option<String>,
    /// Region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// What is encrypted.
    pub scope: EncryptionScope,
    /// Whether it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Whether this is the default for new resources.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<bool>,
    /// Algorithm, in the system's word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<String>,
    /// The key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// Who manages the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_management: Option<KeyManagement>,
    /// Whether the key is rotated by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation_enabled: Option<bool>,
    /// Days between rotations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation_days: Option<u64>,
    /// Lowest version of TLS that is accepted: 1.2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_tls_version: Option<String>,
    /// More, as the system has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Details>,
}

impl Encryption {
    /// With what is required; the rest is absent: `Encryption { …, ..Encryption::new(…) }`.
    pub fn new(
        resource_id: impl Into<String>,
        resource_type: impl Into<String>,
        scope: EncryptionScope,
    ) -> Self {
        Self {
            resource_id: resource_id.into(),
            resource_type: resource_type.into(),
            resource_name: None,
            region: None,
            scope,
            enabled: None,
            default: None,
            algorithm: None,
            key_id: None,
            key_management: None,
            rotation_enabled: None,
            rotation_days: None,
            min_tls_version: None,
            details: None,
        }
    }
}

impl EvidenceKind for Encryption {
    const KIND: &'static str = "config.encryption@1";
}

/// Whether and where one thing is logged, and for how long that is kept.
///
/// Kind `config.logging@1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Logging {
    /// What is logged, or the trail that logs.
    pub resource_id: String,
    /// What it is: `aws:cloudtrail:trail`.
    pub resource_type: String,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_name: Option<String>,
    /// Region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// What is written: audit, access, flow, dns, configuration, system, or the system's word.
    pub log_type: String,
    /// Whether it is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Whether the last delivery worked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivering: Option<bool>,
    /// Where it goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<String>,
    /// Days that it is kept; 0: for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_days: Option<u64>,
    /// Whether it covers every region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub all_regions: Option<bool>,
    /// Whether it covers every account of the organisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization_wide: Option<bool>,
    /// What it covers: management, data, and so on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<Vec<String>>,
    /// Whether a change to what was written would show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integrity_validation: Option<bool>,
    /// Whether it is encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encrypted: Option<bool>,
    /// The key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// Day of the last delivery.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_delivered_on: Option<Date>,
    /// What the system says of the last failed delivery.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// More, as the system has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Details>,
}

impl Logging {
    /// With what is required; the rest is absent: `Logging { …, ..Logging::new(…) }`.
    pub fn new(
        resource_id: impl Into<String>,
        resource_type: impl Into<String>,
        log_type: impl Into<String>,
    ) -> Self {
        Self {
            resource_id: resource_id.into(),
            resource_type: resource_type.into(),
            resource_name: None,
            region: None,
            log_type: log_type.into(),
            enabled: None,
            delivering: None,
            destination: None,
            retention_days: None,
            all_regions: None,
            organization_wide: None,
            events: None,
            integrity_validation: None,
            encrypted: None,
            key_id: None,
            last_delivered_on: None,
            last_error: None,
            details: None,
        }
    }
}

impl EvidenceKind for Logging {
    const KIND: &'static str = "config.logging@1";
}

/// What is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EncryptionScope {
    /// Stored data.
    AtRest,
    /// Data on its way.
    InTransit,
    /// A key itself: where it is kept, how often it is rotated.
    Key,
}

/// Who manages a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyManagement {
    /// The provider owns and manages it.
    Provider,
    /// In the customer's account, managed by the provider.
    ProviderManaged,
    /// The customer manages it.
    Customer,
}
