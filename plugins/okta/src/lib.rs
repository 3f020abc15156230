//! Evidence connector for Okta.
//!
//! | module | reads | makes |
//! | --- | --- | --- |
//! | `users` | users, their factors | `identity.account` |
//! | `roles` | administrator roles of users and groups | `identity.role_grant` |
//! | `groups` | groups and their members | `identity.group_membership` |
//! | `apps` | applications and who is assigned | `identity.app_grant` |
//! | `policies` | policies with rules, authenticators | `identity.auth_policy` |
//! | `tokens` | API tokens' metadata | `identity.credential` |
//! | `log` | the System Log | `audit.activity`, `identity.access_change` |
//!
//! Follows Okta's management API, <https://developer.okta.com/docs/api/openapi/okta-management/guides/overview/>.

mod apps;
mod groups;
mod log;
mod policies;
mod roles;
mod tokens;
mod users;

use exhibit_sdk::kinds::{
    AccessChange, Account, Activity, AppGrant, AuthPolicy, Credential, GroupMembership, RoleGrant,
};
use exhibit_sdk::prelude::*;

/// A source's settings.
#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    org_url: String,
}

/// The connector.
pub struct Okta;

impl Connector for Okta {
    type Settings = Settings;

    fn describe() -> Description {
        let log = "System Log: reports.read, okta.logs.read";
        Description::new("Okta", "Accounts, access, policies and the System Log of an Okta organisation")
            .setting(
                Setting::text("org_url", "Address of your Okta organisation")
                    .help("Without a path: https://example.okta.com, not the one with -admin.")
                    .example("https://example.okta.com"),
            )
            .kind::<Account>("Which accounts exist, in which status, with which second factors?")
            .kind::<RoleGrant>("Who holds which administrator role?")
            .kind::<GroupMembership>("Who is in which group?")
            .kind::<AppGrant>("Who may use which application?")
            .kind::<AuthPolicy>("How must people sign in?")
            .kind::<Credential>("Which API tokens exist, how old, and whose?")
            .kind::<AccessChange>("Who changed whose access?")
            .kind::<Activity>("What happened in the organisation?")
            .permission("okta.users.read", "users, factors", &["identity.account@1"])
            .permission(
                "okta.factors.read",
                "second factors; without it mfa_status is unknown",
                &["identity.account@1"],
            )
            .permission("okta.roles.read", "administrator roles", &["identity.role_grant@1"])
            .permission("okta.groups.read", "groups, members", &["identity.group_membership@1"])
            .permission("okta.apps.read", "applications, assignments", &["identity.app_grant@1"])
            .permission("okta.policies.read", "policies, rules", &["identity.auth_policy@1"])
            .permission("okta.authenticators.read", "authenticators", &["identity.auth_policy@1"])
            .permission("okta.apiTokens.read", "API tokens' metadata", &["identity.credential@1"])
            .permission("okta.logs.read", log, &["audit.activity@1", "identity.access_change@1"])
    }

    fn validate(settings: &Settings) -> Vec<Problem> {
        let url = &settings.org_url;
        let mut problems = Vec::new();
        if !(url.starts_with("https://") || url.starts_with("http://127.0.0.1:")) {
            problems.push(Problem::new(
                "/org_url",
                "write it with https://, for example https://example.okta.com",
            ));
        }
        if url.contains("-admin.okta") {
            problems.push(Problem::new(
                "/org_url",
                "leave out `-admin`: the API is at the organisation's own address",
            ));
        }
        problems
    }

    fn check(ctx: &Context, settings: &Settings) -> Result<String> {
        #[derive(Deserialize)]
        struct Organisation {
            id: String,
        }
        let api = Api { ctx, org_url: settings.org_url.trim_end_matches('/') };
        let organisation: Organisation =
            ctx.get(format!("{}/.well-known/okta-organization", api.org_url)).send()?.json()?;
        // That document needs no credential, so a wrong one would not show.
        probe(&api)?;
        Ok(organisation.id)
    }

