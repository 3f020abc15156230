//! One test for each behaviour in `tests/guests`, the good one and the hostile ones: how the run ends, what is
//! kept of it, and that nothing else is touched.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use exhibit_evidence::digest::Digest;
use exhibit_evidence::run::Limits;
use exhibit_sandbox::{Phase, Problem, TrapKind, Why};
use std::time::{Duration, Instant};
use support::{Ran, Recorder, limits, prepared, run, run_with, runtime};

fn why(end: &Ran) -> &Why {
    &end.outcome.as_ref().unwrap_err().why
}

fn phase(end: &Ran) -> Phase {
    end.outcome.as_ref().unwrap_err().phase
}

#[tokio::test]
async fn a_good_run_reaches_every_service() {
    let end = run_with("good", r#""count":3"#, Recorder::new(), limits()).await;
    assert_eq!(end.outcome, Ok(()));
    assert_eq!(end.tenant.as_deref(), Some("tenant.example.com"));
    assert_eq!(
        end.services.calls,
        [
            "tenant tenant.example.com",
            "send https://api.example.com/users Some(\"api\")",
            "open_population identity.account@1 all users",
            "from_exchange 0 0.0.0",
            "filtered 0 1 a service account",
            "incomplete 0 the audit log is closed",
            "seal 0 Some(3)",
            "state_get cursor",
            "state_set cursor here",
            "state_delete old",
        ]
    );
    assert_eq!(
        end.services.log,
        [
            r#"debug 20260304T100000Z-1f3a9c02 1772618400000 1772532000000 1772618400000 ["identity.account@1"]"#,
            "info cursor before: Some(6)",
        ]
    );
    let (population, last) = &end.services.items[2];
    assert_eq!((*population, last.key.as_str()), (0, "user-000002"));
    assert_eq!(
        (last.origins[0].exchange.to_string(), last.origins[0].pointer.as_str()),
        ("0.0.0".into(), "/2")
    );
    assert_eq!(end.usage.items, 3);
    assert!(end.usage.peak_memory_bytes > 64 << 10 && end.usage.peak_memory_bytes <= 64 << 20);
}

#[tokio::test]
async fn the_same_seed_and_answers_give_the_same_run() {
    let settings = r#"{"behaviour":"good","count":50}"#;
    let run = async |seed: &str| {
        let (prepared, services) = (prepared().await, Recorder::new());
        Ran::from(runtime().run(&prepared, settings, services, &limits(), Digest::of(seed)).await)
    };
    let (first, second, other) = (run("one").await, run("one").await, run("other").await);
    assert_eq!(first.services, second.services);
    assert_eq!((first.stdout, first.stderr, first.usage), (second.stdout, second.stderr, second.usage));
    assert_ne!(first.services.items, other.services.items, "the seed reaches the guest");
}

#[tokio::test]
async fn an_endless_loop_meets_the_deadline_and_lets_others_run() {
    let begun = Instant::now();
    let short = Limits { deadline_ms: 400, ..limits() };
    let looping = run_with("forever", "", Recorder::new(), short);
    // On this one thread the good run can only go on because the loop yields.
    let good = run_with("good", r#""count":1"#, Recorder::new(), limits());
    let (looping, good) = tokio::join!(looping, good);
    assert_eq!(*why(&looping), Why::Deadline { limit_ms: 400 });
    assert_eq!(phase(&looping), Phase::Collect);
    assert_eq!(looping.tenant.as_deref(), Some("tenant.example.com"));
    assert_eq!(good.outcome, Ok(()));
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn a_host_call_that_never_returns_meets_the_deadline() {
    let short = Limits { deadline_ms: 200, ..limits() };
    let end = run_with("wait", r#""url":"https://api.example.com/never""#, Recorder::new(), short).await;
    assert_eq!(*why(&end), Why::Deadline { limit_ms: 200 });
    assert_eq!(end.services.requests.len(), 1);
}

#[tokio::test]
async fn endless_recursion_is_a_trap() {
    let end = run("recurse").await;
    let Why::Trap { trap, .. } = why(&end) else { panic!("{:?}", end.outcome) };
    assert_eq!(*trap, TrapKind::StackOverflow);
}

#[tokio::test]
async fn endless_allocation_meets_the_memory_limit() {
    let small = Limits { memory_bytes: 8 << 20, ..limits() };
    let end = run_with("allocate", "", Recorder::new(), small).await;
    assert_eq!(*why(&end), Why::Memory { limit_bytes: 8 << 20 });
    assert!(end.usage.peak_memory_bytes <= 8 << 20);
}

#[tokio::test]
async fn a_refused_allocation_that_the_guest_bears_ends_nothing() {
    let end = run("many-memories-worth").await;
    assert_eq!((end.outcome, end.services.said()), (Ok(()), vec!["refused"]));
}

#[tokio::test]
async fn an_instance_that_does_not_fit_is_not_started() {
    let tiny = Limits { memory_bytes: 64 << 10, ..limits() };
    let end = run_with("good", r#""count":1"#, Recorder::new(), tiny).await;
    assert_eq!(*why(&end), Why::Memory { limit_bytes: 64 << 10 });
    assert_eq!((phase(&end), end.tenant.as_deref()), (Phase::Start, None));
}

#[tokio::test]
async fn a_flooded_sink_meets_the_record_limit() {
    let few = Limits { records: 1000, ..limits() };
    let end = run_with("flood-sink", r#""bytes":10"#, Recorder::new(), few).await;
    assert_eq!(*why(&end), Why::Records { limit: 1000 });
    assert_eq!(end.services.items.len(), 1000);
}

#[tokio::test]
async fn a_flooded_sink_meets_the_byte_limit() {
    let few = Limits { output_bytes: 1 << 20, ..limits() };
    let end = run_with("flood-sink", r#""bytes":100000"#, Recorder::new(), few).await;
    assert_eq!(*why(&end), Why::Output { limit_bytes: 1 << 20 });
    assert_eq!(end.services.items.len(), 10);
}

#[tokio::test]
async fn requests_count_as_what_is_handed_over() {
    let few = Limits { output_bytes: 1 << 20, ..limits() };
    let end = run_with("flood-requests", r#""bytes":100000"#, Recorder::new(), few).await;
    assert_eq!(*why(&end), Why::Output { limit_bytes: 1 << 20 });
    assert_eq!(end.services.requests.len(), 10);
}

#[tokio::test]
async fn a_flooded_log_ends_the_run_and_is_cut() {
    let few = Limits { log_bytes: 10_000, ..limits() };
    for behaviour in ["flood-log", "flood-stdout"] {
        let end = run_with(behaviour, "", Recorder::new(), few).await;
        assert_eq!(*why(&end), Why::Log { limit_bytes: 10_000 }, "{behaviour}");
        let kept: usize = end.services.said().iter().map(|line| line.len()).sum::<usize>() + end.stdout.len();
        assert!((9_000..=10_000).contains(&kept), "{behaviour} kept {kept}");
        assert!(end.usage.log_bytes_cut > 100_000, "{behaviour}: {:?}", end.usage);
    }
}

#[tokio::test]
async fn too_much_log_is_cut_and_said_but_ends_nothing() {
    let few = Limits { log_bytes: 1000, ..limits() };
    let end = run_with("chatter", r#""count":20"#, Recorder::new(), few).await;
    assert_eq!(end.outcome, Ok(()));
    assert_eq!((end.usage.log_bytes, end.stdout.as_str()), (1000, ""));
    // 20 lines of 129 bytes each, and 22 on standard output.
    assert_eq!(end.usage.log_bytes_cut, 20 * 129 + 22 - 1000);
}

#[tokio::test]
async fn a_panic_mid_page_keeps_what_was_emitted() {
    let end = run("panic-mid-page").await;
    let Why::Trap { trap, stderr, .. } = why(&end) else { panic!("{:?}", end.outcome) };
    assert_eq!(*trap, TrapKind::Unreachable);
    assert_eq!(stderr, "the second item of 0.0.0 is not what I expected");
    assert!(end.outcome.unwrap_err().to_string().contains("is not what I expected (in collect)"));
    assert_eq!(end.services.items.len(), 1);
    assert!(!end.services.calls.iter().any(|call| call.starts_with("seal")));
}

#[tokio::test]
async fn exit_and_wild_pointers_are_traps() {
    let end = run("exit").await;
    let Why::Trap { trap, message, .. } = why(&end) else { panic!("{:?}", end.outcome) };
    // Standard libraries call `exit`, which carries success or failure only.
    assert_eq!((*trap, message.as_str()), (TrapKind::Exit(1), "it called exit with code 1"));
    let end = run("out-of-bounds").await;
    let Why::Trap { trap, .. } = why(&end) else { panic!("{:?}", end.outcome) };
    assert_eq!(*trap, TrapKind::OutOfBounds);
}

#[tokio::test]
async fn a_failure_carries_its_code_and_when_to_try_again() {
    let end = run("fail").await;
    let ended = end.outcome.unwrap_err();
    assert_eq!((ended.code(), ended.retry()), ("auth", (true, Some(1500))));
    assert_eq!(ended.to_string(), "the connector failed (auth): the token is not accepted (in collect)");
    let end = run("check-fails").await;
    assert_eq!((phase(&end), end.tenant), (Phase::Check, None));
}

#[tokio::test]
async fn an_identity_that_cannot_stand_in_records_is_refused() {
    for behaviour in ["check-without-tenant", "check-odd-tenant"] {
        let end = run(behaviour).await;
        assert!(matches!(why(&end), Why::Tenant { .. }), "{:?}", end.outcome);
        assert_eq!((phase(&end), end.tenant.as_deref()), (Phase::Check, None));
    }
}

#[tokio::test]
async fn a_tenant_that_the_services_refuse_ends_the_run_before_collect() {
    let mut services = Recorder::new();
    services.refuses_tenant = true;
    let end = run_with("good", r#""count":1"#, services, limits()).await;
    let message = "this source belongs to another tenant than tenant.example.com (in check)";
    assert_eq!((end.outcome.unwrap_err().to_string().as_str(), end.tenant), (message, None));
    assert_eq!(end.services.calls, ["tenant tenant.example.com"]);
}

#[tokio::test]
async fn malformed_items_are_handed_on_for_intake_to_keep() {
    let end = run("malformed").await;
    assert_eq!(end.outcome, Ok(()));
    let bodies: Vec<&str> = end.services.items.iter().map(|(_, item)| item.body_json.as_str()).collect();
    assert_eq!(bodies, ["{", "", "[1,2", "\0", r#"{"attributes":{"a":1,"a":2}}"#]);
}

#[tokio::test]
async fn a_huge_record_is_handed_on_and_a_huge_call_is_not() {
    let end = run_with("huge", r#""bytes":10000000"#, Recorder::new(), limits()).await;
    assert_eq!((end.outcome, end.services.items[0].1.body_json.len()), (Ok(()), 10_000_000));
    let end = run_with("huge-call", r#""count":20"#, Recorder::new(), limits()).await;
    assert_eq!(*why(&end), Why::HostCall { limit_bytes: 16 << 20 });
    assert!(end.services.items.is_empty());
}

#[tokio::test]
async fn an_undeclared_kind_and_a_foreign_origin_are_refused_in_words() {
    let end = run("undeclared-kind").await;
    let refusal = r#"Err("`made.up@1` is not among the kinds that the manifest declares")"#;
    assert_eq!((end.services.said(), end.outcome), (vec![refusal; 2], Ok(())));
    let end = run("foreign-origin").await;
    assert!(
        end.services.said()[0].contains("item `one`: origin: `not-an-exchange` does not name an exchange")
    );
    assert!(end.services.said()[1].contains("`1.2` does not name an exchange"));
    assert!(end.services.items.is_empty());
}

#[tokio::test]
async fn lists_are_walked_and_sent_side_by_side() {
    let end = run("pages").await;
    assert_eq!(end.outcome, Ok(()));
    assert_eq!(
        end.services.said(),
        [
            "0.0.0 5 bytes",
            "0.0.1 5 bytes",
            "0.0.2 5 bytes",
            r#"Err("denied")"#,
            "1 pages, 0.0.0",
            "denied",
            "1 pages, 0.2.0"
        ]
    );
    assert!(end.services.calls.contains(&"close_pages 0".to_owned()));
}

#[tokio::test]
async fn describe_and_validate_reach_nothing() {
    let described = runtime().describe(&prepared().await).await.unwrap();
    assert!(described.contains(r#""title":"Guests""#));
    let validate = async |settings: &str| runtime().validate_config(&prepared().await, settings).await;
    assert_eq!(validate(r#"{"behaviour":"good"}"#).await.unwrap(), []);
    let expected = Problem { pointer: "/behaviour".into(), message: "`nonsense` is no behaviour".into() };
    assert_eq!(validate(r#"{"behaviour":"nonsense"}"#).await.unwrap(), [expected]);
    let refused = validate(r#"{"behaviour":"call-in-validate"}"#).await.unwrap();
    assert!(refused[0].message.starts_with("denied: describe and validate-config may not call the host"));
}

/// A service runs many sources side by side on its threads: a run's future is `Send` and `'static`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_are_spawned_on_many_threads() {
    let run = || tokio::spawn(run_with("good", r#""count":20"#, Recorder::new(), limits()));
    let runs: Vec<_> = std::iter::repeat_with(run).take(8).collect();
    for run in runs {
        let end = run.await.unwrap();
        assert_eq!((end.outcome, end.services.items.len()), (Ok(()), 20));
    }
}

#[tokio::test]
async fn check_alone_does_not_collect() {
    let settings = r#"{"behaviour":"good","count":1}"#;
    let (prepared, services) = (prepared().await, Recorder::new());
    let end = Ran::from(runtime().check(&prepared, settings, services, &limits(), Digest::of("seed")).await);
    assert_eq!((end.tenant.as_deref(), end.outcome), (Some("tenant.example.com"), Ok(())));
    assert!(end.services.items.is_empty());
}

#[test]
fn every_behaviour_has_a_test() {
    let tests = concat!(
        include_str!("behaviours.rs"),
        include_str!("secrets.rs"),
        include_str!("virtual_world.rs"),
        include_str!("../../../tests/cli/hostile.rs"),
    );
    let guest = include_str!("../../../tests/guests/src/lib.rs");
    let names: Vec<&str> = guest
        .lines()
        .filter_map(|line| line.trim().strip_prefix("(\"")?.split_once("\", ").map(|(name, _)| name))
        .collect();
    assert!(names.len() > 20, "{names:?}");
    for name in names {
        let named = [format!("\"{name}\""), format!("'{name}'")].iter().any(|name| tests.contains(name));
        assert!(named, "nothing runs the behaviour `{name}`");
    }
}
