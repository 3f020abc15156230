//! Evidence connector for Jira Cloud: one site.
//!
//! | module | reads | makes |
//! | --- | --- | --- |
//! | `users` | users | `identity.account` |
//! | `groups` | groups and their members | `identity.group_membership` |
//! | `projects` | projects, their roles, permission schemes | `asset.resource`, `identity.role_grant` |
//! | `issues` | searches by JQL, changelogs | what the next three share |
//! | `changes` | changes and access requests | `change.request` |
//! | `incidents` | incidents | `ops.incident` |
//! | `audit` | the audit log; changes of status of tickets | `audit.activity`, `identity.access_change` |
//! | `describe` | | what the connector says of itself |
//!
//! Follows the REST API of version 3, <https://developer.atlassian.com/cloud/jira/platform/rest/v3/>.

mod audit;
mod changes;
mod describe;
mod groups;
mod incidents;
mod issues;
mod projects;
mod users;

use exhibit_sdk::kinds::{
    AccessChange, Account, Activity, ChangeRequest, GroupMembership, Incident, PrincipalType, Resource,
    RoleGrant,
};
use exhibit_sdk::prelude::*;

/// A source's settings.
#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    site_url: String,
    #[serde(default)]
    change_jql: Option<String>,
    #[serde(default)]
    access_request_jql: Option<String>,
    #[serde(default)]
    incident_jql: Option<String>,
    #[serde(default)]
    approved_statuses: Vec<String>,
    #[serde(default)]
    rejected_statuses: Vec<String>,
    #[serde(default)]
    rejected_resolutions: Vec<String>,
    #[serde(default)]
    emergency_labels: Vec<String>,
}

/// The connector.
pub struct Jira;

impl Connector for Jira {
    type Settings = Settings;

    fn describe() -> Description {
        describe::describe()
    }

    fn validate(settings: &Settings) -> Vec<Problem> {
        describe::validate(settings)
    }

    fn check(ctx: &Context, settings: &Settings) -> Result<String> {
        let api = Api::new(ctx, settings);
        api.get("/rest/api/3/myself").send()?;
        probe(&api)?;
        tenant(&api)
    }

    fn collect(ctx: &Context, settings: &Settings) -> Result<()> {
        let api = Api::new(ctx, settings);
        let mut parts = Vec::new();
        if ctx.wants::<Account>() {
            parts.push(users::collect(&api));
        }
        if ctx.wants::<GroupMembership>() {
            parts.push(groups::collect(&api));
        }
        if ctx.wants::<Resource>() || ctx.wants::<RoleGrant>() {
            parts.push(projects::collect(&api));
        }
        let mut log = audit::Log::open(&api);
        let mut tickets_are_read = true;
        if ctx.wants::<ChangeRequest>() || ctx.wants::<Activity>() {
            let changes = changes::collect(&api, &mut log);
            tickets_are_read = changes.is_ok();
            parts.push(changes);
        }
        if ctx.wants::<Incident>() {
            parts.push(incidents::collect(&api));
        }
        if ctx.wants::<Activity>() || ctx.wants::<AccessChange>() {
            parts.push(audit::collect(&api, log, tickets_are_read));
        }
        exhibit_sdk::all(parts)
    }
}

exhibit_sdk::export!(Jira);

/// The site's number; its address where Atlassian does not tell the number.
fn tenant(api: &Api<'_>) -> Result<String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Tenant {
        cloud_id: String,
    }
    let answer = api.ctx.get(format!("{}/_edge/tenant_info", api.site)).send();
    match answer.and_then(|page| page.json::<Tenant>()) {
        Ok(tenant) => Ok(tenant.cloud_id),
        Err(failure) if failure.is_retryable() => Err(failure),
        Err(failure) => {
            exhibit_sdk::warn!("the site's number is unknown: {}", failure.message());
            Ok(api.host().to_owned())
        }
    }
}

