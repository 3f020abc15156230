//! What the connector says of itself, which settings fit, and what the check finds missing.

use crate::Settings;
use crate::api::Api;
use crate::log::granted;
use exhibit_sdk::kinds::*;
use exhibit_sdk::prelude::*;

/// On what a permission can be granted, and so tested.
#[derive(Clone, Copy, PartialEq, Eq)]
enum On {
    /// Organisations only.
    Organization,
    /// Organisations and projects.
    Both,
}

struct Permission {
    name: &'static str,
    reads: &'static str,
    kinds: &'static [&'static str],
    on: On,
}

const fn permission(name: &'static str, reads: &'static str, kinds: &'static [&'static str]) -> Permission {
    Permission { name, reads, kinds, on: On::Both }
}

const fn of_organization(
    name: &'static str,
    reads: &'static str,
    kinds: &'static [&'static str],
) -> Permission {
    Permission { name, reads, kinds, on: On::Organization }
}

const RESOURCE: &str = "asset.resource@1";
const ENCRYPTION: &str = "config.encryption@1";
const LOGGING: &str = "config.logging@1";
const GRANT: &str = "identity.role_grant@1";
/// Whatever is read project by project.
const ALL: &[&str] = &[
    RESOURCE,
    ENCRYPTION,
    LOGGING,
    GRANT,
    "identity.account@1",
    "identity.credential@1",
    "config.network_rule@1",
    "config.alert_rule@1",
    "config.backup_plan@1",
    "audit.activity@1",
    "identity.access_change@1",
];
const EVENTS: &[&str] = &["audit.activity@1", "identity.access_change@1"];

/// Permissions, what each reads, and for which kinds.
const PERMISSIONS: &[Permission] = &[
    of_organization("resourcemanager.organizations.get", "the organisation; without it nothing is read", ALL),
    of_organization("resourcemanager.folders.list", "folders", ALL),
    of_organization("resourcemanager.folders.get", "folders above a project", &[GRANT]),
    of_organization("resourcemanager.projects.list", "projects", ALL),
    permission("resourcemanager.projects.get", "projects; without it nothing is read of a single one", ALL),
    of_organization(
        "resourcemanager.organizations.getIamPolicy",
        "grants on the organisation",
        &[GRANT, LOGGING],
    ),
    of_organization("resourcemanager.folders.getIamPolicy", "grants on folders", &[GRANT, LOGGING]),
    permission(
        "resourcemanager.projects.getIamPolicy",
        "grants on projects, audit configuration",
        &[GRANT, LOGGING],
    ),
    permission("iam.roles.list", "roles of the organisation's own, what they permit", &[RESOURCE, GRANT]),
    permission("iam.roles.get", "what roles of the organisation's own permit", &[RESOURCE, GRANT]),
    permission(
        "iam.serviceAccounts.list",
        "service accounts",
        &["identity.account@1", "identity.credential@1"],
    ),
    permission("iam.serviceAccountKeys.list", "keys of service accounts", &["identity.credential@1"]),
    permission("serviceusage.services.list", "enabled services", &[RESOURCE]),
    permission("storage.buckets.list", "buckets", &[RESOURCE, ENCRYPTION, LOGGING, GRANT]),
    permission(
        "storage.buckets.getIamPolicy",
        "who reaches buckets; without it publicly_accessible is unknown",
        &[RESOURCE, GRANT],
    ),
    permission("orgpolicy.policies.list", "organisation policies", &[RESOURCE]),
    permission(
        "orgpolicy.policy.get",
        "organisation policies; without it public_access_blocked of buckets that inherit is unknown",
        &[RESOURCE],
    ),
    permission("logging.sinks.list", "log sinks", &[LOGGING]),
    permission("logging.buckets.list", "log buckets", &[LOGGING]),
    permission("logging.logMetrics.list", "log-based metrics", &[RESOURCE]),
    permission("logging.logEntries.list", "Cloud Audit Logs", EVENTS),
    permission("logging.privateLogEntries.list", "Access Transparency", &["audit.activity@1"]),
    permission("monitoring.alertPolicies.list", "alert policies", &["config.alert_rule@1"]),
    permission(
        "monitoring.notificationChannels.list",
        "whom alerts tell; without it notifies is unknown",
        &["config.alert_rule@1"],
    ),
    permission("cloudkms.locations.list", "locations of keys", &[RESOURCE, ENCRYPTION]),
    permission("cloudkms.keyRings.list", "key rings", &[RESOURCE, ENCRYPTION]),
    permission("cloudkms.cryptoKeys.list", "keys", &[RESOURCE, ENCRYPTION]),
    permission("compute.networks.list", "networks", &[RESOURCE, LOGGING]),
    permission("compute.subnetworks.list", "subnetworks, their flow logs", &[RESOURCE, LOGGING]),
    permission("compute.firewalls.list", "firewall rules", &["config.network_rule@1"]),
    permission(
        "cloudsql.instances.list",
        "Cloud SQL instances",
        &[RESOURCE, ENCRYPTION, "config.backup_plan@1"],
    ),
];

