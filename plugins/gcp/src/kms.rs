//! Cloud KMS: keys of every project, who can use them, whether they rotate.
//!
//! The API has no list over all locations: <https://cloud.google.com/kms/docs/reference/rest>. So the locations are
//! read, the key rings of each, and the keys of each ring.

use crate::api::{Api, KMS};
use crate::services::Services;
use crate::tree::{Place, Tree};
use crate::values::{last, part, seconds, tags};
use exhibit_sdk::kinds::{Encryption, EncryptionScope, KeyManagement};
use exhibit_sdk::prelude::*;
use std::collections::BTreeMap;

const TYPE: &str = "gcp:cloudkms:key";

#[derive(Debug, Deserialize)]
struct Named {
    name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Key {
    name: String,
    primary: Option<Version>,
    purpose: Option<String>,
    create_time: Option<String>,
    rotation_period: Option<String>,
    next_rotation_time: Option<String>,
    version_template: Option<Template>,
    destroy_scheduled_duration: Option<String>,
    import_only: Option<bool>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    state: Option<String>,
    generate_time: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Template {
    protection_level: Option<String>,
    algorithm: Option<String>,
}

pub(crate) fn collect(api: &Api<'_>, tree: &Tree, services: &Services) -> Result<()> {
    let mut assets = api.open::<Resource>("Cloud KMS keys of all active projects");
    let mut encryption = api.open::<Encryption>("keeping of all Cloud KMS keys of all active projects");
    if !assets.is_wanted() && !encryption.is_wanted() {
        return Ok(());
    }
    let projects = services.having(tree, KMS, &mut [&mut assets, &mut encryption])?;
    let ask = |project: &&Place| api.list(KMS, &format!("/v1/{}/locations", project.path()), "/locations");
    for (project, answer) in api.ctx.each(&projects, ask) {
        let locations =
            names(api, &mut assets, &mut encryption, answer, "a location, whose key rings are read")?;
        let ask = |location: &String| api.list(KMS, &format!("/v1/{location}/keyRings"), "/keyRings");
        let mut rings = Vec::new();
        for (_, answer) in api.ctx.each(&locations, ask) {
            rings.extend(names(
                api,
                &mut assets,
                &mut encryption,
                answer,
                "a key ring, whose keys are read",
            )?);
        }
        let ask = |ring: &String| api.list(KMS, &format!("/v1/{ring}/cryptoKeys"), "/cryptoKeys");
        for (_, answer) in api.ctx.each(&rings, ask) {
            for page in api.passing.take(&mut [&mut assets, &mut encryption], answer)? {
                for key in assets.items::<Key>(&page)? {
                    assets.emit(resource(project, &key))?;
                    encryption.emit(kept(&key))?;
                }
            }
        }
    }
    exhibit_sdk::all([assets.seal(), encryption.seal()])
}

/// The names in a list that leads to keys.
fn names(
    api: &Api<'_>,
    assets: &mut Wanted<Resource>,
    encryption: &mut Wanted<Encryption>,
    answer: Result<Vec<Page>>,
    reason: &str,
) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for page in api.passing.take(&mut [assets, encryption], answer)? {
        let found = page.items::<Named>()?;
        assets.filtered(found.len() as u64, reason)?;
        encryption.filtered(found.len() as u64, reason)?;
        names.extend(found.into_iter().map(|named| named.into_value().name));
    }
    Ok(names)
}

fn full_name(key: &Key) -> String {
    format!("//{KMS}/{}", key.name)
}

fn resource(project: &Place, key: &Item<Key>) -> Record<Resource> {
    let attributes = Resource {
        container: Some(project.name.clone()),
        region: part(&key.name, "locations").map(str::to_owned),
        status: key.primary.as_ref().and_then(|primary| primary.state.clone()),
        tags: tags(&key.labels),
        created_at: instant(key.create_time.as_ref()),
        ..Resource::new(last(&key.name), TYPE)
    };
    let record = key.record(full_name(key), attributes).subject(subject::asset(&full_name(key)));
    if key.primary.is_none() { record.unknown("status") } else { record }
}

/// Only keys that encrypt symmetrically have a primary version, and rotate by themselves:
/// <https://cloud.google.com/kms/docs/key-rotation>.
fn kept(key: &Item<Key>) -> Record<Encryption> {
    let template = key.version_template.as_ref();
    let level = template.and_then(|template| template.protection_level.as_deref());
    let days = key.rotation_period.as_deref().and_then(seconds).map(|seconds| seconds / 86_400);
    // Of a key that is kept outside, or whose material is imported, Google makes no new versions.
    let rotates = key.purpose.as_deref() == Some("ENCRYPT_DECRYPT")
        && !matches!(level, Some("EXTERNAL" | "EXTERNAL_VPC"))
        && key.import_only != Some(true);
    let mut details = Details::new();
    for (name, value) in [
        ("purpose", key.purpose.as_deref()),
        ("protection_level", level),
        ("destroy_scheduled_duration", key.destroy_scheduled_duration.as_deref()),
        ("next_rotation", key.next_rotation_time.as_deref()),
        ("primary_generated", key.primary.as_ref().and_then(|primary| primary.generate_time.as_deref())),
    ] {
        if let Some(value) = value {
            details.insert(name, value);
        }
    }
    let attributes = Encryption {
        resource_name: Some(last(&key.name).to_owned()),
        region: part(&key.name, "locations").map(str::to_owned),
        enabled: key.primary.as_ref().and_then(|p| p.state.as_deref()).map(|state| state == "ENABLED"),
        algorithm: template.and_then(|template| template.algorithm.clone()),
        key_id: Some(full_name(key)),
        key_management: Some(KeyManagement::Customer),
        rotation_enabled: rotates.then(|| key.rotation_period.is_some()),
        rotation_days: days,
        details: details.some(),
        ..Encryption::new(full_name(key), TYPE, EncryptionScope::Key)
    };
    let record = key.record(full_name(key), attributes).subject(subject::asset(&full_name(key)));
    if key.primary.is_none() { record.unknown("enabled") } else { record }
}
