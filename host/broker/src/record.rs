//! What is kept of an exchange, and who keeps it.
//!
//! The guest is shown only what is kept: a header that is not in [`VISIBLE_HEADERS`] exists for neither.
//! Headers that differ at every answer (`date`, request ids, what is left of a rate limit) are not shown, so
//! that two answers with the same content are the same exchange but for time. The server's `Date` is kept
//! in [`Exchange::server_date`], where clock skew is computed from it.

use crate::transport::Outgoing;
use exhibit_evidence::canonical::Value;
use exhibit_evidence::digest::Digest;
use exhibit_evidence::exchange::{Exchange, ExchangeId, Walk};
use exhibit_evidence::time::Timestamp;

/// Response headers that a guest is shown, beside those that its paging scheme reads.
pub const VISIBLE_HEADERS: [&str; 19] = [
    "content-type",
    "content-disposition",
    "etag",
    "last-modified",
    "link",
    "location",
    "retry-after",
    // Which permission a 403 asked for, and which ones a token has: GitHub.
    "x-accepted-github-permissions",
    "x-accepted-oauth-scopes",
    "x-oauth-scopes",
    // The region of a bucket, and the error's type where AWS does not put it in the body.
    "x-amz-bucket-region",
    "x-amzn-errortype",
    // Totals and places in a list: GitLab and others.
    "x-next-page",
    "x-page",
    "x-per-page",
    "x-prev-page",
    "x-total",
    "x-total-count",
    "x-total-pages",
];

/// Headers that no guest is shown, whatever its scheme reads: they carry sessions and credentials, or
/// challenges that answer to credentials.
const WITHHELD_HEADERS: [&str; 8] = [
    "authentication-info",
    "authorization",
    "cookie",
    "proxy-authenticate",
    "proxy-authorization",
    "set-cookie",
    "set-cookie2",
    "x-amz-security-token",
];

/// Whether a header, its name in lower case, is kept from every guest.
pub fn is_withheld(name: &str) -> bool {
    WITHHELD_HEADERS.contains(&name)
}

/// The headers of an answer that the guest is shown: those of [`VISIBLE_HEADERS`] and of `also`, names in
/// lower case, sorted by name; of one name in the order received.
pub fn visible(headers: Vec<(String, String)>, also: &[String]) -> Vec<(String, String)> {
    let shown = |name: &str| {
        (VISIBLE_HEADERS.contains(&name) || also.iter().any(|a| a == name)) && !is_withheld(name)
    };
    let mut kept: Vec<(String, String)> = headers.into_iter().filter(|(name, _)| shown(name)).collect();
    kept.sort_by(|a, b| a.0.cmp(&b.0));
    kept
}

/// The digest over everything that a guest asked: SHA-256 of the canonical JSON of `body` (the body's
/// SHA-256, absent without a body), `headers` (pairs in order), `method`, `page`, `params` (of the slot),
/// `slot` (absent without one) and `url` (as a URL parser writes it).
pub fn request_digest(request: &Outgoing, page: u32) -> Digest {
    let text = |text: &str| Value::String(text.to_owned());
    let pairs = |pairs: &[(String, String)]| {
        Value::Array(pairs.iter().map(|(k, v)| Value::Array(vec![text(k), text(v)])).collect())
    };
    let mut members = vec![
        ("headers".to_owned(), pairs(&request.headers)),
        ("method".to_owned(), text(&request.method)),
        ("page".to_owned(), Value::Integer(page.into())),
        ("params".to_owned(), pairs(request.auth.as_ref().map_or(&[], |auth| &auth.params))),
        ("url".to_owned(), text(request.url.as_str())),
    ];
    if let Some(body) = &request.body {
        members.push(("body".to_owned(), text(&Digest::of(body).to_string())));
    }
    if let Some(auth) = &request.auth {
        members.push(("slot".to_owned(), text(&auth.slot)));
    }
    Digest::of(Value::object(members).to_bytes())
}