pub(crate) fn describe() -> Description {
    let described = Description::new(
        "Google Cloud",
        "Resources, access, encryption, networks, logging and Cloud Audit Logs of an organisation or one project",
    )
    .setting(
        Setting::text("organization", "Number of the organisation")
            .help("Digits only; `gcloud organizations list` shows it. Everything beneath it is read.")
            .example("123456789012")
            .optional(),
    )
    .setting(
        Setting::text("project", "Id of a single project")
            .help("Instead of an organisation.")
            .example("example-prod-1")
            .optional(),
    )
    .setting(
        Setting::flag("inherited_grants", "Write what projects inherit into records of their own")
            .help("Each grant on the organisation or a folder becomes a record of every project beneath it, too.")
            .default(true),
    )
    .setting(
        Setting::text("endpoint", "One origin for all services")
            .help("For simulators and proxies only: each service is asked at ORIGIN/HOST/PATH.")
            .example("http://127.0.0.1:5000")
            .optional(),
    )
    .kind::<Resource>("Which projects, services, buckets, keys, networks, databases, roles and policies are there?")
    .kind::<RoleGrant>("Who holds which role on what, directly or from above?")
    .kind::<Account>("Which service accounts are there?")
    .kind::<Credential>("Which keys do service accounts have, and how old are they?")
    .kind::<Encryption>("What is encrypted, by whose keys, and do they rotate?")
    .kind::<Logging>("What is audited and logged, where does it go, and how long is it kept?")
    .kind::<AlertRule>("What raises an alert, and whom does it tell?")
    .kind::<NetworkRule>("What may reach what?")
    .kind::<BackupPlan>("Which databases are backed up?")
    .kind::<Activity>("What did administrators, Google's services and Google's staff do?")
    .kind::<AccessChange>("Who changed whose access?");
    PERMISSIONS.iter().fold(described, |described, permission| {
        described.permission(permission.name, permission.reads, permission.kinds)
    })
}

pub(crate) fn validate(settings: &Settings) -> Vec<Problem> {
    let mut problems = Vec::new();
    match (&settings.organization, &settings.project) {
        (None, None) => {
            problems.push(Problem::new("", "set `organization` or `project`: what is to be read"))
        }
        (Some(_), Some(_)) => problems.push(Problem::new(
            "/project",
            "leave it out beside `organization`, whose projects are all read; or leave out `organization`",
        )),
        (Some(number), None) if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) => {
            problems.push(Problem::new(
                "/organization",
                format!("`{number}` is no number: `gcloud organizations list` shows it under ID"),
            ));
        }
        (None, Some(id)) if !is_project(id) => problems.push(Problem::new(
            "/project",
            format!("`{id}` is no id of a project: `gcloud projects list` shows it under PROJECT_ID"),
        )),
        _ => {}
    }
    if let Some(endpoint) = &settings.endpoint {
        let local = ["http://127.0.0.1:", "http://localhost:", "http://[::1]:"];
        if !endpoint.starts_with("https://") && !local.iter().any(|origin| endpoint.starts_with(origin)) {
            let message = "write it with https://; http:// is for this machine only, http://127.0.0.1:5000";
            problems.push(Problem::new("/endpoint", message));
        }
    }
    problems
}

/// `example-prod-1`, or `example.com:prod` of old: <https://cloud.google.com/resource-manager/docs/creating-managing-projects>.
fn is_project(id: &str) -> bool {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.' | b':');
    (6..=120).contains(&id.len())
        && id.as_bytes().first().is_some_and(u8::is_ascii_lowercase)
        && id.bytes().all(fits)
}

/// Says which permissions are missing on the organisation or project, and what is incomplete or unknown for that.
/// What is granted further down only is missing here all the same.
pub(crate) fn probe(api: &Api<'_>, tenant: &str, settings: &Settings) -> Result<()> {
    let wanted = |permission: &&Permission| settings.organization.is_some() || permission.on == On::Both;
    let wanted: Vec<&Permission> = PERMISSIONS.iter().filter(wanted).collect();
    let names: Vec<&str> = wanted.iter().map(|permission| permission.name).collect();
    let granted = match granted(api, tenant, &names) {
        Ok(granted) => granted,
        Err(failure) if failure.code() == "auth" => return Err(failure),
        Err(failure) => {
            exhibit_sdk::warn!("which permissions are granted is not known: {}", failure.message());
            return Ok(());
        }
    };
    let missing = wanted.iter().filter(|permission| !granted.iter().any(|name| name == permission.name));
    for Permission { name, reads, kinds, .. } in missing {
        exhibit_sdk::warn!("{name} is not granted on {tenant}: {reads} ({})", kinds.join(", "));
    }
    if granted.is_empty() {
        return Err(Failure::permission(format!(
            "the credential holds none of the permissions needed on {tenant}"
        )));
    }
    Ok(())
}
