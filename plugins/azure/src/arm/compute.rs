//! Virtual machines and managed disks.
//!
//! <https://learn.microsoft.com/en-us/rest/api/compute/virtual-machines/list-all>,
//! <https://learn.microsoft.com/en-us/rest/api/compute/disks/list>

use super::api::Arm;
use super::id;
use super::locks::Locks;
use super::resource::{Listed, asset_record, or_default, record};
use super::subscriptions::Subscription;
use exhibit_sdk::kinds::{Encryption, EncryptionScope, KeyManagement};
use exhibit_sdk::prelude::*;

const MACHINES: &str = "2024-03-01";
const DISKS: &str = "2023-10-02";
const DISK: &str = "azure:compute:disk";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Machine {
    provisioning_state: Option<String>,
    time_created: Option<String>,
    hardware_profile: Option<Hardware>,
    storage_profile: Option<Storage>,
    os_profile: Option<Os>,
    security_profile: Option<Security>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Hardware {
    vm_size: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Storage {
    image_reference: Option<Image>,
    os_disk: Option<Attached>,
    #[serde(default, deserialize_with = "or_default")]
    data_disks: Vec<Attached>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Image {
    publisher: Option<String>,
    offer: Option<String>,
    sku: Option<String>,
    exact_version: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Attached {
    os_type: Option<String>,
    managed_disk: Option<Reference>,
}

#[derive(Debug, Deserialize)]
struct Reference {
    id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Os {
    windows_configuration: Option<Windows>,
    linux_configuration: Option<Linux>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Windows {
    enable_automatic_updates: Option<bool>,
    patch_settings: Option<Patch>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Linux {
    disable_password_authentication: Option<bool>,
    patch_settings: Option<Patch>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Patch {
    patch_mode: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Security {
    encryption_at_host: Option<bool>,
    security_type: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Disk {
    disk_state: Option<String>,
    time_created: Option<String>,
    #[serde(rename = "diskSizeGB")]
    disk_size_gb: Option<u32>,
    os_type: Option<String>,
    network_access_policy: Option<String>,
    public_network_access: Option<String>,
    encryption: Option<Encrypted>,
    encryption_settings_collection: Option<Settings>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Encrypted {
    r#type: Option<String>,
    disk_encryption_set_id: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Settings {
    enabled: Option<bool>,
}

pub(super) fn collect(api: &Arm<'_>, subscriptions: &[Subscription], locks: &Locks) -> Result<()> {
    exhibit_sdk::all([machines(api, subscriptions, locks), disks(api, subscriptions, locks)])
}

fn machines(api: &Arm<'_>, subscriptions: &[Subscription], locks: &Locks) -> Result<()> {
    let mut assets = api.open::<Resource>("virtual machines of all subscriptions");
    if !assets.is_wanted() {
        return Ok(());
    }
    let ask = |of: &Subscription| api.list(&of.provided("Microsoft.Compute/virtualMachines"), MACHINES);
    for (_, answer) in api.ctx.each(subscriptions, ask) {
        for page in api.take(&mut [&mut assets], answer)? {
            for machine in assets.items::<Listed<Machine>>(&page)? {
                assets.emit(of_machine(&machine, locks))?;
            }
        }
    }
    assets.seal()
}

fn of_machine(machine: &Item<Listed<Machine>>, locks: &Locks) -> Record<Resource> {
    let properties = &machine.properties;
    let storage = properties.storage_profile.as_ref();
    let system = storage.and_then(|storage| storage.os_disk.as_ref()?.os_type.clone());
    let image = storage.and_then(|storage| storage.image_reference.as_ref());
    let image = image.map(|image| {
        let parts = [&image.publisher, &image.offer, &image.sku, &image.exact_version];
        parts.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(":")
    });
    let os = properties.os_profile.as_ref();
    let linux = os.and_then(|os| os.linux_configuration.as_ref());
    let updates = os.and_then(updates);
    let mut disks: Vec<String> = storage
        .into_iter()
        .flat_map(|storage| storage.os_disk.iter().chain(&storage.data_disks))
        .filter_map(|disk| disk.managed_disk.as_ref()?.id.as_deref().map(id::key))
        .collect();
    disks.sort();
    let security = properties.security_profile.as_ref();
    let details = Details::new()
        .with_some("size", properties.hardware_profile.as_ref().and_then(|hardware| hardware.vm_size.clone()))
        .with_some("image", image.filter(|image| !image.is_empty()))
        .with_some("disks", (!disks.is_empty()).then_some(disks))
        .with_some(
            "password_authentication",
            linux.and_then(|linux| linux.disable_password_authentication).map(|off| !off),
        )
        .with_some("patch_mode", os.and_then(patch_mode).map(str::to_owned))
        // Azure leaves it out where it was never switched on.
        .with("encryption_at_host", security.and_then(|security| security.encryption_at_host) == Some(true))
        .with_some("security_type", security.and_then(|security| security.security_type.clone()));
    let attributes = Resource {
        status: properties.provisioning_state.clone(),
        engine: system,
        automatic_updates_enabled: updates,
        created_at: instant(properties.time_created.as_ref()).or_else(|| machine.created_at()),
        ..machine.asset("azure:compute:virtual-machine")
    };
    asset_record(machine, attributes, details, locks)
        .unknown_unless("automatic_updates_enabled", updates.is_some())
        // Addresses belong to network interfaces, which are not read.
        .unknown("publicly_accessible")
}

fn patch_mode(os: &Os) -> Option<&str> {
    let windows = os.windows_configuration.as_ref().and_then(|windows| windows.patch_settings.as_ref());
    let linux = os.linux_configuration.as_ref().and_then(|linux| linux.patch_settings.as_ref());
    windows.or(linux)?.patch_mode.as_deref()
}

/// `AutomaticByPlatform`: Azure does; `AutomaticByOS`: Windows does; `Manual`: nobody does; `ImageDefault`: what the
/// image does is not known. <https://learn.microsoft.com/en-us/azure/virtual-machines/automatic-vm-guest-patching>
fn updates(os: &Os) -> Option<bool> {
    match patch_mode(os) {
        Some("AutomaticByPlatform" | "AutomaticByOS") => Some(true),
        Some("Manual") => Some(false),
        Some(_) => None,
        None => os.windows_configuration.as_ref()?.enable_automatic_updates,
    }
}

fn disks(api: &Arm<'_>, subscriptions: &[Subscription], locks: &Locks) -> Result<()> {
    let mut assets = api.open::<Resource>("managed disks of all subscriptions");
    let mut encryption = api.open::<Encryption>("encryption of all managed disks of all subscriptions");
    if !assets.is_wanted() && !encryption.is_wanted() {
        return Ok(());
    }
    let ask = |of: &Subscription| api.list(&of.provided("Microsoft.Compute/disks"), DISKS);
    for (_, answer) in api.ctx.each(subscriptions, ask) {
        for page in api.take(&mut [&mut assets, &mut encryption], answer)? {
            for disk in assets.items::<Listed<Disk>>(&page)? {
                assets.emit(of_disk(&disk, locks))?;
                encryption.emit(at_rest(&disk))?;
            }
        }
    }
    exhibit_sdk::all([assets.seal(), encryption.seal()])
}

fn of_disk(disk: &Item<Listed<Disk>>, locks: &Locks) -> Record<Resource> {
    let properties = &disk.properties;
    let details = Details::new()
        .with_some("sku", disk.sku.as_ref().and_then(|sku| sku.name.clone()))
        .with_some("size_gb", properties.disk_size_gb)
        .with_some("os_type", properties.os_type.clone())
        .with_some("network_access_policy", properties.network_access_policy.clone())
        .with_some("public_network_access", properties.public_network_access.clone());
    let attributes = Resource {
        status: properties.disk_state.clone(),
        created_at: instant(properties.time_created.as_ref()),
        ..disk.asset(DISK)
    };
    asset_record(disk, attributes, details, locks)
}

/// Every managed disk is encrypted; what differs is whose key it is:
/// <https://learn.microsoft.com/en-us/azure/virtual-machines/disk-encryption>.
fn at_rest(disk: &Item<Listed<Disk>>) -> Record<Encryption> {
    let properties = &disk.properties;
    let encrypted = properties.encryption.as_ref();
    let word = encrypted.and_then(|encrypted| encrypted.r#type.as_deref());
    let management = match word {
        Some("EncryptionAtRestWithPlatformKey") => Some(KeyManagement::Provider),
        Some("EncryptionAtRestWithCustomerKey" | "EncryptionAtRestWithPlatformAndCustomerKeys") => {
            Some(KeyManagement::Customer)
        }
        _ => None,
    };
    let in_guest = properties.encryption_settings_collection.as_ref().and_then(|settings| settings.enabled);
    let details = Details::new()
        .with_some("type", word.map(str::to_owned))
        .with("azure_disk_encryption", in_guest == Some(true));
    let attributes = Encryption {
        resource_name: Some(disk.name.clone()),
        region: disk.location.clone(),
        enabled: Some(true),
        key_management: management,
        key_id: encrypted.and_then(|encrypted| encrypted.disk_encryption_set_id.as_deref()).map(id::key),
        details: Some(details),
        ..Encryption::new(disk.key(), DISK, EncryptionScope::AtRest)
    };
    record(disk, "", attributes).unknown_unless("key_management", management.is_some())
}
