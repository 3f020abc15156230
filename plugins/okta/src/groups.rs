//! Groups and who is in them.

use crate::Api;
use exhibit_sdk::kinds::{Assignment, GroupMembership, PrincipalType};
use exhibit_sdk::prelude::*;
use exhibit_sdk::subject;

#[derive(Debug, Deserialize)]
struct Group {
    id: String,
    r#type: Option<String>,
    #[serde(default)]
    profile: GroupProfile,
}

#[derive(Debug, Default, Deserialize)]
struct GroupProfile {
    name: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Member {
    id: String,
    #[serde(default)]
    profile: MemberProfile,
}

#[derive(Debug, Default, Deserialize)]
struct MemberProfile {
    login: Option<String>,
    email: Option<String>,
}

/// The group that Okta keeps for everyone: its members are the users, which are listed already. Okta builds in
/// others too, of its administrators for example, and those count.
fn is_everyone(group: &Group) -> bool {
    group.r#type.as_deref() == Some("BUILT_IN") && group.profile.name.as_deref() == Some("Everyone")
}

pub(crate) fn collect(api: &Api<'_>) -> Result<()> {
    let mut members = api.ctx.population::<GroupMembership>("members of all groups but the one of everyone");
    for page in api.list("/api/v1/groups", 200).pages() {
        let Some(page) = members.tolerate(page)? else { break };
        // The list of groups feeds this population too: an organisation without any has no members. A group is
        // accounted for by the memberships that cite it, or else by one of the reasons below.
        let groups = members.items::<Group>(&page)?;
        let total = groups.len();
        let groups: Vec<Item<Group>> = groups.into_iter().filter(|group| !is_everyone(group)).collect();
        if total > groups.len() {
            members.filtered((total - groups.len()) as u64, "the built-in group of everyone")?;
        }
        let requests =
            groups.iter().map(|group| api.list(&format!("/api/v1/groups/{}/users", group.id), 200));
        for (group, answer) in groups.iter().zip(api.ctx.send_all(requests)) {
            let mut is_cited = false;
            for page in members.tolerate(answer)?.unwrap_or_default() {
                for member in members.items::<Member>(&page)? {
                    members.emit(record(api, group, &member))?;
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

fn record(api: &Api<'_>, group: &Item<Group>, member: &Item<Member>) -> Record<GroupMembership> {
    let attributes = GroupMembership {
        group_name: group.profile.name.clone(),
        member_type: Some(PrincipalType::User),
        member_login: member.profile.login.clone(),
        assignment: (group.r#type.as_deref() == Some("APP_GROUP")).then_some(Assignment::Directory),
        ..GroupMembership::new(&group.id, &member.id)
    };
    let email = member.profile.email.as_deref().or(member.profile.login.as_deref());
    let mut record = member
        .record(format!("{}/{}", group.id, member.id), attributes)
        .origin(group.origin())
        .subject(subject::person_or_account(email, api.tenant(), &member.id));
    if group.r#type.as_deref() != Some("APP_GROUP") {
        // Okta does not say whether a rule or a person put a member into one of its own groups.
        record = record.unknown("assignment");
    }
    record
}
