//! Microsoft Entra ID, by Microsoft Graph.
//!
//! | module | reads | makes |
//! | --- | --- | --- |
//! | `users` | users, deleted ones too; who registered which factor | `identity.account` |
//! | `groups` | groups and their members | `identity.group_membership` |
//! | `roles` | directory roles: who holds them, who may activate them | `identity.role_grant` |
//! | `applications` | service principals and applications, their secrets and certificates | `identity.account`, `identity.credential` |
//! | `grants` | who is assigned to applications, and what these may do | `identity.app_grant` |
//! | `policies` | conditional access, security defaults | `identity.auth_policy` |
//! | `log` | directory audits, sign-ins | `audit.activity` |
//! | `api` | where it is, and how it pages, for all of them | |
//!
//! Follows Microsoft Graph v1.0, <https://learn.microsoft.com/en-us/graph/api/overview>. A list that Graph withholds leaves
//! its population incomplete, with Microsoft's reason; the others go on.

mod api;
mod applications;
mod grants;
mod groups;
mod log;
mod policies;
mod roles;
mod users;

use crate::Settings;
use api::{Graph, is_unlicensed};
use exhibit_sdk::prelude::*;

/// Permissions of an application (not delegated ones), what each opens, and for which kinds.
const PERMISSIONS: [(&str, &str, &[&str]); 4] = [
    (
        "Directory.Read.All",
        "Entra ID: users, groups, directory roles, applications, their credentials and grants; without it nothing of the directory is read",
        &[
            "identity.account@1",
            "identity.group_membership@1",
            "identity.role_grant@1",
            "identity.credential@1",
            "identity.app_grant@1",
        ],
    ),
    (
        "RoleManagement.Read.Directory",
        "Entra ID: who may activate a directory role (Privileged Identity Management)",
        &["identity.role_grant@1"],
    ),
    ("Policy.Read.All", "Entra ID: conditional access, security defaults", &["identity.auth_policy@1"]),
    (
        "AuditLog.Read.All",
        "Entra ID: directory audits, sign-ins, and which factors are registered; without it, as without a premium licence, mfa_status, mfa_factors and last_login_on are unknown",
        &["audit.activity@1", "identity.account@1"],
    ),
];

/// Whether any kind that Graph answers for is asked for.
pub(crate) fn is_wanted(ctx: &Context) -> bool {
    ctx.wants::<Account>()
        || ctx.wants::<GroupMembership>()
        || ctx.wants::<RoleGrant>()
        || ctx.wants::<Credential>()
        || ctx.wants::<AppGrant>()
        || ctx.wants::<AuthPolicy>()
        || ctx.wants::<Activity>()
}

/// Fails where the credential is not the tenant's; then one cheap question of each area that the run is to read: names
/// the permissions that are missing.
pub(crate) fn check(ctx: &Context, settings: &Settings) -> Result<()> {
    #[derive(Deserialize)]
    struct Organisation {
        id: String,
    }
    let graph = Graph::new(ctx, settings);
    let answer = graph.get("/organization").query("$select", "id").send();
    let answer = answer.map_err(|failure| match failure.status() {
        Some(403) => {
            failure.context("the directory may not be read: grant the application Directory.Read.All")
        }
        _ => failure,
    })?;
    let found = answer.items_at::<Organisation>("/value")?;
    if !found.iter().any(|organisation| organisation.id.eq_ignore_ascii_case(&graph.tenant)) {
        let seen = found.first().map_or("none", |organisation| organisation.id.as_str());
        let tenant = &graph.tenant;
        return Err(Failure::config(format!(
            "the token for Microsoft Graph is of the tenant {seen}, and tenant_id is {tenant}"
        )));
    }
    probe(&graph)
}

fn probe(graph: &Graph<'_>) -> Result<()> {
    let ctx = graph.ctx;
    let first = |path: &str| graph.get(path).query("$top", "1");
    let eligible = "/roleManagement/directory/roleEligibilityScheduleInstances";
    let areas = [
        (ctx.wants::<Account>(), 0, first("/users").query("$select", "id")),
        (ctx.wants::<GroupMembership>(), 0, first("/groups").query("$select", "id")),
        (
            ctx.wants::<RoleGrant>(),
            0,
            graph.get("/roleManagement/directory/roleDefinitions").query("$select", "id"),
        ),
        (ctx.wants::<RoleGrant>(), 1, graph.get(eligible)),
        (
            ctx.wants::<Credential>() || ctx.wants::<AppGrant>(),
            0,
            first("/servicePrincipals").query("$select", "id"),
        ),
        (
            ctx.wants::<AuthPolicy>(),
            2,
            graph.get("/identity/conditionalAccess/policies").query("$select", "id"),
        ),
        (ctx.wants::<Account>(), 3, graph.get(users::REGISTRATIONS)),
        (ctx.wants::<Activity>(), 3, first("/auditLogs/directoryAudits")),
        (ctx.wants::<Activity>(), 3, first("/auditLogs/signIns")),
    ];
    for (_, index, request) in areas.into_iter().filter(|(is_wanted, ..)| *is_wanted) {
        let Some((permission, reads, kinds)) = PERMISSIONS.get(index) else { continue };
        match request.send() {
            Ok(_) => {}
            Err(failure) if failure.code() == "auth" => return Err(failure),
            Err(failure) if is_unlicensed(&failure) => exhibit_sdk::warn!(
                "the tenant's licence does not cover a part of {reads} ({}): {}",
                kinds.join(", "),
                failure.message()
            ),
            Err(failure) => exhibit_sdk::warn!(
                "{reads} ({}) may not be read: grant the application {permission}: {}",
                kinds.join(", "),
                failure.message()
            ),
        }
    }
    Ok(())
}

/// Collects everything of the directory.
pub(crate) fn collect(ctx: &Context, settings: &Settings) -> Result<()> {
    let graph = Graph::new(ctx, settings);
    // Roles first: who holds one is an administrator, and a group that holds one is privileged.
    let (holders, roles) = match roles::collect(&graph) {
        Ok(holders) => (holders, Ok(())),
        Err(failure) => (roles::Holders::default(), Err(failure)),
    };
    let (services, applications) = match applications::collect(&graph) {
        Ok(services) => (services, Ok(())),
        Err(failure) => (applications::Services::default(), Err(failure)),
    };
    let parts = [
        roles,
        users::collect(&graph, &holders),
        groups::collect(&graph, &holders),
        applications,
        grants::collect(&graph, &services),
        policies::collect(&graph),
        log::collect(&graph),
    ];
    exhibit_sdk::all([exhibit_sdk::all(parts), graph.passing.end()])
}

/// What the credential needs, and for what.
pub(crate) fn permissions(described: Description) -> Description {
    PERMISSIONS.iter().fold(described, |described, (permission, reads, kinds)| {
        described.permission(permission, reads, kinds)
    })
}
