//! A made-up organisation: people, groups, applications and a cloud account, over half a year.
//!
//! Everything is a timeline, so that the organisation as it was at any instant is a question, not a copy:
//! [`Organisation::state_at`] answers it. The same seed grows the same organisation.
//!
//! | module | holds |
//! | --- | --- |
//! | [`story`] | the dated facts that make the half year worth auditing |
//! | [`people`] | accounts: status, factors, memberships, roles over time |
//! | `growth` | how they come about: joiners, leavers, movers, sign-ins |
//! | `structure` | departments, groups, applications, sign-on policies: what does not depend on the seed |
//! | `seats` | accounts in the systems that the identity provider provisions |
//! | `log` | what people did and what was done to them, as events |
//! | `cloud` | the AWS account |
//! | [`azure`] | Azure and Entra ID |
//! | [`gcp`] | Google Cloud |
//! | [`pulumi`] | Pulumi Cloud |

pub mod azure;
pub(crate) mod cloud;
pub mod gcp;
pub(crate) mod growth;
pub(crate) mod log;
pub mod people;
pub mod pulumi;
pub(crate) mod seats;
pub mod story;
pub(crate) mod structure;

use crate::calendar::Held;
use crate::system::System;
use cloud::Cloud;
use exhibit_evidence::time::Timestamp;
use gcp::Gcp;
use log::LogEntry;
use people::{Account, AccountKind, Status};
use seats::{Seat, Taken};
use std::collections::HashMap;
use std::sync::Arc;
use story::{Plot, Story};
use structure::{App, Group, RoleKind};

/// The organisation and all that will happen to it.
#[derive(Debug)]
pub struct Organisation {
    seed: u64,
    accounts: Vec<Account>,
    by_id: HashMap<String, usize>,
    groups: Vec<Group>,
    apps: Vec<App>,
    seats: Vec<Vec<Taken>>,
    log: Vec<LogEntry>,
    cloud: Cloud,
    gcp: Gcp,
    story: Story,
}

impl Organisation {
    /// Grows the organisation that belongs to `seed`.
    pub fn grow(seed: u64) -> Arc<Self> {
        let plot = Plot::new(seed);
        let groups = structure::groups(seed);
        let apps = structure::apps(seed);
        let mut people = growth::grow(seed, &plot);
        people.sign_in(seed, &plot);
        let cloud = Cloud::grow(seed, &plot, &people);
        let (gcp, gcp_story) = Gcp::grow(seed, &people);
        let story = people.story(&plot, &cloud, gcp_story);
        let log = log::write(seed, &people.accounts, &groups, &apps, &story);
        let accounts = people.accounts;
        let seats = seats::take(&accounts, &story);
        let by_id = accounts.iter().enumerate().map(|(i, a)| (a.id.clone(), i)).collect();
        Arc::new(Self { seed, accounts, by_id, groups, apps, seats, log, cloud, gcp, story })
    }

    /// The seed it grew from.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The dated facts of its half year.
    pub fn story(&self) -> &Story {
        &self.story
    }

    /// The organisation as it was at `at`.
    pub fn state_at(&self, at: Timestamp) -> Org<'_> {
        Org { organisation: self, at }
    }
}

/// The organisation at one instant.
#[derive(Debug, Clone, Copy)]
pub struct Org<'a> {
    organisation: &'a Organisation,
    at: Timestamp,
}

impl<'a> Org<'a> {
    /// The instant.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// The seed that the organisation grew from.
    pub(crate) fn seed(&self) -> u64 {
        self.organisation.seed
    }

