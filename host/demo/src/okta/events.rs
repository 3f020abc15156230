//! `/logs`: the System Log.
//!
//! Bounds are `since` (included) and `until` (not included); Okta keeps 90 days. The next link is there on
//! every page, also on the empty one that ends the list: a client that waits for it to vanish never ends.

use super::{Answer, Call, Found, Refusal, page};
use crate::names::{CITIES, PLATFORMS, ip};
use crate::org::log::{LogEntry, Target};
use crate::org::people::{Account, FactorKind};
use crate::random::{hex_id, okta_id};
use exhibit_evidence::time::Timestamp;
use serde_json::{Value, json};

const DAY_MS: i64 = 86_400_000;
const RETENTION_DAYS: i64 = 90;
/// What Okta goes back when `since` is left out.
const USUAL_DAYS: i64 = 7;

pub(crate) fn answer(call: &Call<'_>) -> Answer {
    let limit = page::limit(call, 100, 1000)?;
    let now = call.now();
    let bound = |name: &str| match call.request.param(name) {
        None => Ok(None),
        Some(text) => text.parse::<Timestamp>().map(Some).map_err(|_| Refusal::invalid(name)),
    };
    let since = bound("since")?.unwrap_or_else(|| now.plus_ms(-USUAL_DAYS * DAY_MS));
    let since = since.max(now.plus_ms(-RETENTION_DAYS * DAY_MS));
    let until = bound("until")?.unwrap_or(now).min(now);
    let filter = call.request.param("filter").map(|text| Filter::parse(&text)).transpose()?;
    let descending = match call.request.param("sortOrder").as_deref() {
        None | Some("ASCENDING") => false,
        Some("DESCENDING") => true,
        Some(_) => return Err(Refusal::invalid("sortOrder")),
    };

    let log = call.org.log();
    let first = log.partition_point(|e| e.published < since);
    let end = log.partition_point(|e| e.published < until).max(first);
    let wanted = |e: &&LogEntry| filter.as_ref().is_none_or(|f| f.has(e));
    let range = &log[first..end];
    let after = call.request.param("after");
    let skip = |e: &&LogEntry| match cursor(after.as_deref()) {
        None => true,
        Some(seen) if descending => (e.published, e.uuid.as_str()) < seen,
        Some(seen) => (e.published, e.uuid.as_str()) > seen,
    };
    if after.is_some() && cursor(after.as_deref()).is_none() {
        return Err(Refusal::invalid("after: this cursor is not valid"));
    }
    let page: Vec<&LogEntry> = if descending {
        range.iter().rev().filter(wanted).filter(skip).take(limit).collect()
    } else {
        range.iter().filter(wanted).filter(skip).take(limit).collect()
    };
    let next = page.last().map(|e| format!("{}_{}", e.published.as_ms(), e.uuid)).or(after);
    let next = next.unwrap_or_else(|| format!("{}_0", until.as_ms()));
    let body = Value::Array(page.into_iter().map(|e| event(call, e)).collect());
    Ok(Found { body, links: page::links(call, Some(&next)) })
}

/// A cursor is `<milliseconds>_<uuid>` of the last event seen.
fn cursor(text: Option<&str>) -> Option<(Timestamp, &str)> {
    let (ms, uuid) = text?.split_once('_')?;
    Some((Timestamp::from_ms(ms.parse().ok()?), uuid))
}

/// Of Okta's filter language: `eventType eq "…"` and `eventType sw "…"`, joined by `or`.
struct Filter(Vec<(bool, String)>);

impl Filter {
    fn parse(text: &str) -> Result<Self, Refusal> {
        let part = |part: &str| {
            let part = part.trim();
            let value = |rest: &str| rest.trim().strip_prefix('"')?.strip_suffix('"').map(str::to_owned);
            let whole = part.strip_prefix("eventType eq ").and_then(value).map(|v| (true, v));
            whole.or_else(|| part.strip_prefix("eventType sw ").and_then(value).map(|v| (false, v)))
        };
        let parts: Option<Vec<_>> = text.split(" or ").map(part).collect();
        parts.map(Self).ok_or_else(|| Refusal::search(text))
    }

