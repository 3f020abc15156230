//! Networks of EC2 in every region: VPCs, whether their flows are logged, rules of security groups.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/Welcome.html>

use crate::api::{Api, EC2};
use exhibit_sdk::kinds::{Details, Direction, Logging, NetworkRule, Resource, RuleAction};
use exhibit_sdk::prelude::*;
use std::collections::BTreeMap;

const VPC: &str = "aws:ec2:vpc";
const GROUP: &str = "aws:ec2:security-group";
/// All of the internet, in both versions of IP.
const EVERYWHERE: [&str; 2] = ["0.0.0.0/0", "::/0"];

pub(crate) fn collect(api: &Api<'_>) -> Result<()> {
    exhibit_sdk::all([networks(api), security_groups(api)])
}

/// Flow logs by what they log; none where a region withholds them.
type FlowLogs<'a> = BTreeMap<&'a str, Option<BTreeMap<String, Vec<Item<Element>>>>>;

fn networks(api: &Api<'_>) -> Result<()> {
    let mut assets = api.open_regional::<Resource>("all VPCs in every enabled region");
    let mut logging = api.open_regional::<Logging>("flow logs of all VPCs in every enabled region");
    if !assets.is_wanted() && !logging.is_wanted() {
        return Ok(());
    }
    let logs = if logging.is_wanted() { flow_logs(api)? } else { FlowLogs::new() };
    let list = |region: &str| api.query_list(EC2, region, "DescribeVpcs", &[], "vpcSet/item");
    for (region, answer) in api.in_regions("ec2:DescribeVpcs", list) {
        for page in api.passing.take(&mut [&mut assets, &mut logging], answer)? {
            for vpc in page.elements()? {
                let Some(id) = vpc.text("vpcId") else { continue };
                let arn = api.arn("ec2", region, &format!("vpc/{id}"));
                assets.emit(resource(api, region, &arn, id, &vpc))?;
                let logs = logs.get(region).and_then(Option::as_ref);
                logging.emit(logged(region, &arn, &vpc, logs.map(|logs| logs.get(id))))?;
            }
        }
    }
    exhibit_sdk::all([assets.seal(), logging.seal()])
}

fn flow_logs<'a>(api: &'a Api<'_>) -> Result<FlowLogs<'a>> {
    let list = |region: &str| api.query_list(EC2, region, "DescribeFlowLogs", &[], "flowLogSet/item");
    let mut all = FlowLogs::new();
    for (region, answer) in api.in_regions("ec2:DescribeFlowLogs", list) {
        let Some(pages) = api.passing.known("flow logs", answer) else {
            all.insert(region, None);
            continue;
        };
        let mut of_region: BTreeMap<String, Vec<Item<Element>>> = BTreeMap::new();
        for page in &pages {
            for log in page.elements()? {
                let id = log.text("resourceId").unwrap_or_default().to_owned();
                of_region.entry(id).or_default().push(log);
            }
        }
        all.insert(region, Some(of_region));
    }
    Ok(all)
}

/// Tags, `name=value`, sorted; none where there are none.
pub(crate) fn tags(of: &Element, path: &str, [key, value]: [&str; 2]) -> Option<Vec<String>> {
    let tag = |tag: &&Element| Some(format!("{}={}", tag.text(key)?, tag.text(value).unwrap_or_default()));
    let mut tags: Vec<String> = of.all(path).iter().filter_map(tag).collect();
    tags.sort();
    (!tags.is_empty()).then_some(tags)
}

/// The tag `Name`, which EC2 shows as a resource's name.
pub(crate) fn name_of(of: &Element) -> Option<String> {
    let tags = of.all("tagSet/item");
    let tag = tags.into_iter().find(|tag| tag.text("key") == Some("Name"))?;
    tag.text("value").map(str::to_owned)
}

fn resource(api: &Api<'_>, region: &str, arn: &str, id: &str, vpc: &Item<Element>) -> Record<Resource> {
    let mut details = Details::new();
    if let Some(range) = vpc.text("cidrBlock") {
        details.insert("cidr_block", range);
    }
    if let Some(flag) = vpc.flag("isDefault") {
        details.insert("default", flag);
    }
    let attributes = Resource {
        container: Some(api.account.clone()),
        region: Some(region.to_owned()),
        tags: tags(vpc, "tagSet/item", ["key", "value"]),
        details: details.some(),
        ..Resource::new(name_of(vpc).unwrap_or_else(|| id.to_owned()), VPC)
    };
    vpc.record(arn, attributes).subject(subject::asset(arn))
}

