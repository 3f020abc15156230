//! The facade: takes a guest's requests, walks their pages, redacts, records and answers.
//!
//! ```text
//! guest ─▶ send, send_all, pages ─▶ walker ─▶ transport (grants, credentials, pace) ─▶ the system
//!   ◀── what is shown ◀── sink: exchange, body ◀── scrub ◀── redact ◀── visible headers ◀──┘
//! ```
//!
//! A replayed run takes the same way with a recording in the transport's place, from `what is shown` on.
//! Exchanges are named when the guest asks, never when an answer comes, so names, and with them records,
//! do not depend on which of many answers came first.

use crate::paging::walker::{Page, Walker};
use crate::paging::{Paging, Scheme};
use crate::record::{ExchangeSink, Recording, SinkError, http_date, request_digest, visible};
use crate::redact::Redactions;
use crate::replay::{self, Divergence};
use crate::transport::{Incoming, Outgoing, SendFailure, Transport};
use exhibit_evidence::digest::Digest;
use exhibit_evidence::exchange::{Answer, Exchange, ExchangeId, Stop, Walk, WalkId};
use exhibit_evidence::fetch::{FetchError, FetchRequest, FetchResponse};
use exhibit_evidence::run::Limits;
use exhibit_evidence::time::{Clock, Timestamp};
use futures_util::stream::{self, StreamExt};
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Divergences beyond this many are not kept: the first says what there is to say.
const MAX_DIVERGENCES: usize = 1000;

/// One run's way to the network. Clones are the same broker.
#[derive(Clone)]
pub struct Broker {
    inner: Arc<Inner>,
}

struct Inner {
    source: Source,
    sink: Arc<dyn ExchangeSink>,
    limits: Limits,
    concurrency: usize,
    calls: AtomicU32,
    requests: AtomicU64,
    state: Mutex<State>,
}

enum Source {
    Live { transport: Arc<dyn Transport>, clock: Arc<dyn Clock>, redactions: Redactions },
    Replay { recording: Arc<dyn Recording> },
}

#[derive(Default)]
struct State {
    walks: BTreeMap<WalkId, Walk>,
    failure: Option<SinkError>,
    divergences: Vec<Divergence>,
}

/// One page of a list, as far as a citation needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListPage {
    /// Where the items are; none: the request named no place.
    pub items: Option<String>,
    /// How many the host counted; none: it did not count this page.
    pub received: Option<u32>,
}

impl Broker {
    /// A broker over a live transport. At most `concurrency` requests of one `send_all` are under way at
    /// once. Of `limits` it keeps `requests`, `pages` and `body_bytes`.
    pub fn live(
        transport: Arc<dyn Transport>,
        sink: Arc<dyn ExchangeSink>,
        clock: Arc<dyn Clock>,
        limits: &Limits,
        redactions: Redactions,
        concurrency: usize,
    ) -> Self {
        Self::new(Source::Live { transport, clock, redactions }, sink, limits, concurrency)
    }

    /// A broker that answers from a recording. What was redacted is redacted there already.
    pub fn replay(recording: Arc<dyn Recording>, sink: Arc<dyn ExchangeSink>, limits: &Limits) -> Self {
        Self::new(Source::Replay { recording }, sink, limits, 1)
    }

