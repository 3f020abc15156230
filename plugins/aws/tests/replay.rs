//! Replays made-up answers of AWS's with the host's own rules. What is expected was worked out by hand from the
//! fixtures, whose forms are those of AWS's API references.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use exhibit_connector_aws::Aws;
use exhibit_sdk::kinds::{
    Account, AccountStatus, AccountType, AlertRule, AuthPolicy, BackupPlan, Credential, CredentialStatus,
    Encryption, GroupMembership, JobRun, KeyManagement, Logging, MfaStatus, NetworkRule, Outcome as Ended,
    Resource, RoleGrant,
};
use exhibit_sdk::prelude::*;
use exhibit_testkit::{Outcome, Replay};
use serde_json::json;

const IAM: &str = "arn:aws:iam::123456789012";
const KEY: &str = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const HMAC_KEY: &str = "arn:aws:kms:eu-west-1:123456789012:key/aaaa1111-bbbb-2222-cccc-333344445555";
const AWS_KEY: &str = "arn:aws:kms:us-east-1:123456789012:key/0987dcba-09fe-87dc-65ba-ab0987654321";

/// The account and its regions, and these fixtures.
fn replay(files: &[&str]) -> Replay {
    let base = Replay::fixtures("fixtures/account.jsonl").and("fixtures/regions.jsonl");
    files.iter().fold(base, |replay, name| replay.and(format!("fixtures/{name}.jsonl")))
}

const DIRECTORY: [&str; 4] = ["users", "groups", "policies", "roles"];
const PEOPLE: [&str; 8] =
    ["users", "groups", "policies", "roles", "factors", "access-keys", "report", "summary"];
const EVERYTHING: [&str; 27] = [
    "users",
    "groups",
    "policies",
    "roles",
    "factors",
    "access-keys",
    "report",
    "summary",
    "password",
    "buckets",
    "bucket-access",
    "bucket-encryption",
    "bucket-logging",
    "kms",
    "rotation",
    "volumes",
    "volume-defaults",
    "vpcs",
    "flow-logs",
    "security-groups",
    "databases",
    "trails",
    "recorders",
    "detectors",
    "plans",
    "jobs",
    "account",
];

/// The population whose query has these words: received by the host's count, covered by records, left out with a
/// reason, emitted; and why it is not complete.
fn population(run: &Outcome, kind: &str, words: &str) -> ((u64, u64, u64, u64), String) {
    let found: Vec<_> =
        run.populations.iter().filter(|p| p.kind.to_string() == kind && p.query.contains(words)).collect();
    let [p] = found[..] else { panic!("{} populations of {kind} about {words}:\n{run}", found.len()) };
    let reason = p.verdict.reason().unwrap_or_default().to_owned();
    ((p.received, p.covered, p.filtered.values().sum(), p.emitted), reason)
}

fn unknown<K: EvidenceKind>(run: &Outcome, id: &str) -> Vec<String> {
    let mut unknown: Vec<String> = run.record::<K>(id).unknown.iter().map(ToString::to_string).collect();
    unknown.sort();
    unknown
}

fn subject<K: EvidenceKind>(run: &Outcome, id: &str) -> String {
    run.record::<K>(id).subject_key.map(|key| key.to_string()).unwrap_or_default()
}

fn logged(run: &Outcome, words: &str) -> bool {
    run.log.iter().any(|line| line.message.contains(words))
}

fn time(text: &str) -> Option<Timestamp> {
    Some(text.parse().unwrap())
}

fn date(text: &str) -> Option<Date> {
    Some(text.parse().unwrap())
}

#[test]
fn everything_is_complete() {
    let run = replay(&EVERYTHING).run::<Aws>();
    run.assert_complete().assert_fixtures_used().assert_snapshot("fixtures/everything.records.jsonl");
    assert_eq!(run.tenant.as_deref(), Some("123456789012"));
}

