//! Accounts as timelines: status, second factors, memberships, roles, sign-ins.

use super::structure::{DEPARTMENTS, Department, RoleKind, Slot};
use crate::calendar::Held;
use exhibit_evidence::time::Timestamp;

/// The account whose token reads Okta for evidence.
pub(crate) const COLLECTOR: &str = "svc-evidence@example.com";

/// Whose account it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AccountKind {
    /// Somebody employed here.
    Employee,
    /// Somebody employed elsewhere who works here.
    Contractor,
    /// Nobody: a program's.
    Service,
}

/// Okta's status of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Created, not yet activated.
    Staged,
    /// Activated, never signed in.
    Provisioned,
    /// In use.
    Active,
    /// Barred for a while.
    Suspended,
    /// Closed.
    Deprovisioned,
}

impl Status {
    /// The value of `status` in Okta's API.
    pub fn code(self) -> &'static str {
        match self {
            Self::Staged => "STAGED",
            Self::Provisioned => "PROVISIONED",
            Self::Active => "ACTIVE",
            Self::Suspended => "SUSPENDED",
            Self::Deprovisioned => "DEPROVISIONED",
        }
    }
}

/// A kind of second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FactorKind {
    /// Okta Verify with push.
    Push,
    /// A time-based code from an application.
    Totp,
    /// A security key or the device's own authenticator.
    WebAuthn,
    /// A code by text message.
    Sms,
}

/// A second factor of an account.
#[derive(Debug, Clone)]
pub struct Factor {
    /// Okta's identifier.
    pub id: String,
    /// What it is.
    pub kind: FactorKind,
}

/// An account in Okta, over time.
#[derive(Debug)]
pub struct Account {
    /// Okta's identifier.
    pub id: String,
    /// The login, which is an address.
    pub login: String,
    /// Given name.
    pub given: String,
    /// Family name.
    pub family: String,
    /// Whose it is.
    pub kind: AccountKind,
    pub(crate) title: &'static str,
    pub(crate) departments: Vec<(Timestamp, usize)>,
    pub(crate) lifecycle: Vec<(Timestamp, Status)>,
    pub(crate) factors: Vec<Held<Factor>>,
    pub(crate) groups: Vec<Held<Slot>>,
    pub(crate) roles: Vec<Held<RoleKind>>,
    pub(crate) sign_ins: Vec<Timestamp>,
}

/// The last entry of `timeline` at `now`.
fn latest<T: Copy>(timeline: &[(Timestamp, T)], now: Timestamp) -> Option<(Timestamp, T)> {
    timeline.iter().rev().find(|(from, _)| *from <= now).copied()
}

impl Account {
    /// The status at `now`; `None` before the account was created.
    pub fn status(&self, now: Timestamp) -> Option<Status> {
        latest(&self.lifecycle, now).map(|(_, status)| status)
    }

    /// When the account was created.
    pub fn created(&self) -> Timestamp {
        self.lifecycle.first().map(|(at, _)| *at).unwrap_or_default()
    }

    /// When the status last changed.
    pub fn status_changed(&self, now: Timestamp) -> Option<Timestamp> {
        latest(&self.lifecycle, now).map(|(at, _)| at)
    }

    /// When the account was activated.
    pub fn activated(&self, now: Timestamp) -> Option<Timestamp> {
        self.lifecycle.iter().find(|(at, s)| *s != Status::Staged && *at <= now).map(|(at, _)| *at)
    }

    /// The last sign-in up to `now`.
    pub fn last_sign_in(&self, now: Timestamp) -> Option<Timestamp> {
        let after = self.sign_ins.partition_point(|at| *at <= now);
        after.checked_sub(1).and_then(|i| self.sign_ins.get(i)).copied()
    }

    /// The second factors that are enrolled at `now`.
    pub fn factors(&self, now: Timestamp) -> impl Iterator<Item = &Held<Factor>> {
        self.factors.iter().filter(move |f| f.at(now))
    }

    pub(crate) fn department(&self, now: Timestamp) -> Option<&'static Department> {
        latest(&self.departments, now).and_then(|(_, d)| DEPARTMENTS.get(d))
    }

    /// When the profile or the status last changed.
    pub(crate) fn updated(&self, now: Timestamp) -> Timestamp {
        let moved = latest(&self.departments, now).map(|(at, _)| at);
        self.status_changed(now).max(moved).unwrap_or_default()
    }

    pub(crate) fn name(&self) -> String {
        if self.family.is_empty() { self.given.clone() } else { format!("{} {}", self.given, self.family) }
    }

    /// Closes the account, with everything that it holds.
    pub(crate) fn leave(&mut self, when: Timestamp) {
        self.lifecycle.push((when, Status::Deprovisioned));
        self.factors.iter_mut().for_each(|f| f.end(when));
        self.groups.iter_mut().for_each(|g| g.end(when));
        self.roles.iter_mut().for_each(|r| r.end(when));
    }
}
