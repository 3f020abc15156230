//! GitHub Apps on the wire: the signed token, the installation's token in its place, its renewal, refusals.

#![allow(clippy::unwrap_used, reason = "tests")]

mod server;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use exhibit_broker::credential::{Credential, CredentialConfig};
use exhibit_broker::live::{LiveOptions, LiveTransport};
use exhibit_broker::secret::Vault;
use exhibit_broker::transport::Transport;
use server::{Seen, Server, SetClock, get, options, reply, with_auth};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

const KEY: &str = include_str!("vectors/rfc7515-a2-rs256-pkcs1.pem");
const P256: &str = include_str!("vectors/rfc7515-a3-es256.pem");
/// RFC 7515 appendix A.2.1, member `n`.
const RFC7515_A2_N: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
const APP: &str = "scheme = \"github_app\"\napp_id = \"Iv23liExample\"\ninstallation_id = \"4711\"\nprivate_key = \"env:KEY\"";

fn load(toml: &str) -> Result<Credential, String> {
    let vault = Vault::new(|name| match name {
        "KEY" => Some(KEY.to_owned()),
        "P256" => Some(P256.to_owned()),
        "TOKEN" => Some("hunter2-hunter2".to_owned()),
        _ => None,
    });
    let config: CredentialConfig = toml::from_str(toml).map_err(|error| error.to_string())?;
    Credential::load("test", "main", &config, &vault).map_err(|error| error.to_string())
}

fn options_for(server: &Server, toml: &str) -> LiveOptions {
    let ask = server::ask(&[&format!("GET {}", server.url("/**"))], &["github_app"], &["127.0.0.1"]);
    let mut options = options(ask);
    options.credentials.insert("main".into(), load(toml).unwrap());
    options
}

/// Issues `ghs_N` at 10:00 for an hour, and takes the last one issued until the request of this number.
async fn github(prefix: &'static str, revoke_at: usize) -> Server {
    let issued = AtomicUsize::new(0);
    Server::start(move |seen, count| {
        if seen.target == format!("{prefix}/app/installations/4711/access_tokens") {
            let n = issued.fetch_add(1, SeqCst) + 1;
            let body = format!("{{\"token\":\"ghs_token{n}\",\"expires_at\":\"2026-03-04T{:02}:00:00Z\",\"permissions\":{{\"members\":\"read\"}},\"repository_selection\":\"all\"}}", 10 + n);
            return reply(201, &[("content-type", "application/json")], body);
        }
        let fresh = format!("Bearer ghs_token{}", issued.load(SeqCst));
        match seen.header("authorization") {
            Some(value) if value == fresh && count != revoke_at => reply(200, &[], "[]"),
            _ => reply(401, &[], "{\"message\":\"Bad credentials\"}"),
        }
    })
    .await
}

fn token_requests(server: &Server) -> Vec<Seen> {
    server.seen().into_iter().filter(|seen| seen.target.ends_with("/access_tokens")).collect()
}

/// Verifies the signed token with the public half of RFC 7515's key, and gives header and claims.
fn verified(authorization: &str) -> (serde_json::Value, serde_json::Value) {
    let (message, signature) = authorization.strip_prefix("Bearer ").unwrap().rsplit_once('.').unwrap();
    let (header, claims) = message.split_once('.').unwrap();
    let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
    let n = bytes(RFC7515_A2_N);
    let key = ring::signature::RsaPublicKeyComponents { n: n.as_slice(), e: [1, 0, 1].as_slice() };
    key.verify(&ring::signature::RSA_PKCS1_2048_8192_SHA256, message.as_bytes(), &bytes(signature)).unwrap();
    (serde_json::from_slice(&bytes(header)).unwrap(), serde_json::from_slice(&bytes(claims)).unwrap())
}

