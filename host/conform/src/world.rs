//! The system that a run meets: its answers as they were recorded, or with one thing changed; and what was sent to it.

use crate::{hostile, secrets};
use async_trait::async_trait;
use exhibit_broker::fixture::{Fixture, FixtureTransport};
use exhibit_broker::grant::Grants;
use exhibit_broker::memory::Memory;
use exhibit_broker::record::{ExchangeSink, Recording, SinkError};
use exhibit_broker::transport::{Incoming, Outgoing, SendFailure, Transport};
use exhibit_evidence::digest::Digest;
use exhibit_evidence::exchange::{Answer, Exchange, ExchangeId, Walk};
use exhibit_evidence::fetch::FetchError;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What is changed in the answers.
#[derive(Clone, Debug, Default)]
pub(crate) enum Twist {
    /// Nothing.
    #[default]
    None,
    /// This request is answered with 403.
    Refused(String),
    /// The items of these requests' answers, at the places named, come in reverse order.
    Reversed(BTreeMap<String, String>),
    /// What stands under names of secrets is one that can be looked for.
    Secrets,
    /// All answers are of a hostile server, but for those to these requests.
    Hostile(hostile::Mode, BTreeSet<String>),
}

/// One run's world.
pub(crate) struct World {
    grants: Arc<Grants>,
    fixtures: FixtureTransport,
    twist: Twist,
    /// Where nothing fits exactly, what was recorded of the same path answers.
    lenient: bool,
    kept: Mutex<Kept>,
    memory: Memory,
}

#[derive(Default)]
struct Kept {
    /// Requests as they were sent, in order.
    sent: Vec<String>,
    /// The one whose exchange is recorded next. Requests are sent one after another.
    last: Option<String>,
    /// How many were sent before the tenant was known.
    sent_by_check: Option<usize>,
    requests: BTreeMap<ExchangeId, String>,
    missed: Vec<String>,
    turned: usize,
}

impl World {
    pub(crate) fn new(grants: Arc<Grants>, fixtures: Vec<Fixture>, twist: Twist, lenient: bool) -> Self {
        let fixtures = FixtureTransport::new(fixtures, Grants::clone(&grants));
        Self { grants, fixtures, twist, lenient, kept: Mutex::default(), memory: Memory::default() }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `check` has ended.
    pub(crate) fn check_has_ended(&self) {
        let mut kept = self.kept();
        kept.sent_by_check = Some(kept.sent.len());
    }

    /// Requests that `check` sent.
    pub(crate) fn sent_by_check(&self) -> BTreeSet<String> {
        let kept = self.kept();
        kept.sent.iter().take(kept.sent_by_check.unwrap_or(usize::MAX)).cloned().collect()
    }

    /// Requests as they were sent, in order.
    pub(crate) fn sent(&self) -> Vec<String> {
        self.kept().sent.clone()
    }

    /// Every exchange with its request.
    pub(crate) fn requests(&self) -> BTreeMap<ExchangeId, String> {
        self.kept().requests.clone()
    }

    /// Requests that nothing recorded answers.
    pub(crate) fn missed(&self) -> Vec<String> {
        self.kept().missed.clone()
    }

    /// Answers whose items were turned around.
    pub(crate) fn turned(&self) -> usize {
        self.kept().turned
    }

    /// Fixtures that were never asked for.
    pub(crate) fn unused(&self) -> Vec<String> {
        self.fixtures.unused()
    }

    /// Bodies as they are kept for the auditor, each with the request that it answers.
    pub(crate) fn bodies(&self) -> Vec<(String, Vec<u8>)> {
        let of = |exchange: &Exchange| {
            let Answer::Response { body, .. } = &exchange.answer else { return None };
            Some((format!("{} {}", exchange.method, exchange.url), self.memory.body(body)?))
        };
        self.memory.exchanges().iter().filter_map(of).collect()
    }

    fn recorded(&self, request: &Outgoing) -> Result<Incoming, SendFailure> {
        if let Some(answer) = self.fixtures.answer(request) {
            return answer;
        }
        if self.lenient
            && let Some(answer) = self.fixtures.nearest(request)
        {
            return answer;
        }
        let miss = self.fixtures.miss(request);
        self.kept().missed.push(miss.clone());
        Err(SendFailure { error: FetchError::new("transport", miss, false), attempts: 1 })
    }
}

/// A request in one line: what tells it from others, in any run.
fn line(request: &Outgoing) -> String {
    let mut line = format!("{} {}", request.method, request.url);
    for (name, value) in &request.headers {
        line.push_str(&format!(" {name}: {value}"));
    }
    if let Some(body) = &request.body {
        line.push(' ');
        line.push_str(&String::from_utf8_lossy(body));
    }
    line
}

#[async_trait]
impl Transport for World {
    async fn send(&self, request: &Outgoing) -> Result<Incoming, SendFailure> {
        if let Err(denial) = self.grants.check(request) {
            let error = FetchError::new("denied", denial.to_string(), false);
            return Err(SendFailure { error, attempts: 0 });
        }
        let line = line(request);
        let count = {
            let mut kept = self.kept();
            kept.last = Some(line.clone());
            kept.sent.push(line.clone());
            kept.sent.len()
        };
        match &self.twist {
            Twist::None => self.recorded(request),
            Twist::Refused(refused) if *refused == line => Ok(refusal()),
            Twist::Refused(_) => self.recorded(request),
            Twist::Reversed(places) => {
                let mut answer = self.recorded(request)?;
                if let Some(body) = places.get(&line).and_then(|place| reversed(&answer.body, place)) {
                    self.kept().turned += 1;
                    answer.body = body;
                }
                Ok(answer)
            }
            Twist::Secrets => self.recorded(request).map(secrets::plant),
            Twist::Hostile(_, polite) if polite.contains(&line) => self.recorded(request),
            Twist::Hostile(mode, _) => mode.answer(request, count, || self.recorded(request)),
        }
    }
}

impl ExchangeSink for World {
    fn exchange(
        &self,
        exchange: &Exchange,
        request_body: Option<&[u8]>,
        body: Option<&[u8]>,
    ) -> Result<(), SinkError> {
        let mut kept = self.kept();
        if let Some(line) = kept.last.take() {
            kept.requests.insert(exchange.id, line);
        }
        drop(kept);
        ExchangeSink::exchange(&self.memory, exchange, request_body, body)
    }

    fn walk(&self, walk: &Walk) -> Result<(), SinkError> {
        self.memory.walk(walk)
    }
}

impl Recording for World {
    fn exchange(&self, id: ExchangeId) -> Option<Exchange> {
        Recording::exchange(&self.memory, id)
    }

    fn body(&self, digest: &Digest) -> Option<Vec<u8>> {
        self.memory.body(digest)
    }
}

fn refusal() -> Incoming {
    hostile::response(403, "application/json", br#"{"message":"refused, to see what follows"}"#.to_vec())
}

/// A JSON body with the list at this pointer turned around, where there is one of several items.
fn reversed(body: &[u8], place: &str) -> Option<Vec<u8>> {
    let mut value = serde_json::from_slice::<serde_json::Value>(body).ok()?;
    let items = value.pointer_mut(place)?.as_array_mut().filter(|items| items.len() > 1)?;
    items.reverse();
    Some(value.to_string().into_bytes())
}
