//! One run in one world.

use crate::case::Case;
use crate::watch::{Seen, Watched};
use crate::world::{Twist, World};
use crate::{Bounds, ConformError};
use exhibit_broker::broker::Broker;
use exhibit_broker::grant::Grants;
use exhibit_broker::manifest::ComponentManifest;
use exhibit_broker::redact::{Redactions, Rule};
use exhibit_evidence::digest::Digest;
use exhibit_evidence::exchange::Walk;
use exhibit_evidence::kind::{Kind, builtin};
use exhibit_evidence::name::SourceName;
use exhibit_evidence::record::{CanonicalRecord, Rejection};
use exhibit_evidence::run::{Limits, Population, RunFacts, RunId};
use exhibit_evidence::time::{Clock, Span, Timestamp};
use exhibit_intake::Intake;
use exhibit_pipeline::services::{RunServices, RunSetup, RunSink, Taken};
use exhibit_sandbox::{Ended, Prepared, Runtime};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Pages of one list, and requests of one run. No list of fixtures is as long.
const PAGES: u32 = 20;
pub(crate) const REQUESTS: u64 = 20_000;

/// A component on the bench.
pub(crate) struct Bench<'a> {
    runtime: &'a Runtime,
    prepared: Prepared,
    pub(crate) case: &'a Case,
    intake: Arc<Intake>,
    grants: Arc<Grants>,
    redactions: Redactions,
    source: SourceName,
    limits: Limits,
    runs: AtomicU64,
}

/// How a run differs from the usual one.
#[derive(Clone)]
pub(crate) struct How {
    pub(crate) twist: Twist,
    pub(crate) lenient: bool,
    pub(crate) kinds: Vec<Kind>,
    pub(crate) window: Span,
    pub(crate) started_at: Timestamp,
    /// Tells the run's name and its random numbers from those of other runs.
    pub(crate) number: u32,
    /// Answers come from what this run recorded.
    pub(crate) again: Option<Arc<World>>,
}

/// What was seen of one run.
pub(crate) struct Look {
    pub(crate) seen: Seen,
    pub(crate) ended: Option<Ended>,
    pub(crate) populations: Vec<Population>,
    pub(crate) walks: Vec<Walk>,
    /// Accepted records by kind and key.
    pub(crate) lines: BTreeMap<(Kind, String), String>,
    pub(crate) rejections: Vec<Rejection>,
    pub(crate) divergences: Vec<String>,
    pub(crate) world: Arc<World>,
}

impl<'a> Bench<'a> {
    pub(crate) async fn new(
        runtime: &'a Runtime,
        component: &[u8],
        case: &'a Case,
        bounds: Bounds,
    ) -> Result<Self, ConformError> {
        let prepared = runtime.prepare(component).await?;
        let manifest = prepared.manifest();
        let kinds = builtin().into_iter().chain(manifest.own_kinds.iter().cloned());
        let intake = Intake::new(kinds).map_err(|error| ConformError::Kinds(error.to_string()))?;
        let settings = |error: String| ConformError::Settings(error);
        let ask = manifest.resolve(&case.settings).map_err(|error| settings(error.to_string()))?;
        let places =
            manifest.resolve_redactions(&case.settings).map_err(|error| settings(error.to_string()))?;
        let rules: Result<Vec<Rule>, _> = places.iter().map(|(url, place)| Rule::new(url, place)).collect();
        let redactions = Redactions::new(rules.map_err(|error| settings(error.to_string()))?);
        let source = "conformance".parse().map_err(|error| settings(format!("{error}")))?;
        let limits = Limits {
            deadline_ms: bounds.deadline_ms,
            pages: PAGES,
            requests: REQUESTS,
            memory_bytes: manifest.memory_bytes().unwrap_or(Limits::default().memory_bytes),
            ..Limits::default()
        };
        let (intake, grants) = (Arc::new(intake), Arc::new(Grants::all("conformance", ask)));
        let runs = AtomicU64::new(0);
        Ok(Self { runtime, prepared, case, intake, grants, redactions, source, limits, runs })
    }

    pub(crate) fn manifest(&self) -> &ComponentManifest {
        self.prepared.manifest()
    }

