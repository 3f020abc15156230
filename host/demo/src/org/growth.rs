//! How the accounts grow: who is here at first, who joins, leaves, moves, and whom the story is about.

use super::people::{Account, AccountKind, COLLECTOR, Factor, FactorKind, Status};
use super::story::{Lapse, Leaver, Lingerer, Mismatch, Plot, Story};
use super::structure::{DEPARTMENTS, ENGINEERING, IT, RoleKind, SECURITY, Slot};
use crate::calendar::{
    FIRST_DAY, Held, LAST_DAY, LOG_FIRST_DAY, LOG_LAST_DAY, at, days, is_weekend, next, plus_days,
};
use crate::names::{FAMILY, GIVEN};
use crate::org::azure::AzureStory;
use crate::org::cloud::Cloud;
use crate::org::gcp::story::GcpStory;
use crate::org::pulumi::PulumiStory;
use crate::random::{Stream, okta_id};
use crate::system::System;
use exhibit_evidence::time::{Span, Timestamp};
use jiff::civil::{Date, Weekday, date};
use std::collections::BTreeSet;

/// How many people work here when the half year begins.
const EMPLOYEES: usize = 196;
const CONTRACTORS: usize = 8;
/// Closed accounts that Okta still lists.
const FORMER: usize = 14;
/// Engineers with an IAM user of their own.
pub(crate) const CLOUD_ENGINEERS: usize = 12;
const SERVICES: [(&str, &str); 6] = [
    ("svc-backup", "Backup Agent"),
    ("svc-deploy", "Deploy Pipeline"),
    ("svc-directory", "Directory Sync"),
    ("svc-evidence", "Evidence Collector"),
    ("svc-monitor", "Monitoring Probe"),
    ("svc-payroll", "Payroll Feed"),
];
/// The accounts, and which of them the story is about.
pub(crate) struct People {
    pub(crate) accounts: Vec<Account>,
    /// The engineers who have an IAM user.
    pub(crate) engineers: Vec<usize>,
    lingerer: usize,
    pub(crate) temporary_admin: usize,
    mfa_lost: usize,
    late_leaver: usize,
    suspended: usize,
    pub(crate) contractor: usize,
    prompt: Vec<(usize, Timestamp, Timestamp)>,
}

/// Grows all accounts.
pub(crate) fn grow(seed: u64, plot: &Plot) -> People {
    let mut grower =
        Grower { seed, dice: Stream::new(seed, "people"), taken: BTreeSet::new(), accounts: Vec::new() };
    grower.base();
    let engineers: Vec<usize> = grower.engineers();
    let mut ordinary = grower.ordinary(&engineers);
    let mut draw = |fallback: usize| ordinary.pop().unwrap_or(fallback);
    let (mfa_lost, late_leaver, suspended) = (draw(3), draw(4), draw(5));
    let movers = [draw(6), draw(7)];
    let (lingerer, temporary_admin) = (engineers[5], engineers[2]);

    let mut prompt = vec![grower.leaves(lingerer, plot.lingerer_left)];
    for monday in days(FIRST_DAY, LAST_DAY).filter(|d| d.weekday() == Weekday::Monday) {
        grower.joins(monday);
        grower.joins(plus_days(monday, 2));
        let friday = plus_days(monday, 4);
        if friday <= LAST_DAY
            && friday != plot.late_left
            && friday != plot.lingerer_left
            && let Some(leaver) = ordinary.pop()
        {
            prompt.push(grower.leaves(leaver, friday));
        }
    }
    prompt.sort_by_key(|(_, left, _)| *left);
    grower.accounts[late_leaver].leave(at(plus_days(plot.late_left, 7), 10, 20));
    grower.loses_factors(mfa_lost, plot.mfa_lost);
    let leave = plot.suspended;
    grower.accounts[suspended]
        .lifecycle
        .extend([(leave.start, Status::Suspended), (leave.end, Status::Active)]);
    grower.accounts[temporary_admin].roles.push(Held::during(RoleKind::Super, plot.temporary_admin));
    for (mover, (day, to)) in
        movers.into_iter().zip([(date(2026, 2, 16), 3), (date(2026, 4, 20), ENGINEERING)])
    {
        grower.moves(mover, next(day, Weekday::Tuesday), to);
    }
    let contractor = grower.contractor_of_the_story(plot.contractor);
    let accounts = grower.accounts;
    People {
        accounts,
        engineers,
        lingerer,
        temporary_admin,
        mfa_lost,
        late_leaver,
        suspended,
        contractor,
        prompt,
    }
}

