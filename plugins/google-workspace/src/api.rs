//! Google's administrative APIs: where they are, how they page, and what a refusal means for a population.
//!
//! Every list of them ends where an answer has no `nextPageToken`: <https://google.aip.dev/158>. Errors have one
//! form: <https://google.aip.dev/193>.

use crate::Settings;
use exhibit_sdk::prelude::*;
use std::cell::RefCell;

/// Hosts of the services that are asked.
pub(crate) const ADMIN: &str = "admin.googleapis.com";
pub(crate) const IDENTITY: &str = "cloudidentity.googleapis.com";

/// Google Workspace, seen from one run.
pub(crate) struct Api<'a> {
    pub(crate) ctx: &'a Context,
    endpoint: Option<&'a str>,
    /// How requests name the customer.
    customer: &'a str,
    /// The customer's own id, `C0example`.
    pub(crate) tenant: String,
    /// The first failure that may pass by itself: the run ends with it, once everything has been asked.
    passing: RefCell<Option<Failure>>,
}

impl<'a> Api<'a> {
    pub(crate) fn new(ctx: &'a Context, settings: &'a Settings) -> Self {
        let endpoint = settings.endpoint.as_deref().map(|origin| origin.trim_end_matches('/'));
        Self {
            ctx,
            endpoint,
            customer: &settings.customer,
            tenant: String::new(),
            passing: RefCell::default(),
        }
    }

    /// How the path of a request names the customer.
    pub(crate) fn customer(&self) -> String {
        encode(self.customer)
    }

    /// A GET request with the credential.
    pub(crate) fn get(&self, host: &str, path: &str) -> Request {
        let url = match self.endpoint {
            Some(origin) => format!("{origin}/{host}{path}"),
            None => format!("https://{host}{path}"),
        };
        self.ctx.get(url).auth("workspace")
    }

    /// A request about the directory.
    pub(crate) fn directory(&self, path: &str) -> Request {
        self.get(ADMIN, &format!("/admin/directory/v1{path}"))
    }

    /// A list: Google leaves out what is empty.
    pub(crate) fn list(request: Request, items: &str) -> Request {
        let paging = Paging::cursor(Read::json("/nextPageToken"), Write::query("pageToken"));
        request.paged(paging.items(items).absent_is_empty())
    }

    /// The first of all users or groups of the customer: whether they may be read.
    pub(crate) fn first(&self, path: &str) -> Request {
        self.directory(path).query("customer", self.customer).query("maxResults", "1")
    }

    /// A list of all users, groups, or the like, of the customer.
    pub(crate) fn all(&self, path: &str, items: &str, size: u32) -> Request {
        let request =
            self.directory(path).query("customer", self.customer).query("maxResults", size.to_string());
        Self::list(request, items)
    }

    /// The population of a kind, where it is asked for.
    pub(crate) fn open<K: EvidenceKind>(&self, query: &str) -> Wanted<K> {
        Wanted(self.ctx.wants::<K>().then(|| self.ctx.population::<K>(query)))
    }

    /// Asks the same of each of these, side by side, and gives the answers in their order.
    pub(crate) fn each<'t, T>(
        &self,
        of: &'t [T],
        ask: impl Fn(&'t T) -> Request,
    ) -> impl Iterator<Item = (&'t T, Result<Vec<Page>>)> {
        of.iter().zip(self.ctx.send_all(of.iter().map(ask)))
    }

    /// The pages of an answer, which feed these populations. A list that Google withholds, or that cannot be read
    /// now, leaves them incomplete, and the others go on.
    pub(crate) fn take(&self, feeds: &mut [&mut dyn Feed], answer: Result<Vec<Page>>) -> Result<Vec<Page>> {
        match answer {
            Ok(pages) => {
                for feed in feeds.iter_mut() {
                    for page in &pages {
                        feed.fed_by(page)?;
                    }
                }
                Ok(pages)
            }
            Err(failure) => {
                for feed in feeds.iter_mut() {
                    feed.withheld(&failure)?;
                }
                exhibit_sdk::warn!("incomplete: {}", failure.message());
                self.note(failure);
                Ok(Vec::new())
            }
        }
    }

