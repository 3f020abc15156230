//! Microsoft Defender for Cloud: which plans are on, whom it tells, and what it found.
//!
//! <https://learn.microsoft.com/en-us/rest/api/defenderforcloud/pricings/list>,
//! <https://learn.microsoft.com/en-us/rest/api/defenderforcloud/assessments/list>

use super::api::Arm;
use super::id;
use super::resource::or_default;
use super::subscriptions::Subscription;
use exhibit_sdk::kinds::{Finding, FindingStatus, Severity};
use exhibit_sdk::prelude::*;
use std::collections::BTreeMap;

const PRICINGS: &str = "2024-01-01";
const CONTACTS: &str = "2020-01-01-preview";
const ASSESSMENTS: &str = "2021-06-01";
const SCANNER: &str = "Microsoft Defender for Cloud";

#[derive(Debug, Deserialize)]
struct Plan {
    id: String,
    name: String,
    properties: Pricing,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Pricing {
    pricing_tier: Option<String>,
    sub_plan: Option<String>,
    enablement_time: Option<String>,
    deprecated: Option<bool>,
    #[serde(default, deserialize_with = "or_default")]
    extensions: Vec<Extension>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Extension {
    name: String,
    is_enabled: Option<Flag>,
}

/// Azure writes `"True"` where others write `true`.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Flag {
    Written(String),
    Plain(bool),
}

impl Flag {
    fn is_on(&self) -> bool {
        match self {
            Self::Written(word) => word.eq_ignore_ascii_case("true"),
            Self::Plain(flag) => *flag,
        }
    }
}

/// A security contact: `emails`, or before 2020 `email`.
#[derive(Debug, Deserialize)]
struct Contact {
    properties: Addresses,
}

#[derive(Debug, Deserialize)]
struct Addresses {
    emails: Option<String>,
    email: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Assessment {
    id: String,
    name: String,
    properties: Assessed,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Assessed {
    display_name: Option<String>,
    status: Option<Status>,
    resource_details: Option<Place>,
    metadata: Option<Metadata>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    code: Option<String>,
    first_evaluation_date: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Place {
    #[serde(alias = "Id")]
    id: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
struct Metadata {
    severity: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Described {
    name: String,
    properties: Metadata,
}

/// How bad what an assessment finds is, in Azure's word, and where that stands.
type Severities = BTreeMap<String, (String, Origin)>;

pub(super) fn collect(api: &Arm<'_>, subscriptions: &[Subscription]) -> Result<()> {
    exhibit_sdk::all([plans(api, subscriptions), assessments(api, subscriptions)])
}

fn plans(api: &Arm<'_>, subscriptions: &[Subscription]) -> Result<()> {
    let mut rules = api.open::<AlertRule>("Microsoft Defender plans of all subscriptions");
    if !rules.is_wanted() {
        return Ok(());
    }
    // One page by the interface's definition.
    let ask =
        |of: &Subscription| api.get(&of.provided("Microsoft.Security/pricings"), PRICINGS).list("/value");
    for (of, answer) in api.ctx.each(subscriptions, ask) {
        let pages = api.take(&mut [&mut rules], answer)?;
        let contacts = if pages.is_empty() { None } else { contacts(api, of) };
        for page in &pages {
            for plan in rules.items::<Plan>(page)? {
                rules.emit(of_plan(&plan, contacts.as_ref()))?;
            }
        }
    }
    rules.seal()
}

/// The addresses that Defender writes to, and where they stand; nothing where they may not be read. Some versions
/// answer a list, and some the bare array.
fn contacts(api: &Arm<'_>, of: &Subscription) -> Option<(Vec<String>, Origin)> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        List { value: Vec<Contact> },
        Bare(Vec<Contact>),
    }
    let what = "whom Microsoft Defender tells";
    let answer = api.get(&of.provided("Microsoft.Security/securityContacts"), CONTACTS).send();
    let page = api.known(what, answer)?;
    let (Written::List { value: contacts } | Written::Bare(contacts)) =
        api.known(what, page.json::<Written>())?;
    let texts = contacts.iter().flat_map(|contact| {
        [&contact.properties.emails, &contact.properties.email]
            .into_iter()
            .flatten()
            .flat_map(|text| text.split([';', ',']))
    });
    let mut texts: Vec<String> =
        texts.map(str::trim).filter(|text| !text.is_empty()).map(|text| format!("email {text}")).collect();
    texts.sort();
    texts.dedup();
    Some((texts, page.origin("")))
}

fn of_plan(plan: &Item<Plan>, contacts: Option<&(Vec<String>, Origin)>) -> Record<AlertRule> {
    let pricing = &plan.properties;
    let on = pricing.extensions.iter().filter(|one| one.is_enabled.as_ref().is_some_and(Flag::is_on));
    let mut features: Vec<String> = on.map(|extension| extension.name.clone()).collect();
    features.sort();
    let enabled = match pricing.pricing_tier.as_deref() {
        Some("Standard") => Some(true),
        Some("Free") => Some(false),
        _ => None,
    };
    let details = Details::new()
        .with("subscription", id::container(&plan.id))
        .with_some("tier", pricing.pricing_tier.clone())
        .with_some("sub_plan", pricing.sub_plan.clone())
        .with_some("deprecated", pricing.deprecated);
    let attributes = AlertRule {
        resource_type: Some("azure:security:plan".to_owned()),
        rule_type: Some("threat_detection".to_owned()),
        enabled,
        features: (!features.is_empty()).then_some(features),
        notifies: contacts.map(|(texts, _)| texts.clone()),
        created_at: instant(pricing.enablement_time.as_ref()),
        details: Some(details),
        ..AlertRule::new(format!("Defender: {}", plan.name))
    };
    let key = id::key(&plan.id);
    let mut record = plan
        .record(&key, attributes)
        .subject(subject::asset(&id::container(&plan.id)))
        .unknown_unless("enabled", enabled.is_some())
        .unknown_unless("notifies", contacts.is_some());
    if let Some((_, origin)) = contacts {
        record = record.origin(origin);
    }
    record
}

fn assessments(api: &Arm<'_>, subscriptions: &[Subscription]) -> Result<()> {
    let mut findings =
        api.open::<Finding>("assessments of Microsoft Defender in all subscriptions that found something");
    if !findings.is_wanted() {
        return Ok(());
    }
    let ask = |of: &Subscription| api.list(&of.provided("Microsoft.Security/assessments"), ASSESSMENTS);
    for (of, answer) in api.ctx.each(subscriptions, ask) {
        let pages = api.take(&mut [&mut findings], answer)?;
        let mut severities = None;
        for page in &pages {
            let (mut healthy, mut apart) = (0, 0);
            for found in findings.items::<Assessment>(page)? {
                match found.properties.status.as_ref().and_then(|status| status.code.as_deref()) {
                    Some("Healthy") => healthy += 1,
                    Some("NotApplicable") => apart += 1,
                    _ => {
                        let severities = severities.get_or_insert_with(|| severities_of(api, of));
                        findings.emit(finding(&found, severities.as_ref()))?;
                    }
                }
            }
            findings.filtered(healthy, "an assessment that found nothing wrong")?;
            findings.filtered(apart, "an assessment that does not apply to its resource")?;
        }
    }
    findings.seal()
}

fn severities_of(api: &Arm<'_>, of: &Subscription) -> Option<Severities> {
    let list = api.list(&of.provided("Microsoft.Security/assessmentMetadata"), ASSESSMENTS);
    let pages: Result<Vec<Page>> = list.pages().collect();
    let found =
        pages.and_then(|pages| pages.iter().map(Page::items::<Described>).collect::<Result<Vec<_>>>());
    let found = api.known("how bad what Microsoft Defender found is", found)?;
    let all = found.into_iter().flatten().filter_map(|item| {
        let origin = item.origin().clone();
        let described = item.into_value();
        Some((described.name.to_lowercase(), (described.properties.severity?, origin)))
    });
    Some(all.collect())
}

fn finding(found: &Item<Assessment>, severities: Option<&Severities>) -> Record<Finding> {
    let assessed = &found.properties;
    let own = assessed.metadata.as_ref().and_then(|metadata| metadata.severity.clone());
    let listed = severities.and_then(|known| known.get(&found.name.to_lowercase()));
    let word = own.or_else(|| listed.map(|(word, _)| word.clone()));
    let severity = match word.as_deref() {
        Some("Critical") => Some(Severity::Critical),
        Some("High") => Some(Severity::High),
        Some("Medium") => Some(Severity::Medium),
        Some("Low") => Some(Severity::Low),
        _ => None,
    };
    let code = assessed.status.as_ref().and_then(|status| status.code.clone());
    let status = (code.as_deref() == Some("Unhealthy")).then_some(FindingStatus::Open);
    let first = instant(assessed.status.as_ref().and_then(|status| status.first_evaluation_date.as_ref()));
    // Some resources are named, others are where the assessment stands.
    let key = id::key(&found.id);
    let named = assessed.resource_details.as_ref().and_then(|place| place.id.as_deref()).map(id::key);
    let at = named.or_else(|| {
        key.split_once("/providers/microsoft.security/assessments/").map(|(at, _)| at.to_owned())
    });
    let attributes = Finding {
        severity,
        source_severity: word,
        status,
        source_status: code,
        scanner: Some(SCANNER.to_owned()),
        resource_name: at.as_deref().map(|at| id::last(at).to_owned()),
        resource_id: at.clone(),
        first_seen_at: first,
        ..Finding::new(assessed.display_name.as_ref().unwrap_or(&found.name))
    };
    let mut record = found
        .record(&key, attributes)
        .unknown_unless("severity", severity.is_some())
        .unknown_unless("status", status.is_some())
        .unknown_unless("first_seen_at", first.is_some());
    if let Some((_, origin)) = listed {
        record = record.origin(origin);
    }
    match at {
        Some(at) => record.subject(subject::asset(&at)),
        None => record,
    }
}