impl People {
    /// The story, now that its people and things have names.
    pub(crate) fn story(&self, plot: &Plot, cloud: &Cloud, gcp: GcpStory) -> Story {
        let login = |i: usize| self.accounts[i].login.clone();
        let okta = |i: usize, span: Span| Lapse { id: login(i), region: "global", span };
        let lingerer = &self.accounts[self.lingerer];
        let leaver = |(i, left, deprovisioned): (usize, Timestamp, Timestamp)| Leaver {
            login: login(i),
            left,
            deprovisioned,
        };
        let lapses = cloud.lapses(plot);
        Story {
            missed_day: plot.missed_day,
            outage: plot.outage,
            mfa_lost: okta(self.mfa_lost, plot.mfa_lost),
            late_leaver: leaver((
                self.late_leaver,
                at(plot.late_left, 16, 30),
                at(plus_days(plot.late_left, 7), 10, 20),
            )),
            prompt_leavers: self.prompt.iter().copied().map(leaver).collect(),
            contractor: okta(self.contractor, plot.contractor),
            suspended: okta(self.suspended, plot.suspended),
            temporary_admin: okta(self.temporary_admin, plot.temporary_admin),
            weak_rule: Lapse {
                id: okta_id(cloud.seed(), "rul", "ACCESS_POLICY 0 1"),
                region: "global",
                span: plot.weak_rule,
            },
            lingerer: Lingerer {
                iam_user: cloud.user_name(&lingerer.login),
                login: lingerer.login.clone(),
                deprovisioned: lingerer.lifecycle.last().map(|(at, _)| *at).unwrap_or_default(),
            },
            straggler: self.straggler(),
            early: self.early(),
            plain_volume: lapses.plain_volume,
            open_ssh: lapses.open_ssh,
            rotation_off: lapses.rotation_off,
            bucket_unblocked: lapses.bucket_unblocked,
            trail_stopped: lapses.trail_stopped,
            failed_backup: lapses.failed_backup,
            quiet_days: plot.quiet_days,
            gcp,
            azure: AzureStory::new(cloud.seed(), self),
            pulumi: PulumiStory::new(cloud.seed()),
        }
    }
}

impl People {
    /// The last engineer who left in time for the account at GitHub to be found and closed, eighteen days later.
    fn straggler(&self) -> Mismatch {
        let in_time = at(date(2026, 5, 23), 0, 0);
        let is_fit = |(who, left, _): &&(usize, Timestamp, Timestamp)| {
            let account = &self.accounts[*who];
            *left < in_time
                && *who != self.lingerer
                && account.department(*left) == DEPARTMENTS.get(ENGINEERING)
        };
        let found = self.prompt.iter().rev().find(is_fit).or(self.prompt.first());
        let (who, _, closed) = found.copied().unwrap_or_default();
        let end = at(plus_days(closed.date(), 18), 11, 30);
        let login = self.accounts[who].login.clone();
        Mismatch { login, system: System::GitHub, span: Span { start: closed, end } }
    }