/// The instant of a `Date` header: `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 section 5.6.7). The two
/// obsolete forms are not read.
pub fn http_date(text: &str) -> Option<Timestamp> {
    let parsed = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text.trim()).ok()?;
    u64::try_from(parsed.as_millisecond()).ok().map(Timestamp::from_ms)
}

/// The keeper could not keep. The run that sees it must end: what is not recorded cannot be evidence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("recording failed: {0}")]
pub struct SinkError(pub String);

/// Keeps exchanges and walks. Calls come in the order in which answers come; the ids tell the order asked.
pub trait ExchangeSink: Send + Sync {
    /// Keeps an exchange, with the bodies that its digests name.
    ///
    /// # Errors
    /// [`SinkError`] ends the run.
    fn exchange(
        &self,
        exchange: &Exchange,
        request_body: Option<&[u8]>,
        body: Option<&[u8]>,
    ) -> Result<(), SinkError>;

    /// Keeps a walk that has ended.
    ///
    /// # Errors
    /// [`SinkError`] ends the run.
    fn walk(&self, walk: &Walk) -> Result<(), SinkError>;
}

/// What an earlier run kept, for replay.
pub trait Recording: Send + Sync {
    /// The exchange of this name; none: there was none.
    fn exchange(&self, id: ExchangeId) -> Option<Exchange>;

    /// The body of this digest; none: it was not kept, or is withheld.
    fn body(&self, digest: &Digest) -> Option<Vec<u8>>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use exhibit_evidence::fetch::AuthRef;

    #[test]
    fn the_digest_is_of_the_documented_json() {
        let mut request = Outgoing {
            method: "GET".into(),
            url: url::Url::parse("https://example.okta.com/api/v1/users?limit=200").unwrap(),
            headers: vec![("Accept".into(), "application/json".into())],
            body: None,
            auth: Some(AuthRef { slot: "okta".into(), params: vec![] }),
        };
        // printf '%s' '{"headers":[["Accept","application/json"]],"method":"GET","page":0,"params":[],"slot":"okta","url":"https://example.okta.com/api/v1/users?limit=200"}' | sha256sum
        let expected = "6b7a3119c78f01526be7567c959e6abeec81a28691700469d07fc76fbb92f523";
        let text = r#"{"headers":[["Accept","application/json"]],"method":"GET","page":0,"params":[],"slot":"okta","url":"https://example.okta.com/api/v1/users?limit=200"}"#;
        assert_eq!(request_digest(&request, 0), Digest::of(text));
        assert_eq!(request_digest(&request, 0).to_string(), expected);
        request.body = Some(Vec::new());
        let with_body = text.replace(
            r#"{"headers""#,
            r#"{"body":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","headers""#,
        );
        assert_eq!(request_digest(&request, 0), Digest::of(with_body));
        assert_ne!(request_digest(&request, 0), request_digest(&request, 1));
    }

    #[test]
    fn sessions_and_volatile_headers_are_not_shown() {
        let headers = [
            ("set-cookie", "sid=1"),
            ("link", "<a>"),
            ("date", "Sun, 06 Nov 1994 08:49:37 GMT"),
            ("x-rate-limit-remaining", "3"),
            ("content-type", "application/json"),
            ("link", "<b>"),
            ("x-ms-continuationtoken", "c"),
        ]
        .map(|(k, v)| (k.to_owned(), v.to_owned()));
        let also = ["x-ms-continuationtoken".to_owned(), "set-cookie".to_owned()];
        let shown: Vec<String> =
            visible(headers.to_vec(), &also).into_iter().map(|(k, v)| format!("{k}={v}")).collect();
        assert_eq!(
            shown,
            ["content-type=application/json", "link=<a>", "link=<b>", "x-ms-continuationtoken=c"]
        );
    }

    #[test]
    fn dates_are_read() {
        // The example of RFC 9110; date -u -d '1994-11-06 08:49:37' +%s
        assert_eq!(http_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Timestamp::from_ms(784_111_777_000)));
        assert_eq!(http_date("yesterday"), None);
    }
}
