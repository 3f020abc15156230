//! Alerts on what the activity log says, and whom they tell.
//!
//! <https://learn.microsoft.com/en-us/rest/api/monitor/activity-log-alerts/list-by-subscription-id>,
//! <https://learn.microsoft.com/en-us/rest/api/monitor/action-groups/list-by-subscription-id>

use super::api::Arm;
use super::id;
use super::resource::{Listed, or_default, record};
use super::subscriptions::Subscription;
use exhibit_sdk::prelude::*;
use std::collections::BTreeMap;

const ALERTS: &str = "2020-10-01";
const GROUPS: &str = "2023-01-01";

#[derive(Debug, Deserialize)]
struct Alert {
    enabled: Option<bool>,
    description: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    scopes: Vec<String>,
    condition: Option<AllOf>,
    actions: Option<Actions>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AllOf {
    #[serde(default, deserialize_with = "or_default")]
    all_of: Vec<Condition>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Condition {
    field: Option<String>,
    equals: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    contains_any: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    any_of: Vec<Condition>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Actions {
    #[serde(default, deserialize_with = "or_default")]
    action_groups: Vec<Action>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Action {
    action_group_id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    enabled: Option<bool>,
    #[serde(default, deserialize_with = "or_default")]
    email_receivers: Vec<Receiver>,
    #[serde(default, deserialize_with = "or_default")]
    sms_receivers: Vec<Receiver>,
    #[serde(default, deserialize_with = "or_default")]
    voice_receivers: Vec<Receiver>,
    #[serde(default, deserialize_with = "or_default")]
    webhook_receivers: Vec<Receiver>,
    #[serde(default, deserialize_with = "or_default")]
    itsm_receivers: Vec<Receiver>,
    #[serde(default, deserialize_with = "or_default")]
    azure_app_push_receivers: Vec<Receiver>,
    #[serde(default, deserialize_with = "or_default")]
    automation_runbook_receivers: Vec<Receiver>,
    #[serde(default, deserialize_with = "or_default")]
    logic_app_receivers: Vec<Receiver>,
    #[serde(default, deserialize_with = "or_default")]
    azure_function_receivers: Vec<Receiver>,
    #[serde(default, deserialize_with = "or_default")]
    arm_role_receivers: Vec<Receiver>,
    #[serde(default, deserialize_with = "or_default")]
    event_hub_receivers: Vec<Receiver>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Receiver {
    name: Option<String>,
    email_address: Option<String>,
}

impl Group {
    /// `email ada@example.com`, `webhook pager`: the addresses of hooks let their holder in, and are never read.
    fn texts(&self) -> Vec<String> {
        let mut texts = Vec::new();
        for (word, receivers) in [
            ("email", &self.email_receivers),
            ("sms", &self.sms_receivers),
            ("voice", &self.voice_receivers),
            ("webhook", &self.webhook_receivers),
            ("itsm", &self.itsm_receivers),
            ("push", &self.azure_app_push_receivers),
            ("runbook", &self.automation_runbook_receivers),
            ("logic app", &self.logic_app_receivers),
            ("function", &self.azure_function_receivers),
            ("role", &self.arm_role_receivers),
            ("event hub", &self.event_hub_receivers),
        ] {
            let names = receivers.iter().filter_map(|one| one.email_address.as_ref().or(one.name.as_ref()));
            texts.extend(names.map(|name| format!("{word} {name}")));
        }
        texts
    }
}

/// Action groups by their ids; none where they may not be read.
type Groups = BTreeMap<String, Item<Listed<Group>>>;

pub(super) fn collect(api: &Arm<'_>, subscriptions: &[Subscription]) -> Result<()> {
    let mut rules = api.open::<AlertRule>("activity-log alerts of all subscriptions, disabled ones too");
    if !rules.is_wanted() {
        return Ok(());
    }
    // An alert may tell a group of another subscription.
    let groups = groups(api, subscriptions);
    let ask = |of: &Subscription| api.list(&of.provided("microsoft.insights/activityLogAlerts"), ALERTS);
    for (_, answer) in api.ctx.each(subscriptions, ask) {
        for page in api.take(&mut [&mut rules], answer)? {
            for alert in rules.items::<Listed<Alert>>(&page)? {
                rules.emit(of_alert(&alert, groups.as_ref()))?;
            }
        }
    }
    rules.seal()
}

fn groups(api: &Arm<'_>, subscriptions: &[Subscription]) -> Option<Groups> {
    let ask = |of: &Subscription| api.list(&of.provided("microsoft.insights/actionGroups"), GROUPS);
    let mut groups = Groups::new();
    for (_, answer) in api.ctx.each(subscriptions, ask) {
        let found = answer
            .and_then(|pages| pages.iter().map(Page::items::<Listed<Group>>).collect::<Result<Vec<_>>>());
        let found = api.known("whom activity-log alerts tell", found)?;
        groups.extend(found.into_iter().flatten().map(|group| (group.key(), group)));
    }
    Some(groups)
}

/// `operationName = Microsoft.Authorization/policyAssignments/write`, and so on.
fn text(condition: &Condition) -> Option<String> {
    if !condition.any_of.is_empty() {
        let texts: Vec<String> = condition.any_of.iter().filter_map(text).collect();
        return Some(format!("({})", texts.join(" OR ")));
    }
    let field = condition.field.as_deref()?;
    match &condition.equals {
        Some(value) => Some(format!("{field} = {value}")),
        None => Some(format!("{field} in ({})", condition.contains_any.join(", "))),
    }
}

fn of_alert(alert: &Item<Listed<Alert>>, groups: Option<&Groups>) -> Record<AlertRule> {
    let properties = &alert.properties;
    let actions = properties.actions.iter().flat_map(|actions| &actions.action_groups);
    let ids: Vec<String> =
        actions.filter_map(|action| action.action_group_id.as_deref().map(id::key)).collect();
    let known: Vec<_> = ids.iter().map(|id| groups.and_then(|groups| groups.get(id))).collect();
    let is_known = known.iter().all(Option::is_some);
    let mut notifies = Vec::new();
    let mut off = Vec::new();
    for (id, group) in ids.iter().zip(&known) {
        match group {
            Some(group) if group.properties.enabled == Some(false) => off.push(id.clone()),
            Some(group) => notifies.extend(group.properties.texts()),
            None => {}
        }
    }
    notifies.sort();
    notifies.dedup();
    let conditions = properties.condition.iter().flat_map(|condition| &condition.all_of);
    let conditions: Vec<String> = conditions.filter_map(text).collect();
    let mut scopes: Vec<String> = properties.scopes.iter().map(|scope| id::key(scope)).collect();
    scopes.sort();
    let details = Details::new()
        .with("scopes", scopes)
        .with_some("action_groups", (!ids.is_empty()).then(|| ids.clone()))
        .with_some("disabled_action_groups", (!off.is_empty()).then_some(off))
        .with_some("description", properties.description.clone().filter(|text| !text.is_empty()));
    let attributes = AlertRule {
        resource_type: Some("azure:insights:activity-log-alert".to_owned()),
        region: alert.location.clone(),
        rule_type: Some("activity_log".to_owned()),
        enabled: properties.enabled,
        condition: (!conditions.is_empty()).then(|| conditions.join(" AND ")),
        notifies: is_known.then_some(notifies),
        details: Some(details),
        ..AlertRule::new(&alert.name)
    };
    let mut record = record(alert, "", attributes)
        .unknown_unless("enabled", properties.enabled.is_some())
        .unknown_unless("notifies", is_known);
    for group in known.into_iter().flatten().take(32) {
        record = record.origin(group.origin());
    }
    record
}
