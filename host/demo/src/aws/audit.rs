//! CloudTrail, KMS and Config: JSON 1.1, the operation in `X-Amz-Target`, times as seconds since 1970.

use super::paging::KMS;
use super::{Call, Refusal, unknown};
use crate::aws::identity::service_role;
use crate::calendar::at;
use crate::org::cloud::{ACCOUNT, Key, MAIN};
use crate::random::hex_id;
use exhibit_evidence::time::{Span, Timestamp};
use jiff::civil::date;
use serde_json::{Value, json};

/// Keys rotate once a year.
const ROTATION_DAYS: u64 = 365;
const DAY_MS: u64 = 86_400_000;

pub(crate) fn answer(call: &Call<'_>) -> Result<Value, Refusal> {
    let target = call.request.header("x-amz-target").unwrap_or_default();
    let operation = target.rsplit('.').next().unwrap_or_default();
    let body: Value = if call.request.body.is_empty() {
        json!({})
    } else {
        let refuse = |e| Refusal::new(400, "SerializationException", format!("The body is not JSON: {e}"));
        serde_json::from_slice(&call.request.body).map_err(refuse)?
    };
    match (call.service, operation) {
        ("cloudtrail", "DescribeTrails") => Ok(json!({"trailList": [trail(call)]})),
        ("cloudtrail", "ListTrails") => Ok(json!({"Trails": [
            {"TrailARN": call.cloud().trail_arn(), "Name": "organization", "HomeRegion": MAIN},
        ]})),
        ("cloudtrail", "GetTrailStatus") => named_trail(call, &body["Name"]).map(|()| trail_status(call)),
        ("cloudtrail", "GetEventSelectors") => {
            named_trail(call, &body["TrailName"]).map(|()| selectors(call))
        }
        ("kms", "ListKeys") => list_keys(call, &body),
        ("kms", "ListAliases") => list_aliases(call, &body),
        ("kms", "DescribeKey") => Ok(json!({"KeyMetadata": key_metadata(key(call, &body)?)})),
        ("kms", "GetKeyRotationStatus") => Ok(rotation(call, key(call, &body)?)),
        ("config", "DescribeConfigurationRecorders") => {
            Ok(json!({"ConfigurationRecorders": [recorder(call)]}))
        }
        ("config", "DescribeConfigurationRecorderStatus") => {
            Ok(json!({"ConfigurationRecordersStatus": [recorder_status()]}))
        }
        _ => Err(unknown(target)),
    }
}

fn seconds(at: Timestamp) -> u64 {
    at.as_ms() / 1000
}

/// When logging and recording were set up.
fn set_up() -> Timestamp {
    at(date(2023, 2, 8), 9, 0)
}

fn trail(call: &Call<'_>) -> Value {
    let key = call.cloud().keys.iter().find(|k| k.alias == "alias/trail");
    json!({
        "Name": "organization", "S3BucketName": "example-trail", "IncludeGlobalServiceEvents": true,
        "IsMultiRegionTrail": true, "HomeRegion": MAIN, "TrailARN": call.cloud().trail_arn(),
        "LogFileValidationEnabled": true, "KmsKeyId": key.map(arn), "HasCustomEventSelectors": false,
        "HasInsightSelectors": false, "IsOrganizationTrail": false,
    })
}

fn named_trail(call: &Call<'_>, name: &Value) -> Result<(), Refusal> {
    let arn = call.cloud().trail_arn();
    match name.as_str() {
        Some(name) if name == arn || name == "organization" => Ok(()),
        other => Err(Refusal::new(
            400,
            "TrailNotFoundException",
            format!("Unknown trail: {}", other.unwrap_or_default()),
        )),
    }
}

fn trail_status(call: &Call<'_>) -> Value {
    let Span { start, end } = call.org.story().trail_stopped.span;
    let now = call.now();
    let stopped = start <= now && now < end;
    let delivered = if stopped { start } else { now.plus_ms(-240_000) };
    let mut status = json!({
        "IsLogging": !stopped, "LatestDeliveryTime": seconds(delivered),
        "StartLoggingTime": seconds(if end <= now { end } else { set_up() }),
    });
    if start <= now {
        status["StopLoggingTime"] = seconds(start).into();
    }
    status
}

