#!/usr/bin/env python3
"""The demo's fake AWS, as seen by a client that none of us wrote: boto3 (pip install boto3).

Every call that the fake offers is made through boto3, which signs it, checks its own parameters and parses
the answer by the service's published model. Also checked: the story's lapses at their time, paging, a wrong
secret, a region that is not enabled, a session from AssumeRole.

Usage: aws_fake_boto3.py [path of the `serve` example]; without a path, cargo builds it. Exit 0 when all hold,
1 with the first that does not, 77 (skipped) without boto3.
"""

import csv
import datetime
import io
import json
import pathlib
import subprocess
import sys

try:
    import boto3
    from botocore.config import Config
    from botocore.exceptions import ClientError
except ImportError:
    print("SKIPPED aws_fake_boto3: boto3 is not installed (pip install boto3)")
    sys.exit(77)

ROOT = pathlib.Path(__file__).resolve().parents[2]
ACCOUNT = "123456789012"
MAIN, OTHER = "us-east-1", "eu-west-1"


class Fake:
    """The running fake; its clock is set by a line on its standard input."""

    def __init__(self, seed, instant):
        command = [sys.argv[1]] if len(sys.argv) > 1 else ["cargo", "run", "-q", "-p", "exhibit-demo", "--example", "serve", "--"]
        self.process = subprocess.Popen(
            [*command, str(seed), instant], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        self.info = json.loads(self.process.stdout.readline())

    def at(self, instant):
        self.process.stdin.write(instant + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=10)

    def client(self, service, region=MAIN, key=None, secret=None, token=None):
        return boto3.client(
            service,
            region_name=region,
            endpoint_url=self.info["aws"],
            aws_access_key_id=key or self.info["aws_access_key_id"],
            aws_secret_access_key=secret or self.info["aws_secret_access_key"],
            aws_session_token=token,
            config=Config(retries={"max_attempts": 1}),
        )


def refused(code, call, **parameters):
    try:
        call(**parameters)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error.response["Error"]
        return error
    raise AssertionError(f"expected {code}, and the call succeeded")


def hours_before(instant, hours):
    time = datetime.datetime.fromisoformat(instant.replace("Z", "+00:00"))
    return (time - datetime.timedelta(hours=hours)).isoformat().replace("+00:00", "Z")


def credentials(fake):
    sts = fake.client("sts")
    identity = sts.get_caller_identity()
    assert identity["Account"] == ACCOUNT, identity
    refused("SignatureDoesNotMatch", fake.client("sts", secret="x" * 40).get_caller_identity)
    refused("SignatureDoesNotMatch", fake.client("s3", secret="x" * 40).list_buckets)
    refused("InvalidClientTokenId", fake.client("iam", key="AKIAWRONGWRONGWRONG0").list_users)
    refused("AuthFailure", fake.client("ec2", "af-south-1").describe_vpcs)
    role = sts.assume_role(RoleArn=f"arn:aws:iam::{ACCOUNT}:role/EvidenceReader", RoleSessionName="exhibit")
    given = role["Credentials"]
    session = dict(key=given["AccessKeyId"], secret=given["SecretAccessKey"], token=given["SessionToken"])
    assert ":assumed-role/EvidenceReader/" in fake.client("sts", **session).get_caller_identity()["Arn"]
    assert fake.client("iam", **session).list_groups()["Groups"]
    refused("InvalidClientTokenId", fake.client("iam", **{**session, "token": "other"}).list_users)
    refused("AccessDenied", sts.assume_role, RoleArn=f"arn:aws:iam::{ACCOUNT}:role/Administrator", RoleSessionName="exhibit")


def identities(fake):
    iam = fake.client("iam")
    users = iam.list_users()["Users"]
    assert len(users) == 15, len(users)
    for size in (1, 4, 15, 100):
        pages = iam.get_paginator("list_users").paginate(PaginationConfig={"PageSize": size})
        names = [user["UserName"] for page in pages for user in page["Users"]]
        assert names == [user["UserName"] for user in users], (size, names)
    keys = 0
    for user in users:
        name = user["UserName"]
        found = iam.get_user(UserName=name)["User"]
        assert found["UserId"] == user["UserId"]
        tags = iam.list_user_tags(UserName=name)["Tags"]
        assert tags == found.get("Tags", []) and len(tags) == (0 if "-" in name else 1), (name, tags)
        devices = iam.list_mfa_devices(UserName=name)["MFADevices"]
        groups = iam.list_groups_for_user(UserName=name)["Groups"]
        assert groups and len(devices) <= 1
        assert iam.list_attached_user_policies(UserName=name)["AttachedPolicies"] == []
        assert iam.list_user_policies(UserName=name)["PolicyNames"] == []
        for key in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]:
            keys += 1
            used = iam.get_access_key_last_used(AccessKeyId=key["AccessKeyId"])
            assert used["UserName"] == name and key["Status"] in ("Active", "Inactive")
    members = 0
    for group in iam.list_groups()["Groups"]:
        answer = iam.get_group(GroupName=group["GroupName"])
        assert answer["Group"]["Arn"] == group["Arn"]
        members += len(answer["Users"])
        assert iam.list_attached_group_policies(GroupName=group["GroupName"])["AttachedPolicies"]
        assert iam.list_group_policies(GroupName=group["GroupName"])["PolicyNames"] == []
    assert members >= len(users)
    for role in iam.list_roles()["Roles"]:
        assert role["AssumeRolePolicyDocument"]["Statement"][0]["Action"] == "sts:AssumeRole"
        iam.get_role(RoleName=role["RoleName"])
        iam.list_attached_role_policies(RoleName=role["RoleName"])
        iam.list_role_policies(RoleName=role["RoleName"])
    local = iam.list_policies(Scope="Local")["Policies"]
    for policy in local:
        version = iam.get_policy_version(PolicyArn=policy["Arn"], VersionId=policy["DefaultVersionId"])
        assert version["PolicyVersion"]["Document"]["Statement"]
        assert iam.get_policy(PolicyArn=policy["Arn"])["Policy"]["PolicyName"] == policy["PolicyName"]
    assert len(local) == 3 and len(iam.list_policies()["Policies"]) == 7
    details(iam, users)
    assert iam.get_account_password_policy()["PasswordPolicy"]["MinimumPasswordLength"] == 14
    summary = iam.get_account_summary()["SummaryMap"]
    assert summary["Users"] == 15 and summary["AccountMFAEnabled"] == 1, summary
    assert len(iam.list_virtual_mfa_devices()["VirtualMFADevices"]) == summary["MFADevices"]
    assert iam.list_account_aliases()["AccountAliases"] == ["example-simulated"]
    report(iam, users, keys)
    refused("NoSuchEntity", iam.get_user, UserName="nobody")
    refused("NoSuchEntity", iam.get_login_profile, UserName="backup-agent")
    assert iam.get_login_profile(UserName=fake.info["story"]["lingerer"])["LoginProfile"]
    refused("InvalidAction", iam.delete_user, UserName="backup-agent")


