//! What is watched: diagnostic settings, alerts on the activity log, Microsoft Defender, policies.
//!
//! <https://learn.microsoft.com/en-us/rest/api/monitor/>, <https://learn.microsoft.com/en-us/rest/api/defenderforcloud/>,
//! <https://learn.microsoft.com/en-us/rest/api/policy/>

use super::super::{Answer, Call, Refusal};
use super::access::root;
use super::{With, not_found, part};
use crate::org::azure::{PROD, Subscription, TENANT, TO_AUDIT, UPLOADS, WEB};
use crate::org::story::Lapse;
use exhibit_evidence::time::Timestamp;
use serde_json::{Value, json};

const SETTINGS: &str = "providers/microsoft.insights/diagnosticSettings";

fn setting(id: &str, name: &str, of: &Subscription, logs: Value) -> Value {
    let properties = json!({
        "storageAccountId": of.resource("Microsoft.Storage/storageAccounts", super::data::LOGS),
        "serviceBusRuleId": null, "workspaceId": null, "eventHubAuthorizationRuleId": null, "eventHubName": null,
        "metrics": [], "logs": logs, "logAnalyticsDestinationType": null,
    });
    part(&format!("{id}/{SETTINGS}/{name}"), "Microsoft.Insights/diagnosticSettings", name, properties)
}

pub(super) fn of_subscription(call: &Call<'_>, of: &Subscription) -> Vec<Value> {
    if of.id != PROD.id || call.story().unlogged.span.contains(call.now()) {
        return Vec::new();
    }
    let categories = ["Administrative", "Security", "ServiceHealth", "Alert", "Policy"];
    let logs: Vec<Value> = categories.iter().map(|name| json!({"category": name, "enabled": true})).collect();
    vec![setting(&of.path(), TO_AUDIT, of, logs.into())]
}

/// Of the key vault, the network security group and the databases of production. Azure Monitor writes ids in lower case.
pub(super) fn of_resource(of: &Subscription, path: &[&str]) -> Vec<Value> {
    let of_what = path.first().copied().unwrap_or_default();
    let logs = match of_what {
        "microsoft.keyvault" => json!([{"category": null, "categoryGroup": "audit", "enabled": true}]),
        "microsoft.network" => json!([{"category": "NetworkSecurityGroupRuleCounter", "enabled": true}]),
        "microsoft.sql" => json!([{"category": "SQLSecurityAuditEvents", "enabled": true}]),
        _ => return Vec::new(),
    };
    let resource = path.get(..path.len().saturating_sub(3)).unwrap_or_default().join("/");
    let id = format!("{}/resourcegroups/app/providers/{resource}", of.path());
    vec![setting(&id, "audit", of, logs)]
}

pub(super) fn action_groups(of: &Subscription) -> Vec<Value> {
    if of.id != PROD.id {
        return Vec::new();
    }
    let properties = json!({
        "groupShortName": "security", "enabled": true, "smsReceivers": [], "webhookReceivers": [],
        "emailReceivers": [{
            "name": "security", "emailAddress": "security@example.com", "status": "Enabled", "useCommonAlertSchema": true,
        }],
        "itsmReceivers": [], "azureAppPushReceivers": [], "automationRunbookReceivers": [], "voiceReceivers": [],
        "logicAppReceivers": [], "azureFunctionReceivers": [], "armRoleReceivers": [],
    });
    let id = of.resource("microsoft.insights/actionGroups", "security");
    vec![
        part(&id, "Microsoft.Insights/ActionGroups", "security", properties)
            .with("location", "Global".into()),
    ]
}

pub(super) fn alerts(of: &Subscription) -> Vec<Value> {
    let watched = [
        ("policy-assigned", "Microsoft.Authorization/policyAssignments/write"),
        ("network-rule", "Microsoft.Network/networkSecurityGroups/securityRules/write"),
        ("role-assigned", "Microsoft.Authorization/roleAssignments/write"),
    ];
    let one = |(name, operation): &(&str, &str)| {
        let group = of.resource("microsoft.insights/actionGroups", "security");
        let properties = json!({
            "scopes": [of.path()], "enabled": true, "description": "",
            "condition": {"allOf": [
                {"field": "category", "equals": "Administrative"}, {"field": "operationName", "equals": operation},
            ]},
            "actions": {"actionGroups": [{"actionGroupId": group, "webhookProperties": {}}]},
        });
        let id = of.resource("Microsoft.Insights/activityLogAlerts", name);
        part(&id, "Microsoft.Insights/ActivityLogAlerts", name, properties).with("location", "Global".into())
    };
    watched.iter().filter(|_| of.id == PROD.id).map(one).collect()
}

