//! Administrator roles, and the users, groups and service accounts that hold them.
//!
//! <https://developers.google.com/workspace/admin/directory/reference/rest/v1/roleAssignments>

use crate::api::Api;
use crate::groups::Groups;
use crate::users::Users;
use exhibit_sdk::kinds::{Assignment, GrantState, PrincipalType, RoleGrant};
use exhibit_sdk::prelude::*;
use std::collections::BTreeMap;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Role {
    role_id: String,
    role_name: String,
    is_system_role: Option<bool>,
    #[serde(default)]
    role_privileges: Vec<Privilege>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Privilege {
    privilege_name: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Assigned {
    role_assignment_id: String,
    role_id: String,
    assigned_to: String,
    assignee_type: Option<String>,
    scope_type: Option<String>,
    org_unit_id: Option<String>,
    condition: Option<String>,
    expiration_details: Option<Expiration>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Expiration {
    expire_time: Option<String>,
}

pub(crate) fn collect(api: &Api<'_>, users: &Users, groups: &Groups) -> Result<()> {
    let mut grants = api
        .ctx
        .wanted::<RoleGrant>("assignments of administrator roles to users, groups and service accounts");
    if !grants.is_wanted() {
        return Ok(());
    }
    let list = |path: &str, size: &str| {
        let request = api.directory(&format!("/customer/{}/{path}", api.customer()));
        Api::list(request.query("maxResults", size), "/items")
    };
    let roles = names(api, list("roles", "100"));
    for page in list("roleassignments", "200").pages() {
        for page in api.passing.take(&mut [&mut grants], page.map(|page| vec![page]))? {
            for assigned in grants.items::<Assigned>(&page)? {
                grants.emit(record(api, &assigned, &roles, users, groups))?;
            }
        }
    }
    grants.seal()
}

/// Roles by id; none where they are withheld.
fn names(api: &Api<'_>, list: Request) -> BTreeMap<String, Item<Role>> {
    let pages: Result<Vec<Page>> = list.pages().collect();
    let roles = pages.and_then(|pages| pages.iter().map(Page::items::<Role>).collect::<Result<Vec<_>>>());
    let roles = api.passing.known("administrator roles", roles).unwrap_or_default();
    roles.into_iter().flatten().map(|role| (role.role_id.clone(), role)).collect()
}

fn record(
    api: &Api<'_>,
    assigned: &Item<Assigned>,
    roles: &BTreeMap<String, Item<Role>>,
    users: &Users,
    groups: &Groups,
) -> Record<RoleGrant> {
    let role = roles.get(&assigned.role_id);
    let user = users.get(&assigned.assigned_to);
    let group = groups.address(&assigned.assigned_to);
    let kind = match assigned.assignee_type.as_deref().map(str::to_ascii_lowercase).as_deref() {
        Some("group") => Some(PrincipalType::Group),
        Some("user") if user.is_some() => Some(PrincipalType::User),
        // Older answers leave it out; and a service account is said to be a user.
        _ if user.is_some() => Some(PrincipalType::User),
        _ if group.is_some() => Some(PrincipalType::Group),
        _ => None,
    };
    let scope = match (assigned.scope_type.as_deref(), &assigned.org_unit_id) {
        (Some("CUSTOMER"), _) => Some(format!("customer {}", api.tenant)),
        (Some("ORG_UNIT"), Some(unit)) => Some(format!("organisational unit {unit}")),
        (word, _) => word.map(str::to_owned),
    };
    let own = role.filter(|role| role.is_system_role != Some(true));
    let permissions = own.map(|role| {
        let names = role.role_privileges.iter().filter_map(|privilege| privilege.privilege_name.clone());
        let names: std::collections::BTreeSet<String> = names.collect();
        names.into_iter().take(1000).collect()
    });
    let has_scope = scope.is_some();
    let ends = assigned.expiration_details.as_ref().and_then(|details| details.expire_time.as_ref());
    let attributes = RoleGrant {
        principal_type: kind,
        principal_name: user.map(|user| user.address.clone()).or_else(|| group.map(str::to_owned)),
        role_id: Some(assigned.role_id.clone()),
        scope,
        // Every role of this API is an administrator's.
        privileged: Some(true),
        assignment: Some(Assignment::Direct),
        state: Some(GrantState::Active),
        conditional: Some(assigned.condition.as_ref().is_some_and(|text| !text.is_empty())),
        permissions,
        expires_at: instant(ends),
        ..RoleGrant::new(
            &assigned.assigned_to,
            role.map_or_else(|| assigned.role_id.clone(), |role| role.role_name.clone()),
        )
    };
    let mut record = assigned.record(&assigned.role_assignment_id, attributes);
    if let Some(role) = role {
        record = record.origin(role.origin());
    }
    if let Some(user) = user {
        record = record.origin(&user.origin);
        record = record.subject(subject::person_or_account(Some(&user.address), &api.tenant, &user.id));
    }
    for (attribute, is_known) in
        [("principal_type", kind.is_some()), ("scope", has_scope), ("permissions", role.is_some())]
    {
        if !is_known {
            record = record.unknown(attribute);
        }
    }
    record.unknown("granted_at")
}
