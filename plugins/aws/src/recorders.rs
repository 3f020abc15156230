//! Configuration recorders of AWS Config, in every region: whether changes of resources are recorded.
//!
//! A region without one is on record as not recording: its list says so.
//! <https://docs.aws.amazon.com/config/latest/APIReference/API_DescribeConfigurationRecorders.html>

use crate::api::{Api, CONFIG};
use exhibit_sdk::kinds::{Details, Logging};
use exhibit_sdk::prelude::*;
use serde_json::json;

const TYPE: &str = "aws:config:recorder";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Recorder {
    name: String,
    recording_group: Option<Group>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    all_supported: Option<bool>,
    include_global_resource_types: Option<bool>,
    resource_types: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    name: Option<String>,
    recording: Option<bool>,
    last_status: Option<String>,
    last_error_code: Option<String>,
    last_error_message: Option<String>,
}

pub(crate) fn collect(api: &Api<'_>) -> Result<()> {
    let mut logging = api.open_regional::<Logging>("configuration recorders in every enabled region");
    if !logging.is_wanted() {
        return Ok(());
    }
    let list = |operation: &'static str, items: &'static str| {
        move |region: &str| api.json(CONFIG, region, operation, &json!({})).list(items)
    };
    let (operation, items) = ("DescribeConfigurationRecorderStatus", "/ConfigurationRecordersStatus");
    let status = api.in_regions("config:DescribeConfigurationRecorderStatus", list(operation, items));
    let (operation, items) = ("DescribeConfigurationRecorders", "/ConfigurationRecorders");
    let recorders = api.in_regions("config:DescribeConfigurationRecorders", list(operation, items));
    for ((region, answer), (_, status)) in recorders.into_iter().zip(status) {
        let status = api.passing.known("whether configuration is recorded", status);
        let status = status.map(|pages| pages.iter().map(Page::items::<Status>).collect::<Result<Vec<_>>>());
        let status: Option<Vec<Item<Status>>> =
            status.transpose()?.map(|lists| lists.into_iter().flatten().collect());
        for page in api.passing.take(&mut [&mut logging], answer)? {
            let recorders = page.items::<Recorder>()?;
            if recorders.is_empty() {
                let arn = api.arn("config", region, "configuration-recorder");
                let attributes = Logging {
                    region: Some(region.to_owned()),
                    enabled: Some(false),
                    ..Logging::new(&arn, TYPE, "configuration")
                };
                let record = Record::new(&arn, attributes).origin(&page.origin(""));
                logging.emit(record.subject(subject::asset(&arn)))?;
            }
            for recorder in &recorders {
                logging.emit(record(api, region, recorder, status.as_deref()))?;
            }
        }
    }
    logging.seal()
}

/// `status`: nothing where it is withheld.
fn record(
    api: &Api<'_>,
    region: &str,
    recorder: &Item<Recorder>,
    status: Option<&[Item<Status>]>,
) -> Record<Logging> {
    // The name is the region's one recorder; its ARN carries a number that old regions do not tell.
    let arn = api.arn("config", region, &format!("configuration-recorder/{}", recorder.name));
    let group = recorder.recording_group.as_ref();
    let mut details = Details::new();
    if let Some(flag) = group.and_then(|group| group.all_supported) {
        details.insert("all_supported", flag);
    }
    if let Some(flag) = group.and_then(|group| group.include_global_resource_types) {
        details.insert("include_global_resource_types", flag);
    }
    let types = group.and_then(|group| group.resource_types.clone()).filter(|types| !types.is_empty());
    let attributes = Logging {
        resource_name: Some(recorder.name.clone()),
        region: Some(region.to_owned()),
        events: types,
        details: details.some(),
        ..Logging::new(&arn, TYPE, "configuration")
    };
    let mut record = recorder.record(&arn, attributes).subject(subject::asset(&arn));
    let found =
        status.and_then(|all| all.iter().find(|status| status.name.as_deref() == Some(&recorder.name)));
    let Some(found) = found else { return record.unknown("enabled").unknown("delivering") };
    let attributes = record.attributes_mut();
    attributes.enabled = found.recording;
    attributes.delivering = match found.last_status.as_deref() {
        Some(word) if word.eq_ignore_ascii_case("success") => Some(true),
        Some(word) if word.eq_ignore_ascii_case("failure") => Some(false),
        _ => None,
    };
    if attributes.delivering == Some(false) {
        let said = [found.last_error_code.clone(), found.last_error_message.clone()];
        attributes.last_error = Some(said.into_iter().flatten().collect::<Vec<_>>().join(": "));
    }
    let (on, delivering) = (attributes.enabled.is_some(), attributes.delivering.is_some());
    record = record.origin(found.origin());
    record = if on { record } else { record.unknown("enabled") };
    if delivering { record } else { record.unknown("delivering") }
}
