//! Teams and who is in them.

use crate::api::{Api, User};
use exhibit_sdk::kinds::{Assignment, GroupMembership};
use exhibit_sdk::prelude::*;
use std::collections::BTreeSet;

/// A team, as lists have it.
#[derive(Debug, Deserialize)]
pub(crate) struct Team {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) slug: String,
    /// In lists of one repository: what the team may do there.
    pub(crate) permission: Option<String>,
    /// In lists of one repository: how it came to that.
    pub(crate) access_source: Option<String>,
    /// In lists of one role: how it came to that.
    pub(crate) assignment: Option<String>,
    parent: Option<Parent>,
}

#[derive(Debug, Deserialize)]
struct Parent {
    id: u64,
}

/// Roles inside a team, asked for one by one, as items do not name theirs.
const ROLES: [&str; 2] = ["maintainer", "member"];

pub(crate) fn collect(api: &Api<'_>) -> Result<()> {
    let mut members = api.ctx.population::<GroupMembership>("members of all teams of the organisation");
    let mut teams = Vec::new();
    for page in api.list(&api.org("/teams")).pages() {
        let Some(page) = members.tolerate(page)? else { break };
        teams.extend(members.items::<Team>(&page)?);
    }
    // Members of a team within a team are listed in both.
    let parents: BTreeSet<u64> = teams.iter().filter_map(|team| Some(team.parent.as_ref()?.id)).collect();
    let asked = || teams.iter().flat_map(|team| ROLES.map(|role| (team, role)));
    let lists = asked().map(|(team, role)| {
        api.list(&api.org(&format!("/teams/{}/members", encode(&team.slug)))).query("role", role)
    });
    let mut cited = BTreeSet::new();
    for ((team, role), answer) in asked().zip(api.ctx.send_all(lists)) {
        for page in members.tolerate(answer)?.unwrap_or_default() {
            for user in members.items::<User>(&page)? {
                members.emit(membership(api, team, role, &user, parents.contains(&team.id)))?;
                cited.insert(team.id);
            }
        }
    }
    let empty = teams.iter().filter(|team| !cited.contains(&team.id)).count();
    members.filtered(empty as u64, "a team in which no member is seen")?;
    members.seal()
}

fn membership(
    api: &Api<'_>,
    team: &Item<Team>,
    role: &str,
    user: &Item<User>,
    has_teams: bool,
) -> Record<GroupMembership> {
    let attributes = GroupMembership {
        group_name: Some(team.name.clone()),
        member_type: user.principal(),
        member_login: Some(user.login.clone()),
        group_role: Some(role.to_owned()),
        assignment: (!has_teams).then_some(Assignment::Direct),
        ..GroupMembership::new(team.id.to_string(), user.id.to_string())
    };
    let mut record = user
        .record(format!("{}/{}", team.id, user.id), attributes)
        .origin(team.origin())
        .subject(api.subject(user));
    if has_teams {
        record = record.unknown("assignment");
    }
    if user.principal().is_none() {
        record = record.unknown("member_type");
    }
    record
}
