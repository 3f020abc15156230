//! Organisation policies: what is allowed at all, in the organisation, in folders and in projects.
//!
//! Only policies that were set are listed; a place without one inherits.
//! <https://cloud.google.com/resource-manager/docs/reference/orgpolicy/rest/v2/projects.policies>

use crate::api::{Api, POLICIES};
use crate::tree::{Place, Tree};
use crate::values::last;
use exhibit_sdk::prelude::*;
use serde_json::Value;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Policy {
    /// `organizations/1/policies/iam.disableServiceAccountKeyCreation`.
    name: String,
    spec: Option<Value>,
    dry_run_spec: Option<Value>,
}

pub(crate) fn collect(api: &Api<'_>, tree: &Tree) -> Result<()> {
    let mut assets = api
        .open::<Resource>("organisation policies set on the organisation, all active folders and projects");
    if !assets.is_wanted() {
        return Ok(());
    }
    let places = tree.within();
    let ask = |place: &&Place| api.list(POLICIES, &format!("/v2/{}/policies", place.path()), "/policies");
    for (place, answer) in api.ctx.each(&places, ask) {
        for page in api.passing.take(&mut [&mut assets], answer)? {
            for policy in assets.items::<Policy>(&page)? {
                assets.emit(record(place, &policy))?;
            }
        }
    }
    assets.seal()
}

/// What Google describes of a policy, but for the `etag`, which changes by itself: what else an answer may hold stays out.
/// <https://cloud.google.com/resource-manager/docs/reference/orgpolicy/rest/v2/PolicySpec>
fn described(spec: &Value) -> Value {
    const OF_SPEC: [&str; 4] = ["updateTime", "rules", "inheritFromParent", "reset"];
    const OF_RULE: [&str; 6] = ["values", "condition", "parameters", "allowAll", "denyAll", "enforce"];
    let mut spec = spec.clone();
    if let Some(members) = spec.as_object_mut() {
        members.retain(|name, _| OF_SPEC.contains(&name.as_str()));
    }
    for rule in spec.get_mut("rules").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(members) = rule.as_object_mut() {
            members.retain(|name, _| OF_RULE.contains(&name.as_str()));
        }
    }
    spec
}

fn record(place: &Place, policy: &Item<Policy>) -> Record<Resource> {
    let full_name = format!("//{POLICIES}/{}", policy.name);
    let mut details = Details::new();
    for (name, spec) in [("spec", &policy.spec), ("dry_run_spec", &policy.dry_run_spec)] {
        let Some(spec) = spec else { continue };
        details.insert(name, Details::from_json(&described(spec)));
    }
    let rules = policy.spec.as_ref().and_then(|spec| spec.get("rules")).and_then(Value::as_array);
    // A rule with a condition holds for some resources only.
    let enforces =
        |rule: &Value| rule.get("enforce") == Some(&Value::Bool(true)) && rule.get("condition").is_none();
    let is_switch = rules.is_some_and(|rules| rules.iter().any(|rule| rule.get("enforce").is_some()));
    if let Some(rules) = rules.filter(|_| is_switch) {
        details.insert("enforced", rules.iter().any(enforces));
    }
    let attributes = Resource {
        container: Some(place.name.clone()),
        details: details.some(),
        ..Resource::new(last(&policy.name), "gcp:orgpolicy:policy")
    };
    policy.record(&full_name, attributes).subject(subject::asset(&full_name))
}
