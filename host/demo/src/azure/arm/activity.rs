//! The activity log: what was done to the subscriptions. Newest first, both bounds included, kept for ninety days; every
//! operation stands in it twice, when it begins and when it ends.
//!
//! <https://learn.microsoft.com/en-us/rest/api/monitor/activity-logs/list>

use super::super::graph::{DEPLOYER, app_id, service_id};
use super::super::{Answer, Call, DAY_MS};
use super::access::lapsed;
use super::watch::temporary_rule;
use crate::calendar::{LOG_FIRST_DAY, LOG_LAST_DAY, at, days, is_weekend};
use crate::names::ip;
use crate::org::azure::{self, PROD, Subscription, TENANT, UPLOADS};
use crate::org::{Org, Organisation};
use crate::random::{Stream, uuid_and_chance};
use exhibit_evidence::time::Timestamp;
use serde_json::{Value, json};

const KEPT_DAYS: i64 = 90;
/// How long an operation takes.
const TAKES_MS: i64 = 1000;

/// One operation.
struct Operation {
    at: Timestamp,
    what: &'static str,
    resource: String,
    /// What was asked for, where the log says it.
    asked: Option<Value>,
    actor: Actor,
}

#[derive(Clone)]
struct Actor {
    /// Who called: the name of a person, the id of an application.
    caller: String,
    object: String,
    /// How somebody signed in; an application says nothing of that.
    methods: &'static str,
    application: String,
}

/// One entry: of an operation, that it begins or has ended.
pub(in crate::azure) struct Entry {
    at: Timestamp,
    has_ended: bool,
    operation: std::sync::Arc<Operation>,
}

/// Everything that will stand in the log, in order of time. All of it is in production.
pub(in crate::azure) fn write(organisation: &Organisation) -> Vec<Entry> {
    let end = organisation.state_at(at(LOG_LAST_DAY, 23, 59));
    let mut operations = of_story(end);
    operations.extend(daily(end));
    operations.sort_by(|a, b| (a.at, &a.resource, a.what).cmp(&(b.at, &b.resource, b.what)));
    let mut entries: Vec<Entry> = Vec::new();
    for operation in operations.into_iter().map(std::sync::Arc::new) {
        for has_ended in [false, true] {
            let at = if has_ended { operation.at.plus_ms(TAKES_MS) } else { operation.at };
            entries.push(Entry { at, has_ended, operation: std::sync::Arc::clone(&operation) });
        }
    }
    entries.sort_by_key(|entry| entry.at);
    entries
}

fn of_story(end: Org<'_>) -> Vec<Operation> {
    let (seed, story) = (end.seed(), &end.story().azure);
    let actor = |index: usize| {
        let login = end.account_at(index).map(|account| account.login.clone()).unwrap_or_default();
        let (object, application) = (azure::user_id(seed, &login), super::super::graph::PORTAL.0.to_owned());
        Actor { caller: login, object, methods: "pwd,mfa", application }
    };
    let admin = actor(0);
    let owner = lapsed(seed, &story.owner.id, story.owner.span.start);
    let account = PROD.resource("Microsoft.Storage/storageAccounts", UPLOADS);
    let changes = [
        (&story.owner, "Microsoft.Authorization/roleAssignments", owner.id(), Some(owner.asked())),
        (&story.open_rdp, "Microsoft.Network/networkSecurityGroups/securityRules", temporary_rule(), None),
        (&story.unlogged, "Microsoft.Insights/diagnosticSettings", story.unlogged.id.clone(), None),
    ];
    let mut found = Vec::new();
    for (lapse, kind, resource, asked) in changes {
        // What was made for a while is written, then deleted; the setting that went missing the other way round.
        let (first, last) = match kind {
            "Microsoft.Authorization/roleAssignments" => (
                "Microsoft.Authorization/roleAssignments/write",
                "Microsoft.Authorization/roleAssignments/delete",
            ),
            "Microsoft.Insights/diagnosticSettings" => (
                "Microsoft.Insights/diagnosticSettings/delete",
                "Microsoft.Insights/diagnosticSettings/write",
            ),
            _ => (
                "Microsoft.Network/networkSecurityGroups/securityRules/write",
                "Microsoft.Network/networkSecurityGroups/securityRules/delete",
            ),
        };
        for (at, what) in [(lapse.span.start, first), (lapse.span.end, last)] {
            let (resource, asked, actor) = (resource.clone(), asked.clone(), admin.clone());
            found.push(Operation { at, what, resource, asked, actor });
        }
    }
    for at in [story.public_storage.span.start, story.public_storage.span.end] {
        let what = "Microsoft.Storage/storageAccounts/write";
        found.push(Operation { at, what, resource: account.clone(), asked: None, actor: actor(5) });
    }
    found
}

