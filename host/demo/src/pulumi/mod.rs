//! A fake Pulumi Cloud: its REST API, of one organisation, for reading.
//!
//! | module | answers |
//! | --- | --- |
//! | `people` | members, roles, teams, access tokens |
//! | `stacks` | stacks, their updates, drift |
//! | `policies` | policy groups, packs, what they found |
//! | `audit` | the audit log |
//!
//! <https://www.pulumi.com/docs/reference/cloud-rest-api/>. What Pulumi Cloud does and a client must cope with is done
//! here too: lists page in three ways, times are seconds, accounts are known by their names alone.

mod audit;
mod people;
mod policies;
mod stacks;

use crate::http::{Fake, Reply, Request};
use crate::org::pulumi::PulumiStory;
use crate::org::structure::Slot;
use crate::org::{Org, Organisation};
use crate::system::{Source, Vendor};
use exhibit_evidence::time::{Clock, Timestamp};
use serde_json::{Value, json};
use std::sync::Arc;

/// The organisation's access token that the fake accepts. It opens nothing else.
const TOKEN: &str = "pul-51a0c0de0b5e55ed0000000000000000simulated";
const ORG: &str = "example-org";
/// A page has no more items than this.
const MOST: usize = 50;

pub(crate) const VENDOR: Vendor = Vendor {
    name: "Pulumi Cloud",
    connector: "pulumi",
    seats: &[Slot::Engineering, Slot::Security],
    fake: |organisation, clock, _| {
        let stacks = stacks::write(organisation);
        let log = audit::write(organisation, &stacks);
        Arc::new(Pulumi { organisation: Arc::clone(organisation), clock: Arc::clone(clock), stacks, log })
    },
    source: |origin| {
        let settings =
            json!({"organization": ORG, "api_url": origin, "service_accounts": [people::PIPELINE]});
        let credential = json!({"scheme": "api_key_header", "header": "Authorization", "prefix": "token "});
        Source::new(settings, &["pulumi"], credential, vec![("key", TOKEN.to_owned())])
    },
};

/// The fake.
struct Pulumi {
    organisation: Arc<Organisation>,
    clock: Arc<dyn Clock>,
    stacks: Vec<stacks::Stack>,
    log: Vec<audit::Event>,
}

/// A request together with the organisation as it is now.
struct Call<'a> {
    request: &'a Request,
    org: Org<'a>,
}

impl<'a> Call<'a> {
    fn now(&self) -> Timestamp {
        self.org.at()
    }

    fn story(&self) -> &'a PulumiStory {
        &self.org.story().pulumi
    }

    fn uuid(&self, label: &str) -> String {
        crate::random::uuid(self.org.seed(), &format!("pulumi {label}"))
    }

    fn param(&self, name: &str) -> Option<String> {
        self.request.param(name)
    }

    /// A number of the query.
    fn number(&self, name: &str) -> Result<Option<i64>, Refusal> {
        let parse = |text: String| text.parse().map_err(|_| Refusal::invalid(name));
        self.param(name).map(parse).transpose()
    }

    /// One page of a list that goes on with a token.
    fn page(&self, place: &str, items: &[Value]) -> Answer {
        let start = match self.param("continuationToken").filter(|token| !token.is_empty()) {
            None => 0,
            Some(token) => {
                let start = token.strip_prefix("from-").and_then(|at| at.parse().ok());
                start.filter(|at| *at < items.len()).ok_or_else(|| Refusal::invalid("continuationToken"))?
            }
        };
        let end = (start + MOST).min(items.len());
        let mut body = json!({place: items[start..end]});
        if end < items.len() {
            body["continuationToken"] = format!("from-{end}").into();
        }
        Ok(body)
    }
}

/// An error in Pulumi Cloud's form.
#[derive(Debug)]
struct Refusal(u16, String);

impl Refusal {
    fn not_found(what: &str) -> Self {
        Self(404, format!("Not Found: {what} not found"))
    }

    fn invalid(what: &str) -> Self {
        Self(400, format!("Bad Request: invalid value of '{what}'"))
    }
}

type Answer = Result<Value, Refusal>;

/// An instant, as most answers write it.
fn seconds(at: Timestamp) -> u64 {
    at.as_ms() / 1000
}

impl Pulumi {
    fn route(&self, call: &Call<'_>) -> Answer {
        let token = call.request.header("authorization").and_then(|text| text.strip_prefix("token "));
        if token != Some(TOKEN) {
            return Err(Refusal(401, "Unauthorized: No credentials provided or are invalid.".to_owned()));
        }
        let segments = call.request.segments();
        let path: Vec<&str> = segments.iter().map(String::as_str).collect();
        match (call.request.method.as_str(), &path[..]) {
            ("GET", ["api", "user"]) => Ok(people::token_itself(call)),
            ("GET", ["api", "user", "stacks"]) => stacks::list(call, &self.stacks),
            ("GET", ["api", "stacks", ORG, project, name, rest @ ..]) => {
                let stack = self.stacks.iter().find(|stack| stack.is(project, name));
                stacks::one(call, stack.ok_or_else(|| Refusal::not_found("stack"))?, rest)
            }
            ("GET", ["api", "orgs", ORG, rest @ ..]) => self.of_organisation(call, rest),
            ("POST", ["api", "orgs", ORG, "policyresults", "issues"]) => policies::issues(call),
            _ => Err(Refusal::not_found("resource")),
        }
    }

    fn of_organisation(&self, call: &Call<'_>, path: &[&str]) -> Answer {
        match path {
            ["members"] => call.page("members", &people::members(call)),
            ["roles"] => Ok(json!({"roles": people::roles()})),
            ["teams"] => Ok(json!({"teams": people::teams()})),
            ["teams", name] => people::team(call, name),
            ["teams", name, "tokens"] => people::team(call, name).map(|_| json!({"tokens": []})),
            ["tokens"] => call.page("tokens", &people::tokens(call)),
            ["policygroups"] => Ok(json!({"policyGroups": policies::groups()})),
            ["policygroups", name] => policies::group(name),
            ["policypacks"] => Ok(json!({"policyPacks": policies::packs()})),
            ["auditlogs", "v2"] => audit::answer(call, &self.log),
            _ => Err(Refusal::not_found("resource")),
        }
    }
}

impl Fake for Pulumi {
    fn answer(&self, request: &Request) -> Reply {
        let org = self.organisation.state_at(self.clock.now());
        let (status, body) = match self.route(&Call { request, org }) {
            Ok(body) => (200, body),
            Err(Refusal(status, message)) => (status, json!({"code": status, "message": message})),
        };
        Reply::new(status, "application/json", body.to_string())
    }
}