def details(iam, users):
    for size in (2, 7, 1000):
        found = {"UserDetailList": [], "GroupDetailList": [], "RoleDetailList": [], "Policies": []}
        pages = iam.get_paginator("get_account_authorization_details")
        for page in pages.paginate(PaginationConfig={"PageSize": size}):
            for name, items in found.items():
                items.extend(page[name])
        counts = {name: len(items) for name, items in found.items()}
        assert counts == {"UserDetailList": 15, "GroupDetailList": 4, "RoleDetailList": 5, "Policies": 7}, counts
        assert {u["UserId"] for u in found["UserDetailList"]} == {u["UserId"] for u in users}
    only = iam.get_account_authorization_details(Filter=["Role"])
    assert only["RoleDetailList"] and not only["UserDetailList"] and not only["Policies"]


def report(iam, users, keys):
    refused("ReportNotPresent", iam.get_credential_report)
    assert iam.generate_credential_report()["State"] == "STARTED"
    assert iam.generate_credential_report()["State"] == "COMPLETE"
    content = iam.get_credential_report()["Content"].decode()
    rows = list(csv.DictReader(io.StringIO(content)))
    assert len(rows[0]) == 22 and None not in rows[0], rows[0]
    assert {row["user"] for row in rows} == {user["UserName"] for user in users} | {"<root_account>"}
    rotated = [row[f"access_key_{n}_last_rotated"] for row in rows for n in (1, 2)]
    assert sum(value != "N/A" for value in rotated) == keys


