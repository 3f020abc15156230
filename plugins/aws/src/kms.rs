//! KMS keys in every region: who manages each, whether it can be used, whether it rotates by itself.
//!
//! <https://docs.aws.amazon.com/kms/latest/APIReference/Welcome.html>

use crate::api::{Api, KMS};
use crate::time::instant;
use exhibit_sdk::kinds::{Details, Encryption, EncryptionScope, KeyManagement, Resource};
use exhibit_sdk::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const TYPE: &str = "aws:kms:key";

/// Who manages the account's keys.
#[derive(Debug, Default)]
pub(crate) struct Managers(BTreeMap<String, KeyManagement>);

impl Managers {
    /// Of a key by its ARN; none where it is another account's, or KMS withholds it.
    pub(crate) fn of(&self, key: &str) -> Option<KeyManagement> {
        let by_aws = key.starts_with("alias/aws/") || key.contains(":alias/aws/");
        self.0.get(key).copied().or(by_aws.then_some(KeyManagement::ProviderManaged))
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    key_id: String,
    key_arn: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Metadata {
    description: Option<String>,
    key_state: Option<String>,
    key_manager: Option<String>,
    key_spec: Option<String>,
    key_usage: Option<String>,
    origin: Option<String>,
    multi_region: Option<bool>,
    creation_date: Value,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Described {
    key_metadata: Metadata,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Rotation {
    key_rotation_enabled: Option<bool>,
    rotation_period_in_days: Option<u64>,
}

/// A key of the list, and what KMS says of it.
struct Key {
    listed: Item<Listed>,
    region: String,
    described: Option<Item<Described>>,
}

pub(crate) fn collect(api: &Api<'_>) -> Result<Managers> {
    let mut assets = api.open_regional::<Resource>("all KMS keys in every enabled region");
    let mut encryption = api.open_regional::<Encryption>("keeping of all KMS keys in every enabled region");
    if !assets.is_wanted() && !encryption.is_wanted() {
        return Ok(Managers::default());
    }
    let list = |region: &str| {
        let paging = Paging::cursor(Read::json("/NextMarker"), Write::json("/Marker"));
        let paging = paging.more(Read::json("/Truncated")).items("/Keys");
        api.json(KMS, region, "ListKeys", &json!({})).paged(paging)
    };
    let mut listed = Vec::new();
    for (region, answer) in api.in_regions("kms:ListKeys", list) {
        for page in api.passing.take(&mut [&mut assets, &mut encryption], answer)? {
            listed.extend(page.items::<Listed>()?.into_iter().map(|key| (region.to_owned(), key)));
        }
    }
    let keys = describe(api, listed)?;
    let mut managers = Managers::default();
    for key in &keys {
        if let Some(manager) = key.metadata().and_then(Metadata::management) {
            managers.0.insert(key.listed.key_arn.clone(), manager);
        }
        assets.emit(resource(api, key))?;
    }
    if encryption.is_wanted() {
        emit_rotation(api, &mut encryption, &keys)?;
    }
    exhibit_sdk::all([assets.seal(), encryption.seal()])?;
    Ok(managers)
}

fn describe(api: &Api<'_>, listed: Vec<(String, Item<Listed>)>) -> Result<Vec<Key>> {
    let ask = |(region, key): &(String, Item<Listed>)| {
        api.json(KMS, region, "DescribeKey", &json!({"KeyId": key.key_id}))
    };
    let answers: Vec<_> = api.ctx.send_all(listed.iter().map(ask)).collect();
    let described = listed.into_iter().zip(answers).map(|((region, listed), answer)| {
        let what = format!("kms:DescribeKey of {}", listed.key_arn);
        let pages =
            api.passing.known("a key", answer.map_err(|failure| failure.context(what))).unwrap_or_default();
        let described = pages.first().map(Page::item).transpose()?;
        Ok(Key { listed, region, described })
    });
    described.collect()
}

impl Metadata {
    fn management(&self) -> Option<KeyManagement> {
        match self.key_manager.as_deref() {
            Some("AWS") => Some(KeyManagement::ProviderManaged),
            Some("CUSTOMER") => Some(KeyManagement::Customer),
            _ => None,
        }
    }

    /// KMS rotates symmetric keys whose material it made itself.
    /// <https://docs.aws.amazon.com/kms/latest/developerguide/rotate-keys.html>
    fn can_rotate(&self) -> bool {
        let of_kms = self.origin.as_deref() == Some("AWS_KMS");
        let state = self.key_state.as_deref();
        of_kms
            && self.key_spec.as_deref() == Some("SYMMETRIC_DEFAULT")
            && matches!(state, Some("Enabled" | "Disabled"))
    }
}

impl Key {
    fn metadata(&self) -> Option<&Metadata> {
        self.described.as_ref().map(|described| &described.key_metadata)
    }

    fn record<K: EvidenceKind>(&self, attributes: K) -> Record<K> {
        let arn = &self.listed.key_arn;
        let record = self.listed.record(arn, attributes).subject(subject::asset(arn));
        match &self.described {
            Some(described) => record.origin(&described.origin().below("/KeyMetadata")),
            None => record,
        }
    }
}

fn resource(api: &Api<'_>, key: &Key) -> Record<Resource> {
    let metadata = key.metadata();
    let description = metadata.and_then(|m| m.description.clone()).filter(|text| !text.is_empty());
    let attributes = Resource {
        container: Some(api.account.clone()),
        region: Some(key.region.clone()),
        status: metadata.and_then(|m| m.key_state.clone()),
        created_at: metadata.and_then(|m| instant(&m.creation_date)),
        details: description.map(|text| Details::new().with("description", text)),
        ..Resource::new(&key.listed.key_id, TYPE)
    };
    let record = key.record(attributes);
    if metadata.is_none() { record.unknown("status").unknown("created_at") } else { record }
}

fn emit_rotation(api: &Api<'_>, encryption: &mut Wanted<Encryption>, keys: &[Key]) -> Result<()> {
    let rotating = |key: &&Key| key.metadata().is_some_and(Metadata::can_rotate);
    let ask =
        |key: &Key| api.json(KMS, &key.region, "GetKeyRotationStatus", &json!({"KeyId": key.listed.key_id}));
    let mut answers = api.ctx.send_all(keys.iter().filter(rotating).map(ask));
    for key in keys {
        let metadata = key.metadata();
        let attributes = Encryption {
            resource_name: metadata.and_then(|m| m.description.clone()).filter(|text| !text.is_empty()),
            region: Some(key.region.clone()),
            enabled: metadata.and_then(|m| m.key_state.as_deref()).map(|state| state == "Enabled"),
            algorithm: metadata.and_then(|m| m.key_spec.clone()),
            key_id: Some(key.listed.key_arn.clone()),
            key_management: metadata.and_then(Metadata::management),
            details: metadata.and_then(details),
            ..Encryption::new(&key.listed.key_arn, TYPE, EncryptionScope::Key)
        };
        let mut record = key.record(attributes);
        if metadata.is_none() {
            record = record.unknown("enabled").unknown("key_management").unknown("rotation_enabled");
        }
        if rotating(&key) {
            let answer = answers.next().unwrap_or_else(|| Err(Failure::internal("an answer is missing")));
            let what = format!("kms:GetKeyRotationStatus of {}", key.listed.key_arn);
            record = match api
                .passing
                .known("a key's rotation", answer.map_err(|failure| failure.context(what)))
            {
                Some(pages) => rotated(record, &pages)?,
                None => record.unknown("rotation_enabled"),
            };
        }
        encryption.emit(record)?;
    }
    Ok(())
}

fn rotated(mut record: Record<Encryption>, pages: &[Page]) -> Result<Record<Encryption>> {
    for page in pages {
        let rotation = page.item::<Rotation>()?;
        let attributes = record.attributes_mut();
        attributes.rotation_enabled = rotation.key_rotation_enabled;
        attributes.rotation_days = rotation.rotation_period_in_days;
        record = record.origin(rotation.origin());
    }
    Ok(record)
}

fn details(metadata: &Metadata) -> Option<Details> {
    let mut details = Details::new();
    for (name, value) in
        [("key_state", &metadata.key_state), ("key_usage", &metadata.key_usage), ("origin", &metadata.origin)]
    {
        if let Some(value) = value {
            details.insert(name, value.as_str());
        }
    }
    if let Some(flag) = metadata.multi_region {
        details.insert("multi_region", flag);
    }
    details.some()
}
