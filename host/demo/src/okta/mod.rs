//! A fake Okta: the Core Okta API (2025.11 and its OpenAPI document), HTTP/1.1 and JSON, for reading.
//!
//! | module | answers |
//! | --- | --- |
//! | `page` | `limit`, `after` and the Link header of every list |
//! | `users` | users, factors, roles |
//! | `groups` | groups, applications, assignments |
//! | `policies` | policies, rules, authenticators, zones, tokens |
//! | `events` | the System Log |
//!
//! What Okta does and a client must cope with is done here too: a list of users leaves out closed accounts
//! unless a filter asks for them; page sizes have maxima; the System Log has a next link even at its end;
//! errors have codes (`E0000011`); an outage is HTML, not JSON.

mod events;
mod groups;
mod page;
mod policies;
mod users;

use crate::calendar::http_date;
use crate::fakes::FakeOptions;
use crate::http::{Fake, Reply, Request};
use crate::org::{Org, Organisation};
use crate::random::{hex_id, okta_id};
use crate::system::{Source, System, Vendor};
use exhibit_evidence::time::{Clock, Timestamp};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The API token that the fake accepts. It opens nothing else.
const TOKEN: &str = "00simulatedOktaTokenOpensNothingElse000000";

pub(crate) const VENDOR: Vendor = Vendor {
    name: "Okta",
    connector: "okta",
    seats: &[],
    fake: |organisation, clock, options| {
        Arc::new(Okta::new(Arc::clone(organisation), Arc::clone(clock), options))
    },
    source: |origin| {
        let (settings, credential) = (json!({"org_url": origin}), json!({"scheme": "ssws"}));
        Source::new(settings, &["okta"], credential, vec![("token", TOKEN.to_owned())])
    },
};

/// Requests a minute, per kind of endpoint; Okta's own vary with the subscription.
const RATE_LIMIT: u64 = 600;

/// The fake.
pub(crate) struct Okta {
    organisation: Arc<Organisation>,
    clock: Arc<dyn Clock>,
    authorization: String,
    throttle_every: u64,
    throttle_reset_s: u64,
    asked: AtomicU64,
}

/// What an endpoint answers: JSON with headers, or an error.
pub(crate) type Answer = Result<Found, Refusal>;

/// A JSON body, and the links to this page and the next.
pub(crate) struct Found {
    body: Value,
    links: Vec<String>,
}

impl From<Value> for Found {
    fn from(body: Value) -> Self {
        Self { body, links: Vec::new() }
    }
}

/// An error in Okta's form.
pub(crate) struct Refusal {
    status: u16,
    code: &'static str,
    summary: String,
}

impl Refusal {
    pub(crate) fn not_found(id: &str, what: &str) -> Self {
        let summary = format!("Not found: Resource not found: {id} ({what})");
        Self { status: 404, code: "E0000007", summary }
    }

    pub(crate) fn invalid(what: &str) -> Self {
        Self { status: 400, code: "E0000001", summary: format!("Api validation failed: {what}") }
    }

    pub(crate) fn search(what: &str) -> Self {
        Self { status: 400, code: "E0000031", summary: format!("Invalid search criteria: {what}") }
    }
}

/// A request together with the organisation as it is now.
pub(crate) struct Call<'a> {
    pub(crate) request: &'a Request,
    pub(crate) org: Org<'a>,
    /// `http://127.0.0.1:PORT`, as the client sees it.
    pub(crate) base: String,
}

impl Call<'_> {
    /// A link to `path` below the API's root.
    pub(crate) fn href(&self, path: &str) -> String {
        format!("{}/api/v1/{path}", self.base)
    }

    /// A `_links` entry with the methods allowed there.
    pub(crate) fn link(&self, path: &str, allow: &[&str]) -> Value {
        json!({"href": self.href(path), "hints": {"allow": allow}})
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.org.at()
    }
}

/// An instant as Okta writes it in all but the log: RFC 3339 with milliseconds that are zero.
pub(crate) fn instant(at: Timestamp) -> String {
    Timestamp::from_ms(at.as_ms() / 1000 * 1000).to_string()
}

impl Okta {
    pub(crate) fn new(organisation: Arc<Organisation>, clock: Arc<dyn Clock>, options: &FakeOptions) -> Self {
        Self {
            organisation,
            clock,
            authorization: format!("SSWS {TOKEN}"),
            throttle_every: options.okta_throttle_every,
            throttle_reset_s: options.okta_throttle_reset_s,
            asked: AtomicU64::new(0),
        }
    }

