//! What a guest can reach: one trait, whatever the contract's version. The pipeline implements it for each
//! run, over a live broker or over recorded exchanges; each adapter translates its contract to it.

use async_trait::async_trait;
use exhibit_evidence::exchange::ExchangeId;
use exhibit_evidence::fetch::{FetchError, FetchRequest, FetchResponse};
use exhibit_evidence::record::Origin;
use exhibit_evidence::run::RunFacts;
use std::any::Any;
use std::fmt;

/// One item as the guest emitted it. Nothing in it has been checked but its exchange ids' form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The source's own identifier.
    pub key: String,
    /// When it happened, in milliseconds since the epoch.
    pub occurred_at_ms: Option<u64>,
    /// JSON text, by the contract an object with `attributes`.
    pub body_json: String,
    /// Where its facts stood.
    pub origins: Vec<Origin>,
}

/// How much a log line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogLevel {
    /// Every step.
    Trace,
    /// For the connector's author.
    Debug,
    /// For the operator.
    Info,
    /// Something is missing.
    Warn,
    /// Something failed.
    Error,
}

impl LogLevel {
    /// `trace`, `debug`, `info`, `warn` or `error`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// Everything that a guest can reach, for one run.
///
/// The sandbox calls it from one task only, never twice at once, and drops a call's future when the run's
/// deadline passes. It has already bounded what it hands over: records, and bytes of records and requests, over
/// the whole run ([`Limits::records`], [`Limits::output_bytes`]), log bytes, and [`crate::HOST_CALL_BYTES`] for
/// each call.
/// [`Limits::record_bytes`] is the implementor's to apply, since a record that is too large is refused and kept,
/// and the run goes on.
///
/// Errors of type `String` reach the guest as text: say what was wrong, where, and what to do.
///
/// [`Limits::records`]: exhibit_evidence::run::Limits
/// [`Limits::output_bytes`]: exhibit_evidence::run::Limits
/// [`Limits::record_bytes`]: exhibit_evidence::run::Limits
#[async_trait]
pub trait Services: Any + Send {
    /// What the guest is told of its run.
    fn facts(&self) -> RunFacts;

    /// Told once, after `check` and before `collect`: the tenant's identity as the system itself names it. A
    /// refusal ends the run.
    fn tenant(&mut self, tenant: &str) -> Result<(), String>;

    /// Sends one request.
    async fn send(&mut self, request: FetchRequest) -> Result<FetchResponse, FetchError>;

    /// Sends all requests and walks those that name a paging scheme. One answer for each, in the order asked.
    async fn send_all(&mut self, requests: Vec<FetchRequest>) -> Vec<Result<Vec<FetchResponse>, FetchError>>;

    /// Begins a walk, without sending anything, and names it.
    async fn open_pages(&mut self, request: FetchRequest) -> Result<u32, FetchError>;

    /// The next page of a walk; none after the last.
    async fn next_page(&mut self, pages: u32) -> Result<Option<FetchResponse>, FetchError>;

    /// The guest asks for no more of this walk. Not called for those that are open when the run ends.
    async fn close_pages(&mut self, pages: u32);

    /// One log line.
    fn log(&mut self, level: LogLevel, message: &str, fields: &[(String, String)]);

    /// The value under `key`, as staged in this run or else as the last committed run left it.
    fn state_get(&mut self, key: &str) -> Option<Vec<u8>>;

    /// Stages a value.
    fn state_set(&mut self, key: &str, value: Vec<u8>) -> Result<(), String>;

    /// Stages a removal.
    fn state_delete(&mut self, key: &str);

    /// Opens a population and names it. A refusal (a kind that is not declared) reaches the guest with each
    /// call on the population.
    async fn open_population(&mut self, kind: &str, query: &str) -> Result<u32, String>;

    /// The list that `exchange` is a page of feeds this population.
    #[allow(clippy::wrong_self_convention, reason = "named as in the contract")]
    async fn from_exchange(&mut self, population: u32, exchange: ExchangeId) -> Result<(), String>;

    /// Takes items over and returns how many the population holds. Waiting here is the guest's back-pressure.
    async fn emit(&mut self, population: u32, items: Vec<Item>) -> Result<u64, String>;

    /// Counts items that the guest left out on purpose.
    async fn filtered(&mut self, population: u32, count: u64, reason: &str) -> Result<(), String>;

    /// The guest says what is missing.
    async fn incomplete(&mut self, population: u32, what: &str) -> Result<(), String>;

    /// The guest says that the population is complete.
    async fn seal(&mut self, population: u32, expected: Option<u64>) -> Result<(), String>;
}

/// Services that refuse everything: what `describe` and `validate-config` run with, since by the contract
/// they call no import.
pub(crate) struct NoServices {
    facts: RunFacts,
}

impl NoServices {
    pub(crate) fn new(facts: RunFacts) -> Self {
        Self { facts }
    }

    fn refuse() -> FetchError {
        FetchError::new("denied", Self::text(), false)
    }

    fn text() -> String {
        "describe and validate-config may not call the host: do this in check or collect".to_owned()
    }
}

#[async_trait]
impl Services for NoServices {
    fn facts(&self) -> RunFacts {
        self.facts.clone()
    }

    fn tenant(&mut self, _: &str) -> Result<(), String> {
        Err(Self::text())
    }

    async fn send(&mut self, _: FetchRequest) -> Result<FetchResponse, FetchError> {
        Err(Self::refuse())
    }

    async fn send_all(&mut self, requests: Vec<FetchRequest>) -> Vec<Result<Vec<FetchResponse>, FetchError>> {
        requests.iter().map(|_| Err(Self::refuse())).collect()
    }

    async fn open_pages(&mut self, _: FetchRequest) -> Result<u32, FetchError> {
        Err(Self::refuse())
    }

    async fn next_page(&mut self, _: u32) -> Result<Option<FetchResponse>, FetchError> {
        Err(Self::refuse())
    }

    async fn close_pages(&mut self, _: u32) {}

    fn log(&mut self, _: LogLevel, _: &str, _: &[(String, String)]) {}

    fn state_get(&mut self, _: &str) -> Option<Vec<u8>> {
        None
    }

    fn state_set(&mut self, _: &str, _: Vec<u8>) -> Result<(), String> {
        Err(Self::text())
    }

    fn state_delete(&mut self, _: &str) {}

    async fn open_population(&mut self, _: &str, _: &str) -> Result<u32, String> {
        Err(Self::text())
    }

    async fn from_exchange(&mut self, _: u32, _: ExchangeId) -> Result<(), String> {
        Err(Self::text())
    }

    async fn emit(&mut self, _: u32, _: Vec<Item>) -> Result<u64, String> {
        Err(Self::text())
    }

    async fn filtered(&mut self, _: u32, _: u64, _: &str) -> Result<(), String> {
        Err(Self::text())
    }

    async fn incomplete(&mut self, _: u32, _: &str) -> Result<(), String> {
        Err(Self::text())
    }

    async fn seal(&mut self, _: u32, _: Option<u64>) -> Result<(), String> {
        Err(Self::text())
    }
}
