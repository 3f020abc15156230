//! Resource Manager: the tree, who holds what on it, and what the caller may do.

use super::{Answer, Call, Routed, invalid};
use crate::calendar::at;
use crate::google::Refusal;
use crate::org::gcp::Grant;
use crate::org::gcp::places::{self, COLLECTOR_ROLE, FOLDERS, Folder, NAME, PROJECTS, Project};
use jiff::civil::{Date, date};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What the collector's role permits: plugins/gcp/README.md.
pub(crate) const PERMITTED: [&str; 31] = [
    "resourcemanager.organizations.get",
    "resourcemanager.organizations.getIamPolicy",
    "resourcemanager.folders.get",
    "resourcemanager.folders.list",
    "resourcemanager.folders.getIamPolicy",
    "resourcemanager.projects.get",
    "resourcemanager.projects.list",
    "resourcemanager.projects.getIamPolicy",
    "iam.roles.list",
    "iam.roles.get",
    "iam.serviceAccounts.list",
    "iam.serviceAccountKeys.list",
    "serviceusage.services.list",
    "storage.buckets.list",
    "storage.buckets.getIamPolicy",
    "orgpolicy.policies.list",
    "orgpolicy.policy.get",
    "logging.sinks.list",
    "logging.buckets.list",
    "logging.logMetrics.list",
    "logging.logEntries.list",
    "logging.privateLogEntries.list",
    "monitoring.alertPolicies.list",
    "monitoring.notificationChannels.list",
    "cloudkms.locations.list",
    "cloudkms.keyRings.list",
    "cloudkms.cryptoKeys.list",
    "compute.networks.list",
    "compute.subnetworks.list",
    "compute.firewalls.list",
    "cloudsql.instances.list",
];

pub(crate) fn answer(call: &Call<'_>, path: &[&str]) -> Routed {
    let ["v3", rest @ ..] = path else { return None };
    let answer = match (call.request.method.as_str(), rest) {
        ("GET", ["folders"]) => below(call).and_then(|parent| {
            call.list("folders", FOLDERS.iter().filter(|f| f.parent == parent).map(|f| folder(f)).collect())
        }),
        ("GET", ["projects"]) => projects(call),
        ("GET", [kind, id]) => one(call, kind, id),
        ("POST", [kind, asked]) => {
            let (id, verb) = asked.split_once(':')?;
            match verb {
                "getIamPolicy" => call.place(kind, id).and_then(|name| policy(call, name)),
                "testIamPermissions" => call.place(kind, id).and_then(|_| permitted(call)),
                _ => return None,
            }
        }
        _ => return None,
    };
    Some(answer)
}

/// The place that a list is asked for below.
fn below(call: &Call<'_>) -> Result<String, Refusal> {
    let parent = call.param("parent").ok_or_else(|| invalid("parent: required"))?;
    match parent.split_once('/') {
        Some((kind, id)) => call.place(kind, id).map(str::to_owned),
        None => Err(invalid("parent: write organizations/ or folders/ and a number")),
    }
}

fn day(date: Date) -> String {
    at(date, 9, 30).to_string()
}

fn one(call: &Call<'_>, kind: &str, id: &str) -> Answer {
    let name = call.place(kind, id)?;
    let folder = FOLDERS.iter().find(|folder| folder.name == name).map(|found| folder(found));
    let project = PROJECTS.iter().find(|project| project.name == name).map(|found| project(found));
    Ok(folder.or(project).unwrap_or_else(organisation))
}

fn organisation() -> Value {
    json!({
        "name": NAME, "displayName": "example.com", "directoryCustomerId": "C0example", "state": "ACTIVE",
        "createTime": day(date(2024, 1, 8)), "updateTime": day(date(2024, 1, 8)), "etag": "AAAAAAAAAAAAAAAAAAAAAA==",
    })
}

fn folder(folder: &Folder) -> Value {
    json!({
        "name": folder.name, "parent": folder.parent, "displayName": folder.title, "state": "ACTIVE",
        "createTime": day(date(2024, 1, 9)), "updateTime": day(date(2024, 1, 9)),
    })
}

