//! Answers that a system once gave, kept beside a connector's repository and never in it.

use std::path::{Path, PathBuf};
use std::process::Command;

/// What a Python script prints that is given the file of a recording and these arguments: fixtures made of it, or what
/// it counts in it without any of the connector's code. Nothing, and a line that says so, where the recording or Python
/// is not here. Paths are relative to the connector's `Cargo.toml`.
///
/// # Panics
/// Where the script fails.
#[allow(clippy::panic, clippy::print_stderr, reason = "for tests, which say what they skip")]
#[track_caller]
pub fn recorded(script: &str, recording: &str, arguments: &[&str]) -> Option<String> {
    let base = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let file = base.join(Path::new(recording));
    if !file.exists() {
        eprintln!("skipped: {recording} is not here");
        return None;
    }
    let Ok(output) = Command::new("python3").arg(base.join(script)).arg(file).args(arguments).output() else {
        eprintln!("skipped: no python3");
        return None;
    };
    if !output.status.success() {
        panic!("{script}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}