/// `logs`: nothing where they are withheld; else those of this VPC.
fn logged(
    region: &str,
    arn: &str,
    vpc: &Item<Element>,
    logs: Option<Option<&Vec<Item<Element>>>>,
) -> Record<Logging> {
    let attributes = Logging {
        resource_name: name_of(vpc),
        region: Some(region.to_owned()),
        ..Logging::new(arn, VPC, "flow")
    };
    let mut record = vpc.record(arn, attributes).subject(subject::asset(arn));
    let Some(logs) = logs else { return record.unknown("enabled") };
    let active = |log: &&Item<Element>| log.text("flowLogStatus") == Some("ACTIVE");
    let active: Vec<&Item<Element>> = logs.into_iter().flatten().filter(active).collect();
    let words = |name: &str| {
        let mut words: Vec<String> =
            active.iter().filter_map(|log| log.text(name)).map(str::to_owned).collect();
        words.sort();
        words.dedup();
        words
    };
    let attributes = record.attributes_mut();
    attributes.enabled = Some(!active.is_empty());
    if !active.is_empty() {
        let states = words("deliverLogsStatus");
        attributes.delivering = (!states.is_empty()).then(|| states.iter().all(|state| state == "SUCCESS"));
        attributes.events = Some(words("trafficType").iter().map(|word| word.to_lowercase()).collect());
        let mut to = words("logDestination");
        to.extend(words("logGroupName"));
        attributes.destination = to.into_iter().next();
        attributes.last_error = words("deliverLogsErrorMessage").into_iter().next();
    }
    active.iter().fold(record, |record, log| record.origin(log.origin()))
}

fn security_groups(api: &Api<'_>) -> Result<()> {
    let mut rules = api.open_regional::<NetworkRule>("rules of all security groups in every enabled region");
    if !rules.is_wanted() {
        return Ok(());
    }
    let list = |region: &str| {
        let params = [("MaxResults", "1000")];
        api.query_list(EC2, region, "DescribeSecurityGroups", &params, "securityGroupInfo/item")
    };
    for (region, answer) in api.in_regions("ec2:DescribeSecurityGroups", list) {
        for page in api.passing.take(&mut [&mut rules], answer)? {
            for group in page.elements()? {
                of_group(api, &mut rules, region, &group)?;
            }
        }
    }
    rules.seal()
}

fn of_group(
    api: &Api<'_>,
    rules: &mut Wanted<NetworkRule>,
    region: &str,
    group: &Item<Element>,
) -> Result<()> {
    let Some(id) = group.text("groupId") else { return rules.filtered(1, "a group without an id") };
    let arn = api.arn("ec2", region, &format!("security-group/{id}"));
    let mut count = 0_u64;
    for (path, direction) in
        [("ipPermissions/item", Direction::Ingress), ("ipPermissionsEgress/item", Direction::Egress)]
    {
        for permission in group.elements(path) {
            count += 1;
            let attributes = rule(&arn, group, region, &permission, direction);
            let key = key(&arn, &attributes);
            let record = permission.record(key, attributes).subject(subject::asset(&arn));
            // What uses a group is told by network interfaces, which are not read.
            rules.emit(record.unknown("in_use"))?;
        }
    }
    rules.filtered(u64::from(count == 0), "a security group without rules")
}

/// EC2 groups the rules of a security group by direction, protocol and ports, so that these name one.
fn key(arn: &str, rule: &NetworkRule) -> String {
    let direction = match rule.direction {
        Direction::Ingress => "ingress",
        Direction::Egress => "egress",
    };
    let port = |port: Option<u64>| port.map_or_else(|| "all".to_owned(), |port| port.to_string());
    let protocol = rule.protocol.as_deref().unwrap_or_default();
    format!("{arn}/{direction}/{protocol}/{}-{}", port(rule.port_from), port(rule.port_to))
}

fn rule(
    arn: &str,
    group: &Item<Element>,
    region: &str,
    permission: &Item<&Element>,
    direction: Direction,
) -> NetworkRule {
    let sides = [
        ("ipRanges/item", "cidrIp"),
        ("ipv6Ranges/item", "cidrIpv6"),
        ("prefixListIds/item", "prefixListId"),
        ("groups/item", "groupId"),
    ];
    let mut peers = Vec::new();
    let mut notes = Vec::new();
    for (path, name) in sides {
        for side in permission.all(path) {
            peers.extend(side.text(name).map(str::to_owned));
            notes.extend(side.text("description").map(str::to_owned));
        }
    }
    peers.sort();
    peers.dedup();
    notes.sort();
    notes.dedup();
    let protocol = match permission.text("ipProtocol") {
        Some("-1") => Some("any"),
        word => word,
    };
    NetworkRule {
        resource_type: Some(GROUP.to_owned()),
        resource_name: group.text("groupName").map(str::to_owned),
        network_id: group.text("vpcId").map(str::to_owned),
        region: Some(region.to_owned()),
        enabled: Some(true),
        protocol: protocol.map(str::to_owned),
        // Of ICMP these are type and code, where -1 stands for all.
        port_from: permission.read("fromPort"),
        port_to: permission.read("toPort"),
        open_to_internet: Some(peers.iter().any(|peer| EVERYWHERE.contains(&peer.as_str()))),
        peers: Some(peers),
        rule_description: (!notes.is_empty()).then(|| notes.join("; ")),
        ..NetworkRule::new(arn, direction, RuleAction::Allow)
    }
}
