//! Runs, what they wrote, and what they prove.

use crate::error::ReadError;
use crate::keys;
use crate::pack::name;
use crate::rows::RunRow;
use crate::stage::provenance::Provenance;
use crate::store::{Inner, Store};
use exhibit_evidence::control::ControlId;
use exhibit_evidence::digest::Digest;
use exhibit_evidence::exchange::{Exchange, Walk};
use exhibit_evidence::kind::Kind;
use exhibit_evidence::name::SourceName;
use exhibit_evidence::period::CollectionPeriod;
use exhibit_evidence::record::Rejection;
use exhibit_evidence::run::{Manifest, ReplayInputs, RunId};
use exhibit_evidence::time::{Span, Timestamp};
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, HashMap};

/// Which runs are meant; empty: all.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct RunFilter {
    /// Of this source.
    pub source: Option<SourceName>,
    /// Started in this span.
    pub span: Option<Span>,
}

/// A run in a list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RunEntry {
    /// The run.
    pub run: RunId,
    /// Its leaf in the log.
    pub leaf: u64,
    /// Its source.
    pub source: SourceName,
    /// Its start.
    pub started_at: Timestamp,
    /// Its end.
    pub ended_at: Timestamp,
    /// Digest of its manifest.
    pub manifest: Digest,
}

/// How a run's reading of a population ended, as the index keeps it; the reason is in the manifest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Standing {
    /// Complete.
    Complete,
    /// Partial.
    Partial,
    /// Failed.
    Failed,
}

/// A run that fills a collection period of a control.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RunRef {
    /// The run.
    pub run: RunId,
    /// The kind that proves the control in it.
    pub kind: Kind,
    /// The verdict on that kind.
    pub standing: Standing,
}

/// A file that a run wrote, byte for byte as the manifest digests it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RunFile {
    /// The manifest, canonical, without a newline.
    Manifest,
    /// The replay inputs, canonical, without a newline.
    Replay,
    /// Exchange lines, in the order of their ids.
    Exchanges,
    /// Walk lines, in the order of their ids.
    Walks,
    /// Rejection lines, in the order in which the items were refused.
    Rejections,
    /// Log lines.
    Log,
    /// Provenance lines of a kind, in the order of the keys.
    Provenance(Kind),
}

