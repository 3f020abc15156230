//! AWS Backup in every region: rules of its plans, and the jobs that ran.
//!
//! <https://docs.aws.amazon.com/aws-backup/latest/devguide/API_Operations_AWS_Backup.html>

use crate::api::Api;
use crate::time::instant;
use exhibit_sdk::kinds::{BackupPlan, Details, JobRun, JobType, Outcome};
use exhibit_sdk::prelude::*;
use serde_json::Value;

const PLAN: &str = "aws:backup:plan";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    backup_plan_arn: String,
    backup_plan_id: String,
    backup_plan_name: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Plan {
    backup_plan: Body,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Body {
    #[serde(default)]
    rules: Vec<Rule>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Rule {
    rule_name: Option<String>,
    rule_id: Option<String>,
    target_backup_vault_name: Option<String>,
    schedule_expression: Option<String>,
    enable_continuous_backup: Option<bool>,
    lifecycle: Option<Lifecycle>,
    copy_actions: Option<Vec<Copy>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Lifecycle {
    delete_after_days: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Copy {
    destination_backup_vault_arn: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Selection {
    selection_name: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Job {
    backup_job_id: String,
    state: Option<String>,
    status_message: Option<String>,
    resource_arn: Option<String>,
    resource_type: Option<String>,
    resource_name: Option<String>,
    recovery_point_arn: Option<String>,
    backup_vault_arn: Option<String>,
    backup_size_in_bytes: Option<u64>,
    is_encrypted: Option<bool>,
    created_by: Option<Creator>,
    #[serde(default)]
    creation_date: Value,
    #[serde(default)]
    completion_date: Value,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Creator {
    backup_plan_id: Option<String>,
}

pub(crate) fn collect(api: &Api<'_>) -> Result<()> {
    exhibit_sdk::all([plans(api), jobs(api)])
}

fn paging(items: &str) -> Paging {
    Paging::cursor(Read::json("/NextToken"), Write::query("nextToken")).items(items)
}

fn plans(api: &Api<'_>) -> Result<()> {
    let mut records =
        api.open_regional::<BackupPlan>("all rules of AWS Backup's plans in every enabled region");
    if !records.is_wanted() {
        return Ok(());
    }
    let list = |region: &str| {
        let request = api.rest("backup", region, "/backup/plans/").query("maxResults", "1000");
        request.paged(paging("/BackupPlansList"))
    };
    let mut listed = Vec::new();
    for (region, answer) in api.in_regions("backup:ListBackupPlans", list) {
        for page in api.passing.take(&mut [&mut records], answer)? {
            listed.extend(page.items::<Listed>()?.into_iter().map(|plan| (region, plan)));
        }
    }
    let ask = |(region, plan): &(&str, Item<Listed>)| {
        let path = format!("/backup/plans/{}/", encode(&plan.backup_plan_id));
        let selections = api.rest("backup", region, &format!("{path}selections/"));
        [api.rest("backup", region, &path), selections.paged(paging("/BackupSelectionsList"))]
    };
    let mut answers = api.ctx.send_all(listed.iter().flat_map(ask));
    for (region, plan) in &listed {
        let mut next = |what: &str| {
            let answer = answers.next().unwrap_or_else(|| Err(Failure::internal("an answer is missing")));
            let what = format!("{what} of {} in {region}", plan.backup_plan_id);
            api.passing.known("a backup plan", answer.map_err(|failure| failure.context(what)))
        };
        let (body, selections) = (next("backup:GetBackupPlan"), next("backup:ListBackupSelections"));
        of_plan(&mut records, region, plan, body, selections)?;
    }
    records.seal()
}

fn of_plan(
    records: &mut Wanted<BackupPlan>,
    region: &str,
    listed: &Item<Listed>,
    body: Option<Vec<Page>>,
    selections: Option<Vec<Page>>,
) -> Result<()> {
    let arn = &listed.backup_plan_arn;
    let name = listed.backup_plan_name.as_ref().unwrap_or(&listed.backup_plan_id);
    let mut covers = None;
    let mut supports = Vec::new();
    for page in selections.iter().flatten() {
        supports.push(page.origin(""));
        let names =
            page.items::<Selection>()?.into_iter().map(Item::into_value).filter_map(|s| s.selection_name);
        covers.get_or_insert_with(Vec::new).extend(names);
    }
    if let Some(covers) = &mut covers {
        covers.sort();
    }
    let plan = |name: String| BackupPlan {
        resource_type: Some(PLAN.to_owned()),
        region: Some(region.to_owned()),
        covers: covers.clone(),
        ..BackupPlan::new(name)
    };
    let finish = |record: Record<BackupPlan>| {
        let record = supports.iter().fold(record, Record::origin).subject(subject::asset(arn));
        // Whether backups are encrypted and locked is told by their vault, which is not read.
        let record = record.unknown("encrypted").unknown("immutable");
        if covers.is_none() { record.unknown("covers") } else { record }
    };
    let body = body.iter().flatten().next().map(Page::item::<Plan>).transpose()?;
    let Some(body) = body.filter(|body| !body.backup_plan.rules.is_empty()) else {
        let record = finish(listed.record(arn, plan(name.clone())));
        let record = record.unknown("enabled").unknown("schedule").unknown("retention_days");
        return records.emit(record);
    };
    for (index, rule) in body.backup_plan.rules.iter().enumerate() {
        let id = rule.rule_id.clone().or_else(|| rule.rule_name.clone()).unwrap_or_else(|| index.to_string());
        let rule_name =
            rule.rule_name.as_ref().map_or_else(|| name.clone(), |rule| format!("{name}: {rule}"));
        let copies =
            rule.copy_actions.iter().flatten().filter_map(|c| c.destination_backup_vault_arn.clone());
        let vault = rule.target_backup_vault_name.as_deref();
        let attributes = BackupPlan {
            enabled: Some(true),
            schedule: rule.schedule_expression.clone(),
            // Without a lifecycle a backup is never deleted.
            retention_days: Some(rule.lifecycle.as_ref().and_then(|l| l.delete_after_days).unwrap_or(0)),
            copies_to: Some(copies.collect()),
            point_in_time_recovery: rule.enable_continuous_backup,
            details: vault.map(|vault| Details::new().with("vault", vault)),
            ..plan(rule_name)
        };
        let record = listed.record(format!("{arn}/{id}"), attributes);
        records.emit(finish(record.origin(&body.origin().below(&format!("/BackupPlan/Rules/{index}")))))?;
    }
    Ok(())
}

fn jobs(api: &Api<'_>) -> Result<()> {
    let mut jobs =
        api.open_regional::<JobRun>("backup jobs created within the window, in every enabled region");
    if !jobs.is_wanted() {
        return Ok(());
    }
    let window = api.ctx.window();
    let list = |region: &str| {
        let request = api
            .rest("backup", region, "/backup-jobs/")
            .query("createdAfter", window.start.to_string())
            .query("createdBefore", window.end.to_string())
            .query("maxResults", "1000");
        request.paged(paging("/BackupJobs"))
    };
    for (region, answer) in api.in_regions("backup:ListBackupJobs", list) {
        for page in api.passing.take(&mut [&mut jobs], answer)? {
            for job in page.items::<Job>()? {
                match instant(&job.creation_date) {
                    Some(at) => jobs.emit(of_job(region, &job).occurred_at(at))?,
                    None => jobs.filtered(1, "a job without a time of creation")?,
                }
            }
        }
    }
    jobs.seal()
}

fn of_job(region: &str, job: &Item<Job>) -> Record<JobRun> {
    let state = job.state.as_deref().unwrap_or_default();
    let resource = job.resource_arn.clone();
    let name =
        job.resource_name.clone().or_else(|| resource.clone()).unwrap_or_else(|| job.backup_job_id.clone());
    let attributes = JobRun {
        source_result: job.state.clone(),
        message: job.status_message.clone().filter(|text| !text.is_empty()),
        resource_id: resource.clone(),
        resource_type: job.resource_type.clone(),
        plan_id: job.created_by.as_ref().and_then(|by| by.backup_plan_id.clone()),
        finished_at: instant(&job.completion_date),
        size_bytes: job.backup_size_in_bytes.filter(|_| state == "COMPLETED"),
        recovery_point_id: job.recovery_point_arn.clone(),
        destination: job.backup_vault_arn.clone(),
        encrypted: job.is_encrypted,
        ..JobRun::new(name, JobType::Backup, outcome(state))
    };
    let mut record = job.record(format!("{region}/{}", job.backup_job_id), attributes);
    if let Some(arn) = &resource {
        record = record.subject(subject::asset(arn));
    }
    // A backup is checked by restoring it, which is another job.
    if job.is_encrypted.is_none() { record.unknown("encrypted") } else { record }
}

/// <https://docs.aws.amazon.com/aws-backup/latest/devguide/API_BackupJob.html>, `State`.
fn outcome(state: &str) -> Outcome {
    match state {
        "COMPLETED" => Outcome::Success,
        "FAILED" | "EXPIRED" => Outcome::Failure,
        "ABORTED" => Outcome::Cancelled,
        "PARTIAL" => Outcome::Partial,
        _ => Outcome::InProgress,
    }
}
