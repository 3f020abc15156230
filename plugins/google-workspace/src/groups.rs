//! Groups and their direct members.
//!
//! <https://developers.google.com/workspace/admin/directory/reference/rest/v1/members>

use crate::api::Api;
use exhibit_sdk::kinds::{Assignment, GroupMembership, PrincipalType, RoleGrant};
use exhibit_sdk::prelude::*;
use std::collections::BTreeMap;

#[derive(Debug, Deserialize)]
struct Group {
    id: String,
    email: Option<String>,
    name: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Member {
    id: String,
    email: Option<String>,
    role: Option<String>,
    r#type: Option<String>,
}

/// Addresses of groups, by id.
#[derive(Default)]
pub(crate) struct Groups(BTreeMap<String, String>);

impl Groups {
    pub(crate) fn address(&self, id: &str) -> Option<&str> {
        self.0.get(id).map(String::as_str)
    }
}

pub(crate) fn collect(api: &Api<'_>) -> Result<Groups> {
    let mut memberships = api.ctx.wanted::<GroupMembership>("direct members of all groups");
    let mut known = Groups::default();
    if !memberships.is_wanted() && !api.ctx.wants::<RoleGrant>() {
        return Ok(known);
    }
    for page in api.all("/groups", "/groups", 200).pages() {
        for page in api.passing.take(&mut [&mut memberships], page.map(|page| vec![page]))? {
            let groups = memberships.items::<Group>(&page)?;
            for group in &groups {
                known.0.extend(group.email.clone().map(|email| (group.id.clone(), email)));
            }
            if !memberships.is_wanted() {
                continue;
            }
            let ask = |group: &Item<Group>| {
                let members = api.directory(&format!("/groups/{}/members", encode(&group.id)));
                Api::list(members.query("maxResults", "200"), "/members")
            };
            for (group, answer) in api.ctx.each(&groups, ask) {
                let mut count = 0_u64;
                for page in api.passing.take(&mut [&mut memberships], answer)? {
                    for member in memberships.items::<Member>(&page)? {
                        memberships.emit(record(api, group, &member))?;
                        count += 1;
                    }
                }
                memberships.filtered(u64::from(count == 0), "a group without members")?;
            }
        }
    }
    memberships.seal()?;
    Ok(known)
}

fn record(api: &Api<'_>, group: &Item<Group>, member: &Item<Member>) -> Record<GroupMembership> {
    let kind = match member.r#type.as_deref() {
        // Someone of another organisation, whom Google does not tell from a user.
        Some("USER" | "EXTERNAL") => Some(PrincipalType::User),
        // Everyone of the organisation, too.
        Some("GROUP" | "CUSTOMER") => Some(PrincipalType::Group),
        _ => None,
    };
    let attributes = GroupMembership {
        group_name: group.email.clone().or_else(|| group.name.clone()),
        member_type: kind,
        member_login: member.email.clone(),
        group_role: member.role.as_ref().map(|role| role.to_lowercase()),
        assignment: Some(Assignment::Direct),
        ..GroupMembership::new(&group.id, &member.id)
    };
    let mut record = member.record(format!("{}/{}", group.id, member.id), attributes).origin(group.origin());
    if kind == Some(PrincipalType::User) {
        record = record.subject(subject::person_or_account(member.email.as_deref(), &api.tenant, &member.id));
    }
    for (attribute, is_known) in [("member_type", kind.is_some()), ("group_role", member.role.is_some())] {
        if !is_known {
            record = record.unknown(attribute);
        }
    }
    // Google keeps no date of it, and roles of groups are grants of their own.
    record.unknown("since")
}
