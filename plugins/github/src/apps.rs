//! GitHub Apps that are installed in the organisation, and what they may do.

use crate::api::Api;
use exhibit_sdk::kinds::{AppGrant, Status};
use exhibit_sdk::prelude::*;
use std::collections::BTreeMap;

#[derive(Debug, Deserialize)]
struct Installation {
    id: u64,
    app_id: u64,
    app_slug: Option<String>,
    #[serde(default)]
    permissions: BTreeMap<String, String>,
    repository_selection: Option<String>,
    created_at: Option<String>,
    suspended_at: Option<String>,
}

pub(crate) fn collect(api: &Api<'_>) -> Result<()> {
    let mut grants = api.ctx.population::<AppGrant>("all GitHub Apps installed in the organisation");
    for page in api.counted_list(&api.org("/installations"), "/installations").pages() {
        let Some(page) = grants.tolerate(page)? else { break };
        for installation in grants.items::<Installation>(&page)? {
            let is_suspended = installation.suspended_at.is_some();
            let mut scopes: Vec<String> =
                installation.permissions.iter().map(|(area, access)| format!("{area}:{access}")).collect();
            scopes.extend(installation.repository_selection.iter().map(|of| format!("repositories:{of}")));
            let attributes = AppGrant {
                app_name: installation.app_slug.clone(),
                status: Some(if is_suspended { Status::Inactive } else { Status::Active }),
                scopes: Some(scopes),
                granted_at: instant(installation.created_at.as_ref()),
                ..AppGrant::new(installation.app_id.to_string())
            };
            let record = installation.record(installation.id.to_string(), attributes);
            grants.emit(record.unknown("granted_by"))?;
        }
    }
    grants.seal()
}
