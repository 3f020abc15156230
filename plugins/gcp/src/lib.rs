//! Evidence connector for Google Cloud: an organisation with everything beneath it, or one project.
//!
//! | module | reads | makes |
//! | --- | --- | --- |
//! | `tree` | organisation, folders, projects | `asset.resource` |
//! | `services` | enabled services | `asset.resource` |
//! | `roles` | roles of the organisation's own | `asset.resource` |
//! | `grants` | IAM policies with what they pass down, audit configuration | `identity.role_grant`, `config.logging` |
//! | `accounts` | service accounts and their keys | `identity.account`, `identity.credential` |
//! | `storage` | buckets and their policies | `asset.resource`, `config.encryption`, `config.logging`, `identity.role_grant` |
//! | `kms` | Cloud KMS keys | `asset.resource`, `config.encryption` |
//! | `network` | networks, subnetworks, firewall rules | `asset.resource`, `config.logging`, `config.network_rule` |
//! | `sql` | Cloud SQL instances | `asset.resource`, `config.encryption`, `config.backup_plan` |
//! | `sinks` | log sinks, log buckets, log-based metrics | `config.logging`, `asset.resource` |
//! | `alerts` | alert policies, notification channels | `config.alert_rule` |
//! | `constraints` | organisation policies | `asset.resource` |
//! | `log`, `entry` | Cloud Audit Logs | `audit.activity`, `identity.access_change` |
//! | `describe` | | what the connector says of itself |
//! | `api`, `policy`, `values` | hosts and paging, bindings, Google's spelling, for all of them | |
//!
//! A list that the credential may not read leaves its population incomplete, with Google's reason; the others go on.
//! What only one resource withholds is `unknown` on its record.

mod accounts;
mod alerts;
mod api;
mod constraints;
mod describe;
mod entry;
mod grants;
mod kms;
mod log;
mod network;
mod policy;
mod roles;
mod services;
mod sinks;
mod sql;
mod storage;
mod tree;
mod values;

use api::Api;
use exhibit_sdk::prelude::*;

/// A source's settings.
#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    #[serde(default)]
    organization: Option<String>,
    #[serde(default)]
    project: Option<String>,
    #[serde(default = "yes")]
    inherited_grants: bool,
    #[serde(default)]
    endpoint: Option<String>,
}

fn yes() -> bool {
    true
}

/// The connector.
pub struct Gcp;

impl Connector for Gcp {
    type Settings = Settings;

    fn describe() -> Description {
        describe::describe()
    }

    fn validate(settings: &Settings) -> Vec<Problem> {
        describe::validate(settings)
    }

    fn check(ctx: &Context, settings: &Settings) -> Result<String> {
        let api = Api::new(ctx, settings.endpoint.as_deref());
        let tenant = tree::identity(&api, settings)?;
        describe::probe(&api, &tenant, settings)?;
        Ok(tenant)
    }

    fn collect(ctx: &Context, settings: &Settings) -> Result<()> {
        let mut api = Api::new(ctx, settings.endpoint.as_deref());
        api.tenant = tree::identity(&api, settings)?;
        let tree = tree::collect(&mut api, settings)?;
        let (services, services_read) = split(services::collect(&api, &tree));
        // Roles before grants: what a role of one's own permits is part of them.
        let (roles, roles_read) = split(roles::collect(&api, &tree));
        let ended = exhibit_sdk::all([
            services_read,
            roles_read,
            grants::collect(&api, &tree, &roles, settings.inherited_grants),
            accounts::collect(&api, &tree),
            storage::collect(&api, &tree, &roles),
            kms::collect(&api, &tree, &services),
            network::collect(&api, &tree, &services),
            sql::collect(&api, &tree, &services),
            sinks::collect(&api, &tree),
            alerts::collect(&api, &tree),
            constraints::collect(&api, &tree),
            log::collect(&api, &tree, &roles),
        ]);
        exhibit_sdk::all([ended, api.passing.end()])
    }
}

exhibit_sdk::export!(Gcp);

/// What was read, or nothing; and how it ended.
fn split<T: Default>(read: Result<T>) -> (T, Result<()>) {
    match read {
        Ok(value) => (value, Ok(())),
        Err(failure) => (T::default(), Err(failure)),
    }
}
