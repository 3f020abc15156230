//! Sign-ins, and what was done in the directory: by the identity provider, which makes and closes the accounts. Newest
//! first, both bounds of a filter included, kept for thirty days.
//!
//! <https://learn.microsoft.com/en-us/graph/api/resources/signin>, …/directoryaudit

use super::super::{Answer, Call, DAY_MS, DELETED_AFTER_DAYS};
use super::applications::{PROVISIONER, app_id, service_id};
use super::users::login;
use crate::calendar::{LOG_FIRST_DAY, LOG_LAST_DAY, at, whole_seconds};
use crate::names::ip;
use crate::org::people::AccountKind;
use crate::org::structure::Slot;
use crate::org::{Organisation, azure};
use crate::random::{uuid, uuid_and_chance};
use crate::system::System;
use exhibit_evidence::time::Timestamp;
use serde_json::{Value, json};

const KEPT_DAYS: i64 = 30;
/// Where people sign in from here to.
pub(in crate::azure) const PORTAL: (&str, &str) = ("c44b4083-3bb0-49c1-b47d-974e53cbdf3c", "Azure Portal");
const MANAGEMENT: (&str, &str) =
    ("797f4846-ba00-4fd7-ba43-dac1f8f63013", "Windows Azure Service Management API");

/// Somebody in the log.
#[derive(Clone)]
struct Person {
    id: String,
    login: String,
    name: String,
}

struct Audit {
    at: Timestamp,
    activity: &'static str,
    category: &'static str,
    operation: &'static str,
    user: Person,
    group: Option<(String, &'static str)>,
}

/// Everything that will stand in the logs, in order of time.
pub(in crate::azure) struct Log {
    sign_ins: Vec<(Timestamp, Person)>,
    audits: Vec<Audit>,
}

/// Whether a sign-in of the identity provider's went on to Azure: one in five does.
pub(super) fn is_here(login: &str, when: Timestamp) -> bool {
    uuid_and_chance(when.as_ms(), &format!("entra {login}")).1.is_multiple_of(5)
}

pub(in crate::azure) fn write(organisation: &Organisation) -> Log {
    let end = organisation.state_at(at(LOG_LAST_DAY, 23, 59));
    let seed = organisation.seed();
    let mut log = Log { sign_ins: Vec::new(), audits: Vec::new() };
    for seat in end.seats(System::Azure) {
        let account = seat.account;
        let user =
            Person { id: azure::user_id(seed, &account.login), login: login(account), name: account.name() };
        let mut add = |at, activity, category, operation, group| {
            log.audits.push(Audit { at, activity, category, operation, user: user.clone(), group });
        };
        add(seat.from, "Add user", "UserManagement", "Add", None);
        if let Some(until) = seat.until {
            add(until, "Disable account", "UserManagement", "Update", None);
            let deleted = until.plus_ms(DELETED_AFTER_DAYS * DAY_MS);
            add(deleted, "Delete user", "UserManagement", "Delete", None);
        }
        let pushed = |slot: &Slot| {
            let group = end.groups().iter().find(|group| group.slot == *slot)?;
            let is_here = super::users::is_pushed(*slot);
            is_here.then(|| (uuid(seed, &format!("azure group {slot:?}")), group.name))
        };
        for held in &account.groups {
            let Some(group) = pushed(&held.what) else { continue };
            add(held.from, "Add member to group", "GroupManagement", "Assign", Some(group.clone()));
            if let Some(until) = held.until {
                add(until, "Remove member from group", "GroupManagement", "Unassign", Some(group));
            }
        }
        if account.kind != AccountKind::Service {
            let signed_in = account.sign_ins.iter().filter(|when| is_here(&account.login, **when));
            log.sign_ins.extend(signed_in.map(|when| (*when, user.clone())));
        }
    }
    let first = at(LOG_FIRST_DAY, 0, 0);
    log.audits.retain(|audit| audit.at >= first);
    log.audits.sort_by(|a, b| (a.at, &a.user.id, a.activity).cmp(&(b.at, &b.user.id, b.activity)));
    log.sign_ins.retain(|(at, _)| *at >= first);
    log.sign_ins.sort_by(|a, b| (a.0, &a.1.id).cmp(&(b.0, &b.1.id)));
    log
}

impl Log {
    pub(super) fn sign_ins(&self, call: &Call<'_>) -> Answer {
        events(
            call,
            "signIns",
            "createdDateTime",
            &self.sign_ins,
            |(at, _)| *at,
            |number, (at, user)| sign_in(call, number, *at, user),
        )
    }

