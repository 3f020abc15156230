//! What a guest may ask of the network, and what it is answered. The broker serves these, the sandbox
//! translates them to and from the contract, and re-performance compares them.

use crate::exchange::ExchangeId;
use serde::{Deserialize, Serialize};

/// The credential slot a request names. The guest never sees what is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthRef {
    /// A slot that the connector's manifest declares, `okta` for example.
    pub slot: String,
    /// Parameters that the slot's scheme allows a guest to choose, such as AWS `service` and `region`.
    #[serde(default)]
    pub params: Vec<(String, String)>,
}

/// One request as the guest made it, before credentials.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchRequest {
    /// Upper-case HTTP method.
    pub method: String,
    /// Absolute URL.
    pub url: String,
    /// Headers, in order. Credential headers are refused.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    /// The body, if any.
    #[serde(default)]
    pub body: Option<Vec<u8>>,
    /// The credential to attach, if any.
    #[serde(default)]
    pub auth: Option<AuthRef>,
    /// How to go on to the next page, as the JSON of a paging scheme; none: a single request.
    #[serde(default)]
    pub paging: Option<String>,
}

/// One response as the guest is shown it: after redaction, with the visible headers only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchResponse {
    /// HTTP status.
    pub status: u16,
    /// Visible headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, decoded and redacted.
    pub body: Vec<u8>,
    /// To be cited in records made from it.
    pub exchange: ExchangeId,
}

/// Why a request was not answered.
///
/// `code` is one of [`FetchError::CODES`]; guests must accept others, so the list may grow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{code}: {message}")]
pub struct FetchError {
    /// What went wrong, for programs.
    pub code: String,
    /// What went wrong, for people: what, where, and what to do.
    pub message: String,
    /// Whether the same request may succeed later.
    pub retryable: bool,
    /// How long to wait first, in milliseconds, where the server said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

impl FetchError {
    /// The codes known to this version.
    pub const CODES: [&str; 13] = [
        "denied",
        "invalid-request",
        "credential",
        "timeout",
        "transport",
        "tls",
        "too-large",
        "rate-limited",
        "budget",
        "paging",
        "redirect",
        "recording",
        "replay",
    ];

    /// An error with one of [`FetchError::CODES`].
    pub fn new(code: &str, message: impl Into<String>, retryable: bool) -> Self {
        Self { code: code.to_owned(), message: message.into(), retryable, retry_after_ms: None }
    }
}
