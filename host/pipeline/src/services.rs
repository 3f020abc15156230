//! What a guest reaches in a run: its requests go to the broker, its items through intake to the sink, and
//! each population is reconciled against the lists that fed it. Collecting and re-performing differ only in
//! the broker and the sink that they put in.

use async_trait::async_trait;
use exhibit_broker::broker::{Broker, PageWalk};
use exhibit_broker::reconcile::{ItemOutcome, Reconciler};
use exhibit_evidence::canonical;
use exhibit_evidence::exchange::{ExchangeId, Walk};
use exhibit_evidence::fetch::{FetchError, FetchRequest, FetchResponse};
use exhibit_evidence::kind::Kind;
use exhibit_evidence::name::SourceName;
use exhibit_evidence::record::{CanonicalRecord, Rejection};
use exhibit_evidence::run::{Population, RunFacts};
use exhibit_intake::{Envelope, Intake};
use exhibit_sandbox::services::{Item, LogLevel, Services};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Bytes of one key of a connector's state.
const STATE_KEY_BYTES: usize = 256;
/// Bytes of a connector's whole state.
const STATE_BYTES: usize = 1 << 20;

/// Populations of one run. Each has a place in the manifest.
const POPULATIONS: usize = 1000;

/// Lists that the populations of one run name, counted for each population: each is kept in memory.
const LISTS: usize = 1_000_000;

/// What became of a record that was handed to a sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is new to this run.
    New,
    /// This run has it already, with the same line.
    Repeated,
    /// This run has another line under its key.
    Conflict,
}

/// Where a run's records, refusals and log go. An error ends the run; its text says why.
pub trait RunSink: Send + Sync {
    /// Takes a record.
    fn record(&self, record: CanonicalRecord) -> Result<Taken, String>;
    /// Keeps a refusal.
    fn reject(&self, rejection: &Rejection) -> Result<(), String>;
    /// Keeps a line of log: canonical JSON without its newline.
    fn log(&self, line: &[u8]) -> Result<(), String>;
}

/// The guest's surroundings in one run.
pub struct RunServices {
    facts: RunFacts,
    source: SourceName,
    broker: Broker,
    intake: Arc<Intake>,
    sink: Arc<dyn RunSink>,
    wanted: BTreeSet<Kind>,
    record_bytes: u64,
    tenant: Option<String>,
    expected_tenant: Option<String>,
    walks: BTreeMap<u32, PageWalk>,
    next_walk: u32,
    shown: BTreeSet<ExchangeId>,
    state: BTreeMap<String, Vec<u8>>,
    populations: Vec<Open>,
    lists: usize,
    rejected: BTreeMap<String, u64>,
    host_failure: Option<String>,
}

struct Open {
    kind: Kind,
    reconciler: Reconciler,
}

/// What a run is made of, beside the broker and the sink.
pub struct RunSetup {
    /// What the guest is told.
    pub facts: RunFacts,
    /// The source.
    pub source: SourceName,
    /// The kinds that may be emitted.
    pub wanted: BTreeSet<Kind>,
    /// Bytes of one item.
    pub record_bytes: u64,
    /// The tenant that this source is known to reach; none: this run is its first.
    pub expected_tenant: Option<String>,
    /// The connector's state going in.
    pub state: BTreeMap<String, Vec<u8>>,
}

/// What is left when the guest is done.
pub struct Concluded {
    /// Its populations, in the order they were opened.
    pub populations: Vec<Population>,
    /// Refusals by code.
    pub rejected: BTreeMap<String, u64>,
    /// The connector's state going out.
    pub state: BTreeMap<String, Vec<u8>>,
    /// The tenant.
    pub tenant: Option<String>,
    /// Why the host could not go on; none: it could.
    pub host_failure: Option<String>,
    /// Every list that was read, in the order of their ids.
    pub walks: Vec<Walk>,
}

impl RunServices {
    /// Surroundings for one run.
    pub fn new(setup: RunSetup, broker: Broker, intake: Arc<Intake>, sink: Arc<dyn RunSink>) -> Self {
        Self {
            facts: setup.facts,
            source: setup.source,
            broker,
            intake,
            sink,
            wanted: setup.wanted,
            record_bytes: setup.record_bytes,
            tenant: None,
            expected_tenant: setup.expected_tenant,
            walks: BTreeMap::new(),
            next_walk: 0,
            shown: BTreeSet::new(),
            state: setup.state,
            populations: Vec::new(),
            lists: 0,
            rejected: BTreeMap::new(),
            host_failure: None,
        }
    }

    /// Ends the run: keeps what the guest printed, closes the walks that are open, concludes every population.
    pub fn conclude(mut self, stdout: &str, stderr: &str) -> Concluded {
        for (stream, text) in [("stdout", stdout), ("stderr", stderr)] {
            for line in text.lines() {
                let message = self.broker.scrub(line);
                self.keep_log(&serde_json::json!({"level": "info", "message": message, "stream": stream}));
            }
        }
        self.walks.clear();
        if let Some(error) = self.broker.failure() {
            self.fail(error.to_string());
        }
        let walks = self.broker.walks();
        let populations = self.populations.into_iter().map(|p| p.reconciler.conclude()).collect();
        Concluded {
            populations,
            rejected: self.rejected,
            state: self.state,
            tenant: self.tenant,
            host_failure: self.host_failure,
            walks,
        }
    }

