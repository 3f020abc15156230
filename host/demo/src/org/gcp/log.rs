//! What was done in Google Cloud, as Cloud Audit Logs tell it.
//!
//! Every change of who holds what, of a key, a sink, a database has its entry, at the same instant; deployments and what
//! Google does by itself come on top. Some eight a day.

use super::places::{self, DATA, OPS, PROD};
use super::story::GcpStory;
use super::things::BUCKETS;
use super::{COLLECTOR, Grant, ROBOTS, RobotKey};
use crate::calendar::{Held, LOG_FIRST_DAY, LOG_LAST_DAY, at, days, is_weekend};
use crate::org::growth::People;
use crate::random::{Stream, hex_id};
use exhibit_evidence::time::Timestamp;
use jiff::civil::date;

/// Which of the logs an entry is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Log {
    /// What administrators did.
    Activity,
    /// What Google's services did by themselves.
    SystemEvent,
    /// What Google's staff looked at.
    AccessTransparency,
}

impl Log {
    pub(crate) fn id(self) -> &'static str {
        match self {
            Self::Activity => "cloudaudit.googleapis.com/activity",
            Self::SystemEvent => "cloudaudit.googleapis.com/system_event",
            Self::AccessTransparency => "cloudaudit.googleapis.com/access_transparency",
        }
    }
}

/// A role given (`ADD`) or taken (`REMOVE`).
#[derive(Debug)]
pub(crate) struct Delta {
    pub(crate) action: &'static str,
    pub(crate) role: &'static str,
    pub(crate) member: String,
}

/// One entry.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) at: Timestamp,
    pub(crate) id: String,
    pub(crate) log: Log,
    /// Organisation, folder or project that it belongs to: a project by its id, as Google writes it here.
    pub(crate) of: String,
    pub(crate) service: &'static str,
    pub(crate) method: &'static str,
    /// The type of the monitored resource.
    pub(crate) kind: &'static str,
    pub(crate) resource: String,
    /// The address of who did it; empty where Google does not say.
    pub(crate) actor: String,
    pub(crate) denied: bool,
    pub(crate) delta: Option<Delta>,
}

struct Writer<'a> {
    seed: u64,
    people: &'a People,
    entries: Vec<Entry>,
}

/// `projects/example-prod-1`: how logs name a place.
pub(crate) fn place(name: &str) -> String {
    let project = places::PROJECTS.iter().find(|project| project.name == name);
    project.map_or_else(|| name.to_owned(), |project| format!("projects/{}", project.id))
}

/// Writes the whole log, in order of time.
pub(crate) fn write(
    seed: u64,
    people: &People,
    grants: &[Held<Grant>],
    keys: &[Held<RobotKey>],
    story: &GcpStory,
) -> Vec<Entry> {
    let mut writer = Writer { seed, people, entries: Vec::new() };
    writer.grants(grants);
    writer.keys(keys);
    writer.story(story);
    writer.daily();
    let first = at(LOG_FIRST_DAY, 0, 0);
    let mut entries = writer.entries;
    entries.retain(|entry| entry.at >= first);
    entries.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
    entries
}

