//! The organisation in Google Cloud: two folders, three projects, who holds what there, and what changes.
//!
//! | module | holds |
//! | --- | --- |
//! | `places` | organisation, folders, projects and their services |
//! | `things` | buckets, keys, networks, databases |
//! | `log` | what was done, for Cloud Audit Logs |
//! | [`story`] | what of it is worth finding |

pub(crate) mod log;
pub(crate) mod places;
pub mod story;
pub(crate) mod things;

use super::growth::People;
use super::people::{Account, AccountKind};
use super::structure::Slot;
use crate::calendar::{FIRST_DAY, Held, at};
use crate::random::{digits, hex_id};
use exhibit_evidence::time::Timestamp;
use jiff::civil::{Date, date};
use log::Entry;
use places::{DATA, OPS, PROD, Project};
use story::{GcpPlot, GcpStory};

/// The service account that reads Google Cloud for evidence.
pub(crate) const COLLECTOR: &str = "exhibit@example-ops-1.iam.gserviceaccount.com";

/// A role that somebody holds on a place or a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grant {
    /// `organizations/1`, `folders/2`, `projects/3`, or a bucket's name.
    pub(crate) on: String,
    pub(crate) role: &'static str,
    pub(crate) member: String,
    /// Title and expression.
    pub(crate) condition: Option<(&'static str, &'static str)>,
}

/// A service account.
#[derive(Debug)]
pub(crate) struct Robot {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) project: &'static Project,
    pub(crate) disabled: bool,
}

/// A key of a service account that Google does not hold itself.
#[derive(Debug, Clone)]
pub(crate) struct RobotKey {
    pub(crate) id: String,
    /// The account's address.
    pub(crate) account: String,
}

/// Service accounts, by project.
pub(crate) const ROBOTS: [Robot; 7] = [
    robot("deploy", "Deploy pipeline", &PROD),
    robot("orders-api", "Orders", &PROD),
    robot("dashboards", "Dashboards", &DATA),
    robot("loader", "Warehouse loader", &DATA),
    robot("builder", "Builds", &OPS),
    robot("exhibit", "Evidence collector", &OPS),
    Robot { disabled: true, ..robot("old-importer", "Importer of the old warehouse", &OPS) },
];

const fn robot(name: &'static str, title: &'static str, project: &'static Project) -> Robot {
    Robot { name, title, project, disabled: false }
}

impl RobotKey {
    /// Its resource name.
    pub(crate) fn name(&self) -> String {
        let project = self.account.split('@').nth(1).and_then(|host| host.split('.').next()).unwrap_or("-");
        format!("projects/{project}/serviceAccounts/{}/keys/{}", self.account, self.id)
    }
}

impl Robot {
    pub(crate) fn email(&self) -> String {
        format!("{}@{}.iam.gserviceaccount.com", self.name, self.project.id)
    }

    /// Google's number for it, of 21 digits.
    pub(crate) fn unique_id(&self, seed: u64) -> String {
        format!("1{}", digits(seed, &format!("robot {}", self.email()), 20))
    }
}

/// Google Cloud, over time.
#[derive(Debug)]
pub(crate) struct Gcp {
    pub(crate) grants: Vec<Held<Grant>>,
    pub(crate) keys: Vec<Held<RobotKey>>,
    pub(crate) log: Vec<Entry>,
}

impl Gcp {
    pub(crate) fn grow(seed: u64, people: &People) -> (Self, GcpStory) {
        let plot = GcpPlot::new(seed);
        let keys = keys(seed, &plot);
        let contractor = &people.accounts[people.contractor];
        let story = GcpStory::new(&plot, &people.accounts[people.temporary_admin], contractor, &keys);
        let grants = grants(people, &story);
        let log = log::write(seed, people, &grants, &keys, &story);
        (Self { grants, keys, log }, story)
    }
}

/// Keys were made at these times. The one of the deploy pipeline is replaced late.
fn keys(seed: u64, plot: &GcpPlot) -> Vec<Held<RobotKey>> {
    let key = |n: usize, which: &str| {
        let account = ROBOTS[n].email();
        RobotKey { id: hex_id(seed, &format!("key {which} of {account}"), 40), account }
    };
    let day = |made: Date| at(made, 10, 0);
    let own = RobotKey { id: crate::google::KEY_ID.to_owned(), account: COLLECTOR.to_owned() };
    vec![
        Held { until: Some(plot.key_replaced.plus_ms(5_400_000)), ..Held::since(key(0, "a"), plot.key_made) },
        Held::since(key(0, "b"), plot.key_replaced),
        Held { until: Some(day(date(2026, 4, 14))), ..Held::since(key(3, "a"), day(date(2025, 5, 6))) },
        Held::since(key(3, "b"), day(date(2026, 4, 14)).plus_ms(-3_600_000)),
        Held::since(own, day(date(2025, 12, 15))),
    ]
}