impl Store {
    /// Runs, in the order in which they were committed.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn runs(&self, filter: &RunFilter) -> Result<Vec<RunEntry>, ReadError> {
        let prefix = match &filter.source {
            Some(source) => keys::source_prefix(source),
            None => vec![keys::SOURCE],
        };
        let mut runs = Vec::new();
        for run in self.entries_back(prefix) {
            let run = run?;
            if filter.span.is_none_or(|span| span.contains(run.started_at)) {
                runs.push(run);
            }
        }
        runs.sort_by_key(|run| run.leaf);
        Ok(runs)
    }

    /// Runs of a source, the last committed first. Each is read as it is asked for.
    pub fn runs_back(&self, source: &SourceName) -> impl Iterator<Item = Result<RunEntry, ReadError>> {
        self.entries_back(keys::source_prefix(source))
    }

    /// Committed runs under this prefix of the index, from its end.
    fn entries_back(&self, prefix: Vec<u8>) -> impl Iterator<Item = Result<RunEntry, ReadError>> {
        let signed = self.inner.signed();
        let read = move |row: Result<(_, _), ReadError>| {
            let (key, value): (sled::IVec, sled::IVec) = row?;
            let damaged =
                || ReadError::damaged(format!("index row {}", key.escape_ascii()), "it names no run");
            if keys::leaf_index(&key).ok_or_else(damaged)? >= signed {
                return Ok(None);
            }
            let run = keys::run_of(&value).ok_or_else(damaged)?;
            let row = self.inner.run_row(&run)?;
            Ok(Some(entry(run, row)))
        };
        self.inner.index.prefix(&prefix).rev().filter_map(move |row| read(row).transpose())
    }

    /// At most `limit` runs, the newest first, of those that were committed before the leaf `before`. Reads no more
    /// than it answers with and passes over.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn runs_before(
        &self,
        filter: &RunFilter,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<RunEntry>, ReadError> {
        let end = before.unwrap_or(u64::MAX).min(self.inner.signed());
        let wanted = |run: &Result<RunEntry, ReadError>| match run {
            Ok(run) => run.leaf < end && filter.span.is_none_or(|span| span.contains(run.started_at)),
            Err(_) => true,
        };
        if let Some(source) = &filter.source {
            return self.runs_back(source).filter(wanted).take(limit).collect();
        }
        let at = |leaf: u64| {
            let missing = || ReadError::damaged("the index", format!("it has no leaf {leaf}"));
            let Some(run) = self.inner.leaf_row(leaf)?.ok_or_else(missing)?.run else { return Ok(None) };
            let row = self.inner.run_row(&run)?;
            Ok(Some(entry(run, row)))
        };
        (0..end).rev().filter_map(|leaf| at(leaf).transpose()).filter(wanted).take(limit).collect()
    }

    /// A run's manifest.
    ///
    /// # Errors
    /// [`ReadError::NoRun`], or why it cannot be read.
    pub fn manifest(&self, run: &RunId) -> Result<Manifest, ReadError> {
        self.one(run, &RunFile::Manifest)
    }

    /// What went into a run beside its exchanges.
    ///
    /// # Errors
    /// [`ReadError::NoRun`], or why it cannot be read.
    pub fn replay_inputs(&self, run: &RunId) -> Result<ReplayInputs, ReadError> {
        self.one(run, &RunFile::Replay)
    }

    /// A run's exchanges, in the order of their ids.
    ///
    /// # Errors
    /// [`ReadError::NoRun`], or why they cannot be read.
    pub fn exchanges(&self, run: &RunId) -> Result<Vec<Exchange>, ReadError> {
        self.many(run, &RunFile::Exchanges)
    }

    /// How a run's lists were read, in the order of their ids.
    ///
    /// # Errors
    /// [`ReadError::NoRun`], or why they cannot be read.
    pub fn walks(&self, run: &RunId) -> Result<Vec<Walk>, ReadError> {
        self.many(run, &RunFile::Walks)
    }

    /// What intake refused in a run.
    ///
    /// # Errors
    /// [`ReadError::NoRun`], or why it cannot be read.
    pub fn rejections(&self, run: &RunId) -> Result<Vec<Rejection>, ReadError> {
        self.many(run, &RunFile::Rejections)
    }

    /// Where the facts of a run's records of one kind stood, in the order of the keys.
    ///
    /// # Errors
    /// [`ReadError::NoRun`], or why it cannot be read.
    pub fn provenance(&self, run: &RunId, kind: &Kind) -> Result<Vec<Provenance>, ReadError> {
        self.many(run, &RunFile::Provenance(kind.clone()))
    }

    /// A file that a run wrote. Of a kind that the run does not have, the provenance is empty.
    ///
    /// # Errors
    /// [`ReadError::NoRun`], or why it cannot be read.
    pub fn run_file(&self, run: &RunId, file: &RunFile) -> Result<Vec<u8>, ReadError> {
        let name = match file {
            RunFile::Manifest => name::MANIFEST.to_owned(),
            RunFile::Replay => name::REPLAY.to_owned(),
            RunFile::Exchanges => name::EXCHANGES.to_owned(),
            RunFile::Walks => name::WALKS.to_owned(),
            RunFile::Rejections => name::REJECTIONS.to_owned(),
            RunFile::Log => name::LOG.to_owned(),
            RunFile::Provenance(kind) => name::provenance(kind),
        };
        let at = self.inner.run_row(run)?.pack_ref();
        match self.inner.packs.named(&at, &name)? {
            Some(bytes) => Ok(bytes),
            None if matches!(file, RunFile::Provenance(_)) => Ok(Vec::new()),
            None => Err(ReadError::Missing(format!("`{name}` of run {run}"))),
        }
    }

    /// The body that an exchange of the run has under this digest, sent or received.
    ///
    /// # Errors
    /// [`ReadError::Missing`] where the run kept none of that digest.
    pub fn body(&self, run: &RunId, digest: &Digest) -> Result<Vec<u8>, ReadError> {
        let at = self.inner.run_row(run)?.pack_ref();
        self.inner.packs.content(&at, digest)
    }

    fn one<T: DeserializeOwned>(&self, run: &RunId, file: &RunFile) -> Result<T, ReadError> {
        let bytes = self.run_file(run, file)?;
        serde_json::from_slice(&bytes).map_err(|e| unreadable(run, file, &e))
    }

    fn many<T: DeserializeOwned>(&self, run: &RunId, file: &RunFile) -> Result<Vec<T>, ReadError> {
        let bytes = self.run_file(run, file)?;
        let lines = bytes.split(|b| *b == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_slice(line).map_err(|e| unreadable(run, file, &e))).collect()
    }

    /// The connector's state as the source's last committed run left it; empty before the first.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn state(&self, source: &SourceName) -> Result<BTreeMap<String, Vec<u8>>, ReadError> {
        let Some((_, run, row)) = self.inner.last_run(source)? else { return Ok(BTreeMap::new()) };
        let bytes = match self.inner.packs.named(&row.pack_ref(), name::STATE) {
            Ok(bytes) => bytes.unwrap_or_else(|| b"{}".to_vec()),
            // The last run's content was disposed of, and its state with it: the connector begins anew.
            Err(ReadError::KeyGone { .. }) => return Ok(BTreeMap::new()),
            Err(e) => return Err(e),
        };
        let damaged = || ReadError::damaged(format!("the state that run {run} left"), "it cannot be read");
        let texts: BTreeMap<String, String> = serde_json::from_slice(&bytes).map_err(|_| damaged())?;
        texts.into_iter().map(|(key, text)| Ok((key, hex::decode(text).map_err(|_| damaged())?))).collect()
    }

    /// What proves a control for a collection period, in the order of kinds and runs.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn proves(&self, control: &ControlId, period: &CollectionPeriod) -> Result<Vec<RunRef>, ReadError> {
        let mut proofs = Vec::new();
        let mut committed = Committed::new(&self.inner);
        for row in self.inner.index.prefix(&keys::period_prefix(control, &period.to_string())) {
            let (key, value) = row?;
            if let Some((_, proof)) = committed.run_ref(&key, &value)? {
                proofs.push(proof);
            }
        }
        Ok(proofs)
    }

    /// The collection periods of a control that overlap a span and have runs, with those. A period that is
    /// not there has nothing.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn coverage(
        &self,
        control: &ControlId,
        span: Span,
    ) -> Result<BTreeMap<CollectionPeriod, Vec<RunRef>>, ReadError> {
        let mut periods: BTreeMap<CollectionPeriod, Vec<RunRef>> = BTreeMap::new();
        let mut committed = Committed::new(&self.inner);
        for row in self.inner.index.prefix(&keys::control_prefix(control)) {
            let (key, value) = row?;
            if let Some((period, proof)) = committed.run_ref(&key, &value)?
                && period.span().overlaps(&span)
            {
                periods.entry(period).or_default().push(proof);
            }
        }
        Ok(periods)
    }
}

