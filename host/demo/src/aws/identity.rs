//! STS and IAM.

use super::paging::IAM;
use super::signature::Verifier;
use super::{Call, Refusal, report, unknown};
use crate::calendar::{Held, at, whole_seconds};
use crate::org::cloud::{ACCOUNT, AccessKey, CloudGroup, CloudUser, GROUPS};
use crate::random::iam_id;
use exhibit_evidence::time::Timestamp;
use jiff::civil::date;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

/// When the account was set up.
pub(crate) fn set_up() -> Timestamp {
    at(date(2023, 2, 6), 9, 0)
}

/// STS.
pub(crate) fn sts(call: &Call<'_>, verifier: &Verifier) -> Result<Value, Refusal> {
    let assumed = "assumed-role/EvidenceReader/exhibit";
    match call.action() {
        "GetCallerIdentity" => {
            let session = call.request.headers.contains_key("x-amz-security-token");
            let id = iam_id(call.org.seed(), if session { "AROA" } else { "AIDA" }, "caller");
            let (user, arn) = if session {
                (format!("{id}:exhibit"), format!("arn:aws:sts::{ACCOUNT}:{assumed}"))
            } else {
                (id, format!("arn:aws:iam::{ACCOUNT}:user/evidence-collector"))
            };
            Ok(json!({"Arn": arn, "UserId": user, "Account": ACCOUNT}))
        }
        "AssumeRole" => {
            let expected = format!("arn:aws:iam::{ACCOUNT}:role/EvidenceReader");
            if call.required("RoleArn")? != expected {
                let message = format!(
                    "User is not authorized to perform sts:AssumeRole: only {expected} may be assumed"
                );
                return Err(Refusal::new(403, "AccessDenied", message));
            }
            let given = verifier.temporary();
            Ok(json!({
                "Credentials": {
                    "AccessKeyId": given.access_key_id, "SecretAccessKey": given.secret_access_key,
                    "SessionToken": given.session_token, "Expiration": whole_seconds(call.now().plus_ms(3_600_000)),
                },
                "AssumedRoleUser": {
                    "AssumedRoleId": format!("{}:exhibit", iam_id(call.org.seed(), "AROA", "caller")),
                    "Arn": format!("arn:aws:sts::{ACCOUNT}:{assumed}"),
                },
            }))
        }
        other => Err(unknown(other)),
    }
}

/// IAM.
pub(crate) fn iam(call: &Call<'_>) -> Result<Value, Refusal> {
    if let Some(answer) = users(call)? {
        return Ok(answer);
    }
    let group = || {
        let name = call.required("GroupName")?;
        GROUPS.iter().find(|g| g.name == name).ok_or_else(|| no_entity("group", name))
    };
    let role = || {
        let name = call.required("RoleName")?;
        roles().into_iter().find(|r| r.name == name).ok_or_else(|| no_entity("role", name))
    };
    match call.action() {
        "ListGroups" => listed(call, "Groups", GROUPS.iter().map(|g| group_body(call, g)).collect()),
        "GetGroup" => {
            let group = group()?;
            let members = call.users().filter(|u| u.groups.contains(&group.name)).map(|u| user_body(call, u));
            let mut body = listed(call, "Users", members.collect())?;
            body["Group"] = group_body(call, group);
            Ok(body)
        }
        "ListRoles" => listed(call, "Roles", roles().iter().map(|r| role_body(call, r)).collect()),
        "GetRole" => Ok(json!({"Role": role_body(call, &role()?)})),
        "ListPolicies" => list_policies(call),
        "GetPolicy" => Ok(json!({"Policy": policy_body(call, policy(call.required("PolicyArn")?)?)})),
        "GetPolicyVersion" => {
            Ok(json!({"PolicyVersion": version_body(policy(call.required("PolicyArn")?)?)}))
        }
        "ListAttachedGroupPolicies" => listed(call, "AttachedPolicies", attached(group()?.policies)),
        "ListAttachedRolePolicies" => listed(call, "AttachedPolicies", attached(role()?.policies)),
        "ListGroupPolicies" => group().and_then(|_| listed(call, "PolicyNames", Vec::new())),
        "ListRolePolicies" => role().and_then(|_| listed(call, "PolicyNames", Vec::new())),
        "ListAccountAliases" => listed(call, "AccountAliases", vec![json!("example-simulated")]),
        "GetAccountAuthorizationDetails" => report::authorization_details(call),
        "GetAccountPasswordPolicy" => Ok(password_policy()),
        "GetAccountSummary" => Ok(report::summary(call)),
        "GenerateCredentialReport" => Ok(report::generate(call)),
        "GetCredentialReport" => report::get(call),
        other => Err(unknown(other)),
    }
}

