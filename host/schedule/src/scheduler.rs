//! The step function.

use crate::plan::Plan;
use crate::source::{Due, Source};
use exhibit_evidence::digest::Digest;
use exhibit_evidence::name::SourceName;
use exhibit_evidence::time::{Span, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// How much runs at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Runs in all.
    pub runs: usize,
    /// Runs that speak to one host.
    pub per_host: usize,
}

/// A source as the scheduler knows it.
#[derive(Clone, Debug)]
pub struct SourceSetup {
    /// Its slots.
    pub plan: Plan,
    /// The hosts that it speaks to.
    pub hosts: BTreeSet<String>,
    /// Whether it collects state.
    pub state: bool,
    /// Its events and acts; none: it collects none.
    pub events: Option<Events>,
    /// When it was added: slots that ended before are nobody's.
    pub since: Timestamp,
    /// The starts of its complete runs so far, at least of those since `settled_until`, and the last one.
    pub observed: Vec<Timestamp>,
    /// Slots that end before were told of already.
    pub settled_until: Timestamp,
}

/// How long events can be collected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Events {
    /// How long the system keeps them, in milliseconds; none: for good, as far as is known.
    pub retention_ms: Option<u64>,
    /// How long after a slot's end they are still in time, in milliseconds.
    pub grace_ms: u64,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// A source is there, or is set up otherwise than before. What it told of its past counts the first time only.
    Source(SourceName, SourceSetup),
    /// A source is no longer there. A run of it that is under way goes on.
    Removed(SourceName),
    /// No runs of it, until it is resumed.
    Paused(SourceName),
    /// Runs of it again.
    Resumed(SourceName),
    /// Someone wants a run of it now.
    Asked(SourceName),
    /// A run is over: one that was started here, or by hand.
    Finished {
        /// Its source.
        source: SourceName,
        /// When it had begun.
        started_at: Timestamp,
        /// What it came to.
        ended: Ended,
    },
    /// Other bounds than before.
    Bounds(Bounds),
    /// Nothing is started until [`Event::Released`]; what passes is settled all the same.
    Held,
    /// Runs are started again.
    Released,
    /// Nothing is started any more.
    Stopping,
}

/// What a run came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// All that was asked for is there.
    Complete,
    /// Some of it, with what is missing.
    Partial(String),
    /// None that can be relied on.
    Failed {
        /// Why.
        reason: String,
        /// Whether the same run may succeed later.
        retryable: bool,
        /// How long the system wants to be left alone, in milliseconds.
        retry_after_ms: Option<u64>,
    },
    /// The host stopped it.
    Interrupted,
}

/// What slots are told missed of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Of {
    /// What is.
    State,
    /// What happened.
    Events,
}

/// Why slots were missed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// The host was not running, or had no time.
    NobodyLooked,
    /// The source was paused.
    Paused,
    /// Runs failed; the last one's reason.
    Failed(String),
    /// Runs saw some of it; what was missing.
    Partial(String),
    /// The system no longer has it.
    BeyondRetention,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Run a source now.
    Start {
        /// The source.
        source: SourceName,
        /// The slot that it is for.
        slot: Span,
        /// Which attempt in this slot, from 1.
        attempt: u32,
    },
    /// Every slot in a stretch has passed without a complete look, and is missed for good.
    Missed {
        /// The source.
        source: SourceName,
        /// What is missed.
        of: Of,
        /// The stretch: whole slots.
        span: Span,
        /// Why.
        why: Why,
    },
    /// The events of every slot in a stretch were collected after the grace.
    Late {
        /// The source.
        source: SourceName,
        /// The stretch: whole slots.
        span: Span,
    },
    /// State was looked at in a slot that had been told missed: the host's clock had been wrong.
    Corrected {
        /// The source.
        source: SourceName,
        /// The slot.
        span: Span,
    },
}

/// What to do now, and when to ask again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// In this order.
    pub actions: Vec<Action>,
    /// The next instant at which there may be something to do though nothing happens; none: never.
    pub wake_at: Option<Timestamp>,
}

/// Every source with what is remembered of it.
#[derive(Clone, Debug)]
pub struct Scheduler {
    bounds: Bounds,
    seed: Digest,
    sources: BTreeMap<SourceName, Source>,
    /// Runs of sources that were removed meanwhile.
    orphans: BTreeMap<SourceName, BTreeSet<String>>,
    held: bool,
    stopping: bool,
}

impl Scheduler {
    /// A scheduler without sources. `seed` spreads their runs; give the same one after a restart.
    pub fn new(bounds: Bounds, seed: Digest) -> Self {
        Self {
            bounds,
            seed,
            sources: BTreeMap::new(),
            orphans: BTreeMap::new(),
            held: false,
            stopping: false,
        }
    }

