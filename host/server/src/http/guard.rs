//! What holds for every request and every answer: whose address it is, how slowly a body may come, which headers an
//! answer has, and problems as pages for people.

use super::app::App;
use super::listen::Peer;
use super::login::escape;
use super::problem::Problem;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse as _, Response};
use exhibit_evidence::digest::Digest;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// Answers up to this size get an entity tag of their content.
const TAGGED_BYTES: u64 = 4 << 20;

/// Where a request comes from, as far as those can be believed that handed it on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    /// The address.
    pub address: IpAddr,
}

/// Wraps every request and every answer.
pub(crate) async fn guard(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Peer>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0);
    let address = client(peer, request.headers(), &app.options().trusted_proxies);
    request.extensions_mut().insert(Client { address });
    let patience = app.options().patience;
    let request = request.map(|body| Body::new(Timed::new(body, patience.pause, patience.body)));
    let is_page = !request.uri().path().starts_with("/api/") && super::wants_html(request.headers());
    let method = request.method().clone();
    let asked = request.headers().get(header::IF_NONE_MATCH).cloned();
    let mut response = tagged(next.run(request).await, &method, asked.as_ref()).await;
    if is_page && let Some(problem) = response.extensions().get::<Problem>() {
        response = page(problem, response.headers());
    }
    dress(response.headers_mut(), app.options().is_https());
    response
}

/// The last address in `X-Forwarded-For` that is no trusted proxy's, where a trusted proxy asks; else who asks.
fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|net| net.contains(&address.to_canonical()));
    if !is_trusted(&peer) {
        return peer;
    }
    let lines: Vec<&str> =
        headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok()).collect();
    let mut last = peer;
    for text in lines.iter().flat_map(|line| line.split(',')).rev() {
        let Ok(address) = text.trim().parse::<IpAddr>() else { break };
        last = address;
        if !is_trusted(&address) {
            break;
        }
    }
    last
}

/// Gives a short answer the digest of its content as entity tag (RFC 9110, section 8.8.3), and says "not modified" to
/// whoever has it.
async fn tagged(response: Response, method: &Method, asked: Option<&HeaderValue>) -> Response {
    let size = response.body().size_hint().exact();
    let is_short = size.is_some_and(|size| size <= TAGGED_BYTES);
    if response.status() != StatusCode::OK || !matches!(*method, Method::GET | Method::HEAD) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let mut body = Some(body);
    if !parts.headers.contains_key(header::ETAG) && *method == Method::GET && is_short {
        let taken = body.take().unwrap_or_default();
        let Ok(bytes) = axum::body::to_bytes(taken, usize::MAX).await else {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        };
        if let Ok(tag) = HeaderValue::from_str(&format!("\"{}\"", Digest::of(&bytes))) {
            parts.headers.insert(header::ETAG, tag);
        }
        body = Some(Body::from(bytes));
    }
    if let (Some(tag), Some(asked)) = (parts.headers.get(header::ETAG), asked)
        && matches(asked, tag)
    {
        parts.status = StatusCode::NOT_MODIFIED;
        parts.headers.remove(header::CONTENT_LENGTH);
        parts.headers.remove(header::CONTENT_TYPE);
        body = None;
    }
    Response::from_parts(parts, body.unwrap_or_default())
}

/// Whether `If-None-Match` names this tag; weakly compared (RFC 9110, section 13.1.2).
pub(crate) fn matches(asked: &HeaderValue, tag: &HeaderValue) -> bool {
    let (Ok(asked), Ok(tag)) = (asked.to_str(), tag.to_str()) else { return false };
    let strong = |text: &str| text.trim().trim_start_matches("W/").to_owned();
    asked.trim() == "*" || asked.split(',').any(|one| strong(one) == strong(tag))
}

/// A problem, shown to a person.
fn page(problem: &Problem, headers: &HeaderMap) -> Response {
    let (status, title) = (problem.status(), problem.title());
    let detail = escape(problem.detail());
    let html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title} – Exhibit</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><main><h1>{title}</h1><p>{detail}</p>\
         <p><a href=\"/\">Exhibit</a></p></main></html>"
    );
    let mut response = (status, Html(html)).into_response();
    for name in [header::RETRY_AFTER, header::WWW_AUTHENTICATE] {
        if let Some(value) = headers.get(&name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}

/// Nothing runs or loads but what we serve, nobody frames it, nothing is kept by caches that others share.
const ALWAYS: [(HeaderName, &str); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; font-src 'self'; \
         connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

fn dress(headers: &mut HeaderMap, https: bool) {
    for (name, value) in ALWAYS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    let kept = if headers.contains_key(header::ETAG) { "private, no-cache" } else { "no-store" };
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static(kept));
    if https {
        headers.insert(
            header::STRICT_TRANSPORT_SECURITY,
            HeaderValue::from_static("max-age=31536000; includeSubDomains"),
        );
    }
}

/// A body that must keep coming.
struct Timed {
    body: Body,
    pause: Duration,
    end: Instant,
    sleep: Pin<Box<Sleep>>,
}

impl Timed {
    fn new(body: Body, pause: Duration, whole: Duration) -> Self {
        let now = Instant::now();
        Self { body, pause, end: now + whole, sleep: Box::pin(tokio::time::sleep(pause)) }
    }
}

/// The body came too slowly.
#[derive(Debug, thiserror::Error)]
#[error("the body came too slowly")]
pub(crate) struct TooSlow;

impl HttpBody for Timed {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(frame) => {
                let next = (Instant::now() + self.pause).min(self.end);
                self.sleep.as_mut().reset(next);
                Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
            }
            Poll::Pending => match self.sleep.as_mut().poll(context) {
                Poll::Ready(()) => Poll::Ready(Some(Err(TooSlow.into()))),
                Poll::Pending => Poll::Pending,
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forwarded_address_counts_as_far_as_proxies_are_trusted() {
        let trusted: Vec<IpNet> = vec!["192.0.2.0/28".parse().unwrap()];
        let seen = |peer: &str, forwarded: &[&str]| {
            let mut headers = HeaderMap::new();
            for line in forwarded {
                headers.append("x-forwarded-for", line.parse().unwrap());
            }
            client(peer.parse().unwrap(), &headers, &trusted).to_string()
        };
        assert_eq!(seen("198.51.100.7", &["203.0.113.9"]), "198.51.100.7", "nobody vouches for it");
        assert_eq!(seen("192.0.2.1", &["10.0.0.1, 203.0.113.9"]), "203.0.113.9");
        assert_eq!(seen("192.0.2.1", &["203.0.113.9", "192.0.2.2"]), "203.0.113.9");
        assert_eq!(seen("192.0.2.1", &["203.0.113.9, junk"]), "192.0.2.1");
        assert_eq!(seen("192.0.2.1", &[]), "192.0.2.1");
        assert_eq!(seen("::ffff:192.0.2.1", &["203.0.113.9"]), "203.0.113.9");
    }

    #[test]
    fn tags_match_as_the_rfc_has_it() {
        let tag = HeaderValue::from_static("\"a\"");
        for (asked, expected) in [
            ("\"a\"", true),
            ("W/\"a\"", true),
            ("\"b\", \"a\"", true),
            ("*", true),
            ("\"b\"", false),
            ("a", false),
        ] {
            assert_eq!(matches(&HeaderValue::from_str(asked).unwrap(), &tag), expected, "{asked}");
        }
    }
}
