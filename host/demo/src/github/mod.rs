//! A fake GitHub: REST API of version 2022-11-28 and a query of GraphQL's, of one organisation, for reading.
//!
//! | module | answers |
//! | --- | --- |
//! | `people` | members, invitations, teams, work addresses |
//! | `repos` | repositories, their protection, access, keys, environments |
//! | `changes` | pull requests, reviews, checks, deployments: how they come about, and what is answered |
//! | `policy` | the organisation's rules, those of Actions, apps |
//! | `audit` | the audit log |
//! | `shape` | people and repositories, as most answers name them |
//!
//! What GitHub does and a client must cope with is done here too: lists page by Link headers, whose links name the
//! organisation and repositories by number; an invitation is no member; `204` says yes.

mod audit;
mod changes;
mod people;
mod policy;
mod repos;
mod shape;

use crate::http::{Fake, Reply, Request};
use crate::org::structure::Slot;
use crate::org::{Org, Organisation};
use crate::system::{Source, Vendor};
use exhibit_evidence::time::{Clock, Timestamp};
use serde_json::{Value, json};
use std::sync::Arc;

/// The token that the fake accepts. It opens nothing else.
const TOKEN: &str = "github_pat_11SIMULATED0opensNothingElse0000000000000000";
const ORG: &str = "example-org";
const ORG_ID: u64 = 900_100;
/// Fewer than the hundred that GitHub allows, so that there are several pages.
const MOST: usize = 50;

pub(crate) const VENDOR: Vendor = Vendor {
    name: "GitHub",
    connector: "github",
    seats: &[Slot::Engineering, Slot::Security, Slot::Contractors],
    fake: |organisation, clock, _| Arc::new(GitHub::new(Arc::clone(organisation), Arc::clone(clock))),
    source: |origin| {
        let settings = json!({"org": ORG, "api_url": origin});
        Source::new(settings, &["github"], json!({"scheme": "bearer"}), vec![("token", TOKEN.to_owned())])
    },
};

/// The fake.
struct GitHub {
    organisation: Arc<Organisation>,
    clock: Arc<dyn Clock>,
    changes: changes::Changes,
    log: Vec<audit::Event>,
}

/// A request together with the organisation as it is now.
struct Call<'a> {
    request: &'a Request,
    org: Org<'a>,
    /// `http://127.0.0.1:PORT`, as the client sees it.
    base: String,
}

/// What is answered: a status, a body, and the next page's link.
struct Found {
    status: u16,
    body: Value,
    link: Option<String>,
}

impl From<Value> for Found {
    fn from(body: Value) -> Self {
        Self { status: 200, body, link: None }
    }
}

/// An error in GitHub's form.
struct Refusal(u16, &'static str);

impl Refusal {
    fn not_found() -> Self {
        Self(404, "Not Found")
    }
}

type Answer = Result<Found, Refusal>;

impl Call<'_> {
    fn now(&self) -> Timestamp {
        self.org.at()
    }

    fn href(&self, path: &str) -> String {
        format!("{}/{path}", self.base)
    }

    fn param(&self, name: &str) -> Option<String> {
        self.request.param(name)
    }

    fn number(&self, name: &str, usual: usize) -> usize {
        self.param(name).and_then(|text| text.parse().ok()).filter(|n| *n > 0).unwrap_or(usual)
    }

    /// One page of a list, and the link to the next, which says by number what the path says by name.
    fn page<T>(&self, items: &[T], shape: impl Fn(&T) -> Value) -> Found {
        let (size, page) = (self.number("per_page", 30).min(MOST), self.number("page", 1));
        let listed: Vec<Value> = items.iter().skip((page - 1) * size).take(size).map(shape).collect();
        let link = (page * size < items.len()).then(|| {
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            query.extend_pairs(self.request.params().filter(|(name, _)| name != "page"));
            query.append_pair("page", &(page + 1).to_string());
            format!("<{}{}?{}>; rel=\"next\"", self.base, repos::numbered(&self.request.path), query.finish())
        });
        Found { status: 200, body: listed.into(), link }
    }

    /// The same, of a list that stands beside its number.
    fn counted<T>(&self, place: &str, items: &[T], shape: impl Fn(&T) -> Value) -> Found {
        let page = self.page(items, shape);
        Found { body: json!({"total_count": items.len(), place: page.body}), ..page }
    }
}