/// What Defender looks at: paid for in production, free of charge in development.
pub(super) fn plans(of: &Subscription) -> Vec<Value> {
    let one = |name: &str| {
        let properties = match of.id == PROD.id {
            true => json!({
                "pricingTier": "Standard", "freeTrialRemainingTime": "PT0S", "enablementTime": "2025-01-14T09:00:00Z",
            }),
            false => json!({"pricingTier": "Free", "freeTrialRemainingTime": "P30D"}),
        };
        let id = format!("{}/providers/Microsoft.Security/pricings/{name}", of.path());
        part(&id, "Microsoft.Security/pricings", name, properties)
    };
    ["KeyVaults", "SqlServers", "StorageAccounts", "VirtualMachines"].map(one).to_vec()
}

pub(super) fn contacts(of: &Subscription) -> Vec<Value> {
    let properties = json!({
        "emails": "security@example.com", "notificationsByRole": {"state": "On", "roles": ["Owner"]},
        "alertNotifications": {"state": "On", "minimalSeverity": "Medium"},
    });
    let id = format!("{}/providers/Microsoft.Security/securityContacts/default", of.path());
    vec![part(&id, "Microsoft.Security/securityContacts", "default", properties)]
}

/// What Defender knows how to assess: id, title, how bad.
const ASSESSED: [(&str, &str, &str); 3] = [
    ("51fd8bb1-0db4-bbf1-7e2b-cfcba7eb66a6", "Storage account public access should be disallowed", "Medium"),
    (
        "bc303248-3d14-44c2-96a0-55f5c326b5fe",
        "Management ports should be closed on your virtual machines",
        "High",
    ),
    ("d57a4221-a804-52ca-3dea-768284f06bb7", "Disks should be encrypted with a key of one's own", "Low"),
];

pub(super) fn metadata() -> Vec<Value> {
    let one = |(id, title, severity): &(&str, &str, &str)| {
        let properties = json!({"displayName": title, "severity": severity, "assessmentType": "BuiltIn"});
        let path = format!("/providers/Microsoft.Security/assessmentMetadata/{id}");
        part(&path, "Microsoft.Security/assessmentMetadata", id, properties)
    };
    ASSESSED.iter().map(one).collect()
}

pub(super) fn assessments(call: &Call<'_>, of: &Subscription) -> Vec<Value> {
    const SINCE: &str = "2025-01-15T03:00:00Z";
    let story = call.story();
    let one = |index: usize, resource: String, lapse: Option<&Lapse>, always: bool| {
        let (id, title, _) = ASSESSED[index];
        let (is_bad, changed) = lapse.map_or((always, None), |lapse| state(lapse, call.now()));
        let status = json!({
            "code": if is_bad { "Unhealthy" } else { "Healthy" }, "firstEvaluationDate": SINCE,
            "statusChangeDate": changed.map_or_else(|| SINCE.to_owned(), |at| at.to_string()),
        });
        let resource = resource.to_lowercase();
        let properties = json!({
            "resourceDetails": {"Source": "Azure", "Id": resource}, "displayName": title, "status": status,
        });
        let path = format!("{resource}/providers/Microsoft.Security/assessments/{id}");
        part(&path, "Microsoft.Security/assessments", id, properties)
    };
    let storage = |name: &str| of.resource("Microsoft.Storage/storageAccounts", name);
    let machine = |name: &str| of.resource("Microsoft.Compute/virtualMachines", name);
    if of.id != PROD.id {
        return vec![one(2, machine("dev-1"), None, true)];
    }
    vec![
        one(0, storage(UPLOADS), Some(&story.public_storage), false),
        one(0, storage(super::data::LOGS), None, false),
        one(1, machine("web-1"), Some(&story.open_rdp), false),
        one(1, machine("web-2"), Some(&story.open_rdp), false),
    ]
}

/// Whether it is wrong now, and since when it is as it is: Defender looks again at three in the morning.
fn state(lapse: &Lapse, now: Timestamp) -> (bool, Option<Timestamp>) {
    let seen = |at: Timestamp| Timestamp::at_midnight(at.date()).plus_ms(27 * 3_600_000);
    let (from, until) = (seen(lapse.span.start), seen(lapse.span.end));
    (from <= now && now < until, [until, from].into_iter().find(|at| *at <= now))
}

