//! Locks, and what they protect from deletion.
//!
//! Both levels (`CanNotDelete`, `ReadOnly`) do, for everything beneath the place that they stand on:
//! <https://learn.microsoft.com/en-us/azure/azure-resource-manager/management/lock-resources>.

use super::api::Arm;
use super::id;
use super::subscriptions::Subscription;
use exhibit_sdk::prelude::*;
use std::collections::BTreeMap;

const VERSION: &str = "2020-05-01";
const MARK: &str = "/providers/microsoft.authorization/locks/";

#[derive(Debug, Deserialize)]
struct Lock {
    id: String,
    name: String,
    properties: Properties,
}

#[derive(Debug, Deserialize)]
struct Properties {
    level: Option<String>,
    notes: Option<String>,
}

impl Lock {
    /// What it stands on: a subscription, a resource group, a resource.
    fn scope(&self) -> Option<String> {
        id::key(&self.id).split_once(MARK).map(|(scope, _)| scope.to_owned())
    }

    fn protects(&self) -> bool {
        matches!(self.properties.level.as_deref(), Some("CanNotDelete" | "ReadOnly"))
    }
}

/// The places that a lock protects, by subscription. One whose locks may not be read is absent.
#[derive(Debug, Default)]
pub(super) struct Locks(BTreeMap<String, Vec<(String, Origin)>>);

impl Locks {
    /// The lock that protects this resource, or that there is none; nothing where that is not known.
    pub(super) fn of(&self, id: &str) -> Option<Option<&Origin>> {
        let key = id::key(id);
        let held = self.0.get(&id::container(&key))?;
        let covers =
            |scope: &str| key == scope || key.strip_prefix(scope).is_some_and(|rest| rest.starts_with('/'));
        Some(held.iter().find(|(scope, _)| covers(scope)).map(|(_, origin)| origin))
    }
}

pub(super) fn collect(api: &Arm<'_>, subscriptions: &[Subscription]) -> Result<Locks> {
    let mut assets = api.open::<Resource>("locks of all subscriptions");
    let mut locks = Locks::default();
    if !assets.is_wanted() {
        return Ok(locks);
    }
    let ask = |of: &Subscription| api.list(&of.provided("Microsoft.Authorization/locks"), VERSION);
    for (of, answer) in api.ctx.each(subscriptions, ask) {
        let is_read = answer.is_ok();
        let mut held = Vec::new();
        for page in api.take(&mut [&mut assets], answer)? {
            for lock in assets.items::<Lock>(&page)? {
                if let Some(scope) = lock.scope().filter(|_| lock.protects()) {
                    held.push((scope, lock.origin().clone()));
                }
                assets.emit(record(&lock))?;
            }
        }
        if is_read {
            locks.0.insert(of.path(), held);
        }
    }
    assets.seal()?;
    Ok(locks)
}

fn record(lock: &Item<Lock>) -> Record<Resource> {
    let properties = &lock.properties;
    let details = Details::new()
        .with_some("scope", lock.scope())
        .with_some("notes", properties.notes.clone().filter(|notes| !notes.is_empty()));
    let attributes = Resource {
        container: Some(id::container(&lock.id)),
        status: properties.level.clone(),
        details: details.some(),
        ..Resource::new(&lock.name, "azure:authorization:lock")
    };
    let key = id::key(&lock.id);
    lock.record(&key, attributes)
        .subject(subject::asset(&key))
        .unknown_unless("status", properties.level.is_some())
}
