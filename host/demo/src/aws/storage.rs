//! S3: the list of buckets, and how each is protected.

use super::paging::BUCKETS as BUCKET_PAGES;
use super::{Call, Refusal};
use crate::calendar::{at, whole_seconds};
use crate::org::cloud::{ACCOUNT, ARTIFACTS, BUCKETS, Bucket, MAIN};
use crate::random::hex_id;
use jiff::civil::date;
use serde_json::{Value, json};

/// The root element of an answer, and what is in it.
pub(crate) type Document = (&'static str, Value);

pub(crate) fn answer(call: &Call<'_>) -> Result<Document, Refusal> {
    if call.request.method != "GET" {
        return Err(Refusal::new(
            405,
            "MethodNotAllowed",
            "The specified method is not allowed against this resource.",
        ));
    }
    match call.request.segments().as_slice() {
        [] => list(call),
        [bucket] => {
            let found = BUCKETS.iter().find(|b| b.name == bucket);
            let found = found
                .ok_or_else(|| Refusal::new(404, "NoSuchBucket", "The specified bucket does not exist"))?;
            about(call, found)
        }
        _ => Err(Refusal::new(403, "AccessDenied", "Access Denied")),
    }
}

fn list(call: &Call<'_>) -> Result<Document, Refusal> {
    let created = whole_seconds(at(date(2023, 2, 7), 10, 0)).replace('Z', ".000Z");
    let wanted = call.param("bucket-region");
    let buckets = BUCKETS.iter().filter(|b| wanted.is_none_or(|region| region == b.region));
    let page = BUCKET_PAGES.page(call, buckets.collect())?;
    let of = |b: &&Bucket| json!({"Name": b.name, "CreationDate": created, "BucketRegion": b.region});
    let body = json!({
        "Owner": {"ID": hex_id(call.org.seed(), "canonical user", 64)},
        "Buckets": page.items.iter().map(of).collect::<Vec<_>>(),
        "ContinuationToken": page.next,
    });
    Ok(("ListAllMyBucketsResult", body))
}

fn about(call: &Call<'_>, bucket: &Bucket) -> Result<Document, Refusal> {
    // Where a bucket is can be asked anywhere; everything else only where it is.
    if call.param("location").is_some() {
        let place = if bucket.region == MAIN { Value::Null } else { bucket.region.into() };
        return Ok(("LocationConstraint", place));
    }
    if call.region != bucket.region {
        let message = format!(
            "The authorization header is malformed; the region '{}' is wrong; expecting '{}'",
            call.region, bucket.region
        );
        let refusal = Refusal::new(400, "AuthorizationHeaderMalformed", message);
        return Err(Refusal { region: Some(bucket.region), ..refusal });
    }
    let asked = call.request.params().find_map(|(name, _)| {
        let known = ["encryption", "publicAccessBlock", "policyStatus", "versioning", "logging"];
        known.into_iter().find(|k| *k == name)
    });
    match asked {
        Some("encryption") => Ok(("ServerSideEncryptionConfiguration", encryption(call, bucket))),
        Some("publicAccessBlock") => public_access_block(call, bucket),
        Some("policyStatus") if bucket.policy => Ok(("PolicyStatus", json!({"IsPublic": false}))),
        Some("policyStatus") => {
            Err(Refusal::new(404, "NoSuchBucketPolicy", "The bucket policy does not exist"))
        }
        Some("versioning") => Ok((
            "VersioningConfiguration",
            if bucket.versioned { json!({"Status": "Enabled"}) } else { json!({}) },
        )),
        Some("logging") => {
            let target =
                json!({"TargetBucket": "example-access-logs", "TargetPrefix": format!("{}/", bucket.name)});
            Ok((
                "BucketLoggingStatus",
                if bucket.logged { json!({"LoggingEnabled": target}) } else { json!({}) },
            ))
        }
        _ => Err(Refusal::new(403, "AccessDenied", "Access Denied")),
    }
}

fn encryption(call: &Call<'_>, bucket: &Bucket) -> Value {
    let key = call.cloud().keys.iter().find(|k| k.region == bucket.region && !k.by_aws);
    let arn = key.map(|k| format!("arn:aws:kms:{}:{ACCOUNT}:key/{}", k.region, k.id));
    let by = match arn.filter(|_| bucket.kms) {
        Some(arn) => json!({"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": arn}),
        None => json!({"SSEAlgorithm": "AES256"}),
    };
    json!({"Rule": {"ApplyServerSideEncryptionByDefault": by, "BucketKeyEnabled": bucket.kms}})
}

fn public_access_block(call: &Call<'_>, bucket: &Bucket) -> Result<Document, Refusal> {
    let missing = &call.org.story().bucket_unblocked;
    if bucket.name == ARTIFACTS && missing.span.contains(call.now()) {
        let text = "The public access block configuration was not found";
        return Err(Refusal::new(404, "NoSuchPublicAccessBlockConfiguration", text));
    }
    let block = json!({
        "BlockPublicAcls": true, "IgnorePublicAcls": true, "BlockPublicPolicy": true, "RestrictPublicBuckets": true,
    });
    Ok(("PublicAccessBlockConfiguration", block))
}
