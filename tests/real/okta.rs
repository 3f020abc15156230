//! Recordings of real Okta organisations, replayed. They are beside the repository, never in it: `../shared/apis`.

use exhibit_tests::okta::Recorded;
use exhibit_tests::or_skip;
use exhibit_tests::tools::{run, succeed, text};
use exhibit_tests::workspace::Workspace;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// Collects `host` and returns the manifest with the ids of its accounts and groups, both ways of counting agreeing.
fn collect(name: &str, host: &str) -> Option<Value> {
    let workspace = Workspace::fresh();
    let Some(recorded) = Recorded::start(workspace.beside(), host) else {
        exhibit_tests::tools::skip(name, "no ../shared/apis with recordings");
        return None;
    };
    workspace.add_okta(&recorded.url());
    let exhibit = workspace.exhibit().with("OKTA_TOKEN", "00recordings-check-no-token");
    let ran = exhibit.run(&["collect", "okta-test", "--format", "json"]);
    assert!(matches!(ran.code, Some(0 | 1)) && !ran.stderr.contains("panicked"), "{ran}");
    let manifest = ran.json()[0].clone();
    eprintln!("{}: {} {}", manifest["run"], manifest["verdict"], manifest["reason"]);
    for population in manifest["populations"].as_array().unwrap() {
        eprintln!("  {} {} {}", population["kind"], population["emitted"], population["reason"]);
    }
    let run = manifest["run"].as_str().unwrap();
    let shown = exhibit.run(&["evidence", "show", run, "--kind", "identity.account@1"]).ok().json_lines();
    let accounts: BTreeSet<String> =
        shown.iter().map(|record| record["native_id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(accounts.len(), shown.len(), "no account twice");
    assert_eq!(accounts, recorded.ids("/api/v1/users"), "accounts of {host}");
    assert!(!accounts.is_empty(), "{host} has users");
    let total: u64 =
        manifest["rejected"].as_object().into_iter().flatten().map(|(_, n)| n.as_u64().unwrap()).sum();
    let counted: u64 =
        manifest["populations"].as_array().unwrap().iter().map(|p| p["rejected"].as_u64().unwrap()).sum();
    assert_eq!(total, counted, "every refused record has its code: {}", manifest["rejected"]);
    // What is missing is said of each population that is not complete.
    for population in manifest["populations"].as_array().unwrap() {
        let reason = population["reason"].as_str();
        assert!(population["verdict"] == "complete" || reason.is_some_and(|r| r.len() > 10), "{population}");
    }
    exhibit.run(&["check"]).ok();
    let token = run_grep(&workspace.path());
    assert_eq!(token, "", "the token is in the workspace");
    Some(manifest)
}

fn run_grep(dir: &Path) -> String {
    text(&run(Command::new("grep").args(["-rlF", "00recordings-check-no-token"]).arg(dir)))
}

#[test]
fn a_small_organisation_with_users_who_left() {
    let Some(manifest) = collect("okta, recorded", "dev-857255.okta.com") else { return };
    let activity =
        manifest["populations"].as_array().unwrap().iter().find(|p| p["kind"] == "audit.activity@1");
    assert!(
        activity.is_some_and(|p| p["received"].as_u64() > Some(0)),
        "its System Log was recorded: {activity:?}"
    );
}

#[test]
fn an_organisation_that_a_test_suite_wrote_to() {
    let Some(manifest) = collect("okta, recorded by a test suite", "oie-00.dne-okta.com") else { return };
    let groups = manifest["populations"]
        .as_array()
        .unwrap()
        .iter()
        .find(|p| p["kind"] == "identity.group_membership@1");
    assert!(groups.is_some(), "{manifest}");
}

#[test]
fn the_forwarder_is_the_recorded_host() {
    let dir = tempfile::tempdir().unwrap();
    let recorded = Recorded::start(dir.path(), "dev-857255.okta.com");
    let recorded = or_skip!("okta, forwarder", recorded, "no ../shared/apis with recordings");
    let url = format!("{}/api/v1/users?limit=200", recorded.url());
    let read =
        "import sys, urllib.request as u; a = u.urlopen(sys.argv[1]); print(a.headers.get_all('Link'))";
    let links = succeed(Command::new("python3").args(["-c", read, &url]));
    assert!(links.contains(&recorded.url()) && !links.contains("okta.com"), "{links}");
    assert!(!recorded.ids("/api/v1/users").is_empty());
}
