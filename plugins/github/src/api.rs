//! GitHub's API at one organisation: addresses, headers, lists, and words that several lists share.

use crate::Settings;
use crate::people::People;
use exhibit_sdk::kinds::{AccountType, PrincipalType};
use exhibit_sdk::prelude::*;

/// Where github.com answers.
const GITHUB: &str = "https://api.github.com";

/// What GitHub shows in the place of an account that has been deleted.
pub(crate) const GHOST: &str = "ghost";

/// One organisation, seen from one run.
pub(crate) struct Api<'a> {
    pub(crate) ctx: &'a Context,
    pub(crate) settings: &'a Settings,
    origin: &'a str,
    pub(crate) people: People,
}

impl<'a> Api<'a> {
    pub(crate) fn new(ctx: &'a Context, settings: &'a Settings) -> Self {
        let origin = settings.api_url.as_deref().unwrap_or(GITHUB).trim_end_matches('/');
        Self { ctx, settings, origin, people: People::default() }
    }

    /// A request with the credential, at this path of the REST API.
    pub(crate) fn get(&self, path: &str) -> Request {
        let base = if self.settings.enterprise_server { "/api/v3" } else { "" };
        self.with_headers(self.ctx.get(format!("{}{base}{path}", self.origin)))
    }

    /// A query of the GraphQL API.
    pub(crate) fn graphql(&self, query: &str) -> Request {
        let base = if self.settings.enterprise_server { "/api" } else { "" };
        let body = serde_json::json!({"query": query, "variables": {"org": self.settings.org}});
        self.with_headers(self.ctx.post(format!("{}{base}/graphql", self.origin)).json(&body))
    }

    fn with_headers(&self, request: Request) -> Request {
        request
            .header("accept", "application/vnd.github+json")
            .header("x-github-api-version", "2022-11-28")
            .auth("github")
    }

    /// A list of the longest pages that there are. Items are at the top.
    pub(crate) fn list(&self, path: &str) -> Request {
        self.get(path).query("per_page", "100").paged(Paging::link_header().items(""))
    }

    /// A list whose items stand at `items`, beside their number.
    pub(crate) fn counted_list(&self, path: &str, items: &str) -> Request {
        let paging = Paging::link_header().items(items).total("/total_count");
        self.get(path).query("per_page", "100").paged(paging)
    }

    /// A path below the organisation's.
    pub(crate) fn org(&self, path: &str) -> String {
        format!("/orgs/{}{path}", encode(&self.settings.org))
    }

    /// The host that people see: github.com for api.github.com. Accounts and repositories are named by it.
    pub(crate) fn host(&self) -> &str {
        let host = self.origin.split("://").nth(1).unwrap_or(self.origin);
        if self.settings.enterprise_server { host } else { host.strip_prefix("api.").unwrap_or(host) }
    }

    /// Whose account this is: a person by work address, where the organisation knows it.
    pub(crate) fn subject(&self, user: &User) -> String {
        subject::person_or_account(self.people.address(&user.login), self.host(), &user.id.to_string())
    }

    /// The repository across systems.
    pub(crate) fn repository(&self, full_name: &str) -> String {
        subject::repository(self.host(), full_name)
    }

    /// What stands behind an account, by GitHub's word and by the settings.
    pub(crate) fn account_type(&self, user: &User) -> Option<AccountType> {
        let is_named =
            self.settings.service_accounts.iter().any(|login| login.eq_ignore_ascii_case(&user.login));
        match user.r#type.as_deref() {
            Some("Bot") => Some(AccountType::Service),
            Some("User") if is_named => Some(AccountType::Service),
            Some("User") => Some(AccountType::Human),
            _ => None,
        }
    }
}

/// An account, as most answers name it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct User {
    pub(crate) id: u64,
    pub(crate) login: String,
    pub(crate) r#type: Option<String>,
}

impl User {
    /// What it is, as an actor.
    pub(crate) fn principal(&self) -> Option<PrincipalType> {
        match self.r#type.as_deref() {
            Some("User" | "Mannequin") => Some(PrincipalType::User),
            Some("Bot") => Some(PrincipalType::Service),
            _ => None,
        }
    }
}

/// The login, or what GitHub shows where the account has been deleted.
pub(crate) fn login_or_ghost(user: Option<&User>) -> String {
    user.map_or_else(|| GHOST.to_owned(), |user| user.login.clone())
}

/// Whether GitHub keeps this from the credential: 403, 404, or 422 where only an owner may ask.
pub(crate) fn is_withheld(failure: &Failure) -> bool {
    failure.is_forbidden() || failure.is_not_found() || failure.status() == Some(422)
}

/// What supports records and is no list of theirs: where GitHub withholds it, fields are unknown, and the run's
/// log says so with GitHub's reason, once.
pub(crate) struct Detail {
    what: &'static str,
    withheld: u64,
    first: Option<String>,
}

impl Detail {
    pub(crate) fn new(what: &'static str) -> Self {
        Self { what, withheld: 0, first: None }
    }

    /// The answer, or nothing where it is withheld. Other failures stay failures.
    pub(crate) fn known<T>(&mut self, answer: Result<T>) -> Result<Option<T>> {
        match answer {
            Ok(value) => Ok(Some(value)),
            Err(failure) if is_withheld(&failure) => {
                self.withheld += 1;
                self.first.get_or_insert_with(|| failure.message().to_owned());
                Ok(None)
            }
            Err(failure) => Err(failure),
        }
    }
}

impl Drop for Detail {
    fn drop(&mut self) {
        if let Some(first) = &self.first {
            exhibit_sdk::warn!("unknown: {}, {} times, the first because {first}", self.what, self.withheld);
        }
    }
}

/// An answer to one request of many, which `send_all` gives as pages.
pub(crate) fn single(answer: Option<Result<Vec<Page>>>) -> Result<Page> {
    let pages = answer.unwrap_or_else(|| Err(Failure::internal("a request was not answered")))?;
    pages.into_iter().next().ok_or_else(|| Failure::internal("an answer has no page"))
}

/// All pages of one list of many.
pub(crate) fn pages(answer: Option<Result<Vec<Page>>>) -> Result<Vec<Page>> {
    answer.unwrap_or_else(|| Err(Failure::internal("a list was not answered")))
}
