//! AWS Backup and GuardDuty: REST with JSON.

use super::compute::database_arn;
use super::paging::REST;
use super::{Call, Refusal, unknown};
use crate::aws::identity::service_role;
use crate::calendar::{at, days, plus_days};
use crate::org::cloud::{ACCOUNT, DATABASES, Database};
use crate::random::{hex_id, uuid};
use exhibit_evidence::time::Timestamp;
use jiff::civil::{Date, date};
use serde_json::{Value, json};

/// AWS Backup remembers jobs for thirty days.
const JOB_DAYS: i64 = 30;

pub(crate) fn answer(call: &Call<'_>) -> Result<Value, Refusal> {
    if call.request.method != "GET" {
        return Err(unknown(&call.request.method));
    }
    let segments = call.request.segments();
    let path: Vec<&str> = segments.iter().map(String::as_str).collect();
    match (call.service, &path[..]) {
        ("backup", ["backup", "plans"]) => {
            let page = REST.page(call, vec![plan(call)])?;
            Ok(with_token(json!({"BackupPlansList": page.items}), "NextToken", page.next))
        }
        ("backup", ["backup", "plans", id]) => known_plan(call, id).map(|()| plan_detail(call)),
        ("backup", ["backup", "plans", id, "selections"]) => known_plan(call, id).map(|()| selections(call)),
        ("backup", ["backup-jobs"]) => {
            let page = REST.page(call, jobs(call)?)?;
            Ok(with_token(json!({"BackupJobs": page.items}), "NextToken", page.next))
        }
        ("backup", ["backup-vaults"]) => Ok(json!({"BackupVaultList": [{
            "BackupVaultName": "Default", "BackupVaultArn": vault_arn(call), "CreationDate": set_up(),
            "Locked": false, "NumberOfRecoveryPoints": JOB_DAYS,
        }]})),
        ("guardduty", ["detector"]) => {
            let page = REST.page(call, vec![detector_id(call)])?;
            Ok(with_token(json!({"detectorIds": page.items}), "nextToken", page.next))
        }
        ("guardduty", ["detector", id]) if *id == detector_id(call) => Ok(detector()),
        ("guardduty", ["detector", _]) => {
            let text =
                "The request is rejected because the input detectorId is not owned by the current account.";
            Err(Refusal::new(400, "BadRequestException", text))
        }
        _ => Err(unknown(&call.request.path)),
    }
}

fn with_token(mut body: Value, name: &str, token: Option<String>) -> Value {
    if let Some(token) = token {
        body[name] = token.into();
    }
    body
}

/// Seconds since 1970.
fn set_up() -> u64 {
    seconds(at(date(2024, 5, 21), 9, 0))
}

fn seconds(at: Timestamp) -> u64 {
    at.as_ms() / 1000
}

fn plan_id(call: &Call<'_>) -> String {
    uuid(call.org.seed(), &format!("backup plan {}", call.region))
}

fn plan(call: &Call<'_>) -> Value {
    let id = plan_id(call);
    json!({
        "BackupPlanArn": format!("arn:aws:backup:{}:{ACCOUNT}:backup-plan:{id}", call.region), "BackupPlanId": id,
        "CreationDate": set_up(), "VersionId": hex_id(call.org.seed(), "backup version", 48),
        "BackupPlanName": "daily",
    })
}

fn known_plan(call: &Call<'_>, id: &str) -> Result<(), Refusal> {
    let text = "Backup plan not found";
    (id == plan_id(call)).then_some(()).ok_or_else(|| Refusal::new(400, "ResourceNotFoundException", text))
}

fn plan_detail(call: &Call<'_>) -> Value {
    let mut body = plan(call);
    body["BackupPlan"] = json!({"BackupPlanName": "daily", "Rules": [{
        "RuleName": "daily", "TargetBackupVaultName": "Default", "ScheduleExpression": "cron(0 5 ? * * *)",
        "StartWindowMinutes": 60, "CompletionWindowMinutes": 180, "Lifecycle": {"DeleteAfterDays": 35},
        "RuleId": uuid(call.org.seed(), "backup rule"),
    }]});
    body
}

