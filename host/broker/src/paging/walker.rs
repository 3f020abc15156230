//! One walk: asks for pages, counts, guards, and knows why it stopped. Pure: whoever drives it sends.

use super::Paging;
use super::advance::{Advance, advance, prepare};
use super::page::{Shown, read};
use crate::record::request_digest;
use crate::transport::Outgoing;
use exhibit_evidence::digest::Digest;
use exhibit_evidence::exchange::{ExchangeId, Stop, Walk, WalkId};
use exhibit_evidence::fetch::FetchError;
use std::collections::HashMap;

/// A reason in a walk is cut to so many characters.
const MAX_REASON: usize = 500;

/// One answer, as the guest is shown it.
#[derive(Debug, Clone, Copy)]
pub struct Page<'a> {
    /// HTTP status.
    pub status: u16,
    /// Visible headers.
    pub headers: &'a [(String, String)],
    /// The body after redaction.
    pub body: &'a [u8],
    /// Its digest.
    pub digest: Digest,
    /// Whether redaction changed it.
    pub redacted: bool,
}

/// One walk over a list's pages, or a single request.
#[derive(Debug)]
pub struct Walker {
    paging: Option<Paging>,
    page_limit: u32,
    next: Next,
    /// Page of each request made, by its digest without the page.
    requests: HashMap<Digest, u32>,
    /// Page of each body received, by its digest.
    bodies: HashMap<Digest, u32>,
    walk: Walk,
}

#[derive(Debug)]
enum Next {
    Ask(Box<Outgoing>),
    /// Stopped by a guard, and the guest is still to be told.
    Refused(String),
    Done,
}

impl Walker {
    /// A walk that begins with `first`; `list` is how it is called in messages and records, and `paging`
    /// none for a single request. At most `page_limit` pages are asked for.
    pub fn new(
        id: WalkId,
        mut first: Outgoing,
        list: String,
        paging: Option<Paging>,
        page_limit: u32,
    ) -> Self {
        if let Some(paging) = &paging {
            prepare(paging, &mut first);
        }
        let scheme = paging.as_ref().map_or("none", |paging| paging.scheme.name()).to_owned();
        let walk = Walk {
            id,
            list: cut(&list),
            scheme,
            items: paging.as_ref().and_then(|paging| paging.items.clone()),
            pages: 0,
            received: None,
            received_by_page: Vec::new(),
            source_total: None,
            stop: Stop::Abandoned,
        };
        let next = Next::Ask(Box::new(first));
        Self { paging, page_limit, next, requests: HashMap::new(), bodies: HashMap::new(), walk }
    }

    /// The request for the next page, and the name of its exchange; none: the walk has ended.
    ///
    /// # Errors
    /// Code `paging`, once, where a guard stopped the walk.
    pub fn ask(&mut self) -> Result<Option<(ExchangeId, &Outgoing)>, FetchError> {
        if let Next::Refused(reason) = &self.next {
            let message = format!("paging of {} stopped: {reason}", self.walk.list);
            self.next = Next::Done;
            return Err(FetchError::new("paging", message, false));
        }
        let WalkId { call, index } = self.walk.id;
        match &self.next {
            Next::Ask(request) => Ok(Some((ExchangeId { call, index, page: self.walk.pages }, request))),
            Next::Refused(_) | Next::Done => Ok(None),
        }
    }

    /// Takes the answer to the request of [`Walker::ask`].
    pub fn answered(&mut self, page: &Page<'_>) {
        let Next::Ask(asked) = std::mem::replace(&mut self.next, Next::Done) else { return };
        let number = self.walk.pages;
        if !(200..300).contains(&page.status) {
            let reason = format!("page {number} was answered with status {}", page.status);
            self.walk.stop = Stop::Failed { reason };
            return;
        }
        self.walk.pages += 1;
        let Some(paging) = self.paging.take() else {
            self.walk.stop = Stop::Single;
            return;
        };
        match self.go_on(&paging, &asked, page) {
            Ok(Advance::End) => self.walk.stop = Stop::End,
            Ok(Advance::Single) => self.walk.stop = Stop::Single,
            Ok(Advance::Next(request)) => self.next = Next::Ask(request),
            Err(reason) => self.guard(format!("page {number}: {reason}")),
        }
        self.paging = Some(paging);
    }

    /// The request of [`Walker::ask`] was not answered.
    pub fn failed(&mut self, error: &FetchError) {
        self.next = Next::Done;
        let reason = format!("page {} was not answered: {error}", self.walk.pages);
        self.walk.stop = Stop::Failed { reason: cut(&reason) };
    }

    /// The walk as far as it came. Its stop is [`Stop::Abandoned`] as long as there is more to ask for.
    pub fn walk(&self) -> &Walk {
        &self.walk
    }

    /// Whether there is a page to ask for. If not, [`Walker::walk`] is final.
    pub fn has_next(&self) -> bool {
        matches!(self.next, Next::Ask(_))
    }

    fn guard(&mut self, reason: String) {
        let reason = cut(&reason);
        self.walk.stop = Stop::Guard { reason: reason.clone() };
        self.next = Next::Refused(reason);
    }

    fn go_on(&mut self, paging: &Paging, asked: &Outgoing, page: &Page<'_>) -> Result<Advance, String> {
        let number = self.walk.pages - 1;
        let shown = Shown { headers: page.headers, body: page.body };
        let facts = read(paging, &shown)?;
        let before = self.walk.received.unwrap_or_default();
        if let Some(items) = facts.items {
            let small = u32::try_from(items).map_err(|_| format!("{items} items in one page"))?;
            self.walk.received = Some(before.saturating_add(items));
            self.walk.received_by_page.push(small);
        }
        if facts.total.is_some() && paging.total.is_some() {
            self.walk.source_total = facts.total;
        }
        self.requests.insert(request_digest(asked, 0), number);
        let came_before = self.bodies.insert(page.digest, number).filter(|_| !page.redacted);
        let advance = advance(paging, asked, &shown, &facts, before)?;
        // Empty pages are alike by nature; where items are not counted, only one that leads on is suspect.
        let counts = match facts.items {
            Some(items) => items > 0,
            None => matches!(advance, Advance::Next(_)),
        };
        if let Some(earlier) = came_before.filter(|_| counts) {
            return Err(format!("it is page {earlier} again, byte for byte"));
        }
        if let Advance::Next(next) = &advance {
            self.check_next(next)?;
        }
        Ok(advance)
    }

    fn check_next(&self, next: &Outgoing) -> Result<(), String> {
        if let Some(earlier) = self.requests.get(&request_digest(next, 0)) {
            return Err(format!("it leads back to page {earlier}, {}", short_url(next)));
        }
        if self.walk.pages >= self.page_limit {
            return Err(format!(
                "the limit of {} pages is reached and the source says that there is more; raise `pages` in the source's limits if the list is that long",
                self.page_limit
            ));
        }
        Ok(())
    }
}

fn short_url(request: &Outgoing) -> String {
    let text = request.url.as_str();
    if text.chars().count() <= 200 {
        text.to_owned()
    } else {
        text.chars().take(200).chain("…".chars()).collect()
    }
}

fn cut(reason: &str) -> String {
    if reason.chars().count() <= MAX_REASON {
        reason.to_owned()
    } else {
        reason.chars().take(MAX_REASON).chain("…".chars()).collect()
    }
}