/// The policies that hold everywhere: that of secure transfer is one of Microsoft's own.
const SECURE_TRANSFER: &str = "404c3081-a854-4457-ae30-26a93ef643f9";
const PUBLIC_ACCESS: &str = "4fa4b6c0-31ca-4c0d-b10d-24b96f62a751";
const ASSIGNED: &str = "baseline";

pub(super) fn assignments() -> Vec<Value> {
    let properties = json!({
        "displayName": "Baseline", "scope": root(), "notScopes": [], "parameters": {}, "enforcementMode": "Default",
        "policyDefinitionId": "/providers/Microsoft.Authorization/policySetDefinitions/1f3afdf9-d0c9-4c3d-847f-89da613e70a8",
        "description": "What Microsoft recommends",
        "metadata": {"assignedBy": "Security", "createdOn": "2024-03-12T09:00:42.5515992Z", "updatedOn": null},
    });
    let id = format!("{}/providers/Microsoft.Authorization/policyAssignments/{ASSIGNED}", root());
    vec![part(&id, "Microsoft.Authorization/policyAssignments", ASSIGNED, properties)]
}

pub(super) fn definition(name: &str) -> Answer {
    let title = match name {
        SECURE_TRANSFER => "Secure transfer to storage accounts should be enabled",
        PUBLIC_ACCESS => "Storage account public access should be disallowed",
        _ => return Err(not_found(&format!("policyDefinitions/{name}"))),
    };
    let properties = json!({
        "displayName": title, "policyType": "BuiltIn", "mode": "Indexed", "description": title,
        "metadata": {"version": "2.0.0", "category": "Storage"}, "parameters": {},
        "policyRule": {"if": {}, "then": {"effect": "audit"}},
    });
    let id = format!("/providers/Microsoft.Authorization/policyDefinitions/{name}");
    Ok(part(&id, "Microsoft.Authorization/policyDefinitions", name, properties))
}

/// What does not comply with a policy now. Azure Policy looks every morning.
pub(super) fn states(call: &Call<'_>, of: &Subscription) -> Answer {
    if call.request.param("$filter").as_deref() != Some("complianceState eq 'NonCompliant'") {
        return Err(Refusal::invalid("Invalid query option: $filter."));
    }
    let lapse = &call.story().public_storage;
    let mut found = Vec::new();
    if of.id == PROD.id && state(lapse, call.now()).0 {
        let assignment = format!("{}/providers/Microsoft.Authorization/policyAssignments/{ASSIGNED}", root());
        found.push(json!({
            "@odata.id": null, "@odata.context": format!("{}{}/$metadata#latest/$entity", call.base, of.path()),
            "timestamp": Timestamp::at_midnight(call.now().date()).plus_ms(3 * 3_600_000),
            "resourceId": of.resource("Microsoft.Storage/storageAccounts", UPLOADS).to_lowercase(),
            "policyAssignmentId": assignment.to_lowercase(), "effectiveParameters": "", "isCompliant": false,
            "policyDefinitionId": format!("/providers/microsoft.authorization/policydefinitions/{PUBLIC_ACCESS}"),
            "subscriptionId": of.id, "resourceType": "Microsoft.Storage/storageAccounts",
            "resourceLocation": super::LOCATION, "resourceGroup": "app", "resourceTags": "tbd",
            "policyAssignmentName": ASSIGNED, "policyAssignmentOwner": "tbd", "policyAssignmentParameters": "",
            "policyAssignmentScope": root(), "policyDefinitionName": PUBLIC_ACCESS, "policyDefinitionAction": "audit",
            "policyDefinitionCategory": "tbd", "policySetDefinitionId": "", "policySetDefinitionName": "",
            "managementGroupIds": TENANT, "policyDefinitionReferenceId": "publicaccess",
            "complianceState": "NonCompliant",
        }));
    }
    Ok(json!({
        "@odata.context": format!("{}{}/$metadata#latest", call.base, of.path()), "@odata.count": found.len(),
        "value": found,
    }))
}

/// The rule that let the world in.
pub(super) fn temporary_rule() -> String {
    format!("{}/securityRules/Temporary", PROD.resource("Microsoft.Network/networkSecurityGroups", WEB))
}
