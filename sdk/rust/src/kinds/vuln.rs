//! Weaknesses.

use crate::kinds::words::Severity;
use crate::{Date, EvidenceKind, Timestamp};
use serde::{Deserialize, Serialize};

/// One weakness in one place. OCSF: Vulnerability Finding (2002).
///
/// Kind `vuln.finding@1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// What it is.
    pub title: String,
    /// How bad, over all systems.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// How bad, in the system's own word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_severity: Option<String>,
    /// CVSS base score, as text: 9.8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cvss_score: Option<String>,
    /// CVE identifiers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cves: Option<Vec<String>>,
    /// Whether it is known to be exploited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_exploited: Option<bool>,
    /// What became of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<FindingStatus>,
    /// Its status in the system's own word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_status: Option<String>,
    /// What found it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scanner: Option<String>,
    /// Where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_id: Option<String>,
    /// What that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_type: Option<String>,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_name: Option<String>,
    /// File, package path or port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// Package.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<String>,
    /// Version that is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub installed_version: Option<String>,
    /// First version without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed_version: Option<String>,
    /// When it was first found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_seen_at: Option<Timestamp>,
    /// When it was gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved_at: Option<Timestamp>,
    /// Day by which it should be gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_on: Option<Date>,
    /// Who accepted or dismissed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_by: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_reason: Option<String>,
}

impl Finding {
    /// With what is required; the rest is absent: `Finding { …, ..Finding::new(…) }`.
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            severity: None,
            source_severity: None,
            cvss_score: None,
            cves: None,
            known_exploited: None,
            status: None,
            source_status: None,
            scanner: None,
            resource_id: None,
            resource_type: None,
            resource_name: None,
            location: None,
            package: None,
            installed_version: None,
            fixed_version: None,
            first_seen_at: None,
            resolved_at: None,
            due_on: None,
            closed_by: None,
            closed_reason: None,
        }
    }
}

impl EvidenceKind for Finding {
    const KIND: &'static str = "vuln.finding@1";
}

/// What became of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingStatus {
    /// Nothing yet.
    Open,
    /// Being worked on.
    InProgress,
    /// Fixed.
    Resolved,
    /// Accepted as a risk.
    Accepted,
    /// Found to be none.
    FalsePositive,
}
