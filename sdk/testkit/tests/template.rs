//! What `exhibit connector new` writes compiles, passes its tests, is formatted, and is as short as promised.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::path::{Path, PathBuf};
use std::process::Command;

#[path = "../../template/template.rs"]
mod template;

/// Writes the project of a new connector.
fn instantiate(folder: &Path) {
    let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    for (name, text) in template::project("acme-hr", sdk.to_str().unwrap()) {
        assert!(!text.contains("{{"), "a placeholder is left in {name}");
        let file = folder.join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }
}

fn cargo(folder: &Path, arguments: &[&str]) {
    // The workspace's own target folder and profile, so that what it has compiled is not compiled again.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(folder)
        .env("CARGO_TARGET_DIR", target)
        .env("CARGO_PROFILE_DEV_DEBUG", "line-tables-only")
        .env_remove("CARGO_MANIFEST_DIR")
        .env_remove("EXHIBIT_UPDATE_SNAPSHOTS")
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "cargo {arguments:?}:\n{}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
}

#[test]
fn the_first_file_is_under_25_lines() {
    let files = template::project("acme-hr", "");
    let (_, text) = files.iter().find(|(name, _)| *name == "src/lib.rs").unwrap();
    assert!(text.lines().count() < 25, "{} lines", text.lines().count());
}

#[test]
fn a_new_connector_compiles_and_passes_its_tests() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("new-connector");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).unwrap();
    }
    instantiate(&folder);
    // The versions of this workspace, so that no network is needed.
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.lock");
    std::fs::copy(lock, folder.join("Cargo.lock")).unwrap();
    cargo(&folder, &["fmt", "--check"]);
    cargo(&folder, &["test", "--offline", "--quiet"]);
}
