//! Records: as of a run, over time, between two runs.

use super::super::app::App;
use super::super::extract::{Path, Query};
use super::super::problem::Problem;
use super::super::viewer::Viewer;
use super::list::{self, Part};
use super::runs::{second_of, visible};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use exhibit_evidence::kind::Kind;
use exhibit_evidence::name::SourceName;
use exhibit_evidence::run::RunId;
use exhibit_evidence::time::{Span, Timestamp};
use exhibit_store::{Change, Difference, HistoryEntry, ReadError};
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// A record, canonical: kind, source, tenant, native id, attributes, and what the source does not report.
#[derive(Serialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = Object)]
pub(crate) struct RecordJson(serde_json::Value);

fn record(line: &[u8]) -> Result<RecordJson, Problem> {
    serde_json::from_slice(line)
        .map(RecordJson)
        .map_err(|error| Problem::failed(format!("a record: {error}")))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PartQuery {
    /// `next` of the part before.
    cursor: Option<String>,
    /// Records in a part, 50 where it is left out.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

/// The records of a kind as a run left them
///
/// Of events and acts, what the run added. With `Accept: application/x-ndjson` all of them, a canonical line each,
/// whose SHA-256 is the record's digest.
#[utoipa::path(get, path = "/api/v1/runs/{run}/records/{kind}", tag = "records",
    params(PartQuery, ("run" = String, Path, description = "The run."),
        ("kind" = String, Path, description = "The kind: identity.account@1.")),
    responses((status = 200, description = "Some, or all as lines.", content(
        (Part<RecordJson> = "application/json"), (String = "application/x-ndjson")))))]
pub(crate) async fn of_run(
    State(app): State<App>,
    viewer: Viewer,
    Path((run, kind)): Path<(RunId, Kind)>,
    Query(query): Query<PartQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let limit = list::limit(query.limit)?;
    let from = query.cursor.unwrap_or_default();
    let (of, what) = (run.clone(), kind.clone());
    let lines = list::wants_lines(&headers);
    let part = app.read(move |host| {
        let source = visible(host, &viewer, &of)?.source;
        let mut records = host.store.snapshot_from(&source, &what, &of, &from)?;
        if lines {
            return Ok((source, Part { items: Vec::new(), next: None }));
        }
        let first = records.by_ref().take(limit).collect::<Result<Vec<_>, _>>()?;
        let next = records.next().transpose()?.map(|record| record.key.0);
        let items = first.iter().map(|line| record(&line.line)).collect::<Result<_, _>>()?;
        Ok((source, Part { items, next }))
    });
    let (source, part) = part.await?;
    if !lines {
        return Ok(Json(part).into_response());
    }
    Ok(list::stream(&app, move |host, out| {
        let records = match host.store.snapshot(&source, &kind, &run) {
            Ok(records) => records,
            Err(error) => return Ok(Err(error)),
        };
        for record in records {
            match record {
                Ok(record) => out.line(&record.line)?,
                Err(error) => return Ok(Err(error)),
            }
        }
        Ok(Ok::<(), ReadError>(()))
    }))
}

/// A dataset: one source's records of one kind.
#[derive(Serialize, ToSchema)]
pub(crate) struct DatasetItem {
    /// Its source.
    source: String,
    /// Its kind.
    kind: String,
    /// `state`, `event` or `act`.
    shape: String,
    /// The last run that wrote it.
    run: String,
    /// Runs that wrote it.
    runs: u64,
}

/// Every dataset
#[utoipa::path(get, path = "/api/v1/datasets", tag = "records",
    responses((status = 200, description = "All of them.", body = Vec<DatasetItem>)))]
pub(crate) async fn datasets(
    State(app): State<App>,
    viewer: Viewer,
) -> Result<Json<Vec<DatasetItem>>, Problem> {
    let items = app.read(move |host| {
        let mut items = Vec::new();
        for dataset in host.store.datasets()? {
            let (mut run, mut runs) = (dataset.run, dataset.runs);
            if let Some(span) = viewer.span() {
                let held = host.store.intervals(&dataset.source, &dataset.last.kind, span)?;
                let own: Vec<&RunId> = held.runs().iter().filter(|run| viewer.sees(second_of(run))).collect();
                let Some(last) = own.last() else { continue };
                (run, runs) = ((*last).clone(), own.len() as u64);
            }
            let shape = serde_json::to_value(dataset.last.shape).ok();
            items.push(DatasetItem {
                source: dataset.source.to_string(),
                kind: dataset.last.kind.to_string(),
                shape: shape.and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default(),
                run: run.to_string(),
                runs,
            });
        }
        Ok(items)
    });
    Ok(Json(items.await?))
}

/// One step of a record's history.
#[derive(Serialize, ToSchema)]
pub(crate) struct Step {
    /// The run.
    run: String,
    /// `added`, `changed`, `removed`, `unobserved` or `seen_again`.
    change: &'static str,
    /// SHA-256 of the line that holds after the run.
    digest: Option<String>,
    /// The record that holds after the run.
    record: Option<RecordJson>,
}

