//! A fake Google Cloud: every service on one listener, as `/HOST/PATH`, for reading.
//!
//! | module | answers |
//! | --- | --- |
//! | `resources` | Resource Manager: organisation, folders, projects, IAM policies, permissions |
//! | `accounts` | IAM: service accounts, their keys, roles |
//! | `services` | Service Usage, Organization Policy |
//! | `storage` | Cloud Storage |
//! | `logging`, `entries` | Cloud Logging: sinks, buckets, metrics; audit logs |
//! | `monitoring` | Cloud Monitoring: alert policies, notification channels |
//! | `kms` | Cloud KMS |
//! | `compute` | Compute Engine: networks, subnetworks, firewalls |
//! | `sql` | Cloud SQL |
//!
//! `/token` is the token endpoint. What Google does and a client must cope with is done here too: empty lists are left
//! out, a page may have fewer items than asked for, a page of log entries none at all; an API that is off is refused;
//! what does not exist is forbidden.

mod accounts;
mod compute;
mod entries;
mod kms;
mod logging;
mod monitoring;
mod resources;
mod services;
mod sql;
mod storage;

use crate::calendar::http_date;
use crate::google::{Refusal, ServiceAccount, page, reply, reply_of_old};
use crate::http::{Fake, Reply, Request};
use crate::org::gcp::places::{FOLDERS, NAME, PROJECTS, Project, title};
use crate::org::gcp::story::GcpStory;
use crate::org::gcp::{COLLECTOR, Gcp as Cloud};
use crate::org::{Org, Organisation};
use crate::system::Vendor;
use exhibit_evidence::time::{Clock, Timestamp};
use serde_json::{Value, json};
use std::sync::Arc;

pub(crate) const VENDOR: Vendor = Vendor {
    name: "Google Cloud",
    connector: "gcp",
    seats: &[],
    fake: |organisation, clock, _| {
        Arc::new(Gcp { organisation: Arc::clone(organisation), clock: Arc::clone(clock) })
    },
    source: |origin| {
        let mut source = ACCOUNT.source(origin, &["gcp"]);
        source.settings.insert("organization".to_owned(), NAME.trim_start_matches("organizations/").into());
        source
    },
};

const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
const ACCOUNT: ServiceAccount = ServiceAccount { email: COLLECTOR, subject: None, scopes: &[SCOPE] };
/// A page has no more items than this, whatever was asked for.
const MOST: usize = 50;

/// The fake.
pub(crate) struct Gcp {
    organisation: Arc<Organisation>,
    clock: Arc<dyn Clock>,
}

/// A request and Google Cloud as it is now.
pub(crate) struct Call<'a> {
    pub(crate) request: &'a Request,
    pub(crate) org: Org<'a>,
}

impl<'a> Call<'a> {
    pub(crate) fn now(&self) -> Timestamp {
        self.org.at()
    }

