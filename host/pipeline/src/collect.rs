//! One run of a source: from what was approved to a leaf in the ledger.
//!
//! A run always ends in a commit. A guest that fails, traps or is stopped leaves its exchanges, its log and a
//! manifest that says why; only the host's own failure (a full disk, a store that does not answer) leaves
//! nothing, and says so at once.

use crate::history::History;
use crate::host::Host;
use crate::services::{Concluded, RunServices, RunSetup, RunSink, Taken, encode_state};
use crate::source::{Source, SourceError};
use exhibit_broker::broker::Broker;
use exhibit_broker::record::{ExchangeSink, SinkError};
use exhibit_evidence::canonical::{self, Value};
use exhibit_evidence::digest::Digest;
use exhibit_evidence::exchange::{Exchange, Walk};
use exhibit_evidence::kind::Kind;
use exhibit_evidence::name::SourceName;
use exhibit_evidence::record::{CanonicalRecord, Rejection};
use exhibit_evidence::run::{Fill, MANIFEST_FORMAT, Manifest, ReplayInputs, RunFacts, RunId, Skew, Verdict};
use exhibit_evidence::time::{Span, Timestamp};
use exhibit_ledger::statement::{LeafKind, Statement};
use exhibit_sandbox::{Prepared, RunEnd, Runtime, Why};
use exhibit_store::{KindEnd, Merged, Recorded, RunStart, Stage};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A window of events reaches back this far behind the end of the one before: sources deliver late.
const OVERLAP_MS: i64 = 60 * 60 * 1000;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Why a run could not be made or kept. Everything else is on the run's manifest.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// The source cannot be run as it is set up.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The store failed.
    #[error("the run of {source_name} could not be kept: {reason}")]
    Store {
        /// The source.
        source_name: SourceName,
        /// Why.
        reason: String,
    },
}

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Collected {
    /// The manifest, as it was committed.
    pub manifest: Manifest,
    /// Place of its leaf in the ledger.
    pub leaf: u64,
    /// Whether a run that failed may succeed later.
    pub retry: Retry,
}

/// Whether the same run may succeed later.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retry {
    /// It may.
    pub retryable: bool,
    /// How long the system wants to be left alone first, in milliseconds.
    pub after_ms: Option<u64>,
}

/// Runs a source now and commits what comes of it.
pub async fn collect(host: &Host, name: &SourceName) -> Result<Collected, CollectError> {
    collect_from(host, name, host.clock.now()).await
}

/// Runs a source, and commits what comes of it, as a run that began at `started_at`: when it fell due and whoever
/// started it counted it as begun. All that the guest sees of time is that instant.
pub async fn collect_from(
    host: &Host,
    name: &SourceName,
    started_at: Timestamp,
) -> Result<Collected, CollectError> {
    let source = Source::open(host, name).await?;
    let history = source.history(host).map_err(|e| store_failed(name, e))?;
    let facts = facts(&source, &history, started_at);
    let inputs = ReplayInputs {
        source: name.clone(),
        settings: source.settings.clone(),
        facts,
        seed: Digest(rand::random()),
        limits: source.limits,
        state: encode_state(&history.state),
        redactions: source.redactions.lines(),
    };
    let stage = host
        .store
        .begin(RunStart {
            run: inputs.facts.run.clone(),
            source: name.clone(),
            started_at: inputs.facts.started_at,
            window: inputs.facts.window,
        })
        .map_err(|e| store_failed(name, e))?;
    let sink = Arc::new(StageSink { stage, seen: std::sync::Mutex::default() });
    let transport = source.transport(host)?;
    let broker = Broker::live(
        transport,
        sink.clone(),
        Arc::clone(&host.clock),
        &source.limits,
        source.redactions.clone(),
        source.config.concurrency,
    );
    let setup = RunSetup {
        facts: inputs.facts.clone(),
        source: name.clone(),
        wanted: source.wanted(),
        record_bytes: inputs.limits.record_bytes,
        expected_tenant: history.tenant.clone(),
        state: BTreeMap::clone(&history.state),
    };
    let services = RunServices::new(setup, broker, Arc::clone(&source.connector.intake), sink.clone());
    let (end, concluded) = perform(&host.runtime, &source.connector.prepared, &inputs, services).await;
    let run = Run { host, source: &source, history: &history, inputs: &inputs, end, concluded };
    let sink = Arc::into_inner(sink)
        .ok_or_else(|| store_failed(name, "a request was still under way when the run had ended"))?;
    run.commit(sink)
}