    pub(super) fn audits(&self, call: &Call<'_>) -> Answer {
        events(
            call,
            "directoryAudits",
            "activityDateTime",
            &self.audits,
            |audit| audit.at,
            |number, audit| shape(call, number, audit),
        )
    }
}

/// The events of the filter's stretch of time; without a filter, all that are kept.
fn events<T>(
    call: &Call<'_>,
    context: &str,
    field: &str,
    log: &[T],
    time: impl Fn(&T) -> Timestamp,
    shape: impl Fn(usize, &T) -> Value,
) -> Answer {
    let kept = call.now().plus_ms(-KEPT_DAYS * DAY_MS);
    let (from, to) = match call.request.param("$filter") {
        None => (kept, call.now()),
        Some(_) => call.window(field)?,
    };
    let first = log.partition_point(|event| time(event) < from.max(kept));
    let last = log.partition_point(|event| time(event) <= to.min(call.now())).max(first);
    // The position in the whole log tells events of one instant apart.
    let found = log.iter().enumerate().take(last).skip(first).rev();
    call.objects(&format!("auditLogs/{context}"), found.map(|(number, event)| shape(number, event)).collect())
}

fn sign_in(call: &Call<'_>, number: usize, at: Timestamp, user: &Person) -> Value {
    let (id, chance) = uuid_and_chance(call.org.seed(), &format!("entra sign-in {number} {at}"));
    let policy = call.uuid("policy A second factor for everyone");
    json!({
        "id": id, "createdDateTime": whole_seconds(at), "userDisplayName": user.name,
        "userPrincipalName": user.login, "userId": user.id, "appId": PORTAL.0, "appDisplayName": PORTAL.1,
        "ipAddress": ip(chance), "clientAppUsed": "Browser", "correlationId": id,
        "conditionalAccessStatus": "success", "isInteractive": true, "riskDetail": "none",
        "riskLevelAggregated": "none", "riskLevelDuringSignIn": "none", "riskState": "none", "riskEventTypes": [],
        "riskEventTypes_v2": [], "resourceDisplayName": MANAGEMENT.1, "resourceId": MANAGEMENT.0,
        "status": {"errorCode": 0, "failureReason": "Other.", "additionalDetails": null},
        "deviceDetail": {
            "deviceId": "", "displayName": "", "operatingSystem": "Windows10", "browser": "Edge 143.0",
            "isCompliant": false, "isManaged": false, "trustType": "",
        },
        "location": {
            "city": "Dublin", "state": "Leinster", "countryOrRegion": "IE",
            "geoCoordinates": {"altitude": null, "latitude": 53, "longitude": -6},
        },
        "appliedConditionalAccessPolicies": [{
            "id": policy, "displayName": "A second factor for everyone", "enforcedGrantControls": ["Mfa"],
            "enforcedSessionControls": ["SignInFrequency"], "result": "success",
        }],
    })
}

fn shape(call: &Call<'_>, number: usize, audit: &Audit) -> Value {
    let seed = call.org.seed();
    let id = uuid(seed, &format!("entra audit {number} {}", audit.at));
    let target = |id: &str, kind: &str, name: Option<&str>, login: Option<&str>, changed: Value| {
        json!({
            "id": id, "type": kind, "displayName": name, "userPrincipalName": login, "groupType": null,
            "modifiedProperties": changed,
        })
    };
    let changed = match audit.activity {
        "Disable account" => {
            json!([{"displayName": "AccountEnabled", "oldValue": "[true]", "newValue": "[false]"}])
        }
        _ => json!([]),
    };
    let mut targets = vec![target(&audit.user.id, "User", None, Some(&audit.user.login), changed)];
    if let Some((group, name)) = &audit.group {
        targets.push(target(group, "Group", Some(name), None, json!([])));
    }
    json!({
        "id": format!("Directory_{id}"), "category": audit.category, "correlationId": id, "result": "success",
        "resultReason": "", "activityDisplayName": audit.activity, "activityDateTime": audit.at,
        "loggedByService": "Core Directory", "operationType": audit.operation,
        "initiatedBy": {
            "user": null,
            "app": {
                "appId": app_id(seed, PROVISIONER), "displayName": PROVISIONER,
                "servicePrincipalId": service_id(seed, PROVISIONER), "servicePrincipalName": null,
            },
        },
        "targetResources": targets, "additionalDetails": [],
    })
}
