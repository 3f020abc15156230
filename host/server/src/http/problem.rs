//! What went wrong, as RFC 9457 says it: `application/problem+json` with type, title, status, detail.

use axum::response::{IntoResponse, Response};
use exhibit_pipeline::host::HostError;
use exhibit_pipeline::source::SourceError;
use exhibit_store::ReadError;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use crate::service::Refused;

/// Something that went wrong. RFC 9457, section 3.1; `type` is `about:blank`, so the title is the status' own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Problem {
    /// Always `about:blank`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The status' name.
    title: &'static str,
    /// The status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What is wrong here, and what to do.
    detail: String,
    #[serde(skip)]
    retry_after_s: Option<u64>,
}

impl Problem {
    /// A problem of this status.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: detail.into(),
            retry_after_s: None,
        }
    }

    /// 400: the request is not one that is understood.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// 404: there is no such thing, or none that the one who asks may see.
    pub fn not_found(what: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, what)
    }

    /// 409: it cannot be done as things are.
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, detail)
    }

    /// 403: one with this role may not.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, detail)
    }

    /// 500: it failed here. Said in words that name no file of the machine to those who do not operate it.
    pub fn failed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
    }

    /// 429: too often; come again after so many seconds.
    pub fn too_many(detail: impl Into<String>, retry_after_s: u64) -> Self {
        Self { retry_after_s: Some(retry_after_s), ..Self::new(StatusCode::TOO_MANY_REQUESTS, detail) }
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The status' name.
    pub fn title(&self) -> &'static str {
        self.title
    }

    /// What is wrong here, and what to do.
    pub fn detail(&self) -> &str {
        &self.detail
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (self.status(), body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.status == StatusCode::UNAUTHORIZED.as_u16() {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"exhibit\""));
        }
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        // Those who show pages show it as one.
        response.extensions_mut().insert(self);
        response
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::NoRun(_) | ReadError::NoDataset { .. } | ReadError::Missing(_) => {
                Self::not_found(error.to_string())
            }
            ReadError::KeyGone { .. } => Self::new(StatusCode::GONE, error.to_string()),
            _ => Self::failed(error.to_string()),
        }
    }
}

impl From<HostError> for Problem {
    fn from(error: HostError) -> Self {
        Self::failed(error.to_string())
    }
}

impl From<SourceError> for Problem {
    fn from(error: SourceError) -> Self {
        use exhibit_pipeline::workspace::WorkspaceError::NoSource;
        match &error {
            SourceError::Workspace(NoSource { name, .. }) => {
                Self::not_found(format!("there is no source `{name}`"))
            }
            _ => {
                let hint = error.hint().map(|hint| format!("; {hint}")).unwrap_or_default();
                Self::conflict(format!("{error}{hint}"))
            }
        }
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::NoSource(_) => Self::not_found(refused.to_string()),
            Refused::Conflict(_) | Refused::Settings(_) => Self::conflict(refused.to_string()),
            Refused::Stopping => Self::new(StatusCode::SERVICE_UNAVAILABLE, refused.to_string()),
        }
    }
}
