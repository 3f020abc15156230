//! `exhibit doctor`: each thing that can be wrong, with what to do, one at a time.

use exhibit_tests::command::Exhibit;
use exhibit_tests::server::free_port;
use exhibit_tests::workspace::Workspace;
use std::os::unix::fs::PermissionsExt;

const FAILED: i32 = 1;

fn healthy() -> (Workspace, Exhibit) {
    let workspace = Workspace::fresh();
    workspace.add_okta("http://127.0.0.1:9");
    let text = std::fs::read_to_string(workspace.file("exhibit.toml")).expect("settings");
    let service = format!("\n[service]\nkeep_free_mb = 1\nlisten = \"127.0.0.1:{}\"\n", free_port());
    std::fs::write(workspace.file("exhibit.toml"), text + &service).expect("written");
    let exhibit = workspace.exhibit().with("OKTA_TOKEN", "made-up");
    (workspace, exhibit)
}

#[test]
fn a_healthy_installation_is_told_apart_from_a_sick_one() {
    let (workspace, exhibit) = healthy();
    let found = exhibit.run(&["doctor", "--format", "json"]).ok().json();
    let levels: Vec<&str> = found
        .as_array()
        .expect("findings")
        .iter()
        .map(|one| one["level"].as_str().expect("a level"))
        .collect();
    assert!(levels.len() > 8 && !levels.contains(&"wrong"), "{found}");
    let about = |name: &str| found.as_array().into_iter().flatten().find(|one| one["about"] == name);
    assert!(
        about("source okta-test")
            .is_some_and(|one| one["what"].as_str().is_some_and(|what| what.contains("approved, daily"))),
        "{found}"
    );
    let component = workspace.component("okta");
    let (wasm, settings) = (std::fs::read(&component).expect("read"), workspace.file("exhibit.toml"));
    let text = std::fs::read_to_string(&settings).expect("settings");
    let source = std::fs::read_to_string(workspace.file("sources/okta-test.toml")).expect("a source");
    let lock = std::fs::read_to_string(workspace.file("exhibit.lock")).expect("approvals");
    let sick = |exhibit: &Exhibit, words: &[&str]| {
        exhibit.run(&["doctor"]).fails(FAILED, words);
    };

    sick(&workspace.exhibit(), &["source okta-test", "OKTA_TOKEN", "[credentials.okta]"]);

    std::fs::set_permissions(workspace.file("keys/operator.key"), PermissionsExt::from_mode(0o644))
        .expect("mode");
    sick(&exhibit, &["can be read by others", "chmod 600"]);
    std::fs::set_permissions(workspace.file("keys/operator.key"), PermissionsExt::from_mode(0o600))
        .expect("mode");

    let mut changed = wasm.clone();
    *changed.last_mut().expect("bytes") ^= 1;
    std::fs::write(&component, changed).expect("written");
    sick(&exhibit, &["it was changed after it was added"]);
    std::fs::remove_file(&component).expect("removed");
    sick(&exhibit, &["is not in this workspace", "exhibit connector add"]);
    std::fs::write(&component, wasm).expect("written");

    std::fs::remove_file(workspace.file("exhibit.lock")).expect("removed");
    sick(&exhibit, &["is not approved", "exhibit source approve okta-test"]);
    std::fs::write(workspace.file("exhibit.lock"), lock).expect("written");

    workspace.edit(
        "sources/okta-test.toml",
        "org_url = \"http://127.0.0.1:9\"",
        "org_url = \"https://other.example\"",
    );
    sick(&exhibit, &["asks for more than was approved", "exhibit source approve okta-test"]);
    std::fs::write(
        workspace.file("sources/okta-test.toml"),
        format!("{source}\n[schedule]\nevery = \"hourly\"\n"),
    )
    .expect("written");
    sick(&exhibit, &["okta-test.toml:", "hourly"]);
    std::fs::write(workspace.file("sources/okta-test.toml"), &source).expect("written");

    for (from, to, words) in [
        ("keep_free_mb = 1", "keep_free_mb = 999999999", ["are to stay free", "keep_free_mb"]),
        ("listen = \"127.0.0.1", "listen = \"0.0.0.0", ["without TLS", "[service]"]),
        ("keys/signing.age", "keys/other.age", ["keys/other.age", "[signing]"]),
        ("keys/operator.key", "keys/nobody.key", ["keys/nobody.key", "[signing]"]),
    ] {
        workspace.edit("exhibit.toml", from, to);
        sick(&exhibit, &words);
        std::fs::write(&settings, &text).expect("written");
    }
    let alert = "\n[[alert]]\nurl = \"https://alerts.example\"\nsecret = \"env:NO_SUCH_SECRET\"\n";
    std::fs::write(&settings, format!("{text}{alert}")).expect("written");
    sick(&exhibit, &["https://alerts.example", "NO_SUCH_SECRET"]);
    std::fs::write(&settings, format!("{text}colour = 1\n")).expect("written");
    sick(&exhibit, &["exhibit.toml:", "colour"]);
    std::fs::write(&settings, &text).expect("written");
    exhibit.run(&["doctor"]).ok();
}
