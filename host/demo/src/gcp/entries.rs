//! Cloud Logging's `entries:list`: Cloud Audit Logs.
//!
//! <https://cloud.google.com/logging/docs/reference/v2/rest/v2/entries/list>. Of the query language what reads audit logs is
//! understood: `log_id("…")`, joined by OR in parentheses, and bounds of `timestamp`, joined by AND.

use super::{Answer, Call, invalid};
use crate::google::{Refusal, cut, page_token};
use crate::org::gcp::ROBOTS;
use crate::org::gcp::log::{Entry, Log};
use crate::org::gcp::places::{NAME, PROJECTS};
use crate::random::hex_id;
use exhibit_evidence::time::Timestamp;
use serde_json::{Map, Value, json};

/// A page has no more entries than this, whatever was asked for.
const MOST: usize = 10;
/// So many names one request may have.
const NAMES: usize = 100;

/// Which entries are asked for.
struct Filter {
    logs: Vec<String>,
    from: Timestamp,
    /// Not included.
    until: Timestamp,
}

impl Filter {
    fn parse(text: &str, now: Timestamp) -> Result<Self, Refusal> {
        let mut filter = Self { logs: Vec::new(), from: Timestamp::from_ms(0), until: now };
        for term in text.split(" AND ").map(str::trim) {
            let unreadable = || invalid(format!("Unparseable filter: {term}"));
            let bound =
                |quoted: &str| quoted.trim_matches('"').parse::<Timestamp>().map_err(|_| unreadable());
            if let Some(from) = term.strip_prefix("timestamp>=") {
                filter.from = bound(from)?;
            } else if let Some(until) = term.strip_prefix("timestamp<").filter(|rest| rest.starts_with('"')) {
                filter.until = bound(until)?.min(now);
            } else {
                let ids = term.trim_start_matches('(').trim_end_matches(')').split(" OR ");
                for id in ids {
                    let id = id.trim().strip_prefix("log_id(\"").ok_or_else(unreadable)?;
                    filter.logs.push(id.trim_end_matches(')').trim_end_matches('"').to_owned());
                }
            }
        }
        Ok(filter)
    }

    fn has(&self, entry: &Entry) -> bool {
        let in_time = self.from <= entry.at && entry.at < self.until;
        in_time && (self.logs.is_empty() || self.logs.iter().any(|log| log == entry.log.id()))
    }
}

pub(crate) fn list(call: &Call<'_>) -> Answer {
    let body = call.body()?;
    let names: Vec<&str> =
        body["resourceNames"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if names.is_empty() || names.len() > NAMES {
        return Err(invalid(format!("resource_names: name 1 to {NAMES} resources")));
    }
    let mut places = Vec::new();
    for name in &names {
        let (kind, id) = name.split_once('/').ok_or_else(|| invalid("Invalid resource name"))?;
        call.place(kind, id)?;
        // A project is written by id in the log, and may be asked for by number.
        let by_number = PROJECTS.iter().find(|project| project.name == *name);
        places
            .push(by_number.map_or_else(|| (*name).to_owned(), |project| format!("projects/{}", project.id)));
    }
    let filter = Filter::parse(body["filter"].as_str().unwrap_or_default(), call.now())?;
    let log = &call.cloud().log;
    let first = log.partition_point(|entry| entry.at < filter.from);
    let asked = |entry: &&Entry| filter.has(entry) && places.contains(&entry.of);
    let mut found: Vec<&Entry> =
        log.iter().skip(first).take_while(|entry| entry.at < filter.until).filter(asked).collect();
    match body["orderBy"].as_str() {
        None | Some("timestamp asc") => {}
        Some("timestamp desc") => found.reverse(),
        Some(other) => return Err(invalid(format!("Invalid order_by: {other}"))),
    }
    let size = body["pageSize"].as_u64().map(|size| size.to_string());
    // A search that takes long is answered in part: here with nothing, and where to go on.
    if body["pageToken"].is_null() && found.len() > MOST {
        return Ok(json!({"nextPageToken": page_token(0)}));
    }
    let (range, next) = cut(size.as_deref(), body["pageToken"].as_str(), MOST, found.len())?;
    let found = &found[range];
    let mut answer = Map::new();
    if !found.is_empty() {
        answer.insert("entries".to_owned(), found.iter().map(|e| entry(call, e)).collect());
    }
    answer.extend(next.map(|next| ("nextPageToken".to_owned(), next.into())));
    Ok(answer.into())
}

fn entry(call: &Call<'_>, entry: &Entry) -> Value {
    let at = entry.at.to_string();
    let log = format!("{}/logs/{}", entry.of, entry.log.id().replace('/', "%2F"));
    let project = entry.of.strip_prefix("projects/");
    let labels = match project {
        Some(project) => json!({"project_id": project}),
        None => json!({"organization_id": NAME.trim_start_matches("organizations/")}),
    };
    let severity = if entry.denied { "ERROR" } else { "NOTICE" };
    let mut body = json!({
        "insertId": entry.id, "logName": log, "timestamp": at,
        "receiveTimestamp": entry.at.plus_ms(700).to_string(), "severity": severity,
        "resource": {"type": entry.kind, "labels": labels},
    });
    if entry.log == Log::AccessTransparency {
        body["jsonPayload"] = json!({
            "@type": "type.googleapis.com/google.cloud.audit.TransparencyLog",
            "location": {
                "principalOfficeCountry": "US", "principalEmployingEntity": "Google LLC",
                "principalPhysicalLocationCountry": "CA",
            },
            "principalJobTitle": "Engineering", "product": ["Cloud Storage"], "eventId": entry.id,
            "reason": [{"type": "CUSTOMER_INITIATED_SUPPORT", "detail": "Case number: 00000000"}],
            "accesses": [{"methodName": entry.method, "resourceName": entry.resource}],
        });
    } else {
        body["protoPayload"] = payload(call, entry);
    }
    body
}

fn payload(call: &Call<'_>, entry: &Entry) -> Value {
    let is_robot = ROBOTS.iter().any(|robot| robot.email() == entry.actor);
    let mut who = json!({"principalEmail": entry.actor});
    let mut caller = json!({});
    if entry.log == Log::Activity {
        let word = if is_robot { "serviceAccount" } else { "user" };
        who["principalSubject"] = format!("{word}:{}", entry.actor).into();
        // Google hides where its customers' own machines call from.
        let last = u8::from_str_radix(&hex_id(call.org.seed(), &entry.actor, 2), 16).unwrap_or(7);
        caller["callerIp"] = if is_robot { "private".into() } else { format!("192.0.2.{last}").into() };
        caller["callerSuppliedUserAgent"] =
            if is_robot { "google-api-go-client/0.5" } else { "gcloud/548.0.0" }.into();
    }
    let status = if entry.denied {
        json!({"code": 7, "message": "Permission 'run.services.update' denied on resource (or it may not exist)."})
    } else {
        json!({})
    };
    let mut payload = json!({
        "@type": "type.googleapis.com/google.cloud.audit.AuditLog", "serviceName": entry.service,
        "methodName": entry.method, "resourceName": entry.resource, "authenticationInfo": who,
        "requestMetadata": caller, "status": status,
    });
    if let Some(delta) = &entry.delta {
        let delta = json!({"action": delta.action, "role": delta.role, "member": delta.member});
        payload["serviceData"] = json!({
            "@type": "type.googleapis.com/google.iam.v1.logging.AuditData",
            "policyDelta": {"bindingDeltas": [delta]},
        });
    }
    payload
}
