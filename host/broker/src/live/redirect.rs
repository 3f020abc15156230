//! Redirects (RFC 9110 section 15.4): followed for GET and HEAD only, each one granted anew, never from https to
//! http, and without the credential where the origin is another one.

use crate::transport::{Incoming, Outgoing};
use exhibit_evidence::fetch::FetchError;

/// The request that a redirect asks for; none where the answer is to be kept.
pub(super) fn next(request: &Outgoing, answer: &Incoming) -> Result<Option<Outgoing>, FetchError> {
    let follows = matches!(answer.status, 301 | 302 | 303 | 307 | 308)
        && matches!(request.method.as_str(), "GET" | "HEAD");
    let Some(location) = answer.header("location").filter(|_| follows) else { return Ok(None) };
    let refuse = |problem: String| {
        let message = format!("{} redirects to {problem}", crate::grant::address_of(&request.url));
        Err(FetchError::new("redirect", message, false))
    };
    let mut url = match request.url.join(location) {
        Ok(url) => url,
        Err(error) => return refuse(format!("what is no URL: {error}")),
    };
    url.set_fragment(None);
    if url.scheme() != request.url.scheme() && url.scheme() != "https" {
        return refuse(format!("{}://, and only https is followed", url.scheme()));
    }
    let same_origin = url.origin() == request.url.origin();
    Ok(Some(Outgoing {
        method: request.method.clone(),
        url,
        headers: request.headers.clone(),
        body: None,
        auth: request.auth.clone().filter(|_| same_origin),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use exhibit_evidence::fetch::AuthRef;
    use url::Url;

    fn redirected(method: &str, status: u16, location: &str) -> Result<Option<Outgoing>, FetchError> {
        let request = Outgoing {
            method: method.into(),
            url: Url::parse("https://a.test/x/y").unwrap(),
            headers: vec![],
            body: None,
            auth: Some(AuthRef { slot: "s".into(), params: vec![] }),
        };
        let headers = vec![("location".to_owned(), location.to_owned())];
        next(&request, &Incoming { status, headers, body: vec![], attempts: 1, landed: None })
    }

    #[test]
    fn follows_with_care() {
        let next = redirected("GET", 302, "../z?q#f").unwrap().unwrap();
        assert_eq!((next.url.as_str(), next.auth.is_some()), ("https://a.test/z?q", true));
        for other in ["https://b.test/", "//b.test/x", "https://a.test:8443/"] {
            assert!(redirected("GET", 308, other).unwrap().unwrap().auth.is_none(), "{other}");
        }
        for refused in ["http://a.test/", "file:///etc/passwd", "https://"] {
            assert_eq!(redirected("GET", 301, refused).unwrap_err().code, "redirect", "{refused}");
        }
        assert!(redirected("POST", 302, "/z").unwrap().is_none());
        assert!(redirected("GET", 304, "/z").unwrap().is_none());
        assert!(redirected("GET", 200, "/z").unwrap().is_none());
    }
}
