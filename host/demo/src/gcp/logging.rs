//! Cloud Logging: sinks, log buckets, metrics.

use super::{Call, Routed};
use crate::calendar::at;
use crate::org::gcp::log::place;
use crate::org::gcp::places::{NAME, OPS};
use crate::org::gcp::things::{WATCHES, Watch};
use exhibit_evidence::time::Timestamp;
use jiff::civil::date;
use serde_json::{Value, json};

pub(crate) fn answer(call: &Call<'_>, path: &[&str]) -> Routed {
    let ["v2", kind @ ("organizations" | "folders" | "projects"), id, rest @ ..] = path else { return None };
    let name = match call.place(kind, id) {
        Ok(name) => name,
        Err(refusal) => return Some(Err(refusal)),
    };
    let answer = match rest {
        ["sinks"] => call.list("sinks", sinks(call, name)),
        ["locations", "-", "buckets"] => call.list("buckets", buckets(name)),
        ["metrics"] if *kind == "projects" => {
            let watches = watches(call).filter(|_| name == OPS.name);
            call.list("metrics", watches.map(|(watch, since)| metric(watch, since)).collect())
        }
        _ => return None,
    };
    Some(answer)
}

/// What is watched by now, and since when. What the sink that was deleted taught came an hour after it was back.
pub(crate) fn watches(call: &Call<'_>) -> impl Iterator<Item = (&'static Watch, Timestamp)> {
    let learnt = call.story().sink_deleted.span.end.plus_ms(3_600_000);
    let now = call.now();
    let since = move |watch: &Watch| if watch.since_lapse { learnt } else { at(date(2024, 2, 6), 10, 0) };
    WATCHES.iter().map(move |watch| (watch, since(watch))).filter(move |(_, since)| *since <= now)
}

fn sinks(call: &Call<'_>, name: &str) -> Vec<Value> {
    let parent = place(name);
    let bucket = |id: &str| format!("logging.googleapis.com/{parent}/locations/global/buckets/{id}");
    let filter = "LOG_ID(\"cloudaudit.googleapis.com/activity\") OR LOG_ID(\"cloudaudit.googleapis.com/system_event\") \
                  OR LOG_ID(\"cloudaudit.googleapis.com/access_transparency\")";
    let mut sinks = vec![
        json!({"name": "_Required", "destination": bucket("_Required"), "filter": filter}),
        json!({"name": "_Default", "destination": bucket("_Default"), "filter": format!("NOT ({filter})")}),
    ];
    let lapse = &call.story().sink_deleted;
    if name == NAME && !lapse.span.contains(call.now()) {
        let made = if call.now() < lapse.span.start { at(date(2024, 2, 6), 9, 0) } else { lapse.span.end };
        sinks.push(json!({
            "name": lapse.id, "destination": "storage.googleapis.com/example-ops-1-audit", "filter": filter,
            "includeChildren": true, "createTime": made.to_string(), "updateTime": made.to_string(),
            "description": "What administrators do, kept for 400 days",
            "writerIdentity": "serviceAccount:service-org-998877665544@gcp-sa-logging.iam.gserviceaccount.com",
        }));
    }
    sinks
}

fn buckets(name: &str) -> Vec<Value> {
    let parent = place(name);
    let bucket = |id: &str, days: u64, about: &str| {
        json!({
            "name": format!("{parent}/locations/global/buckets/{id}"), "retentionDays": days,
            "lifecycleState": "ACTIVE", "description": about,
        })
    };
    let mut required = bucket("_Required", 400, "Audit bucket");
    required["locked"] = true.into();
    vec![bucket("_Default", 30, "Default bucket"), required]
}

fn metric(watch: &Watch, since: Timestamp) -> Value {
    let kind = format!("logging.googleapis.com/user/{}", watch.metric);
    json!({
        "name": watch.metric, "description": watch.title, "filter": watch.filter,
        "createTime": since.to_string(), "updateTime": since.to_string(),
        "metricDescriptor": {
            "name": format!("projects/{}/metricDescriptors/{kind}", OPS.id), "type": kind, "metricKind": "DELTA",
            "valueType": "INT64", "unit": "1",
        },
    })
}
