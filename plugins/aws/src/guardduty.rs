//! GuardDuty's detectors: where threats are looked for, and in what.
//!
//! A region without a detector is on record as off: its list says so.
//! <https://docs.aws.amazon.com/guardduty/latest/APIReference/API_GetDetector.html>

use crate::api::Api;
use exhibit_sdk::kinds::{AlertRule, Details};
use exhibit_sdk::prelude::*;

const TYPE: &str = "aws:guardduty:detector";

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Detector {
    status: Option<String>,
    created_at: Option<String>,
    updated_at: Option<String>,
    finding_publishing_frequency: Option<String>,
    features: Option<Vec<Feature>>,
}

#[derive(Debug, Deserialize)]
struct Feature {
    name: Option<String>,
    status: Option<String>,
}

pub(crate) fn collect(api: &Api<'_>) -> Result<()> {
    let mut rules = api.open_regional::<AlertRule>("GuardDuty detectors in every enabled region");
    if !rules.is_wanted() {
        return Ok(());
    }
    let list = |region: &str| {
        let paging = Paging::cursor(Read::json("/nextToken"), Write::query("nextToken"));
        api.rest("guardduty", region, "/detector")
            .query("maxResults", "50")
            .paged(paging.items("/detectorIds"))
    };
    let mut detectors = Vec::new();
    for (region, answer) in api.in_regions("guardduty:ListDetectors", list) {
        let pages = api.passing.take(&mut [&mut rules], answer)?;
        let before = detectors.len();
        for page in &pages {
            detectors.extend(page.items::<String>()?.into_iter().map(|id| (region, id)));
        }
        if let (Some(page), true) = (pages.last(), detectors.len() == before) {
            let arn = api.arn("guardduty", region, "detector");
            let record = Record::new(&arn, rule("none", region, Some(false))).origin(&page.origin(""));
            rules.emit(record.subject(subject::asset(&arn)))?;
        }
    }
    let ask = |(region, id): &(&str, Item<String>)| {
        api.rest("guardduty", region, &format!("/detector/{}", encode(id)))
    };
    let answers = api.ctx.send_all(detectors.iter().map(ask));
    for ((region, id), answer) in detectors.iter().zip(answers) {
        let answer =
            answer.map_err(|f| f.context(format!("guardduty:GetDetector of {} in {region}", id.as_str())));
        let pages = api.passing.known("a detector", answer).unwrap_or_default();
        let detector = pages.first().map(Page::item::<Detector>).transpose()?;
        let arn = api.arn("guardduty", region, &format!("detector/{}", id.as_str()));
        rules.emit(record(&arn, region, id, detector.as_ref()))?;
    }
    rules.seal()
}

fn rule(name: &str, region: &str, enabled: Option<bool>) -> AlertRule {
    AlertRule {
        resource_type: Some(TYPE.to_owned()),
        region: Some(region.to_owned()),
        rule_type: Some("threat_detection".to_owned()),
        enabled,
        ..AlertRule::new(name)
    }
}

fn record(
    arn: &str,
    region: &str,
    id: &Item<String>,
    detector: Option<&Item<Detector>>,
) -> Record<AlertRule> {
    let status = detector.and_then(|detector| detector.status.as_deref());
    let mut attributes = rule(id, region, status.map(|status| status == "ENABLED"));
    if let Some(detector) = detector {
        let on = |feature: &&Feature| feature.status.as_deref() == Some("ENABLED");
        attributes.features = detector.features.as_ref().map(|features| {
            let mut names: Vec<String> = features.iter().filter(on).filter_map(|f| f.name.clone()).collect();
            names.sort();
            names
        });
        attributes.created_at = instant(detector.created_at.as_ref());
        attributes.updated_at = instant(detector.updated_at.as_ref());
        let often = detector.finding_publishing_frequency.as_deref();
        attributes.details = often.map(|word| Details::new().with("publishing_frequency", word));
    }
    let (off, featureless) = (attributes.enabled.is_none(), attributes.features.is_none());
    let mut record = id.record(arn, attributes).subject(subject::asset(arn));
    if let Some(detector) = detector {
        record = record.origin(detector.origin());
    }
    record = if off { record.unknown("enabled") } else { record };
    if featureless { record.unknown("features") } else { record }
}
