//! Administrator roles, held by users and by groups.

use crate::users::Known;
use crate::{Api, instant};
use exhibit_sdk::kinds::{Assignment, GrantState, PrincipalType, RoleGrant};
use exhibit_sdk::prelude::*;
use exhibit_sdk::subject;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Role {
    id: String,
    label: Option<String>,
    r#type: Option<String>,
    status: Option<String>,
    created: Option<String>,
    assignment_type: Option<String>,
    #[serde(rename = "resource-set")]
    resource_set: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Group {
    id: String,
    profile: GroupProfile,
}

#[derive(Debug, Deserialize)]
struct GroupProfile {
    name: Option<String>,
}

/// One call a user and one a group: Okta has no list of all grants that every edition answers.
pub(crate) fn collect(api: &Api<'_>, users: &[Known]) -> Result<()> {
    let mut grants = api.ctx.population::<RoleGrant>("administrator roles of all users and groups");
    let live: Vec<&Known> = users.iter().filter(|user| user.is_live).collect();
    let requests = live.iter().map(|user| api.whole_list(&format!("/api/v1/users/{}/roles", user.id)));
    for (user, answer) in live.iter().zip(api.ctx.send_all(requests)) {
        let Some(pages) = grants.tolerate(answer)? else { continue };
        for page in &pages {
            for role in grants.items::<Role>(page)? {
                // A role through a group is listed with the group that gives it.
                if role.assignment_type.as_deref() == Some("GROUP") {
                    grants.filtered(1, "held through a group, which is listed itself")?;
                    continue;
                }
                let subject = subject::person_or_account(
                    user.email.as_deref().or(Some(&user.login)),
                    api.tenant(),
                    &user.id,
                );
                let record = record(&role, &user.id, PrincipalType::User, Some(&user.login));
                grants.emit(record.subject(subject))?;
            }
        }
    }
    let mut groups = Vec::new();
    for page in api.list("/api/v1/groups", 200).pages() {
        let Some(page) = grants.tolerate(page)? else { break };
        groups.extend(page.items::<Group>()?.into_iter().map(Item::into_value));
    }
    let requests = groups.iter().map(|group| api.whole_list(&format!("/api/v1/groups/{}/roles", group.id)));
    for (group, answer) in groups.iter().zip(api.ctx.send_all(requests)) {
        let Some(pages) = grants.tolerate(answer)? else { continue };
        for page in &pages {
            for role in grants.items::<Role>(page)? {
                let name = group.profile.name.as_deref();
                grants.emit(record(&role, &group.id, PrincipalType::Group, name))?;
            }
        }
    }
    grants.seal()
}

fn record(role: &Item<Role>, principal: &str, kind: PrincipalType, name: Option<&str>) -> Record<RoleGrant> {
    let role_name = role.label.clone().or_else(|| role.r#type.clone()).unwrap_or_else(|| role.id.clone());
    let attributes = RoleGrant {
        principal_type: Some(kind),
        principal_name: name.map(str::to_owned),
        role_id: role.r#type.clone(),
        scope: role.resource_set.as_ref().map(|set| format!("resource set {set}")),
        // Every role of this API is an administrator's; read-only ones are told apart by name.
        privileged: Some(role.r#type.as_deref() != Some("READ_ONLY_ADMIN")),
        assignment: Some(Assignment::Direct),
        state: (role.status.as_deref() == Some("ACTIVE")).then_some(GrantState::Active),
        granted_at: instant(role.created.as_ref()),
        ..RoleGrant::new(principal, role_name)
    };
    role.record(format!("{principal}/{}", role.id), attributes)
}
