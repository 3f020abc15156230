//! The audit log of the organisation: everything that happened, and among it what changed someone's access.
//!
//! Only Enterprise Cloud has it, for the last 180 days. Events of Git (clones, fetches, pushes), which it keeps for 7
//! days, are not asked for.
//! <https://docs.github.com/en/enterprise-cloud@latest/organizations/keeping-your-organization-secure/managing-security-settings-for-your-organization/audit-log-events-for-your-organization>

use crate::api::Api;
use exhibit_sdk::kinds::{
    AccessAction, AccessChange, Activity, ActivityCategory, Details, PrincipalType, Target,
};
use exhibit_sdk::prelude::*;

/// How long GitHub keeps what is not of Git.
const KEPT_DAYS: i32 = 180;

#[derive(Debug, Deserialize)]
struct Event {
    #[serde(rename = "_document_id")]
    id: String,
    #[serde(rename = "@timestamp")]
    at_ms: u64,
    action: String,
    actor: Option<String>,
    actor_id: Option<u64>,
    actor_ip: Option<String>,
    actor_is_bot: Option<bool>,
    actor_location: Option<Location>,
    user: Option<String>,
    user_id: Option<u64>,
    user_agent: Option<String>,
    org: Option<String>,
    repo: Option<String>,
    team: Option<String>,
    name: Option<String>,
    permission: Option<String>,
    old_permission: Option<String>,
    operation_type: Option<String>,
    request_id: Option<String>,
    programmatic_access_type: Option<String>,
    transport_protocol_name: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Location {
    country_code: Option<String>,
    country_name: Option<String>,
}

pub(crate) fn collect(api: &Api<'_>) -> Result<()> {
    let (ctx, window) = (api.ctx, api.ctx.window());
    let mut activity =
        ctx.wanted::<Activity>("all events of the audit log in the window, but for those of Git");
    let mut changes = ctx.wanted::<AccessChange>("events of the audit log in the window that change access");
    ctx.kept(&mut [&mut activity, &mut changes], "GitHub keeps its audit log", KEPT_DAYS);
    let phrase = format!("created:{}..{}", window.start, window.end);
    let list = api.list(&api.org("/audit-log")).query("phrase", phrase);
    for page in list.query("include", "web").query("order", "asc").pages() {
        let Some(page) = tolerate(&mut [&mut activity, &mut changes], page)? else { break };
        let at = |event: &Event| Timestamp::from_ms(event.at_ms);
        activity.events(&page, window, at, |event| Some(activity_of(event)), "")?;
        changes.events(
            &page,
            window,
            at,
            |event| change_of(api, event),
            "an event that changes no access",
        )?;
    }
    activity.seal()?;
    changes.seal()
}

impl Event {
    fn actor_type(&self) -> Option<PrincipalType> {
        match (self.actor_is_bot, &self.actor) {
            (Some(true), _) => Some(PrincipalType::Service),
            (Some(false), Some(_)) => Some(PrincipalType::User),
            // GitHub writes apps' names with this ending.
            (None, Some(actor)) if actor.ends_with("[bot]") => Some(PrincipalType::Service),
            _ => None,
        }
    }
}

fn activity_of(event: &Item<Event>) -> Record<Activity> {
    let mut targets = Vec::new();
    for (kind, id, name) in [
        ("user", event.user_id.map(|id| id.to_string()), event.user.as_ref()),
        ("repository", None, event.repo.as_ref()),
        ("team", None, event.team.as_ref()),
        ("organization", None, event.org.as_ref()),
    ] {
        if let Some(name) = name {
            let id = id.unwrap_or_else(|| name.clone());
            targets.push(Target {
                r#type: Some(kind.to_owned()),
                name: Some(name.clone()),
                ..Target::new(id)
            });
        }
    }
    let mut details = Details::new();
    for (name, value) in [
        ("name", &event.name),
        ("permission", &event.permission),
        ("old_permission", &event.old_permission),
        ("operation", &event.operation_type),
        ("credential", &event.programmatic_access_type),
        ("transport", &event.transport_protocol_name),
    ] {
        if let Some(value) = value {
            details.insert(name, value.as_str());
        }
    }
    let place = event.actor_location.as_ref();
    let attributes = Activity {
        category: Some(category(&event.action)),
        actor_id: event.actor_id.map(|id| id.to_string()),
        actor_type: event.actor_type(),
        actor_name: event.actor.clone(),
        targets: Some(targets),
        source_ip: event.actor_ip.clone(),
        country: place.and_then(|place| place.country_code.clone().or_else(|| place.country_name.clone())),
        client: event.user_agent.clone(),
        transaction_id: event.request_id.clone(),
        details: details.some(),
        ..Activity::new(&event.action)
    };
    let mut record = event.record(&event.id, attributes);
    if event.actor_type().is_none() {
        record = record.unknown("actor_type");
    }
    // The log has what was done, and an organisation sees addresses only where it asked for that.
    if event.actor_ip.is_none() {
        record = record.unknown("source_ip");
    }
    record.unknown("result")
}

fn change_of(api: &Api<'_>, event: &Item<Event>) -> Option<Record<AccessChange>> {
    let action = action(event)?;
    let is_of_team = event.action.starts_with("team.");
    // Of a repository given to a team, the team's access changes; else a user's.
    let team = event.team.as_ref().filter(|_| event.user.is_none());
    let (target_type, target_name) = match (&event.user, team) {
        (Some(user), _) => (Some(PrincipalType::User), Some(user.clone())),
        (None, Some(team)) => (Some(PrincipalType::Group), Some(team.clone())),
        (None, None) => (None, None),
    };
    let object = match is_of_team && event.user.is_some() {
        true => event.team.as_ref(),
        false => event.repo.as_ref().or(event.name.as_ref()).or(event.org.as_ref()),
    };
    let privileged = event.permission.as_deref().map(|permission| permission == "admin");
    let attributes = AccessChange {
        source_action: Some(event.action.clone()),
        actor_id: event.actor_id.map(|id| id.to_string()),
        actor_type: event.actor_type(),
        actor_name: event.actor.clone(),
        target_id: event.user_id.filter(|_| event.user.is_some()).map(|id| id.to_string()),
        target_type,
        target_name,
        object_name: object.cloned(),
        privileged,
        source_ip: event.actor_ip.clone(),
        ..AccessChange::new(action)
    };
    let mut record = event.record(&event.id, attributes);
    if let Some(subject) =
        event.user.as_deref().and_then(|login| api.people.address(login)).and_then(subject::person)
    {
        record = record.subject(subject);
    }
    for (attribute, is_known) in
        [("privileged", privileged.is_some()), ("actor_type", event.actor_type().is_some())]
    {
        if !is_known {
            record = record.unknown(attribute);
        }
    }
    Some(record.unknown("result"))
}

fn action(event: &Event) -> Option<AccessAction> {
    use AccessAction as A;
    // A role of administrator that is lost is no grant, whatever comes in its place.
    let is_lost =
        event.old_permission.as_deref() == Some("admin") && event.permission.as_deref() != Some("admin");
    Some(match event.action.as_str() {
        "org.add_member" => A::AccountCreated,
        "org.remove_member" => A::AccountDeleted,
        "org.block_user" => A::AccountSuspended,
        "org.unblock_user" => A::AccountEnabled,
        "org.update_member" | "repo.update_member" | "team.update_repository_permission" if is_lost => {
            A::RoleRevoked
        }
        "org.update_member" | "repo.update_member" | "team.update_repository_permission" => A::RoleGranted,
        "org.add_outside_collaborator"
        | "repo.add_member"
        | "team.add_repository"
        | "organization_role.assign"
        | "team.promote_maintainer" => A::RoleGranted,
        "org.remove_outside_collaborator"
        | "repo.remove_member"
        | "team.remove_repository"
        | "organization_role.revoke"
        | "team.demote_maintainer" => A::RoleRevoked,
        "team.add_member" => A::GroupAdded,
        "team.remove_member" => A::GroupRemoved,
        "integration_installation.create" | "org.oauth_app_access_approved" => A::AppGranted,
        "integration_installation.destroy" | "org.oauth_app_access_denied" => A::AppRevoked,
        "public_key.create"
        | "personal_access_token.access_granted"
        | "org_credential_authorization.grant" => A::CredentialCreated,
        "public_key.delete"
        | "personal_access_token.access_revoked"
        | "org_credential_authorization.revoke" => A::CredentialRevoked,
        "org.enable_two_factor_requirement"
        | "org.disable_two_factor_requirement"
        | "org.enable_saml"
        | "org.disable_saml"
        | "org.update_default_repository_permission"
        | "ip_allow_list.enable"
        | "ip_allow_list.disable" => A::PolicyChanged,
        _ => return None,
    })
}

fn category(action: &str) -> ActivityCategory {
    let area = action.split('.').next().unwrap_or_default();
    match area {
        "org_credential_authorization"
        | "personal_access_token"
        | "public_key"
        | "team"
        | "organization_role"
        | "integration_installation" => ActivityCategory::Access,
        "org" | "repo" if ["member", "collaborator", "invit"].iter().any(|word| action.contains(word)) => {
            ActivityCategory::Access
        }
        "git" => ActivityCategory::Data,
        "org"
        | "repo"
        | "protected_branch"
        | "repository_ruleset"
        | "environment"
        | "hook"
        | "ip_allow_list"
        | "dependabot_alerts"
        | "repository_secret_scanning"
        | "business" => ActivityCategory::Configuration,
        _ => ActivityCategory::Other,
    }
}
