//! Cloud SQL: instances, their encryption, who can reach them, how they are backed up.
//!
//! <https://cloud.google.com/sql/docs/mysql/admin-api/rest/v1beta4/instances>

use crate::api::{Api, SQL};
use crate::services::Services;
use crate::tree::{Place, Tree};
use crate::values::tags;
use exhibit_sdk::kinds::{BackupPlan, Encryption, EncryptionScope, KeyManagement};
use exhibit_sdk::prelude::*;
use std::collections::BTreeMap;

const TYPE: &str = "gcp:sqladmin:instance";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Instance {
    name: String,
    project: Option<String>,
    region: Option<String>,
    state: Option<String>,
    database_version: Option<String>,
    database_installed_version: Option<String>,
    instance_type: Option<String>,
    create_time: Option<String>,
    disk_encryption_configuration: Option<Disk>,
    settings: Option<Settings>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Disk {
    kms_key_name: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Settings {
    availability_type: Option<String>,
    deletion_protection_enabled: Option<bool>,
    user_labels: BTreeMap<String, String>,
    ip_configuration: Option<Reach>,
    backup_configuration: Option<Backup>,
    database_flags: Vec<Flag>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reach {
    ipv4_enabled: Option<bool>,
    require_ssl: Option<bool>,
    ssl_mode: Option<String>,
    private_network: Option<String>,
    #[serde(default)]
    authorized_networks: Vec<Network>,
}

#[derive(Debug, Deserialize)]
struct Network {
    value: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Flag {
    name: String,
    value: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Backup {
    enabled: Option<bool>,
    start_time: Option<String>,
    location: Option<String>,
    binary_log_enabled: Option<bool>,
    point_in_time_recovery_enabled: Option<bool>,
    transaction_log_retention_days: Option<u32>,
    backup_retention_settings: Option<Kept>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kept {
    retention_unit: Option<String>,
    retained_backups: Option<u32>,
}

impl Instance {
    fn full_name(&self, project: &Place) -> String {
        let project = self.project.as_deref().unwrap_or(&project.id);
        format!("//cloudsql.googleapis.com/projects/{project}/instances/{}", self.name)
    }

    fn reach(&self) -> Option<&Reach> {
        self.settings.as_ref()?.ip_configuration.as_ref()
    }

    fn networks(&self) -> Vec<String> {
        let networks = self.reach().map(|reach| reach.authorized_networks.as_slice()).unwrap_or_default();
        let mut networks: Vec<String> = networks.iter().filter_map(|network| network.value.clone()).collect();
        networks.sort();
        networks
    }
}

pub(crate) fn collect(api: &Api<'_>, tree: &Tree, services: &Services) -> Result<()> {
    let mut assets = api.open::<Resource>("Cloud SQL instances of all active projects");
    let mut encryption =
        api.open::<Encryption>("encryption of all Cloud SQL instances of all active projects");
    let mut backups = api.open::<BackupPlan>("backups of all Cloud SQL instances of all active projects");
    if !assets.is_wanted() && !encryption.is_wanted() && !backups.is_wanted() {
        return Ok(());
    }
    let projects = services.having(tree, SQL, &mut [&mut assets, &mut encryption, &mut backups])?;
    let ask = |project: &&Place| {
        let list = api.list(SQL, &format!("/sql/v1beta4/{}/instances", project.path()), "/items");
        list.query("maxResults", "500")
    };
    for (project, answer) in api.ctx.each(&projects, ask) {
        for page in api.passing.take(&mut [&mut assets, &mut encryption, &mut backups], answer)? {
            for instance in assets.items::<Instance>(&page)? {
                assets.emit(resource(project, &instance))?;
                encryption.emit(at_rest(project, &instance))?;
                encryption.emit(in_transit(project, &instance))?;
                backups.emit(backup(project, &instance))?;
            }
        }
    }
    exhibit_sdk::all([assets.seal(), encryption.seal(), backups.seal()])
}

fn record<K: EvidenceKind>(
    project: &Place,
    instance: &Item<Instance>,
    key: &str,
    attributes: K,
) -> Record<K> {
    let full_name = instance.full_name(project);
    instance.record(format!("{full_name}{key}"), attributes).subject(subject::asset(&full_name))
}

fn resource(project: &Place, instance: &Item<Instance>) -> Record<Resource> {
    let settings = instance.settings.as_ref();
    let networks = instance.networks();
    let has_address = instance.reach().and_then(|reach| reach.ipv4_enabled);
    let is_open = networks.iter().any(|network| network == "0.0.0.0/0");
    let mut details = Details::new();
    for (name, value) in [
        ("instance_type", instance.instance_type.as_deref()),
        ("availability_type", settings.and_then(|settings| settings.availability_type.as_deref())),
        ("private_network", instance.reach().and_then(|reach| reach.private_network.as_deref())),
    ] {
        if let Some(value) = value {
            details.insert(name, value);
        }
    }
    if let Some(flag) = has_address {
        details.insert("public_address", flag);
    }
    if !networks.is_empty() {
        details.insert("authorized_networks", networks);
    }
    let flags: Details = settings
        .map(|settings| settings.database_flags.as_slice())
        .unwrap_or_default()
        .iter()
        .map(|flag| (flag.name.as_str(), flag.value.clone().unwrap_or_default()))
        .collect();
    if !flags.is_empty() {
        details.insert("database_flags", flags);
    }
    let protected = settings.and_then(|settings| settings.deletion_protection_enabled);
    let attributes = Resource {
        container: Some(project.name.clone()),
        region: instance.region.clone(),
        status: instance.state.clone(),
        tags: settings.and_then(|settings| tags(&settings.user_labels)),
        // A public address lets in whom the authorized networks name.
        publicly_accessible: has_address.map(|has_address| has_address && is_open),
        deletion_protected: protected,
        engine: instance.database_version.clone(),
        engine_version: instance.database_installed_version.clone(),
        created_at: instant(instance.create_time.as_ref()),
        details: details.some(),
        ..Resource::new(&instance.name, TYPE)
    };
    let mut record = record(project, instance, "", attributes);
    for (attribute, is_known) in [
        ("publicly_accessible", has_address.is_some()),
        ("deletion_protected", protected.is_some()),
        ("engine_version", instance.database_installed_version.is_some()),
    ] {
        if !is_known {
            record = record.unknown(attribute);
        }
    }
    record
}

/// Google encrypts every instance; with a key of the customer's where one is named:
/// <https://cloud.google.com/sql/docs/mysql/cmek>.
fn at_rest(project: &Place, instance: &Item<Instance>) -> Record<Encryption> {
    let key = instance.disk_encryption_configuration.as_ref().and_then(|disk| disk.kms_key_name.clone());
    let attributes = Encryption {
        resource_name: Some(instance.name.clone()),
        region: instance.region.clone(),
        enabled: Some(true),
        key_management: Some(if key.is_some() { KeyManagement::Customer } else { KeyManagement::Provider }),
        key_id: key.map(|key| format!("//cloudkms.googleapis.com/{key}")),
        ..Encryption::new(instance.full_name(project), TYPE, EncryptionScope::AtRest)
    };
    record(project, instance, "/at_rest", attributes)
}

/// `sslMode` says it where it is set, else the older `requireSsl`, which is absent where it was never switched on.
fn in_transit(project: &Place, instance: &Item<Instance>) -> Record<Encryption> {
    let mode = instance.reach().and_then(|reach| reach.ssl_mode.as_deref());
    let enforced = match mode {
        Some("ENCRYPTED_ONLY" | "TRUSTED_CLIENT_CERTIFICATE_REQUIRED") => Some(true),
        Some("ALLOW_UNENCRYPTED_AND_ENCRYPTED") => Some(false),
        Some("SSL_MODE_UNSPECIFIED") | None => {
            instance.reach().map(|reach| reach.require_ssl.unwrap_or(false))
        }
        Some(_) => None,
    };
    let attributes = Encryption {
        resource_name: Some(instance.name.clone()),
        region: instance.region.clone(),
        enabled: enforced,
        details: mode.map(|mode| Details::new().with("ssl_mode", mode)),
        ..Encryption::new(instance.full_name(project), TYPE, EncryptionScope::InTransit)
    };
    let record = record(project, instance, "/in_transit", attributes);
    if enforced.is_none() { record.unknown("enabled") } else { record }
}

fn backup(project: &Place, instance: &Item<Instance>) -> Record<BackupPlan> {
    let plan = instance.settings.as_ref().and_then(|settings| settings.backup_configuration.as_ref());
    // MySQL does it by its binary log, the others by a switch; Google leaves out what was never switched on.
    let recovery = plan.map(|plan| {
        plan.point_in_time_recovery_enabled == Some(true) || plan.binary_log_enabled == Some(true)
    });
    let mut details = Details::new();
    if let Some(plan) = plan {
        if let Some(place) = &plan.location {
            details.insert("location", place.as_str());
        }
        if let Some(days) = plan.transaction_log_retention_days {
            details.insert("transaction_log_days", days);
        }
        if let Some(kept) = &plan.backup_retention_settings {
            if let Some(count) = kept.retained_backups {
                details.insert("retained", count);
            }
            if let Some(unit) = &kept.retention_unit {
                details.insert("retained_unit", unit.as_str());
            }
        }
    }
    let enabled = plan.and_then(|plan| plan.enabled);
    let attributes = BackupPlan {
        resource_type: Some(TYPE.to_owned()),
        region: instance.region.clone(),
        enabled,
        covers: Some(vec![instance.full_name(project)]),
        schedule: plan.and_then(|plan| plan.start_time.as_ref()).map(|time| format!("daily {time} UTC")),
        point_in_time_recovery: recovery,
        details: details.some(),
        ..BackupPlan::new(&instance.name)
    };
    let mut record = record(project, instance, "", attributes);
    for (attribute, is_known) in
        [("enabled", enabled.is_some()), ("point_in_time_recovery", recovery.is_some())]
    {
        if !is_known {
            record = record.unknown(attribute);
        }
    }
    // Backups are counted, not dated.
    record.unknown("retention_days")
}
