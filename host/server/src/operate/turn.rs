//! One turn of the loop: what is owed to the ledger, what is due, what is told.

use super::alerts::Alerts;
use super::memory::Memory;
use super::metrics::Metrics;
use super::runs::{Done, Lost, Runs, ended};
use super::sources::{bounds, last_run, seed};
use super::{End, OperateError, Options, word};
use crate::service::{Act, Now, Order, Refused, Service, SourceNow};
use exhibit_evidence::name::SourceName;
use exhibit_evidence::time::Timestamp;
use exhibit_pipeline::collect::{CollectError, Collected};
use exhibit_pipeline::host::Host;
use exhibit_pipeline::operation::{self, Deed, Files, of_word, why_words};
use exhibit_pipeline::source::SourceError;
use exhibit_pipeline::workspace::{AlertEvent, ServiceConfig};
use exhibit_schedule::{Action, Ended, Event, Scheduler};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// A source is said to fail after so many failures in a row, or at one that would only come again.
const FAILING: u32 = 3;
/// What is remembered beside the ledger is written this often.
const REMEMBER_MS: u64 = 60 * 1000;

/// The loop between two turns.
pub(crate) struct Loop {
    pub(super) service: Service,
    told: watch::Sender<Arc<Now>>,
    started_at: Timestamp,
    pub(super) config: ServiceConfig,
    pub(super) files: Files,
    scheduler: Scheduler,
    pub(crate) runs: Runs,
    /// What happened since the last step.
    pub(super) events: Vec<Event>,
    /// What the ledger is to say and does not say yet.
    owed: VecDeque<Deed>,
    /// A run panicked, as sled does on a disk that is full: it may have left anything behind.
    has_panicked: bool,
    /// Why nothing new is started.
    holding: Option<String>,
    is_stopping: bool,
    /// Sources that the scheduler has.
    pub(super) scheduled: BTreeSet<SourceName>,
    pub(super) sources: BTreeMap<SourceName, SourceNow>,
    /// Paused by someone.
    pub(super) paused: BTreeSet<SourceName>,
    /// Paused by their files.
    pub(super) paused_by_file: BTreeSet<SourceName>,
    /// What the service before this one had settled.
    pub(super) settled_until: BTreeMap<SourceName, Timestamp>,
    remembered_at: Option<Timestamp>,
    metrics: Arc<Metrics>,
    pub(crate) alerts: Alerts,
    /// Sources that were said to wait for approval.
    pub(super) waiting: BTreeSet<SourceName>,
    /// Sources that were said to fail.
    pub(super) failing: BTreeSet<SourceName>,
}

impl Loop {
    /// Reads what there is, and writes the start into the ledger.
    pub(crate) fn start(
        service: Service,
        told: watch::Sender<Arc<Now>>,
        options: Options,
    ) -> Result<Self, OperateError> {
        let host = service.host();
        let files = Files::of(&host)?;
        let memory = Memory::read(host.store.dir());
        if let Some(deed) = operation::changed(&host.store, &files, "files")? {
            operation::record(&host, &files, &deed)?;
        }
        let before = operation::before(&host.store, memory.alive_at)?;
        operation::record(&host, &files, &Deed::Started { before })?;
        let config = host.workspace.config();
        let (folder, metrics) = (super::memory::folder(host.store.dir()), service.metrics());
        let clock = Arc::clone(&host.clock);
        let alerts =
            Alerts::open(&folder, &host.workspace, clock, Arc::clone(&metrics), options.alert_delays)
                .map_err(OperateError::Alerts)?;
        let mut running = Self {
            scheduler: Scheduler::new(bounds(config), seed(config)),
            config: config.service.clone(),
            metrics,
            alerts,
            waiting: BTreeSet::new(),
            failing: BTreeSet::new(),
            told,
            started_at: host.clock.now(),
            files,
            runs: Runs::new(options.runs_on),
            events: Vec::new(),
            owed: VecDeque::new(),
            has_panicked: false,
            holding: None,
            is_stopping: false,
            scheduled: BTreeSet::new(),
            sources: BTreeMap::new(),
            paused: operation::paused(&host.store)?,
            paused_by_file: BTreeSet::new(),
            settled_until: memory.settled_until,
            remembered_at: None,
            service,
        };
        running.take_sources(&host)?;
        tracing::info!(
            sources = running.sources.len(),
            before = ?before,
            leaves = host.store.head().size,
            "the service has started"
        );
        Ok(running)
    }

