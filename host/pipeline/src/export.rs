//! The auditor's package of a sealed period: read from the store, pushed into the package writer, which checks
//! every part against its own record as it goes.

use crate::host::Host;
use exhibit_evidence::digest::Digest;
use exhibit_evidence::exchange::Exchange;
use exhibit_evidence::period::AuditPeriod;
use exhibit_evidence::run::{Manifest, RunId};
use exhibit_ledger::seal::Seal;
use exhibit_ledger::statement::LeafKind;
use exhibit_package::lines::Lines;
use exhibit_package::model::{ControlCoverage, Meta, PeriodOutcome};
use exhibit_package::population::{HeldRecord, Population};
use exhibit_package::write::{
    LeafFiles, LedgerFiles, PackageWriter, RunFiles, Stamped, WriteError, bodies_of,
};
use exhibit_store::{Interval, RunFile, Store};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What is put into a package.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Leave the bodies of exchanges out.
    pub withhold_bodies: bool,
}

/// A package that was written.
#[derive(Clone, Debug, Serialize)]
pub struct Exported {
    /// The file.
    pub path: PathBuf,
    /// Its length in bytes.
    pub bytes: u64,
    /// Runs in it.
    pub runs: usize,
    /// Populations in it.
    pub populations: usize,
}

/// Why a package could not be written. Nothing is left of it.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// There is no seal.
    #[error("{0} is not sealed")]
    NotSealed(AuditPeriod),
    /// The store cannot be read.
    #[error("{what} cannot be read from the store: {reason}")]
    Read {
        /// What.
        what: String,
        /// Why.
        reason: String,
    },
    /// The package cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl ExportError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotSealed(period) => Some(format!("seal it first: exhibit seal {period}")),
            Self::Read { .. } => Some("run `exhibit check`".into()),
            Self::Write(_) => None,
        }
    }

    fn read(what: impl Into<String>, reason: impl std::fmt::Display) -> Self {
        Self::Read { what: what.into(), reason: reason.to_string() }
    }
}

/// Writes the package of `period` to `out`. `progress` is told runs done, of how many.
pub fn export(
    host: &Host,
    period: &AuditPeriod,
    out: &Path,
    options: &Options,
    progress: &dyn Fn(u64, u64),
) -> Result<Exported, ExportError> {
    let found = crate::seal::find(host, period).map_err(|e| ExportError::read("the seal", e))?;
    let (seal_leaf, seal) = found.ok_or_else(|| ExportError::NotSealed(period.clone()))?;
    let seal_bytes = seal.to_bytes().map_err(|e| ExportError::read("the seal", e))?;
    let meta = Meta {
        format: exhibit_package::layout::FORMAT,
        organisation: host.workspace.config().organisation.clone(),
        period: period.clone(),
        simulated: seal.simulated,
        made_at: host.clock.now(),
        software: Meta::software_of(env!("CARGO_PKG_VERSION")),
        views: exhibit_package::views::VERSION,
        directory: host.workspace.config().directory.clone(),
        seal: Some(Digest::of(&seal_bytes)),
    };
    let runs = runs(host, &seal)?;
    let mut package = PackageWriter::create(out, meta)?;
    for (done, run) in runs.iter().enumerate() {
        progress(done as u64, runs.len() as u64);
        add_run(host, &mut package, run, options)?;
    }
    let populations = add_populations(host, &mut package, period)?;
    add_leaves(&host.store, &mut package, seal_leaf)?;
    let coverage = outcomes(host, &seal)?;
    let finished = package.finish(ledger(host, seal_leaf)?, coverage, Some(seal_bytes))?;
    progress(runs.len() as u64, runs.len() as u64);
    let bytes = std::fs::metadata(out).map(|meta| meta.len()).unwrap_or_default();
    drop(finished);
    Ok(Exported { path: out.to_owned(), bytes, runs: runs.len(), populations })
}