    /// The first engineer to leave in February or later: the account in Entra ID is closed twelve days later.
    pub(crate) fn stayed(&self) -> Mismatch {
        let in_february = at(date(2026, 2, 1), 0, 0);
        let straggler = self.straggler().login;
        let is_fit = |(who, left, _): &&(usize, Timestamp, Timestamp)| {
            let account = &self.accounts[*who];
            *left >= in_february
                && *who != self.lingerer
                && account.login != straggler
                && account.department(*left) == DEPARTMENTS.get(ENGINEERING)
        };
        let found = self.prompt.iter().find(is_fit).or(self.prompt.first());
        let (who, _, closed) = found.copied().unwrap_or_default();
        let end = at(plus_days(closed.date(), 12), 9, 15);
        let login = self.accounts[who].login.clone();
        Mismatch { login, system: System::Azure, span: Span { start: closed, end } }
    }

    /// The first who joined after winter and has tickets to work on: the account there is nine days older.
    fn early(&self) -> Mismatch {
        let slots = System::Jira.vendor().seats;
        let after = at(date(2026, 3, 9), 0, 0);
        let is_fit = |account: &&Account| {
            let is_of_jira = account.groups.iter().any(|held| slots.contains(&held.what));
            account.kind == AccountKind::Employee && account.created() >= after && is_of_jira
        };
        let account = self.accounts.iter().find(is_fit).unwrap_or(&self.accounts[self.contractor]);
        let start = at(plus_days(account.created().date(), -9), 11, 0);
        let span = Span { start, end: account.created() };
        Mismatch { login: account.login.clone(), system: System::Jira, span }
    }

    /// Lets people sign in: some forty on a weekday, six on a weekend, nobody on the quiet one.
    pub(crate) fn sign_in(&mut self, seed: u64, plot: &Plot) {
        let mut dice = Stream::new(seed, "sign-ins");
        for account in self.accounts.iter_mut().filter(|a| a.kind != AccountKind::Service) {
            // Somewhere in November, so that everybody has signed in once before the log begins.
            let once = plus_days(date(2025, 11, 1), i64::try_from(dice.below(28)).unwrap_or(0));
            let once = at(once, dice.between(8, 17), dice.below(60));
            if account.status(once) == Some(Status::Active) {
                account.sign_ins.push(once);
            }
        }
        for day in days(LOG_FIRST_DAY, LOG_LAST_DAY) {
            let quiet = day == plot.quiet_days.0 || day == plot.quiet_days.1;
            let count = match (quiet, is_weekend(day)) {
                (true, _) => 0,
                (_, true) => 9,
                _ => dice.between(54, 66),
            };
            for _ in 0..count {
                let minute = at(day, dice.between(7, 19), dice.below(60));
                let when = minute.plus_ms(dice.below(60_000).cast_signed());
                let who = dice.index(self.accounts.len());
                let account = &mut self.accounts[who];
                let gone = who == self.late_leaver && day > plot.late_left;
                if account.kind != AccountKind::Service
                    && !gone
                    && account.status(when) == Some(Status::Active)
                {
                    account.sign_ins.push(when);
                }
            }
        }
        self.accounts.iter_mut().for_each(|a| a.sign_ins.sort_unstable());
    }
}

struct Grower {
    seed: u64,
    dice: Stream,
    taken: BTreeSet<String>,
    accounts: Vec<Account>,
}

impl Grower {
    /// Everybody who is here, or was, when the half year begins.
    fn base(&mut self) {
        for n in 0..EMPLOYEES {
            let department = match n {
                0 | 1 | 3 => IT,
                2 => SECURITY,
                4..20 => ENGINEERING,
                _ => self.department(),
            };
            let hired = self.weekday(date(2019, 1, 7), date(2025, 11, 24));
            let i = self.person(AccountKind::Employee, department, hired, hired);
            let role = [RoleKind::Super, RoleKind::Super, RoleKind::Org].get(n).copied();
            self.accounts[i].roles.extend(role.map(|r| Held::since(r, at(hired, 15, 0))));
        }
        for _ in 0..CONTRACTORS {
            let since = self.weekday(date(2024, 9, 2), date(2025, 11, 24));
            self.person(AccountKind::Contractor, ENGINEERING, since, since);
        }
        for _ in 0..FORMER {
            let department = self.department();
            let hired = self.weekday(date(2021, 1, 4), date(2024, 12, 2));
            let left = self.weekday(date(2025, 1, 6), date(2025, 11, 21));
            let i = self.person(AccountKind::Employee, department, hired, hired);
            self.accounts[i].leave(at(left, 17, 0));
        }
        for (login, name) in SERVICES {
            self.service(login, name);
        }
    }

