//! Packages, made in the background, one at a time, and kept in the data folder until someone deletes them.

use super::super::app::App;
use super::super::extract::{Json as Body, Path};
use super::super::problem::Problem;
use super::super::tokens::random_text;
use super::super::viewer::Viewer;
use super::closing::may_see;
use super::list;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use bytes::BytesMut;
use exhibit_evidence::digest::{Digest, Hasher};
use exhibit_evidence::period::AuditPeriod;
use exhibit_evidence::time::Timestamp;
use exhibit_pipeline::export::{self, Options};
use exhibit_pipeline::host::Host;
use exhibit_pipeline::operation::{self, Deed, Files};
use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path as FilePath, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::io::AsyncReadExt as _;
use tokio::sync::Semaphore;
use utoipa::ToSchema;

/// Exports that wait or run.
const UNDER_WAY: usize = 16;
/// Bytes that are read at once.
const CHUNK: usize = 128 << 10;

/// An export's name: 16 hex digits, so that it can stand in a path.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub(crate) struct ExportId(pub(crate) String);

impl FromStr for ExportId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fits = text.len() == 16 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if fits { Ok(Self(text.to_owned())) } else { Err("an export's name is 16 hex digits".to_owned()) }
    }
}

/// How far an export is.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ExportState {
    /// Others are made first.
    Waiting,
    /// It is made.
    Running,
    /// It can be downloaded.
    Done,
    /// It could not be made.
    Failed,
}

/// An export.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct ExportItem {
    /// Its name.
    #[schema(value_type = String)]
    pub(crate) id: ExportId,
    /// The period.
    #[schema(value_type = String)]
    pub(crate) period: AuditPeriod,
    /// Whether the bodies of exchanges are left out.
    pub(crate) withhold_bodies: bool,
    /// How far it is.
    pub(crate) state: ExportState,
    /// Runs that are in it already.
    pub(crate) done: u64,
    /// Runs that will be.
    pub(crate) total: u64,
    /// Who asked for it.
    pub(crate) by: String,
    /// When.
    #[schema(value_type = String)]
    pub(crate) asked_at: Timestamp,
    /// Its length.
    pub(crate) bytes: Option<u64>,
    /// SHA-256 of the file.
    #[schema(value_type = Option<String>)]
    pub(crate) sha256: Option<Digest>,
    /// Why it could not be made.
    pub(crate) error: Option<String>,
}

/// Every export.
#[derive(Clone)]
pub(crate) struct Exports {
    dir: PathBuf,
    under_way: Arc<Mutex<BTreeMap<ExportId, ExportItem>>>,
    turn: Arc<Semaphore>,
}

impl Exports {
    /// Those of a data folder. What an earlier process left half done is deleted.
    pub(crate) fn of(data_dir: &FilePath) -> Self {
        let dir = data_dir.join("exports");
        for entry in std::fs::read_dir(&dir).into_iter().flatten().flatten() {
            let file = entry.path();
            if file.extension().is_none_or(|kind| kind != "json") && !file.with_extension("json").exists() {
                let _ = std::fs::remove_file(file);
            }
        }
        Self { dir, under_way: Arc::default(), turn: Arc::new(Semaphore::new(1)) }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ExportId, ExportItem>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn file(&self, id: &ExportId, kind: &str) -> PathBuf {
        self.dir.join(format!("{}.{kind}", id.0))
    }

    fn get(&self, id: &ExportId) -> Option<ExportItem> {
        if let Some(item) = self.lock().get(id) {
            return Some(item.clone());
        }
        serde_json::from_slice(&std::fs::read(self.file(id, "json")).ok()?).ok()
    }

    pub(crate) fn all(&self) -> Vec<ExportItem> {
        let mut all = self.lock().clone();
        for entry in std::fs::read_dir(&self.dir).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let id = name.to_str().and_then(|name| name.strip_suffix(".json")?.parse().ok());
            if let Some(item) = id.and_then(|id| self.get(&id)) {
                all.insert(item.id.clone(), item);
            }
        }
        let mut all: Vec<ExportItem> = all.into_values().collect();
        all.sort_by(|a, b| b.asked_at.cmp(&a.asked_at).then_with(|| b.id.cmp(&a.id)));
        all
    }

