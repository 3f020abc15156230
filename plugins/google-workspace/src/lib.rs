//! Evidence connector for Google Workspace.
//!
//! | module | reads | makes |
//! | --- | --- | --- |
//! | `users` | users, deleted ones too | `identity.account` |
//! | `groups` | groups and their members | `identity.group_membership` |
//! | `roles` | administrator roles and who holds them | `identity.role_grant` |
//! | `tokens` | applications that users have let in | `identity.app_grant` |
//! | `devices` | computers, ChromeOS and mobile devices | `device.endpoint` |
//! | `log` | sign-ins and what administrators did | `audit.activity`, `identity.access_change` |
//! | `describe` | | what the connector says of itself |
//! | `api` | hosts, paging, and what a refusal means, for all of them | |
//!
//! Follows the Admin SDK, <https://developers.google.com/workspace/admin>, and Cloud Identity's list of devices.

mod api;
mod describe;
mod devices;
mod groups;
mod log;
mod roles;
mod tokens;
mod users;

use api::Api;
use exhibit_sdk::prelude::*;

/// A source's settings.
#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    #[serde(default = "mine")]
    customer: String,
    #[serde(default)]
    endpoint: Option<String>,
}

/// Google's word for the customer that the acting administrator belongs to.
fn mine() -> String {
    "my_customer".to_owned()
}

/// The connector.
pub struct GoogleWorkspace;

impl Connector for GoogleWorkspace {
    type Settings = Settings;

    fn describe() -> Description {
        describe::describe()
    }

    fn validate(settings: &Settings) -> Vec<Problem> {
        describe::validate(settings)
    }

    fn check(ctx: &Context, settings: &Settings) -> Result<String> {
        let mut api = Api::new(ctx, settings);
        api.tenant = users::customer(&api)?;
        describe::probe(&api)?;
        Ok(api.tenant)
    }

    fn collect(ctx: &Context, settings: &Settings) -> Result<()> {
        let mut api = Api::new(ctx, settings);
        api.tenant = users::customer(&api)?;
        // Users first: what others hold is told by their ids.
        let (known, users) = match users::collect(&api) {
            Ok(known) => (known, Ok(())),
            Err(failure) => (users::Users::default(), Err(failure)),
        };
        let (groups, members) = match groups::collect(&api) {
            Ok(groups) => (groups, Ok(())),
            Err(failure) => (groups::Groups::default(), Err(failure)),
        };
        let ended = exhibit_sdk::all([
            users,
            members,
            roles::collect(&api, &known, &groups),
            tokens::collect(&api, &known),
            devices::collect(&api),
            log::collect(&api),
        ]);
        exhibit_sdk::all([ended, api.passing.end()])
    }
}

exhibit_sdk::export!(GoogleWorkspace);
