//! Directory audits and sign-ins of the run's window.
//!
//! <https://learn.microsoft.com/en-us/graph/api/directoryaudit-list>, <https://learn.microsoft.com/en-us/graph/api/signin-list>.
//! Kept for 30 days with a premium licence; without one, audits for 7 days, and sign-ins are not given by Graph at all:
//! <https://learn.microsoft.com/en-us/entra/identity/monitoring-health/reference-reports-data-retention>

use super::api::{Graph, is_unlicensed};
use exhibit_sdk::prelude::*;
use serde_json::Value;

const KEPT_DAYS: i32 = 30;
const KEPT_DAYS_UNLICENSED: i32 = 7;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Audit {
    id: String,
    activity_date_time: Timestamp,
    activity_display_name: String,
    category: Option<String>,
    correlation_id: Option<String>,
    result: Option<String>,
    result_reason: Option<String>,
    logged_by_service: Option<String>,
    operation_type: Option<String>,
    initiated_by: Option<Initiator>,
    #[serde(default)]
    target_resources: Vec<Resource>,
}

#[derive(Debug, Deserialize)]
struct Initiator {
    user: Option<Person>,
    app: Option<App>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Person {
    id: Option<String>,
    user_principal_name: Option<String>,
    display_name: Option<String>,
    ip_address: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct App {
    service_principal_id: Option<String>,
    app_id: Option<String>,
    display_name: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Resource {
    id: Option<String>,
    r#type: Option<String>,
    display_name: Option<String>,
    user_principal_name: Option<String>,
    #[serde(default)]
    modified_properties: Vec<Modified>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Modified {
    display_name: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SignIn {
    id: String,
    created_date_time: Timestamp,
    user_id: Option<String>,
    user_principal_name: Option<String>,
    app_id: Option<String>,
    app_display_name: Option<String>,
    resource_id: Option<String>,
    resource_display_name: Option<String>,
    ip_address: Option<String>,
    client_app_used: Option<String>,
    correlation_id: Option<String>,
    conditional_access_status: Option<String>,
    is_interactive: Option<bool>,
    risk_level_during_sign_in: Option<String>,
    status: Option<SignInStatus>,
    location: Option<Location>,
    device_detail: Option<Device>,
    applied_conditional_access_policies: Option<Vec<Applied>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SignInStatus {
    error_code: Option<i64>,
    failure_reason: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    country_or_region: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Device {
    browser: Option<String>,
    operating_system: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Applied {
    result: Option<String>,
    #[serde(default)]
    enforced_grant_controls: Vec<Value>,
}

pub(super) fn collect(graph: &Graph<'_>) -> Result<()> {
    if !graph.ctx.wants::<Activity>() {
        return Ok(());
    }
    // Sign-ins first: whether Graph gives them tells for how long it keeps audits.
    let kept = sign_ins(graph)?;
    audits(graph, kept)
}

/// A list of events of the window. Graph knows no `lt` here: the window's end is taken out again.
fn within(graph: &Graph<'_>, path: &str, time: &str) -> Request {
    let window = graph.ctx.window();
    let filter = format!("{time} ge {} and {time} le {}", window.start, window.end);
    graph.list(path).query("$filter", filter).query("$top", "999")
}

/// For how many days audits are kept.
fn sign_ins(graph: &Graph<'_>) -> Result<i32> {
    let mut events = graph.ctx.wanted::<Activity>("interactive sign-ins of users");
    graph.ctx.kept(&mut [&mut events], "Microsoft keeps sign-ins", KEPT_DAYS);
    let mut kept = KEPT_DAYS;
    for page in within(graph, "/auditLogs/signIns", "createdDateTime").pages() {
        if page.as_ref().is_err_and(is_unlicensed) {
            kept = KEPT_DAYS_UNLICENSED;
        }
        for page in graph.passing.take(&mut [&mut events], page.map(|page| vec![page]))? {
            let window = graph.ctx.window();
            events.events(&page, window, |e: &SignIn| e.created_date_time, |e| Some(of_sign_in(e)), "")?;
        }
    }
    events.seal()?;
    Ok(kept)
}

fn audits(graph: &Graph<'_>, kept: i32) -> Result<()> {
    let mut events = graph.ctx.wanted::<Activity>("directory audits");
    graph.ctx.kept(&mut [&mut events], "Microsoft keeps directory audits of this tenant", kept);
    for page in within(graph, "/auditLogs/directoryAudits", "activityDateTime").pages() {
        for page in graph.passing.take(&mut [&mut events], page.map(|page| vec![page]))? {
            let window = graph.ctx.window();
            events.events(&page, window, |e: &Audit| e.activity_date_time, |e| Some(of_audit(e)), "")?;
        }
    }
    events.seal()
}

fn of_audit(event: &Item<Audit>) -> Record<Activity> {
    let user = event.initiated_by.as_ref().and_then(|by| by.user.as_ref());
    let app = event.initiated_by.as_ref().and_then(|by| by.app.as_ref());
    let actor_type = match (user, app) {
        (Some(_), _) => Some(PrincipalType::User),
        (None, Some(_)) => Some(PrincipalType::Service),
        (None, None) => None,
    };
    let actor_id = user
        .and_then(|user| user.id.clone())
        .or_else(|| app.and_then(|app| app.service_principal_id.clone().or_else(|| app.app_id.clone())));
    let actor_name = user
        .and_then(|user| user.user_principal_name.clone().or_else(|| user.display_name.clone()))
        .or_else(|| app.and_then(|app| app.display_name.clone()));
    let targets = event.target_resources.iter().filter_map(|of| {
        let name = of.user_principal_name.clone().or_else(|| of.display_name.clone());
        Some(Target { r#type: of.r#type.clone(), name, ..Target::new(of.id.clone()?) })
    });
    let attributes = Activity {
        category: Some(category(event.category.as_deref())),
        result: event.result.as_deref().and_then(|word| match word {
            "success" => Some(Outcome::Success),
            "failure" | "timeout" => Some(Outcome::Failure),
            _ => None,
        }),
        reason: event.result_reason.clone().filter(|reason| !reason.is_empty()),
        actor_id,
        actor_type,
        actor_name,
        targets: Some(targets.collect()),
        source_ip: user.and_then(|user| user.ip_address.clone()).filter(|ip| !ip.is_empty()),
        transaction_id: event.correlation_id.clone(),
        details: Some(changed(event)),
        ..Activity::new(&event.activity_display_name)
    };
    let mut record = event.record(&event.id, attributes);
    if actor_type.is_none() {
        record = record.unknown("actor_type");
    }
    record
}

/// What an audit was about, and the names of what changed: values may be telephone numbers and the like.
fn changed(event: &Audit) -> Details {
    let mut details = Details::new();
    for (name, value) in [
        ("category", &event.category),
        ("service", &event.logged_by_service),
        ("operation", &event.operation_type),
    ] {
        if let Some(value) = value {
            details.insert(name, value.as_str());
        }
    }
    let properties = event.target_resources.iter().flat_map(|of| &of.modified_properties);
    let names: std::collections::BTreeSet<String> =
        properties.filter_map(|of| of.display_name.clone()).collect();
    if !names.is_empty() {
        details.insert("modified", names.into_iter().take(100).collect::<Vec<_>>());
    }
    details
}

/// <https://learn.microsoft.com/en-us/entra/identity/monitoring-health/reference-audit-activities>
fn category(word: Option<&str>) -> ActivityCategory {
    match word {
        Some(
            "UserManagement"
            | "GroupManagement"
            | "RoleManagement"
            | "ApplicationManagement"
            | "EntitlementManagement"
            | "AdministrativeUnit",
        ) => ActivityCategory::Access,
        Some(
            "Policy"
            | "DirectoryManagement"
            | "Device"
            | "DeviceConfiguration"
            | "Authorization"
            | "KeyManagement",
        ) => ActivityCategory::Configuration,
        Some("Authentication") => ActivityCategory::Authentication,
        _ => ActivityCategory::Other,
    }
}

fn of_sign_in(event: &Item<SignIn>) -> Record<Activity> {
    let failed = event.status.as_ref().and_then(|status| status.error_code);
    let result = match (failed, event.conditional_access_status.as_deref()) {
        (Some(0), _) => Some(Outcome::Success),
        (Some(_), Some("failure")) => Some(Outcome::Denied),
        (Some(_), _) => Some(Outcome::Failure),
        (None, _) => None,
    };
    let target = |id: &Option<String>, name: &Option<String>, word: &str| {
        Some(Target { r#type: Some(word.to_owned()), name: name.clone(), ..Target::new(id.clone()?) })
    };
    let targets = [
        target(&event.app_id, &event.app_display_name, "application"),
        target(&event.resource_id, &event.resource_display_name, "resource"),
    ];
    let client = event.device_detail.as_ref().map(|device| {
        let words = [device.browser.as_deref(), device.operating_system.as_deref()];
        words.into_iter().flatten().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(", ")
    });
    // v1.0 says whether conditional access asked for a second factor and got it; not whether something else did.
    let by_policy = event.applied_conditional_access_policies.iter().flatten().any(|applied| {
        applied.result.as_deref() == Some("success")
            && applied
                .enforced_grant_controls
                .iter()
                .any(|c| c.as_str().is_some_and(|c| c.eq_ignore_ascii_case("mfa")))
    });
    let mfa_used = (by_policy && failed == Some(0)).then_some(true);
    let attributes = Activity {
        category: Some(ActivityCategory::Authentication),
        result,
        reason: event.status.as_ref().and_then(|s| s.failure_reason.clone()).filter(|_| failed != Some(0)),
        actor_id: event.user_id.clone(),
        actor_type: Some(PrincipalType::User),
        actor_name: event.user_principal_name.clone(),
        targets: Some(targets.into_iter().flatten().collect()),
        source_ip: event.ip_address.clone().filter(|ip| !ip.is_empty()),
        country: event
            .location
            .as_ref()
            .and_then(|place| place.country_or_region.clone())
            .filter(|c| !c.is_empty()),
        client: client.filter(|text| !text.is_empty()),
        mfa_used,
        transaction_id: event.correlation_id.clone(),
        details: Some(circumstances(event, failed)),
        ..Activity::new("signIn")
    };
    let mut record = event.record(&event.id, attributes);
    for (attribute, is_known) in [("result", result.is_some()), ("mfa_used", mfa_used.is_some())] {
        if !is_known {
            record = record.unknown(attribute);
        }
    }
    record
}

fn circumstances(event: &SignIn, error_code: Option<i64>) -> Details {
    let mut details = Details::new();
    for (name, value) in [
        ("client_app", &event.client_app_used),
        ("conditional_access", &event.conditional_access_status),
        ("risk", &event.risk_level_during_sign_in),
    ] {
        if let Some(value) = value {
            details.insert(name, value.as_str());
        }
    }
    if let Some(code) = error_code {
        details.insert("error_code", code);
    }
    if let Some(is_interactive) = event.is_interactive {
        details.insert("interactive", is_interactive);
    }
    details
}
