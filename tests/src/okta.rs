//! Recordings of Okta organisations, served on loopback.

use crate::server::{Server, free_port};
use crate::tools::{repository, shared, succeed};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// A recorded organisation, served as if it were on loopback.
#[derive(Debug)]
pub struct Recorded {
    _replay: Server,
    forward: Server,
    log: PathBuf,
}

impl Recorded {
    /// Serves what this host answered, and keeps a log in a folder; none: there are no recordings.
    pub fn start(folder: &Path, host: &str) -> Option<Self> {
        let (replay, recording) = (shared("replay.py")?, shared("recorded/okta.jsonl.gz")?);
        let log = folder.join("okta-answers.jsonl");
        let soon = Duration::from_secs(60);
        let (behind, before) = (free_port(), free_port());
        let mut served = Command::new("python3");
        served.arg(replay).arg(behind.to_string()).arg(recording);
        let mut forward = Command::new("python3");
        forward.arg(repository().join("tests/real/forward.py"));
        forward.args([before.to_string(), behind.to_string()]).arg(host).arg(&log);
        Some(Self {
            _replay: Server::start(&mut served, behind, soon),
            forward: Server::start(&mut forward, before, soon),
            log,
        })
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        self.forward.url()
    }

    /// The ids that a list answered with, as a program that knows nothing of Exhibit counts them.
    pub fn ids(&self, path: &str) -> BTreeSet<String> {
        let script = repository().join("tests/real/count_ids.py");
        let printed = succeed(Command::new("python3").arg(script).arg(&self.log).arg(path));
        serde_json::from_str(&printed).expect("it prints ids")
    }
}
