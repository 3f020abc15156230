//! Reviews, attestations and documents: what people did.

use crate::{Date, EvidenceKind, Timestamp};
use serde::{Deserialize, Serialize};

/// What one reviewer decided on one item. Occurred when it was decided.
///
/// Kind `review.decision@1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewDecision {
    /// What is reviewed.
    pub r#type: ReviewType,
    /// Review that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub campaign_id: Option<String>,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub campaign: Option<String>,
    /// What was decided on: the account, vendor, rule.
    pub item_id: String,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item_name: Option<String>,
    /// System or application that access is to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// Role or permission.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<String>,
    /// What was decided.
    pub decision: ReviewDecisionWord,
    /// What was decided, in the system's own word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_decision: Option<String>,
    /// Who decided.
    pub reviewer: String,
    /// Whether the reviewer decided on their own access.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub self_review: Option<bool>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub justification: Option<String>,
    /// Day by which it was due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_on: Option<Date>,
    /// When it was carried out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remediated_at: Option<Timestamp>,
    /// Ticket or event that carried it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remediation: Option<String>,
}

impl ReviewDecision {
    /// With what is required; the rest is absent: `ReviewDecision { …, ..ReviewDecision::new(…) }`.
    pub fn new(
        r#type: ReviewType,
        item_id: impl Into<String>,
        decision: ReviewDecisionWord,
        reviewer: impl Into<String>,
    ) -> Self {
        Self {
            r#type,
            campaign_id: None,
            campaign: None,
            item_id: item_id.into(),
            item_name: None,
            resource: None,
            access: None,
            decision,
            source_decision: None,
            reviewer: reviewer.into(),
            self_review: None,
            justification: None,
            due_on: None,
            remediated_at: None,
            remediation: None,
        }
    }
}

impl EvidenceKind for ReviewDecision {
    const KIND: &'static str = "review.decision@1";
}

/// A training, an acknowledgement, a check of one person. Occurred when it was completed, or else when it
/// was assigned.
///
/// Kind `attest.record@1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attestation {
    /// What it is.
    pub r#type: AttestType,
    /// Its name.
    pub title: String,
    /// Number or id of the person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person_id: Option<String>,
    /// Name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person_name: Option<String>,
    /// Primary work address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person_email: Option<String>,
    /// Whether it was done.
    pub status: AttestStatus,
    /// Its status in the system's own word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_status: Option<String>,
    /// When it was assigned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assigned_at: Option<Timestamp>,
    /// Day by which it was due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_on: Option<Date>,
    /// When it was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Timestamp>,
    /// Last day that it is valid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_on: Option<Date>,
    /// Score.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score_percent: Option<u64>,
    /// Version of what was read or signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document_version: Option<String>,
    /// Who gives or checks it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Who confirmed it, if not the person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attested_by: Option<String>,
}

impl Attestation {
    /// With what is required; the rest is absent: `Attestation { …, ..Attestation::new(…) }`.
    pub fn new(r#type: AttestType, title: impl Into<String>, status: AttestStatus) -> Self {
        Self {
            r#type,
            title: title.into(),
            person_id: None,
            person_name: None,
            person_email: None,
            status,
            source_status: None,
            assigned_at: None,
            due_on: None,
            completed_at: None,
            expires_on: None,
            score_percent: None,
            document_version: None,
            provider: None,
            attested_by: None,
        }
    }
}

impl EvidenceKind for Attestation {
    const KIND: &'static str = "attest.record@1";
}

/// One version of a policy, minutes or a report. Occurred when it was approved, or else when it was made.
///
/// Kind `document.version@1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DocumentVersion {
    /// Its title.
    pub title: String,
    /// What it is.
    pub r#type: DocumentType,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Where it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<DocumentStatus>,
    /// Who answers for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Who wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// Who approved it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_by: Option<Vec<String>>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_at: Option<Timestamp>,
    /// Day from which it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective_on: Option<Date>,
    /// Day of the last review.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_reviewed_on: Option<Date>,
    /// Day of the next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_review_on: Option<Date>,
    /// Where to find it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// SHA-256 of its bytes, in hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Its bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<u64>,
    /// Its media type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
}

impl DocumentVersion {
    /// With what is required; the rest is absent: `DocumentVersion { …, ..DocumentVersion::new(…) }`.
    pub fn new(title: impl Into<String>, r#type: DocumentType) -> Self {
        Self {
            title: title.into(),
            r#type,
            version: None,
            status: None,
            owner: None,
            author: None,
            approved_by: None,
            approved_at: None,
            effective_on: None,
            last_reviewed_on: None,
            next_review_on: None,
            url: None,
            sha256: None,
            size_bytes: None,
            media_type: None,
        }
    }
}

impl EvidenceKind for DocumentVersion {
    const KIND: &'static str = "document.version@1";
}

/// What is reviewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReviewType {
    /// Who has access.
    Access,
    /// A vendor.
    Vendor,
    /// A risk.
    Risk,
    /// Settings, firewall rules for example.
    Configuration,
    /// Something else.
    Other,
}

/// What a reviewer decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReviewDecisionWord {
    /// It stays.
    Approved,
    /// It goes.
    Revoked,
    /// It changes.
    Modified,
    /// Another decides.
    Delegated,
    /// No decision was made.
    None,
}

/// What a person attests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttestType {
    /// A training.
    Training,
    /// Having read a policy.
    Acknowledgement,
    /// A background check.
    BackgroundCheck,
    /// A certificate.
    Certification,
    /// Signing an agreement, confidentiality for example.
    Agreement,
    /// A performance review.
    PerformanceReview,
}

/// Whether it was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttestStatus {
    /// Not yet done.
    Assigned,
    /// Done.
    Completed,
    /// Done without success.
    Failed,
    /// Not done in time.
    Overdue,
    /// Done, and no longer valid.
    Expired,
}

/// What a document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DocumentType {
    /// A policy.
    Policy,
    /// A procedure or runbook.
    Procedure,
    /// A plan, incident response for example.
    Plan,
    /// Minutes of a meeting.
    Minutes,
    /// A report.
    Report,
    /// A diagram.
    Diagram,
    /// A contract.
    Contract,
    /// Something else.
    Other,
}

/// Where a document stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DocumentStatus {
    /// A draft.
    Draft,
    /// Approved.
    Approved,
    /// In force.
    Published,
    /// No longer in force.
    Retired,
}
