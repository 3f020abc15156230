//! Storage accounts, key vaults, SQL servers and databases.
//!
//! <https://learn.microsoft.com/en-us/rest/api/storagerp/>, <https://learn.microsoft.com/en-us/rest/api/keyvault/>,
//! <https://learn.microsoft.com/en-us/rest/api/sql/>

use super::super::{Answer, Call, Refusal};
use super::{LOCATION, With, not_found, part, resource};
use crate::org::azure::{PROD, Subscription, TENANT, UPLOADS};
use serde_json::{Value, json};

/// The storage account that logs go to.
pub(super) const LOGS: &str = "examplelogs";
const DEV_FILES: &str = "exampledev";
const ACCOUNTS: &str = "Microsoft.Storage/storageAccounts";
const VAULTS: &str = "Microsoft.KeyVault/vaults";
pub(super) const VAULT: &str = "example-prod";
const KEYS: [&str; 3] = ["disks", "sql", "storage"];
const SERVERS: &str = "Microsoft.Sql/servers";
pub(super) const SERVER: &str = "example-orders";
/// `master` is the server's own.
const DATABASES: [&str; 2] = ["master", "orders"];

fn account_names(of: &Subscription) -> &'static [&'static str] {
    if of.id == PROD.id { &[LOGS, UPLOADS] } else { &[DEV_FILES] }
}

/// Whether the world may read blobs of it now.
fn is_public(call: &Call<'_>, name: &str) -> bool {
    name == UPLOADS && call.story().public_storage.span.contains(call.now())
}

pub(super) fn accounts(call: &Call<'_>, of: &Subscription) -> Vec<Value> {
    let one = |name: &&str| {
        let own_key = json!({
            "keySource": "Microsoft.Keyvault", "requireInfrastructureEncryption": true,
            "keyvaultproperties": {"keyname": "storage", "keyvaulturi": format!("https://{VAULT}.vault.example.net/")},
            "services": {"blob": {"keyType": "Account", "enabled": true, "lastEnabledTime": "2024-03-05T09:00:00Z"}},
        });
        let microsoft_key = json!({
            "keySource": "Microsoft.Storage",
            "services": {"blob": {"keyType": "Account", "enabled": true, "lastEnabledTime": "2024-03-05T09:00:00Z"}},
        });
        let is_closed = *name == LOGS;
        let properties = json!({
            "provisioningState": "Succeeded", "creationTime": "2024-03-05T09:00:00.1234567Z",
            "primaryLocation": LOCATION, "statusOfPrimary": "available", "accessTier": "Hot",
            "primaryEndpoints": {"blob": format!("https://{name}.blob.example.net/")}, "minimumTlsVersion": "TLS1_2",
            "allowBlobPublicAccess": is_public(call, name), "allowSharedKeyAccess": !is_closed,
            "supportsHttpsTrafficOnly": true,
            "publicNetworkAccess": if is_closed { "Disabled" } else { "Enabled" },
            "networkAcls": {
                "bypass": "AzureServices", "virtualNetworkRules": [], "ipRules": [],
                "defaultAction": if is_closed { "Deny" } else { "Allow" },
            },
            "privateEndpointConnections": [],
            "encryption": if is_closed { own_key } else { microsoft_key },
        });
        resource(of, ACCOUNTS, name, properties)
            .with("sku", json!({"name": "Standard_GRS", "tier": "Standard"}))
            .with("kind", "StorageV2".into())
    };
    account_names(of).iter().map(one).collect()
}

fn account(of: &Subscription, name: &str) -> Result<String, Refusal> {
    let known = account_names(of).contains(&name);
    known.then(|| of.resource(ACCOUNTS, name)).ok_or_else(|| not_found(&format!("{ACCOUNTS}/{name}")))
}

