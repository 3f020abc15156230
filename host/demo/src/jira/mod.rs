//! A fake Jira Cloud site: REST API version 3, for reading.
//!
//! | module | answers |
//! | --- | --- |
//! | `access` | users, groups, projects, roles, permission schemes |
//! | `tickets` | changes, access requests and incidents: how they come about |
//! | `search` | searches by JQL, changelogs |
//! | `audit` | the audit log |
//!
//! What Jira does and a client must cope with is done here too: pages are shorter than asked for, the list of users
//! never says which page is its last, instants have an offset without a colon.

mod access;
mod audit;
mod search;
mod tickets;

use crate::http::{Fake, Reply, Request};
use crate::org::people::{Account, COLLECTOR};
use crate::org::structure::Slot;
use crate::org::{Org, Organisation};
use crate::random::uuid;
use crate::system::{Source, Vendor};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use exhibit_evidence::time::{Clock, Timestamp};
use serde_json::{Value, json};
use std::sync::Arc;

/// The API token of the account that reads evidence.
const TOKEN: &str = "ATATT3xFfGF0simulatedOpensNothingElse=5A5A5A5A";

pub(crate) const VENDOR: Vendor = Vendor {
    name: "Jira",
    connector: "jira",
    seats: &[Slot::Engineering, Slot::It, Slot::Product, Slot::Support],
    fake: |organisation, clock, _| Arc::new(Jira::new(Arc::clone(organisation), Arc::clone(clock))),
    source: |origin| {
        let settings = json!({
            "site_url": origin, "change_jql": "project = CHG", "access_request_jql": "project = ACC",
            "incident_jql": "project = INC", "approved_statuses": ["Approved"], "rejected_statuses": ["Rejected"],
            "rejected_resolutions": ["Won't Do"], "emergency_labels": ["emergency"],
        });
        let credential = json!({"scheme": "basic", "username": COLLECTOR});
        Source::new(settings, &["jira"], credential, vec![("password", TOKEN.to_owned())])
    },
};

/// The fake.
struct Jira {
    organisation: Arc<Organisation>,
    clock: Arc<dyn Clock>,
    authorization: String,
    tickets: Vec<tickets::Ticket>,
    log: Vec<audit::Event>,
}

/// A request together with the organisation as it is now.
struct Call<'a> {
    request: &'a Request,
    org: Org<'a>,
    /// `http://127.0.0.1:PORT`, as the client sees it.
    base: String,
}

impl Call<'_> {
    fn now(&self) -> Timestamp {
        self.org.at()
    }

    fn href(&self, path: &str) -> String {
        format!("{}/rest/api/3/{path}", self.base)
    }

    /// A number of the query, or `usual`.
    fn number(&self, name: &str, usual: usize) -> Result<usize, Refusal> {
        let parse = |text: String| text.parse().map_err(|_| Refusal::invalid(&format!("{name}: {text}")));
        self.request.param(name).map_or(Ok(usual), parse)
    }

    /// One page that says which is the last: at most `most`, whatever was asked for.
    fn page<T>(&self, most: usize, items: &[T], shape: impl Fn(&T) -> Value) -> Result<Value, Refusal> {
        let start = self.number("startAt", 0)?;
        let limit = self.number("maxResults", most)?.clamp(1, most);
        let values: Vec<Value> = items.iter().skip(start).take(limit).map(shape).collect();
        Ok(json!({
            "self": self.href(&self.request.path), "maxResults": limit, "startAt": start, "total": items.len(),
            "isLast": start + limit >= items.len(), "values": values,
        }))
    }

    /// Somebody, as most answers name them.
    fn user(&self, account: &Account, is_active: bool) -> Value {
        self.named(
            &account_id(self.org.seed(), account),
            "atlassian",
            &account.name(),
            is_active,
            Some(&account.login),
        )
    }

    fn named(&self, id: &str, kind: &str, name: &str, is_active: bool, address: Option<&str>) -> Value {
        let sizes = ["16x16", "24x24", "32x32", "48x48"];
        let avatars: Value = sizes.iter().map(|s| (*s, format!("https://avatars.example.com/{s}"))).collect();
        let mut user = json!({
            "self": self.href(&format!("user?accountId={id}")), "accountId": id, "accountType": kind,
            "avatarUrls": avatars, "displayName": name, "active": is_active, "timeZone": "Europe/Dublin",
        });
        if let Some(address) = address {
            user["emailAddress"] = address.into();
        }
        user
    }
}

fn account_id(seed: u64, account: &Account) -> String {
    format!("712020:{}", uuid(seed, &format!("jira {}", account.login)))
}

/// An instant as Jira writes it: `2026-03-02T10:00:00.000+0000`.
fn instant(at: Timestamp) -> String {
    at.to_string().replace('Z', "+0000")
}

/// An error in Jira's form.
#[derive(Debug)]
struct Refusal(u16, String);

impl Refusal {
    fn not_found(what: &str) -> Self {
        Self(404, format!("{what} does not exist or you do not have permission to see it."))
    }

    fn invalid(what: &str) -> Self {
        Self(400, format!("The value is not valid: {what}"))
    }
}

impl Jira {
    fn new(organisation: Arc<Organisation>, clock: Arc<dyn Clock>) -> Self {
        let tickets = tickets::write(&organisation);
        let log = audit::write(&organisation);
        let authorization = format!("Basic {}", STANDARD.encode(format!("{COLLECTOR}:{TOKEN}")));
        Self { organisation, clock, authorization, tickets, log }
    }

    fn route(&self, call: &Call<'_>) -> Result<Value, Refusal> {
        let segments = call.request.segments();
        let path: Vec<&str> = segments.iter().map(String::as_str).collect();
        if let ["_edge", "tenant_info"] = path[..] {
            return Ok(json!({"cloudId": uuid(call.org.seed(), "jira site")}));
        }
        let ["rest", "api", "3", rest @ ..] = &path[..] else {
            return Err(Refusal::not_found("The page"));
        };
        if call.request.header("authorization") != Some(self.authorization.as_str()) {
            return Err(Refusal(401, "Client must be authenticated to access this resource.".to_owned()));
        }
        match (call.request.method.as_str(), rest) {
            ("POST", ["search", "jql"]) => search::search(call, &self.tickets),
            ("GET", ["issue", id, "changelog"]) => search::changelog(call, &self.tickets, id),
            ("GET", ["issue", id, "remotelink"]) => search::remote_links(call, &self.tickets, id),
            ("GET", ["auditing", "record"]) => audit::answer(call, &self.log),
            ("GET", rest) => access::answer(call, rest),
            _ => Err(Refusal(405, "Method Not Allowed".to_owned())),
        }
    }
}

impl Fake for Jira {
    fn answer(&self, request: &Request) -> Reply {
        let org = self.organisation.state_at(self.clock.now());
        let host = request.header("host").unwrap_or("127.0.0.1");
        let (status, body) = match self.route(&Call { request, org, base: format!("http://{host}") }) {
            Ok(body) => (200, body),
            Err(Refusal(status, message)) => (status, json!({"errorMessages": [message], "errors": {}})),
        };
        Reply::new(status, "application/json;charset=UTF-8", body.to_string())
    }
}
