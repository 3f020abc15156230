//! Tools and material that are not ours: where `tests/setup/test.sh` puts them, and saying so where one is absent.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests is in the repository").to_owned()
}

/// The folder that cargo builds into: that of this very program (`TARGET/debug/deps/NAME`).
pub fn target_dir() -> PathBuf {
    let program = std::env::current_exe().expect("a program has a file");
    program.ancestors().nth(3).expect("cargo builds three folders deep").to_owned()
}

/// Python with moto, boto3 and bagit; none: not set up.
pub fn python() -> Option<PathBuf> {
    Some(target_dir().join("test-python/bin/python")).filter(|path| path.is_file())
}

/// A program that came with an npm package; none: not set up.
pub fn node_program(name: &str) -> Option<PathBuf> {
    Some(target_dir().join("test-node/node_modules/.bin").join(name)).filter(|path| path.exists())
}

/// The library of Debian's package faketime, which gives a program another clock; none: not set up.
pub fn faketime() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").ok()?;
    folders
        .flatten()
        .map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"))
        .find(|file| file.is_file())
}

/// A file beside the repository: recordings and specifications of the real systems, which may not be copied into it.
pub fn shared(path: &str) -> Option<PathBuf> {
    Some(repository().join("../shared/apis").join(path)).filter(|path| path.exists())
}

/// Runs a tool that must succeed, and returns what it printed.
pub fn succeed(command: &mut Command) -> String {
    let output = run(command);
    assert!(output.status.success(), "{command:?}: {}\n{}", output.status, text(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Runs a tool.
pub fn run(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// Everything that a tool printed.
pub fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

static SKIPPED: AtomicUsize = AtomicUsize::new(0);

/// Says that a test was skipped, and why, past the test harness, which hides what a passing test prints.
pub fn skip(name: &str, reason: &str) {
    let count = SKIPPED.fetch_add(1, Ordering::Relaxed) + 1;
    let line = format!("skipped: {name}: {reason} ({count} skipped here)\n");
    std::io::stderr().write_all(line.as_bytes()).expect("standard error takes a line");
}

/// The value, or a return from the test that was skipped without it.
#[macro_export]
macro_rules! or_skip {
    ($name:expr, $value:expr, $reason:expr) => {
        match $value {
            Some(value) => value,
            None => {
                $crate::tools::skip($name, $reason);
                return;
            }
        }
    };
}
