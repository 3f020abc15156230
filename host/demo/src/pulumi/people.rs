//! Members and their roles, teams, access tokens.

use super::{Answer, Call, ORG, Refusal};
use crate::calendar::{at, whole_seconds};
use crate::org::people::{Account, AccountKind};
use crate::org::structure::Slot;
use crate::system::System;
use jiff::civil::date;
use serde_json::{Value, json};

/// The member that the pipeline is.
pub(super) const PIPELINE: &str = "example-pipeline";
/// Accounts, by position, that administer the organisation: they are there from the first day to the last.
const ADMINS: [usize; 2] = [2, 4];

/// A role: its id, its name, what it allows, and what Pulumi Cloud itself calls it.
struct Role {
    id: &'static str,
    name: &'static str,
    allows: &'static [&'static str],
    own: Option<&'static str>,
}

const ROLES: [Role; 3] = [
    Role {
        id: "role-admin",
        name: "Admin",
        allows: &["organization:update", "stack:delete"],
        own: Some("admin"),
    },
    Role { id: "role-member", name: "Member", allows: &["stack:list", "stack:read"], own: Some("member") },
    Role {
        id: "role-evidence",
        name: "Evidence reader",
        allows: &["audit_logs:read", "org_member:read", "policy_results:read", "stack:read", "team:read"],
        own: None,
    },
];

/// The name that somebody chose, the same as at GitHub: `ada-example` for `ada.example@…`.
pub(super) fn login(account: &Account) -> String {
    account.login.split('@').next().unwrap_or_default().replace('.', "-")
}

/// A person, as most answers name them.
pub(super) fn user(name: &str, login: &str) -> Value {
    json!({"name": name, "githubLogin": login, "avatarUrl": format!("https://avatars.example.com/{login}")})
}

/// Who has joined, and has not been removed.
fn joined<'a>(call: &Call<'a>) -> impl Iterator<Item = &'a Account> {
    let now = call.now();
    let seats = call.org.seats(System::Pulumi).filter(move |seat| {
        seat.until.is_none()
            && seat.account.kind != AccountKind::Service
            && seat.account.activated(now).is_some()
    });
    seats.map(|seat| seat.account)
}

fn is_admin(call: &Call<'_>, account: &Account) -> bool {
    ADMINS.iter().any(|i| call.org.account_at(*i).is_some_and(|admin| admin.id == account.id))
}

pub(super) fn members(call: &Call<'_>) -> Vec<Value> {
    let one = |user: Value, role: &Role, created: String| {
        json!({
            "user": user, "role": if role.own == Some("admin") { "admin" } else { "member" },
            "fgaRole": {"id": role.id, "name": role.name, "modifiedAt": "2024-06-03T09:00:00Z"},
            "knownToPulumi": true, "virtualAdmin": false, "created": created,
        })
    };
    let person = |account: &Account| {
        let mut user = user(&account.name(), &login(account));
        user["email"] = account.login.clone().into();
        let role = if is_admin(call, account) { &ROLES[0] } else { &ROLES[1] };
        one(user, role, whole_seconds(account.activated(call.now()).unwrap_or_default()))
    };
    let mut members: Vec<Value> = joined(call).map(person).collect();
    members.push(one(user("Pipeline", PIPELINE), &ROLES[1], "2024-06-03T10:00:00Z".to_owned()));
    members.sort_by(|a, b| a["user"]["githubLogin"].as_str().cmp(&b["user"]["githubLogin"].as_str()));
    members
}

pub(super) fn roles() -> Vec<Value> {
    let one = |role: &Role| {
        let mut body = json!({
            "id": role.id, "name": role.name, "description": "", "resourceType": "organization", "uxPurpose": "role",
            "details": {"__type": "PermissionDescriptorAllow", "permissions": role.allows},
            "created": "2024-06-03T09:00:00Z", "modified": "2024-06-03T09:00:00Z",
            "orgId": "0d0e0f10-1112-4314-8516-171819202122", "isOrgDefault": role.own == Some("member"), "version": 1,
        });
        if let Some(own) = role.own {
            body["defaultIdentifier"] = own.into();
        }
        body
    };
    ROLES.iter().map(one).collect()
}

