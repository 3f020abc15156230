//! Settings and approvals as the scheduler gets them: at the start, and when they are read again.

use super::turn::Loop;
use crate::service::{LastRun, Refused, SourceNow};
use exhibit_evidence::digest::Digest;
use exhibit_evidence::name::SourceName;
use exhibit_evidence::run::Manifest;
use exhibit_pipeline::due::Reader;
use exhibit_pipeline::host::{Host, HostError};
use exhibit_pipeline::operation::Files;
use exhibit_pipeline::workspace::{AlertEvent, Config, WorkspaceError};
use exhibit_schedule::{Bounds, Event};
use std::collections::BTreeMap;

/// What is said of a source that nobody approved.
const UNAPPROVED: &str = "it is not approved";

/// How much runs at once, as settings say.
pub(super) fn bounds(config: &Config) -> Bounds {
    Bounds { runs: config.service.runs, per_host: config.service.runs_per_host }
}

/// What spreads the runs: the same for the same ledger.
pub(crate) fn seed(config: &Config) -> Digest {
    Digest::of(&config.origin)
}

/// A run that ended, for whoever looks.
pub(super) fn last_run(manifest: &Manifest) -> LastRun {
    LastRun {
        run: manifest.run.clone(),
        ended_at: manifest.ended_at,
        verdict: manifest.verdict.word().to_owned(),
        reason: manifest.verdict.reason().map(str::to_owned),
    }
}

impl Loop {
    /// Takes every source of the workspace as it is now: new ones, changed ones, those that are gone.
    pub(super) fn take_sources(&mut self, host: &Host) -> Result<(), WorkspaceError> {
        let configs = host.workspace.sources()?;
        let lock = host.workspace.lock()?;
        let mut reader = Reader::new(host);
        let mut sources = BTreeMap::new();
        for (name, config) in &configs {
            let mut now = self.sources.remove(name).unwrap_or_default();
            now.plan = config.schedule.plan.to_string();
            now.problem = None;
            self.paused_by_file.remove(name);
            if config.schedule.paused {
                self.paused_by_file.insert(name.clone());
            }
            match lock.sources.get(name) {
                None => {
                    now.problem = Some(UNAPPROVED.to_owned());
                    self.remove(name);
                    self.needs_approval(name, "nobody approved it yet");
                }
                Some(approval) => {
                    let setup = if self.scheduled.contains(name) {
                        reader.changed(config, approval)
                    } else {
                        let settled = self.settled_until.get(name).copied();
                        reader.present(name, config, approval, settled).map(|present| {
                            now.last = present.last.as_ref().map(last_run);
                            now.failures = present.failures;
                            let said = self.alerts.said(AlertEvent::ConnectorFailing, name);
                            let complete = present.setup.observed.iter().max();
                            if present.failures > 0 && said.as_ref() > complete {
                                self.failing.insert(name.clone());
                            }
                            present.unsaid.into_iter().for_each(|deed| self.owe(deed));
                            present.setup
                        })
                    };
                    match setup {
                        Ok(setup) => {
                            self.scheduled.insert(name.clone());
                            self.waiting.remove(name);
                            self.events.push(Event::Source(name.clone(), setup));
                        }
                        Err(error) => {
                            now.problem = Some(in_words(&error));
                            self.remove(name);
                        }
                    }
                }
            }
            sources.insert(name.clone(), now);
        }
        for name in self.scheduled.clone() {
            if !configs.contains_key(&name) {
                self.remove(&name);
            }
        }
        self.sources = sources;
        self.tell_pauses();
        Ok(())
    }

    /// Tells, once, that a source waits for a person.
    pub(super) fn needs_approval(&mut self, name: &SourceName, why: &str) {
        if self.waiting.insert(name.clone()) {
            let text = format!("{name} waits for approval: {why}; exhibit source approve {name}");
            self.alerts.raise(AlertEvent::ApprovalNeeded, Some(name), text);
        }
    }

    fn remove(&mut self, name: &SourceName) {
        if self.scheduled.remove(name) {
            self.events.push(Event::Removed(name.clone()));
        }
    }

    /// Tells the scheduler which sources are paused, by someone or by their file.
    pub(super) fn tell_pauses(&mut self) {
        for name in &self.scheduled {
            let paused = self.paused.contains(name) || self.paused_by_file.contains(name);
            let now: &mut SourceNow = self.sources.entry(name.clone()).or_default();
            if paused != now.paused {
                let event = if paused { Event::Paused } else { Event::Resumed };
                self.events.push(event(name.clone()));
                now.paused = paused;
            }
        }
    }

    /// Reads settings, controls, sources and approvals again. Where a file is wrong everything goes on as before.
    pub(super) fn reload(&mut self, by: &str) -> Result<(), Refused> {
        let old = self.service.host();
        let settings = |error: &HostError| Refused::Settings(in_words(error));
        let host = old.reload().map_err(|error| settings(&error))?;
        let files = Files::of(&host).map_err(|error| Refused::Settings(error.to_string()))?;
        if let Some(deed) = files.changed_by(&self.files, by) {
            self.write_down(&host, &files, &deed)?;
        }
        let config = host.workspace.config().clone();
        self.service.replace_host(host);
        let host = self.service.host();
        self.files = files;
        self.events.push(Event::Bounds(bounds(&config)));
        self.config = config.service;
        self.alerts.set_destinations(&host.workspace);
        self.take_sources(&host).map_err(|error| Refused::Settings(error.to_string()))?;
        tracing::info!(by, sources = self.sources.len(), "settings were read again");
        Ok(())
    }
}

/// An error with what to do about it.
fn in_words(error: &HostError) -> String {
    match error {
        HostError::Workspace(error) => match error.hint() {
            Some(hint) => format!("{error}; {hint}"),
            None => error.to_string(),
        },
        other => other.to_string(),
    }
}
