//! The activity log of the run's window: what was done to a subscription and to what is in it.
//!
//! Kept for 90 days: <https://learn.microsoft.com/en-us/azure/azure-monitor/essentials/activity-log>. An operation has
//! several entries, when it begins and when it ends; `eventDataId` tells them apart. The form:
//! <https://learn.microsoft.com/en-us/azure/azure-monitor/essentials/activity-log-schema>.

use super::api::Arm;
use super::id;
use super::roles::Roles;
use super::subscriptions::Subscription;
use exhibit_sdk::kinds::{
    AccessAction, AccessChange, Activity, ActivityCategory, Outcome, PrincipalType, Severity, Target,
};
use exhibit_sdk::prelude::*;
use serde_json::Value;
use std::collections::BTreeMap;

const VERSION: &str = "2015-04-01";
const KEPT_DAYS: i32 = 90;
const OBJECT: &str = "http://schemas.microsoft.com/identity/claims/objectidentifier";
const METHODS: &str = "http://schemas.microsoft.com/claims/authnmethodsreferences";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    event_data_id: String,
    event_timestamp: Timestamp,
    caller: Option<String>,
    description: Option<String>,
    level: Option<String>,
    operation_id: Option<String>,
    correlation_id: Option<String>,
    resource_id: Option<String>,
    resource_type: Option<Word>,
    operation_name: Option<Word>,
    category: Option<Word>,
    status: Option<Word>,
    sub_status: Option<Word>,
    authorization: Option<Authorization>,
    http_request: Option<Http>,
    claims: Option<BTreeMap<String, Value>>,
    properties: Option<BTreeMap<String, Value>>,
}

