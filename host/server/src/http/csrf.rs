//! Forged requests: a page elsewhere that has someone's browser send a form here.
//!
//! Only a cookie is sent by a browser on its own, so only requests under a session are checked, and of those the ones
//! that change something. Two checks, each enough by itself: where the request comes from (`Sec-Fetch-Site`, else
//! `Origin`), and a token of the session that only our own pages know.

use super::problem::Problem;
use super::viewer::Viewer;
use axum::body::Body;
use axum::extract::Request;
use http::{HeaderMap, Method, header};

/// Bytes of a form that is looked through for its token.
const FORM_BYTES: usize = 64 << 10;
/// A program under a session sends its token here.
const HEADER: &str = "x-csrf-token";

/// Lets a request pass that its viewer meant to send.
pub(crate) async fn check(viewer: &Viewer, request: Request) -> Result<Request, Problem> {
    let safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let Some(session) = viewer.session.as_ref().filter(|_| !safe) else { return Ok(request) };
    if !is_same_origin(request.headers()) {
        return Err(Problem::forbidden("this request was sent from another site"));
    }
    let (request, token) = token_of(request).await?;
    // Compared as digests: how long it takes tells nothing.
    let digest = |text: &str| exhibit_evidence::digest::Digest::of(text);
    if token.is_some_and(|token| digest(&token) == digest(&session.csrf)) {
        Ok(request)
    } else {
        Err(Problem::forbidden(
            "the form is of another session: load the page again, and repeat what you did",
        ))
    }
}

/// Whether the browser says that the request came from a page of ours. A browser that says neither is an old one, and
/// the token decides.
pub(crate) fn is_same_origin(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if let Some(site) = text("sec-fetch-site") {
        return matches!(site, "same-origin" | "none");
    }
    match (text("origin"), text("host")) {
        (None, _) => true,
        (Some(origin), Some(host)) => {
            origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://")) == Some(host)
        }
        _ => false,
    }
}

/// The token, from the header, from the address (of a form with a file), or from a form's field `csrf`.
async fn token_of(request: Request) -> Result<(Request, Option<String>), Problem> {
    if let Some(value) = request.headers().get(HEADER) {
        let token = value.to_str().ok().map(str::to_owned);
        return Ok((request, token));
    }
    let field = |text: &[u8]| {
        let mut fields = url::form_urlencoded::parse(text);
        fields.find(|(name, _)| name == "csrf").map(|(_, value)| value.into_owned())
    };
    if let Some(token) = request.uri().query().and_then(|query| field(query.as_bytes())) {
        return Ok((request, Some(token)));
    }
    let is_form = request
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/x-www-form-urlencoded"));
    if !is_form {
        return Ok((request, None));
    }
    let (parts, body) = request.into_parts();
    let bytes = axum::body::to_bytes(body, FORM_BYTES)
        .await
        .map_err(|_| Problem::new(http::StatusCode::PAYLOAD_TOO_LARGE, "the form is too large"))?;
    let token = field(&bytes);
    Ok((Request::from_parts(parts, Body::from(bytes)), token))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_ours_count_as_ours() {
        let cases: [(&[(&str, &str)], bool); 9] = [
            (&[("sec-fetch-site", "same-origin")], true),
            (&[("sec-fetch-site", "none")], true),
            (&[("sec-fetch-site", "same-site")], false),
            (
                &[("sec-fetch-site", "cross-site"), ("origin", "http://a.example"), ("host", "a.example")],
                false,
            ),
            (&[("origin", "http://a.example:8080"), ("host", "a.example:8080")], true),
            (&[("origin", "http://a.example:81"), ("host", "a.example:8080")], false),
            (&[("origin", "null"), ("host", "a.example")], false),
            (&[("origin", "http://a.example")], false),
            (&[("host", "a.example")], true),
        ];
        for (headers, expected) in cases {
            let map = headers
                .iter()
                .map(|(name, value)| (name.parse::<http::HeaderName>().unwrap(), value.parse().unwrap()))
                .collect();
            assert_eq!(is_same_origin(&map), expected, "{headers:?}");
        }
    }
}
