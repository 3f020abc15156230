//! Sources: how they stand, what their connectors ask, and what an operator has them do.

use super::super::app::App;
use super::super::extract::{Json as Body, Path, Query};
use super::super::problem::Problem;
use super::super::viewer::Viewer;
use crate::service::{Act, SourceNow};
use axum::Json;
use axum::extract::State;
use exhibit_evidence::digest::Digest;
use exhibit_evidence::name::SourceName;
use exhibit_pipeline::approve::{self, Proposal};
use exhibit_pipeline::collect::{self, CollectError};
use exhibit_pipeline::host::Host;
use exhibit_pipeline::source::{SourceConfig, SourceError};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use utoipa::{IntoParams, ToSchema};

/// How long an order is waited for. What takes longer goes on.
const ORDER: Duration = Duration::from_secs(5);

/// A source: a configured, approved use of a connector.
#[derive(Serialize, ToSchema)]
pub(crate) struct SourceItem {
    /// Its name.
    source: String,
    /// Its connector.
    connector: String,
    /// The kinds that it is to collect; none: all that the connector has.
    kinds: Vec<String>,
    /// The approval in force; none: it was not approved.
    approval: Option<ApprovalItem>,
    /// How it stands: plan, problem, paused, running_since, next_due, last, failures.
    #[schema(value_type = Object)]
    now: SourceNow,
}

/// What was approved.
#[derive(Serialize, ToSchema)]
pub(crate) struct ApprovalItem {
    /// SHA-256 of the component.
    component: String,
    /// Its version.
    version: String,
    /// When.
    at: String,
    /// By whom.
    by: String,
}

fn item(app: &App, host: &Host, name: &SourceName, config: &SourceConfig) -> Result<SourceItem, Problem> {
    let lock = host.workspace.lock().map_err(SourceError::from)?;
    Ok(SourceItem {
        source: name.to_string(),
        connector: config.connector.to_string(),
        kinds: config.kinds.iter().map(ToString::to_string).collect(),
        approval: lock.sources.get(name).map(|approval| ApprovalItem {
            component: approval.component.to_string(),
            version: approval.version.clone(),
            at: approval.approved_at.to_string(),
            by: approval.approved_by.clone(),
        }),
        now: app.service().now().sources.get(name).cloned().unwrap_or_default(),
    })
}

/// Every source
#[utoipa::path(get, path = "/api/v1/sources", tag = "sources",
    responses((status = 200, description = "All of them.", body = Vec<SourceItem>)))]
pub(crate) async fn list(State(app): State<App>) -> Result<Json<Vec<SourceItem>>, Problem> {
    let own = app.clone();
    let items = app.read(move |host| {
        let sources = host.workspace.sources().map_err(SourceError::from)?;
        sources.iter().map(|(name, config)| item(&own, host, name, config)).collect()
    });
    Ok(Json(items.await?))
}

/// One source
#[utoipa::path(get, path = "/api/v1/sources/{source}", tag = "sources",
    params(("source" = String, Path, description = "The source.")),
    responses((status = 200, description = "The source.", body = SourceItem)))]
pub(crate) async fn one(
    State(app): State<App>,
    Path(name): Path<SourceName>,
) -> Result<Json<SourceItem>, Problem> {
    let own = app.clone();
    let found = app.read(move |host| {
        let config = host.workspace.source(&name).map_err(SourceError::from)?;
        item(&own, host, &name, &config)
    });
    Ok(Json(found.await?))
}

/// What a source's connector asks for.
#[derive(Serialize, ToSchema)]
pub(crate) struct Asks {
    /// The source.
    source: String,
    /// SHA-256 of the component.
    component: String,
    /// The connector.
    connector: String,
    /// Its version, as it says.
    version: String,
    /// Its publisher, as it says.
    publisher: String,
    /// What it says of itself.
    description: String,
    /// Everything that it may reach and use once it is approved, a line each.
    asks: Vec<String>,
    /// What of that is new against the approval there is.
    added: Vec<String>,
    /// What was approved and is no longer asked.
    removed: Vec<String>,
    /// Whether this very component is approved, and asks for nothing more.
    approved: bool,
    /// SHA-256 over component and asks: send it back to approve what you read, and nothing else.
    digest: String,
}