/// What a check of a source came to.
#[derive(Clone, Debug, Serialize)]
pub struct Checked {
    /// The source.
    pub source: SourceName,
    /// The tenant that it reaches; none: it reaches nothing.
    pub tenant: Option<String>,
    /// Why it does not.
    pub failure: Option<String>,
    /// What the connector warned of on the way: what it can reach, and will not see all of.
    pub warnings: Vec<String>,
    /// What the credential must be allowed to do, in the vendor's words, with what each is for.
    pub permissions: Vec<String>,
}

/// Reaches a source's system and asks whose it is. Nothing is kept.
pub async fn check(host: &Host, name: &SourceName) -> Result<Checked, CollectError> {
    let source = Source::open(host, name).await?;
    let history = source.history(host).map_err(|e| store_failed(name, e))?;
    let facts = facts(&source, &history, host.clock.now());
    let sink = Arc::new(crate::reperform::MemorySink::default());
    let broker = Broker::live(
        source.transport(host)?,
        sink.clone(),
        Arc::clone(&host.clock),
        &source.limits,
        source.redactions.clone(),
        source.config.concurrency,
    );
    let setup = RunSetup {
        facts,
        source: name.clone(),
        wanted: source.wanted(),
        record_bytes: source.limits.record_bytes,
        expected_tenant: history.tenant,
        state: BTreeMap::new(),
    };
    let services = RunServices::new(setup, broker, Arc::clone(&source.connector.intake), sink.clone());
    let settings = String::from_utf8(source.settings.to_bytes()).unwrap_or_default();
    let seed = Digest(rand::random());
    let (end, services) =
        host.runtime.check(&source.connector.prepared, &settings, services, &source.limits, seed).await;
    drop(services);
    let description = host.runtime.describe(&source.connector.prepared).await.unwrap_or_default();
    Ok(Checked {
        source: name.clone(),
        tenant: end.tenant,
        failure: end.outcome.err().map(|ended| ended.to_string()),
        warnings: sink.warnings(),
        permissions: permissions(&description),
    })
}

/// `permissions` of a connector's description, a line each.
fn permissions(description: &str) -> Vec<String> {
    let description: serde_json::Value = serde_json::from_str(description).unwrap_or_default();
    let line = |of: &serde_json::Value| {
        let word = |name: &str| of[name].as_str().unwrap_or_default().to_owned();
        format!("{} ({})", word("permission"), word("reads"))
    };
    description["permissions"].as_array().into_iter().flatten().map(line).collect()
}

/// Runs the guest in its surroundings. Collecting and re-performing both come through here.
pub(crate) async fn perform(
    runtime: &Runtime,
    prepared: &Prepared,
    inputs: &ReplayInputs,
    services: RunServices,
) -> (RunEnd, Concluded) {
    let settings = String::from_utf8(inputs.settings.to_bytes()).unwrap_or_default();
    let (end, services) = runtime.run(prepared, &settings, services, &inputs.limits, inputs.seed).await;
    let concluded = services.conclude(&end.stdout, &end.stderr);
    (end, concluded)
}

/// The window and the name of a run that begins at `started_at`.
fn facts(source: &Source, history: &History, started_at: Timestamp) -> RunFacts {
    // The newest complete look at events is where the next one begins.
    let from = match history.seen_until {
        Some(end) => end.plus_ms(-OVERLAP_MS),
        None => started_at.plus_ms(-i64::from(source.config.lookback_days) * DAY_MS),
    };
    // Whole days, so that a day is filled by one window wherever it can be.
    let start = Timestamp::at_midnight(from.date());
    let run = RunId::new(started_at, rand::random());
    let kinds = source.config.kinds.clone();
    RunFacts { run, started_at, window: Span { start, end: started_at }, kinds }
}

/// A run whose guest is done.
struct Run<'a> {
    host: &'a Host,
    source: &'a Source,
    history: &'a History,
    inputs: &'a ReplayInputs,
    end: RunEnd,
    concluded: Concluded,
}

