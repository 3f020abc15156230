//! Where logs go and how long they are kept: sinks and log buckets of the organisation, folders and projects; log-based
//! metrics of projects.
//!
//! <https://cloud.google.com/logging/docs/reference/v2/rest>

use crate::api::{Api, LOGGING};
use crate::tree::{Place, Tree};
use crate::values::{last, part};
use exhibit_sdk::kinds::Logging;
use exhibit_sdk::prelude::*;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sink {
    name: String,
    destination: Option<String>,
    filter: Option<String>,
    #[serde(default)]
    disabled: bool,
    #[serde(default)]
    include_children: bool,
    #[serde(default)]
    intercept_children: bool,
    #[serde(default)]
    exclusions: Vec<Exclusion>,
    writer_identity: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Exclusion {
    name: String,
    filter: Option<String>,
    #[serde(default)]
    disabled: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bucket {
    /// `projects/p/locations/global/buckets/_Required`.
    name: String,
    retention_days: Option<u64>,
    #[serde(default)]
    locked: bool,
    lifecycle_state: Option<String>,
    cmek_settings: Option<Cmek>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Cmek {
    kms_key_name: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metric {
    name: String,
    description: Option<String>,
    filter: Option<String>,
    #[serde(default)]
    disabled: bool,
    create_time: Option<String>,
    metric_descriptor: Option<Descriptor>,
}

#[derive(Debug, Deserialize)]
struct Descriptor {
    r#type: Option<String>,
}

pub(crate) fn collect(api: &Api<'_>, tree: &Tree) -> Result<()> {
    exhibit_sdk::all([sinks(api, tree), buckets(api, tree), metrics(api, tree)])
}

fn sinks(api: &Api<'_>, tree: &Tree) -> Result<()> {
    let mut logging = api.open::<Logging>("log sinks of the organisation, all active folders and projects");
    if !logging.is_wanted() {
        return Ok(());
    }
    let places = tree.within();
    let ask = |place: &&Place| api.list(LOGGING, &format!("/v2/{}/sinks", place.path()), "/sinks");
    for (place, answer) in api.ctx.each(&places, ask) {
        for page in api.passing.take(&mut [&mut logging], answer)? {
            for sink in logging.items::<Sink>(&page)? {
                logging.emit(of_sink(place, &sink))?;
            }
        }
    }
    logging.seal()
}

fn of_sink(place: &Place, sink: &Item<Sink>) -> Record<Logging> {
    let full_name = format!("//{LOGGING}/{}/sinks/{}", place.name, sink.name);
    let mut details = Details::new().with("include_children", sink.include_children);
    details.insert("intercept_children", sink.intercept_children);
    // Without a filter everything goes.
    details.insert("filter", sink.filter.as_deref().unwrap_or_default());
    if let Some(writer) = &sink.writer_identity {
        details.insert("writer_identity", writer.as_str());
    }
    let in_force = sink.exclusions.iter().filter(|exclusion| !exclusion.disabled);
    let exclusions: Details = in_force
        .map(|exclusion| (exclusion.name.as_str(), exclusion.filter.clone().unwrap_or_default()))
        .collect();
    if !exclusions.is_empty() {
        details.insert("exclusions", exclusions);
    }
    let is_top = place.name.starts_with("organizations/");
    let attributes = Logging {
        resource_name: Some(sink.name.clone()),
        enabled: Some(!sink.disabled),
        destination: sink.destination.clone(),
        organization_wide: Some(is_top && sink.include_children),
        details: Some(details),
        ..Logging::new(&full_name, "gcp:logging:sink", "export")
    };
    sink.record(&full_name, attributes).subject(subject::asset(&full_name)).unknown("delivering")
}

fn buckets(api: &Api<'_>, tree: &Tree) -> Result<()> {
    let mut logging = api.open::<Logging>("log buckets of the organisation, all active folders and projects");
    if !logging.is_wanted() {
        return Ok(());
    }
    let places = tree.within();
    let ask =
        |place: &&Place| api.list(LOGGING, &format!("/v2/{}/locations/-/buckets", place.path()), "/buckets");
    for (_, answer) in api.ctx.each(&places, ask) {
        for page in api.passing.take(&mut [&mut logging], answer)? {
            for bucket in logging.items::<Bucket>(&page)? {
                logging.emit(of_bucket(&bucket))?;
            }
        }
    }
    logging.seal()
}

/// Logs are always encrypted: <https://cloud.google.com/logging/docs/routing/managed-encryption>.
fn of_bucket(bucket: &Item<Bucket>) -> Record<Logging> {
    let full_name = format!("//{LOGGING}/{}", bucket.name);
    let key = bucket.cmek_settings.as_ref().and_then(|cmek| cmek.kms_key_name.clone());
    let key = key.filter(|key| !key.is_empty());
    let mut details = Details::new().with("locked", bucket.locked);
    if let Some(state) = &bucket.lifecycle_state {
        details.insert("lifecycle_state", state.as_str());
    }
    let attributes = Logging {
        resource_name: Some(last(&bucket.name).to_owned()),
        region: part(&bucket.name, "locations").map(str::to_owned),
        enabled: bucket.lifecycle_state.as_deref().map(|state| matches!(state, "ACTIVE" | "UPDATING")),
        retention_days: bucket.retention_days,
        encrypted: Some(true),
        key_id: key.map(|key| format!("//cloudkms.googleapis.com/{key}")),
        details: Some(details),
        ..Logging::new(&full_name, "gcp:logging:bucket", "bucket")
    };
    let mut record = bucket.record(&full_name, attributes).subject(subject::asset(&full_name));
    for (attribute, is_known) in
        [("enabled", bucket.lifecycle_state.is_some()), ("retention_days", bucket.retention_days.is_some())]
    {
        if !is_known {
            record = record.unknown(attribute);
        }
    }
    record
}

fn metrics(api: &Api<'_>, tree: &Tree) -> Result<()> {
    let mut assets = api.open::<Resource>("log-based metrics of all active projects");
    if !assets.is_wanted() {
        return Ok(());
    }
    let projects = tree.projects();
    let ask = |project: &&Place| api.list(LOGGING, &format!("/v2/{}/metrics", project.path()), "/metrics");
    for (project, answer) in api.ctx.each(&projects, ask) {
        for page in api.passing.take(&mut [&mut assets], answer)? {
            for metric in assets.items::<Metric>(&page)? {
                assets.emit(of_metric(project, &metric))?;
            }
        }
    }
    assets.seal()
}

fn of_metric(project: &Place, metric: &Item<Metric>) -> Record<Resource> {
    let full_name = format!("//{LOGGING}/{}/metrics/{}", project.name, metric.name);
    let mut details = Details::new();
    let descriptor = metric.metric_descriptor.as_ref().and_then(|descriptor| descriptor.r#type.as_ref());
    for (name, value) in [
        ("filter", metric.filter.as_ref()),
        ("metric_type", descriptor),
        ("description", metric.description.as_ref()),
    ] {
        if let Some(value) = value {
            details.insert(name, value.as_str());
        }
    }
    let attributes = Resource {
        container: Some(project.name.clone()),
        status: Some(if metric.disabled { "disabled" } else { "enabled" }.to_owned()),
        created_at: instant(metric.create_time.as_ref()),
        details: details.some(),
        ..Resource::new(&metric.name, "gcp:logging:metric")
    };
    metric.record(&full_name, attributes).subject(subject::asset(&full_name))
}
