//! The Reports API: sign-ins, and what administrators did. Newest first, both bounds included.
//!
//! <https://developers.google.com/workspace/admin/reports/reference/rest/v1/activities>

use super::{CUSTOMER, Call, DAY_MS, DELETED_AFTER_DAYS, user_id};
use crate::calendar::{LOG_FIRST_DAY, LOG_LAST_DAY, at};
use crate::google::{Refusal, page};
use crate::names::ip;
use crate::org::Organisation;
use crate::org::people::AccountKind;
use crate::org::structure::Slot;
use crate::random::uuid_and_chance;
use crate::system::System;
use exhibit_evidence::time::Timestamp;
use serde_json::{Value, json};

const MOST: usize = 100;

/// One entry of a log.
pub(super) struct Entry {
    at: Timestamp,
    application: &'static str,
    /// Who did it, by address.
    actor: String,
    kind: &'static str,
    name: &'static str,
    parameters: Value,
}

/// Whether a sign-in of the identity provider's went on to Google: one in four does.
pub(super) fn is_here(login: &str, when: Timestamp) -> bool {
    uuid_and_chance(when.as_ms(), login).1.is_multiple_of(4)
}

/// Everything that will stand in the logs, in order of time.
pub(super) fn write(organisation: &Organisation) -> Vec<Entry> {
    let end = organisation.state_at(at(LOG_LAST_DAY, 23, 59));
    let admins: Vec<&str> = end.accounts().take(2).map(|account| account.login.as_str()).collect();
    let mut entries = Vec::new();
    for seat in end.seats(System::GoogleWorkspace) {
        let account = seat.account;
        let login = account.login.as_str();
        // The administrator who does the daily work; nobody changes their own account.
        let admin = admins.iter().find(|admin| **admin != login).copied().unwrap_or_default();
        let mut done = |when: Timestamp, kind, name, parameters: Value| {
            let (application, actor) = ("admin", admin.to_owned());
            entries.push(Entry { at: when, application, actor, kind, name, parameters });
        };
        let user = || json!([{"name": "USER_EMAIL", "value": login}]);
        done(seat.from, "USER_SETTINGS", "CREATE_USER", user());
        if let Some(until) = seat.until {
            done(until, "USER_SETTINGS", "SUSPEND_USER", user());
            done(until.plus_ms(DELETED_AFTER_DAYS * DAY_MS), "USER_SETTINGS", "DELETE_USER", user());
        }
        for group in end.groups().iter().filter(|g| !matches!(g.slot, Slot::Everyone | Slot::Services)) {
            let parameters = || {
                let address = super::groups::address(group);
                json!([{"name": "GROUP_EMAIL", "value": address}, {"name": "USER_EMAIL", "value": login}])
            };
            for held in account.groups.iter().filter(|held| held.what == group.slot) {
                done(held.from, "GROUP_SETTINGS", "ADD_GROUP_MEMBER", parameters());
                if let Some(until) = held.until {
                    done(until, "GROUP_SETTINGS", "REMOVE_GROUP_MEMBER", parameters());
                }
            }
        }
        if account.kind != AccountKind::Service {
            let signed_in = account.sign_ins.iter().filter(|when| is_here(login, **when));
            entries.extend(signed_in.map(|when| Entry {
                at: *when,
                application: "login",
                actor: login.to_owned(),
                kind: "login",
                name: "login_success",
                parameters: json!([{"name": "login_type", "value": "saml"}]),
            }));
        }
    }
    let first = at(LOG_FIRST_DAY, 0, 0);
    entries.retain(|entry| entry.at >= first);
    entries.sort_by(|a, b| (a.at, &a.actor, a.name).cmp(&(b.at, &b.actor, b.name)));
    entries
}

pub(super) fn answer(call: &Call<'_>, log: &[Entry], application: &str) -> Result<Value, Refusal> {
    if !["login", "admin"].contains(&application) {
        return Err(Refusal::invalid("applicationName"));
    }
    let bound = |name: &str| match call.request.param(name) {
        None => Ok(None),
        Some(text) => text.parse::<Timestamp>().map(Some).map_err(|_| Refusal::invalid(name)),
    };
    let kept = call.now().plus_ms(-180 * DAY_MS);
    let start = bound("startTime")?.unwrap_or(kept).max(kept);
    let end = bound("endTime")?.unwrap_or(call.now()).min(call.now());
    let first = log.partition_point(|entry| entry.at < start);
    let last = log.partition_point(|entry| entry.at <= end).max(first);
    // A position in the whole log tells entries of one instant apart.
    let mut found: Vec<(usize, &Entry)> = log.iter().enumerate().take(last).skip(first).collect();
    found.retain(|(_, entry)| entry.application == application);
    found.reverse();
    let body = json!({"kind": "admin#reports#activities", "etag": "\"simulated\""});
    page(call.request, body, "items", ("maxResults", MOST), &found, |(position, entry)| {
        shape(call.org.seed(), *position, entry)
    })
}

fn shape(seed: u64, position: usize, entry: &Entry) -> Value {
    let (_, chance) = uuid_and_chance(seed, &format!("google log {position} {} {}", entry.at, entry.actor));
    let mut actor = json!({"email": entry.actor, "profileId": user_id(seed, &entry.actor)});
    if entry.application == "admin" {
        actor["callerType"] = "USER".into();
    }
    json!({
        "kind": "admin#reports#activity", "etag": "\"simulated\"",
        "id": {
            "time": entry.at, "uniqueQualifier": chance.cast_signed().to_string(),
            "applicationName": entry.application, "customerId": CUSTOMER,
        },
        "actor": actor, "ipAddress": ip(chance),
        "events": [{"type": entry.kind, "name": entry.name, "parameters": entry.parameters}],
    })
}
