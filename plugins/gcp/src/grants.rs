//! Who holds which role on the organisation, on folders and on projects, what they inherit, and which access to data
//! is audited there.
//!
//! A policy holds for everything beneath: <https://cloud.google.com/iam/docs/resource-hierarchy-access-control>. Each
//! binding is a record of the place where it stands, and, unless the settings leave that out, of every project beneath.
//! Audit configuration is a union over the places above:
//! <https://cloud.google.com/logging/docs/audit/configure-data-access>.

use crate::api::{Api, RESOURCES};
use crate::policy::{AuditConfig, Binding, Policy, Scope, grants};
use crate::roles::Roles;
use crate::tree::{Place, Tree};
use exhibit_sdk::kinds::{Logging, RoleGrant};
use exhibit_sdk::prelude::*;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// The policy of one place.
struct Held {
    bindings: Vec<Item<Binding>>,
    audit: Vec<AuditConfig>,
    origin: Origin,
}

/// What is collected, and what it takes.
struct Grants<'a> {
    api: &'a Api<'a>,
    tree: &'a Tree,
    roles: &'a Roles,
    with_inherited: bool,
    granted: Wanted<RoleGrant>,
    audited: Wanted<Logging>,
    /// Policies of organisation and folders by index; none where withheld.
    above: BTreeMap<usize, Option<Held>>,
}

pub(crate) fn collect(api: &Api<'_>, tree: &Tree, roles: &Roles, with_inherited: bool) -> Result<()> {
    let mut granted =
        api.open::<RoleGrant>("IAM policies of the organisation, all active folders and projects");
    let audited =
        api.open::<Logging>("audit configuration of the organisation, all active folders and projects");
    if !granted.is_wanted() && !audited.is_wanted() {
        return Ok(());
    }
    if let Some(gap) = &tree.above {
        granted.incomplete(gap);
    }
    let mut all = Grants { api, tree, roles, with_inherited, granted, audited, above: BTreeMap::new() };
    let places: Vec<(usize, &Place)> =
        tree.places.iter().enumerate().filter(|(_, place)| place.active).collect();
    // Version 3 is the one that has conditions.
    let body = json!({"options": {"requestedPolicyVersion": 3}});
    let ask = |(_, place): &(usize, &Place)| {
        let path = format!("/v3/{}:getIamPolicy", place.path());
        Api::whole(api.post(RESOURCES, &path, &body), "/bindings")
    };
    for ((at, place), answer) in api.ctx.each(&places, ask) {
        all.of_place(*at, place, answer)?;
    }
    let Grants { granted, audited, .. } = all;
    exhibit_sdk::all([granted.seal(), audited.seal()])
}

impl Grants<'_> {
    fn of_place(&mut self, at: usize, place: &Place, answer: Result<Vec<Page>>) -> Result<()> {
        let held = match self.api.passing.take(&mut [&mut self.granted, &mut self.audited], answer)?.first() {
            Some(page) => Some(Held {
                bindings: self.granted.items::<Binding>(page)?,
                audit: page.json::<Policy>()?.audit_configs,
                origin: page.origin(""),
            }),
            None => None,
        };
        if let Some(held) = &held {
            self.granted_on(place, held)?;
            self.audited
                .filtered(held.bindings.len() as u64, "a binding of a role, which configures no audit log")?;
        }
        if place.within {
            self.audited_on(at, place, held.as_ref())?;
        }
        if place.is_project() {
            if self.with_inherited {
                self.inherited_by(at, place)?;
            }
        } else {
            self.above.insert(at, held);
        }
        Ok(())
    }

    /// What stands in the place's own policy.
    fn granted_on(&mut self, place: &Place, held: &Held) -> Result<()> {
        let full_name = place.full_name();
        let scope = Scope { full_name: &full_name, from: None };
        for binding in &held.bindings {
            self.granted.filtered(u64::from(binding.members.is_empty()), "a binding without members")?;
            for record in grants(&scope, binding, self.roles, &self.api.tenant) {
                self.granted.emit(record)?;
            }
        }
        Ok(())
    }

    fn inherited_by(&mut self, at: usize, project: &Place) -> Result<()> {
        let full_name = project.full_name();
        for above in self.tree.above(at) {
            let (Some(Some(held)), Some(place)) = (self.above.get(&above), self.tree.places.get(above))
            else {
                continue;
            };
            let scope = Scope { full_name: &full_name, from: Some((&place.name, &place.title)) };
            for binding in &held.bindings {
                for record in grants(&scope, binding, self.roles, &self.api.tenant) {
                    self.granted.emit(record)?;
                }
            }
        }
        Ok(())
    }

    /// What is audited in a place, its own configuration and that of the places above together.
    fn audited_on(&mut self, at: usize, place: &Place, own: Option<&Held>) -> Result<()> {
        let above: Vec<Option<&Held>> =
            self.tree.above(at).map(|above| self.above.get(&above).and_then(Option::as_ref)).collect();
        let is_whole = own.is_some() && above.iter().all(Option::is_some) && self.tree.above.is_none();
        let Some(first) = own.or_else(|| above.iter().copied().flatten().next()) else { return Ok(()) };
        let configs = own.into_iter().chain(above.into_iter().flatten());
        let audit = Audit::of(configs.flat_map(|held| &held.audit));
        let attributes = Logging {
            resource_name: Some(place.title.clone()),
            enabled: (is_whole || audit.is_on()).then(|| audit.is_on()),
            events: is_whole.then(|| audit.everywhere()),
            details: audit.details().some(),
            ..Logging::new(place.full_name(), place.resource_type(), "data_access")
        };
        let key = format!("{}/auditConfigs", place.full_name());
        let record =
            Record::new(key, attributes).origin(&first.origin).subject(subject::asset(&place.full_name()));
        let record = if is_whole { record } else { record.unknown("events") };
        let is_known = is_whole || audit.is_on();
        self.audited.emit(if is_known { record } else { record.unknown("enabled") })
    }
}

/// Configurations of several places, joined.
#[derive(Default)]
struct Audit {
    /// Types of log by service.
    services: BTreeMap<String, BTreeSet<String>>,
    /// Who is not audited, by service and type.
    exempted: BTreeMap<String, BTreeSet<String>>,
}

impl Audit {
    fn of<'a>(configs: impl Iterator<Item = &'a AuditConfig>) -> Self {
        let mut audit = Self::default();
        for config in configs {
            for log in &config.audit_log_configs {
                let word = log.log_type.to_ascii_lowercase();
                if !log.exempted_members.is_empty() {
                    let of = audit.exempted.entry(format!("{} {word}", config.service)).or_default();
                    of.extend(log.exempted_members.iter().cloned());
                }
                audit.services.entry(config.service.clone()).or_default().insert(word);
            }
        }
        audit
    }

    fn is_on(&self) -> bool {
        !self.services.is_empty()
    }

    /// Types of log that are on for every service.
    fn everywhere(&self) -> Vec<String> {
        self.services.get("allServices").into_iter().flatten().cloned().collect()
    }

    fn details(&self) -> Details {
        let group = |of: &BTreeMap<String, BTreeSet<String>>| -> Details {
            of.iter()
                .map(|(name, words)| (name.as_str(), words.iter().cloned().collect::<Vec<_>>()))
                .collect()
        };
        let mut details = Details::new();
        if self.is_on() {
            details.insert("services", group(&self.services));
        }
        if !self.exempted.is_empty() {
            details.insert("exempted_members", group(&self.exempted));
        }
        details
    }
}
