//! S3 buckets: where they are, who can reach them, how they are encrypted and logged.
//!
//! Buckets are addressed by path, `https://s3.REGION.amazonaws.com/BUCKET`: as a host, a name that a customer
//! chose would have to be granted. What is asked of a bucket is asked where it is.
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/Welcome.html>

use crate::api::{Api, code};
use crate::kms::Managers;
use exhibit_sdk::kinds::{Details, Encryption, EncryptionScope, KeyManagement, Logging, Resource};
use exhibit_sdk::prelude::*;

const TYPE: &str = "aws:s3:bucket";
const LIST: &str = "/ListAllMyBucketsResult";

struct Bucket {
    name: String,
    arn: String,
    region: String,
    created: Option<Timestamp>,
    origin: Origin,
}

pub(crate) fn collect(api: &Api<'_>, managers: &Managers) -> Result<()> {
    let mut assets = api.ctx.wanted::<Resource>("all S3 buckets");
    let mut encryption = api.ctx.wanted::<Encryption>("default encryption of all S3 buckets");
    let mut logging = api.ctx.wanted::<Logging>("access logging of all S3 buckets");
    if !assets.is_wanted() && !encryption.is_wanted() && !logging.is_wanted() {
        return Ok(());
    }
    // With a parameter, S3 answers in pages and names each bucket's region.
    let paging =
        Paging::cursor(Read::xml(&format!("{LIST}/ContinuationToken")), Write::query("continuation-token"));
    let list = api.rest("s3", api.partition.home, "/").query("max-buckets", "1000");
    let list = list.paged(paging.items(&format!("{LIST}/Buckets/Bucket")));
    let pages = api.walk(&mut [&mut assets, &mut encryption, &mut logging], "s3:ListAllMyBuckets", list)?;
    let mut buckets = Vec::new();
    for page in &pages {
        for item in page.elements()? {
            buckets.extend(bucket(api, &item)?);
        }
    }
    if assets.is_wanted() {
        let about = ["publicAccessBlock", "policyStatus", "versioning"];
        for (bucket, [block, policy, versioning]) in ask(api, &buckets, about) {
            assets.emit(resource(api, bucket, block, policy, versioning)?)?;
        }
    }
    if encryption.is_wanted() {
        for (bucket, [answer]) in ask(api, &buckets, ["encryption"]) {
            encryption.emit(encrypted(api, bucket, answer, managers)?)?;
        }
    }
    if logging.is_wanted() {
        for (bucket, [answer]) in ask(api, &buckets, ["logging"]) {
            logging.emit(logged(api, bucket, answer)?)?;
        }
    }
    exhibit_sdk::all([assets.seal(), encryption.seal(), logging.seal()])
}

fn bucket(api: &Api<'_>, item: &Item<Element>) -> Result<Option<Bucket>> {
    let Some(name) = item.text("Name").map(str::to_owned) else { return Ok(None) };
    let region = match item.text("BucketRegion") {
        Some(region) => region.to_owned(),
        None => located(api, &name)?,
    };
    Ok(Some(Bucket {
        arn: format!("arn:{}:s3:::{name}", api.partition.name),
        created: item.read("CreationDate"),
        origin: item.origin().clone(),
        region,
        name,
    }))
}

/// Where a bucket is, for a list that does not say so. Empty is the oldest region, `EU` the second oldest.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLocation.html>
fn located(api: &Api<'_>, name: &str) -> Result<String> {
    let home = api.partition.home;
    let answer = api.rest("s3", home, &format!("/{}", encode(name))).query("location", "").send();
    let page = answer.map_err(|failure| failure.context(format!("s3:GetBucketLocation of {name}")));
    let Some(page) = api.passing.known("a bucket's region", page) else { return Ok(home.to_owned()) };
    Ok(match page.xml()?.own_text() {
        "" => home.to_owned(),
        "EU" => "eu-west-1".to_owned(),
        region => region.to_owned(),
    })
}

/// Asks these questions of every bucket, side by side.
fn ask<'b, const N: usize>(
    api: &Api<'_>,
    buckets: &'b [Bucket],
    about: [&'static str; N],
) -> Vec<(&'b Bucket, [Result<Page>; N])> {
    let requests = buckets.iter().flat_map(|bucket| {
        about
            .map(|what| api.rest("s3", &bucket.region, &format!("/{}", encode(&bucket.name))).query(what, ""))
    });
    let mut answers = api.ctx.send_all(requests);
    let answered = buckets.iter().map(|bucket| {
        let answered = about.map(|what| {
            let pages = answers.next().unwrap_or_else(|| Err(Failure::internal("an answer is missing")));
            let page = pages.and_then(|pages| {
                pages.into_iter().next().ok_or_else(|| Failure::internal("an answer has no page"))
            });
            page.map_err(|failure| failure.context(format!("{what} of bucket {}", bucket.name)))
        });
        (bucket, answered)
    });
    answered.collect()
}

/// What S3 says, where a 404 of this code says that there is none; nothing where it is withheld.
enum Said {
    Is(Page),
    None(Origin),
    Unknown,
}

fn said(api: &Api<'_>, answer: Result<Page>, absent: &str) -> Said {
    match answer {
        Ok(page) => Said::Is(page),
        Err(failure) => match failure.page().filter(|_| code(&failure).as_deref() == Some(absent)) {
            Some(page) => Said::None(page.origin("")),
            None => {
                let _ = api.passing.known::<Page>("a bucket's setting", Err(failure));
                Said::Unknown
            }
        },
    }
}