    /// One turn. Answers with how long nothing will be due.
    pub(crate) fn turn(&mut self) -> Duration {
        let host = self.service.host();
        self.pay(&host);
        self.hold(&host);
        let now = host.clock.now();
        let step = self.scheduler.step(now, std::mem::take(&mut self.events));
        let mut starts = Vec::new();
        for action in step.actions {
            if let Action::Start { source, slot, attempt } = action {
                starts.push((source, slot, attempt));
            } else if let Some(deed) = Deed::of(action) {
                self.owe(deed);
            }
        }
        self.pay(&host);
        for (source, slot, attempt) in starts {
            if self.owed.is_empty() {
                tracing::info!(%source, %slot, attempt, started_at = %now, "a run starts");
                self.runs.start(Arc::clone(&host), source, now);
            } else {
                // What passed is not written down yet: the run does not go before it.
                let ended = Ended::Interrupted;
                self.events.push(Event::Finished { source, started_at: now, ended });
            }
        }
        self.remember(&host, now);
        self.tell(&host, now);
        let wait_ms = step.wake_at.map_or(u64::MAX, |at| at.as_ms().saturating_sub(now.as_ms()));
        if self.events.is_empty() { Duration::from_millis(wait_ms) } else { Duration::from_secs(1) }
    }

    pub(super) fn owe(&mut self, deed: Deed) {
        tracing::warn!(?deed, "slots");
        self.metrics.deed(&deed);
        match &deed {
            Deed::Missed { source, of, span, why } => {
                let (word, reason) = why_words(why);
                let reason = reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
                let (of, why) = (of_word(*of), word.replace('_', " "));
                let text = format!("{of} of {source} was missed for {span}: {why}{reason}");
                self.alerts.raise(AlertEvent::Missed, Some(source), text);
            }
            Deed::Late { source, span } => {
                let text = format!("events of {source} for {span} were collected after the grace");
                self.alerts.raise(AlertEvent::Late, Some(source), text);
            }
            _ => {}
        }
        self.owed.push_back(deed);
    }

    /// Writes down what is owed, as far as the store takes it.
    fn pay(&mut self, host: &Host) {
        while let Some(deed) = self.owed.front() {
            match operation::record(host, &self.files, deed) {
                Ok(_) => _ = self.owed.pop_front(),
                Err(error) => {
                    tracing::error!(%error, owed = self.owed.len(), "the ledger takes nothing now");
                    return;
                }
            }
        }
    }

    /// Writes one deed now, because an order's answer depends on it.
    pub(super) fn write_down(&mut self, host: &Host, files: &Files, deed: &Deed) -> Result<(), Refused> {
        match operation::record(host, files, deed) {
            Ok(_) => Ok(()),
            Err(error) => Err(Refused::Conflict(format!("it could not be written into the ledger: {error}"))),
        }
    }

    /// Holds new runs back where they could not be kept, and lets them go when they could.
    fn hold(&mut self, host: &Host) {
        let reason = self.obstacle(host);
        if reason.is_some() != self.holding.is_some() {
            match &reason {
                Some(reason) => {
                    tracing::error!(reason, "nothing new is started");
                    self.alerts.raise(
                        AlertEvent::DiskLow,
                        None,
                        format!("nothing new is collected: {reason}"),
                    );
                }
                None => tracing::info!("runs are started again"),
            }
            self.events.push(if reason.is_some() { Event::Held } else { Event::Released });
        }
        self.holding = reason;
    }