fn selectors(call: &Call<'_>) -> Value {
    json!({"TrailARN": call.cloud().trail_arn(), "EventSelectors": [
        {
            "ReadWriteType": "All", "IncludeManagementEvents": true, "DataResources": [],
            "ExcludeManagementEventSources": [],
        },
    ]})
}

fn arn(key: &Key) -> String {
    format!("arn:aws:kms:{}:{ACCOUNT}:key/{}", key.region, key.id)
}

fn keys_here<'a>(call: &Call<'a>) -> Vec<&'a Key> {
    call.cloud().keys.iter().filter(|k| k.region == call.region).collect()
}

fn key<'a>(call: &Call<'a>, body: &Value) -> Result<&'a Key, Refusal> {
    let wanted = body["KeyId"].as_str().unwrap_or_default();
    let found = keys_here(call).into_iter().find(|k| k.id == wanted || arn(k) == wanted || k.alias == wanted);
    found.ok_or_else(|| Refusal::new(400, "NotFoundException", format!("Key '{wanted}' does not exist")))
}

fn list_keys(call: &Call<'_>, body: &Value) -> Result<Value, Refusal> {
    let page = KMS.page_of_json(body, keys_here(call))?;
    let keys: Vec<Value> = page.items.iter().map(|k| json!({"KeyId": k.id, "KeyArn": arn(k)})).collect();
    Ok(truncated("Keys", keys, page.next))
}

fn list_aliases(call: &Call<'_>, body: &Value) -> Result<Value, Refusal> {
    let page = KMS.page_of_json(body, keys_here(call))?;
    let alias = |k: &&Key| {
        let arn = format!("arn:aws:kms:{}:{ACCOUNT}:{}", k.region, k.alias);
        json!({"AliasName": k.alias, "AliasArn": arn, "TargetKeyId": k.id})
    };
    Ok(truncated("Aliases", page.items.iter().map(alias).collect(), page.next))
}

fn truncated(list: &str, items: Vec<Value>, next: Option<String>) -> Value {
    let mut body = json!({list: items, "Truncated": next.is_some()});
    if let Some(next) = next {
        body["NextMarker"] = next.into();
    }
    body
}

fn key_metadata(key: &Key) -> Value {
    json!({
        "AWSAccountId": ACCOUNT, "KeyId": key.id, "Arn": arn(key), "CreationDate": seconds(key.created),
        "Enabled": true, "Description": key.alias, "KeyUsage": "ENCRYPT_DECRYPT", "KeyState": "Enabled",
        "Origin": "AWS_KMS", "KeyManager": if key.by_aws { "AWS" } else { "CUSTOMER" },
        "KeySpec": "SYMMETRIC_DEFAULT", "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT",
        "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"], "MultiRegion": false,
    })
}

fn rotation(call: &Call<'_>, key: &Key) -> Value {
    let lapse = &call.org.story().rotation_off;
    if key.id == lapse.id && lapse.span.contains(call.now()) {
        return json!({"KeyId": key.id, "KeyRotationEnabled": false});
    }
    let period = ROTATION_DAYS * DAY_MS;
    let past = (call.now().as_ms() - key.created.as_ms()) / period + 1;
    let next = Timestamp::from_ms(key.created.as_ms() + past * period);
    json!({
        "KeyId": key.id, "KeyRotationEnabled": true, "RotationPeriodInDays": ROTATION_DAYS,
        "NextRotationDate": seconds(next),
    })
}

fn recorder(call: &Call<'_>) -> Value {
    let recorder = format!("configuration-recorder/default/{}", hex_id(call.org.seed(), call.region, 16));
    json!({
        "name": "default", "arn": format!("arn:aws:config:{}:{ACCOUNT}:{recorder}", call.region),
        "roleARN": service_role("config.amazonaws.com/AWSServiceRoleForConfig"),
        "recordingGroup": {
            "allSupported": true, "includeGlobalResourceTypes": call.region == MAIN, "resourceTypes": [],
        },
        "recordingMode": {"recordingFrequency": "CONTINUOUS"},
    })
}

fn recorder_status() -> Value {
    json!({
        "name": "default", "recording": true, "lastStatus": "SUCCESS", "lastStartTime": seconds(set_up()),
        "lastStatusChangeTime": seconds(set_up().plus_ms(600_000)),
    })
}