    pub(crate) fn cloud(&self) -> &'a Cloud {
        self.org.gcp()
    }

    pub(crate) fn story(&self) -> &'a GcpStory {
        &self.org.story().gcp
    }

    /// A parameter of the query.
    pub(crate) fn param(&self, name: &str) -> Option<String> {
        self.request.param(name)
    }

    /// The body, which must be JSON.
    pub(crate) fn body(&self) -> Result<Value, Refusal> {
        serde_json::from_slice(&self.request.body).map_err(|_| invalid("Invalid JSON payload received."))
    }

    /// The project with this id or number. What does not exist is forbidden.
    pub(crate) fn project(&self, id: &str) -> Result<&'static Project, Refusal> {
        let number = format!("projects/{id}");
        let found = PROJECTS.iter().copied().find(|project| project.id == id || project.name == number);
        found.ok_or_else(|| denied("The caller does not have permission"))
    }

    /// The resource name of an active place. What does not exist is forbidden.
    pub(crate) fn place(&self, kind: &str, id: &str) -> Result<&'static str, Refusal> {
        if kind == "projects" {
            return self.project(id).map(|project| project.name);
        }
        let asked = format!("{kind}/{id}");
        let mut known = FOLDERS.iter().map(|folder| folder.name).chain([NAME]);
        known.find(|name| *name == asked).ok_or_else(|| denied("The caller does not have permission"))
    }

    /// The project, in which this API must be on.
    pub(crate) fn project_with(&self, id: &str, service: &str) -> Result<&'static Project, Refusal> {
        let project = self.project(id)?;
        if project.has(service, self.now()) {
            return Ok(project);
        }
        Err(denied(format!(
            "{} has not been used in project {} before or it is disabled.",
            title(service),
            project.name.trim_start_matches("projects/")
        )))
    }

    /// A page of a list, as today's APIs name its parameters and members.
    pub(crate) fn list(&self, member: &str, items: Vec<Value>) -> Answer {
        self.list_of(member, "pageSize", MOST, items)
    }

    /// A page of at most `most` items.
    pub(crate) fn list_of(&self, member: &str, size: &str, most: usize, items: Vec<Value>) -> Answer {
        page(self.request, json!({}), member, (size, most), &items, Value::clone)
    }
}

/// What an endpoint answers.
pub(crate) type Answer = Result<Value, Refusal>;

/// Whether this path exists, and if so what it answers.
pub(crate) type Routed = Option<Answer>;

pub(crate) fn denied(message: impl Into<String>) -> Refusal {
    Refusal::new(403, "PERMISSION_DENIED", message)
}

pub(crate) fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new(400, "INVALID_ARGUMENT", message)
}

impl Gcp {
    fn reply(&self, request: &Request, now: Timestamp) -> Reply {
        let segments = request.segments();
        let path: Vec<&str> = segments.iter().map(String::as_str).collect();
        let (host, path) = match path.split_first() {
            Some((&"token", [])) => return ACCOUNT.token(request, now),
            Some((host, path)) => (*host, path),
            None => return no_such_path(),
        };
        let old =
            matches!(host, "storage.googleapis.com" | "compute.googleapis.com" | "sqladmin.googleapis.com");
        let reply = if old { reply_of_old } else { reply };
        if let Err(refusal) = ACCOUNT.check(request, now, SCOPE) {
            return reply(Err(refusal));
        }
        let call = Call { request, org: self.organisation.state_at(now) };
        let reads = |answer: fn(&Call<'_>, &[&str]) -> Routed| {
            if request.method == "GET" { answer(&call, path) } else { None }
        };
        let routed = match host {
            "cloudresourcemanager.googleapis.com" => resources::answer(&call, path),
            "iam.googleapis.com" => reads(accounts::answer),
            "serviceusage.googleapis.com" => reads(services::enabled),
            "orgpolicy.googleapis.com" => reads(services::policies),
            "storage.googleapis.com" => reads(storage::answer),
            "logging.googleapis.com" => match (request.method.as_str(), path) {
                ("POST", ["v2", "entries:list"]) => Some(entries::list(&call)),
                _ => reads(logging::answer),
            },
            "monitoring.googleapis.com" => reads(monitoring::answer),
            "cloudkms.googleapis.com" => reads(kms::answer),
            "compute.googleapis.com" => reads(compute::answer),
            "sqladmin.googleapis.com" => reads(sql::answer),
            _ => None,
        };
        routed.map_or_else(no_such_path, reply)
    }
}

/// What Google's front end says of a path that no API has: a page of HTML.
fn no_such_path() -> Reply {
    let body = "<!DOCTYPE html>\n<html lang=en>\n<title>Error 404 (Not Found)!!1</title>\n";
    Reply::new(404, "text/html; charset=UTF-8", body)
}

impl Fake for Gcp {
    fn answer(&self, request: &Request) -> Reply {
        let now = self.clock.now();
        self.reply(request, now).with("date", http_date(now)).with("cache-control", "private")
    }
}
