//! Changes and deployments.

use crate::kinds::words::{Outcome, PrincipalType};
use crate::{EvidenceKind, Timestamp};
use serde::{Deserialize, Serialize};

/// One change to code or configuration. Occurred when it was put into effect, or else when it was closed.
///
/// Kind `change.request@1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeRequest {
    /// What it is.
    pub title: String,
    /// What kind of request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r#type: Option<ChangeType>,
    /// Where it stands.
    pub state: ChangeState,
    /// Where it stands, in the system's own word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_state: Option<String>,
    /// Its number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
    /// Where to find it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Repository or system that changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// Branch that changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_branch: Option<String>,
    /// Who wrote it.
    pub author: String,
    /// What the author is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author_type: Option<PrincipalType>,
    /// When it was opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// When it was put into effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged_at: Option<Timestamp>,
    /// Who did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged_by: Option<String>,
    /// When it was closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Timestamp>,
    /// Commit that came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merge_commit: Option<String>,
    /// Last commit of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head_commit: Option<String>,
    /// Verdicts of reviewers, in order of time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approvals: Option<Vec<Approval>>,
    /// Who approved and is not the author; each once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approvers: Option<Vec<String>>,
    /// Automated checks of the last commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checks: Option<Vec<Check>>,
    /// Whether all required checks passed before it was put into effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checks_passed: Option<bool>,
    /// Whether it was declared an emergency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emergency: Option<bool>,
    /// Whether it passed by a rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bypassed: Option<bool>,
    /// Who passed by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bypassed_by: Option<String>,
    /// Tickets that it refers to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tickets: Option<Vec<String>>,
    /// Pull requests and commits that carry it out, by their addresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merges: Option<Vec<String>>,
    /// Labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<Vec<String>>,
}

impl ChangeRequest {
    /// With what is required; the rest is absent: `ChangeRequest { …, ..ChangeRequest::new(…) }`.
    pub fn new(title: impl Into<String>, state: ChangeState, author: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            r#type: None,
            state,
            source_state: None,
            number: None,
            url: None,
            repository: None,
            base_branch: None,
            author: author.into(),
            author_type: None,
            created_at: None,
            merged_at: None,
            merged_by: None,
            closed_at: None,
            merge_commit: None,
            head_commit: None,
            approvals: None,
            approvers: None,
            checks: None,
            checks_passed: None,
            emergency: None,
            bypassed: None,
            bypassed_by: None,
            tickets: None,
            merges: None,
            labels: None,
        }
    }
}

impl EvidenceKind for ChangeRequest {
    const KIND: &'static str = "change.request@1";
}

/// One version put into one environment. Occurred when it began.
///
/// Kind `deploy.event@1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deploy {
    /// What was deployed.
    pub service: String,
    /// Where: production, staging, or the organisation's word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// What was done, where it is not only to deploy: update, destroy, refresh, or the system's word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Outcome>,
    /// How it ended, in the system's own word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_result: Option<String>,
    /// Version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// Who or what did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployed_by: Option<String>,
    /// What that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployed_by_type: Option<PrincipalType>,
    /// Who approved it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_by: Option<Vec<String>>,
    /// Change requests in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<Vec<String>>,
    /// Pipeline that did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<String>,
    /// Whether it went back to an earlier version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback: Option<bool>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    /// Where to find it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

impl Deploy {
    /// With what is required; the rest is absent: `Deploy { …, ..Deploy::new(…) }`.
    pub fn new(service: impl Into<String>) -> Self {
        Self {
            service: service.into(),
            environment: None,
            operation: None,
            result: None,
            source_result: None,
            version: None,
            commit: None,
            repository: None,
            deployed_by: None,
            deployed_by_type: None,
            approved_by: None,
            changes: None,
            pipeline: None,
            rollback: None,
            finished_at: None,
            url: None,
        }
    }
}

impl EvidenceKind for Deploy {
    const KIND: &'static str = "deploy.event@1";
}

/// One reviewer's verdict on a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// Who gave it.
    pub by: String,
    /// What it is.
    pub verdict: Verdict,
    /// When it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// Commit that it was given on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

impl Approval {
    /// With what is required; the rest is absent: `Approval { …, ..Approval::new(…) }`.
    pub fn new(by: impl Into<String>, verdict: Verdict) -> Self {
        Self { by: by.into(), verdict, at: None, commit: None }
    }
}

/// One automated check of a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// What is checked.
    pub name: String,
    /// How it ended.
    pub result: Outcome,
    /// Whether the change could not go on without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required: Option<bool>,
}

impl Check {
    /// With what is required; the rest is absent: `Check { …, ..Check::new(…) }`.
    pub fn new(name: impl Into<String>, result: Outcome) -> Self {
        Self { name: name.into(), result, required: None }
    }
}

/// What kind of change request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeType {
    /// A pull or merge request.
    PullRequest,
    /// A ticket.
    Ticket,
}

/// Where a change request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeState {
    /// Open.
    Open,
    /// Merged or put into effect.
    Merged,
    /// Closed without effect.
    Closed,
}

/// A reviewer's verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Approved.
    Approved,
    /// Changes are wanted.
    ChangesRequested,
    /// Neither.
    Commented,
    /// Was given, and no longer counts.
    Dismissed,
}
