//! Evidence connector for Pulumi Cloud: one organisation.
//!
//! | module | reads | makes |
//! | --- | --- | --- |
//! | `members` | members, and the role that each holds | `identity.account`, `identity.role_grant` |
//! | `roles` | what the organisation's own roles allow | fields of `identity.role_grant` |
//! | `teams` | teams, their members, what they may reach | `identity.group_membership`, `identity.role_grant` |
//! | `tokens` | access tokens of the organisation and its teams, never their values | `identity.credential` |
//! | `policies` | policy groups and packs | `asset.resource` |
//! | `stacks` | stacks, their last update, their drift | `iac.stack` |
//! | `updates` | updates of stacks | `deploy.event` |
//! | `issues` | what policies found | `vuln.finding` |
//! | `audit` | the audit log | `audit.activity` |
//! | `api`, `check`, `describe` | | addresses; whether the token works; what the connector says of itself |
//!
//! Follows the REST API, <https://www.pulumi.com/docs/reference/cloud-rest-api/>.

mod api;
mod audit;
mod check;
mod describe;
mod issues;
mod members;
mod policies;
mod roles;
mod stacks;
mod teams;
mod tokens;
mod updates;

use api::{Api, People};
use exhibit_sdk::kinds::{
    Account, Activity, Credential, Deploy, Finding, GroupMembership, Resource, RoleGrant, Stack,
};
use exhibit_sdk::prelude::*;

/// A source's settings.
#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    organization: String,
    #[serde(default)]
    api_url: Option<String>,
    #[serde(default)]
    service_accounts: Vec<String>,
}

/// The connector.
pub struct Pulumi;

impl Connector for Pulumi {
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
        let passing = Passing::new(|_| false);
        let mut parts = Vec::new();
        let roles = roles::read(&api, &passing)?;
        let mut grants = ctx.wanted::<RoleGrant>(
            "roles of all members and teams, and what teams may do with stacks, environments and accounts",
        );
        let mut people = People::default();
        if ctx.wants::<Account>()
            || ctx.wants::<GroupMembership>()
            || ctx.wants::<Activity>()
            || grants.is_wanted()
        {
            match members::collect(&api, &roles, &mut grants) {
                Ok(read) => people = read,
                Err(failure) => {
                    grants.incomplete("members could not be read to their end, see the run's log");
                    parts.push(Err(failure));
                }
            }
        }
        if ctx.wants::<GroupMembership>() || ctx.wants::<Credential>() || grants.is_wanted() {
            parts.push(teams::collect(&api, &people, &roles, grants));
        }
        let mut groups = None;
        if ctx.wants::<Resource>() || ctx.wants::<Stack>() {
            parts.push(policies::collect(&api).map(|read| groups = read));
        }
        if ctx.wants::<Stack>() || ctx.wants::<Deploy>() {
            parts.push(stacks::collect(&api, &passing, groups.as_ref()));
        }
        if ctx.wants::<Finding>() {
            parts.push(issues::collect(&api));
        }
        if ctx.wants::<Activity>() {
            parts.push(audit::collect(&api, &people));
        }
        parts.push(passing.end());
        exhibit_sdk::all(parts)
    }
}

exhibit_sdk::export!(Pulumi);
