//! Groups and their direct members.
//!
//! <https://learn.microsoft.com/en-us/graph/api/group-list-members>

use super::api::{Graph, Principal};
use super::roles::Holders;
use exhibit_sdk::prelude::*;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    id: String,
    display_name: Option<String>,
    #[serde(default)]
    group_types: Vec<String>,
    on_premises_sync_enabled: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct Member {
    id: String,
    #[serde(flatten)]
    principal: Principal,
}

pub(super) fn collect(graph: &Graph<'_>, holders: &Holders) -> Result<()> {
    let mut memberships = graph.ctx.wanted::<GroupMembership>("direct members of all groups");
    if !memberships.is_wanted() {
        return Ok(());
    }
    let fields = "id,displayName,groupTypes,onPremisesSyncEnabled";
    for page in graph.list("/groups").query("$select", fields).query("$top", "999").pages() {
        for page in graph.passing.take(&mut [&mut memberships], page.map(|page| vec![page]))? {
            let groups = memberships.items::<Group>(&page)?;
            let ask = |group: &Item<Group>| {
                let members = graph.list(&format!("/groups/{}/members", encode(&group.id)));
                members.query("$select", "id,displayName,userPrincipalName,mail").query("$top", "999")
            };
            for (group, answer) in graph.ctx.each(&groups, ask) {
                let mut count = 0_u64;
                for page in graph.passing.take(&mut [&mut memberships], answer)? {
                    for member in memberships.items::<Member>(&page)? {
                        memberships.emit(record(graph, group, &member, holders))?;
                        count += 1;
                    }
                }
                memberships.filtered(u64::from(count == 0), "a group without members")?;
            }
        }
    }
    memberships.seal()
}

fn record(
    graph: &Graph<'_>,
    group: &Item<Group>,
    member: &Item<Member>,
    holders: &Holders,
) -> Record<GroupMembership> {
    let kind = member.principal.kind();
    let assignment = if group.group_types.iter().any(|word| word == "DynamicMembership") {
        Assignment::Rule
    } else if group.on_premises_sync_enabled == Some(true) {
        Assignment::Directory
    } else {
        Assignment::Direct
    };
    let held = holders.get(&group.id);
    let attributes = GroupMembership {
        group_name: group.display_name.clone(),
        member_type: kind,
        member_login: member.principal.name(),
        assignment: Some(assignment),
        privileged: held.map(|_| true),
        ..GroupMembership::new(&group.id, &member.id)
    };
    let mut record = member.record(format!("{}/{}", group.id, member.id), attributes).origin(group.origin());
    if let Some(origin) = held {
        record = record.origin(origin);
    } else {
        // A group may be given roles on resources, too, or stand in another group that has one.
        record = record.unknown("privileged");
    }
    if let Some(subject) = member.principal.subject(&graph.tenant, &member.id) {
        record = record.subject(subject);
    }
    if kind.is_none() {
        record = record.unknown("member_type");
    }
    // Owners are another list, and when someone joined is in the log alone.
    record.unknown("group_role").unknown("since")
}
