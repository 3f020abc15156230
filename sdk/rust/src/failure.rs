//! Why a check or a collection ended early.

use crate::host::RawError;
use crate::page::Page;
use crate::time::ParseTimeError;
use std::fmt;

/// Result of everything that may fail in a connector.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

/// Why a check or a collection cannot go on: a code for the scheduler, words for the operator.
///
/// Codes are open; those of the SDK are `config`, `auth`, `permission`, `not-found`, `rate-limited`, `upstream`,
/// `internal`, and whatever code the host gave to a request that it did not answer (`denied`, `timeout`, …).
#[derive(Clone)]
pub struct Failure {
    code: String,
    message: String,
    /// The message without what was asked.
    reason: String,
    retryable: bool,
    retry_after_ms: Option<u64>,
    page: Option<Box<Page>>,
}

impl Failure {
    /// A failure with a code of the connector's choice.
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self {
            code: code.to_owned(),
            reason: message.clone(),
            message,
            retryable: false,
            retry_after_ms: None,
            page: None,
        }
    }

    /// The settings do not fit the system.
    pub fn config(message: impl Into<String>) -> Self {
        Self::new("config", message)
    }

    /// The system does not accept the credential.
    pub fn auth(message: impl Into<String>) -> Self {
        Self::new("auth", message)
    }

    /// The credential is not allowed to read something.
    pub fn permission(message: impl Into<String>) -> Self {
        Self::new("permission", message)
    }

    /// The system answered something unexpected.
    pub fn upstream(message: impl Into<String>) -> Self {
        Self::new("upstream", message)
    }

    /// The connector itself is wrong.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new("internal", message)
    }

    /// Says that the same run may succeed later.
    #[must_use]
    pub fn retryable(mut self) -> Self {
        self.retryable = true;
        self
    }

    /// Puts what was being done before the message.
    #[must_use]
    pub fn context(mut self, doing: impl fmt::Display) -> Self {
        self.message = format!("{doing}: {}", self.message);
        self.reason = format!("{doing}: {}", self.reason);
        self
    }

    /// For programs.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// For people.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Whether the same run may succeed later.
    pub fn is_retryable(&self) -> bool {
        self.retryable
    }

    /// How long to wait first, in milliseconds, where the server said so.
    pub fn retry_after_ms(&self) -> Option<u64> {
        self.retry_after_ms
    }

    /// The answer that was not a success, where there was one. Its [`Page::origin`] can be cited: that a
    /// bucket has no encryption settings is known from a 404.
    pub fn page(&self) -> Option<&Page> {
        self.page.as_deref()
    }

    /// The message without the address that was asked, so that many such answers are one reason.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Whether that answer's error has any of these words of the vendor's in it.
    pub fn says(&self, words: &[&str]) -> bool {
        let said = self.page().and_then(Page::vendor_message).unwrap_or_default();
        words.iter().any(|word| said.contains(word))
    }

    /// Status of that answer.
    pub fn status(&self) -> Option<u16> {
        self.page().map(Page::status)
    }

    /// Whether the system answered that there is no such thing (404, 410).
    pub fn is_not_found(&self) -> bool {
        matches!(self.status(), Some(404 | 410))
    }

    /// Whether the system answered that the credential may not read this (403).
    pub fn is_forbidden(&self) -> bool {
        self.code == "permission"
    }

    /// The same, as what the credential may not read: for a system that says so with another status than 403.
    #[must_use]
    pub fn forbidden(self) -> Self {
        Self { code: "permission".to_owned(), ..self }
    }

    /// The failure that an answer with a status of 400 or above is.
    pub(crate) fn from_page(page: Page) -> Self {
        let (code, retryable) = match page.status() {
            401 => ("auth", false),
            403 => ("permission", false),
            404 | 410 => ("not-found", false),
            408 | 425 => ("upstream", true),
            429 => ("rate-limited", true),
            500.. => ("upstream", true),
            _ => ("upstream", false),
        };
        let said = page.vendor_message().map(|said| format!(": {said}")).unwrap_or_default();
        let reason = format!("answered {}{said}", page.status());
        let message = format!("{} {reason}", page.asked());
        // RFC 9110 section 10.2.3, the form in seconds; a date is the host's to read.
        let seconds = page.header("retry-after").and_then(|value| value.trim().parse::<u64>().ok());
        let retry_after_ms = seconds.map(|seconds| seconds.saturating_mul(1000)).filter(|_| retryable);
        Self { reason, retryable, retry_after_ms, page: Some(Box::new(page)), ..Self::new(code, message) }
    }

    /// The failure that a request without an answer is.
    pub(crate) fn from_raw(asked: &str, error: RawError) -> Self {
        let RawError { code, message, retryable, retry_after_ms } = error;
        let code = if code == "credential" { "auth".to_owned() } else { code };
        let reason = message.clone();
        Self { code, message: format!("{asked}: {message}"), reason, retryable, retry_after_ms, page: None }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Failure {}

impl From<ParseTimeError> for Failure {
    fn from(error: ParseTimeError) -> Self {
        Self::upstream(error.to_string())
    }
}

/// Collects several datasets that do not depend on each other: all have run when this is called, each failure
/// is logged, and the first is returned, so that one forbidden list does not cost the others.
///
/// ```
/// # use exhibit_sdk::{Result, all};
/// # fn accounts() -> Result<()> { Ok(()) }
/// # fn groups() -> Result<()> { Ok(()) }
/// fn collect() -> Result<()> {
///     all([accounts(), groups()])
/// }
/// # assert!(collect().is_ok());
/// ```
pub fn all(parts: impl IntoIterator<Item = Result<()>>) -> Result<()> {
    let mut first = None;
    for part in parts {
        if let Err(failure) = part {
            crate::error!("{failure}");
            first.get_or_insert(failure);
        }
    }
    first.map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::RawResponse;

    fn answered(status: u16, headers: &[(&str, &str)], body: &str) -> Failure {
        let headers = headers.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let (body, exchange) = (body.as_bytes().to_vec(), "0.0.0".to_owned());
        Failure::from_page(Page::new(
            RawResponse { status, headers, body, exchange },
            "GET https://a.example/",
            None,
        ))
    }

    #[test]
    fn a_status_says_what_to_do() {
        for (status, code, retryable) in [
            (400, "upstream", false),
            (401, "auth", false),
            (403, "permission", false),
            (404, "not-found", false),
            (429, "rate-limited", true),
            (503, "upstream", true),
        ] {
            let failure = answered(status, &[("retry-after", "7")], "");
            assert_eq!((failure.code(), failure.is_retryable()), (code, retryable), "{status}");
            assert_eq!(failure.retry_after_ms(), retryable.then_some(7000), "{status}");
        }
        let failure = answered(403, &[], "<E><Code>AccessDenied</Code><Message>Not\n you</Message></E>");
        let failure = failure.context("reading buckets");
        let said = "permission: reading buckets: GET https://a.example/ answered 403: AccessDenied: Not you";
        assert_eq!(failure.to_string(), said);
        assert_eq!(failure.reason(), "reading buckets: answered 403: AccessDenied: Not you");
        assert!(failure.is_forbidden() && !failure.is_not_found());
        let failure = answered(401, &[], r#"{"code":401,"message":"scope does not match"}"#).forbidden();
        let said = "permission: GET https://a.example/ answered 401: scope does not match";
        assert_eq!((failure.to_string().as_str(), failure.is_forbidden()), (said, true));
    }

    #[test]
    fn the_host_s_codes_stay_but_for_credentials() {
        let raw = |code: &str| RawError {
            code: code.to_owned(),
            message: "m".to_owned(),
            retryable: true,
            retry_after_ms: Some(5),
        };
        let timeout = Failure::from_raw("GET https://a.example/", raw("timeout"));
        assert_eq!(
            (timeout.to_string().as_str(), timeout.retry_after_ms()),
            ("timeout: GET https://a.example/: m", Some(5))
        );
        assert_eq!(Failure::from_raw("", raw("credential")).code(), "auth");
    }
}
