//! `exhibit connector conform`: every connector that comes with Exhibit keeps every rule, and a connector that breaks one
//! is seen to break it, and that one alone.

use exhibit_tests::command::{Exhibit, Ran, binary};
use exhibit_tests::tools::{repository, succeed, target_dir};
use exhibit_tests::workspace::Workspace;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// It did not keep the rules.
const FAILED: i32 = 1;
/// The caller must correct something.
const USAGE: i32 = 2;

/// Rules with this result.
fn with(report: &Value, result: &str) -> Vec<String> {
    let rules = report["rules"].as_array().expect("rules").iter();
    rules
        .filter(|rule| rule["result"] == result)
        .map(|rule| rule["rule"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn every_connector_keeps_every_rule() {
    let workspace = Workspace::fresh();
    let plugins = repository().join("plugins");
    let mut names: Vec<String> = std::fs::read_dir(&plugins)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("connector.toml").is_file())
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    assert!(names.len() >= 8, "{names:?}");
    for name in names {
        let fixtures = plugins.join(&name).join("fixtures");
        let arguments = ["connector", "conform", &name, "--fixtures", fixtures.to_str().unwrap()];
        let ran = workspace.exhibit().run(&[&arguments[..], &["--format", "json"]].concat());
        let report = ran.json();
        assert_eq!(report["connector"], name.as_str());
        let kept = with(&report, "kept");
        assert_eq!(kept.len(), 11, "{name} does not keep every rule:\n{ran}");
        ran.ok();
    }
}

/// A component of a project in `tests`, built as an author builds one.
fn built(project: &str) -> PathBuf {
    let folder = target_dir();
    let file = folder.join(format!("tmp/conform-{project}.wasm"));
    succeed(
        Command::new(binary())
            .args(["connector", "build"])
            .arg(repository().join("tests").join(project))
            .arg("--out")
            .arg(&file)
            .env("CARGO_TARGET_DIR", &folder),
    );
    file
}

const ME: &str = r#"{"method":"GET","url":"https://careless.example/api/me","body_json":{"tenant":"t1"}}"#;
const PAGES: &str = r#"{"method":"GET","url":"https://careless.example/api/pages?page=0","body_json":[]}"#;
const LOG: &str = "https://careless.example/api/log";
const WINDOW: &str = "?since=2026-03-03T10:00:00.000Z&until=2026-03-04T10:00:00.000Z";

/// Three users on a page and two on the next, and a bot, with `more` about each.
fn users(more: &str) -> String {
    let user =
        |id: u32| format!(r#"{{"id":"u{id}","login":"user-{id}","recovery_question":"first pet"{more}}}"#);
    let page = |ids: std::ops::Range<u32>| ids.map(user).collect::<Vec<_>>().join(",");
    let url = "https://careless.example/api/users";
    format!(
        "{{\"method\":\"GET\",\"url\":\"{url}\",\"headers\":{{\"link\":\"<{url}?after=3>; rel=\\\"next\\\"\"}},\"body_json\":[{}]}}\n\
         {{\"method\":\"GET\",\"url\":\"{url}?after=3\",\"body_json\":[{}]}}\n\
         {{\"method\":\"GET\",\"url\":\"{url}/bots\",\"body_json\":[{}]}}",
        page(1..4),
        page(4..6),
        user(6),
    )
}

/// One event, at the query that is asked.
fn log(query: &str) -> String {
    let event = json!({"id": "e1", "at": "2026-03-04T08:00:00Z", "action": "sign-in"});
    json!({"method": "GET", "url": format!("{LOG}{query}"), "body_json": {"events": [event]}}).to_string()
}

/// A folder of fixtures for a connector with this setting.
fn fixtures(dir: &Path, setting: &str, lines: &[&str]) -> String {
    let text = format!("fixtures = [\"all\"]\n\n[settings]\n{setting}\n");
    std::fs::write(dir.join("whole.toml"), text).unwrap();
    std::fs::write(dir.join("all.jsonl"), lines.join("\n")).unwrap();
    dir.to_str().unwrap().to_owned()
}

fn conform(component: &Path, folder: &str, workspace: &Workspace, deadline_ms: &str) -> Ran {
    let component = component.to_str().unwrap();
    let arguments = ["connector", "conform", component, "--fixtures", folder, "--deadline-ms", deadline_ms];
    workspace.exhibit().run(&[&arguments[..], &["--format", "json"]].concat())
}

#[test]
fn a_rule_that_is_broken_is_found_and_no_other() {
    let (component, workspace) = (built("careless"), Workspace::fresh());
    let plain = users("");
    let (asked, unasked) = (log(WINDOW), log(""));
    let secret = users(r#","secret_key":"s3cret""#);
    let usual = [ME, &plain, &asked];
    for (how, lines, broken, says) in [
        ("tidy", &usual[..], &[][..], ""),
        ("opens another kind", &usual, &["declares", "kinds"], "asset.resource@1 is not among the kinds"),
        ("forgets one", &usual, &["whole"], "of 6 items received, 5 became records"),
        ("asks elsewhere", &usual, &["grant"], "elsewhere.example"),
        ("sets a credential", &usual, &["grant"], "sets the header `authorization`"),
        ("forgets the window", &[ME, &plain, &unasked], &["window"], "emits `e1`, which happened outside"),
        (
            "seals what was refused",
            &usual,
            &["seals"],
            "is sealed though this was refused: GET https://careless.example/api/users/bots",
        ),
        ("emits in no order", &usual, &["order"], "it emits otherwise"),
        (
            "counts for keys",
            &usual,
            &["keys"],
            "identity.account@1 `0` is `2` with its lists in reverse order",
        ),
        ("records the time", &usual, &["keys"], "identity.account@1 `u1` is another an hour later"),
        ("keeps a secret", &usual, &["secrets"], "identity.account@1 `u1` has a secret of an answer in it"),
        ("logs a secret", &usual, &["secrets"], "a line that it wrote has a secret"),
        ("tidy", &[ME, &secret, &asked], &["secrets"], "a secret in it that the manifest does not redact"),
        ("collects every kind", &usual, &["kinds"], "audit.activity@1 alone: the run fails: "),
        ("asks for ever", &[ME, PAGES, &plain, &asked], &["ends"], "where every answer is none at all: "),
        ("crashes", &[ME, PAGES, &plain, &asked], &["ends"], "the connector crashed"),
    ] {
        let dir = TempDir::new().unwrap();
        let folder = fixtures(dir.path(), &format!("how = \"{how}\""), lines);
        // Waiting for what never ends is worth a second; the others end long before.
        let deadline_ms = if how == "asks for ever" { "1000" } else { "60000" };
        let ran = conform(&component, &folder, &workspace, deadline_ms);
        let report = ran.json();
        assert_eq!(with(&report, "broken"), broken, "{how}:\n{ran}");
        assert_eq!(with(&report, "kept").len(), 11 - broken.len(), "{how}:\n{ran}");
        let code = if broken.is_empty() { 0 } else { FAILED };
        ran.fails(code, &[says]);
    }
}

#[test]
fn settings_that_are_not_looked_at_and_a_description_without_questions_are_found() {
    let workspace = Workspace::fresh();
    let dir = TempDir::new().unwrap();
    let line =
        r#"{"method":"GET","url":"https://api.example.com/users","body_json":[{"id":"1","login":"ada"}]}"#;
    let settings = "behaviour = \"list\"\nbase = \"https://base.example\"\nurl = \"https://api.example.com/users\"\n\
                    paging = '{\"scheme\":\"single\",\"items\":\"\"}'";
    let folder = fixtures(dir.path(), settings, &[line]);
    let ran = conform(&built("guests"), &folder, &workspace, "60000");
    assert_eq!(with(&ran.json(), "broken"), ["declares", "settings"], "{ran}");
    ran.fails(
        FAILED,
        &["has no question that it answers", "where there is an unknown one, nothing is found"],
    );
}

#[test]
fn nothing_is_judged_that_cannot_be() {
    let (component, workspace) = (built("careless"), Workspace::fresh());
    let dir = TempDir::new().unwrap();
    // Without the list of users the run fails: what would be compared with it is not judged, and that is no success.
    let folder = fixtures(dir.path(), "how = \"tidy\"", &[ME, &log(WINDOW)]);
    let ran = conform(&component, &folder, &workspace, "60000");
    let report = ran.json();
    assert_eq!(with(&report, "broken"), ["whole"], "{ran}");
    assert_eq!(
        with(&report, "not_judged"),
        ["window", "seals", "order", "keys", "secrets", "kinds"],
        "{ran}"
    );
    ran.fails(FAILED, &["no fixture answers GET https://careless.example/api/users"]);
}

#[test]
fn a_new_connector_keeps_every_rule() {
    let dir = TempDir::new().unwrap();
    let here = Exhibit::at(dir.path()).with("CARGO_TARGET_DIR", target_dir().to_str().unwrap());
    let sdk = repository().join("sdk");
    here.run(&["connector", "new", "acme", "--sdk", sdk.to_str().unwrap()]).ok();
    // The versions of this workspace, so that no network is needed.
    std::fs::copy(repository().join("Cargo.lock"), dir.path().join("acme/Cargo.lock")).unwrap();
    here.run(&["connector", "build", "acme"]).ok();
    let ran = here.run(&["connector", "conform", "acme"]).ok();
    assert_eq!(ran.stdout.matches(" kept ").count(), 11, "{ran}");
}

#[test]
fn what_is_missing_is_said() {
    let dir = TempDir::new().unwrap();
    let here = Exhibit::at(dir.path());
    let component = built("careless");
    let component = component.to_str().unwrap();
    here.run(&["connector", "conform", component]).fails(USAGE, &["name their folder with --fixtures"]);
    let folder = dir.path().to_str().unwrap();
    here.run(&["connector", "conform", component, "--fixtures", folder]).fails(USAGE, &["whole.toml"]);
    std::fs::write(dir.path().join("whole.toml"), "fixtures = [\"users\"]\n").unwrap();
    here.run(&["connector", "conform", component, "--fixtures", folder]).fails(USAGE, &["users.jsonl"]);
    here.run(&["connector", "conform", folder]).fails(USAGE, &["connector.toml"]);
    // A project that was not built.
    let manifest = repository().join("tests/careless/connector.toml");
    std::fs::copy(manifest, dir.path().join("connector.toml")).unwrap();
    here.run(&["connector", "conform"]).fails(USAGE, &["careless.wasm", "exhibit connector build"]);
}