    fn show(&mut self, response: &FetchResponse) {
        self.shown.insert(response.exchange);
    }

    fn population(&mut self, handle: u32) -> Result<&mut Open, String> {
        self.populations.get_mut(handle as usize).ok_or_else(|| "there is no such population".to_owned())
    }

    /// An item's origins, held against the lists that were read.
    fn cite(&mut self, handle: u32, item: &Item, outcome: ItemOutcome) -> Result<(), String> {
        self.counting_lists(handle, |reconciler| {
            reconciler.cite(&item.origins, outcome);
            Ok(())
        })
    }

    /// Has a population name lists, and counts those that it did not name before.
    fn counting_lists(
        &mut self,
        handle: u32,
        name: impl FnOnce(&mut Reconciler) -> Result<(), String>,
    ) -> Result<(), String> {
        let reconciler = &mut self.population(handle)?.reconciler;
        let before = reconciler.lists();
        let named = name(reconciler);
        let more = reconciler.lists() - before;
        self.lists += more;
        named
    }

    fn fail(&mut self, what: String) -> String {
        self.host_failure.get_or_insert_with(|| what.clone());
        what
    }

    fn keep_log(&mut self, line: &serde_json::Value) {
        let bytes = canonical::to_bytes(line).map_err(|e| e.to_string());
        if let Err(error) = bytes.and_then(|bytes| self.sink.log(&bytes)) {
            self.fail(error);
        }
    }

    /// Takes one item in; an error is the host's own.
    fn take(&mut self, handle: u32, kind: &Kind, envelope: &Envelope, item: &Item) -> Result<(), String> {
        let unseen = item.origins.iter().find(|o| !self.shown.contains(&o.exchange));
        let item_in = exhibit_intake::Item {
            key: &item.key,
            occurred_at_ms: item.occurred_at_ms,
            body: item.body_json.as_bytes(),
            origins: &item.origins,
        };
        let decided = match unseen {
            _ if self.lists >= LISTS => {
                let reason = format!("the populations of this run name {LISTS} lists, and no more are taken");
                Err(Box::new(exhibit_intake::refuse(kind, &item_in, "origins", reason)))
            }
            Some(origin) => {
                let reason = format!("exchange {} was never answered in this run", origin.exchange);
                Err(Box::new(exhibit_intake::refuse(kind, &item_in, "origins", reason)))
            }
            None => self.intake.accept(envelope, kind, &item_in),
        };
        let refused = match decided {
            Ok(record) => match self.sink.record(record)? {
                Taken::New => return self.cite(handle, item, ItemOutcome::Accepted),
                Taken::Repeated => return self.cite(handle, item, ItemOutcome::Repeated),
                Taken::Conflict => Box::new(exhibit_intake::refuse(
                    kind,
                    &item_in,
                    "conflict",
                    "this run already has another record under this key".to_owned(),
                )),
            },
            Err(rejection) => rejection,
        };
        *self.rejected.entry(refused.code.clone()).or_default() += 1;
        self.sink.reject(&refused)?;
        self.cite(handle, item, ItemOutcome::Rejected)
    }
}

#[async_trait]
impl Services for RunServices {
    fn facts(&self) -> RunFacts {
        self.facts.clone()
    }

    fn tenant(&mut self, tenant: &str) -> Result<(), String> {
        match &self.expected_tenant {
            Some(known) if known != tenant => Err(format!(
                "this source has always reached the tenant `{known}`, and now reaches `{tenant}`: correct the \
                 settings or credentials, or add a source of its own for the other tenant"
            )),
            _ => {
                self.tenant = Some(tenant.to_owned());
                Ok(())
            }
        }
    }

    async fn send(&mut self, request: FetchRequest) -> Result<FetchResponse, FetchError> {
        let response = self.broker.send(request).await?;
        self.show(&response);
        Ok(response)
    }

    async fn send_all(&mut self, requests: Vec<FetchRequest>) -> Vec<Result<Vec<FetchResponse>, FetchError>> {
        let answers = self.broker.send_all(requests).await;
        for response in answers.iter().flatten().flatten() {
            self.shown.insert(response.exchange);
        }
        answers
    }

    async fn open_pages(&mut self, request: FetchRequest) -> Result<u32, FetchError> {
        let walk = self.broker.pages(request)?;
        let handle = self.next_walk;
        self.next_walk += 1;
        self.walks.insert(handle, walk);
        Ok(handle)
    }

