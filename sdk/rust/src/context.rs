//! What a connector is given: facts about the run, requests, populations, state.

use crate::failure::{Failure, Result};
use crate::host::{Facts, imports};
use crate::page::Page;
use crate::population::{EvidenceKind, Population};
use crate::request::{Answers, Request};
use crate::time::{Span, Timestamp};
use crate::wanted::{Feed, Wanted};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Everything that a connector may ask of the host.
#[derive(Clone, Debug)]
pub struct Context {
    facts: Facts,
}

impl Context {
    pub(crate) fn new() -> Self {
        Self { facts: imports::facts() }
    }

    /// The run's name.
    pub fn run_id(&self) -> &str {
        &self.facts.run_id
    }

    /// The run's frozen present, and the only clock there is. State is as of this instant.
    pub fn started_at(&self) -> Timestamp {
        Timestamp::from_ms(self.facts.started_at_ms)
    }

    /// Events and acts are asked for within this window. It overlaps that of the run before.
    pub fn window(&self) -> Span {
        let Facts { window_start_ms, window_end_ms, .. } = self.facts;
        Span { start: Timestamp::from_ms(window_start_ms), end: Timestamp::from_ms(window_end_ms) }
    }

    /// Has these populations say so where the window begins before what is still kept: "Okta keeps its System Log",
    /// 90 days.
    pub fn kept(&self, feeds: &mut [&mut dyn Feed], what: &str, days: i32) {
        if self.window().start < self.started_at().plus_days(-days) {
            let gap = format!("{what} for {days} days, and the window begins before");
            feeds.iter_mut().for_each(|feed| feed.incomplete(&gap));
        }
    }

    /// Whether this kind is asked for in this run.
    pub fn wants<K: EvidenceKind>(&self) -> bool {
        self.facts.kinds.is_empty() || self.facts.kinds.iter().any(|kind| kind == K::KIND)
    }

    /// A GET request for this absolute URL. Put ids into it with [`encode`](crate::encode).
    pub fn get(&self, url: impl Into<String>) -> Request {
        Request::new("GET", url)
    }

    /// A POST request to this absolute URL.
    pub fn post(&self, url: impl Into<String>) -> Request {
        Request::new("POST", url)
    }

    /// Sends many requests, which the host runs side by side within the source's limits, and returns their
    /// answers in the order asked: for each request all its pages, one where it is not paged. It sends as
    /// answers are taken, a batch at a time, so ten thousand requests need no more memory than sixty.
    pub fn send_all<I: IntoIterator<Item = Request>>(&self, requests: I) -> Answers<I::IntoIter> {
        Answers::new(requests.into_iter())
    }

    /// Asks the same of each of these, side by side as [`Context::send_all`] does, and gives the answers in their
    /// order.
    pub fn each<'t, T>(
        &self,
        of: &'t [T],
        ask: impl Fn(&'t T) -> Request,
    ) -> impl Iterator<Item = (&'t T, Result<Vec<Page>>)> {
        of.iter().zip(self.send_all(of.iter().map(ask)))
    }

    /// Opens a population. `query` says in words what is asked, for the auditor: "all users in every status".
    pub fn population<K: EvidenceKind>(&self, query: &str) -> Population<K> {
        Population::open(query)
    }

    /// [`Context::population`], where the kind is asked for in this run; else it does nothing.
    pub fn wanted<K: EvidenceKind>(&self, query: &str) -> Wanted<K> {
        Wanted::new(self.wants::<K>().then(|| self.population(query)))
    }

    /// A value that an earlier run of this source left, or this one has set.
    pub fn state_get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        let Some(bytes) = imports::state_get(key) else { return Ok(None) };
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|error| Failure::internal(format!("state `{key}` cannot be read: {error}")))
    }

    /// Keeps a value for the next run of this source, once this run commits.
    pub fn state_set<T: Serialize>(&self, key: &str, value: &T) -> Result<()> {
        let bytes = serde_json::to_vec(value).map_err(|error| error.to_string());
        bytes
            .and_then(|bytes| imports::state_set(key, &bytes))
            .map_err(|error| Failure::internal(format!("state `{key}` cannot be kept: {error}")))
    }

    /// Removes a value once this run commits.
    pub fn state_delete(&self, key: &str) {
        imports::state_delete(key);
    }
}
