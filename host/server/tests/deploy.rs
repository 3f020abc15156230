//! What is handed out to run the service with, as the tools that read it see it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output};

fn deployed(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(file);
    std::fs::read_to_string(&path).unwrap()
}

/// What a tool says; none: it is not here.
fn run(program: &str, arguments: &[&str]) -> Option<Output> {
    match Command::new(program).args(arguments).output() {
        Ok(output) => Some(output),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            // Past the test harness, which hides what a passing test prints.
            let line = format!("skipped: {program} is not here (1 skipped here)\n");
            std::io::stderr().write_all(line.as_bytes()).unwrap();
            None
        }
        Err(error) => panic!("{program}: {error}"),
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn systemd_takes_the_unit() {
    let folder = tempfile::tempdir().unwrap();
    // The command and its manual are not installed where this is tested.
    let unit = deployed("exhibit.service")
        .replace("/usr/local/bin/exhibit ", "/bin/true ")
        .replace("Documentation=man:exhibit(1)\n", "");
    let path = folder.path().join("exhibit.service");
    std::fs::write(&path, unit).unwrap();
    let path = path.to_str().unwrap();
    let Some(said) = run("systemd-analyze", &["verify", path]) else { return };
    assert!(said.status.success() && !text(&said).contains("exhibit.service"), "{}", text(&said));
    // 0 is safe and 10 is not, in systemd's own reckoning; the threshold is in tenths.
    let judged = run("systemd-analyze", &["security", "--offline=yes", "--threshold=25", path]).unwrap();
    assert!(judged.status.success(), "{}", text(&judged));
}

#[test]
fn prometheus_takes_the_rules() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rules.yml");
    std::fs::write(&path, deployed("prometheus-rules.yml")).unwrap();
    let Some(said) = run("promtool", &["check", "rules", path.to_str().unwrap()]) else { return };
    assert!(said.status.success() && text(&said).contains("9 rules found"), "{}", text(&said));
}
