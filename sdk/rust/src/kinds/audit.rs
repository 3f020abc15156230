//! Audit logs.

use crate::EvidenceKind;
use crate::kinds::details::Details;
use crate::kinds::words::{Outcome, PrincipalType, Severity};
use serde::{Deserialize, Serialize};

/// One thing that someone did. OCSF: Authentication (3002), API Activity (6003).
///
/// Kind `audit.activity@1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Activity {
    /// What was done, in the system's own word: `user.session.start`.
    pub activity: String,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<ActivityCategory>,
    /// What the system says of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// How bad, over all systems.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Outcome>,
    /// Why it ended so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor_id: Option<String>,
    /// What the actor is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor_type: Option<PrincipalType>,
    /// Login or name of the actor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor_name: Option<String>,
    /// What it was done to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub targets: Option<Vec<Target>>,
    /// Address that it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_ip: Option<String>,
    /// Country of that address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// Program that it came from, in short.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// Whether a second factor was used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mfa_used: Option<bool>,
    /// Joins entries of one action.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction_id: Option<String>,
    /// More, as the system has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Details>,
}

impl Activity {
    /// With what is required; the rest is absent: `Activity { …, ..Activity::new(…) }`.
    pub fn new(activity: impl Into<String>) -> Self {
        Self {
            activity: activity.into(),
            category: None,
            message: None,
            severity: None,
            result: None,
            reason: None,
            actor_id: None,
            actor_type: None,
            actor_name: None,
            targets: None,
            source_ip: None,
            country: None,
            client: None,
            mfa_used: None,
            transaction_id: None,
            details: None,
        }
    }
}

impl EvidenceKind for Activity {
    const KIND: &'static str = "audit.activity@1";
}

/// What an activity was done to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Identifier in the system.
    pub id: String,
    /// What it is, in the system's word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r#type: Option<String>,
    /// Name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl Target {
    /// With what is required; the rest is absent: `Target { …, ..Target::new(…) }`.
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), r#type: None, name: None }
    }
}

/// What an activity is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActivityCategory {
    /// Signing in or out.
    Authentication,
    /// Who may do what.
    Access,
    /// Settings.
    Configuration,
    /// Reading, changing, sharing data.
    Data,
    /// Something else.
    Other,
}
