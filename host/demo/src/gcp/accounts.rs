//! IAM: service accounts, their keys, and the roles that the organisation made.

use super::resources::PERMITTED;
use super::{Answer, Call, Routed, denied};
use crate::calendar::{plus_days, whole_seconds};
use crate::google::Refusal;
use crate::org::gcp::places::{COLLECTOR_ROLE, NAME, PROD};
use crate::org::gcp::{ROBOTS, Robot};
use crate::random::hex_id;
use exhibit_evidence::time::Timestamp;
use serde_json::{Value, json};

pub(crate) fn answer(call: &Call<'_>, path: &[&str]) -> Routed {
    let answer = match path {
        ["v1", "projects", project, "serviceAccounts"] => call.project(project).and_then(|project| {
            let of_project = ROBOTS.iter().filter(|robot| robot.project.id == project.id);
            call.list_of("accounts", "pageSize", 2, of_project.map(|robot| account(call, robot)).collect())
        }),
        ["v1", "projects", project, "serviceAccounts", email, "keys"] => keys(call, project, email),
        ["v1", kind @ ("organizations" | "projects"), id, "roles"] => roles(call, kind, id),
        _ => return None,
    };
    Some(answer)
}

fn account(call: &Call<'_>, robot: &Robot) -> Value {
    let (email, number) = (robot.email(), robot.unique_id(call.org.seed()));
    let mut account = json!({
        "name": format!("projects/{}/serviceAccounts/{email}", robot.project.id), "projectId": robot.project.id,
        "uniqueId": number, "email": email, "displayName": robot.title, "etag": "MDEwMjE5MjA=", "oauth2ClientId": number,
    });
    // What is false is left out.
    if let (true, Some(account)) = (robot.disabled, account.as_object_mut()) {
        account.insert("disabled".to_owned(), true.into());
    }
    account
}

fn keys(call: &Call<'_>, project: &str, email: &str) -> Answer {
    let robot =
        ROBOTS.iter().find(|robot| robot.email() == email || robot.unique_id(call.org.seed()) == email);
    let found = robot.filter(|robot| project == "-" || robot.project.id == project);
    let Some(robot) = found else {
        return Err(Refusal::not_found(&format!("projects/{project}/serviceAccounts/{email}")));
    };
    let held = call.org.now(&call.cloud().keys).filter(|key| key.what.account == robot.email());
    let never = "9999-12-31T23:59:59Z";
    let mut keys: Vec<Value> =
        held.map(|held| key(&held.what.name(), &whole_seconds(held.from), never, "USER_MANAGED")).collect();
    // Google's own key for the account is a new one every Monday, good for sixteen days.
    let today = call.now().date();
    let monday = plus_days(today, -i64::from(today.weekday().to_monday_zero_offset()));
    let made = Timestamp::at_midnight(monday);
    let id = hex_id(call.org.seed(), &format!("google's key {monday} of {}", robot.email()), 40);
    let name = format!("projects/{}/serviceAccounts/{}/keys/{id}", robot.project.id, robot.email());
    let ends = whole_seconds(made.plus_ms(16 * 86_400_000));
    keys.push(key(&name, &whole_seconds(made), &ends, "SYSTEM_MANAGED"));
    Ok(json!({"keys": keys}))
}

fn key(name: &str, from: &str, until: &str, kind: &str) -> Value {
    json!({
        "name": name, "validAfterTime": from, "validBeforeTime": until, "keyAlgorithm": "KEY_ALG_RSA_2048",
        "keyOrigin": "GOOGLE_PROVIDED", "keyType": kind,
    })
}

fn roles(call: &Call<'_>, kind: &str, id: &str) -> Answer {
    let full = call.param("view").as_deref() == Some("FULL");
    let role = |name: &str, title: &str, permissions: &[&str]| {
        let mut role = json!({"name": name, "title": title, "stage": "GA", "etag": "BwXW4Nsem7Q="});
        if let (true, Some(role)) = (full, role.as_object_mut()) {
            role.insert("includedPermissions".to_owned(), permissions.into());
        }
        role
    };
    let roles = if kind == "organizations" {
        if format!("organizations/{id}") != NAME {
            return Err(denied("You don't have permission to list roles in this organization."));
        }
        vec![role(COLLECTOR_ROLE, "Exhibit", &PERMITTED)]
    } else if call.project(id)?.id == PROD.id {
        let name = format!("projects/{}/roles/releaseManager", PROD.id);
        let permissions = ["iam.serviceAccounts.actAs", "run.services.get", "run.services.update"];
        vec![role(&name, "Release manager", &permissions)]
    } else {
        Vec::new()
    };
    call.list("roles", roles)
}
