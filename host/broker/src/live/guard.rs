//! What a guest may not put into a request, whatever it was granted: credentials of its own (with which it
//! could send data to an account of its own on a host that is granted), and headers that are the client's.

use crate::transport::Outgoing;
use exhibit_evidence::fetch::FetchError;

/// Credentials, framing and routing.
const HEADERS: [&str; 21] = [
    "authorization",
    "cookie",
    "cookie2",
    "host",
    "connection",
    "keep-alive",
    "transfer-encoding",
    "content-length",
    "content-encoding",
    "accept-encoding",
    "upgrade",
    "te",
    "trailer",
    "expect",
    "forwarded",
    "via",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-url",
    "x-rewrite-url",
];

/// Begins headers of the same sort.
const HEADER_PREFIXES: [&str; 3] = ["proxy-", "x-forwarded-", "sec-"];

/// Headers that AWS reads a signature from.
const AWS_HEADERS: [&str; 4] =
    ["x-amz-date", "x-amz-security-token", "x-amz-content-sha256", "x-amz-credential"];

/// Query parameters that carry a credential: AWS Signature Version 4 and 2 in queries, RFC 6750 section 2.3, and
/// method overrides.
const PARAMETERS: [&str; 8] = [
    "x-amz-signature",
    "x-amz-credential",
    "x-amz-security-token",
    "awsaccesskeyid",
    "access_token",
    "x-goog-signature",
    "x-goog-credential",
    "_method",
];

const METHODS: [&str; 7] = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];

/// Refuses what a guest may not send. `own` are the headers that the source's credentials set.
pub(super) fn check(request: &Outgoing, own: &[String]) -> Result<(), FetchError> {
    let refuse = |message: String| Err(FetchError::new("invalid-request", message, false));
    if !METHODS.contains(&request.method.as_str()) {
        return refuse(format!("`{}` is no method of this host", request.method.escape_debug()));
    }
    for (name, _) in &request.headers {
        let lower = name.trim().to_ascii_lowercase();
        if HEADERS.contains(&lower.as_str())
            || AWS_HEADERS.contains(&lower.as_str())
            || HEADER_PREFIXES.iter().any(|prefix| lower.starts_with(prefix))
            || own.contains(&lower)
        {
            return refuse(format!(
                "header `{}` is the host's to set: name a credential slot in `auth`, or leave it out",
                name.escape_debug()
            ));
        }
    }
    for (name, _) in request.url.query_pairs() {
        let lower = name.to_ascii_lowercase();
        if PARAMETERS.contains(&lower.as_str()) {
            return refuse(format!(
                "query parameter `{}` carries a credential: name a credential slot in `auth`",
                name.escape_debug()
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(headers: &[&str], url: &str) -> Outgoing {
        let headers = headers.iter().map(|name| ((*name).to_owned(), "x".to_owned())).collect();
        Outgoing { method: "GET".into(), url: url::Url::parse(url).unwrap(), headers, body: None, auth: None }
    }

    #[test]
    fn headers_and_parameters() {
        let own = ["x-api-key".to_owned()];
        assert!(
            check(
                &request(
                    &["Accept", "User-Agent", "X-Amz-Target", "Content-Type"],
                    "https://a.test/?Action=x"
                ),
                &own
            )
            .is_ok()
        );
        for name in [
            "Authorization",
            "COOKIE",
            "Proxy-Authorization",
            "host",
            "X-Amz-Date",
            "x-amz-security-token",
            "X-Api-Key",
            " authorization",
            "Transfer-Encoding",
            "X-Forwarded-For",
            "X-HTTP-Method-Override",
        ] {
            assert_eq!(
                check(&request(&[name], "https://a.test/"), &own).unwrap_err().code,
                "invalid-request",
                "{name}"
            );
        }
        for query in ["X-Amz-Signature=1", "a=1&x-amz-credential=2", "access_token=x", "%41WSAccessKeyId=x"] {
            assert!(check(&request(&[], &format!("https://a.test/?{query}")), &own).is_err(), "{query}");
        }
        let mut trace = request(&[], "https://a.test/");
        for method in ["TRACE", "CONNECT", "get", "GET /x HTTP/1.1\r\n", ""] {
            trace.method = method.into();
            assert!(check(&trace, &own).is_err(), "{method}");
        }
    }
}
