//! AWS Signature Version 4, in headers. Source: docs.aws.amazon.com, IAM User Guide, "Create a signed AWS API
//! request". Own code of 150 lines instead of the `aws-sigv4` crate, which brings the Smithy runtime, two
//! versions of `http` and a second SHA-2; its own test vectors check this one.

use exhibit_evidence::digest::Digest;
use exhibit_evidence::secret::Secret;
use exhibit_evidence::time::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode, utf8_percent_encode};
use ring::hmac;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// All but the unreserved characters of RFC 3986.
const STRICT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The same, with the slash kept.
const STRICT_PATH: &AsciiSet = &STRICT.remove(b'/');

/// Keys of one principal.
#[derive(Clone)]
pub(super) struct Keys {
    pub(super) access_key_id: String,
    pub(super) secret_access_key: Secret,
    pub(super) session_token: Option<Secret>,
}

/// Where and when a signature counts.
pub(super) struct Scope<'a> {
    pub(super) service: &'a str,
    pub(super) region: &'a str,
    pub(super) at: Timestamp,
}

/// How services differ.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Style {
    /// S3 signs paths as they are; all others without dot segments and repeated slashes.
    pub(super) normalize_path: bool,
    /// S3 takes the path encoded once; all others encode what is on the wire once more.
    pub(super) encode_twice: bool,
    /// S3 wants the body's digest in a header of its own.
    pub(super) content_header: bool,
}

impl Style {
    pub(super) fn of(service: &str) -> Self {
        let s3 = matches!(service, "s3" | "s3-object-lambda" | "s3-outposts" | "s3express");
        Self { normalize_path: !s3, encode_twice: !s3, content_header: s3 }
    }
}

/// What is signed.
pub(super) struct Signable<'a> {
    pub(super) method: &'a str,
    /// As on the wire.
    pub(super) path: &'a str,
    /// As on the wire, without the question mark.
    pub(super) query: &'a str,
    /// `host` and every header to be signed.
    pub(super) headers: &'a [(String, String)],
    pub(super) body: &'a [u8],
}

/// The headers to add, `authorization` last.
pub(super) fn sign(
    request: &Signable<'_>,
    keys: &Keys,
    scope: &Scope<'_>,
    style: Style,
) -> Vec<(String, String)> {
    let time = amz_time(scope.at);
    let payload = Digest::of(request.body).to_string();
    let mut added = vec![("x-amz-date".to_owned(), time.clone())];
    if let Some(token) = &keys.session_token {
        added.push(("x-amz-security-token".to_owned(), token.expose().to_owned()));
    }
    if style.content_header {
        added.push(("x-amz-content-sha256".to_owned(), payload.clone()));
    }
    let (canonical, signed) = canonical_request(request, &added, &payload, style);
    let scope_text = format!("{}/{}/{}/aws4_request", &time[..8], scope.region, scope.service);
    let to_sign = format!("{ALGORITHM}\n{time}\n{scope_text}\n{}", Digest::of(&canonical));
    let signature = hex::encode(mac(&signing_key(keys, &time[..8], scope), to_sign.as_bytes()));
    let authorization = format!(
        "{ALGORITHM} Credential={}/{scope_text}, SignedHeaders={signed}, Signature={signature}",
        keys.access_key_id
    );
    added.push(("authorization".to_owned(), authorization));
    added
}

/// Writes query and S3 path with everything encoded that can be. The server signs what it reads, and readings
/// differ in whether `(` or `+` are taken as they are; of this spelling there is one reading only.
pub(super) fn spell_out(url: &mut url::Url, style: Style) {
    if let Some(query) = url.query() {
        let encode = |text: &str| {
            let spaced = text.replace('+', " ");
            let decoded: Vec<u8> = percent_decode_str(&spaced).collect();
            percent_encode(&decoded, STRICT).to_string()
        };
        // `?versioning` stays without a `=`: some servers tell the two apart.
        let pair = |pair: &str| match pair.split_once('=') {
            Some((key, value)) => format!("{}={}", encode(key), encode(value)),
            None => encode(pair),
        };
        let query: Vec<String> = query.split('&').map(pair).collect();
        url.set_query(Some(&query.join("&")));
    }
    if !style.encode_twice {
        let path = canonical_path(url.path(), style);
        url.set_path(&path);
    }
}

/// `20150830T123600Z`.
fn amz_time(at: Timestamp) -> String {
    let text: String = at.to_string().chars().take(19).filter(|c| !matches!(c, '-' | ':')).collect();
    format!("{text}Z")
}

