//! Answers that GitHub once gave, served on loopback as one organisation, and collected by the command. They are beside
//! the repository, never in it: `../shared/apis`.

use exhibit_tests::or_skip;
use exhibit_tests::recordings::Recordings;
use exhibit_tests::tools::{run, text};
use exhibit_tests::workspace::Workspace;
use std::collections::BTreeMap;
use std::process::Command;

const TOKEN: &str = "ghp_recordingsCheckNoToken";

/// Kinds of what is, and not of what happened: recordings are older than any window that a run asks for today.
const STATE: [&str; 9] = [
    "identity.account@1",
    "identity.group_membership@1",
    "identity.role_grant@1",
    "identity.app_grant@1",
    "identity.auth_policy@1",
    "identity.credential@1",
    "asset.resource@1",
    "config.repo_protection@1",
    "vuln.finding@1",
];

#[test]
fn an_organisation_made_of_what_was_recorded() {
    let recorded = Recordings::start("github");
    let recorded = or_skip!("github, recorded", recorded, "no ../shared/apis with recordings");
    let counted = recorded.counted();

    let workspace = Workspace::fresh();
    let exhibit = workspace.exhibit().with("GITHUB_TOKEN", TOKEN);
    exhibit.run(&["connector", "add", "github"]).ok();
    let api_url = format!("api_url={}", recorded.url());
    let mut add =
        vec!["source", "add", "github-test", "--connector", "github", "--set", "org=codeforamerica"];
    add.extend(["--set", &api_url, "--credential", "github.scheme=bearer"]);
    add.extend(["--credential", "github.token=env:GITHUB_TOKEN", "--allow-address", "127.0.0.1"]);
    exhibit.run(&add).ok();
    exhibit.run(&["source", "approve", "github-test", "--yes"]).ok();
    // The number that GitHub gave to this organisation, in its own answer.
    let checked = exhibit.run(&["source", "check", "github-test"]).ok();
    assert!(checked.stdout.contains("337792"), "{checked}");

    let ran = exhibit.run(&["collect", "github-test", "--format", "json"]);
    assert!(matches!(ran.code, Some(0 | 1)) && !ran.stderr.contains("panicked"), "{ran}");
    let manifest = ran.json()[0].clone();
    let populations = manifest["populations"].as_array().unwrap();
    let emitted: BTreeMap<String, u64> = populations
        .iter()
        .map(|p| (p["kind"].as_str().unwrap().to_owned(), p["emitted"].as_u64().unwrap()))
        .collect();
    assert_eq!(emitted.len(), counted.len(), "{manifest}");
    for kind in STATE {
        assert_eq!(emitted[kind], counted[kind], "{kind}");
    }
    assert!(populations.iter().all(|p| p["rejected"] == 0), "{manifest}");
    // What is missing is said of each population that is not complete.
    for population in populations {
        let reason = population["reason"].as_str();
        assert!(population["verdict"] == "complete" || reason.is_some_and(|r| r.len() > 10), "{population}");
    }
    exhibit.run(&["check"]).ok();
    let found = text(&run(Command::new("grep").args(["-rlF", TOKEN]).arg(workspace.path())));
    assert_eq!(found, "", "the token is in the workspace");
}
