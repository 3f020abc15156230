//! Azure Policy: what is assigned, and which resources do not comply.
//!
//! <https://learn.microsoft.com/en-us/rest/api/policyauthorization/policy-assignments/list>,
//! <https://learn.microsoft.com/en-us/rest/api/policyinsights/policy-states/list-query-results-for-subscription>

use super::api::Arm;
use super::id;
use super::resource::or_default;
use super::subscriptions::Subscription;
use exhibit_sdk::kinds::{Finding, FindingStatus};
use exhibit_sdk::prelude::*;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const ASSIGNMENTS: &str = "2022-06-01";
const DEFINITIONS: &str = "2021-06-01";
const STATES: &str = "2019-10-01";
const MARK: &str = "/providers/microsoft.authorization/policydefinitions/";

#[derive(Debug, Deserialize)]
struct Assignment {
    id: String,
    name: String,
    location: Option<String>,
    properties: Assigned,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Assigned {
    display_name: Option<String>,
    description: Option<String>,
    policy_definition_id: Option<String>,
    scope: Option<String>,
    enforcement_mode: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    not_scopes: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    parameters: BTreeMap<String, Value>,
    metadata: Option<Metadata>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    created_on: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct State {
    resource_id: String,
    resource_type: Option<String>,
    policy_assignment_id: Option<String>,
    policy_assignment_name: Option<String>,
    policy_definition_id: Option<String>,
    policy_definition_name: Option<String>,
    policy_definition_reference_id: Option<String>,
    compliance_state: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Definition {
    properties: Defined,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Defined {
    display_name: Option<String>,
}

/// What a policy is called, and where that stands; nothing where it may not be read.
type Names = BTreeMap<String, Option<(String, Origin)>>;

pub(super) fn collect(api: &Arm<'_>, subscriptions: &[Subscription]) -> Result<()> {
    exhibit_sdk::all([assignments(api, subscriptions), states(api, subscriptions)])
}

fn assignments(api: &Arm<'_>, subscriptions: &[Subscription]) -> Result<()> {
    let mut assets = api
        .open::<Resource>("policy assignments of all subscriptions, with those of management groups above");
    if !assets.is_wanted() {
        return Ok(());
    }
    let mut seen = BTreeSet::new();
    let ask =
        |of: &Subscription| api.list(&of.provided("Microsoft.Authorization/policyAssignments"), ASSIGNMENTS);
    for (_, answer) in api.ctx.each(subscriptions, ask) {
        for page in api.take(&mut [&mut assets], answer)? {
            let mut again = 0;
            for found in assets.items::<Assignment>(&page)? {
                if seen.insert(id::key(&found.id)) {
                    assets.emit(of_assignment(&found))?;
                } else {
                    again += 1;
                }
            }
            assets.filtered(again, "a policy assignment that another subscription's list has too")?;
        }
    }
    assets.seal()
}

fn of_assignment(found: &Item<Assignment>) -> Record<Resource> {
    let assigned = &found.properties;
    let mut not_scopes: Vec<String> = assigned.not_scopes.iter().map(|scope| id::key(scope)).collect();
    not_scopes.sort();
    let set: serde_json::Map<String, Value> = assigned
        .parameters
        .iter()
        .filter_map(|(name, given)| Some((name.clone(), given.get("value")?.clone())))
        .collect();
    let details = Details::new()
        .with_some("policy", assigned.policy_definition_id.as_deref().map(id::key))
        .with_some("scope", assigned.scope.as_deref().map(id::key))
        .with_some("not_scopes", (!not_scopes.is_empty()).then_some(not_scopes))
        .with_some("parameters", Details::from_json(&Value::Object(set)).some())
        .with_some("description", assigned.description.clone().filter(|text| !text.is_empty()));
    let name = assigned.display_name.as_ref().filter(|name| !name.is_empty()).unwrap_or(&found.name);
    let attributes = Resource {
        container: assigned.scope.as_deref().map(id::key),
        region: found.location.clone(),
        // `Default` denies and audits, `DoNotEnforce` only audits.
        status: assigned.enforcement_mode.clone(),
        created_at: instant(assigned.metadata.as_ref().and_then(|metadata| metadata.created_on.as_ref())),
        details: details.some(),
        ..Resource::new(name, "azure:authorization:policy-assignment")
    };
    let key = id::key(&found.id);
    found
        .record(&key, attributes)
        .subject(subject::asset(&key))
        .unknown_unless("status", assigned.enforcement_mode.is_some())
}

fn states(api: &Arm<'_>, subscriptions: &[Subscription]) -> Result<()> {
    let mut findings = api.open::<Finding>("resources of all subscriptions that do not comply with a policy");
    if !findings.is_wanted() {
        return Ok(());
    }
    let mut names = Names::new();
    let ask = |of: &Subscription| {
        let path = of.provided("Microsoft.PolicyInsights/policyStates/latest/queryResults");
        let request = api.post(&path, STATES).query("$filter", "complianceState eq 'NonCompliant'");
        request.paged(Paging::next_url("/@odata.nextLink").items("/value"))
    };
    for (_, answer) in api.ctx.each(subscriptions, ask) {
        for page in api.take(&mut [&mut findings], answer)? {
            let states = findings.items::<State>(&page)?;
            name(api, &states, &mut names);
            let mut others = 0;
            for state in &states {
                if state.compliance_state.as_deref() == Some("Compliant") {
                    others += 1;
                } else {
                    findings.emit(of_state(state, &names))?;
                }
            }
            findings.filtered(others, "a resource that complies")?;
        }
    }
    findings.seal()
}

/// Reads what the policies are called that are not known yet.
fn name(api: &Arm<'_>, states: &[Item<State>], names: &mut Names) {
    let new: BTreeSet<String> = states
        .iter()
        .filter_map(|state| state.policy_definition_id.as_deref().map(id::key))
        .filter(|id| !names.contains_key(id))
        .collect();
    let new: Vec<(String, String)> =
        new.into_iter().filter_map(|id| definition(&id).map(|path| (id, path))).collect();
    let answers = api.details("what a policy is called", &new, |(_, path)| api.get(path, DEFINITIONS));
    for ((id, _), pages) in new.iter().zip(answers) {
        let page = pages.and_then(|pages| pages.into_iter().next());
        let name = page.and_then(|page| {
            let read = api.known("what a policy is called", page.json::<Definition>())?;
            Some((read.properties.display_name?, page.origin("/properties/displayName")))
        });
        names.insert(id.clone(), name);
    }
}

/// Where a definition is asked for: one of Azure's, of a subscription, of a management group.
fn definition(key: &str) -> Option<String> {
    let (above, name) = key.split_once(MARK)?;
    let name = encode(name);
    let parts: Vec<&str> = above.trim_matches('/').split('/').collect();
    let above = match parts.as_slice() {
        [""] => String::new(),
        ["subscriptions", id] => format!("/subscriptions/{}", encode(id)),
        ["providers", "microsoft.management", "managementgroups", id] => {
            format!("/providers/Microsoft.Management/managementGroups/{}", encode(id))
        }
        _ => return None,
    };
    Some(format!("{above}/providers/Microsoft.Authorization/policyDefinitions/{name}"))
}

/// When it was last looked at is in the state, when it began is not.
fn of_state(state: &Item<State>, names: &Names) -> Record<Finding> {
    let definition = state.policy_definition_id.as_deref().map(id::key).unwrap_or_default();
    let assignment = state.policy_assignment_id.as_deref().map(id::key).unwrap_or_default();
    let known = names.get(&definition).and_then(Option::as_ref);
    let resource = id::key(&state.resource_id);
    let policy = known.map(|(name, _)| name.as_str()).or(state.policy_definition_name.as_deref());
    let by = state.policy_assignment_name.as_deref();
    let title = match (policy, by) {
        (Some(policy), Some(by)) => format!("{policy} ({by})"),
        (policy, by) => policy.or(by).unwrap_or(&assignment).to_owned(),
    };
    let reference = state.policy_definition_reference_id.as_deref().unwrap_or_default().to_lowercase();
    let is_open = state.compliance_state.as_deref() == Some("NonCompliant");
    let attributes = Finding {
        status: is_open.then_some(FindingStatus::Open),
        source_status: state.compliance_state.clone(),
        scanner: Some("Azure Policy".to_owned()),
        resource_id: Some(resource.clone()),
        resource_name: Some(id::last(&state.resource_id).to_owned()),
        resource_type: state.resource_type.clone(),
        ..Finding::new(title.chars().take(1000).collect::<String>())
    };
    // An assignment is of one policy, or of a set in which each has a reference: the definition says no more, and a key
    // has an end.
    let policy = if reference.is_empty() { definition.as_str() } else { reference.as_str() };
    let key = format!("{resource}|{assignment}|{policy}");
    let mut record = state
        .record(key, attributes)
        .subject(subject::asset(&resource))
        .unknown("severity")
        .unknown("first_seen_at")
        .unknown_unless("status", is_open);
    if let Some((_, origin)) = known {
        record = record.origin(origin);
    }
    record
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_of_three_places() {
        let ask = |id: &str| definition(&id::key(id));
        assert_eq!(
            ask("/providers/Microsoft.Authorization/policyDefinitions/A").as_deref(),
            Some("/providers/Microsoft.Authorization/policyDefinitions/a")
        );
        assert_eq!(
            ask("/subscriptions/S/providers/microsoft.authorization/policyDefinitions/a b").as_deref(),
            Some("/subscriptions/s/providers/Microsoft.Authorization/policyDefinitions/a%20b")
        );
        assert_eq!(
            ask("/providers/Microsoft.Management/managementGroups/M/providers/Microsoft.Authorization/policyDefinitions/x")
                .as_deref(),
            Some("/providers/Microsoft.Management/managementGroups/m/providers/Microsoft.Authorization/policyDefinitions/x")
        );
        assert_eq!(ask("/elsewhere/providers/Microsoft.Authorization/policyDefinitions/x"), None);
    }
}
