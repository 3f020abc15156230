//! The log: its checkpoint, its leaves, proofs, and tiles as C2SP `tlog-tiles` lays them out.

use super::super::app::App;
use super::super::extract::{Path, Query};
use super::super::problem::Problem;
use super::super::viewer::Viewer;
use super::list::{self, Part};
use super::runs::second_of;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use exhibit_evidence::digest::Digest;
use exhibit_ledger::reading::LogReader;
use exhibit_ledger::statement::{LeafKind, Statement};
use exhibit_ledger::tile::{Content, Tile, TileReader as _};
use exhibit_ledger::tree::TreeHead;
use exhibit_pipeline::host::Host;
use exhibit_store::Leaf;
use http::header;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

const TEXT: &str = "text/plain; charset=utf-8";

/// The signed checkpoint
///
/// A signed note, C2SP `tlog-checkpoint`: keep it elsewhere, and nothing before it changes unseen.
#[utoipa::path(get, path = "/api/v1/log/checkpoint", tag = "ledger",
    responses((status = 200, description = "The note.", body = String, content_type = "text/plain"),
        (status = 404, description = "The log is empty.", body = Problem,
            content_type = "application/problem+json")))]
pub(crate) async fn checkpoint(State(app): State<App>) -> Result<Response, Problem> {
    let checkpoint = app.host().store.checkpoint();
    let checkpoint = checkpoint.ok_or_else(|| Problem::not_found("the log is empty"))?;
    Ok(([(header::CONTENT_TYPE, TEXT)], checkpoint.to_bytes()).into_response())
}

/// A leaf in a list.
#[derive(Serialize, ToSchema)]
pub(crate) struct LeafItem {
    /// Its place, from 0.
    index: u64,
    /// What it states: run, missed, upload, approval, settings, key-rotation, seal, addendum, disposal, host; none: a
    /// later version wrote it.
    kind: Option<&'static str>,
    /// The run, where it is one.
    run: Option<String>,
    /// SHA-256 of its statement.
    statement: String,
}

impl LeafItem {
    fn of(leaf: &Leaf) -> Self {
        Self {
            index: leaf.index,
            kind: leaf.kind.map(LeafKind::word),
            run: leaf.run.as_ref().map(ToString::to_string),
            statement: leaf.statement.to_string(),
        }
    }
}

/// An auditor sees the runs of the engagement, and, as in a package, all leaves that are no runs'.
fn may_see(viewer: &Viewer, leaf: &Leaf) -> bool {
    leaf.run.as_ref().is_none_or(|run| viewer.sees(second_of(run)))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct LeavesQuery {
    /// `next` of the part before.
    cursor: Option<String>,
    /// Leaves in a part, 50 where it is left out.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

/// The log's leaves, from the first on
#[utoipa::path(get, path = "/api/v1/log/leaves", tag = "ledger", params(LeavesQuery),
    responses((status = 200, description = "Some of them.", body = Part<LeafItem>)))]
pub(crate) async fn leaves(
    State(app): State<App>,
    viewer: Viewer,
    Query(query): Query<LeavesQuery>,
) -> Result<Json<Part<LeafItem>>, Problem> {
    let limit = list::limit(query.limit)?;
    let from = list::number(query.cursor.as_deref())?.unwrap_or_default();
    let part = app.read(move |host| {
        let mut items = Vec::new();
        for index in from..host.store.head().size {
            let leaf = host.store.leaf(index)?;
            if may_see(&viewer, &leaf) {
                if items.len() == limit {
                    return Ok(Part { items, next: Some(index.to_string()) });
                }
                items.push(LeafItem::of(&leaf));
            }
        }
        Ok(Part { items, next: None })
    });
    Ok(Json(part.await?))
}

fn visible(host: &Host, viewer: &Viewer, index: u64) -> Result<Leaf, Problem> {
    let none = || Problem::not_found(format!("there is no leaf {index}"));
    if index >= host.store.head().size {
        return Err(none());
    }
    let leaf = host.store.leaf(index)?;
    if may_see(viewer, &leaf) { Ok(leaf) } else { Err(none()) }
}

/// A leaf's statement
///
/// The DSSE envelope of an in-toto statement, as it stands in the log.
#[utoipa::path(get, path = "/api/v1/log/leaves/{index}", tag = "ledger",
    params(("index" = u64, Path, description = "The leaf.")),
    responses((status = 200, description = "The envelope.", body = Object)))]
pub(crate) async fn leaf(
    State(app): State<App>,
    viewer: Viewer,
    Path(index): Path<u64>,
) -> Result<Response, Problem> {
    let bytes = app.read(move |host| {
        visible(host, &viewer, index)?;
        Ok(host.store.statement(index)?)
    });
    let bytes = bytes.await?;
    Ok(list::fixed("application/json", Digest::of(&bytes), bytes))
}

/// The document that was kept with a leaf
///
/// A seal, an uploaded file. What it holds may have come from elsewhere: it is sent as a file.
#[utoipa::path(get, path = "/api/v1/log/leaves/{index}/document", tag = "ledger",
    params(("index" = u64, Path, description = "The leaf.")),
    responses((status = 200, description = "The document.", body = String,
        content_type = "application/octet-stream")))]
