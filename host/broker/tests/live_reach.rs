//! Where a request may go: grants, addresses after resolution, redirects, TLS.

#![allow(clippy::unwrap_used, reason = "tests")]

mod server;

use exhibit_broker::address::AllowedAddresses;
use exhibit_broker::credential::Credential;
use exhibit_broker::live::{LiveError, LiveOptions, LiveTransport};
use exhibit_broker::secret::Vault;
use exhibit_broker::transport::Transport;
use server::{Names, Server, get, options, reply, with_auth};
use std::sync::Arc;
use std::sync::atomic::Ordering;

fn bearer() -> Credential {
    let config = serde_json::from_str(r#"{"scheme": "bearer", "token": "env:TOKEN"}"#).unwrap();
    let vault = Vault::new(|_| Some("hunter2-hunter2".to_owned()));
    Credential::load("test", "main", &config, &vault).unwrap()
}

async fn code(options: LiveOptions, url: &str) -> (String, String, u32) {
    let failure = LiveTransport::new(options).unwrap().send(&get(url)).await.unwrap_err();
    (failure.error.code, failure.error.message, failure.attempts)
}

#[tokio::test]
async fn what_is_not_granted_does_not_leave() {
    let server = Server::start(|_, _| reply(200, &[], "")).await;
    let asked = || options(server::ask(&[&format!("GET {}", server.url("/api/**"))], &[], &[]));
    let (code_, message, attempts) = code(asked(), &server.url("/admin?token=x")).await;
    assert_eq!((code_.as_str(), attempts), ("denied", 0));
    assert!(message.contains("connector.toml") && !message.contains("token=x"), "{message}");
    assert_eq!(code(asked(), &server.url("/api/..%2fadmin")).await.0, "denied");
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn literal_addresses_are_checked_before_they_are_dialled() {
    let server = Server::start(|_, _| reply(200, &[], "")).await;
    let port = server.address.port();
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f.1",
        "[::ffff:127.0.0.1]",
        "[::1]",
        "169.254.169.254",
        "10.0.0.1",
        "[64:ff9b::a9fe:a9fe]",
    ] {
        for scheme in ["http", "https"] {
            let url = format!("{scheme}://{host}:{port}/x");
            let mut asked = options(server::ask(&[&format!("GET {scheme}://{host}:{port}/**")], &[], &[]));
            asked.allow_addresses = AllowedAddresses::default();
            let (code, message, _) = code(asked, &url).await;
            assert_eq!(code, "denied", "{url}: {message}");
            assert!(message.contains("allow_addresses"), "{message}");
        }
    }
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn names_are_checked_after_they_are_resolved() {
    let server = Server::start(|_, _| reply(200, &[], "inside")).await;
    let port = server.address.port();
    let with = |scheme: &str, addresses: &[&[&str]], allowed: &[&str]| {
        let mut asked =
            options(server::ask(&[&format!("GET {scheme}://api.example.test:{port}/**")], &[], &[]));
        let names = Names::new(&[("api.example.test", addresses)]);
        asked.lookup = Arc::clone(&names) as Arc<_>;
        asked.allow_addresses = AllowedAddresses::parse(allowed.iter().copied()).unwrap();
        (asked, names)
    };
    let url = |scheme: &str| format!("{scheme}://api.example.test:{port}/x");

    for address in ["127.0.0.1", "169.254.169.254", "10.0.0.7", "::ffff:127.0.0.1", "fd00:ec2::254"] {
        let (asked, _) = with("https", &[&[address]], &[]);
        let (code, message, _) = code(asked, &url("https")).await;
        assert_eq!(code, "denied", "{address}: {message}");
        assert!(message.contains("api.example.test is at"), "{message}");
    }
    let (asked, _) = with("http", &[&["8.8.8.8"]], &[]);
    let (code_, message, _) = code(asked, &url("http")).await;
    assert_eq!(code_, "denied", "clear text to a public address: {message}");
    assert!(message.contains("clear text"), "{message}");

    let (asked, _) = with("http", &[&["169.254.169.254", "127.0.0.1"]], &["127.0.0.1"]);
    let answer = LiveTransport::new(asked).unwrap().send(&get(&url("http"))).await.unwrap();
    assert_eq!(answer.body, b"inside", "of two addresses the allowed one is dialled");

    let (asked, _) = with("http", &[&["127.0.0.1"]], &["api.example.test"]);
    assert!(LiveTransport::new(asked).unwrap().send(&get(&url("http"))).await.is_ok(), "named by host");

    // A name that turns to another address once it was checked: each connection has one lookup, whose
    // result is checked and dialled; the next connection is checked anew.
    let (asked, names) = with("http", &[&["127.0.0.1"], &["169.254.169.254"]], &["127.0.0.1"]);
    let transport = LiveTransport::new(asked).unwrap();
    assert!(transport.send(&get(&url("http"))).await.is_ok());
    assert_eq!(names.asked.load(Ordering::SeqCst), 1);
    let failure = transport.send(&get(&url("http"))).await.unwrap_err();
    assert_eq!((failure.error.code.as_str(), names.asked.load(Ordering::SeqCst)), ("denied", 2));

    let (mut asked, _) = with("https", &[&["8.8.8.8"]], &[]);
    asked.lookup = Names::new(&[]);
    let (code, message, _) = code(asked, &url("https")).await;
    assert_eq!(code, "transport");
    assert!(message.contains("no such host"), "{message}");
}

#[tokio::test]
async fn redirects_are_granted_anew_and_lose_the_credential() {
    let other = Server::start(|_, _| reply(200, &[], "other")).await;
    let there = other.url("/landing");
    let server = Server::start(move |seen, _| match seen.target.as_str() {
        "/other" => reply(302, &[("location", &there)], ""),
        "/same" => reply(301, &[("location", "/landed")], ""),
        "/loop" => reply(302, &[("location", "/loop")], ""),
        "/metadata" => reply(302, &[("location", "http://169.254.169.254/latest/meta-data/")], ""),
        "/admin" => reply(307, &[("location", "/secret-admin")], ""),
        "/file" => reply(302, &[("location", "file:///etc/passwd")], ""),
        "/signed" => reply(302, &[("location", "/landed?X-Amz-Signature=1")], ""),
        _ => reply(200, &[], "landed"),
    })
    .await;
    let lines = [
        format!("GET {}", other.url("/landing")),
        format!("GET {}", server.url("/*")).replace("/*", "/other"),
        format!("GET {}", server.url("/same")),
        format!("GET {}", server.url("/landed")),
        format!("GET {}", server.url("/loop")),
        format!("GET {}", server.url("/metadata")),
        format!("GET {}", server.url("/admin")),
        format!("GET {}", server.url("/file")),
        format!("GET {}", server.url("/signed")),
        "GET http://169.254.169.254/**".to_owned(),
    ];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let mut asked = options(server::ask(&lines, &["bearer"], &["127.0.0.1"]));
    asked.credentials.insert("main".into(), bearer());
    let transport = LiveTransport::new(asked).unwrap();
    let send = async |path: &str| transport.send(&with_auth(get(&server.url(path)), &[])).await;

    let same = send("/same").await.unwrap();
    assert_eq!((same.body.as_slice(), same.attempts), (b"landed".as_slice(), 2));
    assert_eq!(same.landed.map(String::from), Some(server.url("/landed")));
    assert_eq!(send("/landed").await.unwrap().landed, None);
    assert!(server.seen().iter().all(|seen| seen.header("authorization") == Some("Bearer hunter2-hunter2")));

    // Same host, another port: another origin, so even though the slot is bound to this host it stays behind.
    assert_eq!(send("/other").await.unwrap().body, b"other");
    assert_eq!(other.seen().len(), 1);
    assert_eq!(other.seen()[0].header("authorization"), None);

    for (path, code, part) in [
        ("/metadata", "denied", "a cloud's metadata address"),
        ("/admin", "denied", "redirected from http://127.0.0.1"),
        ("/loop", "redirect", "more than 5 redirects"),
        ("/file", "redirect", "only https is followed"),
        ("/signed", "invalid-request", "X-Amz-Signature"),
    ] {
        let failure = send(path).await.unwrap_err();
        assert_eq!(failure.error.code, code, "{path}: {}", failure.error.message);
        assert!(failure.error.message.contains(part), "{path}: {}", failure.error.message);
    }
}

fn certificate(name: &str) -> (Arc<rustls::ServerConfig>, Vec<u8>) {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let key = rustls_pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config =
        rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
    (Arc::new(config), made.cert.pem().into_bytes())
}

#[tokio::test]
async fn tls_must_be_trusted_and_for_the_name() {
    let (config, pem) = certificate("api.example.test");
    let server = Server::start_tls(|_, _| reply(200, &[], "secure"), config).await;
    let port = server.address.port();
    let with = |host: &str, ca: Option<Vec<u8>>| {
        let mut asked = options(server::ask(&[&format!("GET https://{host}:{port}/**")], &[], &[]));
        asked.lookup =
            Names::new(&[("api.example.test", &[&["127.0.0.1"]]), ("other.example.test", &[&["127.0.0.1"]])]);
        asked.extra_ca_pem = ca;
        asked
    };
    let url = |host: &str| format!("https://{host}:{port}/x");
    let trusted = LiveTransport::new(with("api.example.test", Some(pem.clone()))).unwrap();
    assert_eq!(trusted.send(&get(&url("api.example.test"))).await.unwrap().body, b"secure");

    let (code_, message, attempts) = code(with("api.example.test", None), &url("api.example.test")).await;
    assert_eq!((code_.as_str(), attempts), ("tls", 1), "{message}");
    let (code_, message, _) = code(with("other.example.test", Some(pem)), &url("other.example.test")).await;
    assert_eq!(code_, "tls", "{message}");
    assert!(server.seen().len() == 1);

    let bad = LiveTransport::new(with("api.example.test", Some(b"no pem".to_vec()))).err().unwrap();
    assert!(matches!(bad, LiveError::ExtraCa(_)), "{bad}");
}

#[tokio::test]
async fn credentials_that_do_not_fit_the_connector_are_refused_at_once() {
    let mut asked = options(server::ask(&["GET https://a.test/**"], &[], &[]));
    asked.credentials.insert("main".into(), bearer());
    let error = LiveTransport::new(asked).err().unwrap().to_string();
    assert!(error.contains("credential `main`, and its connector declares none"), "{error}");

    let mut asked =
        options(server::ask(&["GET https://a.test/**"], &["ssws", "private_key_jwt"], &["a.test"]));
    asked.credentials.insert("main".into(), bearer());
    let error = LiveTransport::new(asked).err().unwrap().to_string();
    assert!(
        error
            .contains("scheme `bearer` is not among those that the connector accepts: ssws, private_key_jwt"),
        "{error}"
    );
}
