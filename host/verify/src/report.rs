//! What was checked, and the first thing that is wrong, for people and for programs.

use exhibit_package::model::Meta;
use exhibit_package::read::OpenError;
use serde::Serialize;
use std::fmt;

/// The first thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The file, by its path in the package.
    pub file: String,
    /// What should be there, and who says so.
    pub expected: String,
    /// What is there.
    pub found: String,
}

impl Finding {
    /// A finding about `file`.
    pub(crate) fn new(file: impl Into<String>, expected: impl ToString, found: impl ToString) -> Self {
        Self { file: file.into(), expected: expected.to_string(), found: found.to_string() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n  expected  {}\n  found     {}", self.file, self.expected, self.found)
    }
}

/// A package that is not what it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("NOT VERIFIED: {finding}")]
pub struct Wrong {
    /// Always `wrong`.
    pub result: &'static str,
    /// The first thing that is wrong.
    #[serde(flatten)]
    pub finding: Finding,
    /// What held before that.
    pub checks: Vec<Check>,
}

impl Wrong {
    pub(crate) fn new(finding: Finding, checks: Vec<Check>) -> Self {
        Self { result: "wrong", finding, checks }
    }

    pub(crate) fn unopened(error: &OpenError) -> Self {
        let (file, found) = match error {
            OpenError::Hostile { path, reason } => (path.clone(), (*reason).to_owned()),
            other => ("the package".to_owned(), other.to_string()),
        };
        Self::new(Finding { file, expected: "a package that a writer made".into(), found }, Vec::new())
    }
}

/// Who signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Signer {
    /// The log's name.
    pub log: String,
    /// Its key.
    pub key: String,
    /// Whether the key was given on another way than the package. Otherwise whoever made the package may have
    /// made the key as well.
    pub confirmed: bool,
}

/// Something that held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Which.
    pub name: &'static str,
    /// How much of it, in words.
    pub detail: String,
}

/// A package that is what it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// `verified`, or `self-consistent, signer unconfirmed`.
    pub result: &'static str,
    /// The package's name.
    pub package: String,
    /// Whose evidence it is.
    pub organisation: String,
    /// The examined window.
    pub period: String,
    /// Made-up systems under a simulated clock: proves nothing about anyone.
    pub simulated: bool,
    /// Whether the period was sealed.
    pub sealed: bool,
    /// Who signed.
    pub signer: Signer,
    /// What held.
    pub checks: Vec<Check>,
    /// What could not be checked, or should be known.
    pub notes: Vec<String>,
    /// Runs in the package.
    pub runs: u64,
    /// Of those, the ones that can be performed again from it.
    pub reperformable: u64,
}

impl Report {
    pub(crate) fn new(meta: &Meta, signer: Signer, checks: Vec<Check>, notes: Vec<String>) -> Self {
        Self {
            result: if signer.confirmed { "verified" } else { "self-consistent, signer unconfirmed" },
            package: meta.name(),
            organisation: meta.organisation.clone(),
            period: meta.period.name().to_owned(),
            simulated: meta.simulated,
            sealed: meta.seal.is_some(),
            signer,
            checks,
            notes,
            runs: 0,
            reperformable: 0,
        }
    }
}

/// Text of the package, made harmless for a terminal.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.simulated {
            writeln!(
                f,
                "SIMULATED: made-up systems under a simulated clock. This proves nothing about anyone.\n"
            )?;
        }
        writeln!(f, "{}: evidence of {} for {}\n", self.package, plain(&self.organisation), self.period)?;
        for check in &self.checks {
            writeln!(f, "  ok  {:<12} {}", check.name, plain(&check.detail))?;
        }
        writeln!(f)?;
        for note in &self.notes {
            writeln!(f, "note: {}", plain(note))?;
        }
        if !self.notes.is_empty() {
            writeln!(f)?;
        }
        writeln!(f, "signed by {} ({})", self.signer.log, self.signer.key)?;
        write!(f, "{}", self.result.to_uppercase())
    }
}
