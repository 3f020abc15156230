//! Seals: audit periods that are closed.

use super::super::app::App;
use super::super::extract::{Json as Body, Path};
use super::super::problem::Problem;
use super::super::viewer::Viewer;
use super::list;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use exhibit_evidence::digest::Digest;
use exhibit_evidence::period::AuditPeriod;
use exhibit_ledger::seal::Seal;
use exhibit_ledger::statement::LeafKind;
use exhibit_pipeline::host::Host;
use exhibit_pipeline::seal::{self, SealPeriodError};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A seal in a list.
#[derive(Serialize, ToSchema)]
pub(crate) struct SealItem {
    /// The period.
    period: String,
    /// When it was closed.
    sealed_at: String,
    /// The seal's leaf in the ledger.
    leaf: u64,
    /// SHA-256 of the seal's document.
    digest: String,
    /// Expected collection periods by what became of them.
    counts: BTreeMap<String, u64>,
}

impl SealItem {
    fn of(leaf: u64, seal: &Seal) -> Result<Self, Problem> {
        let bytes = seal.to_bytes().map_err(|error| Problem::failed(error.to_string()))?;
        let counts = seal.counts().into_iter();
        Ok(Self {
            period: seal.period.to_string(),
            sealed_at: seal.sealed_at.to_string(),
            leaf,
            digest: Digest::of(bytes).to_string(),
            counts: counts.map(|(outcome, n)| (outcome.word().to_owned(), n)).collect(),
        })
    }
}

/// Whether a viewer may see what is of a whole period: an auditor, that of the engagement.
pub(crate) fn may_see(viewer: &Viewer, period: &AuditPeriod) -> bool {
    viewer.span().is_none_or(|span| span == period.span())
}

fn all(host: &Host) -> Result<Vec<(u64, Seal)>, Problem> {
    let mut seals = Vec::new();
    for leaf in host.store.leaves(Some(LeafKind::Seal))? {
        if let Some(bytes) = host.store.document(leaf.index)? {
            let seal = Seal::parse(&bytes).map_err(|error| Problem::failed(error.to_string()))?;
            seals.push((leaf.index, seal));
        }
    }
    Ok(seals)
}

/// Every seal
#[utoipa::path(get, path = "/api/v1/seals", tag = "seals",
    responses((status = 200, description = "All of them.", body = Vec<SealItem>)))]
pub(crate) async fn list(State(app): State<App>, viewer: Viewer) -> Result<Json<Vec<SealItem>>, Problem> {
    let items = app.read(move |host| {
        let seals = all(host)?;
        let own = seals.iter().filter(|(_, seal)| may_see(&viewer, &seal.period));
        own.map(|(leaf, seal)| SealItem::of(*leaf, seal)).collect()
    });
    Ok(Json(items.await?))
}

/// A seal's document
///
/// Canonical JSON, as the ledger has its digest: every expected collection period with what became of it.
#[utoipa::path(get, path = "/api/v1/seals/{period}", tag = "seals",
    params(("period" = String, Path, description = "The period: 2026-H1.")),
    responses((status = 200, description = "The document.", body = Object)))]
pub(crate) async fn one(
    State(app): State<App>,
    viewer: Viewer,
    Path(period): Path<AuditPeriod>,
) -> Result<Response, Problem> {
    let bytes = app.read(move |host| {
        let none = || Problem::not_found(format!("{period} is not sealed"));
        if !may_see(&viewer, &period) {
            return Err(none());
        }
        let found = seal::find(host, &period).map_err(Problem::failed)?;
        let (_, seal) = found.ok_or_else(none)?;
        seal.to_bytes().map_err(|error| Problem::failed(error.to_string()))
    });
    let bytes = bytes.await?;
    Ok(list::fixed("application/json", Digest::of(&bytes), bytes))
}

/// What is to be closed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SealRequest {
    /// The period, which is over: `2026-H1`.
    #[schema(value_type = String)]
    pub(crate) period: AuditPeriod,
}

/// Close an audit period
///
/// Where it is sealed and only its timestamp is missing, that is taken. Refused while runs go on.
#[utoipa::path(post, path = "/api/v1/seals", tag = "seals", request_body = SealRequest,
    responses((status = 201, description = "It is sealed.", body = SealItem),
        (status = 409, description = "It is not over, is sealed, or a run goes on.", body = Problem,
            content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON.", body = Problem,
            content_type = "application/problem+json"),
        (status = 502, description = "It is sealed, but the timestamp authority gave no timestamp.",
            body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn seal(
    State(app): State<App>,
    Body(given): Body<SealRequest>,
) -> Result<(StatusCode, Json<SealItem>), Problem> {
    if let Some((source, _)) = app.service().now().sources.iter().find(|(_, now)| now.running_since.is_some())
    {
        return Err(Problem::conflict(format!("a run of {source} goes on: pause the sources, or wait")));
    }
    let runtime = tokio::runtime::Handle::current();
    let sealed = app.read(move |host| {
        let sealed = runtime.block_on(seal::seal(host, &given.period)).map_err(|error| {
            let hint = error.hint().map(|hint| format!("; {hint}")).unwrap_or_default();
            let text = format!("{error}{hint}");
            match error {
                SealPeriodError::NotOver { .. } | SealPeriodError::Sealed { .. } => Problem::conflict(text),
                SealPeriodError::Timestamp { .. } => Problem::new(StatusCode::BAD_GATEWAY, text),
                SealPeriodError::Authority(_) => Problem::conflict(text),
                SealPeriodError::Store { .. } => Problem::failed(text),
            }
        })?;
        SealItem::of(sealed.leaf, &sealed.seal)
    });
    Ok((StatusCode::CREATED, Json(sealed.await?)))
}
