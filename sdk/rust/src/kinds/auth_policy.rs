//! Rules about signing in.

use crate::EvidenceKind;
use crate::kinds::details::Details;
use crate::kinds::words::{RuleAction, Status};
use serde::{Deserialize, Serialize};

/// One policy about passwords, factors, sign-on or sessions, or one rule of it.
///
/// Kind `identity.auth_policy@1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthPolicy {
    /// Name of the policy.
    pub policy_name: String,
    /// What it rules: password, mfa_enrollment, sign_on, session, access, authenticator, or the system's
    /// word.
    pub policy_type: String,
    /// The policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_id: Option<String>,
    /// The rule, where the record is one rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule_id: Option<String>,
    /// Name of the rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule_name: Option<String>,
    /// Whether it is in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// Order among its like; the lowest comes first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<u64>,
    /// Whether it is the system's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_default: Option<bool>,
    /// Whether it is for everyone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applies_to_all: Option<bool>,
    /// Groups, users or applications that it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applies_to: Option<Vec<String>>,
    /// Groups, users or applications that it is not for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub excludes: Option<Vec<String>>,
    /// Whether it lets in at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<RuleAction>,
    /// Whether it asks for a second factor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mfa_required: Option<bool>,
    /// Whether that factor must resist phishing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phishing_resistant_required: Option<bool>,
    /// Factors that must be set up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factors_required: Option<Vec<String>>,
    /// Factors that may be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factors_allowed: Option<Vec<String>>,
    /// Characters at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_min_length: Option<u64>,
    /// What it must hold: upper_case, lower_case, number, symbol, or the system's word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_complexity: Option<Vec<String>>,
    /// Earlier passwords that may not be used again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_history_count: Option<u64>,
    /// Days until it must be changed; 0: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_max_age_days: Option<u64>,
    /// Failed attempts until the account is locked; 0: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lockout_attempts: Option<u64>,
    /// Minutes until it is unlocked by itself; 0: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lockout_minutes: Option<u64>,
    /// Minutes without use until the session ends; 0: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_idle_minutes: Option<u64>,
    /// Minutes until the session ends in any case; 0: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_lifetime_minutes: Option<u64>,
    /// More, as the system has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Details>,
}

impl AuthPolicy {
    /// With what is required; the rest is absent: `AuthPolicy { …, ..AuthPolicy::new(…) }`.
    pub fn new(policy_name: impl Into<String>, policy_type: impl Into<String>) -> Self {
        Self {
            policy_name: policy_name.into(),
            policy_type: policy_type.into(),
            policy_id: None,
            rule_id: None,
            rule_name: None,
            status: None,
            priority: None,
            system_default: None,
            applies_to_all: None,
            applies_to: None,
            excludes: None,
            access: None,
            mfa_required: None,
            phishing_resistant_required: None,
            factors_required: None,
            factors_allowed: None,
            password_min_length: None,
            password_complexity: None,
            password_history_count: None,
            password_max_age_days: None,
            lockout_attempts: None,
            lockout_minutes: None,
            session_idle_minutes: None,
            session_lifetime_minutes: None,
            details: None,
        }
    }
}

impl EvidenceKind for AuthPolicy {
    const KIND: &'static str = "identity.auth_policy@1";
}