/// Every run that belongs to the period: those that started in it, those that its slots name, and those that
/// the intervals of its datasets reach back to.
fn runs(host: &Host, seal: &Seal) -> Result<Vec<RunId>, ExportError> {
    let span = seal.period.span();
    let filter = exhibit_store::RunFilter { source: None, span: Some(span) };
    let started = host.store.runs(&filter).map_err(|e| ExportError::read("the list of runs", e))?;
    let mut runs: BTreeSet<RunId> = started.into_iter().map(|entry| entry.run).collect();
    runs.extend(seal.controls.iter().flat_map(|slot| slot.runs.iter().cloned()));
    for dataset in host.store.datasets().map_err(|e| ExportError::read("the list of datasets", e))? {
        let intervals = host
            .store
            .intervals(&dataset.source, &dataset.last.kind, span)
            .map_err(|e| ExportError::read("a dataset", e))?;
        runs.extend(intervals.runs().iter().cloned());
    }
    Ok(runs.into_iter().collect())
}

fn add_run(
    host: &Host,
    package: &mut PackageWriter,
    run: &RunId,
    options: &Options,
) -> Result<(), ExportError> {
    let store = &host.store;
    let read = |e: exhibit_store::ReadError| ExportError::read(format!("run {run}"), e);
    let manifest = store.manifest(run).map_err(read)?;
    let leaf = store.leaf_of(run).map_err(read)?;
    let file = |file: RunFile| store.run_file(run, &file).map_err(read);
    let mut provenance = Vec::new();
    for dataset in &manifest.datasets {
        provenance.push((dataset.kind.clone(), lines(file(RunFile::Provenance(dataset.kind.clone()))?)));
    }
    add_component(host, package, &manifest)?;
    let exchanges = store.exchanges(run).map_err(read)?;
    let withheld = if options.withhold_bodies {
        Some("the operator left the bodies out of this package".to_owned())
    } else {
        add_bodies(store, package, run, &exchanges)?
    };
    package.run(RunFiles {
        manifest: file(RunFile::Manifest)?,
        statement: store.statement(leaf).map_err(read)?,
        leaf,
        replay: file(RunFile::Replay)?,
        exchanges: lines(file(RunFile::Exchanges)?),
        walks: lines(file(RunFile::Walks)?),
        rejections: lines(file(RunFile::Rejections)?),
        log: lines(file(RunFile::Log)?),
        provenance,
        withheld,
    })?;
    Ok(())
}

/// Adds the bodies of a run's exchanges; where one is gone, the reason why the run is without.
fn add_bodies(
    store: &Store,
    package: &mut PackageWriter,
    run: &RunId,
    exchanges: &[Exchange],
) -> Result<Option<String>, ExportError> {
    for digest in exchanges.iter().flat_map(bodies_of) {
        if package.has_body(&digest) {
            continue;
        }
        match store.body(run, &digest) {
            Ok(bytes) => package.body(digest, &bytes)?,
            Err(exhibit_store::ReadError::KeyGone { .. }) => {
                return Ok(Some("its bodies were disposed of".to_owned()));
            }
            Err(error) => return Err(ExportError::read(format!("body {digest} of run {run}"), error)),
        }
    }
    Ok(None)
}

/// A file's lines, without their newlines.
fn lines(bytes: Vec<u8>) -> Lines<'static> {
    let mut lines: Vec<Vec<u8>> = bytes.split(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
    lines.pop();
    Box::new(lines.into_iter().map(Ok))
}

fn add_component(host: &Host, package: &mut PackageWriter, manifest: &Manifest) -> Result<(), ExportError> {
    let digest = manifest.connector.component;
    let bytes =
        host.workspace.component(&digest).map_err(|e| ExportError::read(format!("component {digest}"), e))?;
    Ok(package.component(digest, &bytes)?)
}

