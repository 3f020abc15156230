//! Rebuilds the roots that manifests state, from what a package holds.
//!
//! A state dataset's root stands for its whole snapshot. A package keeps each distinct line once, with the
//! runs that held it; [`SnapshotRoots`] reads those lines once, in key order, and grows one tree a run,
//! each as large as the logarithm of its records.

use crate::model::{PopulationRuns, RecordIndex};
use exhibit_evidence::digest::Digest;
use exhibit_ledger::tree::Frontier;

/// Why the lines do not give the roots.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RootError {
    /// A line stands at the wrong place.
    #[error("key `{key}` follows `{before}`: lines are ordered by key, then by first run, each once")]
    Order {
        /// The key before.
        before: String,
        /// The key.
        key: String,
    },
    /// A stretch of runs that does not exist.
    #[error("key `{key}` is held from run {first} to run {last}, of {runs} runs")]
    Held {
        /// The key.
        key: String,
        /// First run of the stretch.
        first: u32,
        /// Last run of the stretch.
        last: u32,
        /// Runs that there are.
        runs: usize,
    },
    /// Two lines of one key held by one run.
    #[error("key `{key}` has two lines in run {run}")]
    Twice {
        /// The key.
        key: String,
        /// Index of the run.
        run: u32,
    },
    /// Salts that are missing, or are for runs that did not hold the record.
    #[error("key `{key}` has salts for {found}, and was held in {expected}")]
    Salts {
        /// The key.
        key: String,
        /// The buckets of its runs.
        expected: String,
        /// The buckets of its salts.
        found: String,
    },
    /// The number of records is not the manifest's.
    #[error("run {run} holds {found} records, and its manifest says {expected}")]
    Count {
        /// Index of the run.
        run: usize,
        /// What the manifest says.
        expected: u64,
        /// What was counted.
        found: u64,
    },
    /// The root is not the manifest's.
    #[error("the records of run {run} give the root {found}, and its manifest says {expected}")]
    Root {
        /// Index of the run.
        run: usize,
        /// What the manifest says.
        expected: Digest,
        /// What was rebuilt.
        found: Digest,
    },
}

/// The roots of all runs of a population, in the making.
pub struct SnapshotRoots<'a> {
    population: &'a PopulationRuns,
    trees: Vec<Frontier>,
    /// Key and first run of the line before.
    before: Option<(String, u32)>,
    /// What the lines of the present key hold so far.
    taken: Vec<(u32, u32)>,
}

impl<'a> SnapshotRoots<'a> {
    /// Nothing read yet.
    pub fn new(population: &'a PopulationRuns) -> Self {
        let trees = population.runs.iter().map(|_| Frontier::new()).collect();
        Self { population, trees, before: None, taken: Vec::new() }
    }

    /// The next line.
    ///
    /// # Errors
    /// [`RootError`] where it is out of order, or its runs or salts make no sense.
    pub fn add(&mut self, index: &RecordIndex) -> Result<(), RootError> {
        self.check_order(index)?;
        self.check_held(index)?;
        let mut leaf: Option<(&str, Digest)> = None;
        let mut buckets: Vec<&str> = Vec::new();
        for &(first, last) in &index.held {
            let held = first as usize..=last as usize;
            for (run, tree) in self.population.runs[held.clone()].iter().zip(&mut self.trees[held]) {
                let bucket = run.bucket.as_str();
                let hash = match leaf {
                    Some((same, hash)) if same == bucket => hash,
                    _ => match index.salts.get(bucket) {
                        Some(salt) => salt.leaf(&index.sha256),
                        None => return Err(self.salts(index)),
                    },
                };
                leaf = Some((bucket, hash));
                if !buckets.contains(&bucket) {
                    buckets.push(bucket);
                }
                tree.push(hash);
            }
        }
        if buckets.len() == index.salts.len() { Ok(()) } else { Err(self.salts(index)) }
    }

    /// All lines are read: compares every run.
    ///
    /// # Errors
    /// [`RootError::Count`] or [`RootError::Root`] for the first run that differs.
    pub fn finish(self) -> Result<(), RootError> {
        for (run, (stated, tree)) in self.population.runs.iter().zip(&self.trees).enumerate() {
            if tree.size() != stated.records {
                return Err(RootError::Count { run, expected: stated.records, found: tree.size() });
            }
            if tree.root() != stated.root {
                return Err(RootError::Root { run, expected: stated.root, found: tree.root() });
            }
        }
        Ok(())
    }

    fn check_order(&mut self, index: &RecordIndex) -> Result<(), RootError> {
        let first = index.held.first().map_or(u32::MAX, |held| held.0);
        if let Some((key, run)) = &self.before {
            if (key.as_str(), *run) >= (index.key.as_str(), first) {
                return Err(RootError::Order { before: key.clone(), key: index.key.clone() });
            }
            if *key != index.key {
                self.taken.clear();
            }
        }
        self.before = Some((index.key.clone(), first));
        Ok(())
    }

    fn check_held(&mut self, index: &RecordIndex) -> Result<(), RootError> {
        let runs = self.population.runs.len();
        let mut next = 0;
        for &(first, last) in &index.held {
            if first < next || last < first || last as usize >= runs {
                return Err(RootError::Held { key: index.key.clone(), first, last, runs });
            }
            if let Some(other) = self.taken.iter().find(|other| other.0 <= last && first <= other.1) {
                return Err(RootError::Twice { key: index.key.clone(), run: first.max(other.0) });
            }
            next = last + 1;
        }
        if index.held.is_empty() {
            return Err(RootError::Held { key: index.key.clone(), first: 0, last: 0, runs });
        }
        self.taken.extend_from_slice(&index.held);
        Ok(())
    }

    fn salts(&self, index: &RecordIndex) -> RootError {
        let held = index.held.iter().flat_map(|&(first, last)| first as usize..=last as usize);
        let mut expected: Vec<&str> = held.map(|run| self.population.runs[run].bucket.as_str()).collect();
        expected.sort_unstable();
        expected.dedup();
        let found: Vec<&str> = index.salts.keys().map(String::as_str).collect();
        RootError::Salts { key: index.key.clone(), expected: expected.join(", "), found: found.join(", ") }
    }
}
