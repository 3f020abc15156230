//! Who asks, and what there is to ask.

use super::super::app::App;
use super::super::viewer::Viewer;
use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use http::header;
use serde::Serialize;
use utoipa::ToSchema;

/// Who you are.
#[derive(Serialize, ToSchema)]
pub(crate) struct Me {
    /// As the ledger names you: `operator:ada`.
    who: String,
    /// `operator`, `auditor`, `ingest` or `monitor`.
    role: &'static str,
    /// The audit period that an auditor reads.
    #[schema(example = "2026-H1")]
    engagement: Option<String>,
    /// What a program under a session sends as `X-CSRF-Token` with whatever changes something; none: a token asks.
    csrf: Option<String>,
}

/// This document
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "service", security(()),
    responses((status = 200, description = "OpenAPI 3.1", body = Object)))]
pub(crate) async fn document(State(app): State<App>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], app.document())
}

/// Who you are
#[utoipa::path(get, path = "/api/v1/me", tag = "service",
    responses((status = 200, description = "You.", body = Me)))]
pub(crate) async fn me(viewer: Viewer) -> Json<Me> {
    Json(Me {
        role: viewer.role.word(),
        engagement: viewer.engagement().map(|period| period.name().to_owned()),
        csrf: viewer.session.map(|session| session.csrf),
        who: viewer.who,
    })
}