    /// Every Okta account that exists, closed ones included.
    pub fn accounts(self) -> impl Iterator<Item = &'a Account> {
        self.organisation.accounts.iter().filter(move |a| a.status(self.at).is_some())
    }

    /// The account with this identifier, if it exists by now.
    pub fn account(self, id: &str) -> Option<&'a Account> {
        let index = self.organisation.by_id.get(id)?;
        self.organisation.accounts.get(*index).filter(|a| a.status(self.at).is_some())
    }

    /// The account with this login, if it exists by now.
    pub fn account_by_login(self, login: &str) -> Option<&'a Account> {
        self.accounts().find(|a| a.login == login)
    }

    /// How many accounts have each status.
    pub fn statuses(self) -> std::collections::BTreeMap<Status, usize> {
        let mut counts = std::collections::BTreeMap::new();
        for status in self.accounts().filter_map(|a| a.status(self.at)) {
            *counts.entry(status).or_default() += 1;
        }
        counts
    }

    /// The account at this position of the log's targets.
    pub(crate) fn account_at(self, index: usize) -> Option<&'a Account> {
        self.organisation.accounts.get(index)
    }

    /// All events, future ones too, ordered by time, then identifier.
    pub(crate) fn log(self) -> &'a [LogEntry] {
        &self.organisation.log
    }

    /// Every group.
    pub(crate) fn groups(self) -> &'a [Group] {
        &self.organisation.groups
    }

    /// The group with this Okta identifier.
    pub(crate) fn group(self, id: &str) -> Option<&'a Group> {
        self.groups().iter().find(|g| g.id == id)
    }

    /// Who belongs to `group`, with the start of each membership.
    pub(crate) fn members(self, group: &Group) -> impl Iterator<Item = (&'a Account, Timestamp)> {
        let slot = group.slot;
        self.accounts().filter_map(move |a| {
            let held = a.groups.iter().find(|m| m.what == slot && m.at(self.at))?;
            Some((a, held.from))
        })
    }

    /// Every application.
    pub(crate) fn apps(self) -> &'a [App] {
        &self.organisation.apps
    }

    /// The application with this Okta identifier.
    pub(crate) fn app(self, id: &str) -> Option<&'a App> {
        self.apps().iter().find(|a| a.id == id)
    }

    /// The administrator roles of `account`: its own, then those of its groups.
    pub(crate) fn roles(self, account: &'a Account) -> Vec<Grant> {
        let own = account.roles.iter().filter(|r| r.at(self.at));
        let mut grants: Vec<Grant> =
            own.map(|r| Grant { role: r.what, since: r.from, group: None }).collect();
        for group in self.groups() {
            let held = account.groups.iter().find(|m| m.what == group.slot && m.at(self.at));
            if let (Some(role), Some(held)) = (group.role, held) {
                grants.push(Grant { role, since: held.from, group: Some(group.id.clone()) });
            }
        }
        grants
    }

    /// Accounts in `system` that exist or did, of the systems that the identity provider provisions.
    pub(crate) fn seats(self, system: System) -> impl Iterator<Item = Seat<'a>> {
        let taken = self.organisation.seats[system as usize].iter().filter(move |seat| seat.from <= self.at);
        taken.filter_map(move |seat| {
            let account = self.organisation.accounts.get(seat.what)?;
            Some(Seat { account, from: seat.from, until: seat.until.filter(|until| *until <= self.at) })
        })
    }

    /// People who have an account in `system` and are at work.
    pub(crate) fn working(self, system: System) -> Vec<&'a Account> {
        let is_at_work = |seat: &Seat<'a>| {
            let account = seat.account;
            seat.until.is_none()
                && account.kind != AccountKind::Service
                && account.status(self.at) == Some(Status::Active)
        };
        self.seats(system).filter(is_at_work).map(|seat| seat.account).collect()
    }

    /// The cloud account.
    pub(crate) fn cloud(self) -> &'a Cloud {
        &self.organisation.cloud
    }

    /// Google Cloud.
    pub(crate) fn gcp(self) -> &'a Gcp {
        &self.organisation.gcp
    }

    /// The story's facts, for what depends on them.
    pub(crate) fn story(self) -> &'a Story {
        &self.organisation.story
    }

    /// What of `timeline` holds now.
    pub(crate) fn now<T>(self, timeline: &'a [Held<T>]) -> impl Iterator<Item = &'a Held<T>> {
        timeline.iter().filter(move |held| held.at(self.at))
    }
}

/// An administrator role that somebody holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) role: RoleKind,
    pub(crate) since: Timestamp,
    /// The group it comes from; `None` when it was given to the person.
    pub(crate) group: Option<String>,
}
