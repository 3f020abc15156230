//! Groups and their members; administrator roles and who holds them.
//!
//! <https://developers.google.com/workspace/admin/directory/reference/rest/v1/groups>,
//! <https://developers.google.com/workspace/admin/directory/reference/rest/v1/roleAssignments>

use super::{CUSTOMER, Call, Member, user_id};
use crate::google::{Refusal, page};
use crate::org::structure::{Group, RoleKind, Slot};
use crate::random::hex_id;
use serde_json::{Value, json};

const MOST_GROUPS: usize = 10;
const MOST_MEMBERS: usize = 50;
const SYSTEM: &str = "simulated-service";

/// The groups of the identity provider that are mailing lists, too.
fn groups<'a>(call: &Call<'a>) -> impl Iterator<Item = &'a Group> {
    call.org.groups().iter().filter(|group| group.slot != Slot::Services)
}

pub(super) fn address(group: &Group) -> String {
    format!("{}@example.com", group.name.to_lowercase().replace(' ', "-"))
}

fn group_id(call: &Call<'_>, group: &Group) -> String {
    format!("0{}", hex_id(call.org.seed(), &format!("google group {}", group.name), 14))
}

/// Members who may still sign in, or are barred for a while.
fn people<'a>(call: &Call<'a>, slot: Slot) -> Vec<Member<'a>> {
    let mut members: Vec<Member<'a>> = call
        .members()
        .filter(|m| {
            m.seat.until.is_none() && call.org.now(&m.seat.account.groups).any(|held| held.what == slot)
        })
        .collect();
    members.sort_by(|a, b| a.address().cmp(b.address()));
    members
}

pub(super) fn list(call: &Call<'_>) -> Result<Value, Refusal> {
    let customer = call.request.param("customer").ok_or_else(|| Refusal::invalid("customer"))?;
    call.customer(&customer)?;
    let body = json!({"kind": "admin#directory#groups", "etag": "\"simulated\""});
    let all: Vec<&Group> = groups(call).collect();
    page(call.request, body, "groups", ("maxResults", MOST_GROUPS), &all, |group| {
        let count = if group.slot == Slot::Everyone { 1 } else { people(call, group.slot).len() };
        json!({
            "kind": "admin#directory#group", "id": group_id(call, group), "etag": "\"simulated\"",
            "email": address(group), "name": group.name, "directMembersCount": count.to_string(),
            "description": group.description, "adminCreated": true,
        })
    })
}

pub(super) fn members(call: &Call<'_>, key: &str) -> Result<Value, Refusal> {
    let group = groups(call).find(|group| group_id(call, group) == key || address(group) == key);
    let group = group.ok_or_else(|| Refusal::not_found("groupKey"))?;
    let mut body = json!({"kind": "admin#directory#members", "etag": "\"simulated\""});
    if group.slot == Slot::Everyone {
        // All of the customer is one member of it.
        body["members"] = json!([{
            "kind": "admin#directory#member", "etag": "\"simulated\"", "id": CUSTOMER, "role": "MEMBER",
            "type": "CUSTOMER", "status": "ACTIVE",
        }]);
        return Ok(body);
    }
    page(call.request, body, "members", ("maxResults", MOST_MEMBERS), &people(call, group.slot), |member| {
        json!({
            "kind": "admin#directory#member", "etag": "\"simulated\"", "id": member.id, "email": member.address(),
            "role": "MEMBER", "type": "USER",
            "status": if member.suspended.is_some() { "SUSPENDED" } else { "ACTIVE" },
        })
    })
}

/// Roles: their name, whether Google made them, and what those of our own allow.
const ROLES: [(RoleKind, &str, &str, bool, &[&str]); 4] = [
    (RoleKind::Super, "13801188331880449", "_SEED_ADMIN_ROLE", true, &["SUPER_ADMIN"]),
    (RoleKind::Org, "13801188331880450", "_USER_MANAGEMENT_ADMIN_ROLE", true, &["USERS_ALL"]),
    (RoleKind::HelpDesk, "13801188331880451", "_HELP_DESK_ADMIN_ROLE", true, &["USERS_RESET_PASSWORD"]),
    (
        RoleKind::ReadOnly,
        "13801188331880452",
        "Evidence reader",
        false,
        &["GROUPS_RETRIEVE", "REPORTS_ACCESS", "USERS_RETRIEVE"],
    ),
];

pub(super) fn roles(call: &Call<'_>) -> Result<Value, Refusal> {
    let body = json!({"kind": "admin#directory#roles", "etag": "\"simulated\""});
    page(
        call.request,
        body,
        "items",
        ("maxResults", 100),
        &ROLES,
        |(kind, id, name, is_system, privileges)| {
            let privilege = |name: &&str| json!({"privilegeName": name, "serviceId": SYSTEM});
            json!({
                "kind": "admin#directory#role", "etag": "\"simulated\"", "roleId": id, "roleName": name,
                "roleDescription": name, "isSystemRole": is_system, "isSuperAdminRole": *kind == RoleKind::Super,
                "rolePrivileges": privileges.iter().map(privilege).collect::<Vec<_>>(),
            })
        },
    )
}

/// Those of people who hold the role for good, and of groups.
pub(super) fn assignments(call: &Call<'_>) -> Result<Value, Refusal> {
    let seed = call.org.seed();
    let mut held: Vec<(RoleKind, String, &str)> = Vec::new();
    for member in call.members().filter(|member| member.seat.until.is_none()) {
        let own = call.org.now(&member.seat.account.roles).filter(|role| role.until.is_none());
        held.extend(own.map(|role| (role.what, user_id(seed, member.address()), "user")));
    }
    held.extend(groups(call).filter_map(|group| Some((group.role?, group_id(call, group), "group"))));
    let body = json!({"kind": "admin#directory#roleAssignments", "etag": "\"simulated\""});
    page(call.request, body, "items", ("maxResults", 100), &held, |(kind, to, what)| {
        let role = ROLES.iter().find(|(of, ..)| of == kind).map_or("", |(_, id, ..)| id);
        let number = u64::from_str_radix(&hex_id(seed, &format!("google role {role} {to}"), 12), 16);
        json!({
            "kind": "admin#directory#roleAssignment", "etag": "\"simulated\"",
            "roleAssignmentId": number.unwrap_or_default().to_string(), "roleId": role, "assignedTo": to,
            "assigneeType": what, "scopeType": "CUSTOMER",
        })
    })
}
