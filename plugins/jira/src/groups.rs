//! Groups and who is in them.

use crate::api::{Api, User};
use exhibit_sdk::kinds::{Assignment, GroupMembership};
use exhibit_sdk::prelude::*;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    group_id: String,
    name: Option<String>,
}

pub(crate) fn collect(api: &Api<'_>) -> Result<()> {
    let mut members = api.ctx.population::<GroupMembership>("members of all groups, inactive users too");
    for page in api.pages(api.list("/group/bulk")) {
        let Some(page) = members.tolerate(page)? else { break };
        let groups = members.items::<Group>(&page)?;
        let list = |group: &Item<Group>| {
            api.list("/group/member").query("groupId", &group.group_id).query("includeInactiveUsers", "true")
        };
        for (group, answer) in api.each(&groups, list) {
            let mut is_cited = false;
            for page in members.tolerate(answer)?.unwrap_or_default() {
                for user in members.items::<User>(&page)? {
                    members.emit(membership(api, group, &user))?;
                    is_cited = true;
                }
            }
            if !is_cited {
                members.filtered(1, "a group in which no member is seen")?;
            }
        }
    }
    members.seal()
}

fn membership(api: &Api<'_>, group: &Item<Group>, user: &Item<User>) -> Record<GroupMembership> {
    let attributes = GroupMembership {
        group_name: group.name.clone(),
        member_type: user.principal(),
        member_login: user.email_address.clone().or_else(|| user.display_name.clone()),
        assignment: Some(Assignment::Direct),
        ..GroupMembership::new(&group.group_id, &user.account_id)
    };
    let record = user
        .record(format!("{}/{}", group.group_id, user.account_id), attributes)
        .origin(group.origin())
        .subject(api.subject(user));
    if user.principal().is_none() { record.unknown("member_type") } else { record }
}
