//! Who asks: by a token (`Authorization: Bearer`, RFC 6750) or by a session's cookie; and whether they may.

use super::app::App;
use super::problem::Problem;
use super::routes::Access;
use super::session::Session;
use super::tokens::Role;
use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use exhibit_evidence::period::AuditPeriod;
use exhibit_evidence::time::{Span, Timestamp};
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode, header};

/// Who asks. A handler that names it as an argument gets it; the route's access was checked before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Viewer {
    /// As the ledger names them: `operator:ada`.
    pub who: String,
    /// What they may do.
    pub role: Role,
    /// The session, where it is a person at a browser.
    pub session: Option<Session>,
}

impl Viewer {
    /// Whether they may do everything.
    pub fn is_operator(&self) -> bool {
        self.role == Role::Operator
    }

    /// The engagement, of an auditor.
    pub fn engagement(&self) -> Option<&AuditPeriod> {
        self.role.engagement()
    }

    /// The time that they may read of; none: all.
    pub fn span(&self) -> Option<Span> {
        self.engagement().map(AuditPeriod::span)
    }

    /// Whether they may read what happened at `at`.
    pub fn sees(&self, at: Timestamp) -> bool {
        self.span().is_none_or(|span| span.contains(at))
    }

    /// What a form of theirs has as its hidden field `csrf`; empty where no browser asks.
    pub fn csrf(&self) -> &str {
        self.session.as_ref().map_or("", |session| session.csrf.as_str())
    }

    fn may(&self, access: Access) -> bool {
        match access {
            Access::Open | Access::SignedIn => true,
            Access::Read => matches!(self.role, Role::Operator | Role::Auditor { .. }),
            Access::Ingest => matches!(self.role, Role::Operator | Role::Ingest),
            Access::Watch => matches!(self.role, Role::Operator | Role::Monitor),
            Access::Operate => self.role == Role::Operator,
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Viewer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(unknown)
    }
}

fn unknown() -> Problem {
    Problem::new(
        StatusCode::UNAUTHORIZED,
        "send a token that is valid: Authorization: Bearer TOKEN; `exhibit token add` makes one",
    )
}

/// Finds out who asks, and puts the [`Viewer`] into the request's extensions; whether one is needed, the route says.
pub(crate) async fn identify(State(app): State<App>, mut request: Request, next: Next) -> Response {
    match viewer_of(&app, request.headers()) {
        Ok(Some(viewer)) => {
            request.extensions_mut().insert(viewer);
        }
        Ok(None) => {}
        Err(problem) => return problem.into_response(),
    }
    next.run(request).await
}

fn viewer_of(app: &App, headers: &HeaderMap) -> Result<Option<Viewer>, Problem> {
    let failed = |error: super::tokens::TokenError| Problem::failed(error.to_string());
    let now = app.host().clock.now();
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        // A header counts alone: a forged token is not helped by a cookie beside it.
        let token = value.to_str().ok().and_then(bearer).unwrap_or_default();
        let entry = app.tokens().find(token, now).map_err(failed)?;
        return Ok(entry.map(|entry| Viewer {
            who: format!("{}:{}", entry.role.word(), entry.name),
            role: entry.role,
            session: None,
        }));
    }
    let Some(session) = app.sessions().of(headers) else { return Ok(None) };
    let role = match &session.token {
        // A session lives no longer than the token that opened it.
        Some(name) => match app.tokens().named(name, now).map_err(failed)? {
            Some(entry) => entry.role,
            None => return Ok(None),
        },
        None => session.role.clone(),
    };
    Ok(Some(Viewer { who: session.who.clone(), role, session: Some(session) }))
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Lets a request through to a route of this access, or answers in its place.
pub(crate) async fn require(access: Access, request: Request, next: Next) -> Response {
    if access == Access::Open {
        return next.run(request).await;
    }
    let Some(viewer) = request.extensions().get::<Viewer>().cloned() else {
        return refuse_unknown(&request);
    };
    if !viewer.may(access) {
        let needed = match access {
            Access::Ingest => "operator or ingest",
            Access::Read => "operator or auditor",
            Access::Watch => "operator or monitor",
            _ => "operator",
        };
        let role = viewer.role.word();
        return Problem::forbidden(format!("this takes the role {needed}, and yours is {role}"))
            .into_response();
    }
    match super::csrf::check(&viewer, request).await {
        Ok(request) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

/// A program is told; a person is sent to where they sign in, and from there back.
fn refuse_unknown(request: &Request) -> Response {
    let is_page = !request.uri().path().starts_with("/api/")
        && request.method() == Method::GET
        && !request.headers().contains_key(header::AUTHORIZATION)
        && super::wants_html(request.headers());
    if is_page {
        let next = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let next = percent_encoding::utf8_percent_encode(next, percent_encoding::NON_ALPHANUMERIC);
        return Redirect::to(&format!("/login?next={next}")).into_response();
    }
    unknown().into_response()
}
