//! The log of alerts: `service/alerts.jsonl` in the data folder, a JSON line for each alert and for each attempt to send
//! it. Beyond ten megabytes it is moved to `alerts.1.jsonl`, in the place of the one before.

use super::Alert;
use exhibit_evidence::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The file grows to this size.
const BYTES_MAX: u64 = 10_000_000;

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// An alert was raised.
    Raised(Alert),
    /// It was sent, or that was tried.
    Sent {
        /// The alert's.
        id: String,
        /// The destination, without what may be secret in its URL.
        to: String,
        /// When.
        at: Timestamp,
        /// From 1.
        attempt: u32,
        /// What came of it.
        outcome: Outcome,
        /// Why it was not taken.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
}

/// What came of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was taken.
    Delivered,
    /// It was not, and will be sent again.
    Failed,
    /// It was not, and will not be sent again.
    GivenUp,
}

impl Outcome {
    /// `delivered`, `failed` or `given_up`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::GivenUp => "given_up",
        }
    }
}

/// An alert, and the destinations where it is settled.
pub(super) type Told = (Alert, Vec<String>);

/// The log, open for more.
pub(super) struct Journal {
    path: PathBuf,
    file: Mutex<Option<File>>,
}

impl Journal {
    /// Opens the log in a folder. Also answers with its alerts, in the order in which they were raised, each with the
    /// destinations where it is settled.
    pub(super) fn open(folder: &Path) -> std::io::Result<(Self, Vec<Told>)> {
        std::fs::create_dir_all(folder)?;
        let path = folder.join("alerts.jsonl");
        let mut raised: BTreeMap<(Timestamp, String), Told> = BTreeMap::new();
        let mut when = BTreeMap::new();
        for line in read(folder)? {
            match line {
                Line::Raised(alert) => {
                    when.insert(alert.id.clone(), alert.at);
                    raised.insert((alert.at, alert.id.clone()), (alert, Vec::new()));
                }
                Line::Sent { id, to, outcome: Outcome::Delivered | Outcome::GivenUp, .. } => {
                    if let Some((_, settled)) = when.get(&id).and_then(|at| raised.get_mut(&(*at, id))) {
                        settled.push(to);
                    }
                }
                Line::Sent { .. } => {}
            }
        }
        let journal = Self { path, file: Mutex::new(None) };
        Ok((journal, raised.into_values().collect()))
    }

    /// Adds a line; on return it is on the disk, or that it is not is in the log of the process.
    pub(super) fn write(&self, line: &Line) {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = self.append(&mut file, line) {
            tracing::error!(path = %self.path.display(), %error, "an alert could not be written down");
            *file = None;
        }
    }

    fn append(&self, open: &mut Option<File>, line: &Line) -> std::io::Result<()> {
        let file = match open {
            Some(file) if file.metadata()?.len() < BYTES_MAX => file,
            Some(_) => {
                std::fs::rename(&self.path, self.path.with_file_name("alerts.1.jsonl"))?;
                open.insert(self.file()?)
            }
            None => open.insert(self.file()?),
        };
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        file.write_all(&text)?;
        file.sync_data()
    }

    fn file(&self) -> std::io::Result<File> {
        let mut file = OpenOptions::new().create(true).append(true).open(&self.path)?;
        // After a power cut the last line may be half of one.
        if std::fs::read(&self.path)?.last().is_some_and(|last| *last != b'\n') {
            file.write_all(b"\n")?;
        }
        Ok(file)
    }
}

/// Every line that there is, the older file's first; what is half a line is left out.
pub fn read(folder: &Path) -> std::io::Result<Vec<Line>> {
    let mut lines = Vec::new();
    for name in ["alerts.1.jsonl", "alerts.jsonl"] {
        let bytes = match std::fs::read(folder.join(name)) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            read => read?,
        };
        lines.extend(bytes.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()));
    }
    Ok(lines)
}
