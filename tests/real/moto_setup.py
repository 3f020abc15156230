"""Fills a moto server with users, keys and buckets, and prints what boto3 then lists, as JSON.

usage: moto_setup.py URL

The server takes its first actions from anybody (INITIAL_NO_AUTH_ACTION_COUNT, here 3): those make an administrator.
From then on it checks signatures and policies, so the rest is the administrator's, and what is listed at the end is
what the auditor may see, with the auditor's own key.
"""

import json
import sys

import boto3

URL = sys.argv[1]
READ = ["iam:Get*", "iam:List*", "iam:GenerateCredentialReport", "sts:*", "s3:Get*", "s3:List*", "kms:Describe*",
        "kms:Get*", "kms:List*", "ec2:Describe*", "ec2:Get*", "rds:Describe*", "cloudtrail:Describe*",
        "cloudtrail:Get*", "cloudtrail:List*", "config:Describe*", "backup:Get*", "backup:List*", "guardduty:Get*",
        "guardduty:List*"]


def client(service, key=("anyone", "anything")):
    return boto3.client(service, endpoint_url=URL, region_name="us-east-1",
                        aws_access_key_id=key[0], aws_secret_access_key=key[1])


def policy(actions):
    return json.dumps({"Version": "2012-10-17",
                       "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]})


def key_of(iam, user):
    made = iam.create_access_key(UserName=user)["AccessKey"]
    return made["AccessKeyId"], made["SecretAccessKey"]


anyone = client("iam")
anyone.create_user(UserName="administrator")
anyone.put_user_policy(UserName="administrator", PolicyName="all", PolicyDocument=policy(["*"]))
administrator = key_of(anyone, "administrator")

iam = client("iam", administrator)
iam.create_user(UserName="auditor", Path="/machines/")
iam.put_user_policy(UserName="auditor", PolicyName="read", PolicyDocument=policy(READ))
auditor = key_of(iam, "auditor")
iam.create_user(UserName="reader", Path="/machines/")
iam.put_user_policy(UserName="reader", PolicyName="read", PolicyDocument=policy(
    [action for action in READ if not action.startswith("s3:")]))
reader = key_of(iam, "reader")
iam.create_group(GroupName="engineers")
for number in range(12):
    name = f"person-{number:02}@example.com"
    iam.create_user(UserName=name, Tags=[{"Key": "team", "Value": f"team-{number % 3}"}])
    if number % 2:
        iam.add_user_to_group(GroupName="engineers", UserName=name)
    if number % 3 == 0:
        iam.create_login_profile(UserName=name, Password="only-in-a-simulator-0")
    for _ in range(number % 3):
        key_of(iam, name)
iam.update_access_key(UserName="person-01@example.com", Status="Inactive",
                      AccessKeyId=iam.list_access_keys(UserName="person-01@example.com")
                      ["AccessKeyMetadata"][0]["AccessKeyId"])

s3 = client("s3", administrator)
for number in range(5):
    s3.create_bucket(Bucket=f"exhibit-example-{number}")
s3.put_bucket_versioning(Bucket="exhibit-example-1", VersioningConfiguration={"Status": "Enabled"})
s3.put_public_access_block(Bucket="exhibit-example-2", PublicAccessBlockConfiguration={
    "BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": True, "RestrictPublicBuckets": True})

iam, s3 = client("iam", auditor), client("s3", auditor)
users = [user for page in iam.get_paginator("list_users").paginate() for user in page["Users"]]
keys = [key for user in users for page in iam.get_paginator("list_access_keys").paginate(UserName=user["UserName"])
        for key in page["AccessKeyMetadata"]]
print(json.dumps({
    "account": client("sts", auditor).get_caller_identity()["Account"],
    "access_key_id": auditor[0],
    "secret_access_key": auditor[1],
    "reader": {"access_key_id": reader[0], "secret_access_key": reader[1]},
    "users": sorted(user["Arn"] for user in users),
    "keys": {key["AccessKeyId"]: key["Status"] for key in keys},
    "buckets": sorted("arn:aws:s3:::" + bucket["Name"] for bucket in s3.list_buckets()["Buckets"]),
}))
