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

/// The group that Okta keeps for everyone: its members are the users, which are listed already.
const EVERYONE: &str = "BUILT_IN";

pub(crate) fn collect(api: &Api<'_>) -> Result<()> {
    let mut members = api.ctx.population::<GroupMembership>("members of all groups but the one of everyone");
    for page in api.list("/api/v1/groups", 200).pages() {
        let page = page?;
        let groups = page.items::<Group>()?;
        let groups: Vec<&Item<Group>> =
            groups.iter().filter(|g| g.r#type.as_deref() != Some(EVERYONE)).collect();
        // The list of groups feeds this population too: an organisation without any has no members.
        members.fed_by(&page)?;
        let total = page.items::<serde_json::Value>()?.len();
        members.filtered((total - groups.len()) as u64, "the built-in group of everyone")?;
        let requests =
            groups.iter().map(|group| api.list(&format!("/api/v1/groups/{}/users", group.id), 200));
        for (group, answer) in groups.iter().zip(api.ctx.send_all(requests)) {
            members.filtered(1, "a group, whose members are listed")?;
            let Some(pages) = members.tolerate(answer)? else { continue };
            for page in &pages {
                for member in members.items::<Member>(page)? {
                    members.emit(record(api, group, &member))?;
                }
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
