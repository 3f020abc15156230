//! Devices that people work on.

use crate::{Date, EvidenceKind, Timestamp};
use serde::{Deserialize, Serialize};

/// One laptop, desktop, phone or tablet. OCSF: Device Inventory Info (5001).
///
/// Kind `device.endpoint@1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// Its name.
    pub hostname: String,
    /// Serial number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// Model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Operating system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// Version of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os_version: Option<String>,
    /// Login or address of the person who uses it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Who owns it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ownership: Option<Ownership>,
    /// Whether device management controls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed: Option<bool>,
    /// Whether it meets the policy set in device management.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compliant: Option<bool>,
    /// Whether its disk is encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk_encrypted: Option<bool>,
    /// Whether its firewall is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firewall_enabled: Option<bool>,
    /// Whether it locks by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub screen_lock_enabled: Option<bool>,
    /// After so many minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub screen_lock_minutes: Option<u64>,
    /// Whether protection against malware is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub malware_protection_enabled: Option<bool>,
    /// Product that does it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub malware_protection: Option<String>,
    /// Whether updates install by themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub automatic_updates_enabled: Option<bool>,
    /// Whether its own protection was removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jailbroken: Option<bool>,
    /// When it came under management.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enrolled_at: Option<Timestamp>,
    /// Day it was last seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seen_on: Option<Date>,
}

impl Endpoint {
    /// With what is required; the rest is absent: `Endpoint { …, ..Endpoint::new(…) }`.
    pub fn new(hostname: impl Into<String>) -> Self {
        Self {
            hostname: hostname.into(),
            serial: None,
            model: None,
            platform: None,
            os_version: None,
            owner: None,
            ownership: None,
            managed: None,
            compliant: None,
            disk_encrypted: None,
            firewall_enabled: None,
            screen_lock_enabled: None,
            screen_lock_minutes: None,
            malware_protection_enabled: None,
            malware_protection: None,
            automatic_updates_enabled: None,
            jailbroken: None,
            enrolled_at: None,
            last_seen_on: None,
        }
    }
}

impl EvidenceKind for Endpoint {
    const KIND: &'static str = "device.endpoint@1";
}

/// Operating system of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Platform {
    /// macOS.
    Macos,
    /// Windows.
    Windows,
    /// Linux.
    Linux,
    /// iOS or iPadOS.
    Ios,
    /// Android.
    Android,
    /// ChromeOS.
    Chromeos,
    /// Another.
    Other,
}

/// Who owns a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ownership {
    /// The organisation.
    Company,
    /// The person.
    Personal,
}
