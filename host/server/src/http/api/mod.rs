//! The API under `/api/v1`, as `/api/v1/openapi.json` describes it.
//!
//! | module | holds |
//! | --- | --- |
//! | [`sources`] | sources, what their connectors ask, runs of them |
//! | [`runs`] | runs, and the files that they wrote |
//! | [`records`] | records as of a run, over time, between two runs |
//! | [`coverage`] | controls and their collection periods |
//! | [`closing`] | seals |
//! | [`exports`] | packages, made in the background |
//! | [`ledger`] | the log: checkpoint, leaves, proofs, tiles |
//! | [`uploads`] | files that people attach |
//! | [`access`] | tokens |
//! | [`list`] | lists that go on, and lines that stream |

mod access;
pub(crate) mod closing;
mod coverage;
pub(crate) mod exports;
pub(crate) mod health;
mod ledger;
mod list;
mod me;
mod records;
mod runs;
mod sources;
pub(crate) mod uploads;

use super::app::App;
use super::routes::{Access, Routes};
use axum::extract::DefaultBodyLimit;
use utoipa_axum::router::UtoipaMethodRouter;
use utoipa_axum::routes;

/// Adds every route of the API.
pub(crate) fn routes(routes: Routes) -> Routes {
    routes
        .api(Access::Open, routes!(me::document))
        .api(Access::SignedIn, routes!(me::me))
        .api(Access::Operate, routes!(sources::list))
        .api(Access::Operate, routes!(sources::one))
        .api(Access::Operate, routes!(sources::asks, sources::approve))
        .api(Access::Operate, routes!(sources::check))
        .api(Access::Operate, routes!(sources::run))
        .api(Access::Operate, routes!(sources::pause))
        .api(Access::Operate, routes!(sources::resume))
        .api(Access::Operate, routes!(sources::reload))
        .api(Access::Operate, routes!(sources::connectors))
        .api(Access::Read, routes!(runs::list))
        .api(Access::Read, routes!(runs::one))
        .api(Access::Read, routes!(runs::file))
        .api(Access::Read, routes!(runs::provenance))
        .api(Access::Read, routes!(runs::body))
        .api(Access::Read, routes!(records::of_run))
        .api(Access::Read, routes!(records::datasets))
        .api(Access::Read, routes!(records::history))
        .api(Access::Read, routes!(records::diff))
        .api(Access::Read, routes!(coverage::controls))
        .api(Access::Read, routes!(coverage::coverage))
        .api(Access::Read, routes!(uploads::list))
        .api(Access::Ingest, large(routes!(uploads::attach)))
        .api(Access::Read, routes!(uploads::file))
        .api(Access::Read, routes!(closing::list))
        .api(Access::Operate, routes!(closing::seal))
        .api(Access::Read, routes!(closing::one))
        .api(Access::Read, routes!(exports::list))
        .api(Access::Operate, routes!(exports::start))
        .api(Access::Read, routes!(exports::one))
        .api(Access::Operate, routes!(exports::remove))
        .api(Access::Read, routes!(exports::file))
        .api(Access::Read, routes!(ledger::checkpoint))
        .api(Access::Read, routes!(ledger::leaves))
        .api(Access::Read, routes!(ledger::leaf))
        .api(Access::Read, routes!(ledger::document))
        .api(Access::Read, routes!(ledger::proof))
        .api(Access::Read, routes!(ledger::consistency))
        .page(http::Method::GET, "/api/v1/log/tile/{*path}", Access::Read, ledger::tile)
        .api(Access::Operate, routes!(access::list, access::add))
        .api(Access::Operate, routes!(access::revoke))
}

/// Handlers that take a body as large as an attached file.
fn large((schemas, paths, handlers): UtoipaMethodRouter<App>) -> UtoipaMethodRouter<App> {
    (schemas, paths, handlers.layer(DefaultBodyLimit::max(exhibit_pipeline::upload::MAX_BYTES)))
}
