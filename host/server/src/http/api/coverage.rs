//! Controls and what each of their collection periods has.

use super::super::app::App;
use super::super::extract::Query;
use super::super::problem::Problem;
use super::super::viewer::Viewer;
use axum::Json;
use axum::extract::State;
use exhibit_evidence::control::{Control, ControlId};
use exhibit_evidence::period::{AuditPeriod, Frequency};
use exhibit_evidence::time::Span;
use exhibit_pipeline::coverage::{self, PeriodCoverage};
use exhibit_pipeline::host::Host;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// What the organisation does, for which criteria, how often, and what proves it.
#[derive(Serialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = Object)]
pub(crate) struct ControlJson(Control);

/// Every control
#[utoipa::path(get, path = "/api/v1/controls", tag = "coverage",
    responses((status = 200, description = "All of them.", body = Vec<ControlJson>)))]
pub(crate) async fn controls(State(app): State<App>) -> Json<Vec<ControlJson>> {
    Json(app.host().controls.iter().cloned().map(ControlJson).collect())
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct CoverageQuery {
    /// `2026-H1`, `2026-03`, `2026-01-15..2026-07-14`. Left out: an auditor's engagement, for others this year.
    #[param(value_type = Option<String>)]
    period: Option<AuditPeriod>,
    /// Only this control.
    #[param(value_type = Option<String>)]
    control: Option<ControlId>,
}

/// A control with its collection periods.
#[derive(Serialize, ToSchema)]
pub(crate) struct CoverageItem {
    /// The control.
    #[schema(value_type = Object)]
    control: Control,
    /// Its periods, in order: `period`, `outcome` (filled, late, partial, failed, missed; none: not over), `reason`,
    /// `runs`, `uploads`.
    #[schema(value_type = Vec<Object>)]
    periods: Vec<PeriodCoverage>,
}

/// Which collection periods of a control have what
#[utoipa::path(get, path = "/api/v1/coverage", tag = "coverage", params(CoverageQuery),
    responses((status = 200, description = "Every control with its periods.", body = Vec<CoverageItem>),
        (status = 404, description = "There is no such control, or the period is not of the engagement.",
            body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn coverage(
    State(app): State<App>,
    viewer: Viewer,
    Query(query): Query<CoverageQuery>,
) -> Result<Json<Vec<CoverageItem>>, Problem> {
    let items = app.read(move |host| {
        let span = asked(host, &viewer, query.period.as_ref())?;
        let all = match &query.control {
            Some(id) => {
                let control = host.controls.get(id);
                let control =
                    control.ok_or_else(|| Problem::not_found(format!("there is no control {id}")))?;
                vec![coverage::cover_control(host, control, span)?]
            }
            None => coverage::cover(host, span)?,
        };
        Ok(all.into_iter().map(|of| CoverageItem { control: of.control, periods: of.periods }).collect())
    });
    Ok(Json(items.await?))
}

/// The span that is asked for, where the one who asks may see all of it.
fn asked(host: &Host, viewer: &Viewer, period: Option<&AuditPeriod>) -> Result<Span, Problem> {
    let Some(span) = period.map(AuditPeriod::span) else {
        let year = || Frequency::Annual.period_at(host.clock.now()).span();
        return Ok(viewer.span().unwrap_or_else(year));
    };
    // Every control with every day of a century is no question that anybody means.
    let years = (span.end.as_ms() - span.start.as_ms()) / (365 * 24 * 60 * 60 * 1000);
    if years > 10 {
        return Err(Problem::bad_request("`period` is longer than ten years"));
    }
    match viewer.span() {
        Some(own) if span.start < own.start || span.end > own.end => {
            Err(Problem::not_found("this period is not of your engagement"))
        }
        _ => Ok(span),
    }
}
