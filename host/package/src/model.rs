//! The documents that this crate itself defines, as they stand in a package.

use exhibit_evidence::control::Control;
use exhibit_evidence::digest::Digest;
use exhibit_evidence::kind::{Kind, Shape};
use exhibit_evidence::name::SourceName;
use exhibit_evidence::period::{AuditPeriod, CollectionPeriod};
use exhibit_evidence::run::{Dataset, Manifest, RunId};
use exhibit_evidence::time::Timestamp;
use exhibit_ledger::record_leaf::Salt;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a package is: `data/package.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Meta {
    /// [`crate::layout::FORMAT`].
    pub format: u32,
    /// Whose evidence it is.
    pub organisation: String,
    /// The examined window.
    pub period: AuditPeriod,
    /// Made under a simulated clock against made-up systems. Proves nothing about anyone.
    pub simulated: bool,
    /// When the export was made. Every file in the archive bears this time.
    pub made_at: Timestamp,
    /// What wrote it, `exhibit 0.1.0`.
    pub software: String,
    /// [`crate::views::VERSION`]: which drawing of pages, tables and workbook this is.
    pub views: u32,
    /// The source that is the directory of record, with which accounts elsewhere are compared; none: the one that
    /// names most people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<SourceName>,
    /// Digest of the seal's document; none: the period was exported before it was sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seal: Option<Digest>,
}

impl Meta {
    /// The top-level folder: `exhibit-2026-H1-0123456789ab`, or `exhibit-2026-H1-unsealed`.
    pub fn name(&self) -> String {
        let seal = self.seal.map_or_else(|| "unsealed".to_owned(), |seal| seal.short());
        format!("exhibit-{}-{seal}", self.period.name().replace("..", "_"))
    }

    /// What [`Meta::software`] says for a version of Exhibit.
    pub fn software_of(version: &str) -> String {
        format!("exhibit {version}")
    }
}

pub use exhibit_ledger::seal::Outcome;

/// Every outcome, from best to worst.
pub const OUTCOMES: [Outcome; 5] =
    [Outcome::Filled, Outcome::Late, Outcome::Partial, Outcome::Failed, Outcome::Missed];

/// One collection period of a control.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeriodOutcome {
    /// The period.
    pub period: CollectionPeriod,
    /// What became of it.
    pub outcome: Outcome,
    /// The runs that tried to fill it, in the order of their start.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<RunId>,
    /// The leaves of the files that people attached to it, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uploads: Vec<u64>,
    /// Why it is not simply filled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A control and every collection period that its frequency asked for: an element of `data/coverage.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ControlCoverage {
    /// The control as it was in force.
    pub control: Control,
    /// Its periods, in order.
    pub periods: Vec<PeriodOutcome>,
}

impl ControlCoverage {
    /// Number of periods with this outcome.
    pub fn count(&self, outcome: Outcome) -> usize {
        self.periods.iter().filter(|p| p.outcome == outcome).count()
    }
}

/// A population and the runs that its index counts in: `runs.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PopulationRuns {
    /// The source.
    pub source: SourceName,
    /// The kind.
    pub kind: Kind,
    /// One line for people.
    pub title: String,
    /// How it behaves.
    pub shape: Shape,
    /// The runs that the lines cover, in the order of their leaves in the log.
    pub runs: Vec<PopulationRun>,
}

/// One run of a dataset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PopulationRun {
    /// The run.
    pub run: RunId,
    /// When it looked.
    pub started_at: Timestamp,
    /// Merkle root that its manifest states for the dataset.
    pub root: Digest,
    /// Records under that root.
    pub records: u64,
    /// Retention bucket whose salts the leaves bear.
    pub bucket: String,
}

impl PopulationRun {
    /// The run of `manifest` as its `dataset` describes it.
    pub fn of(manifest: &Manifest, dataset: &Dataset) -> Self {
        Self {
            run: manifest.run.clone(),
            started_at: manifest.started_at,
            root: dataset.root,
            records: dataset.records,
            bucket: dataset.bucket.clone(),
        }
    }
}

/// A line of `index.jsonl`: what belongs to the line of `records.jsonl` with the same number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordIndex {
    /// The record's place in its dataset.
    pub key: String,
    /// SHA-256 of the record's line without its newline.
    pub sha256: Digest,
    /// Salt of its leaf, in hex, by retention bucket: those of the runs that held it.
    pub salts: BTreeMap<String, Salt>,
    /// First and last run of each unbroken stretch in which it was held, as indexes into `runs.json`. For
    /// events and acts: the run that added it.
    pub held: Vec<(u32, u32)>,
}

/// Something that belongs to the evidence and is not in the package: an element of `data/withheld.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Withheld {
    /// The run whose bodies are not in the package.
    pub run: RunId,
    /// Why.
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain() {
        let mut meta = Meta {
            format: crate::layout::FORMAT,
            organisation: "Example".into(),
            period: "2026-01-15..2026-07-14".parse().unwrap(),
            simulated: false,
            made_at: Timestamp::from_ms(0),
            software: Meta::software_of("0.1.0"),
            views: crate::views::VERSION,
            directory: None,
            seal: None,
        };
        assert_eq!(meta.name(), "exhibit-2026-01-15_2026-07-14-unsealed");
        meta.seal = Some(Digest::of("abc"));
        assert_eq!(meta.name(), "exhibit-2026-01-15_2026-07-14-ba7816bf8f01");
        assert!(crate::layout::is_plain(&meta.name()));
    }

    #[test]
    fn an_index_line_reads_as_documented() {
        let line = format!(
            r#"{{"held":[[0,5],[9,9]],"key":"00u1","salts":{{"2026-Q1":"{}"}},"sha256":"{}"}}"#,
            Digest::of("s"),
            Digest::of("r")
        );
        let index: RecordIndex = serde_json::from_str(&line).unwrap();
        assert_eq!(index.held, [(0, 5), (9, 9)]);
        assert_eq!(exhibit_evidence::canonical::to_bytes(&index).unwrap(), line.as_bytes());
    }
}