    fn route(&self, call: &Call<'_>) -> Answer {
        let segments = call.request.segments();
        let path: Vec<&str> = segments.iter().map(String::as_str).collect();
        if let [".well-known", "okta-organization"] = path[..] {
            return Ok(well_known(call).into());
        }
        let ["api", "v1", rest @ ..] = &path[..] else {
            return Err(no_endpoint());
        };
        // Without a token only the organisation's public description is answered.
        if call.request.header("authorization") != Some(self.authorization.as_str()) {
            return Err(Refusal {
                status: 401,
                code: "E0000011",
                summary: "Invalid token provided".to_owned(),
            });
        }
        if call.request.method != "GET" {
            let summary = "The endpoint does not support the provided HTTP method".to_owned();
            return Err(Refusal { status: 405, code: "E0000022", summary });
        }
        match rest {
            ["org"] => Ok(settings(call).into()),
            ["users", rest @ ..] => users::answer(call, rest),
            ["groups", rest @ ..] => groups::groups(call, rest),
            ["apps", rest @ ..] => groups::apps(call, rest),
            ["policies", rest @ ..] => policies::policies(call, rest),
            ["authenticators"] => Ok(policies::authenticators(call).into()),
            ["api-tokens"] => Ok(policies::tokens(call).into()),
            ["zones"] => policies::zones(call),
            ["idps"] | ["logStreams"] | ["trustedOrigins"] | ["eventHooks"] => {
                page::list(call, 20, 200, Vec::<()>::new(), |_| Value::Null, |_| "")
            }
            ["iam", "roles"] => Ok(policies::custom_roles(call).into()),
            ["logs"] => events::answer(call),
            _ => Err(no_endpoint()),
        }
    }

    fn reply(&self, call: &Call<'_>, number: u64) -> Reply {
        let now = call.now();
        if self.organisation.story().outage_day(System::Okta) == Some(now.date()) {
            return Reply::new(
                503,
                "text/html",
                "<html><body><h1>503 Service Unavailable</h1></body></html>\n",
            );
        }
        let throttled = self.throttle_every > 0 && number.is_multiple_of(self.throttle_every);
        let answer = if throttled {
            let summary = "API call exceeded rate limit due to too many requests.".to_owned();
            Err(Refusal { status: 429, code: "E0000047", summary })
        } else {
            self.route(call)
        };
        let reply = match answer {
            Ok(found) => {
                found.links.into_iter().fold(json_reply(200, &found.body), |r, link| r.with("link", link))
            }
            Err(refusal) => json_reply(refusal.status, &error_body(&refusal, number)),
        };
        let seconds = now.as_ms() / 1000;
        // The clock stands still during a run, so what remains falls with requests and never near nothing.
        let remaining = if throttled { 0 } else { RATE_LIMIT - 1 - number % (RATE_LIMIT / 2) };
        let reset = if throttled { seconds + self.throttle_reset_s } else { seconds / 60 * 60 + 60 };
        reply
            .with("x-rate-limit-limit", RATE_LIMIT.to_string())
            .with("x-rate-limit-remaining", remaining.to_string())
            .with("x-rate-limit-reset", reset.to_string())
    }
}

impl Fake for Okta {
    fn answer(&self, request: &Request) -> Reply {
        let number = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
        let now = self.clock.now();
        let host = request.header("host").unwrap_or("127.0.0.1");
        let call = Call { request, org: self.organisation.state_at(now), base: format!("http://{host}") };
        self.reply(&call, number)
            .with("date", http_date(now))
            .with("cache-control", "no-cache, no-store")
            .with("x-okta-request-id", hex_id(number, "okta request", 32))
    }
}

fn json_reply(status: u16, body: &Value) -> Reply {
    Reply::new(status, "application/json", body.to_string())
}

fn error_body(refusal: &Refusal, number: u64) -> Value {
    let id = format!("oae{}", hex_id(number, "okta error", 22));
    json!({
        "errorCode": refusal.code, "errorSummary": refusal.summary, "errorLink": refusal.code,
        "errorId": id, "errorCauses": [],
    })
}

fn no_endpoint() -> Refusal {
    let summary = "The requested path was not found".to_owned();
    Refusal { status: 404, code: "E0000022", summary }
}

fn org_id(call: &Call<'_>) -> String {
    okta_id(call.org.seed(), "00o", "organisation")
}

fn well_known(call: &Call<'_>) -> Value {
    json!({
        "id": org_id(call), "cell": "sim1", "pipeline": "idx",
        "_links": {"organization": {"href": call.base}},
        "settings": {"analyticsCollectionEnabled": false, "bugReportingEnabled": true, "omEnabled": false},
    })
}

fn settings(call: &Call<'_>) -> Value {
    json!({
        "id": org_id(call), "companyName": "Example Organisation (simulated)", "subdomain": "simulated",
        "status": "ACTIVE", "website": "https://www.example.com", "city": "Dublin", "country": "Ireland",
        "address1": null, "address2": null, "state": null, "postalCode": null, "phoneNumber": null,
        "supportPhoneNumber": null, "endUserSupportHelpURL": null,
        "created": "2019-01-02T09:00:00.000Z", "lastUpdated": "2025-09-15T10:30:00.000Z", "expiresAt": null,
        "_links": {"preferences": {"href": call.href("org/preferences")}},
    })
}
