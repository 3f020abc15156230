//! Applications and who is assigned to them.

use crate::{Api, instant};
use exhibit_sdk::kinds::{AppGrant, Assignment, PrincipalType, Status};
use exhibit_sdk::prelude::*;
use exhibit_sdk::subject;

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

pub(crate) fn collect(api: &Api<'_>) -> Result<()> {
    let mut grants = api.ctx.population::<AppGrant>("users and groups assigned to all applications");
    for page in api.list("/api/v1/apps", 200).pages() {
        let page = page?;
        let apps = grants.items::<App>(&page)?;
        grants.filtered(apps.len() as u64, "an application, whose assignments are listed")?;
        let users = apps.iter().map(|app| api.list(&format!("/api/v1/apps/{}/users", app.id), 500));
        for (app, answer) in apps.iter().zip(api.ctx.send_all(users)) {
            let Some(pages) = grants.tolerate(answer)? else { continue };
            for page in &pages {
                for user in grants.items::<AppUser>(page)? {
                    grants.emit(of_user(api, app, &user))?;
                }
            }
        }
        let groups = apps.iter().map(|app| api.list(&format!("/api/v1/apps/{}/groups", app.id), 200));
        for (app, answer) in apps.iter().zip(api.ctx.send_all(groups)) {
            let Some(pages) = grants.tolerate(answer)? else { continue };
            for page in &pages {
                for group in grants.items::<AppGroup>(page)? {
                    let attributes = AppGrant {
                        principal_id: Some(group.id.clone()),
                        principal_type: Some(PrincipalType::Group),
                        assignment: Some(Assignment::Direct),
                        ..of_app(app)
                    };
                    let key = format!("{}/group/{}", app.id, group.id);
                    grants.emit(group.record(key, attributes).origin(app.origin()))?;
                }
            }
        }
    }
    grants.seal()
}

fn of_app(app: &Item<App>) -> AppGrant {
    AppGrant {
        app_name: app.label.clone().or_else(|| app.name.clone()),
        app_status: app.status.as_deref().and_then(status),
        sign_on_mode: app.sign_on_mode.clone(),
        ..AppGrant::new(&app.id)
    }
}

fn of_user(api: &Api<'_>, app: &Item<App>, user: &Item<AppUser>) -> Record<AppGrant> {
    let name = user.credentials.as_ref().and_then(|c| c.user_name.clone());
    let assignment = match user.scope.as_deref() {
        Some("USER") => Some(Assignment::Direct),
        Some("GROUP") => Some(Assignment::Group),
        _ => None,
    };
    let subject = subject::person_or_account(name.as_deref(), api.tenant(), &user.id);
    let attributes = AppGrant {
        principal_id: Some(user.id.clone()),
        principal_type: Some(PrincipalType::User),
        principal_name: name,
        assignment,
        status: user.status.as_deref().and_then(status),
        source_status: user.status.clone(),
        granted_at: instant(user.created.as_ref()),
        ..of_app(app)
    };
    let mut record =
        user.record(format!("{}/user/{}", app.id, user.id), attributes).origin(app.origin()).subject(subject);
    if assignment.is_none() {
        record = record.unknown("assignment");
    }
    record
}

/// An application is active or not; an assignment is active unless Okta says that it ended or failed.
fn status(word: &str) -> Option<Status> {
    match word {
        "ACTIVE" | "PROVISIONED" | "STAGED" | "IMPORTED" | "MATCHED" | "UNASSIGNED" => Some(Status::Active),
        "INACTIVE" | "DEPROVISIONED" | "REVOKED" | "SUSPENDED" => Some(Status::Inactive),
        _ => None,
    }
}
