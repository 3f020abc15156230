//! Compute Engine: networks, subnetworks, firewall rules.

use super::{Answer, Call, Routed, invalid};
use crate::calendar::at;
use crate::org::gcp::places::Project;
use crate::org::gcp::things::{FIREWALLS, Firewall, SUBNETWORKS, Subnetwork};
use crate::random::digits;
use jiff::civil::date;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// As many items as a page has at most: <https://cloud.google.com/compute/docs/reference/rest/v1/firewalls/list>.
const MOST: usize = 500;

pub(crate) fn answer(call: &Call<'_>, path: &[&str]) -> Routed {
    let ["compute", "v1", "projects", project, rest @ ..] = path else { return None };
    let project = match call.project_with(project, "compute") {
        Ok(project) => project,
        Err(refusal) => return Some(Err(refusal)),
    };
    let answer = match rest {
        ["global", "networks"] => networks(call, project),
        ["global", "firewalls"] => {
            let rules = FIREWALLS.iter().filter(|rule| rule.project.id == project.id);
            list(
                call,
                "firewall",
                &links(project, "global/firewalls"),
                rules.map(|rule| firewall(call, rule)).collect(),
            )
        }
        ["regions", region, "subnetworks"] => {
            let here =
                SUBNETWORKS.iter().filter(|found| found.project.id == project.id && found.region == *region);
            let items: Vec<Value> = here.map(|found| subnetwork(call, found)).collect();
            if items.is_empty() && !region.contains('-') {
                Err(invalid(format!("Invalid value for field 'region': '{region}'.")))
            } else {
                list(call, "subnetwork", &links(project, &format!("regions/{region}/subnetworks")), items)
            }
        }
        _ => return None,
    };
    Some(answer)
}

fn links(project: &Project, rest: &str) -> String {
    format!("projects/{}/{rest}", project.id)
}

fn url(path: &str) -> String {
    format!("https://www.googleapis.com/compute/v1/{path}")
}

fn list(call: &Call<'_>, kind: &str, path: &str, items: Vec<Value>) -> Answer {
    let mut body = call.list_of("items", "maxResults", MOST, items)?;
    body["kind"] = format!("compute#{kind}List").into();
    body["id"] = path.into();
    body["selfLink"] = url(path).into();
    Ok(body)
}

/// What every resource of Compute Engine has.
fn base(call: &Call<'_>, kind: &str, path: &str) -> Value {
    let name = path.rsplit('/').next().unwrap_or(path);
    json!({
        "kind": format!("compute#{kind}"), "id": format!("7{}", digits(call.org.seed(), path, 18)),
        "creationTimestamp": at(date(2024, 2, 1), 11, 0).to_string().replace('Z', "+00:00"),
        "name": name, "selfLink": url(path),
    })
}

fn networks(call: &Call<'_>, project: &Project) -> Answer {
    let own = || SUBNETWORKS.iter().filter(|found| found.project.id == project.id);
    let names: BTreeSet<&str> = own().map(|found| found.network).collect();
    let network = |name: &&str| {
        let parts = own().filter(|found| found.network == *name);
        let parts = parts
            .map(|part| url(&links(project, &format!("regions/{}/subnetworks/{}", part.region, part.name))));
        let mut body = base(call, "network", &links(project, &format!("global/networks/{name}")));
        body["autoCreateSubnetworks"] = false.into();
        body["routingConfig"] = json!({"routingMode": "REGIONAL"});
        body["subnetworks"] = parts.collect::<Vec<String>>().into();
        body
    };
    list(call, "network", &links(project, "global/networks"), names.iter().map(network).collect())
}

fn subnetwork(call: &Call<'_>, found: &Subnetwork) -> Value {
    let region = links(found.project, &format!("regions/{}", found.region));
    let mut body = base(call, "subnetwork", &format!("{region}/subnetworks/{}", found.name));
    body["network"] = url(&links(found.project, &format!("global/networks/{}", found.network))).into();
    body["region"] = url(&region).into();
    body["ipCidrRange"] = found.range.into();
    body["privateIpGoogleAccess"] = true.into();
    body["purpose"] = "PRIVATE".into();
    // What was never logged says nothing of logs.
    if found.logged.is_some_and(|day| at(day, 9, 0) <= call.now()) {
        body["enableFlowLogs"] = true.into();
        body["logConfig"] = json!({
            "enable": true, "aggregationInterval": "INTERVAL_5_SEC", "flowSampling": 0.5,
            "metadata": "INCLUDE_ALL_METADATA",
        });
    }
    body
}

fn firewall(call: &Call<'_>, rule: &Firewall) -> Value {
    let mut body = base(call, "firewall", &links(rule.project, &format!("global/firewalls/{}", rule.name)));
    let mut traffic = json!({"IPProtocol": rule.protocol});
    if !rule.ports.is_empty() {
        traffic["ports"] = rule.ports.into();
    }
    let (direction, peers, what) = if rule.allows {
        ("INGRESS", "sourceRanges", "allowed")
    } else {
        ("EGRESS", "destinationRanges", "denied")
    };
    body["description"] = rule.about.into();
    body["network"] = url(&links(rule.project, &format!("global/networks/{}", rule.network))).into();
    body["priority"] = if rule.allows { 1000 } else { 65_000 }.into();
    body["direction"] = direction.into();
    body["disabled"] = false.into();
    body["logConfig"] = json!({"enable": !rule.allows});
    body[peers] = rule.peers.into();
    body[what] = json!([traffic]);
    body
}
