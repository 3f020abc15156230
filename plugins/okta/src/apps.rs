//! Applications and who is assigned to them.

use crate::Api;
use crate::users::Known;
use exhibit_sdk::kinds::{AppGrant, Assignment, PrincipalType, Status};
use exhibit_sdk::prelude::*;
use exhibit_sdk::subject;
use std::collections::BTreeMap;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct App {
    id: String,
    label: Option<String>,
    name: Option<String>,
    status: Option<String>,
    sign_on_mode: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AppUser {
    id: String,
    status: Option<String>,
    scope: Option<String>,
    created: Option<String>,
    credentials: Option<AppCredentials>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AppCredentials {
    user_name: Option<String>,
}

#[derive(Debug, Deserialize)]
struct AppGroup {
    id: String,
}

/// `known` are the users, where they could be read: whose address an assignment belongs to.
pub(crate) fn collect(api: &Api<'_>, known: &[Known]) -> Result<()> {
    let known: BTreeMap<&str, &Known> = known.iter().map(|user| (user.id.as_str(), user)).collect();
    let known = &known;
    let mut grants = api.ctx.population::<AppGrant>("users and groups assigned to all applications");
    // Okta's document has it leave out those that are not active, unless asked.
    let list = api.list("/api/v1/apps", 200).query("includeNonDeleted", "true");
    for page in list.pages() {
        let Some(page) = grants.tolerate(page)? else { break };
        let apps = grants.items::<App>(&page)?;
        // An application is accounted for by the assignments that cite it, or else by the reason below.
        let mut cited = vec![false; apps.len()];
        let users = apps.iter().map(|app| api.list(&format!("/api/v1/apps/{}/users", app.id), 500));
        for ((app, is_cited), answer) in apps.iter().zip(&mut cited).zip(api.ctx.send_all(users)) {
            for page in grants.tolerate(answer)?.unwrap_or_default() {
                for user in grants.items::<AppUser>(&page)? {
                    grants.emit(of_user(api, known, app, &user))?;
                    *is_cited = true;
                }
            }
        }
        let groups = apps.iter().map(|app| api.list(&format!("/api/v1/apps/{}/groups", app.id), 200));
        for ((app, is_cited), answer) in apps.iter().zip(&mut cited).zip(api.ctx.send_all(groups)) {
            for page in grants.tolerate(answer)?.unwrap_or_default() {
                for group in grants.items::<AppGroup>(&page)? {
                    grants.emit(of_group(app, &group))?;
                    *is_cited = true;
                }
            }
        }
        let unassigned = cited.iter().filter(|is_cited| !**is_cited).count();
        grants.filtered(unassigned as u64, "an application in which no assignment is seen")?;
    }
    grants.seal()
}

fn of_group(app: &Item<App>, group: &Item<AppGroup>) -> Record<AppGrant> {
    let attributes = AppGrant {
        principal_id: Some(group.id.clone()),
        principal_type: Some(PrincipalType::Group),
        assignment: Some(Assignment::Direct),
        ..of_app(app)
    };
    group.record(format!("{}/group/{}", app.id, group.id), attributes).origin(app.origin())
}

fn of_app(app: &Item<App>) -> AppGrant {
    AppGrant {
        app_name: app.label.clone().or_else(|| app.name.clone()),
        app_status: app.status.as_deref().and_then(app_status),
        sign_on_mode: app.sign_on_mode.as_deref().map(sign_on_mode),
        ..AppGrant::new(&app.id)
    }
}

fn of_user(
    api: &Api<'_>,
    known: &BTreeMap<&str, &Known>,
    app: &Item<App>,
    user: &Item<AppUser>,
) -> Record<AppGrant> {
    let name = user.credentials.as_ref().and_then(|c| c.user_name.clone());
    let assignment = match user.scope.as_deref() {
        Some("USER") => Some(Assignment::Direct),
        Some("GROUP") => Some(Assignment::Group),
        _ => None,
    };
    // The name in the application may be another than the person's address.
    let known = known.get(user.id.as_str());
    let address = known.map_or(name.as_deref(), |known| known.address());
    let subject = subject::person_or_account(address, api.tenant(), &user.id);
    let status = user.status.as_deref().and_then(assignment_status);
    let attributes = AppGrant {
        principal_id: Some(user.id.clone()),
        principal_type: Some(PrincipalType::User),
        principal_name: name,
        assignment,
        status,
        source_status: user.status.clone(),
        granted_at: instant(user.created.as_ref()),
        ..of_app(app)
    };
    let mut record =
        user.record(format!("{}/user/{}", app.id, user.id), attributes).origin(app.origin()).subject(subject);
    if let Some(known) = known {
        record = record.origin(&known.origin);
    }
    if assignment.is_none() {
        record = record.unknown("assignment");
    }
    if status.is_none() {
        record = record.unknown("status");
    }
    record
}

fn app_status(word: &str) -> Option<Status> {
    match word {
        "ACTIVE" => Some(Status::Active),
        "INACTIVE" | "DELETED" => Some(Status::Inactive),
        _ => None,
    }
}

/// Okta's `signOnMode` in the kind's words; its own word where there is none.
fn sign_on_mode(word: &str) -> String {
    match word {
        "SAML_2_0" | "SAML_1_1" => "saml",
        "OPENID_CONNECT" => "oidc",
        "AUTO_LOGIN" | "BASIC_AUTH" | "BROWSER_PLUGIN" | "SECURE_PASSWORD_STORE" => "password",
        other => other,
    }
    .to_owned()
}

/// What of the many is in force. `IMPORTED`, `UNASSIGNED` and `APPROVED` say how an import or a provisioning
/// stands, not whether one gets in: unknown.
/// <https://developer.okta.com/docs/api/openapi/okta-management/management/tag/ApplicationUsers/>
fn assignment_status(word: &str) -> Option<Status> {
    match word {
        "ACTIVE" | "PROVISIONED" | "STAGED" | "MATCHED" | "IMPLICIT" => Some(Status::Active),
        "INACTIVE" | "PENDING" | "SUSPENDED" | "REVOKED" | "DEPROVISIONED" => Some(Status::Inactive),
        _ => None,
    }
}
