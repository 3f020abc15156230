//! Alert policies of every project: what they watch, and whom they tell.
//!
//! <https://cloud.google.com/monitoring/api/ref_v3/rest/v3/projects.alertPolicies>

use crate::api::{Api, MONITORING};
use crate::tree::{Place, Tree};
use exhibit_sdk::kinds::{AlertRule, Severity};
use exhibit_sdk::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Policy {
    name: String,
    display_name: Option<String>,
    combiner: Option<String>,
    enabled: Option<bool>,
    severity: Option<String>,
    #[serde(default)]
    conditions: Vec<Condition>,
    #[serde(default)]
    notification_channels: Vec<String>,
    creation_record: Option<Mutation>,
    mutation_record: Option<Mutation>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Mutation {
    mutate_time: Option<String>,
}

/// One of its members is given.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Condition {
    display_name: Option<String>,
    condition_threshold: Option<Test>,
    condition_absent: Option<Test>,
    condition_matched_log: Option<Test>,
    condition_monitoring_query_language: Option<Test>,
    condition_prometheus_query_language: Option<Test>,
    condition_sql: Option<Test>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Test {
    filter: Option<String>,
    query: Option<String>,
    comparison: Option<String>,
    threshold_value: Option<serde_json::Number>,
    duration: Option<String>,
}

impl Condition {
    fn test(&self) -> Option<(&'static str, &Test)> {
        let tests = [
            ("threshold", &self.condition_threshold),
            ("absence", &self.condition_absent),
            ("log_match", &self.condition_matched_log),
            ("mql", &self.condition_monitoring_query_language),
            ("promql", &self.condition_prometheus_query_language),
            ("sql", &self.condition_sql),
        ];
        tests.into_iter().find_map(|(word, test)| Some((word, test.as_ref()?)))
    }

    fn text(&self) -> Option<String> {
        let (_, test) = self.test()?;
        let mut text = test.filter.clone().or_else(|| test.query.clone())?;
        if let Some(comparison) = &test.comparison {
            // Google leaves out a threshold of zero.
            let threshold = test.threshold_value.as_ref().map_or_else(|| "0".to_owned(), ToString::to_string);
            text = format!("{text} {comparison} {threshold}");
        }
        if let Some(duration) = &test.duration {
            text = format!("{text} for {duration}");
        }
        Some(match &self.display_name {
            Some(name) => format!("{name}: {text}"),
            None => text,
        })
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Channel {
    name: String,
    r#type: Option<String>,
    display_name: Option<String>,
    enabled: Option<bool>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

impl Channel {
    /// `email: ops@example.com`. Only labels that are no secret: <https://cloud.google.com/monitoring/alerts/using-channels-api>.
    fn text(&self) -> String {
        let plain = ["email_address", "channel_name", "number", "topic"];
        let to = plain.iter().find_map(|label| self.labels.get(*label)).or(self.display_name.as_ref());
        let to = to.map_or(self.name.as_str(), String::as_str);
        self.r#type.as_ref().map_or_else(|| to.to_owned(), |word| format!("{word}: {to}"))
    }
}

pub(crate) fn collect(api: &Api<'_>, tree: &Tree) -> Result<()> {
    let mut rules = api.open::<AlertRule>("alert policies of all active projects, disabled ones too");
    if !rules.is_wanted() {
        return Ok(());
    }
    let projects = tree.projects();
    let list = |project: &Place, what: &str| {
        api.list(MONITORING, &format!("/v3/{}/{what}", project.path()), &format!("/{what}"))
    };
    for (project, answer) in api.ctx.each(&projects, |project| list(project, "alertPolicies")) {
        let mut found = Vec::new();
        for page in api.passing.take(&mut [&mut rules], answer)? {
            found.extend(rules.items::<Policy>(&page)?);
        }
        let has_channels = found.iter().any(|policy| !policy.notification_channels.is_empty());
        let channels = if has_channels {
            channels(api, list(project, "notificationChannels"))
        } else {
            Some(BTreeMap::new())
        };
        for policy in &found {
            rules.emit(record(policy, channels.as_ref()))?;
        }
    }
    rules.seal()
}

/// Notification channels by name; none where they are withheld.
fn channels(api: &Api<'_>, list: Request) -> Option<BTreeMap<String, Item<Channel>>> {
    let pages: Result<Vec<Page>> = list.pages().collect();
    let channels =
        pages.and_then(|pages| pages.iter().map(Page::items::<Channel>).collect::<Result<Vec<_>>>());
    let channels = api.passing.known("whom alert policies tell", channels)?;
    Some(channels.into_iter().flatten().map(|channel| (channel.name.clone(), channel)).collect())
}

fn record(policy: &Item<Policy>, channels: Option<&BTreeMap<String, Item<Channel>>>) -> Record<AlertRule> {
    let full_name = format!("//{MONITORING}/{}", policy.name);
    let named = |name: &String| channels.and_then(|channels| channels.get(name));
    let is_off = |name: &&String| named(name).is_some_and(|channel| channel.enabled == Some(false));
    let (off, on): (Vec<&String>, Vec<&String>) = policy.notification_channels.iter().partition(is_off);
    let text = |name: &&String| named(name).map_or_else(|| (*name).clone(), |channel| channel.text());
    let texts = |names: &[&String]| {
        let mut texts: Vec<String> = names.iter().map(text).collect();
        texts.sort();
        texts
    };
    let words: BTreeSet<&str> = policy.conditions.iter().filter_map(|c| Some(c.test()?.0)).collect();
    let conditions: Vec<String> = policy.conditions.iter().filter_map(Condition::text).collect();
    let joint = if policy.combiner.as_deref() == Some("OR") { " OR " } else { " AND " };
    let metrics: BTreeSet<String> = conditions.iter().flat_map(|text| metrics(text)).collect();
    let mut details = Details::new();
    if let Some(combiner) = &policy.combiner {
        details.insert("combiner", combiner.as_str());
    }
    if !off.is_empty() {
        details.insert("disabled_channels", texts(&off));
    }
    let time =
        |record: &Option<Mutation>| instant(record.as_ref().and_then(|record| record.mutate_time.as_ref()));
    let severity = policy.severity.as_deref().filter(|word| *word != "SEVERITY_UNSPECIFIED");
    let attributes = AlertRule {
        resource_type: Some("gcp:monitoring:alert-policy".to_owned()),
        rule_type: (!words.is_empty()).then(|| words.iter().copied().collect::<Vec<_>>().join(", ")),
        enabled: policy.enabled,
        severity: severity.and_then(self::severity),
        condition: (!conditions.is_empty()).then(|| conditions.join(joint)),
        features: (!metrics.is_empty()).then(|| metrics.into_iter().collect()),
        notifies: channels.is_some().then(|| texts(&on)),
        created_at: time(&policy.creation_record),
        updated_at: time(&policy.mutation_record),
        details: details.some(),
        ..AlertRule::new(policy.display_name.clone().unwrap_or_else(|| policy.name.clone()))
    };
    let mut record = policy.record(&full_name, attributes).subject(subject::asset(&full_name));
    for channel in policy.notification_channels.iter().filter_map(named).take(32) {
        record = record.origin(channel.origin());
    }
    for (attribute, is_known) in [
        ("notifies", channels.is_some()),
        ("enabled", policy.enabled.is_some()),
        ("severity", severity.is_none_or(|word| self::severity(word).is_some())),
    ] {
        if !is_known {
            record = record.unknown(attribute);
        }
    }
    record
}

/// The metrics that a filter names: `metric.type="logging.googleapis.com/user/iam-changes"`.
fn metrics(filter: &str) -> impl Iterator<Item = String> {
    filter.split("metric.type").skip(1).filter_map(|rest| {
        let rest = rest.trim_start().strip_prefix('=')?.trim_start().strip_prefix('"')?;
        Some(rest.split('"').next()?.to_owned())
    })
}

fn severity(word: &str) -> Option<Severity> {
    match word {
        "CRITICAL" => Some(Severity::Critical),
        "ERROR" => Some(Severity::High),
        "WARNING" => Some(Severity::Medium),
        _ => None,
    }
}