impl Asks {
    fn of(proposal: &Proposal) -> Self {
        let asks = proposal.asks();
        let text = format!("{}\n{}", proposal.component, asks.join("\n"));
        Self {
            source: proposal.source.to_string(),
            component: proposal.component.to_string(),
            connector: proposal.manifest.name.to_string(),
            version: proposal.manifest.version.clone(),
            publisher: proposal.manifest.publisher.clone(),
            description: proposal.manifest.description.clone(),
            added: proposal.difference.added.clone(),
            removed: proposal.difference.removed.clone(),
            approved: proposal.is_approved,
            digest: Digest::of(text).to_string(),
            asks,
        }
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AsksQuery {
    /// SHA-256 of the component that is meant, where several of the connector were added.
    #[param(value_type = Option<String>)]
    component: Option<Digest>,
}

/// What a source's connector asks for
#[utoipa::path(get, path = "/api/v1/sources/{source}/approval", tag = "sources",
    params(AsksQuery, ("source" = String, Path, description = "The source.")),
    responses((status = 200, description = "What it asks.", body = Asks),
        (status = 409, description = "It cannot be asked as it is set up.", body = Problem,
            content_type = "application/problem+json")))]
pub(crate) async fn asks(
    State(app): State<App>,
    Path(name): Path<SourceName>,
    Query(query): Query<AsksQuery>,
) -> Result<Json<Asks>, Problem> {
    let asks =
        app.read(move |host| Ok(Asks::of(&approve::propose(&host.workspace, &name, query.component)?)));
    Ok(Json(asks.await?))
}

/// What is approved.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Approve {
    /// SHA-256 of the component.
    #[schema(value_type = String)]
    component: Digest,
    /// `digest` of what was read.
    #[schema(value_type = String)]
    digest: Digest,
}

/// Approve what a connector asks for
///
/// Pins the component and what it may reach, in `exhibit.lock` and in the ledger.
#[utoipa::path(post, path = "/api/v1/sources/{source}/approval", tag = "sources", request_body = Approve,
    params(("source" = String, Path, description = "The source.")),
    responses((status = 200, description = "It is approved.", body = Asks),
        (status = 409, description = "It asks for something else by now.", body = Problem,
            content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON.", body = Problem,
            content_type = "application/problem+json")))]
pub(crate) async fn approve(
    State(app): State<App>,
    viewer: Viewer,
    Path(name): Path<SourceName>,
    Body(given): Body<Approve>,
) -> Result<Json<Asks>, Problem> {
    let by = viewer.who.clone();
    let asks = app.read(move |host| {
        let proposal = approve::propose(&host.workspace, &name, Some(given.component))?;
        if Asks::of(&proposal).digest != given.digest.to_string() {
            return Err(Problem::conflict("what it asks for has changed since you read it: read it again"));
        }
        approve::approve(host, proposal, &by)?;
        Ok(Asks::of(&approve::propose(&host.workspace, &name, Some(given.component))?))
    });
    let asks = asks.await?;
    // The loop reads approvals when it starts a run, too; this has it look at once.
    let _ = order(&app, Act::Reload, &viewer).await;
    Ok(Json(asks))
}

/// What a check of a source came to.
#[derive(Serialize, ToSchema)]
pub(crate) struct CheckedItem {
    /// The source.
    source: String,
    /// The tenant that it reaches; none: it reaches nothing.
    tenant: Option<String>,
    /// Why it does not.
    failure: Option<String>,
    /// What the credential must be allowed to do, in the vendor's words.
    permissions: Vec<String>,
}

/// Reach the system: which tenant, and what is missing
#[utoipa::path(post, path = "/api/v1/sources/{source}/check", tag = "sources",
    params(("source" = String, Path, description = "The source.")),
    responses((status = 200, description = "What came of it.", body = CheckedItem),
        (status = 409, description = "It cannot run as it is set up.", body = Problem,
            content_type = "application/problem+json")))]
