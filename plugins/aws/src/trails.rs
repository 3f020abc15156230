//! CloudTrail's trails: what is logged of the API, where it goes, whether it arrives.
//!
//! A trail over several regions is listed in each; it is taken from its home region. Of deliveries that go well
//! only that is noted, since their time changes at every look.
//! <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/Welcome.html>

use crate::api::{Api, CLOUDTRAIL};
use crate::time::instant;
use exhibit_sdk::kinds::{Details, Logging};
use exhibit_sdk::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const TYPE: &str = "aws:cloudtrail:trail";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Trail {
    #[serde(rename = "TrailARN")]
    arn: String,
    name: Option<String>,
    home_region: Option<String>,
    s3_bucket_name: Option<String>,
    is_multi_region_trail: Option<bool>,
    is_organization_trail: Option<bool>,
    log_file_validation_enabled: Option<bool>,
    kms_key_id: Option<String>,
    cloud_watch_logs_log_group_arn: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Status {
    is_logging: Option<bool>,
    latest_delivery_time: Value,
    latest_delivery_error: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Selectors {
    event_selectors: Option<Vec<Selector>>,
    advanced_event_selectors: Option<Vec<AdvancedSelector>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Selector {
    read_write_type: Option<String>,
    include_management_events: Option<bool>,
    data_resources: Vec<Value>,
    exclude_management_event_sources: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct AdvancedSelector {
    field_selectors: Vec<FieldSelector>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct FieldSelector {
    field: String,
    equals: Vec<String>,
}

pub(crate) fn collect(api: &Api<'_>) -> Result<()> {
    let mut logging = api.open_regional::<Logging>("all CloudTrail trails, in every enabled region");
    if !logging.is_wanted() {
        return Ok(());
    }
    let list = |region: &str| api.json(CLOUDTRAIL, region, "DescribeTrails", &json!({})).list("/trailList");
    let (mut trails, mut seen) = (Vec::new(), BTreeSet::new());
    for (region, answer) in api.in_regions("cloudtrail:DescribeTrails", list) {
        for page in api.passing.take(&mut [&mut logging], answer)? {
            for trail in page.items::<Trail>()? {
                let home = trail.home_region.clone().unwrap_or_else(|| region.to_owned());
                let elsewhere = home != region && api.regions.contains(&home);
                if elsewhere || !seen.insert(trail.arn.clone()) {
                    logging.filtered(1, "a trail that is taken from its home region")?;
                } else {
                    trails.push((home, trail));
                }
            }
        }
    }
    let ask = |(home, trail): &(String, Item<Trail>)| {
        [
            api.json(CLOUDTRAIL, home, "GetTrailStatus", &json!({"Name": trail.arn})),
            api.json(CLOUDTRAIL, home, "GetEventSelectors", &json!({"TrailName": trail.arn})),
        ]
    };
    let mut answers = api.ctx.send_all(trails.iter().flat_map(ask));
    for (home, trail) in &trails {
        let mut next = |what: &str| {
            let answer = answers.next().unwrap_or_else(|| Err(Failure::internal("an answer is missing")));
            let answer = answer.map_err(|failure| failure.context(format!("{what} of {}", trail.arn)));
            api.passing.known("a trail", answer)
        };
        let (status, selectors) = (next("cloudtrail:GetTrailStatus"), next("cloudtrail:GetEventSelectors"));
        let record = with_status(record(home, trail), status)?;
        logging.emit(with_selectors(record, selectors)?)?;
    }
    logging.seal()
}

fn record(home: &str, trail: &Item<Trail>) -> Record<Logging> {
    let log_group = trail.cloud_watch_logs_log_group_arn.as_deref();
    let attributes = Logging {
        resource_name: trail.name.clone(),
        region: Some(home.to_owned()),
        destination: trail.s3_bucket_name.as_ref().map(|name| format!("s3://{name}")),
        all_regions: trail.is_multi_region_trail,
        organization_wide: trail.is_organization_trail,
        integrity_validation: trail.log_file_validation_enabled,
        // Without a key of KMS, S3 encrypts as the bucket says.
        encrypted: trail.kms_key_id.is_some().then_some(true),
        key_id: trail.kms_key_id.clone(),
        details: log_group.map(|arn| Details::new().with("log_group", arn)),
        ..Logging::new(&trail.arn, TYPE, "audit")
    };
    let record = trail.record(&trail.arn, attributes).subject(subject::asset(&trail.arn));
    if trail.kms_key_id.is_none() { record.unknown("encrypted") } else { record }
}

fn with_status(mut record: Record<Logging>, pages: Option<Vec<Page>>) -> Result<Record<Logging>> {
    let Some(pages) = pages else { return Ok(record.unknown("enabled").unknown("delivering")) };
    for page in &pages {
        let status = page.item::<Status>()?;
        let error = status.latest_delivery_error.clone().filter(|error| !error.is_empty());
        let delivered = instant(&status.latest_delivery_time);
        let attributes = record.attributes_mut();
        attributes.enabled = status.is_logging;
        attributes.delivering = match (&error, delivered) {
            (Some(_), _) => Some(false),
            (None, Some(_)) => Some(status.is_logging == Some(true)),
            (None, None) => None,
        };
        attributes.last_error = error;
        if status.is_logging == Some(false) {
            attributes.last_delivered_on = delivered.map(Timestamp::date);
        }
        record = record.origin(status.origin());
    }
    let attributes = record.attributes_mut();
    let (on, delivering) = (attributes.enabled.is_some(), attributes.delivering.is_some());
    let record = if on { record } else { record.unknown("enabled") };
    Ok(if delivering { record } else { record.unknown("delivering") })
}

fn with_selectors(mut record: Record<Logging>, pages: Option<Vec<Page>>) -> Result<Record<Logging>> {
    let Some(pages) = pages else { return Ok(record.unknown("events")) };
    for page in &pages {
        let selectors = page.item::<Selectors>()?;
        record.attributes_mut().events = Some(selectors.events());
        record = record.origin(selectors.origin());
    }
    Ok(record)
}

impl Selectors {
    /// `management`, `data`; followed by `:read` or `:write` where it is not both, and by `!` and a source that
    /// is left out.
    fn events(&self) -> Vec<String> {
        let mut events = BTreeSet::new();
        for selector in self.event_selectors.iter().flatten() {
            let only = match selector.read_write_type.as_deref() {
                Some("ReadOnly") => ":read",
                Some("WriteOnly") => ":write",
                _ => "",
            };
            if selector.include_management_events == Some(true) {
                events.insert(format!("management{only}"));
                let left_out = &selector.exclude_management_event_sources;
                events.extend(left_out.iter().map(|source| format!("management!{source}")));
            }
            if !selector.data_resources.is_empty() {
                events.insert(format!("data{only}"));
            }
        }
        for selector in self.advanced_event_selectors.iter().flatten() {
            let of = |name: &str| selector.field_selectors.iter().find(|field| field.field == name);
            let only = match of("readOnly").and_then(|field| field.equals.first()).map(String::as_str) {
                Some("true") => ":read",
                Some("false") => ":write",
                _ => "",
            };
            let categories = of("eventCategory").into_iter().flat_map(|field| &field.equals);
            events.extend(categories.map(|category| format!("{}{only}", category.to_lowercase())));
        }
        events.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(selectors: Value) -> Vec<String> {
        serde_json::from_value::<Selectors>(selectors).unwrap().events()
    }

    #[test]
    fn what_a_trail_covers() {
        // CloudTrail's default, and the forms of its documentation of basic and advanced selectors.
        let basic = json!([{"ReadWriteType": "All", "IncludeManagementEvents": true, "DataResources": []}]);
        assert_eq!(events(json!({"EventSelectors": basic})), ["management"]);
        let narrow = json!([{"ReadWriteType": "WriteOnly", "IncludeManagementEvents": true,
            "ExcludeManagementEventSources": ["kms.amazonaws.com"],
            "DataResources": [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3"]}]}]);
        assert_eq!(
            events(json!({"EventSelectors": narrow})),
            ["data:write", "management!kms.amazonaws.com", "management:write"]
        );
        let advanced = json!([
            {"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}]},
            {"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Data"]}, {"Field": "readOnly", "Equals": ["true"]}]},
        ]);
        assert_eq!(events(json!({"AdvancedEventSelectors": advanced})), ["data:read", "management"]);
        assert!(events(json!({})).is_empty());
    }
}
