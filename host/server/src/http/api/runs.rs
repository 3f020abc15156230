//! Runs: what each came to, and the files that it wrote, byte for byte.

use super::super::app::App;
use super::super::extract::{Path, Query};
use super::super::problem::Problem;
use super::super::viewer::Viewer;
use super::list::{self, NDJSON, Part};
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use exhibit_evidence::digest::Digest;
use exhibit_evidence::kind::Kind;
use exhibit_evidence::name::SourceName;
use exhibit_evidence::period::AuditPeriod;
use exhibit_evidence::run::{Manifest, RunId};
use exhibit_evidence::time::{Span, Timestamp};
use exhibit_pipeline::host::Host;
use exhibit_store::{RunEntry, RunFile, RunFilter};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

/// A run in a list.
#[derive(Serialize, ToSchema)]
pub(crate) struct RunItem {
    /// Its name.
    #[schema(example = "20260304T100000Z-1f3a9c02")]
    run: String,
    /// Its leaf in the ledger.
    leaf: u64,
    /// Its source.
    source: String,
    /// Its start; state is as of this instant.
    started_at: String,
    /// Its end.
    ended_at: String,
    /// `complete`, `partial` or `failed`.
    verdict: String,
    /// Why it is not complete.
    reason: Option<String>,
    /// Records that it accepted.
    records: u64,
    /// SHA-256 of its manifest.
    manifest: String,
}

impl RunItem {
    fn of(host: &Host, entry: &RunEntry) -> Result<Self, Problem> {
        let manifest = host.store.manifest(&entry.run)?;
        Ok(Self {
            run: entry.run.to_string(),
            leaf: entry.leaf,
            source: entry.source.to_string(),
            started_at: entry.started_at.to_string(),
            ended_at: entry.ended_at.to_string(),
            verdict: manifest.verdict.word().to_owned(),
            reason: manifest.verdict.reason().map(str::to_owned),
            records: manifest.populations.iter().map(|population| population.emitted).sum(),
            manifest: entry.manifest.to_string(),
        })
    }
}

/// A run with its IPE facts: how its lists were made, and why they are complete and accurate.
#[derive(Serialize, ToSchema)]
pub(crate) struct RunDetail {
    #[serde(flatten)]
    item: RunItem,
    /// The manifest, as it was committed: populations with their counts, pages and verdicts, grants, window, clock
    /// skew, datasets with their roots. Format 1; its bytes are the file `manifest`.
    #[schema(value_type = Object)]
    facts: Manifest,
    /// The files that it wrote, with the digests that the manifest has of them, by name.
    files: BTreeMap<String, String>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// Only runs of this source.
    #[param(value_type = Option<String>)]
    source: Option<SourceName>,
    /// Only runs that started in this period: `2026-H1`, `2026-03`, `2026-03-04`, `2026-01-15..2026-07-14`.
    #[param(value_type = Option<String>)]
    period: Option<AuditPeriod>,
    /// `next` of the part before.
    cursor: Option<String>,
    /// Runs in a part, 50 where it is left out.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

/// The time that is asked for, as far as the one who asks may see it; none where the two have nothing in common.
pub(crate) fn seen(viewer: &Viewer, asked: Option<Span>) -> Option<Option<Span>> {
    match (asked, viewer.span()) {
        (None, span) => Some(span),
        (Some(asked), None) => Some(Some(asked)),
        (Some(asked), Some(own)) => {
            let both = Span { start: asked.start.max(own.start), end: asked.end.min(own.end) };
            (both.start < both.end).then_some(Some(both))
        }
    }
}

/// Runs, the newest first
#[utoipa::path(get, path = "/api/v1/runs", tag = "runs", params(ListQuery),
    responses((status = 200, description = "Some of them.", body = Part<RunItem>)))]
pub(crate) async fn list(
    State(app): State<App>,
    viewer: Viewer,
    Query(query): Query<ListQuery>,
) -> Result<Json<Part<RunItem>>, Problem> {
    let limit = list::limit(query.limit)?;
    let before = list::number(query.cursor.as_deref())?;
    let Some(span) = seen(&viewer, query.period.map(|period| period.span())) else {
        return Ok(Json(Part { items: Vec::new(), next: None }));
    };
    let filter = RunFilter { source: query.source, span };
    let part = app.read(move |host| {
        let runs = host.store.runs_before(&filter, before, limit + 1)?;
        let next = (runs.len() > limit).then(|| runs[limit - 1].leaf.to_string());
        let items =
            runs.iter().take(limit).map(|entry| RunItem::of(host, entry)).collect::<Result<_, _>>()?;
        Ok(Part { items, next })
    });
    Ok(Json(part.await?))
}

/// A run that the one who asks may see.
pub(crate) fn visible(host: &Host, viewer: &Viewer, run: &RunId) -> Result<Manifest, Problem> {
    let manifest = host.store.manifest(run)?;
    if viewer.sees(manifest.started_at) { Ok(manifest) } else { Err(no_run(run)) }
}

fn no_run(run: &RunId) -> Problem {
    Problem::not_found(format!("there is no run {run}"))
}

/// When a run started, to the second, as its name says.
pub(crate) fn second_of(run: &RunId) -> Timestamp {
    let digits = run.as_str();
    let parts = [(0, 4), (4, 6), (6, 8), (9, 11), (11, 13), (13, 15)];
    let [year, month, day, hour, minute, second] =
        parts.map(|(from, to)| digits.get(from..to).unwrap_or_default());
    format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z").parse().unwrap_or_default()
}

