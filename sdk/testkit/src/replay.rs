//! Runs a connector natively against fixtures.

use crate::host::{Ends, TestHost};
use crate::outcome::Outcome;
use exhibit_broker::broker::Broker;
use exhibit_broker::fixture::{Fixture, FixtureTransport};
use exhibit_broker::grant::Grants;
use exhibit_broker::manifest::ComponentManifest;
use exhibit_broker::memory::Memory;
use exhibit_broker::redact::{Redactions, Rule};
use exhibit_evidence::kind::{Kind, builtin};
use exhibit_evidence::run::Limits;
use exhibit_evidence::time::{Clock, Timestamp};
use exhibit_intake::{Envelope, Intake};
use exhibit_sdk::connector::{self, Connector};
use exhibit_sdk::host::{self, Facts};
use exhibit_sdk::{EvidenceKind, Failure, Span};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

/// Requests that are under way at once, as in a source's default.
const CONCURRENCY: usize = 4;

/// A replay, to be run. Paths are relative to the connector's `Cargo.toml`, beside which its `connector.toml` is.
#[derive(Debug)]
#[must_use = "a replay does nothing until it is run"]
pub struct Replay {
    base: PathBuf,
    manifest: Option<String>,
    fixtures: Vec<Fixture>,
    settings: Value,
    facts: Facts,
    state: BTreeMap<String, Vec<u8>>,
    limits: Limits,
}

struct FrozenClock(Timestamp);

impl Clock for FrozenClock {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// A mistake in the test or the connector, said where the test stands.
#[allow(clippy::panic, reason = "this is how a test fails")]
#[track_caller]
fn demand<T, E: fmt::Display>(what: &str, result: Result<T, E>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{what}: {error}"),
    }
}

impl Replay {
    /// With the fixtures in this file: JSON lines, see [`fixture`](crate::fixture).
    #[track_caller]
    pub fn fixtures(path: impl AsRef<Path>) -> Self {
        let base = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
        let fixtures = demand("fixtures", Fixture::read(&base.join(path)));
        Self::new(base, fixtures)
    }

    /// With these fixtures: `["users"]` is `fixtures/users.jsonl`.
    #[track_caller]
    pub fn named(files: &[&str]) -> Self {
        let base = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
        files
            .iter()
            .fold(Self::new(base, Vec::new()), |replay, name| replay.and(format!("fixtures/{name}.jsonl")))
    }

    /// With fixtures written in the test.
    #[track_caller]
    pub fn text(lines: &str) -> Self {
        let base = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
        Self::new(base, demand("fixtures", Fixture::parse(lines, "text")))
    }

    fn new(base: PathBuf, fixtures: Vec<Fixture>) -> Self {
        let day = 86_400_000;
        // 2026-03-04T10:00:00Z
        let started_at_ms = 1_772_618_400_000;
        let facts = Facts {
            run_id: "20260304T100000Z-00000000".to_owned(),
            started_at_ms,
            window_start_ms: started_at_ms - day,
            window_end_ms: started_at_ms,
            kinds: Vec::new(),
        };
        let (settings, state) = (Value::Object(serde_json::Map::new()), BTreeMap::new());
        Self { base, manifest: None, fixtures, settings, facts, state, limits: Limits::default() }
    }

    /// And the fixtures in this file.
    #[track_caller]
    pub fn and(mut self, path: impl AsRef<Path>) -> Self {
        self.fixtures.extend(demand("fixtures", Fixture::read(&self.base.join(path))));
        self
    }

    /// With this text instead of the file `connector.toml`.
    pub fn manifest(mut self, toml: &str) -> Self {
        self.manifest = Some(toml.to_owned());
        self
    }

    /// With these settings; none where this is not called.
    pub fn settings(mut self, settings: Value) -> Self {
        self.settings = settings;
        self
    }

    /// At this instant instead of 2026-03-04T10:00:00Z. The window moves along.
    pub fn started_at(mut self, at: exhibit_sdk::Timestamp) -> Self {
        let length = self.facts.window_end_ms - self.facts.window_start_ms;
        self.facts.started_at_ms = at.as_ms();
        self.facts.window_end_ms = at.as_ms();
        self.facts.window_start_ms = at.as_ms().saturating_sub(length);
        self
    }

    /// With this window instead of the day before the start.
    pub fn window(mut self, window: Span) -> Self {
        self.facts.window_start_ms = window.start.as_ms();
        self.facts.window_end_ms = window.end.as_ms();
        self
    }

    /// Asking for this kind, and others that are named; for all where this is not called.
    pub fn wanting<K: EvidenceKind>(mut self) -> Self {
        self.facts.kinds.push(K::KIND.to_owned());
        self
    }

    /// With this value in the connector's state.
    pub fn state(mut self, key: &str, value: &Value) -> Self {
        self.state.insert(key.to_owned(), value.to_string().into_bytes());
        self
    }

    /// With at most so many pages a list.
    pub fn max_pages(mut self, pages: u32) -> Self {
        self.limits.pages = pages;
        self
    }

