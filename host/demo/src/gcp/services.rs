//! Service Usage: which APIs are on. Organization Policy: what is allowed at all.

use super::{Answer, Call, Routed, invalid};
use crate::google::Refusal;
use crate::org::gcp::places::{NAME, PROD, PRODUCTION, title};
use serde_json::{Value, json};

/// The only selection of members that is understood; without any, all are told.
const SELECTED: &str = "nextPageToken,services(name,state,config/title)";
const PUBLIC: &str = "storage.publicAccessPrevention";

pub(crate) fn enabled(call: &Call<'_>, path: &[&str]) -> Routed {
    match path {
        ["v1", "projects", project, "services"] => Some(list(call, project)),
        _ => None,
    }
}

fn list(call: &Call<'_>, project: &str) -> Answer {
    let project = call.project(project)?;
    match call.param("filter").as_deref() {
        Some("state:ENABLED") => {}
        other => {
            let text = format!(
                "filter: only state:ENABLED is served here, not {}",
                other.unwrap_or("every API there is")
            );
            return Err(invalid(text));
        }
    }
    let fields = call.param("fields");
    if fields.as_deref().is_some_and(|fields| fields != SELECTED) {
        return Err(invalid("Request contains an invalid argument: fields"));
    }
    let service = |name: &str| {
        let (host, number) = (format!("{name}.googleapis.com"), project.name);
        let resource = format!("{number}/services/{host}");
        if fields.is_some() {
            return json!({"name": resource, "state": "ENABLED", "config": {"title": title(name)}});
        }
        let config = json!({"name": host, "title": title(name)});
        json!({"name": resource, "parent": number, "state": "ENABLED", "config": config})
    };
    let services = project.services(call.now());
    call.list_of("services", "pageSize", 8, services.into_iter().map(service).collect())
}

pub(crate) fn policies(call: &Call<'_>, path: &[&str]) -> Routed {
    let answer = match path {
        ["v2", kind @ ("organizations" | "folders" | "projects"), id, "policies"] => {
            call.place(kind, id).and_then(|name| call.list("policies", set_on(name)))
        }
        ["v2", "projects", project, "policies", asked] => {
            let constraint = asked.strip_suffix(":getEffectivePolicy")?;
            call.project(project).and_then(|project| effective(project.name, constraint))
        }
        _ => return None,
    };
    Some(answer)
}

/// Policies that were set on a place.
fn set_on(place: &str) -> Vec<Value> {
    let policy = |constraint: &str, rule: Value| {
        let spec = json!({"etag": "CIDQ", "updateTime": "2024-03-05T10:00:00.100Z", "rules": [rule]});
        json!({"name": format!("{place}/policies/{constraint}"), "spec": spec, "etag": "CIDQ"})
    };
    match place {
        NAME => vec![
            policy("compute.requireOsLogin", json!({"enforce": true})),
            policy("iam.automaticIamGrantsForDefaultServiceAccounts", json!({"enforce": true})),
            policy("sql.restrictPublicIp", json!({"enforce": true})),
        ],
        _ if place == PRODUCTION.name => {
            vec![policy("gcp.resourceLocations", json!({"values": {"allowedValues": ["in:eu-locations"]}}))]
        }
        _ if place == PROD.name => vec![policy(PUBLIC, json!({"enforce": true}))],
        _ => Vec::new(),
    }
}

fn effective(project: &str, constraint: &str) -> Answer {
    if constraint != PUBLIC {
        return Err(Refusal::not_found(&format!("constraints/{constraint}")));
    }
    let is_set = set_on(project)
        .iter()
        .any(|policy| policy["name"].as_str().is_some_and(|name| name.ends_with(PUBLIC)));
    Ok(json!({"name": format!("{project}/policies/{PUBLIC}"), "spec": {"rules": [{"enforce": is_set}]}}))
}
