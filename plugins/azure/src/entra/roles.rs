//! Directory roles: who holds one, and who may activate one (Privileged Identity Management).
//!
//! <https://learn.microsoft.com/en-us/graph/api/rbacapplication-list-roleassignments>,
//! <https://learn.microsoft.com/en-us/graph/api/rbacapplication-list-roleeligibilityscheduleinstances>

use super::api::{Graph, Principal, is_unlicensed};
use exhibit_sdk::prelude::*;
use std::collections::BTreeMap;

const BASE: &str = "/roleManagement/directory";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Role {
    id: String,
    display_name: Option<String>,
    is_built_in: Option<bool>,
    #[serde(default)]
    role_permissions: Vec<Permission>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Permission {
    #[serde(default)]
    allowed_resource_actions: Vec<String>,
}

impl Role {
    fn actions(&self) -> impl Iterator<Item = &String> {
        self.role_permissions.iter().flat_map(|permission| &permission.allowed_resource_actions)
    }

    /// Graph v1.0 does not say which roles are privileged: here, those that may do more than read.
    fn is_privileged(&self) -> bool {
        self.actions().any(|action| !action.ends_with("/read"))
    }
}

/// An assignment, or an eligibility, which has dates and a way that it came about.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Assigned {
    id: String,
    principal_id: String,
    role_definition_id: String,
    directory_scope_id: Option<String>,
    app_scope_id: Option<String>,
    condition: Option<String>,
    principal: Option<Principal>,
    start_date_time: Option<String>,
    end_date_time: Option<String>,
    member_type: Option<String>,
}

/// Who holds a role, and where that was said.
#[derive(Default)]
pub(super) struct Holders {
    by_id: BTreeMap<String, Origin>,
    /// Nobody else does: all were read, and none of them is a group.
    pub(super) are_all: bool,
}

impl Holders {
    pub(super) fn get(&self, id: &str) -> Option<&Origin> {
        self.by_id.get(id)
    }
}

pub(super) fn collect(graph: &Graph<'_>) -> Result<Holders> {
    let ctx = graph.ctx;
    let mut active = ctx.wanted::<RoleGrant>("assignments of directory roles");
    let mut holders = Holders::default();
    if !active.is_wanted() && !ctx.wants::<Account>() && !ctx.wants::<GroupMembership>() {
        return Ok(holders);
    }
    let roles = if active.is_wanted() { names(graph) } else { BTreeMap::new() };
    holders.are_all = true;
    for page in graph.list(&format!("{BASE}/roleAssignments")).query("$expand", "principal").pages() {
        holders.are_all &= page.is_ok();
        for page in graph.passing.take(&mut [&mut active], page.map(|page| vec![page]))? {
            for assigned in active.items::<Assigned>(&page)? {
                let kind = assigned.principal.as_ref().and_then(Principal::kind);
                holders.are_all &= matches!(kind, Some(PrincipalType::User | PrincipalType::Service));
                holders.by_id.entry(assigned.principal_id.clone()).or_insert(assigned.origin().clone());
                active.emit(record(graph, &assigned, &roles, GrantState::Active))?;
            }
        }
    }
    active.seal()?;
    if ctx.wants::<RoleGrant>() {
        activatable(graph, &roles)?;
    }
    Ok(holders)
}

fn activatable(graph: &Graph<'_>, roles: &BTreeMap<String, Item<Role>>) -> Result<()> {
    let list = graph.list(&format!("{BASE}/roleEligibilityScheduleInstances")).query("$expand", "principal");
    let mut pages = list.pages().peekable();
    if let Some(Err(failure)) = pages.peek()
        && is_unlicensed(failure)
    {
        // Without the licence nobody can be made eligible: there is no population to be complete.
        exhibit_sdk::warn!("the tenant has no Privileged Identity Management: {}", failure.message());
        return Ok(());
    }
    let query = "assignments of directory roles that their holder may activate";
    let mut eligible = graph.ctx.population::<RoleGrant>(query);
    for page in pages {
        for page in graph.passing.take(&mut [&mut eligible], page.map(|page| vec![page]))? {
            for assigned in eligible.items::<Assigned>(&page)? {
                eligible.emit(record(graph, &assigned, roles, GrantState::Eligible))?;
            }
        }
    }
    eligible.seal()
}

/// Roles by id; none where they are withheld.
fn names(graph: &Graph<'_>) -> BTreeMap<String, Item<Role>> {
    let pages: Result<Vec<Page>> = graph.list(&format!("{BASE}/roleDefinitions")).pages().collect();
    let roles = pages.and_then(|pages| pages.iter().map(Page::items::<Role>).collect::<Result<Vec<_>>>());
    let roles = graph.passing.known("directory roles", roles).unwrap_or_default();
    roles.into_iter().flatten().map(|role| (role.id.clone(), role)).collect()
}

fn record(
    graph: &Graph<'_>,
    assigned: &Item<Assigned>,
    roles: &BTreeMap<String, Item<Role>>,
    state: GrantState,
) -> Record<RoleGrant> {
    let role = roles.get(&assigned.role_definition_id);
    let principal = assigned.principal.as_ref();
    let kind = principal.and_then(Principal::kind);
    let scope = match (assigned.directory_scope_id.as_deref(), assigned.app_scope_id.as_deref()) {
        (Some("/"), _) => Some(format!("tenant {}", graph.tenant)),
        (Some(scope), _) => Some(format!("directory {scope}")),
        (None, scope) => scope.map(|scope| format!("application {scope}")),
    };
    let assignment = match (state, assigned.member_type.as_deref()) {
        (GrantState::Active, _) | (_, Some("Direct")) => Some(Assignment::Direct),
        (_, Some("Group")) => Some(Assignment::Group),
        (_, Some("Inherited")) => Some(Assignment::Inherited),
        _ => None,
    };
    let own = role.filter(|role| role.is_built_in == Some(false));
    let attributes = RoleGrant {
        principal_type: kind,
        principal_name: principal.and_then(Principal::name),
        role_id: Some(assigned.role_definition_id.clone()),
        scope: scope.clone(),
        privileged: role.map(|role| role.is_privileged()),
        assignment,
        state: Some(state),
        conditional: Some(assigned.condition.as_ref().is_some_and(|text| !text.is_empty())),
        permissions: own.map(|role| role.actions().take(1000).cloned().collect()),
        granted_at: instant(assigned.start_date_time.as_ref()),
        expires_at: instant(assigned.end_date_time.as_ref()),
        ..RoleGrant::new(
            &assigned.principal_id,
            role.and_then(|role| role.display_name.as_ref()).unwrap_or(&assigned.role_definition_id),
        )
    };
    let key = match state {
        GrantState::Active => assigned.id.clone(),
        GrantState::Eligible => format!("eligible/{}", assigned.id),
    };
    let mut record = assigned.record(key, attributes);
    if let Some(role) = role {
        record = record.origin(role.origin());
    }
    if let Some(subject) = principal.and_then(|p| p.subject(&graph.tenant, &assigned.principal_id)) {
        record = record.subject(subject);
    }
    for (attribute, is_known) in [
        ("principal_type", kind.is_some()),
        ("scope", scope.is_some()),
        ("assignment", assignment.is_some()),
        ("privileged", role.is_some()),
        ("permissions", role.is_some()),
        ("granted_at", assigned.start_date_time.is_some()),
        // Of what is in force Graph says no end in this list: it may be a role that was activated for some hours.
        ("expires_at", state == GrantState::Eligible),
    ] {
        if !is_known {
            record = record.unknown(attribute);
        }
    }
    record
}