impl Step {
    fn of(entry: &HistoryEntry) -> Result<Self, Problem> {
        let change = match entry.change {
            Change::Added => "added",
            Change::Changed => "changed",
            Change::Removed => "removed",
            Change::Unobserved => "unobserved",
            Change::SeenAgain => "seen_again",
        };
        Ok(Self {
            run: entry.run.to_string(),
            change,
            digest: entry.digest.map(|digest| digest.to_string()),
            record: entry.line.as_deref().map(record).transpose()?,
        })
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct HistoryQuery {
    /// The record's native id.
    id: String,
}

/// What runs did to a record
///
/// In the order of the runs. An auditor sees what held when the engagement began, and what was done in it.
#[utoipa::path(get, path = "/api/v1/datasets/{source}/{kind}/history", tag = "records",
    params(HistoryQuery, ("source" = String, Path, description = "The source."),
        ("kind" = String, Path, description = "The kind: identity.account@1.")),
    responses((status = 200, description = "Every step; none: no run has seen it.", body = Vec<Step>)))]
pub(crate) async fn history(
    State(app): State<App>,
    viewer: Viewer,
    Path((source, kind)): Path<(SourceName, Kind)>,
    Query(query): Query<HistoryQuery>,
) -> Result<Json<Vec<Step>>, Problem> {
    let steps = app.read(move |host| {
        let all = host.store.history(&source, &kind, &query.id)?;
        let own = match viewer.span() {
            Some(span) => within(all, span, |entry| second_of(&entry.run), |e| e.change == Change::Removed),
            None => all,
        };
        own.iter().map(Step::of).collect()
    });
    Ok(Json(steps.await?))
}

/// The steps in a span, after the last one before it where that left something.
fn within<T>(
    all: Vec<T>,
    span: Span,
    at: impl Fn(&T) -> Timestamp,
    leaves_nothing: impl Fn(&T) -> bool,
) -> Vec<T> {
    let mut own = Vec::new();
    let mut before = None;
    for entry in all {
        let when = at(&entry);
        if when < span.start {
            before = Some(entry).filter(|entry| !leaves_nothing(entry));
        } else if when < span.end {
            own.extend(before.take());
            own.push(entry);
        }
    }
    own.extend(before.take().filter(|_| own.is_empty()));
    own
}

/// What differs of one record.
#[derive(Serialize, ToSchema)]
pub(crate) struct DifferenceItem {
    /// The record's key.
    key: String,
    /// `added`, `removed` or `changed`.
    change: &'static str,
    /// As the first run left it.
    before: Option<RecordJson>,
    /// As the second run left it.
    after: Option<RecordJson>,
}

impl DifferenceItem {
    fn of(difference: Difference) -> Result<Self, Problem> {
        Ok(match difference {
            Difference::Added(line) => {
                Self { key: line.key.0, change: "added", before: None, after: Some(record(&line.line)?) }
            }
            Difference::Removed(line) => {
                Self { key: line.key.0, change: "removed", before: Some(record(&line.line)?), after: None }
            }
            Difference::Changed { key, old, new } => Self {
                key: key.0,
                change: "changed",
                before: Some(record(&old)?),
                after: Some(record(&new)?),
            },
        })
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DiffQuery {
    /// The earlier run.
    #[param(value_type = String)]
    from: RunId,
    /// The later run.
    #[param(value_type = String)]
    to: RunId,
    /// `next` of the part before.
    cursor: Option<String>,
    /// Differences in a part, 50 where it is left out.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

/// What differs between two runs
#[utoipa::path(get, path = "/api/v1/datasets/{source}/{kind}/diff", tag = "records",
    params(DiffQuery, ("source" = String, Path, description = "The source."),
        ("kind" = String, Path, description = "The kind: identity.account@1.")),
    responses((status = 200, description = "Some of it.", body = Part<DifferenceItem>)))]
pub(crate) async fn diff(
    State(app): State<App>,
    viewer: Viewer,
    Path((source, kind)): Path<(SourceName, Kind)>,
    Query(query): Query<DiffQuery>,
) -> Result<Json<Part<DifferenceItem>>, Problem> {
    let limit = list::limit(query.limit)?;
    let from = query.cursor.unwrap_or_default();
    let part = app.read(move |host| {
        for run in [&query.from, &query.to] {
            visible(host, &viewer, run)?;
        }
        let mut all = host.store.diff_from(&source, &kind, &query.from, &query.to, &from)?;
        let first = all.by_ref().take(limit).collect::<Result<Vec<_>, _>>()?;
        let next = all.next().transpose()?.map(DifferenceItem::of).transpose()?.map(|item| item.key);
        let items = first.into_iter().map(DifferenceItem::of).collect::<Result<_, _>>()?;
        Ok(Part { items, next })
    });
    Ok(Json(part.await?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_auditor_s_history_begins_with_what_held() {
        let span = Span { start: Timestamp::from_ms(10), end: Timestamp::from_ms(20) };
        let seen = |all: &[(u64, bool)]| {
            let own = within(all.to_vec(), span, |(at, _)| Timestamp::from_ms(*at), |(_, removed)| *removed);
            own.into_iter().map(|(at, _)| at).collect::<Vec<_>>()
        };
        assert_eq!(seen(&[(1, false), (5, false), (12, false), (30, true)]), [5, 12]);
        assert_eq!(seen(&[(1, false), (5, true), (12, false)]), [12]);
        assert_eq!(seen(&[(1, false), (30, false)]), [1]);
        assert_eq!(seen(&[(1, false), (5, true), (20, false)]), [0u64; 0]);
    }
}