pub(super) fn blobs(of: &Subscription, name: &str) -> Answer {
    let id = format!("{}/blobServices/default", account(of, name)?);
    let properties = json!({
        "isVersioningEnabled": name == LOGS, "cors": {"corsRules": []},
        "deleteRetentionPolicy": {"enabled": true, "days": 14, "allowPermanentDelete": false},
        "containerDeleteRetentionPolicy": {"enabled": true, "days": 7},
    });
    let body = part(&id, "Microsoft.Storage/storageAccounts/blobServices", "default", properties);
    Ok(body.with("sku", json!({"name": "Standard_GRS", "tier": "Standard"})))
}

pub(super) fn containers(call: &Call<'_>, of: &Subscription, name: &str) -> Result<Vec<Value>, Refusal> {
    let id = account(of, name)?;
    let one = |container: &str| {
        let access = if container == "incoming" && is_public(call, name) { "Blob" } else { "None" };
        let properties = json!({
            "publicAccess": access, "hasImmutabilityPolicy": false, "hasLegalHold": false, "leaseState": "Available",
            "lastModifiedTime": "2024-03-05T09:05:00Z",
        });
        let id = format!("{id}/blobServices/default/containers/{container}");
        part(&id, "Microsoft.Storage/storageAccounts/blobServices/containers", container, properties)
    };
    Ok(["archive", "incoming"].map(one).to_vec())
}

pub(super) fn vaults(of: &Subscription) -> Vec<Value> {
    if of.id != PROD.id {
        return Vec::new();
    }
    let properties = json!({
        "sku": {"family": "A", "name": "standard"}, "tenantId": TENANT, "provisioningState": "Succeeded",
        "vaultUri": format!("https://{VAULT}.vault.example.net/"), "enabledForDeployment": false,
        "enableSoftDelete": true, "softDeleteRetentionInDays": 90, "enablePurgeProtection": true,
        "enableRbacAuthorization": true, "publicNetworkAccess": "Disabled", "accessPolicies": [],
    });
    vec![resource(of, VAULTS, VAULT, properties)]
}

/// A key, as the list has it.
fn listed(of: &Subscription, name: &str) -> Value {
    let uri = format!("https://{VAULT}.vault.example.net/keys/{name}");
    // 2024-03-05T09:10:00Z, by `date -u -d`.
    let made = 1_709_629_800;
    let properties = json!({
        "attributes": {"enabled": true, "created": made, "updated": made, "exportable": false}, "kty": "RSA",
        "keyOps": ["wrapKey", "unwrapKey"], "keySize": 3072, "keyUri": uri, "keyUriWithVersion": format!("{uri}/1"),
    });
    let id = format!("{}/keys/{name}", of.resource(VAULTS, VAULT));
    part(&id, "Microsoft.KeyVault/vaults/keys", name, properties).with("location", LOCATION.into())
}

pub(super) fn keys(of: &Subscription, vault: &str) -> Vec<Value> {
    let is_here = of.id == PROD.id && vault == VAULT;
    KEYS.iter().filter(|_| is_here).map(|name| listed(of, name)).collect()
}

/// One key, with how it rotates, which the list does not say.
pub(super) fn key(of: &Subscription, vault: &str, name: &str) -> Answer {
    if of.id != PROD.id || vault != VAULT || !KEYS.contains(&name) {
        return Err(not_found(&format!("{VAULTS}/{vault}/keys/{name}")));
    }
    let mut key = listed(of, name);
    key["properties"]["rotationPolicy"] = json!({
        "attributes": {"expiryTime": "P2Y"},
        "lifetimeActions": [{"trigger": {"timeAfterCreate": "P1Y"}, "action": {"type": "rotate"}}],
    });
    Ok(key)
}

