//! Administrator roles, held by users and by groups.

use crate::Api;
use crate::users::{Known, Users};
use exhibit_sdk::kinds::{Assignment, GrantState, PrincipalType, RoleGrant};
use exhibit_sdk::prelude::*;
use exhibit_sdk::subject;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Role {
    id: String,
    label: Option<String>,
    r#type: Option<String>,
    /// Of a role that the organisation made.
    role: Option<String>,
    status: Option<String>,
    created: Option<String>,
    assignment_type: Option<String>,
    #[serde(rename = "resource-set")]
    resource_set: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Group {
    id: String,
    #[serde(default)]
    profile: GroupProfile,
}

#[derive(Debug, Default, Deserialize)]
struct GroupProfile {
    name: Option<String>,
}

/// Calls under way in one batch.
const BATCH: usize = 200;

/// One call a user and one a group: Okta has no list of all grants that every edition answers.
pub(crate) fn collect(api: &Api<'_>, users: &Users) -> Result<()> {
    let mut grants = api.ctx.population::<RoleGrant>(
        "administrator roles of all users that are not deprovisioned, and of all groups",
    );
    if users.unread > 0 {
        grants.incomplete(format!("the roles of {} users that cannot be read", users.unread));
    }
    let live: Vec<&Known> = users.known.iter().filter(|user| user.is_live).collect();
    of_users(api, &mut grants, &live)?;
    of_groups(api, &mut grants, live.is_empty())?;
    grants.seal()
}

fn of_users(api: &Api<'_>, grants: &mut Population<RoleGrant>, users: &[&Known]) -> Result<()> {
    for batch in users.chunks(BATCH) {
        let requests = batch.iter().map(|user| api.whole_list(&format!("/api/v1/users/{}/roles", user.id)));
        let mut refused = 0;
        for (user, answer) in batch.iter().zip(api.ctx.send_all(requests)) {
            refused += usize::from(answer.as_ref().is_err_and(Failure::is_forbidden));
            for page in grants.tolerate(answer)?.unwrap_or_default() {
                of_user(api, grants, user, &page)?;
            }
        }
        // Closed to this credential altogether: the other users' answers would say the same.
        if refused == batch.len() {
            break;
        }
    }
    Ok(())
}

fn of_user(api: &Api<'_>, grants: &mut Population<RoleGrant>, user: &Known, page: &Page) -> Result<()> {
    let mut through_groups = 0;
    for role in grants.items::<Role>(page)? {
        // A role through a group is listed with the group that gives it.
        if role.assignment_type.as_deref() == Some("GROUP") {
            through_groups += 1;
            continue;
        }
        let subject = subject::person_or_account(user.address(), api.tenant(), &user.id);
        let record = record(&role, &user.id, PrincipalType::User, Some(&user.login)).origin(&user.origin);
        grants.emit(record.subject(subject))?;
    }
    grants.filtered(through_groups, "held through a group, whose own grant is a record")?;
    Ok(())
}

fn of_groups(api: &Api<'_>, grants: &mut Population<RoleGrant>, has_no_user: bool) -> Result<()> {
    for page in api.list("/api/v1/groups", 200).pages() {
        let Some(page) = grants.tolerate(page)? else { break };
        let groups = page.items::<Group>()?;
        if has_no_user && groups.is_empty() {
            // Nobody there to hold a role: that the list of groups is empty is what says so.
            grants.fed_by(&page)?;
        }
        let requests =
            groups.iter().map(|group| api.whole_list(&format!("/api/v1/groups/{}/roles", group.id)));
        let mut refused = 0;
        for (group, answer) in groups.iter().zip(api.ctx.send_all(requests)) {
            refused += usize::from(answer.as_ref().is_err_and(Failure::is_forbidden));
            for page in grants.tolerate(answer)?.unwrap_or_default() {
                for role in grants.items::<Role>(&page)? {
                    let name = group.profile.name.as_deref();
                    let record = record(&role, &group.id, PrincipalType::Group, name);
                    grants.emit(record.origin(group.origin()))?;
                }
            }
        }
        if refused > 0 && refused == groups.len() {
            break;
        }
    }
    Ok(())
}

fn record(role: &Item<Role>, principal: &str, kind: PrincipalType, name: Option<&str>) -> Record<RoleGrant> {
    let role_name = role.label.clone().or_else(|| role.r#type.clone()).unwrap_or_else(|| role.id.clone());
    let state = (role.status.as_deref() == Some("ACTIVE")).then_some(GrantState::Active);
    let attributes = RoleGrant {
        principal_type: Some(kind),
        principal_name: name.map(str::to_owned),
        role_id: role.role.clone().or_else(|| role.r#type.clone()),
        scope: role.resource_set.as_ref().map(|set| format!("resource set {set}")),
        // Every role of this API is an administrator's; read-only ones are told apart by name.
        privileged: Some(role.r#type.as_deref() != Some("READ_ONLY_ADMIN")),
        assignment: Some(Assignment::Direct),
        state,
        granted_at: instant(role.created.as_ref()),
        ..RoleGrant::new(principal, role_name)
    };
    let mut record = role.record(format!("{principal}/{}", role.id), attributes);
    if role.resource_set.is_none() {
        // A standard role may be confined to some groups or applications; this list does not say.
        record = record.unknown("scope");
    }
    if state.is_none() {
        record = record.unknown("state");
    }
    record
}