#[derive(Debug, Deserialize)]
struct Word {
    value: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Authorization {
    scope: Option<String>,
    role: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Http {
    client_ip_address: Option<String>,
}

fn word(word: Option<&Word>) -> Option<&str> {
    word?.value.as_deref().filter(|value| !value.is_empty())
}

impl Entry {
    fn claim(&self, name: &str) -> Option<&str> {
        self.claims.as_ref()?.get(name)?.as_str().filter(|value| !value.is_empty())
    }

    fn operation(&self) -> &str {
        word(self.operation_name.as_ref()).unwrap_or("unnamed")
    }

    /// None: it begins, or is a state of something and not the end of an operation.
    fn result(&self) -> Option<Outcome> {
        let refused = ["Forbidden", "Unauthorized"];
        match word(self.status.as_ref())? {
            "Started" | "Accepted" => Some(Outcome::InProgress),
            "Succeeded" => Some(Outcome::Success),
            "Failed" if word(self.sub_status.as_ref()).is_some_and(|word| refused.contains(&word)) => {
                Some(Outcome::Denied)
            }
            "Failed" => Some(Outcome::Failure),
            "Canceled" => Some(Outcome::Cancelled),
            _ => None,
        }
    }

    /// A person by an address, an application by its id.
    fn actor_type(&self) -> Option<PrincipalType> {
        let caller = self.caller.as_deref().filter(|caller| !caller.is_empty())?;
        if caller.contains('@') {
            return Some(PrincipalType::User);
        }
        let is_guid = caller.len() == 36 && caller.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
        is_guid.then_some(PrincipalType::Service)
    }

    fn actor_id(&self) -> Option<String> {
        let caller = || self.caller.as_deref().filter(|caller| !caller.is_empty());
        self.claim(OBJECT).or_else(caller).map(str::to_owned)
    }

    fn target(&self) -> Option<String> {
        let authorized =
            || self.authorization.as_ref().and_then(|authorization| authorization.scope.as_deref());
        self.resource_id.as_deref().or_else(authorized).filter(|id| !id.is_empty()).map(id::key)
    }

    /// What was asked for, or answered: JSON in a text.
    fn body(&self, name: &str) -> Option<Value> {
        serde_json::from_str(self.properties.as_ref()?.get(name)?.as_str()?).ok()
    }

    fn ip(&self) -> Option<String> {
        let text = self.http_request.as_ref()?.client_ip_address.as_deref()?;
        text.parse::<std::net::IpAddr>().is_ok().then(|| text.to_owned())
    }
}

pub(super) fn collect(api: &Arm<'_>, subscriptions: &[Subscription], roles: &Roles) -> Result<()> {
    let mut events = api.open::<Activity>("activity logs of all subscriptions in the window");
    let mut access =
        api.open::<AccessChange>("activity logs of all subscriptions in the window: changes of access");
    if !events.is_wanted() && !access.is_wanted() {
        return Ok(());
    }
    api.ctx.kept(&mut [&mut events, &mut access], "Azure keeps activity logs", KEPT_DAYS);
    let window = api.ctx.window();
    // Both ends are within; the host wants the end outside.
    let filter = format!("eventTimestamp ge '{}' and eventTimestamp le '{}'", window.start, window.end);
    let ask = |of: &Subscription| {
        let path = of.provided("microsoft.insights/eventtypes/management/values");
        api.list(&path, VERSION).query("$filter", &filter)
    };
    for (_, answer) in api.ctx.each(subscriptions, ask) {
        let pages = api.take(&mut [&mut events, &mut access], answer)?;
        // The entry that ends an operation seldom says what was asked; the one that begins it does.
        let mut asked = BTreeMap::new();
        for page in &pages {
            let record = |entry: &Item<Entry>| Some(activity(entry));
            events.events(page, window, |entry: &Entry| entry.event_timestamp, record, "")?;
            if access.is_wanted() {
                for entry in page.items_at::<Value>("/value")? {
                    remember(&entry, &mut asked);
                }
            }
        }
        for page in &pages {
            let change = |entry: &Item<Entry>| change(entry, &asked, roles);
            let other = "an entry that changes no access, or only begins to";
            access.events(page, window, |entry: &Entry| entry.event_timestamp, change, other)?;
        }
    }
    exhibit_sdk::all([events.seal(), access.seal()])
}

/// What an operation asks for, by its id.
fn remember(entry: &Value, asked: &mut BTreeMap<String, Value>) {
    let operation = entry.get("operationId").and_then(Value::as_str);
    let body = entry.pointer("/properties/requestbody").and_then(Value::as_str);
    let body = body.and_then(|text| serde_json::from_str::<Value>(text).ok());
    if let (Some(operation), Some(body)) = (operation, body) {
        asked.entry(operation.to_owned()).or_insert(body);
    }
}

fn activity(entry: &Item<Entry>) -> Record<Activity> {
    let status = word(entry.status.as_ref());
    let details = Details::new()
        .with_some("category", word(entry.category.as_ref()).map(str::to_owned))
        .with_some("status", status.map(str::to_owned))
        .with_some("sub_status", word(entry.sub_status.as_ref()).map(str::to_owned))
        .with_some("role", entry.authorization.as_ref().and_then(|authorization| authorization.role.clone()));
    let target = entry.target().map(|id| Target {
        r#type: word(entry.resource_type.as_ref()).map(str::to_owned),
        ..Target::new(id)
    });
    let operation = entry.operation();
    let is_access = action(operation).is_some();
    let is_act = word(entry.category.as_ref()) == Some("Administrative");
    let category = match (is_access, is_act) {
        (true, _) => ActivityCategory::Access,
        (false, true) => ActivityCategory::Configuration,
        (false, false) => ActivityCategory::Other,
    };
    let attributes = Activity {
        category: Some(category),
        message: entry.description.clone().filter(|text| !text.is_empty()),
        severity: entry.level.as_deref().and_then(severity),
        result: entry.result(),
        actor_id: entry.actor_id(),
        actor_type: entry.actor_type(),
        actor_name: entry.caller.clone().filter(|caller| !caller.is_empty()),
        targets: Some(target.into_iter().collect()),
        source_ip: entry.ip(),
        mfa_used: entry.claim(METHODS).map(|methods| methods.split(',').any(|method| method.trim() == "mfa")),
        transaction_id: entry.correlation_id.clone(),
        details: details.some(),
        ..Activity::new(operation)
    };
    entry
        .record(&entry.event_data_id, attributes)
        .unknown_unless("result", status.is_none() || entry.result().is_some())
}

/// What an operation does to access: <https://learn.microsoft.com/en-us/azure/role-based-access-control/permissions/management-and-governance#microsoftauthorization>.
fn action(operation: &str) -> Option<AccessAction> {
    use AccessAction as A;
    Some(match operation.to_lowercase().as_str() {
        "microsoft.authorization/roleassignments/write" => A::RoleGranted,
        "microsoft.authorization/roleassignments/delete" => A::RoleRevoked,
        "microsoft.authorization/roledefinitions/write"
        | "microsoft.authorization/roledefinitions/delete"
        | "microsoft.authorization/denyassignments/write"
        | "microsoft.authorization/denyassignments/delete"
        | "microsoft.authorization/rolemanagementpolicies/write"
        | "microsoft.keyvault/vaults/accesspolicies/write" => A::PolicyChanged,
        "microsoft.authorization/roleassignmentschedulerequests/write"
        | "microsoft.authorization/roleeligibilityschedulerequests/write" => A::RoleGranted,
        _ => return None,
    })
}

/// The change of access that an operation ended with; none where there is none, or it only begins.
fn change(
    entry: &Item<Entry>,
    asked: &BTreeMap<String, Value>,
    roles: &Roles,
) -> Option<Record<AccessChange>> {
    let mut done = action(entry.operation())?;
    let result = entry.result().filter(|result| *result != Outcome::InProgress)?;
    let said = entry.body("responseBody").or_else(|| entry.body("requestbody"));
    let before = || asked.get(entry.operation_id.as_deref()?).cloned();
    let body = said.or_else(before);
    let given = body.as_ref().map(|body| member(body, "properties").unwrap_or(body));
    let text = |name: &str| given.and_then(|given| member(given, name)).and_then(Value::as_str);
    // A request to Privileged Identity Management gives, takes, or activates.
    let request = text("requestType").map(str::to_lowercase).unwrap_or_default();
    if request.ends_with("remove") || request.ends_with("deactivate") {
        done = AccessAction::RoleRevoked;
    }
    let definition = text("roleDefinitionId").map(id::key);
    let role = definition.as_deref().and_then(|id| roles.get(id));
    let target_type = text("principalType").and_then(super::grants::principal_type);
    let target = text("principalId").map(str::to_owned);
    let is_grant = matches!(done, AccessAction::RoleGranted | AccessAction::RoleRevoked);
    let attributes = AccessChange {
        source_action: Some(entry.operation().to_owned()),
        result: Some(result),
        actor_id: entry.actor_id(),
        actor_type: entry.actor_type(),
        actor_name: entry.caller.clone().filter(|caller| !caller.is_empty()),
        target_id: target.clone().or_else(|| if is_grant { None } else { entry.target() }),
        target_type,
        object_id: definition.clone(),
        object_name: role.map(|role| role.name.clone()),
        privileged: role.map(|role| role.is_privileged),
        source_ip: entry.ip(),
        ..AccessChange::new(done)
    };
    let record = entry.record(&entry.event_data_id, attributes);
    Some(
        record
            .unknown_unless("target_id", target.is_some() || !is_grant)
            .unknown_unless("target_type", target_type.is_some() || !is_grant)
            .unknown_unless("object_id", definition.is_some() || !is_grant)
            .unknown_unless("privileged", role.is_some() || !is_grant),
    )
}

/// A member of an object, letter case aside: Azure writes these bodies with `PrincipalId` and `principalId`.
fn member<'v>(object: &'v Value, name: &str) -> Option<&'v Value> {
    object.as_object()?.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

fn severity(word: &str) -> Option<Severity> {
    match word {
        "Critical" => Some(Severity::Critical),
        "Error" => Some(Severity::High),
        "Warning" => Some(Severity::Medium),
        "Informational" | "Verbose" => Some(Severity::Informational),
        _ => None,
    }
}