fn selections(call: &Call<'_>) -> Value {
    json!({"BackupSelectionsList": [{
        "SelectionId": uuid(call.org.seed(), "backup selection"), "SelectionName": "databases",
        "BackupPlanId": plan_id(call), "CreationDate": set_up(),
        "IamRoleArn": format!("arn:aws:iam::{ACCOUNT}:role/BackupService"),
    }]})
}

fn vault_arn(call: &Call<'_>) -> String {
    format!("arn:aws:backup:{}:{ACCOUNT}:backup-vault:Default", call.region)
}

/// The jobs that AWS Backup still remembers, newest first, within the bounds that were asked for.
fn jobs(call: &Call<'_>) -> Result<Vec<Value>, Refusal> {
    let bound = |name: &str| match call.param(name) {
        None => Ok(None),
        Some(text) => instant(text).map(Some).ok_or_else(|| {
            Refusal::new(400, "InvalidParameterValueException", format!("{name} is not a time"))
        }),
    };
    let (after, before) = (bound("createdAfter")?, bound("createdBefore")?);
    let state = call.param("state");
    let now = call.now();
    let mut jobs = Vec::new();
    for day in days(plus_days(now.date(), -JOB_DAYS), now.date()) {
        let created = at(day, 5, 0);
        if created > now || after.is_some_and(|t| created < t) || before.is_some_and(|t| created >= t) {
            continue;
        }
        let here = DATABASES.iter().filter(|d| d.region == call.region);
        jobs.extend(here.map(|database| job(call, database, day, created)));
    }
    jobs.retain(|job| state.is_none_or(|state| job["State"] == state));
    jobs.reverse();
    Ok(jobs)
}

/// A time in a query: RFC 3339, or seconds since 1970.
fn instant(text: &str) -> Option<Timestamp> {
    let seconds = || text.parse::<u64>().ok().map(|s| Timestamp::from_ms(s.saturating_mul(1000)));
    text.parse().ok().or_else(seconds)
}

fn job(call: &Call<'_>, database: &Database, day: Date, created: Timestamp) -> Value {
    let id = call.cloud().backup_job(database.name, day);
    let failed = call.org.story().failed_backup.id == id;
    let ends = created.plus_ms(40 * 60_000);
    let running = ends > call.now();
    let mut job = json!({
        "AccountId": ACCOUNT, "BackupJobId": id, "BackupVaultName": "Default", "BackupVaultArn": vault_arn(call),
        "ResourceArn": database_arn(database), "ResourceName": database.name, "ResourceType": "RDS",
        "CreationDate": seconds(created),
        "State": match (running, failed) {
            (true, _) => "RUNNING",
            (_, true) => "FAILED",
            _ => "COMPLETED",
        },
        "PercentDone": if running || failed { "40.0" } else { "100.0" }, "BackupSizeInBytes": 107_374_182_400_u64,
        "IamRoleArn": format!("arn:aws:iam::{ACCOUNT}:role/BackupService"), "BackupType": "SNAPSHOT",
        "IsParent": false, "StartBy": seconds(created.plus_ms(3_600_000)),
        "CreatedBy": {"BackupPlanId": plan_id(call), "BackupRuleId": uuid(call.org.seed(), "backup rule")},
    });
    if !running {
        job["CompletionDate"] = seconds(ends).into();
        if failed {
            job["StatusMessage"] = json!("The storage of the vault was not reachable.");
        } else {
            let arn =
                format!("arn:aws:rds:{}:{ACCOUNT}:snapshot:awsbackup:job-{}", call.region, id.to_lowercase());
            job["RecoveryPointArn"] = arn.into();
        }
    }
    job
}

fn detector_id(call: &Call<'_>) -> String {
    hex_id(call.org.seed(), &format!("detector {}", call.region), 32)
}

fn detector() -> Value {
    json!({
        "createdAt": "2023-02-08T09:00:00.000Z", "updatedAt": "2024-05-21T09:00:00.000Z", "status": "ENABLED",
        "findingPublishingFrequency": "FIFTEEN_MINUTES",
        "serviceRole": service_role("guardduty.amazonaws.com/AWSServiceRoleForAmazonGuardDuty"),
        "features": [{"name": "CLOUD_TRAIL", "status": "ENABLED"}, {"name": "S3_DATA_EVENTS", "status": "ENABLED"}],
        "tags": {},
    })
}