impl Run<'_> {
    fn commit(self, sink: StageSink) -> Result<Collected, CollectError> {
        let name = &self.source.name;
        if let Some(reason) = &self.concluded.host_failure {
            return Err(store_failed(name, reason));
        }
        let seen = sink.seen.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        let complete = self.complete_kinds();
        let merged = sink.stage.merge(&complete).map_err(|e| store_failed(name, e))?;
        let manifest = self.manifest(&merged, seen.skew);
        let bytes = canonical::to_bytes(&manifest).map_err(|e| store_failed(name, e))?;
        let statement = statement(&manifest, Digest::of(&bytes));
        let leaf = statement.to_leaf(&self.host.signer).map_err(|e| store_failed(name, e))?;
        // What a failed run remembers would make the next one skip what this one did not deliver.
        let state = match manifest.verdict {
            Verdict::Failed(_) => BTreeMap::clone(&self.history.state),
            _ => self.concluded.state.clone(),
        };
        let committed =
            merged.commit(&manifest, self.inputs, &state, &leaf).map_err(|e| store_failed(name, e))?;
        self.source.goes_on(self.history, &manifest, state);
        Ok(Collected { manifest, leaf: committed.leaf, retry: self.retry() })
    }

    /// What the guest's own ending says; a population that failed on its own may well succeed later.
    fn retry(&self) -> Retry {
        match &self.end.outcome {
            Ok(()) => Retry { retryable: true, after_ms: None },
            Err(ended) => {
                let (retryable, after_ms) = ended.retry();
                // A system that was slow may be quicker the next time.
                Retry { retryable: retryable || ended.is_by_the_clock(), after_ms }
            }
        }
    }

    /// The kinds with whether all their populations are complete.
    fn complete_kinds(&self) -> BTreeMap<Kind, KindEnd> {
        let mut kinds: BTreeMap<Kind, KindEnd> = BTreeMap::new();
        for population in &self.concluded.populations {
            if let Some(shape) = self.source.connector.intake.shape(&population.kind) {
                let end = kinds.entry(population.kind.clone()).or_insert(KindEnd { shape, complete: true });
                end.complete &= population.verdict == Verdict::Complete;
            }
        }
        kinds
    }

    fn verdict(&self) -> Verdict {
        let mut verdict = match &self.end.outcome {
            Ok(()) => Verdict::Complete,
            Err(ended) => Verdict::Failed(ended.to_string()),
        };
        for population in &self.concluded.populations {
            verdict = verdict.worst(match &population.verdict {
                Verdict::Partial(reason) => Verdict::Partial(format!("{}: {reason}", population.kind)),
                other => other.clone(),
            });
        }
        let opened: BTreeSet<&Kind> = self.concluded.populations.iter().map(|p| &p.kind).collect();
        if let Some(kind) = self.source.wanted().iter().find(|kind| !opened.contains(kind)) {
            verdict = verdict.worst(Verdict::Partial(format!("{kind}: the connector opened no population")));
        }
        verdict
    }

    fn fills(&self) -> Vec<Fill> {
        let facts = &self.inputs.facts;
        let mut fills = Vec::new();
        for kind in self.source.wanted() {
            let controls = &self.host.controls;
            if self.source.is_timed(&kind) {
                fills.extend(controls.fills_within(&kind, &self.source.name, facts.window));
            } else {
                fills.extend(controls.fills_at(&kind, &self.source.name, facts.started_at));
            }
        }
        fills.sort();
        fills
    }

    fn manifest(&self, merged: &Merged, skew: Option<Skew>) -> Manifest {
        let source = self.source;
        let stopped = matches!(&self.end.outcome, Err(ended) if matches!(ended.why, Why::Deadline { .. }));
        Manifest {
            format: MANIFEST_FORMAT,
            run: self.inputs.facts.run.clone(),
            simulated: self.host.store.format().simulated,
            source: source.name.clone(),
            connector: source.identity(),
            host_version: env!("CARGO_PKG_VERSION").to_owned(),
            intake_version: exhibit_intake::INTAKE_VERSION,
            settings: Digest::of(source.settings.to_bytes()),
            grants: source.grant_lines(),
            credentials: source.credential_schemes(),
            tenant: self.concluded.tenant.clone(),
            window: self.inputs.facts.window,
            started_at: self.inputs.facts.started_at,
            ended_at: self.host.clock.now(),
            attempt: 1,
            fills: self.fills(),
            populations: self.concluded.populations.clone(),
            datasets: merged.datasets.clone(),
            exchanges: merged.exchanges.clone(),
            walks: merged.walks,
            rejected: self.concluded.rejected.clone(),
            rejections: merged.rejections,
            skew,
            log: merged.log,
            log_lines: merged.log_lines,
            log_cut: self.end.usage.log_bytes_cut > 0,
            replay: Digest::of(canonical::to_bytes(self.inputs).unwrap_or_default()),
            not_reperformable: stopped.then(|| "it was stopped by its deadline".to_owned()),
            verdict: self.verdict(),
        }
    }
}