    async fn next_page(&mut self, pages: u32) -> Result<Option<FetchResponse>, FetchError> {
        let walk = self.walks.get_mut(&pages).ok_or_else(|| {
            FetchError::new("invalid-request", "this list is closed: open it again to read it again", false)
        })?;
        let page = walk.next().await?;
        if let Some(response) = &page {
            self.show(response);
        }
        Ok(page)
    }

    async fn close_pages(&mut self, pages: u32) {
        self.walks.remove(&pages);
    }

    fn log(&mut self, level: LogLevel, message: &str, fields: &[(String, String)]) {
        let fields: Vec<(String, String)> =
            fields.iter().map(|(key, value)| (self.broker.scrub(key), self.broker.scrub(value))).collect();
        let message = self.broker.scrub(message);
        let line = serde_json::json!({"level": level.word(), "message": message, "fields": fields});
        self.keep_log(&line);
    }

    fn state_get(&mut self, key: &str) -> Option<Vec<u8>> {
        self.state.get(key).cloned()
    }

    fn state_set(&mut self, key: &str, value: Vec<u8>) -> Result<(), String> {
        if key.is_empty() || key.len() > STATE_KEY_BYTES {
            return Err(format!("a state key has 1 to {STATE_KEY_BYTES} bytes, this one has {}", key.len()));
        }
        let others: usize =
            self.state.iter().filter(|(k, _)| k.as_str() != key).map(|(k, v)| k.len() + v.len()).sum();
        if others + key.len() + value.len() > STATE_BYTES {
            return Err(format!("a connector's state has at most {STATE_BYTES} bytes in all"));
        }
        self.state.insert(key.to_owned(), value);
        Ok(())
    }

    fn state_delete(&mut self, key: &str) {
        self.state.remove(key);
    }

    async fn open_population(&mut self, kind: &str, query: &str) -> Result<u32, String> {
        let kind: Kind = kind.parse().map_err(|e| format!("{e}"))?;
        if self.intake.shape(&kind).is_none() || !self.wanted.contains(&kind) {
            return Err(format!("{kind} is not among the kinds that the manifest declares"));
        }
        if self.populations.len() >= POPULATIONS {
            return Err(format!(
                "a run has at most {POPULATIONS} populations: open one for each kind and list"
            ));
        }
        let query: String = query.chars().filter(|c| !c.is_control()).take(500).collect();
        let reconciler = Reconciler::new(kind.clone(), query, Arc::new(self.broker.clone()));
        self.populations.push(Open { kind, reconciler });
        Ok(u32::try_from(self.populations.len() - 1).unwrap_or(u32::MAX))
    }

    async fn from_exchange(&mut self, population: u32, exchange: ExchangeId) -> Result<(), String> {
        if self.lists >= LISTS {
            return Err(format!("the populations of a run name at most {LISTS} lists"));
        }
        self.counting_lists(population, |reconciler| reconciler.feeds(exchange))
    }

    async fn emit(&mut self, population: u32, items: Vec<Item>) -> Result<u64, String> {
        let open = self.population(population)?;
        if open.reconciler.is_sealed() {
            return Err("the population is sealed: open another for what came later".to_owned());
        }
        let kind = open.kind.clone();
        let envelope = Envelope {
            source: self.source.clone(),
            tenant: self.tenant.clone().unwrap_or_default(),
            record_bytes: self.record_bytes,
        };
        for item in &items {
            if let Err(error) = self.take(population, &kind, &envelope, item) {
                return Err(self.fail(error));
            }
        }
        Ok(self.population(population)?.reconciler.emitted())
    }

    async fn filtered(&mut self, population: u32, count: u64, reason: &str) -> Result<(), String> {
        let reason: String = reason.chars().filter(|c| !c.is_control()).collect();
        self.population(population)?.reconciler.filtered(count, &reason);
        Ok(())
    }

    async fn incomplete(&mut self, population: u32, what: &str) -> Result<(), String> {
        let what: String = what.chars().filter(|c| !c.is_control()).collect();
        self.population(population)?.reconciler.incomplete(&what);
        Ok(())
    }

    async fn seal(&mut self, population: u32, expected: Option<u64>) -> Result<(), String> {
        self.population(population)?.reconciler.seal(expected)
    }
}

/// A connector's state as replay inputs hold it: values in base64.
pub(crate) fn encode_state(state: &BTreeMap<String, Vec<u8>>) -> BTreeMap<String, String> {
    use base64::Engine as _;
    let encode = |bytes: &Vec<u8>| base64::prelude::BASE64_STANDARD.encode(bytes);
    state.iter().map(|(key, value)| (key.clone(), encode(value))).collect()
}

/// The state that replay inputs hold.
pub(crate) fn decode_state(state: &BTreeMap<String, String>) -> BTreeMap<String, Vec<u8>> {
    use base64::Engine as _;
    let decode = |text: &String| base64::prelude::BASE64_STANDARD.decode(text).unwrap_or_default();
    state.iter().map(|(key, value)| (key.clone(), decode(value))).collect()
}

#[cfg(test)]
mod tests;