fn resource(
    api: &Api<'_>,
    bucket: &Bucket,
    block: Result<Page>,
    policy: Result<Page>,
    versioning: Result<Page>,
) -> Result<Record<Resource>> {
    let attributes = Resource {
        container: Some(api.account.clone()),
        region: Some(bucket.region.clone()),
        created_at: bucket.created,
        ..Resource::new(&bucket.name, TYPE)
    };
    let mut record =
        Record::new(&bucket.arn, attributes).origin(&bucket.origin).subject(subject::asset(&bucket.arn));
    match said(api, block, "NoSuchPublicAccessBlockConfiguration") {
        Said::Is(page) => {
            let xml = page.xml()?;
            let flags = [
                ("BlockPublicAcls", "block_public_acls"),
                ("IgnorePublicAcls", "ignore_public_acls"),
                ("BlockPublicPolicy", "block_public_policy"),
                ("RestrictPublicBuckets", "restrict_public_buckets"),
            ];
            let flags = flags.map(|(name, key)| (key, xml.flag(name) == Some(true)));
            record.attributes_mut().public_access_blocked = Some(flags.iter().all(|(_, on)| *on));
            record.attributes_mut().details = flags.into_iter().collect::<Details>().some();
            record = record.origin(&page.origin("/PublicAccessBlockConfiguration"));
        }
        Said::None(origin) => {
            record.attributes_mut().public_access_blocked = Some(false);
            record = record.origin(&origin);
        }
        Said::Unknown => record = record.unknown("public_access_blocked"),
    }
    record = match said(api, policy, "NoSuchBucketPolicy") {
        Said::Is(page) => {
            // IsPublic is TRUE and FALSE in S3's own examples, true and false in its answers.
            let public = page.xml()?.text("IsPublic").map(str::to_ascii_lowercase);
            record.attributes_mut().publicly_accessible = public.and_then(|word| word.parse().ok());
            record.origin(&page.origin("/PolicyStatus"))
        }
        // Without a policy, lists of access (ACLs) decide, which are not read; blocked, they decide nothing.
        Said::None(origin) => {
            let blocked = record.attributes_mut().public_access_blocked == Some(true);
            record.attributes_mut().publicly_accessible = blocked.then_some(false);
            record.origin(&origin)
        }
        Said::Unknown => record,
    };
    if record.attributes_mut().publicly_accessible.is_none() {
        record = record.unknown("publicly_accessible");
    }
    match api.passing.known("a bucket's versioning", versioning) {
        Some(page) => {
            // Absent where it was never switched on.
            record.attributes_mut().versioning_enabled = Some(page.xml()?.text("Status") == Some("Enabled"));
            Ok(record.origin(&page.origin("/VersioningConfiguration")))
        }
        None => Ok(record.unknown("versioning_enabled")),
    }
}

fn encrypted(
    api: &Api<'_>,
    bucket: &Bucket,
    answer: Result<Page>,
    managers: &Managers,
) -> Result<Record<Encryption>> {
    let attributes = Encryption {
        resource_name: Some(bucket.name.clone()),
        region: Some(bucket.region.clone()),
        ..Encryption::new(&bucket.arn, TYPE, EncryptionScope::AtRest)
    };
    let mut record =
        Record::new(&bucket.arn, attributes).origin(&bucket.origin).subject(subject::asset(&bucket.arn));
    match said(api, answer, "ServerSideEncryptionConfigurationNotFoundError") {
        Said::Is(page) => {
            let xml = page.xml()?;
            let rule = xml.get("Rule/ApplyServerSideEncryptionByDefault");
            let algorithm = rule.and_then(|rule| rule.text("SSEAlgorithm"));
            let key = rule.and_then(|rule| rule.text("KMSMasterKeyID"));
            let attributes = record.attributes_mut();
            attributes.enabled = Some(algorithm.is_some());
            attributes.algorithm = algorithm.map(str::to_owned);
            attributes.key_id = key.map(str::to_owned);
            attributes.key_management = match (algorithm, key) {
                (Some("AES256"), _) => Some(KeyManagement::Provider),
                // With KMS and no key named, it is the one that AWS manages for S3.
                (Some(_), None) => Some(KeyManagement::ProviderManaged),
                (_, Some(key)) => managers.of(key),
                _ => None,
            };
            let unknown = attributes.key_management.is_none() && algorithm.is_some();
            record = record.origin(&page.origin("/ServerSideEncryptionConfiguration"));
            Ok(if unknown { record.unknown("key_management") } else { record })
        }
        Said::None(origin) => {
            record.attributes_mut().enabled = Some(false);
            Ok(record.origin(&origin))
        }
        Said::Unknown => Ok(record.unknown("enabled")),
    }
}

fn logged(api: &Api<'_>, bucket: &Bucket, answer: Result<Page>) -> Result<Record<Logging>> {
    let attributes = Logging {
        resource_name: Some(bucket.name.clone()),
        region: Some(bucket.region.clone()),
        ..Logging::new(&bucket.arn, TYPE, "access")
    };
    let mut record =
        Record::new(&bucket.arn, attributes).origin(&bucket.origin).subject(subject::asset(&bucket.arn));
    let Some(page) = api.passing.known("a bucket's access logging", answer) else {
        return Ok(record.unknown("enabled"));
    };
    let xml = page.xml()?;
    let target = xml.get("LoggingEnabled");
    let attributes = record.attributes_mut();
    attributes.enabled = Some(target.is_some());
    attributes.destination = target.and_then(|target| {
        let prefix = target.text("TargetPrefix").unwrap_or_default();
        target.text("TargetBucket").map(|name| format!("{name}/{prefix}"))
    });
    Ok(record.origin(&page.origin("/BucketLoggingStatus")))
}