/// One cheap question of each area that the run is to read; names those that the credential does not open, and fails
/// where it opens none.
fn probe(api: &Api<'_>) -> Result<()> {
    let ctx = api.ctx;
    let browse = "the global permission Browse users and groups";
    let administer = "the global permission Administer Jira";
    let areas = [
        (ctx.wants::<Account>(), "/users/search?startAt=0&maxResults=1", browse, "identity.account"),
        (
            ctx.wants::<GroupMembership>(),
            "/group/bulk?startAt=0&maxResults=1",
            browse,
            "identity.group_membership",
        ),
        (
            ctx.wants::<Resource>() || ctx.wants::<RoleGrant>(),
            "/project/search?startAt=0&maxResults=1",
            "the permission Browse projects",
            "asset.resource and identity.role_grant",
        ),
        (
            ctx.wants::<Activity>() || ctx.wants::<AccessChange>(),
            "/auditing/record?offset=0&limit=1",
            administer,
            "audit.activity and identity.access_change",
        ),
    ];
    let (mut opened, mut closed) = (0, None);
    for (_, path, permission, lost) in areas.into_iter().filter(|(is_wanted, ..)| *is_wanted) {
        match api.get(&format!("/rest/api/3{path}")).send() {
            Ok(_) => opened += 1,
            Err(failure) if failure.is_forbidden() || failure.is_not_found() => {
                let failure = failure
                    .context(format!("the credential lacks {permission}, and so {lost} are incomplete"));
                exhibit_sdk::warn!("{}", failure.message());
                closed.get_or_insert(failure);
            }
            Err(failure) => return Err(failure),
        }
    }
    closed.filter(|_| opened == 0).map_or(Ok(()), Err)
}

/// Jira's API at one site.
pub(crate) struct Api<'a> {
    pub(crate) ctx: &'a Context,
    pub(crate) settings: &'a Settings,
    site: &'a str,
}

impl<'a> Api<'a> {
    fn new(ctx: &'a Context, settings: &'a Settings) -> Self {
        Self { ctx, settings, site: settings.site_url.trim_end_matches('/') }
    }

    /// A request with the credential.
    pub(crate) fn get(&self, path: &str) -> Request {
        self.ctx.get(format!("{}{path}", self.site)).header("accept", "application/json").auth("jira")
    }

    /// A list in pages that say which is the last.
    pub(crate) fn list(&self, path: &str) -> Request {
        let paging = Paging::offset("startAt").page_size("maxResults", 100).last("/isLast").items("/values");
        self.get(&format!("/rest/api/3{path}")).paged(paging)
    }

    /// A search by JQL, of these fields.
    pub(crate) fn search(&self, jql: &str, fields: &[&str]) -> Request {
        let body = serde_json::json!({"jql": jql, "fields": fields, "maxResults": 100});
        let paging =
            Paging::cursor(Read::json("/nextPageToken"), Write::json("/nextPageToken")).items("/issues");
        self.ctx
            .post(format!("{}/rest/api/3/search/jql", self.site))
            .header("accept", "application/json")
            .json(&body)
            .auth("jira")
            .paged(paging)
    }

    /// The site's host name, for subject keys.
    pub(crate) fn host(&self) -> &str {
        self.site.split("://").nth(1).unwrap_or(self.site)
    }

    /// Where people find an issue.
    pub(crate) fn browse(&self, key: &str) -> String {
        format!("{}/browse/{}", self.site, encode(key))
    }

    /// Whose account this is: a person by address, where it is shown.
    pub(crate) fn subject(&self, user: &User) -> String {
        subject::person_or_account(user.email_address.as_deref(), self.host(), &user.account_id)
    }
}

/// An account, as most answers name it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct User {
    pub(crate) account_id: String,
    pub(crate) account_type: Option<String>,
    pub(crate) email_address: Option<String>,
    pub(crate) display_name: Option<String>,
    pub(crate) active: Option<bool>,
}

impl User {
    /// What it is, as an actor.
    pub(crate) fn principal(&self) -> Option<PrincipalType> {
        match self.account_type.as_deref() {
            Some("atlassian" | "customer") => Some(PrincipalType::User),
            Some("app") => Some(PrincipalType::Service),
            _ => None,
        }
    }
}
