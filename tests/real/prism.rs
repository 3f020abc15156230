//! Okta's published specification, served by prism, which has no state: whatever cursor a request brings, a list
//! answers with the same page. With a next link on every page (the specification names Link headers in words only,
//! so a forwarder adds them) no list ever ends, which the host must notice and say.

use exhibit_tests::or_skip;
use exhibit_tests::server::{Server, free_port};
use exhibit_tests::tools::{node_program, repository, shared};
use exhibit_tests::workspace::Workspace;
use serde_json::Value;
use std::process::Command;
use std::time::Duration;

/// Prism with a forwarder before it.
fn start(log: &std::path::Path, options: &[&str]) -> Option<(Server, Server)> {
    let (Some(spec), Some(program)) = (shared("specs/okta-evidence-openapi.json"), node_program("prism"))
    else {
        return None;
    };
    let (behind, before) = (free_port(), free_port());
    let mut prism = Command::new(program);
    prism.args(["mock", "-h", "127.0.0.1", "-p", &behind.to_string()]).arg(spec);
    let prism = Server::start(&mut prism, behind, Duration::from_secs(180));
    let mut forward = Command::new("python3");
    forward.arg(repository().join("tests/real/forward.py")).args([before.to_string(), behind.to_string()]);
    forward.arg("{yourOktaDomain}").arg(log).args(options);
    let forward = Server::start(&mut forward, before, Duration::from_secs(60));
    Some((prism, forward))
}

fn collect(workspace: &Workspace, url: &str) -> Value {
    workspace.add_okta(url);
    // Some answers are made up anew for every request, so that no page is the same as the one before: the bound on
    // pages ends those. Its usual 10 000 would take minutes here.
    let file = workspace.file("sources/okta-test.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(file, format!("{text}\n[limits]\npages = 20\n")).unwrap();
    let exhibit = workspace.exhibit().with("OKTA_TOKEN", "00token-for-a-test");
    let ran = exhibit.run(&["collect", "okta-test", "--format", "json"]);
    assert!(matches!(ran.code, Some(0 | 1)) && !ran.stderr.contains("panicked"), "{ran}");
    assert!(ran.took < Duration::from_secs(120), "it ended in time: {:?}", ran.took);
    let manifest = ran.json()[0].clone();
    eprintln!("{}: {} {}", manifest["run"], manifest["verdict"], manifest["reason"]);
    for population in manifest["populations"].as_array().unwrap() {
        let of = |name: &str| population[name].to_string();
        eprintln!("  {} {} {} {}", of("kind"), of("emitted"), of("verdict"), of("reason"));
    }
    workspace.exhibit().run(&["check"]).ok();
    manifest
}

#[test]
fn paging_that_never_ends_is_ended() {
    let workspace = Workspace::fresh();
    let log = workspace.beside().join("answers.jsonl");
    let started = start(&log, &["--endless"]);
    let (_prism, forward) =
        or_skip!("prism, endless", started, "no ../shared/apis, or no prism: make setup-test, npm");
    let manifest = collect(&workspace, &forward.url());
    assert_ne!(manifest["verdict"], "complete", "a list that never ends is never complete");
    let populations = manifest["populations"].as_array().unwrap();
    let reasons =
        || populations.iter().filter_map(|p| p["reason"].as_str()).chain(manifest["reason"].as_str());
    let guard = "it is page 0 again, byte for byte";
    assert!(reasons().any(|reason| reason.contains(guard)), "{:?}", reasons().collect::<Vec<_>>());
    for population in populations.iter().filter(|population| population["received"] != 0) {
        assert_ne!(population["verdict"], "complete", "{population}");
    }
    let requests = std::fs::read_to_string(log).unwrap().lines().count();
    assert!(requests < 2000, "a list is two pages, or twenty: {requests} requests were made");
}

#[test]
fn made_up_answers_of_the_specification_are_taken_or_refused_with_a_reason() {
    let workspace = Workspace::fresh();
    let started = start(&workspace.beside().join("answers.jsonl"), &[]);
    let (_prism, forward) =
        or_skip!("prism", started, "no ../shared/apis, or no prism: make setup-test, npm");
    let manifest = collect(&workspace, &forward.url());
    let populations = manifest["populations"].as_array().unwrap();
    let accounts =
        populations.iter().find(|p| p["kind"] == "identity.account@1").expect("users were asked for");
    assert_eq!(accounts["emitted"], 1, "the specification's example is one user: {accounts}");
    for population in populations {
        let reason = population["reason"].as_str();
        assert!(population["verdict"] == "complete" || reason.is_some_and(|r| r.len() > 10), "{population}");
    }
}
