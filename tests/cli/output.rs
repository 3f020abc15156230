//! What the command prints: data on standard output and nothing else there, JSON where it is asked for, no progress
//! where nobody watches, completions and manual pages that name every command.

use exhibit_tests::command::Exhibit;
use exhibit_tests::server::Fakes;
use exhibit_tests::tools::repository;
use exhibit_tests::workspace::{PERIOD, Workspace, package, populated};

#[test]
fn every_command_that_prints_data_prints_json() {
    let workspace = Workspace::populated();
    let exhibit = workspace.exhibit();
    let json = |arguments: &[&str]| {
        let mut all = arguments.to_vec();
        all.extend(["--format", "json"]);
        exhibit.run(&all).ok().json()
    };
    let listed = |arguments: &[&str]| json(arguments).as_array().expect("an array").clone();

    let status = json(&["status", "--period", PERIOD]);
    let runs = status["runs"].as_array().unwrap();
    assert_eq!((&status["period"], runs.len()), (&PERIOD.into(), 8), "two sources, three days and one more");
    assert!(status["controls"].as_array().unwrap().len() > 10, "the starter controls");
    let of = |source: &str| -> Vec<String> {
        let own = runs.iter().filter(|run| run["source"] == source);
        own.map(|run| run["run"].as_str().unwrap().to_owned()).collect()
    };
    let okta = of("okta-demo");

    let held = listed(&["evidence", "list"]);
    let accounts = held
        .iter()
        .find(|one| one["source"] == "okta-demo" && one["kind"] == "identity.account@1")
        .expect("accounts are held");
    assert_eq!((&accounts["runs"], &accounts["last_run"]), (&4.into(), &okta[3].as_str().into()));
    let proofs = listed(&["evidence", "list", "--control", "AC-01", "--period", "2026-01-02"]);
    assert!(proofs.iter().any(|proof| proof["run"] == okta[1].as_str() && proof["standing"] == "complete"));
    assert_eq!(json(&["evidence", "show", &okta[0]])["run"], okta[0].as_str());
    let records =
        exhibit.run(&["evidence", "show", &okta[3], "--kind", "identity.account@1"]).ok().json_lines();
    assert_eq!(accounts["records"], records.len());
    let id = records[0]["native_id"].as_str().expect("a record has an id").to_owned();
    let history = listed(&["evidence", "history", "okta-demo", "identity.account@1", &id]);
    assert_eq!(history[0]["change"], "added");
    listed(&["evidence", "diff", "identity.account@1", &okta[0], &okta[3]]);
    assert!(listed(&["evidence", "kinds"]).len() >= 12);
    // Those that come with the command, one a folder of `plugins`.
    let folders = std::fs::read_dir(repository().join("plugins")).expect("the connectors are here");
    let folders = folders.flatten().filter(|entry| entry.path().join("connector.toml").is_file()).count();
    assert_eq!(listed(&["connector", "list"]).len(), folders);
    assert_eq!(json(&["connector", "inspect", "okta"])["manifest"]["name"], "okta");
    assert_eq!(listed(&["source", "list"]).len(), 2);
    let checked = json(&["check"]);
    assert_eq!((&checked["runs"], &checked["problems"]), (&8.into(), &serde_json::json!([])));
    let exported = json(&["export", PERIOD, "--out", "again.zip"]);
    assert_eq!((&exported["path"], &exported["runs"]), (&"again.zip".into(), &8.into()));
    let verified = json(&["verify", "again.zip", "--key", "keys/ledger.pub"]);
    assert_eq!((&verified["result"], &verified["simulated"]), (&"verified".into(), &true.into()));
    let unconfirmed = json(&["verify", "again.zip"]);
    assert_eq!(unconfirmed["result"], "self-consistent, signer unconfirmed");
    let again = json(&["reperform", "again.zip", "--run", &okta[0]]);
    assert_eq!((&again["same"], &again["different"]), (&1.into(), &0.into()));
    let wrong = Workspace::fresh();
    let key = wrong.file("keys/ledger.pub");
    let refused = exhibit.run(&["verify", "again.zip", "--key", key.to_str().unwrap(), "--format", "json"]);
    assert_eq!((refused.code, &refused.json()["result"]), (Some(1), &"wrong".into()));
    let seal = json(&["seal", "2026-01-01..2026-01-02"]);
    assert_eq!((&seal["period"], &seal["simulated"]), (&"2026-01-01..2026-01-02".into(), &true.into()));
}

