//! Service principals and applications, their secrets, and what they were granted.
//!
//! <https://learn.microsoft.com/en-us/graph/api/resources/serviceprincipal>, …/application, …/approleassignment,
//! …/oauth2permissiongrant

use super::super::{Call, Refusal, token};
use super::not_found;
use super::users::group_id;
use crate::calendar::{at, whole_seconds};
use crate::org::azure::{self, TENANT};
use crate::org::structure::Slot;
use exhibit_evidence::time::Timestamp;
use jiff::civil::date;
use serde_json::{Value, json};

/// The tenant of Microsoft's own applications.
const MICROSOFT: &str = "f8cdef31-a31e-4b4a-93e4-5f571e91255a";
/// A tenant of somebody who sells an application.
const VENDOR: &str = "0b1c2d3e-4f50-4617-8a9b-0c1d2e3f4a5b";
/// What Microsoft Graph allows to whom it is granted, with Microsoft's ids.
const PERMISSIONS: [(&str, &str); 4] = [
    ("7ab1d382-f21e-4acd-a863-ba3e13f7da61", "Directory.Read.All"),
    ("483bed4a-2ad3-4361-a73b-c83ccdbdc53c", "RoleManagement.Read.Directory"),
    ("246dd0d5-5bd0-4def-940b-0421030a5b68", "Policy.Read.All"),
    ("b0afded3-3588-46d8-8b3d-9842eff778da", "AuditLog.Read.All"),
];

/// A service principal: its name, whose application it is, and what it is.
struct Service {
    name: &'static str,
    owner: Option<&'static str>,
    kind: &'static str,
}

const fn service(name: &'static str, owner: &'static str) -> Service {
    Service { name, owner: Some(owner), kind: "Application" }
}

/// The application that deploys, and the one that the identity provider makes accounts with.
pub(in crate::azure) const DEPLOYER: &str = "deployer";
pub(in crate::azure) const PROVISIONER: &str = "Okta provisioning";
pub(in crate::azure) const COLLECTOR: &str = "exhibit";
const GRAPH: &str = "Microsoft Graph";

const SERVICES: [Service; 6] = [
    service(DEPLOYER, TENANT),
    service(COLLECTOR, TENANT),
    service(PROVISIONER, TENANT),
    service("Expense tool", VENDOR),
    service(GRAPH, MICROSOFT),
    Service { name: "web-1", owner: None, kind: "ManagedIdentity" },
];

/// The id of a service principal.
pub(in crate::azure) fn service_id(seed: u64, name: &str) -> String {
    crate::random::uuid(seed, &format!("azure service {name}"))
}

/// The application's own id, which is the same in every tenant.
pub(in crate::azure) fn app_id(seed: u64, name: &str) -> String {
    match name {
        COLLECTOR => token::CLIENT.to_owned(),
        GRAPH => "00000003-0000-0000-c000-000000000000".to_owned(),
        _ => crate::random::uuid(seed, &format!("azure application {name}")),
    }
}

pub(super) fn principals(call: &Call<'_>) -> Vec<Value> {
    let seed = call.org.seed();
    let one = |of: &Service| {
        let roles = PERMISSIONS.iter().filter(|_| of.name == GRAPH).map(|(id, value)| {
            json!({
                "id": id, "allowedMemberTypes": ["Application"], "description": value, "displayName": value,
                "isEnabled": true, "origin": "Application", "value": value,
            })
        });
        json!({
            "id": service_id(seed, of.name), "appId": app_id(seed, of.name), "displayName": of.name,
            "servicePrincipalType": of.kind, "accountEnabled": true, "appOwnerOrganizationId": of.owner,
            "appRoles": roles.collect::<Vec<_>>(), "passwordCredentials": [], "keyCredentials": [],
        })
    };
    SERVICES.iter().map(one).collect()
}

/// Applications of this tenant.
pub(super) fn applications(call: &Call<'_>) -> Vec<Value> {
    let seed = call.org.seed();
    let one = |of: &Service| {
        json!({
            "id": call.uuid(&format!("registered {}", of.name)), "appId": app_id(seed, of.name),
            "displayName": of.name, "passwordCredentials": secrets(call, of.name), "keyCredentials": [],
        })
    };
    SERVICES.iter().filter(|of| of.owner == Some(TENANT)).map(one).collect()
}

/// The secrets of an application. Of the one that deploys, the second was made late, and the first then deleted.
fn secrets(call: &Call<'_>, name: &str) -> Vec<Value> {
    let secret = |id: &str, label: &str, from: Timestamp, days: i64| {
        let until = from.plus_ms(days * 86_400_000);
        json!({
            "keyId": id, "displayName": label, "startDateTime": whole_seconds(from),
            "endDateTime": whole_seconds(until), "hint": "sIm", "secretText": null, "customKeyIdentifier": null,
        })
    };
    let mut found = Vec::new();
    match name {
        DEPLOYER => {
            let old = &call.story().old_secret;
            if call.now() < old.span.end {
                found.push(secret(&old.id, "pipeline", azure::secret_made(), 730));
            }
            let renewed = old.span.end.plus_ms(-5_400_000);
            if renewed <= call.now() {
                found.push(secret(&call.uuid("secret second"), "pipeline 2026", renewed, 365));
            }
        }
        COLLECTOR => {
            found.push(secret(&call.uuid("secret own"), "exhibit", at(date(2025, 12, 15), 10, 0), 365))
        }
        _ => found.push(secret(&call.uuid("secret okta"), "okta", at(date(2025, 9, 1), 10, 0), 365)),
    }
    found
}

pub(super) fn assigned_to(call: &Call<'_>, id: &str) -> Result<Vec<Value>, Refusal> {
    let seed = call.org.seed();
    let of = SERVICES.iter().find(|of| service_id(seed, of.name) == id).ok_or_else(|| not_found(id))?;
    let one = |role: &str, to: &str, principal: String, kind: &str| {
        json!({
            "id": crate::random::hex_id(seed, &format!("entra assigned {role} {principal} {id}"), 32),
            "deletedDateTime": null, "appRoleId": role, "createdDateTime": "2025-12-15T10:05:00Z",
            "principalDisplayName": to, "principalId": principal, "principalType": kind,
            "resourceDisplayName": of.name, "resourceId": id,
        })
    };
    const NO_ROLE: &str = "00000000-0000-0000-0000-000000000000";
    Ok(match of.name {
        GRAPH => {
            let to = service_id(seed, COLLECTOR);
            PERMISSIONS.iter().map(|(role, _)| one(role, COLLECTOR, to.clone(), "ServicePrincipal")).collect()
        }
        "Expense tool" => {
            let group = |(slot, name)| one(NO_ROLE, name, group_id(call, slot), "Group");
            [(Slot::Engineering, "Engineering"), (Slot::Security, "Security")]
                .into_iter()
                .map(group)
                .collect()
        }
        _ => Vec::new(),
    })
}

pub(super) fn consents(call: &Call<'_>) -> Vec<Value> {
    let seed = call.org.seed();
    vec![json!({
        "id": crate::random::hex_id(seed, "entra consent", 32), "clientId": service_id(seed, "Expense tool"),
        "consentType": "AllPrincipals", "principalId": null, "resourceId": service_id(seed, GRAPH),
        "scope": "User.Read openid",
    })]
}
