//! Cloud Storage: buckets, and who holds what on each.

use super::resources::bindings;
use super::{Answer, Call, Routed, invalid};
use crate::calendar::at;
use crate::google::Refusal;
use crate::org::gcp::things::{BUCKETS, Bucket};
use jiff::civil::date;
use serde_json::{Value, json};

pub(crate) fn answer(call: &Call<'_>, path: &[&str]) -> Routed {
    match path {
        ["storage", "v1", "b"] => Some(list(call)),
        ["storage", "v1", "b", name, "iam"] => Some(policy(call, name)),
        _ => None,
    }
}

fn list(call: &Call<'_>) -> Answer {
    let project = call.param("project").ok_or_else(|| invalid("Required parameter: project"))?;
    let project = call.project(&project)?;
    let buckets = BUCKETS.iter().filter(|bucket| bucket.project.id == project.id);
    let mut body = call.list_of("items", "maxResults", 1000, buckets.map(bucket).collect())?;
    body["kind"] = "storage#buckets".into();
    Ok(body)
}

fn bucket(bucket: &Bucket) -> Value {
    let created = at(date(2024, 2, 1), 10, 0).to_string();
    let prevention = if bucket.enforced { "enforced" } else { "inherited" };
    let mut body = json!({
        "kind": "storage#bucket", "id": bucket.name, "name": bucket.name,
        "selfLink": format!("https://www.googleapis.com/storage/v1/b/{}", bucket.name),
        "projectNumber": bucket.project.name.trim_start_matches("projects/"),
        "metageneration": "2", "location": "EUROPE-WEST1", "locationType": "region", "storageClass": "STANDARD",
        "etag": "CAI=", "timeCreated": created, "updated": created,
        "iamConfiguration": {
            "bucketPolicyOnly": {"enabled": true}, "uniformBucketLevelAccess": {"enabled": true},
            "publicAccessPrevention": prevention,
        },
        "softDeletePolicy": {"retentionDurationSeconds": "604800", "effectiveTime": created},
        "labels": {"env": bucket.project.env},
    });
    if let Some(key) = bucket.key {
        body["encryption"] = json!({"defaultKmsKeyName": key});
    }
    if bucket.versioned {
        body["versioning"] = json!({"enabled": true});
    }
    if let Some(days) = bucket.locked_days {
        let seconds = (days * 86_400).to_string();
        body["retentionPolicy"] =
            json!({"retentionPeriod": seconds, "effectiveTime": created, "isLocked": true});
    }
    body
}

fn policy(call: &Call<'_>, name: &str) -> Answer {
    if !BUCKETS.iter().any(|bucket| bucket.name == name) {
        return Err(Refusal::not_found(name));
    }
    let mut body = json!({
        "kind": "storage#policy", "resourceId": format!("projects/_/buckets/{name}"), "version": 1, "etag": "CAI=",
    });
    let bindings = bindings(call, name);
    if !bindings.is_empty() {
        body["bindings"] = bindings.into();
    }
    Ok(body)
}
