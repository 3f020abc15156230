//! What a guest finds of the world: nothing of the host's, time and random of the run's own, and `wasi:http` that goes
//! through the services.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use exhibit_evidence::fetch::AuthRef;
use std::time::{Duration, Instant};
use support::recorder::STARTED_MS;
use support::{Recorder, limits, run, run_with};

#[tokio::test]
async fn wasi_grants_nothing() {
    let end = run("reach").await;
    assert_eq!(end.outcome, Ok(()));
    let said = end.services.said();
    assert_eq!(
        said[..12],
        [
            "env 0",
            "args 0",
            "preopens 0",
            "read false",
            "write false",
            "list false",
            "connect false",
            "listen false",
            "udp false",
            "resolve false",
            "stdin Some(0)",
            &format!("now {STARTED_MS}"),
        ]
    );
    assert_eq!((end.stdout.as_str(), end.stderr.as_str()), ("standard output\n", "standard error\n"));
    assert!(!std::path::Path::new("/tmp/exhibit-guest").exists());
}

#[tokio::test]
async fn random_follows_from_the_seed() {
    let (first, second) = (run("reach").await, run("reach").await);
    assert_eq!(first.services.said()[12..], second.services.said()[12..]);
    let numbers: Vec<&str> =
        first.services.said()[12..14].iter().map(|line| line.rsplit(' ').next().unwrap()).collect();
    assert_ne!(numbers[0], numbers[1]);
}

#[tokio::test]
async fn sleeping_moves_the_guests_clock_and_takes_no_time() {
    let begun = Instant::now();
    let end = run("sleep").await;
    assert!(begun.elapsed() < Duration::from_secs(15), "an hour's sleep took {:?}", begun.elapsed());
    // The shorter of two timers comes first, and only that one; an hour and 5 ms have passed; the wall stands.
    assert_eq!(end.services.said(), ["ready [1], long false", "slept 3600005 ms, wall moved Ok(0ns)"]);
}

#[tokio::test]
async fn http_passes_the_services() {
    let end = run_with("http", r#""path":"/users?limit=2""#, Recorder::new(), limits()).await;
    assert_eq!(
        end.services.said(),
        [
            "before waiting: nothing yet",
            "ready before waiting: false",
            "after waiting: 200 0.0.0 answer to https://api.example.com/users?limit=2",
            "again: taken before",
        ]
    );
    let request = &end.services.requests[0];
    assert_eq!(
        (request.method.as_str(), request.url.as_str()),
        ("GET", "https://api.example.com/users?limit=2")
    );
    assert_eq!(request.headers, [("accept".to_owned(), "application/json".to_owned())]);
    let params = vec![("region".to_owned(), "eu-west-1".to_owned())];
    assert_eq!(request.auth, Some(AuthRef { slot: "api".into(), params }));
}

#[tokio::test]
async fn http_requests_that_are_waited_for_together_leave_together() {
    let end = run("http-together").await;
    let urls = "https://api.example.com/a https://api.example.com/b https://api.example.com/c";
    assert_eq!(end.services.calls[1..], [format!("send_all {urls}")]);
    assert_eq!(
        end.services.said(),
        [
            "ready [0, 1, 2]",
            "200 0.0.0 answer to https://api.example.com/a",
            "200 0.1.0 answer to https://api.example.com/b",
            "200 0.2.0 answer to https://api.example.com/c",
        ]
    );
}

#[tokio::test]
async fn http_bodies_arrive_whole_and_bounded() {
    let end = run_with("http-post", r#""count":100"#, Recorder::new(), limits()).await;
    assert_eq!(end.services.said(), ["200 0.0.0 409600 bytes at https://api.example.com/post"]);
    let small = exhibit_evidence::run::Limits { body_bytes: 100_000, ..limits() };
    let end = run_with("http-post", r#""count":24"#, Recorder::new(), small).await;
    assert_eq!(end.outcome, Ok(()));
    assert_eq!(end.services.said().len(), 1);
    let end = run_with("http-post", r#""count":25"#, Recorder::new(), small).await;
    assert!(end.services.requests.is_empty(), "{:?}", end.services.said());
}

#[tokio::test]
async fn http_requests_that_nobody_waits_for_cost_nothing_and_are_bounded() {
    let end = run_with("http-abandon", r#""count":5000,"keep":300"#, Recorder::new(), limits()).await;
    assert_eq!(end.outcome, Ok(()));
    assert_eq!(end.services.said(), ["error ErrorCode::ConnectionLimitReached"]);
    assert!(end.services.requests.is_empty());
}

#[tokio::test]
async fn a_timer_never_beats_a_request() {
    let end = run("http-timeout").await;
    assert_eq!(end.services.said(), ["ready [1]", "200 0.0.0 answer to https://api.example.com/slow"]);
}
