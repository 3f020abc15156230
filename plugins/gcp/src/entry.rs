//! One entry of Cloud Audit Logs, and what it says of access.
//!
//! <https://cloud.google.com/logging/docs/reference/audit/auditlog/rest/Shared.Types/AuditLog>

use crate::policy::Principal;
use crate::roles::Roles;
use crate::values::last;
use exhibit_sdk::kinds::{
    AccessAction, AccessChange, Activity, ActivityCategory, Outcome, PrincipalType, Severity, Target,
};
use exhibit_sdk::prelude::*;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Entry {
    insert_id: String,
    log_name: String,
    /// As Google writes it, in nanoseconds: part of what tells entries apart.
    timestamp: String,
    severity: Option<String>,
    resource: Option<Monitored>,
    proto_payload: Option<Audit>,
    json_payload: Option<Transparency>,
    operation: Option<Operation>,
}

#[derive(Debug, Deserialize)]
struct Monitored {
    r#type: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Operation {
    id: Option<String>,
    #[serde(default)]
    first: bool,
    #[serde(default)]
    last: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Audit {
    service_name: Option<String>,
    method_name: Option<String>,
    resource_name: Option<String>,
    authentication_info: Option<Authentication>,
    request_metadata: Option<Caller>,
    status: Option<Status>,
    service_data: Option<ServiceData>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Authentication {
    principal_email: Option<String>,
    principal_subject: Option<String>,
    service_account_key_name: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Caller {
    caller_ip: Option<String>,
    caller_supplied_user_agent: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Status {
    code: Option<u32>,
    message: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ServiceData {
    policy_delta: Option<Delta>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Delta {
    #[serde(default)]
    binding_deltas: Vec<BindingDelta>,
}

#[derive(Debug, Deserialize)]
struct BindingDelta {
    action: Option<String>,
    role: Option<String>,
    member: Option<String>,
}

/// <https://cloud.google.com/assured-workloads/access-transparency/docs/reading-logs>
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Transparency {
    #[serde(default)]
    accesses: Vec<Access>,
    #[serde(default)]
    reason: Vec<Reason>,
    location: Option<Location>,
    principal_job_title: Option<String>,
    #[serde(default)]
    access_approvals: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    principal_office_country: Option<String>,
    principal_physical_location_country: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Access {
    method_name: Option<String>,
    resource_name: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Reason {
    r#type: Option<String>,
    detail: Option<String>,
}

impl Entry {
    /// Within a log and an instant, `insertId` is unique.
    fn key(&self) -> String {
        format!("{}/{}/{}", self.log_name, self.timestamp, self.insert_id)
    }

    fn at(&self) -> Option<Timestamp> {
        self.timestamp.parse().ok()
    }

    fn audit(&self) -> Option<&Audit> {
        self.proto_payload.as_ref()
    }

    fn method(&self) -> &str {
        self.audit().and_then(|audit| audit.method_name.as_deref()).unwrap_or_default()
    }

    fn result(&self) -> Option<Outcome> {
        let status = self.audit()?.status.as_ref();
        // google.rpc.Code: <https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto>.
        match status.and_then(|status| status.code).unwrap_or(0) {
            0 if self.operation.as_ref().is_some_and(|operation| operation.first && !operation.last) => {
                Some(Outcome::InProgress)
            }
            0 => Some(Outcome::Success),
            1 => Some(Outcome::Cancelled),
            7 | 16 => Some(Outcome::Denied),
            _ => Some(Outcome::Failure),
        }
    }

    fn actor(&self) -> Option<Actor> {
        let who = self.audit()?.authentication_info.as_ref()?;
        let name = who.principal_email.clone().filter(|name| !name.is_empty());
        let id = who.principal_subject.clone().or_else(|| name.clone())?;
        let of_subject = who.principal_subject.as_deref().and_then(|subject| Principal::read(subject).kind);
        let of_name = name.as_deref().map(|name| {
            if name.ends_with("gserviceaccount.com") { PrincipalType::Service } else { PrincipalType::User }
        });
        Some(Actor { id, kind: of_subject.or(of_name), name })
    }
}

struct Actor {
    id: String,
    kind: Option<PrincipalType>,
    name: Option<String>,
}

pub(crate) fn activity(entry: &Item<Entry>) -> Record<Activity> {
    let attributes = match (&entry.proto_payload, &entry.json_payload) {
        (None, Some(access)) => seen(entry, access),
        _ => done(entry),
    };
    let is_known = entry.result().is_some() || entry.proto_payload.is_none();
    finish(entry, entry.record(entry.key(), attributes), is_known)
}

fn finish<K: EvidenceKind>(entry: &Entry, record: Record<K>, is_known: bool) -> Record<K> {
    let record = if is_known { record } else { record.unknown("result") };
    match entry.at() {
        Some(at) => record.occurred_at(at),
        None => record,
    }
}

/// What someone did.
fn done(entry: &Entry) -> Activity {
    let audit = entry.audit();
    let status = audit.and_then(|audit| audit.status.as_ref());
    let caller = audit.and_then(|audit| audit.request_metadata.as_ref());
    let actor = entry.actor();
    let kind = entry.resource.as_ref().and_then(|resource| resource.r#type.clone());
    let target = audit
        .and_then(|audit| audit.resource_name.as_ref())
        .map(|name| Target { r#type: kind, ..Target::new(name) });
    let mut details = Details::new().with("log", last(&entry.log_name).replace("%2F", "/"));
    let service = audit.and_then(|audit| audit.service_name.as_ref());
    let key = audit.and_then(|audit| audit.authentication_info.as_ref()?.service_account_key_name.as_ref());
    for (name, value) in [("service", service), ("service_account_key", key)] {
        if let Some(value) = value {
            details.insert(name, value.as_str());
        }
    }
    Activity {
        category: Some(category(entry)),
        severity: entry.severity.as_deref().and_then(severity),
        result: entry.result(),
        reason: status.and_then(|status| status.message.clone()).filter(|text| !text.is_empty()),
        actor_id: actor.as_ref().map(|actor| actor.id.clone()),
        actor_type: actor.as_ref().and_then(|actor| actor.kind),
        actor_name: actor.and_then(|actor| actor.name),
        targets: Some(target.into_iter().collect()),
        source_ip: caller.and_then(|caller| caller.caller_ip.clone()).filter(|ip| is_address(ip)),
        client: caller
            .and_then(|caller| caller.caller_supplied_user_agent.as_ref())
            .map(|text| text.chars().take(1000).collect()),
        transaction_id: entry.operation.as_ref().and_then(|operation| operation.id.clone()),
        details: Some(details),
        ..Activity::new(if entry.method().is_empty() { "unnamed" } else { entry.method() })
    }
}

/// What Google's staff looked at. Who it was is never said.
fn seen(entry: &Entry, access: &Transparency) -> Activity {
    let method = access.accesses.iter().find_map(|access| access.method_name.clone());
    let targets =
        access.accesses.iter().filter_map(|access| Some(Target::new(access.resource_name.clone()?)));
    let reasons: Vec<String> = access
        .reason
        .iter()
        .filter_map(|reason| match (&reason.r#type, &reason.detail) {
            (Some(word), Some(detail)) => Some(format!("{word}: {detail}")),
            (word, detail) => word.clone().or_else(|| detail.clone()),
        })
        .collect();
    let mut details = Details::new().with("log", last(&entry.log_name).replace("%2F", "/"));
    let location = access.location.as_ref();
    let office = location.and_then(|location| location.principal_office_country.as_ref());
    for (name, value) in [("office_country", office), ("job_title", access.principal_job_title.as_ref())] {
        if let Some(value) = value {
            details.insert(name, value.as_str());
        }
    }
    if !access.access_approvals.is_empty() {
        details.insert("approvals", access.access_approvals.clone());
    }
    Activity {
        category: Some(ActivityCategory::Data),
        severity: entry.severity.as_deref().and_then(severity),
        reason: (!reasons.is_empty()).then(|| reasons.join("; ")),
        actor_name: Some("Google personnel".to_owned()),
        targets: Some(targets.collect()),
        country: location.and_then(|location| location.principal_physical_location_country.clone()),
        details: Some(details),
        ..Activity::new(method.unwrap_or_else(|| "access_transparency".to_owned()))
    }
}

/// What an entry changes about access: one record for each role given or taken; none where it changes nothing.
pub(crate) fn changes(entry: &Item<Entry>, roles: &Roles, tenant: &str) -> Vec<Record<AccessChange>> {
    let Some(audit) = entry.audit() else { return Vec::new() };
    let deltas = audit.service_data.as_ref().and_then(|data| data.policy_delta.as_ref());
    let deltas = deltas.map(|delta| delta.binding_deltas.as_slice()).unwrap_or_default();
    let pointer = "/protoPayload/serviceData/policyDelta/bindingDeltas";
    let mut records = Vec::new();
    for (index, delta) in entry.nested(pointer, deltas).enumerate() {
        let action = match delta.action.as_deref() {
            Some("ADD") => AccessAction::RoleGranted,
            Some("REMOVE") => AccessAction::RoleRevoked,
            _ => AccessAction::PolicyChanged,
        };
        let mut change = base(entry, action);
        let principal = delta.member.as_deref().map(Principal::read);
        change.target_id = delta.member.clone();
        change.target_type = principal.as_ref().and_then(|principal| principal.kind);
        change.target_name = principal.as_ref().map(|principal| principal.name.to_owned());
        change.object_id = delta.role.clone();
        change.object_name = audit.resource_name.clone();
        change.privileged = delta.role.as_deref().and_then(|role| roles.privileged(role));
        let is_known = change.privileged.is_some();
        let mut record = delta.record(format!("{}/{index}", entry.key()), change);
        if let Some(subject) = principal.and_then(|principal| principal.subject(tenant)) {
            record = record.subject(subject);
        }
        if !is_known {
            record = record.unknown("privileged");
        }
        records.push(finish(entry, record, true));
    }
    let single = action(entry.method()).filter(|_| records.is_empty());
    if let Some(action) = single {
        let mut change = base(entry, action);
        change.object_id = audit.resource_name.clone();
        let record = entry.record(entry.key(), change);
        records.push(finish(entry, record, true));
    }
    records
}

fn base(entry: &Entry, action: AccessAction) -> AccessChange {
    let actor = entry.actor();
    let caller = entry.audit().and_then(|audit| audit.request_metadata.as_ref());
    AccessChange {
        source_action: Some(entry.method().to_owned()),
        result: entry.result(),
        actor_id: actor.as_ref().map(|actor| actor.id.clone()),
        actor_type: actor.as_ref().and_then(|actor| actor.kind),
        actor_name: actor.and_then(|actor| actor.name),
        source_ip: caller.and_then(|caller| caller.caller_ip.clone()).filter(|ip| is_address(ip)),
        ..AccessChange::new(action)
    }
}

/// `google.iam.admin.v1.CreateServiceAccountKey`, `SetIamPolicy`, `v1.compute.instances.setIamPolicy`.
fn action(method: &str) -> Option<AccessAction> {
    use AccessAction as A;
    let word = method.rsplit('.').next().unwrap_or(method).to_ascii_lowercase();
    Some(match word.as_str() {
        "setiampolicy" | "setiampermissions" => A::PolicyChanged,
        "createserviceaccount" => A::AccountCreated,
        "enableserviceaccount" | "undeleteserviceaccount" => A::AccountEnabled,
        "disableserviceaccount" => A::AccountDisabled,
        "deleteserviceaccount" => A::AccountDeleted,
        "createserviceaccountkey" | "uploadserviceaccountkey" => A::CredentialCreated,
        "deleteserviceaccountkey" => A::CredentialRevoked,
        "createrole" | "updaterole" | "deleterole" | "undeleterole"
            if method.starts_with("google.iam.admin.") =>
        {
            A::PolicyChanged
        }
        _ => return None,
    })
}

fn category(entry: &Entry) -> ActivityCategory {
    if action(entry.method()).is_some() { ActivityCategory::Access } else { ActivityCategory::Configuration }
}

/// Google writes `private` or `gce-internal-ip` where it hides the address.
fn is_address(text: &str) -> bool {
    text.parse::<std::net::IpAddr>().is_ok()
}

fn severity(word: &str) -> Option<Severity> {
    match word {
        "EMERGENCY" | "ALERT" | "CRITICAL" => Some(Severity::Critical),
        "ERROR" => Some(Severity::High),
        "WARNING" => Some(Severity::Medium),
        "NOTICE" | "INFO" | "DEBUG" | "DEFAULT" => Some(Severity::Informational),
        _ => None,
    }
}
