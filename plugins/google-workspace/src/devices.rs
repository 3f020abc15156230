//! Devices: mobile ones and ChromeOS from the directory, computers from Cloud Identity.
//!
//! <https://developers.google.com/workspace/admin/directory/reference/rest/v1/mobiledevices>,
//! <https://cloud.google.com/identity/docs/reference/rest/v1/devices>. Cloud Identity lists mobile devices and ChromeOS, too:
//! these are counted there and read here.

use crate::api::{Api, IDENTITY};
use exhibit_sdk::kinds::{Endpoint, Ownership, Platform};
use exhibit_sdk::prelude::*;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Mobile {
    resource_id: String,
    serial_number: Option<String>,
    model: Option<String>,
    os: Option<String>,
    r#type: Option<String>,
    #[serde(default)]
    email: Vec<String>,
    status: Option<String>,
    encryption_status: Option<String>,
    device_password_status: Option<String>,
    device_compromised_status: Option<String>,
    first_sync: Option<String>,
    last_sync: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Chrome {
    device_id: String,
    serial_number: Option<String>,
    annotated_user: Option<String>,
    model: Option<String>,
    os_version: Option<String>,
    status: Option<String>,
    boot_mode: Option<String>,
    last_enrollment_time: Option<String>,
    last_sync: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Computer {
    name: String,
    device_type: Option<String>,
    hostname: Option<String>,
    serial_number: Option<String>,
    model: Option<String>,
    os_version: Option<String>,
    owner_type: Option<String>,
    management_state: Option<String>,
    encryption_state: Option<String>,
    compromised_state: Option<String>,
    create_time: Option<String>,
    last_sync_time: Option<String>,
}

pub(crate) fn collect(api: &Api<'_>) -> Result<()> {
    exhibit_sdk::all([mobile(api), chrome(api), computers(api)])
}

fn walk(api: &Api<'_>, devices: &mut Wanted<Endpoint>, list: Request) -> Result<Vec<Page>> {
    let mut pages = Vec::new();
    for page in list.pages() {
        pages.extend(api.passing.take(&mut [&mut *devices], page.map(|page| vec![page]))?);
    }
    Ok(pages)
}

fn of_customer(api: &Api<'_>, what: &str) -> Request {
    let request = api.directory(&format!("/customer/{}/devices/{what}", api.customer()));
    request.query("maxResults", "100").query("projection", "FULL")
}

/// A day; what Google never saw it dates to the epoch.
fn day(text: Option<&String>) -> Option<Date> {
    text.and_then(|text| text.parse::<Timestamp>().ok()).filter(|at| at.as_ms() > 0).map(Timestamp::date)
}

fn platform(word: &str) -> Platform {
    let word = word.to_ascii_uppercase();
    let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| word.starts_with(prefix));
    if begins(&["ANDROID"]) {
        Platform::Android
    } else if begins(&["IOS", "IPADOS"]) {
        Platform::Ios
    } else if begins(&["MAC"]) {
        Platform::Macos
    } else if begins(&["WINDOWS"]) {
        Platform::Windows
    } else if begins(&["LINUX"]) {
        Platform::Linux
    } else if begins(&["CHROME"]) {
        Platform::Chromeos
    } else {
        Platform::Other
    }
}

fn finish(record: Record<Endpoint>, serial: Option<&String>) -> Record<Endpoint> {
    match serial.filter(|serial| !serial.trim().is_empty()) {
        Some(serial) => record.subject(subject::device(serial)),
        None => record.unknown("serial"),
    }
}

fn unknown(mut record: Record<Endpoint>, attributes: &[(&'static str, bool)]) -> Record<Endpoint> {
    for (attribute, is_known) in attributes {
        if !is_known {
            record = record.unknown(attribute);
        }
    }
    record
}

fn mobile(api: &Api<'_>) -> Result<()> {
    let mut devices = api.ctx.wanted::<Endpoint>("mobile devices that synchronise");
    if !devices.is_wanted() {
        return Ok(());
    }
    for page in walk(api, &mut devices, Api::list(of_customer(api, "mobile"), "/mobiledevices"))? {
        for device in devices.items::<Mobile>(&page)? {
            devices.emit(of_mobile(&device))?;
        }
    }
    devices.seal()
}

fn of_mobile(device: &Item<Mobile>) -> Record<Endpoint> {
    let word = |text: &Option<String>| text.as_deref().map(str::to_ascii_lowercase);
    let encrypted = match word(&device.encryption_status).as_deref() {
        Some("encrypted") => Some(true),
        Some("not encrypted" | "unsupported") => Some(false),
        _ => None,
    };
    let locked = match word(&device.device_password_status).as_deref() {
        Some("on") => Some(true),
        Some("off") => Some(false),
        _ => None,
    };
    let broken = match word(&device.device_compromised_status).as_deref() {
        Some("compromise detected") => Some(true),
        Some("no compromise detected") => Some(false),
        _ => None,
    };
    let managed = match word(&device.status).as_deref() {
        Some("approved") => Some(true),
        Some(
            "blocked" | "wiped" | "account_wiped" | "wiping" | "account_wiping" | "unprovisioned" | "pending",
        ) => Some(false),
        _ => None,
    };
    let serial = device.serial_number.clone().filter(|serial| !serial.trim().is_empty());
    let attributes = Endpoint {
        model: device.model.clone(),
        platform: device.os.as_deref().or(device.r#type.as_deref()).map(platform),
        os_version: device.os.clone(),
        owner: device.email.first().cloned(),
        managed,
        disk_encrypted: encrypted,
        screen_lock_enabled: locked,
        jailbroken: broken,
        enrolled_at: instant(device.first_sync.as_ref()),
        last_seen_on: day(device.last_sync.as_ref()),
        serial: serial.clone(),
        ..Endpoint::new(device.model.clone().unwrap_or_else(|| device.resource_id.clone()))
    };
    let record = finish(device.record(&device.resource_id, attributes), serial.as_ref());
    unknown(
        record,
        &[
            ("managed", managed.is_some()),
            ("disk_encrypted", encrypted.is_some()),
            ("screen_lock_enabled", locked.is_some()),
            ("jailbroken", broken.is_some()),
            ("ownership", false),
        ],
    )
}

fn chrome(api: &Api<'_>) -> Result<()> {
    let mut devices = api.ctx.wanted::<Endpoint>("ChromeOS devices in every status");
    if !devices.is_wanted() {
        return Ok(());
    }
    for page in walk(api, &mut devices, Api::list(of_customer(api, "chromeos"), "/chromeosdevices"))? {
        for device in devices.items::<Chrome>(&page)? {
            devices.emit(of_chrome(&device))?;
        }
    }
    devices.seal()
}

/// ChromeOS encrypts what users keep on it, always: <https://support.google.com/chrome/a/answer/9027634>.
fn of_chrome(device: &Item<Chrome>) -> Record<Endpoint> {
    let managed = match device.status.as_deref() {
        Some("ACTIVE") => Some(true),
        Some("DISABLED" | "DEPROVISIONED" | "SHIPPED" | "RETURN_REQUESTED" | "INACTIVE" | "DELINQUENT") => {
            Some(false)
        }
        _ => None,
    };
    let attributes = Endpoint {
        serial: device.serial_number.clone(),
        model: device.model.clone(),
        platform: Some(Platform::Chromeos),
        os_version: device.os_version.clone(),
        owner: device.annotated_user.clone(),
        ownership: Some(Ownership::Company),
        managed,
        disk_encrypted: Some(true),
        // Developer mode switches off that it only starts what Google signed.
        jailbroken: device.boot_mode.as_deref().map(|mode| mode == "Dev"),
        enrolled_at: instant(device.last_enrollment_time.as_ref()),
        last_seen_on: day(device.last_sync.as_ref()),
        ..Endpoint::new(device.serial_number.clone().unwrap_or_else(|| device.device_id.clone()))
    };
    let record = finish(device.record(&device.device_id, attributes), device.serial_number.as_ref());
    let has_mode = device.boot_mode.is_some();
    unknown(
        record,
        &[("managed", managed.is_some()), ("jailbroken", has_mode), ("screen_lock_enabled", false)],
    )
}

fn computers(api: &Api<'_>) -> Result<()> {
    let mut devices = api.ctx.wanted::<Endpoint>("computers that Cloud Identity knows");
    if !devices.is_wanted() {
        return Ok(());
    }
    let mut seen = std::collections::BTreeSet::new();
    // Those that people brought, and those of the company's inventory: each view lists the other's not.
    for view in ["USER_ASSIGNED_DEVICES", "COMPANY_INVENTORY"] {
        let list = api.get(IDENTITY, "/v1/devices").query("view", view).query("pageSize", "100");
        for page in walk(api, &mut devices, Api::list(list, "/devices"))? {
            for device in devices.items::<Computer>(&page)? {
                let kind = device.device_type.as_deref().unwrap_or_default();
                if matches!(kind, "ANDROID" | "IOS" | "GOOGLE_SYNC" | "CHROME_OS") {
                    devices.filtered(1, "a mobile or ChromeOS device, which is read from the directory")?;
                } else if seen.insert(device.name.clone()) {
                    devices.emit(of_computer(&device))?;
                } else {
                    devices.filtered(1, "a device that the other list names, too")?;
                }
            }
        }
    }
    devices.seal()
}

fn of_computer(device: &Item<Computer>) -> Record<Endpoint> {
    let ownership = match device.owner_type.as_deref() {
        Some("COMPANY") => Some(Ownership::Company),
        Some("BYOD") => Some(Ownership::Personal),
        _ => None,
    };
    let managed = match device.management_state.as_deref() {
        Some("APPROVED") => Some(true),
        Some("BLOCKED" | "PENDING" | "UNPROVISIONED" | "WIPING" | "WIPED") => Some(false),
        _ => None,
    };
    let encrypted = match device.encryption_state.as_deref() {
        Some("ENCRYPTED") => Some(true),
        Some("NOT_ENCRYPTED" | "UNSUPPORTED_BY_DEVICE") => Some(false),
        _ => None,
    };
    let broken = match device.compromised_state.as_deref() {
        Some("COMPROMISED") => Some(true),
        Some("UNCOMPROMISED") => Some(false),
        _ => None,
    };
    let name = device.hostname.clone().or_else(|| device.serial_number.clone());
    let attributes = Endpoint {
        serial: device.serial_number.clone(),
        model: device.model.clone(),
        platform: device.device_type.as_deref().map(platform),
        os_version: device.os_version.clone(),
        ownership,
        managed,
        disk_encrypted: encrypted,
        jailbroken: broken,
        enrolled_at: instant(device.create_time.as_ref()),
        last_seen_on: day(device.last_sync_time.as_ref()),
        ..Endpoint::new(name.unwrap_or_else(|| device.name.clone()))
    };
    let record = finish(device.record(&device.name, attributes), device.serial_number.as_ref());
    unknown(
        record,
        &[
            ("ownership", ownership.is_some()),
            ("managed", managed.is_some()),
            ("disk_encrypted", encrypted.is_some()),
            ("jailbroken", broken.is_some()),
            ("owner", false),
            ("screen_lock_enabled", false),
        ],
    )
}
