//! Devices: mobile ones and ChromeOS of the directory, computers of Cloud Identity.
//!
//! <https://developers.google.com/workspace/admin/directory/reference/rest/v1/mobiledevices>,
//! <https://cloud.google.com/identity/docs/reference/rest/v1/devices>

use super::{Call, Member};
use crate::calendar::plus_days;
use crate::google::{Refusal, page};
use crate::org::people::AccountKind;
use crate::random::{hex_id, uuid_and_chance};
use exhibit_evidence::time::Timestamp;
use serde_json::{Value, json};

const MOST: usize = 20;

/// People in use of an account, whose chance in a hundred is in `range`: each device belongs to one of them.
fn owners<'a>(call: &Call<'a>, range: std::ops::Range<u64>) -> Vec<Member<'a>> {
    let mut owners: Vec<Member<'a>> = call
        .members()
        .filter(|m| m.seat.until.is_none() && m.seat.account.kind != AccountKind::Service)
        .filter(|m| m.seat.account.activated(call.now()).is_some())
        .filter(|m| {
            let (_, chance) = uuid_and_chance(call.org.seed(), &format!("google device {}", m.address()));
            range.contains(&(chance % 100))
        })
        .collect();
    owners.sort_by(|a, b| a.address().cmp(b.address()));
    owners
}

fn id(call: &Call<'_>, of: &str, member: &Member<'_>, length: usize) -> String {
    hex_id(call.org.seed(), &format!("google {of} {}", member.address()), length)
}

/// When the device was set up.
fn since(call: &Call<'_>, member: &Member<'_>) -> Timestamp {
    member.seat.account.activated(call.now()).unwrap_or_default().plus_ms(3_600_000)
}

/// Devices report on Mondays.
fn last_sync(call: &Call<'_>, member: &Member<'_>) -> Timestamp {
    let today = call.now().date();
    let monday = plus_days(today, -i64::from(today.weekday().to_monday_zero_offset()));
    Timestamp::at_midnight(monday).plus_ms(5 * 3_600_000).max(since(call, member))
}

pub(super) fn mobile(call: &Call<'_>) -> Result<Value, Refusal> {
    let body = json!({"kind": "admin#directory#mobiledevices", "etag": "\"simulated\""});
    page(call.request, body, "mobiledevices", ("maxResults", MOST), &owners(call, 0..12), |member| {
        json!({
            "kind": "admin#directory#mobiledevice", "etag": "\"simulated\"",
            "resourceId": id(call, "resource", member, 24), "deviceId": id(call, "mobile", member, 16),
            "serialNumber": id(call, "mobile serial", member, 10).to_uppercase(),
            "name": [member.seat.account.name()], "email": [member.address()], "model": "Pixel 9", "os": "Android 16",
            "type": "ANDROID", "status": "APPROVED", "encryptionStatus": "Encrypted", "devicePasswordStatus": "On",
            "deviceCompromisedStatus": "No compromise detected", "firstSync": since(call, member),
            "lastSync": last_sync(call, member),
        })
    })
}

pub(super) fn chromeos(call: &Call<'_>) -> Result<Value, Refusal> {
    let body = json!({"kind": "admin#directory#chromeosdevices", "etag": "\"simulated\""});
    page(call.request, body, "chromeosdevices", ("maxResults", MOST), &owners(call, 12..15), |member| {
        json!({
            "kind": "admin#directory#chromeosdevice", "etag": "\"simulated\"",
            "deviceId": id(call, "chromeos", member, 32),
            "serialNumber": id(call, "chromeos serial", member, 10).to_uppercase(), "status": "ACTIVE",
            "lastSync": last_sync(call, member), "annotatedUser": member.address(), "model": "Chromebook",
            "osVersion": "140.0.1", "bootMode": "Verified", "lastEnrollmentTime": since(call, member),
            "orgUnitPath": "/",
        })
    })
}

/// Those that the company bought are in its inventory, the others are assigned to users.
pub(super) fn computers(call: &Call<'_>) -> Result<Value, Refusal> {
    let (range, owner) = match call.request.param("view").as_deref() {
        None | Some("COMPANY_INVENTORY") => (15..40, "COMPANY"),
        Some("USER_ASSIGNED_DEVICES") => (40..45, "BYOD"),
        Some(_) => return Err(Refusal::invalid("view")),
    };
    page(call.request, json!({}), "devices", ("pageSize", MOST), &owners(call, range), |member| {
        json!({
            "name": format!("devices/{}", id(call, "computer", member, 32)), "deviceType": "MAC_OS",
            "createTime": since(call, member), "lastSyncTime": last_sync(call, member), "ownerType": owner,
            "serialNumber": id(call, "computer serial", member, 10).to_uppercase(), "model": "Laptop",
            "osVersion": "macOS 26.1", "managementState": "APPROVED", "encryptionState": "ENCRYPTED",
            "compromisedState": "UNCOMPROMISED",
        })
    })
}