#[test]
fn a_check_and_a_run_as_json() {
    let fakes = Fakes::start("2026-03-18T06:00:00Z");
    let workspace = Workspace::fresh();
    workspace.add_fakes(&fakes);
    let exhibit = workspace.exhibit_with(&fakes);
    let checked = exhibit.run(&["source", "check", "okta-test", "--format", "json"]).ok().json();
    assert_eq!(checked["failure"], serde_json::Value::Null, "{checked}");
    assert!(checked["tenant"].is_string(), "{checked}");
    let collected = exhibit.run(&["collect", "--format", "json"]).ok();
    let manifests = collected.json();
    let manifests = manifests.as_array().unwrap();
    assert_eq!(manifests.len(), 2);
    for manifest in manifests {
        assert_eq!(
            (&manifest["verdict"], &manifest["simulated"]),
            (&"complete".into(), &false.into()),
            "{manifest}"
        );
    }
    assert_eq!(collected.stderr, "", "nothing is said where nobody watches and nothing is wrong");
}

#[test]
fn standard_output_is_data_only() {
    let workspace = Workspace::populated();
    let exhibit = workspace.exhibit();
    // What these say is for people.
    for arguments in [&["backup", "../copy"][..], &["check", "--rebuild"], &["connector", "add", "aws"]] {
        let ran = exhibit.run(arguments).ok();
        assert_ne!(ran.stderr, "", "{arguments:?} says what it did");
        assert_eq!(ran.stdout.lines().count(), usize::from(arguments[0] == "check"), "{ran}");
    }
    // What these print is for programs. Bars and colours are for terminals, and there is none here.
    for arguments in [
        &["status"][..],
        &["evidence", "list"],
        &["check"],
        &["export", PERIOD, "--out", "again.zip"],
        &["verify", "again.zip"],
        &["reperform", "again.zip"],
    ] {
        let ran = exhibit.run(arguments).ok();
        assert_eq!(ran.stderr, "", "{ran}");
        assert_ne!(ran.stdout, "", "{ran}");
        assert!(!ran.stdout.contains(['\u{1b}', '\r']), "{ran}");
    }
}

#[test]
fn a_backup_is_put_back() {
    let workspace = Workspace::populated();
    let exhibit = workspace.exhibit();
    let (list, held) = (["evidence", "list", "--format", "json"], workspace.held());
    let before = exhibit.run(&list).ok().json();
    exhibit.run(&["backup", "../copy"]).ok();
    std::fs::rename(workspace.file("data"), workspace.beside().join("lost")).unwrap();
    exhibit.run(&["status"]).fails(1, &["data: no store here"]);
    exhibit.run(&["restore", "../copy"]).ok();
    assert_eq!(exhibit.run(&list).ok().json(), before);
    assert_eq!(workspace.held(), held, "the same bytes");
    exhibit.run(&["check"]).ok();
}

/// Commands, and those under them.
const COMMANDS: &[&str] = &[
    "init",
    "connector",
    "source",
    "collect",
    "status",
    "evidence",
    "seal",
    "export",
    "verify",
    "reperform",
    "check",
    "backup",
    "restore",
    "demo",
    "completions",
    "manual",
];

#[test]
fn completions_and_manual_pages_name_every_command() {
    let dir = tempfile::tempdir().unwrap();
    let exhibit = Exhibit::at(dir.path());
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = exhibit.run(&["completions", shell]).ok().stdout;
        for command in COMMANDS {
            assert!(script.contains(command), "the completions of {shell} do not know `{command}`");
        }
    }
    exhibit.run(&["manual", "man"]).ok();
    for command in COMMANDS {
        let page = std::fs::read_to_string(dir.path().join(format!("man/exhibit-{command}.1")))
            .unwrap_or_else(|error| panic!("the page of `{command}`: {error}"));
        assert!(page.contains(".SH NAME") && page.contains(command), "{page}");
    }
    let top = std::fs::read_to_string(dir.path().join("man/exhibit.1")).unwrap();
    assert!(top.contains("Exit codes: 0 it worked"), "the exit codes are documented");
    for pair in ["connector-inspect", "source-approve", "evidence-diff"] {
        assert!(dir.path().join(format!("man/exhibit-{pair}.1")).is_file(), "{pair}");
    }
}

#[test]
fn help_and_version() {
    let dir = tempfile::tempdir().unwrap();
    let exhibit = Exhibit::at(dir.path());
    let version = exhibit.run(&["--version"]).ok().stdout;
    assert_eq!(version, format!("exhibit {}\n", env!("CARGO_PKG_VERSION")));
    let help = exhibit.run(&["--help"]).ok().stdout;
    for command in COMMANDS {
        assert!(help.contains(&format!("\n  {command}")), "`{command}` is not in the help:\n{help}");
    }
    exhibit.run(&["colect"]).fails(2, &["colect", "collect"]);
    exhibit.run(&[]).fails(2, &["Usage: exhibit"]);
}

#[test]
fn the_populated_workspace_says_that_it_is_simulated() {
    let dir = populated();
    assert!(dir.join("SIMULATED").is_file());
    let report = Exhibit::at(dir).run(&["verify", package().to_str().unwrap()]).ok();
    assert!(report.stdout.to_lowercase().contains("simulated"), "{report}");
}
