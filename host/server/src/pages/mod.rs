//! The pages: what an operator and an auditor look at. Drawn here, from the store, with the package's own parts; no
//! script, no build step. Every page is a function from a `visit::Visit` to a `Page`; it reads, and changes nothing.
//! What changes something is a form that posts to the HTTP side.
//!
//! From the year at a glance to where a fact came from in four clicks: a control, a day of it, a record that proves it,
//! the exchange that the record came from.
//!
//! | module | draws |
//! | --- | --- |
//! | `visit` | who looks, at what, and how much of it they may see |
//! | `shell` | what is around every page |
//! | `link` | addresses of pages |
//! | `coverage` | control by period: what calendar, control and today are drawn from |
//! | `today` | what goes on, and what needs a person |
//! | `year` | every control and period at a glance |
//! | `control` | one control, and one of its periods |
//! | `population` | lists of records |
//! | `record` | one record: its history, and where it came from |
//! | `runs`, `run` | the runs, and one with its facts |
//! | `exchange` | what a run asked and was answered |
//! | `body` | a body as text |
//! | `changes` | what differs between two days |
//! | `sources` | sources, their grants and their approval |
//! | `closing` | uploads, seals and packages |
//! | `ledger` | the log of what was written |

mod body;
mod changes;
mod closing;
mod control;
mod coverage;
mod exchange;
mod ledger;
mod link;
mod population;
mod record;
mod run;
mod runs;
mod shell;
mod sources;
mod today;
mod visit;
mod year;

use crate::http::{Access, Routes};
use axum::response::{IntoResponse, Response};
use http::{Method, StatusCode, header};
use std::pin::Pin;
use visit::Visit;

pub use shell::Section;

/// A page, as it is put into its shell.
pub(crate) struct Page {
    /// What it is about, in a few words.
    pub(crate) title: String,
    /// The part of the service that it belongs to.
    pub(crate) section: Section,
    /// Its content.
    pub(crate) body: String,
    /// Whether it is right: 200, or what it is instead.
    pub(crate) status: StatusCode,
}

impl Page {
    fn new(section: Section, title: impl Into<String>, body: String) -> Self {
        Self { title: title.into(), section, body, status: StatusCode::OK }
    }
}

/// A page that cannot be shown, in words for the one who asked.
#[derive(Debug)]
pub(crate) struct Trouble {
    status: StatusCode,
    says: String,
}

impl Trouble {
    /// There is no such thing, or none that the one who asks may see.
    fn missing(what: impl Into<String>) -> Self {
        Self { status: StatusCode::NOT_FOUND, says: what.into() }
    }

    /// The address does not say what is meant.
    fn unclear(what: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, says: what.into() }
    }

    /// One with this role may not.
    fn forbidden(what: impl Into<String>) -> Self {
        Self { status: StatusCode::FORBIDDEN, says: what.into() }
    }

    /// What is wrong, in words.
    fn says(&self) -> &str {
        &self.says
    }

    /// It failed here.
    fn failed(what: impl Into<String>) -> Self {
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, says: what.into() }
    }
}

impl From<exhibit_store::ReadError> for Trouble {
    fn from(error: exhibit_store::ReadError) -> Self {
        use exhibit_store::ReadError as E;
        let status = match &error {
            E::NoRun(_) | E::NoDataset { .. } | E::Missing(_) => StatusCode::NOT_FOUND,
            E::KeyGone { .. } => StatusCode::GONE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self { status, says: error.to_string() }
    }
}

impl From<exhibit_pipeline::host::HostError> for Trouble {
    fn from(error: exhibit_pipeline::host::HostError) -> Self {
        Self::failed(error.to_string())
    }
}

impl From<exhibit_pipeline::workspace::WorkspaceError> for Trouble {
    fn from(error: exhibit_pipeline::workspace::WorkspaceError) -> Self {
        use exhibit_pipeline::workspace::WorkspaceError as E;
        match &error {
            E::NoSource { .. } => Self::missing(error.to_string()),
            _ => Self::failed(error.to_string()),
        }
    }
}

/// A page, or why there is none.
pub(crate) type Drawn = Result<Page, Trouble>;

/// Draws one page.
pub(crate) type Draw = fn(&Visit) -> Drawn;

/// Every page: its path, who may look, and what draws it.
pub(crate) const PAGES: [(&str, Access, Draw); 21] = [
    ("/", Access::Read, today::page),
    ("/calendar", Access::Read, year::page),
    ("/controls/{control}", Access::Read, control::page),
    ("/controls/{control}/{period}", Access::Read, control::period_page),
    ("/evidence", Access::Read, population::list_page),
    ("/evidence/{source}/{kind}", Access::Read, population::page),
    ("/evidence/{source}/{kind}/record", Access::Read, record::page),
    ("/runs", Access::Read, runs::page),
    ("/runs/{run}", Access::Read, run::page),
    ("/runs/{run}/exchanges", Access::Read, exchange::list_page),
    ("/runs/{run}/exchanges/{exchange}", Access::Read, exchange::page),
    ("/runs/{run}/log", Access::Read, run::log_page),
    ("/runs/{run}/rejections", Access::Read, run::rejections_page),
    ("/changes", Access::Read, changes::page),
    ("/sources", Access::Operate, sources::list_page),
    ("/sources/{source}", Access::Operate, sources::page),
    ("/sources/{source}/approval", Access::Operate, sources::approval_page),
    ("/uploads", Access::SignedIn, closing::uploads_page),
    ("/seals", Access::Read, closing::seals_page),
    ("/ledger", Access::Read, ledger::page),
    ("/ledger/{leaf}", Access::Read, ledger::leaf_page),
];

/// Adds every page, each by GET, and the style sheet.
pub(crate) fn routes(routes: Routes) -> Routes {
    let routes = routes.page(Method::GET, "/style.css", Access::Open, shell::style);
    PAGES
        .into_iter()
        .fold(routes, |routes, (path, access, draw)| routes.page(Method::GET, path, access, draws(draw)))
}

/// Answers with a page. Drawing reads files, so it is done where that holds up nobody else.
pub(crate) fn draws(draw: Draw) -> impl Fn(Visit) -> Drawing + Clone + Send + Sync + 'static {
    move |visit| Box::pin(answer(draw, visit))
}

/// A page on its way.
pub(crate) type Drawing = Pin<Box<dyn Future<Output = Response> + Send>>;

async fn answer(draw: Draw, visit: Visit) -> Response {
    let drawn = tokio::task::spawn_blocking(move || {
        let drawn = draw(&visit);
        shell::wrap(&visit, drawn)
    });
    match drawn.await {
        Ok((status, html)) => {
            (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response()
        }
        Err(_) => plain_failure(),
    }
}

fn plain_failure() -> Response {
    let says = "This page cannot be drawn: that is a fault of Exhibit. The log of the service says more.";
    (StatusCode::INTERNAL_SERVER_ERROR, says).into_response()
}

/// Digest over what a proposal asks, so that what was read is what is approved.
pub(crate) fn asks_digest(proposal: &exhibit_pipeline::approve::Proposal) -> String {
    exhibit_evidence::digest::Digest::of(proposal.difference.to_string()).to_string()
}
