//! A fake Azure: Azure Resource Manager and Microsoft Graph v1.0 of one tenant, for reading, and the token endpoint.
//!
//! | module | answers |
//! | --- | --- |
//! | `token` | `/TENANT/oauth2/v2.0/token`, as login.microsoftonline.com does |
//! | `graph` | `/v1.0/…`, as graph.microsoft.com does: Entra ID |
//! | `arm` | everything else, as management.azure.com does |
//!
//! What Microsoft does and a client must cope with is done here too: a token is good for one of the two, and for an
//! hour; next links lead to whole URLs; Graph shows the members of an object that were asked for and no others, ids in
//! Azure Resource Manager change case on the way, operations are logged twice.

mod arm;
mod graph;
mod token;

use crate::calendar::http_date;
use crate::http::{Fake, Reply, Request};
use crate::org::azure::AzureStory;
use crate::org::people::Status;
use crate::org::seats::Seat;
use crate::org::structure::Slot;
use crate::org::{Org, Organisation, azure};
use crate::system::{Source, System, Vendor};
use exhibit_evidence::time::{Clock, Timestamp};
use serde_json::{Value, json};
use std::sync::Arc;

const DAY_MS: i64 = 86_400_000;
/// Days from the closing of an account to its deletion, and how long Entra ID shows what was deleted.
const DELETED_AFTER_DAYS: i64 = 14;
const SHOWN_AFTER_DAYS: i64 = 30;

pub(crate) const VENDOR: Vendor = Vendor {
    name: "Azure",
    connector: "azure",
    seats: &[Slot::Engineering, Slot::It, Slot::Security, Slot::Contractors],
    fake: |organisation, clock, _| {
        let (directory, activity) = (graph::log::write(organisation), arm::activity::write(organisation));
        Arc::new(Azure {
            organisation: Arc::clone(organisation),
            clock: Arc::clone(clock),
            directory,
            activity,
        })
    },
    source: |origin| {
        let settings = json!({
            "tenant_id": azure::TENANT, "arm_endpoint": origin, "graph_endpoint": origin, "login_endpoint": origin,
        });
        let credential = json!({
            "scheme": "oauth_client_credentials", "client_id": token::CLIENT,
            "token_url": format!("{origin}/{}/oauth2/v2.0/token", azure::TENANT),
        });
        let secret = ("client_secret", token::SECRET.to_owned());
        Source::new(settings, &["arm", "graph"], credential, vec![secret])
    },
};

/// The fake.
struct Azure {
    organisation: Arc<Organisation>,
    clock: Arc<dyn Clock>,
    directory: graph::log::Log,
    activity: Vec<arm::activity::Entry>,
}

/// A request together with the organisation as it is now.
struct Call<'a> {
    request: &'a Request,
    org: Org<'a>,
    /// `http://127.0.0.1:PORT`, as the client sees it.
    base: String,
}

impl<'a> Call<'a> {
    fn now(&self) -> Timestamp {
        self.org.at()
    }

