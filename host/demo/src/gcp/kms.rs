//! Cloud KMS: locations, key rings, keys.

use super::{Call, Routed};
use crate::calendar::plus_days;
use crate::calendar::{at, whole_seconds};
use crate::google::Refusal;
use crate::org::gcp::things::{KEYS, Key, REGION, RING, ROTATION_DAYS};
use exhibit_evidence::time::Timestamp;
use serde_json::{Value, json};

/// Where keys can be, as far as this organisation goes.
const LOCATIONS: [(&str, &str); 3] =
    [("europe", "Europe (multi-region)"), (REGION, "Belgium"), ("global", "Global")];

pub(crate) fn answer(call: &Call<'_>, path: &[&str]) -> Routed {
    let ["v1", "projects", project, "locations", rest @ ..] = path else { return None };
    let project = match call.project_with(project, "cloudkms") {
        Ok(project) => project,
        Err(refusal) => return Some(Err(refusal)),
    };
    let known = |asked: &str| LOCATIONS.iter().any(|(id, _)| *id == asked);
    let answer = match rest {
        [] => {
            let location = |(id, title): &(&str, &str)| json!({"name": format!("projects/{}/locations/{id}", project.id), "locationId": id, "displayName": title});
            call.list("locations", LOCATIONS.iter().map(location).collect())
        }
        [location, ..] if !known(location) => Err(Refusal::not_found(&format!("location {location}"))),
        [location, "keyRings"] => {
            let name = format!("projects/{}/locations/{location}/keyRings/{RING}", project.id);
            let first = KEYS.iter().filter(|key| key.name.starts_with(&name)).map(|key| key.created).min();
            let ring = first.map(|made| json!({"name": name, "createTime": at(made, 1, 0).to_string()}));
            call.list("keyRings", ring.into_iter().collect())
        }
        [location, "keyRings", ring, "cryptoKeys"] => {
            let parent = format!("projects/{}/locations/{location}/keyRings/{ring}", project.id);
            let keys: Vec<Value> = KEYS
                .iter()
                .filter(|key| key.name.strip_prefix(&parent).is_some_and(|rest| rest.starts_with('/')))
                .map(|found| key(found, call.now()))
                .collect();
            if keys.is_empty() { Err(Refusal::not_found(&parent)) } else { call.list("cryptoKeys", keys) }
        }
        _ => return None,
    };
    Some(answer)
}

fn key(key: &Key, now: Timestamp) -> Value {
    let created = at(key.created, 2, 0);
    let mut body = json!({
        "name": key.name, "createTime": whole_seconds(created), "destroyScheduledDuration": "2592000s",
        "labels": {"env": key.project.env},
    });
    if !key.encrypts {
        body["purpose"] = "ASYMMETRIC_SIGN".into();
        body["versionTemplate"] = json!({"protectionLevel": "HSM", "algorithm": "EC_SIGN_P256_SHA256"});
        return body;
    }
    let (number, made) = key.version(now);
    let algorithm = "GOOGLE_SYMMETRIC_ENCRYPTION";
    body["purpose"] = "ENCRYPT_DECRYPT".into();
    body["versionTemplate"] = json!({"protectionLevel": "SOFTWARE", "algorithm": algorithm});
    body["rotationPeriod"] = format!("{}s", ROTATION_DAYS * 86_400).into();
    body["nextRotationTime"] = whole_seconds(at(plus_days(made.date(), ROTATION_DAYS), 2, 0)).into();
    body["primary"] = json!({
        "name": format!("{}/cryptoKeyVersions/{number}", key.name), "state": "ENABLED", "protectionLevel": "SOFTWARE",
        "algorithm": algorithm, "createTime": whole_seconds(made), "generateTime": whole_seconds(made),
    });
    body
}
