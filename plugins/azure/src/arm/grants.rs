//! Who holds which role in a subscription, where it comes from, and who may activate one (Privileged Identity Management).
//!
//! A subscription's list has what stands on it and beneath it, and what it inherits from management groups:
//! <https://learn.microsoft.com/en-us/rest/api/authorization/role-assignments/list-for-subscription>. Whom an id
//! stands for, and when an assignment ends, is told by the instances of the schedules:
//! <https://learn.microsoft.com/en-us/rest/api/authorization/role-assignment-schedule-instances/list-for-scope>.

use super::api::Arm;
use super::id;
use super::roles::Roles;
use super::subscriptions::Subscription;
use exhibit_sdk::kinds::{Assignment, GrantState, PrincipalType, RoleGrant};
use exhibit_sdk::prelude::*;
use std::collections::BTreeMap;

const ASSIGNMENTS: &str = "2022-04-01";
const SCHEDULES: &str = "2020-10-01";

#[derive(Debug, Deserialize)]
struct Assigned {
    id: String,
    properties: Properties,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Properties {
    role_definition_id: String,
    principal_id: String,
    principal_type: Option<String>,
    scope: Option<String>,
    condition: Option<String>,
    created_on: Option<String>,
    created_by: Option<String>,
    end_date_time: Option<String>,
    origin_role_assignment_id: Option<String>,
    role_eligibility_schedule_id: Option<String>,
    member_type: Option<String>,
    expanded_properties: Option<Expanded>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Expanded {
    principal: Option<Named>,
    scope: Option<Named>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Named {
    display_name: Option<String>,
    email: Option<String>,
}

/// What the instance of a schedule says of an assignment.
struct Instance {
    ends: Option<String>,
    expanded: Option<Expanded>,
    origin: Origin,
}

/// Instances by the assignment that they are of; none where they may not be read.
type Instances = BTreeMap<String, Instance>;

pub(super) fn collect(api: &Arm<'_>, subscriptions: &[Subscription], roles: &Roles) -> Result<()> {
    if !api.ctx.wants::<RoleGrant>() {
        return Ok(());
    }
    exhibit_sdk::all([assigned(api, subscriptions, roles), eligible(api, subscriptions, roles)])
}

fn assigned(api: &Arm<'_>, subscriptions: &[Subscription], roles: &Roles) -> Result<()> {
    let mut granted = api.open::<RoleGrant>("role assignments in all subscriptions, with what they inherit");
    let ask =
        |of: &Subscription| api.list(&of.provided("Microsoft.Authorization/roleAssignments"), ASSIGNMENTS);
    for (of, answer) in api.ctx.each(subscriptions, ask) {
        let pages = api.take(&mut [&mut granted], answer)?;
        let instances = if pages.is_empty() { None } else { instances(api, of) };
        for page in pages {
            for found in granted.items::<Assigned>(&page)? {
                let instance = instances.as_ref().map(|known| known.get(&id::key(&found.id)));
                granted.emit(grant(api, of, &found, roles, instance))?;
            }
        }
    }
    granted.seal()
}

fn instances(api: &Arm<'_>, of: &Subscription) -> Option<Instances> {
    let path = of.provided("Microsoft.Authorization/roleAssignmentScheduleInstances");
    let pages: Result<Vec<Page>> = api.list(&path, SCHEDULES).pages().collect();
    let found = pages.and_then(|pages| pages.iter().map(Page::items::<Assigned>).collect::<Result<Vec<_>>>());
    let found = api.known("whom roles are assigned to, and until when", found)?;
    let mut instances = Instances::new();
    for item in found.into_iter().flatten() {
        let origin = item.origin().clone();
        let properties = item.into_value().properties;
        let Some(assignment) = properties.origin_role_assignment_id else { continue };
        let instance =
            Instance { ends: properties.end_date_time, expanded: properties.expanded_properties, origin };
        instances.entry(id::key(&assignment)).or_insert(instance);
    }
    Some(instances)
}

/// `instance` is what is known of its schedule: nothing, or that it has none.
fn grant(
    api: &Arm<'_>,
    of: &Subscription,
    found: &Item<Assigned>,
    roles: &Roles,
    instance: Option<Option<&Instance>>,
) -> Record<RoleGrant> {
    let known = instance.flatten();
    let expanded = known.and_then(|instance| instance.expanded.as_ref());
    let ends = known.and_then(|instance| instance.ends.as_ref());
    let mut record = held(api, of, found, roles, GrantState::Active, expanded, ends);
    if let Some(instance) = known {
        record = record.origin(&instance.origin);
    }
    record.unknown_unless("expires_at", instance.is_some())
}

fn eligible(api: &Arm<'_>, subscriptions: &[Subscription], roles: &Roles) -> Result<()> {
    let mut granted = api.open::<RoleGrant>(
        "roles that can be activated (Privileged Identity Management) in all subscriptions",
    );
    let ask = |of: &Subscription| {
        api.list(&of.provided("Microsoft.Authorization/roleEligibilityScheduleInstances"), SCHEDULES)
    };
    for (of, answer) in api.ctx.each(subscriptions, ask) {
        for page in api.take(&mut [&mut granted], answer)? {
            for found in granted.items::<Assigned>(&page)? {
                let properties = &found.properties;
                let expanded = properties.expanded_properties.as_ref();
                let ends = properties.end_date_time.as_ref();
                granted.emit(held(api, of, &found, roles, GrantState::Eligible, expanded, ends))?;
            }
        }
    }
    granted.seal()
}

fn held(
    api: &Arm<'_>,
    of: &Subscription,
    found: &Item<Assigned>,
    roles: &Roles,
    state: GrantState,
    expanded: Option<&Expanded>,
    ends: Option<&String>,
) -> Record<RoleGrant> {
    let properties = &found.properties;
    let scope = id::key(properties.scope.as_deref().unwrap_or_default());
    let is_here = scope == of.path() || scope.starts_with(&format!("{}/", of.path()));
    let role = roles.get(&properties.role_definition_id);
    let principal = expanded.and_then(|expanded| expanded.principal.as_ref());
    let name = principal.and_then(|named| named.display_name.clone().or_else(|| named.email.clone()));
    let kind = properties.principal_type.as_deref().and_then(principal_type);
    // An assignment that stands above is one of each subscription beneath. The instance of a schedule may change its
    // id while the schedule stays.
    let own = id::key(properties.role_eligibility_schedule_id.as_ref().unwrap_or(&found.id));
    let key = if is_here { own } else { format!("{}{own}", of.path()) };
    let via_name = || expanded.and_then(|expanded| expanded.scope.as_ref()?.display_name.clone());
    let attributes = RoleGrant {
        principal_type: kind,
        principal_name: name.clone(),
        role_id: Some(id::key(&properties.role_definition_id)),
        scope: Some(if is_here { scope.clone() } else { of.path() }),
        privileged: role.map(|role| role.is_privileged),
        assignment: Some(match (is_here, properties.member_type.as_deref()) {
            (false, _) | (_, Some("Inherited")) => Assignment::Inherited,
            (true, Some("Group")) => Assignment::Group,
            (true, _) => Assignment::Direct,
        }),
        via_id: (!is_here).then(|| scope.clone()),
        via_name: if is_here { None } else { via_name() },
        state: Some(state),
        conditional: Some(properties.condition.as_ref().is_some_and(|condition| !condition.is_empty())),
        permissions: role.and_then(|role| role.permissions.clone()),
        granted_at: instant(properties.created_on.as_ref()),
        granted_by: properties.created_by.clone().filter(|by| !by.is_empty()),
        expires_at: instant(ends),
        ..RoleGrant::new(
            &properties.principal_id,
            role.map_or_else(
                || id::last(&properties.role_definition_id).to_owned(),
                |role| role.name.clone(),
            ),
        )
    };
    let mut record = found.record(key, attributes);
    if let Some(role) = role {
        record = record.origin(&role.origin);
    }
    let email = principal.and_then(|named| named.email.as_deref());
    let subject = match kind {
        Some(PrincipalType::User) => email.and_then(subject::person),
        Some(PrincipalType::Service) => Some(subject::account(&api.tenant, &properties.principal_id)),
        _ => None,
    };
    if let Some(subject) = subject {
        record = record.subject(subject);
    }
    record
        .unknown_unless("principal_type", kind.is_some())
        .unknown_unless("principal_name", name.is_some())
        .unknown_unless("privileged", role.is_some())
        .unknown_unless("permissions", role.is_some_and(|role| !role.is_custom || role.permissions.is_some()))
        .unknown_unless("granted_at", properties.created_on.is_some())
}

/// <https://learn.microsoft.com/en-us/rest/api/authorization/role-assignments/list-for-subscription#principaltype>
pub(super) fn principal_type(word: &str) -> Option<PrincipalType> {
    match word {
        "User" => Some(PrincipalType::User),
        "Group" | "ForeignGroup" => Some(PrincipalType::Group),
        "ServicePrincipal" | "MSI" => Some(PrincipalType::Service),
        _ => None,
    }
}
