//! The organisation's AWS account: users and keys, and the resources that change a few times.
//!
//! The account number is one that AWS's own documentation uses for examples.

use super::growth::People;
use super::people::Account;
use super::story::{Lapse, Plot};
use crate::calendar::{Held, at, is_weekend, plus_days};
use crate::random::{Stream, hex_id, iam_id, uuid};
use exhibit_evidence::time::{Span, Timestamp};
use jiff::civil::{Date, date};

/// The account number.
pub(crate) const ACCOUNT: &str = "123456789012";
/// The first region: where most things are.
pub(crate) const MAIN: &str = "us-east-1";
/// The second region.
pub(crate) const OTHER: &str = "eu-west-1";
/// The regions that are enabled.
pub(crate) const REGIONS: [&str; 2] = [OTHER, MAIN];

/// A user of IAM.
#[derive(Debug)]
pub(crate) struct CloudUser {
    pub(crate) name: String,
    pub(crate) id: String,
    /// The person's address, kept as the tag `email`; programs have none.
    pub(crate) email: Option<String>,
    pub(crate) created: Timestamp,
    pub(crate) keys: Vec<Held<AccessKey>>,
    pub(crate) mfa: Option<Timestamp>,
    pub(crate) console: bool,
    pub(crate) groups: &'static [&'static str],
    /// When the person was last here; programs and those who stay have none.
    pub(crate) last_here: Option<Timestamp>,
}

#[derive(Debug)]
pub(crate) struct AccessKey {
    pub(crate) id: String,
    pub(crate) inactive_from: Option<Timestamp>,
}

/// A group of IAM, with the managed policies attached to it.
#[derive(Debug)]
pub(crate) struct CloudGroup {
    pub(crate) name: &'static str,
    pub(crate) policies: &'static [&'static str],
}

pub(crate) const GROUPS: [CloudGroup; 4] = [
    CloudGroup { name: "Administrators", policies: &["AdministratorAccess"] },
    CloudGroup { name: "Automation", policies: &["DeployArtifacts", "WriteBackups"] },
    CloudGroup { name: "Developers", policies: &["PowerUserAccess", "RequireMfa"] },
    CloudGroup { name: "Readers", policies: &["ReadOnlyAccess"] },
];

#[derive(Debug)]
pub(crate) struct Volume {
    pub(crate) id: String,
    pub(crate) region: &'static str,
    pub(crate) size_gib: u64,
    pub(crate) encrypted: bool,
}

#[derive(Debug)]
pub(crate) struct Bucket {
    pub(crate) name: &'static str,
    pub(crate) region: &'static str,
    pub(crate) kms: bool,
    pub(crate) versioned: bool,
    pub(crate) logged: bool,
    pub(crate) policy: bool,
}

const fn bucket(name: &'static str, region: &'static str, flags: [bool; 4]) -> Bucket {
    let [kms, versioned, logged, policy] = flags;
    Bucket { name, region, kms, versioned, logged, policy }
}

/// Buckets: encrypted with a key of KMS, versioned, access logged, with a policy.
pub(crate) const BUCKETS: [Bucket; 6] = [
    bucket("example-access-logs", MAIN, [false, false, false, true]),
    bucket("example-artifacts", MAIN, [false, true, true, false]),
    bucket("example-backups", MAIN, [true, true, true, true]),
    bucket("example-customer-data", OTHER, [true, true, true, true]),
    bucket("example-scratch", OTHER, [false, false, false, false]),
    bucket("example-trail", MAIN, [true, true, true, true]),
];
/// The bucket whose public access block goes missing.
pub(crate) const ARTIFACTS: &str = BUCKETS[1].name;

#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) id: String,
    pub(crate) region: &'static str,
    pub(crate) alias: &'static str,
    pub(crate) by_aws: bool,
    pub(crate) created: Timestamp,
}

#[derive(Debug)]
pub(crate) struct Database {
    pub(crate) name: &'static str,
    pub(crate) region: &'static str,
    pub(crate) multi_az: bool,
    pub(crate) retention_days: u64,
}

pub(crate) const DATABASES: [Database; 3] = [
    Database { name: "orders", region: MAIN, multi_az: true, retention_days: 14 },
    Database { name: "reporting", region: MAIN, multi_az: false, retention_days: 7 },
    Database { name: "customers-eu", region: OTHER, multi_az: true, retention_days: 14 },
];