    fn engineers(&self) -> Vec<usize> {
        (4..4 + CLOUD_ENGINEERS).collect()
    }

    /// Employees whom no other part of the story needs, in an order of chance.
    fn ordinary(&mut self, engineers: &[usize]) -> Vec<usize> {
        let mut pool: Vec<usize> = (0..EMPLOYEES)
            .filter(|i| !engineers.contains(i) && self.accounts[*i].roles.is_empty())
            .filter(|i| self.accounts[*i].departments.iter().all(|(_, d)| *d != IT && *d != SECURITY))
            .collect();
        for i in (1..pool.len()).rev() {
            pool.swap(i, self.dice.index(i + 1));
        }
        pool
    }

    fn department(&mut self) -> usize {
        let mut left = self.dice.below(DEPARTMENTS.iter().map(|d| d.weight).sum());
        for (i, department) in DEPARTMENTS.iter().enumerate() {
            match left.checked_sub(department.weight) {
                Some(rest) => left = rest,
                None => return i,
            }
        }
        ENGINEERING
    }

    fn weekday(&mut self, first: Date, last: Date) -> Date {
        let span = days(first, last).count();
        let day = plus_days(first, i64::try_from(self.dice.index(span)).unwrap_or(0));
        if is_weekend(day) { next(day, Weekday::Monday) } else { day }
    }

    fn name(&mut self) -> (String, String) {
        loop {
            let (given, family) = (*self.dice.pick(&GIVEN), *self.dice.pick(&FAMILY));
            if self.taken.insert(format!("{given}.{family}")) {
                return (given.to_owned(), family.to_owned());
            }
        }
    }

    /// Adds a person whose account is made on `made` and who starts on `start`.
    fn person(&mut self, kind: AccountKind, department: usize, made: Date, start: Date) -> usize {
        let (given, family) = self.name();
        let domain = if kind == AccountKind::Contractor { "example.org" } else { "example.com" };
        let login = format!("{}.{}@{domain}", given.to_lowercase(), family.to_lowercase());
        let created = at(made, 13, 30);
        let (active, first_use) = (at(start, 14, 30), at(start, 14, 45));
        let mut lifecycle = vec![
            (created, Status::Staged),
            (at(start, 14, 0), Status::Provisioned),
            (active, Status::Active),
        ];
        if made == start {
            lifecycle.remove(0);
        }
        let department_of = &DEPARTMENTS[department];
        let title = if kind == AccountKind::Contractor {
            "Contractor"
        } else {
            *self.dice.pick(department_of.titles)
        };
        let mut groups = vec![Held::since(Slot::Everyone, created)];
        match kind {
            AccountKind::Contractor => groups.push(Held::since(Slot::Contractors, created)),
            _ => groups.extend(slots_of(department).map(|slot| Held::since(slot, created))),
        }
        if (4..4 + CLOUD_ENGINEERS).contains(&self.accounts.len()) {
            groups.push(Held::since(Slot::Production, active));
        }
        let factors = self.factors(kind, &login, first_use);
        self.accounts.push(Account {
            id: okta_id(self.seed, "00u", &login),
            login,
            given,
            family,
            kind,
            title,
            departments: vec![(created, department)],
            lifecycle,
            factors,
            groups,
            roles: Vec::new(),
            sign_ins: vec![active],
        });
        self.accounts.len() - 1
    }

