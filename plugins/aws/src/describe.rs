//! What the connector says of itself, and which settings fit.

use crate::Settings;
use crate::api::PARTITIONS;
use exhibit_sdk::kinds::*;
use exhibit_sdk::prelude::*;

const IDENTITY: [&str; 4] =
    ["identity.account@1", "identity.credential@1", "identity.role_grant@1", "identity.group_membership@1"];

/// Permissions, what each reads, and for which kinds.
const PERMISSIONS: [(&str, &str, &[&str]); 13] = [
    ("iam:GetAccountAuthorizationDetails", "users, groups, roles, policies", &IDENTITY),
    ("iam:ListMFADevices", "second factors; without it mfa_status is unknown", &["identity.account@1"]),
    (
        "iam:GenerateCredentialReport, iam:GetCredentialReport, iam:GetAccountSummary",
        "passwords, the root user; without them they are unknown",
        &["identity.account@1", "identity.credential@1"],
    ),
    ("iam:ListAccessKeys, iam:GetAccessKeyLastUsed", "access keys", &["identity.credential@1"]),
    ("iam:GetAccountPasswordPolicy", "the password policy", &["identity.auth_policy@1"]),
    (
        "s3:ListAllMyBuckets, s3:GetBucketLocation, s3:GetEncryptionConfiguration, s3:GetBucketPublicAccessBlock, s3:GetBucketPolicyStatus, s3:GetBucketVersioning, s3:GetBucketLogging",
        "buckets",
        &["asset.resource@1", "config.encryption@1", "config.logging@1"],
    ),
    (
        "kms:ListKeys, kms:DescribeKey, kms:GetKeyRotationStatus",
        "keys",
        &["asset.resource@1", "config.encryption@1"],
    ),
    (
        "ec2:DescribeRegions",
        "the enabled regions; without it name them in `regions`",
        &[
            "asset.resource@1",
            "config.encryption@1",
            "config.network_rule@1",
            "config.logging@1",
            "config.alert_rule@1",
            "config.backup_plan@1",
            "ops.job_run@1",
        ],
    ),
    (
        "ec2:DescribeSecurityGroups, ec2:DescribeVpcs, ec2:DescribeFlowLogs, ec2:DescribeVolumes, ec2:GetEbsEncryptionByDefault",
        "networks and volumes",
        &["asset.resource@1", "config.network_rule@1", "config.logging@1", "config.encryption@1"],
    ),
    (
        "rds:DescribeDBInstances",
        "databases",
        &["asset.resource@1", "config.encryption@1", "config.backup_plan@1"],
    ),
    (
        "cloudtrail:DescribeTrails, cloudtrail:GetTrailStatus, cloudtrail:GetEventSelectors, config:DescribeConfigurationRecorders, config:DescribeConfigurationRecorderStatus",
        "trails, configuration recorders",
        &["config.logging@1"],
    ),
    ("guardduty:ListDetectors, guardduty:GetDetector", "threat detection", &["config.alert_rule@1"]),
    (
        "backup:ListBackupPlans, backup:GetBackupPlan, backup:ListBackupSelections, backup:ListBackupJobs",
        "backup plans and jobs",
        &["config.backup_plan@1", "ops.job_run@1"],
    ),
];

pub(crate) fn describe() -> Description {
    let names: Vec<&str> = PARTITIONS.iter().map(|partition| partition.name).collect();
    let described = Description::new("AWS", "Identities, encryption, networks, logging and backups of one AWS account")
        .setting(
            Setting::choice("partition", "Partition of AWS", &names)
                .help("aws-us-gov for GovCloud, aws-cn for China.")
                .default("aws"),
        )
        .setting(
            Setting::list("regions", "Regions to look at")
                .help("Leave it out to look at every region that is enabled for the account, which evidence should.")
                .optional(),
        )
        .setting(
            Setting::text("endpoint", "One origin for all services")
                .help("For simulators and proxies only; without it, AWS's own hosts are asked.")
                .example("http://127.0.0.1:5000")
                .optional(),
        )
        .kind::<Account>("Which IAM users are there, how do they sign in, and what of the root user?")
        .kind::<Credential>("Which access keys are there, how old, and whose?")
        .kind::<RoleGrant>("Which policies do users, groups and roles hold?")
        .kind::<GroupMembership>("Who is in which group?")
        .kind::<AuthPolicy>("What must a password be like?")
        .kind::<Resource>("Which buckets, keys, volumes, databases and networks are there?")
        .kind::<Encryption>("What is encrypted, by which keys, and do they rotate?")
        .kind::<NetworkRule>("What may reach what?")
        .kind::<Logging>("What is logged: the API, networks, buckets, configuration?")
        .kind::<AlertRule>("Where is threat detection on?")
        .kind::<BackupPlan>("What is backed up, how often, and kept how long?")
        .kind::<JobRun>("Which backups ran, and how did they end?");
    PERMISSIONS.iter().fold(described, |described, (permission, reads, kinds)| {
        described.permission(permission, reads, kinds)
    })
}

pub(crate) fn validate(settings: &Settings) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, region) in settings.regions.iter().enumerate() {
        if !is_region(region) {
            problems.push(Problem::new(
                &format!("/regions/{index}"),
                format!("`{region}` is no region: write it as AWS does, for example eu-west-1"),
            ));
        }
    }
    if let Some(endpoint) = &settings.endpoint {
        let local = ["http://127.0.0.1:", "http://localhost:", "http://[::1]:"];
        if !endpoint.starts_with("https://") && !local.iter().any(|origin| endpoint.starts_with(origin)) {
            let message = "write it with https://; http:// is for this machine only, http://127.0.0.1:5000";
            problems.push(Problem::new("/endpoint", message));
        }
    }
    problems
}

/// `eu-west-1`, `us-gov-east-1`: it becomes part of a host name.
fn is_region(text: &str) -> bool {
    let label =
        |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let parts: Vec<&str> = text.split('-').collect();
    (3..=4).contains(&parts.len()) && parts.into_iter().all(label)
}