/// The pipeline deploys on working days.
fn daily(end: Org<'_>) -> Vec<Operation> {
    let seed = end.seed();
    let id = service_id(seed, DEPLOYER);
    let actor = Actor { caller: id.clone(), object: id, methods: "", application: app_id(seed, DEPLOYER) };
    let mut dice = Stream::new(seed, "azure days");
    let mut found = Vec::new();
    for day in days(LOG_FIRST_DAY, LOG_LAST_DAY).filter(|day| !is_weekend(*day)) {
        for _ in 0..dice.between(1, 3) {
            let at = at(day, dice.between(8, 16), dice.below(60)).plus_ms(dice.below(60_000).cast_signed());
            let machine = *dice.pick(&["web-1", "web-2"]);
            let resource = PROD.resource("Microsoft.Compute/virtualMachines", machine);
            let what = "Microsoft.Compute/virtualMachines/write";
            found.push(Operation { at, what, resource, asked: None, actor: actor.clone() });
        }
    }
    found
}

pub(super) fn answer(call: &Call<'_>, of: &Subscription, log: &[Entry]) -> Answer {
    let (from, to) = call.window("eventTimestamp")?;
    let from = from.max(call.now().plus_ms(-KEPT_DAYS * DAY_MS));
    let first = log.partition_point(|entry| entry.at < from);
    let last = log.partition_point(|entry| entry.at <= to.min(call.now())).max(first);
    let found = log.iter().take(last).skip(first).rev().filter(|_| of.id == PROD.id);
    call.values(found.map(|entry| shape(call.org.seed(), of, entry)).collect())
}

fn shape(seed: u64, of: &Subscription, entry: &Entry) -> Value {
    let Operation { at, what, resource, asked, actor } = &*entry.operation;
    let (correlation, chance) = uuid_and_chance(seed, &format!("azure operation {at} {what} {resource}"));
    let id = crate::random::uuid(seed, &format!("azure entry {at} {what} {resource} {}", entry.has_ended));
    let word = |text: &str| json!({"value": text, "localizedValue": text});
    let (name, status, sub_status) = match (entry.has_ended, what.ends_with("/delete")) {
        (false, _) => ("BeginRequest", "Started", ""),
        (true, false) => ("EndRequest", "Succeeded", "OK"),
        (true, true) => ("EndRequest", "Succeeded", "NoContent"),
    };
    let kind = what.rsplit_once('/').map_or("", |(kind, _)| kind);
    let provider = kind.split('/').next().unwrap_or_default();
    let mut properties = json!({});
    if let Some(asked) = asked.as_ref().filter(|_| !entry.has_ended && what.ends_with("/write")) {
        properties["requestbody"] = asked.to_string().into();
    }
    if let Some(taken) = asked.as_ref().filter(|_| entry.has_ended) {
        // What was made or taken is answered.
        let body = json!({"properties": lower(&taken["Properties"])});
        properties["responseBody"] = body.to_string().into();
    }
    json!({
        "authorization": {"action": what, "role": "Subscription Admin", "scope": resource},
        "caller": actor.caller, "channels": "Operation",
        "claims": {
            "http://schemas.microsoft.com/identity/claims/objectidentifier": actor.object,
            "http://schemas.microsoft.com/claims/authnmethodsreferences": actor.methods,
            "appid": actor.application,
        },
        "correlationId": correlation, "description": "", "eventDataId": id, "eventName": word(name),
        "category": word("Administrative"),
        "httpRequest": {
            "clientIpAddress": ip(chance), "clientRequestId": correlation,
            "method": if what.ends_with("/delete") { "DELETE" } else { "PUT" },
        },
        "id": format!("{resource}/events/{id}/ticks/{}", at.as_ms()), "level": "Informational",
        "operationId": correlation, "operationName": word(what), "resourceGroupName": "app",
        "resourceProviderName": word(provider), "resourceId": resource, "resourceType": word(kind),
        "status": word(status), "subStatus": word(sub_status), "eventTimestamp": entry.at,
        "submissionTimestamp": entry.at.plus_ms(90_000), "subscriptionId": of.id, "tenantId": TENANT,
        "properties": properties,
    })
}

/// Requests have names with capital letters, answers without.
fn lower(properties: &Value) -> Value {
    let members = properties.as_object().into_iter().flatten();
    let lowered = members.map(|(name, value)| {
        let mut letters = name.chars();
        let first = letters.next().map(|letter| letter.to_ascii_lowercase());
        (first.into_iter().chain(letters).collect::<String>(), value.clone())
    });
    Value::Object(lowered.collect())
}
