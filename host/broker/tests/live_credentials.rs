//! Credentials on the wire: what arrives at the system, what a guest may not do, tokens and their renewal.

#![allow(clippy::unwrap_used, reason = "tests")]

mod server;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use exhibit_broker::credential::{Credential, CredentialConfig};
use exhibit_broker::live::{LiveOptions, LiveTransport};
use exhibit_broker::secret::Vault;
use exhibit_broker::transport::Transport;
use server::{Seen, Server, SetClock, get, options, post, reply, with_auth};
use std::sync::Arc;

const KEY: &str = include_str!("vectors/rfc7515-a2-rs256.pem");

fn vault() -> Vault {
    Vault::new(|name| match name {
        "TOKEN" => Some("hunter2-hunter2".to_owned()),
        "PASSWORD" => Some("pässword-1".to_owned()),
        "KEY" => Some(KEY.to_owned()),
        "GOOGLE_KEY" => Some(google_key("service_account", "https://oauth2.googleapis.com/token")),
        "FOREIGN_KEY" => Some(google_key("service_account", "https://token.example.com/")),
        "EXTERNAL_KEY" => Some(google_key("external_account", "https://sts.googleapis.com/v1/token")),
        "OIDC_TOKEN" => Some("header.claims.signature".to_owned()),
        "AWS_ID" => Some("AKIAIOSFODNN7EXAMPLE".to_owned()),
        "AWS_SECRET" => Some("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned()),
        "BROKEN" => Some("two\nlines".to_owned()),
        _ => None,
    })
}

/// A key file as Google hands it out, with the key of RFC 7515 appendix A.2.
fn google_key(kind: &str, token_uri: &str) -> String {
    serde_json::json!({
        "type": kind,
        "project_id": "example-prod-1",
        "private_key_id": "kid-1",
        "private_key": KEY,
        "client_email": "761326798069-r5mljlln1rd4lrbhg75efgigp36m78j5@developer.gserviceaccount.com",
        "client_id": "109876543210987654321",
        "token_uri": token_uri,
        "universe_domain": "googleapis.com",
    })
    .to_string()
}

fn credential(toml: &str) -> Credential {
    Credential::load("test", "main", &toml::from_str(toml).unwrap(), &vault()).unwrap()
}

fn options_for(server: &Server, toml: &str) -> LiveOptions {
    let credential = credential(toml);
    let ask = server::ask(
        &[&format!("GET,POST {}", server.url("/**"))],
        &[credential.scheme_name()],
        &["127.0.0.1"],
    );
    let mut options = options(ask);
    options.credentials.insert("main".into(), credential);
    options
}

#[tokio::test]
async fn one_header_schemes() {
    // Basic: printf 'ada:pässword-1' | base64
    for (toml, name, value) in [
        ("scheme = \"bearer\"\ntoken = \"env:TOKEN\"", "authorization", "Bearer hunter2-hunter2"),
        ("scheme = \"ssws\"\ntoken = \"env:TOKEN\"", "authorization", "SSWS hunter2-hunter2"),
        (
            "scheme = \"api_key_header\"\nheader = \"PRIVATE-TOKEN\"\nkey = \"env:TOKEN\"",
            "private-token",
            "hunter2-hunter2",
        ),
        (
            "scheme = \"api_key_header\"\nheader = \"Authorization\"\nprefix = \"Token token=\"\nkey = \"env:TOKEN\"",
            "authorization",
            "Token token=hunter2-hunter2",
        ),
        (
            "scheme = \"basic\"\nusername = \"ada\"\npassword = \"env:PASSWORD\"",
            "authorization",
            "Basic YWRhOnDDpHNzd29yZC0x",
        ),
    ] {
        let server = Server::start(|_, _| reply(200, &[], "")).await;
        let transport = LiveTransport::new(options_for(&server, toml)).unwrap();
        transport.send(&with_auth(get(&server.url("/x")), &[])).await.unwrap();
        transport.send(&get(&server.url("/x"))).await.unwrap();
        let seen = server.seen();
        assert_eq!(seen[0].header(name), Some(value));
        assert_eq!(seen[1].header(name), None, "only where the guest names the slot");

        let mut own = get(&server.url("/x"));
        own.headers.push((name.to_owned(), "mine".to_owned()));
        assert_eq!(transport.send(&own).await.unwrap_err().error.code, "invalid-request");
        let chosen = with_auth(get(&server.url("/x")), &[("token", "mine")]);
        assert_eq!(transport.send(&chosen).await.unwrap_err().error.code, "invalid-request");
        assert_eq!(server.seen().len(), 2);
    }
}

#[tokio::test]
async fn a_credential_that_is_missing_says_how_to_set_it() {
    let server = Server::start(|_, _| reply(200, &[], "")).await;
    let ask =
        server::ask(&[&format!("GET {}", server.url("/**"))], &["ssws", "private_key_jwt"], &["127.0.0.1"]);
    let transport = LiveTransport::new(options(ask)).unwrap();
    let failure = transport.send(&with_auth(get(&server.url("/x")), &[])).await.unwrap_err();
    assert_eq!((failure.error.code.as_str(), failure.attempts), ("credential", 0));
    assert_eq!(
        failure.error.message,
        "source `test` has no credential for slot `main`. Add to the source: [credentials.main] with scheme = one of ssws, private_key_jwt"
    );
}

#[test]
fn configurations_are_checked_when_loaded() {
    let load = |text: &str| {
        let config: CredentialConfig = toml::from_str(text).map_err(|e| e.to_string())?;
        Credential::load("okta-prod", "okta", &config, &vault()).map(|_| ()).map_err(|e| e.to_string())
    };
    let assume = |lines: &str| {
        format!(
            "scheme = \"aws_sigv4\"\naccess_key_id = \"env:AWS_ID\"\nsecret_access_key = \"env:AWS_SECRET\"\n[assume_role]\n{lines}"
        )
    };
    for (text, part) in [
        (
            "scheme = \"ssws\"\ntoken = \"env:NOPE\"".to_owned(),
            "source `okta-prod`, credential `okta`, token: environment variable NOPE is not set",
        ),
        ("scheme = \"ssws\"\ntoken = \"00abcdef\"".to_owned(), "by reference"),
        ("scheme = \"ssws\"\ntokn = \"env:TOKEN\"".to_owned(), "tokn"),
        ("scheme = \"magic\"".to_owned(), "unknown variant `magic`"),
        ("scheme = \"ssws\"\ntoken = \"env:BROKEN\"".to_owned(), "not one line of ASCII"),
        ("scheme = \"basic\"\nusername = \"a:b\"\npassword = \"env:TOKEN\"".to_owned(), "no colon"),
        (
            "scheme = \"api_key_header\"\nheader = \"a b\"\nkey = \"env:TOKEN\"".to_owned(),
            "not a header's name",
        ),
        (
            "scheme = \"private_key_jwt\"\nclient_id = \"x\"\nprivate_key = \"env:TOKEN\"\nscopes = [\"a\"]"
                .to_owned(),
            "not a private key in PEM",
        ),
        (
            "scheme = \"private_key_jwt\"\nclient_id = \"x\"\nprivate_key = \"env:KEY\"\nscopes = []"
                .to_owned(),
            "at least one scope",
        ),
        (
            "scheme = \"private_key_jwt\"\nclient_id = \"x\"\nprivate_key = \"env:KEY\"\nscopes = [\"a b\"]"
                .to_owned(),
            "at least one scope",
        ),
        ("scheme = \"google_service_account\"\nkey = \"env:TOKEN\"".to_owned(), "not a service account's key file"),
        ("scheme = \"google_service_account\"\nkey = \"env:FOREIGN_KEY\"".to_owned(), "set token_url"),
        (
            "scheme = \"google_service_account\"\nkey = \"env:EXTERNAL_KEY\"".to_owned(),
            "use the scheme google_workload_identity",
        ),
        (
            "scheme = \"google_service_account\"\nkey = \"env:GOOGLE_KEY\"\nsubject = \"ada@example.com\"".to_owned(),
            "name the scopes that were delegated",
        ),
        (
            "scheme = \"google_service_account\"\nkey = \"env:GOOGLE_KEY\"\nsubject = \"ada\"\nscopes = [\"a\"]".to_owned(),
            "address of a user",
        ),
        (
            "scheme = \"google_service_account\"\nkey = \"env:GOOGLE_KEY\"\nscopes = [\"a b\"]".to_owned(),
            "each as one word",
        ),
        (
            "scheme = \"google_workload_identity\"\naudience = \"exhibit\"\nsubject_token = \"env:OIDC_TOKEN\"".to_owned(),
            "the provider's full name",
        ),
        (
            "scheme = \"google_workload_identity\"\naudience = \"//iam.googleapis.com/x\"\nsubject_token = \"env:OIDC_TOKEN\"\nservice_account = \"a/b@c\"".to_owned(),
            "NAME@PROJECT.iam.gserviceaccount.com",
        ),
        (assume("role_arn = \"arn:aws:iam::1:role/x\""), "arn:aws:iam::123456789012:role/NAME"),
        (assume("role_arn = \"arn:aws:iam::123456789012:role/x\"\nduration_s = 60"), "900 to 43200"),
        (assume("role_arn = \"arn:aws:iam::123456789012:role/x\"\nregion = \"a.b\""), "write a region"),
        (assume("role_arn = \"arn:aws:iam::123456789012:role/x\"\nsession_name = \"a b\""), "2 to 64"),
    ] {
        let error = load(&text).unwrap_err();
        assert!(error.contains(part), "{part} in {error}");
        assert!(!error.contains("00abcdef") && !error.contains("hunter2"), "{error}");
    }
}

const JWT: &str = "scheme = \"private_key_jwt\"\nclient_id = \"0oa1\"\nprivate_key = \"env:KEY\"\nkey_id = \"k1\"\nscopes = [\"okta.users.read\", \"okta.groups.read\"]";

/// Issues `token-N`, and takes the last one issued until it is told otherwise.
async fn okta(revoke_after: usize) -> Server {
    let issued = std::sync::atomic::AtomicUsize::new(0);
    Server::start(move |seen, count| {
        use std::sync::atomic::Ordering::SeqCst;
        if seen.target == "/oauth2/v1/token" {
            let n = issued.fetch_add(1, SeqCst) + 1;
            let body = format!("{{\"token_type\":\"Bearer\",\"expires_in\":3600,\"access_token\":\"token-{n}-secret\",\"scope\":\"okta.users.read\"}}");
            return reply(200, &[("content-type", "application/json")], body);
        }
        let fresh = format!("Bearer token-{}-secret", issued.load(SeqCst));
        let revoked = count == revoke_after;
        match seen.header("authorization") {
            Some(value) if value == fresh && !revoked => reply(200, &[], "[]"),
            _ => reply(401, &[], "{\"errorCode\":\"E0000011\"}"),
        }
    })
    .await
}

fn token_requests(server: &Server) -> Vec<Seen> {
    server.seen().into_iter().filter(|seen| seen.target == "/oauth2/v1/token").collect()
}

/// Verifies the assertion with the public half of RFC 7515's key, and gives header and claims.
fn verified(assertion: &str) -> (serde_json::Value, serde_json::Value) {
    let (message, signature) = assertion.rsplit_once('.').unwrap();
    let (header, claims) = message.split_once('.').unwrap();
    let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
    let n = bytes(RFC7515_A2_N);
    let key = ring::signature::RsaPublicKeyComponents { n: n.as_slice(), e: [1, 0, 1].as_slice() };
    key.verify(&ring::signature::RSA_PKCS1_2048_8192_SHA256, message.as_bytes(), &bytes(signature)).unwrap();
    (serde_json::from_slice(&bytes(header)).unwrap(), serde_json::from_slice(&bytes(claims)).unwrap())
}

/// RFC 7515 appendix A.2.1, member `n`.
const RFC7515_A2_N: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";

#[tokio::test]
async fn private_key_jwt_obtains_one_token_for_many_requests() {
    let server = okta(usize::MAX).await;
    let mut asked = options_for(&server, JWT);
    let clock = SetClock::at("2026-03-04T10:00:00Z");
    asked.clock = Arc::clone(&clock) as Arc<_>;
    let transport = Arc::new(LiveTransport::new(asked).unwrap());
    let tasks: Vec<_> = (0..10)
        .map(|_| {
            let (transport, request) =
                (Arc::clone(&transport), with_auth(get(&server.url("/api/v1/users")), &[]));
            tokio::spawn(async move { transport.send(&request).await.unwrap() })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap().status, 200);
    }
    let tokens = token_requests(&server);
    assert_eq!(tokens.len(), 1);
    let form = tokens[0].form();
    assert_eq!(form["grant_type"], "client_credentials");
    assert_eq!(form["scope"], "okta.users.read okta.groups.read");
    assert_eq!(form["client_assertion_type"], "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    let (header, claims) = verified(&form["client_assertion"]);
    assert_eq!(header, serde_json::json!({"alg": "RS256", "typ": "JWT", "kid": "k1"}));
    assert_eq!(claims["iss"], "0oa1");
    assert_eq!(claims["sub"], "0oa1");
    assert_eq!(claims["aud"], server.url("/oauth2/v1/token"));
    assert_eq!(claims["iat"], 1_772_618_400_u64);
    assert_eq!(claims["exp"], 1_772_618_700_u64);
    assert_eq!(claims["jti"].as_str().unwrap().len(), 32);

    clock.forward_s(3600 - 60);
    transport.send(&with_auth(get(&server.url("/x")), &[])).await.unwrap();
    assert_eq!(token_requests(&server).len(), 2, "renewed before its last minute");

    let (scrubbed, found) = transport.scrub(b"you sent token-1-secret and token-2-secret".to_vec());
    assert!(found);
    assert_eq!(scrubbed, b"you sent *** and ***");
}

#[tokio::test]
async fn a_refused_token_is_renewed_once() {
    let server = okta(2).await;
    let transport = LiveTransport::new(options_for(&server, JWT)).unwrap();
    let send = async || transport.send(&with_auth(get(&server.url("/x")), &[])).await.unwrap();
    assert_eq!(send().await.status, 200);
    let renewed = send().await;
    assert_eq!((renewed.status, renewed.attempts), (200, 2));
    assert_eq!(token_requests(&server).len(), 2);

    let server = Server::start(|seen, _| match seen.target.as_str() {
        "/oauth2/v1/token" => reply(200, &[], "{\"token_type\":\"Bearer\",\"access_token\":\"t-t-t-t-t\"}"),
        _ => reply(401, &[], "no"),
    })
    .await;
    let transport = LiveTransport::new(options_for(&server, JWT)).unwrap();
    let refused = transport.send(&with_auth(get(&server.url("/x")), &[])).await.unwrap();
    assert_eq!((refused.status, refused.attempts), (401, 2), "a 401 that stays is the answer");
    let bearer = options_for(&server, "scheme = \"bearer\"\ntoken = \"env:TOKEN\"");
    let refused =
        LiveTransport::new(bearer).unwrap().send(&with_auth(get(&server.url("/x")), &[])).await.unwrap();
    assert_eq!((refused.status, refused.attempts), (401, 1), "no other token to be had");
}

#[tokio::test]
async fn token_endpoints_that_refuse() {
    for (answer, part, retryable) in [
        (
            reply(
                400,
                &[],
                "{\"error\":\"invalid_client\",\"error_description\":\"bad\\nkey hunter2-hunter2\"}",
            ),
            "status 400, invalid_client: badkey",
            false,
        ),
        (reply(404, &[], "<html>"), "status 404", false),
        (reply(500, &[], ""), "status 500", true),
        (reply(200, &[], "{\"access_token\":\"leak-me-not"), "is not a token", false),
        (
            reply(200, &[], "{\"token_type\":\"DPoP\",\"access_token\":\"leak-me-not\"}"),
            "proof of possession",
            false,
        ),
        (
            reply(200, &[], "{\"token_type\":\"Bearer\",\"access_token\":\"leak me\\r\\nnot\"}"),
            "one word of ASCII",
            false,
        ),
        (reply(302, &[("location", "http://169.254.169.254/")], ""), "status 302", false),
    ] {
        let server = Server::start(move |_, _| answer.clone()).await;
        let transport = LiveTransport::new(options_for(&server, JWT)).unwrap();
        let failure = transport.send(&with_auth(get(&server.url("/x")), &[])).await.unwrap_err();
        assert_eq!(
            (failure.error.code.as_str(), failure.attempts),
            ("credential", 0),
            "{}",
            failure.error.message
        );
        assert!(failure.error.message.contains(part), "{part} in {}", failure.error.message);
        assert!(!failure.error.message.contains("leak"), "{}", failure.error.message);
        assert_eq!(failure.error.retryable, retryable, "{part}");
        assert!(
            server.seen().iter().all(|seen| seen.target == "/oauth2/v1/token"),
            "nothing left without its credential"
        );
    }
}

#[tokio::test]
async fn aws_requests_are_signed_for_what_is_sent() {
    let server = Server::start(|_, _| reply(200, &[], "<ok/>")).await;
    let toml =
        "scheme = \"aws_sigv4\"\naccess_key_id = \"env:AWS_ID\"\nsecret_access_key = \"env:AWS_SECRET\"";
    let transport = LiveTransport::new(options_for(&server, toml)).unwrap();
    let iam = [("service", "iam"), ("region", "us-east-1")];
    let mut request = with_auth(post(&server.url("/"), "Action=ListUsers&Version=2010-05-08"), &iam);
    request.headers.push(("content-type".into(), "application/x-www-form-urlencoded".into()));
    transport.send(&request).await.unwrap();
    let seen = server.seen().remove(0);
    assert_eq!(seen.header("x-amz-date"), Some("20260304T100000Z"));
    let authorization = seen.header("authorization").unwrap();
    assert!(
        authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260304/us-east-1/iam/aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature="),
        "{authorization}"
    );
    assert_eq!(seen.header("x-amz-content-sha256"), None);

    let s3 = with_auth(get(&server.url("/bucket?encryption")), &[("service", "s3"), ("region", "eu-west-1")]);
    transport.send(&s3).await.unwrap();
    // sha256sum < /dev/null
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(server.seen()[1].header("x-amz-content-sha256"), Some(empty));

    for params in [
        &[][..],
        &[("service", "iam")],
        &[("service", "I AM"), ("region", "x")],
        &[("service", "iam"), ("region", "x"), ("role_arn", "y")],
    ] {
        let failure = transport.send(&with_auth(get(&server.url("/")), params)).await.unwrap_err();
        assert_eq!(failure.error.code, "invalid-request", "{params:?}");
    }
    let (text, found) =
        transport.scrub(b"id AKIAIOSFODNN7EXAMPLE key wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_vec());
    assert!(found);
    assert_eq!(text, b"id AKIAIOSFODNN7EXAMPLE key ***", "an access key's id is evidence, not a secret");
}

#[tokio::test]
async fn a_role_is_assumed_once_and_again_when_its_session_ends() {
    let sts = Server::start(|_, n| {
        let body = format!(
            "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIA{n}</AccessKeyId><SecretAccessKey>role-secret-{n}</SecretAccessKey><SessionToken>session-token-{n}</SessionToken><Expiration>2026-03-04T11:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
        );
        reply(200, &[], body)
    })
    .await;
    let api = Server::start(|_, n| match n {
        1 => reply(403, &[], "<ErrorResponse><Error><Code>ExpiredToken</Code></Error></ErrorResponse>"),
        _ => reply(200, &[], ""),
    })
    .await;
    let toml = format!(
        "scheme = \"aws_sigv4\"\naccess_key_id = \"env:AWS_ID\"\nsecret_access_key = \"env:AWS_SECRET\"\n[assume_role]\nrole_arn = \"arn:aws:iam::123456789012:role/exhibit\"\nexternal_id = \"ext-1\"\nendpoint = \"{}\"\nregion = \"eu-west-1\"",
        sts.url("/")
    );
    let transport = LiveTransport::new(options_for(&api, &toml)).unwrap();
    let request =
        with_auth(get(&api.url("/?Action=ListUsers")), &[("service", "iam"), ("region", "us-east-1")]);
    transport.send(&request).await.unwrap();
    let again = transport.send(&request).await.unwrap();
    assert_eq!((again.status, again.attempts), (200, 2));

    let asked = sts.seen();
    assert_eq!(asked.len(), 2, "once, and once more for the session that had expired");
    let form = asked[0].form();
    assert_eq!(form["RoleArn"], "arn:aws:iam::123456789012:role/exhibit");
    assert_eq!((form["ExternalId"].as_str(), form["RoleSessionName"].as_str()), ("ext-1", "exhibit-test"));
    assert!(
        asked[0].header("authorization").unwrap().contains("AKIAIOSFODNN7EXAMPLE/20260304/eu-west-1/sts/")
    );
    let seen = api.seen();
    assert_eq!(seen[0].header("x-amz-security-token"), Some("session-token-0"));
    assert!(seen[0].header("authorization").unwrap().contains("Credential=ASIA0/"));
    assert!(seen[0].header("authorization").unwrap().contains("x-amz-security-token"), "signed along");
    assert_eq!(seen[2].header("x-amz-security-token"), Some("session-token-1"));
    assert!(transport.scrub(b"role-secret-0 session-token-1".to_vec()).1);

    let refusing = Server::start(|_, _| reply(403, &[], "<ErrorResponse><Error><Code>AccessDenied</Code><Message>not authorized to perform sts:AssumeRole</Message></Error></ErrorResponse>")).await;
    let toml = toml.replace(&sts.url("/"), &refusing.url("/"));
    let transport = LiveTransport::new(options_for(&api, &toml)).unwrap();
    let failure = transport.send(&request).await.unwrap_err();
    assert_eq!(failure.error.code, "credential");
    assert!(
        failure.error.message.contains("AccessDenied: not authorized")
            && failure.error.message.contains("trust policy"),
        "{}",
        failure.error.message
    );
}

/// A token endpoint of Google's at `/token`, which issues `ya29-N`; everywhere else the last one issued is taken, but for
/// the request after `revoke_after` others.
async fn google(revoke_after: usize) -> Server {
    let issued = std::sync::atomic::AtomicUsize::new(0);
    Server::start(move |seen, count| {
        use std::sync::atomic::Ordering::SeqCst;
        if seen.target == "/token" {
            let n = issued.fetch_add(1, SeqCst) + 1;
            return reply(
                200,
                &[],
                format!(
                    "{{\"access_token\":\"ya29-secret-{n}\",\"expires_in\":3599,\"token_type\":\"Bearer\"}}"
                ),
            );
        }
        let fresh = format!("Bearer ya29-secret-{}", issued.load(SeqCst));
        match seen.header("authorization") {
            Some(value) if value == fresh && count != revoke_after => reply(200, &[], "{}"),
            _ => reply(401, &[], "{\"error\":{\"code\":401,\"status\":\"UNAUTHENTICATED\"}}"),
        }
    })
    .await
}

/// The claims are those of Google's own example: developers.google.com/identity/protocols/oauth2/service-account.
#[tokio::test]
async fn a_google_service_account_signs_what_google_s_example_signs() {
    let server = google(3).await;
    let toml = format!(
        "scheme = \"google_service_account\"\nkey = \"env:GOOGLE_KEY\"\ntoken_url = \"{}\"\nscopes = [\"https://www.googleapis.com/auth/devstorage.read_only\"]",
        server.url("/token")
    );
    let mut asked = options_for(&server, &toml);
    // date -u -d @1328550785
    let clock = SetClock::at("2012-02-06T17:53:05Z");
    asked.clock = Arc::clone(&clock) as Arc<_>;
    let transport = LiveTransport::new(asked).unwrap();
    let send = async || transport.send(&with_auth(get(&server.url("/x")), &[])).await.unwrap();
    let tokens = || server.seen().into_iter().filter(|seen| seen.target == "/token").collect::<Vec<_>>();
    assert_eq!((send().await.status, send().await.status), (200, 200));
    let form = tokens()[0].form();
    assert_eq!(tokens().len(), 1, "one token for many requests");
    assert_eq!(form["grant_type"], "urn:ietf:params:oauth:grant-type:jwt-bearer");
    let (header, claims) = verified(&form["assertion"]);
    assert_eq!(header, serde_json::json!({"alg": "RS256", "typ": "JWT", "kid": "kid-1"}));
    let example = serde_json::json!({
        "iss": "761326798069-r5mljlln1rd4lrbhg75efgigp36m78j5@developer.gserviceaccount.com",
        "scope": "https://www.googleapis.com/auth/devstorage.read_only",
        "aud": "https://oauth2.googleapis.com/token",
        "exp": 1_328_554_385_u64,
        "iat": 1_328_550_785_u64,
    });
    assert_eq!(claims, example);

    // The fourth request in all is refused: the token is renewed, once.
    let renewed = send().await;
    assert_eq!((renewed.status, renewed.attempts, tokens().len()), (200, 2, 2));
    clock.forward_s(3599 - 60);
    assert_eq!((send().await.status, tokens().len()), (200, 3), "renewed before its last minute");
    assert!(transport.scrub(b"ya29-secret-1 and ya29-secret-3".to_vec()).1);
    assert!(transport.scrub(KEY.trim().as_bytes().to_vec()).1, "the key within the key file is a secret too");
}

#[tokio::test]
async fn a_google_service_account_acts_for_a_user_only_where_it_is_told() {
    let server = google(usize::MAX).await;
    let toml = format!(
        "scheme = \"google_service_account\"\nkey = \"env:GOOGLE_KEY\"\ntoken_url = \"{}\"\nsubject = \"auditor@example.com\"\nscopes = [\"https://www.googleapis.com/auth/admin.directory.user.readonly\", \"https://www.googleapis.com/auth/admin.reports.audit.readonly\"]",
        server.url("/token")
    );
    let transport = LiveTransport::new(options_for(&server, &toml)).unwrap();
    transport.send(&with_auth(get(&server.url("/x")), &[])).await.unwrap();
    let (_, claims) = verified(&server.seen()[0].form()["assertion"]);
    assert_eq!(claims["sub"], "auditor@example.com");
    assert_eq!(
        claims["scope"],
        "https://www.googleapis.com/auth/admin.directory.user.readonly https://www.googleapis.com/auth/admin.reports.audit.readonly"
    );
    let chosen = with_auth(get(&server.url("/x")), &[("subject", "root@example.com")]);
    assert_eq!(transport.send(&chosen).await.unwrap_err().error.code, "invalid-request", "never by a guest");

    let refusing = Server::start(|_, _| {
        reply(401, &[], "{\"error\":\"unauthorized_client\",\"error_description\":\"Client is unauthorized to retrieve access tokens using this method\"}")
    })
    .await;
    let toml = toml.replace(&server.url("/token"), &refusing.url("/token"));
    let transport = LiveTransport::new(options_for(&server, &toml)).unwrap();
    let failure = transport.send(&with_auth(get(&server.url("/x")), &[])).await.unwrap_err();
    assert_eq!((failure.error.code.as_str(), failure.error.retryable), ("credential", false));
    assert!(
        failure.error.message.contains("unauthorized_client: Client is unauthorized")
            && failure.error.message.contains("admin console delegates"),
        "{}",
        failure.error.message
    );
}

/// RFC 8693 section 2.1, then Google's generateAccessToken.
#[tokio::test]
async fn a_google_workload_identity_is_exchanged_and_takes_on_a_service_account() {
    let sts = Server::start(|seen, n| match seen.target.as_str() {
        "/v1/token" => reply(200, &[], format!("{{\"access_token\":\"federated-{n}\",\"issued_token_type\":\"urn:ietf:params:oauth:token-type:access_token\",\"token_type\":\"Bearer\",\"expires_in\":3600}}")),
        _ => reply(200, &[], format!("{{\"accessToken\":\"ya29-taken-on-{n}\",\"expireTime\":\"2026-03-04T10:30:00Z\"}}")),
    })
    .await;
    let api = Server::start(|_, n| if n == 1 { reply(401, &[], "{}") } else { reply(200, &[], "{}") }).await;
    let toml = format!(
        "scheme = \"google_workload_identity\"\naudience = \"//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q\"\nsubject_token = \"env:OIDC_TOKEN\"\nservice_account = \"exhibit@example-prod-1.iam.gserviceaccount.com\"\ntoken_url = \"{}\"\nimpersonation_url = \"{}\"",
        sts.url("/v1/token"),
        sts.url("/")
    );
    let mut asked = options_for(&api, &toml);
    let clock = SetClock::at("2026-03-04T10:00:00Z");
    asked.clock = Arc::clone(&clock) as Arc<_>;
    let transport = LiveTransport::new(asked).unwrap();
    let send = async || transport.send(&with_auth(get(&api.url("/x")), &[])).await.unwrap();
    assert_eq!(send().await.attempts, 1);
    let seen = sts.seen();
    let form = seen[0].form();
    assert_eq!(form["grant_type"], "urn:ietf:params:oauth:grant-type:token-exchange");
    assert_eq!(
        form["audience"],
        "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q"
    );
    assert_eq!(form["subject_token"], "header.claims.signature");
    assert_eq!(form["subject_token_type"], "urn:ietf:params:oauth:token-type:jwt");
    assert_eq!(form["requested_token_type"], "urn:ietf:params:oauth:token-type:access_token");
    assert_eq!(
        seen[1].target,
        "/v1/projects/-/serviceAccounts/exhibit@example-prod-1.iam.gserviceaccount.com:generateAccessToken"
    );
    assert_eq!(seen[1].header("authorization"), Some("Bearer federated-0"));
    let body: serde_json::Value = serde_json::from_slice(&seen[1].body).unwrap();
    assert_eq!(
        body,
        serde_json::json!({"scope": ["https://www.googleapis.com/auth/cloud-platform"], "lifetime": "3600s"})
    );
    assert_eq!(api.seen()[0].header("authorization"), Some("Bearer ya29-taken-on-1"));

    let again = send().await;
    assert_eq!(
        (again.status, again.attempts, sts.seen().len()),
        (200, 2, 4),
        "refused in mid-run: exchanged anew"
    );
    clock.forward_s(1800 - 60);
    assert_eq!((send().await.status, sts.seen().len()), (200, 6), "before expireTime's last minute");
    assert!(transport.scrub(b"federated-0 ya29-taken-on-5 header.claims.signature".to_vec()).1);

    let refusing = Server::start(|seen, _| match seen.target.as_str() {
        "/v1/token" => reply(200, &[], "{\"access_token\":\"federated-x\",\"token_type\":\"Bearer\"}"),
        _ => reply(403, &[], "{\"error\":{\"code\":403,\"message\":\"Permission 'iam.serviceAccounts.getAccessToken' denied\",\"status\":\"PERMISSION_DENIED\"}}"),
    })
    .await;
    let toml = toml.replace(&sts.url("/"), &refusing.url("/"));
    let transport = LiveTransport::new(options_for(&api, &toml)).unwrap();
    let failure = transport.send(&with_auth(get(&api.url("/x")), &[])).await.unwrap_err();
    assert!(
        failure.error.message.contains("getAccessToken' denied")
            && failure.error.message.contains("roles/iam.workloadIdentityUser"),
        "{}",
        failure.error.message
    );
}