fn entry(run: RunId, row: RunRow) -> RunEntry {
    RunEntry {
        run,
        leaf: row.leaf,
        source: row.source,
        started_at: row.started_at,
        ended_at: row.ended_at,
        manifest: row.manifest,
    }
}

fn unreadable(run: &RunId, file: &RunFile, e: &serde_json::Error) -> ReadError {
    ReadError::damaged(format!("{file:?} of run {run}"), e.to_string())
}

/// Which runs are committed, each looked up once.
struct Committed<'s> {
    inner: &'s Inner,
    known: HashMap<RunId, bool>,
}

impl<'s> Committed<'s> {
    fn new(inner: &'s Inner) -> Self {
        Self { inner, known: HashMap::new() }
    }

    /// A `C` row, where its run is committed.
    fn run_ref(&mut self, key: &[u8], value: &[u8]) -> Result<Option<(CollectionPeriod, RunRef)>, ReadError> {
        let damaged = || ReadError::damaged(format!("index row {}", key.escape_ascii()), "it cannot be read");
        let (period, kind, run) = keys::control_parts(key).ok_or_else(damaged)?;
        let period = period.parse().map_err(|_| damaged())?;
        let standing = match value {
            b"c" => Standing::Complete,
            b"p" => Standing::Partial,
            b"f" => Standing::Failed,
            _ => return Err(damaged()),
        };
        let committed = match self.known.get(&run) {
            Some(known) => *known,
            None => {
                let found = self.inner.find_run(&run)?.is_some();
                self.known.insert(run.clone(), found);
                found
            }
        };
        Ok(committed.then_some((period, RunRef { run, kind, standing })))
    }
}