    /// Runs that were made.
    pub(crate) fn runs(&self) -> u64 {
        self.runs.load(Ordering::Relaxed)
    }

    /// Whether records of this kind happened at some time.
    pub(crate) fn is_timed(&self, kind: &Kind) -> bool {
        self.intake.shape(kind).is_some_and(|shape| shape.is_timed())
    }

    /// What the connector says of itself.
    pub(crate) async fn describe(&self) -> Result<String, Ended> {
        self.runtime.describe(&self.prepared).await
    }

    /// Pointers of what the connector finds wrong with these settings.
    pub(crate) async fn problems(&self, settings: &serde_json::Value) -> Result<Vec<String>, Ended> {
        let problems = self.runtime.validate_config(&self.prepared, &settings.to_string()).await?;
        Ok(problems.into_iter().map(|problem| problem.pointer).collect())
    }

    /// The usual run.
    pub(crate) fn usual(&self) -> How {
        How {
            twist: Twist::None,
            lenient: false,
            kinds: Vec::new(),
            window: self.case.window,
            started_at: self.case.started_at,
            number: 1,
            again: None,
        }
    }

    /// Makes a run.
    pub(crate) async fn look(&self, how: How) -> Look {
        self.runs.fetch_add(1, Ordering::Relaxed);
        let world =
            Arc::new(World::new(self.grants.clone(), self.case.fixtures.clone(), how.twist, how.lenient));
        let clock = Arc::new(Frozen(how.started_at));
        let broker = match how.again {
            Some(recorded) => Broker::replay(recorded, world.clone(), &self.limits),
            // One request after another: the world tells them apart by their order.
            None => {
                Broker::live(world.clone(), world.clone(), clock, &self.limits, self.redactions.clone(), 1)
            }
        };
        let facts = RunFacts {
            run: RunId::new(how.started_at, how.number),
            started_at: how.started_at,
            window: how.window,
            kinds: how.kinds.clone(),
        };
        let wanted: BTreeSet<Kind> = match how.kinds.is_empty() {
            true => self.manifest().kinds.iter().cloned().collect(),
            false => how.kinds.into_iter().collect(),
        };
        let setup = RunSetup {
            facts,
            source: self.source.clone(),
            wanted,
            record_bytes: self.limits.record_bytes,
            expected_tenant: None,
            state: BTreeMap::new(),
        };
        let sink = Arc::new(Sink::default());
        let services = RunServices::new(setup, broker.clone(), self.intake.clone(), sink.clone());
        let watched = Watched::new(services, self.grants.clone(), world.clone());
        let (settings, seed) = (self.case.settings.to_string(), Digest::of(how.number.to_string()));
        let (end, watched) = self.runtime.run(&self.prepared, &settings, watched, &self.limits, seed).await;
        let (seen, concluded) = watched.conclude(&end.stdout, &end.stderr);
        let kept = std::mem::take(&mut *sink.kept());
        Look {
            seen,
            ended: end.outcome.err(),
            populations: concluded.populations,
            walks: concluded.walks,
            lines: kept.lines,
            rejections: kept.rejections,
            divergences: broker.divergences().iter().map(ToString::to_string).collect(),
            world,
        }
    }
}

struct Frozen(Timestamp);

impl Clock for Frozen {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// Keeps records and refusals in memory.
#[derive(Default)]
struct Sink(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    lines: BTreeMap<(Kind, String), String>,
    rejections: Vec<Rejection>,
}

impl Sink {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RunSink for Sink {
    fn record(&self, record: CanonicalRecord) -> Result<Taken, String> {
        let line = String::from_utf8_lossy(&record.line).into_owned();
        let key = (record.kind, record.key.as_str().to_owned());
        let mut kept = self.kept();
        match kept.lines.get(&key) {
            Some(held) if *held == line => Ok(Taken::Repeated),
            Some(_) => Ok(Taken::Conflict),
            None => {
                kept.lines.insert(key, line);
                Ok(Taken::New)
            }
        }
    }

    fn reject(&self, rejection: &Rejection) -> Result<(), String> {
        self.kept().rejections.push(rejection.clone());
        Ok(())
    }

    fn log(&self, _: &[u8]) -> Result<(), String> {
        Ok(())
    }
}
