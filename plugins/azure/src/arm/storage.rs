//! Storage accounts: who can reach them, how they are encrypted, what is kept of what was deleted.
//!
//! <https://learn.microsoft.com/en-us/rest/api/storagerp/storage-accounts/list>

use super::api::Arm;
use super::diagnostics::Targets;
use super::id;
use super::locks::Locks;
use super::resource::{Listed, asset_record, record};
use super::subscriptions::Subscription;
use exhibit_sdk::kinds::{Encryption, EncryptionScope, KeyManagement, Logging};
use exhibit_sdk::prelude::*;

const VERSION: &str = "2023-01-01";
const KIND: &str = "Microsoft.Storage/storageAccounts";
const TYPE: &str = "azure:storage:account";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Properties {
    provisioning_state: Option<String>,
    creation_time: Option<String>,
    allow_blob_public_access: Option<bool>,
    allow_shared_key_access: Option<bool>,
    public_network_access: Option<String>,
    network_acls: Option<NetworkAcls>,
    supports_https_traffic_only: Option<bool>,
    minimum_tls_version: Option<String>,
    encryption: Option<Encrypted>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct NetworkAcls {
    default_action: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Encrypted {
    key_source: Option<String>,
    require_infrastructure_encryption: Option<bool>,
    // Azure writes this member in lower case alone.
    #[serde(rename = "keyvaultproperties")]
    key_vault: Option<KeyVault>,
}

#[derive(Debug, Deserialize)]
struct KeyVault {
    keyname: Option<String>,
    keyvaulturi: Option<String>,
}

/// <https://learn.microsoft.com/en-us/rest/api/storagerp/blob-services/get-service-properties>
#[derive(Debug, Deserialize)]
struct BlobService {
    properties: BlobProperties,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct BlobProperties {
    is_versioning_enabled: Option<bool>,
    delete_retention_policy: Option<Kept>,
    container_delete_retention_policy: Option<Kept>,
}

#[derive(Debug, Deserialize)]
struct Kept {
    enabled: Option<bool>,
    days: Option<u32>,
}

#[derive(Debug, Deserialize)]
struct Container {
    properties: Option<ContainerProperties>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ContainerProperties {
    public_access: Option<String>,
}

type Account = Item<Listed<Properties>>;

/// Whether nobody without an identity of the tenant's gets at an account from everywhere.
fn is_closed(account: &Account) -> bool {
    let properties = &account.properties;
    let by_acls = properties.network_acls.as_ref().and_then(|acls| acls.default_action.as_deref());
    let reach = properties.public_network_access.as_deref();
    matches!(reach, Some("Disabled" | "SecuredByPerimeter")) || by_acls == Some("Deny")
}

/// Premium file shares have no blobs.
fn has_blobs(account: &Account) -> bool {
    account.kind.as_deref() != Some("FileStorage")
}

pub(super) fn collect(
    api: &Arm<'_>,
    subscriptions: &[Subscription],
    locks: &Locks,
    targets: &mut Targets,
) -> Result<()> {
    let mut assets = api.open::<Resource>("storage accounts of all subscriptions");
    let mut encryption = api.open::<Encryption>("encryption of all storage accounts of all subscriptions");
    if !assets.is_wanted() && !encryption.is_wanted() && !api.ctx.wants::<Logging>() {
        return Ok(());
    }
    let ask = |of: &Subscription| api.list(&of.provided(KIND), VERSION);
    for (_, answer) in api.ctx.each(subscriptions, ask) {
        for page in api.take(&mut [&mut assets, &mut encryption, targets], answer)? {
            let accounts = assets.items::<Listed<Properties>>(&page)?;
            for account in &accounts {
                encryption.emit(at_rest(account))?;
                encryption.emit(in_transit(account))?;
                if has_blobs(account) {
                    let path = id::path(&account.id, KIND).map(|path| format!("{path}/blobServices/default"));
                    targets.add(account, "/blobServices/default", path, TYPE);
                } else {
                    targets.filtered(1, "a storage account without blobs")?;
                }
            }
            if assets.is_wanted() {
                of_page(api, &mut assets, &accounts, locks)?;
            }
        }
    }
    exhibit_sdk::all([assets.seal(), encryption.seal()])
}

/// The assets of a page, with what is kept of blobs, and whether containers are open where that is possible.
fn of_page(api: &Arm<'_>, assets: &mut Wanted<Resource>, accounts: &[Account], locks: &Locks) -> Result<()> {
    let with_blobs: Vec<&Account> = accounts.iter().filter(|account| has_blobs(account)).collect();
    let may_be_open = |account: &&Account| {
        account.properties.allow_blob_public_access != Some(false) && !is_closed(account)
    };
    let doubtful: Vec<&Account> = with_blobs.iter().copied().filter(may_be_open).collect();
    let service = |account: &&Account| api.get_of(&account.id, KIND, "/blobServices/default", VERSION);
    let services: Vec<_> = api.details("what is kept of blobs", &with_blobs, service);
    let containers =
        |account: &&Account| api.list_of(&account.id, KIND, "/blobServices/default/containers", VERSION);
    let containers: Vec<_> = api.details("which containers are public", &doubtful, containers);
    let (mut services, mut containers) = (services.into_iter(), containers.into_iter());
    for account in accounts {
        let service = if has_blobs(account) { services.next().flatten() } else { None };
        let is_doubtful = has_blobs(account) && may_be_open(&account);
        let listed = if is_doubtful { containers.next().flatten() } else { None };
        let service = service.and_then(|pages| pages.into_iter().next());
        assets.emit(resource(api, account, service.as_ref(), is_doubtful, listed.as_deref(), locks))?;
    }
    Ok(())
}

fn resource(
    api: &Arm<'_>,
    account: &Account,
    service: Option<&Page>,
    is_doubtful: bool,
    containers: Option<&[Page]>,
    locks: &Locks,
) -> Record<Resource> {
    let properties = &account.properties;
    let blobs = service.and_then(|page| api.known("what is kept of blobs", page.json::<BlobService>()));
    let blobs = blobs.map(|service| service.properties);
    let listed = containers.and_then(|pages| {
        let items = pages.iter().map(Page::items::<Container>).collect::<Result<Vec<_>>>();
        api.known("which containers are public", items)
    });
    let is_open = |container: &Item<Container>| {
        let word = container.properties.as_ref().and_then(|properties| properties.public_access.as_deref());
        word.is_some_and(|word| word != "None")
    };
    let open = listed.map(|items| items.iter().flatten().any(is_open));
    let publicly_accessible = if is_doubtful { open } else { Some(false) };
    let blocked = properties.allow_blob_public_access.map(|is_allowed| !is_allowed);
    // Absent, nothing is kept: versioning was never switched on.
    let versioning = blobs.as_ref().map(|blobs| blobs.is_versioning_enabled == Some(true));
    let days =
        |kept: Option<&Kept>| kept.filter(|kept| kept.enabled == Some(true)).and_then(|kept| kept.days);
    let details = Details::new()
        .with_some("kind", account.kind.clone())
        .with_some("sku", account.sku.as_ref().and_then(|sku| sku.name.clone()))
        .with_some("public_network_access", properties.public_network_access.clone())
        .with_some(
            "network_default_action",
            properties.network_acls.as_ref().and_then(|acls| acls.default_action.clone()),
        )
        .with_some("shared_key_access", properties.allow_shared_key_access)
        .with_some(
            "soft_delete_days",
            days(blobs.as_ref().and_then(|blobs| blobs.delete_retention_policy.as_ref())),
        )
        .with_some(
            "container_soft_delete_days",
            days(blobs.as_ref().and_then(|blobs| blobs.container_delete_retention_policy.as_ref())),
        );
    let attributes = Resource {
        status: properties.provisioning_state.clone(),
        publicly_accessible,
        public_access_blocked: blocked,
        versioning_enabled: versioning,
        created_at: instant(properties.creation_time.as_ref()).or_else(|| account.created_at()),
        ..account.asset(TYPE)
    };
    let mut record = asset_record(account, attributes, details, locks)
        .unknown_unless("publicly_accessible", publicly_accessible.is_some())
        .unknown_unless("public_access_blocked", blocked.is_some())
        .unknown_unless("versioning_enabled", versioning.is_some() || !has_blobs(account));
    for page in service.into_iter().chain(containers.into_iter().flatten().take(8)) {
        record = record.origin(&page.origin(""));
    }
    record
}

/// Every account is encrypted, with Microsoft's keys unless one of the customer's is named:
/// <https://learn.microsoft.com/en-us/azure/storage/common/storage-service-encryption>.
fn at_rest(account: &Account) -> Record<Encryption> {
    let encrypted = account.properties.encryption.as_ref();
    let source = encrypted.and_then(|encrypted| encrypted.key_source.as_deref());
    let management = match source {
        Some("Microsoft.Storage") => Some(KeyManagement::Provider),
        Some("Microsoft.Keyvault") => Some(KeyManagement::Customer),
        _ => None,
    };
    let vault = encrypted.and_then(|encrypted| encrypted.key_vault.as_ref());
    let key_id = vault.and_then(|vault| {
        let (uri, name) = (vault.keyvaulturi.as_deref()?, vault.keyname.as_deref()?);
        Some(format!("{}/keys/{name}", uri.trim_end_matches('/')))
    });
    let details = Details::new().with_some("key_source", source.map(str::to_owned)).with_some(
        "infrastructure_encryption",
        encrypted.and_then(|encrypted| encrypted.require_infrastructure_encryption),
    );
    let attributes = Encryption {
        resource_name: Some(account.name.clone()),
        region: account.location.clone(),
        enabled: Some(true),
        key_management: management,
        key_id,
        details: details.some(),
        ..Encryption::new(account.key(), TYPE, EncryptionScope::AtRest)
    };
    record(account, "/at_rest", attributes).unknown_unless("key_management", management.is_some())
}

fn in_transit(account: &Account) -> Record<Encryption> {
    let properties = &account.properties;
    let attributes = Encryption {
        resource_name: Some(account.name.clone()),
        region: account.location.clone(),
        enabled: properties.supports_https_traffic_only,
        min_tls_version: properties.minimum_tls_version.as_deref().map(tls),
        ..Encryption::new(account.key(), TYPE, EncryptionScope::InTransit)
    };
    record(account, "/in_transit", attributes)
        .unknown_unless("enabled", properties.supports_https_traffic_only.is_some())
        .unknown_unless("min_tls_version", properties.minimum_tls_version.is_some())
}

/// `1.2` of `TLS1_2`; another word as it is.
fn tls(word: &str) -> String {
    word.strip_prefix("TLS").map_or_else(|| word.to_owned(), |version| version.replace('_', "."))
}