def buckets(fake):
    s3 = fake.client("s3")
    found = s3.list_buckets()["Buckets"]
    assert len(found) == 6
    pages = s3.get_paginator("list_buckets").paginate(PaginationConfig={"PageSize": 4})
    assert [b["Name"] for page in pages for b in page["Buckets"]] == [b["Name"] for b in found]
    for bucket in found:
        name = bucket["Name"]
        region = s3.get_bucket_location(Bucket=name)["LocationConstraint"] or MAIN
        assert region == bucket["BucketRegion"]
        here = fake.client("s3", region)
        rules = here.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
        assert rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] in ("AES256", "aws:kms")
        assert here.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]["BlockPublicAcls"]
        here.get_bucket_versioning(Bucket=name)
        here.get_bucket_logging(Bucket=name)
        if name in ("example-artifacts", "example-scratch"):
            refused("NoSuchBucketPolicy", here.get_bucket_policy_status, Bucket=name)
        else:
            assert here.get_bucket_policy_status(Bucket=name)["PolicyStatus"]["IsPublic"] is False
    # boto3 reads the region from the refusal and asks again there.
    assert s3.get_bucket_versioning(Bucket="example-customer-data")["Status"] == "Enabled"
    refused("NoSuchBucket", s3.get_bucket_versioning, Bucket="example-none")


def regional(fake, region):
    ec2 = fake.client("ec2", region)
    assert {r["RegionName"] for r in ec2.describe_regions()["Regions"]} == {MAIN, OTHER}
    every = ec2.describe_regions(AllRegions=True)["Regions"]
    assert {r["OptInStatus"] for r in every} == {"opt-in-not-required", "not-opted-in"}
    vpcs = {vpc["VpcId"] for vpc in ec2.describe_vpcs()["Vpcs"]}
    groups = ec2.describe_security_groups()["SecurityGroups"]
    assert {group["VpcId"] for group in groups} == vpcs
    one = ec2.describe_security_groups(GroupIds=[groups[0]["GroupId"]])["SecurityGroups"]
    assert [g["GroupId"] for g in one] == [groups[0]["GroupId"]]
    volumes = ec2.describe_volumes()["Volumes"]
    pages = ec2.get_paginator("describe_volumes").paginate(PaginationConfig={"PageSize": 3})
    assert [v["VolumeId"] for page in pages for v in page["Volumes"]] == [v["VolumeId"] for v in volumes]
    assert {log["ResourceId"] for log in ec2.describe_flow_logs()["FlowLogs"]} <= vpcs
    ec2.get_ebs_encryption_by_default()
    for instance in fake.client("rds", region).describe_db_instances()["DBInstances"]:
        assert instance["StorageEncrypted"] and instance["BackupRetentionPeriod"] >= 7
    refused("DBInstanceNotFound", fake.client("rds", region).describe_db_instances, DBInstanceIdentifier="none")

    trail = fake.client("cloudtrail", region)
    found = trail.describe_trails()["trailList"]
    assert found[0]["HomeRegion"] == MAIN
    assert trail.get_trail_status(Name=found[0]["TrailARN"])["IsLogging"] is True
    assert trail.get_event_selectors(TrailName=found[0]["TrailARN"])["EventSelectors"]
    assert trail.list_trails()["Trails"]
    refused("TrailNotFoundException", trail.get_trail_status, Name="none")

    kms = fake.client("kms", region)
    keys = [key for page in kms.get_paginator("list_keys").paginate(Limit=1) for key in page["Keys"]]
    assert len(keys) == (4 if region == MAIN else 2)
    for key in keys:
        assert kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["Arn"] == key["KeyArn"]
        assert "KeyRotationEnabled" in kms.get_key_rotation_status(KeyId=key["KeyId"])
    assert len(kms.list_aliases()["Aliases"]) == len(keys)
    refused("NotFoundException", kms.describe_key, KeyId="none")

    config = fake.client("config", region)
    assert config.describe_configuration_recorders()["ConfigurationRecorders"][0]["name"] == "default"
    assert config.describe_configuration_recorder_status()["ConfigurationRecordersStatus"][0]["recording"]

    backup = fake.client("backup", region)
    plan = backup.list_backup_plans()["BackupPlansList"][0]["BackupPlanId"]
    assert backup.get_backup_plan(BackupPlanId=plan)["BackupPlan"]["Rules"]
    assert backup.list_backup_selections(BackupPlanId=plan)["BackupSelectionsList"]
    assert backup.list_backup_vaults()["BackupVaultList"]
    pages = backup.get_paginator("list_backup_jobs").paginate(PaginationConfig={"PageSize": 9})
    jobs = [job["BackupJobId"] for page in pages for job in page["BackupJobs"]]
    assert len(jobs) == len(set(jobs)) >= 30, len(jobs)

    guard = fake.client("guardduty", region)
    for detector in guard.list_detectors()["DetectorIds"]:
        assert guard.get_detector(DetectorId=detector)["Status"] == "ENABLED"
    refused("BadRequestException", guard.get_detector, DetectorId="0" * 32)


