//! Accounts, memberships and grants.

use crate::kinds::words::{Assignment, PrincipalType};
use crate::{Date, EvidenceKind, Timestamp};
use serde::{Deserialize, Serialize};

/// One account. OCSF: User Inventory Info (5003).
///
/// Kind `identity.account@1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// Name that the account signs in with, or its name where it cannot sign in.
    pub login: String,
    /// Name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Primary e-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// What stands behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r#type: Option<AccountType>,
    /// Its status, over all systems.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<AccountStatus>,
    /// Its status in the system's own word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_status: Option<String>,
    /// Whether it belongs to someone outside the organisation: a guest, an outside collaborator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<bool>,
    /// Whether it holds any administrative role in this system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin: Option<bool>,
    /// Whether a second factor is set up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mfa_status: Option<MfaStatus>,
    /// Whether the system demands a second factor of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mfa_enforced: Option<bool>,
    /// Kinds of active second factors: webauthn, totp, push, sms, call, email, hardware_token,
    /// security_question, or the system's word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mfa_factors: Option<Vec<String>>,
    /// Whether it can sign in with a password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_enabled: Option<bool>,
    /// When its password was last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_changed_at: Option<Timestamp>,
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// When it could first sign in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activated_at: Option<Timestamp>,
    /// When its status last changed: for a leaver, when access ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_changed_at: Option<Timestamp>,
    /// When it ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Day of the last sign-in. A day, because instants would change with every look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_login_on: Option<Date>,
    /// Number of the person in the register of workers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub employee_id: Option<String>,
    /// Job, as this system has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_title: Option<String>,
    /// Department, as this system has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub department: Option<String>,
    /// Login, address or id of the manager, as this system has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manager: Option<String>,
}

impl Account {
    /// With what is required; the rest is absent: `Account { …, ..Account::new(…) }`.
    pub fn new(login: impl Into<String>) -> Self {
        Self {
            login: login.into(),
            display_name: None,
            email: None,
            r#type: None,
            status: None,
            source_status: None,
            external: None,
            admin: None,
            mfa_status: None,
            mfa_enforced: None,
            mfa_factors: None,
            password_enabled: None,
            password_changed_at: None,
            created_at: None,
            activated_at: None,
            status_changed_at: None,
            expires_at: None,
            last_login_on: None,
            employee_id: None,
            job_title: None,
            department: None,
            manager: None,
        }
    }
}

impl EvidenceKind for Account {
    const KIND: &'static str = "identity.account@1";
}

/// One principal in one group. Its key is the group and the member: `00g1/00u1`.
///
/// Kind `identity.group_membership@1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupMembership {
    /// The group.
    pub group_id: String,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_name: Option<String>,
    /// The member.
    pub member_id: String,
    /// What the member is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member_type: Option<PrincipalType>,
    /// Login or name of the member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member_login: Option<String>,
    /// Role inside the group: owner, maintainer, member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_role: Option<String>,
    /// How the membership came about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignment: Option<Assignment>,
    /// Whether the group gives administrative access.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub privileged: Option<bool>,
    /// When the membership began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// When it ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

impl GroupMembership {
    /// With what is required; the rest is absent: `GroupMembership { …, ..GroupMembership::new(…) }`.
    pub fn new(group_id: impl Into<String>, member_id: impl Into<String>) -> Self {
        Self {
            group_id: group_id.into(),
            group_name: None,
            member_id: member_id.into(),
            member_type: None,
            member_login: None,
            group_role: None,
            assignment: None,
            privileged: None,
            since: None,
            expires_at: None,
        }
    }
}

impl EvidenceKind for GroupMembership {
    const KIND: &'static str = "identity.group_membership@1";
}

/// One role, or one set of permissions, that a principal holds on a scope.
///
/// Kind `identity.role_grant@1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleGrant {
    /// Who holds it.
    pub principal_id: String,
    /// What the holder is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal_type: Option<PrincipalType>,
    /// Login or name of the holder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal_name: Option<String>,
    /// The role, by the system's identifier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_id: Option<String>,
    /// The role, by name.
    pub role_name: String,
    /// Where it holds: the organisation, a project, a resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// Whether it is administrative.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub privileged: Option<bool>,
    /// How it came about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignment: Option<Assignment>,
    /// Group or scope that it comes through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via_id: Option<String>,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via_name: Option<String>,
    /// Whether it is in force, or can be activated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<GrantState>,
    /// Whether a condition narrows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conditional: Option<bool>,
    /// What it allows, in the system's words, where roles are made by the organisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permissions: Option<Vec<String>>,
    /// When it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub granted_at: Option<Timestamp>,
    /// Who gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub granted_by: Option<String>,
    /// When it ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

impl RoleGrant {
    /// With what is required; the rest is absent: `RoleGrant { …, ..RoleGrant::new(…) }`.
    pub fn new(principal_id: impl Into<String>, role_name: impl Into<String>) -> Self {
        Self {
            principal_id: principal_id.into(),
            principal_type: None,
            principal_name: None,
            role_id: None,
            role_name: role_name.into(),
            scope: None,
            privileged: None,
            assignment: None,
            via_id: None,
            via_name: None,
            state: None,
            conditional: None,
            permissions: None,
            granted_at: None,
            granted_by: None,
            expires_at: None,
        }
    }
}

impl EvidenceKind for RoleGrant {
    const KIND: &'static str = "identity.role_grant@1";
}

/// What stands behind an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountType {
    /// One person.
    Human,
    /// A program.
    Service,
    /// Several people.
    Shared,
    /// The system's built-in owner account.
    Root,
}

/// An account's status, over all systems.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountStatus {
    /// Can sign in.
    Active,
    /// Made, and not yet activated.
    Pending,
    /// Put on hold by an administrator; can be put back.
    Suspended,
    /// Locked by the system, after failed attempts for example.
    Locked,
    /// Switched off.
    Disabled,
    /// Ended for good.
    Deprovisioned,
}

/// Whether a second factor is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MfaStatus {
    /// At least one second factor is active.
    Enrolled,
    /// None is active.
    NotEnrolled,
}

/// Whether a grant is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantState {
    /// In force.
    Active,
    /// Can be activated when needed.
    Eligible,
}
