//! IAM policies: who holds which role, and what of it is audited.
//!
//! <https://cloud.google.com/iam/docs/reference/rest/v1/Policy>, members as in
//! <https://cloud.google.com/iam/docs/principal-identifiers>.

use crate::roles::{Own, Roles};
use crate::values::{fnv1a, last};
use exhibit_sdk::kinds::{Assignment, GrantState, PrincipalType, RoleGrant};
use exhibit_sdk::prelude::*;

/// A policy, as `getIamPolicy` answers it.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Policy {
    pub(crate) audit_configs: Vec<AuditConfig>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct AuditConfig {
    pub(crate) service: String,
    pub(crate) audit_log_configs: Vec<AuditLogConfig>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct AuditLogConfig {
    pub(crate) log_type: String,
    pub(crate) exempted_members: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Binding {
    pub(crate) role: String,
    #[serde(default)]
    pub(crate) members: Vec<String>,
    pub(crate) condition: Option<Condition>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Condition {
    #[serde(default)]
    expression: String,
}

/// Where a policy holds.
pub(crate) struct Scope<'a> {
    /// Full resource name.
    pub(crate) full_name: &'a str,
    /// Name and title of the place that it comes from, where it is inherited.
    pub(crate) from: Option<(&'a str, &'a str)>,
}

/// One record for each member of a binding.
pub(crate) fn grants<'a>(
    scope: &'a Scope<'_>,
    binding: &'a Item<Binding>,
    roles: &'a Roles,
    tenant: &'a str,
) -> impl Iterator<Item = Record<RoleGrant>> + 'a {
    let members = binding.nested("/members", &binding.members);
    members.map(move |member| grant(scope, binding, member.origin(), member.as_str(), roles, tenant))
}

fn grant(
    scope: &Scope<'_>,
    binding: &Binding,
    origin: &Origin,
    member: &str,
    roles: &Roles,
    tenant: &str,
) -> Record<RoleGrant> {
    let role = &binding.role;
    let mut key = format!("{}/{role}/{member}", scope.full_name);
    if let Some(condition) = &binding.condition {
        key = format!("{key}/if/{:016x}", fnv1a(&condition.expression));
    }
    if let Some((from, _)) = scope.from {
        key = format!("{key}/from/{from}");
    }
    let principal = Principal::read(member);
    let own = roles.get(role);
    let attributes = RoleGrant {
        principal_type: principal.kind,
        principal_name: Some(principal.name.to_owned()),
        role_id: Some(role.clone()),
        scope: Some(scope.full_name.to_owned()),
        privileged: roles.privileged(role),
        assignment: Some(if scope.from.is_some() { Assignment::Inherited } else { Assignment::Direct }),
        via_id: scope.from.map(|(name, _)| name.to_owned()),
        via_name: scope.from.map(|(_, title)| title.to_owned()),
        state: Some(GrantState::Active),
        conditional: Some(binding.condition.is_some()),
        permissions: own.filter(|own| own.is_short()).map(|own| own.permissions.clone()),
        ..RoleGrant::new(member, own.map_or_else(|| last(role).to_owned(), |own| own.title.clone()))
    };
    let mut record = Record::new(key, attributes).origin(origin);
    if let Some(own) = own {
        record = record.origin(&own.origin);
    }
    if let Some(subject) = principal.subject(tenant) {
        record = record.subject(subject);
    }
    for (attribute, is_known) in [
        ("principal_type", principal.kind.is_some()),
        ("privileged", roles.privileged(role).is_some()),
        ("permissions", own.map_or(!Roles::is_custom(role), Own::is_short)),
    ] {
        if !is_known {
            record = record.unknown(attribute);
        }
    }
    record
}

/// A member of a binding, read apart.
pub(crate) struct Principal<'a> {
    pub(crate) kind: Option<PrincipalType>,
    /// Address or name, without what stands before and after it.
    pub(crate) name: &'a str,
    is_deleted: bool,
}

impl<'a> Principal<'a> {
    /// `user:ada@example.com`, `deleted:user:ada@example.com?uid=1`, `allUsers`, `principalSet://…`.
    pub(crate) fn read(member: &'a str) -> Self {
        let (member, is_deleted) = match member.strip_prefix("deleted:") {
            Some(member) => (member, true),
            None => (member, false),
        };
        if matches!(member, "allUsers" | "allAuthenticatedUsers") {
            return Self { kind: Some(PrincipalType::Public), name: member, is_deleted };
        }
        if member.starts_with("principalSet://") {
            return Self { kind: Some(PrincipalType::Group), name: member, is_deleted };
        }
        let (word, rest) = member.split_once(':').unwrap_or(("", member));
        let kind = match word {
            "user" => Some(PrincipalType::User),
            "serviceAccount" => Some(PrincipalType::Service),
            // Everyone of a domain; everyone with a basic role on a project.
            "group" | "domain" | "projectOwner" | "projectEditor" | "projectViewer" => {
                Some(PrincipalType::Group)
            }
            _ => None,
        };
        let name = if kind.is_some() { rest.split('?').next().unwrap_or(rest) } else { member };
        Self { kind, name, is_deleted }
    }

    /// A person is known across systems; a service account in this tenant. Of what is deleted, the address may be
    /// another's today.
    pub(crate) fn subject(&self, tenant: &str) -> Option<String> {
        match self.kind {
            _ if self.is_deleted => None,
            Some(PrincipalType::User) => subject::person(self.name),
            Some(PrincipalType::Service) => Some(subject::account(tenant, self.name)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members() {
        let read = |member: &str| {
            let principal = Principal::read(member);
            (principal.kind, principal.name.to_owned(), principal.subject("organizations/1"))
        };
        let of =
            |kind, name: &str, subject: Option<&str>| (kind, name.to_owned(), subject.map(str::to_owned));
        for (member, expected) in [
            (
                "user:Ada@example.com",
                of(Some(PrincipalType::User), "Ada@example.com", Some("person:ada@example.com")),
            ),
            (
                "serviceAccount:ci@p.iam.gserviceaccount.com",
                of(
                    Some(PrincipalType::Service),
                    "ci@p.iam.gserviceaccount.com",
                    Some("account:organizations/1:ci@p.iam.gserviceaccount.com"),
                ),
            ),
            ("group:ops@example.com", of(Some(PrincipalType::Group), "ops@example.com", None)),
            ("domain:example.com", of(Some(PrincipalType::Group), "example.com", None)),
            ("allUsers", of(Some(PrincipalType::Public), "allUsers", None)),
            ("deleted:user:bo@example.com?uid=12", of(Some(PrincipalType::User), "bo@example.com", None)),
            (
                "principalSet://iam.googleapis.com/locations/global/workforcePools/p/*",
                of(
                    Some(PrincipalType::Group),
                    "principalSet://iam.googleapis.com/locations/global/workforcePools/p/*",
                    None,
                ),
            ),
            ("principal://iam.googleapis.com/x", of(None, "principal://iam.googleapis.com/x", None)),
        ] {
            assert_eq!(read(member), expected, "{member}");
        }
    }
}
