//! `/groups` and `/apps`: who belongs to what, and who is assigned to what.

use super::{Answer, Call, Refusal, instant, page};
use crate::calendar::at;
use crate::org::people::Account;
use crate::org::structure::{App, Group, Slot};
use crate::random::okta_id;
use exhibit_evidence::time::Timestamp;
use jiff::civil::date;
use serde_json::{Value, json};

/// When the groups and applications were set up.
fn set_up() -> Timestamp {
    at(date(2019, 1, 3), 9, 0)
}

pub(crate) fn groups(call: &Call<'_>, rest: &[&str]) -> Answer {
    let find = |id: &str| call.org.group(id).ok_or_else(|| Refusal::not_found(id, "UserGroup"));
    match rest {
        [] => {
            page::list(call, 200, 10_000, call.org.groups().iter().collect(), |g| group(call, g), |g| &g.id)
        }
        [id] => Ok(group(call, find(id)?).into()),
        [id, "users"] => {
            let members: Vec<&Account> = call.org.members(find(id)?).map(|(account, _)| account).collect();
            page::list(call, 1000, 1000, members, |a| super::users::user(call, a), |a| &a.id)
        }
        [id, "roles"] => {
            let group = find(id)?;
            let assignee = format!("groups/{id}");
            let roles = group.role.iter().map(|role| {
                json!({
                    "id": okta_id(call.org.seed(), "gra", &format!("{assignee} {}", role.code())),
                    "label": role.label(), "type": role.code(), "status": "ACTIVE",
                    "created": instant(set_up()), "lastUpdated": instant(set_up()), "assignmentType": "GROUP",
                    "_links": {"assignee": {"href": call.href(&assignee)}},
                })
            });
            Ok(Value::Array(roles.collect()).into())
        }
        _ => Err(super::no_endpoint()),
    }
}

/// A group object.
pub(crate) fn group(call: &Call<'_>, group: &Group) -> Value {
    let path = format!("groups/{}", group.id);
    let built_in = group.slot == Slot::Everyone;
    json!({
        "id": group.id, "created": instant(set_up()), "lastUpdated": instant(set_up()),
        "lastMembershipUpdated": instant(membership_changed(call, group)),
        "objectClass": ["okta:user_group"], "type": if built_in { "BUILT_IN" } else { "OKTA_GROUP" },
        "profile": {"name": group.name, "description": group.description},
        "_links": {
            "logo": [{"name": "medium", "href": "https://static.example.com/group-medium.png", "type": "image/png"}],
            "users": {"href": call.href(&format!("{path}/users"))},
            "apps": {"href": call.href(&format!("{path}/apps"))},
        },
    })
}

/// When somebody last joined or left `group`.
fn membership_changed(call: &Call<'_>, group: &Group) -> Timestamp {
    let held = call.org.accounts().flat_map(|a| &a.groups).filter(|held| held.what == group.slot);
    let changes = held.flat_map(|held| [Some(held.from), held.until]).flatten();
    changes.filter(|at| *at <= call.now()).max().unwrap_or_else(set_up)
}

pub(crate) fn apps(call: &Call<'_>, rest: &[&str]) -> Answer {
    let find = |id: &str| call.org.app(id).ok_or_else(|| Refusal::not_found(id, "AppInstance"));
    match rest {
        [] => page::list(call, 20, 200, call.org.apps().iter().collect(), |a| app(call, a), |a| &a.id),
        [id] => Ok(app(call, find(id)?).into()),
        [id, "users"] => {
            let app = find(id)?;
            page::list(call, 50, 500, assigned(call, app), |u| app_user(call, app, u), |u| &u.account.id)
        }
        [id, "groups"] => {
            let app = find(id)?;
            let groups: Vec<(usize, &Group)> = app
                .groups
                .iter()
                .filter_map(|slot| call.org.groups().iter().find(|g| g.slot == *slot))
                .enumerate()
                .collect();
            page::list(call, 20, 200, groups, |(n, g)| app_group(call, app, *n, g), |(_, g)| &g.id)
        }
        _ => Err(super::no_endpoint()),
    }
}

fn app(call: &Call<'_>, app: &App) -> Value {
    let path = format!("apps/{}", app.id);
    let lifecycle = if app.active { "deactivate" } else { "activate" };
    let own = match app.mode {
        "BOOKMARK" => json!({"url": "https://ledger.example.com/", "requestIntegration": false}),
        _ => json!({}),
    };
    json!({
        "id": app.id, "name": app.name, "label": app.label,
        "status": if app.active { "ACTIVE" } else { "INACTIVE" }, "created": instant(set_up()),
        "lastUpdated": instant(set_up()), "signOnMode": app.mode, "features": [],
        "accessibility": {"selfService": false, "errorRedirectUrl": null, "loginRedirectUrl": null},
        "visibility": {
            "autoSubmitToolbar": false, "hide": {"iOS": false, "web": false}, "appLinks": {"login": true},
        },
        "credentials": {
            "userNameTemplate": {"template": "${source.login}", "type": "BUILT_IN"},
            "signing": {"kid": okta_id(call.org.seed(), "kid", app.label)},
        },
        "settings": {
            "app": own,
            "notifications": {"vpn": {"network": {"connection": "DISABLED"}, "message": null, "helpUrl": null}},
        },
        "_links": {
            "users": {"href": call.href(&format!("{path}/users"))},
            "groups": {"href": call.href(&format!("{path}/groups"))},
            lifecycle: {"href": call.href(&format!("{path}/lifecycle/{lifecycle}"))},
        },
    })
}

/// Somebody who may use an application.
struct Assigned<'a> {
    account: &'a Account,
    since: Timestamp,
    by_group: bool,
}

/// Everybody assigned to `app`, through a group or as an administrator.
fn assigned<'a>(call: &Call<'a>, app: &App) -> Vec<Assigned<'a>> {
    if !app.active {
        return Vec::new();
    }
    let through_group = |account: &'a Account| {
        let held = call.org.now(&account.groups).filter(|held| app.groups.contains(&held.what));
        held.map(|held| held.from).min().map(|since| Assigned { account, since, by_group: true })
    };
    let as_admin = |account: &'a Account| {
        let since = call.org.roles(account).iter().map(|grant| grant.since).min()?;
        Some(Assigned { account, since, by_group: false })
    };
    call.org.accounts().filter_map(|a| if app.admins { as_admin(a) } else { through_group(a) }).collect()
}

fn app_user(call: &Call<'_>, app: &App, user: &Assigned<'_>) -> Value {
    let Assigned { account, since, by_group } = user;
    json!({
        "id": account.id, "externalId": null, "created": instant(*since), "lastUpdated": instant(*since),
        "scope": if *by_group { "GROUP" } else { "USER" }, "status": "ACTIVE", "statusChanged": instant(*since),
        "passwordChanged": null, "syncState": "DISABLED", "credentials": {"userName": account.login}, "profile": {},
        "_links": {
            "app": {"href": call.href(&format!("apps/{}", app.id))},
            "user": {"href": call.href(&format!("users/{}", account.id))},
        },
    })
}

fn app_group(call: &Call<'_>, app: &App, priority: usize, group: &Group) -> Value {
    json!({
        "id": group.id, "lastUpdated": instant(set_up()), "priority": priority, "profile": {},
        "_links": {
            "app": {"href": call.href(&format!("apps/{}", app.id))},
            "self": {"href": call.href(&format!("apps/{}/groups/{}", app.id, group.id))},
            "group": {"href": call.href(&format!("groups/{}", group.id))},
        },
    })
}
