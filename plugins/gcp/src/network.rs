//! Networks, their firewall rules, and whether flows in their subnetworks are logged.
//!
//! <https://cloud.google.com/compute/docs/reference/rest/v1/firewalls>. The regions are those of the subnetworks that
//! the networks name.

use crate::api::{Api, COMPUTE};
use crate::services::Services;
use crate::tree::{Place, Tree};
use crate::values::{part, relative};
use exhibit_sdk::kinds::{Direction, Logging, NetworkRule, RuleAction};
use exhibit_sdk::prelude::*;
use std::collections::BTreeSet;

const NETWORK: &str = "gcp:compute:network";
const SUBNETWORK: &str = "gcp:compute:subnetwork";
const FIREWALL: &str = "gcp:compute:firewall";
const EVERYWHERE: [&str; 2] = ["0.0.0.0/0", "::/0"];

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Network {
    name: String,
    self_link: String,
    creation_timestamp: Option<String>,
    auto_create_subnetworks: Option<bool>,
    #[serde(rename = "IPv4Range")]
    legacy_range: Option<String>,
    #[serde(default)]
    subnetworks: Vec<String>,
    #[serde(default)]
    peerings: Vec<Peering>,
}

#[derive(Debug, Deserialize)]
struct Peering {
    network: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Subnetwork {
    name: String,
    self_link: String,
    network: Option<String>,
    creation_timestamp: Option<String>,
    ip_cidr_range: Option<String>,
    purpose: Option<String>,
    private_ip_google_access: Option<bool>,
    enable_flow_logs: Option<bool>,
    log_config: Option<FlowLog>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct FlowLog {
    enable: Option<bool>,
    aggregation_interval: Option<String>,
    flow_sampling: Option<serde_json::Number>,
    metadata: Option<String>,
    filter_expr: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Firewall {
    name: String,
    self_link: String,
    description: Option<String>,
    network: Option<String>,
    priority: Option<u64>,
    direction: Option<String>,
    disabled: Option<bool>,
    #[serde(default)]
    allowed: Vec<Traffic>,
    #[serde(default)]
    denied: Vec<Traffic>,
    #[serde(default)]
    source_ranges: Vec<String>,
    #[serde(default)]
    source_tags: Vec<String>,
    #[serde(default)]
    source_service_accounts: Vec<String>,
    #[serde(default)]
    destination_ranges: Vec<String>,
    #[serde(default)]
    target_tags: Vec<String>,
    #[serde(default)]
    target_service_accounts: Vec<String>,
    log_config: Option<LogSwitch>,
}

#[derive(Debug, Deserialize)]
struct LogSwitch {
    enable: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct Traffic {
    #[serde(rename = "IPProtocol")]
    protocol: String,
    #[serde(default)]
    ports: Vec<String>,
}

fn full_name(link: &str) -> String {
    format!("//{COMPUTE}/{}", relative(link))
}

pub(crate) fn collect(api: &Api<'_>, tree: &Tree, services: &Services) -> Result<()> {
    exhibit_sdk::all([networks(api, tree, services), firewalls(api, tree, services)])
}

fn networks(api: &Api<'_>, tree: &Tree, services: &Services) -> Result<()> {
    let mut assets = api.open::<Resource>("networks and subnetworks of all active projects");
    let mut logging = api.open::<Logging>("flow logs of all subnetworks of all active projects");
    if !assets.is_wanted() && !logging.is_wanted() {
        return Ok(());
    }
    let projects = services.having(tree, COMPUTE, &mut [&mut assets, &mut logging])?;
    let ask = |project: &&Place| {
        let list = api.list(COMPUTE, &format!("/compute/v1/{}/global/networks", project.path()), "/items");
        list.query("maxResults", "500")
    };
    for (project, answer) in api.ctx.each(&projects, ask) {
        let mut regions = BTreeSet::new();
        for page in api.passing.take(&mut [&mut assets, &mut logging], answer)? {
            let found = assets.items::<Network>(&page)?;
            logging.filtered(found.len() as u64, "a network, whose subnetworks are read")?;
            for network in &found {
                let in_regions = network.subnetworks.iter().filter_map(|link| part(link, "regions"));
                regions.extend(in_regions.map(str::to_owned));
                assets.emit(of_network(project, network))?;
            }
        }
        let regions: Vec<String> = regions.into_iter().collect();
        subnetworks(api, project, &regions, &mut assets, &mut logging)?;
    }
    exhibit_sdk::all([assets.seal(), logging.seal()])
}

fn subnetworks(
    api: &Api<'_>,
    project: &Place,
    regions: &[String],
    assets: &mut Wanted<Resource>,
    logging: &mut Wanted<Logging>,
) -> Result<()> {
    let ask = |region: &String| {
        let path = format!("/compute/v1/{}/regions/{}/subnetworks", project.path(), encode(region));
        api.list(COMPUTE, &path, "/items").query("maxResults", "500")
    };
    for (region, answer) in api.ctx.each(regions, ask) {
        for page in api.passing.take(&mut [assets, logging], answer)? {
            for subnetwork in assets.items::<Subnetwork>(&page)? {
                assets.emit(of_subnetwork(project, region, &subnetwork))?;
                logging.emit(flows(region, &subnetwork))?;
            }
        }
    }
    Ok(())
}

fn of_network(project: &Place, network: &Item<Network>) -> Record<Resource> {
    let mut details = Details::new();
    if let Some(flag) = network.auto_create_subnetworks {
        details.insert("auto_create_subnetworks", flag);
    }
    // A network without subnetworks is of the old kind, or empty.
    details.insert("legacy", network.legacy_range.is_some());
    let mut peers: Vec<String> =
        network.peerings.iter().filter_map(|peering| peering.network.as_deref()).map(full_name).collect();
    peers.sort();
    if !peers.is_empty() {
        details.insert("peered_with", peers);
    }
    let attributes = Resource {
        container: Some(project.name.clone()),
        created_at: instant(network.creation_timestamp.as_ref()),
        details: Some(details),
        ..Resource::new(&network.name, NETWORK)
    };
    let full_name = full_name(&network.self_link);
    network.record(&full_name, attributes).subject(subject::asset(&full_name))
}

fn of_subnetwork(project: &Place, region: &str, subnetwork: &Item<Subnetwork>) -> Record<Resource> {
    let mut details = Details::new();
    let network = subnetwork.network.as_deref().map(full_name);
    for (name, value) in [
        ("network", network.as_ref()),
        ("cidr_range", subnetwork.ip_cidr_range.as_ref()),
        ("purpose", subnetwork.purpose.as_ref()),
    ] {
        if let Some(value) = value {
            details.insert(name, value.as_str());
        }
    }
    if let Some(flag) = subnetwork.private_ip_google_access {
        details.insert("private_google_access", flag);
    }
    let attributes = Resource {
        container: Some(project.name.clone()),
        region: Some(region.to_owned()),
        created_at: instant(subnetwork.creation_timestamp.as_ref()),
        details: details.some(),
        ..Resource::new(&subnetwork.name, SUBNETWORK)
    };
    let full_name = full_name(&subnetwork.self_link);
    subnetwork.record(&full_name, attributes).subject(subject::asset(&full_name))
}

/// Compute Engine leaves out both switches where flows were never logged; subnetworks for proxies cannot log them:
/// <https://cloud.google.com/vpc/docs/flow-logs>.
fn flows(region: &str, subnetwork: &Item<Subnetwork>) -> Record<Logging> {
    let log = subnetwork.log_config.as_ref();
    let is_on = log.and_then(|log| log.enable).or(subnetwork.enable_flow_logs).unwrap_or(false);
    let mut details = Details::new();
    if let Some(purpose) = &subnetwork.purpose {
        details.insert("purpose", purpose.as_str());
    }
    if let Some(log) = log.filter(|_| is_on) {
        let sampling = log.flow_sampling.as_ref().map(ToString::to_string);
        for (name, value) in [
            ("aggregation_interval", log.aggregation_interval.as_ref()),
            ("flow_sampling", sampling.as_ref()),
            ("metadata", log.metadata.as_ref()),
            ("filter", log.filter_expr.as_ref()),
        ] {
            if let Some(value) = value {
                details.insert(name, value.as_str());
            }
        }
    }
    let full_name = full_name(&subnetwork.self_link);
    let attributes = Logging {
        resource_name: Some(subnetwork.name.clone()),
        region: Some(region.to_owned()),
        enabled: Some(is_on),
        details: details.some(),
        ..Logging::new(&full_name, SUBNETWORK, "flow")
    };
    subnetwork.record(&full_name, attributes).subject(subject::asset(&full_name))
}

fn firewalls(api: &Api<'_>, tree: &Tree, services: &Services) -> Result<()> {
    let mut rules = api.open::<NetworkRule>("VPC firewall rules of all active projects, disabled ones too");
    if !rules.is_wanted() {
        return Ok(());
    }
    let projects = services.having(tree, COMPUTE, &mut [&mut rules])?;
    let ask = |project: &&Place| {
        let list = api.list(COMPUTE, &format!("/compute/v1/{}/global/firewalls", project.path()), "/items");
        list.query("maxResults", "500")
    };
    for (_, answer) in api.ctx.each(&projects, ask) {
        for page in api.passing.take(&mut [&mut rules], answer)? {
            for firewall in rules.items::<Firewall>(&page)? {
                of_firewall(&mut rules, &firewall)?;
            }
        }
    }
    rules.seal()
}

/// One record for each protocol and range of ports.
fn of_firewall(rules: &mut Wanted<NetworkRule>, firewall: &Item<Firewall>) -> Result<()> {
    let direction = match firewall.direction.as_deref() {
        Some("EGRESS") => Direction::Egress,
        Some("INGRESS") => Direction::Ingress,
        other => {
            rules.incomplete(&format!("{}: `{}` is no direction", firewall.name, other.unwrap_or_default()));
            return rules.filtered(1, "a rule of unknown direction");
        }
    };
    for (path, traffic, action) in
        [("/allowed", &firewall.allowed, RuleAction::Allow), ("/denied", &firewall.denied, RuleAction::Deny)]
    {
        for traffic in firewall.nested(path, traffic) {
            let all = [String::new()];
            let ports = if traffic.ports.is_empty() { &all[..] } else { &traffic.ports[..] };
            for port in ports {
                rules.emit(rule(firewall, &traffic, port, direction, action))?;
            }
        }
    }
    let is_empty = firewall.allowed.is_empty() && firewall.denied.is_empty();
    rules.filtered(u64::from(is_empty), "a firewall rule that neither allows nor denies")
}

fn rule(
    firewall: &Firewall,
    traffic: &Item<&Traffic>,
    port: &str,
    direction: Direction,
    action: RuleAction,
) -> Record<NetworkRule> {
    let full_name = full_name(&firewall.self_link);
    let sources = [&firewall.source_ranges, &firewall.source_tags, &firewall.source_service_accounts];
    let mut peers: Vec<String> = match direction {
        Direction::Ingress => sources.into_iter().flatten().cloned().collect(),
        Direction::Egress => firewall.destination_ranges.clone(),
    };
    peers.sort();
    peers.dedup();
    let (from, to) = port.split_once('-').unwrap_or((port, port));
    let protocol = if traffic.protocol == "all" { "any" } else { &traffic.protocol };
    let mut details = Details::new();
    for (name, values) in [
        ("target_tags", &firewall.target_tags),
        ("target_service_accounts", &firewall.target_service_accounts),
    ] {
        if !values.is_empty() {
            details.insert(name, values.clone());
        }
    }
    if let Some(flag) = firewall.log_config.as_ref().and_then(|log| log.enable) {
        details.insert("logged", flag);
    }
    let open_to_internet = peers.iter().any(|peer| EVERYWHERE.contains(&peer.as_str()));
    // Google takes five thousand, of which a record names none or all.
    let is_short = peers.len() <= 1000;
    if !is_short {
        details.insert("peer_count", i64::try_from(peers.len()).unwrap_or(i64::MAX));
    }
    let attributes = NetworkRule {
        resource_type: Some(FIREWALL.to_owned()),
        resource_name: Some(firewall.name.clone()),
        network_id: firewall.network.as_deref().map(self::full_name),
        enabled: firewall.disabled.map(|disabled| !disabled),
        priority: firewall.priority,
        protocol: Some(protocol.to_owned()),
        port_from: from.parse().ok(),
        port_to: to.parse().ok(),
        open_to_internet: Some(open_to_internet),
        peers: is_short.then_some(peers),
        rule_description: firewall.description.clone().filter(|text| !text.is_empty()),
        details: details.some(),
        ..NetworkRule::new(&full_name, direction, action)
    };
    let word = if action == RuleAction::Allow { "allow" } else { "deny" };
    let ports = if port.is_empty() { "all" } else { port };
    let key = format!("{full_name}/{word}/{}/{ports}", traffic.protocol);
    // What a rule applies to is told by instances, which are not read.
    let record = traffic.record(key, attributes).subject(subject::asset(&full_name)).unknown("in_use");
    let record = if is_short { record } else { record.unknown("peers") };
    if firewall.disabled.is_none() { record.unknown("enabled") } else { record }
}
