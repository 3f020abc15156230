//! Workspaces to test in.
//!
//! `TARGET/tmp/exhibit-tests/populated-*` holds some days of two systems of a made-up organisation, made once for each
//! build of the command by `exhibit demo`, and never changed: tests work on copies.

use crate::command::{Exhibit, binary};
use crate::server::Fakes;
use crate::tools::{succeed, target_dir};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::UNIX_EPOCH;
use tempfile::TempDir;

/// Days that the populated workspace holds.
pub const DAYS: u32 = 3;
/// The period that it is sealed for.
pub const PERIOD: &str = "2026-01-01..2026-01-03";

/// The populated workspace, to be read only.
pub fn populated() -> &'static Path {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| {
        let built = binary().metadata().expect("the command has metadata");
        let modified =
            built.modified().expect("files have times").duration_since(UNIX_EPOCH).expect("after 1970");
        let folder = target_dir().join("tmp/exhibit-tests");
        let dir = folder.join(format!("populated-{}-{}", built.len(), modified.as_nanos()));
        if !dir.join(format!("exhibit-{PERIOD}.zip")).is_file() {
            let _ = std::fs::remove_dir_all(&folder);
            std::fs::create_dir_all(&folder).expect("the build folder can be written");
            let days = DAYS.to_string();
            let made = dir.display().to_string();
            let two = ["--system", "okta", "--system", "aws"];
            let mut arguments = vec!["demo", "--days", &days, "--dir", &made];
            arguments.extend(two);
            Exhibit::at(&folder).run(&arguments).ok();
        }
        dir
    })
}

/// The package that lies in the populated workspace.
pub fn package() -> PathBuf {
    populated().join(format!("exhibit-{PERIOD}.zip"))
}

/// A workspace in a folder of its own, deleted with it.
#[derive(Debug)]
pub struct Workspace {
    dir: TempDir,
}

impl Workspace {
    /// A copy of the populated one.
    pub fn populated() -> Self {
        let dir = TempDir::new().expect("a temporary folder");
        copy(populated(), &dir.path().join("w"));
        Self { dir }
    }

    /// A new one, without sources. What was compiled for the populated one need not be compiled again.
    pub fn fresh() -> Self {
        let dir = TempDir::new().expect("a temporary folder");
        let said = ["init", "w", "--organisation", "Example Ltd", "--origin", "exhibit.example.com/tests"];
        Exhibit::at(dir.path()).run(&said).ok();
        copy(&populated().join("cache"), &dir.path().join("w/cache"));
        Self { dir }
    }

    /// Its folder.
    pub fn path(&self) -> PathBuf {
        self.dir.path().join("w")
    }

    /// The folder around it, for what is written beside it.
    pub fn beside(&self) -> &Path {
        self.dir.path()
    }

    /// A file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// The command, in it.
    pub fn exhibit(&self) -> Exhibit {
        Exhibit::at(&self.path())
    }

    /// Replaces the one place where `from` stands in a file of it.
    pub fn edit(&self, name: &str, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.file(name)).expect(name);
        assert!(text.contains(from), "{name} does not say `{from}`:\n{text}");
        std::fs::write(self.file(name), text.replacen(from, to, 1)).expect(name);
    }

    /// The one component of this connector's name, by its file.
    pub fn component(&self, connector: &str) -> PathBuf {
        let listed = self.exhibit().run(&["connector", "list", "--format", "json"]).ok().json();
        let of_name = |one: &&serde_json::Value| one["name"] == connector && one["added"] == true;
        let found = listed.as_array().and_then(|all| all.iter().find(of_name)).expect("it was added");
        self.file(&format!("connectors/{}.wasm", found["digest"].as_str().expect("a digest")))
    }

    /// What it holds for good: packs and the log, by file with their digests, as `sha256sum` tells them.
    pub fn held(&self) -> BTreeMap<String, String> {
        let listed = succeed(
            Command::new("sh")
                .args(["-c", "find data/packs data/log -type f -exec sha256sum {} +"])
                .current_dir(self.path()),
        );
        listed
            .lines()
            .filter_map(|line| line.split_once("  "))
            .map(|(sum, file)| (file.to_owned(), sum.to_owned()))
            .collect()
    }

    /// Adds the Okta connector and a source `okta-test` at `url`, approved, whose token is `OKTA_TOKEN`.
    pub fn add_okta(&self, url: &str) {
        let exhibit = self.exhibit();
        exhibit.run(&["connector", "add", "okta"]).ok();
        self.add_okta_source("okta-test", url, true);
    }

    /// Adds one more source of the Okta connector, approved.
    pub fn add_okta_source(&self, name: &str, url: &str, allow_loopback: bool) {
        let setting = format!("org_url={url}");
        let mut arguments = vec!["source", "add", name, "--connector", "okta", "--set", &setting];
        arguments.extend(["--credential", "okta.scheme=ssws", "--credential", "okta.token=env:OKTA_TOKEN"]);
        if allow_loopback {
            arguments.extend(["--allow-address", "127.0.0.1"]);
        }
        self.exhibit().run(&arguments).ok();
        self.exhibit().run(&["source", "approve", name, "--yes"]).ok();
    }

    /// Adds the AWS connector and a source `aws-test` at `url`, approved, whose secret is `AWS_SECRET_ACCESS_KEY`.
    pub fn add_aws(&self, url: &str, access_key_id: &str) {
        let exhibit = self.exhibit();
        exhibit.run(&["connector", "add", "aws"]).ok();
        let setting = format!("endpoint={url}");
        let id = format!("aws.access_key_id={access_key_id}");
        let mut arguments = vec!["source", "add", "aws-test", "--connector", "aws", "--set", &setting];
        arguments.extend(["--credential", "aws.scheme=aws_sigv4", "--credential", &id]);
        arguments.extend(["--credential", "aws.secret_access_key=env:AWS_SECRET_ACCESS_KEY"]);
        arguments.extend(["--allow-address", "127.0.0.1"]);
        exhibit.run(&arguments).ok();
        exhibit.run(&["source", "approve", "aws-test", "--yes"]).ok();
    }

    /// Adds the made-up Okta and AWS as sources, approved.
    pub fn add_fakes(&self, fakes: &Fakes) {
        self.add_okta(fakes.fact("okta"));
        self.add_aws(fakes.fact("aws"), fakes.fact("aws_access_key_id"));
    }

    /// The command with the credentials of the made-up systems.
    pub fn exhibit_with(&self, fakes: &Fakes) -> Exhibit {
        self.exhibit()
            .with("OKTA_TOKEN", fakes.fact("okta_token"))
            .with("AWS_SECRET_ACCESS_KEY", fakes.fact("aws_secret_access_key"))
    }
}

/// Copies a folder with everything in it, modes and times too.
pub fn copy(from: &Path, to: &Path) {
    succeed(Command::new("cp").arg("-a").arg(from).arg(to));
}
