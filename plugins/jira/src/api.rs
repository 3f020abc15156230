//! Where requests go, and what answers share.

use crate::Settings;
use exhibit_sdk::kinds::PrincipalType;
use exhibit_sdk::prelude::*;

/// Where requests with OAuth 2.0, or with an API token that has scopes, go instead of the site:
/// <https://developer.atlassian.com/cloud/jira/platform/oauth-2-3lo-apps/>.
const GATEWAY: &str = "https://api.atlassian.com";

/// Jira's API at one site.
pub(crate) struct Api<'a> {
    pub(crate) ctx: &'a Context,
    pub(crate) settings: &'a Settings,
    pub(crate) site: &'a str,
    base: String,
}

impl<'a> Api<'a> {
    pub(crate) fn new(ctx: &'a Context, settings: &'a Settings) -> Self {
        let site = settings.site_url.trim_end_matches('/');
        let gateway = settings.api_endpoint.as_deref().unwrap_or(GATEWAY).trim_end_matches('/');
        let base = match &settings.cloud_id {
            None => site.to_owned(),
            Some(id) => format!("{gateway}/ex/jira/{}", encode(id)),
        };
        Self { ctx, settings, site, base }
    }

    /// A request with the credential.
    pub(crate) fn get(&self, path: &str) -> Request {
        self.ctx.get(format!("{}{path}", self.base)).header("accept", "application/json").auth("jira")
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
            .post(format!("{}/rest/api/3/search/jql", self.base))
            .header("accept", "application/json")
            .json(&body)
            .auth("jira")
            .paged(paging)
    }

    /// The pages of a list.
    pub(crate) fn pages(&self, list: Request) -> impl Iterator<Item = Result<Page>> + use<> {
        list.pages().map(scoped)
    }

    /// The lists of many things, asked side by side.
    pub(crate) fn each<'t, T>(
        &self,
        things: &'t [T],
        list: impl Fn(&'t T) -> Request,
    ) -> impl Iterator<Item = (&'t T, Result<Vec<Page>>)> {
        self.ctx.each(things, list).map(|(thing, answer)| (thing, scoped(answer)))
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

/// The gateway refuses what a token's scopes do not open with 401, as if there were no token.
pub(crate) fn scoped<T>(answer: Result<T>) -> Result<T> {
    answer.map_err(|failure| {
        let lacks_scope = failure.status() == Some(401) && failure.says(&["scope does not match"]);
        if lacks_scope { failure.forbidden() } else { failure }
    })
}

/// Whether Jira withholds this: 400 is the answer to a query that names what the credential may not see.
pub(crate) fn is_refused(failure: &Failure) -> bool {
    failure.is_forbidden() || failure.is_not_found() || failure.status() == Some(400)
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
