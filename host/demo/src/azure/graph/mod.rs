//! Microsoft Graph v1.0: Entra ID.
//!
//! | module | answers |
//! | --- | --- |
//! | `users` | users, deleted ones, registered factors, groups and their members |
//! | `roles` | directory roles, conditional access |
//! | `applications` | service principals, applications, what they were granted |
//! | `log` | sign-ins, directory audits |

mod applications;
pub(super) mod log;
mod roles;
mod users;

pub(super) use applications::{COLLECTOR, DEPLOYER, app_id, service_id};
pub(super) use log::PORTAL;
pub(super) use users::group_id;

use super::token::Audience;
use super::{Answer, Call, Refusal};
use crate::org::azure::TENANT;
use serde_json::{Map, Value, json};

pub(super) fn answer(call: &Call<'_>, log: &log::Log, path: &[&str]) -> Answer {
    Audience::Graph.check(call.request, call.now())?;
    if call.request.method != "GET" {
        return Err(Refusal::new(405, "Request_BadRequest", "Specified HTTP method is not allowed."));
    }
    match path {
        ["organization"] => {
            call.objects("organization", vec![json!({"id": TENANT, "displayName": "Example Organisation"})])
        }
        ["users"] => call.objects("users", users::list(call)),
        ["directory", "deletedItems", "microsoft.graph.user"] => call.objects("users", users::deleted(call)),
        ["reports", "authenticationMethods", "userRegistrationDetails"] => {
            call.objects("userRegistrationDetails", users::registrations(call))
        }
        ["groups"] => call.objects("groups", users::groups(call)),
        ["groups", id, "members"] => call.objects("directoryObjects", users::members(call, id)?),
        ["roleManagement", "directory", rest] => match *rest {
            "roleDefinitions" => call.objects("roleDefinitions", roles::definitions()),
            "roleAssignments" => call.objects("roleAssignments", roles::assignments(call)),
            "roleEligibilityScheduleInstances" => {
                call.objects("roleEligibilityScheduleInstances", roles::eligible(call))
            }
            _ => Err(not_found(rest)),
        },
        ["identity", "conditionalAccess", "policies"] => {
            call.objects("conditionalAccess/policies", roles::conditional_access(call))
        }
        ["policies", "identitySecurityDefaultsEnforcementPolicy"] => Ok(roles::security_defaults(call)),
        ["servicePrincipals"] => call.objects("servicePrincipals", applications::principals(call)),
        ["servicePrincipals", id, "appRoleAssignedTo"] => {
            call.objects("appRoleAssignments", applications::assigned_to(call, id)?)
        }
        ["applications"] => call.objects("applications", applications::applications(call)),
        ["oauth2PermissionGrants"] => call.objects("oauth2PermissionGrants", applications::consents(call)),
        ["auditLogs", "signIns"] => log.sign_ins(call),
        ["auditLogs", "directoryAudits"] => log.audits(call),
        _ => Err(not_found(&path.join("/"))),
    }
}

fn not_found(what: &str) -> Refusal {
    Refusal::new(404, "Request_ResourceNotFound", format!("Resource '{what}' does not exist."))
}

impl Call<'_> {
    /// A page of a list: as many as `$top` asks for and a hundred at most, with the members that `$select` names.
    fn objects(&self, context: &str, objects: Vec<Value>) -> Answer {
        let top = match self.request.param("$top").map(|text| text.parse::<usize>()) {
            None => 100,
            Some(Ok(top)) if (1..=999).contains(&top) => top.min(100),
            Some(_) => return Err(Refusal::invalid("Invalid page size specified.")),
        };
        let (page, next) = self.page(top, &objects)?;
        let selected = self.request.param("$select");
        let selected: Option<Vec<&str>> = selected.as_deref().map(|names| names.split(',').collect());
        let shown: Vec<Value> = page.iter().map(|object| select(object, selected.as_deref())).collect();
        let mut body = json!({"@odata.context": self.context(context), "value": shown});
        if let Some(next) = next {
            body["@odata.nextLink"] = next.into();
        }
        Ok(body)
    }

    fn context(&self, of: &str) -> String {
        format!("{}/v1.0/$metadata#{of}", self.base)
    }
}

fn select(object: &Value, names: Option<&[&str]>) -> Value {
    let (Some(names), Some(members)) = (names, object.as_object()) else { return object.clone() };
    let is_shown = |name: &str| name.starts_with('@') || names.contains(&name);
    let shown = members.iter().filter(|(name, _)| is_shown(name.as_str()));
    Value::Object(shown.map(|(name, value)| (name.clone(), value.clone())).collect::<Map<_, _>>())
}