fn grants(people: &People, story: &GcpStory) -> Vec<Held<Grant>> {
    let long_ago = at(date(2024, 1, 22), 9, 0);
    let grant = |on: &str, role, member: String| Grant { on: on.to_owned(), role, member, condition: None };
    let mut grants: Vec<Held<Grant>> = STANDING
        .iter()
        .map(|(on, role, member)| Held::since(grant(on, role, (*member).to_owned()), long_ago))
        .collect();
    grants.push(Held::since(
        Grant {
            condition: Some((
                "Uploads only",
                "resource.name.startsWith(\"projects/_/buckets/example-prod-1-uploads\")",
            )),
            ..grant(PROD.name, "roles/storage.objectAdmin", format!("serviceAccount:{}", ROBOTS[1].email()))
        },
        long_ago,
    ));
    for robot in &ROBOTS {
        if let Some((on, role)) = robot_role(robot.name) {
            grants.push(Held::since(grant(on, role, format!("serviceAccount:{}", robot.email())), long_ago));
        }
    }
    // Engineers of the platform, those who join engineering, and the contractor of the story may query the warehouse.
    for (n, account) in people.accounts.iter().enumerate() {
        let is_contractor = n == people.contractor;
        if !(people.engineers.contains(&n) || is_contractor || joins_engineering(account)) {
            continue;
        }
        let from = started(account).plus_ms(3_600_000).max(long_ago);
        let until = if is_contractor { Some(story.contractor_grant.span.end) } else { closed(account) };
        let what = grant(DATA.name, "roles/bigquery.jobUser", format!("user:{}", account.login));
        grants.push(Held { what, from, until });
    }
    let owner = grant(PROD.name, "roles/owner", format!("user:{}", story.owner.id));
    grants.push(Held::during(owner, story.owner.span));
    let public = grant(&story.public_bucket.id, "roles/storage.objectViewer", "allUsers".to_owned());
    grants.push(Held::during(public, story.public_bucket.span));
    grants
}

/// On which place, which role, for whom: what stands all the time.
const STANDING: [(&str, &str, &str); 12] = [
    (places::NAME, "roles/browser", "domain:example.com"),
    (places::NAME, "roles/billing.viewer", "group:finance@example.com"),
    (places::NAME, "roles/iam.securityReviewer", "group:security@example.com"),
    (places::NAME, "roles/resourcemanager.organizationAdmin", "group:cloud-admins@example.com"),
    (places::NAME, places::COLLECTOR_ROLE, "serviceAccount:exhibit@example-ops-1.iam.gserviceaccount.com"),
    (places::PRODUCTION.name, "roles/viewer", "group:production-access@example.com"),
    (
        PROD.name,
        "roles/compute.serviceAgent",
        "serviceAccount:service-900000000001@compute-system.iam.gserviceaccount.com",
    ),
    (DATA.name, "roles/bigquery.dataOwner", "group:data@example.com"),
    (OPS.name, "roles/viewer", "group:engineering@example.com"),
    (
        "example-ops-1-audit",
        "roles/storage.objectCreator",
        "serviceAccount:service-org-998877665544@gcp-sa-logging.iam.gserviceaccount.com",
    ),
    ("example-ops-1-audit", "roles/storage.objectViewer", "group:security@example.com"),
    (
        "example-ops-1-builds",
        "roles/storage.objectAdmin",
        "serviceAccount:builder@example-ops-1.iam.gserviceaccount.com",
    ),
];

/// What a service account may do on its place, beside what [`STANDING`] says.
fn robot_role(name: &str) -> Option<(&'static str, &'static str)> {
    Some(match name {
        "deploy" => (PROD.name, "roles/run.admin"),
        "orders-api" => (PROD.name, "roles/cloudsql.client"),
        "dashboards" => (DATA.name, "roles/bigquery.dataViewer"),
        "loader" => (DATA.name, "roles/bigquery.dataEditor"),
        "builder" => (OPS.name, "roles/cloudbuild.builds.builder"),
        _ => return None,
    })
}

fn joins_engineering(account: &Account) -> bool {
    let is_engineer = account.groups.iter().any(|g| g.what == Slot::Engineering);
    account.kind == AccountKind::Employee && is_engineer && account.created().date() >= FIRST_DAY
}

fn started(account: &Account) -> Timestamp {
    account.lifecycle.iter().find(|(_, s)| s.code() == "ACTIVE").map(|(at, _)| *at).unwrap_or_default()
}

/// Twenty minutes after the account was closed.
fn closed(account: &Account) -> Option<Timestamp> {
    let last = account.lifecycle.last().filter(|(_, status)| status.code() == "DEPROVISIONED")?;
    Some(last.0.plus_ms(1_200_000))
}
