//! What the credential needs, and which of it a subscription withholds.
//!
//! <https://learn.microsoft.com/en-us/rest/api/authorization/permissions/list-for-resource-group>, which answers for
//! every scope.

use super::api::Arm;
use super::roles::Permission;
use super::subscriptions::Subscription;
use exhibit_sdk::prelude::*;

const VERSION: &str = "2022-04-01";
const RESOURCE: &str = "asset.resource@1";
const GRANT: &str = "identity.role_grant@1";
const ENCRYPTION: &str = "config.encryption@1";
const LOGGING: &str = "config.logging@1";
const RULE: &str = "config.network_rule@1";
const ALERT: &str = "config.alert_rule@1";
const BACKUP: &str = "config.backup_plan@1";
const FINDING: &str = "vuln.finding@1";
const EVENTS: &[&str] = &["audit.activity@1", "identity.access_change@1"];
const ALL: &[&str] = &[
    RESOURCE,
    GRANT,
    ENCRYPTION,
    LOGGING,
    RULE,
    ALERT,
    BACKUP,
    FINDING,
    "audit.activity@1",
    "identity.access_change@1",
];

/// An action, what it reads, and for which kinds.
const NEEDED: &[(&str, &str, &[&str])] = &[
    (
        "Microsoft.Resources/subscriptions/read",
        "subscriptions; where it is not granted, a subscription is not seen",
        ALL,
    ),
    ("Microsoft.Authorization/roleAssignments/read", "role assignments", &[GRANT]),
    ("Microsoft.Authorization/roleDefinitions/read", "roles, what they permit", &[RESOURCE, GRANT]),
    (
        "Microsoft.Authorization/roleEligibilityScheduleInstances/read",
        "roles that can be activated (Privileged Identity Management)",
        &[GRANT],
    ),
    (
        "Microsoft.Authorization/roleAssignmentScheduleInstances/read",
        "names and ends of assignments; without it principal_name and expires_at are unknown",
        &[GRANT],
    ),
    ("Microsoft.Authorization/locks/read", "locks; without it deletion_protected is unknown", &[RESOURCE]),
    ("Microsoft.Authorization/policyAssignments/read", "policy assignments", &[RESOURCE]),
    ("Microsoft.Authorization/policyDefinitions/read", "what policies are called", &[FINDING]),
    (
        "Microsoft.PolicyInsights/policyStates/queryResults/action",
        "what does not comply with policies",
        &[FINDING],
    ),
    ("Microsoft.Storage/storageAccounts/read", "storage accounts", &[RESOURCE, ENCRYPTION, LOGGING]),
    (
        "Microsoft.Storage/storageAccounts/blobServices/read",
        "what is kept of blobs; without it versioning_enabled is unknown",
        &[RESOURCE],
    ),
    (
        "Microsoft.Storage/storageAccounts/blobServices/containers/read",
        "which containers are public; without it publicly_accessible may be unknown",
        &[RESOURCE],
    ),
    (
        "Microsoft.KeyVault/vaults/read",
        "key vaults, their access policies",
        &[RESOURCE, GRANT, ENCRYPTION, LOGGING],
    ),
    ("Microsoft.KeyVault/vaults/keys/read", "keys, never what they are", &[ENCRYPTION]),
    ("Microsoft.Compute/virtualMachines/read", "virtual machines", &[RESOURCE]),
    ("Microsoft.Compute/disks/read", "managed disks", &[RESOURCE, ENCRYPTION]),
    ("Microsoft.Network/networkSecurityGroups/read", "network security groups", &[RULE, LOGGING]),
    ("Microsoft.Network/networkWatchers/read", "network watchers", &[LOGGING]),
    ("Microsoft.Network/networkWatchers/flowLogs/read", "flow logs", &[LOGGING]),
    ("Microsoft.Sql/servers/read", "SQL servers", &[RESOURCE, ENCRYPTION, LOGGING, RULE]),
    ("Microsoft.Sql/servers/firewallRules/read", "firewalls of SQL servers", &[RULE, RESOURCE]),
    ("Microsoft.Sql/servers/auditingSettings/read", "auditing of SQL servers", &[LOGGING]),
    (
        "Microsoft.Sql/servers/encryptionProtector/read",
        "whose key protects databases; without it key_management is unknown",
        &[ENCRYPTION],
    ),
    ("Microsoft.Sql/servers/databases/read", "SQL databases", &[RESOURCE, ENCRYPTION, LOGGING]),
    (
        "Microsoft.Sql/servers/databases/transparentDataEncryption/read",
        "encryption of SQL databases",
        &[ENCRYPTION],
    ),
    ("Microsoft.Sql/servers/databases/auditingSettings/read", "auditing of SQL databases", &[LOGGING]),
    ("Microsoft.Insights/diagnosticSettings/read", "diagnostic settings", &[LOGGING]),
    ("Microsoft.Insights/activityLogAlerts/read", "activity-log alerts", &[ALERT]),
    ("Microsoft.Insights/actionGroups/read", "whom alerts tell; without it notifies is unknown", &[ALERT]),
    ("Microsoft.Insights/eventtypes/values/read", "activity logs", EVENTS),
    ("Microsoft.Security/pricings/read", "Microsoft Defender plans", &[ALERT]),
    (
        "Microsoft.Security/securityContacts/read",
        "whom Defender tells; without it notifies is unknown",
        &[ALERT],
    ),
    ("Microsoft.Security/assessments/read", "what Defender found", &[FINDING]),
    (
        "Microsoft.Security/assessmentMetadata/read",
        "how bad what Defender found is; without it severity may be unknown",
        &[FINDING],
    ),
    ("Microsoft.RecoveryServices/vaults/read", "Recovery Services vaults", &[RESOURCE, BACKUP]),
    ("Microsoft.RecoveryServices/vaults/backupPolicies/read", "their backup policies", &[BACKUP]),
    ("Microsoft.RecoveryServices/vaults/backupProtectedItems/read", "what they protect", &[BACKUP]),
    ("Microsoft.DataProtection/backupVaults/read", "Backup vaults", &[RESOURCE, BACKUP]),
    ("Microsoft.DataProtection/backupVaults/backupPolicies/read", "their backup policies", &[BACKUP]),
    ("Microsoft.DataProtection/backupVaults/backupInstances/read", "what they protect", &[BACKUP]),
];

