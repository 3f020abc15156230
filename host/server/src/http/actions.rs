//! What the forms of the pages do: the same as the API, and then back to the page.

use super::api::{closing, exports};
use super::app::App;
use super::extract::{Form, Json, Path};
use super::problem::Problem;
use super::routes::{Access, Routes};
use super::viewer::Viewer;
use crate::pages;
use crate::service::Act;
use axum::extract::{DefaultBodyLimit, Multipart, State};
use axum::handler::Handler as _;
use axum::response::Redirect;
use exhibit_evidence::digest::Digest;
use exhibit_evidence::name::SourceName;
use exhibit_evidence::period::AuditPeriod;
use exhibit_pipeline::approve;
use exhibit_pipeline::upload::{self, Attach};
use http::Method;
use serde::Deserialize;
use std::collections::BTreeMap;
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
        .page(Method::POST, "/seals", Access::Operate, seal)
        .page(Method::POST, "/exports", Access::Operate, export)
        .page(Method::POST, "/uploads", Access::Ingest, attach.layer(DefaultBodyLimit::max(FORM_BYTES)))
}

/// Bytes of a form with a file: the file, and what is said of it.
const FORM_BYTES: usize = upload::MAX_BYTES + (64 << 10);

/// A period, as a form has it.
#[derive(Deserialize)]
struct Period {
    period: AuditPeriod,
    /// There where the box was ticked.
    withhold_bodies: Option<String>,
}

async fn seal(State(app): State<App>, Form(given): Form<Period>) -> Result<Redirect, Problem> {
    let _sealed = closing::seal(State(app), Json(closing::SealRequest { period: given.period })).await?;
    Ok(Redirect::to("/seals"))
}

async fn export(
    State(app): State<App>,
    viewer: Viewer,
    Form(given): Form<Period>,
) -> Result<Redirect, Problem> {
    let wanted =
        exports::ExportRequest { period: given.period, withhold_bodies: given.withhold_bodies.is_some() };
    exports::start(State(app), viewer, Json(wanted)).await?;
    Ok(Redirect::to("/seals#packages"))
}

/// A form with a file. Its token is in the address, where it is found without reading the file first.
async fn attach(State(app): State<App>, viewer: Viewer, mut form: Multipart) -> Result<Redirect, Problem> {
    let unread = |error: axum::extract::multipart::MultipartError| Problem::bad_request(error.body_text());
    let mut fields: BTreeMap<String, String> = BTreeMap::new();
    let mut file = None;
    while let Some(field) = form.next_field().await.map_err(unread)? {
        let name = field.name().unwrap_or_default().to_owned();
        if name == "file" {
            let named = field.file_name().unwrap_or_default().to_owned();
            file = Some((named, field.bytes().await.map_err(unread)?));
        } else {
            fields.insert(name, field.text().await.map_err(unread)?);
        }
    }
    let (name, bytes) = file.ok_or_else(|| Problem::bad_request("choose a file"))?;
    let some =
        |name: &str| fields.get(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let needed = |name: &str| some(name).ok_or_else(|| Problem::bad_request(format!("`{name}` is empty")));
    let day = |name: &str, text: &str| {
        text.parse().map_err(|_| Problem::bad_request(format!("`{name}` is a day: 2026-03-30")))
    };
    let read = |error: &dyn std::fmt::Display| Problem::bad_request(error.to_string());
    let said = Attach {
        control: needed("control")?
            .parse()
            .map_err(|error| read(&error as &exhibit_evidence::control::ParseControlIdError))?,
        period: needed("period")?
            .parse()
            .map_err(|error| read(&error as &exhibit_evidence::period::ParsePeriodError))?,
        file: name,
        effective: day("effective", &needed("effective")?)?,
        expires: some("expires").map(|text| day("expires", &text)).transpose()?,
        revision: some("revision"),
        attested_by: some("attested_by"),
        note: some("note"),
    };
    app.read(move |host| Ok(upload::attach(host, &said, &bytes, &viewer.who)?)).await?;
    Ok(Redirect::to("/uploads"))
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