    fn story(&self) -> &'a AzureStory {
        &self.org.story().azure
    }

    fn uuid(&self, label: &str) -> String {
        crate::random::uuid(self.org.seed(), &format!("azure {label}"))
    }

    /// Everybody who has an account in Entra ID, whom it has not forgotten, by id.
    fn members(&self) -> Vec<Member<'a>> {
        let (org, now) = (self.org, self.now());
        let members = org.seats(System::Azure).filter_map(|seat| Member::at(org.seed(), seat, now));
        let mut members: Vec<Member<'a>> = members.collect();
        members.sort_by(|a, b| a.id.cmp(&b.id));
        members
    }

    /// The items of this page of a list, at most `most`, and the link to the next.
    fn page<'t, T>(&self, most: usize, items: &'t [T]) -> Result<(&'t [T], Option<String>), Refusal> {
        let start = match self.request.params().find(|(name, _)| name.eq_ignore_ascii_case("$skiptoken")) {
            None => 0,
            Some((_, token)) => {
                let start = token.strip_prefix("RFNwd").and_then(|at| at.parse().ok());
                start
                    .filter(|at| *at < items.len())
                    .ok_or_else(|| Refusal::invalid("The skip token is invalid."))?
            }
        };
        let end = (start + most).min(items.len());
        let next = (end < items.len()).then(|| {
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            query.extend_pairs(
                self.request.params().filter(|(name, _)| !name.eq_ignore_ascii_case("$skiptoken")),
            );
            query.append_pair("$skiptoken", &format!("RFNwd{end}"));
            format!("{}{}?{}", self.base, self.request.path, query.finish())
        });
        Ok((&items[start..end], next))
    }

    /// The bounds of a filter that asks for one stretch of time: `FIELD ge FROM and FIELD le TO`, quoted or not.
    fn window(&self, field: &str) -> Result<(Timestamp, Timestamp), Refusal> {
        let filter = self.request.param("$filter").unwrap_or_default();
        let bound = |text: &str, word: &str| {
            let bound = text.strip_prefix(field)?.strip_prefix(word)?;
            bound.trim_matches('\'').parse::<Timestamp>().ok()
        };
        let parsed = filter
            .split_once(" and ")
            .and_then(|(from, to)| Some((bound(from, " ge ")?, bound(to, " le ")?)));
        parsed.ok_or_else(|| Refusal::invalid("Invalid filter clause."))
    }
}

/// An account of a person in Entra ID.
struct Member<'a> {
    seat: Seat<'a>,
    id: String,
    enabled: bool,
    deleted: Option<Timestamp>,
}

impl<'a> Member<'a> {
    fn at(seed: u64, seat: Seat<'a>, now: Timestamp) -> Option<Self> {
        let deleted =
            seat.until.map(|until| until.plus_ms(DELETED_AFTER_DAYS * DAY_MS)).filter(|at| *at <= now);
        if deleted.is_some_and(|at| at.plus_ms(SHOWN_AFTER_DAYS * DAY_MS) <= now) {
            return None;
        }
        let enabled = seat.until.is_none() && seat.account.status(now) != Some(Status::Suspended);
        Some(Self { seat, id: azure::user_id(seed, &seat.account.login), enabled, deleted })
    }
}

/// An error, whose form depends on who refuses.
#[derive(Debug)]
struct Refusal {
    status: u16,
    code: &'static str,
    message: String,
}

impl Refusal {
    fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    fn invalid(message: &str) -> Self {
        Self::new(400, "BadRequest", message)
    }
}

type Answer = Result<Value, Refusal>;

impl Fake for Azure {
    fn answer(&self, request: &Request) -> Reply {
        let now = self.clock.now();
        let segments = request.segments();
        let path: Vec<&str> = segments.iter().map(String::as_str).collect();
        if let [tenant, "oauth2", "v2.0", "token"] = path[..] {
            return token::answer(request, tenant, now);
        }
        let host = request.header("host").unwrap_or("127.0.0.1");
        let call = Call { request, org: self.organisation.state_at(now), base: format!("http://{host}") };
        let answer = match &path[..] {
            ["v1.0", rest @ ..] => graph::answer(&call, &self.directory, rest),
            _ => arm::answer(&call, &self.activity, &path),
        };
        let (status, body) = match answer {
            Ok(body) => (200, body),
            Err(Refusal { status, code, message }) => {
                let mut error = json!({"code": code, "message": message});
                if path.first() == Some(&"v1.0") {
                    let id = call.uuid(&format!("request {now}"));
                    let date = now.to_string();
                    let date = date.get(..19).unwrap_or_default();
                    error["innerError"] = json!({"date": date, "request-id": id, "client-request-id": id});
                }
                (status, json!({"error": error}))
            }
        };
        Reply::new(status, "application/json; charset=utf-8", body.to_string()).with("date", http_date(now))
    }
}
