//! One run of a source: from what was approved to a leaf in the ledger.
//!
//! A run always ends in a commit. A guest that fails, traps or is stopped leaves its exchanges, its log and a
//! manifest that says why; only the host's own failure (a full disk, a store that does not answer) leaves
//! nothing, and says so at once.

use crate::host::Host;
use crate::services::{Concluded, RunServices, RunSetup, RunSink, Taken};
use crate::source::{Source, SourceError};
use exhibit_broker::broker::{Broker, ExchangeSink, SinkError};
use exhibit_evidence::canonical::{self, Value};
use exhibit_evidence::digest::Digest;
use exhibit_evidence::exchange::{Exchange, Walk};
use exhibit_evidence::kind::{Kind, Shape};
use exhibit_evidence::name::SourceName;
use exhibit_evidence::record::{CanonicalRecord, Rejection};
use exhibit_evidence::run::{
    ConnectorIdentity, Fill, Limits, MANIFEST_FORMAT, Manifest, Population, ReplayInputs, RunFacts, RunId, Skew,
    Verdict,
};
use exhibit_evidence::time::{Span, Timestamp};
use exhibit_ledger::statement::{LeafKind, Statement};
use exhibit_sandbox::{Ended, RunEnd};
use exhibit_store::stage::{RunStart, Stage, Staged};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A window of events reaches back this far behind the end of the one before: sources deliver late.
const OVERLAP_MS: i64 = 60 * 60 * 1000;
/// The first window of a source reaches back this many days, unless its settings say otherwise.
pub const FIRST_LOOKBACK_DAYS: u32 = 7;
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
}

/// Runs a source now and commits what comes of it.
pub async fn collect(host: &Host, name: &SourceName) -> Result<Collected, CollectError> {
    let source = Source::open(host, name).await?;
    let facts = facts(host, &source)?;
    let inputs = ReplayInputs {
        source: name.clone(),
        settings: source.settings.clone(),
        facts,
        seed: Digest(rand::random()),
        limits: source.limits,
        state: encode_state(&host.store.state(name).map_err(|e| store_failed(name, e))?),
        redactions: source.redactions.to_lines(),
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
    let broker = Arc::new(Broker::live(
        transport,
        sink.clone(),
        host.clock.clone(),
        &source.limits,
        source.redactions.clone(),
        source.config.concurrency,
    ));
    let (end, concluded) = perform(host, &source, &inputs, broker.clone(), sink.clone()).await;
    drop(broker);
    let run = Run { host, source: &source, inputs: &inputs, end, concluded };
    let sink = Arc::into_inner(sink)
        .ok_or_else(|| store_failed(name, "a request was still under way when the run had ended"))?;
    run.commit(sink)
}

/// Runs the guest in its surroundings. Collecting and re-performing both come through here.
pub(crate) async fn perform(
    host: &Host,
    source: &Source,
    inputs: &ReplayInputs,
    broker: Arc<Broker>,
    sink: Arc<dyn RunSink>,
) -> (RunEnd, Concluded) {
    let expected_tenant = host.known_tenant(&inputs.source);
    let setup = RunSetup {
        facts: inputs.facts.clone(),
        source: inputs.source.clone(),
        wanted: source.wanted(),
        record_bytes: inputs.limits.record_bytes,
        expected_tenant,
        state: decode_state(&inputs.state),
    };
    let services = RunServices::new(setup, broker, source.intake.clone(), sink);
    let settings = String::from_utf8(inputs.settings.to_bytes()).unwrap_or_default();
    let (end, services) =
        host.runtime.run(&source.prepared, &settings, services, &inputs.limits, inputs.seed).await;
    (end, services.conclude())
}

/// The window and the name of a run that begins now.
fn facts(host: &Host, source: &Source) -> Result<RunFacts, CollectError> {
    let name = &source.name;
    let started_at = host.clock.now();
    let seen_until = host
        .store
        .runs(Some(name), None)
        .map_err(|e| store_failed(name, e))?
        .iter()
        .filter(|run| run.populations.iter().any(|p| source.is_timed(&p.kind) && p.verdict == Verdict::Complete))
        .map(|run| run.window.end)
        .max();
    let from = match seen_until {
        Some(end) => end.plus_ms(-OVERLAP_MS),
        None => started_at.plus_ms(-i64::from(source.config.lookback_days) * DAY_MS),
    };
    // Whole days, so that a day is filled by one window wherever it can be.
    let start = Timestamp::at_midnight(from.date());
    let run = RunId::new(started_at, rand::random());
    let kinds = source.config.kinds.clone();
    Ok(RunFacts { run, started_at, window: Span { start, end: started_at }, kinds })
}

/// A run whose guest is done.
struct Run<'a> {
    host: &'a Host,
    source: &'a Source,
    inputs: &'a ReplayInputs,
    end: RunEnd<()>,
    concluded: Concluded,
}

