//! Cloud Monitoring: alert policies, and whom they tell.

use super::logging::watches;
use super::{Answer, Call, Routed};
use crate::org::gcp::places::{OPS, Project};
use crate::random::digits;
use serde_json::{Value, json};

pub(crate) fn answer(call: &Call<'_>, path: &[&str]) -> Routed {
    let answer = match path {
        ["v3", "projects", project, "alertPolicies"] => {
            call.project(project).and_then(|project| policies(call, project))
        }
        ["v3", "projects", project, "notificationChannels"] => {
            call.project(project).and_then(|project| channels(call, project))
        }
        _ => return None,
    };
    Some(answer)
}

fn counted(call: &Call<'_>, member: &str, items: Vec<Value>) -> Answer {
    let count = items.len();
    let mut body = call.list(member, items)?;
    body["totalSize"] = count.into();
    Ok(body)
}

fn channel_name(call: &Call<'_>) -> String {
    format!("projects/{}/notificationChannels/{}", OPS.id, digits(call.org.seed(), "gcp channel", 16))
}

fn policies(call: &Call<'_>, project: &Project) -> Answer {
    let who = "cloud-admins@example.com";
    let policy = |(watch, since): (&crate::org::gcp::things::Watch, exhibit_evidence::time::Timestamp)| {
        let number = digits(call.org.seed(), watch.metric, 19);
        let name = format!("projects/{}/alertPolicies/{number}", OPS.id);
        let record = json!({"mutateTime": since.to_string(), "mutatedBy": who});
        json!({
            "name": name, "displayName": watch.title, "combiner": "OR", "enabled": true, "severity": "WARNING",
            "creationRecord": record, "mutationRecord": record, "notificationChannels": [channel_name(call)],
            "conditions": [{
                "name": format!("{name}/conditions/1"), "displayName": "Any",
                "conditionThreshold": {
                    "filter": format!("metric.type=\"logging.googleapis.com/user/{}\"", watch.metric),
                    "comparison": "COMPARISON_GT", "duration": "0s", "trigger": {"count": 1},
                    "aggregations": [{"alignmentPeriod": "300s", "perSeriesAligner": "ALIGN_RATE"}],
                },
            }],
        })
    };
    let found = watches(call).filter(|_| project.id == OPS.id);
    counted(call, "alertPolicies", found.map(policy).collect())
}

fn channels(call: &Call<'_>, project: &Project) -> Answer {
    let channel = json!({
        "name": channel_name(call), "type": "email", "displayName": "On call", "enabled": true,
        "labels": {"email_address": "oncall@example.com"}, "verificationStatus": "VERIFIED",
    });
    counted(call, "notificationChannels", if project.id == OPS.id { vec![channel] } else { Vec::new() })
}