/// What IAM answers about users; `None` when the action is about something else.
fn users(call: &Call<'_>) -> Result<Option<Value>, Refusal> {
    let user = || {
        let name = call.required("UserName")?;
        call.users().find(|u| u.name == name).ok_or_else(|| no_entity("user", name))
    };
    let answer = match call.action() {
        "ListUsers" => listed(call, "Users", call.users().map(|u| user_body(call, u)).collect()),
        "GetUser" => user().map(|u| {
            let mut body = user_body(call, u);
            body["Tags"] = tags(u).into();
            json!({"User": body})
        }),
        "ListUserTags" => listed(call, "Tags", tags(user()?)),
        "GetLoginProfile" => login_profile(user()?),
        "ListMFADevices" => listed(call, "MFADevices", mfa_devices(call, user()?)),
        "ListVirtualMFADevices" => {
            let devices = call.users().flat_map(|u| virtual_device(call, u)).collect();
            listed(call, "VirtualMFADevices", devices)
        }
        "ListAccessKeys" => {
            let user = user()?;
            listed(
                call,
                "AccessKeyMetadata",
                call.org.now(&user.keys).map(|k| key_body(call, user, k)).collect(),
            )
        }
        "GetAccessKeyLastUsed" => key_last_used(call, call.required("AccessKeyId")?),
        "ListGroupsForUser" => {
            let user = user()?;
            listed(
                call,
                "Groups",
                GROUPS
                    .iter()
                    .filter(|g| user.groups.contains(&g.name))
                    .map(|g| group_body(call, g))
                    .collect(),
            )
        }
        "ListAttachedUserPolicies" => user().and_then(|_| listed(call, "AttachedPolicies", Vec::new())),
        "ListUserPolicies" => user().and_then(|_| listed(call, "PolicyNames", Vec::new())),
        _ => return Ok(None),
    };
    answer.map(Some)
}

impl<'a> Call<'a> {
    /// The users that exist by now.
    pub(crate) fn users(&self) -> impl Iterator<Item = &'a CloudUser> + use<'a> {
        let now = self.now();
        self.cloud().users.iter().filter(move |u| u.created <= now)
    }
}

fn no_entity(what: &str, name: &str) -> Refusal {
    Refusal::new(404, "NoSuchEntity", format!("The {what} with name {name} cannot be found."))
}

/// A page of a list, in IAM's form.
pub(crate) fn listed(call: &Call<'_>, name: &str, items: Vec<Value>) -> Result<Value, Refusal> {
    let page = IAM.page(call, items)?;
    let mut body = Map::new();
    body.insert(name.to_owned(), Value::Array(page.items));
    body.insert("IsTruncated".to_owned(), page.next.is_some().into());
    body.insert("Marker".to_owned(), page.next.into());
    Ok(Value::Object(body))
}

/// A policy document as IAM sends it: URL-encoded (RFC 3986).
pub(crate) fn encoded(document: &Value) -> String {
    utf8_percent_encode(&document.to_string(), NON_ALPHANUMERIC).to_string()
}

pub(crate) fn user_body(call: &Call<'_>, user: &CloudUser) -> Value {
    json!({
        "Path": "/", "UserName": user.name, "UserId": user.id, "Arn": user.arn(),
        "CreateDate": whole_seconds(user.created),
        "PasswordLastUsed": user.password_used(call.now()).map(whole_seconds),
    })
}

/// The tags of a user: whose it is.
pub(crate) fn tags(user: &CloudUser) -> Vec<Value> {
    user.email.iter().map(|email| json!({"Key": "email", "Value": email})).collect()
}

fn login_profile(user: &CloudUser) -> Result<Value, Refusal> {
    if !user.console {
        return Err(no_entity("Login Profile for User", &user.name));
    }
    Ok(json!({"LoginProfile": {
        "UserName": user.name, "CreateDate": whole_seconds(user.created), "PasswordResetRequired": false,
    }}))
}

