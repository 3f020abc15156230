//! Credentials, and access to applications.

use crate::kinds::words::{Assignment, PrincipalType, Status};
use crate::{Date, EvidenceKind, Timestamp};
use serde::{Deserialize, Serialize};

/// One credential: whose it is, how old, how far it reaches. Never its value.
///
/// Kind `identity.credential@1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credential {
    /// What it is.
    pub r#type: CredentialType,
    /// Whether it can be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<CredentialStatus>,
    /// Its status in the system's own word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_status: Option<String>,
    /// Name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<String>,
    /// Login or name of the owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_name: Option<String>,
    /// What the owner is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_type: Option<PrincipalType>,
    /// What it may be used for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<String>>,
    /// Whether it works from given networks only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_restricted: Option<bool>,
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// When its value last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotated_at: Option<Timestamp>,
    /// When it ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Day of its last use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_on: Option<Date>,
}

impl Credential {
    /// With what is required; the rest is absent: `Credential { …, ..Credential::new(…) }`.
    pub fn new(r#type: CredentialType) -> Self {
        Self {
            r#type,
            status: None,
            source_status: None,
            name: None,
            owner_id: None,
            owner_name: None,
            owner_type: None,
            scopes: None,
            network_restricted: None,
            created_at: None,
            rotated_at: None,
            expires_at: None,
            last_used_on: None,
        }
    }
}

impl EvidenceKind for Credential {
    const KIND: &'static str = "identity.credential@1";
}

/// One principal's assignment to an application, or an application's consented access to data.
///
/// Kind `identity.app_grant@1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppGrant {
    /// The application.
    pub app_id: String,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_name: Option<String>,
    /// Whether the application is in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_status: Option<Status>,
    /// How one signs in to it: saml, oidc, password, or the system's word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign_on_mode: Option<String>,
    /// Who has access; absent where everyone has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal_id: Option<String>,
    /// What the principal is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal_type: Option<PrincipalType>,
    /// Login or name of the principal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal_name: Option<String>,
    /// How it came about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignment: Option<Assignment>,
    /// Group that it comes through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via_id: Option<String>,
    /// Whether it is in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// Its status in the system's own word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_status: Option<String>,
    /// What it may do, where it is a consent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<String>>,
    /// When it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub granted_at: Option<Timestamp>,
    /// Who gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub granted_by: Option<String>,
}

impl AppGrant {
    /// With what is required; the rest is absent: `AppGrant { …, ..AppGrant::new(…) }`.
    pub fn new(app_id: impl Into<String>) -> Self {
        Self {
            app_id: app_id.into(),
            app_name: None,
            app_status: None,
            sign_on_mode: None,
            principal_id: None,
            principal_type: None,
            principal_name: None,
            assignment: None,
            via_id: None,
            status: None,
            source_status: None,
            scopes: None,
            granted_at: None,
            granted_by: None,
        }
    }
}

impl EvidenceKind for AppGrant {
    const KIND: &'static str = "identity.app_grant@1";
}

/// What a credential is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialType {
    /// A password.
    Password,
    /// A token for an API.
    ApiToken,
    /// A key id with a secret (AWS).
    AccessKey,
    /// A key of a service account.
    ServiceAccountKey,
    /// A secret of an OAuth client.
    ClientSecret,
    /// A certificate.
    Certificate,
    /// An SSH key.
    SshKey,
    /// A key that signs tokens or assertions.
    SigningKey,
}

/// Whether a credential can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialStatus {
    /// Can be used.
    Active,
    /// Switched off.
    Inactive,
    /// Past its end.
    Expired,
    /// Ended for good.
    Revoked,
}