fn canonical_request(
    request: &Signable<'_>,
    added: &[(String, String)],
    payload: &str,
    style: Style,
) -> (String, String) {
    let mut headers: Vec<(String, String)> = Vec::new();
    for (name, value) in request.headers.iter().chain(added) {
        let name = name.to_ascii_lowercase();
        let value = value.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
        match headers.iter_mut().find(|(known, _)| *known == name) {
            Some((_, values)) => {
                values.push(',');
                values.push_str(&value);
            }
            None => headers.push((name, value)),
        }
    }
    headers.sort();
    let signed: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
    let signed = signed.join(";");
    let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let canonical = format!(
        "{}\n{}\n{}\n{lines}\n{signed}\n{payload}",
        request.method,
        canonical_path(request.path, style),
        canonical_query(request.query),
    );
    (canonical, signed)
}

fn canonical_path(path: &str, style: Style) -> String {
    let path = if style.normalize_path { normalize(path) } else { path.to_owned() };
    if style.encode_twice {
        return utf8_percent_encode(&path, STRICT_PATH).to_string();
    }
    let encode = |segment: &str| {
        let decoded: Vec<u8> = percent_decode_str(segment).collect();
        percent_encode(&decoded, STRICT).to_string()
    };
    path.split('/').map(encode).collect::<Vec<_>>().join("/")
}

/// RFC 3986 section 5.2.4, and repeated slashes made one.
fn normalize(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            other => kept.push(other),
        }
    }
    let last = path.rsplit('/').next().unwrap_or_default();
    let open = matches!(last, "" | "." | "..") && !kept.is_empty();
    format!("/{}{}", kept.join("/"), if open { "/" } else { "" })
}

fn canonical_query(query: &str) -> String {
    let mut pairs: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes())
        .map(|(key, value)| {
            let encode = |text: &str| utf8_percent_encode(text, STRICT).to_string();
            (encode(&key), encode(&value))
        })
        .collect();
    pairs.sort();
    pairs.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join("&")
}

fn signing_key(keys: &Keys, date: &str, scope: &Scope<'_>) -> Vec<u8> {
    let first = zeroize::Zeroizing::new(format!("AWS4{}", keys.secret_access_key.expose()));
    let by_date = mac(first.as_bytes(), date.as_bytes());
    let by_region = mac(&by_date, scope.region.as_bytes());
    let by_service = mac(&by_region, scope.service.as_bytes());
    mac(&by_service, b"aws4_request")
}

