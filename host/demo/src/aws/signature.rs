//! AWS Signature Version 4, verified, and the temporary credentials that STS hands out.
//!
//! Follows "Create a signed AWS API request" of the IAM user guide. The request's date is not compared with
//! the clock: the clock is simulated, and whoever signs may live in another time.

use super::Refusal;
use crate::http::Request;
use crate::random::{hex_id, iam_id};
use exhibit_evidence::digest::Digest;
use hmac::{Hmac, Mac};
use sha2::Sha256;

const INCOMPLETE: &str =
    "Authorization must be AWS4-HMAC-SHA256 with Credential, SignedHeaders and Signature";

/// What a signature is good for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Scope {
    pub(crate) date: String,
    pub(crate) region: String,
    pub(crate) service: String,
}

/// Credentials for a while, from AssumeRole.
pub(crate) struct Temporary {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
    pub(crate) session_token: String,
}

/// Knows the credentials that the fake accepts.
pub(crate) struct Verifier {
    access_key_id: String,
    secret_access_key: String,
    temporary: Temporary,
}

/// The parts of an `Authorization` header.
struct Authorization<'a> {
    access_key_id: &'a str,
    scope: Scope,
    signed_headers: &'a str,
    signature: &'a str,
}

impl Verifier {
    pub(crate) fn new(seed: u64, access_key_id: &str, secret_access_key: &str) -> Self {
        Self {
            access_key_id: access_key_id.to_owned(),
            secret_access_key: secret_access_key.to_owned(),
            temporary: Temporary {
                access_key_id: iam_id(seed, "ASIA", "session"),
                secret_access_key: hex_id(seed, "session secret", 40),
                session_token: format!("simulated-session-token-{}", hex_id(seed, "session token", 40)),
            },
        }
    }

    /// The credentials that AssumeRole answers with.
    pub(crate) fn temporary(&self) -> &Temporary {
        &self.temporary
    }

    /// Checks the request's signature. The error comes with the service, whose protocol shapes the answer.
    pub(crate) fn verify(&self, request: &Request) -> Result<Scope, (String, Refusal)> {
        let missing =
            |text: &str| (String::from("sts"), Refusal::new(403, "MissingAuthenticationToken", text));
        let header = request
            .header("authorization")
            .ok_or_else(|| missing("Request is missing Authentication Token"))?;
        let parts = parse(header).ok_or_else(|| missing(INCOMPLETE))?;
        match self.check(request, &parts) {
            Ok(()) => Ok(parts.scope),
            Err(refusal) => Err((parts.scope.service, refusal)),
        }
    }

    fn check(&self, request: &Request, parts: &Authorization<'_>) -> Result<(), Refusal> {
        let secret = if parts.access_key_id == self.access_key_id {
            &self.secret_access_key
        } else if parts.access_key_id == self.temporary.access_key_id {
            if request.header("x-amz-security-token") != Some(self.temporary.session_token.as_str()) {
                return Err(unknown_key(&parts.scope.service));
            }
            &self.temporary.secret_access_key
        } else {
            return Err(unknown_key(&parts.scope.service));
        };
        let date = request.header("x-amz-date").unwrap_or_default();
        let signed: Vec<&str> = parts.signed_headers.split(';').collect();
        if !date.starts_with(&parts.scope.date)
            || !signed.contains(&"host")
            || !signed.contains(&"x-amz-date")
        {
            let text = "host and x-amz-date must be signed, and the credential's date must be x-amz-date's";
            return Err(Refusal::new(403, "IncompleteSignature", text));
        }
        let actual = Digest::of(&request.body).to_string();
        let payload = request.header("x-amz-content-sha256").unwrap_or(&actual);
        if payload != actual && payload != "UNSIGNED-PAYLOAD" {
            let text = "The provided 'x-amz-content-sha256' header does not match what was computed.";
            return Err(Refusal::new(400, "XAmzContentSHA256Mismatch", text));
        }
        let canonical = canonical_request(request, &parts.scope.service, parts.signed_headers, payload);
        let Scope { date: day, region, service } = &parts.scope;
        let scope = format!("{day}/{region}/{service}/aws4_request");
        let to_sign = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", Digest::of(canonical));
        let key = [day.as_str(), region, service, "aws4_request"]
            .iter()
            .fold(format!("AWS4{secret}").into_bytes(), |key, part| hmac(&key, part).to_vec());
        let expected = Digest(hmac(&key, &to_sign)).to_string();
        if expected != parts.signature {
            let text = "The request signature we calculated does not match the signature you provided.";
            return Err(Refusal::new(403, "SignatureDoesNotMatch", text));
        }
        Ok(())
    }
}