fn add_populations(
    host: &Host,
    package: &mut PackageWriter,
    period: &AuditPeriod,
) -> Result<usize, ExportError> {
    let mut count = 0;
    for dataset in host.store.datasets().map_err(|e| ExportError::read("the list of datasets", e))? {
        let (source, kind) = (&dataset.source, &dataset.last.kind);
        let what = || format!("{kind} of {source}");
        let intervals =
            host.store.intervals(source, kind, period.span()).map_err(|e| ExportError::read(what(), e))?;
        if intervals.runs().is_empty() {
            continue;
        }
        let population = Population {
            source: source.clone(),
            kind: kind.clone(),
            title: host.kind(kind).map(|spec| spec.title.clone()).unwrap_or_default(),
            shape: dataset.last.shape,
            runs: intervals.runs().to_vec(),
        };
        package.population(population, intervals.map(|interval| interval.map(held)))?;
        count += 1;
    }
    Ok(count)
}

fn held(interval: Interval) -> HeldRecord {
    let place = |run: usize| u32::try_from(run).unwrap_or(u32::MAX);
    HeldRecord {
        key: interval.key,
        line: interval.line,
        salts: interval.salts,
        held: interval.held.into_iter().map(|(first, last)| (place(first), place(last))).collect(),
    }
}

/// Every leaf that is not a run's.
fn add_leaves(store: &Store, package: &mut PackageWriter, seal_leaf: u64) -> Result<(), ExportError> {
    for leaf in store.leaves(None).map_err(|e| ExportError::read("the ledger", e))? {
        if leaf.kind == Some(LeafKind::Run) {
            continue;
        }
        let read = |e: exhibit_store::ReadError| ExportError::read(format!("leaf {}", leaf.index), e);
        let statement = store.statement(leaf.index).map_err(read)?;
        let document = match leaf.index == seal_leaf {
            true => None,
            false => store.document(leaf.index).map_err(read)?,
        };
        package.leaf(LeafFiles { index: leaf.index, statement, document })?;
    }
    Ok(())
}

fn ledger(host: &Host, seal_leaf: u64) -> Result<LedgerFiles, ExportError> {
    let read = |e: String| ExportError::read("the ledger", e);
    let checkpoint = host.store.checkpoint().ok_or_else(|| read("it is empty".to_owned()))?;
    let reader = exhibit_ledger::reading::LogReader::new(host.store.log_files(), *checkpoint.head());
    let leaf_hashes = (0..checkpoint.head().size)
        .map(|index| reader.leaf(index).map_err(|e| read(e.to_string())))
        .collect::<Result<Vec<_>, _>>()?;
    let timestamp = crate::timestamp::of_leaf(host, seal_leaf).map_err(|e| read(e.to_string()))?;
    Ok(LedgerFiles {
        checkpoint: checkpoint.to_bytes(),
        leaf_hashes,
        key: host.signer.verifier().clone(),
        timestamp: timestamp.map(|t| Stamped { checkpoint: t.checkpoint, response: t.response }),
    })
}

/// The sealed outcomes, by control. A control that was taken out since has no title any more, so the catalogue as
/// it is now is what the slots are matched with; the seal's document holds them as they were.
fn outcomes(host: &Host, seal: &Seal) -> Result<Vec<ControlCoverage>, ExportError> {
    let mut by_control: BTreeMap<_, Vec<PeriodOutcome>> = BTreeMap::new();
    for slot in &seal.controls {
        by_control.entry(slot.control.clone()).or_default().push(PeriodOutcome {
            period: slot.period,
            outcome: slot.outcome,
            runs: slot.runs.clone(),
            uploads: slot.uploads.clone(),
            reason: slot.reason.clone(),
        });
    }
    by_control
        .into_iter()
        .map(|(id, periods)| {
            let control = host.controls.get(&id).cloned().ok_or_else(|| {
                ExportError::read(format!("control {id}"), "it was sealed, and is no longer in controls/")
            })?;
            Ok(ControlCoverage { control, periods })
        })
        .collect()
}