fn mfa_serial(user: &CloudUser) -> String {
    format!("arn:aws:iam::{ACCOUNT}:mfa/{}", user.name)
}

fn mfa_devices(call: &Call<'_>, user: &CloudUser) -> Vec<Value> {
    let enabled = user.mfa.filter(|since| *since <= call.now());
    let device = |since| {
        json!({
            "UserName": user.name, "SerialNumber": mfa_serial(user), "EnableDate": whole_seconds(since),
        })
    };
    enabled.map(device).into_iter().collect()
}

fn virtual_device(call: &Call<'_>, user: &CloudUser) -> Vec<Value> {
    let with_owner = |mut device: Value| {
        device["User"] = user_body(call, user);
        device
    };
    mfa_devices(call, user).into_iter().map(with_owner).collect()
}

pub(crate) fn key_status(call: &Call<'_>, key: &AccessKey) -> &'static str {
    if key.inactive_from.is_some_and(|from| from <= call.now()) { "Inactive" } else { "Active" }
}

fn key_body(call: &Call<'_>, user: &CloudUser, key: &Held<AccessKey>) -> Value {
    json!({
        "UserName": user.name, "AccessKeyId": key.what.id, "Status": key_status(call, &key.what),
        "CreateDate": whole_seconds(key.from),
    })
}

fn key_last_used(call: &Call<'_>, id: &str) -> Result<Value, Refusal> {
    let found = call.users().find_map(|u| Some((u, call.org.now(&u.keys).find(|k| k.what.id == id)?)));
    let (user, key) = found.ok_or_else(|| no_entity("Access Key", id))?;
    let used = match user.key_used(key, call.now()) {
        Some(when) => {
            json!({"LastUsedDate": whole_seconds(when), "ServiceName": "s3", "Region": crate::org::cloud::MAIN})
        }
        None => json!({"ServiceName": "N/A", "Region": "N/A"}),
    };
    Ok(json!({"UserName": user.name, "AccessKeyLastUsed": used}))
}

pub(crate) fn group_body(call: &Call<'_>, group: &CloudGroup) -> Value {
    json!({
        "Path": "/", "GroupName": group.name, "GroupId": iam_id(call.org.seed(), "AGPA", group.name),
        "Arn": format!("arn:aws:iam::{ACCOUNT}:group/{}", group.name), "CreateDate": whole_seconds(set_up()),
    })
}

/// The ARN of a role that a service made for itself.
pub(crate) fn service_role(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/aws-service-role/{name}")
}

/// A role of IAM.
pub(crate) struct Role {
    pub(crate) name: &'static str,
    path: &'static str,
    trusts: Value,
    pub(crate) policies: &'static [&'static str],
}

/// Every role.
pub(crate) fn roles() -> Vec<Role> {
    let service = |name: &str| json!({"Service": name});
    let role = |name, path, trusts, policies| Role { name, path, trusts, policies };
    vec![
        role(
            "AWSServiceRoleForSupport",
            "/aws-service-role/support.amazonaws.com/",
            service("support.amazonaws.com"),
            &[],
        ),
        role(
            "Administrator",
            "/",
            json!({"Federated": format!("arn:aws:iam::{ACCOUNT}:saml-provider/okta")}),
            &["AdministratorAccess"],
        ),
        role("BackupService", "/", service("backup.amazonaws.com"), &["WriteBackups"]),
        role("DeployPipeline", "/", service("ec2.amazonaws.com"), &["DeployArtifacts"]),
        role(
            "EvidenceReader",
            "/",
            json!({"AWS": format!("arn:aws:iam::{ACCOUNT}:user/evidence-collector")}),
            &["SecurityAudit"],
        ),
    ]
}

pub(crate) fn role_body(call: &Call<'_>, role: &Role) -> Value {
    let trust = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": role.trusts, "Action": "sts:AssumeRole"},
    ]});
    json!({
        "Path": role.path, "RoleName": role.name, "RoleId": iam_id(call.org.seed(), "AROA", role.name),
        "Arn": format!("arn:aws:iam::{ACCOUNT}:role{}{}", role.path, role.name),
        "CreateDate": whole_seconds(set_up()), "AssumeRolePolicyDocument": encoded(&trust), "MaxSessionDuration": 3600,
    })
}

