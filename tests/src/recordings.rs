//! Recordings that a program of `tests/real` puts together and serves: `SYSTEM_recorded.py`.

use crate::server::{Server, free_port};
use crate::tools::{repository, shared, succeed};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// One system's recordings, being served.
#[derive(Debug)]
pub struct Recordings {
    script: PathBuf,
    recording: PathBuf,
    server: Server,
}

impl Recordings {
    /// Serves `recorded/SYSTEM.jsonl.gz`; none: it is not here.
    pub fn start(system: &str) -> Option<Self> {
        let recording = shared(&format!("recorded/{system}.jsonl.gz"))?;
        let script = repository().join(format!("tests/real/{system}_recorded.py"));
        let port = free_port();
        let mut serve = Command::new("python3");
        serve.arg(&script).arg(&recording).args(["--serve", &port.to_string()]);
        let server = Server::start(&mut serve, port, Duration::from_secs(60));
        Some(Self { script, recording, server })
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// How many records of each kind must come of it, counted by a program that knows nothing of Exhibit.
    pub fn counted(&self) -> BTreeMap<String, u64> {
        let mut count = Command::new("python3");
        let printed = succeed(count.arg(&self.script).arg(&self.recording).arg("--count"));
        serde_json::from_str(&printed).expect("it prints counts by kind")
    }
}
