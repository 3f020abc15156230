//! What a server can answer, and what becomes of it: statuses, rate limits, broken and hostile bodies.

#![allow(clippy::unwrap_used, reason = "tests")]

mod server;

use exhibit_broker::live::{LiveOptions, LiveTransport};
use exhibit_broker::transport::{Incoming, SendFailure, Transport};
use server::{Reply, Server, get, options, post, reply};
use std::io::Write;
use std::time::{Duration, Instant};

const ALL: [&str; 1] = ["GET,POST,HEAD http://127.0.0.1:PORT/**"];

fn options_for(server: &Server) -> LiveOptions {
    let lines: Vec<String> =
        ALL.iter().map(|l| l.replace("PORT", &server.address.port().to_string())).collect();
    options(server::ask(&lines.iter().map(String::as_str).collect::<Vec<_>>(), &[], &[]))
}

async fn send(server: &Server) -> Result<Incoming, SendFailure> {
    let transport = LiveTransport::new(options_for(server)).unwrap();
    transport.send(&get(&server.url("/x?q=1"))).await
}

#[tokio::test]
async fn an_answer_whatever_its_status() {
    for status in [200, 204, 400, 401, 403, 404, 410] {
        let server =
            Server::start(move |_, _| reply(status, &[("X-Thing", "a"), ("x-thing", "b")], "")).await;
        let answer = send(&server).await.unwrap();
        assert_eq!((answer.status, answer.attempts), (status, 1));
        let things: Vec<_> =
            answer.headers.iter().filter(|(k, _)| k == "x-thing").map(|(_, v)| v.as_str()).collect();
        assert_eq!(things, ["a", "b"]);
    }
}

#[tokio::test]
async fn what_is_sent_is_what_was_asked() {
    let server = Server::start(|_, _| reply(200, &[], "{}")).await;
    let transport = LiveTransport::new(options_for(&server)).unwrap();
    let mut request = post(&server.url("/a%20b?x=1&y=%2F#frag"), "{\"k\":1}");
    request.headers = vec![
        ("Content-Type".into(), "application/json".into()),
        ("X-Two".into(), "1".into()),
        ("X-Two".into(), "2".into()),
    ];
    transport.send(&request).await.unwrap();
    let seen = server.seen().remove(0);
    assert_eq!((seen.method.as_str(), seen.target.as_str()), ("POST", "/a%20b?x=1&y=%2F"));
    assert_eq!(seen.body, b"{\"k\":1}");
    assert_eq!(seen.header("content-type"), Some("application/json"));
    assert_eq!(seen.headers.iter().filter(|(k, _)| k == "x-two").count(), 2);
    assert!(seen.header("user-agent").unwrap().starts_with("exhibit/"));
    assert!(
        seen.header("cookie").is_none()
            && seen.header("authorization").is_none()
            && seen.header("referer").is_none()
    );
}