fn mac(key: &[u8], message: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message).as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    /// One case of AWS's signing test suite (awslabs/aws-c-auth, tests/aws-signing-test-suite/v4, Apache-2.0).
    #[derive(Deserialize)]
    struct Case {
        name: String,
        context: Context,
        request: String,
        canonical_request: String,
        signature: String,
    }

    #[derive(Deserialize)]
    struct Context {
        credentials: Credentials,
        normalize: bool,
        region: String,
        service: String,
        sign_body: bool,
        timestamp: Timestamp,
        #[serde(default)]
        omit_session_token: bool,
    }

    #[derive(Deserialize)]
    struct Credentials {
        access_key_id: String,
        secret_access_key: String,
        token: Option<String>,
    }

    struct Parsed {
        method: String,
        path: String,
        query: String,
        headers: Vec<(String, String)>,
        body: String,
    }

    fn parse(text: &str) -> Parsed {
        let (head, body) = text.split_once("\n\n").unwrap_or((text.trim_end_matches('\n'), ""));
        let mut lines = head.lines();
        let first = lines.next().unwrap();
        let (method, rest) = first.split_once(' ').unwrap();
        let target = rest.rsplit_once(' ').unwrap().0;
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut headers: Vec<(String, String)> = Vec::new();
        for line in lines {
            match line.split_once(':') {
                // Obsolete line folding: the value goes on.
                _ if line.starts_with(' ') => {
                    let last = headers.last_mut().unwrap();
                    last.1.push(' ');
                    last.1.push_str(line);
                }
                Some((name, value)) => headers.push((name.to_owned(), value.to_owned())),
                None => panic!("{line}"),
            }
        }
        Parsed { method: method.into(), path: path.into(), query: query.into(), headers, body: body.into() }
    }

    #[test]
    fn aws_test_suite() {
        let cases: Vec<Case> =
            serde_json::from_str(include_str!("../../../tests/vectors/aws-signing-v4.json")).unwrap();
        assert_eq!(cases.len(), 38);
        for case in cases {
            let parsed = parse(&case.request);
            let request = Signable {
                method: &parsed.method,
                path: &parsed.path,
                query: &parsed.query,
                headers: &parsed.headers,
                body: parsed.body.as_bytes(),
            };
            let keys = Keys {
                access_key_id: case.context.credentials.access_key_id,
                secret_access_key: Secret::new(case.context.credentials.secret_access_key),
                session_token: case
                    .context
                    .credentials
                    .token
                    .filter(|_| !case.context.omit_session_token)
                    .map(Secret::new),
            };
            let scope = Scope {
                service: &case.context.service,
                region: &case.context.region,
                at: case.context.timestamp,
            };
            let style = Style {
                normalize_path: case.context.normalize,
                encode_twice: false,
                content_header: case.context.sign_body,
            };
            let added = sign(&request, &keys, &scope, style);
            let before = &added[..added.len() - 1];
            let payload = Digest::of(request.body).to_string();
            let (canonical, _) = canonical_request(&request, before, &payload, style);
            assert_eq!(canonical, case.canonical_request, "{}", case.name);
            let signature = added.last().unwrap().1.rsplit_once("Signature=").unwrap().1;
            assert_eq!(signature, case.signature, "{}", case.name);
        }
    }

    /// The suite's former cases `double-encode-path` and `double-url-encode`, which the AWS SDK for Rust keeps.
    #[test]
    fn services_other_than_s3_encode_twice() {
        let path = |path: &str| canonical_path(path, Style::of("lambda"));
        assert_eq!(
            path("/test/@connections/JBDvjfGEIAMCERw%3D"),
            "/test/%40connections/JBDvjfGEIAMCERw%253D"
        );
        assert_eq!(
            path(
                "/functions/arn%3Aaws%3Alambda%3Aus-west-2%3A892717189312%3Afunction%3Amy-rusty-fun/invocations"
            ),
            "/functions/arn%253Aaws%253Alambda%253Aus-west-2%253A892717189312%253Afunction%253Amy-rusty-fun/invocations"
        );
    }

    /// docs.aws.amazon.com, Amazon S3 API Reference, "Examples: Signature calculations", GET Object and GET
    /// Bucket Lifecycle.
    #[test]
    fn amazon_s3_examples() {
        let keys = Keys {
            access_key_id: "AKIAIOSFODNN7EXAMPLE".into(),
            secret_access_key: Secret::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".into()),
            session_token: None,
        };
        let scope = Scope { service: "s3", region: "us-east-1", at: "2013-05-24T00:00:00Z".parse().unwrap() };
        let signature = |path: &str, query: &str, range: bool| {
            let mut headers = vec![("Host".to_owned(), "examplebucket.s3.amazonaws.com".to_owned())];
            if range {
                headers.push(("Range".to_owned(), "bytes=0-9".to_owned()));
            }
            let request = Signable { method: "GET", path, query, headers: &headers, body: b"" };
            let added = sign(&request, &keys, &scope, Style::of("s3"));
            added.last().unwrap().1.rsplit_once("Signature=").unwrap().1.to_owned()
        };
        assert_eq!(
            signature("/test.txt", "", true),
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
        );
        assert_eq!(
            signature("/", "lifecycle", false),
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"
        );
    }

    #[test]
    fn one_spelling_for_all_readers() {
        let spelled = |url: &str, service: &str| {
            let mut url = url::Url::parse(url).unwrap();
            spell_out(&mut url, Style::of(service));
            url.to_string()
        };
        assert_eq!(
            spelled("https://a.test/?x=a+b&y=%2B&z=%7E~*!'()&versioning&u=é&v=", "ec2"),
            "https://a.test/?x=a%20b&y=%2B&z=~~%2A%21%27%28%29&versioning&u=%C3%A9&v="
        );
        assert_eq!(
            spelled("https://a.test/a//(x)/%2a%2F%25/é", "s3"),
            "https://a.test/a//%28x%29/%2A%2F%25/%C3%A9"
        );
        assert_eq!(spelled("https://a.test/a//(x)/%2a", "ec2"), "https://a.test/a//(x)/%2a");
    }

    #[test]
    fn s3_paths_are_encoded_once() {
        assert_eq!(canonical_path("/a(b)%20c/%2e//x", Style::of("s3")), "/a%28b%29%20c/.//x");
        assert_eq!(canonical_path("/tags/arn%3Aaws", Style::of("backup")), "/tags/arn%253Aaws");
    }
}
