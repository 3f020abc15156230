//! Whether the token works, whose organisation it is, and which areas it opens.

use crate::api::Api;
use exhibit_sdk::kinds::{
    Account, Activity, Credential, Deploy, Finding, GroupMembership, Resource, RoleGrant, Stack,
};
use exhibit_sdk::prelude::*;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Me {
    #[serde(default)]
    organizations: Option<Vec<Organization>>,
    token_info: Option<TokenInfo>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Organization {
    github_login: String,
}

#[derive(Debug, Deserialize)]
struct TokenInfo {
    organization: Option<String>,
}

/// The organisation, as Pulumi Cloud itself writes its name: it shows no other identifier of it.
pub(crate) fn check(api: &Api<'_>) -> Result<String> {
    let me: Me = api.get("/api/user").send()?.json()?;
    let of_token = me.token_info.and_then(|token| token.organization).filter(|name| !name.is_empty());
    let seen: Vec<String> =
        me.organizations.into_iter().flatten().map(|one| one.github_login).chain(of_token).collect();
    let asked = &api.settings.organization;
    let Some(tenant) = seen.iter().find(|name| name.eq_ignore_ascii_case(asked)) else {
        return Err(Failure::config(format!(
            "the token is of no organisation `{asked}`, but of: {}",
            if seen.is_empty() { "none".to_owned() } else { seen.join(", ") }
        )));
    };
    probe(api)?;
    Ok(tenant.clone())
}

/// One cheap question of each area that the run is to read; names those that the token does not open, and fails where
/// it opens none.
fn probe(api: &Api<'_>) -> Result<()> {
    let ctx = api.ctx;
    let end = ctx.started_at().as_secs();
    let log = api.org("/auditlogs/v2").query("startTime", end.saturating_sub(60).to_string());
    let members = ctx.wants::<Account>() || ctx.wants::<GroupMembership>() || ctx.wants::<RoleGrant>();
    let teams = ctx.wants::<GroupMembership>() || ctx.wants::<RoleGrant>();
    let stacks = ctx.wants::<Stack>() || ctx.wants::<Deploy>();
    let areas = [
        (
            members,
            api.org("/members").query("type", "frontend"),
            "org_member:read",
            "identity.account is incomplete",
        ),
        (
            teams,
            api.org("/teams"),
            "team:list and team:read",
            "identity.group_membership and identity.role_grant are incomplete",
        ),
        (
            ctx.wants::<RoleGrant>(),
            api.org("/roles").query("uxPurpose", "role"),
            "role:read",
            "what the organisation's own roles allow is unknown",
        ),
        (
            ctx.wants::<Credential>(),
            api.org("/tokens").query("maxResults", "1"),
            "org_token:read",
            "identity.credential is incomplete",
        ),
        (
            ctx.wants::<Resource>() || ctx.wants::<Stack>(),
            api.org("/policygroups"),
            "policy_groups:read",
            "asset.resource is incomplete, and which policies hold on a stack is unknown",
        ),
        (
            ctx.wants::<Resource>(),
            api.org("/policypacks"),
            "policy_pack:read",
            "asset.resource is incomplete",
        ),
        (ctx.wants::<Finding>(), api.issues(1), "policy_results:read", "vuln.finding is incomplete"),
        (
            ctx.wants::<Activity>(),
            log.query("endTime", end.to_string()),
            "audit_logs:read",
            "audit.activity is incomplete",
        ),
        (stacks, api.stacks(), "stack:read", "iac.stack and deploy.event are incomplete"),
    ];
    let (mut opened, mut closed) = (0, None);
    for (_, request, scope, lost) in areas.into_iter().filter(|(is_wanted, ..)| *is_wanted) {
        match request.send() {
            Ok(_) => opened += 1,
            Err(failure) if failure.is_forbidden() || failure.is_not_found() => {
                let failure =
                    failure.context(format!("the token's role lacks the scope {scope}, and so {lost}"));
                exhibit_sdk::warn!("{}", failure.message());
                closed.get_or_insert(failure);
            }
            Err(failure) => return Err(failure),
        }
    }
    closed.filter(|_| opened == 0).map_or(Ok(()), Err)
}
