//! Evidence connector for GitHub: one organisation, and every repository of it.
//!
//! | module | reads | makes |
//! | --- | --- | --- |
//! | `members` | members, outside collaborators, second factors, invitations | `identity.account` |
//! | `people` | members' work addresses | subject keys of all the others |
//! | `teams` | teams and their members | `identity.group_membership` |
//! | `access` | owners, organisation roles, collaborators and teams of repositories | `identity.role_grant` |
//! | `apps` | GitHub Apps that are installed | `identity.app_grant` |
//! | `policy` | the organisation's rules, and those of Actions | `identity.auth_policy` |
//! | `keys` | deploy keys, credentials authorised for single sign-on | `identity.credential` |
//! | `resources` | repositories, environments | `asset.resource` |
//! | `protection`, `rules` | branch protection and rulesets | `config.repo_protection` |
//! | `alerts` | Dependabot, code scanning, secret scanning | `vuln.finding` |
//! | `pulls`, `reviews`, `checks`, `suites` | pull requests that were closed, and how | `change.request` |
//! | `deployments` | deployments and their statuses | `deploy.event` |
//! | `audit` | the audit log | `audit.activity`, `identity.access_change` |
//! | `repos` | the list of repositories, for all that is asked of each | |
//! | `describe`, `check` | what the connector says of itself; what the credential opens | |
//!
//! Follows GitHub's REST API of version 2022-11-28, <https://docs.github.com/en/rest>.

mod access;
mod alerts;
mod api;
mod apps;
mod audit;
mod check;
mod checks;
mod deployments;
mod describe;
mod keys;
mod members;
mod people;
mod policy;
mod protection;
mod pulls;
mod repos;
mod resources;
mod reviews;
mod rules;
mod suites;
mod teams;

use api::Api;
use exhibit_sdk::kinds::{
    AccessChange, Account, Activity, AppGrant, AuthPolicy, ChangeRequest, Credential, Deploy, Finding,
    GroupMembership, RepoProtection, Resource, RoleGrant,
};
use exhibit_sdk::prelude::*;

/// A source's settings.
#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    org: String,
    #[serde(default)]
    api_url: Option<String>,
    #[serde(default)]
    enterprise_server: bool,
    #[serde(default)]
    saml_sso: bool,
    #[serde(default)]
    repositories: Vec<String>,
    #[serde(default)]
    branches: Vec<String>,
    #[serde(default)]
    service_accounts: Vec<String>,
    #[serde(default)]
    emergency_labels: Vec<String>,
    #[serde(default)]
    ticket_prefixes: Vec<String>,
}

/// The connector.
pub struct GitHub;

impl Connector for GitHub {
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
        let mut api = Api::new(ctx, settings);
        let knows_people = ctx.wants::<Account>()
            || ctx.wants::<GroupMembership>()
            || ctx.wants::<RoleGrant>()
            || ctx.wants::<Credential>()
            || ctx.wants::<AccessChange>();
        if knows_people {
            api.people = people::read(&api)?;
        }
        let mut parts = Vec::new();
        let owners = if ctx.wants::<Account>() || ctx.wants::<RoleGrant>() {
            members::collect(&api)
        } else {
            Ok(None)
        };
        if ctx.wants::<GroupMembership>() {
            parts.push(teams::collect(&api));
        }
        if ctx.wants::<AppGrant>() {
            parts.push(apps::collect(&api));
        }
        if ctx.wants::<AuthPolicy>() {
            parts.push(policy::collect(&api));
        }
        if ctx.wants::<Finding>() {
            parts.push(alerts::collect(&api));
        }
        if ctx.wants::<Activity>() || ctx.wants::<AccessChange>() {
            parts.push(audit::collect(&api));
        }
        let (owners, failed) = match owners {
            Ok(owners) => (owners, Ok(())),
            Err(failure) => (None, Err(failure)),
        };
        parts.push(failed);
        parts.push(repos::collect(&api, parts_of_repositories(&api, owners.as_deref())));
        exhibit_sdk::all(parts)
    }
}

exhibit_sdk::export!(GitHub);

/// What is asked of every repository, as far as the run wants it.
fn parts_of_repositories<'a>(
    api: &'a Api<'a>,
    owners: Option<&'a [members::Owner]>,
) -> Vec<Box<dyn repos::Part + 'a>> {
    let ctx = api.ctx;
    let mut parts: Vec<Box<dyn repos::Part + 'a>> = Vec::new();
    if ctx.wants::<Resource>() {
        parts.push(Box::new(resources::Resources::open(api)));
    }
    if ctx.wants::<RepoProtection>() {
        parts.push(Box::new(protection::Protections::open(api)));
    }
    if ctx.wants::<RoleGrant>() {
        parts.push(Box::new(access::Grants::open(api, owners)));
    }
    if ctx.wants::<Credential>() {
        parts.push(Box::new(keys::Keys::open(api)));
    }
    if ctx.wants::<ChangeRequest>() {
        parts.push(Box::new(pulls::Pulls::open(api)));
    }
    if ctx.wants::<Deploy>() {
        parts.push(Box::new(deployments::Deployments::open(api)));
    }
    parts
}
