//! Tokens.

use super::super::app::App;
use super::super::extract::{Json as Body, Path};
use super::super::problem::Problem;
use super::super::record;
use super::super::tokens::{Entry, Role, TokenError};
use super::super::viewer::Viewer;
use axum::Json;
use axum::extract::State;
use exhibit_evidence::name::Name;
use exhibit_evidence::period::AuditPeriod;
use exhibit_evidence::time::Timestamp;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A token, without the token.
#[derive(Serialize, ToSchema)]
pub(crate) struct TokenItem {
    /// Whose it is.
    name: String,
    /// `operator`, `auditor`, `ingest` or `monitor`.
    role: &'static str,
    /// The audit period that an auditor reads.
    engagement: Option<String>,
    /// Since when.
    created_at: String,
    /// Who added it.
    created_by: String,
    /// Until when; none: until it is revoked.
    expires_at: Option<String>,
    /// When it was revoked.
    revoked_at: Option<String>,
    /// Who revoked it.
    revoked_by: Option<String>,
    /// Whether it opens anything now.
    valid: bool,
}

impl TokenItem {
    fn of(entry: &Entry, now: Timestamp) -> Self {
        Self {
            name: entry.name.to_string(),
            role: entry.role.word(),
            engagement: entry.role.engagement().map(ToString::to_string),
            created_at: entry.created_at.to_string(),
            created_by: entry.created_by.clone(),
            expires_at: entry.expires_at.map(|at| at.to_string()),
            revoked_at: entry.revoked_at.map(|at| at.to_string()),
            revoked_by: entry.revoked_by.clone(),
            valid: entry.is_valid(now),
        }
    }
}

impl From<TokenError> for Problem {
    fn from(error: TokenError) -> Self {
        match &error {
            TokenError::Taken(_) => Self::conflict(error.to_string()),
            TokenError::Unknown(_) => Self::not_found(error.to_string()),
            _ => Self::failed(error.to_string()),
        }
    }
}

/// Every token that there is or was
#[utoipa::path(get, path = "/api/v1/tokens", tag = "tokens",
    responses((status = 200, description = "All of them.", body = Vec<TokenItem>)))]
pub(crate) async fn list(State(app): State<App>) -> Result<Json<Vec<TokenItem>>, Problem> {
    let now = app.host().clock.now();
    Ok(Json(app.tokens().list()?.iter().map(|entry| TokenItem::of(entry, now)).collect()))
}

/// A token that is wanted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenRequest {
    /// Whose it is: 1 to 64 lower-case letters, digits and hyphens. A name is given once.
    #[schema(value_type = String)]
    name: Name,
    /// `operator`, `auditor`, `ingest` or `monitor`.
    role: String,
    /// The audit period that an auditor reads.
    #[schema(value_type = Option<String>)]
    engagement: Option<AuditPeriod>,
    /// Until when it is valid, RFC 3339.
    #[schema(value_type = Option<String>)]
    expires_at: Option<Timestamp>,
}

/// A token that was made.
#[derive(Serialize, ToSchema)]
pub(crate) struct TokenMade {
    /// The token. It is shown this once.
    token: String,
    #[serde(flatten)]
    item: TokenItem,
}

/// Make a token
#[utoipa::path(post, path = "/api/v1/tokens", tag = "tokens", request_body = TokenRequest,
    responses((status = 201, description = "The token, shown this once.", body = TokenMade),
        (status = 409, description = "The name is given already.", body = Problem,
            content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON.", body = Problem,
            content_type = "application/problem+json")))]
pub(crate) async fn add(
    State(app): State<App>,
    viewer: Viewer,
    Body(given): Body<TokenRequest>,
) -> Result<(StatusCode, Json<TokenMade>), Problem> {
    let role = Role::of(&given.role, given.engagement).map_err(Problem::bad_request)?;
    let own = app.clone();
    let made = app.read(move |host| {
        let now = host.clock.now();
        let (token, entry) = own.tokens().add(&given.name, role, given.expires_at, &viewer.who, now)?;
        // Where the ledger does not take it now, it is tried again: the change is marked.
        let _ = record::now(&own);
        Ok(TokenMade { token, item: TokenItem::of(&entry, now) })
    });
    Ok((StatusCode::CREATED, Json(made.await?)))
}

/// Revoke a token
///
/// It opens nothing from now on, and ends the sessions that were opened with it.
#[utoipa::path(delete, path = "/api/v1/tokens/{name}", tag = "tokens",
    params(("name" = String, Path, description = "Whose it is.")),
    responses((status = 200, description = "It is revoked.", body = TokenItem)))]
pub(crate) async fn revoke(
    State(app): State<App>,
    viewer: Viewer,
    Path(name): Path<Name>,
) -> Result<Json<TokenItem>, Problem> {
    let own = app.clone();
    let entry = app.read(move |host| {
        let now = host.clock.now();
        let entry = own.tokens().revoke(&name, &viewer.who, now)?;
        let _ = record::now(&own);
        Ok(TokenItem::of(&entry, now))
    });
    Ok(Json(entry.await?))
}
