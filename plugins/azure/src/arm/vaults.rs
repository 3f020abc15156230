//! Key vaults: who opens them, and how their keys are kept.
//!
//! <https://learn.microsoft.com/en-us/rest/api/keyvault/keyvault/vaults/list-by-subscription>. What a vault holds is
//! never asked for; the control plane tells of keys when they were made and whether they rotate:
//! <https://learn.microsoft.com/en-us/rest/api/keyvault/keyvault/keys/get>.

use super::api::Arm;
use super::diagnostics::Targets;
use super::id;
use super::locks::Locks;
use super::resource::{Listed, asset_record, or_default, record};
use super::subscriptions::Subscription;
use exhibit_sdk::kinds::{
    Assignment, Encryption, EncryptionScope, GrantState, KeyManagement, Logging, RoleGrant,
};
use exhibit_sdk::prelude::*;

const VERSION: &str = "2022-07-01";
const KIND: &str = "Microsoft.KeyVault/vaults";
const KEYS: &str = "Microsoft.KeyVault/vaults/keys";
const TYPE: &str = "azure:keyvault:vault";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Properties {
    provisioning_state: Option<String>,
    enable_soft_delete: Option<bool>,
    soft_delete_retention_in_days: Option<u32>,
    enable_purge_protection: Option<bool>,
    enable_rbac_authorization: Option<bool>,
    public_network_access: Option<String>,
    network_acls: Option<NetworkAcls>,
    #[serde(default, deserialize_with = "or_default")]
    access_policies: Vec<AccessPolicy>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct NetworkAcls {
    default_action: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AccessPolicy {
    object_id: String,
    application_id: Option<String>,
    permissions: Option<Permissions>,
}

#[derive(Debug, Default, Deserialize)]
struct Permissions {
    #[serde(default, deserialize_with = "or_default")]
    keys: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    secrets: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    certificates: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    storage: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Key {
    attributes: Option<Attributes>,
    kty: Option<String>,
    key_size: Option<u32>,
    curve_name: Option<String>,
    rotation_policy: Option<RotationPolicy>,
}

#[derive(Debug, Deserialize)]
struct Attributes {
    enabled: Option<bool>,
    /// Seconds since the epoch.
    created: Option<u64>,
    exp: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RotationPolicy {
    #[serde(default, deserialize_with = "or_default")]
    lifetime_actions: Vec<LifetimeAction>,
}

#[derive(Debug, Deserialize)]
struct LifetimeAction {
    action: Option<Action>,
    trigger: Option<Trigger>,
}

#[derive(Debug, Deserialize)]
struct Action {
    r#type: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Trigger {
    time_after_create: Option<String>,
    time_before_expiry: Option<String>,
}

type Vault = Item<Listed<Properties>>;

/// The populations that vaults feed.
struct Populations {
    assets: Wanted<Resource>,
    keys: Wanted<Encryption>,
    granted: Wanted<RoleGrant>,
}

pub(super) fn collect(
    api: &Arm<'_>,
    subscriptions: &[Subscription],
    locks: &Locks,
    targets: &mut Targets,
) -> Result<()> {
    let mut to = Populations {
        assets: api.open("key vaults of all subscriptions"),
        keys: api.open("keys in all key vaults of all subscriptions"),
        granted: api.open("access policies of all key vaults of all subscriptions"),
    };
    let is_any = to.assets.is_wanted() || to.keys.is_wanted() || to.granted.is_wanted();
    if !is_any && !api.ctx.wants::<Logging>() {
        return Ok(());
    }
    let ask = |of: &Subscription| api.list(&of.provided(KIND), VERSION);
    for (_, answer) in api.ctx.each(subscriptions, ask) {
        let feeds: &mut [&mut dyn Feed] = &mut [&mut to.assets, &mut to.keys, &mut to.granted, targets];
        for page in api.take(feeds, answer)? {
            let vaults = to.assets.items::<Listed<Properties>>(&page)?;
            to.keys.filtered(vaults.len() as u64, "a key vault, whose keys are read")?;
            for vault in &vaults {
                to.assets.emit(resource(vault, locks))?;
                targets.add(vault, "", id::path(&vault.id, KIND), TYPE);
                policies(&mut to.granted, vault)?;
            }
            if to.keys.is_wanted() {
                keys(api, &mut to.keys, &vaults)?;
            }
        }
    }
    let Populations { assets, keys, granted } = to;
    exhibit_sdk::all([assets.seal(), keys.seal(), granted.seal()])
}

fn resource(vault: &Vault, locks: &Locks) -> Record<Resource> {
    let properties = &vault.properties;
    let acls = properties.network_acls.as_ref().and_then(|acls| acls.default_action.clone());
    let reach = properties.public_network_access.as_deref();
    // Without rules for its network a vault answers everyone, whom it then asks who they are.
    let is_reachable = match (reach, acls.as_deref()) {
        (Some("Disabled" | "disabled"), _) | (_, Some("Deny")) => Some(false),
        (Some("Enabled" | "enabled"), _) | (_, Some("Allow")) => Some(true),
        _ => None,
    };
    // Azure leaves out switches that were never set, which are then off; soft deletion has been on for all since 2020.
    let details = Details::new()
        .with_some("soft_delete", properties.enable_soft_delete)
        .with_some("soft_delete_days", properties.soft_delete_retention_in_days)
        .with("purge_protection", properties.enable_purge_protection == Some(true))
        .with("role_based_access", properties.enable_rbac_authorization == Some(true))
        .with_some("public_network_access", reach.map(str::to_owned))
        .with_some("network_default_action", acls);
    let attributes = Resource {
        status: properties.provisioning_state.clone(),
        publicly_accessible: is_reachable,
        ..vault.asset(TYPE)
    };
    asset_record(vault, attributes, details, locks)
        .unknown_unless("publicly_accessible", is_reachable.is_some())
}

/// One grant for each access policy. A vault with role-based access does not look at them:
/// <https://learn.microsoft.com/en-us/azure/key-vault/general/rbac-access-policy>.
fn policies(granted: &mut Wanted<RoleGrant>, vault: &Vault) -> Result<()> {
    let properties = &vault.properties;
    if properties.enable_rbac_authorization == Some(true) {
        return granted.filtered(1, "a key vault that is opened by roles, not by access policies");
    }
    let is_empty = properties.access_policies.is_empty();
    granted.filtered(u64::from(is_empty), "a key vault without access policies")?;
    for policy in vault.nested("/properties/accessPolicies", &properties.access_policies) {
        let mut permissions = Vec::new();
        if let Some(given) = &policy.permissions {
            for (what, words) in [
                ("keys", &given.keys),
                ("secrets", &given.secrets),
                ("certificates", &given.certificates),
                ("storage", &given.storage),
            ] {
                permissions.extend(words.iter().map(|word| format!("{what} {}", word.to_lowercase())));
            }
        }
        permissions.sort();
        permissions.dedup();
        let mut key = format!("{}/accesspolicies/{}", vault.key(), policy.object_id.to_lowercase());
        if let Some(application) = &policy.application_id {
            key = format!("{key}/{}", application.to_lowercase());
        }
        // Who may purge, or take whatever is secret, has the vault.
        let is_all = |word: &String| word.ends_with(" all") || word.ends_with(" purge");
        let attributes = RoleGrant {
            role_id: Some(format!("{}/accesspolicies", vault.key())),
            scope: Some(vault.key()),
            privileged: Some(permissions.iter().any(is_all)),
            assignment: Some(Assignment::Direct),
            state: Some(GrantState::Active),
            conditional: Some(policy.application_id.is_some()),
            permissions: Some(permissions),
            ..RoleGrant::new(&policy.object_id, "Key Vault access policy")
        };
        let record = policy.record(key, attributes).unknown("principal_type").unknown("principal_name");
        granted.emit(record.unknown("granted_at"))?;
    }
    Ok(())
}

fn keys(api: &Arm<'_>, to: &mut Wanted<Encryption>, vaults: &[Vault]) -> Result<()> {
    let ask = |vault: &Vault| api.list_of(&vault.id, KIND, "/keys", VERSION);
    for (vault, answer) in api.ctx.each(vaults, ask) {
        for page in api.take(&mut [to], answer)? {
            let keys = to.items::<Listed<Key>>(&page)?;
            let each: Vec<&Item<Listed<Key>>> = keys.iter().collect();
            // The list leaves out how they rotate.
            let ask = |key: &&Item<Listed<Key>>| api.get_of(&key.id, KEYS, "", VERSION);
            let whole = api.details("how a key rotates", &each, ask);
            for (key, page) in keys.iter().zip(whole) {
                let page = page.and_then(|pages| pages.into_iter().next());
                to.emit(of_key(api, vault, key, page.as_ref()))?;
            }
        }
    }
    Ok(())
}

fn of_key(api: &Arm<'_>, vault: &Vault, key: &Item<Listed<Key>>, whole: Option<&Page>) -> Record<Encryption> {
    let read = |page: &Page| api.known("how a key rotates", page.json::<Listed<Key>>());
    let known = whole.and_then(read).map(|whole| whole.properties);
    let rotates =
        known.as_ref().map(|known| known.rotation_policy.iter().flat_map(|policy| &policy.lifetime_actions));
    let rotate = rotates.map(|mut actions| {
        actions.find(|action| {
            let word = action.action.as_ref().and_then(|action| action.r#type.as_deref());
            word.is_some_and(|word| word.eq_ignore_ascii_case("rotate"))
        })
    });
    let trigger = rotate.flatten().and_then(|action| action.trigger.as_ref());
    let after = trigger.and_then(|trigger| trigger.time_after_create.as_deref());
    let days = after.and_then(days);
    let attributes = key.properties.attributes.as_ref();
    let date = |seconds: Option<u64>| {
        seconds.map(|seconds| Timestamp::from_ms(seconds.saturating_mul(1000)).date().to_string())
    };
    let size = key.properties.key_size.map(|bits| format!("-{bits}"));
    let curve = key.properties.curve_name.as_ref().map(|curve| format!("-{curve}"));
    let word = |kty: &String| format!("{kty}{}", size.or(curve).unwrap_or_default());
    let algorithm = key.properties.kty.as_ref().map(word);
    let details = Details::new()
        .with("vault", vault.key())
        .with_some("rotate_after", after.map(str::to_owned))
        .with_some("rotate_before_expiry", trigger.and_then(|trigger| trigger.time_before_expiry.clone()))
        .with_some("created_on", date(attributes.and_then(|attributes| attributes.created)))
        .with_some("expires_on", date(attributes.and_then(|attributes| attributes.exp)));
    let enabled = attributes.and_then(|attributes| attributes.enabled);
    let encryption = Encryption {
        resource_name: Some(key.name.clone()),
        region: key.location.clone().or_else(|| vault.location.clone()),
        enabled,
        algorithm,
        key_id: Some(key.key()),
        key_management: Some(KeyManagement::Customer),
        rotation_enabled: rotate.as_ref().map(|rotate| rotate.is_some()),
        rotation_days: days,
        details: Some(details),
        ..Encryption::new(key.key(), "azure:keyvault:key", EncryptionScope::Key)
    };
    let mut record = record(key, "", encryption)
        .unknown_unless("enabled", enabled.is_some())
        .unknown_unless("rotation_enabled", rotate.is_some());
    if let Some(page) = whole {
        record = record.origin(&page.origin(""));
    }
    record
}

/// `90` of `P90D`: months and years are not counted in days, and stay in the details.
fn days(duration: &str) -> Option<u64> {
    duration.strip_prefix('P')?.strip_suffix('D')?.parse().ok()
}
