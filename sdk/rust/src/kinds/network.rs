//! Rules for network traffic.

use crate::EvidenceKind;
use crate::kinds::details::Details;
use crate::kinds::words::RuleAction;
use serde::{Deserialize, Serialize};

/// One rule of a firewall or security group.
///
/// Kind `config.network_rule@1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkRule {
    /// The firewall or security group.
    pub resource_id: String,
    /// What it is: `aws:ec2:security-group`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_type: Option<String>,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_name: Option<String>,
    /// Network that it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_id: Option<String>,
    /// Region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Direction of the traffic.
    pub direction: Direction,
    /// What is done with it.
    pub action: RuleAction,
    /// Whether the rule is in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Order among its like; the lowest comes first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<u64>,
    /// tcp, udp, icmp, any, or a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// First port; absent: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port_from: Option<u64>,
    /// Last port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port_to: Option<u64>,
    /// The other side: address ranges, groups, tags, services.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peers: Option<Vec<String>>,
    /// Whether the other side is all of the internet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_to_internet: Option<bool>,
    /// Whether anything stands behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_use: Option<bool>,
    /// What it is for, in its author's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule_description: Option<String>,
    /// More, as the system has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Details>,
}

impl NetworkRule {
    /// With what is required; the rest is absent: `NetworkRule { …, ..NetworkRule::new(…) }`.
    pub fn new(resource_id: impl Into<String>, direction: Direction, action: RuleAction) -> Self {
        Self {
            resource_id: resource_id.into(),
            resource_type: None,
            resource_name: None,
            network_id: None,
            region: None,
            direction,
            action,
            enabled: None,
            priority: None,
            protocol: None,
            port_from: None,
            port_to: None,
            peers: None,
            open_to_internet: None,
            in_use: None,
            rule_description: None,
            details: None,
        }
    }
}

impl EvidenceKind for NetworkRule {
    const KIND: &'static str = "config.network_rule@1";
}

/// Direction of traffic, seen from the resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Into it.
    Ingress,
    /// Out of it.
    Egress,
}