    /// Why nothing new can be kept.
    fn obstacle(&self, host: &Host) -> Option<String> {
        if let Some(halted) = self.halted(host) {
            return Some(format!("the store is to be opened again: {halted}"));
        }
        let keep_free = self.config.keep_free_mb.saturating_mul(1_000_000);
        match free_bytes(host.store.dir()) {
            Ok(free) => {
                self.metrics.free_bytes(free);
                // A little more to go on than to stop: not to and fro at the bound.
                let enough = if self.holding.is_some() { keep_free + keep_free / 10 } else { keep_free };
                if free < enough {
                    let (free_mb, keep_mb) = (free / 1_000_000, self.config.keep_free_mb);
                    return Some(format!(
                        "the disk of {} has {free_mb} MB left, and {keep_mb} MB are to stay free (keep_free_mb)",
                        host.store.dir().display()
                    ));
                }
            }
            Err(error) => return Some(format!("{}: {error}", host.store.dir().display())),
        }
        if self.owed.is_empty() {
            return None;
        }
        Some(format!("the ledger did not take {} leaves that come first", self.owed.len()))
    }

    /// Whether the loop must end so that the store can be opened again: it is halted, nothing goes on, and there is
    /// room.
    pub(crate) fn over(&self) -> Option<End> {
        let host = self.service.host();
        let room =
            free_bytes(host.store.dir()).is_ok_and(|free| free >= self.config.keep_free_mb * 1_000_000);
        (self.halted(&host).is_some() && self.runs.is_empty() && room).then_some(End::Reopen)
    }

    /// Why the store takes nothing more.
    fn halted(&self, host: &Host) -> Option<String> {
        host.store.halted().or_else(|| self.has_panicked.then(|| "a run panicked".to_owned()))
    }

    /// A run is over.
    pub(crate) fn ended(&mut self, done: Done) {
        let Done { source, started_at, came_to } = done;
        let ended = ended(&came_to);
        let now = self.sources.entry(source.clone()).or_default();
        match &came_to {
            Ok(run) => {
                let manifest = &run.manifest;
                now.last = Some(last_run(manifest));
                now.problem = None;
                let (run, verdict) = (&manifest.run, manifest.verdict.word());
                let reason = manifest.verdict.reason().unwrap_or_default();
                tracing::info!(%source, %run, verdict, reason, "a run ended");
            }
            Err(Lost::Error(CollectError::Source(error))) => {
                let hint = error.hint().map(|hint| format!("; {hint}")).unwrap_or_default();
                now.problem = Some(format!("{error}{hint}"));
                tracing::error!(%source, %error, "a source cannot run as it is set up");
            }
            Err(lost) => {
                self.has_panicked |= matches!(lost, Lost::Panicked);
                tracing::error!(%source, started_at = %started_at, ?lost, "nothing of a run is kept");
            }
        }
        match &ended {
            Ended::Complete => now.failures = 0,
            Ended::Interrupted => {}
            _ => now.failures += 1,
        }
        let failures = now.failures;
        self.judge(&source, &came_to, &ended, failures);
        self.metrics.run(&source, &came_to);
        self.events.push(Event::Finished { source, started_at, ended });
    }

    /// Tells, once, of a source whose runs fail, and of one that waits for approval.
    fn judge(
        &mut self,
        source: &SourceName,
        came_to: &Result<Collected, Lost>,
        ended: &Ended,
        failures: u32,
    ) {
        if let Err(Lost::Error(CollectError::Source(error))) = came_to
            && matches!(error, SourceError::AsksMore { .. } | SourceError::Unapproved(_))
        {
            self.needs_approval(source, "it asks for more than was approved");
            return;
        }
        let (reason, retryable) = match ended {
            Ended::Complete => {
                self.failing.remove(source);
                return;
            }
            Ended::Interrupted => return,
            Ended::Partial(reason) => (reason, true),
            Ended::Failed { reason, retryable, .. } => (reason, *retryable),
        };
        if (failures >= FAILING || !retryable) && self.failing.insert(source.clone()) {
            let text = format!("{source} fails, {failures} times so far: {reason}");
            self.alerts.raise(AlertEvent::ConnectorFailing, Some(source), text);
        }
    }