/// The token whose owner asks: the organisation's own.
pub(super) fn token_itself(call: &Call<'_>) -> Value {
    json!({
        "id": call.uuid("organisation"), "name": "Example Organisation", "githubLogin": ORG, "email": "",
        "avatarUrl": format!("https://avatars.example.com/{ORG}"), "identities": [], "organizations": [],
        "hasMFA": false, "isManagedByMultiOrg": false, "isOrgManaged": true,
        "tokenInfo": {"name": "exhibit", "organization": ORG, "team": ""},
    })
}

/// A team: its name, how it is shown, which group it is, and what it may do with which stacks.
struct Team {
    name: &'static str,
    title: &'static str,
    slot: Slot,
    /// Project, stack, and Pulumi Cloud's number for read (101), write (102), administer (103).
    stacks: &'static [(&'static str, &'static str, u32)],
}

const TEAMS: [Team; 3] = [
    Team {
        name: "developers",
        title: "Developers",
        slot: Slot::Engineering,
        stacks: &[("orders", "dev", 102), ("orders", "prod", 101), ("network", "dev", 102)],
    },
    Team {
        name: "platform",
        title: "Platform",
        slot: Slot::Production,
        stacks: &[("network", "prod", 103), ("orders", "prod", 103), ("warehouse", "prod", 103)],
    },
    Team { name: "security", title: "Security", slot: Slot::Security, stacks: &[("network", "prod", 101)] },
];

fn listed(team: &Team) -> Value {
    json!({"name": team.name, "displayName": team.title, "description": "", "kind": "pulumi"})
}

pub(super) fn teams() -> Vec<Value> {
    TEAMS.iter().map(listed).collect()
}

pub(super) fn team(call: &Call<'_>, name: &str) -> Answer {
    let team = TEAMS.iter().find(|team| team.name == name).ok_or_else(|| Refusal::not_found("team"))?;
    let is_in = |account: &&Account| call.org.now(&account.groups).any(|held| held.what == team.slot);
    let member = |account: &Account| {
        let mut member = user(&account.name(), &login(account));
        member["role"] = if is_admin(call, account) { "admin" } else { "member" }.into();
        member
    };
    let stack = |(project, name, permission): &(&str, &str, u32)| json!({"projectName": project, "stackName": name, "permission": permission});
    let mut body = listed(team);
    body["members"] = joined(call).filter(is_in).map(member).collect();
    body["stacks"] = team.stacks.iter().map(stack).collect();
    Ok(body)
}

/// The organisation's tokens: of the pipeline, of the collector, and one that ended.
pub(super) fn tokens(call: &Call<'_>) -> Vec<Value> {
    let admin = call.org.account_at(ADMINS[0]).map(login).unwrap_or_default();
    let one = |name: &str, made, expires: u64, role: &Role| {
        json!({
            "id": call.uuid(&format!("token {name}")), "name": name, "description": "", "created": whole_seconds(made),
            "createdBy": admin, "expires": expires, "lastUsed": 0, "admin": role.own == Some("admin"),
            "type": "organization", "role": {"id": role.id, "name": role.name, "defaultIdentifier": role.own.unwrap_or("member")},
        })
    };
    let ended = super::seconds(at(date(2025, 12, 1), 0, 0));
    let day = |year, month, day| at(date(year, month, day), 10, 0);
    let mut tokens = vec![
        one("exhibit", day(2025, 12, 15), super::seconds(day(2026, 12, 15)), &ROLES[2]),
        one("migration", day(2025, 6, 2), ended, &ROLES[0]),
        one("pipeline", day(2024, 6, 3), 0, &ROLES[1]),
    ];
    // Those that have ended are told to those who ask for all.
    if call.param("filter").as_deref() != Some("all") {
        tokens.retain(|token| token["name"] != "migration");
    }
    tokens
}
