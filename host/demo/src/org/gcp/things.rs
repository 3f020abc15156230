//! Buckets, keys, networks and databases: what does not depend on the seed, and changes a few times.

use super::places::{DATA, OPS, PROD, Project};
use crate::calendar::{at, plus_days};
use exhibit_evidence::time::Timestamp;
use jiff::civil::{Date, date};

/// A bucket of Cloud Storage.
#[derive(Debug)]
pub(crate) struct Bucket {
    pub(crate) name: &'static str,
    pub(crate) project: &'static Project,
    /// Its key in Cloud KMS; Google's own without.
    pub(crate) key: Option<&'static str>,
    pub(crate) versioned: bool,
    /// Public access prevention is on for the bucket itself, not only from above.
    pub(crate) enforced: bool,
    /// Objects may not be deleted for so many days, and nobody can change that.
    pub(crate) locked_days: Option<u64>,
}

/// The bucket that the world could read for some days.
pub(crate) const EXPORTS: &str = "example-data-1-exports";

const PLAIN: Bucket =
    Bucket { name: "", project: &PROD, key: None, versioned: false, enforced: false, locked_days: None };
pub(crate) static BUCKETS: [Bucket; 6] = [
    Bucket { name: EXPORTS, project: &DATA, ..PLAIN },
    Bucket {
        name: "example-data-1-warehouse",
        project: &DATA,
        key: Some(WAREHOUSE.name),
        enforced: true,
        ..PLAIN
    },
    Bucket { name: "example-ops-1-audit", project: &OPS, enforced: true, locked_days: Some(400), ..PLAIN },
    Bucket { name: "example-ops-1-builds", project: &OPS, versioned: true, ..PLAIN },
    Bucket { name: "example-prod-1-static", project: &PROD, versioned: true, ..PLAIN },
    Bucket {
        name: "example-prod-1-uploads",
        key: Some(UPLOADS.name),
        versioned: true,
        enforced: true,
        ..PLAIN
    },
];

/// A key of Cloud KMS.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) project: &'static Project,
    pub(crate) created: Date,
    /// Of keys that encrypt: they rotate every ninety days.
    pub(crate) encrypts: bool,
}

pub(crate) const RING: &str = "main";
pub(crate) const REGION: &str = "europe-west1";
pub(crate) const ROTATION_DAYS: i64 = 90;
const WAREHOUSE: Key = Key {
    name: "projects/example-data-1/locations/europe-west1/keyRings/main/cryptoKeys/warehouse",
    project: &DATA,
    created: date(2024, 2, 27),
    encrypts: true,
};
const UPLOADS: Key = Key {
    name: "projects/example-prod-1/locations/europe-west1/keyRings/main/cryptoKeys/uploads",
    project: &PROD,
    created: date(2024, 1, 23),
    encrypts: true,
};
pub(crate) const SQL_KEY: &str =
    "projects/example-prod-1/locations/europe-west1/keyRings/main/cryptoKeys/databases";
pub(crate) static KEYS: [Key; 4] = [
    Key { name: SQL_KEY, ..UPLOADS },
    Key {
        name: "projects/example-prod-1/locations/europe-west1/keyRings/main/cryptoKeys/release-signing",
        encrypts: false,
        ..UPLOADS
    },
    UPLOADS,
    WAREHOUSE,
];

impl Key {
    /// The number of the version in use, and when it was made.
    pub(crate) fn version(&self, now: Timestamp) -> (i64, Timestamp) {
        let days = i64::from((now.date() - self.created).get_days());
        let turns = if self.encrypts { days.max(0) / ROTATION_DAYS } else { 0 };
        // Before this hour of the day of rotation the old one is still in use.
        let made = |turns: i64| at(plus_days(self.created, turns * ROTATION_DAYS), 2, 0);
        let turns = if made(turns) > now { (turns - 1).max(0) } else { turns };
        (turns + 1, made(turns))
    }
}

/// A part of a network.
#[derive(Debug)]
pub(crate) struct Subnetwork {
    pub(crate) name: &'static str,
    pub(crate) project: &'static Project,
    pub(crate) network: &'static str,
    pub(crate) region: &'static str,
    pub(crate) range: &'static str,
    /// From when its flows are logged.
    pub(crate) logged: Option<Date>,
}

