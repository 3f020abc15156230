//! Recordings of Google's APIs, served as if they were on loopback, with a service account that may ask them.

use crate::command::Exhibit;
use crate::server::{Server, free_port};
use crate::tools::{repository, shared, succeed};
use crate::workspace::Workspace;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// RFC 7515 appendix A.2: everybody has this key.
const KEY: &str = include_str!("../../host/broker/tests/vectors/rfc7515-a2-rs256.pem");

/// A recording that is being served.
#[derive(Debug)]
pub struct Recorded {
    _replay: Server,
    google: Server,
    log: PathBuf,
}

impl Recorded {
    /// Serves a recording of `../shared/apis/recorded`; none: there is none. `only` is a parameter, `project=p`, that was
    /// recorded with this value alone.
    pub fn start(workspace: &Workspace, recording: &str, only: Option<&str>) -> Option<Self> {
        let replay = shared("replay.py")?;
        let recording = shared(&format!("recorded/{recording}"))?;
        let soon = Duration::from_secs(60);
        let (behind, before) = (free_port(), free_port());
        let log = workspace.beside().join("answers.jsonl");
        let mut served = Command::new("python3");
        served.arg(replay).arg(behind.to_string()).arg(recording);
        let mut google = Command::new("python3");
        google
            .arg(repository().join("tests/real/google.py"))
            .args([before.to_string(), behind.to_string()])
            .arg(&log);
        google.args(only);
        Some(Self {
            _replay: Server::start(&mut served, behind, soon),
            google: Server::start(&mut google, before, soon),
            log,
        })
    }

    /// What was answered, as a program of `tests/real` that knows nothing of Exhibit counts it: names by kind.
    pub fn counted(&self, script: &str) -> BTreeMap<String, BTreeSet<String>> {
        let script = repository().join("tests/real").join(script);
        let printed = succeed(Command::new("python3").arg(script).arg(&self.log));
        serde_json::from_str(&printed).expect("it prints names by kind")
    }

    /// Adds a connector of Google's and a source of it, approved, whose credential is a service account's key. Returns the
    /// command with that key.
    pub fn add_source(&self, workspace: &Workspace, name: &str, slot: &str, more: &[&str]) -> Exhibit {
        let exhibit = workspace.exhibit();
        exhibit.run(&["connector", "add", name]).ok();
        let url = self.google.url();
        let endpoint = format!("endpoint={url}");
        let credential = |member: &str, value: &str| format!("{slot}.{member}={value}");
        let scheme = credential("scheme", "google_service_account");
        let key = credential("key", "env:GOOGLE_KEY");
        let token = credential("token_url", &format!("{url}/token"));
        let source = format!("{name}-test");
        let mut arguments = vec!["source", "add", &source, "--connector", name, "--set", &endpoint];
        for setting in [&scheme, &key, &token] {
            arguments.extend(["--credential", setting]);
        }
        arguments.extend(["--allow-address", "127.0.0.1"]);
        arguments.extend(more);
        exhibit.run(&arguments).ok();
        exhibit.run(&["source", "approve", &source, "--yes"]).ok();
        exhibit.with("GOOGLE_KEY", &key_file())
    }
}

/// A service account's key file.
pub(crate) fn key_file() -> String {
    let file = json!({
        "type": "service_account",
        "project_id": "example-prod-1",
        "private_key_id": "kid-1",
        "private_key": KEY,
        "client_email": "exhibit@example-prod-1.iam.gserviceaccount.com",
        "token_uri": "https://oauth2.googleapis.com/token",
    });
    file.to_string()
}

/// The native ids of records, of which no two are the same.
pub fn native_ids<'r>(records: impl IntoIterator<Item = &'r Value>) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    for record in records {
        let id = record["native_id"].as_str().expect("a record has a native id");
        assert!(ids.insert(id.to_owned()), "{id} is there twice");
    }
    ids
}

/// Every gap of a manifest has its reason, and nothing was refused.
pub fn gaps_are_said(manifest: &Value) {
    for population in manifest["populations"].as_array().expect("a manifest has populations") {
        eprintln!(
            "  {} {} {} of {}",
            population["kind"], population["verdict"], population["emitted"], population["query"]
        );
        let reason = population["reason"].as_str();
        assert!(population["verdict"] == "complete" || reason.is_some_and(|r| r.len() > 10), "{population}");
        assert_eq!(population["rejected"], 0, "{population}");
    }
}