pub(super) fn servers(of: &Subscription) -> Vec<Value> {
    if of.id != PROD.id {
        return Vec::new();
    }
    let properties = json!({
        "administratorLogin": "exampleadmin", "version": "12.0", "state": "Ready", "minimalTlsVersion": "1.2",
        "fullyQualifiedDomainName": format!("{SERVER}.database.example.net"), "privateEndpointConnections": [],
        "publicNetworkAccess": "Enabled", "restrictOutboundNetworkAccess": "Disabled",
        "administrators": {
            "administratorType": "ActiveDirectory", "principalType": "Group", "login": "Production Access",
            "sid": "00000000-0000-4000-8000-00000000d0ba", "tenantId": TENANT, "azureADOnlyAuthentication": true,
        },
    });
    vec![resource(of, SERVERS, SERVER, properties).with("kind", "v12.0".into())]
}

/// What a server has: a list, or one thing.
pub(super) fn of_server(of: &Subscription, server: &str, path: &[&str]) -> Answer {
    if of.id != PROD.id || server != SERVER {
        return Err(not_found(&format!("{SERVERS}/{server}")));
    }
    let id = of.resource(SERVERS, SERVER);
    let child = |rest: &str, kind: &str, properties: Value| {
        let name = rest.rsplit('/').next().unwrap_or_default();
        part(&format!("{id}/{rest}"), &format!("{SERVERS}/{kind}"), name, properties)
    };
    let audits = |is_on: bool| {
        json!({
            "state": if is_on { "Enabled" } else { "Disabled" }, "retentionDays": if is_on { 365 } else { 0 },
            "storageEndpoint": if is_on { format!("https://{LOGS}.blob.example.net") } else { String::new() },
            "auditActionsAndGroups": if is_on { json!(["BATCH_COMPLETED_GROUP"]) } else { json!([]) },
            "isStorageSecondaryKeyInUse": false, "isAzureMonitorTargetEnabled": is_on,
            "storageAccountSubscriptionId": "00000000-0000-0000-0000-000000000000",
        })
    };
    Ok(match path {
        ["firewallrules"] => {
            let office = json!({"startIpAddress": "198.51.100.1", "endIpAddress": "198.51.100.14"});
            json!([child("firewallRules/office", "firewallRules", office)])
        }
        ["auditingsettings", "default"] => {
            child("auditingSettings/Default", "auditingSettings", audits(true))
        }
        ["encryptionprotector", "current"] => {
            let own = json!({
                "serverKeyName": format!("{VAULT}_sql_1"), "serverKeyType": "AzureKeyVault",
                "uri": format!("https://{VAULT}.vault.example.net/keys/sql/1"), "autoRotationEnabled": true,
            });
            child("encryptionProtector/current", "encryptionProtector", own)
                .with("kind", "azurekeyvault".into())
                .with("location", "West Europe".into())
        }
        ["databases"] => {
            let one = |name: &&str| {
                let properties = json!({
                    "collation": "SQL_Latin1_General_CP1_CI_AS", "status": "Online", "zoneRedundant": false,
                    "creationDate": "2024-03-06T11:22:16.677Z", "currentServiceObjectiveName": "GP_Gen5_2",
                    "currentBackupStorageRedundancy": "Geo",
                });
                child(&format!("databases/{name}"), "databases", properties)
                    .with("location", LOCATION.into())
                    .with("kind", "v12.0,user,vcore".into())
                    .with(
                        "sku",
                        json!({"name": "GP_Gen5", "tier": "GeneralPurpose", "family": "Gen5", "capacity": 2}),
                    )
            };
            DATABASES.iter().map(one).collect()
        }
        ["databases", name, what, _] if DATABASES.contains(name) => match *what {
            "transparentdataencryption" => {
                let rest = format!("databases/{name}/transparentDataEncryption/current");
                child(&rest, "databases/transparentDataEncryption", json!({"state": "Enabled"}))
            }
            "auditingsettings" => {
                let rest = format!("databases/{name}/auditingSettings/Default");
                child(&rest, "databases/auditingSettings", audits(false))
            }
            _ => return Err(not_found(what)),
        },
        _ => return Err(not_found(&path.join("/"))),
    })
}
