//! Diagnostic settings: what of a subscription's activity log, and of what happens in a resource, goes where.
//!
//! Nothing does where there is none. <https://learn.microsoft.com/en-us/azure/azure-monitor/essentials/diagnostic-settings>

use super::api::Arm;
use super::id;
use super::resource::{Listed, or_default};
use super::subscriptions::Subscription;
use exhibit_sdk::kinds::Logging;
use exhibit_sdk::prelude::*;

const VERSION: &str = "2021-05-01-preview";
const SETTINGS: &str = "/providers/microsoft.insights/diagnosticSettings";

#[derive(Debug, Deserialize)]
struct Setting {
    id: String,
    name: String,
    properties: Properties,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Properties {
    storage_account_id: Option<String>,
    workspace_id: Option<String>,
    event_hub_authorization_rule_id: Option<String>,
    event_hub_name: Option<String>,
    marketplace_partner_id: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    logs: Vec<Log>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Log {
    category: Option<String>,
    category_group: Option<String>,
    enabled: Option<bool>,
    retention_policy: Option<Retention>,
}

#[derive(Debug, Deserialize)]
struct Retention {
    enabled: Option<bool>,
    days: Option<u64>,
}

/// A resource whose settings are read.
struct Target {
    key: String,
    name: String,
    region: Option<String>,
    kind: &'static str,
    /// None: the id is not one of a resource group.
    path: Option<String>,
    origin: Origin,
}

/// The resources whose settings are read, as their lists are.
pub(super) struct Targets {
    logging: Wanted<Logging>,
    all: Vec<Target>,
}

impl Targets {
    pub(super) fn new(api: &Arm<'_>) -> Self {
        let query = "diagnostic settings of all key vaults, network security groups, storage accounts and SQL databases";
        Self { logging: api.open(query), all: Vec::new() }
    }

    pub(super) fn is_wanted(&self) -> bool {
        self.logging.is_wanted()
    }

    /// Adds a resource, or the part of it that `suffix` names; its list feeds the population.
    pub(super) fn add<P>(
        &mut self,
        listed: &Item<Listed<P>>,
        suffix: &str,
        path: Option<String>,
        kind: &'static str,
    ) {
        if self.is_wanted() {
            self.all.push(Target {
                key: format!("{}{}", listed.key(), suffix.to_lowercase()),
                name: listed.name.clone(),
                region: listed.location.clone(),
                kind,
                path,
                origin: listed.origin().clone(),
            });
        }
    }

    /// Reads the settings of all of them.
    pub(super) fn collect(mut self, api: &Arm<'_>) -> Result<()> {
        let all = std::mem::take(&mut self.all);
        let logging = &mut self.logging;
        let ask = |target: &Target| list(api, target.path.as_deref().unwrap_or(&target.key));
        for (target, answer) in api.ctx.each(&all, ask) {
            let pages = api.take(&mut [logging], answer)?;
            let mut is_any = pages.is_empty();
            for page in &pages {
                for setting in logging.items::<Setting>(page)? {
                    is_any = true;
                    let attributes = of_setting(&setting, &target.key, target.kind, target.region.as_ref());
                    logging.emit(finish(&setting, &target.key, attributes).origin(&target.origin))?;
                }
            }
            if let Some(page) = pages.first().filter(|_| !is_any) {
                let attributes = Logging {
                    resource_name: Some(target.name.clone()),
                    region: target.region.clone(),
                    enabled: Some(false),
                    ..Logging::new(&target.key, target.kind, "diagnostic")
                };
                let record = Record::new(format!("{}/diagnosticsettings", target.key), attributes);
                let record = record.origin(&target.origin).origin(&page.origin("/value"));
                logging.emit(record.subject(subject::asset(&target.key)))?;
            }
        }
        self.logging.seal()
    }
}

impl Feed for Targets {
    fn fed_by(&mut self, page: &Page) -> Result<()> {
        self.logging.fed_by(page)
    }

    fn fed_from(&mut self, origin: &Origin) -> Result<()> {
        self.logging.fed_from(origin)
    }

    fn filtered(&mut self, count: u64, reason: &str) -> Result<()> {
        self.logging.filtered(count, reason)
    }

    fn incomplete(&mut self, what: &str) {
        self.logging.incomplete(what);
    }

    fn withheld(&mut self, failure: &Failure) -> Result<()> {
        self.logging.withheld(failure)
    }
}

/// One page by the interface's definition.
fn list(api: &Arm<'_>, path: &str) -> Request {
    api.get(&format!("{path}{SETTINGS}"), VERSION).list("/value")
}

/// Where the activity logs of subscriptions go.
pub(super) fn of_subscriptions(api: &Arm<'_>, subscriptions: &[Subscription]) -> Result<()> {
    let mut logging = api.open::<Logging>("diagnostic settings of all subscriptions: where activity logs go");
    if !logging.is_wanted() {
        return Ok(());
    }
    for (of, answer) in api.ctx.each(subscriptions, |of: &Subscription| list(api, &of.path())) {
        let pages = api.take(&mut [&mut logging], answer)?;
        let mut is_any = pages.is_empty();
        for page in &pages {
            for setting in logging.items::<Setting>(page)? {
                is_any = true;
                let mut attributes = of_setting(&setting, &of.path(), "azure:resources:subscription", None);
                attributes.log_type = "audit".to_owned();
                logging.emit(finish(&setting, &of.path(), attributes))?;
            }
        }
        if let Some(page) = pages.first().filter(|_| !is_any) {
            let attributes = Logging {
                resource_name: Some(of.name.clone()),
                enabled: Some(false),
                ..Logging::new(of.path(), "azure:resources:subscription", "audit")
            };
            let record = Record::new(format!("{}/diagnosticsettings", of.path()), attributes);
            logging.emit(record.origin(&page.origin("/value")).subject(subject::asset(&of.path())))?;
        }
    }
    logging.seal()
}

fn of_setting(setting: &Setting, of: &str, kind: &str, region: Option<&String>) -> Logging {
    let properties = &setting.properties;
    let on: Vec<&Log> = properties.logs.iter().filter(|log| log.enabled == Some(true)).collect();
    let mut events: Vec<String> =
        on.iter().filter_map(|log| log.category.clone().or_else(|| log.category_group.clone())).collect();
    events.sort();
    events.dedup();
    let places: Vec<String> = [
        &properties.workspace_id,
        &properties.storage_account_id,
        &properties.event_hub_authorization_rule_id,
        &properties.marketplace_partner_id,
    ]
    .into_iter()
    .flatten()
    .filter(|place| !place.is_empty())
    .map(|place| id::key(place))
    .collect();
    // The same for all that is on, or it is several numbers. Where the policy is off, nothing is deleted by it.
    let mut days: Vec<u64> = on
        .iter()
        .filter_map(|log| log.retention_policy.as_ref())
        .filter_map(|policy| if policy.enabled == Some(true) { policy.days } else { Some(0) })
        .collect();
    days.sort_unstable();
    days.dedup();
    let details = Details::new()
        .with_some("destinations", (places.len() > 1).then(|| places.clone()))
        .with_some("event_hub", properties.event_hub_name.clone().filter(|name| !name.is_empty()));
    Logging {
        resource_name: Some(setting.name.clone()),
        region: region.cloned(),
        enabled: Some(!on.is_empty()),
        destination: places.first().cloned(),
        events: Some(events),
        retention_days: if days.len() == 1 { days.first().copied() } else { None },
        details: details.some(),
        ..Logging::new(of, kind, "diagnostic")
    }
}

/// How long it is kept is a matter of where it goes, unless the setting says so.
fn finish(setting: &Item<Setting>, of: &str, attributes: Logging) -> Record<Logging> {
    let is_known = attributes.retention_days.is_some();
    let record = setting.record(id::key(&setting.id), attributes).subject(subject::asset(of));
    record.unknown_unless("retention_days", is_known).unknown("delivering")
}
