//! What the scheduler is told of a source: its plan, the hosts that it speaks to, what it collects, and what the store
//! knows of its past.

use crate::coverage::GRACE_MS;
use crate::host::{Host, HostError};
use crate::operation::{self, Deed};
use exhibit_broker::grant::lock::Approval;
use exhibit_broker::manifest::ComponentManifest;
use exhibit_evidence::digest::Digest;
use exhibit_evidence::kind::Kind;
use exhibit_evidence::name::SourceName;
use exhibit_evidence::run::{Manifest, Verdict};
use exhibit_evidence::time::Timestamp;
use exhibit_schedule::{Bounds, Ended, Event, Events, Scheduler, SourceSetup};
use exhibit_settings::source::SourceConfig;
use exhibit_store::{ReadError, RunFilter};
use std::collections::BTreeMap;

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// Slots are settled again this far behind the last complete run, where nothing tells that they are settled already.
const LOOK_BACK_MS: u64 = 40 * DAY_MS;

/// Failures in a row that are counted, at most.
const FAILURES_MAX: u32 = 100;

/// A source as it is now.
#[derive(Clone, Debug)]
pub struct Present {
    /// For the scheduler.
    pub setup: SourceSetup,
    /// The last run; none: there was none yet.
    pub last: Option<Manifest>,
    /// Runs since the last complete one.
    pub failures: u32,
    /// What the last complete run caught up, and the ledger does not say: a process that was killed had kept the run,
    /// and not yet that.
    pub unsaid: Vec<Deed>,
}

/// Reads what the scheduler needs of every source: of each component the manifest, once.
pub struct Reader<'h> {
    host: &'h Host,
    manifests: BTreeMap<Digest, ComponentManifest>,
    /// Until when each source's slots were told missed, as the ledger has it; read when it is first needed.
    told: Option<BTreeMap<SourceName, Timestamp>>,
}

impl<'h> Reader<'h> {
    /// A reader of a host's sources.
    pub fn new(host: &'h Host) -> Self {
        Self { host, manifests: BTreeMap::new(), told: None }
    }

    /// A source that the scheduler knows already, as it is set up now: without its past.
    ///
    /// # Errors
    /// As [`Reader::present`].
    pub fn changed(&mut self, config: &SourceConfig, approval: &Approval) -> Result<SourceSetup, HostError> {
        let (state, events) = self.datasets(config, approval.component)?;
        Ok(SourceSetup {
            plan: config.schedule.plan.clone(),
            hosts: approval.egress.iter().map(|rule| rule.url().host().to_string()).collect(),
            state,
            events,
            since: approval.approved_at,
            observed: Vec::new(),
            settled_until: approval.approved_at,
        })
    }

    /// A source under its approval. Slots that end before `settled_until` were settled by an earlier scheduler.
    ///
    /// # Errors
    /// [`HostError`], where the approved component is not here or cannot be read.
    pub fn present(
        &mut self,
        name: &SourceName,
        config: &SourceConfig,
        approval: &Approval,
        settled_until: Option<Timestamp>,
    ) -> Result<Present, HostError> {
        let told = match &mut self.told {
            Some(told) => told,
            none => none.insert(operation::missed_until(&self.host.store).map_err(unreadable)?),
        };
        let told = told.get(name).copied();
        let past = self.past(name, settled_until.max(told), approval.approved_at)?;
        let changed = self.changed(config, approval)?;
        let unsaid = self.unsaid(name, &changed, &past)?;
        let Past { since, observed, settled_until, last, failures, .. } = past;
        let setup = SourceSetup { since, observed, settled_until, ..changed };
        Ok(Present { setup, last, failures, unsaid })
    }

