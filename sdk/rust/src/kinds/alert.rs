//! Rules that alert someone.

use crate::kinds::details::Details;
use crate::kinds::words::Severity;
use crate::{EvidenceKind, Timestamp};
use serde::{Deserialize, Serialize};

/// One alert, detector or monitor.
///
/// Kind `config.alert_rule@1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlertRule {
    /// Its name.
    pub name: String,
    /// What it is: `aws:guardduty:detector`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_type: Option<String>,
    /// Region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// threat_detection, threshold, anomaly, uptime, or the system's word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule_type: Option<String>,
    /// Whether it is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// How bad what it finds is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// When it alerts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    /// What it watches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<Vec<String>>,
    /// Whom it alerts: addresses, channels, topics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notifies: Option<Vec<String>>,
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// When it was last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Timestamp>,
    /// More, as the system has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Details>,
}

impl AlertRule {
    /// With what is required; the rest is absent: `AlertRule { …, ..AlertRule::new(…) }`.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            resource_type: None,
            region: None,
            rule_type: None,
            enabled: None,
            severity: None,
            condition: None,
            features: None,
            notifies: None,
            created_at: None,
            updated_at: None,
            details: None,
        }
    }
}

impl EvidenceKind for AlertRule {
    const KIND: &'static str = "config.alert_rule@1";
}
