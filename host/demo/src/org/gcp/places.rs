//! The organisation, its folders and projects, and which services each project has.

use crate::calendar::{Held, at};
use exhibit_evidence::time::Timestamp;
use jiff::civil::{Date, date};

/// The organisation's resource name.
pub(crate) const NAME: &str = "organizations/998877665544";
/// The role that the service account of the collector holds, as plugins/gcp/README.md makes it.
pub(crate) const COLLECTOR_ROLE: &str = "organizations/998877665544/roles/exhibit";

/// A folder.
#[derive(Debug)]
pub(crate) struct Folder {
    /// `folders/123`.
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) parent: &'static str,
}

pub(crate) const PRODUCTION: Folder =
    Folder { name: "folders/550000000001", title: "Production", parent: NAME };
pub(crate) const SHARED: Folder = Folder { name: "folders/550000000002", title: "Shared", parent: NAME };
pub(crate) const FOLDERS: [&Folder; 2] = [&PRODUCTION, &SHARED];

/// A project.
#[derive(Debug)]
pub(crate) struct Project {
    /// `projects/123`.
    pub(crate) name: &'static str,
    /// What people call it.
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    pub(crate) parent: &'static str,
    pub(crate) env: &'static str,
    pub(crate) created: Date,
    /// Names of services without `.googleapis.com`, in their order.
    services: &'static [&'static str],
}

pub(crate) const PROD: Project = Project {
    name: "projects/900000000001",
    id: "example-prod-1",
    title: "Production",
    parent: PRODUCTION.name,
    env: "production",
    created: date(2024, 1, 15),
    services: &[
        "artifactregistry",
        "cloudkms",
        "cloudresourcemanager",
        "compute",
        "iam",
        "logging",
        "monitoring",
        "pubsub",
        "run",
        "secretmanager",
        "servicenetworking",
        "sqladmin",
        "storage",
    ],
};
pub(crate) const DATA: Project = Project {
    name: "projects/900000000002",
    id: "example-data-1",
    title: "Warehouse",
    parent: PRODUCTION.name,
    env: "production",
    created: date(2024, 2, 20),
    services: &["bigquery", "cloudkms", "iam", "logging", "monitoring", "pubsub", "storage"],
};
pub(crate) const OPS: Project = Project {
    name: "projects/900000000003",
    id: "example-ops-1",
    title: "Operations",
    parent: SHARED.name,
    env: "shared",
    created: date(2024, 1, 15),
    services: &[
        "artifactregistry",
        "cloudbuild",
        "cloudresourcemanager",
        "compute",
        "iam",
        "logging",
        "monitoring",
        "orgpolicy",
        "serviceusage",
        "storage",
    ],
};
pub(crate) static PROJECTS: [&Project; 3] = [&DATA, &OPS, &PROD];

/// A project that was deleted before the half year began, and is gone for good thirty days later.
pub(crate) struct Deleted {
    pub(crate) name: &'static str,
    pub(crate) id: &'static str,
    pub(crate) deleted: Timestamp,
}

pub(crate) fn deleted() -> Held<Deleted> {
    let deleted = at(date(2025, 12, 22), 11, 0);
    let what = Deleted { name: "projects/900000000009", id: "example-trial-1", deleted };
    Held { what, from: at(date(2025, 6, 2), 9, 0), until: Some(deleted.plus_ms(30 * 86_400_000)) }
}

/// When the warehouse got one more service.
pub(crate) fn new_service_at() -> Timestamp {
    at(date(2026, 3, 17), 13, 0)
}

impl Project {
    /// Its services.
    pub(crate) fn services(&self, now: Timestamp) -> Vec<&'static str> {
        let mut services = self.services.to_vec();
        if self.id == DATA.id && now >= new_service_at() {
            services.insert(0, "aiplatform");
        }
        services
    }

    pub(crate) fn has(&self, service: &str, now: Timestamp) -> bool {
        self.services(now).contains(&service)
    }
}

/// The title of a service's API.
pub(crate) fn title(service: &str) -> &'static str {
    match service {
        "aiplatform" => "Vertex AI API",
        "artifactregistry" => "Artifact Registry API",
        "bigquery" => "BigQuery API",
        "cloudbuild" => "Cloud Build API",
        "cloudkms" => "Cloud Key Management Service (KMS) API",
        "cloudresourcemanager" => "Cloud Resource Manager API",
        "compute" => "Compute Engine API",
        "iam" => "Identity and Access Management (IAM) API",
        "logging" => "Cloud Logging API",
        "monitoring" => "Cloud Monitoring API",
        "orgpolicy" => "Organization Policy API",
        "pubsub" => "Cloud Pub/Sub API",
        "run" => "Cloud Run Admin API",
        "secretmanager" => "Secret Manager API",
        "servicenetworking" => "Service Networking API",
        "serviceusage" => "Service Usage API",
        "sqladmin" => "Cloud SQL Admin API",
        _ => "Cloud Storage API",
    }
}
