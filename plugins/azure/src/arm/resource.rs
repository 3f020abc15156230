//! What every resource of Azure Resource Manager has: <https://learn.microsoft.com/en-us/rest/api/resources/resources/list>.

use super::id;
use super::locks::Locks;
use exhibit_sdk::prelude::*;
use serde::Deserializer;
use std::collections::BTreeMap;

/// A resource as a list gives it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Listed<P> {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) location: Option<String>,
    pub(super) kind: Option<String>,
    pub(super) sku: Option<Sku>,
    pub(super) system_data: Option<SystemData>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) tags: BTreeMap<String, String>,
    pub(super) properties: P,
}

#[derive(Debug, Deserialize)]
pub(super) struct Sku {
    pub(super) name: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SystemData {
    created_at: Option<String>,
}

impl<P> Listed<P> {
    /// The name of its records.
    pub(super) fn key(&self) -> String {
        id::key(&self.id)
    }

    /// When it was made, where the service says so.
    pub(super) fn created_at(&self) -> Option<Timestamp> {
        instant(self.system_data.as_ref()?.created_at.as_ref())
    }

    /// As an asset of this type, `azure:sql:server`: to be completed.
    pub(super) fn asset(&self, kind: &str) -> Resource {
        Resource {
            container: Some(id::container(&self.id)),
            region: self.location.clone(),
            tags: tags(&self.tags),
            created_at: self.created_at(),
            ..Resource::new(&self.name, kind)
        }
    }
}

/// A record of a resource, or of a part of it that `suffix` names.
pub(super) fn record<P, K: EvidenceKind>(listed: &Item<Listed<P>>, suffix: &str, attributes: K) -> Record<K> {
    listed.record(format!("{}{suffix}", listed.key()), attributes).subject(subject::asset(&listed.key()))
}

/// The asset itself, with what locks say of it, in its resource group.
pub(super) fn asset_record<P>(
    listed: &Item<Listed<P>>,
    attributes: Resource,
    details: Details,
    locks: &Locks,
) -> Record<Resource> {
    let details = details.with_some("resource_group", id::group(&listed.id));
    let lock = locks.of(&listed.id);
    let attributes = Resource {
        deletion_protected: lock.as_ref().map(|lock| lock.is_some()),
        details: details.some(),
        ..attributes
    };
    let record = record(listed, "", attributes).unknown_unless("deletion_protected", lock.is_some());
    match lock.flatten() {
        Some(origin) => record.origin(origin),
        None => record,
    }
}

/// Tags, in the order of their names.
pub(super) fn tags(tags: &BTreeMap<String, String>) -> Option<Vec<String>> {
    (!tags.is_empty()).then(|| tags.iter().map(|(name, value)| format!("{name}={value}")).collect())
}

/// Azure writes `null` for what is absent: that is the same.
pub(super) fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    reader: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(reader)?.unwrap_or_default())
}
