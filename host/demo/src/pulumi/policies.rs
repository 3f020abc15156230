//! Policy groups, the packs that hold on them, and what these found.

use super::{Answer, Call, Refusal};
use exhibit_evidence::time::Timestamp;
use serde_json::{Value, json};

/// A group: its name, whether it stops an update or only tells, and the stacks in it.
struct Group {
    name: &'static str,
    mode: &'static str,
    stacks: &'static [(&'static str, &'static str)],
}

const GROUPS: [Group; 2] = [
    Group { name: "default-policy-group", mode: "audit", stacks: &[("network", "dev"), ("orders", "dev")] },
    Group {
        name: "production",
        mode: "preventative",
        stacks: &[("network", "prod"), ("orders", "prod"), ("warehouse", "prod")],
    },
];
const PACK: &str = "baseline";

fn listed(group: &Group) -> Value {
    json!({
        "name": group.name, "mode": group.mode, "entityType": "stacks",
        "isOrgDefault": group.name == GROUPS[0].name, "numEnabledPolicyPacks": 1, "numStacks": group.stacks.len(),
    })
}

pub(super) fn groups() -> Vec<Value> {
    GROUPS.iter().map(listed).collect()
}

pub(super) fn group(name: &str) -> Answer {
    let group =
        GROUPS.iter().find(|group| group.name == name).ok_or_else(|| Refusal::not_found("policy group"))?;
    let stack = |(project, name): &(&str, &str)| json!({"name": name, "routingProject": project});
    Ok(json!({
        "name": group.name, "mode": group.mode, "entityType": "stacks", "accounts": [],
        "isOrgDefault": group.name == GROUPS[0].name, "stacks": group.stacks.iter().map(stack).collect::<Vec<_>>(),
        "appliedPolicyPacks": [{"name": PACK, "displayName": "Baseline", "version": 4, "versionTag": "1.3.0"}],
    }))
}

pub(super) fn packs() -> Vec<Value> {
    vec![json!({
        "name": PACK, "displayName": "Baseline", "versions": [4, 3], "versionTags": ["1.3.0", "1.2.0"],
    })]
}

/// What was found up to now: one that is meant to be so, and the one of the story, open and then mended.
fn found(call: &Call<'_>) -> Vec<Value> {
    let lapse = &call.story().finding;
    let meant = Timestamp::from_ms(1_750_000_000_000);
    let one = |resource: &str,
               project: &str,
               policy: &str,
               severity: &str,
               seen: Timestamp,
               status: (&str, Timestamp)| {
        let kind = "aws:s3/bucket:Bucket";
        json!({
            "id": call.uuid(&format!("issue {resource}")), "entityType": "stack", "entityProject": project,
            "entityId": "prod", "stackVersion": 1, "policyPack": PACK, "policyPackTag": "1.3.0",
            "policyName": policy, "resourceURN": format!("urn:pulumi:prod::{project}::{kind}::{resource}"),
            "resourceProvider": "aws", "resourceType": kind, "resourceName": resource, "observedAt": seen,
            "lastModified": status.1, "level": "mandatory", "severity": severity, "status": status.0,
            "kind": "preventative", "priority": "p2", "policyGroupName": "production", "policyGroupType": "preventative",
            "message": format!("{policy}: {resource}"),
        })
    };
    let mut found = vec![one("site", "orders", "no-public-buckets", "medium", meant, ("by_design", meant))];
    if lapse.span.start <= call.now() {
        let is_open = lapse.span.contains(call.now());
        let status = if is_open { ("open", lapse.span.start) } else { ("fixed", lapse.span.end) };
        found.push(one(&lapse.id, "warehouse", "encrypted-buckets", "high", lapse.span.start, status));
    }
    found
}

/// Asked for as a grid in a web page does: these rows of them.
pub(super) fn issues(call: &Call<'_>) -> Answer {
    let asked: Value = serde_json::from_slice(&call.request.body).map_err(|_| Refusal::invalid("body"))?;
    let row = |name: &str| {
        let row = asked[name].as_u64().and_then(|row| usize::try_from(row).ok());
        row.ok_or_else(|| Refusal::invalid(name))
    };
    let (start, end) = (row("startRow")?, row("endRow")?);
    let found = found(call);
    let rows: Vec<&Value> = found.iter().take(end).skip(start).collect();
    Ok(json!({"policyIssues": rows, "rowCount": found.len(), "groupData": null}))
}