pub(crate) async fn check(
    State(app): State<App>,
    Path(name): Path<SourceName>,
) -> Result<Json<CheckedItem>, Problem> {
    let host = app.host();
    let checked = collect::check(&host, &name).await.map_err(|error| match error {
        CollectError::Source(error) => Problem::from(error),
        error => Problem::conflict(error.to_string()),
    })?;
    Ok(Json(CheckedItem {
        source: checked.source.to_string(),
        tenant: checked.tenant,
        failure: checked.failure,
        permissions: checked.permissions,
    }))
}

/// An order that was given.
#[derive(Serialize, ToSchema)]
pub(crate) struct Ordered {
    /// Whether it is done; else it goes on.
    done: bool,
}

async fn order(app: &App, act: Act, viewer: &Viewer) -> Result<(StatusCode, Json<Ordered>), Problem> {
    match tokio::time::timeout(ORDER, app.service().order(act, viewer.who.clone())).await {
        Ok(answer) => {
            answer?;
            Ok((StatusCode::OK, Json(Ordered { done: true })))
        }
        Err(_) => Ok((StatusCode::ACCEPTED, Json(Ordered { done: false }))),
    }
}

/// Writes an order's route: all of them answer alike.
macro_rules! orders {
    ($($name:ident $path:literal $title:literal $act:path;)*) => {$(
        #[doc = $title]
        #[utoipa::path(post, path = $path, tag = "sources",
            params(("source" = String, Path, description = "The source.")),
            responses((status = 200, description = "It is done.", body = Ordered),
                (status = 202, description = "It goes on.", body = Ordered),
                (status = 409, description = "It cannot be done now.", body = Problem,
                    content_type = "application/problem+json"),
                (status = 503, description = "The service is stopping.", body = Problem,
                    content_type = "application/problem+json")))]
        pub(crate) async fn $name(
            State(app): State<App>,
            viewer: Viewer,
            Path(source): Path<SourceName>,
        ) -> Result<(StatusCode, Json<Ordered>), Problem> {
            order(&app, $act(source), &viewer).await
        }
    )*};
}

orders! {
    run "/api/v1/sources/{source}/runs" "Run a source now" Act::Run;
    pause "/api/v1/sources/{source}/pause" "No runs of a source until it is resumed" Act::Pause;
    resume "/api/v1/sources/{source}/resume" "Runs of a source again" Act::Resume;
}

/// Read settings, controls, sources and approvals again
#[utoipa::path(post, path = "/api/v1/reload", tag = "sources",
    responses((status = 200, description = "It is done.", body = Ordered),
        (status = 202, description = "It goes on.", body = Ordered),
        (status = 409, description = "A file is wrong; everything goes on as before.", body = Problem,
            content_type = "application/problem+json"),
        (status = 503, description = "The service is stopping.", body = Problem,
            content_type = "application/problem+json")))]
pub(crate) async fn reload(
    State(app): State<App>,
    viewer: Viewer,
) -> Result<(StatusCode, Json<Ordered>), Problem> {
    order(&app, Act::Reload, &viewer).await
}

/// A component that was added to the workspace.
#[derive(Serialize, ToSchema)]
pub(crate) struct ConnectorItem {
    /// SHA-256 of the component.
    component: String,
    /// The connector.
    connector: String,
    /// Its version.
    version: String,
    /// Its publisher.
    publisher: String,
    /// What it says of itself.
    description: String,
    /// The contract that it is written for.
    contract: String,
    /// The kinds that it can collect.
    kinds: Vec<String>,
}

/// Every component that was added
#[utoipa::path(get, path = "/api/v1/connectors", tag = "sources",
    responses((status = 200, description = "All of them.", body = Vec<ConnectorItem>)))]
pub(crate) async fn connectors(State(app): State<App>) -> Result<Json<Vec<ConnectorItem>>, Problem> {
    let items = app.read(|host| {
        let all = approve::components(&host.workspace)?;
        Ok(all
            .into_iter()
            .map(|(component, manifest)| ConnectorItem {
                component: component.to_string(),
                connector: manifest.name.to_string(),
                version: manifest.version,
                publisher: manifest.publisher,
                description: manifest.description,
                contract: manifest.contract,
                kinds: manifest.kinds.iter().map(ToString::to_string).collect(),
            })
            .collect())
    });
    Ok(Json(items.await?))
}
