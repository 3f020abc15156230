//! What policies found: each violation of one policy by one resource, and what became of it.

use crate::api::Api;
use exhibit_sdk::kinds::{Finding, FindingStatus, Severity};
use exhibit_sdk::prelude::*;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Issue {
    id: String,
    policy_name: String,
    policy_pack: Option<String>,
    policy_pack_tag: Option<String>,
    #[serde(rename = "resourceURN")]
    resource_urn: Option<String>,
    resource_type: Option<String>,
    resource_name: Option<String>,
    entity_project: Option<String>,
    entity_id: Option<String>,
    message: Option<String>,
    level: Option<String>,
    severity: Option<String>,
    status: Option<String>,
    observed_at: Option<String>,
    last_modified: Option<String>,
}

pub(crate) fn collect(api: &Api<'_>) -> Result<()> {
    let mut findings = api.ctx.wanted::<Finding>("all policy issues, in every status");
    for page in api.issues(100).pages() {
        let Some(page) = tolerate(&mut [&mut findings], page)? else { break };
        for issue in findings.items::<Issue>(&page)? {
            findings.emit(record(&issue))?;
        }
    }
    findings.seal()
}

fn given(text: &Option<String>) -> Option<&str> {
    text.as_deref().filter(|text| !text.is_empty())
}

fn record(issue: &Item<Issue>) -> Record<Finding> {
    let severity = match given(&issue.severity) {
        Some("critical") => Some(Severity::Critical),
        Some("high") => Some(Severity::High),
        Some("medium") => Some(Severity::Medium),
        Some("low") => Some(Severity::Low),
        _ => None,
    };
    let status = match issue.status.as_deref() {
        Some("open") => Some(FindingStatus::Open),
        Some("in_progress") => Some(FindingStatus::InProgress),
        Some("fixed") => Some(FindingStatus::Resolved),
        Some("by_design" | "ignored") => Some(FindingStatus::Accepted),
        _ => None,
    };
    let is_fixed = status == Some(FindingStatus::Resolved);
    let scanner = [given(&issue.policy_pack), given(&issue.policy_pack_tag)];
    let location = [given(&issue.entity_project), given(&issue.entity_id)];
    let joined = |parts: [Option<&str>; 2], joint: &str| {
        let parts: Vec<&str> = parts.into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join(joint))
    };
    // How strictly a policy is enforced is all that some say of how bad it is to break it.
    let source_severity = given(&issue.severity).or(given(&issue.level)).map(str::to_owned);
    let message = given(&issue.message).map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "));
    let title = match message {
        Some(message) => format!("{}: {message}", issue.policy_name).chars().take(1000).collect(),
        None => issue.policy_name.clone(),
    };
    let attributes = Finding {
        severity,
        source_severity,
        status,
        source_status: issue.status.clone(),
        scanner: joined(scanner, " "),
        resource_id: given(&issue.resource_urn).map(str::to_owned),
        resource_type: given(&issue.resource_type).map(str::to_owned),
        resource_name: given(&issue.resource_name).map(str::to_owned),
        location: joined(location, "/"),
        first_seen_at: instant(issue.observed_at.as_ref()),
        // Whoever sets it to fixed changes it last.
        resolved_at: instant(issue.last_modified.as_ref()).filter(|_| is_fixed),
        ..Finding::new(title)
    };
    let is_accepted = status == Some(FindingStatus::Accepted);
    let unknown = [
        ("severity", severity.is_some()),
        ("status", status.is_some()),
        ("first_seen_at", attributes.first_seen_at.is_some()),
        ("resolved_at", attributes.resolved_at.is_some() || !is_fixed),
        ("closed_by", !is_accepted),
        ("closed_reason", !is_accepted),
    ];
    let mut record = issue.record(&issue.id, attributes);
    if let Some(urn) = given(&issue.resource_urn) {
        record = record.subject(subject::asset(urn));
    }
    for (attribute, _) in unknown.into_iter().filter(|(_, is_known)| !is_known) {
        record = record.unknown(attribute);
    }
    record
}
