//! Rules of network security groups, and the logs of flows.
//!
//! <https://learn.microsoft.com/en-us/rest/api/virtualnetwork/network-security-groups/list-all>,
//! <https://learn.microsoft.com/en-us/rest/api/network-watcher/flow-logs/list>

use super::api::Arm;
use super::diagnostics::Targets;
use super::id;
use super::resource::{Listed, or_default, record};
use super::subscriptions::Subscription;
use exhibit_sdk::kinds::{Direction, Logging, NetworkRule, RuleAction};
use exhibit_sdk::prelude::*;

const VERSION: &str = "2023-11-01";
const GROUPS: &str = "Microsoft.Network/networkSecurityGroups";
const WATCHERS: &str = "Microsoft.Network/networkWatchers";
const TYPE: &str = "azure:network:network-security-group";
/// Everyone, in Azure's words: <https://learn.microsoft.com/en-us/azure/virtual-network/service-tags-overview>.
const EVERYWHERE: [&str; 5] = ["*", "0.0.0.0/0", "::/0", "internet", "any"];
/// A list longer than this does not fit a record.
const MOST: usize = 1000;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    #[serde(default, deserialize_with = "or_default")]
    security_rules: Vec<Rule>,
    #[serde(default, deserialize_with = "or_default")]
    default_security_rules: Vec<Rule>,
    #[serde(default, deserialize_with = "or_default")]
    subnets: Vec<Reference>,
    #[serde(default, deserialize_with = "or_default")]
    network_interfaces: Vec<Reference>,
}

