//! A connector's fixtures with the settings that they belong to: `fixtures/whole.toml`.
//!
//! ```toml
//! # A whole system, in which everything may be read.
//! fixtures = ["users", "groups"]            # users.jsonl and groups.jsonl beside it, each line of which is asked for
//! started_at = "2026-03-04T10:00:00Z"       # left out: this
//! window = ["2026-03-03T10:00:00Z", "2026-03-04T10:00:00Z"]   # left out: the day before
//!
//! [settings]
//! org_url = "https://okta.example.com"
//! ```

use exhibit_broker::fixture::{Fixture, FixtureError};
use exhibit_evidence::time::{Span, Timestamp};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// The file's name in the folder of fixtures.
pub const FILE: &str = "whole.toml";

/// 2026-03-04T10:00:00Z, as in the testkit.
const STARTED_AT: Timestamp = Timestamp::from_ms(1_772_618_400_000);
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// A whole system, recorded.
#[derive(Clone, Debug)]
pub struct Case {
    /// The source's settings.
    pub settings: serde_json::Value,
    /// The exchanges.
    pub fixtures: Vec<Fixture>,
    /// When the run starts.
    pub started_at: Timestamp,
    /// The window of events.
    pub window: Span,
}

/// Why there is no case.
#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    /// The file cannot be read.
    #[error(
        "{path}: {error}. It names the fixtures of a whole system: fixtures = [\"users\"], and below [settings] the \
         settings that they belong to", path = path.display()
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The file is not of its form.
    #[error("{path}: {error}", path = path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: String,
    },
    /// A fixture is not one.
    #[error(transparent)]
    Fixture(#[from] FixtureError),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    fixtures: Vec<String>,
    #[serde(default)]
    settings: toml::Table,
    started_at: Option<Timestamp>,
    window: Option<(Timestamp, Timestamp)>,
}

impl Case {
    /// The case in this folder of fixtures.
    pub fn read(folder: &Path) -> Result<Self, CaseError> {
        let path = folder.join(FILE);
        let form = |error: String| CaseError::Form { path: path.clone(), error };
        let text =
            std::fs::read_to_string(&path).map_err(|error| CaseError::Read { path: path.clone(), error })?;
        let file: File = toml::from_str(&text).map_err(|error| form(error.to_string()))?;
        let settings = serde_json::to_value(&file.settings).map_err(|error| form(error.to_string()))?;
        let mut fixtures = Vec::new();
        for name in &file.fixtures {
            fixtures.extend(Fixture::read(&folder.join(format!("{name}.jsonl")))?);
        }
        let started_at = file.started_at.unwrap_or(STARTED_AT);
        let window = file.window.unwrap_or((started_at.plus_ms(-DAY_MS), started_at));
        Ok(Self { settings, fixtures, started_at, window: Span { start: window.0, end: window.1 } })
    }
}