/// The account.
#[derive(Debug)]
pub(crate) struct Cloud {
    seed: u64,
    pub(crate) users: Vec<CloudUser>,
    pub(crate) volumes: Vec<Held<Volume>>,
    pub(crate) keys: Vec<Key>,
}

/// The story's things in the account.
pub(crate) struct Lapses {
    pub(crate) plain_volume: Lapse,
    pub(crate) open_ssh: Lapse,
    pub(crate) rotation_off: Lapse,
    pub(crate) bucket_unblocked: Lapse,
    pub(crate) trail_stopped: Lapse,
    pub(crate) failed_backup: Lapse,
}

impl Cloud {
    pub(crate) fn grow(seed: u64, plot: &Plot, people: &People) -> Self {
        let mut dice = Stream::new(seed, "cloud");
        let engineers = people.engineers.iter().filter_map(|i| people.accounts.get(*i));
        let mut users: Vec<CloudUser> =
            engineers.enumerate().map(|(n, account)| engineer(seed, &mut dice, n, account)).collect();
        for (name, rotated) in
            [("backup-agent", true), ("deploy-pipeline", true), ("monitoring-probe", false)]
        {
            users.push(program(seed, name, rotated));
        }
        users.sort_by(|a, b| a.name.cmp(&b.name));
        Self { seed, users, volumes: volumes(seed, plot), keys: keys(seed) }
    }

    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }

    /// The name of the IAM user of the person with this Okta login.
    pub(crate) fn user_name(&self, login: &str) -> String {
        login.split('@').next().unwrap_or(login).to_owned()
    }

    /// An identifier of EC2 or another service, made from what the thing is called here.
    pub(crate) fn hex(&self, prefix: &str, label: &str) -> String {
        format!("{prefix}-0{}", hex_id(self.seed, &format!("{prefix} {label}"), 16))
    }

    pub(crate) fn trail_arn(&self) -> String {
        format!("arn:aws:cloudtrail:{MAIN}:{ACCOUNT}:trail/organization")
    }

    pub(crate) fn backup_job(&self, database: &str, day: Date) -> String {
        uuid(self.seed, &format!("backup {database} {day}")).to_uppercase()
    }

    pub(crate) fn lapses(&self, plot: &Plot) -> Lapses {
        let lapse = |id: String, region, span: Span| Lapse { id, region, span };
        let plain = self.volumes.iter().find(|v| !v.what.encrypted).map(|v| v.what.id.clone());
        let job = self.backup_job(DATABASES[0].name, plot.failed_backup.start.date());
        Lapses {
            plain_volume: lapse(plain.unwrap_or_default(), OTHER, plot.plain_volume),
            open_ssh: lapse(self.hex("sg", "bastion"), MAIN, plot.open_ssh),
            rotation_off: lapse(self.keys[0].id.clone(), MAIN, plot.rotation_off),
            bucket_unblocked: lapse(ARTIFACTS.to_owned(), MAIN, plot.bucket_unblocked),
            trail_stopped: lapse(self.trail_arn(), MAIN, plot.trail_stopped),
            failed_backup: lapse(job, MAIN, plot.failed_backup),
        }
    }
}

impl CloudUser {
    pub(crate) fn arn(&self) -> String {
        format!("arn:aws:iam::{ACCOUNT}:user/{}", self.name)
    }

    /// When a key of this user was last used: on the last working day, as long as the user was here.
    pub(crate) fn key_used(&self, key: &Held<AccessKey>, now: Timestamp) -> Option<Timestamp> {
        let now = self.last_here.map_or(now, |last| last.min(now));
        let now = key.what.inactive_from.map_or(now, |last| last.min(now));
        let mut day = plus_days(now.date(), -1);
        while is_weekend(day) {
            day = plus_days(day, -1);
        }
        let used = at(day, 17, 0);
        (used > key.from).then_some(used)
    }

    /// When the console password was last used: on Monday, as long as the user was here.
    pub(crate) fn password_used(&self, now: Timestamp) -> Option<Timestamp> {
        let now = self.last_here.map_or(now, |last| last.min(now));
        let yesterday = plus_days(now.date(), -1);
        let monday = plus_days(yesterday, -i64::from(yesterday.weekday().to_monday_zero_offset()));
        let used = at(monday, 9, 10);
        (self.console && used > self.created).then_some(used)
    }
}

