//! Evidence connector for Jira Cloud: one site.
//!
//! | module | reads | makes |
//! | --- | --- | --- |
//! | `api` | | where requests go, and what answers share |
//! | `check` | one cheap question of each area | |
//! | `users` | users | `identity.account` |
//! | `groups` | groups and their members | `identity.group_membership` |
//! | `projects` | projects, their roles, permission schemes | `asset.resource`, `identity.role_grant` |
//! | `issues` | searches by JQL, changelogs | what the next three share |
//! | `changes` | changes and access requests | `change.request` |
//! | `approvals` | approvals of service management | who approved a ticket |
//! | `links` | links of a ticket to elsewhere | the merges that carried it out |
//! | `incidents` | incidents | `ops.incident` |
//! | `audit` | the audit log; changes of status of tickets | `audit.activity`, `identity.access_change` |
//! | `describe` | | what the connector says of itself |
//!
//! Follows the REST API of version 3, <https://developer.atlassian.com/cloud/jira/platform/rest/v3/>, and for approvals that
//! of Jira Service Management, <https://developer.atlassian.com/cloud/jira/service-desk/rest/>.

mod api;
mod approvals;
mod audit;
mod changes;
mod check;
mod describe;
mod groups;
mod incidents;
mod issues;
mod links;
mod projects;
mod users;

use crate::api::Api;
use exhibit_sdk::kinds::{
    AccessChange, Account, Activity, ChangeRequest, GroupMembership, Incident, Resource, RoleGrant,
};
use exhibit_sdk::prelude::*;

/// A source's settings.
#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    site_url: String,
    #[serde(default)]
    cloud_id: Option<String>,
    #[serde(default)]
    api_endpoint: Option<String>,
    #[serde(default)]
    change_jql: Option<String>,
    #[serde(default)]
    access_request_jql: Option<String>,
    #[serde(default)]
    incident_jql: Option<String>,
    #[serde(default)]
    approved_statuses: Vec<String>,
    #[serde(default)]
    rejected_statuses: Vec<String>,
    #[serde(default)]
    rejected_resolutions: Vec<String>,
    #[serde(default)]
    emergency_labels: Vec<String>,
}

/// The connector.
pub struct Jira;

impl Connector for Jira {
    type Settings = Settings;

    fn describe() -> Description {
        describe::describe()
    }

    fn validate(settings: &Settings) -> Vec<Problem> {
        describe::validate(settings)
    }

    fn check(ctx: &Context, settings: &Settings) -> Result<String> {
        check::check(&Api::new(ctx, settings))
    }

    fn collect(ctx: &Context, settings: &Settings) -> Result<()> {
        let api = Api::new(ctx, settings);
        let mut parts = Vec::new();
        if ctx.wants::<Account>() {
            parts.push(users::collect(&api));
        }
        if ctx.wants::<GroupMembership>() {
            parts.push(groups::collect(&api));
        }
        if ctx.wants::<Resource>() || ctx.wants::<RoleGrant>() {
            parts.push(projects::collect(&api));
        }
        let mut log = audit::Log::open(&api);
        let mut tickets_are_read = true;
        if ctx.wants::<ChangeRequest>() || ctx.wants::<Activity>() {
            let changes = changes::collect(&api, &mut log);
            tickets_are_read = changes.is_ok();
            parts.push(changes);
        }
        if ctx.wants::<Incident>() {
            parts.push(incidents::collect(&api));
        }
        if ctx.wants::<Activity>() || ctx.wants::<AccessChange>() {
            parts.push(audit::collect(&api, log, tickets_are_read));
        }
        exhibit_sdk::all(parts)
    }
}

exhibit_sdk::export!(Jira);
