//! Azure Resource Manager: the subscriptions of a tenant, and what is in them.
//!
//! | module | reads | makes |
//! | --- | --- | --- |
//! | `subscriptions` | the tenant, its subscriptions | `asset.resource` |
//! | `roles` | role definitions | `asset.resource` |
//! | `grants` | role assignments, Privileged Identity Management | `identity.role_grant` |
//! | `locks` | locks | `asset.resource`, and `deletion_protected` of all others |
//! | `storage` | storage accounts | `asset.resource`, `config.encryption` |
//! | `vaults` | key vaults, their keys and access policies | `asset.resource`, `config.encryption`, `identity.role_grant` |
//! | `compute` | virtual machines, managed disks | `asset.resource`, `config.encryption` |
//! | `network` | network security groups, flow logs | `config.network_rule`, `config.logging` |
//! | `sql` | SQL servers and databases | `asset.resource`, `config.encryption`, `config.logging`, `config.network_rule` |
//! | `diagnostics` | diagnostic settings of subscriptions and resources | `config.logging` |
//! | `alerts` | activity-log alerts, action groups | `config.alert_rule` |
//! | `defender` | Microsoft Defender's plans and assessments | `config.alert_rule`, `vuln.finding` |
//! | `policy` | policy assignments and states | `asset.resource`, `vuln.finding` |
//! | `backup` | Recovery Services and Backup vaults | `asset.resource`, `config.backup_plan` |
//! | `activity` | the activity log | `audit.activity`, `identity.access_change` |
//! | `permissions` | what the credential may | |
//! | `api`, `id`, `resource` | paging, names, what every resource has, for all of them | |
//!
//! A list that the credential may not read leaves its population incomplete, with Azure's reason; the others go on.
//! What only one resource withholds is `unknown` on its record.

mod activity;
mod alerts;
mod api;
mod backup;
mod compute;
mod defender;
mod diagnostics;
mod grants;
mod id;
mod locks;
mod network;
mod permissions;
mod policy;
mod resource;
mod roles;
mod sql;
mod storage;
mod subscriptions;
mod vaults;

use crate::Settings;
use api::Arm;
use exhibit_sdk::prelude::*;
pub(crate) use permissions::permissions;

/// The tenant, as Azure names it. Fails where the credential does not see it; logs what is not granted.
pub(crate) fn check(ctx: &Context, settings: &Settings) -> Result<String> {
    let api = Arm::new(ctx, settings);
    let tenant = subscriptions::tenant(&api)?;
    if reads(settings) {
        let found = subscriptions::list(&api, settings)?;
        for gap in found.gaps(&api) {
            exhibit_sdk::warn!("{gap}");
        }
        permissions::probe(&api, &found.read);
    }
    Ok(tenant)
}

/// An empty list of subscriptions means that none is read.
fn reads(settings: &Settings) -> bool {
    !settings.subscriptions.as_ref().is_some_and(Vec::is_empty)
}

/// Collects everything of the tenant's subscriptions.
pub(crate) fn collect(ctx: &Context, settings: &Settings) -> Result<()> {
    if !reads(settings) {
        return Ok(());
    }
    let mut api = Arm::new(ctx, settings);
    let all = subscriptions::collect(&mut api, settings)?;
    let (roles, roles_read) = split(roles::collect(&api, &all));
    let (locks, locks_read) = split(locks::collect(&api, &all));
    let mut targets = diagnostics::Targets::new(&api);
    let ended = exhibit_sdk::all([
        roles_read,
        locks_read,
        grants::collect(&api, &all, &roles),
        storage::collect(&api, &all, &locks, &mut targets),
        vaults::collect(&api, &all, &locks, &mut targets),
        compute::collect(&api, &all, &locks),
        network::collect(&api, &all, &mut targets),
        sql::collect(&api, &all, &locks, &mut targets),
        targets.collect(&api),
        diagnostics::of_subscriptions(&api, &all),
        alerts::collect(&api, &all),
        defender::collect(&api, &all),
        policy::collect(&api, &all),
        backup::collect(&api, &all, &locks),
        activity::collect(&api, &all, &roles),
    ]);
    exhibit_sdk::all([ended, api.end()])
}

/// What was read, or nothing; and how it ended.
fn split<T: Default>(read: Result<T>) -> (T, Result<()>) {
    match read {
        Ok(value) => (value, Ok(())),
        Err(failure) => (T::default(), Err(failure)),
    }
}
