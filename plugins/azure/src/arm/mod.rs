//! Azure Resource Manager: the subscriptions of a tenant, and what is in them.
//!
//! | module | reads | makes |
//! | --- | --- | --- |
//! | `subscriptions` | the tenant, its subscriptions | `asset.resource` |
//! | `api` | where it is, and how it pages, for all of them | |
//!
//! A list that the credential may not read leaves its population incomplete, with Azure's reason; the others go on.

mod api;
mod subscriptions;

use crate::Settings;
use api::Arm;
use exhibit_sdk::prelude::*;

/// The tenant, as Azure names it. Fails where the credential does not see it.
pub(crate) fn check(ctx: &Context, settings: &Settings) -> Result<String> {
    subscriptions::tenant(&Arm::new(ctx, settings), settings)
}

/// Collects everything of the tenant's subscriptions.
pub(crate) fn collect(ctx: &Context, settings: &Settings) -> Result<()> {
    if settings.subscriptions.as_ref().is_some_and(Vec::is_empty) {
        return Ok(());
    }
    let api = Arm::new(ctx, settings);
    subscriptions::collect(&api, settings)?;
    Ok(())
}

/// What the credential needs, and for what.
pub(crate) fn permissions(described: Description) -> Description {
    described.permission(
        "Microsoft.Resources/subscriptions/read",
        "the subscriptions; those on which it is not granted are not seen",
        &["asset.resource@1"],
    )
}
