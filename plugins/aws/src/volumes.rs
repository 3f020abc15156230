//! EBS volumes in every region, and whether new ones are encrypted by default.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVolumes.html>

use crate::api::{Api, EC2};
use crate::kms::Managers;
use crate::network::{name_of, tags};
use exhibit_sdk::kinds::{Details, Encryption, EncryptionScope, Resource};
use exhibit_sdk::prelude::*;

const TYPE: &str = "aws:ec2:volume";

pub(crate) fn collect(api: &Api<'_>, managers: &Managers) -> Result<()> {
    exhibit_sdk::all([volumes(api, managers), defaults(api)])
}

fn volumes(api: &Api<'_>, managers: &Managers) -> Result<()> {
    let mut assets = api.open_regional::<Resource>("all EBS volumes in every enabled region");
    let mut encryption =
        api.open_regional::<Encryption>("encryption of all EBS volumes in every enabled region");
    if !assets.is_wanted() && !encryption.is_wanted() {
        return Ok(());
    }
    let list = |region: &str| {
        api.query_list(EC2, region, "DescribeVolumes", &[("MaxResults", "500")], "volumeSet/item")
    };
    for (region, answer) in api.in_regions("ec2:DescribeVolumes", list) {
        for page in api.passing.take(&mut [&mut assets, &mut encryption], answer)? {
            for volume in page.elements()? {
                let Some(id) = volume.text("volumeId") else { continue };
                let arn = api.arn("ec2", region, &format!("volume/{id}"));
                assets.emit(resource(api, region, &arn, id, &volume))?;
                encryption.emit(encrypted(region, &arn, &volume, managers))?;
            }
        }
    }
    exhibit_sdk::all([assets.seal(), encryption.seal()])
}

fn resource(api: &Api<'_>, region: &str, arn: &str, id: &str, volume: &Item<Element>) -> Record<Resource> {
    let mut details = Details::new();
    if let Some(size) = volume.read::<u32>("size") {
        details.insert("size_gib", size);
    }
    if let Some(kind) = volume.text("volumeType") {
        details.insert("volume_type", kind);
    }
    let attributes = Resource {
        container: Some(api.account.clone()),
        region: Some(region.to_owned()),
        tags: tags(volume, "tagSet/item", ["key", "value"]),
        status: volume.text("status").map(str::to_owned),
        created_at: volume.read("createTime"),
        details: details.some(),
        ..Resource::new(name_of(volume).unwrap_or_else(|| id.to_owned()), TYPE)
    };
    volume.record(arn, attributes).subject(subject::asset(arn))
}

fn encrypted(region: &str, arn: &str, volume: &Item<Element>, managers: &Managers) -> Record<Encryption> {
    let key = volume.text("kmsKeyId");
    let attributes = Encryption {
        resource_name: name_of(volume),
        region: Some(region.to_owned()),
        enabled: volume.flag("encrypted"),
        key_id: key.map(str::to_owned),
        key_management: key.and_then(|key| managers.of(key)),
        ..Encryption::new(arn, TYPE, EncryptionScope::AtRest)
    };
    let unknown_key = attributes.enabled == Some(true) && attributes.key_management.is_none();
    let mut record = volume.record(arn, attributes).subject(subject::asset(arn));
    if record.attributes_mut().enabled.is_none() {
        record = record.unknown("enabled");
    }
    if unknown_key { record.unknown("key_management") } else { record }
}

/// One record for each region.
fn defaults(api: &Api<'_>) -> Result<()> {
    let mut encryption =
        api.open_regional::<Encryption>("whether new EBS volumes are encrypted, in every enabled region");
    if !encryption.is_wanted() {
        return Ok(());
    }
    let ask = |region: &str| api.query(EC2, region, "GetEbsEncryptionByDefault", &[]);
    for (region, answer) in api.in_regions("ec2:GetEbsEncryptionByDefault", ask) {
        for page in api.passing.take(&mut [&mut encryption], answer)? {
            let arn = api.arn("ec2", region, "ebs-encryption-by-default");
            let attributes = Encryption {
                region: Some(region.to_owned()),
                enabled: page.xml()?.flag("ebsEncryptionByDefault"),
                default: Some(true),
                ..Encryption::new(&arn, TYPE, EncryptionScope::AtRest)
            };
            let mut record = Record::new(&arn, attributes);
            record = record.origin(&page.origin("/GetEbsEncryptionByDefaultResponse/ebsEncryptionByDefault"));
            let silent = record.attributes_mut().enabled.is_none();
            encryption.emit(if silent { record.unknown("enabled") } else { record })?;
        }
    }
    encryption.seal()
}