    /// Carries an order out, and answers.
    pub(crate) fn order(&mut self, order: Order) {
        let Order { act, by, done } = order;
        tracing::info!(order = word(&act), by, "an order");
        let answer = match &act {
            Act::Run(name) => self.ask(name),
            Act::Pause(name) => self.pause(name, true, &by),
            Act::Resume(name) => self.pause(name, false, &by),
            Act::Reload => self.reload(&by),
        };
        if let Err(refused) = &answer {
            tracing::warn!(order = word(&act), by, %refused, "the order was refused");
        }
        self.turn();
        let _ = done.send(answer);
    }

    fn ask(&mut self, name: &SourceName) -> Result<(), Refused> {
        let source = self.sources.get(name).ok_or_else(|| Refused::NoSource(name.clone()))?;
        let conflict = if !self.scheduled.contains(name) {
            source.problem.clone()
        } else if source.paused {
            Some(format!("{name} is paused"))
        } else if let Some(since) = self.runs.since(name) {
            Some(format!("a run of {name} goes on since {since}"))
        } else {
            self.holding.clone()
        };
        if let Some(conflict) = conflict {
            return Err(Refused::Conflict(conflict));
        }
        self.events.push(Event::Asked(name.clone()));
        Ok(())
    }

    fn pause(&mut self, name: &SourceName, pause: bool, by: &str) -> Result<(), Refused> {
        if !self.sources.contains_key(name) {
            return Err(Refused::NoSource(name.clone()));
        }
        if !pause && self.paused_by_file.contains(name) {
            return Err(Refused::Conflict(format!(
                "sources/{name}.toml says `paused = true`: change it there, and have the settings read again"
            )));
        }
        if pause == self.paused.contains(name) {
            return Ok(());
        }
        let (source, by) = (name.clone(), by.to_owned());
        let deed = if pause { Deed::Paused { source, by } } else { Deed::Resumed { source, by } };
        let (host, files) = (self.service.host(), self.files.clone());
        self.write_down(&host, &files, &deed)?;
        if pause {
            self.paused.insert(name.clone());
        } else {
            self.paused.remove(name);
        }
        self.tell_pauses();
        Ok(())
    }

    /// Nothing new is started any more. Answers with the seconds that runs may take to end.
    pub(crate) fn stopping(&mut self) -> u64 {
        tracing::info!(running = self.runs.len(), "the service is stopping");
        self.is_stopping = true;
        self.events.push(Event::Stopping);
        self.config.stop_grace_s
    }

    /// Writes down that the host stopped.
    pub(crate) fn stopped(&mut self, interrupted: Vec<SourceName>) {
        let host = self.service.host();
        let deed = Deed::Stopped { reason: "asked to".to_owned(), interrupted };
        self.owed.push_back(deed);
        self.pay(&host);
        self.remembered_at = None;
        self.remember(&host, host.clock.now());
        tracing::info!(leaves = host.store.head().size, "the service has stopped");
    }

    /// Writes down beside the ledger what the next start is quicker with.
    fn remember(&mut self, host: &Host, now: Timestamp) {
        let is_fresh = |at: Timestamp| now >= at && now.as_ms() - at.as_ms() < REMEMBER_MS;
        if self.remembered_at.is_some_and(is_fresh) || !self.owed.is_empty() {
            return;
        }
        let settled_until = self.scheduler.settled_until().map(|(name, at)| (name.clone(), at)).collect();
        let memory = Memory { alive_at: Some(now), settled_until };
        if let Err(error) = memory.write(host.store.dir()) {
            tracing::warn!(%error, "state.json could not be written");
        }
        self.remembered_at = Some(now);
    }

    /// Tells everyone what goes on.
    fn tell(&mut self, host: &Host, at: Timestamp) {
        let mut sources = self.sources.clone();
        for (name, source) in &mut sources {
            source.running_since = self.runs.since(name);
            source.next_due = self.scheduler.next_due(name, at);
        }
        let holding =
            if self.is_stopping { Some("the service is stopping".to_owned()) } else { self.holding.clone() };
        let now = Now { at, started_at: self.started_at, holding, sources };
        self.metrics.now(&now, self.runs.len(), host.store.head().size);
        self.told.send_replace(Arc::new(now));
    }
}

/// Bytes that are left for the data.
pub(crate) fn free_bytes(data: &Path) -> std::io::Result<u64> {
    let disk = rustix::fs::statvfs(data)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}
