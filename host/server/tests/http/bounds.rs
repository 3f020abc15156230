//! Clients that are slow, large, many, or up to something; and where the service listens at all.

use super::client::Ask;
use super::world::{World, at};
use exhibit_server::http::{self, Options, Patience, ServeError, TlsFiles};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// What comes back for bytes that are sent as they are, until the service ends the connection.
async fn raw(world: &World, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(world.at).await.unwrap();
    // The service may have answered, and be gone, before all of it is sent.
    let _ = stream.write_all(bytes).await;
    let mut told = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut told)).await;
    String::from_utf8_lossy(&told).into_owned()
}

fn hasty(options: Options) -> Options {
    let ms = Duration::from_millis;
    Options { patience: Patience { head: ms(600), pause: ms(300), body: ms(900) }, ..options }
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_too_large_or_too_slow_are_refused() {
    let world = World::with(hasty).await;
    let token = &world.keys.operator;
    let large = Ask::new("POST", "/api/v1/tokens").token(token).json(" ".repeat(300 << 10));
    large.send(world.at).await.is(413);
    let path = "/api/v1/uploads?control=HR-01&period=2026-01&file=a&effective=2026-01-01";
    let head = |length: usize| {
        format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\ncontent-length: {length}\r\n\r\n"
        )
    };
    let mut huge = head(33 << 20).into_bytes();
    huge.resize(huge.len() + (33 << 20), b'x');
    let told = raw(&world, &huge).await;
    assert!(told.is_empty() || told.starts_with("HTTP/1.1 413 "), "{told}");
    // It stops in the middle.
    let began = Instant::now();
    let told = raw(&world, format!("{}half", head(100)).as_bytes()).await;
    assert!(told.starts_with("HTTP/1.1 408 "), "{told}");
    assert!(began.elapsed() < Duration::from_secs(5));
    // It never stops, and never ends either.
    let mut stream = TcpStream::connect(world.at).await.unwrap();
    stream.write_all(head(100).as_bytes()).await.unwrap();
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(5) && stream.write_all(b"x").await.is_ok() {
        let mut told = [0; 12];
        if let Ok(Ok(12)) =
            tokio::time::timeout(Duration::from_millis(100), stream.read_exact(&mut told)).await
        {
            assert_eq!(&told, b"HTTP/1.1 408");
            break;
        }
    }
    assert!(began.elapsed() < Duration::from_secs(4), "a body that drips went on");
    let kept = exhibit_pipeline::upload::uploads(&world.service.host().store).unwrap();
    assert!(kept.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_drips_or_has_no_end_is_cut_off() {
    let world = World::with(hasty).await;
    let began = Instant::now();
    raw(&world, b"GET / HTTP/1.1\r\nhost: x\r\nx-a: ").await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    let told =
        raw(&world, format!("GET / HTTP/1.1\r\nx-a: {}\r\n\r\n", "a".repeat(200 << 10)).as_bytes()).await;
    assert!(told.is_empty() || told.starts_with("HTTP/1.1 431 "), "{told}");
    for junk in [&b"\x16\x03\x01\x02\x00"[..], b"GET\r\n\r\n", b"\0\0\0\0\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"]
    {
        let told = raw(&world, junk).await;
        assert!(told.is_empty() || told.starts_with("HTTP/1.1 400 "), "{told}");
    }
    Ask::get("/healthz").send(world.at).await.is(200);
}

/// Ten thousand, where the system lets this process have both ends of so many.
#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_hurt_nobody() {
    let world = World::new().await;
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let room = limit.current.map_or(u64::MAX, |files| files.saturating_sub(1_500) / 2);
    let many = usize::try_from(room).unwrap_or(usize::MAX).min(10_000);
    assert!(many > 100, "the system allows {:?} open files", limit.current);
    let mut idle = Vec::new();
    for _ in 0..many {
        idle.push(TcpStream::connect(world.at).await.unwrap());
    }
    let began = Instant::now();
    Ask::get("/api/v1/runs").token(&world.keys.operator).send(world.at).await.is(200);
    assert!(began.elapsed() < Duration::from_secs(2), "{:?} among {many} idle ones", began.elapsed());
    drop(idle);
    Ask::get("/healthz").send(world.at).await.is(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_leads_out_of_what_is_served() {
    let world = World::new().await;
    let run = &world.runs[0];
    for path in [
        "/../../etc/passwd".to_owned(),
        "/..%2f..%2fetc%2fpasswd".to_owned(),
        "//etc/passwd".to_owned(),
        "/api/v1/../../data/access/tokens.json".to_owned(),
        "/api/v1/runs/..%2f..%2f..%2fdata".to_owned(),
        format!("/api/v1/runs/{run}/files/..%2fmanifest"),
        format!("/api/v1/runs/{run}/files/manifest%00"),
        format!("/api/v1/runs/{run}/bodies/..%2f..%2fformat"),
        format!("/api/v1/runs/{run}/records/..%2fx@1"),
        "/api/v1/seals/..%2f2026-01".to_owned(),
        "/api/v1/log/tile/..%2f..%2f..%2fkeys%2foperator.key".to_owned(),
        "/api/v1/log/tile/entries/../../../access/tokens.json".to_owned(),
        "/api/v1/sources/..%2fokta-prod".to_owned(),
        "/api/v1/tokens/%2e%2e".to_owned(),
    ] {
        let method = if path.contains("/tokens/") { "DELETE" } else { "GET" };
        let answer = Ask::new(method, path.clone()).token(&world.keys.operator).send(world.at).await;
        assert!(matches!(answer.status, 400 | 404), "{path}: {}", answer.status);
        assert!(!answer.text().contains("root:") && !answer.text().contains("AGE-SECRET"), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_says_what_a_browser_may_do_with_it() {
    let world = World::new().await;
    for path in ["/login", "/healthz", "/nothing", "/api/v1/runs", "/api/v1/openapi.json"] {
        let answer = Ask::get(path).send(world.at).await;
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{path}");
        assert!(!policy.contains("unsafe"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "same-origin");
        assert!(answer.header("strict-transport-security").is_empty(), "there is no TLS");
        assert!(matches!(answer.header("cache-control"), "no-store" | "private, no-cache"));
    }
    let page = Ask::get("/<script>alert(1)</script>".replace('<', "%3C").replace('>', "%3E"));
    let page = page.header("accept", "text/html").send(world.at).await.is(404);
    assert!(!page.text().contains("<script"), "{}", page.text());
}

#[tokio::test]
async fn plain_http_stays_on_this_machine() {
    let open = || Options::at("0.0.0.0:0".parse().unwrap());
    let refused = http::bind(open()).await.err().unwrap();
    assert!(matches!(refused, ServeError::Exposed(_)), "{refused}");
    assert!(refused.to_string().contains("certificate and key"), "{refused}");
    let v6 = Options::at("[::]:0".parse().unwrap());
    assert!(matches!(http::bind(v6).await.err().unwrap(), ServeError::Exposed(_)));
    let proxied = Options { trusted_proxies: vec!["192.0.2.1/32".parse().unwrap()], ..open() };
    assert!(http::bind(proxied).await.is_ok());
    assert!(http::bind(Options::at("[::1]:0".parse().unwrap())).await.is_ok());
    let missing = TlsFiles { certificates: "/nonexistent/a.pem".into(), key: "/nonexistent/b.pem".into() };
    let missing = http::bind(Options { tls: Some(missing), ..open() }).await.err().unwrap();
    assert!(missing.to_string().contains("/nonexistent/a.pem"), "{missing}");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_certificate_it_speaks_tls_and_nothing_else() {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let files = TlsFiles { certificates: dir.path().join("cert.pem"), key: dir.path().join("key.pem") };
    std::fs::write(&files.certificates, made.cert.pem()).unwrap();
    std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    let world = World::with(|options| Options { tls: Some(files), ..options }).await;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let connect = async || {
        let stream = TcpStream::connect(world.at).await.unwrap();
        connector.connect("localhost".try_into().unwrap(), stream).await.unwrap()
    };
    let form = format!("token={}", world.keys.operator);
    let opened = Ask::new("POST", "/login").form(&form).over(connect().await, world.at).await.is(303);
    let cookie = opened.header("set-cookie");
    assert!(cookie.starts_with("__Host-exhibit=") && cookie.ends_with("; Secure"), "{cookie}");
    assert!(cookie.contains("; Path=/;") && !cookie.contains("Domain"), "{cookie}");
    assert!(opened.header("strict-transport-security").starts_with("max-age=31536000"));
    let cookie = cookie.split(';').next().unwrap().to_owned();
    Ask::get("/api/v1/me").header("cookie", cookie).over(connect().await, world.at).await.is(200);
    let plain = raw(&world, b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    assert!(!plain.contains("200"), "{plain}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_is_believed_where_it_is_trusted() {
    let trusted = || vec!["127.0.0.0/8".parse().unwrap()];
    let proxied = World::with(|options| Options { trusted_proxies: trusted(), ..options }).await;
    let direct = World::new().await;
    let guess = |world: &World, from: &str| {
        Ask::new("POST", "/login").form("token=wrong").header("x-forwarded-for", from).send(world.at)
    };
    for n in 0..5 {
        guess(&proxied, "203.0.113.1").await.is(401);
        // Who is not behind a proxy does not become someone else by saying so.
        guess(&direct, &format!("203.0.113.{n}")).await.is(401);
    }
    guess(&proxied, "203.0.113.1").await.is(429);
    guess(&proxied, "203.0.113.2").await.is(401);
    guess(&direct, "203.0.113.77").await.is(429);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_stops_when_it_is_told_and_answers_what_it_has_begun() {
    let mut world = World::new().await;
    let mut stream = TcpStream::connect(world.at).await.unwrap();
    let token = &world.keys.operator;
    let head = format!(
        "POST /api/v1/tokens HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n\
         content-length: 32\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let _idle = TcpStream::connect(world.at).await.unwrap();
    let finish = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(300)).await;
        stream.write_all(br#"{"name":"late","role":"ingest"} "#).await.unwrap();
        let mut told = Vec::new();
        stream.read_to_end(&mut told).await.unwrap();
        String::from_utf8(told).unwrap()
    });
    let began = Instant::now();
    world.stop().await;
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    let told = finish.await.unwrap();
    assert!(told.starts_with("HTTP/1.1 201 "), "{told}");
    assert!(TcpStream::connect(world.at).await.is_err());
    assert!(world.tokens.named(&"late".parse().unwrap(), at("2026-02-10T09:00:00Z")).unwrap().is_some());
}