    fn change(&self, id: &ExportId, change: impl FnOnce(&mut ExportItem)) {
        if let Some(item) = self.lock().get_mut(id) {
            change(item);
        }
    }

    /// Makes a package. What comes of it is written beside it.
    fn make(&self, host: &Host, id: &ExportId) {
        let Some(item) = self.get(id) else { return };
        self.change(id, |item| item.state = ExportState::Running);
        let made = self.write(host, &item);
        self.change(id, |item| match made {
            Ok((bytes, sha256)) => {
                item.state = ExportState::Done;
                (item.bytes, item.sha256) = (Some(bytes), Some(sha256));
            }
            Err(reason) => {
                item.state = ExportState::Failed;
                item.error = Some(reason);
            }
        });
        let text = self.get(id).and_then(|item| serde_json::to_vec_pretty(&item).ok());
        let kept = text.is_some_and(|text| std::fs::write(self.file(id, "json"), text).is_ok());
        if kept {
            self.lock().remove(id);
        }
    }

    fn write(&self, host: &Host, item: &ExportItem) -> Result<(u64, Digest), String> {
        let failed = |error: std::io::Error| error.to_string();
        std::fs::create_dir_all(&self.dir).map_err(failed)?;
        let out = self.file(&item.id, "zip");
        let options = Options { withhold_bodies: item.withhold_bodies };
        let progress = |done, total| self.change(&item.id, |item| (item.done, item.total) = (done, total));
        let exported = export::export(host, &item.period, &out, &options, &progress)
            .map_err(|error| error.to_string())?;
        let package = digest_of(&out).map_err(failed)?;
        let deed = Deed::Exported { period: item.period.to_string(), package, by: item.by.clone() };
        let recorded = Files::of(host)
            .map_err(|error| error.to_string())
            .and_then(|files| operation::record(host, &files, &deed).map_err(|error| error.to_string()));
        match recorded {
            Ok(_) => Ok((exported.bytes, package)),
            // Nothing is handed out that the ledger does not know of.
            Err(error) => {
                let _ = std::fs::remove_file(&out);
                Err(error)
            }
        }
    }
}

fn digest_of(file: &FilePath) -> std::io::Result<Digest> {
    let mut hasher = Hasher::default();
    let mut file = std::fs::File::open(file)?;
    let mut chunk = vec![0; CHUNK];
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok(hasher.finish()),
            n => hasher.update(&chunk[..n]),
        };
    }
}

/// Every export, the newest first
#[utoipa::path(get, path = "/api/v1/exports", tag = "exports",
    responses((status = 200, description = "All of them.", body = Vec<ExportItem>)))]
pub(crate) async fn list(State(app): State<App>, viewer: Viewer) -> Result<Json<Vec<ExportItem>>, Problem> {
    let own = app.clone();
    let mut all = app.read(move |_| Ok(own.exports().all())).await?;
    all.retain(|item| may_see(&viewer, &item.period));
    Ok(Json(all))
}

/// An export that is wanted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExportRequest {
    /// The period, which is sealed.
    #[schema(value_type = String)]
    pub(crate) period: AuditPeriod,
    /// Leave the bodies of exchanges out; the runs can then not be re-performed, and the package says so.
    #[serde(default)]
    pub(crate) withhold_bodies: bool,
}

/// Make a package
///
/// In the background: `Location` says where its progress is told.
#[utoipa::path(post, path = "/api/v1/exports", tag = "exports", request_body = ExportRequest,
    responses((status = 202, description = "It is made.", body = ExportItem,
            headers(("location" = String, description = "The export."))),
        (status = 409, description = "The period is not sealed, or too many wait.", body = Problem,
            content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON.", body = Problem,
            content_type = "application/problem+json")))]
