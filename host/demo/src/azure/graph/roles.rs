//! Directory roles: which there are, who holds them, who may activate one; conditional access, security defaults.
//!
//! <https://learn.microsoft.com/en-us/graph/api/resources/unifiedroleassignment>,
//! <https://learn.microsoft.com/en-us/graph/api/resources/conditionalaccesspolicy>

use super::super::Call;
use super::users::{group_id, principal, pushed};
use crate::org::azure;
use crate::org::structure::RoleKind;
use crate::random::hex_id;
use crate::system::System;
use serde_json::{Value, json};

/// The template of each role, <https://learn.microsoft.com/en-us/entra/identity/role-based-access-control/permissions-reference>,
/// its name, and one of the things that it allows.
const ROLES: [(RoleKind, &str, &str, &str); 4] = [
    (
        RoleKind::Super,
        "62e90394-69f5-4237-9190-012177145e10",
        "Global Administrator",
        "microsoft.directory/users/allProperties/allTasks",
    ),
    (
        RoleKind::Org,
        "fe930be7-5e62-47db-91af-98c3a49a38b1",
        "User Administrator",
        "microsoft.directory/users/basic/update",
    ),
    (
        RoleKind::HelpDesk,
        "729827e3-9c14-49f7-bb1b-9608f156bbb8",
        "Helpdesk Administrator",
        "microsoft.directory/users/password/update",
    ),
    (
        RoleKind::ReadOnly,
        "f2ef992c-3afb-46b9-b7cf-a126ee74c451",
        "Global Reader",
        "microsoft.directory/users/standard/read",
    ),
];

fn template(role: RoleKind) -> &'static str {
    ROLES.iter().find(|(kind, ..)| *kind == role).map_or("", |(_, template, ..)| template)
}

pub(super) fn definitions() -> Vec<Value> {
    let one = |(_, template, name, action): &(RoleKind, &str, &str, &str)| {
        json!({
            "id": template, "templateId": template, "displayName": name, "description": name, "isBuiltIn": true,
            "isEnabled": true, "resourceScopes": ["/"], "version": "1",
            "rolePermissions": [{
                "allowedResourceActions": [action, "microsoft.directory/groups/standard/read"], "condition": null,
            }],
        })
    };
    ROLES.iter().map(one).collect()
}

/// People who hold a role for good, and groups.
pub(super) fn assignments(call: &Call<'_>) -> Vec<Value> {
    let seed = call.org.seed();
    let one = |role: RoleKind, id: String, principal: Value| {
        json!({
            "id": hex_id(seed, &format!("entra role {role:?} {id}"), 32), "principalId": id, "directoryScopeId": "/",
            "roleDefinitionId": template(role), "principal": principal,
        })
    };
    let mut found = Vec::new();
    for seat in call.org.seats(System::Azure).filter(|seat| seat.until.is_none()) {
        for held in call.org.now(&seat.account.roles).filter(|held| held.until.is_none()) {
            let id = azure::user_id(seed, &seat.account.login);
            found.push(one(held.what, id, principal(seed, seat.account)));
        }
    }
    for group in pushed(call) {
        let Some(role) = group.role else { continue };
        let id = group_id(call, group.slot);
        let named = json!({"@odata.type": "#microsoft.graph.group", "id": id, "displayName": group.name, "mail": null});
        found.push(one(role, id, named));
    }
    found
}

/// Whoever administers users may become global administrator for some hours.
pub(super) fn eligible(call: &Call<'_>) -> Vec<Value> {
    let seed = call.org.seed();
    let mut found = Vec::new();
    for seat in call.org.seats(System::Azure).filter(|seat| seat.until.is_none()) {
        let is_fit = call.org.now(&seat.account.roles).any(|held| held.what == RoleKind::Org);
        if is_fit {
            let id = azure::user_id(seed, &seat.account.login);
            found.push(json!({
                "id": format!("{}-e", hex_id(seed, &format!("entra eligible {id}"), 32)), "principalId": id,
                "roleDefinitionId": template(RoleKind::Super), "directoryScopeId": "/", "appScopeId": null,
                "startDateTime": "2025-10-06T09:00:00.12Z", "endDateTime": "2026-10-06T09:00:00.12Z",
                "memberType": "Direct", "roleEligibilityScheduleId": call.uuid(&format!("schedule {id}")),
                "principal": principal(seed, seat.account),
            }));
        }
    }
    found
}

pub(super) fn conditional_access(call: &Call<'_>) -> Vec<Value> {
    let everyone = json!({"includeUsers": ["All"], "excludeGroups": []});
    let administrators = json!({"includeRoles": [template(RoleKind::Super), template(RoleKind::Org)]});
    let one = |name: &str, users: &Value, clients: Value, control: &str, hours: Option<u64>| {
        let mut who = json!({
            "includeUsers": [], "excludeUsers": [], "includeGroups": [], "excludeGroups": [], "includeRoles": [],
            "excludeRoles": [],
        });
        for (member, value) in users.as_object().into_iter().flatten() {
            who[member] = value.clone();
        }
        let session = hours.map(|hours| {
            json!({
                "applicationEnforcedRestrictions": null, "cloudAppSecurity": null, "persistentBrowser": null,
                "disableResilienceDefaults": null,
                "signInFrequency": {
                    "value": hours, "type": "hours", "authenticationType": "primaryAndSecondaryAuthentication",
                    "frequencyInterval": "timeBased", "isEnabled": true,
                },
            })
        });
        json!({
            "id": call.uuid(&format!("policy {name}")), "displayName": name, "state": "enabled",
            "createdDateTime": "2024-03-11T09:30:00.1234567Z", "modifiedDateTime": null, "sessionControls": session,
            "conditions": {
                "userRiskLevels": [], "signInRiskLevels": [], "servicePrincipalRiskLevels": [],
                "clientAppTypes": clients, "platforms": null, "locations": null, "devices": null,
                "clientApplications": null,
                "applications": {
                    "includeApplications": ["All"], "excludeApplications": [], "includeUserActions": [],
                    "includeAuthenticationContextClassReferences": [],
                },
                "users": who,
            },
            "grantControls": {
                "operator": "OR", "builtInControls": [control], "customAuthenticationFactors": [], "termsOfUse": [],
            },
        })
    };
    vec![
        one("A second factor for everyone", &everyone, json!(["all"]), "mfa", Some(12)),
        one(
            "No sign-in without a modern client",
            &everyone,
            json!(["exchangeActiveSync", "other"]),
            "block",
            None,
        ),
        one("Administrators sign in every four hours", &administrators, json!(["all"]), "mfa", Some(4)),
    ]
}

pub(super) fn security_defaults(call: &Call<'_>) -> Value {
    json!({
        "@odata.context": call.context("policies/identitySecurityDefaultsEnforcementPolicy/$entity"),
        "id": "00000000-0000-0000-0000-000000000005", "displayName": "Security Defaults",
        "description": "Off, as conditional access is in use.", "isEnabled": false,
    })
}
