//! Buckets of Cloud Storage: who can reach them, how they are encrypted, kept and logged.
//!
//! <https://cloud.google.com/storage/docs/json_api/v1/buckets>

use crate::api::{Api, POLICIES, STORAGE};
use crate::policy::{Binding, Principal, Scope, grants};
use crate::roles::Roles;
use crate::tree::{Place, Tree};
use crate::values::{Whole, tags};
use exhibit_sdk::kinds::{Encryption, EncryptionScope, KeyManagement, Logging, PrincipalType, RoleGrant};
use exhibit_sdk::prelude::*;
use std::collections::BTreeMap;

const TYPE: &str = "gcp:storage:bucket";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bucket {
    name: String,
    location: Option<String>,
    storage_class: Option<String>,
    time_created: Option<String>,
    iam_configuration: Option<IamConfiguration>,
    encryption: Option<Keyed>,
    versioning: Option<Switch>,
    retention_policy: Option<Retention>,
    soft_delete_policy: Option<SoftDelete>,
    logging: Option<Logged>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct IamConfiguration {
    uniform_bucket_level_access: Option<Switch>,
    public_access_prevention: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Keyed {
    default_kms_key_name: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Switch {
    enabled: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Retention {
    retention_period: Option<Whole>,
    is_locked: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SoftDelete {
    retention_duration_seconds: Option<Whole>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Logged {
    log_bucket: Option<String>,
    log_object_prefix: Option<String>,
}

impl Bucket {
    fn full_name(&self) -> String {
        format!("//{STORAGE}/{}", self.name)
    }

    fn prevention(&self) -> Option<&str> {
        self.iam_configuration.as_ref()?.public_access_prevention.as_deref()
    }

    fn is_uniform(&self) -> Option<bool> {
        self.iam_configuration.as_ref()?.uniform_bucket_level_access.as_ref()?.enabled
    }

    fn region(&self) -> Option<String> {
        self.location.as_ref().map(|location| location.to_lowercase())
    }
}

/// The populations that buckets feed.
struct Populations {
    assets: Wanted<Resource>,
    encryption: Wanted<Encryption>,
    logging: Wanted<Logging>,
    granted: Wanted<RoleGrant>,
}

pub(crate) fn collect(api: &Api<'_>, tree: &Tree, roles: &Roles) -> Result<()> {
    let mut to = Populations {
        assets: api.open("buckets of all active projects"),
        encryption: api.open("default encryption of all buckets of all active projects"),
        logging: api.open("access logging of all buckets of all active projects"),
        granted: api.open("IAM policies of all buckets of all active projects"),
    };
    let Populations { assets, encryption, logging, granted } = &mut to;
    if !assets.is_wanted() && !encryption.is_wanted() && !logging.is_wanted() && !granted.is_wanted() {
        return Ok(());
    }
    let projects = tree.projects();
    let ask = |project: &&Place| {
        let list = api.list(STORAGE, "/storage/v1/b", "/items").query("project", &project.id);
        list.query("projection", "noAcl").query("maxResults", "1000")
    };
    for (project, answer) in api.ctx.each(&projects, ask) {
        let feeds: &mut [&mut dyn Feed] =
            &mut [&mut to.assets, &mut to.encryption, &mut to.logging, &mut to.granted];
        for page in api.passing.take(feeds, answer)? {
            let buckets = to.assets.items::<Bucket>(&page)?;
            of_project(api, &mut to, project, &buckets, roles)?;
        }
    }
    let Populations { assets, encryption, logging, granted } = to;
    exhibit_sdk::all([assets.seal(), encryption.seal(), logging.seal(), granted.seal()])
}

fn of_project(
    api: &Api<'_>,
    to: &mut Populations,
    project: &Place,
    buckets: &[Item<Bucket>],
    roles: &Roles,
) -> Result<()> {
    for bucket in buckets {
        to.encryption.emit(encrypted(bucket))?;
        to.logging.emit(logged(bucket))?;
    }
    if !to.assets.is_wanted() && !to.granted.is_wanted() {
        return Ok(());
    }
    let rule = to.assets.is_wanted().then(|| above(api, project, buckets)).flatten();
    let ask = |bucket: &Item<Bucket>| {
        let path = format!("/storage/v1/b/{}/iam", encode(&bucket.name));
        Api::whole(api.get(STORAGE, &path).query("optionsRequestedPolicyVersion", "3"), "/bindings")
    };
    for (bucket, answer) in api.ctx.each(buckets, ask) {
        // Without the policy, who reaches the bucket is unknown, and the grants on it are incomplete.
        let page = api.passing.take(&mut [&mut to.granted], answer)?.into_iter().next();
        let bindings = page.as_ref().map(|page| to.granted.items::<Binding>(page)).transpose()?;
        let full_name = bucket.full_name();
        let scope = Scope { full_name: &full_name, from: None };
        let mut held = 0_u64;
        for binding in bindings.iter().flatten() {
            to.granted.filtered(u64::from(binding.members.is_empty()), "a binding without members")?;
            for record in grants(&scope, binding, roles, &api.tenant) {
                to.granted.emit(record.origin(bucket.origin()))?;
                held += 1;
            }
        }
        to.granted.filtered(u64::from(held == 0), "a bucket on which its own policy grants nothing")?;
        to.assets.emit(resource(project, bucket, bindings.as_deref(), page.as_ref(), rule.as_ref()))?;
    }
    Ok(())
}

/// Whether the organisation policy of the project prevents public access, which buckets inherit: asked for once.
fn above(api: &Api<'_>, project: &Place, buckets: &[Item<Bucket>]) -> Option<(bool, Origin)> {
    #[derive(Deserialize)]
    struct Effective {
        spec: Option<Spec>,
    }
    #[derive(Deserialize)]
    struct Spec {
        #[serde(default)]
        rules: Vec<Rule>,
    }
    #[derive(Deserialize)]
    struct Rule {
        #[serde(default)]
        enforce: bool,
    }
    let inherits = |bucket: &Item<Bucket>| bucket.prevention().is_some_and(|word| word != "enforced");
    if !buckets.iter().any(inherits) {
        return None;
    }
    let path = format!("/v2/{}/policies/storage.publicAccessPrevention:getEffectivePolicy", project.path());
    let page = api.passing.known("whether buckets may be public", api.get(POLICIES, &path).send())?;
    let effective: Effective = api.passing.known("whether buckets may be public", page.json())?;
    let rules = effective.spec.map(|spec| spec.rules).unwrap_or_default();
    Some((rules.iter().any(|rule| rule.enforce), page.origin("/spec")))
}

fn resource(
    project: &Place,
    bucket: &Item<Bucket>,
    bindings: Option<&[Item<Binding>]>,
    policy: Option<&Page>,
    rule: Option<&(bool, Origin)>,
) -> Record<Resource> {
    let blocked = match bucket.prevention() {
        Some("enforced") => Some(true),
        Some(_) => rule.map(|(is_enforced, _)| *is_enforced),
        None => None,
    };
    let is_public = |binding: &Item<Binding>| {
        let anyone = |member: &String| Principal::read(member).kind == Some(PrincipalType::Public);
        binding.members.iter().any(anyone)
    };
    let by_policy = bindings.map(|bindings| bindings.iter().any(is_public));
    let public = match (blocked, by_policy, bucket.is_uniform()) {
        (Some(true), ..) => Some(false),
        (_, Some(true), _) => Some(true),
        // Without uniform access, lists of access (ACLs) of single objects count too, which are not read.
        (_, Some(false), Some(true)) => Some(false),
        _ => None,
    };
    let attributes = Resource {
        container: Some(project.name.clone()),
        region: bucket.region(),
        tags: tags(&bucket.labels),
        publicly_accessible: public,
        public_access_blocked: blocked,
        // Left out where it was never switched on.
        versioning_enabled: Some(bucket.versioning.as_ref().and_then(|v| v.enabled) == Some(true)),
        created_at: instant(bucket.time_created.as_ref()),
        details: details(bucket).some(),
        ..Resource::new(&bucket.name, TYPE)
    };
    let full_name = bucket.full_name();
    let mut record = bucket.record(&full_name, attributes).subject(subject::asset(&full_name));
    if let Some(page) = policy {
        record = record.origin(&page.origin(""));
    }
    if let Some((_, origin)) = rule.filter(|_| bucket.prevention() != Some("enforced")) {
        record = record.origin(origin);
    }
    for (attribute, is_known) in
        [("publicly_accessible", public.is_some()), ("public_access_blocked", blocked.is_some())]
    {
        if !is_known {
            record = record.unknown(attribute);
        }
    }
    record
}

fn details(bucket: &Bucket) -> Details {
    let mut details = Details::new();
    if let Some(word) = &bucket.storage_class {
        details.insert("storage_class", word.as_str());
    }
    if let Some(word) = bucket.prevention() {
        details.insert("public_access_prevention", word);
    }
    if let Some(flag) = bucket.is_uniform() {
        details.insert("uniform_bucket_level_access", flag);
    }
    let number = |whole: Option<Whole>| whole.and_then(|whole| whole.0).and_then(|n| i64::try_from(n).ok());
    if let Some(retention) = &bucket.retention_policy {
        if let Some(seconds) = number(retention.retention_period) {
            details.insert("retention_seconds", seconds);
        }
        details.insert("retention_locked", retention.is_locked == Some(true));
    }
    let soft =
        bucket.soft_delete_policy.as_ref().and_then(|policy| number(policy.retention_duration_seconds));
    if let Some(seconds) = soft {
        details.insert("soft_delete_seconds", seconds);
    }
    details
}

/// Everything is encrypted; without a key of the customer's, with keys of Google's:
/// <https://cloud.google.com/storage/docs/encryption/default-keys>.
fn encrypted(bucket: &Item<Bucket>) -> Record<Encryption> {
    let key = bucket.encryption.as_ref().and_then(|encryption| encryption.default_kms_key_name.clone());
    let attributes = Encryption {
        resource_name: Some(bucket.name.clone()),
        region: bucket.region(),
        enabled: Some(true),
        key_management: Some(if key.is_some() { KeyManagement::Customer } else { KeyManagement::Provider }),
        key_id: key.map(|key| format!("//cloudkms.googleapis.com/{key}")),
        ..Encryption::new(bucket.full_name(), TYPE, EncryptionScope::AtRest)
    };
    bucket.record(bucket.full_name(), attributes).subject(subject::asset(&bucket.full_name()))
}

/// Usage logs, which are deliveries of files; what Cloud Audit Logs say of a bucket is a matter of the project.
fn logged(bucket: &Item<Bucket>) -> Record<Logging> {
    let to = bucket.logging.as_ref().and_then(|logging| {
        let prefix = logging.log_object_prefix.as_deref().unwrap_or_default();
        logging.log_bucket.as_ref().map(|name| format!("{name}/{prefix}"))
    });
    let attributes = Logging {
        resource_name: Some(bucket.name.clone()),
        region: bucket.region(),
        enabled: Some(to.is_some()),
        destination: to,
        ..Logging::new(bucket.full_name(), TYPE, "access")
    };
    bucket.record(bucket.full_name(), attributes).subject(subject::asset(&bucket.full_name()))
}