pub(crate) async fn start(
    State(app): State<App>,
    viewer: Viewer,
    Body(given): Body<ExportRequest>,
) -> Result<Response, Problem> {
    let period = given.period.clone();
    let asked_at = app.host().clock.now();
    let sealed = app.read(move |host| exhibit_pipeline::seal::find(host, &period).map_err(Problem::failed));
    if sealed.await?.is_none() {
        return Err(Problem::conflict(format!("{} is not sealed: seal it first", given.period)));
    }
    let random = random_text()?;
    let id = ExportId(random.chars().take(16).collect());
    let item = ExportItem {
        id: id.clone(),
        period: given.period,
        withhold_bodies: given.withhold_bodies,
        state: ExportState::Waiting,
        done: 0,
        total: 0,
        by: viewer.who,
        asked_at,
        bytes: None,
        sha256: None,
        error: None,
    };
    let exports = app.exports().clone();
    {
        let mut under_way = exports.lock();
        if under_way.len() >= UNDER_WAY {
            return Err(Problem::conflict("too many exports wait: come again when one is done"));
        }
        under_way.insert(id.clone(), item.clone());
    }
    let at = format!("/api/v1/exports/{}", id.0);
    tokio::spawn(async move {
        let Ok(_turn) = Arc::clone(&exports.turn).acquire_owned().await else { return };
        let host = app.host();
        let _ = tokio::task::spawn_blocking(move || exports.make(&host, &id)).await;
    });
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, at)], Json(item)).into_response())
}

async fn visible(app: &App, viewer: &Viewer, id: ExportId) -> Result<ExportItem, Problem> {
    let own = app.clone();
    let found = app.read(move |_| Ok(own.exports().get(&id))).await?;
    let found = found.filter(|item| may_see(viewer, &item.period));
    found.ok_or_else(|| Problem::not_found("there is no such export"))
}

fn id_of(text: &str) -> Result<ExportId, Problem> {
    text.parse().map_err(Problem::not_found)
}

/// One export, with how far it is
#[utoipa::path(get, path = "/api/v1/exports/{id}", tag = "exports",
    params(("id" = String, Path, description = "The export.")),
    responses((status = 200, description = "The export.", body = ExportItem)))]
pub(crate) async fn one(
    State(app): State<App>,
    viewer: Viewer,
    Path(id): Path<String>,
) -> Result<Json<ExportItem>, Problem> {
    Ok(Json(visible(&app, &viewer, id_of(&id)?).await?))
}

/// Delete an export
#[utoipa::path(delete, path = "/api/v1/exports/{id}", tag = "exports",
    params(("id" = String, Path, description = "The export.")),
    responses((status = 204, description = "It is gone. What was downloaded stays out of reach."),
        (status = 409, description = "It is still made.", body = Problem,
            content_type = "application/problem+json")))]
pub(crate) async fn remove(
    State(app): State<App>,
    viewer: Viewer,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let item = visible(&app, &viewer, id_of(&id)?).await?;
    let exports = app.exports().clone();
    app.read(move |_| {
        if exports.lock().contains_key(&item.id) {
            return Err(Problem::conflict("it is still made: wait until it is done"));
        }
        let _ = std::fs::remove_file(exports.file(&item.id, "zip"));
        std::fs::remove_file(exports.file(&item.id, "json"))
            .map_err(|error| Problem::failed(error.to_string()))
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The package
#[utoipa::path(get, path = "/api/v1/exports/{id}/file", tag = "exports",
    params(("id" = String, Path, description = "The export.")),
    responses((status = 200, description = "The zip file.", body = String, content_type = "application/zip"),
        (status = 409, description = "It is not done.", body = Problem,
            content_type = "application/problem+json")))]
pub(crate) async fn file(
    State(app): State<App>,
    viewer: Viewer,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let item = visible(&app, &viewer, id_of(&id)?).await?;
    let (ExportState::Done, Some(sha256), Some(bytes)) = (item.state, item.sha256, item.bytes) else {
        return Err(Problem::conflict("it is not done"));
    };
    let path = app.exports().file(&item.id, "zip");
    let file = tokio::fs::File::open(&path).await;
    let file = file.map_err(|_| Problem::not_found("the file is gone"))?;
    let chunks = futures_util::stream::unfold(Some(file), |file| async move {
        let mut file = file?;
        let mut chunk = BytesMut::with_capacity(CHUNK);
        match file.read_buf(&mut chunk).await {
            Ok(0) => None,
            Ok(_) => Some((Ok(chunk.freeze()), Some(file))),
            Err(error) => Some((Err(error), None)),
        }
    });
    let mut response = axum::body::Body::from_stream(chunks).into_response();
    list::as_file(&mut response, &format!("exhibit-{}.zip", item.period));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/zip"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes));
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{sha256}\"")) {
        headers.insert(header::ETAG, tag);
    }
    Ok(response)
}
