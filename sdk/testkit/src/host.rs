//! The host in a native test: the real broker's paging and recording, the real intake, the real reconciling, in
//! memory.

use crate::outcome::LogLine;
use exhibit_broker::broker::{Broker, PageWalk};
use exhibit_broker::reconcile::{ItemOutcome, Reconciler};
use exhibit_evidence::exchange::{ExchangeId, Walk};
use exhibit_evidence::fetch::{AuthRef, FetchError, FetchRequest, FetchResponse};
use exhibit_evidence::kind::Kind;
use exhibit_evidence::record::{Origin, Rejection};
use exhibit_evidence::run::Population;
use exhibit_intake::{Envelope, Intake, Item};
use exhibit_sdk::host::{Facts, Host, Level, RawError, RawItem, RawRequest, RawResponse};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Canonical lines by kind and key.
pub(crate) type Lines = BTreeMap<Kind, BTreeMap<String, Vec<u8>>>;

/// One run's host.
pub(crate) struct TestHost {
    facts: Facts,
    broker: Arc<Broker>,
    intake: Intake,
    declared: BTreeSet<Kind>,
    runtime: tokio::runtime::Runtime,
    inner: RefCell<Inner>,
}

struct Inner {
    envelope: Envelope,
    shown: BTreeSet<ExchangeId>,
    walks: BTreeMap<u32, PageWalk>,
    refused_walks: BTreeMap<u32, FetchError>,
    next_walk: u32,
    populations: Vec<Result<Reconciler, String>>,
    ends: Ends,
}

/// What a run ends with.
#[derive(Default)]
pub(crate) struct Ends {
    pub(crate) lines: Lines,
    pub(crate) rejections: Vec<Rejection>,
    pub(crate) log: Vec<LogLine>,
    pub(crate) state: BTreeMap<String, Vec<u8>>,
    pub(crate) populations: Vec<Population>,
    pub(crate) walks: Vec<Walk>,
}

impl TestHost {
    pub(crate) fn new(
        facts: Facts,
        broker: Broker,
        intake: Intake,
        declared: BTreeSet<Kind>,
        envelope: Envelope,
        state: BTreeMap<String, Vec<u8>>,
    ) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let inner = Inner {
            envelope,
            shown: BTreeSet::new(),
            walks: BTreeMap::new(),
            refused_walks: BTreeMap::new(),
            next_walk: 0,
            populations: Vec::new(),
            ends: Ends { state, ..Ends::default() },
        };
        let (broker, inner) = (Arc::new(broker), RefCell::new(inner));
        Ok(Self { facts, broker, intake, declared, runtime, inner })
    }

    /// The tenant, known once `check` has returned it.
    pub(crate) fn set_tenant(&self, tenant: &str) {
        self.inner.borrow_mut().envelope.tenant = tenant.to_owned();
    }

    pub(crate) fn broker(&self) -> &Broker {
        &self.broker
    }

    /// Ends the run and concludes its populations.
    pub(crate) fn conclude(&self) -> Ends {
        let mut inner = self.inner.borrow_mut();
        inner.walks.clear();
        let mut ends = std::mem::take(&mut inner.ends);
        let reconcilers = inner.populations.iter().filter_map(|p| p.as_ref().ok());
        ends.populations = reconcilers.map(Reconciler::conclude).collect();
        ends.walks = self.broker.walks();
        ends
    }

    fn show(&self, response: FetchResponse) -> RawResponse {
        self.inner.borrow_mut().shown.insert(response.exchange);
        let FetchResponse { status, headers, body, exchange } = response;
        RawResponse { status, headers, body, exchange: exchange.to_string() }
    }
}

fn request(raw: RawRequest) -> FetchRequest {
    let RawRequest { method, url, headers, body, auth, paging } = raw;
    let auth = auth.map(|(slot, params)| AuthRef { slot, params });
    FetchRequest { method, url, headers, body, auth, paging }
}

fn error(error: FetchError) -> RawError {
    let FetchError { code, message, retryable, retry_after_ms } = error;
    RawError { code, message, retryable, retry_after_ms }
}

impl Inner {
    fn population(&mut self, handle: u32) -> Result<&mut Reconciler, String> {
        match self.populations.get_mut(handle as usize) {
            Some(Ok(reconciler)) => Ok(reconciler),
            Some(Err(reason)) => Err(reason.clone()),
            None => Err("there is no such population".to_owned()),
        }
    }

    /// What becomes of one item, as in the host's own runs.
    fn take(&mut self, intake: &Intake, kind: &Kind, raw: &RawItem, origins: &[Origin]) -> ItemOutcome {
        let item = Item {
            key: &raw.key,
            occurred_at_ms: raw.occurred_at_ms,
            body: raw.body_json.as_bytes(),
            origins,
        };
        let refused = match origins.iter().find(|origin| !self.shown.contains(&origin.exchange)) {
            Some(origin) => {
                let reason = format!("exchange {} was never answered in this run", origin.exchange);
                exhibit_intake::refuse(kind, &item, "origins", reason)
            }
            None => match intake.accept(&self.envelope, kind, &item) {
                Err(rejection) => *rejection,
                Ok(record) => {
                    let held = self.ends.lines.entry(kind.clone()).or_default();
                    match held.get(record.key.as_str()) {
                        None => {
                            held.insert(record.key.as_str().to_owned(), record.line);
                            return ItemOutcome::Accepted;
                        }
                        Some(line) if *line == record.line => return ItemOutcome::Repeated,
                        Some(_) => {
                            let reason = "this run already has another record under this key";
                            exhibit_intake::refuse(kind, &item, "conflict", reason.to_owned())
                        }
                    }
                }
            },
        };
        self.ends.rejections.push(refused);
        ItemOutcome::Rejected
    }
}

