//! Jobs and incidents.

use crate::kinds::words::{Outcome, Severity};
use crate::{EvidenceKind, Timestamp};
use serde::{Deserialize, Serialize};

/// One run of a build, a backup, a restore, a scan. Occurred when it began.
///
/// Kind `ops.job_run@1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobRun {
    /// What ran.
    pub name: String,
    /// What it does.
    pub r#type: JobType,
    /// How it ended.
    pub result: Outcome,
    /// How it ended, in the system's own word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_result: Option<String>,
    /// What the system says of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What it ran on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_id: Option<String>,
    /// What that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_type: Option<String>,
    /// Plan or pipeline that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan_id: Option<String>,
    /// Who or what began it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub triggered_by: Option<String>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    /// Bytes that it moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<u64>,
    /// Backup that came of it, or that was restored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery_point_id: Option<String>,
    /// Where it went.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<String>,
    /// Whether what came of it is encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encrypted: Option<bool>,
    /// Whether the result was checked: for a restore, that the data was good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified: Option<bool>,
    /// Findings, for a scan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub findings: Option<u64>,
    /// Where to find it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

impl JobRun {
    /// With what is required; the rest is absent: `JobRun { …, ..JobRun::new(…) }`.
    pub fn new(name: impl Into<String>, r#type: JobType, result: Outcome) -> Self {
        Self {
            name: name.into(),
            r#type,
            result,
            source_result: None,
            message: None,
            resource_id: None,
            resource_type: None,
            plan_id: None,
            triggered_by: None,
            finished_at: None,
            size_bytes: None,
            recovery_point_id: None,
            destination: None,
            encrypted: None,
            verified: None,
            findings: None,
            url: None,
        }
    }
}

impl EvidenceKind for JobRun {
    const KIND: &'static str = "ops.job_run@1";
}

/// One incident. OCSF: Incident Finding (2005). Occurred when it was opened.
///
/// Kind `ops.incident@1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Incident {
    /// What it is.
    pub title: String,
    /// What it concerns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<IncidentCategory>,
    /// How bad, over all systems.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// How bad, in the system's own word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_severity: Option<String>,
    /// Where it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<IncidentStatus>,
    /// Where it stands, in the system's own word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_status: Option<String>,
    /// When it was first noticed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detected_at: Option<Timestamp>,
    /// When someone took it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged_at: Option<Timestamp>,
    /// When its effect ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mitigated_at: Option<Timestamp>,
    /// When it was resolved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved_at: Option<Timestamp>,
    /// Who reported it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reported_by: Option<String>,
    /// Who leads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Who worked on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub responders: Option<Vec<String>>,
    /// What was affected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub services: Option<Vec<String>>,
    /// Whether customers noticed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_impact: Option<bool>,
    /// When they were told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customers_notified_at: Option<Timestamp>,
    /// Why it happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root_cause: Option<String>,
    /// When its review was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review_completed_at: Option<Timestamp>,
    /// Where the review is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review_url: Option<String>,
    /// Tickets that came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follow_ups: Option<Vec<String>>,
    /// Where to find it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

impl Incident {
    /// With what is required; the rest is absent: `Incident { …, ..Incident::new(…) }`.
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            category: None,
            severity: None,
            source_severity: None,
            status: None,
            source_status: None,
            detected_at: None,
            acknowledged_at: None,
            mitigated_at: None,
            resolved_at: None,
            reported_by: None,
            owner: None,
            responders: None,
            services: None,
            customer_impact: None,
            customers_notified_at: None,
            root_cause: None,
            review_completed_at: None,
            review_url: None,
            follow_ups: None,
            url: None,
        }
    }
}

impl EvidenceKind for Incident {
    const KIND: &'static str = "ops.incident@1";
}

/// What a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobType {
    /// Builds or tests (CI).
    Build,
    /// Copies data away.
    Backup,
    /// Brings data back.
    Restore,
    /// Copies a backup elsewhere.
    Copy,
    /// Looks for weaknesses.
    Scan,
    /// Installs updates.
    Patch,
    /// Something else.
    Other,
}

/// What an incident concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IncidentCategory {
    /// Security.
    Security,
    /// Availability.
    Availability,
    /// Personal data.
    Privacy,
    /// Something else.
    Other,
}

/// Where an incident stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IncidentStatus {
    /// Not yet taken.
    Open,
    /// Someone works on it.
    Acknowledged,
    /// Its effect has ended.
    Mitigated,
    /// Resolved.
    Resolved,
    /// Closed, its review included.
    Closed,
}
