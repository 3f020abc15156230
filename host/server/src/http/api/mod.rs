//! The API under `/api/v1`, as `/api/v1/openapi.json` describes it.

pub(crate) mod health;
mod me;

use super::routes::{Access, Routes};
use utoipa_axum::routes;

/// Adds every route of the API.
pub(crate) fn routes(routes: Routes) -> Routes {
    routes.api(Access::Open, routes!(me::document)).api(Access::SignedIn, routes!(me::me))
}
