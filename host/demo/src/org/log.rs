//! What people did and what was done to them, as the identity provider's log tells it.
//!
//! Every change of an account's timeline has its event, at the same instant, so that state and log can be
//! reconciled; sign-ins, failures and uses of applications come on top. Some sixty a day.

use super::people::{Account, AccountKind, FactorKind, Status};
use super::story::Story;
use super::structure::{App, Group, Slot};
use crate::calendar::{LOG_FIRST_DAY, LOG_LAST_DAY, at, days, is_weekend};
use crate::random::{Stream, uuid_and_chance};
use exhibit_evidence::time::Timestamp;

/// What it was done to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    Account(usize),
    Group(usize),
    App(usize),
    Factor(FactorKind),
    Role(&'static str),
    Rule(String),
}

/// One event.
#[derive(Debug)]
pub(crate) struct LogEntry {
    pub(crate) published: Timestamp,
    pub(crate) uuid: String,
    pub(crate) event: &'static str,
    pub(crate) message: &'static str,
    /// Who did it: the account at this position.
    pub(crate) actor: usize,
    pub(crate) targets: Vec<Target>,
    /// Why it failed; `None` when it did not.
    pub(crate) failure: Option<&'static str>,
    /// Chance that belongs to the event, from which its address and device follow.
    pub(crate) chance: u64,
}

struct Writer<'a> {
    seed: u64,
    accounts: &'a [Account],
    groups: &'a [Group],
    entries: Vec<LogEntry>,
}

/// Writes the whole log.
pub(crate) fn write(
    seed: u64,
    accounts: &[Account],
    groups: &[Group],
    apps: &[App],
    story: &Story,
) -> Vec<LogEntry> {
    let mut writer = Writer { seed, accounts, groups, entries: Vec::new() };
    for (i, account) in accounts.iter().enumerate() {
        writer.lifecycle(i, account);
        writer.holdings(i, account);
        for when in &account.sign_ins {
            writer.add(*when, "user.session.start", "User login to Okta", i, vec![Target::Account(i)]);
        }
    }
    writer.uses(apps);
    writer.weak_rule(story);
    let first = at(LOG_FIRST_DAY, 0, 0);
    let mut entries = writer.entries;
    entries.retain(|e| e.published >= first);
    entries.sort_by(|a, b| (a.published, &a.uuid).cmp(&(b.published, &b.uuid)));
    entries
}