#[tokio::test]
async fn one_token_of_the_installation_for_many_requests() {
    let server = github("", usize::MAX).await;
    let mut asked = options_for(&server, &format!("{APP}\npermissions = {{ members = \"read\" }}"));
    let clock = SetClock::at("2026-03-04T10:00:00Z");
    asked.clock = Arc::clone(&clock) as Arc<_>;
    let transport = LiveTransport::new(asked).unwrap();
    let send = async || transport.send(&with_auth(get(&server.url("/orgs/example")), &[])).await.unwrap();
    assert_eq!((send().await.status, send().await.status), (200, 200));
    let tokens = token_requests(&server);
    assert_eq!((tokens.len(), tokens[0].method.as_str()), (1, "POST"));
    let body: serde_json::Value = serde_json::from_slice(&tokens[0].body).unwrap();
    assert_eq!(body, serde_json::json!({"permissions": {"members": "read"}}));
    let (header, claims) = verified(tokens[0].header("authorization").unwrap());
    assert_eq!(header, serde_json::json!({"alg": "RS256", "typ": "JWT"}));
    // 10:00 less a minute, and nine minutes on: ten together, GitHub's most.
    let expected = serde_json::json!({"iat": 1_772_618_340, "exp": 1_772_618_940, "iss": "Iv23liExample"});
    assert_eq!(claims, expected);

    clock.forward_s(3600 - 60);
    assert_eq!(send().await.status, 200);
    assert_eq!(token_requests(&server).len(), 2, "renewed before its last minute");
    let signed = tokens[0].header("authorization").unwrap().strip_prefix("Bearer ").unwrap();
    let said = format!("you sent ghs_token1, ghs_token2 and {signed}");
    assert_eq!(transport.scrub(said.into_bytes()), (b"you sent ***, *** and ***".to_vec(), true));
}

#[tokio::test]
async fn a_token_revoked_in_mid_run_is_renewed_once() {
    let server = github("", 3).await;
    let mut asked = options_for(&server, APP);
    asked.clock = SetClock::at("2026-03-04T10:00:00Z") as Arc<_>;
    let transport = LiveTransport::new(asked).unwrap();
    let send = async || transport.send(&with_auth(get(&server.url("/orgs/example")), &[])).await.unwrap();
    assert_eq!((send().await.status, send().await.status), (200, 200));
    let renewed = send().await;
    assert_eq!((renewed.status, renewed.attempts), (200, 2));
    assert_eq!(token_requests(&server).len(), 2);
}

#[tokio::test]
async fn enterprise_server_has_its_endpoint_below_api() {
    let server = github("/api/v3", usize::MAX).await;
    for path in ["/api/v3/orgs/example", "/api/graphql"] {
        let mut asked = options_for(&server, APP);
        asked.clock = SetClock::at("2026-03-04T09:30:00Z") as Arc<_>;
        let transport = LiveTransport::new(asked).unwrap();
        let answer = transport.send(&with_auth(get(&server.url(path)), &[])).await.unwrap();
        assert_eq!(answer.status, 200, "{path}");
    }
}

#[tokio::test]
async fn an_endpoint_that_refuses() {
    for (status, body, part, retryable) in [
        (
            401,
            "{\"message\":\"A JSON web token could not be decoded\"}",
            "could not be decoded. Check app_id",
            false,
        ),
        (404, "{\"message\":\"Not Found\"}", "the app must be installed", false),
        (422, "{\"message\":\"The permissions requested are not granted\"}", "Check permissions", false),
        (503, "<html>", "status 503", true),
        (201, "{\"token\":\"leak-me-not\"", "is not an installation's token", false),
        (201, "{\"token\":\"leak me\",\"expires_at\":\"2026-03-04T11:00:00Z\"}", "one word of ASCII", false),
        (201, "{\"token\":\"leak-me-not\",\"expires_at\":\"soon\"}", "when the token ends", false),
    ] {
        let server = Server::start(move |_, _| reply(status, &[], body)).await;
        let transport = LiveTransport::new(options_for(&server, APP)).unwrap();
        let failure = transport.send(&with_auth(get(&server.url("/orgs/x")), &[])).await.unwrap_err();
        let message = &failure.error.message;
        assert_eq!((failure.error.code.as_str(), failure.attempts), ("credential", 0), "{message}");
        assert!(message.contains(part) && !message.contains("leak"), "{part} in {message}");
        assert_eq!(failure.error.retryable, retryable, "{part}");
        assert!(server.seen().iter().all(|seen| seen.target.ends_with("/access_tokens")));
    }
}

#[test]
fn configurations_that_cannot_work() {
    for (toml, part) in [
        (APP.replace("env:KEY", "env:TOKEN"), "not a private key"),
        (APP.replace("env:KEY", "env:P256"), "sign with RSA"),
        (APP.replace("4711", "example-org"), "the installation's number"),
        (format!("{APP}\npermissions = {{ members = \"write\" }}"), "write \"read\" for members"),
        (format!("{APP}\nscopes = []"), "unknown field `scopes`"),
    ] {
        let error = load(&toml).unwrap_err();
        assert!(error.contains(part) && !error.contains("hunter2"), "{part} in {error}");
    }
}