fn unknown_key(service: &str) -> Refusal {
    let (status, code) = match service {
        "s3" => (403, "InvalidAccessKeyId"),
        "ec2" => (401, "AuthFailure"),
        "sts" | "iam" | "rds" => (403, "InvalidClientTokenId"),
        _ => (400, "UnrecognizedClientException"),
    };
    Refusal::new(status, code, "The security token included in the request is invalid.")
}

fn parse(header: &str) -> Option<Authorization<'_>> {
    let fields = header.strip_prefix("AWS4-HMAC-SHA256 ")?;
    let field = |name: &str| fields.split(',').find_map(|f| f.trim().strip_prefix(name)?.strip_prefix('='));
    let mut credential = field("Credential")?.split('/');
    let access_key_id = credential.next()?;
    let mut next = || credential.next().map(str::to_owned);
    let scope = Scope { date: next()?, region: next()?, service: next()? };
    if credential.next() != Some("aws4_request") {
        return None;
    }
    Some(Authorization {
        access_key_id,
        scope,
        signed_headers: field("SignedHeaders")?,
        signature: field("Signature")?,
    })
}

fn hmac(key: &[u8], message: &str) -> [u8; 32] {
    match Hmac::<Sha256>::new_from_slice(key) {
        Ok(mut mac) => {
            mac.update(message.as_bytes());
            mac.finalize().into_bytes().into()
        }
        // HMAC takes keys of every length, so this is never reached; zeros match no signature.
        Err(_) => [0; 32],
    }
}

fn canonical_request(request: &Request, service: &str, signed_headers: &str, payload: &str) -> String {
    // All services but S3 encode the path, which is encoded already, once more.
    let path = if service == "s3" { request.path.clone() } else { request.path.replace('%', "%25") };
    let mut query: Vec<String> = request
        .query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| if pair.contains('=') { pair.to_owned() } else { format!("{pair}=") })
        .collect();
    query.sort_unstable();
    let headers: String =
        signed_headers.split(';').map(|name| format!("{name}:{}\n", value(request, name))).collect();
    format!("{}\n{path}\n{}\n{headers}\n{signed_headers}\n{payload}", request.method, query.join("&"))
}

/// A header's values, with runs of spaces made one.
fn value(request: &Request, name: &str) -> String {
    let one = |value: &hyper::header::HeaderValue| {
        String::from_utf8_lossy(value.as_bytes()).split_whitespace().collect::<Vec<_>>().join(" ")
    };
    request.headers.get_all(name).iter().map(one).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::{HeaderMap, HeaderValue};

    /// The example of "AWS Signature Version 4" in the AWS General Reference: list users with the query protocol.
    fn documented(signature: &str) -> Request {
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date, Signature={signature}"
        );
        let mut headers = HeaderMap::new();
        headers.insert("authorization", HeaderValue::from_str(&authorization).unwrap());
        let content_type = "application/x-www-form-urlencoded; charset=utf-8";
        headers.insert("content-type", HeaderValue::from_static(content_type));
        headers.insert("host", HeaderValue::from_static("iam.amazonaws.com"));
        headers.insert("x-amz-date", HeaderValue::from_static("20150830T123600Z"));
        Request {
            method: "GET".to_owned(),
            path: "/".to_owned(),
            query: "Action=ListUsers&Version=2010-05-08".to_owned(),
            headers,
            body: hyper::body::Bytes::new(),
        }
    }

    fn verifier() -> Verifier {
        Verifier::new(1, "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
    }

    const SIGNATURE: &str = "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7";

    #[test]
    fn the_documented_example_verifies() {
        let scope = verifier().verify(&documented(SIGNATURE)).unwrap();
        assert_eq!((scope.region.as_str(), scope.service.as_str()), ("us-east-1", "iam"));
    }

    #[test]
    fn one_changed_character_does_not() {
        let mut request = documented(SIGNATURE);
        request.query = request.query.replace("ListUsers", "ListRoles");
        let (service, refusal) = verifier().verify(&request).unwrap_err();
        assert_eq!((service.as_str(), refusal.code), ("iam", "SignatureDoesNotMatch"));
    }
}
