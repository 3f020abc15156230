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

mod exchange;
#[cfg(test)]
mod tests;

use crate::paging::Paging;
use crate::paging::walker::{Page, Walker};
use crate::record::{ExchangeSink, Recording, SinkError};
use crate::redact::Redactions;
use crate::replay::Divergence;
use crate::transport::{Outgoing, Transport};
use exchange::{Inner, Shown, Source};
use exhibit_evidence::exchange::{ExchangeId, Stop, Walk, WalkId};
use exhibit_evidence::fetch::{FetchError, FetchRequest, FetchResponse};
use exhibit_evidence::run::Limits;
use exhibit_evidence::time::Clock;
use futures_util::stream::{self, StreamExt};
use std::future::Future;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// Bytes of a URL. No server takes more, and each is recorded.
const URL_BYTES: usize = 64 << 10;

/// One run's way to the network. Clones are the same broker.
#[derive(Clone)]
pub struct Broker {
    inner: Arc<Inner>,
}

/// One page of a list, as far as a citation needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListPage {
    /// Where the items are; none: the request named no place.
    pub items: Option<String>,
    /// How many the host counted; none: it did not count this page.
    pub received: Option<u32>,
    /// The status, where it was not success.
    pub status: Option<u16>,
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

    /// Sends one request. Its place in the run is taken at the call, before the future is polled. Of a
    /// request that names a paging scheme this is the first page, and the list counts as abandoned there.
    ///
    /// # Errors
    /// [`FetchError`]; a response of any status is none.
    pub fn send(
        &self,
        request: FetchRequest,
    ) -> impl Future<Output = Result<FetchResponse, FetchError>> + Send + use<> {
        let list = self.open(self.call(), 0, request);
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
        let status = state.statuses.get(&id.walk()).copied().filter(|_| failed);
        Some(ListPage { items: walk.items.clone(), received, status })
    }

    /// Why recording failed, if it did: the run must end, and is no evidence.
    pub fn failure(&self) -> Option<SinkError> {
        self.inner.state().failure.clone()
    }

    /// Where a replayed guest asked otherwise than it did then, or the recording lacks a body.
    pub fn divergences(&self) -> Vec<Divergence> {
        self.inner.state().divergences.clone()
    }

    /// `text` without the values of known secrets: for logs, and for what else comes from outside.
    pub fn scrub(&self, text: &str) -> String {
        self.inner.scrub_text(text)
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
        let id = WalkId { call, index };
        let walker = Walker::new(id, outgoing, name, paging, self.inner.limits.pages);
        Ok(List { inner: self.inner.clone(), walker, also, kept: false })
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
        let failed_at =
            shown.as_ref().ok().map(|shown| shown.response.status).filter(|s| !(200..300).contains(s));
        self.inner.follow(self.walker.walk(), failed_at);
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
    if text.len() > URL_BYTES {
        return Err(invalid(&format!("`{shown}…` has {} bytes, at most {URL_BYTES} are sent", text.len())));
    }
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
