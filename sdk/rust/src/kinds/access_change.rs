//! Changes of access.

use crate::EvidenceKind;
use crate::kinds::words::{Outcome, PrincipalType};
use serde::{Deserialize, Serialize};

/// Who changed whose access. OCSF: Account Change (3001), User Access Management (3005), Group Management
/// (3006).
///
/// Kind `identity.access_change@1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessChange {
    /// What was done.
    pub action: AccessAction,
    /// What was done, in the system's own word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_action: Option<String>,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Outcome>,
    /// Who did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor_id: Option<String>,
    /// What the actor is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor_type: Option<PrincipalType>,
    /// Login or name of the actor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor_name: Option<String>,
    /// Whose access.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_id: Option<String>,
    /// What that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_type: Option<PrincipalType>,
    /// Login or name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_name: Option<String>,
    /// Role, group, application or credential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object_id: Option<String>,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object_name: Option<String>,
    /// Whether it is administrative.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub privileged: Option<bool>,
    /// Address that it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_ip: Option<String>,
    /// Ticket that asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
}

impl AccessChange {
    /// With what is required; the rest is absent: `AccessChange { …, ..AccessChange::new(…) }`.
    pub fn new(action: AccessAction) -> Self {
        Self {
            action,
            source_action: None,
            result: None,
            actor_id: None,
            actor_type: None,
            actor_name: None,
            target_id: None,
            target_type: None,
            target_name: None,
            object_id: None,
            object_name: None,
            privileged: None,
            source_ip: None,
            ticket: None,
        }
    }
}

impl EvidenceKind for AccessChange {
    const KIND: &'static str = "identity.access_change@1";
}

/// What was done to access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccessAction {
    /// An account was made.
    AccountCreated,
    /// An account was activated or put back.
    AccountEnabled,
    /// An account was put on hold.
    AccountSuspended,
    /// An account was locked.
    AccountLocked,
    /// An account was unlocked.
    AccountUnlocked,
    /// An account was switched off.
    AccountDisabled,
    /// An account was deleted.
    AccountDeleted,
    /// A role was given.
    RoleGranted,
    /// A role was taken.
    RoleRevoked,
    /// A principal joined a group.
    GroupAdded,
    /// A principal left a group.
    GroupRemoved,
    /// An application was assigned.
    AppGranted,
    /// An application was taken.
    AppRevoked,
    /// A person changed a password.
    PasswordChanged,
    /// A password was reset by another.
    PasswordReset,
    /// A second factor was set up.
    MfaEnrolled,
    /// A second factor was taken away.
    MfaRemoved,
    /// A credential was made.
    CredentialCreated,
    /// A credential was ended.
    CredentialRevoked,
    /// An access policy was changed.
    PolicyChanged,
}
