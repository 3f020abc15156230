//! Recordings of Azure, put together as one tenant of one subscription, and collected by the command. They are beside the
//! repository, never in it: `../shared/apis`.

use exhibit_tests::command::Exhibit;
use exhibit_tests::google::{gaps_are_said, native_ids};
use exhibit_tests::or_skip;
use exhibit_tests::server::{Server, free_port};
use exhibit_tests::tools::{repository, run, shared, succeed, text};
use exhibit_tests::workspace::Workspace;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::time::Duration;

const TENANT: &str = "11111111-1111-4111-8111-111111111111";
const SECRET: &str = "recordingsCheckNoSecret~0123456789";

/// The day's package, without the server: the same records again.
fn again_from_the_package(workspace: &Workspace, server: Server, manifest: &Value) {
    let period = "2026-03-04..2026-03-04";
    let exhibit = workspace.exhibit();
    exhibit.run(&["seal", period]).ok();
    let package = workspace.beside().join("package.zip");
    let package = package.to_str().unwrap();
    exhibit.run(&["export", period, "--out", package]).ok();
    drop(server);
    let again = Exhibit::at(workspace.beside()).run(&["reperform", package, "--format", "json"]).ok().json();
    let emitted = |one: &Value| one["emitted"].as_u64().unwrap();
    let all: u64 = manifest["populations"].as_array().unwrap().iter().map(emitted).sum();
    assert!(all > 900, "{manifest}");
    assert_eq!([&again["same"], &again["different"], &again["records"]], [1, 0, all], "{again}");
}

#[test]
fn a_tenant_made_of_what_was_recorded() {
    let name = "azure, recorded";
    let recording = or_skip!(name, shared("recorded/azure.jsonl.gz"), "no ../shared/apis with recordings");
    let examples = or_skip!(name, shared("recorded/azure-docs-examples"), "no ../shared/apis with examples");
    let workspace = Workspace::fresh();
    let log = workspace.beside().join("answers.jsonl");
    let script = repository().join("tests/real/azure_recorded.py");
    let python = || {
        let mut python = Command::new("python3");
        python.arg(&script).arg(&recording).arg(&examples);
        python
    };
    let port = free_port();
    let mut serve = python();
    serve.args(["--serve", &port.to_string()]).arg(&log);
    let server = Server::start(&mut serve, port, Duration::from_secs(120));

    let exhibit = workspace.exhibit().with("AZURE_CLIENT_SECRET", SECRET);
    exhibit.run(&["connector", "add", "azure"]).ok();
    let url = server.url();
    let mut add: Vec<String> =
        ["source", "add", "azure-test", "--connector", "azure"].map(str::to_owned).to_vec();
    for endpoint in ["arm_endpoint", "graph_endpoint", "login_endpoint"] {
        add.extend(["--set".to_owned(), format!("{endpoint}={url}")]);
    }
    add.extend(["--set".to_owned(), format!("tenant_id={TENANT}")]);
    for slot in ["arm", "graph"] {
        let token_url = format!("token_url={url}/{TENANT}/oauth2/v2.0/token");
        for member in [
            "scheme=oauth_client_credentials",
            "client_id=recorded",
            "client_secret=env:AZURE_CLIENT_SECRET",
            &token_url,
        ] {
            add.extend(["--credential".to_owned(), format!("{slot}.{member}")]);
        }
    }
    add.extend(["--allow-address".to_owned(), "127.0.0.1".to_owned()]);
    exhibit.run(&add.iter().map(String::as_str).collect::<Vec<_>>()).ok();
    exhibit.run(&["source", "approve", "azure-test", "--yes"]).ok();

    let then =
        or_skip!(name, exhibit.clone().begun_at("2026-03-04 10:00:00"), "no faketime: make setup-test");
    let ran = then.run(&["collect", "azure-test", "--format", "json"]);
    assert!(matches!(ran.code, Some(0 | 1)) && !ran.stderr.contains("panicked"), "{ran}");
    let manifest = ran.json()[0].clone();
    gaps_are_said(&manifest);
    assert_eq!(manifest["tenant"], TENANT, "{manifest}");

    let run_id = manifest["run"].as_str().unwrap();
    let kinds: BTreeSet<&str> =
        manifest["datasets"].as_array().unwrap().iter().map(|one| one["kind"].as_str().unwrap()).collect();
    let mut printed = String::new();
    let mut records = Vec::new();
    for kind in kinds {
        let shown = exhibit.run(&["evidence", "show", run_id, "--kind", kind]).ok();
        records.extend(shown.json_lines());
        printed.push_str(&shown.stdout);
    }
    let file = workspace.beside().join("records.jsonl");
    std::fs::write(&file, printed).unwrap();

    // Member by member.
    let compare = repository().join("tests/real/azure_expected.py");
    let fits = succeed(Command::new("python3").arg(compare).arg(&log).arg(&file));
    let fits: BTreeMap<String, u64> = serde_json::from_str(&fits).unwrap();
    for (kind, least) in [
        ("asset.resource@1", 10),
        ("config.encryption@1", 4),
        ("config.network_rule@1", 50),
        ("config.logging@1", 50),
        ("config.alert_rule@1", 5),
        ("vuln.finding@1", 500),
    ] {
        assert!(fits.get(kind).is_some_and(|count| *count >= least), "{kind}: {fits:?}");
    }

    // By what they are called.
    let counted: BTreeMap<String, BTreeSet<String>> =
        serde_json::from_str(&succeed(python().arg("--counts").arg(&log))).unwrap();
    let of = |fits: &dyn Fn(&Value) -> bool| native_ids(records.iter().filter(|record| fits(record)));
    let is = |kind: &'static str| move |record: &Value| record["kind"] == kind;
    for kind in
        ["azure:storage:account", "azure:keyvault:vault", "azure:sql:server", "azure:authorization:lock"]
    {
        let found =
            of(&|record| record["attributes"]["resource_type"] == kind && is("asset.resource@1")(record));
        assert!(!found.is_empty());
        assert_eq!(found, counted[kind], "{kind}");
    }
    for kind in ["identity.group_membership@1", "identity.auth_policy@1"] {
        assert_eq!(of(&is(kind)), counted[kind], "{kind}");
    }
    let mut accounts = counted["users"].clone();
    accounts.extend(counted["service principals"].clone());
    assert_eq!(of(&is("identity.account@1")), accounts);
    let grants = of(&|record| {
        is("identity.role_grant@1")(record)
            && record["native_id"].as_str().unwrap().contains("/microsoft.authorization/roleassignments/")
    });
    assert_eq!(grants, counted["role assignments"]);
    assert!(of(&is("identity.app_grant@1")).is_superset(&counted["assigned"]));

    exhibit.run(&["check"]).ok();
    again_from_the_package(&workspace, server, &manifest);
    for secret in [SECRET, "recorded-management.azure.com", "recorded-graph.microsoft.com"] {
        let told = text(&run(Command::new("grep").args(["-rlF", secret]).arg(workspace.path())));
        assert_eq!(told, "", "{secret} is in the workspace");
    }
}