impl Host for TestHost {
    fn facts(&self) -> Facts {
        self.facts.clone()
    }

    fn log(&self, level: Level, message: &str, fields: &[(&str, &str)]) {
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.inner.borrow_mut().ends.log.push(LogLine { level, message: message.to_owned(), fields });
    }

    fn send(&self, raw: RawRequest) -> Result<RawResponse, RawError> {
        let answer = self.runtime.block_on(self.broker.send(request(raw)));
        answer.map(|response| self.show(response)).map_err(error)
    }

    fn send_all(&self, raw: Vec<RawRequest>) -> Vec<Result<Vec<RawResponse>, RawError>> {
        let answers = self.runtime.block_on(self.broker.send_all(raw.into_iter().map(request).collect()));
        let show = |pages: Vec<FetchResponse>| pages.into_iter().map(|page| self.show(page)).collect();
        answers.into_iter().map(|answer| answer.map(show).map_err(error)).collect()
    }

    fn open_pages(&self, raw: RawRequest) -> u32 {
        let walk = self.broker.pages(request(raw));
        let mut inner = self.inner.borrow_mut();
        let handle = inner.next_walk;
        inner.next_walk += 1;
        match walk {
            Ok(walk) => drop(inner.walks.insert(handle, walk)),
            Err(error) => drop(inner.refused_walks.insert(handle, error)),
        }
        handle
    }

    fn next_page(&self, pages: u32) -> Result<Option<RawResponse>, RawError> {
        let taken = {
            let mut inner = self.inner.borrow_mut();
            if let Some(refused) = inner.refused_walks.get(&pages) {
                return Err(error(refused.clone()));
            }
            inner.walks.remove(&pages)
        };
        let Some(mut walk) = taken else {
            return Err(error(FetchError::new("invalid-request", "this list is closed", false)));
        };
        let page = self.runtime.block_on(walk.next());
        self.inner.borrow_mut().walks.insert(pages, walk);
        page.map(|page| page.map(|response| self.show(response))).map_err(error)
    }

    fn close_pages(&self, pages: u32) {
        self.inner.borrow_mut().walks.remove(&pages);
    }

    fn state_get(&self, key: &str) -> Option<Vec<u8>> {
        self.inner.borrow().ends.state.get(key).cloned()
    }

    fn state_set(&self, key: &str, value: &[u8]) -> Result<(), String> {
        self.inner.borrow_mut().ends.state.insert(key.to_owned(), value.to_vec());
        Ok(())
    }

    fn state_delete(&self, key: &str) {
        self.inner.borrow_mut().ends.state.remove(key);
    }

    fn open_population(&self, kind: &str, query: &str) -> u32 {
        let reconciler = kind.parse::<Kind>().map_err(|error| error.to_string()).and_then(|kind| {
            if self.declared.contains(&kind) {
                Ok(Reconciler::new(kind, query, self.broker.clone()))
            } else {
                Err(format!("{kind} is not among the kinds that connector.toml declares"))
            }
        });
        let populations = &mut self.inner.borrow_mut().populations;
        populations.push(reconciler);
        u32::try_from(populations.len() - 1).unwrap_or(u32::MAX)
    }

    fn fed_by(&self, population: u32, exchange: &str) -> Result<(), String> {
        let exchange: ExchangeId = exchange.parse().map_err(|error| format!("{error}"))?;
        self.inner.borrow_mut().population(population)?.feeds(exchange)
    }

    fn emit(&self, population: u32, items: Vec<RawItem>) -> Result<u64, String> {
        let inner = &mut *self.inner.borrow_mut();
        let reconciler = inner.population(population)?;
        if reconciler.is_sealed() {
            return Err("the population is sealed: open another for what came later".to_owned());
        }
        let kind = reconciler.kind().clone();
        for raw in items {
            let origins: Vec<Origin> = raw
                .origins
                .iter()
                .map(|(exchange, pointer)| {
                    let exchange = exchange.parse().map_err(|error| format!("{error}"))?;
                    Ok(Origin { exchange, pointer: pointer.clone() })
                })
                .collect::<Result<_, String>>()?;
            let outcome = inner.take(&self.intake, &kind, &raw, &origins);
            inner.population(population)?.cite(&origins, outcome);
        }
        Ok(inner.population(population)?.emitted())
    }

    fn filtered(&self, population: u32, count: u64, reason: &str) -> Result<(), String> {
        self.inner.borrow_mut().population(population)?.filtered(count, reason);
        Ok(())
    }

    fn incomplete(&self, population: u32, what: &str) -> Result<(), String> {
        self.inner.borrow_mut().population(population)?.incomplete(what);
        Ok(())
    }

    fn seal(&self, population: u32, expected: Option<u64>) -> Result<(), String> {
        self.inner.borrow_mut().population(population)?.seal(expected)
    }
}