impl Writer<'_> {
    fn add(&mut self, entry: Entry) {
        let id = hex_id(
            self.seed,
            &format!("gcp {:?} {} {} {:?}", entry.at, entry.method, entry.resource, entry.delta),
            16,
        );
        self.entries.push(Entry { id, ..entry });
    }

    /// What an administrator did, in a project or above.
    fn act(&self, at: Timestamp, of: &str, service: &'static str, method: &'static str) -> Entry {
        Entry {
            at,
            id: String::new(),
            log: Log::Activity,
            of: place(of),
            service,
            method,
            kind: "project",
            resource: place(of),
            actor: self.people.accounts[1].login.clone(),
            denied: false,
            delta: None,
        }
    }

    fn grants(&mut self, grants: &[Held<Grant>]) {
        for Held { what, from, until } in grants {
            let ends = until.map(|until| ("REMOVE", until));
            for (action, when) in [Some(("ADD", *from)), ends].into_iter().flatten() {
                let delta = Delta { action, role: what.role, member: what.member.clone() };
                let bucket = BUCKETS.iter().find(|bucket| bucket.name == what.on);
                let entry = match bucket {
                    Some(bucket) => Entry {
                        kind: "gcs_bucket",
                        resource: format!("projects/_/buckets/{}", bucket.name),
                        ..self.act(
                            when,
                            bucket.project.name,
                            "storage.googleapis.com",
                            "storage.setIamPermissions",
                        )
                    },
                    None => {
                        let kind = if what.on.starts_with("projects/") { "project" } else { "organization" };
                        Entry {
                            kind,
                            ..self.act(when, &what.on, "cloudresourcemanager.googleapis.com", "SetIamPolicy")
                        }
                    }
                };
                self.add(Entry { delta: Some(delta), ..entry });
            }
        }
    }

    fn keys(&mut self, keys: &[Held<RobotKey>]) {
        for Held { what, from, until } in keys {
            let Some(robot) = ROBOTS.iter().find(|robot| robot.email() == what.account) else { continue };
            let account = format!("projects/-/serviceAccounts/{}", robot.unique_id(self.seed));
            let made = ("google.iam.admin.v1.CreateServiceAccountKey", account.clone(), *from);
            let key = format!("{account}/keys/{}", what.id);
            let gone = until.map(|until| ("google.iam.admin.v1.DeleteServiceAccountKey", key, until));
            for (method, resource, when) in [Some(made), gone].into_iter().flatten() {
                let entry = self.act(when, robot.project.name, "iam.googleapis.com", method);
                self.add(Entry { kind: "service_account", resource, ..entry });
            }
        }
    }

    fn story(&mut self, story: &GcpStory) {
        let sink = format!("{}/sinks/{}", places::NAME, story.sink_deleted.id);
        for (method, when) in [
            ("google.logging.v2.ConfigServiceV2.DeleteSink", story.sink_deleted.span.start),
            ("google.logging.v2.ConfigServiceV2.CreateSink", story.sink_deleted.span.end),
        ] {
            let entry = self.act(when, places::NAME, "logging.googleapis.com", method);
            self.add(Entry { kind: "logging_sink", resource: sink.clone(), ..entry });
        }
        let instance = format!("projects/{}/instances/{}", PROD.id, story.backups_off.id);
        for when in [story.backups_off.span.start, story.backups_off.span.end] {
            let entry = self.act(when, PROD.name, "cloudsql.googleapis.com", "cloudsql.instances.update");
            self.add(Entry { kind: "cloudsql_database", resource: instance.clone(), ..entry });
        }
        let watched = story.sink_deleted.span.end.plus_ms(3_600_000);
        let method = "google.monitoring.v3.AlertPolicyService.CreateAlertPolicy";
        let entry = self.act(watched, OPS.name, "monitoring.googleapis.com", method);
        self.add(entry);
        let entry = self.act(
            places::new_service_at(),
            DATA.name,
            "serviceusage.googleapis.com",
            "google.api.serviceusage.v1.ServiceUsage.EnableService",
        );
        self.add(Entry { resource: format!("{}/services/aiplatform.googleapis.com", DATA.name), ..entry });
        let subnetwork = format!("projects/{}/regions/europe-west4/subnetworks/batch", PROD.id);
        let entry = self.act(
            at(date(2026, 3, 26), 9, 0),
            PROD.name,
            "compute.googleapis.com",
            "v1.compute.subnetworks.patch",
        );
        self.add(Entry { kind: "gce_subnetwork", resource: subnetwork, ..entry });
        // A case that was opened with Google.
        let looked = Entry {
            log: Log::AccessTransparency,
            kind: "organization",
            resource: format!("//googleapis.com/storage/buckets/{}", BUCKETS[1].name),
            actor: String::new(),
            ..self.act(
                at(date(2026, 2, 12), 16, 20),
                DATA.name,
                "storage.googleapis.com",
                "GoogleInternal.Read",
            )
        };
        self.add(looked);
    }

    fn daily(&mut self) {
        let mut dice = Stream::new(self.seed, "gcp days");
        let builder = &ROBOTS[4];
        for day in days(LOG_FIRST_DAY, LOG_LAST_DAY) {
            let moved = at(day, 3, dice.below(60));
            let method = "compute.instances.migrateOnHostMaintenance";
            let event = Entry {
                log: Log::SystemEvent,
                kind: "gce_instance",
                resource: format!(
                    "projects/{}/zones/europe-west1-b/instances/worker-{}",
                    PROD.id,
                    dice.below(4)
                ),
                actor: "system@google.com".to_owned(),
                ..self.act(moved, PROD.name, "compute.googleapis.com", method)
            };
            self.add(event);
            let deployments = if is_weekend(day) { 0 } else { dice.between(4, 9) };
            for _ in 0..deployments {
                let when =
                    at(day, dice.between(8, 17), dice.below(60)).plus_ms(dice.below(60_000).cast_signed());
                let service = *dice.pick(&["orders", "catalogue", "checkout"]);
                let robot = if dice.chance(25) { builder } else { &ROBOTS[0] };
                let method = "google.cloud.run.v2.Services.UpdateService";
                let entry = Entry {
                    kind: "cloud_run_revision",
                    resource: format!("projects/{}/locations/europe-west1/services/{service}", PROD.id),
                    actor: robot.email(),
                    denied: robot.name == builder.name,
                    ..self.act(when, PROD.name, "run.googleapis.com", method)
                };
                self.add(entry);
            }
        }
        // The collector's own account was made before the half year.
        let made = self.act(
            at(date(2025, 12, 15), 9, 40),
            OPS.name,
            "iam.googleapis.com",
            "google.iam.admin.v1.CreateServiceAccount",
        );
        self.add(Entry {
            kind: "service_account",
            resource: format!("projects/{}/serviceAccounts/{COLLECTOR}", OPS.id),
            ..made
        });
    }
}
