//! RDS database instances in every region: encryption, backups, reach.
//!
//! What changes at every look (the latest restorable time, the instance's state while a backup runs) is left out.
//! <https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeDBInstances.html>

use crate::api::{Api, RDS};
use crate::kms::Managers;
use crate::network::tags;
use exhibit_sdk::kinds::{BackupPlan, Details, Encryption, EncryptionScope, Resource};
use exhibit_sdk::prelude::*;

const TYPE: &str = "aws:rds:db-instance";

pub(crate) fn collect(api: &Api<'_>, managers: &Managers) -> Result<()> {
    let mut assets = api.open_regional::<Resource>("all RDS instances in every enabled region");
    let mut encryption =
        api.open_regional::<Encryption>("encryption of all RDS instances in every enabled region");
    let mut backups =
        api.open_regional::<BackupPlan>("automated backups of all RDS instances in every enabled region");
    if !assets.is_wanted() && !encryption.is_wanted() && !backups.is_wanted() {
        return Ok(());
    }
    let list = |region: &str| {
        let params = [("MaxRecords", "100")];
        api.query_list(RDS, region, "DescribeDBInstances", &params, "DBInstances/DBInstance")
    };
    for (region, answer) in api.in_regions("rds:DescribeDBInstances", list) {
        for page in api.passing.take(&mut [&mut assets, &mut encryption, &mut backups], answer)? {
            for instance in page.elements()? {
                let Some(name) = instance.text("DBInstanceIdentifier") else { continue };
                let arn = instance.text("DBInstanceArn").map(str::to_owned);
                let arn = arn.unwrap_or_else(|| api.arn("rds", region, &format!("db:{name}")));
                assets.emit(resource(api, region, &arn, name, &instance))?;
                encryption.emit(encrypted(region, &arn, name, &instance, managers))?;
                backups.emit(backed_up(region, &arn, name, &instance))?;
            }
        }
    }
    exhibit_sdk::all([assets.seal(), encryption.seal(), backups.seal()])
}

fn resource(
    api: &Api<'_>,
    region: &str,
    arn: &str,
    name: &str,
    instance: &Item<Element>,
) -> Record<Resource> {
    let mut details = Details::new();
    for (field, key) in [("MultiAZ", "multi_az"), ("IAMDatabaseAuthenticationEnabled", "iam_authentication")]
    {
        if let Some(flag) = instance.flag(field) {
            details.insert(key, flag);
        }
    }
    if let Some(class) = instance.text("DBInstanceClass") {
        details.insert("class", class);
    }
    let attributes = Resource {
        container: Some(api.account.clone()),
        region: Some(region.to_owned()),
        tags: tags(instance, "TagList/Tag", ["Key", "Value"]),
        publicly_accessible: instance.flag("PubliclyAccessible"),
        deletion_protected: instance.flag("DeletionProtection"),
        engine: instance.text("Engine").map(str::to_owned),
        engine_version: instance.text("EngineVersion").map(str::to_owned),
        automatic_updates_enabled: instance.flag("AutoMinorVersionUpgrade"),
        created_at: instance.read("InstanceCreateTime"),
        details: details.some(),
        ..Resource::new(name, TYPE)
    };
    let silent = [
        ("publicly_accessible", attributes.publicly_accessible.is_none()),
        ("deletion_protected", attributes.deletion_protected.is_none()),
        ("automatic_updates_enabled", attributes.automatic_updates_enabled.is_none()),
    ];
    let record = instance.record(arn, attributes).subject(subject::asset(arn));
    silent.into_iter().filter(|(_, silent)| *silent).fold(record, |record, (name, _)| record.unknown(name))
}

fn encrypted(
    region: &str,
    arn: &str,
    name: &str,
    instance: &Item<Element>,
    managers: &Managers,
) -> Record<Encryption> {
    let key = instance.text("KmsKeyId");
    let attributes = Encryption {
        resource_name: Some(name.to_owned()),
        region: Some(region.to_owned()),
        enabled: instance.flag("StorageEncrypted"),
        key_id: key.map(str::to_owned),
        key_management: key.and_then(|key| managers.of(key)),
        ..Encryption::new(arn, TYPE, EncryptionScope::AtRest)
    };
    let silent = attributes.enabled.is_none();
    let unknown_key = attributes.enabled == Some(true) && attributes.key_management.is_none();
    let record = instance.record(arn, attributes).subject(subject::asset(arn));
    let record = if silent { record.unknown("enabled") } else { record };
    if unknown_key { record.unknown("key_management") } else { record }
}

/// A retention of 0 days means that automated backups are off.
fn backed_up(region: &str, arn: &str, name: &str, instance: &Item<Element>) -> Record<BackupPlan> {
    let days: Option<u64> = instance.read("BackupRetentionPeriod");
    let on = days.map(|days| days > 0);
    let attributes = BackupPlan {
        resource_type: Some(TYPE.to_owned()),
        region: Some(region.to_owned()),
        enabled: on,
        covers: Some(vec![arn.to_owned()]),
        schedule: instance.text("PreferredBackupWindow").map(|window| format!("daily {window} UTC")),
        // Of a plan, 0 days would mean for ever.
        retention_days: days.filter(|days| *days > 0),
        // Snapshots are encrypted as the instance is, and with its key.
        encrypted: instance.flag("StorageEncrypted"),
        key_id: instance.text("KmsKeyId").map(str::to_owned),
        point_in_time_recovery: on,
        ..BackupPlan::new(name)
    };
    let record = instance.record(arn, attributes).subject(subject::asset(arn));
    if on.is_none() { record.unknown("enabled").unknown("retention_days") } else { record }
}