pub(crate) static SUBNETWORKS: [Subnetwork; 3] = [
    Subnetwork {
        name: "agents",
        project: &OPS,
        network: "builds",
        region: REGION,
        range: "203.0.113.0/25",
        logged: Some(date(2024, 2, 1)),
    },
    Subnetwork {
        name: "app",
        project: &PROD,
        network: "main",
        region: REGION,
        range: "192.0.2.0/25",
        logged: Some(date(2024, 2, 1)),
    },
    Subnetwork {
        name: "batch",
        project: &PROD,
        network: "main",
        region: "europe-west4",
        range: "192.0.2.128/25",
        logged: Some(date(2026, 3, 26)),
    },
];

/// A firewall rule.
#[derive(Debug)]
pub(crate) struct Firewall {
    pub(crate) name: &'static str,
    pub(crate) project: &'static Project,
    pub(crate) network: &'static str,
    pub(crate) about: &'static str,
    /// Else it denies what leaves.
    pub(crate) allows: bool,
    pub(crate) peers: &'static [&'static str],
    pub(crate) protocol: &'static str,
    pub(crate) ports: &'static [&'static str],
}

pub(crate) static FIREWALLS: [Firewall; 5] = [
    Firewall {
        name: "agents-https",
        project: &OPS,
        network: "builds",
        about: "Agents reach each other",
        allows: true,
        peers: &["203.0.113.0/25"],
        protocol: "tcp",
        ports: &["443", "8443"],
    },
    Firewall {
        name: "bastion-ssh",
        project: &PROD,
        network: "main",
        about: "Administration from the office",
        allows: true,
        peers: &["198.51.100.16/28"],
        protocol: "tcp",
        ports: &["22"],
    },
    Firewall {
        name: "deny-egress",
        project: &PROD,
        network: "main",
        about: "Nothing leaves unless another rule says so",
        allows: false,
        peers: &["0.0.0.0/0"],
        protocol: "all",
        ports: &[],
    },
    Firewall {
        name: "frontend",
        project: &PROD,
        network: "main",
        about: "The web",
        allows: true,
        peers: &["0.0.0.0/0"],
        protocol: "tcp",
        ports: &["443"],
    },
    Firewall {
        name: "internal",
        project: &PROD,
        network: "main",
        about: "Inside the network",
        allows: true,
        peers: &["192.0.2.0/24"],
        protocol: "tcp",
        ports: &["5432", "8080-8090"],
    },
];

/// An instance of Cloud SQL, in the project for production.
#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    pub(crate) installed: &'static str,
    pub(crate) regional: bool,
    pub(crate) keyed: bool,
    pub(crate) starts: &'static str,
    pub(crate) kept: u64,
}

pub(crate) static INSTANCES: [Instance; 2] = [
    Instance {
        name: "orders",
        version: "POSTGRES_16",
        installed: "POSTGRES_16_10",
        regional: true,
        keyed: true,
        starts: "02:00",
        kept: 15,
    },
    Instance {
        name: "reports",
        version: "MYSQL_8_0",
        installed: "MYSQL_8_0_42",
        regional: false,
        keyed: false,
        starts: "20:00",
        kept: 7,
    },
];

/// A metric that counts log entries, and the alert policy that watches it.
#[derive(Debug)]
pub(crate) struct Watch {
    pub(crate) metric: &'static str,
    pub(crate) title: &'static str,
    pub(crate) filter: &'static str,
    /// The second one came of the story: a sink had been deleted and nobody was told.
    pub(crate) since_lapse: bool,
}

pub(crate) static WATCHES: [Watch; 2] = [
    Watch {
        metric: "iam-changes",
        title: "Access was changed",
        filter: "protoPayload.methodName=\"SetIamPolicy\"",
        since_lapse: false,
    },
    Watch {
        metric: "sink-changes",
        title: "A log sink was changed",
        filter: "protoPayload.methodName=~\"ConfigServiceV2.(Create|Update|Delete)Sink\"",
        since_lapse: true,
    },
];
