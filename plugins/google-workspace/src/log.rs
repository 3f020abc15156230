//! Sign-ins and what administrators did, of the run's window.
//!
//! <https://developers.google.com/workspace/admin/reports/reference/rest/v1/activities>. Kept for 180 days:
//! <https://support.google.com/a/answer/7061566>. Newest first, which is the only order there is.

use crate::api::{ADMIN, Api};
use exhibit_sdk::kinds::{
    AccessAction, AccessChange, Activity, ActivityCategory, Outcome, PrincipalType, Target,
};
use exhibit_sdk::prelude::*;
use serde_json::Value;

const KEPT_DAYS: i32 = 180;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    id: Id,
    actor: Option<Actor>,
    ip_address: Option<String>,
    #[serde(default)]
    events: Vec<Event>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Id {
    time: Timestamp,
    unique_qualifier: String,
    application_name: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Actor {
    email: Option<String>,
    profile_id: Option<String>,
    caller_type: Option<String>,
    key: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Event {
    r#type: Option<String>,
    name: String,
    #[serde(default)]
    parameters: Vec<Parameter>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Parameter {
    name: Option<String>,
    value: Option<String>,
    int_value: Option<Value>,
    bool_value: Option<bool>,
    #[serde(default)]
    multi_value: Vec<String>,
}

impl Event {
    fn text(&self, name: &str) -> Option<String> {
        let parameter = self.parameters.iter().find(|p| p.name.as_deref() == Some(name))?;
        parameter.value.clone().or_else(|| parameter.multi_value.first().cloned())
    }

    fn flag(&self, name: &str) -> Option<bool> {
        self.parameters.iter().find(|p| p.name.as_deref() == Some(name))?.bool_value
    }

    /// Whom it was done to.
    fn target(&self) -> Option<String> {
        self.text("USER_EMAIL").or_else(|| self.text("affected_email_address"))
    }

    fn details(&self, application: &str) -> Details {
        let mut details = Details::new().with("application", application);
        if let Some(word) = &self.r#type {
            details.insert("type", word.as_str());
        }
        for parameter in &self.parameters {
            let Some(name) = &parameter.name else { continue };
            if let Some(value) = &parameter.value {
                details.insert(name, value.as_str());
            } else if let Some(flag) = parameter.bool_value {
                details.insert(name, flag);
            } else if let Some(number) = &parameter.int_value {
                let text = number.as_str().map_or_else(|| number.to_string(), str::to_owned);
                details.insert(name, text);
            } else if !parameter.multi_value.is_empty() {
                details.insert(name, parameter.multi_value.clone());
            }
        }
        details
    }
}

pub(crate) fn collect(api: &Api<'_>) -> Result<()> {
    exhibit_sdk::all(["login", "admin"].map(|application| of_application(api, application)))
}

fn of_application(api: &Api<'_>, application: &str) -> Result<()> {
    let mut events =
        api.ctx.wanted::<Activity>(&format!("all events of the window, of the log `{application}`"));
    let mut access = api.ctx.wanted::<AccessChange>(&format!(
        "events of the window that change access, of the log `{application}`"
    ));
    if !events.is_wanted() && !access.is_wanted() {
        return Ok(());
    }
    let window = api.ctx.window();
    api.ctx.kept(&mut [&mut events, &mut access], "Google keeps these events", KEPT_DAYS);
    let path = format!("/admin/reports/v1/activity/users/all/applications/{application}");
    let list = api
        .get(ADMIN, &path)
        .query("startTime", window.start.to_string())
        .query("endTime", window.end.to_string())
        .query("maxResults", "1000");
    for page in Api::list(list, "/items").pages() {
        for page in api.passing.take(&mut [&mut events, &mut access], page.map(|page| vec![page]))? {
            let found = events.items::<Entry>(&page)?;
            for entry in &found {
                // Whether the end of the window belongs to it, Google does not say; of the next one it is the start.
                if !window.contains(entry.id.time) {
                    events.filtered(1, "an event at the very end of the window, which the next one has")?;
                    access.filtered(1, "an event at the very end of the window, which the next one has")?;
                    continue;
                }
                of_entry(api, entry, application, &mut events, &mut access)?;
            }
        }
    }
    exhibit_sdk::all([events.seal(), access.seal()])
}

fn of_entry(
    api: &Api<'_>,
    entry: &Item<Entry>,
    application: &str,
    events: &mut Wanted<Activity>,
    access: &mut Wanted<AccessChange>,
) -> Result<()> {
    events.filtered(u64::from(entry.events.is_empty()), "an entry without events")?;
    let mut changes = 0_u64;
    for (index, event) in entry.nested("/events", &entry.events).enumerate() {
        let application = entry.id.application_name.as_deref().unwrap_or(application);
        let key = format!("{application}/{}/{}/{index}", entry.id.time, entry.id.unique_qualifier);
        events.emit(activity(entry, &event, application, &key))?;
        if let Some(action) = action(&event.name) {
            access.emit(change(api, entry, &event, action, &key))?;
            changes += 1;
        }
    }
    access.filtered(u64::from(changes == 0), "an event that changes no access")
}

/// Id, kind and name of who did it.
fn who(actor: Option<&Actor>) -> (Option<String>, Option<PrincipalType>, Option<String>) {
    let Some(actor) = actor else { return (None, None, None) };
    let kind = match actor.caller_type.as_deref() {
        Some("USER") => Some(PrincipalType::User),
        // An application that acts by itself, known by its key.
        Some("KEY" | "APPLICATION") => Some(PrincipalType::Service),
        // Sign-ins have no word for it.
        None if actor.email.is_some() => Some(PrincipalType::User),
        _ => None,
    };
    // Google writes this id where there is none.
    let id = actor.profile_id.clone().filter(|id| id != "105250506097979753968");
    let name = actor.email.clone().filter(|email| !email.is_empty()).or_else(|| actor.key.clone());
    (id.or_else(|| name.clone()), kind, name)
}

fn activity(entry: &Item<Entry>, event: &Item<&Event>, application: &str, key: &str) -> Record<Activity> {
    let (actor_id, actor_type, actor_name) = who(entry.actor.as_ref());
    let target = event.target().or_else(|| event.text("GROUP_EMAIL"));
    let result = result(&event.name, application);
    let attributes = Activity {
        category: Some(category(&event.name, application)),
        result,
        reason: event.text("login_failure_type"),
        actor_id,
        actor_type,
        actor_name,
        targets: Some(target.map(Target::new).into_iter().collect()),
        source_ip: entry.ip_address.clone(),
        mfa_used: event.flag("is_second_factor"),
        transaction_id: Some(entry.id.unique_qualifier.clone()),
        details: event.details(application).some(),
        ..Activity::new(&event.name)
    };
    let record = event.record(key, attributes).occurred_at(entry.id.time);
    if result.is_none() { record.unknown("result") } else { record }
}

/// What is logged of administrators was done; of sign-ins the name says how they ended.
fn result(name: &str, application: &str) -> Option<Outcome> {
    match (application, name) {
        ("admin", _) => Some(Outcome::Success),
        (_, "login_success" | "logout" | "2sv_enroll" | "2sv_disable" | "password_edit") => {
            Some(Outcome::Success)
        }
        (_, "login_failure") => Some(Outcome::Failure),
        (_, "risky_sensitive_action_blocked") => Some(Outcome::Denied),
        _ => None,
    }
}

fn category(name: &str, application: &str) -> ActivityCategory {
    match action(name) {
        Some(_) => ActivityCategory::Access,
        None if application == "login" => ActivityCategory::Authentication,
        None if application == "admin" => ActivityCategory::Configuration,
        None => ActivityCategory::Other,
    }
}

fn change(
    api: &Api<'_>,
    entry: &Entry,
    event: &Item<&Event>,
    action: AccessAction,
    key: &str,
) -> Record<AccessChange> {
    let (actor_id, actor_type, actor_name) = who(entry.actor.as_ref());
    // What a user changes about themselves names nobody else.
    let own = event.r#type.as_deref() != Some("USER_SETTINGS")
        && entry.id.application_name.as_deref() == Some("login");
    let target = event.target().or_else(|| actor_name.clone().filter(|_| own));
    let object = ["ROLE_NAME", "GROUP_EMAIL", "APP_NAME", "API_CLIENT_NAME", "ORG_UNIT_NAME"];
    let privileged = matches!(action, AccessAction::RoleGranted | AccessAction::RoleRevoked).then_some(true);
    let attributes = AccessChange {
        source_action: Some(event.name.clone()),
        result: Some(Outcome::Success),
        actor_id,
        actor_type,
        actor_name,
        target_id: target.clone(),
        target_type: target.is_some().then_some(PrincipalType::User),
        target_name: target.clone(),
        object_id: event.text("ROLE_ID"),
        object_name: object.into_iter().find_map(|name| event.text(name)),
        privileged,
        source_ip: entry.ip_address.clone(),
        ..AccessChange::new(action)
    };
    let record = event.record(key, attributes).occurred_at(entry.id.time);
    match target {
        Some(target) => record.subject(subject::person_or_account(Some(&target), &api.tenant, &target)),
        None => record,
    }
}

/// <https://developers.google.com/workspace/admin/reports/v1/appendix/activity/admin-event-names>,
/// <https://developers.google.com/workspace/admin/reports/v1/appendix/activity/login>.
fn action(name: &str) -> Option<AccessAction> {
    use AccessAction as A;
    Some(match name {
        "CREATE_USER" => A::AccountCreated,
        "UNSUSPEND_USER" | "UNDELETE_USER" | "UNARCHIVE_USER" => A::AccountEnabled,
        "SUSPEND_USER" => A::AccountSuspended,
        "ARCHIVE_USER" => A::AccountDisabled,
        "DELETE_USER" => A::AccountDeleted,
        "ASSIGN_ROLE" | "GRANT_ADMIN_PRIVILEGE" | "GRANT_DELEGATED_ADMIN_PRIVILEGES" => A::RoleGranted,
        "UNASSIGN_ROLE" | "REVOKE_ADMIN_PRIVILEGE" | "REVOKE_DELEGATED_ADMIN_PRIVILEGES" => A::RoleRevoked,
        "ADD_GROUP_MEMBER" => A::GroupAdded,
        "REMOVE_GROUP_MEMBER" => A::GroupRemoved,
        "AUTHORIZE_API_CLIENT_ACCESS" | "ADD_TO_TRUSTED_OAUTH2_APPS" => A::AppGranted,
        "REMOVE_API_CLIENT_ACCESS" | "REVOKE_3LO_TOKEN" | "REMOVE_FROM_TRUSTED_OAUTH2_APPS" => A::AppRevoked,
        "CHANGE_PASSWORD" => A::PasswordReset,
        "password_edit" => A::PasswordChanged,
        "2sv_enroll" => A::MfaEnrolled,
        "2sv_disable" | "TURN_OFF_2_STEP_VERIFICATION" | "REVOKE_SECURITY_KEY" => A::MfaRemoved,
        "REVOKE_ASP" => A::CredentialRevoked,
        "account_disabled_password_leak"
        | "account_disabled_hijacked"
        | "account_disabled_generic"
        | "account_disabled_spamming"
        | "account_disabled_spamming_through_relay" => A::AccountLocked,
        "ENFORCE_STRONG_AUTHENTICATION"
        | "ALLOW_STRONG_AUTHENTICATION"
        | "CHANGE_ALLOWED_TWO_STEP_VERIFICATION_METHODS"
        | "CREATE_ROLE"
        | "UPDATE_ROLE"
        | "DELETE_ROLE"
        | "ADD_PRIVILEGE"
        | "REMOVE_PRIVILEGE" => A::PolicyChanged,
        _ => return None,
    })
}