    fn new(source: Source, sink: Arc<dyn ExchangeSink>, limits: &Limits, concurrency: usize) -> Self {
        let inner = Inner {
            source,
            sink,
            limits: *limits,
            concurrency: concurrency.max(1),
            calls: AtomicU32::new(0),
            requests: AtomicU64::new(0),
            state: Mutex::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Sends one request. Its place in the run is taken at the call, before the future is polled.
    ///
    /// # Errors
    /// [`FetchError`]; a response of any status is none. A scheme of several pages is `invalid-request`.
    pub fn send(
        &self,
        request: FetchRequest,
    ) -> impl Future<Output = Result<FetchResponse, FetchError>> + Send + use<> {
        let list = self.open(self.call(), 0, request).and_then(|list| match list.paging {
            None | Some(Scheme::Single {}) => Ok(list),
            Some(_) => Err(invalid("a request with several pages goes through `pages` or `send-all`")),
        });
        async move {
            let answer = list?.next().await?;
            answer.ok_or_else(|| FetchError::new("transport", "the request was not answered", false))
        }
    }

    /// Sends requests side by side, each with all of its pages. Answers come in the order asked: the pages
    /// of each request, one where it is not paged. A page answered with an error status is the last of its
    /// request. Places in the run are taken at the call.
    pub fn send_all(
        &self,
        requests: Vec<FetchRequest>,
    ) -> impl Future<Output = Vec<Result<Vec<FetchResponse>, FetchError>>> + Send + use<> {
        let call = self.call();
        let lists: Vec<_> = requests
            .into_iter()
            .enumerate()
            .map(|(index, request)| {
                let index = u32::try_from(index).map_err(|_| invalid("too many requests in one call"))?;
                self.open(call, index, request)
            })
            .collect();
        let concurrency = self.inner.concurrency;
        async move {
            let mut answers: Vec<Option<Result<Vec<FetchResponse>, FetchError>>> =
                std::iter::repeat_with(|| None).take(lists.len()).collect();
            let mut done = stream::iter(lists.into_iter().enumerate())
                .map(|(at, list)| async move {
                    match list {
                        Ok(mut list) => (at, list.all().await),
                        Err(error) => (at, Err(error)),
                    }
                })
                .buffer_unordered(concurrency);
            while let Some((at, answer)) = done.next().await {
                answers[at] = Some(answer);
            }
            answers.into_iter().flatten().collect()
        }
    }

    /// Opens a list that the guest reads page by page.
    ///
    /// # Errors
    /// [`FetchError`] where the request or its scheme is wrong, or the budget of requests is spent.
    pub fn pages(&self, request: FetchRequest) -> Result<PageWalk, FetchError> {
        Ok(PageWalk { list: self.open(self.call(), 0, request)? })
    }

    /// Every list read so far, in the order asked; those still being read as [`Stop::Abandoned`].
    pub fn walks(&self) -> Vec<Walk> {
        self.inner.state().walks.values().cloned().collect()
    }

    /// The list of this name; none: nothing was answered under it.
    pub fn walk(&self, id: WalkId) -> Option<Walk> {
        self.inner.state().walks.get(&id).cloned()
    }

    /// What a citation of this exchange can be checked against; none: there was no such exchange.
    pub fn page(&self, id: ExchangeId) -> Option<ListPage> {
        let state = self.inner.state();
        let walk = state.walks.get(&id.walk())?;
        // The answer that a walk failed at is an exchange, but not a page that was counted.
        let failed = matches!(walk.stop, Stop::Failed { .. }) && id.page == walk.pages;
        if id.page >= walk.pages && !failed {
            return None;
        }
        let received = walk.received_by_page.get(id.page as usize).copied();
        Some(ListPage { items: walk.items.clone(), received })
    }

    /// Why recording failed, if it did: the run must end, and is no evidence.
    pub fn failure(&self) -> Option<SinkError> {
        self.inner.state().failure.clone()
    }

    /// Where a replayed guest asked otherwise than it did then, or the recording lacks a body.
    pub fn divergences(&self) -> Vec<Divergence> {
        self.inner.state().divergences.clone()
    }

    /// Requests taken from the budget so far.
    pub fn requests(&self) -> u64 {
        self.inner.requests.load(Ordering::SeqCst)
    }

    fn call(&self) -> u32 {
        self.inner.calls.fetch_add(1, Ordering::SeqCst)
    }

    fn open(&self, call: u32, index: u32, request: FetchRequest) -> Result<List, FetchError> {
        let paging = match &request.paging {
            Some(text) => Some(Paging::parse(text).map_err(|e| invalid(&e.to_string()))?),
            None => None,
        };
        let outgoing = parse(request)?;
        self.inner.ready()?;
        if !self.inner.take_request() {
            return Err(self.inner.budget_error());
        }
        let also = paging.as_ref().map(Paging::read_headers).unwrap_or_default();
        let name = format!("{} {}", outgoing.method, outgoing.url);
        let name = self.inner.scrub_text(&name);
        let scheme = paging.as_ref().map(|paging| paging.scheme.clone());
        let id = WalkId { call, index };
        let walker = Walker::new(id, outgoing, name, paging, self.inner.limits.pages);
        Ok(List { inner: self.inner.clone(), walker, also, paging: scheme, kept: false })
    }
}

/// A list that the guest reads page by page. Dropped before its end, it is recorded as abandoned.
pub struct PageWalk {
    list: List,
}

impl PageWalk {
    /// The next page; none: the list has ended. A page answered with an error status is shown and is the
    /// last.
    ///
    /// # Errors
    /// [`FetchError`], once; then the list has ended. Code `paging`: a guard stopped it.
    pub async fn next(&mut self) -> Result<Option<FetchResponse>, FetchError> {
        self.list.next().await
    }

    /// Its name: the call and the place in it.
    pub fn id(&self) -> WalkId {
        self.list.walker.walk().id
    }
}

/// One walk and what drives it.
struct List {
    inner: Arc<Inner>,
    walker: Walker,
    /// Response headers that the scheme reads.
    also: Vec<String>,
    paging: Option<Scheme>,
    /// Whether the final walk has been handed to the sink.
    kept: bool,
}

impl List {
    async fn next(&mut self) -> Result<Option<FetchResponse>, FetchError> {
        self.inner.ready()?;
        let Some((id, request)) = self.walker.ask()? else { return Ok(None) };
        let shown = self.inner.exchange(id, request, &self.also).await;
        match &shown {
            Ok(Shown { response, digest, redacted }) => self.walker.answered(&Page {
                status: response.status,
                headers: &response.headers,
                body: &response.body,
                digest: *digest,
                redacted: *redacted,
            }),
            Err(error) => self.walker.failed(error),
        }
        self.inner.follow(self.walker.walk());
        if !self.walker.has_next() {
            self.keep();
        }
        self.inner.ready()?;
        shown.map(|shown| Some(shown.response))
    }

    async fn all(&mut self) -> Result<Vec<FetchResponse>, FetchError> {
        let mut pages = Vec::new();
        while let Some(page) = self.next().await? {
            pages.push(page);
        }
        Ok(pages)
    }

    fn keep(&mut self) {
        if !std::mem::replace(&mut self.kept, true) {
            self.inner.keep(self.walker.walk().id);
        }
    }
}

impl Drop for List {
    fn drop(&mut self) {
        // A list that nothing was asked of is none.
        if self.walker.walk().pages > 0 {
            self.keep();
        }
    }
}

/// What the guest is shown, and what the walker needs to know of it.
struct Shown {
    response: FetchResponse,
    digest: Digest,
    redacted: bool,
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while holding it, and its maps are whole between statements.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Refuses everything once recording has failed.
    fn ready(&self) -> Result<(), FetchError> {
        match &self.state().failure {
            Some(failure) => Err(FetchError::new("recording", failure.to_string(), false)),
            None => Ok(()),
        }
    }

    fn fail(&self, failure: SinkError) {
        self.state().failure.get_or_insert(failure);
    }

    fn take_request(&self) -> bool {
        let limit = self.limits.requests;
        let more = |taken: u64| (taken < limit).then_some(taken + 1);
        self.requests.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more).is_ok()
    }

    fn budget_error(&self) -> FetchError {
        let message = format!(
            "the run's budget of {} requests is spent; ask for less, or raise `requests` in the source's limits",
            self.limits.requests
        );
        FetchError::new("budget", message, false)
    }

    fn scrub_text(&self, text: &str) -> String {
        let Source::Live { transport, .. } = &self.source else { return text.to_owned() };
        let (bytes, _) = transport.scrub(text.as_bytes().to_vec());
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn scrub_pairs(&self, pairs: &[(String, String)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| (name.clone(), self.scrub_text(value))).collect()
    }

    /// Notes how far a walk has come.
    fn follow(&self, walk: &Walk) {
        let mut walk_now = walk.stop.clone();
        if let Stop::Guard { reason } | Stop::Failed { reason } = &mut walk_now {
            *reason = self.scrub_text(reason);
        }
        let mut state = self.state();
        let kept = state
            .walks
            .entry(walk.id)
            .or_insert_with(|| Walk { received_by_page: Vec::new(), ..walk.clone() });
        let known = kept.received_by_page.len();
        kept.received_by_page.extend_from_slice(walk.received_by_page.get(known..).unwrap_or_default());
        kept.pages = walk.pages;
        kept.received = walk.received;
        kept.source_total = walk.source_total;
        kept.stop = walk_now;
    }

    /// Hands a walk to the sink as it stands.
    fn keep(&self, id: WalkId) {
        let Some(walk) = self.state().walks.get(&id).cloned() else { return };
        if let Err(failure) = self.sink.walk(&walk) {
            self.fail(failure);
        }
    }

    async fn exchange(
        &self,
        id: ExchangeId,
        request: &Outgoing,
        also: &[String],
    ) -> Result<Shown, FetchError> {
        match &self.source {
            Source::Replay { recording } => self.replayed(recording.as_ref(), id, request),
            Source::Live { transport, clock, redactions } => {
                let sent_at = clock.now();
                // The first page's place in the budget was taken when the guest called.
                let answer = if id.page > 0 && !self.take_request() {
                    Err(SendFailure { error: self.budget_error(), attempts: 0 })
                } else {
                    transport.send(request).await.and_then(|incoming| self.bounded(incoming))
                };
                let duration_ms = clock.now().as_ms().saturating_sub(sent_at.as_ms());
                self.recorded(id, request, also, redactions, Taken { answer, sent_at, duration_ms })
            }
        }
    }

    fn bounded(&self, incoming: Incoming) -> Result<Incoming, SendFailure> {
        let (bytes, limit) = (incoming.body.len() as u64, self.limits.body_bytes);
        if bytes <= limit {
            return Ok(incoming);
        }
        let message = format!(
            "the answer has {bytes} bytes, more than the limit of {limit}; ask for smaller pages, or raise `body_bytes` in the source's limits"
        );
        Err(SendFailure { error: FetchError::new("too-large", message, false), attempts: incoming.attempts })
    }

    /// Redacts, scrubs, digests and records an answer, and makes of it what the guest is shown.
    fn recorded(
        &self,
        id: ExchangeId,
        request: &Outgoing,
        also: &[String],
        redactions: &Redactions,
        taken: Taken,
    ) -> Result<Shown, FetchError> {
        let mut exchange = Exchange {
            id,
            method: request.method.clone(),
            url: self.scrub_text(request.url.as_str()),
            request: request_digest(request, id.page),
            request_headers: self.scrub_pairs(&request.headers),
            request_body: None,
            slot: request.auth.as_ref().map(|auth| auth.slot.clone()),
            answer: Answer::Error(FetchError::new("transport", "", false)),
            server_date: None,
            sent_at: taken.sent_at,
            duration_ms: taken.duration_ms,
            attempts: 0,
        };
        let request_body = request.body.as_ref().map(|body| self.scrub(body.clone()).0);
        exchange.request_body = request_body.as_ref().map(Digest::of);
        let incoming = match taken.answer {
            Ok(incoming) => incoming,
            Err(SendFailure { mut error, attempts }) => {
                error.message = self.scrub_text(&error.message);
                exchange.attempts = attempts;
                exchange.answer = Answer::Error(error.clone());
                self.keep_exchange(&exchange, request_body.as_deref(), None)?;
                return Err(error);
            }
        };
        exchange.attempts = incoming.attempts;
        exchange.server_date = incoming.header("date").and_then(http_date);
        let content_type = incoming.header("content-type").map(str::to_owned);
        let (body, cut) = redactions.apply(&request.url, content_type.as_deref(), incoming.body);
        let (body, scrubbed) = self.scrub(body);
        let headers = self.scrub_pairs(&visible(incoming.headers, also));
        let (digest, redacted) = (Digest::of(&body), cut || scrubbed);
        exchange.answer = Answer::Response {
            status: incoming.status,
            headers: headers.clone(),
            body: digest,
            body_bytes: body.len() as u64,
            redacted,
        };
        self.keep_exchange(&exchange, request_body.as_deref(), Some(&body))?;
        let response = FetchResponse { status: incoming.status, headers, body, exchange: id };
        Ok(Shown { response, digest, redacted })
    }

    fn scrub(&self, bytes: Vec<u8>) -> (Vec<u8>, bool) {
        match &self.source {
            Source::Live { transport, .. } => transport.scrub(bytes),
            Source::Replay { .. } => (bytes, false),
        }
    }

    fn keep_exchange(
        &self,
        exchange: &Exchange,
        request_body: Option<&[u8]>,
        body: Option<&[u8]>,
    ) -> Result<(), FetchError> {
        self.sink.exchange(exchange, request_body, body).map_err(|failure| {
            let error = FetchError::new("recording", failure.to_string(), false);
            self.fail(failure);
            error
        })
    }

    fn replayed(
        &self,
        recording: &dyn Recording,
        id: ExchangeId,
        request: &Outgoing,
    ) -> Result<Shown, FetchError> {
        let (exchange, body) = replay::answer(recording, id, request).map_err(|divergence| {
            let error = replay::error(&divergence);
            let mut state = self.state();
            if state.divergences.len() < MAX_DIVERGENCES {
                state.divergences.push(divergence);
            }
            error
        })?;
        let spent = matches!(&exchange.answer, Answer::Error(error) if error.code == "budget");
        if id.page > 0 && !spent {
            self.take_request();
        }
        self.keep_exchange(&exchange, request.body.as_deref(), body.as_deref())?;
        match exchange.answer {
            Answer::Error(error) => Err(error),
            Answer::Response { status, headers, body: digest, redacted, .. } => {
                let body = body.unwrap_or_default();
                let response = FetchResponse { status, headers, body, exchange: id };
                Ok(Shown { response, digest, redacted })
            }
        }
    }
}

/// An answer of the transport, or none, and when.
struct Taken {
    answer: Result<Incoming, SendFailure>,
    sent_at: Timestamp,
    duration_ms: u64,
}

fn invalid(message: &str) -> FetchError {
    FetchError::new("invalid-request", message, false)
}

/// A guest's request, its URL parsed. Headers are the transport's to check.
fn parse(request: FetchRequest) -> Result<Outgoing, FetchError> {
    let FetchRequest { method, url: text, headers, body, auth, paging: _ } = request;
    if method.is_empty() || method.len() > 16 || !method.bytes().all(|b| b.is_ascii_uppercase()) {
        let method: String = method.chars().take(40).collect();
        return Err(invalid(&format!("`{method}` is no HTTP method: write it in capital letters, as GET")));
    }
    let shown: String = text.chars().take(200).collect();
    let mut url =
        url::Url::parse(&text).map_err(|e| invalid(&format!("`{shown}` is not an absolute URL: {e}")))?;
    if !matches!(url.scheme(), "https" | "http") || url.host_str().is_none_or(str::is_empty) {
        return Err(invalid(&format!("`{shown}` is not an HTTP URL: begin it with https:// and a host")));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(invalid("a URL cannot carry a user name or password: name a credential slot in `auth`"));
    }
    url.set_fragment(None);
    Ok(Outgoing { method, url, headers, body, auth })
}
