//! Pulumi Cloud's API at one organisation: addresses, headers, lists, and what several answers have in common.

use crate::Settings;
use exhibit_sdk::kinds::PrincipalType;
use exhibit_sdk::prelude::*;
use std::collections::BTreeMap;

/// Where Pulumi Cloud answers.
const PULUMI: &str = "https://api.pulumi.com";

/// One organisation, seen from one run.
pub(crate) struct Api<'a> {
    pub(crate) ctx: &'a Context,
    pub(crate) settings: &'a Settings,
    origin: &'a str,
}

impl<'a> Api<'a> {
    pub(crate) fn new(ctx: &'a Context, settings: &'a Settings) -> Self {
        let origin = settings.api_url.as_deref().unwrap_or(PULUMI).trim_end_matches('/');
        Self { ctx, settings, origin }
    }

    /// A request with the credential. The version of the interface is in the media type.
    pub(crate) fn get(&self, path: &str) -> Request {
        with_headers(self.ctx.get(format!("{}{path}", self.origin)))
    }

    /// A request below the organisation's path.
    pub(crate) fn org(&self, path: &str) -> Request {
        self.get(&format!("/api/orgs/{}{path}", encode(&self.settings.organization)))
    }

    /// A list below the organisation's path, in pages that name the next by a token.
    pub(crate) fn org_list(&self, path: &str, items: &str) -> Request {
        self.org(path).paged(by_token(items))
    }

    /// The stacks of the organisation that the credential may see.
    pub(crate) fn stacks(&self) -> Request {
        self.get("/api/user/stacks")
            .query("organization", &self.settings.organization)
            .paged(by_token("/stacks"))
    }

    /// A request below a stack's path.
    pub(crate) fn stack(&self, project: &str, stack: &str, path: &str) -> Request {
        let organization = encode(&self.settings.organization);
        self.get(&format!("/api/stacks/{organization}/{}/{}{path}", encode(project), encode(stack)))
    }

    /// What policies found, so many at once, asked for as a grid in a web page does.
    pub(crate) fn issues(&self, rows: u32) -> Request {
        let body = serde_json::json!({"startRow": 0, "endRow": rows, "sortModel": []});
        let path = format!("/api/orgs/{}/policyresults/issues", encode(&self.settings.organization));
        let paging = Paging::rows("/startRow", "/endRow").total("/rowCount").items("/policyIssues");
        with_headers(self.ctx.post(format!("{}{path}", self.origin))).json(&body).paged(paging)
    }

    /// Something of the organisation's, across systems.
    pub(crate) fn asset(&self, name: &str) -> String {
        subject::asset(&format!("{}/{}/{name}", self.host(), self.settings.organization))
    }

    /// The host that answers, for subject keys of those whose address is not known.
    pub(crate) fn host(&self) -> &str {
        let host = self.origin.split("://").nth(1).unwrap_or(self.origin);
        host.strip_prefix("api.").unwrap_or(host)
    }
}

fn with_headers(request: Request) -> Request {
    request.header("accept", "application/vnd.pulumi+8").auth("pulumi")
}

fn by_token(items: &str) -> Paging {
    let token = Read::json("/continuationToken");
    Paging::cursor(token, Write::query("continuationToken")).items(items)
}

/// An account, as most answers name it. Pulumi Cloud shows no other identifier of it than the login.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct User {
    pub(crate) github_login: String,
    pub(crate) name: Option<String>,
    pub(crate) email: Option<String>,
}

impl User {
    /// The display name, where there is one.
    pub(crate) fn display_name(&self) -> Option<String> {
        self.name.clone().filter(|name| !name.is_empty())
    }

    /// The address, which only some answers have.
    pub(crate) fn address(&self) -> Option<String> {
        self.email.clone().filter(|email| !email.is_empty())
    }
}

/// Members by login, with the addresses that the list of members shows.
#[derive(Debug, Default)]
pub(crate) struct People(BTreeMap<String, Option<String>>);

impl People {
    pub(crate) fn add(&mut self, user: &User) {
        self.0.insert(user.github_login.clone(), user.address());
    }

    /// Whose account this is: a person by work address, where it is known.
    pub(crate) fn subject(&self, api: &Api<'_>, user: &User) -> String {
        let known = self.0.get(&user.github_login).and_then(Option::as_deref);
        subject::person_or_account(user.email.as_deref().or(known), api.host(), &user.github_login)
    }

    /// What an actor is: members are users. Tokens of the organisation and of teams act as users of their own, of
    /// whom Pulumi Cloud does not say what they are.
    pub(crate) fn principal(&self, api: &Api<'_>, login: &str) -> Option<PrincipalType> {
        match self.0.contains_key(login) {
            true if api.is_service(login) => Some(PrincipalType::Service),
            true => Some(PrincipalType::User),
            false => None,
        }
    }
}

impl Api<'_> {
    /// Whether the settings name this account as no person's.
    pub(crate) fn is_service(&self, login: &str) -> bool {
        self.settings.service_accounts.iter().any(|named| named.eq_ignore_ascii_case(login))
    }
}

/// Seconds since 1970; 0 stands for never.
pub(crate) fn seconds(seconds: Option<i64>) -> Option<Timestamp> {
    let seconds = u64::try_from(seconds?).ok().filter(|seconds| *seconds > 0)?;
    Some(Timestamp::from_secs(seconds))
}
