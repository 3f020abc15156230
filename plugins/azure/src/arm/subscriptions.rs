//! The tenant, and the subscriptions of it that the credential sees.
//!
//! <https://learn.microsoft.com/en-us/rest/api/resources/tenants/list>,
//! <https://learn.microsoft.com/en-us/rest/api/resources/subscriptions/list>.

use super::api::Arm;
use super::resource::{or_default, tags};
use crate::Settings;
use exhibit_sdk::prelude::*;
use std::collections::BTreeMap;

const VERSION: &str = "2022-12-01";
const TYPE: &str = "azure:resources:subscription";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Tenant {
    tenant_id: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    subscription_id: String,
    tenant_id: Option<String>,
    display_name: Option<String>,
    state: Option<String>,
    authorization_source: Option<String>,
    subscription_policies: Option<Policies>,
    #[serde(default, deserialize_with = "or_default")]
    tags: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Policies {
    quota_id: Option<String>,
    spending_limit: Option<String>,
}

/// A subscription that is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Subscription {
    /// In lower case.
    pub(super) id: String,
    pub(super) name: String,
}

impl Subscription {
    /// `/subscriptions/ID`, the name of its record and of the place where it is asked about.
    pub(super) fn path(&self) -> String {
        format!("/subscriptions/{}", self.id)
    }

    /// Where a service is asked about all of the subscription: `Microsoft.Sql/servers`.
    pub(super) fn provided(&self, what: &str) -> String {
        format!("{}/providers/{what}", self.path())
    }
}

/// What the list of subscriptions says.
pub(super) struct Found {
    pub(super) read: Vec<Subscription>,
    listed: Vec<(Page, Vec<Item<Listed>>)>,
    /// Those of the settings that are not seen.
    unseen: Vec<String>,
    foreign: u64,
    others: u64,
}

impl Found {
    /// Why not every subscription is read.
    pub(super) fn gaps(&self, api: &Arm<'_>) -> Vec<String> {
        let tenant = &api.tenant;
        let mut gaps: Vec<String> = self
            .unseen
            .iter()
            .map(|id| format!("the credential does not see subscription {id}: grant it Reader there"))
            .collect();
        if self.read.is_empty() && gaps.is_empty() {
            gaps.push(format!(
                "the credential sees no subscription of tenant {tenant}: grant it Reader on the root management group, or \
                 set `subscriptions = []` if there is none"
            ));
        }
        gaps
    }
}

/// The tenant of the settings, as Azure names it. Fails where the credential is refused, or is another tenant's.
pub(super) fn tenant(api: &Arm<'_>) -> Result<String> {
    let mut seen = Vec::new();
    for page in api.list("/tenants", VERSION).pages() {
        let page = page.map_err(|failure| match failure.status() {
            Some(401) => failure.context("the token is not one of this cloud's Azure Resource Manager"),
            _ => failure,
        })?;
        seen.extend(page.items::<Tenant>()?.into_iter().map(|tenant| tenant.tenant_id.to_lowercase()));
    }
    if seen.contains(&api.tenant) {
        return Ok(api.tenant.clone());
    }
    Err(Failure::config(format!(
        "the credential is not of tenant {} but of {}: correct `tenant_id`, or where the credential's tokens come from",
        api.tenant,
        if seen.is_empty() { "none".to_owned() } else { seen.join(", ") }
    )))
}

/// Reads the list of subscriptions.
pub(super) fn list(api: &Arm<'_>, settings: &Settings) -> Result<Found> {
    let chosen: Option<Vec<String>> =
        settings.subscriptions.as_ref().map(|ids| ids.iter().map(|id| id.to_lowercase()).collect());
    let mut found = Found { read: Vec::new(), listed: Vec::new(), unseen: Vec::new(), foreign: 0, others: 0 };
    for page in api.list("/subscriptions", VERSION).pages() {
        let page = page?;
        let mut items = page.items::<Listed>()?;
        items.retain(|listed| {
            let id = listed.subscription_id.to_lowercase();
            if listed.tenant_id.as_ref().is_some_and(|of| of.to_lowercase() != api.tenant) {
                found.foreign += 1;
                return false;
            }
            if chosen.as_ref().is_some_and(|chosen| !chosen.contains(&id)) {
                found.others += 1;
                return false;
            }
            found
                .read
                .push(Subscription { name: listed.display_name.clone().unwrap_or_else(|| id.clone()), id });
            true
        });
        found.listed.push((page, items));
    }
    let is_seen = |id: &String| found.read.iter().any(|known| known.id == *id);
    found.unseen = chosen.into_iter().flatten().filter(|id| !is_seen(id)).collect();
    Ok(found)
}

/// Reads the subscriptions, emits them, and gives those that are to be read further.
pub(super) fn collect(api: &mut Arm<'_>, settings: &Settings) -> Result<Vec<Subscription>> {
    let found = list(api, settings)?;
    let gaps = found.gaps(api);
    api.gap = (!gaps.is_empty()).then(|| gaps.join("; "));
    let mut assets = api.open::<Resource>("the subscriptions of the tenant, in every state");
    for (page, items) in &found.listed {
        assets.fed_by(page)?;
        for listed in items {
            assets.emit(record(listed))?;
        }
    }
    assets.filtered(found.foreign, "a subscription of another tenant")?;
    assets.filtered(found.others, "a subscription that the settings leave out")?;
    assets.seal()?;
    Ok(found.read)
}

fn record(listed: &Item<Listed>) -> Record<Resource> {
    let policies = listed.subscription_policies.as_ref();
    let details = Details::new()
        .with_some("authorization_source", listed.authorization_source.clone())
        .with_some("quota_id", policies.and_then(|policies| policies.quota_id.clone()))
        .with_some("spending_limit", policies.and_then(|policies| policies.spending_limit.clone()));
    let id = listed.subscription_id.to_lowercase();
    let attributes = Resource {
        container: listed.tenant_id.as_ref().map(|id| format!("/tenants/{}", id.to_lowercase())),
        status: listed.state.clone(),
        tags: tags(&listed.tags),
        details: details.some(),
        ..Resource::new(listed.display_name.as_deref().unwrap_or(&id), TYPE)
    };
    let name = format!("/subscriptions/{id}");
    let record = listed.record(&name, attributes).subject(subject::asset(&name));
    record.unknown_unless("status", listed.state.is_some())
}
