//! Re-performance: the same component, run again offline over the recorded exchanges, must make the same records
//! byte for byte, refuse the same items and read its lists to the same ends.

use crate::collect::perform;
use crate::services::{RunServices, RunSetup, RunSink, Taken, decode_state};
use exhibit_broker::broker::Broker;
use exhibit_broker::record::{ExchangeSink, Recording, SinkError};
use exhibit_evidence::canonical;
use exhibit_evidence::digest::Digest;
use exhibit_evidence::exchange::{Exchange, ExchangeId, Walk};
use exhibit_evidence::kind::Kind;
use exhibit_evidence::name::SourceName;
use exhibit_evidence::record::{CanonicalRecord, RecordKey, Rejection};
use exhibit_evidence::run::{Manifest, RunId};
use exhibit_evidence::time::Span;
use exhibit_package::read::{OpenError, Package, ReadError};
use exhibit_sandbox::Runtime;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Which runs are meant; empty: all.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of this source.
    pub source: Option<SourceName>,
    /// This one.
    pub run: Option<RunId>,
}

/// What came of one run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "outcome", content = "what")]
pub enum Outcome {
    /// The same records, refusals and lists.
    Same,
    /// Not the same: the first difference.
    Different(String),
    /// It cannot be performed again: why. Never a success.
    NotReperformable(String),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Same => f.write_str("same"),
            Self::Different(what) => write!(f, "different: {what}"),
            Self::NotReperformable(why) => write!(f, "not re-performable: {why}"),
        }
    }
}

/// One run, performed again.
#[derive(Clone, Debug, Serialize)]
pub struct RunReport {
    /// The run.
    pub run: RunId,
    /// Its source.
    pub source: SourceName,
    /// Records that it made this time.
    pub records: u64,
    /// What came of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// All runs, performed again.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// Runs with the same bytes.
    pub same: u64,
    /// Runs that differ.
    pub different: u64,
    /// Runs that cannot be performed again.
    pub not_reperformable: u64,
    /// Records compared over the runs that are the same.
    pub records: u64,
    /// Each run.
    pub runs: Vec<RunReport>,
}

impl Report {
    /// Whether every run was performed again with the same bytes, and there was at least one.
    pub fn is_success(&self) -> bool {
        self.same > 0 && self.different == 0 && self.not_reperformable == 0
    }
}

/// Why re-performance could not be tried.
#[derive(Debug, thiserror::Error)]
pub enum ReperformError {
    /// The package does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Something in it does not read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// No run fits the filter.
    #[error("the package holds no such run")]
    NoRun,
}

