//! Users, groups, projects, roles in projects, permission schemes.
//!
//! <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-users/>

use super::tickets::Project;
use super::{Call, Refusal, VENDOR};
use crate::org::people::{Account, COLLECTOR};
use crate::org::seats::Seat;
use crate::org::structure::{Group, RoleKind, Slot};
use crate::random::uuid;
use crate::system::System;
use serde_json::{Map, Value, json};

const MOST: usize = 50;
const ROLES: [(u64, &str, bool); 3] =
    [(10_002, "Administrators", true), (10_101, "Member", false), (10_102, "Viewer", false)];
const APP: (&str, &str) = ("557058:00000000-0000-4000-a000-000000000001", "Automation for Jira");

pub(super) fn answer(call: &Call<'_>, path: &[&str]) -> Result<Value, Refusal> {
    match path {
        ["myself"] => Ok(collector(call)),
        ["users", "search"] => users(call),
        ["group", "bulk"] => call.page(MOST, &groups(call), |group| group.shape()),
        ["group", "member"] => {
            let id = call.request.param("groupId").unwrap_or_default();
            let group = groups(call).into_iter().find(|group| group.id == id);
            let group = group.ok_or_else(|| Refusal::not_found("The group"))?;
            call.page(MOST, &group.members, |account| call.user(account, true))
        }
        ["project", "search"] => call.page(MOST, &Project::ALL, |project| shape(call, *project)),
        ["project", id, "role"] => {
            let project = project(id)?;
            let named = ROLES.iter().map(|(role, name, _)| {
                ((*name).to_owned(), call.href(&format!("project/{}/role/{role}", project.id())).into())
            });
            Ok(Value::Object(named.collect::<Map<String, Value>>()))
        }
        ["project", id, "role", role] => holders(call, project(id)?, role),
        ["permissionscheme"] => Ok(schemes(call)),
        _ => Err(Refusal::not_found("The resource")),
    }
}

fn project(id: &str) -> Result<Project, Refusal> {
    let found = Project::ALL.into_iter().find(|p| p.id() == id || p.key() == id);
    found.ok_or_else(|| Refusal::not_found("The project"))
}

fn collector(call: &Call<'_>) -> Value {
    call.org.account_by_login(COLLECTOR).map_or(Value::Null, |account| call.user(account, true))
}

/// Everybody who has a seat or had one, the account that reads evidence, and an app.
fn users(call: &Call<'_>) -> Result<Value, Refusal> {
    let start = call.number("startAt", 0)?;
    let limit = call.number("maxResults", MOST)?.clamp(1, MOST);
    let seats: Vec<Seat<'_>> = call.org.seats(System::Jira).collect();
    let mut users: Vec<Value> = vec![collector(call), call.named(APP.0, "app", APP.1, true, None)];
    users.extend(seats.iter().map(|seat| call.user(seat.account, seat.until.is_none())));
    Ok(users.into_iter().skip(start).take(limit).collect())
}

struct Team<'a> {
    id: String,
    name: String,
    members: Vec<&'a Account>,
}

impl Team<'_> {
    fn shape(&self) -> Value {
        json!({"groupId": self.id, "name": self.name})
    }
}

/// Those of the identity provider that bring a seat, all who have one, and administrators.
fn groups<'a>(call: &Call<'a>) -> Vec<Team<'a>> {
    let seated: Vec<&Account> =
        call.org.seats(System::Jira).filter(|seat| seat.until.is_none()).map(|seat| seat.account).collect();
    let team = |name: &str, members: Vec<&'a Account>| Team {
        id: uuid(call.org.seed(), &format!("jira group {name}")),
        name: name.to_owned(),
        members,
    };
    let within = |slot: Slot| -> Vec<&'a Account> {
        let is_in = |account: &&Account| call.org.now(&account.groups).any(|held| held.what == slot);
        seated.iter().copied().filter(is_in).collect()
    };
    let is_admin = |account: &&Account| {
        account.roles.iter().any(|role| role.what == RoleKind::Super && role.until.is_none())
    };
    let mut teams = vec![
        team("site-admins", seated.iter().copied().filter(is_admin).collect()),
        team("jira-software-users", seated.clone()),
    ];
    let provisioned = call.org.groups().iter().filter(|group: &&Group| VENDOR.seats.contains(&group.slot));
    teams.extend(provisioned.map(|group| team(&group.name.to_lowercase(), within(group.slot))));
    teams
}

fn team_id(call: &Call<'_>, name: &str) -> String {
    uuid(call.org.seed(), &format!("jira group {name}"))
}

fn shape(call: &Call<'_>, project: Project) -> Value {
    let lead = call.org.account_at(0).map(|account| call.user(account, true));
    let sizes = ["16x16", "24x24", "32x32", "48x48"];
    let avatars: Value = sizes.iter().map(|s| (*s, format!("https://avatars.example.com/{s}"))).collect();
    json!({
        "self": call.href(&format!("project/{}", project.id())), "id": project.id(), "key": project.key(),
        "name": project.name(), "projectTypeKey": "software", "style": "classic", "simplified": false,
        "isPrivate": false, "archived": project == Project::Old, "lead": lead, "avatarUrls": avatars,
    })
}

fn holders(call: &Call<'_>, project: Project, role: &str) -> Result<Value, Refusal> {
    let found = ROLES.iter().find(|(id, ..)| id.to_string() == role);
    let (id, name, is_admin) = found.ok_or_else(|| Refusal::not_found("The role"))?;
    let teams: &[&str] = match (is_admin, *name, project) {
        (true, ..) => &["site-admins"],
        (_, "Member", Project::Changes) => &["engineering", "it"],
        (_, "Member", Project::Access | Project::Incidents) => &["engineering", "it", "support"],
        (_, "Viewer", Project::Old) => &[],
        (_, "Viewer", _) => &["jira-software-users"],
        _ => &[],
    };
    let actor = |(i, team): (usize, &&str)| {
        let group = json!({"name": team, "displayName": team, "groupId": team_id(call, team)});
        json!({
            "id": id * 10 + i as u64, "displayName": team, "type": "atlassian-group-role-actor", "name": team,
            "actorGroup": group,
        })
    };
    Ok(json!({
        "self": call.href(&format!("project/{}/role/{id}", project.id())), "name": name, "id": id,
        "description": "", "admin": is_admin, "actors": teams.iter().enumerate().map(actor).collect::<Vec<_>>(),
    }))
}

fn schemes(call: &Call<'_>) -> Value {
    let grant = |id: u64, permission: &str, role: u64| {
        json!({
            "id": id, "self": call.href(&format!("permissionscheme/0/permission/{id}")), "permission": permission,
            "holder": {"type": "projectRole", "value": role.to_string(), "parameter": role.to_string()},
        })
    };
    let grants = [
        grant(10_001, "ADMINISTER_PROJECTS", 10_002),
        grant(10_002, "BROWSE_PROJECTS", 10_102),
        grant(10_003, "CREATE_ISSUES", 10_101),
        grant(10_004, "TRANSITION_ISSUES", 10_101),
    ];
    json!({"permissionSchemes": [{
        "id": 0, "self": call.href("permissionscheme/0"), "name": "Default Permission Scheme", "description": "",
        "permissions": grants,
    }]})
}
