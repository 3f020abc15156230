//! `exhibit demo` to its end, and what tools that are not ours say of its package.

use exhibit_tests::command::Exhibit;
use exhibit_tests::server::Fakes;
use exhibit_tests::tools::{python, run, succeed, text};
use exhibit_tests::workspace::Workspace;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

#[test]
fn ten_days_to_a_package_that_others_accept() {
    let dir = tempfile::tempdir().unwrap();
    let exhibit = Exhibit::at(dir.path());
    let demo = exhibit.run(&["demo", "--days", "10"]).ok();
    for text in
        ["Verified: verified.", "0 differ, 0 not re-performable", "data/index.html", "connector add okta"]
    {
        assert!(demo.stderr.contains(text), "`{text}`:\n{demo}");
    }
    assert_eq!(demo.stdout, "", "all of it is said to a person");
    let package = dir.path().join("demo/exhibit-2026-01-01..2026-01-10.zip");
    let bag = unpack(&package, dir.path());

    // Coreutils.
    for list in ["manifest-sha256.txt", "tagmanifest-sha256.txt"] {
        succeed(Command::new("sha256sum").args(["--check", "--strict", "--quiet", list]).current_dir(&bag));
    }
    // The Library of Congress' validator, which also misses what a list leaves out.
    match python() {
        Some(python) => {
            let output = run(Command::new(&python).args(["-m", "bagit", "--validate"]).arg(&bag));
            assert!(output.status.success(), "{}", text(&output));
        }
        None => exhibit_tests::tools::skip("demo with bagit", "no Python packages: make setup-test"),
    }
    let package = package.to_str().unwrap();
    let verified =
        exhibit.run(&["verify", package, "--key", "demo/keys/ledger.pub", "--format", "json"]).ok().json();
    assert_eq!((&verified["result"], &verified["sealed"]), (&"verified".into(), &true.into()), "{verified}");
    // Ten days, and one more for the last day's events, of every system; the day on which nobody looked is later.
    let runs = 11 * std::fs::read_dir(dir.path().join("demo/sources")).unwrap().count();
    let again = exhibit.run(&["reperform", package, "--format", "json"]).ok().json();
    assert_eq!((&again["same"], &again["different"]), (&runs.into(), &0.into()), "{again}");
    let checked = exhibit.run(&["-w", "demo", "check", "--format", "json"]).ok().json();
    assert_eq!((&checked["runs"], &checked["problems"]), (&runs.into(), &serde_json::json!([])), "{checked}");

    no_secret(&dir.path().join("demo"), &bag, &format!("{}{}", demo.stdout, demo.stderr));
}

fn unpack(package: &Path, into: &Path) -> PathBuf {
    let folder = into.join("unpacked");
    succeed(Command::new("unzip").arg("-q").arg(package).arg("-d").arg(&folder));
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(entries.len(), 1, "one folder: {entries:?}");
    entries.remove(0)
}

/// The secrets that the sources name; of a key file in JSON what is secret in it, and of that one line.
fn secrets(workspace: &Path) -> Vec<String> {
    let files = std::fs::read_dir(workspace.join("keys")).unwrap().map(|entry| entry.unwrap());
    let files = files.filter(|entry| entry.file_name().to_str().unwrap().starts_with("demo-"));
    let secret = |text: String| match serde_json::from_str::<Value>(&text) {
        Ok(file) => file["private_key"].as_str().unwrap().lines().nth(3).unwrap().to_owned(),
        Err(_) => text,
    };
    files.map(|entry| secret(std::fs::read_to_string(entry.path()).unwrap())).collect()
}

/// `strings` over everything that was written and said, the keys' own folder left out, finds no credential.
fn no_secret(workspace: &Path, bag: &Path, said: &str) {
    let secrets = secrets(workspace);
    assert!(secrets.len() >= std::fs::read_dir(workspace.join("sources")).unwrap().count(), "one each");
    for secret in &secrets {
        assert!(secret.len() >= 16 && !said.contains(secret.as_str()), "said aloud: {secret}");
    }
    let find = Command::new("find")
        .args([workspace, bag])
        .args(["-path", "*/demo/keys", "-prune", "-o", "-type", "f", "-print"])
        .output()
        .unwrap();
    let files = text(&find);
    assert!(files.lines().count() > 500, "data, package, components:\n{files}");
    let files: Vec<&str> = files.lines().collect();
    for some in files.chunks(500) {
        let strings = succeed(Command::new("strings").args(["-a", "-f", "-n", "8", "--"]).args(some));
        for secret in &secrets {
            let line = strings.lines().find(|line| line.contains(secret.as_str()));
            assert_eq!(line, None, "a credential is in a file");
        }
    }
}

#[test]
fn two_days_on_which_nothing_changed() {
    let mut fakes = Fakes::start("2026-01-01T06:00:00Z");
    let quiet: Vec<String> =
        [0, 1].map(|i| format!("{}T06:00:00Z", fakes.story()["quiet_days"][i].as_str().unwrap())).to_vec();
    let workspace = Workspace::fresh();
    workspace.add_fakes(&fakes);
    let exhibit = workspace.exhibit_with(&fakes);
    let mut collect = |day: &str| -> Vec<Value> {
        fakes.set(day);
        let manifests = exhibit.run(&["collect", "--format", "json"]).ok().json();
        manifests.as_array().unwrap().clone()
    };
    let (first, second) = (collect(&quiet[0]), collect(&quiet[1]));
    let mut states = BTreeSet::new();
    for (before, after) in first.iter().zip(&second) {
        assert_eq!(before["source"], after["source"]);
        assert_eq!(
            (&before["verdict"], &after["verdict"]),
            (&"complete".into(), &"complete".into()),
            "{after}"
        );
        let (from, to) = (before["run"].as_str().unwrap(), after["run"].as_str().unwrap());
        for (old, new) in datasets(before).zip(datasets(after)) {
            let kind = new["kind"].as_str().unwrap();
            if new["shape"] != "state" {
                continue;
            }
            for count in ["added", "changed", "removed", "unobserved"] {
                assert_eq!(new[count], 0, "{count} of {kind}: {new}");
            }
            assert_eq!(
                (&old["root"], &old["records"]),
                (&new["root"], &new["records"]),
                "{kind}: the same records"
            );
            let diff = exhibit.run(&["evidence", "diff", kind, from, to, "--format", "json"]).ok().json();
            assert_eq!(diff, serde_json::json!([]), "{kind} of {}", after["source"]);
            states.insert(kind.to_owned());
        }
    }
    assert!(states.len() >= 9, "kinds of state that were compared: {states:?}");
    assert!(states.contains("identity.account@1") && states.contains("config.encryption@1"), "{states:?}");
}

fn datasets(manifest: &Value) -> impl Iterator<Item = &Value> {
    manifest["datasets"].as_array().unwrap().iter()
}
