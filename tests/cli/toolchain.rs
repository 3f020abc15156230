//! `exhibit connector build` where the compiler cannot do it, and with the command that is named in cargo's place.

use exhibit_tests::command::Exhibit;
use exhibit_tests::tools::repository;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use tempfile::TempDir;

/// The caller must correct something.
const USAGE: i32 = 2;
/// It did not work.
const FAILED: i32 = 1;

fn script(dir: &Path, name: &str, text: &str) -> String {
    let file = dir.join(name);
    std::fs::write(&file, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&file, Permissions::from_mode(0o755)).unwrap();
    file.to_str().unwrap().to_owned()
}

/// The project of a connector, and a command that was told of no other cargo.
fn build(dir: &Path, rustc: &str, guest_cargo: &str) -> exhibit_tests::command::Ran {
    let project = repository().join("plugins/okta");
    let out = dir.join("out.wasm");
    let arguments = ["connector", "build", project.to_str().unwrap(), "--out", out.to_str().unwrap()];
    let ran = Exhibit::at(dir).with("RUSTC", rustc).with("EXHIBIT_GUEST_CARGO", guest_cargo).run(&arguments);
    assert!(!out.exists(), "nothing was built:\n{ran}");
    ran
}

#[test]
fn a_compiler_without_the_target_is_said_with_what_to_do() {
    let dir = TempDir::new().unwrap();
    // The real compiler, in an installation that has no libraries for any target.
    let rustc =
        script(dir.path(), "rustc", &format!("exec rustc --sysroot '{}' \"$@\"", dir.path().display()));
    let says = ["no target wasm32-wasip2", "hint: rustup target add wasm32-wasip2"];
    build(dir.path(), &rustc, "").fails(USAGE, &says);
    // One that is too old to know its name.
    let rustc =
        script(dir.path(), "old", "echo 'error: Could not find specification for target' >&2; exit 1");
    build(dir.path(), &rustc, "").fails(USAGE, &says);
    build(dir.path(), "/nowhere/rustc", "").fails(USAGE, &["cannot run /nowhere/rustc", "rustup.rs"]);
}

#[test]
fn another_command_compiles_in_the_place_of_cargo() {
    let dir = TempDir::new().unwrap();
    let said = dir.path().join("said");
    let cargo = script(dir.path(), "guest-cargo", &format!("echo \"$*\" >'{}'; exit 3", said.display()));
    build(dir.path(), "/nowhere/rustc", &cargo).fails(FAILED, &["the connector did not compile"]);
    let said = std::fs::read_to_string(said).unwrap();
    let expected = "build --target wasm32-wasip2 --profile connector --manifest-path ";
    assert!(said.starts_with(expected) && said.ends_with("plugins/okta/Cargo.toml\n"), "{said}");
    build(dir.path(), "rustc", "/nowhere/guest-cargo").fails(FAILED, &["cannot run /nowhere/guest-cargo"]);
}