    /// What follows at the instant `now` from what happened. `now` may be before the instant of the step before:
    /// clocks are set back.
    pub fn step(&mut self, now: Timestamp, events: impl IntoIterator<Item = Event>) -> Step {
        let mut actions = Vec::new();
        for event in events {
            self.take(event, now, &mut actions);
        }
        for source in self.sources.values_mut() {
            source.settle(now, &mut actions);
        }
        let wake_at = self.start_due(now, &mut actions);
        Step { actions, wake_at }
    }

    fn take(&mut self, event: Event, now: Timestamp, actions: &mut Vec<Action>) {
        match event {
            Event::Source(name, setup) => match self.sources.get_mut(&name) {
                Some(source) => source.change(setup, now, actions),
                None => {
                    self.sources.insert(name.clone(), Source::new(name, setup));
                }
            },
            Event::Removed(name) => {
                if let Some(source) = self.sources.remove(&name)
                    && source.is_running()
                {
                    self.orphans.insert(name, source.setup.hosts);
                }
            }
            Event::Paused(name) => self.with(&name, Source::pause),
            Event::Resumed(name) => self.with(&name, Source::resume),
            Event::Asked(name) => self.with(&name, Source::ask),
            Event::Finished { source: name, started_at, ended } => {
                self.orphans.remove(&name);
                if let Some(source) = self.sources.get_mut(&name) {
                    source.finish(started_at, ended, now, &self.seed, actions);
                }
            }
            Event::Bounds(bounds) => self.bounds = bounds,
            Event::Held => self.held = true,
            Event::Released => self.held = false,
            Event::Stopping => self.stopping = true,
        }
    }

    /// When a run of a source is due next, or since when; none: it is not there, runs, or is paused.
    pub fn next_due(&mut self, name: &SourceName, now: Timestamp) -> Option<Timestamp> {
        if self.orphans.contains_key(name) {
            return None;
        }
        match self.sources.get_mut(name)?.due(now, &self.seed) {
            Due::Now(at) | Due::At(at) => Some(at),
            Due::Never => None,
        }
    }

    /// Until when the slots of each source are settled, for [`SourceSetup::settled_until`] of a scheduler that
    /// goes on where this one ends.
    pub fn settled_until(&self) -> impl Iterator<Item = (&SourceName, Timestamp)> {
        self.sources.iter().map(|(name, source)| (name, source.settled_until))
    }

    fn with(&mut self, name: &SourceName, act: impl FnOnce(&mut Source)) {
        if let Some(source) = self.sources.get_mut(name) {
            act(source);
        }
    }

    /// Starts what is due, the longest waiting first. Who waits for a host keeps that host from all who wait behind.
    fn start_due(&mut self, now: Timestamp, actions: &mut Vec<Action>) -> Option<Timestamp> {
        let mut wake_at: Option<Timestamp> = None;
        let mut queue = Vec::new();
        for (name, source) in &mut self.sources {
            let due = if self.orphans.contains_key(name) { Due::Never } else { source.due(now, &self.seed) };
            let settles_at = source.settles_at(now, &self.seed);
            let next = if let Due::At(at) = due { at.min(settles_at) } else { settles_at };
            wake_at = Some(wake_at.map_or(next, |wake_at| wake_at.min(next)));
            if let Due::Now(since) = due {
                queue.push((since, name.clone()));
            }
        }
        if self.held || self.stopping {
            return wake_at;
        }
        queue.sort();
        let (mut running, mut hosts) = self.in_use();
        let mut reserved: BTreeSet<String> = BTreeSet::new();
        for (_, name) in queue {
            if running >= self.bounds.runs {
                break;
            }
            let Some(source) = self.sources.get_mut(&name) else { continue };
            let full = |host: &String| {
                reserved.contains(host) || hosts.get(host).is_some_and(|n| *n >= self.bounds.per_host)
            };
            if source.setup.hosts.iter().any(full) {
                reserved.extend(source.setup.hosts.iter().cloned());
                continue;
            }
            for host in &source.setup.hosts {
                *hosts.entry(host.clone()).or_default() += 1;
            }
            running += 1;
            actions.push(source.start(now, &self.seed));
        }
        wake_at
    }

    /// How many runs are under way, in all and to each host.
    fn in_use(&self) -> (usize, BTreeMap<String, usize>) {
        let own =
            self.sources.values().filter(|source| source.is_running()).map(|source| &source.setup.hosts);
        let mut hosts: BTreeMap<String, usize> = BTreeMap::new();
        let mut running = 0;
        for run in own.chain(self.orphans.values()) {
            running += 1;
            for host in run {
                *hosts.entry(host.clone()).or_default() += 1;
            }
        }
        (running, hosts)
    }
}