impl Run<'_> {
    fn commit(self, sink: StageSink) -> Result<Collected, CollectError> {
        let name = &self.source.name;
        if let Some(reason) = &self.concluded.host_failure {
            return Err(store_failed(name, reason));
        }
        let seen = sink.seen.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        for (stream, text) in [("stdout", &self.end.stdout), ("stderr", &self.end.stderr)] {
            for line in text.lines() {
                let line = serde_json::json!({"level": "info", "message": line, "stream": stream});
                let line = canonical::to_bytes(&line).map_err(|e| store_failed(name, e))?;
                sink.stage.log(&line).map_err(|e| store_failed(name, e))?;
            }
        }
        let complete = self.complete_kinds();
        let staged = sink.stage.merge(&complete).map_err(|e| store_failed(name, e))?;
        let manifest = self.manifest(&staged, seen.skew);
        let bytes = canonical::to_bytes(&manifest).map_err(|e| store_failed(name, e))?;
        let statement = statement(&manifest, Digest::of(&bytes));
        let leaf = statement
            .sign(&self.host.signer)
            .and_then(|envelope| Ok(envelope.to_bytes()?))
            .map_err(|e| store_failed(name, e))?;
        // What a failed run remembers would make the next one skip what this one did not deliver.
        let state = match manifest.verdict {
            Verdict::Failed(_) => decode_state(&self.inputs.state),
            _ => self.concluded.state.clone(),
        };
        let committed = staged
            .commit(&manifest, self.inputs, state, leaf)
            .map_err(|e| store_failed(name, e))?;
        Ok(Collected { manifest, leaf: committed.leaf_index })
    }

    /// The kinds with whether all their populations are complete.
    fn complete_kinds(&self) -> BTreeMap<Kind, (Shape, bool)> {
        let mut kinds = BTreeMap::new();
        for population in &self.concluded.populations {
            if let Some(shape) = self.source.intake.shape(&population.kind) {
                let entry = kinds.entry(population.kind.clone()).or_insert((shape, true));
                entry.1 &= population.verdict == Verdict::Complete;
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

    fn manifest(&self, staged: &Staged, skew: Option<Skew>) -> Manifest {
        let source = self.source;
        let stopped = matches!(&self.end.outcome, Err(ended) if ended.is_by_the_clock());
        Manifest {
            format: MANIFEST_FORMAT,
            run: self.inputs.facts.run.clone(),
            simulated: self.host.store.is_simulated(),
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
            datasets: staged.datasets.clone(),
            exchanges: staged.exchanges.clone(),
            walks: staged.walks,
            rejected: self.concluded.rejected.clone(),
            rejections: staged.rejections,
            skew,
            log: staged.log,
            log_lines: staged.log_lines,
            log_cut: self.end.usage.log_cut,
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
    Statement::new(LeafKind::Run, &format!("runs/{}/manifest.json", manifest.run), digest, predicate)
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
        self.stage.exchange(exchange, request_body, body).map_err(SinkError::new)
    }

    fn walk(&self, walk: &Walk) -> Result<(), SinkError> {
        self.stage.walk(walk).map_err(SinkError::new)
    }
}

impl RunSink for StageSink {
    fn record(&self, record: CanonicalRecord, shape: Shape) -> Result<Taken, String> {
        self.stage.record(record, shape).map_err(|e| e.to_string())
    }

    fn reject(&self, rejection: &Rejection) -> Result<(), String> {
        self.stage.reject(rejection).map_err(|e| e.to_string())
    }

    fn log(&self, line: &[u8]) -> Result<(), String> {
        self.stage.log(line).map_err(|e| e.to_string())
    }
}

fn encode_state(state: &BTreeMap<String, Vec<u8>>) -> BTreeMap<String, String> {
    use base64::Engine as _;
    let encode = |bytes: &Vec<u8>| base64::prelude::BASE64_STANDARD.encode(bytes);
    state.iter().map(|(key, value)| (key.clone(), encode(value))).collect()
}

fn decode_state(state: &BTreeMap<String, String>) -> BTreeMap<String, Vec<u8>> {
    use base64::Engine as _;
    let decode = |text: &String| base64::prelude::BASE64_STANDARD.decode(text).unwrap_or_default();
    state.iter().map(|(key, value)| (key.clone(), decode(value))).collect()
}

fn store_failed(source: &SourceName, reason: impl std::fmt::Display) -> CollectError {
    CollectError::Store { source_name: source.clone(), reason: reason.to_string() }
}