/// Performs the runs of a package again. `progress` is told runs done, of how many.
pub async fn reperform(
    path: &Path,
    runtime: &Runtime,
    filter: &Filter,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<Report, ReperformError> {
    let package = Arc::new(Package::open(path)?);
    let mut wanted = Vec::new();
    for run in package.runs() {
        let manifest = package.manifest(&run)?;
        let fits = filter.source.as_ref().is_none_or(|source| *source == manifest.source)
            && filter.run.as_ref().is_none_or(|wanted| *wanted == run);
        if fits {
            wanted.push(manifest);
        }
    }
    if wanted.is_empty() {
        return Err(ReperformError::NoRun);
    }
    let held = Held::read(&package, &wanted)?;
    let withheld = package.withheld()?;
    let mut report = Report::default();
    for (done, manifest) in wanted.iter().enumerate() {
        progress(done as u64, wanted.len() as u64);
        let (records, outcome) = match (&manifest.not_reperformable, withheld.get(&manifest.run)) {
            (Some(why), _) | (None, Some(why)) => (0, Outcome::NotReperformable(why.clone())),
            (None, None) => again(&package, runtime, manifest, &held).await?,
        };
        match outcome {
            Outcome::Same => {
                report.same += 1;
                report.records += records;
            }
            Outcome::Different(_) => report.different += 1,
            Outcome::NotReperformable(_) => report.not_reperformable += 1,
        }
        let (run, source) = (manifest.run.clone(), manifest.source.clone());
        report.runs.push(RunReport { run, source, records, outcome });
    }
    progress(wanted.len() as u64, wanted.len() as u64);
    Ok(report)
}

/// One run again: records made this time, and what came of it.
async fn again(
    package: &Arc<Package>,
    runtime: &Runtime,
    manifest: &Manifest,
    held: &Held,
) -> Result<(u64, Outcome), ReperformError> {
    let lost = |why: String| Ok((0, Outcome::NotReperformable(why)));
    if manifest.intake_version != exhibit_intake::INTAKE_VERSION {
        return lost(format!(
            "its records were taken in by version {} of intake's rules, and this is version {}",
            manifest.intake_version,
            exhibit_intake::INTAKE_VERSION
        ));
    }
    let component = package.component(&manifest.connector.component)?;
    let prepared = match runtime.prepare(&component).await {
        Ok(prepared) => prepared,
        Err(error) => return lost(format!("its component does not load: {error}")),
    };
    let intake = match crate::source::intake(prepared.manifest()) {
        Ok(intake) => Arc::new(intake),
        Err(error) => return lost(format!("its kinds do not load: {error}")),
    };
    let inputs = package.replay(&manifest.run)?;
    let recorded = Recorded::read(package, &manifest.run)?;
    let asked_then: BTreeSet<ExchangeId> = recorded.exchanges.keys().copied().collect();
    let sink = Arc::new(MemorySink::default());
    let broker = Broker::replay(Arc::new(recorded), sink.clone(), &inputs.limits);
    let wanted = match inputs.facts.kinds.is_empty() {
        true => prepared.manifest().kinds.iter().cloned().collect(),
        false => inputs.facts.kinds.iter().cloned().collect(),
    };
    let setup = RunSetup {
        facts: inputs.facts.clone(),
        source: inputs.source.clone(),
        wanted,
        record_bytes: inputs.limits.record_bytes,
        expected_tenant: None,
        state: decode_state(&inputs.state),
    };
    let services = RunServices::new(setup, broker.clone(), intake, sink.clone());
    let (_, concluded) = perform(runtime, &prepared, &inputs, services).await;
    if let Some(divergence) = broker.divergences().first() {
        let outcome = match divergence.is_loss() {
            true => Outcome::NotReperformable(divergence.to_string()),
            false => Outcome::Different(divergence.to_string()),
        };
        return Ok((0, outcome));
    }
    let made = sink.take();
    let records = made.records.len() as u64;
    if let Some(id) = asked_then.difference(&made.exchanges).next() {
        return Ok((records, Outcome::Different(format!("it does not make the recorded request {id}"))));
    }
    if concluded.populations != manifest.populations {
        return Ok((records, Outcome::Different("its populations are not what the manifest says".into())));
    }
    if Digest::of(&made.rejections) != manifest.rejections {
        return Ok((records, Outcome::Different("it refuses other items".into())));
    }
    let differs = held.compare(manifest, &made.records);
    Ok((records, differs.map_or(Outcome::Same, Outcome::Different)))
}

/// The records of a package by dataset and key: which line each run held.
struct Held {
    /// The audit period.
    period: Span,
    datasets: HashMap<(SourceName, Kind), HeldDataset>,
}

#[derive(Default)]
struct HeldDataset {
    /// Runs in the order that the stretches count in.
    runs: Vec<RunId>,
    timed: bool,
    /// Lines of a key with where each was held.
    lines: HashMap<RecordKey, Vec<HeldLine>>,
}

/// A line's digest, and the first and last run of each stretch that held it.
type HeldLine = (Digest, Vec<(u32, u32)>);

impl Held {
    fn read(package: &Package, wanted: &[Manifest]) -> Result<Self, ReadError> {
        let mut datasets = HashMap::new();
        for (source, kind) in package.populations() {
            if !wanted.iter().any(|manifest| manifest.source == source) {
                continue;
            }
            let of = package.population_runs(&source, &kind)?;
            let mut dataset = HeldDataset {
                runs: of.runs.into_iter().map(|run| run.run).collect(),
                timed: of.shape.is_timed(),
                lines: HashMap::new(),
            };
            let mut records = package.records(&source, &kind)?;
            while let Some(held) = records.next_record()? {
                let entry = dataset.lines.entry(RecordKey(held.index.key.clone())).or_default();
                entry.push((Digest::of(held.line), held.index.held.clone()));
            }
            datasets.insert((source, kind), dataset);
        }
        Ok(Self { period: package.meta()?.period.span(), datasets })
    }

    /// The first difference between what a run made this time and what the package holds of it.
    fn compare(&self, manifest: &Manifest, made: &BTreeMap<(Kind, RecordKey), Digest>) -> Option<String> {
        for dataset in &manifest.datasets {
            let held = self.datasets.get(&(manifest.source.clone(), dataset.kind.clone()));
            let Some(held) = held else {
                return (dataset.records > 0).then(|| format!("{}: not in the package", dataset.kind));
            };
            let Some(place) = held.runs.iter().position(|run| *run == manifest.run) else {
                if self.period.contains(manifest.started_at) {
                    return Some(format!("{}: the run is not in the package's index", dataset.kind));
                }
                // A run after the period is here for the period's last events; its snapshots are not.
                continue;
            };
            let place = u32::try_from(place).unwrap_or(u32::MAX);
            let at = |stretches: &[(u32, u32)], up_to: bool| {
                stretches.iter().any(|(first, last)| *first <= place && (up_to || place <= *last))
            };
            let own = made.iter().filter(|((kind, _), _)| *kind == dataset.kind);
            let (mut matched, mut before) = (0_u64, 0_u64);
            for ((_, key), digest) in own {
                let lines = held.lines.get(key);
                let same =
                    |up_to| lines.is_some_and(|l| l.iter().any(|(d, held)| d == digest && at(held, up_to)));
                if same(false) {
                    matched += 1;
                } else if held.timed && (same(true) || lines.is_none()) {
                    // Held before: in the package, or from before what the package reaches back to.
                    before += 1;
                } else {
                    return Some(format!(
                        "{} `{}`: another line than the package's",
                        dataset.kind,
                        key.as_str()
                    ));
                }
            }
            let expected = if held.timed { dataset.added } else { dataset.records };
            if matched != expected || (held.timed && before != dataset.already_held) {
                return Some(format!(
                    "{}: {matched} records are the package's, of {expected} that it holds of this run",
                    dataset.kind
                ));
            }
        }
        None
    }
}

/// A run's exchanges and bodies, as the broker replays them.
struct Recorded {
    exchanges: HashMap<ExchangeId, Exchange>,
    package: Arc<Package>,
}

impl Recorded {
    fn read(package: &Arc<Package>, run: &RunId) -> Result<Self, ReadError> {
        let recording = package.recording(run)?;
        let exchanges = recording.exchanges().map(|e| (e.id, e.clone())).collect();
        Ok(Self { exchanges, package: Arc::clone(package) })
    }
}

impl Recording for Recorded {
    fn exchange(&self, id: ExchangeId) -> Option<Exchange> {
        self.exchanges.get(&id).cloned()
    }

    fn body(&self, digest: &Digest) -> Option<Vec<u8>> {
        self.package.body(digest).ok()
    }
}

/// What a run makes this time.
#[derive(Default)]
struct Made {
    records: BTreeMap<(Kind, RecordKey), Digest>,
    rejections: Vec<u8>,
    exchanges: BTreeSet<ExchangeId>,
    warnings: Vec<String>,
}

/// Warnings beyond this many are not kept.
const WARNINGS: usize = 100;

/// Keeps digests in memory, writes nothing.
#[derive(Default)]
pub(crate) struct MemorySink(Mutex<Made>);

impl MemorySink {
    fn made(&self) -> MutexGuard<'_, Made> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Made {
        std::mem::take(&mut self.made())
    }

    /// What the guest warned of, in its words.
    pub(crate) fn warnings(&self) -> Vec<String> {
        self.made().warnings.clone()
    }
}

