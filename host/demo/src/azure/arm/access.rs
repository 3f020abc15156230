//! Tenants, subscriptions, who holds which role on what of them, who may activate one, and locks.
//!
//! <https://learn.microsoft.com/en-us/rest/api/authorization/>, <https://learn.microsoft.com/en-us/rest/api/resources/>

use super::super::Call;
use super::super::graph::{COLLECTOR, DEPLOYER, group_id, service_id};
use super::{With, part};
use crate::calendar::at;
use crate::org::azure::{self, DEV, PROD, SUBSCRIPTIONS, Subscription, TENANT};
use crate::org::structure::{RoleKind, Slot};
use crate::random::uuid;
use crate::system::System;
use exhibit_evidence::time::Timestamp;
use jiff::civil::date;
use serde_json::{Value, json};

/// <https://learn.microsoft.com/en-us/azure/role-based-access-control/built-in-roles>
const OWNER: &str = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635";
const CONTRIBUTOR: &str = "b24988ac-6180-42a0-ab88-20f7382dd24c";
const READER: &str = "acdd72a7-3385-48ef-bd42-f606fba81ae7";
/// The role that plugins/azure/README.md makes.
const POLICY_STATES: &str = "9d3c0e55-7a44-4f0b-8a70-5f1f0c7d2b11";
const QUERY_STATES: &str = "Microsoft.PolicyInsights/policyStates/queryResults/action";

/// The root management group.
pub(super) fn root() -> String {
    format!("/providers/Microsoft.Management/managementGroups/{TENANT}")
}

pub(super) fn tenants() -> Vec<Value> {
    vec![json!({"id": format!("/tenants/{TENANT}"), "tenantId": TENANT})]
}

pub(super) fn subscriptions() -> Vec<Value> {
    let one = |of: &Subscription| {
        json!({
            "id": of.path(), "subscriptionId": of.id, "tenantId": TENANT, "displayName": of.title, "state": "Enabled",
            "authorizationSource": "RoleBased",
            "subscriptionPolicies": {
                "locationPlacementId": "Public_2014-09-01", "quotaId": "PayAsYouGo_2014-09-01", "spendingLimit": "Off",
            },
        })
    };
    SUBSCRIPTIONS.into_iter().map(one).collect()
}

/// What the collector may do: what `Reader` and its own role allow.
pub(super) fn permissions() -> Vec<Value> {
    [json!(["*/read"]), json!([QUERY_STATES])].map(|actions| allows(actions, json!([]))).to_vec()
}

fn allows(actions: Value, but: Value) -> Value {
    json!({"actions": actions, "notActions": but, "dataActions": [], "notDataActions": []})
}

pub(super) fn definitions(of: &Subscription) -> Vec<Value> {
    let writes = json!(["Microsoft.Authorization/*/Delete", "Microsoft.Authorization/*/Write"]);
    let one = |id: &str, name: &str, kind: &str, scope: &str, permission: Value| {
        let day = if kind == "BuiltInRole" {
            "2015-02-02T21:55:09.8806423Z"
        } else {
            "2025-12-15T10:10:00.1000000Z"
        };
        let properties = json!({
            "roleName": name, "type": kind, "description": name, "assignableScopes": [scope],
            "permissions": [permission], "createdOn": day, "updatedOn": day, "createdBy": null, "updatedBy": null,
        });
        part(&definition(of, id), "Microsoft.Authorization/roleDefinitions", id, properties)
    };
    vec![
        one(OWNER, "Owner", "BuiltInRole", "/", allows(json!(["*"]), json!([]))),
        one(CONTRIBUTOR, "Contributor", "BuiltInRole", "/", allows(json!(["*"]), writes)),
        one(READER, "Reader", "BuiltInRole", "/", allows(json!(["*/read"]), json!([]))),
        one(
            POLICY_STATES,
            "Exhibit policy states",
            "CustomRole",
            &root(),
            allows(json!([QUERY_STATES]), json!([])),
        ),
    ]
}

fn definition(of: &Subscription, role: &str) -> String {
    format!("{}/providers/Microsoft.Authorization/roleDefinitions/{role}", of.path())
}

/// A role that somebody holds on something.
pub(super) struct Assignment {
    pub(super) scope: String,
    role: &'static str,
    principal: String,
    kind: &'static str,
    name: String,
    from: Timestamp,
}

impl Assignment {
    fn id_of(&self, kind: &str) -> String {
        format!("{}/providers/Microsoft.Authorization/{kind}/{}", self.scope, self.name)
    }

    /// The assignment's own id.
    pub(super) fn id(&self) -> String {
        self.id_of("roleAssignments")
    }

    /// What a request that makes it says.
    pub(super) fn asked(&self) -> Value {
        json!({
            "Id": self.name,
            "Properties": {
                "PrincipalId": self.principal, "PrincipalType": self.kind, "Scope": self.scope,
                "RoleDefinitionId": definition(&PROD, self.role),
            },
        })
    }

    fn is_on(&self, of: &Subscription) -> bool {
        self.scope == root() || self.scope.starts_with(&of.path())
    }
}