    fn factors(&mut self, kind: AccountKind, login: &str, since: Timestamp) -> Vec<Held<Factor>> {
        let mut kinds = match kind {
            AccountKind::Employee => vec![FactorKind::Push],
            AccountKind::Contractor => vec![FactorKind::Totp],
            AccountKind::Service => return Vec::new(),
        };
        // Administrators come first, and always have a key.
        if self.accounts.len() < 4 || self.dice.chance(40) {
            kinds.push(FactorKind::WebAuthn);
        } else if self.dice.chance(15) {
            kinds.push(FactorKind::Sms);
        }
        kinds.into_iter().map(|kind| Held::since(self.factor(kind, login, "first"), since)).collect()
    }

    fn factor(&self, kind: FactorKind, login: &str, which: &str) -> Factor {
        let prefix = match kind {
            FactorKind::Push => "opf",
            FactorKind::Totp => "ost",
            FactorKind::WebAuthn => "fwf",
            FactorKind::Sms => "mbl",
        };
        Factor { id: okta_id(self.seed, prefix, &format!("{login} {which}")), kind }
    }

    fn service(&mut self, login: &str, name: &str) {
        let since = self.weekday(date(2022, 1, 10), date(2025, 6, 2));
        let login = format!("{login}@example.com");
        let created = at(since, 11, 0);
        let roles =
            if login == COLLECTOR { vec![Held::since(RoleKind::ReadOnly, created)] } else { Vec::new() };
        self.accounts.push(Account {
            id: okta_id(self.seed, "00u", &login),
            login,
            given: name.to_owned(),
            family: "Service".to_owned(),
            kind: AccountKind::Service,
            title: "Service account",
            departments: Vec::new(),
            lifecycle: vec![(created, Status::Active)],
            factors: Vec::new(),
            groups: vec![Held::since(Slot::Everyone, created), Held::since(Slot::Services, created)],
            roles,
            sign_ins: Vec::new(),
        });
    }

    fn joins(&mut self, start: Date) {
        if start <= LAST_DAY {
            let department = self.department();
            self.person(AccountKind::Employee, department, plus_days(start, -5).max(FIRST_DAY), start);
        }
    }

    /// The last day is `day`, and the account is closed before it ends.
    fn leaves(&mut self, who: usize, day: Date) -> (usize, Timestamp, Timestamp) {
        let (left, closed) = (at(day, 16, 30), at(day, 16 + self.dice.between(1, 4), self.dice.below(60)));
        self.accounts[who].leave(closed);
        (who, left, closed)
    }

    fn loses_factors(&mut self, who: usize, span: Span) {
        let login = self.accounts[who].login.clone();
        let again = self.factor(FactorKind::Push, &login, "again");
        let account = &mut self.accounts[who];
        account.factors.iter_mut().for_each(|f| f.end(span.start));
        account.factors.push(Held::since(again, span.end));
    }

    fn moves(&mut self, who: usize, day: Date, to: usize) {
        let when = at(day, 9, 40);
        let account = &mut self.accounts[who];
        for held in account.groups.iter_mut().filter(|g| g.what != Slot::Everyone) {
            held.end(when);
        }
        account.groups.extend(slots_of(to).map(|slot| Held::since(slot, when)));
        account.departments.push((when, to));
    }

    fn contractor_of_the_story(&mut self, span: Span) -> usize {
        let start = span.start.date();
        let who = self.person(AccountKind::Contractor, ENGINEERING, plus_days(start, -3), start);
        self.accounts[who].leave(span.end);
        who
    }
}

/// The groups that come with a department.
fn slots_of(department: usize) -> impl Iterator<Item = Slot> {
    let own = DEPARTMENTS[department].group;
    let extra = match own {
        Slot::Engineering => Some(Slot::CloudDevelopers),
        Slot::It => Some(Slot::HelpDesk),
        Slot::People => Some(Slot::Payroll),
        _ => None,
    };
    std::iter::once(own).chain(extra)
}