    /// Whether a source collects state, and how long its events can be collected.
    fn datasets(
        &mut self,
        config: &SourceConfig,
        component: Digest,
    ) -> Result<(bool, Option<Events>), HostError> {
        let manifest = match self.manifests.entry(component) {
            std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::btree_map::Entry::Vacant(new) => {
                let bytes = self.host.workspace.component(&component)?;
                let manifest = exhibit_sandbox::read_manifest(&bytes).map_err(|error| {
                    HostError::Component { file: format!("{component}.wasm"), reason: error.to_string() }
                })?;
                new.insert(manifest)
            }
        };
        let kinds = if config.kinds.is_empty() { &manifest.kinds } else { &config.kinds };
        let is_timed = |kind: &&Kind| self.host.shape(kind).is_some_and(|shape| shape.is_timed());
        let (timed, state): (Vec<&Kind>, Vec<&Kind>) = kinds.iter().partition(is_timed);
        // The kind that is forgotten first is the one that decides.
        let retention = timed.iter().filter_map(|kind| manifest.retention_days.get(*kind)).min();
        let retention_ms = retention.map(|days| u64::from(*days) * DAY_MS);
        let events = (!timed.is_empty()).then_some(Events { retention_ms, grace_ms: GRACE_MS });
        Ok((!state.is_empty(), events))
    }

    /// What a scheduler says of the last complete run, if it knows of those before alone, and the ledger does not.
    fn unsaid(&self, name: &SourceName, setup: &SourceSetup, past: &Past) -> Result<Vec<Deed>, HostError> {
        let Some((started_at, ended_at, leaf)) = past.last_complete.filter(|_| setup.events.is_some()) else {
            return Ok(Vec::new());
        };
        let observed = past.observed.iter().copied().filter(|at| *at < started_at).collect();
        let setup = SourceSetup {
            since: past.since,
            settled_until: ended_at,
            observed,
            state: false,
            ..setup.clone()
        };
        let mut scheduler = Scheduler::new(Bounds { runs: 1, per_host: 1 }, Digest::default());
        let ended = Ended::Complete;
        let events = [
            Event::Held,
            Event::Source(name.clone(), setup),
            Event::Finished { source: name.clone(), started_at, ended },
        ];
        let actions = scheduler.step(ended_at, events).actions;
        let mut deeds: Vec<Deed> = actions.into_iter().filter_map(Deed::of).collect();
        if !deeds.is_empty() {
            let said = operation::said_since(&self.host.store, leaf).map_err(unreadable)?;
            deeds.retain(|deed| !said.iter().any(|entry| entry.is_of(deed)));
        }
        Ok(deeds)
    }

    fn past(
        &self,
        name: &SourceName,
        settled_until: Option<Timestamp>,
        approved_at: Timestamp,
    ) -> Result<Past, HostError> {
        let filter = RunFilter { source: Some(name.clone()), span: None };
        let runs = self.host.store.runs(&filter).map_err(unreadable)?;
        // An approval that was renewed does not make the source new.
        let first = runs.first().map_or(approved_at, |run| run.started_at.min(approved_at));
        let since = settled_until.map_or(first, |settled| settled.min(first));
        let mut past = Past {
            since,
            observed: Vec::new(),
            settled_until: since,
            last: None,
            last_complete: None,
            failures: 0,
        };
        let mut from = settled_until;
        for run in runs.iter().rev() {
            // The last one, and the one before it, which tells what the last one had to catch up.
            if past.observed.len() > 1 && from.is_some_and(|from| run.started_at < from) {
                break;
            }
            let manifest = self.host.store.manifest(&run.run).map_err(unreadable)?;
            if manifest.verdict == Verdict::Complete {
                past.observed.push(run.started_at);
                past.last_complete.get_or_insert((run.started_at, run.ended_at, run.leaf));
                let back = run.started_at.plus_ms(-LOOK_BACK_MS.cast_signed());
                from = Some(from.map_or(back, |from| from.max(back)));
            } else if past.observed.is_empty() && past.failures < FAILURES_MAX {
                past.failures += 1;
            }
            past.last.get_or_insert(manifest);
        }
        past.settled_until = from.unwrap_or(since).max(since);
        Ok(past)
    }
}

/// What the store knows of a source's past.
struct Past {
    since: Timestamp,
    observed: Vec<Timestamp>,
    settled_until: Timestamp,
    last: Option<Manifest>,
    /// When the last complete run began and ended, and its leaf.
    last_complete: Option<(Timestamp, Timestamp, u64)>,
    failures: u32,
}

fn unreadable(error: ReadError) -> HostError {
    HostError::Store(exhibit_store::OpenError::Read(error))
}
