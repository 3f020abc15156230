//! A fake Google Workspace: Admin SDK (Directory, Reports) and Cloud Identity's devices, for reading.
//!
//! | module | answers |
//! | --- | --- |
//! | `users` | users, deleted ones, and the applications that they let in |
//! | `groups` | groups, members, administrator roles and who holds them |
//! | `devices` | mobile devices, ChromeOS, computers |
//! | `log` | sign-ins and what administrators did |
//!
//! Users are provisioned by the identity provider: made when its account is made, suspended when that is closed, and
//! deleted a month later; Google shows what was deleted for twenty days.

mod devices;
mod groups;
mod log;
mod users;

use crate::google::{Refusal, ServiceAccount, reply};
use crate::http::{Fake, Reply, Request};
use crate::org::people::{COLLECTOR, Status};
use crate::org::seats::Seat;
use crate::org::structure::Slot;
use crate::org::{Org, Organisation};
use crate::random::uuid_and_chance;
use crate::system::{System, Vendor};
use exhibit_evidence::time::{Clock, Timestamp};
use serde_json::Value;
use std::sync::Arc;

/// The customer's id.
const CUSTOMER: &str = "C0example1";
const DAY_MS: i64 = 86_400_000;
/// Days from the suspension of a leaver to the deletion, and how long Google shows what was deleted.
const DELETED_AFTER_DAYS: i64 = 30;
const SHOWN_AFTER_DAYS: i64 = 20;

const USERS: &str = "https://www.googleapis.com/auth/admin.directory.user.readonly";
const GROUPS: &str = "https://www.googleapis.com/auth/admin.directory.group.readonly";
const ROLES: &str = "https://www.googleapis.com/auth/admin.directory.rolemanagement.readonly";
const SECURITY: &str = "https://www.googleapis.com/auth/admin.directory.user.security";
const MOBILE: &str = "https://www.googleapis.com/auth/admin.directory.device.mobile.readonly";
const CHROMEOS: &str = "https://www.googleapis.com/auth/admin.directory.device.chromeos.readonly";
const COMPUTERS: &str = "https://www.googleapis.com/auth/cloud-identity.devices.readonly";
const REPORTS: &str = "https://www.googleapis.com/auth/admin.reports.audit.readonly";

const ACCOUNT: ServiceAccount = ServiceAccount {
    email: "exhibit@example-evidence.iam.gserviceaccount.com",
    subject: Some(COLLECTOR),
    scopes: &[USERS, GROUPS, ROLES, SECURITY, MOBILE, CHROMEOS, COMPUTERS, REPORTS],
};

pub(crate) const VENDOR: Vendor = Vendor {
    name: "Google Workspace",
    connector: "google-workspace",
    seats: &[Slot::Everyone],
    fake: |organisation, clock, _| {
        let log = log::write(organisation);
        Arc::new(Workspace { organisation: Arc::clone(organisation), clock: Arc::clone(clock), log })
    },
    source: |origin| ACCOUNT.source(origin, &["workspace"]),
};

/// The fake.
struct Workspace {
    organisation: Arc<Organisation>,
    clock: Arc<dyn Clock>,
    log: Vec<log::Entry>,
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

    /// Everybody who has a user, whom Google has not forgotten.
    fn members(&self) -> impl Iterator<Item = Member<'a>> {
        let (org, now) = (self.org, self.now());
        org.seats(System::GoogleWorkspace).filter_map(move |seat| Member::at(org.seed(), seat, now))
    }

    /// The user with this id or address who is not deleted.
    fn member(&self, key: &str) -> Result<Member<'a>, Refusal> {
        let found = self.members().find(|m| m.deleted.is_none() && (m.id == key || m.address() == key));
        found.ok_or_else(|| Refusal::not_found("userKey"))
    }

    /// Refuses another customer than the one there is.
    fn customer(&self, name: &str) -> Result<(), Refusal> {
        if name == "my_customer" || name == CUSTOMER { Ok(()) } else { Err(Refusal::not_found("customer")) }
    }
}

/// A user of the customer.
struct Member<'a> {
    seat: Seat<'a>,
    id: String,
    /// Since when nobody can sign in, and why.
    suspended: Option<Timestamp>,
    deleted: Option<Timestamp>,
}

impl<'a> Member<'a> {
    fn at(seed: u64, seat: Seat<'a>, now: Timestamp) -> Option<Self> {
        let deleted =
            seat.until.map(|until| until.plus_ms(DELETED_AFTER_DAYS * DAY_MS)).filter(|at| *at <= now);
        if deleted.is_some_and(|at| at.plus_ms(SHOWN_AFTER_DAYS * DAY_MS) <= now) {
            return None;
        }
        let account = seat.account;
        let barred = account.status_changed(now).filter(|_| account.status(now) == Some(Status::Suspended));
        Some(Self { seat, id: user_id(seed, &account.login), suspended: seat.until.or(barred), deleted })
    }

    fn address(&self) -> &'a str {
        &self.seat.account.login
    }
}

/// A user's id, of twenty-one digits.
fn user_id(seed: u64, login: &str) -> String {
    format!("1{:020}", uuid_and_chance(seed, &format!("google user {login}")).1)
}

impl Workspace {
    fn route(&self, call: &Call<'_>) -> Result<Value, Refusal> {
        let segments = call.request.segments();
        let path: Vec<&str> = segments.iter().map(String::as_str).collect();
        if call.request.method != "GET" {
            return Err(Refusal::not_found("method"));
        }
        let (scope, directory): (&str, &[&str]) = match &path[..] {
            ["cloudidentity.googleapis.com", "v1", "devices"] => (COMPUTERS, &[]),
            ["admin.googleapis.com", "admin", "reports", "v1", ..] => (REPORTS, &[]),
            ["admin.googleapis.com", "admin", "directory", "v1", rest @ ..] => match rest {
                ["users"] => (USERS, rest),
                ["users", _, "tokens"] => (SECURITY, rest),
                ["groups", ..] => (GROUPS, rest),
                ["customer", _, "roles" | "roleassignments"] => (ROLES, rest),
                ["customer", _, "devices", "mobile"] => (MOBILE, rest),
                ["customer", _, "devices", "chromeos"] => (CHROMEOS, rest),
                _ => return Err(Refusal::not_found(&call.request.path)),
            },
            _ => return Err(Refusal::not_found(&call.request.path)),
        };
        ACCOUNT.check(call.request, call.now(), scope)?;
        if let ["customer", customer, ..] = directory {
            call.customer(customer)?;
        }
        match directory {
            ["users"] => users::list(call),
            ["users", key, "tokens"] => users::tokens(call, key),
            ["groups"] => groups::list(call),
            ["groups", key, "members"] => groups::members(call, key),
            ["customer", _, "roles"] => groups::roles(call),
            ["customer", _, "roleassignments"] => groups::assignments(call),
            ["customer", _, "devices", "mobile"] => devices::mobile(call),
            ["customer", _, "devices", "chromeos"] => devices::chromeos(call),
            _ => match &path[..] {
                ["cloudidentity.googleapis.com", ..] => devices::computers(call),
                [.., "activity", "users", "all", "applications", application] => {
                    log::answer(call, &self.log, application)
                }
                _ => Err(Refusal::not_found(&call.request.path)),
            },
        }
    }
}

impl Fake for Workspace {
    fn answer(&self, request: &Request) -> Reply {
        let now = self.clock.now();
        if request.method == "POST" && request.path == "/token" {
            return ACCOUNT.token(request, now);
        }
        reply(self.route(&Call { request, org: self.organisation.state_at(now) }))
    }
}