/// What the ledger says of a run: enough to read the log without the manifests.
fn statement(manifest: &Manifest, digest: Digest) -> Statement {
    let text = |value: &str| Value::String(value.to_owned());
    let predicate = Value::object([
        ("ended_at".to_owned(), text(&manifest.ended_at.to_string())),
        ("run".to_owned(), text(manifest.run.as_str())),
        ("simulated".to_owned(), Value::Bool(manifest.simulated)),
        ("source".to_owned(), text(manifest.source.as_str())),
        ("started_at".to_owned(), text(&manifest.started_at.to_string())),
        ("verdict".to_owned(), text(manifest.verdict.word())),
    ]);
    Statement::new(LeafKind::Run, format!("runs/{}/manifest.json", manifest.run), digest, predicate)
}

/// A run's stage as the broker and the guest's surroundings see it.
struct StageSink {
    stage: Stage,
    seen: std::sync::Mutex<Seen>,
}

/// What is gathered from exchanges as they pass.
#[derive(Default)]
struct Seen {
    skew: Option<Skew>,
}

impl ExchangeSink for StageSink {
    fn exchange(
        &self,
        exchange: &Exchange,
        request_body: Option<&[u8]>,
        body: Option<&[u8]>,
    ) -> Result<(), SinkError> {
        if let Some(date) = exchange.server_date {
            // The server wrote its date while the request was out, in whole seconds.
            let sent = exchange.sent_at.as_ms().cast_signed();
            let difference = sent - date.as_ms().cast_signed();
            let mut seen = self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let skew = seen.skew.get_or_insert(Skew { min_ms: difference, max_ms: difference });
            skew.min_ms = skew.min_ms.min(difference);
            skew.max_ms = skew.max_ms.max(difference);
        }
        self.stage.exchange(exchange, request_body, body).map_err(|e| SinkError(e.to_string()))
    }

    fn walk(&self, walk: &Walk) -> Result<(), SinkError> {
        self.stage.walk(walk).map_err(|e| SinkError(e.to_string()))
    }
}

impl RunSink for StageSink {
    fn record(&self, record: CanonicalRecord) -> Result<Taken, String> {
        match self.stage.record(&record).map_err(|e| e.to_string())? {
            Recorded::Accepted => Ok(Taken::New),
            Recorded::Repeated => Ok(Taken::Repeated),
            Recorded::Conflict => Ok(Taken::Conflict),
        }
    }

    fn reject(&self, rejection: &Rejection) -> Result<(), String> {
        self.stage.reject(rejection).map_err(|e| e.to_string())
    }

    fn log(&self, line: &[u8]) -> Result<(), String> {
        self.stage.log(line).map_err(|e| e.to_string())
    }
}

fn store_failed(source: &SourceName, reason: impl std::fmt::Display) -> CollectError {
    CollectError::Store { source_name: source.clone(), reason: reason.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// It compiles only while a service may spawn these on a runtime of many threads.
    #[test]
    fn runs_and_checks_can_be_spawned() {
        fn can_be_spawned<F: Future + Send + 'static>(_: fn(Arc<Host>, SourceName) -> F) {}
        can_be_spawned(|host, name| async move { collect(&host, &name).await.map(|run| run.leaf) });
        can_be_spawned(|host, name| async move { check(&host, &name).await.map(|checked| checked.tenant) });
    }
}