pub(crate) async fn document(
    State(app): State<App>,
    viewer: Viewer,
    Path(index): Path<u64>,
) -> Result<Response, Problem> {
    let found = app.read(move |host| {
        let leaf = visible(host, &viewer, index)?;
        let none = || Problem::not_found(format!("leaf {index} has no document"));
        let bytes = host.store.document(index)?.ok_or_else(none)?;
        let statement = Statement::from_leaf_unverified(&host.store.statement(index)?)
            .map_err(|error| Problem::failed(error.to_string()))?;
        let name = statement.subject().map(|subject| subject.name.clone()).unwrap_or_default();
        if leaf.kind == Some(LeafKind::Upload) && !super::uploads::may_see(&viewer, &statement) {
            return Err(none());
        }
        Ok((bytes, name))
    });
    let (bytes, name) = found.await?;
    let mut response = list::fixed("application/octet-stream", Digest::of(&bytes), bytes);
    list::as_file(&mut response, name.rsplit('/').next().unwrap_or_default());
    Ok(response)
}

/// A leaf's inclusion proof
///
/// Under the present checkpoint, which is in it: C2SP `tlog-proof`.
#[utoipa::path(get, path = "/api/v1/log/leaves/{index}/proof", tag = "ledger",
    params(("index" = u64, Path, description = "The leaf.")),
    responses((status = 200, description = "The proof.", body = String, content_type = "text/plain")))]
pub(crate) async fn proof(
    State(app): State<App>,
    viewer: Viewer,
    Path(index): Path<u64>,
) -> Result<Response, Problem> {
    let bytes = app.read(move |host| {
        visible(host, &viewer, index)?;
        Ok(host.store.proof(index)?.to_bytes())
    });
    Ok(([(header::CONTENT_TYPE, TEXT)], bytes.await?).into_response())
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ConsistencyQuery {
    /// Leaves of the earlier log.
    from: u64,
    /// Leaves of the later log; left out: as it is now.
    to: Option<u64>,
}

/// Why the later log begins with the earlier one.
#[derive(Serialize, ToSchema)]
pub(crate) struct Consistency {
    /// Leaves of the earlier log.
    from: u64,
    /// Its root.
    from_root: String,
    /// Leaves of the later log.
    to: u64,
    /// Its root.
    to_root: String,
    /// The proof of RFC 9162, section 2.1.4.1: hashes in hex.
    proof: Vec<String>,
}

/// The proof that the log only grew
#[utoipa::path(get, path = "/api/v1/log/consistency", tag = "ledger", params(ConsistencyQuery),
    responses((status = 200, description = "The proof.", body = Consistency),
        (status = 404, description = "The log was never that long.", body = Problem,
            content_type = "application/problem+json")))]
pub(crate) async fn consistency(
    State(app): State<App>,
    Query(query): Query<ConsistencyQuery>,
) -> Result<Json<Consistency>, Problem> {
    let proof = app.read(move |host| {
        let now = host.store.head();
        let (from, to) = (query.from, query.to.unwrap_or(now.size));
        if to > now.size {
            return Err(Problem::not_found(format!("the log has {} leaves", now.size)));
        }
        if from > to {
            return Err(Problem::bad_request("`from` is larger than `to`"));
        }
        let failed = |error: exhibit_ledger::log::LogError| Problem::failed(error.to_string());
        let at = |size: u64| -> Result<TreeHead, Problem> {
            LogReader::new(host.store.log_files(), now).head_at(size).map_err(failed)
        };
        let (old, new) = (at(from)?, at(to)?);
        let path = LogReader::new(host.store.log_files(), new).consistency(&old).map_err(failed)?;
        Ok(Consistency {
            from,
            from_root: old.root.to_string(),
            to,
            to_root: new.root.to_string(),
            proof: path.iter().map(Digest::to_string).collect(),
        })
    });
    Ok(Json(proof.await?))
}

/// `GET /api/v1/log/tile/…`: a tile, C2SP `tlog-tiles`. The entries themselves are for operators: an auditor reads those
/// of the engagement as leaves.
pub(crate) async fn tile(
    State(app): State<App>,
    viewer: Viewer,
    Path(path): Path<String>,
) -> Result<Response, Problem> {
    let none = || Problem::not_found("there is no such tile");
    let tile: Tile = format!("tile/{path}").parse().map_err(|_| none())?;
    if tile.content == Content::Entries && !viewer.is_operator() {
        return Err(Problem::forbidden("entries are for operators: read the leaves of your engagement"));
    }
    let full = tile.is_full();
    let bytes = app.read(move |host| {
        if !tile.lies_in(host.store.head().size) {
            return Err(Problem::not_found("there is no such tile"));
        }
        // A log keeps the partial tiles of its own sizes only, and may have dropped those that are full by now.
        let read = host.store.log_files().read_tile(&tile.path());
        let read = read.map_err(|error| Problem::failed(error.to_string()))?;
        read.ok_or_else(|| Problem::not_found("there is no such tile"))
    });
    let bytes = bytes.await?;
    let mut response = list::fixed("application/octet-stream", Digest::of(&bytes), bytes);
    if full {
        let value = http::HeaderValue::from_static("private, max-age=31536000, immutable");
        response.headers_mut().insert(header::CACHE_CONTROL, value);
    }
    Ok(response)
}