#[derive(Debug, Deserialize)]
struct Reference {
    id: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Rule {
    id: Option<String>,
    name: String,
    properties: Traffic,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Traffic {
    description: Option<String>,
    protocol: Option<String>,
    access: Option<String>,
    direction: Option<String>,
    priority: Option<u64>,
    destination_port_range: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    destination_port_ranges: Vec<String>,
    source_port_range: Option<String>,
    source_address_prefix: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    source_address_prefixes: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    source_application_security_groups: Vec<Reference>,
    destination_address_prefix: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    destination_address_prefixes: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    destination_application_security_groups: Vec<Reference>,
}

#[derive(Debug, Deserialize)]
struct Watcher {}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct FlowLog {
    target_resource_id: Option<String>,
    storage_id: Option<String>,
    enabled: Option<bool>,
    retention_policy: Option<Retention>,
    flow_analytics_configuration: Option<Analytics>,
}

#[derive(Debug, Deserialize)]
struct Retention {
    enabled: Option<bool>,
    days: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Analytics {
    network_watcher_flow_analytics_configuration: Option<Workspace>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Workspace {
    enabled: Option<bool>,
    workspace_resource_id: Option<String>,
}

pub(super) fn collect(api: &Arm<'_>, subscriptions: &[Subscription], targets: &mut Targets) -> Result<()> {
    exhibit_sdk::all([groups(api, subscriptions, targets), flows(api, subscriptions)])
}

fn groups(api: &Arm<'_>, subscriptions: &[Subscription], targets: &mut Targets) -> Result<()> {
    let mut rules = api.open::<NetworkRule>("rules of all network security groups of all subscriptions");
    if !rules.is_wanted() && !targets.is_wanted() {
        return Ok(());
    }
    let ask = |of: &Subscription| api.list(&of.provided(GROUPS), VERSION);
    for (_, answer) in api.ctx.each(subscriptions, ask) {
        for page in api.take(&mut [&mut rules, targets], answer)? {
            for group in rules.items::<Listed<Group>>(&page)? {
                of_group(&mut rules, &group)?;
                targets.add(&group, "", id::path(&group.id, GROUPS), TYPE);
            }
        }
    }
    rules.seal()
}

/// One record for each rule and range of ports, of Azure's own default rules too.
fn of_group(rules: &mut Wanted<NetworkRule>, group: &Item<Listed<Group>>) -> Result<()> {
    let properties = &group.properties;
    let mut emitted = 0_u64;
    for (pointer, list) in [
        ("/properties/securityRules", &properties.security_rules),
        ("/properties/defaultSecurityRules", &properties.default_security_rules),
    ] {
        for rule in group.nested(pointer, list) {
            let traffic = &rule.properties;
            let direction = match traffic.direction.as_deref() {
                Some("Inbound") => Direction::Ingress,
                Some("Outbound") => Direction::Egress,
                other => {
                    let other = other.unwrap_or_default();
                    rules.incomplete(&format!("{}: `{other}` is no direction", rule.name));
                    continue;
                }
            };
            let action = match traffic.access.as_deref() {
                Some("Allow") => RuleAction::Allow,
                Some("Deny") => RuleAction::Deny,
                other => {
                    let other = other.unwrap_or_default();
                    rules.incomplete(&format!("{}: `{other}` neither allows nor denies", rule.name));
                    continue;
                }
            };
            let mut ports = traffic.destination_port_ranges.clone();
            ports.extend(traffic.destination_port_range.clone());
            ports.retain(|port| !port.is_empty());
            if ports.is_empty() {
                ports.push("*".to_owned());
            }
            for port in ports {
                rules.emit(of_rule(group, &rule, &port, direction, action))?;
                emitted += 1;
            }
        }
    }
    rules.filtered(u64::from(emitted == 0), "a network security group without rules")
}

fn of_rule(
    group: &Item<Listed<Group>>,
    rule: &Item<&Rule>,
    port: &str,
    direction: Direction,
    action: RuleAction,
) -> Record<NetworkRule> {
    let traffic = &rule.properties;
    let sources = side(
        traffic.source_address_prefix.as_ref(),
        &traffic.source_address_prefixes,
        &traffic.source_application_security_groups,
    );
    let destinations = side(
        traffic.destination_address_prefix.as_ref(),
        &traffic.destination_address_prefixes,
        &traffic.destination_application_security_groups,
    );
    let (peers, own) = match direction {
        Direction::Ingress => (sources, destinations),
        Direction::Egress => (destinations, sources),
    };
    let (from, to) = port.split_once('-').unwrap_or((port, port));
    let protocol = traffic.protocol.as_deref().map(|word| match word {
        "*" => "any".to_owned(),
        word => word.to_lowercase(),
    });
    let is_everyone = |peer: &String| EVERYWHERE.contains(&peer.to_lowercase().as_str());
    let open_to_internet = peers.iter().any(is_everyone);
    let is_short = peers.len() <= MOST;
    let properties = &group.properties;
    let attached = || properties.subnets.iter().chain(&properties.network_interfaces);
    let mut of: Vec<String> = attached().filter_map(|one| one.id.as_deref().map(id::key)).collect();
    of.sort();
    of.truncate(MOST);
    let details = Details::new()
        .with_some("own_side", (!own.is_empty() && own.len() <= MOST).then_some(own))
        .with_some("source_ports", traffic.source_port_range.clone().filter(|ports| ports != "*"))
        .with_some("attached_to", (!of.is_empty()).then_some(of))
        .with_some("peer_count", (!is_short).then(|| i64::try_from(peers.len()).unwrap_or(i64::MAX)));
    let attributes = NetworkRule {
        resource_type: Some(TYPE.to_owned()),
        resource_name: Some(format!("{}/{}", group.name, rule.name)),
        region: group.location.clone(),
        enabled: Some(true),
        priority: traffic.priority,
        protocol: protocol.clone(),
        port_from: from.trim().parse().ok(),
        port_to: to.trim().parse().ok(),
        open_to_internet: Some(open_to_internet),
        in_use: Some(attached().next().is_some()),
        peers: is_short.then_some(peers),
        rule_description: traffic.description.clone().filter(|text| !text.is_empty()),
        details: details.some(),
        ..NetworkRule::new(group.key(), direction, action)
    };
    let own_name = || format!("{}/securityrules/{}", group.key(), rule.name.to_lowercase());
    let name = rule.id.as_deref().map_or_else(own_name, id::key);
    rule.record(format!("{name}/{}", port.replace('*', "all")), attributes)
        .subject(subject::asset(&group.key()))
        .unknown_unless("protocol", protocol.is_some())
        .unknown_unless("peers", is_short)
}

/// One side of a rule: address ranges, service tags, application security groups.
fn side(one: Option<&String>, many: &[String], groups: &[Reference]) -> Vec<String> {
    let prefixes = one.into_iter().chain(many).filter(|prefix| !prefix.is_empty()).cloned();
    let mut side: Vec<String> = prefixes.collect();
    side.extend(groups.iter().filter_map(|group| group.id.as_deref().map(id::key)));
    side.sort();
    side.dedup();
    side
}

fn flows(api: &Arm<'_>, subscriptions: &[Subscription]) -> Result<()> {
    let mut logging = api.open::<Logging>("flow logs of all network watchers of all subscriptions");
    if !logging.is_wanted() {
        return Ok(());
    }
    let ask = |of: &Subscription| api.list(&of.provided(WATCHERS), VERSION);
    for (_, answer) in api.ctx.each(subscriptions, ask) {
        for page in api.take(&mut [&mut logging], answer)? {
            let watchers = logging.items::<Listed<Watcher>>(&page)?;
            logging.filtered(watchers.len() as u64, "a network watcher, whose flow logs are read")?;
            let ask =
                |watcher: &Item<Listed<Watcher>>| api.list_of(&watcher.id, WATCHERS, "/flowLogs", VERSION);
            for (_, answer) in api.ctx.each(&watchers, ask) {
                for page in api.take(&mut [&mut logging], answer)? {
                    for flow in logging.items::<Listed<FlowLog>>(&page)? {
                        logging.emit(of_flow(&flow))?;
                    }
                }
            }
        }
    }
    logging.seal()
}

fn of_flow(flow: &Item<Listed<FlowLog>>) -> Record<Logging> {
    let properties = &flow.properties;
    let target = properties.target_resource_id.as_deref().map(id::key);
    let analytics = properties.flow_analytics_configuration.as_ref();
    let analytics =
        analytics.and_then(|analytics| analytics.network_watcher_flow_analytics_configuration.as_ref());
    let workspace = analytics
        .filter(|analytics| analytics.enabled == Some(true))
        .and_then(|analytics| analytics.workspace_resource_id.as_deref().map(id::key));
    // Where the policy is off, nothing is deleted.
    let days = properties.retention_policy.as_ref().and_then(|policy| match policy.enabled {
        Some(true) => policy.days,
        Some(false) => Some(0),
        None => None,
    });
    let resource = target.clone().unwrap_or_else(|| flow.key());
    let attributes = Logging {
        resource_name: Some(flow.name.clone()),
        region: flow.location.clone(),
        enabled: properties.enabled,
        destination: properties.storage_id.as_deref().map(id::key),
        retention_days: days,
        details: Details::new().with_some("analytics_workspace", workspace).some(),
        ..Logging::new(resource.clone(), "azure:network:flow-log", "flow")
    };
    record(flow, "", attributes)
        .subject(subject::asset(&resource))
        .unknown_unless("enabled", properties.enabled.is_some())
        .unknown_unless("retention_days", days.is_some())
}
