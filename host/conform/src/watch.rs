//! What a guest does, noted on its way to the pipeline's services.

use crate::world::World;
use async_trait::async_trait;
use exhibit_broker::grant::Grants;
use exhibit_broker::transport::Outgoing;
use exhibit_evidence::exchange::ExchangeId;
use exhibit_evidence::fetch::{FetchError, FetchRequest, FetchResponse};
use exhibit_evidence::run::RunFacts;
use exhibit_pipeline::services::{Concluded, RunServices};
use exhibit_sandbox::services::{Item, LogLevel, Services};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Headers that carry credentials: the host's to set.
const CREDENTIAL_HEADERS: [&str; 4] = ["authorization", "proxy-authorization", "cookie", "x-api-key"];

/// What was seen of a run, in the order in which it happened.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Seen {
    /// Requests as the guest made them.
    pub(crate) requests: Vec<FetchRequest>,
    /// Requests that the manifest does not ask for, or that set what the host sets.
    pub(crate) outside: BTreeSet<String>,
    /// Kind and query of each population, in the order they were opened.
    pub(crate) populations: Vec<(String, String)>,
    /// Populations that were not opened, and why.
    pub(crate) not_opened: Vec<String>,
    /// Which exchange feeds which population.
    pub(crate) fed: BTreeSet<(u32, ExchangeId)>,
    /// Items, each with its population.
    pub(crate) items: Vec<(u32, Item)>,
    /// Log, reasons, state: what it gave out beside records and requests.
    pub(crate) texts: Vec<String>,
}

/// The pipeline's services, watched.
pub(crate) struct Watched {
    inner: RunServices,
    grants: Arc<Grants>,
    world: Arc<World>,
    seen: Seen,
    /// Populations as the guest counts them, to those in `seen`.
    opened: Vec<(u32, u32)>,
}

impl Watched {
    pub(crate) fn new(inner: RunServices, grants: Arc<Grants>, world: Arc<World>) -> Self {
        Self { inner, grants, world, seen: Seen::default(), opened: Vec::new() }
    }

    /// What was seen, and what is left when the guest is done.
    pub(crate) fn conclude(self, stdout: &str, stderr: &str) -> (Seen, Concluded) {
        let mut seen = self.seen;
        seen.texts.extend([stdout.to_owned(), stderr.to_owned()]);
        (seen, self.inner.conclude(stdout, stderr))
    }

    fn note(&mut self, request: &FetchRequest) {
        self.seen.requests.push(request.clone());
        let Ok(url) = request.url.parse() else { return };
        let outgoing = Outgoing {
            method: request.method.to_ascii_uppercase(),
            url,
            headers: request.headers.clone(),
            body: request.body.clone(),
            auth: request.auth.clone(),
        };
        if let Err(denial) = self.grants.check(&outgoing) {
            self.seen.outside.insert(denial.to_string());
        }
        let sets =
            |(name, _): &&(String, String)| CREDENTIAL_HEADERS.contains(&name.to_ascii_lowercase().as_str());
        if let Some((name, _)) = request.headers.iter().find(sets) {
            let asked = format!("{} {}", request.method, request.url);
            self.seen.outside.insert(format!("{asked} sets the header `{name}`, which is the host's"));
        }
    }

    fn population(&self, handle: u32) -> u32 {
        self.opened.iter().find(|(theirs, _)| *theirs == handle).map_or(u32::MAX, |(_, ours)| *ours)
    }
}

#[async_trait]
impl Services for Watched {
    fn facts(&self) -> RunFacts {
        self.inner.facts()
    }

    fn tenant(&mut self, tenant: &str) -> Result<(), String> {
        self.world.check_has_ended();
        self.seen.texts.push(tenant.to_owned());
        self.inner.tenant(tenant)
    }

    async fn send(&mut self, request: FetchRequest) -> Result<FetchResponse, FetchError> {
        self.note(&request);
        self.inner.send(request).await
    }

    async fn send_all(&mut self, requests: Vec<FetchRequest>) -> Vec<Result<Vec<FetchResponse>, FetchError>> {
        requests.iter().for_each(|request| self.note(request));
        self.inner.send_all(requests).await
    }

    async fn open_pages(&mut self, request: FetchRequest) -> Result<u32, FetchError> {
        self.note(&request);
        self.inner.open_pages(request).await
    }

    async fn next_page(&mut self, pages: u32) -> Result<Option<FetchResponse>, FetchError> {
        self.inner.next_page(pages).await
    }

    async fn close_pages(&mut self, pages: u32) {
        self.inner.close_pages(pages).await;
    }

    fn log(&mut self, level: LogLevel, message: &str, fields: &[(String, String)]) {
        let shown: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
        self.seen.texts.push(format!("{level}: {message} {}", shown.join(" ")));
        self.inner.log(level, message, fields);
    }

    fn state_get(&mut self, key: &str) -> Option<Vec<u8>> {
        self.inner.state_get(key)
    }

    fn state_set(&mut self, key: &str, value: Vec<u8>) -> Result<(), String> {
        self.seen.texts.push(format!("state {key}={}", String::from_utf8_lossy(&value)));
        self.inner.state_set(key, value)
    }

    fn state_delete(&mut self, key: &str) {
        self.inner.state_delete(key);
    }

    async fn open_population(&mut self, kind: &str, query: &str) -> Result<u32, String> {
        let opened = self.inner.open_population(kind, query).await;
        match &opened {
            Ok(handle) => {
                let place = u32::try_from(self.seen.populations.len()).unwrap_or(u32::MAX);
                self.opened.push((*handle, place));
                self.seen.populations.push((kind.to_owned(), query.to_owned()));
            }
            Err(reason) => self.seen.not_opened.push(reason.clone()),
        }
        opened
    }

    async fn from_exchange(&mut self, population: u32, exchange: ExchangeId) -> Result<(), String> {
        self.seen.fed.insert((self.population(population), exchange));
        self.inner.from_exchange(population, exchange).await
    }

    async fn emit(&mut self, population: u32, items: Vec<Item>) -> Result<u64, String> {
        let place = self.population(population);
        for item in &items {
            if let Some(origin) = item.origins.first() {
                self.seen.fed.insert((place, origin.exchange));
            }
            self.seen.items.push((place, item.clone()));
        }
        self.inner.emit(population, items).await
    }

    async fn filtered(&mut self, population: u32, count: u64, reason: &str) -> Result<(), String> {
        self.seen.texts.push(format!("left out: {reason}"));
        self.inner.filtered(population, count, reason).await
    }

    async fn incomplete(&mut self, population: u32, what: &str) -> Result<(), String> {
        self.seen.texts.push(format!("missing: {what}"));
        self.inner.incomplete(population, what).await
    }

    async fn seal(&mut self, population: u32, expected: Option<u64>) -> Result<(), String> {
        self.inner.seal(population, expected).await
    }
}
