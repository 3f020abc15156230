//! Answers that Jira once gave, served on loopback as one site, and collected by the command. They are beside the
//! repository, never in it: `../shared/apis`.

use exhibit_tests::or_skip;
use exhibit_tests::recordings::Recordings;
use exhibit_tests::systems::System;
use exhibit_tests::tools::{run, text};
use exhibit_tests::workspace::Workspace;
use std::collections::BTreeMap;
use std::process::Command;

/// The recordings are from 2021 to 2023.
const LOOKBACK_DAYS: u32 = 3650;

#[test]
fn a_site_made_of_what_was_recorded() {
    let recorded = Recordings::start("jira");
    let recorded = or_skip!("jira, recorded", recorded, "no ../shared/apis with recordings");
    let workspace = Workspace::fresh();
    let exhibit = System::of("jira").add(&workspace, "jira-test", &recorded.url(), LOOKBACK_DAYS);
    // The site's number was not recorded, so it is known by its address.
    let checked = exhibit.run(&["source", "check", "jira-test"]).ok();
    assert!(checked.stdout.contains("127.0.0.1"), "{checked}");

    let ran = exhibit.run(&["collect", "jira-test", "--format", "json"]);
    assert!(matches!(ran.code, Some(0 | 1)) && !ran.stderr.contains("panicked"), "{ran}");
    let manifest = ran.json()[0].clone();
    let populations = manifest["populations"].as_array().unwrap();
    let emitted: BTreeMap<String, u64> = populations
        .iter()
        .map(|p| (p["kind"].as_str().unwrap().to_owned(), p["emitted"].as_u64().unwrap()))
        .collect();
    assert_eq!(emitted, recorded.counted(), "{manifest}");
    assert!(emitted["identity.account@1"] > 0 && emitted["ops.incident@1"] > 0, "{emitted:?}");
    for population in populations {
        // No record is refused, and what is missing is said of each population that is not complete.
        assert_eq!(population["rejected"], 0, "{population}");
        let reason = population["reason"].as_str();
        assert!(population["verdict"] == "complete" || reason.is_some_and(|r| r.len() > 10), "{population}");
    }
    let run_id = manifest["run"].as_str().unwrap();
    let changes = exhibit.run(&["evidence", "show", run_id, "--kind", "change.request@1"]).ok().json_lines();
    // Nobody recorded links, so what carried a change out is not known.
    assert!(
        changes.iter().all(|c| c["unknown"].as_array().unwrap().contains(&"merges".into())),
        "{changes:?}"
    );
    exhibit.run(&["check"]).ok();
    let found = text(&run(Command::new("grep").args(["-rlF", "secret-of-a-test"]).arg(workspace.path())));
    assert_eq!(found, "", "the token is in the workspace");
}