/// The assignment that an engineer had for some days.
pub(super) fn lapsed(seed: u64, login: &str, from: Timestamp) -> Assignment {
    Assignment {
        scope: PROD.path(),
        role: OWNER,
        principal: azure::user_id(seed, login),
        kind: "User",
        name: uuid(seed, "azure assignment owner"),
        from,
    }
}

fn held(call: &Call<'_>) -> Vec<Assignment> {
    let seed = call.org.seed();
    let from = at(date(2025, 12, 15), 10, 20);
    let one = |scope: String, role, (kind, principal): (&'static str, String)| {
        let name = call.uuid(&format!("assignment {scope} {role} {principal}"));
        Assignment { scope, role, principal, kind, name, from }
    };
    let group = |slot| ("Group", group_id(call, slot));
    let service = |name| ("ServicePrincipal", service_id(seed, name));
    let mut found = vec![
        one(root(), READER, group(Slot::Security)),
        one(root(), READER, service(COLLECTOR)),
        one(root(), POLICY_STATES, service(COLLECTOR)),
        one(PROD.path(), CONTRIBUTOR, group(Slot::Production)),
        one(format!("{}/resourceGroups/app", PROD.path()), CONTRIBUTOR, service(DEPLOYER)),
        one(DEV.path(), CONTRIBUTOR, group(Slot::Engineering)),
    ];
    let owner = &call.story().owner;
    if owner.span.contains(call.now()) {
        found.push(lapsed(seed, &owner.id, owner.span.start));
    }
    found
}

pub(super) fn assignments(call: &Call<'_>, of: &Subscription) -> Vec<Value> {
    let one = |assignment: &Assignment| {
        let properties = json!({
            "roleDefinitionId": definition(of, assignment.role), "principalId": assignment.principal,
            "principalType": assignment.kind, "scope": assignment.scope, "condition": null, "conditionVersion": null,
            "createdOn": assignment.from, "updatedOn": assignment.from, "createdBy": "", "updatedBy": "",
            "delegatedManagedIdentityResourceId": null, "description": null,
        });
        part(&assignment.id(), "Microsoft.Authorization/roleAssignments", &assignment.name, properties)
    };
    held(call).iter().filter(|assignment| assignment.is_on(of)).map(one).collect()
}

fn instance(of: &Subscription, assignment: &Assignment, end: Option<&str>) -> Value {
    json!({
        "status": "Provisioned", "startDateTime": assignment.from, "endDateTime": end, "memberType": "Direct",
        "createdOn": assignment.from, "condition": null, "conditionVersion": null,
        "roleDefinitionId": definition(of, assignment.role), "principalId": assignment.principal,
        "principalType": assignment.kind, "scope": assignment.scope,
    })
}

pub(super) fn instances(call: &Call<'_>, of: &Subscription) -> Vec<Value> {
    let one = |assignment: &Assignment| {
        let properties = instance(of, assignment, None)
            .with("assignmentType", "Assigned".into())
            .with("originRoleAssignmentId", assignment.id().into())
            .with("roleAssignmentScheduleId", assignment.id_of("roleAssignmentSchedules").into());
        let id = assignment.id_of("roleAssignmentScheduleInstances");
        part(&id, "Microsoft.Authorization/roleAssignmentScheduleInstances", &assignment.name, properties)
    };
    held(call).iter().filter(|assignment| assignment.is_on(of)).map(one).collect()
}

/// Global administrators may become owners of production for some hours.
pub(super) fn eligible(call: &Call<'_>, of: &Subscription) -> Vec<Value> {
    if of.id != PROD.id {
        return Vec::new();
    }
    let seats = call.org.seats(System::Azure).filter(|seat| seat.until.is_none());
    let fit = seats.filter(|seat| {
        call.org.now(&seat.account.roles).any(|held| held.what == RoleKind::Super && held.until.is_none())
    });
    let one = |login: &str| {
        let assignment = Assignment {
            name: call.uuid(&format!("eligible {login}")),
            ..lapsed(call.org.seed(), login, at(date(2025, 12, 15), 10, 30))
        };
        let properties = instance(of, &assignment, Some("2026-12-15T10:30:00Z"))
            .with("roleEligibilityScheduleId", assignment.id_of("roleEligibilitySchedules").into());
        let id = assignment.id_of("roleEligibilityScheduleInstances");
        part(&id, "Microsoft.Authorization/roleEligibilityScheduleInstances", &assignment.name, properties)
    };
    fit.map(|seat| one(&seat.account.login)).collect()
}

pub(super) fn locks(of: &Subscription) -> Vec<Value> {
    if of.id != PROD.id {
        return Vec::new();
    }
    let on = of.resource("Microsoft.Storage/storageAccounts", super::data::LOGS);
    let id = format!("{on}/providers/Microsoft.Authorization/locks/keep");
    let properties = json!({"level": "CanNotDelete", "notes": "Logs of a year"});
    vec![part(&id, "Microsoft.Authorization/locks", "keep", properties)]
}
