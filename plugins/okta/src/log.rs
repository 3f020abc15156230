//! The System Log: everything that happened, and among it what changed someone's access.
//!
//! Okta gives a next link even at the end of the log, so an empty page is the end. Without `until` the log
//! would be polled for ever; with both bounds a window is read once, in order of publication.

use crate::Api;
use exhibit_sdk::kinds::{
    AccessAction, AccessChange, Activity, ActivityCategory, Outcome, PrincipalType, Severity, Target,
};
use exhibit_sdk::prelude::*;
use exhibit_sdk::subject;

/// <https://developer.okta.com/docs/reference/system-log-query/>
const KEPT_DAYS: i32 = 90;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    uuid: String,
    published: Timestamp,
    event_type: String,
    display_message: Option<String>,
    severity: Option<String>,
    actor: Option<Actor>,
    client: Option<Client>,
    outcome: Option<EventOutcome>,
    target: Option<Vec<EventTarget>>,
    transaction: Option<Transaction>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Actor {
    id: Option<String>,
    r#type: Option<String>,
    alternate_id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Client {
    ip_address: Option<String>,
    geographical_context: Option<Place>,
    user_agent: Option<UserAgent>,
}

#[derive(Debug, Deserialize)]
struct Place {
    country: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct UserAgent {
    raw_user_agent: Option<String>,
}

#[derive(Debug, Deserialize)]
struct EventOutcome {
    result: Option<String>,
    reason: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct EventTarget {
    id: Option<String>,
    r#type: Option<String>,
    alternate_id: Option<String>,
    display_name: Option<String>,
}

impl EventTarget {
    /// Okta's `alternateId` of what has no second name is the word `unknown`.
    fn name(&self) -> Option<String> {
        self.alternate_id.clone().filter(|name| name != "unknown").or_else(|| self.display_name.clone())
    }
}

#[derive(Debug, Deserialize)]
struct Transaction {
    id: Option<String>,
}

pub(crate) fn collect(api: &Api<'_>) -> Result<()> {
    let window = api.ctx.window();
    let mut activity = api.ctx.wanted::<Activity>("all System Log events of the window");
    let mut changes = api.ctx.wanted::<AccessChange>("System Log events of the window that change access");
    api.ctx.kept(&mut [&mut activity, &mut changes], "Okta keeps its System Log", KEPT_DAYS);
    let list = api
        .get("/api/v1/logs")
        .query("since", window.start.to_string())
        .query("until", window.end.to_string())
        .query("sortOrder", "ASCENDING")
        .query("limit", "1000")
        .paged(Paging::link_header().items("").end_on_empty());
    for page in list.pages() {
        let Some(page) = tolerate(&mut [&mut activity, &mut changes], page)? else { break };
        let at = |event: &Event| event.published;
        activity.events(&page, window, at, |event| Some(of_event(event)), "")?;
        let change = |event: &Item<Event>| Some(of_change(event, action(&event.event_type)?));
        changes.events(&page, window, at, change, "an event that changes no access")?;
    }
    activity.seal()?;
    changes.seal()
}

fn of_event(event: &Item<Event>) -> Record<Activity> {
    let (actor, client) = (event.actor.as_ref(), event.client.as_ref());
    let targets = event.target.as_deref().unwrap_or_default();
    let attributes = Activity {
        category: Some(category(&event.event_type)),
        message: event.display_message.clone(),
        severity: event.severity.as_deref().and_then(severity),
        result: event.outcome.as_ref().and_then(|o| o.result.as_deref()).and_then(outcome),
        reason: event.outcome.as_ref().and_then(|o| o.reason.clone()),
        actor_id: actor.and_then(|a| a.id.clone()),
        actor_type: actor.and_then(|a| a.r#type.as_deref()).and_then(principal),
        actor_name: actor.and_then(|a| a.alternate_id.clone()),
        targets: Some(
            targets
                .iter()
                .filter_map(|t| {
                    Some(Target { r#type: t.r#type.clone(), name: t.name(), ..Target::new(t.id.clone()?) })
                })
                .collect(),
        ),
        source_ip: client.and_then(|c| c.ip_address.clone()),
        country: client.and_then(|c| c.geographical_context.as_ref()?.country.clone()),
        client: client.and_then(|c| c.user_agent.as_ref()?.raw_user_agent.clone()),
        transaction_id: event.transaction.as_ref().and_then(|t| t.id.clone()),
        ..Activity::new(&event.event_type)
    };
    event.record(&event.uuid, attributes).occurred_at(event.published)
}

fn of_change(event: &Item<Event>, action: AccessAction) -> Record<AccessChange> {
    let actor = event.actor.as_ref();
    let targets = event.target.as_deref().unwrap_or_default();
    let of_type = |word: &str| targets.iter().find(|t| t.r#type.as_deref() == Some(word));
    // Whose access it is: a user, by their own id before the one in an application; else a group.
    let user = of_type("User").or_else(|| of_type("AppUser"));
    let target = user.or_else(|| of_type("UserGroup"));
    let is_object = |t: &&EventTarget| {
        !matches!(t.r#type.as_deref(), Some("User" | "AppUser"))
            && target.is_none_or(|of| !std::ptr::eq(of, *t))
    };
    let object = targets.iter().find(is_object);
    let privileged = event.event_type.contains(".privilege.") || event.event_type.starts_with("iam.");
    let attributes = AccessChange {
        source_action: Some(event.event_type.clone()),
        result: event.outcome.as_ref().and_then(|o| o.result.as_deref()).and_then(outcome),
        actor_id: actor.and_then(|a| a.id.clone()),
        actor_type: actor.and_then(|a| a.r#type.as_deref()).and_then(principal),
        actor_name: actor.and_then(|a| a.alternate_id.clone()),
        target_id: target.and_then(|t| t.id.clone()),
        target_type: target.map(|_| if user.is_some() { PrincipalType::User } else { PrincipalType::Group }),
        target_name: target.and_then(EventTarget::name),
        object_id: object.and_then(|t| t.id.clone()),
        object_name: object.and_then(|t| t.display_name.clone().or_else(|| t.alternate_id.clone())),
        privileged: privileged.then_some(true),
        source_ip: event.client.as_ref().and_then(|c| c.ip_address.clone()),
        ..AccessChange::new(action)
    };
    let mut record = event.record(&event.uuid, attributes).occurred_at(event.published);
    if let Some(subject) = user.and_then(|t| subject::person(t.alternate_id.as_deref()?)) {
        record = record.subject(subject);
    }
    if !privileged {
        // A group or an application may give administrative access; the event does not say.
        record = record.unknown("privileged");
    }
    record
}

/// <https://developer.okta.com/docs/reference/api/event-types/>
fn action(event_type: &str) -> Option<AccessAction> {
    use AccessAction as A;
    Some(match event_type {
        "user.lifecycle.create" => A::AccountCreated,
        "user.lifecycle.activate" | "user.lifecycle.reactivate" | "user.lifecycle.unsuspend" => {
            A::AccountEnabled
        }
        "user.lifecycle.suspend" => A::AccountSuspended,
        "user.account.lock" => A::AccountLocked,
        "user.account.unlock" | "user.account.unlock_by_admin" => A::AccountUnlocked,
        "user.lifecycle.deactivate" => A::AccountDisabled,
        "user.lifecycle.delete.completed" | "user.lifecycle.delete.initiated" => A::AccountDeleted,
        "user.account.privilege.grant" | "group.privilege.grant" | "iam.resourceset.bindings.add" => {
            A::RoleGranted
        }
        "user.account.privilege.revoke" | "group.privilege.revoke" | "iam.resourceset.bindings.delete" => {
            A::RoleRevoked
        }
        "group.user_membership.add" => A::GroupAdded,
        "group.user_membership.remove" => A::GroupRemoved,
        "application.user_membership.add" | "group.application_assignment.add" => A::AppGranted,
        "application.user_membership.remove" | "group.application_assignment.remove" => A::AppRevoked,
        "user.account.update_password" => A::PasswordChanged,
        "user.account.reset_password" => A::PasswordReset,
        "user.mfa.factor.activate" => A::MfaEnrolled,
        "user.mfa.factor.deactivate" | "user.mfa.factor.reset_all" => A::MfaRemoved,
        "system.api_token.create" => A::CredentialCreated,
        "system.api_token.revoke" => A::CredentialRevoked,
        _ if event_type.starts_with("policy.") => match event_type.rsplit('.').next() {
            Some("create" | "update" | "delete" | "activate" | "deactivate" | "add") => A::PolicyChanged,
            _ => return None,
        },
        _ => return None,
    })
}

fn category(event_type: &str) -> ActivityCategory {
    let has = |prefixes: &[&str]| prefixes.iter().any(|prefix| event_type.starts_with(prefix));
    if has(&["user.session.", "user.authentication.", "user.mfa.attempt", "policy.evaluate_sign_on"]) {
        ActivityCategory::Authentication
    } else if action(event_type).is_some_and(|a| a != AccessAction::PolicyChanged) {
        ActivityCategory::Access
    } else if has(&["policy.", "zone.", "system.", "application.lifecycle.", "group.lifecycle."]) {
        ActivityCategory::Configuration
    } else {
        ActivityCategory::Other
    }
}

fn severity(word: &str) -> Option<Severity> {
    match word {
        "ERROR" => Some(Severity::High),
        "WARN" => Some(Severity::Medium),
        "INFO" | "DEBUG" => Some(Severity::Informational),
        _ => None,
    }
}

fn outcome(word: &str) -> Option<Outcome> {
    match word {
        "SUCCESS" | "ALLOW" => Some(Outcome::Success),
        "FAILURE" | "UNANSWERED" => Some(Outcome::Failure),
        "DENY" | "REJECTED" => Some(Outcome::Denied),
        "CHALLENGE" | "DEFERRED" | "SCHEDULED" => Some(Outcome::InProgress),
        "ABANDONED" => Some(Outcome::Cancelled),
        _ => None,
    }
}

fn principal(word: &str) -> Option<PrincipalType> {
    match word {
        "User" => Some(PrincipalType::User),
        "SystemPrincipal" | "PublicClientApp" | "ServiceAccount" => Some(PrincipalType::Service),
        _ => None,
    }
}
