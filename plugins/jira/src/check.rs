//! Does the credential work, what does it open, and which site is this?

use crate::api::{Api, scoped};
use exhibit_sdk::kinds::{AccessChange, Account, Activity, GroupMembership, Resource, RoleGrant};
use exhibit_sdk::prelude::*;

pub(crate) fn check(api: &Api<'_>) -> Result<String> {
    scoped(api.get("/rest/api/3/myself").send()).map_err(|failure| {
        if failure.is_forbidden() {
            failure.context("the credential lacks the scope read:jira-user, without which nothing is read")
        } else if failure.status() == Some(401) && api.settings.cloud_id.is_none() {
            failure.context(
                "check the account's address and its API token; OAuth 2.0, and a token with scopes, need the setting `cloud_id`",
            )
        } else {
            failure
        }
    })?;
    probe(api)?;
    tenant(api)
}

/// What the run is to read: one cheap question of it, what it needs, and what is lost without.
struct Area {
    is_wanted: bool,
    path: &'static str,
    permission: &'static str,
    scope: &'static str,
    lost: &'static str,
}

fn areas(ctx: &Context) -> [Area; 4] {
    let browse = "the global permission Browse users and groups";
    [
        Area {
            is_wanted: ctx.wants::<Account>(),
            path: "/users/search?startAt=0&maxResults=1",
            permission: browse,
            scope: "read:jira-user",
            lost: "identity.account is incomplete",
        },
        Area {
            is_wanted: ctx.wants::<GroupMembership>(),
            path: "/group/bulk?startAt=0&maxResults=1",
            permission: browse,
            scope: "read:jira-user",
            lost: "identity.group_membership is incomplete",
        },
        Area {
            is_wanted: ctx.wants::<Resource>() || ctx.wants::<RoleGrant>(),
            path: "/project/search?startAt=0&maxResults=1",
            permission: "the permission Browse projects",
            scope: "read:jira-work",
            lost: "asset.resource and identity.role_grant are incomplete",
        },
        Area {
            is_wanted: ctx.wants::<Activity>() || ctx.wants::<AccessChange>(),
            path: "/auditing/record?offset=0&limit=1",
            permission: "the global permission Administer Jira",
            scope: "read:audit-log:jira",
            lost: "audit.activity and identity.access_change are incomplete",
        },
    ]
}

/// Asks each area; names those that the credential does not open, and fails where it opens none.
fn probe(api: &Api<'_>) -> Result<()> {
    let (mut opened, mut closed) = (0, None);
    for area in areas(api.ctx).into_iter().filter(|area| area.is_wanted) {
        match scoped(api.get(&format!("/rest/api/3{}", area.path)).send()) {
            Ok(_) => opened += 1,
            Err(failure) if failure.is_forbidden() || failure.is_not_found() => {
                let lacks = if failure.status() == Some(401) {
                    format!("the scope {}", area.scope)
                } else {
                    area.permission.to_owned()
                };
                let failure = failure.context(format!("the credential lacks {lacks}, and so {}", area.lost));
                exhibit_sdk::warn!("{}", failure.message());
                closed.get_or_insert(failure);
            }
            Err(failure) => return Err(failure),
        }
    }
    closed.filter(|_| opened == 0).map_or(Ok(()), Err)
}

/// The site's number; its address where Atlassian does not tell the number.
fn tenant(api: &Api<'_>) -> Result<String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Tenant {
        cloud_id: String,
    }
    let answer = api.ctx.get(format!("{}/_edge/tenant_info", api.site)).send();
    match (answer.and_then(|page| page.json::<Tenant>()), &api.settings.cloud_id) {
        (Ok(tenant), Some(id)) if tenant.cloud_id != *id => Err(Failure::config(format!(
            "`cloud_id` is {id}, and {} is the site {}: write the one that belongs to the other",
            api.site, tenant.cloud_id
        ))),
        (Ok(tenant), _) => Ok(tenant.cloud_id),
        (Err(failure), _) if failure.is_retryable() => Err(failure),
        // What was just answered with the credential was this site.
        (Err(_), Some(id)) => Ok(id.clone()),
        (Err(failure), None) => {
            exhibit_sdk::warn!("the site's number is unknown: {}", failure.message());
            Ok(api.host().to_owned())
        }
    }
}
