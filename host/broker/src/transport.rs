//! What carries a request to a system and brings the answer back, before anything is recorded or redacted.
//!
//! `live::LiveTransport` is the one that reaches the network. Tests and replay bring
//! their own. A transport knows nothing of pages, exchanges or records.

use async_trait::async_trait;
use exhibit_evidence::fetch::{AuthRef, FetchError};

/// One request of a guest, parsed, without its credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Upper-case HTTP method.
    pub method: String,
    /// Absolute URL, parsed.
    pub url: url::Url,
    /// Headers as the guest set them, in order.
    pub headers: Vec<(String, String)>,
    /// The body, if any.
    pub body: Option<Vec<u8>>,
    /// The credential slot to attach, if any.
    pub auth: Option<AuthRef>,
}

/// One answer, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incoming {
    /// HTTP status.
    pub status: u16,
    /// All headers, names in lower case, in the order received.
    pub headers: Vec<(String, String)>,
    /// The body, with content codings (gzip, deflate, br) removed, within the limit.
    pub body: Vec<u8>,
    /// Attempts made, at least 1.
    pub attempts: u32,
    /// Where redirects led; none where the URL asked for answered itself.
    pub landed: Option<url::Url>,
}

impl Incoming {
    /// The first header of this name; `name` in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// No answer, and after how many attempts. Zero attempts: the request was refused before it left.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct SendFailure {
    /// Why.
    pub error: FetchError,
    /// Attempts made.
    pub attempts: u32,
}

/// Carries one request. Any HTTP status is an answer; an error means that there was none.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Sends `request` and waits for the whole answer.
    async fn send(&self, request: &Outgoing) -> Result<Incoming, SendFailure>;

    /// Replaces known secret values, in common encodings too, by `***`; tells whether there were any.
    fn scrub(&self, bytes: Vec<u8>) -> (Vec<u8>, bool) {
        (bytes, false)
    }
}
