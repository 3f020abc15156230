//! Whether it lives, whether it works, and how well.

use super::super::app::App;
use super::super::problem::Problem;
use crate::operate::metrics;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use exhibit_evidence::time::Timestamp;
use http::{StatusCode, header};

/// `GET /healthz`: the process answers.
pub(crate) async fn live() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: the loop runs. `holding` where it starts nothing new, for a reason that signed-in people see.
pub(crate) async fn ready(State(app): State<App>) -> Result<&'static str, Problem> {
    let now = app.service().now();
    if now.started_at == Timestamp::default() {
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the service has not begun to work yet"));
    }
    Ok(if now.holding.is_some() { "holding\n" } else { "ok\n" })
}

/// `GET /metrics`: numbers, for Prometheus.
pub(crate) async fn numbers(State(app): State<App>) -> Response {
    ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], app.service().metrics().text()).into_response()
}