/// One run with its IPE facts
#[utoipa::path(get, path = "/api/v1/runs/{run}", tag = "runs",
    params(("run" = String, Path, description = "The run.")),
    responses((status = 200, description = "The run.", body = RunDetail)))]
pub(crate) async fn one(
    State(app): State<App>,
    viewer: Viewer,
    Path(run): Path<RunId>,
) -> Result<Json<RunDetail>, Problem> {
    let detail = app.read(move |host| {
        let facts = visible(host, &viewer, &run)?;
        let entry = RunEntry {
            leaf: host.store.leaf_of(&run)?,
            source: facts.source.clone(),
            started_at: facts.started_at,
            ended_at: facts.ended_at,
            manifest: Digest::of(host.store.run_file(&run, &RunFile::Manifest)?),
            run,
        };
        let files = [
            ("manifest", Some(entry.manifest)),
            ("replay", Some(facts.replay)),
            ("exchanges", None),
            ("walks", Some(facts.walks)),
            ("rejections", Some(facts.rejections)),
            ("log", Some(facts.log)),
        ];
        let digest = |name: &str, known: Option<Digest>| match (known, file_of(name)) {
            (Some(digest), _) => Ok(digest.to_string()),
            // The manifest has their Merkle root; this is the file's.
            (None, Some((file, _))) => Ok(Digest::of(host.store.run_file(&entry.run, &file)?).to_string()),
            (None, None) => Err(Problem::failed("a file has no digest")),
        };
        let files = files
            .into_iter()
            .map(|(name, known)| Ok((name.to_owned(), digest(name, known)?)))
            .collect::<Result<_, Problem>>()?;
        Ok(RunDetail { item: RunItem::of(host, &entry)?, facts, files })
    });
    Ok(Json(detail.await?))
}

fn file_of(name: &str) -> Option<(RunFile, &'static str)> {
    Some(match name {
        "manifest" => (RunFile::Manifest, "application/json"),
        "replay" => (RunFile::Replay, "application/json"),
        "exchanges" => (RunFile::Exchanges, NDJSON),
        "walks" => (RunFile::Walks, NDJSON),
        "rejections" => (RunFile::Rejections, NDJSON),
        "log" => (RunFile::Log, NDJSON),
        _ => return None,
    })
}

/// A file that a run wrote
///
/// Byte for byte as the manifest digests it: `manifest` and `replay` are JSON; `exchanges`, `walks`, `rejections` and
/// `log` are lines of it.
#[utoipa::path(get, path = "/api/v1/runs/{run}/files/{file}", tag = "runs",
    params(("run" = String, Path, description = "The run."),
        ("file" = String, Path, description = "manifest, replay, exchanges, walks, rejections or log.")),
    responses((status = 200, description = "The file.",
        content((Object = "application/json"), (String = "application/x-ndjson")))))]
pub(crate) async fn file(
    State(app): State<App>,
    viewer: Viewer,
    Path((run, name)): Path<(RunId, String)>,
) -> Result<Response, Problem> {
    let (file, kind) =
        file_of(&name).ok_or_else(|| Problem::not_found(format!("a run has no file `{}`", brief(&name))))?;
    let bytes = app.read(move |host| {
        visible(host, &viewer, &run)?;
        Ok(host.store.run_file(&run, &file)?)
    });
    let bytes = bytes.await?;
    Ok(list::fixed(kind, Digest::of(&bytes), bytes))
}

/// A name that someone sent, cut.
pub(crate) fn brief(name: &str) -> String {
    name.chars().take(80).collect()
}

/// Where the facts of a run's records stood
///
/// A line for each record of the kind: its key, and for each fact the exchange and the JSON pointer into its body.
#[utoipa::path(get, path = "/api/v1/runs/{run}/provenance/{kind}", tag = "runs",
    params(("run" = String, Path, description = "The run."),
        ("kind" = String, Path, description = "The kind: identity.account@1.")),
    responses((status = 200, description = "The lines.", body = String, content_type = "application/x-ndjson")))]
pub(crate) async fn provenance(
    State(app): State<App>,
    viewer: Viewer,
    Path((run, kind)): Path<(RunId, Kind)>,
) -> Result<Response, Problem> {
    let bytes = app.read(move |host| {
        visible(host, &viewer, &run)?;
        Ok(host.store.run_file(&run, &RunFile::Provenance(kind))?)
    });
    let bytes = bytes.await?;
    Ok(list::fixed(NDJSON, Digest::of(&bytes), bytes))
}

/// A body that was sent or received
///
/// By its digest, which the run's exchanges name. What it holds came from elsewhere: it is sent as a file.
#[utoipa::path(get, path = "/api/v1/runs/{run}/bodies/{digest}", tag = "runs",
    params(("run" = String, Path, description = "The run."),
        ("digest" = String, Path, description = "SHA-256 of the body.")),
    responses((status = 200, description = "The body.", body = String,
            content_type = "application/octet-stream"),
        (status = 410, description = "It was disposed of.", body = Problem,
            content_type = "application/problem+json")))]
pub(crate) async fn body(
    State(app): State<App>,
    viewer: Viewer,
    Path((run, digest)): Path<(RunId, Digest)>,
) -> Result<Response, Problem> {
    let bytes = app.read(move |host| {
        visible(host, &viewer, &run)?;
        Ok(host.store.body(&run, &digest)?)
    });
    let mut response = list::fixed("application/octet-stream", digest, bytes.await?);
    list::as_file(&mut response, &digest.short());
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_s_name_tells_its_second() {
        let at: Timestamp = "2026-03-04T10:11:12.345Z".parse().unwrap();
        assert_eq!(second_of(&RunId::new(at, 7)).to_string(), "2026-03-04T10:11:12.000Z");
    }
}