fn engineer(seed: u64, dice: &mut Stream, n: usize, account: &Account) -> CloudUser {
    let name = account.login.split('@').next().unwrap_or_default().to_owned();
    let created = account.created().max(at(date(2023, 3, 1), 10, 0)).plus_ms(3_600_000);
    let key = |which: u64, from: Timestamp, until: Option<Timestamp>| Held {
        what: AccessKey { id: iam_id(seed, "AKIA", &format!("{name} {which}")), inactive_from: None },
        from,
        until,
    };
    let days_ago = |days: u64| at(plus_days(date(2026, 1, 1), -(days.cast_signed())), 11, 0).max(created);
    let last_here = account.lifecycle.last().filter(|(_, s)| s.code() == "DEPROVISIONED").map(|(at, _)| *at);
    let first = days_ago(dice.between(20, 80));
    let mut keys = Vec::new();
    if last_here.is_some() || n.is_multiple_of(4) {
        // Never rotated: its age grows past every limit.
        keys.push(key(0, days_ago(dice.between(60, 150)), None));
    } else {
        let (second, third) = (first.plus_ms(86 * 86_400_000), first.plus_ms(171 * 86_400_000));
        keys.push(key(0, first, Some(second.plus_ms(5_400_000))));
        keys.push(key(1, second, Some(third.plus_ms(5_400_000))));
        keys.push(key(2, third, None));
    }
    if n == 3 {
        let mut spare = key(9, days_ago(400), None);
        spare.what.inactive_from = Some(at(date(2025, 10, 14), 12, 0).max(spare.from));
        keys.push(spare);
    }
    let groups: &[&str] = match n {
        0 | 1 => &["Administrators", "Developers"],
        10 | 11 => &["Readers"],
        _ => &["Developers"],
    };
    let mfa = Some(created.plus_ms(1_200_000));
    let email = Some(account.login.clone());
    CloudUser {
        id: iam_id(seed, "AIDA", &name),
        name,
        email,
        created,
        keys,
        mfa,
        console: true,
        groups,
        last_here,
    }
}

fn program(seed: u64, name: &str, rotated: bool) -> CloudUser {
    let created = at(date(2023, 2, 6), 10, 0);
    let key = |which: &str, from: Date, until: Option<Date>| Held {
        what: AccessKey { id: iam_id(seed, "AKIA", &format!("{name} {which}")), inactive_from: None },
        from: at(from, 10, 0),
        until: until.map(|d| at(d, 12, 0)),
    };
    let keys = if rotated {
        let turn = date(2026, 2, 10);
        vec![key("a", date(2025, 11, 18), Some(turn)), key("b", turn, None)]
    } else {
        vec![key("a", date(2023, 2, 6), None)]
    };
    CloudUser {
        name: name.to_owned(),
        id: iam_id(seed, "AIDA", name),
        email: None,
        created,
        keys,
        mfa: None,
        console: false,
        groups: &["Automation"],
        last_here: None,
    }
}

fn volumes(seed: u64, plot: &Plot) -> Vec<Held<Volume>> {
    let volume = |n: usize, region, encrypted| Volume {
        id: format!("vol-0{}", hex_id(seed, &format!("vol {region} {n}"), 16)),
        region,
        size_gib: [8, 50, 100, 200][n % 4],
        encrypted,
    };
    let made = |n: usize| at(plus_days(date(2025, 2, 3), n as i64 * 11), 9, 0);
    let mut volumes: Vec<Held<Volume>> =
        (0..8).map(|n| Held::since(volume(n, MAIN, true), made(n))).collect();
    volumes.extend((0..4).map(|n| Held::since(volume(n, OTHER, true), made(n + 3))));
    volumes.push(Held::during(volume(4, OTHER, false), plot.plain_volume));
    // What replaced it.
    volumes.push(Held::since(volume(5, OTHER, true), plot.plain_volume.end));
    volumes
}

fn keys(seed: u64) -> Vec<Key> {
    let key = |alias: &'static str, region, by_aws, made: Date| Key {
        id: uuid(seed, &format!("kms {region} {alias}")),
        region,
        alias,
        by_aws,
        created: at(made, 8, 30),
    };
    vec![
        key("alias/databases", MAIN, false, date(2023, 2, 7)),
        key("alias/backups", MAIN, false, date(2023, 2, 7)),
        key("alias/trail", MAIN, false, date(2023, 2, 8)),
        key("alias/aws/ebs", MAIN, true, date(2023, 2, 9)),
        key("alias/customers", OTHER, false, date(2024, 5, 21)),
        key("alias/aws/ebs", OTHER, true, date(2024, 5, 22)),
    ]
}
