//! What a package holds, by name: runs, recordings for re-performance, populations.

use super::{FileReader, MAX_DOCUMENT, Package, ReadError};
use crate::layout::{self, population_file, run_file};
use crate::lines::{LineError, LineReader};
use crate::model::{Meta, PopulationRuns, RecordIndex, Withheld};
use exhibit_evidence::digest::Digest;
use exhibit_evidence::exchange::{Exchange, ExchangeId};
use exhibit_evidence::kind::Kind;
use exhibit_evidence::name::SourceName;
use exhibit_evidence::run::{Manifest, ReplayInputs, RunId};
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};

/// Largest body that is read into memory.
const MAX_BODY: u64 = 1 << 30;

impl Package {
    /// What the package is.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn meta(&self) -> Result<Meta, ReadError> {
        self.json(layout::PACKAGE)
    }

    /// The runs in the package, by the folders that there are.
    pub fn runs(&self) -> BTreeSet<RunId> {
        self.files_below(layout::RUNS).filter_map(|path| part(path, layout::RUNS, 0)?.parse().ok()).collect()
    }

    /// The populations in the package, by the folders that there are.
    pub fn populations(&self) -> BTreeSet<(SourceName, Kind)> {
        let of = |path: &str| {
            let source = part(path, layout::POPULATIONS, 0)?.parse().ok()?;
            Some((source, part(path, layout::POPULATIONS, 1)?.parse().ok()?))
        };
        self.files_below(layout::POPULATIONS).filter_map(of).collect()
    }

    /// A run's manifest.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn manifest(&self, run: &RunId) -> Result<Manifest, ReadError> {
        self.json(&layout::run(run, run_file::MANIFEST))
    }

    /// A run's replay inputs.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn replay(&self, run: &RunId) -> Result<ReplayInputs, ReadError> {
        self.json(&layout::run(run, run_file::REPLAY))
    }

    /// A component's bytes.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn component(&self, digest: &Digest) -> Result<Vec<u8>, ReadError> {
        self.read(&layout::component(digest), MAX_DOCUMENT)
    }

    /// A body. The empty one is always there.
    ///
    /// # Errors
    /// [`ReadError`]; [`ReadError::Missing`] where it is withheld or gone.
    pub fn body(&self, digest: &Digest) -> Result<Vec<u8>, ReadError> {
        if *digest == Digest::of([]) {
            return Ok(Vec::new());
        }
        self.read(&layout::body(digest), MAX_BODY)
    }

    /// The runs whose bodies are not in the package, with the reason.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn withheld(&self) -> Result<BTreeMap<RunId, String>, ReadError> {
        let list: Vec<Withheld> = self.json(layout::WITHHELD)?;
        Ok(list.into_iter().map(|withheld| (withheld.run, withheld.reason)).collect())
    }

    /// What was recorded of a run.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn recording(&self, run: &RunId) -> Result<RunRecording<'_>, ReadError> {
        let path = layout::run(run, run_file::EXCHANGES);
        let mut exchanges = BTreeMap::new();
        for line in self.lines(&path)? {
            let line = line.map_err(|e| form(&path, e))?;
            let exchange: Exchange = serde_json::from_slice(&line).map_err(|e| form(&path, e))?;
            exchanges.insert(exchange.id, exchange);
        }
        Ok(RunRecording { package: self, exchanges })
    }

    /// A population's runs.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn population_runs(&self, source: &SourceName, kind: &Kind) -> Result<PopulationRuns, ReadError> {
        self.json(&layout::population(source, kind, population_file::RUNS))
    }

    /// A population's lines with their index, in key order.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn records(&self, source: &SourceName, kind: &Kind) -> Result<HeldRecords, ReadError> {
        let (records, index) = (
            layout::population(source, kind, population_file::RECORDS),
            layout::population(source, kind, population_file::INDEX),
        );
        Ok(HeldRecords {
            lines: self.lines(&records)?,
            index: self.lines(&index)?,
            paths: (records, index),
            line: Vec::new(),
            index_line: Vec::new(),
        })
    }
}

/// One component of a path below a folder.
fn part<'a>(path: &'a str, folder: &str, number: usize) -> Option<&'a str> {
    path.strip_prefix(folder)?.split('/').nth(number)
}

fn form(path: &str, reason: impl ToString) -> ReadError {
    ReadError::Form { path: path.to_owned(), reason: reason.to_string() }
}

/// The exchanges of one run, to be answered again.
pub struct RunRecording<'a> {
    package: &'a Package,
    exchanges: BTreeMap<ExchangeId, Exchange>,
}

impl RunRecording<'_> {
    /// An exchange by its name.
    pub fn exchange(&self, id: ExchangeId) -> Option<&Exchange> {
        self.exchanges.get(&id)
    }

    /// Every exchange, in the order of their names.
    pub fn exchanges(&self) -> impl Iterator<Item = &Exchange> {
        self.exchanges.values()
    }

    /// A body that was sent or answered.
    ///
    /// # Errors
    /// As [`Package::body`].
    pub fn body(&self, digest: &Digest) -> Result<Vec<u8>, ReadError> {
        self.package.body(digest)
    }
}

/// Lines of a population with what the index says of each.
pub struct HeldRecords {
    lines: LineReader<FileReader>,
    index: LineReader<FileReader>,
    paths: (String, String),
    line: Vec<u8>,
    index_line: Vec<u8>,
}

/// A line of a population with what the index says of it.
pub struct HeldLine<'a> {
    /// The record's line, without its newline.
    pub line: &'a [u8],
    /// What the index says of it.
    pub index: RecordIndex,
    /// The index's own line, without its newline.
    pub index_line: &'a [u8],
}

impl HeldRecords {
    /// The next line with its index; none at the end of both files.
    ///
    /// # Errors
    /// [`ReadError::Form`] where a line cannot be read, or one file is longer than the other.
    pub fn next_record(&mut self) -> Result<Option<HeldLine<'_>>, ReadError> {
        let (records, index) = &self.paths;
        let more = self.lines.next_into(&mut self.line).map_err(|e: LineError| form(records, e))?;
        let more_index = self.index.next_into(&mut self.index_line).map_err(|e| form(index, e))?;
        match (more, more_index) {
            (false, false) => Ok(None),
            (true, false) => Err(form(index, format!("it ends before line {}", self.lines.number()))),
            (false, true) => Err(form(records, format!("it ends before line {}", self.index.number()))),
            (true, true) => {
                let entry = parse(index, self.index.number(), &self.index_line)?;
                Ok(Some(HeldLine { line: &self.line, index: entry, index_line: &self.index_line }))
            }
        }
    }

    /// Number of the line answered last, from 1.
    pub fn number(&self) -> u64 {
        self.lines.number()
    }
}

fn parse<T: DeserializeOwned>(path: &str, number: u64, line: &[u8]) -> Result<T, ReadError> {
    serde_json::from_slice(line).map_err(|e| form(path, format!("line {number}: {e}")))
}
