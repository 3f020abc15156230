//! Virtual machines and their disks, network security groups and flow logs, backups.
//!
//! <https://learn.microsoft.com/en-us/rest/api/compute/>, <https://learn.microsoft.com/en-us/rest/api/network-watcher/>,
//! <https://learn.microsoft.com/en-us/rest/api/backup/>

use super::super::Call;
use super::{LOCATION, With, part, resource};
use crate::calendar::at;
use crate::org::azure::{DEV, PROD, Subscription, WEB};
use crate::random::uuid;
use serde_json::{Value, json};

const MACHINES: &str = "Microsoft.Compute/virtualMachines";
const DISKS: &str = "Microsoft.Compute/disks";
const GROUPS: &str = "Microsoft.Network/networkSecurityGroups";
const VAULTS: &str = "Microsoft.RecoveryServices/vaults";
const VAULT: &str = "example-backups";
const WATCHER: &str = "NetworkWatcher_westeurope";

/// Which machines there are in a subscription.
fn machine_names(of: &Subscription) -> &'static [&'static str] {
    if of.id == PROD.id { &["web-1", "web-2"] } else { &["dev-1"] }
}

/// Azure Compute writes the group in capital letters.
fn loud(of: &Subscription, kind: &str, name: &str) -> String {
    of.resource(kind, name).replace("/resourceGroups/app/", "/resourceGroups/APP/")
}

pub(super) fn machines(of: &Subscription) -> Vec<Value> {
    let one = |name: &&str| {
        let properties = json!({
            "vmId": uuid(0, &format!("azure machine {name}")), "hardwareProfile": {"vmSize": "Standard_D2s_v5"},
            "provisioningState": "Succeeded", "timeCreated": "2025-05-13T10:00:00.5+00:00",
            "storageProfile": {
                "imageReference": {
                    "publisher": "Canonical", "offer": "ubuntu-24_04-lts", "sku": "server", "version": "latest",
                    "exactVersion": "24.04.202505010",
                },
                "osDisk": {
                    "osType": "Linux", "name": format!("{name}-os"), "createOption": "FromImage",
                    "caching": "ReadWrite", "diskSizeGB": 30,
                    "managedDisk": {"storageAccountType": "Premium_LRS", "id": loud(of, DISKS, &format!("{name}-os"))},
                },
                "dataDisks": [],
            },
            "osProfile": {
                "computerName": name, "adminUsername": "exampleadmin", "secrets": [], "allowExtensionOperations": true,
                "linuxConfiguration": {
                    "disablePasswordAuthentication": true, "provisionVMAgent": true,
                    "patchSettings": {"patchMode": "AutomaticByPlatform", "assessmentMode": "AutomaticByPlatform"},
                },
            },
            "networkProfile": {
                "networkInterfaces": [{"id": of.resource("Microsoft.Network/networkInterfaces", name)}],
            },
            "securityProfile": {"encryptionAtHost": true, "securityType": "TrustedLaunch"},
        });
        resource(of, MACHINES, name, properties).with("id", loud(of, MACHINES, name).into())
    };
    machine_names(of).iter().map(one).collect()
}

pub(super) fn disks(of: &Subscription) -> Vec<Value> {
    let one = |machine: &&str| {
        let name = format!("{machine}-os");
        let mut encryption = json!({"type": "EncryptionAtRestWithPlatformKey"});
        if of.id == PROD.id {
            let set = of.resource("Microsoft.Compute/diskEncryptionSets", "disks");
            encryption = json!({"type": "EncryptionAtRestWithCustomerKey", "diskEncryptionSetId": set});
        }
        let properties = json!({
            "osType": "Linux", "hyperVGeneration": "V2", "creationData": {"createOption": "FromImage"},
            "diskSizeGB": 30, "encryption": encryption, "timeCreated": "2025-05-13T10:00:00.043134+00:00",
            "provisioningState": "Succeeded", "diskState": "Attached", "networkAccessPolicy": "DenyAll",
            "publicNetworkAccess": "Disabled",
        });
        resource(of, DISKS, &name, properties)
            .with("id", loud(of, DISKS, &name).into())
            .with("managedBy", loud(of, MACHINES, machine).into())
            .with("sku", json!({"name": "Premium_LRS", "tier": "Premium"}))
    };
    machine_names(of).iter().map(one).collect()
}

/// A rule of a network security group: name, priority, from where, to which port.
fn rule(id: &str, kind: &str, (name, priority, from, port): (&str, u32, &str, &str), access: &str) -> Value {
    let properties = json!({
        "provisioningState": "Succeeded", "protocol": if access == "Allow" { "Tcp" } else { "*" },
        "sourcePortRange": "*", "sourceAddressPrefix": from, "destinationAddressPrefix": "*",
        "destinationPortRange": port, "access": access, "priority": priority, "direction": "Inbound",
        "sourcePortRanges": [], "destinationPortRanges": [], "sourceAddressPrefixes": [],
        "destinationAddressPrefixes": [],
    });
    part(&format!("{id}/{kind}/{name}"), &format!("{GROUPS}/{kind}"), name, properties)
        .with("etag", "W/\"1\"".into())
}