    /// What supports a record, or why it is unknown: that is logged, and Google's word is quoted. A server error that
    /// outlasts the host's retries leaves a detail unknown and no more; where no answer came, or too much was asked,
    /// the run ends so that it is tried again.
    pub(crate) fn known<T>(&self, what: &str, answer: Result<T>) -> Option<T> {
        match answer {
            Ok(value) => Some(value),
            Err(failure) => {
                exhibit_sdk::warn!("unknown: {what}: {}", failure.message());
                if failure.status().is_none_or(|status| status < 500) {
                    self.note(failure);
                }
                None
            }
        }
    }

    /// Keeps a failure that may pass by itself. The Admin SDK says "too fast" with 429, and with 403:
    /// <https://developers.google.com/workspace/admin/directory/v1/limits>
    fn note(&self, failure: Failure) {
        let said = failure.page().and_then(Page::vendor_message).unwrap_or_default();
        let throttled = ["RESOURCE_EXHAUSTED", "rateLimitExceeded", "Rate Limit Exceeded", "Quota exceeded"];
        if failure.is_retryable() || throttled.iter().any(|word| said.contains(word)) {
            let failure = if failure.is_retryable() { failure } else { failure.retryable() };
            self.passing.borrow_mut().get_or_insert(failure);
        }
    }

    /// The failure that the run ends with, if any.
    pub(crate) fn end(self) -> Result<()> {
        self.passing.into_inner().map_or(Ok(()), Err)
    }
}

/// What is fed by lists, whatever its kind.
pub(crate) trait Feed {
    /// See [`Population::fed_by`].
    fn fed_by(&mut self, page: &Page) -> Result<()>;
    /// See [`Population::filtered`].
    fn filtered(&mut self, count: u64, reason: &str) -> Result<()>;
    /// See [`Population::incomplete`].
    fn incomplete(&mut self, what: &str);
    /// See [`Population::withheld`].
    fn withheld(&mut self, failure: &Failure) -> Result<()>;
}

/// A population, where its kind is asked for; else nothing happens.
pub(crate) struct Wanted<K>(Option<Population<K>>);

impl<K: EvidenceKind> Feed for Wanted<K> {
    fn fed_by(&mut self, page: &Page) -> Result<()> {
        self.0.as_mut().map_or(Ok(()), |population| population.fed_by(page))
    }

    fn filtered(&mut self, count: u64, reason: &str) -> Result<()> {
        match &mut self.0 {
            Some(population) if count > 0 => population.filtered(count, reason),
            _ => Ok(()),
        }
    }

    fn incomplete(&mut self, what: &str) {
        if let Some(population) = &mut self.0 {
            population.incomplete(what);
        }
    }

    fn withheld(&mut self, failure: &Failure) -> Result<()> {
        self.0.as_mut().map_or(Ok(()), |population| population.withheld(failure))
    }
}

impl<K: EvidenceKind> Wanted<K> {
    pub(crate) fn is_wanted(&self) -> bool {
        self.0.is_some()
    }

    pub(crate) fn emit(&mut self, record: Record<K>) -> Result<()> {
        self.0.as_mut().map_or(Ok(()), |population| population.emit(record))
    }

    /// The items of a page that feeds this population; one that cannot be read leaves it incomplete.
    pub(crate) fn items<T: serde::de::DeserializeOwned>(&mut self, page: &Page) -> Result<Vec<Item<T>>> {
        match &mut self.0 {
            Some(population) => population.items(page),
            None => page.items(),
        }
    }

    pub(crate) fn seal(self) -> Result<()> {
        self.0.map_or(Ok(()), Population::seal)
    }
}