#[tokio::test]
async fn retry_after_is_heeded() {
    let server = Server::start(|_, n| match n {
        0 => reply(429, &[("Retry-After", "1")], ""),
        _ => reply(200, &[], "ok"),
    })
    .await;
    let began = Instant::now();
    let answer = send(&server).await.unwrap();
    assert_eq!((answer.status, answer.attempts, answer.body.as_slice()), (200, 2, b"ok".as_slice()));
    assert!(began.elapsed() >= Duration::from_millis(990), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_rate_limit_without_a_time_backs_off_and_ends() {
    let server = Server::start(|_, n| reply(if n < 3 { 429 } else { 200 }, &[], "")).await;
    assert_eq!(send(&server).await.unwrap().attempts, 4);

    let server = Server::start(|_, _| reply(429, &[("retry-after", "0")], "")).await;
    let failure = send(&server).await.unwrap_err();
    assert_eq!(
        (failure.error.code.as_str(), failure.attempts, failure.error.retryable),
        ("rate-limited", 5, true)
    );
    assert_eq!(failure.error.retry_after_ms, Some(0));

    let server = Server::start(|_, _| {
        reply(429, &[("x-rate-limit-remaining", "0"), ("x-rate-limit-reset", "1772622000")], "")
    })
    .await;
    let failure = send(&server).await.unwrap_err();
    assert_eq!(
        (failure.error.code.as_str(), failure.attempts),
        ("rate-limited", 1),
        "an hour is too long to wait"
    );
    assert_eq!(failure.error.retry_after_ms, Some(3_600_000), "the clock stands at 1772618400");
    assert!(!failure.error.message.contains("q=1"), "{}", failure.error.message);
}

#[tokio::test]
async fn a_rate_limit_repeats_even_what_changes_things_and_a_failure_does_not() {
    let busy = Server::start(|_, n| reply(if n == 0 { 429 } else { 200 }, &[], "")).await;
    let transport = LiveTransport::new(options_for(&busy)).unwrap();
    assert_eq!(transport.send(&post(&busy.url("/x"), "")).await.unwrap().attempts, 2);

    let failing = || Server::start(|_, n| reply(if n < 2 { 500 } else { 200 }, &[], ""));
    let server = failing().await;
    assert_eq!(send(&server).await.unwrap().attempts, 3);

    let server = failing().await;
    let transport = LiveTransport::new(options_for(&server)).unwrap();
    let answer = transport.send(&post(&server.url("/x"), "")).await.unwrap();
    assert_eq!((answer.status, answer.attempts), (500, 1));

    let server = failing().await;
    let mut asked = options_for(&server);
    let mut ask = server::ask(&[&format!("POST {}", server.url("/**"))], &[], &[]);
    ask.egress[0].read_only = true;
    asked.grants = exhibit_broker::grant::Grants::all("test", ask);
    let transport = LiveTransport::new(asked).unwrap();
    assert_eq!(transport.send(&post(&server.url("/x"), "")).await.unwrap().attempts, 3);

    let server = Server::start(|_, _| reply(503, &[], "down")).await;
    let answer = send(&server).await.unwrap();
    assert_eq!((answer.status, answer.attempts), (503, 5), "a status is an answer in the end");
}

#[tokio::test]
async fn half_a_body_is_no_body() {
    let half =
        |n: usize| Reply { length: Some(100), ..reply(200, &[], if n == 0 { "half" } else { "again half" }) };
    let server = Server::start(move |_, n| half(n)).await;
    let failure = send(&server).await.unwrap_err();
    assert_eq!((failure.error.code.as_str(), failure.attempts), ("transport", 5));
    assert!(failure.error.message.contains("/x: the body broke off"), "{}", failure.error.message);

    let server = Server::start(move |_, n| if n == 0 { half(0) } else { reply(200, &[], "whole") }).await;
    assert_eq!(send(&server).await.unwrap().body, b"whole");

    let server = Server::start(move |_, n| half(n)).await;
    let transport = LiveTransport::new(options_for(&server)).unwrap();
    let failure = transport.send(&post(&server.url("/x"), "")).await.unwrap_err();
    assert_eq!(failure.attempts, 1, "a POST may have done its work");
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn bodies_are_decoded_within_the_limit() {
    let packed = gzip(b"{\"users\":[]}");
    let server = Server::start(move |_, _| reply(200, &[("content-encoding", "gzip")], packed.clone())).await;
    assert_eq!(send(&server).await.unwrap().body, b"{\"users\":[]}");
    assert!(server.seen()[0].header("accept-encoding").unwrap().contains("gzip"));

    let bomb = gzip(&vec![0; 40 << 20]);
    assert!(bomb.len() < 1 << 20);
    let server = Server::start(move |_, _| reply(200, &[("content-encoding", "gzip")], bomb.clone())).await;
    let failure = send(&server).await.unwrap_err();
    assert_eq!((failure.error.code.as_str(), failure.attempts), ("too-large", 1));
    assert!(failure.error.message.contains("33554432 bytes"), "{}", failure.error.message);

    let server = Server::start(|_, _| reply(200, &[("content-encoding", "gzip")], "not gzip")).await;
    let failure = send(&server).await.unwrap_err();
    assert_eq!(failure.error.code, "transport");
    assert!(failure.error.message.contains("its coding is broken"), "{}", failure.error.message);
}

#[tokio::test]
async fn a_large_body_is_refused_by_its_length_and_by_its_bytes() {
    for length in [None, Some(10_000_000_000)] {
        let server = Server::start(move |_, _| Reply { length, ..reply(200, &[], vec![b'x'; 2000]) }).await;
        let mut options = options_for(&server);
        options.limits.body_bytes = 1999;
        let failure = LiveTransport::new(options).unwrap().send(&get(&server.url("/x"))).await.unwrap_err();
        assert_eq!(failure.error.code, "too-large");
    }
    let server = Server::start(|_, _| reply(200, &[], vec![b'x'; 2000])).await;
    let mut options = options_for(&server);
    options.limits.body_bytes = 2000;
    assert!(LiveTransport::new(options).unwrap().send(&get(&server.url("/x"))).await.is_ok());
}

#[tokio::test]
async fn slow_servers_run_out_of_time() {
    let slow = |r: Reply| Reply { delay: Duration::from_secs(30), ..r };
    let dripping = |r: Reply| Reply { drip: Duration::from_millis(50), ..r };
    for server in [
        Server::start(move |_, _| slow(reply(200, &[], ""))).await,
        Server::start(move |_, _| dripping(reply(200, &[], vec![b'x'; 1000]))).await,
    ] {
        let mut options = options_for(&server);
        options.limits.attempt_timeout_ms = 200;
        options.limits.attempts = 2;
        let began = Instant::now();
        let failure = LiveTransport::new(options).unwrap().send(&get(&server.url("/x"))).await.unwrap_err();
        assert_eq!((failure.error.code.as_str(), failure.attempts), ("timeout", 2));
        assert!(began.elapsed() < Duration::from_secs(5));
    }
}

#[tokio::test]
async fn nobody_listens() {
    let server = Server::start(|_, _| reply(200, &[], "")).await;
    let mut options = options_for(&server);
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let ask = server::ask(&[&format!("GET,POST http://{free}/**")], &[], &[]);
    options.grants = exhibit_broker::grant::Grants::all("test", ask);
    let failure =
        LiveTransport::new(options).unwrap().send(&post(&format!("http://{free}/x"), "")).await.unwrap_err();
    assert_eq!(
        (failure.error.code.as_str(), failure.attempts),
        ("transport", 5),
        "nothing left, so even a POST is tried again"
    );
    assert!(failure.error.message.contains("Check the name"), "{}", failure.error.message);
}

#[tokio::test]
async fn a_run_has_a_budget_of_attempts() {
    let server = Server::start(|_, _| reply(500, &[], "")).await;
    let mut options = options_for(&server);
    options.limits.attempts_in_all = 7;
    let transport = LiveTransport::new(options).unwrap();
    assert_eq!(transport.send(&get(&server.url("/x"))).await.unwrap().attempts, 5);
    let failure = transport.send(&get(&server.url("/x"))).await.unwrap_err();
    assert_eq!((failure.error.code.as_str(), failure.attempts), ("budget", 2));
    assert_eq!(server.seen().len(), 7);
}

#[tokio::test]
async fn a_run_has_a_budget_of_bytes() {
    let server = Server::start(|_, _| reply(500, &[], vec![b'x'; 1000])).await;
    let mut options = options_for(&server);
    options.limits.received_bytes = 7999;
    let transport = LiveTransport::new(options).unwrap();
    // An answer that is asked for again counts each time: five here, and three there.
    assert_eq!(transport.send(&get(&server.url("/x"))).await.unwrap().attempts, 5);
    let failure = transport.send(&get(&server.url("/x"))).await.unwrap_err();
    assert_eq!((failure.error.code.as_str(), failure.attempts), ("budget", 3));
    assert!(failure.error.message.contains("raise limits.received_bytes"), "{}", failure.error.message);
    let failure = transport.send(&get(&server.url("/x"))).await.unwrap_err();
    assert_eq!((failure.error.code.as_str(), failure.attempts), ("budget", 0));
    assert_eq!(server.seen().len(), 8, "and then nothing is sent");
}

#[tokio::test]
async fn concurrency_is_bounded_by_host() {
    let server =
        Server::start(|_, _| Reply { delay: Duration::from_millis(20), ..reply(200, &[], "") }).await;
    let mut options = options_for(&server);
    options.limits.concurrency_per_host = 3;
    let transport = std::sync::Arc::new(LiveTransport::new(options).unwrap());
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let (transport, request) = (std::sync::Arc::clone(&transport), get(&server.url("/x")));
            tokio::spawn(async move { transport.send(&request).await.unwrap().status })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), 200);
    }
    let busiest = server.busiest.load(std::sync::atomic::Ordering::SeqCst);
    assert!((2..=3).contains(&busiest), "{busiest}");
}