def lapses(fake):
    story = fake.info["story"]

    def plain_volume():
        volumes = fake.client("ec2", OTHER).describe_volumes()["Volumes"]
        return [v["VolumeId"] for v in volumes if not v["Encrypted"]] == [story["plain_volume"]["id"]]

    def open_ssh():
        group = fake.client("ec2").describe_security_groups(GroupIds=[story["open_ssh"]["id"]])["SecurityGroups"][0]
        return any(r["CidrIp"] == "0.0.0.0/0" for p in group["IpPermissions"] if p["FromPort"] == 22 for r in p["IpRanges"])

    def rotation_off():
        return not fake.client("kms").get_key_rotation_status(KeyId=story["rotation_off"]["id"])["KeyRotationEnabled"]

    def bucket_unblocked():
        try:
            fake.client("s3").get_public_access_block(Bucket=story["bucket_unblocked"]["id"])
            return False
        except ClientError as error:
            return error.response["Error"]["Code"] == "NoSuchPublicAccessBlockConfiguration"

    def trail_stopped():
        return not fake.client("cloudtrail").get_trail_status(Name=story["trail_stopped"]["id"])["IsLogging"]

    checks = (plain_volume, open_ssh, rotation_off, bucket_unblocked, trail_stopped)
    for check in checks:
        lapse = story[check.__name__]
        # An hour before, at the start, an hour before the end, at the end: off, on, on, off.
        instants = [hours_before(lapse["start"], 1), lapse["start"], hours_before(lapse["end"], 1), lapse["end"]]
        seen = []
        for instant in instants:
            fake.at(instant)
            seen.append(check())
        assert seen == [False, True, True, False], (check.__name__, seen)
    fake.at(story["failed_backup"]["end"])
    failed = fake.client("backup").list_backup_jobs(ByState="FAILED")["BackupJobs"]
    assert [job["BackupJobId"] for job in failed] == [story["failed_backup"]["id"]]
    fake.at("2026-06-30T06:00:00Z")
    users = [user["UserName"] for user in fake.client("iam").list_users()["Users"]]
    assert story["lingerer"] in users


def quiet(fake):
    """Between the mornings of the quiet days nothing about identities changes, when they were last used included."""

    def picture(day):
        fake.at(day + "T06:00:00Z")
        iam = fake.client("iam")
        iam.generate_credential_report()
        users = iam.list_users()["Users"]
        return users, iam.get_credential_report()["Content"], fake.client("ec2").describe_volumes()["Volumes"]

    saturday, sunday = fake.info["story"]["quiet_days"]
    assert picture(saturday) == picture(sunday)
    assert picture("2026-03-03") != picture("2026-03-04")


def main():
    fake = Fake(1, "2026-03-02T06:00:00Z")
    try:
        credentials(fake)
        identities(fake)
        buckets(fake)
        for region in (MAIN, OTHER):
            regional(fake, region)
        lapses(fake)
        quiet(fake)
        print(f"aws_fake_boto3: boto3 {boto3.__version__} agrees")
    finally:
        fake.close()


if __name__ == "__main__":
    main()