pub(super) fn groups(call: &Call<'_>, of: &Subscription) -> Vec<Value> {
    if of.id != PROD.id {
        return Vec::new();
    }
    let id = of.resource(GROUPS, WEB);
    let mut rules = vec![("Web", 300, "*", "443"), ("Bastion", 310, "198.51.100.0/28", "22")];
    if call.story().open_rdp.span.contains(call.now()) {
        rules.push(("Temporary", 320, "*", "3389"));
    }
    let own: Vec<Value> = rules.into_iter().map(|of| rule(&id, "securityRules", of, "Allow")).collect();
    let last = rule(&id, "defaultSecurityRules", ("DenyAllInBound", 65_500, "*", "*"), "Deny");
    let properties = json!({
        "provisioningState": "Succeeded", "resourceGuid": uuid(0, "azure network security group"),
        "securityRules": own, "defaultSecurityRules": [last],
        "subnets": [{"id": format!("{}/subnets/web", of.resource("Microsoft.Network/virtualNetworks", "net"))}],
    });
    vec![resource(of, GROUPS, WEB, properties).with("etag", "W/\"1\"".into())]
}

fn watcher(of: &Subscription) -> String {
    format!(
        "{}/resourceGroups/NetworkWatcherRG/providers/Microsoft.Network/networkWatchers/{WATCHER}",
        of.path()
    )
}

pub(super) fn watchers(of: &Subscription) -> Vec<Value> {
    let properties = json!({"provisioningState": "Succeeded"});
    let body = part(&watcher(of), "Microsoft.Network/networkWatchers", WATCHER, properties);
    vec![body.with("location", LOCATION.into()).with("etag", "W/\"1\"".into())]
}

pub(super) fn flow_logs(of: &Subscription, of_watcher: &str) -> Vec<Value> {
    if of.id != PROD.id || of_watcher != WATCHER.to_lowercase() {
        return Vec::new();
    }
    let properties = json!({
        "provisioningState": "Succeeded", "targetResourceId": of.resource(GROUPS, WEB),
        "targetResourceGuid": uuid(0, "azure network security group"), "enabled": true,
        "storageId": of.resource("Microsoft.Storage/storageAccounts", super::data::LOGS),
        "flowAnalyticsConfiguration": {"networkWatcherFlowAnalyticsConfiguration": {"enabled": false}},
        "retentionPolicy": {"days": 90, "enabled": true}, "format": {"type": "JSON", "version": 2},
    });
    let id = format!("{}/flowLogs/web-flow", watcher(of));
    let body = part(&id, "Microsoft.Network/networkWatchers/flowLogs", "web-flow", properties);
    vec![body.with("location", LOCATION.into()).with("etag", "W/\"1\"".into())]
}

pub(super) fn vaults(of: &Subscription) -> Vec<Value> {
    if of.id == DEV.id {
        return Vec::new();
    }
    let properties = json!({
        "provisioningState": "Succeeded", "privateEndpointStateForBackup": "None", "publicNetworkAccess": "Enabled",
        "securitySettings": {
            "immutabilitySettings": {"state": "Locked"},
            "softDeleteSettings": {"softDeleteState": "AlwaysON", "softDeleteRetentionPeriodInDays": 14},
        },
        "redundancySettings": {"standardTierStorageRedundancy": "GeoRedundant", "crossRegionRestore": "Enabled"},
    });
    vec![resource(of, VAULTS, VAULT, properties).with("sku", json!({"name": "RS0", "tier": "Standard"}))]
}

fn is_vault(of: &Subscription, vault: &str) -> bool {
    of.id == PROD.id && vault == VAULT
}

pub(super) fn backup_policies(of: &Subscription, vault: &str) -> Vec<Value> {
    if !is_vault(of, vault) {
        return Vec::new();
    }
    let properties = json!({
        "backupManagementType": "AzureIaasVM", "timeZone": "UTC", "protectedItemsCount": machine_names(of).len(),
        "schedulePolicy": {
            "schedulePolicyType": "SimpleSchedulePolicy", "scheduleRunFrequency": "Daily",
            "scheduleRunTimes": ["2025-05-13T02:00:00Z"], "scheduleWeeklyFrequency": 0,
        },
        "retentionPolicy": {
            "retentionPolicyType": "LongTermRetentionPolicy",
            "dailySchedule": {
                "retentionTimes": ["2025-05-13T02:00:00Z"],
                "retentionDuration": {"count": 30, "durationType": "Days"},
            },
        },
    });
    let id = format!("{}/backupPolicies/daily", of.resource(VAULTS, VAULT));
    vec![part(&id, "Microsoft.RecoveryServices/vaults/backupPolicies", "daily", properties)]
}

/// The machines, which are backed up at two in the morning.
pub(super) fn protected(call: &Call<'_>, of: &Subscription, vault: &str) -> Vec<Value> {
    if !is_vault(of, vault) {
        return Vec::new();
    }
    let id = of.resource(VAULTS, VAULT);
    let last = at(call.now().date(), 2, 10).min(call.now());
    let one = |machine: &&str| {
        let source = loud(of, MACHINES, machine);
        let name = format!("VM;iaasvmcontainerv2;app;{machine}");
        let properties = json!({
            "friendlyName": machine, "virtualMachineId": source, "sourceResourceId": source,
            "protectionStatus": "Healthy", "protectionState": "Protected", "lastBackupStatus": "Completed",
            "lastBackupTime": last, "protectedItemType": "Microsoft.Compute/virtualMachines",
            "backupManagementType": "AzureIaasVM", "workloadType": "VM",
            "containerName": format!("iaasvmcontainerv2;app;{machine}"),
            "policyId": format!("{id}/backupPolicies/daily"), "policyName": "daily",
        });
        let container = format!(
            "{id}/backupFabrics/Azure/protectionContainers/IaasVMContainer;iaasvmcontainerv2;app;{machine}"
        );
        let kind = "Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers/protectedItems";
        part(&format!("{container}/protectedItems/{name}"), kind, &name, properties)
    };
    machine_names(of).iter().map(one).collect()
}
