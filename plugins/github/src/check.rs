//! Whether the credential works, whose organisation it is, and which areas it opens.

use crate::api::{Api, is_withheld};
use crate::policy::Organisation;
use exhibit_sdk::kinds::{
    AccessChange, Account, Activity, AppGrant, AuthPolicy, ChangeRequest, Credential, Deploy, Finding,
    GroupMembership, RepoProtection, RoleGrant,
};
use exhibit_sdk::prelude::*;

#[derive(Debug, Deserialize)]
struct First {
    full_name: String,
    default_branch: Option<String>,
}

/// One cheap question, the permission that it needs, and what is missing without it.
struct Area {
    path: String,
    permission: &'static str,
    lost: &'static str,
}

/// The organisation's number, which stays when it is renamed. GitHub refuses a credential that it does not know even
/// where anyone may ask.
pub(crate) fn check(api: &Api<'_>) -> Result<String> {
    let answer = api.get(&api.org("")).send();
    let organisation: Organisation = answer
        .map_err(|failure| match failure.is_not_found() {
            true => Failure::config(format!(
                "there is no organisation `{}` that this credential can see: {}",
                api.settings.org,
                failure.message()
            )),
            false => failure,
        })?
        .json()?;
    let first = api.get(&api.org("/repos?type=all&per_page=1")).send()?.items::<First>()?;
    probe(api, first.first().map(|item| &**item))?;
    Ok(organisation.id.to_string())
}

/// Names the areas that are closed; fails where all are that the run is to read.
fn probe(api: &Api<'_>, first: Option<&First>) -> Result<()> {
    let areas = of_organisation(api)
        .into_iter()
        .chain(first.map(|first| of_repository(api, first)).unwrap_or_default());
    let (mut opened, mut closed) = (0, None);
    for Area { path, permission, lost } in areas {
        match api.get(&path).send() {
            Ok(_) => opened += 1,
            Err(failure) if is_absent(&failure) => opened += 1,
            Err(failure) if is_withheld(&failure) => {
                let failure = failure.context(format!("the credential lacks {permission}, and so {lost}"));
                exhibit_sdk::warn!("{}", failure.message());
                closed.get_or_insert(failure);
            }
            Err(failure) => return Err(failure),
        }
    }
    closed
        .filter(|_| opened == 0)
        .map_or(Ok(()), |failure| Err(Failure::permission(failure.message().to_owned())))
}

/// GitHub's word that there is no such thing, which it says to those alone who may know.
fn is_absent(failure: &Failure) -> bool {
    let said = failure.page().filter(|page| page.status() == 404).and_then(Page::vendor_message);
    matches!(said.as_deref(), Some("Branch not protected" | "Branch not found"))
}

fn wanted(is_wanted: bool, path: String, permission: &'static str, lost: &'static str) -> Option<Area> {
    is_wanted.then_some(Area { path, permission, lost })
}

fn of_organisation(api: &Api<'_>) -> Vec<Area> {
    let ctx = api.ctx;
    let members = "Organization: Members (read)";
    let administration = "Organization: Administration (read)";
    let findings = ctx.wants::<Finding>();
    [
        wanted(
            ctx.wants::<Account>(),
            api.org("/members?filter=2fa_disabled&per_page=1"),
            members,
            "who has a second factor is unknown (an owner's token, or an app, is needed)",
        ),
        wanted(
            ctx.wants::<GroupMembership>() || ctx.wants::<RoleGrant>(),
            api.org("/teams?per_page=1"),
            members,
            "identity.group_membership and identity.role_grant are incomplete",
        ),
        wanted(
            ctx.wants::<RoleGrant>(),
            api.org("/organization-roles"),
            "Organization: Custom organization roles (read)",
            "identity.role_grant is incomplete",
        ),
        wanted(
            ctx.wants::<AppGrant>(),
            api.org("/installations?per_page=1"),
            administration,
            "identity.app_grant is incomplete",
        ),
        wanted(
            ctx.wants::<AuthPolicy>(),
            api.org("/actions/permissions"),
            administration,
            "identity.auth_policy is incomplete",
        ),
        wanted(
            ctx.wants::<Activity>() || ctx.wants::<AccessChange>(),
            api.org("/audit-log?per_page=1"),
            "Organization: Administration (read), or the organisation Enterprise Cloud",
            "audit.activity and identity.access_change are incomplete",
        ),
        wanted(
            findings,
            api.org("/dependabot/alerts?per_page=1"),
            "Repository: Dependabot alerts (read)",
            "vuln.finding is incomplete",
        ),
        wanted(
            findings,
            api.org("/code-scanning/alerts?per_page=1"),
            "Repository: Code scanning alerts (read)",
            "vuln.finding is incomplete",
        ),
        wanted(
            findings,
            api.org("/secret-scanning/alerts?per_page=1&hide_secret=true"),
            "Repository: Secret scanning alerts (read)",
            "vuln.finding is incomplete",
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Of one repository, as what opens there opens in the others that the credential was given.
fn of_repository(api: &Api<'_>, first: &First) -> Vec<Area> {
    let ctx = api.ctx;
    let repo = first.full_name.split('/').map(encode).collect::<Vec<_>>().join("/");
    let path = |rest: &str| format!("/repos/{repo}{rest}");
    let branch = first.default_branch.as_deref().unwrap_or("main");
    [
        wanted(
            ctx.wants::<RepoProtection>(),
            path(&format!("/branches/{}/protection", encode(branch))),
            "Repository: Administration (read)",
            "what config.repo_protection says of older branch protection is unknown",
        ),
        wanted(
            ctx.wants::<Credential>(),
            path("/keys?per_page=1"),
            "Repository: Administration (read)",
            "identity.credential is incomplete",
        ),
        wanted(
            ctx.wants::<ChangeRequest>(),
            path("/pulls?per_page=1"),
            "Repository: Pull requests (read)",
            "change.request is incomplete",
        ),
        wanted(
            ctx.wants::<Deploy>(),
            path("/deployments?per_page=1"),
            "Repository: Deployments (read)",
            "deploy.event is incomplete",
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}