    fn collect(ctx: &Context, settings: &Settings) -> Result<()> {
        let api = Api { ctx, org_url: settings.org_url.trim_end_matches('/') };
        let needs_users = ctx.wants::<Account>() || ctx.wants::<RoleGrant>() || ctx.wants::<AppGrant>();
        let mut parts = Vec::new();
        let mut users = users::Users::default();
        if needs_users {
            match users::collect(&api) {
                Ok(all) => {
                    users = all;
                    if ctx.wants::<RoleGrant>() {
                        parts.push(roles::collect(&api, &users));
                    }
                }
                Err(failure) => parts.push(Err(failure)),
            }
        }
        if ctx.wants::<GroupMembership>() {
            parts.push(groups::collect(&api));
        }
        if ctx.wants::<AppGrant>() {
            parts.push(apps::collect(&api, &users.known));
        }
        if ctx.wants::<AuthPolicy>() {
            parts.push(policies::collect(&api));
        }
        if ctx.wants::<Credential>() {
            parts.push(tokens::collect(&api));
        }
        if ctx.wants::<Activity>() || ctx.wants::<AccessChange>() {
            parts.push(log::collect(&api));
        }
        exhibit_sdk::all(parts)
    }
}

exhibit_sdk::export!(Okta);

/// One cheap question of each area that the run is to read. Fails where the credential is refused altogether, or
/// opens none of them; names those that it does not open.
fn probe(api: &Api<'_>) -> Result<()> {
    let wants = |kind: bool, path: &'static str, scope: &'static str| kind.then_some((path, scope));
    let ctx = api.ctx;
    let areas = [
        wants(ctx.wants::<Account>() || ctx.wants::<RoleGrant>(), "/api/v1/users?limit=1", "okta.users.read"),
        wants(ctx.wants::<GroupMembership>(), "/api/v1/groups?limit=1", "okta.groups.read"),
        wants(ctx.wants::<AppGrant>(), "/api/v1/apps?limit=1", "okta.apps.read"),
        wants(ctx.wants::<AuthPolicy>(), "/api/v1/policies?type=PASSWORD&limit=1", "okta.policies.read"),
        wants(ctx.wants::<Credential>(), "/api/v1/api-tokens?limit=1", "okta.apiTokens.read"),
        wants(
            ctx.wants::<Activity>() || ctx.wants::<AccessChange>(),
            "/api/v1/logs?limit=1",
            "okta.logs.read",
        ),
    ];
    let mut opened = 0;
    let mut closed = None;
    for (path, scope) in areas.into_iter().flatten() {
        match api.get(path).send() {
            Ok(_) => opened += 1,
            Err(failure) if failure.is_forbidden() => {
                let failure =
                    failure.context(format!("the credential lacks {scope} or an administrator role"));
                exhibit_sdk::warn!("{}", failure.message());
                closed.get_or_insert(failure);
            }
            Err(failure) => return Err(failure),
        }
    }
    closed.filter(|_| opened == 0).map_or(Ok(()), Err)
}

/// Okta's API at one organisation.
pub(crate) struct Api<'a> {
    pub(crate) ctx: &'a Context,
    org_url: &'a str,
}

impl Api<'_> {
    /// A request with the credential.
    pub(crate) fn get(&self, path: &str) -> Request {
        self.ctx.get(format!("{}{path}", self.org_url)).auth("okta")
    }

    /// A list: pages by the Link header, items at the top. Okta's own page sizes differ by list.
    pub(crate) fn list(&self, path: &str, limit: u32) -> Request {
        self.get(path).query("limit", limit.to_string()).paged(Paging::link_header().items(""))
    }

    /// A list that Okta answers whole.
    pub(crate) fn whole_list(&self, path: &str) -> Request {
        self.get(path).paged(Paging::link_header().items(""))
    }

    /// The organisation's host name, for subject keys.
    pub(crate) fn tenant(&self) -> &str {
        self.org_url.split("://").nth(1).unwrap_or(self.org_url)
    }
}
