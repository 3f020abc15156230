//! IAM as a whole: authorization details, summary, credential report.

use super::identity::{
    POLICIES, attached, group_body, key_status, policy_body, role_body, roles, set_up, tags, user_body,
    version_body,
};
use super::paging::IAM;
use super::{Call, Refusal};
use crate::calendar::{Held, whole_seconds};
use crate::org::cloud::{ACCOUNT, AccessKey, CloudUser, GROUPS, MAIN};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use exhibit_evidence::time::Timestamp;
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

/// IAM makes a new credential report at most every four hours.
const REPORT_MS: u64 = 4 * 3_600_000;

/// Users, groups, roles and policies with everything attached, as one paged sequence.
pub(crate) fn authorization_details(call: &Call<'_>) -> Result<Value, Refusal> {
    let wanted = call.list("Filter.member.");
    let has = |name: &str| wanted.is_empty() || wanted.contains(&name);
    let mut details: Vec<(&str, Value)> = Vec::new();
    if has("User") {
        details.extend(call.users().map(|u| ("UserDetailList", user_detail(call, u))));
    }
    if has("Group") {
        details.extend(GROUPS.iter().map(|g| {
            let more = json!({"GroupPolicyList": [], "AttachedManagedPolicies": attached(g.policies)});
            ("GroupDetailList", merged(group_body(call, g), more))
        }));
    }
    if has("Role") {
        details.extend(roles().iter().map(|r| {
            let more = json!({
                "InstanceProfileList": [], "RolePolicyList": [], "AttachedManagedPolicies": attached(r.policies),
                "RoleLastUsed": {},
            });
            ("RoleDetailList", merged(role_body(call, r), more))
        }));
    }
    let policies =
        POLICIES.iter().filter(|p| has(if p.local { "LocalManagedPolicy" } else { "AWSManagedPolicy" }));
    details.extend(policies.map(|p| {
        ("Policies", merged(policy_body(call, p), json!({"PolicyVersionList": [version_body(p)]})))
    }));

    let page = IAM.page(call, details)?;
    let mut body = json!({
        "UserDetailList": [], "GroupDetailList": [], "RoleDetailList": [], "Policies": [],
        "IsTruncated": page.next.is_some(), "Marker": page.next,
    });
    for (list, detail) in page.items {
        if let Some(items) = body[list].as_array_mut() {
            items.push(detail);
        }
    }
    Ok(body)
}

fn user_detail(call: &Call<'_>, user: &CloudUser) -> Value {
    let mut body = user_body(call, user);
    if let Some(fields) = body.as_object_mut() {
        fields.remove("PasswordLastUsed");
    }
    merged(
        body,
        json!({"UserPolicyList": [], "GroupList": user.groups, "AttachedManagedPolicies": [], "Tags": tags(user)}),
    )
}

fn merged(mut body: Value, more: Value) -> Value {
    if let (Value::Object(fields), Value::Object(more)) = (&mut body, more) {
        fields.extend(more);
    }
    body
}

/// Counts. The query protocol sends a map as a list of entries.
pub(crate) fn summary(call: &Call<'_>) -> Value {
    let mfa = call.users().filter(|u| u.mfa.is_some()).count();
    let entries = [
        ("Users", call.users().count()),
        ("Groups", GROUPS.len()),
        ("Roles", roles().len()),
        ("Policies", POLICIES.iter().filter(|p| p.local).count()),
        ("MFADevices", mfa),
        ("MFADevicesInUse", mfa),
        ("AccountMFAEnabled", 1),
        ("AccountAccessKeysPresent", 0),
        ("AccountPasswordPresent", 1),
        ("UsersQuota", 5000),
    ];
    let entries: Vec<Value> =
        entries.iter().map(|(key, value)| json!({"key": key, "value": value})).collect();
    json!({"SummaryMap": entries})
}

/// Asks for a report: started at first, complete when asked again.
pub(crate) fn generate(call: &Call<'_>) -> Value {
    let now = call.now().as_ms();
    let made = call.report_made.load(Ordering::SeqCst);
    if made != 0 && made <= now && now - made < REPORT_MS {
        return json!({"State": "COMPLETE"});
    }
    call.report_made.store(now, Ordering::SeqCst);
    json!({"State": "STARTED", "Description": "No report exists. Starting a new report generation task"})
}

/// The report, as it was when it was generated.
pub(crate) fn get(call: &Call<'_>) -> Result<Value, Refusal> {
    let made = call.report_made.load(Ordering::SeqCst);
    if made == 0 {
        return Err(Refusal::new(
            410,
            "ReportNotPresent",
            "No report exists. Ask for one with GenerateCredentialReport.",
        ));
    }
    if made > call.now().as_ms() || call.now().as_ms() - made >= REPORT_MS {
        return Err(Refusal::new(
            410,
            "ReportExpired",
            "The report is older than four hours. Generate a new one.",
        ));
    }
    let mut csv = String::from(
        "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,\
         password_next_rotation,mfa_active,access_key_1_active,access_key_1_last_rotated,\
         access_key_1_last_used_date,access_key_1_last_used_region,access_key_1_last_used_service,\
         access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,\
         access_key_2_last_used_region,access_key_2_last_used_service,cert_1_active,cert_1_last_rotated,\
         cert_2_active,cert_2_last_rotated\n",
    );
    let no_key = "false,N/A,N/A,N/A,N/A";
    csv.push_str(&format!(
        "<root_account>,arn:aws:iam::{ACCOUNT}:root,{},not_supported,{},not_supported,not_supported,true,\
         {no_key},{no_key},false,N/A,false,N/A\n",
        time(set_up()),
        time(set_up().plus_ms(86_400_000)),
    ));
    let made = Timestamp::from_ms(made);
    call.users().for_each(|user| csv.push_str(&row(call, user, made)));
    Ok(json!({
        "Content": STANDARD.encode(csv), "ReportFormat": "text/csv", "GeneratedTime": whole_seconds(made),
    }))
}

fn row(call: &Call<'_>, user: &CloudUser, made: Timestamp) -> String {
    let used = user.password_used(made).map_or_else(|| "no_information".to_owned(), time);
    let password = if user.console {
        format!("true,{used},{},N/A", time(user.created))
    } else {
        "false,N/A,N/A,N/A".to_owned()
    };
    let mut keys = call.org.now(&user.keys).map(|key| key_columns(call, user, key, made));
    let mut next = || keys.next().unwrap_or_else(|| "false,N/A,N/A,N/A,N/A".to_owned());
    format!(
        "{},{},{},{password},{},{},{},false,N/A,false,N/A\n",
        user.name,
        user.arn(),
        time(user.created),
        user.mfa.is_some_and(|since| since <= made),
        next(),
        next(),
    )
}

fn key_columns(call: &Call<'_>, user: &CloudUser, key: &Held<AccessKey>, made: Timestamp) -> String {
    let active = key_status(call, &key.what) == "Active";
    let used = match user.key_used(key, made) {
        Some(when) => format!("{},{MAIN},s3", time(when)),
        None => "N/A,N/A,N/A".to_owned(),
    };
    format!("{active},{},{used}", time(key.from))
}

/// An instant as the report writes it: `2026-03-04T10:00:00+00:00`.
fn time(at: Timestamp) -> String {
    whole_seconds(at).replace('Z', "+00:00")
}