/// Adds all of them.
pub(crate) fn permissions(described: Description) -> Description {
    NEEDED
        .iter()
        .fold(described, |described, (action, reads, kinds)| described.permission(action, reads, kinds))
}

/// Says, for each subscription, what is not granted there, and what is incomplete or unknown for that.
pub(super) fn probe(api: &Arm<'_>, subscriptions: &[Subscription]) {
    let ask = |of: &Subscription| api.list(&of.provided("Microsoft.Authorization/permissions"), VERSION);
    for (of, answer) in api.ctx.each(subscriptions, ask) {
        let found =
            answer.and_then(|pages| pages.iter().map(Page::items::<Permission>).collect::<Result<Vec<_>>>());
        let granted: Vec<_> = match found {
            Ok(found) => found.into_iter().flatten().collect(),
            Err(failure) => {
                let (name, why) = (&of.name, failure.message());
                exhibit_sdk::warn!("which permissions are granted on {name} is not known: {why}");
                continue;
            }
        };
        for (action, reads, kinds) in NEEDED {
            if !granted.iter().any(|permission| permission.permits(action)) {
                let kinds = if kinds.len() == ALL.len() { "everything".to_owned() } else { kinds.join(", ") };
                exhibit_sdk::warn!("{action} is not granted on {} ({}): {reads} ({kinds})", of.name, of.id);
            }
        }
    }
}
