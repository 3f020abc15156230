//! Rules of the organisation: whether a second factor is required, what members may do, what Actions may.

use crate::api::{Api, Detail};
use exhibit_sdk::kinds::{AuthPolicy, Details, Status};
use exhibit_sdk::prelude::*;
use serde_json::Value;

#[derive(Debug, Deserialize)]
pub(crate) struct Organisation {
    pub(crate) id: u64,
    login: String,
    two_factor_requirement_enabled: Option<bool>,
}

/// What of the organisation's document is a rule.
const RULES: [&str; 15] = [
    "default_repository_permission",
    "members_can_create_repositories",
    "members_can_create_public_repositories",
    "members_can_create_private_repositories",
    "members_can_create_internal_repositories",
    "members_can_create_pages",
    "members_can_create_public_pages",
    "members_can_create_teams",
    "members_can_change_repo_visibility",
    "members_can_delete_repositories",
    "members_can_invite_outside_collaborators",
    "members_can_fork_private_repositories",
    "web_commit_signoff_required",
    "deploy_keys_enabled_for_repositories",
    "secret_scanning_push_protection_enabled_for_new_repositories",
];

/// Documents of what Actions may, and the name under which each is kept.
const ACTIONS: [(&str, &str); 5] = [
    ("permissions", "/actions/permissions"),
    ("workflow", "/actions/permissions/workflow"),
    ("fork_pull_requests", "/actions/permissions/fork-pr-contributor-approval"),
    ("self_hosted_runners", "/actions/permissions/self-hosted-runners"),
    ("selected_actions", SELECTED),
];
/// Exists only where some actions are allowed and not all.
const SELECTED: &str = "/actions/permissions/selected-actions";

pub(crate) fn collect(api: &Api<'_>) -> Result<()> {
    let mut policies =
        api.ctx.population::<AuthPolicy>("rules of the organisation, and of GitHub Actions in it");
    if let Some(page) = policies.tolerate(api.get(&api.org("")).send())? {
        policies.fed_by(&page)?;
        policies.emit(of_organisation(&page)?)?;
    }
    of_actions(api, &mut policies)?;
    policies.seal()
}

fn of_organisation(page: &Page) -> Result<Record<AuthPolicy>> {
    let organisation = page.item::<Organisation>()?;
    let document: Value = page.json()?;
    let given = RULES.into_iter().filter_map(|rule| Some((rule, document.get(rule)?)));
    let details: Value = given.map(|(rule, value)| (rule.to_owned(), value.clone())).collect();
    let details = Details::from_json(&details).some();
    let has_details = details.is_some();
    let required = organisation.two_factor_requirement_enabled;
    let attributes = AuthPolicy {
        policy_id: Some(organisation.id.to_string()),
        status: Some(Status::Active),
        applies_to_all: Some(true),
        mfa_required: required,
        details,
        ..AuthPolicy::new(&organisation.login, "organization")
    };
    let mut record = organisation.record(format!("organization/{}", organisation.id), attributes);
    // GitHub shows these to owners alone.
    if required.is_none() {
        record = record.unknown("mfa_required");
    }
    if !has_details {
        record = record.unknown("details");
    }
    Ok(record)
}

fn of_actions(api: &Api<'_>, policies: &mut Population<AuthPolicy>) -> Result<()> {
    let first = api.get(&api.org(ACTIONS[0].1)).send();
    let Some(first) = policies.tolerate(first)? else { return Ok(()) };
    policies.fed_by(&first)?;
    let permissions: Value = first.json()?;
    let is_selected = permissions.get("allowed_actions").and_then(Value::as_str) == Some("selected");
    let asked: Vec<(&str, &str)> =
        ACTIONS.into_iter().skip(1).filter(|(_, path)| *path != SELECTED || is_selected).collect();
    let answers = api.ctx.send_all(asked.iter().map(|(_, path)| api.get(&api.org(path))).collect::<Vec<_>>());
    let mut details = Details::new().with(ACTIONS[0].0, Details::from_json(&permissions));
    let mut detail = Detail::new("a setting of Actions");
    let enabled = permissions.get("enabled_repositories").and_then(Value::as_str);
    let status = match enabled {
        Some("none") => Some(Status::Inactive),
        Some("all" | "selected") => Some(Status::Active),
        _ => None,
    };
    let mut record =
        Record::new("actions", AuthPolicy::new("GitHub Actions", "actions")).origin(&first.origin(""));
    let mut withheld = Vec::new();
    for ((name, _), answer) in asked.into_iter().zip(answers) {
        let Some(page) = detail.known(crate::api::single(Some(answer)))? else {
            withheld.push(name);
            continue;
        };
        details.insert(name, Details::from_json(&page.json()?));
        record = record.origin(&page.origin(""));
    }
    if !withheld.is_empty() {
        details.insert("withheld", withheld);
    }
    let attributes = record.attributes_mut();
    attributes.status = status;
    attributes.details = details.some();
    if status.is_none() {
        record = record.unknown("status");
    }
    policies.emit(record)
}