impl Writer<'_> {
    fn add(
        &mut self,
        when: Timestamp,
        event: &'static str,
        message: &'static str,
        actor: usize,
        targets: Vec<Target>,
    ) {
        let label = format!("event {when} {event} {actor} {targets:?}");
        let (uuid, chance) = uuid_and_chance(self.seed, &label);
        let failure = None;
        self.entries.push(LogEntry {
            published: when,
            uuid,
            event,
            message,
            actor,
            targets,
            failure,
            chance,
        });
    }

    /// The administrator who does the daily work.
    fn admin(&self, subject: usize) -> usize {
        usize::from(subject == 0)
    }

    fn lifecycle(&mut self, i: usize, account: &Account) {
        let mut before = None;
        for (when, status) in &account.lifecycle {
            let (event, message) = match (before, *status) {
                (None, _) => ("user.lifecycle.create", "Create Okta user"),
                (_, Status::Provisioned) => ("user.lifecycle.activate", "Activate Okta user"),
                (_, Status::Suspended) => ("user.lifecycle.suspend", "Suspend Okta user"),
                (_, Status::Deprovisioned) => ("user.lifecycle.deactivate", "Deactivate Okta user"),
                (Some(Status::Suspended), _) => ("user.lifecycle.unsuspend", "Unsuspend Okta user"),
                _ => ("user.account.update_password", "User update password for Okta"),
            };
            let actor = if event == "user.account.update_password" { i } else { self.admin(i) };
            self.add(*when, event, message, actor, vec![Target::Account(i)]);
            before = Some(*status);
        }
    }

    fn holdings(&mut self, i: usize, account: &Account) {
        let admin = self.admin(i);
        for held in &account.factors {
            let targets = || vec![Target::Account(i), Target::Factor(held.what.kind)];
            self.add(
                held.from,
                "user.mfa.factor.activate",
                "Activate factor or authenticator enrollment for user",
                i,
                targets(),
            );
            if let Some(until) = held.until {
                self.add(
                    until,
                    "user.mfa.factor.deactivate",
                    "Reset factor or authenticator enrollment for user",
                    admin,
                    targets(),
                );
            }
        }
        for held in &account.groups {
            let Some(group) = self.groups.iter().position(|g| g.slot == held.what) else { continue };
            if held.what == Slot::Everyone {
                continue;
            }
            let targets = || vec![Target::Account(i), Target::Group(group)];
            self.add(
                held.from,
                "group.user_membership.add",
                "Add user to group membership",
                admin,
                targets(),
            );
            if let Some(until) = held.until {
                self.add(
                    until,
                    "group.user_membership.remove",
                    "Remove user from group membership",
                    admin,
                    targets(),
                );
            }
        }
        for held in &account.roles {
            let targets = || vec![Target::Account(i), Target::Role(held.what.label())];
            self.add(held.from, "user.account.privilege.grant", "Grant user privilege", admin, targets());
            if let Some(until) = held.until {
                self.add(until, "user.account.privilege.revoke", "Revoke user privilege", admin, targets());
            }
        }
    }

    /// Uses of applications, wrong passwords, and tokens of programs.
    fn uses(&mut self, apps: &[App]) {
        let mut dice = Stream::new(self.seed, "uses");
        let programs: Vec<usize> =
            (0..self.accounts.len()).filter(|i| self.accounts[*i].kind == AccountKind::Service).collect();
        let open: Vec<usize> =
            (0..apps.len()).filter(|i| apps[*i].active && !apps[*i].groups.is_empty()).collect();
        for day in days(LOG_FIRST_DAY, LOG_LAST_DAY) {
            for hour in [1, 13] {
                let who = *dice.pick(&programs);
                let when = at(day, hour, dice.below(60));
                let message = "OAuth2 access token is granted";
                self.add(
                    when,
                    "app.oauth2.token.grant.access_token",
                    message,
                    who,
                    vec![Target::Account(who)],
                );
            }
            let count = if is_weekend(day) { 6 } else { 30 };
            for _ in 0..count {
                let who = dice.index(self.accounts.len());
                let when =
                    at(day, dice.between(7, 19), dice.below(60)).plus_ms(dice.below(60_000).cast_signed());
                let app = *dice.pick(&open);
                let wrong = dice.chance(12);
                let account = &self.accounts[who];
                if account.kind == AccountKind::Service || account.status(when) != Some(Status::Active) {
                    continue;
                }
                if wrong {
                    self.add(
                        when,
                        "user.session.start",
                        "User login to Okta",
                        who,
                        vec![Target::Account(who)],
                    );
                    if let Some(last) = self.entries.last_mut() {
                        last.failure = Some("INVALID_CREDENTIALS");
                    }
                } else if self.may_use(account, &apps[app], when) {
                    let targets = vec![Target::App(app), Target::Account(who)];
                    self.add(when, "user.authentication.sso", "User single sign on to app", who, targets);
                }
            }
        }
    }

    fn may_use(&self, account: &Account, app: &App, when: Timestamp) -> bool {
        account.groups.iter().any(|held| held.at(when) && app.groups.contains(&held.what))
    }

    fn weak_rule(&mut self, story: &Story) {
        let lapse = &story.weak_rule;
        for when in [lapse.span.start, lapse.span.end] {
            let targets = vec![Target::Rule(lapse.id.clone())];
            self.add(when, "policy.rule.update", "Update policy rule", 2, targets);
        }
    }
}
