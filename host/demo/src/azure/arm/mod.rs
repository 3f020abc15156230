//! Azure Resource Manager: the subscriptions, and what is in them.
//!
//! | module | answers |
//! | --- | --- |
//! | `access` | tenants, subscriptions, roles, assignments, eligibility, locks |
//! | `data` | storage accounts, key vaults, SQL |
//! | `machines` | virtual machines, disks, network security groups, flow logs, backups |
//! | `watch` | diagnostic settings, alerts, Defender, policies |
//! | `activity` | the activity log |
//!
//! <https://learn.microsoft.com/en-us/rest/api/azure/>. Each service there has versions of its own; any is accepted.

mod access;
pub(super) mod activity;
mod data;
mod machines;
mod watch;

use super::token::Audience;
use super::{Answer, Call, Refusal};
use crate::org::azure::{SUBSCRIPTIONS, Subscription};
use serde_json::{Value, json};

/// Where resources are.
const LOCATION: &str = "westeurope";
/// Fewer than the services allow, so that there are several pages.
const MOST: usize = 20;

pub(super) fn answer(call: &Call<'_>, activity: &[activity::Entry], path: &[&str]) -> Answer {
    Audience::Arm.check(call.request, call.now())?;
    if call.request.param("api-version").is_none() {
        let message = "The api-version query parameter (?api-version=) is required for all requests.";
        return Err(Refusal::new(400, "MissingApiVersionParameter", message));
    }
    // Names in paths are the same in whatever case.
    let lower: Vec<String> = path.iter().map(|part| part.to_lowercase()).collect();
    let parts: Vec<&str> = lower.iter().map(String::as_str).collect();
    match (call.request.method.as_str(), &parts[..]) {
        ("GET", ["tenants"]) => call.values(access::tenants()),
        ("GET", ["subscriptions"]) => call.values(access::subscriptions()),
        ("GET", ["providers", "microsoft.authorization", "policydefinitions", name]) => {
            watch::definition(name)
        }
        (method, ["subscriptions", id, rest @ ..]) => {
            let of = SUBSCRIPTIONS.into_iter().find(|of| of.id == *id).ok_or_else(|| {
                Refusal::new(
                    404,
                    "SubscriptionNotFound",
                    format!("The subscription '{id}' could not be found."),
                )
            })?;
            match (method, rest) {
                (
                    "POST",
                    ["providers", "microsoft.policyinsights", "policystates", "latest", "queryresults"],
                ) => watch::states(call, of),
                ("GET", ["providers", "microsoft.insights", "eventtypes", "management", "values"]) => {
                    activity::answer(call, of, activity)
                }
                ("GET", ["providers", rest @ ..]) => of_subscription(call, of, rest),
                ("GET", ["resourcegroups", _, "providers", rest @ ..]) => of_resource(call, of, rest),
                _ => Err(no_route(call)),
            }
        }
        _ => Err(no_route(call)),
    }
}

fn no_route(call: &Call<'_>) -> Refusal {
    Refusal::new(
        404,
        "InvalidResourceType",
        format!("No resource type could be found for '{}'.", call.request.path),
    )
}

fn not_found(what: &str) -> Refusal {
    Refusal::new(404, "ResourceNotFound", format!("The Resource '{what}' was not found."))
}

fn of_subscription(call: &Call<'_>, of: &Subscription, path: &[&str]) -> Answer {
    let values = match path {
        ["microsoft.authorization", what] => match *what {
            "permissions" => access::permissions(),
            "roledefinitions" => access::definitions(of),
            "roleassignments" => access::assignments(call, of),
            "roleassignmentscheduleinstances" => access::instances(call, of),
            "roleeligibilityscheduleinstances" => access::eligible(call, of),
            "locks" => access::locks(of),
            "policyassignments" => watch::assignments(),
            _ => return Err(no_route(call)),
        },
        ["microsoft.storage", "storageaccounts"] => data::accounts(call, of),
        ["microsoft.keyvault", "vaults"] => data::vaults(of),
        ["microsoft.sql", "servers"] => data::servers(of),
        ["microsoft.compute", "virtualmachines"] => machines::machines(of),
        ["microsoft.compute", "disks"] => machines::disks(of),
        ["microsoft.network", "networksecuritygroups"] => machines::groups(call, of),
        ["microsoft.network", "networkwatchers"] => machines::watchers(of),
        ["microsoft.recoveryservices", "vaults"] => machines::vaults(of),
        ["microsoft.dataprotection", "backupvaults"] => Vec::new(),
        ["microsoft.insights", "diagnosticsettings"] => watch::of_subscription(call, of),
        ["microsoft.insights", "actiongroups"] => watch::action_groups(of),
        ["microsoft.insights", "activitylogalerts"] => watch::alerts(of),
        ["microsoft.security", "pricings"] => watch::plans(of),
        ["microsoft.security", "securitycontacts"] => watch::contacts(of),
        ["microsoft.security", "assessments"] => watch::assessments(call, of),
        ["microsoft.security", "assessmentmetadata"] => watch::metadata(),
        _ => return Err(no_route(call)),
    };
    call.values(values)
}

fn of_resource(call: &Call<'_>, of: &Subscription, path: &[&str]) -> Answer {
    match path {
        [.., "microsoft.insights", "diagnosticsettings"] => call.values(watch::of_resource(of, path)),
        ["microsoft.storage", "storageaccounts", name, "blobservices", "default"] => data::blobs(of, name),
        ["microsoft.storage", "storageaccounts", name, "blobservices", "default", "containers"] => {
            call.values(data::containers(call, of, name)?)
        }
        ["microsoft.keyvault", "vaults", vault, "keys"] => call.values(data::keys(of, vault)),
        ["microsoft.keyvault", "vaults", vault, "keys", key] => data::key(of, vault, key),
        ["microsoft.sql", "servers", server, rest @ ..] => match data::of_server(of, server, rest)? {
            Value::Array(values) => call.values(values),
            one => Ok(one),
        },
        ["microsoft.network", "networkwatchers", watcher, "flowlogs"] => {
            call.values(machines::flow_logs(of, watcher))
        }
        ["microsoft.recoveryservices", "vaults", vault, "backuppolicies"] => {
            call.values(machines::backup_policies(of, vault))
        }
        ["microsoft.recoveryservices", "vaults", vault, "backupprotecteditems"] => {
            call.values(machines::protected(call, of, vault))
        }
        _ => Err(no_route(call)),
    }
}

impl Call<'_> {
    /// A page of a list.
    fn values(&self, values: Vec<Value>) -> Answer {
        let (page, next) = self.page(MOST, &values)?;
        let mut body = json!({"value": page});
        if let Some(next) = next {
            body["nextLink"] = next.into();
        }
        Ok(body)
    }
}

/// What every resource has, with its properties.
fn resource(of: &Subscription, kind: &str, name: &str, properties: Value) -> Value {
    part(&of.resource(kind, name), kind, name, properties)
        .with("location", LOCATION.into())
        .with("tags", json!({}))
}

/// What a part of a resource has: an id that begins with the resource's.
fn part(id: &str, kind: &str, name: &str, properties: Value) -> Value {
    json!({"id": id, "name": name, "type": kind, "properties": properties})
}

/// One more member.
trait With {
    fn with(self, name: &str, value: Value) -> Self;
}

impl With for Value {
    fn with(mut self, name: &str, value: Self) -> Self {
        self[name] = value;
        self
    }
}