/// An instant in whole seconds.
fn instant(at: Timestamp) -> String {
    crate::calendar::whole_seconds(at)
}

impl GitHub {
    fn new(organisation: Arc<Organisation>, clock: Arc<dyn Clock>) -> Self {
        let (changes, log) = (changes::write(&organisation), audit::write(&organisation));
        Self { organisation, clock, changes, log }
    }

    fn route(&self, call: &Call<'_>) -> Answer {
        let token = call.request.header("authorization").and_then(|text| text.strip_prefix("Bearer "));
        if token != Some(TOKEN) {
            return Err(Refusal(401, "Bad credentials"));
        }
        let segments = call.request.segments();
        let path: Vec<&str> = segments.iter().map(String::as_str).collect();
        if (call.request.method.as_str(), &path[..]) == ("POST", &["graphql"]) {
            return people::graphql(call);
        }
        if call.request.method != "GET" {
            return Err(Refusal::not_found());
        }
        let number = |id: &str| id.parse::<u64>().ok();
        match &path[..] {
            ["orgs", ORG, rest @ ..] => self.of_organisation(call, rest),
            ["organizations", id, rest @ ..] if number(id) == Some(ORG_ID) => {
                self.of_organisation(call, rest)
            }
            ["repos", ORG, name, rest @ ..] => {
                let repo =
                    repos::REPOS.iter().find(|repo| repo.name == *name).ok_or_else(Refusal::not_found)?;
                self.of_repository(call, repo, rest)
            }
            ["repositories", id, rest @ ..] => {
                let found = repos::REPOS.iter().find(|repo| number(id) == Some(repo.id));
                self.of_repository(call, found.ok_or_else(Refusal::not_found)?, rest)
            }
            _ => Err(Refusal::not_found()),
        }
    }

    fn of_organisation(&self, call: &Call<'_>, path: &[&str]) -> Answer {
        match path {
            [] => Ok(policy::organisation(call).into()),
            ["repos"] => Ok(call.page(&repos::REPOS, |repo| repo.shape(call))),
            ["members" | "outside_collaborators" | "invitations" | "teams", ..] => people::answer(call, path),
            ["organization-roles"] => Ok(json!({"total_count": 0, "roles": []}).into()),
            ["installations"] => Ok(policy::installations(call)),
            ["actions", "permissions", rest @ ..] => policy::actions(rest),
            ["dependabot" | "code-scanning" | "secret-scanning", "alerts"] => {
                Ok(policy::alerts(call, path[0]))
            }
            ["rulesets", "rule-suites"] => Ok(json!([]).into()),
            ["audit-log"] => audit::answer(call, &self.log),
            _ => Err(Refusal::not_found()),
        }
    }

    fn of_repository(&self, call: &Call<'_>, repo: &repos::Repo, path: &[&str]) -> Answer {
        match path {
            ["issues" | "pulls" | "commits" | "deployments", ..] => {
                changes::answer(call, &self.changes, repo, path)
            }
            _ => repos::answer(call, repo, path),
        }
    }
}

impl Fake for GitHub {
    fn answer(&self, request: &Request) -> Reply {
        let org = self.organisation.state_at(self.clock.now());
        let host = request.header("host").unwrap_or("127.0.0.1");
        let found = self.route(&Call { request, org, base: format!("http://{host}") }).unwrap_or_else(|refusal| {
            let Refusal(status, message) = refusal;
            let body = json!({
                "message": message, "documentation_url": "https://docs.github.com/rest", "status": status.to_string(),
            });
            Found { status, body, link: None }
        });
        let body = if found.status == 204 { String::new() } else { found.body.to_string() };
        let reply = Reply::new(found.status, "application/json; charset=utf-8", body);
        let reply = reply.with("x-github-api-version-selected", "2022-11-28");
        found.link.into_iter().fold(reply, |reply, link| reply.with("link", link))
    }
}
