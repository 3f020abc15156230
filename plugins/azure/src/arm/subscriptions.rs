//! The tenant, and the subscriptions of it that the credential sees.
//!
//! <https://learn.microsoft.com/en-us/rest/api/resources/tenants/list>,
//! <https://learn.microsoft.com/en-us/rest/api/resources/subscriptions/list>.

use super::api::Arm;
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
    #[serde(default)]
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
pub(crate) struct Subscription {
    /// In lower case.
    pub(crate) id: String,
    pub(crate) name: String,
}

/// The tenant of the settings, as Azure names it. Fails where the credential is refused, or is another tenant's.
pub(crate) fn tenant(api: &Arm<'_>, settings: &Settings) -> Result<String> {
    let mut seen = Vec::new();
    for page in api.list("/tenants", VERSION).pages() {
        seen.extend(page?.items::<Tenant>()?.into_iter().map(|tenant| tenant.tenant_id.to_lowercase()));
    }
    let wanted = settings.tenant_id.to_lowercase();
    if seen.contains(&wanted) {
        return Ok(wanted);
    }
    Err(Failure::config(format!(
        "the credential is not of tenant {wanted} but of {}: correct `tenant_id`, or the credential's `token_url`",
        if seen.is_empty() { "none".to_owned() } else { seen.join(", ") }
    )))
}

/// Reads the subscriptions, emits them, and gives those that are to be read further.
pub(crate) fn collect(api: &Arm<'_>, settings: &Settings) -> Result<Vec<Subscription>> {
    let mut assets = api.ctx.population::<Resource>("the subscriptions of the tenant, in every state");
    let chosen: Option<Vec<String>> =
        settings.subscriptions.as_ref().map(|ids| ids.iter().map(|id| id.to_lowercase()).collect());
    let tenant = settings.tenant_id.to_lowercase();
    let (mut found, mut foreign, mut others) = (Vec::new(), 0, 0);
    for page in api.list("/subscriptions", VERSION).pages() {
        for listed in assets.items::<Listed>(&page?)? {
            let id = listed.subscription_id.to_lowercase();
            if listed.tenant_id.as_ref().is_some_and(|of| of.to_lowercase() != tenant) {
                foreign += 1;
            } else if chosen.as_ref().is_some_and(|chosen| !chosen.contains(&id)) {
                others += 1;
            } else {
                assets.emit(record(&id, &listed))?;
                found.push(Subscription {
                    name: listed.display_name.clone().unwrap_or_else(|| id.clone()),
                    id,
                });
            }
        }
    }
    assets.filtered(foreign, "a subscription of another tenant")?;
    assets.filtered(others, "a subscription that the settings leave out")?;
    for id in chosen.iter().flatten().filter(|id| !found.iter().any(|known| known.id == **id)) {
        assets.incomplete(format!("the credential does not see subscription {id}: grant it Reader there"));
    }
    if found.is_empty() {
        assets
            .incomplete("the credential sees no subscription: grant it Reader on the root management group");
    }
    assets.seal()?;
    Ok(found)
}

fn record(id: &str, listed: &Item<Listed>) -> Record<Resource> {
    let mut details = Details::new();
    let policies = listed.subscription_policies.as_ref();
    for (name, value) in [
        ("authorization_source", listed.authorization_source.as_ref()),
        ("quota_id", policies.and_then(|policies| policies.quota_id.as_ref())),
        ("spending_limit", policies.and_then(|policies| policies.spending_limit.as_ref())),
    ] {
        if let Some(value) = value {
            details.insert(name, value.as_str());
        }
    }
    let tags = listed.tags.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>();
    let attributes = Resource {
        container: listed.tenant_id.as_ref().map(|id| format!("/tenants/{}", id.to_lowercase())),
        status: listed.state.clone(),
        tags: (!tags.is_empty()).then_some(tags),
        details: details.some(),
        ..Resource::new(listed.display_name.as_deref().unwrap_or(id), TYPE)
    };
    let name = format!("/subscriptions/{id}");
    let record = listed.record(&name, attributes).subject(subject::asset(&name));
    if listed.state.is_none() { record.unknown("status") } else { record }
}