impl RunSink for MemorySink {
    fn record(&self, record: CanonicalRecord) -> Result<Taken, String> {
        let digest = record.digest();
        match self.made().records.entry((record.kind, record.key)) {
            std::collections::btree_map::Entry::Vacant(slot) => {
                slot.insert(digest);
                Ok(Taken::New)
            }
            std::collections::btree_map::Entry::Occupied(slot) if *slot.get() == digest => {
                Ok(Taken::Repeated)
            }
            std::collections::btree_map::Entry::Occupied(_) => Ok(Taken::Conflict),
        }
    }

    fn reject(&self, rejection: &Rejection) -> Result<(), String> {
        let line = canonical::to_bytes(rejection).map_err(|e| e.to_string())?;
        let mut made = self.made();
        made.rejections.extend_from_slice(&line);
        made.rejections.push(b'\n');
        Ok(())
    }

    fn log(&self, line: &[u8]) -> Result<(), String> {
        let line: serde_json::Value = serde_json::from_slice(line).map_err(|e| e.to_string())?;
        let is_warning = matches!(line["level"].as_str(), Some("warn" | "error"));
        if let Some(message) = line["message"].as_str().filter(|_| is_warning) {
            let warnings = &mut self.made().warnings;
            if warnings.len() < WARNINGS && !warnings.iter().any(|known| known == message) {
                warnings.push(message.to_owned());
            }
        }
        Ok(())
    }
}

impl ExchangeSink for MemorySink {
    fn exchange(&self, exchange: &Exchange, _: Option<&[u8]>, _: Option<&[u8]>) -> Result<(), SinkError> {
        self.made().exchanges.insert(exchange.id);
        Ok(())
    }

    fn walk(&self, _: &Walk) -> Result<(), SinkError> {
        Ok(())
    }
}