    fn has(&self, entry: &LogEntry) -> bool {
        self.0
            .iter()
            .any(|(whole, v)| if *whole { entry.event == v } else { entry.event.starts_with(v.as_str()) })
    }
}

fn event(call: &Call<'_>, entry: &LogEntry) -> Value {
    let (city, state, country, lat, lon) = CITIES[(entry.chance % CITIES.len() as u64) as usize];
    let place = json!({
        "city": city, "state": state, "country": country, "postalCode": null,
        "geolocation": {"lat": lat, "lon": lon},
    });
    let ip = ip(entry.chance);
    let (os, browser, device, agent) = PLATFORMS[((entry.chance >> 16) % PLATFORMS.len() as u64) as usize];
    let request = hex_id(entry.chance, "transaction", 32);
    let actor = person(call, entry.actor);
    json!({
        "uuid": entry.uuid, "published": entry.published.to_string(), "eventType": entry.event, "version": "0",
        "severity": if entry.failure.is_some() { "WARN" } else { "INFO" }, "displayMessage": entry.message,
        "legacyEventType": null, "actor": actor,
        "client": {
            "userAgent": {"rawUserAgent": agent, "os": os, "browser": browser}, "zone": "null", "device": device,
            "id": null, "ipAddress": ip, "geographicalContext": place,
        },
        "device": null,
        "authenticationContext": {
            "authenticationProvider": null, "credentialProvider": null, "credentialType": null, "issuer": null,
            "interface": null, "authenticationStep": 0, "externalSessionId": format!("idx{}", &request[..20]),
        },
        "outcome": {"result": if entry.failure.is_some() { "FAILURE" } else { "SUCCESS" }, "reason": entry.failure},
        "securityContext": {
            "asNumber": 64_500, "asOrg": "example", "isp": "example", "domain": "example.net", "isProxy": false,
        },
        "debugContext": {"debugData": {"requestId": request}},
        "transaction": {"type": "WEB", "id": request, "detail": {}},
        "request": {"ipChain": [{"ip": ip, "geographicalContext": place, "version": "V4", "source": null}]},
        "target": entry.targets.iter().map(|t| target(call, t)).collect::<Vec<_>>(),
    })
}

fn person(call: &Call<'_>, index: usize) -> Value {
    call.org.account_at(index).map_or(Value::Null, user)
}

fn user(account: &Account) -> Value {
    json!({
        "id": account.id, "type": "User", "alternateId": account.login, "displayName": account.name(),
        "detailEntry": null,
    })
}

fn target(call: &Call<'_>, target: &Target) -> Value {
    let thing = |id: &str, kind: &str, name: &str| {
        let about = "unknown";
        json!({"id": id, "type": kind, "alternateId": about, "displayName": name, "detailEntry": null})
    };
    match target {
        Target::Account(index) => person(call, *index),
        Target::Group(index) => {
            call.org.groups().get(*index).map_or(Value::Null, |g| thing(&g.id, "UserGroup", g.name))
        }
        Target::App(index) => {
            call.org.apps().get(*index).map_or(Value::Null, |a| thing(&a.id, "AppInstance", a.label))
        }
        Target::Factor(kind) => {
            let name = match kind {
                FactorKind::Push => "Okta Verify",
                FactorKind::Totp => "Google Authenticator",
                FactorKind::WebAuthn => "Security Key or Biometric",
                FactorKind::Sms => "Phone",
            };
            thing(&okta_id(call.org.seed(), "aut", name), "AuthenticatorEnrollment", name)
        }
        Target::Role(label) => thing(&okta_id(call.org.seed(), "ROLE", label), "ROLE", label),
        Target::Rule(id) => thing(id, "PolicyRule", "Catch-all Rule"),
    }
}
