//! Protection of repositories.

use crate::EvidenceKind;
use crate::kinds::details::Details;
use serde::{Deserialize, Serialize};

/// What must be fulfilled before a branch of a repository changes.
///
/// Kind `config.repo_protection@1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RepoProtection {
    /// The repository, with its owner.
    pub repository: String,
    /// The branch, or the pattern of branches.
    pub branch: String,
    /// Whether it is the one that releases are made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_branch: Option<bool>,
    /// Who can see the repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visibility: Option<Visibility>,
    /// Whether the repository is read-only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archived: Option<bool>,
    /// Whether anything is protected at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Whether a change needs a pull request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull_request_required: Option<bool>,
    /// Approvals that it needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required_approvals: Option<u64>,
    /// Whether an approval lapses with a new commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stale_approvals_dismissed: Option<bool>,
    /// Whether the last push must be approved by another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_push_approval_required: Option<bool>,
    /// Whether the code's owners must approve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_owner_approval_required: Option<bool>,
    /// Whether automated checks must pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checks_required: Option<bool>,
    /// Which ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required_checks: Option<Vec<String>>,
    /// Whether administrators are bound too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admins_included: Option<bool>,
    /// Who may pass by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bypass: Option<Vec<String>>,
    /// Whether history may be rewritten.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub force_push_allowed: Option<bool>,
    /// Whether it may be deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_allowed: Option<bool>,
    /// Whether commits must be signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_commits_required: Option<bool>,
    /// Whether commits are searched for secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_scanning_enabled: Option<bool>,
    /// Whether weak dependencies are reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dependency_alerts_enabled: Option<bool>,
    /// More, as the system has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Details>,
}

impl RepoProtection {
    /// With what is required; the rest is absent: `RepoProtection { …, ..RepoProtection::new(…) }`.
    pub fn new(repository: impl Into<String>, branch: impl Into<String>) -> Self {
        Self {
            repository: repository.into(),
            branch: branch.into(),
            default_branch: None,
            visibility: None,
            archived: None,
            enabled: None,
            pull_request_required: None,
            required_approvals: None,
            stale_approvals_dismissed: None,
            last_push_approval_required: None,
            code_owner_approval_required: None,
            checks_required: None,
            required_checks: None,
            admins_included: None,
            bypass: None,
            force_push_allowed: None,
            deletion_allowed: None,
            signed_commits_required: None,
            secret_scanning_enabled: None,
            dependency_alerts_enabled: None,
            details: None,
        }
    }
}

impl EvidenceKind for RepoProtection {
    const KIND: &'static str = "config.repo_protection@1";
}

/// Who can see a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// Anyone.
    Public,
    /// Everyone in the organisation.
    Internal,
    /// Those who are invited.
    Private,
}