/// A managed policy: AWS's own, or the account's.
pub(crate) struct Policy {
    pub(crate) name: &'static str,
    pub(crate) local: bool,
    actions: &'static [&'static str],
    deny_without_mfa: bool,
}

const fn managed(name: &'static str, local: bool, actions: &'static [&'static str]) -> Policy {
    Policy { name, local, actions, deny_without_mfa: false }
}

/// Every managed policy that is attached to something.
pub(crate) const POLICIES: [Policy; 7] = [
    managed("AdministratorAccess", false, &["*"]),
    managed("DeployArtifacts", true, &["s3:PutObject", "s3:GetObject"]),
    managed("PowerUserAccess", false, &["ec2:*", "s3:*", "rds:*"]),
    managed("ReadOnlyAccess", false, &["ec2:Describe*", "s3:Get*", "s3:List*"]),
    Policy { name: "RequireMfa", local: true, actions: &["*"], deny_without_mfa: true },
    managed("SecurityAudit", false, &["iam:Get*", "iam:List*", "cloudtrail:Describe*"]),
    managed("WriteBackups", true, &["backup:StartBackupJob", "rds:CreateDBSnapshot"]),
];

impl Policy {
    pub(crate) fn arn(&self) -> String {
        let owner = if self.local { ACCOUNT } else { "aws" };
        format!("arn:aws:iam::{owner}:policy/{}", self.name)
    }

    fn document(&self) -> Value {
        let mut statement = json!({"Effect": "Allow", "Action": self.actions, "Resource": "*"});
        if self.deny_without_mfa {
            statement["Effect"] = json!("Deny");
            statement["Condition"] = json!({"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}});
        }
        json!({"Version": "2012-10-17", "Statement": [statement]})
    }

    /// How many groups and roles have it.
    fn attachments(&self) -> usize {
        let has = |policies: &[&str]| policies.contains(&self.name);
        GROUPS.iter().filter(|g| has(g.policies)).count() + roles().iter().filter(|r| has(r.policies)).count()
    }
}

fn policy(arn: &str) -> Result<&'static Policy, Refusal> {
    POLICIES.iter().find(|p| p.arn() == arn).ok_or_else(|| no_entity("policy", arn))
}

/// Names and ARNs of attached policies.
pub(crate) fn attached(names: &[&str]) -> Vec<Value> {
    let of = |p: &Policy| json!({"PolicyName": p.name, "PolicyArn": p.arn()});
    POLICIES.iter().filter(|p| names.contains(&p.name)).map(of).collect()
}

pub(crate) fn policy_body(call: &Call<'_>, policy: &Policy) -> Value {
    json!({
        "PolicyName": policy.name, "PolicyId": iam_id(call.org.seed(), "ANPA", policy.name), "Arn": policy.arn(),
        "Path": "/", "DefaultVersionId": "v1", "AttachmentCount": policy.attachments(),
        "PermissionsBoundaryUsageCount": 0, "IsAttachable": true,
        "CreateDate": whole_seconds(set_up()), "UpdateDate": whole_seconds(set_up()),
    })
}

pub(crate) fn version_body(policy: &Policy) -> Value {
    json!({
        "Document": encoded(&policy.document()), "VersionId": "v1", "IsDefaultVersion": true,
        "CreateDate": whole_seconds(set_up()),
    })
}

fn list_policies(call: &Call<'_>) -> Result<Value, Refusal> {
    let scope = call.param("Scope").unwrap_or("All");
    let wanted = |p: &&Policy| match scope {
        "Local" => p.local,
        "AWS" => !p.local,
        _ => true,
    };
    listed(call, "Policies", POLICIES.iter().filter(wanted).map(|p| policy_body(call, p)).collect())
}

fn password_policy() -> Value {
    json!({"PasswordPolicy": {
        "MinimumPasswordLength": 14, "RequireSymbols": true, "RequireNumbers": true,
        "RequireUppercaseCharacters": true, "RequireLowercaseCharacters": true, "AllowUsersToChangePassword": true,
        "ExpirePasswords": false, "PasswordReusePrevention": 24, "HardExpiry": false,
    }})
}
