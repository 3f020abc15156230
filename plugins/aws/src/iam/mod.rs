//! Identity and Access Management: who there is, how they sign in, and what they may do.
//!
//! | module | reads | makes |
//! | --- | --- | --- |
//! | `directory` | `GetAccountAuthorizationDetails` | for the others |
//! | `policy` | policy documents | for `grants` |
//! | `report` | `GenerateCredentialReport`, `GetCredentialReport` | for `accounts` and `keys` |
//! | `accounts` | `ListMFADevices`, `GetAccountSummary` | `identity.account` |
//! | `keys` | `ListAccessKeys`, `GetAccessKeyLastUsed` | `identity.credential` |
//! | `grants` | | `identity.role_grant`, `identity.group_membership` |
//! | `password` | `GetAccountPasswordPolicy` | `identity.auth_policy` |

mod accounts;
mod directory;
mod grants;
mod keys;
mod password;
mod policy;
mod report;

use crate::api::Api;
use directory::Of;
use exhibit_sdk::kinds::{Account, Credential, GroupMembership, PrincipalType, RoleGrant};
use exhibit_sdk::prelude::*;

pub(crate) fn collect(api: &Api<'_>) -> Result<()> {
    exhibit_sdk::all([password::collect(api), people(api)])
}

fn people(api: &Api<'_>) -> Result<()> {
    let mut accounts = api.ctx.wanted::<Account>("all IAM users");
    let mut credentials = api.ctx.wanted::<Credential>("access keys of all IAM users");
    let mut memberships = api.ctx.wanted::<GroupMembership>("groups of all IAM users");
    let mut grants =
        api.ctx.wanted::<RoleGrant>("policies attached to, or written into, users, groups and roles");
    let of_users = accounts.is_wanted() || credentials.is_wanted();
    if !of_users && !memberships.is_wanted() && !grants.is_wanted() {
        return Ok(());
    }
    let mut feeds = [&mut accounts as &mut dyn Feed, &mut credentials, &mut memberships, &mut grants];
    let users = directory::principals(api, Of::User, &mut feeds)?.unwrap_or_default();
    let groups = directory::principals(api, Of::Group, &mut [&mut grants])?;
    let own = directory::policies(api)?;
    let (groups, own) = (groups.as_deref(), own.as_ref());

    grants::emit(&mut grants, api, PrincipalType::User, &users, own)?;
    grants::emit(&mut grants, api, PrincipalType::Group, groups.unwrap_or_default(), own)?;
    if grants.is_wanted() {
        let roles = directory::principals(api, Of::Role, &mut [&mut grants])?.unwrap_or_default();
        grants::emit(&mut grants, api, PrincipalType::Role, &roles, own)?;
    }
    grants.seal()?;
    grants::emit_memberships(&mut memberships, api, &users, groups, own)?;
    memberships.seal()?;
    if !of_users {
        return Ok(());
    }

    let keys = keys::read(api, &mut credentials, &users)?;
    if credentials.is_wanted() {
        keys::emit(&mut credentials, api, &users, &keys)?;
    }
    credentials.seal()?;
    let report = report::Report::obtain(api);
    if let Err(failure) = &report {
        exhibit_sdk::warn!("passwords and the root user are unknown: {}", failure.message());
        api.passing.note(failure.clone());
    }
    if accounts.is_wanted() {
        let known = accounts::Known { groups, own, keys: &keys, report: &report };
        accounts::emit(&mut accounts, api, &users, &known)?;
    }
    accounts.seal()?;
    exhibit_sdk::all([accounts::emit_root(api, &report), keys::emit_root(api, &report)])
}