    /// Runs `check` and `collect`, then both again over what was recorded, as an auditor would.
    ///
    /// # Panics
    /// Where `connector.toml` is missing, wrong, or at odds with `describe`; where the settings are refused; where
    /// a request is denied or has no fixture; and where the second run differs from the first.
    #[track_caller]
    pub fn run<C: Connector>(self) -> Outcome {
        let manifest = self.read_manifest::<C>();
        let problems = connector::validate::<C>(&self.settings.to_string());
        assert!(problems.is_empty(), "the settings are refused: {problems:?}");
        let ask = demand("connector.toml", manifest.resolve(&self.settings));
        let transport = Arc::new(FixtureTransport::new(self.fixtures.clone(), Grants::all("test", ask)));
        let memory = Arc::new(Memory::default());
        let live = Broker::live(
            transport.clone(),
            memory.clone(),
            Arc::new(FrozenClock(Timestamp::from_ms(self.facts.started_at_ms))),
            &self.limits,
            self.redactions(&manifest),
            CONCURRENCY,
        );
        let first = self.perform::<C>(&manifest, live);
        let missed = transport.missed();
        assert!(missed.is_empty(), "{}\n{}", missed.join("\n"), first.summary());
        let again = Broker::replay(memory.clone(), Arc::new(Memory::default()), &self.limits);
        let second = self.perform::<C>(&manifest, again);
        first.same_as(&second);
        first.into_outcome(self.base, memory.exchanges(), transport.unused())
    }

    #[track_caller]
    fn read_manifest<C: Connector>(&self) -> ComponentManifest {
        let path = self.base.join("connector.toml");
        let text = match &self.manifest {
            Some(text) => text.clone(),
            None => demand(&path.display().to_string(), std::fs::read_to_string(&path)),
        };
        let manifest = demand("connector.toml", ComponentManifest::from_toml(&text));
        let declared: BTreeSet<String> = manifest.kinds.iter().map(Kind::to_string).collect();
        let described: BTreeSet<String> = C::describe().kinds().map(str::to_owned).collect();
        assert_eq!(declared, described, "connector.toml (left) and `describe` (right) name other kinds");
        manifest
    }

    #[track_caller]
    fn redactions(&self, manifest: &ComponentManifest) -> Redactions {
        let places = demand("connector.toml, redact", manifest.resolve_redactions(&self.settings));
        let rules: Result<Vec<Rule>, _> = places.iter().map(|(url, place)| Rule::new(url, place)).collect();
        Redactions::new(demand("connector.toml, redact", rules))
    }

    #[track_caller]
    fn perform<C: Connector>(&self, manifest: &ComponentManifest, broker: Broker) -> Performed {
        let kinds = builtin().into_iter().chain(manifest.own_kinds.iter().cloned());
        let declared: BTreeSet<Kind> = manifest.kinds.iter().cloned().collect();
        let intake =
            demand("connector.toml, kinds", Intake::new(kinds.filter(|spec| declared.contains(&spec.kind))));
        let envelope = Envelope {
            source: demand("source", "test".parse()),
            tenant: String::new(),
            record_bytes: self.limits.record_bytes,
        };
        let (facts, state) = (self.facts.clone(), self.state.clone());
        let host = TestHost::new(facts, broker, intake, declared, envelope, state);
        let host = Rc::new(demand("the test's host", host));
        let settings = self.settings.to_string();
        let run = || {
            let tenant = connector::check::<C>(&settings)?;
            host.set_tenant(&tenant);
            Ok((tenant, connector::collect::<C>(&settings)))
        };
        let (tenant, failure) = match host::with(host.clone(), run) {
            Ok((tenant, collected)) => (Some(tenant), collected.err()),
            Err(failure) => (None, Some(failure)),
        };
        let divergences = host.broker().divergences().iter().map(ToString::to_string).collect();
        Performed { tenant, failure, divergences, ends: host.conclude() }
    }
}

/// One of the two runs.
struct Performed {
    tenant: Option<String>,
    failure: Option<Failure>,
    divergences: Vec<String>,
    ends: Ends,
}

impl Performed {
    fn summary(&self) -> String {
        self.failure.as_ref().map(|failure| format!("the run failed: {failure}")).unwrap_or_default()
    }

    /// Panics unless the other run, over what this one recorded, came to the same.
    #[track_caller]
    fn same_as(&self, again: &Self) {
        assert!(
            again.divergences.is_empty(),
            "run again over what was recorded, the connector asked otherwise (does it iterate over a HashMap?):\n{}",
            again.divergences.join("\n")
        );
        assert_eq!(self.tenant, again.tenant, "run again, another tenant");
        let text = |p: &Self| p.failure.as_ref().map(ToString::to_string);
        assert_eq!(text(self), text(again), "run again, another failure");
        assert!(self.ends.lines == again.ends.lines, "run again over what was recorded, other records");
        assert_eq!(self.ends.populations, again.ends.populations, "run again, other populations");
        assert_eq!(self.ends.log, again.ends.log, "run again, another log");
    }

    fn into_outcome(
        self,
        base: PathBuf,
        exchanges: Vec<exhibit_evidence::exchange::Exchange>,
        unused_fixtures: Vec<String>,
    ) -> Outcome {
        let Ends { lines, rejections, log, state, populations, walks } = self.ends;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let of_kind =
            |lines: BTreeMap<String, Vec<u8>>| lines.into_iter().map(|(k, l)| (k, text(l))).collect();
        Outcome {
            tenant: self.tenant,
            failure: self.failure,
            populations,
            rejections,
            log,
            walks,
            exchanges,
            state: state
                .into_iter()
                .map(|(key, value)| {
                    let json = serde_json::from_slice(&value);
                    (key, json.unwrap_or_else(|_| Value::String(text(value))))
                })
                .collect(),
            unused_fixtures,
            lines: lines.into_iter().map(|(kind, lines)| (kind.to_string(), of_kind(lines))).collect(),
            base,
        }
    }
}
