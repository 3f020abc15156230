//! What the forms of the pages do: the same as the API, and then back to the page.

use super::app::App;
use super::extract::{Form, Path};
use super::problem::Problem;
use super::routes::{Access, Routes};
use super::viewer::Viewer;
use crate::pages;
use crate::service::Act;
use axum::extract::State;
use axum::response::Redirect;
use exhibit_evidence::digest::Digest;
use exhibit_evidence::name::SourceName;
use exhibit_pipeline::approve;
use http::Method;
use serde::Deserialize;
use std::time::Duration;

/// How long an order is waited for. What takes longer goes on, and the page shows it.
const ORDER: Duration = Duration::from_secs(5);

/// Adds what forms are sent to.
pub(crate) fn routes(routes: Routes) -> Routes {
    routes
        .page(Method::POST, "/sources/{source}/run", Access::Operate, run)
        .page(Method::POST, "/sources/{source}/pause", Access::Operate, pause)
        .page(Method::POST, "/sources/{source}/resume", Access::Operate, resume)
        .page(Method::POST, "/sources/{source}/approval", Access::Operate, approve)
}

async fn order(app: &App, viewer: &Viewer, act: Act, source: &SourceName) -> Result<Redirect, Problem> {
    if let Ok(answer) = tokio::time::timeout(ORDER, app.service().order(act, viewer.who.clone())).await {
        answer?;
    }
    Ok(Redirect::to(&format!("/sources/{source}")))
}

async fn run(
    State(app): State<App>,
    viewer: Viewer,
    Path(source): Path<SourceName>,
) -> Result<Redirect, Problem> {
    order(&app, &viewer, Act::Run(source.clone()), &source).await
}

async fn pause(
    State(app): State<App>,
    viewer: Viewer,
    Path(source): Path<SourceName>,
) -> Result<Redirect, Problem> {
    order(&app, &viewer, Act::Pause(source.clone()), &source).await
}

async fn resume(
    State(app): State<App>,
    viewer: Viewer,
    Path(source): Path<SourceName>,
) -> Result<Redirect, Problem> {
    order(&app, &viewer, Act::Resume(source.clone()), &source).await
}

/// What the page of a source's approval had in its form.
#[derive(Deserialize)]
struct Read {
    component: Digest,
    digest: String,
}

async fn approve(
    State(app): State<App>,
    viewer: Viewer,
    Path(source): Path<SourceName>,
    Form(read): Form<Read>,
) -> Result<Redirect, Problem> {
    let (name, by) = (source.clone(), viewer.who.clone());
    app.read(move |host| {
        let proposal = approve::propose(&host.workspace, &name, Some(read.component))?;
        if pages::asks_digest(&proposal) != read.digest {
            return Err(Problem::conflict("what it asks for has changed since you read it: read it again"));
        }
        Ok(approve::approve(host, proposal, &by)?)
    })
    .await?;
    order(&app, &viewer, Act::Reload, &source).await
}