fn project(project: &Project) -> Value {
    json!({
        "name": project.name, "parent": project.parent, "projectId": project.id, "displayName": project.title,
        "state": "ACTIVE", "createTime": day(project.created), "labels": {"env": project.env},
    })
}

fn projects(call: &Call<'_>) -> Answer {
    let parent = below(call)?;
    let mut projects: Vec<Value> =
        PROJECTS.iter().filter(|p| p.parent == parent).map(|p| project(p)).collect();
    let deleted = places::deleted();
    // Deleted ones are told to those who ask for them, until they are gone for good.
    if parent == NAME && deleted.at(call.now()) && call.param("showDeleted").as_deref() == Some("true") {
        projects.push(json!({
            "name": deleted.what.name, "parent": NAME, "projectId": deleted.what.id, "displayName": "Trial",
            "state": "DELETE_REQUESTED", "createTime": deleted.from.to_string(),
            "deleteTime": deleted.what.deleted.to_string(),
        }));
    }
    call.list("projects", projects)
}

/// Bindings of what is held on a place or a bucket now, by role.
pub(crate) fn bindings(call: &Call<'_>, on: &str) -> Vec<Value> {
    let mut by_role: BTreeMap<_, Vec<&str>> = BTreeMap::new();
    for held in call.org.now(&call.cloud().grants).filter(|held| held.what.on == on) {
        let Grant { role, member, condition, .. } = &held.what;
        by_role.entry((*role, *condition)).or_default().push(member);
    }
    let binding = |(role, condition): (&str, Option<(&str, &str)>), mut members: Vec<&str>| {
        members.sort_unstable();
        let mut binding = json!({"role": role, "members": members});
        if let (Some((title, expression)), Some(binding)) = (condition, binding.as_object_mut()) {
            binding.insert("condition".to_owned(), json!({"title": title, "expression": expression}));
        }
        binding
    };
    by_role.into_iter().map(|(key, members)| binding(key, members)).collect()
}

fn policy(call: &Call<'_>, name: &str) -> Answer {
    let body = call.body()?;
    let version = body["options"]["requestedPolicyVersion"].as_i64().unwrap_or(1);
    let mut bindings = bindings(call, name);
    if version < 3 {
        // Whoever does not know conditions is not shown what has one.
        bindings.retain(|binding| binding.get("condition").is_none());
    }
    let conditional = bindings.iter().any(|binding| binding.get("condition").is_some());
    let mut policy = Map::new();
    policy.insert("version".to_owned(), if conditional { 3 } else { 1 }.into());
    policy.insert("etag".to_owned(), "BwXW4Nsem7Q=".into());
    if !bindings.is_empty() {
        policy.insert("bindings".to_owned(), bindings.into());
    }
    let audited = match name {
        NAME => Some(json!([{"service": "allServices", "auditLogConfigs": [{"logType": "ADMIN_READ"}]}])),
        _ if name == places::DATA.name => Some(json!([{
            "service": "storage.googleapis.com",
            "auditLogConfigs": [
                {"logType": "DATA_READ", "exemptedMembers": ["serviceAccount:loader@example-data-1.iam.gserviceaccount.com"]},
                {"logType": "DATA_WRITE"},
            ],
        }])),
        _ => None,
    };
    policy.extend(audited.map(|configs| ("auditConfigs".to_owned(), configs)));
    Ok(policy.into())
}

fn permitted(call: &Call<'_>) -> Answer {
    let body = call.body()?;
    let asked = body["permissions"].as_array().ok_or_else(|| invalid("permissions: required"))?;
    let holds = bindings(call, NAME).iter().any(|binding| binding["role"] == COLLECTOR_ROLE);
    let has =
        |permission: &&Value| holds && permission.as_str().is_some_and(|name| PERMITTED.contains(&name));
    let granted: Vec<&Value> = asked.iter().filter(has).collect();
    Ok(if granted.is_empty() { json!({}) } else { json!({"permissions": granted}) })
}
