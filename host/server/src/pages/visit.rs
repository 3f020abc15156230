//! Who looks, at what, and how much of it they may see.

use super::Trouble;
use crate::http::App;
use crate::http::api::exports::ExportItem;
use crate::http::viewer::Viewer;
use crate::service::Now;
use axum::extract::{FromRequestParts, Path, Query};
use axum::response::{IntoResponse, Response};
use exhibit_evidence::name::SourceName;
use exhibit_evidence::period::{AuditPeriod, Frequency};
use exhibit_evidence::run::{Manifest, RunId};
use exhibit_evidence::time::{Span, Timestamp};
use exhibit_pipeline::host::Host;
use exhibit_store::RunFilter;
use http::StatusCode;
use http::request::Parts;
use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;

/// One look at one page.
pub(crate) struct Visit {
    /// The workspace as it was last read.
    pub(crate) host: Arc<Host>,
    /// What goes on now.
    pub(crate) now: Arc<Now>,
    /// Who looks.
    pub(crate) viewer: Viewer,
    app: App,
    names: BTreeMap<String, String>,
    query: BTreeMap<String, String>,
}

impl FromRequestParts<App> for Visit {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        let service = app.service();
        let Some(viewer) = parts.extensions.get::<Viewer>().cloned() else {
            return Err((StatusCode::UNAUTHORIZED, "Sign in first.").into_response());
        };
        let names =
            Path::from_request_parts(parts, app).await.map_or_else(|_| BTreeMap::new(), |Path(names)| names);
        let query = Query::from_request_parts(parts, app)
            .await
            .map_or_else(|_| BTreeMap::new(), |Query(query)| query);
        Ok(Self { host: service.host(), now: service.now(), viewer, app: app.clone(), names, query })
    }
}

impl Visit {
    /// A part of the path.
    ///
    /// # Errors
    /// [`Trouble`] where it is no such thing.
    pub(crate) fn name<T: FromStr<Err: std::fmt::Display>>(&self, name: &str) -> Result<T, Trouble> {
        let text = self.names.get(name).map(String::as_str).unwrap_or_default();
        text.parse().map_err(|error: T::Err| Trouble::missing(error.to_string()))
    }

    /// A member of the query, where it is there and not empty.
    pub(crate) fn asked(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str).filter(|text| !text.is_empty())
    }

    /// A member of the query, read.
    ///
    /// # Errors
    /// [`Trouble`] where it does not read.
    pub(crate) fn parsed<T: FromStr<Err: std::fmt::Display>>(
        &self,
        name: &str,
    ) -> Result<Option<T>, Trouble> {
        self.asked(name)
            .map(|text| text.parse().map_err(|error: T::Err| Trouble::unclear(format!("`{name}`: {error}"))))
            .transpose()
    }

    /// Packages that were made, and that are being made, of those that may be seen: the newest first.
    pub(crate) fn exports(&self) -> Vec<ExportItem> {
        let mut all = self.app.exports().all();
        all.retain(|item| self.engagement().is_none_or(|own| own.span() == item.period.span()));
        all
    }

    /// What time it is.
    pub(crate) fn at(&self) -> Timestamp {
        self.host.clock.now()
    }

    /// The one engagement that an auditor reads.
    pub(crate) fn engagement(&self) -> Option<&AuditPeriod> {
        self.viewer.engagement()
    }

    /// Whether the one who looks may do something about it.
    pub(crate) fn operates(&self) -> bool {
        self.viewer.is_operator()
    }

    /// Only operators see this.
    ///
    /// # Errors
    /// [`Trouble`] for anyone else.
    pub(crate) fn must_operate(&self) -> Result<(), Trouble> {
        if self.operates() {
            Ok(())
        } else {
            Err(Trouble::forbidden("this page is for those who operate Exhibit"))
        }
    }

    /// The time that is looked at: what the address asks, an auditor's engagement, or the year of the last run.
    ///
    /// # Errors
    /// [`Trouble`] where the address asks for no period, or for one outside the engagement.
    pub(crate) fn period(&self) -> Result<AuditPeriod, Trouble> {
        let asked: Option<AuditPeriod> = self.parsed("period")?;
        match (asked, self.engagement()) {
            (None, Some(engagement)) => Ok(engagement.clone()),
            (Some(asked), Some(engagement)) if !within(asked.span(), engagement.span()) => {
                Err(Trouble::forbidden(format!("{asked} is not part of the engagement {engagement}")))
            }
            (Some(asked), _) if asked.span().end.as_ms() - asked.span().start.as_ms() > LONGEST_MS => {
                Err(Trouble::unclear("ask for two years at most"))
            }
            (Some(asked), _) => Ok(asked),
            (None, None) => self.usual_period(),
        }
    }

    /// This year, or the last one in which something was collected.
    fn usual_period(&self) -> Result<AuditPeriod, Trouble> {
        let year = |at| Frequency::Annual.period_at(at);
        let mut at = self.at();
        if let Some(last) = self.host.store.runs_before(&RunFilter::default(), None, 1)?.first() {
            at = at.min(last.started_at);
        }
        year(at).to_string().parse().map_err(|_| Trouble::failed("there is no such year"))
    }

    /// Whether the one who looks may see a run.
    pub(crate) fn sees(&self, manifest: &Manifest) -> bool {
        self.engagement().is_none_or(|engagement| {
            let span = engagement.span();
            span.contains(manifest.started_at) || manifest.window.overlaps(&span)
        })
    }

    /// Whether what a run held as state may be seen: the run began in the engagement.
    pub(crate) fn sees_state_of(&self, started_at: Timestamp) -> bool {
        self.engagement().is_none_or(|engagement| engagement.span().contains(started_at))
    }

    /// A run that may be seen.
    ///
    /// # Errors
    /// [`Trouble`] where there is none.
    pub(crate) fn manifest(&self, run: &RunId) -> Result<Manifest, Trouble> {
        let manifest = self.host.store.manifest(run)?;
        if self.sees(&manifest) {
            Ok(manifest)
        } else {
            Err(Trouble::missing(format!("there is no run {run} in this engagement")))
        }
    }

    /// The runs that may be seen, of a source or of all.
    pub(crate) fn filter(&self, source: Option<SourceName>) -> RunFilter {
        RunFilter { source, span: self.engagement().map(AuditPeriod::span) }
    }
}

/// The longest stretch that is drawn at once.
const LONGEST_MS: u64 = 2 * 366 * 24 * 60 * 60 * 1000;

fn within(inner: Span, outer: Span) -> bool {
    inner.start >= outer.start && inner.end <= outer.end
}

/// When a run began, to the second, by its name: `20260304T100000Z-1f3a9c02`.
pub(crate) fn started(run: &RunId) -> Option<Timestamp> {
    let text = run.as_str();
    let (date, time) = (text.get(..8)?, text.get(9..15)?);
    format!("{}-{}-{}T{}:{}:{}Z", &date[..4], &date[4..6], &date[6..], &time[..2], &time[2..4], &time[4..])
        .parse()
        .ok()
}