#[test]
fn users_over_two_pages() {
    let run = replay(&DIRECTORY).and("fixtures/factors.jsonl").and("fixtures/access-keys.jsonl");
    let run =
        run.and("fixtures/report.jsonl").and("fixtures/summary.jsonl").wanting::<Account>().run::<Aws>();
    run.assert_complete();
    assert_eq!(population(&run, "identity.account@1", "IAM users"), ((4, 4, 0, 4), String::new()));

    let ada: Account = run.attributes(&format!("{IAM}:user/ada"));
    assert_eq!((ada.r#type, ada.status), (Some(AccountType::Human), Some(AccountStatus::Active)));
    assert_eq!(ada.mfa_status, Some(MfaStatus::Enrolled));
    assert_eq!(ada.mfa_factors, Some(vec!["totp".to_owned(), "webauthn".to_owned()]));
    // Her group holds AdministratorAccess.
    assert_eq!(ada.admin, Some(true));
    assert_eq!(ada.last_login_on, date("2026-03-04"));
    assert_eq!(ada.password_changed_at, time("2025-11-01T09:00:00Z"));
    assert_eq!(subject::<Account>(&run, &format!("{IAM}:user/ada")), "person:ada@example.com");

    // Never signed in, no second factor, and a policy of the account's own that allows everything.
    let bo: Account = run.attributes(&format!("{IAM}:user/bo"));
    assert_eq!((bo.mfa_status, bo.last_login_on, bo.admin), (Some(MfaStatus::NotEnrolled), None, Some(true)));

    let ci: Account = run.attributes(&format!("{IAM}:user/ci-deploy"));
    assert_eq!((ci.r#type, ci.status), (Some(AccountType::Service), Some(AccountStatus::Active)));
    assert_eq!((ci.password_enabled, ci.admin), (Some(false), Some(false)));
    assert_eq!(
        subject::<Account>(&run, &format!("{IAM}:user/ci-deploy")),
        "account:aws:123456789012:ci-deploy"
    );

    // Neither password nor key; and its second factors are withheld.
    let old: Account = run.attributes(&format!("{IAM}:user/old-bot"));
    assert_eq!((old.status, old.mfa_status), (Some(AccountStatus::Disabled), None));
    assert_eq!(unknown::<Account>(&run, &format!("{IAM}:user/old-bot")), ["mfa_factors", "mfa_status"]);
    assert!(logged(&run, "AccessDenied: not authorized to perform: iam:ListMFADevices"));
}

#[test]
fn the_root_user() {
    let run = replay(&PEOPLE).wanting::<Account>().wanting::<Credential>().run::<Aws>();
    run.assert_complete();
    let root: Account = run.attributes(&format!("{IAM}:root"));
    assert_eq!(root.r#type, Some(AccountType::Root));
    // The report is older than the summary, which says that there is a second factor now.
    assert_eq!(root.mfa_status, Some(MfaStatus::Enrolled));
    assert_eq!((root.last_login_on, root.password_enabled), (date("2025-12-24"), Some(true)));
    assert_eq!(root.created_at, time("2023-01-01T08:00:00Z"));
    let key: Credential = run.attributes(&format!("{IAM}:root/access-key-1"));
    assert_eq!((key.rotated_at, key.last_used_on), (time("2023-01-02T08:00:00Z"), date("2024-01-01")));
}

#[test]
fn access_keys_over_two_pages() {
    let run = replay(&PEOPLE).wanting::<Credential>().run::<Aws>();
    // Four users, three keys.
    assert_eq!(population(&run, "identity.credential@1", "IAM users"), ((7, 3, 4, 3), String::new()));
    let first: Credential = run.attributes("AKIAEXAMPLECI000001");
    assert_eq!(
        (first.status, first.created_at),
        (Some(CredentialStatus::Active), time("2023-06-01T09:30:00Z"))
    );
    assert_eq!((first.last_used_on, first.owner_name.as_deref()), (date("2026-03-03"), Some("ci-deploy")));
    assert_eq!(unknown::<Credential>(&run, "AKIAEXAMPLECI000002"), ["last_used_on"]);
    // Switched off and never used: known to have no last use.
    let of_bo: Credential = run.attributes("AKIAEXAMPLEBO000001");
    assert_eq!((of_bo.status, of_bo.last_used_on), (Some(CredentialStatus::Inactive), None));
    assert!(unknown::<Credential>(&run, "AKIAEXAMPLEBO000001").is_empty());
    assert_eq!(subject::<Credential>(&run, "AKIAEXAMPLEBO000001"), "person:bo@example.com");
}

#[test]
fn policies_and_groups() {
    let run = replay(&DIRECTORY).wanting::<RoleGrant>().wanting::<GroupMembership>().run::<Aws>();
    run.assert_complete().assert_fixtures_used();
    // Four users, two groups, one role; bo holds two policies; ada, old-bot and the group nobody hold none.
    let (counts, _) = population(&run, "identity.role_grant@1", "");
    assert_eq!(counts, (7, 4, 3, 5));
    let grant = |id: String| run.attributes::<RoleGrant>(&id);
    let own = grant(format!("{IAM}:user/bo/{IAM}:policy/everything"));
    // The version in force allows everything; the boundary narrows it.
    assert_eq!(
        (own.privileged, own.conditional, own.permissions),
        (Some(true), Some(true), Some(vec!["*".to_owned()]))
    );
    let read_only = grant(format!("{IAM}:user/bo/arn:aws:iam::aws:policy/ReadOnlyAccess"));
    assert_eq!((read_only.privileged, read_only.permissions), (Some(false), None));
    let inline = grant(format!("{IAM}:user/ci-deploy/inline/read-deploys"));
    assert_eq!((inline.privileged, inline.conditional), (Some(false), Some(true)));
    assert_eq!(inline.permissions, Some(vec!["s3:GetObject".to_owned(), "s3:ListBucket".to_owned()]));
    assert_eq!(
        grant(format!("{IAM}:role/deploy/arn:aws:iam::aws:policy/PowerUserAccess")).privileged,
        Some(true)
    );

    assert_eq!(population(&run, "identity.group_membership@1", "").0, (4, 1, 3, 1));
    let member: GroupMembership = run.attributes(&format!("{IAM}:group/staff/admins/{IAM}:user/ada"));
    assert_eq!((member.privileged, member.group_name.as_deref()), (Some(true), Some("admins")));
}

#[test]
fn what_the_accounts_own_policies_allow_may_be_withheld() {
    let run = replay(&["users", "groups", "roles", "policies-denied"]).wanting::<RoleGrant>().run::<Aws>();
    run.assert_complete();
    let id = format!("{IAM}:user/bo/{IAM}:policy/everything");
    assert_eq!(run.attributes::<RoleGrant>(&id).privileged, None);
    assert_eq!(unknown::<RoleGrant>(&run, &id), ["permissions", "privileged"]);
}

#[test]
fn a_withheld_directory_costs_nothing_else() {
    let run = replay(&["directory-denied", "report", "summary", "password"]);
    let run = run.wanting::<Account>().wanting::<AuthPolicy>().run::<Aws>();
    assert!(run.failure.is_none(), "{run}");
    let (counts, reason) = population(&run, "identity.account@1", "IAM users");
    assert_eq!(counts, (0, 0, 0, 0));
    assert!(
        reason.starts_with(
            "iam:GetAccountAuthorizationDetails: answered 403: AccessDenied: User: \
             arn:aws:sts::123456789012:assumed-role/evidence-reader/exhibit"
        ),
        "{reason}"
    );
    assert_eq!(population(&run, "identity.account@1", "root").1, "");
    let policy: AuthPolicy = run.attributes(&format!("{IAM}:account-password-policy"));
    assert_eq!((policy.password_min_length, policy.password_max_age_days), (Some(14), Some(90)));
    assert_eq!(policy.password_history_count, Some(24));
    assert_eq!(policy.password_complexity.unwrap(), ["lower_case", "number", "symbol"]);
}

#[test]
fn no_password_policy_is_evidence_too() {
    let run = replay(&["password-none"]).wanting::<AuthPolicy>().run::<Aws>();
    run.assert_complete();
    let id = format!("{IAM}:account-password-policy");
    assert_eq!(run.attributes::<AuthPolicy>(&id).system_default, Some(true));
    assert_eq!(unknown::<AuthPolicy>(&run, &id), ["password_complexity", "password_min_length"]);
}

#[test]
fn without_a_report_passwords_are_unknown() {
    let files = ["users", "groups", "policies", "factors", "access-keys", "summary", "report-denied"];
    let run = replay(&files).wanting::<Account>().run::<Aws>();
    assert!(run.failure.is_none(), "{run}");
    let id = format!("{IAM}:user/ada");
    assert_eq!(run.attributes::<Account>(&id).password_enabled, None);
    assert_eq!(
        unknown::<Account>(&run, &id),
        ["last_login_on", "password_changed_at", "password_enabled", "status", "type"]
    );
    // A key that works makes an account that can sign in.
    assert_eq!(
        run.attributes::<Account>(&format!("{IAM}:user/ci-deploy")).status,
        Some(AccountStatus::Active)
    );
    assert!(!population(&run, "identity.account@1", "root").1.is_empty());
    assert!(logged(&run, "iam:GenerateCredentialReport"));
}

#[test]
fn a_report_that_is_not_ready_is_asked_for_again_later() {
    let files = ["users", "groups", "policies", "factors", "access-keys", "summary", "report-never"];
    let run = replay(&files).wanting::<Account>().run::<Aws>();
    assert!(run.failure.as_ref().is_some_and(Failure::is_retryable), "{run}");
    assert_eq!(population(&run, "identity.account@1", "IAM users"), ((4, 4, 0, 4), String::new()));
    let asked = run.exchanges.iter().filter(|e| format!("{e:?}").contains("iam.amazonaws.com")).count();
    assert!(asked > 40, "it asks until it gives up: {asked}");
}

#[test]
fn buckets_are_asked_where_they_are() {
    let files =
        ["kms", "rotation", "buckets", "bucket-access", "bucket-encryption", "volumes", "volume-defaults"];
    let run = replay(&files).and("fixtures/databases.jsonl").and("fixtures/vpcs.jsonl");
    let run = run.wanting::<Resource>().wanting::<Encryption>().run::<Aws>();
    run.assert_complete();
    for kind in ["asset.resource@1", "config.encryption@1"] {
        assert_eq!(population(&run, kind, "S3 buckets").0, (3, 3, 0, 3));
    }
    let bucket = |name: &str| run.attributes::<Resource>(&format!("arn:aws:s3:::{name}"));
    let logs = bucket("example-logs");
    assert_eq!((logs.public_access_blocked, logs.publicly_accessible), (Some(true), Some(false)));
    assert_eq!((logs.versioning_enabled, logs.region.as_deref()), (Some(true), Some("us-east-1")));
    let data = bucket("example-data");
    assert_eq!((data.public_access_blocked, data.publicly_accessible), (Some(false), Some(true)));
    assert_eq!((data.versioning_enabled, data.region.as_deref()), (Some(false), Some("eu-west-1")));
    // Its region is told by GetBucketLocation, in the old form; its versioning is withheld; who may read it
    // without policy and block is told by lists of access, which are not read.
    let old = bucket("example-old");
    assert_eq!((old.public_access_blocked, old.region.as_deref()), (Some(false), Some("eu-west-1")));
    assert_eq!(
        unknown::<Resource>(&run, "arn:aws:s3:::example-old"),
        ["publicly_accessible", "versioning_enabled"]
    );

    let of = |name: &str| run.attributes::<Encryption>(&format!("arn:aws:s3:::{name}"));
    assert_eq!(
        (of("example-logs").enabled, of("example-logs").key_management),
        (Some(true), Some(KeyManagement::Provider))
    );
    assert_eq!(of("example-data").key_id.as_deref(), Some(KEY));
    assert_eq!(of("example-data").key_management, Some(KeyManagement::Customer));
    assert_eq!(of("example-old").enabled, Some(false));
}

#[test]
fn keys_over_two_pages_in_each_region() {
    let files =
        ["kms", "rotation", "buckets", "bucket-encryption", "volumes", "volume-defaults", "databases"];
    let run = replay(&files).wanting::<Encryption>().run::<Aws>();
    run.assert_complete().assert_fixtures_used();
    assert_eq!(population(&run, "config.encryption@1", "KMS keys").0, (3, 3, 0, 3));
    let key = |arn: &str| run.attributes::<Encryption>(arn);
    assert_eq!((key(KEY).rotation_enabled, key(KEY).rotation_days), (Some(true), Some(365)));
    // KMS does not rotate keys for HMAC, so nothing is asked and nothing is unknown.
    assert_eq!(key(HMAC_KEY).rotation_enabled, None);
    assert!(unknown::<Encryption>(&run, HMAC_KEY).is_empty());
    // KMS answers 400 where it means 403.
    assert_eq!(unknown::<Encryption>(&run, AWS_KEY), ["rotation_enabled"]);
    assert_eq!(key(AWS_KEY).key_management, Some(KeyManagement::ProviderManaged));

    let volume = |region: &str, id: &str| key(&format!("arn:aws:ec2:{region}:123456789012:volume/{id}"));
    assert_eq!(population(&run, "config.encryption@1", "all EBS volumes").0, (3, 3, 0, 3));
    assert_eq!(volume("eu-west-1", "vol-0a").key_management, Some(KeyManagement::Customer));
    assert_eq!(volume("eu-west-1", "vol-0b").enabled, Some(false));
    assert_eq!(volume("us-east-1", "vol-0c").key_management, Some(KeyManagement::ProviderManaged));
    let new = |region: &str| key(&format!("arn:aws:ec2:{region}:123456789012:ebs-encryption-by-default"));
    assert_eq!((new("eu-west-1").enabled, new("us-east-1").enabled), (Some(true), Some(false)));
}

#[test]
fn rules_of_security_groups_over_two_pages() {
    let run = replay(&["security-groups"]).wanting::<NetworkRule>().run::<Aws>();
    run.assert_complete().assert_fixtures_used();
    // Four groups, of which one has no rules; five rules.
    assert_eq!(population(&run, "config.network_rule@1", "").0, (4, 3, 1, 5));
    let rule = |region: &str, rest: &str| {
        run.attributes::<NetworkRule>(&format!("arn:aws:ec2:{region}:123456789012:security-group/{rest}"))
    };
    let ssh = rule("eu-west-1", "sg-0a/ingress/tcp/22-22");
    assert_eq!((ssh.port_from, ssh.open_to_internet), (Some(22), Some(true)));
    assert_eq!(ssh.peers.unwrap(), ["0.0.0.0/0", "203.0.113.0/24"]);
    assert_eq!(ssh.rule_description.as_deref(), Some("office"));
    assert_eq!(rule("eu-west-1", "sg-0a/ingress/icmp/all-all").open_to_internet, Some(false));
    assert_eq!(rule("eu-west-1", "sg-0a/egress/any/all-all").protocol.as_deref(), Some("any"));
    assert_eq!(rule("eu-west-1", "sg-0b/ingress/tcp/5432-5432").peers.unwrap(), ["sg-0a"]);
    assert_eq!(rule("us-east-1", "sg-0c/ingress/tcp/443-443").open_to_internet, Some(true));
}

#[test]
fn logging() {
    let files = ["buckets", "bucket-logging", "vpcs", "flow-logs", "trails", "recorders"];
    let run = replay(&files).wanting::<Logging>().run::<Aws>();
    run.assert_complete().assert_fixtures_used();
    let log = |id: &str| run.attributes::<Logging>(id);
    assert_eq!(log("arn:aws:s3:::example-logs").enabled, Some(false));
    assert_eq!(log("arn:aws:s3:::example-data").destination.as_deref(), Some("example-logs/data/"));
    assert_eq!(unknown::<Logging>(&run, "arn:aws:s3:::example-old"), ["enabled"]);

    let vpc = |region: &str, id: &str| format!("arn:aws:ec2:{region}:123456789012:vpc/{id}");
    let production = log(&vpc("eu-west-1", "vpc-0a"));
    assert_eq!((production.enabled, production.delivering), (Some(true), Some(true)));
    assert_eq!(log(&vpc("eu-west-1", "vpc-0b")).enabled, Some(false));
    assert_eq!(unknown::<Logging>(&run, &vpc("us-east-1", "vpc-0c")), ["enabled"]);
    assert!(logged(&run, "UnauthorizedOperation: You are not authorized"));

    // Listed in both regions, taken from its own.
    assert_eq!(population(&run, "config.logging@1", "CloudTrail").0, (3, 2, 1, 2));
    let trail = log("arn:aws:cloudtrail:us-east-1:123456789012:trail/organization");
    assert_eq!((trail.enabled, trail.delivering, trail.all_regions), (Some(true), Some(true), Some(true)));
    assert_eq!(trail.events.unwrap(), ["data", "management"]);
    // A delivery that goes well changes by the minute, and is no part of the record.
    assert_eq!(trail.last_delivered_on, None);
    let id = "arn:aws:cloudtrail:eu-west-1:123456789012:trail/stopped";
    let stopped = log(id);
    assert_eq!((stopped.enabled, stopped.delivering), (Some(false), Some(false)));
    assert_eq!(
        (stopped.last_error.as_deref(), stopped.last_delivered_on),
        (Some("NoSuchBucket"), date("2023-11-14"))
    );
    assert_eq!(unknown::<Logging>(&run, id), ["encrypted", "events"]);

    let recorder = log("arn:aws:config:eu-west-1:123456789012:configuration-recorder/default");
    assert_eq!((recorder.enabled, recorder.delivering), (Some(true), Some(false)));
    assert_eq!(recorder.last_error.as_deref(), Some("AccessDenied: Access Denied"));
    // A region without a recorder records nothing, and says so.
    assert_eq!(log("arn:aws:config:us-east-1:123456789012:configuration-recorder").enabled, Some(false));
}

#[test]
fn databases_over_two_pages() {
    let run = replay(&["databases", "plans"]).wanting::<BackupPlan>().run::<Aws>();
    run.assert_complete().assert_fixtures_used();
    assert_eq!(population(&run, "config.backup_plan@1", "RDS").0, (2, 2, 0, 2));
    let backups =
        |name: &str| run.attributes::<BackupPlan>(&format!("arn:aws:rds:eu-west-1:123456789012:db:{name}"));
    let orders = backups("orders");
    assert_eq!((orders.enabled, orders.retention_days, orders.encrypted), (Some(true), Some(14), Some(true)));
    assert_eq!((backups("scratch").enabled, backups("scratch").retention_days), (Some(false), None));
    let line = run.lines::<BackupPlan>().concat();
    assert!(!line.contains("2026-03-04"), "the latest restorable time changes at every look: {line}");

    assert_eq!(population(&run, "config.backup_plan@1", "AWS Backup").0, (1, 1, 0, 2));
    let plan = "arn:aws:backup:eu-west-1:123456789012:backup-plan:7f5a2c10-0000-4000-8000-00000000000a";
    let daily: BackupPlan = run.attributes(&format!("{plan}/rule-1"));
    assert_eq!((daily.retention_days, daily.schedule.as_deref()), (Some(35), Some("cron(0 5 ? * * *)")));
    assert_eq!(daily.covers.unwrap(), ["tagged-databases"]);
    assert_eq!(daily.copies_to.unwrap(), ["arn:aws:backup:us-east-1:123456789012:backup-vault:Away"]);
    // Without a lifecycle it is kept for ever.
    assert_eq!(run.attributes::<BackupPlan>(&format!("{plan}/rule-2")).retention_days, Some(0));
}

#[test]
fn a_server_error_leaves_a_detail_unknown() {
    let plans = std::fs::read_to_string("fixtures/plans.jsonl").unwrap();
    let broken = plans.replace("/selections/\"", "/selections/\", \"status\": 500");
    assert_ne!(plans, broken);
    let base = ["account", "regions", "databases"]
        .map(|name| std::fs::read_to_string(format!("fixtures/{name}.jsonl")).unwrap());
    let run = Replay::text(&format!("{}{broken}", base.concat())).wanting::<BackupPlan>().run::<Aws>();
    run.assert_complete();
    let plan = "arn:aws:backup:eu-west-1:123456789012:backup-plan:7f5a2c10-0000-4000-8000-00000000000a";
    assert_eq!(unknown::<BackupPlan>(&run, &format!("{plan}/rule-1")), ["covers", "encrypted", "immutable"]);
    // A list that fails so makes the run fail, so that it is tried again; the others go on.
    let broken =
        plans.replace("\"body_json\": {\"BackupPlansList\": []}", "\"status\": 503, \"body_json\": {}");
    assert_ne!(plans, broken);
    let run = Replay::text(&format!("{}{broken}", base.concat())).wanting::<BackupPlan>().run::<Aws>();
    assert!(run.failure.as_ref().is_some_and(Failure::is_retryable), "{run}");
    assert_eq!(population(&run, "config.backup_plan@1", "AWS Backup").0.3, 2);
    assert_eq!(population(&run, "config.backup_plan@1", "RDS").1, "");
}

#[test]
fn backup_jobs_within_the_window() {
    let run = replay(&["jobs"]).wanting::<JobRun>().run::<Aws>();
    run.assert_complete().assert_fixtures_used();
    assert_eq!(population(&run, "ops.job_run@1", "").0, (2, 2, 0, 2));
    let done: JobRun = run.attributes("eu-west-1/JOB-1");
    assert_eq!((done.result, done.finished_at), (Ended::Success, time("2026-03-04T05:40:00.250Z")));
    assert_eq!((done.size_bytes, done.encrypted), (Some(107_374_182_400), Some(true)));
    let failed: JobRun = run.attributes("eu-west-1/JOB-2");
    assert_eq!(
        (failed.result, failed.message.as_deref()),
        (Ended::Failure, Some("The vault was not reachable."))
    );
    let record = run.record::<JobRun>("eu-west-1/JOB-2");
    assert_eq!(record.occurred_at.map(|at| at.as_ms()), Some(1_772_600_400_000));
}

#[test]
fn detectors_by_region() {
    let run = replay(&["detectors"]).wanting::<AlertRule>().run::<Aws>();
    run.assert_complete().assert_fixtures_used();
    let arn = |region: &str, rest: &str| format!("arn:aws:guardduty:{region}:123456789012:detector{rest}");
    let on: AlertRule = run.attributes(&arn("eu-west-1", "/12abc34d567e8fa901bc2d34e56789f0"));
    assert_eq!(on.enabled, Some(true));
    assert_eq!(on.features.unwrap(), ["CLOUD_TRAIL", "S3_DATA_EVENTS"]);
    assert_eq!(run.attributes::<AlertRule>(&arn("us-east-1", "")).enabled, Some(false));
}

#[test]
fn a_region_that_withholds_leaves_the_others() {
    let run = replay(&["detectors-denied"]).wanting::<AlertRule>().run::<Aws>();
    assert!(run.failure.is_none(), "{run}");
    let (counts, reason) = population(&run, "config.alert_rule@1", "");
    assert_eq!(counts.3, 1);
    assert!(reason.starts_with("guardduty:ListDetectors in us-east-1: answered 403: "), "{reason}");
    let id = "arn:aws:guardduty:eu-west-1:123456789012:detector/12abc34d567e8fa901bc2d34e56789f0";
    assert_eq!(run.attributes::<AlertRule>(id).enabled, Some(false));
    assert_eq!(unknown::<AlertRule>(&run, id), ["features"]);
}

#[test]
fn withheld_buckets() {
    let run = replay(&["buckets-denied", "vpcs", "flow-logs", "trails", "recorders"]);
    let run = run.wanting::<Logging>().run::<Aws>();
    assert!(run.failure.is_none(), "{run}");
    let reason = population(&run, "config.logging@1", "S3").1;
    assert!(
        reason.starts_with("s3:ListAllMyBuckets: answered 403: AccessDenied: Access Denied; "),
        "{reason}"
    );
    assert_eq!(population(&run, "config.logging@1", "CloudTrail").1, "");
}

#[test]
fn without_regions_what_has_none_is_collected() {
    let base = Replay::fixtures("fixtures/account.jsonl").and("fixtures/regions-denied.jsonl");
    let run = base.and("fixtures/buckets.jsonl").and("fixtures/bucket-logging.jsonl");
    let run = run.wanting::<Logging>().run::<Aws>();
    assert!(run.failure.is_none(), "{run}");
    assert_eq!(population(&run, "config.logging@1", "S3").1, "");
    for words in ["CloudTrail", "flow logs", "recorders"] {
        let reason = population(&run, "config.logging@1", words).1;
        assert!(reason.contains("grant ec2:DescribeRegions, or name them in `regions`"), "{reason}");
        assert!(reason.contains("UnauthorizedOperation"), "{reason}");
    }
}

#[test]
fn regions_may_be_named() {
    let run = Replay::fixtures("fixtures/account.jsonl").and("fixtures/jobs.jsonl");
    let run = run.settings(json!({"regions": ["eu-west-1"]})).wanting::<JobRun>().run::<Aws>();
    run.assert_complete();
    assert_eq!(population(&run, "ops.job_run@1", "").0, (2, 2, 0, 2));
}

#[test]
fn one_origin_for_all_services() {
    let text = std::fs::read_to_string("fixtures/account.jsonl").unwrap();
    let text = text.replace("https://sts.us-east-1.amazonaws.com/", "http://127.0.0.1:5000/");
    let iam = std::fs::read_to_string("fixtures/password.jsonl").unwrap();
    let iam = iam.replace("https://iam.amazonaws.com/", "http://127.0.0.1:5000/");
    let run = Replay::text(&format!("{text}{iam}"));
    let settings = json!({"endpoint": "http://127.0.0.1:5000/", "regions": ["us-east-1"]});
    run.settings(settings).wanting::<AuthPolicy>().run::<Aws>().assert_complete().assert_fixtures_used();
}

#[test]
fn a_wrong_secret_and_a_wrong_partition() {
    let run = Replay::fixtures("fixtures/wrong-secret.jsonl").run::<Aws>();
    let message = run.assert_failed("auth");
    assert!(message.contains("AWS does not accept the credential: SignatureDoesNotMatch"), "{message}");
    let run = Replay::fixtures("fixtures/other-partition.jsonl").run::<Aws>();
    let message = run.assert_failed("config");
    assert!(message.contains("set `partition` to it") && message.contains("aws-us-gov"), "{message}");
}

#[test]
fn settings_that_do_not_fit() {
    let problems = |settings: serde_json::Value| -> Vec<String> {
        let problems = exhibit_sdk::connector::validate::<Aws>(&settings.to_string());
        problems.into_iter().map(|problem| problem.pointer).collect()
    };
    assert!(problems(json!({})).is_empty());
    assert!(problems(json!({"partition": "aws-cn", "regions": ["cn-north-1", "us-gov-east-1"]})).is_empty());
    assert_eq!(problems(json!({"partition": "azure"})), ["/partition"]);
    assert_eq!(problems(json!({"regions": ["eu-west-1", "evil.example/x-1-2"]})), ["/regions/1"]);
    assert_eq!(problems(json!({"endpoint": "http://example.com"})), ["/endpoint"]);
}
