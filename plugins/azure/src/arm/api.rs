//! Azure Resource Manager: where it is, how it pages, and what a refusal means for a population.
//!
//! Every list is `value`, and ends where there is no `nextLink`:
//! <https://github.com/microsoft/api-guidelines/blob/vNext/azure/Guidelines.md#collections>.

use super::id;
use crate::Settings;
use exhibit_sdk::prelude::*;

const PUBLIC: &str = "https://management.azure.com";

/// Azure Resource Manager, seen from one run.
pub(crate) struct Arm<'a> {
    pub(super) ctx: &'a Context,
    origin: &'a str,
    /// In lower case.
    pub(super) tenant: String,
    /// Why not every subscription is read.
    pub(super) gap: Option<String>,
    passing: Passing,
}

impl<'a> Arm<'a> {
    pub(crate) fn new(ctx: &'a Context, settings: &'a Settings) -> Self {
        let origin = settings.arm_endpoint.as_deref().unwrap_or(PUBLIC).trim_end_matches('/');
        let tenant = settings.tenant_id.to_lowercase();
        // 429 is all that it says: <https://learn.microsoft.com/en-us/azure/azure-resource-manager/management/request-limits-and-throttling>.
        Self { ctx, origin, tenant, gap: None, passing: Passing::new(|_| false) }
    }

    /// A GET request with the credential. Each service has versions of its own.
    pub(super) fn get(&self, path: &str, version: &str) -> Request {
        self.ctx.get(format!("{}{path}", self.origin)).query("api-version", version).auth("arm")
    }

    /// A POST request that only reads.
    pub(super) fn post(&self, path: &str, version: &str) -> Request {
        self.ctx.post(format!("{}{path}", self.origin)).query("api-version", version).auth("arm")
    }

    /// A list.
    pub(super) fn list(&self, path: &str, version: &str) -> Request {
        self.get(path, version).paged(Paging::next_url("/nextLink").items("/value"))
    }

    /// A GET request for a part of a resource. An id that is not one of this type is asked for as it is, which the host
    /// denies: the population then says so.
    pub(super) fn get_of(&self, id: &str, kind: &str, part: &str, version: &str) -> Request {
        self.get(&format!("{}{part}", id::path(id, kind).unwrap_or_else(|| id::key(id))), version)
    }

    /// A list of parts of a resource.
    pub(super) fn list_of(&self, id: &str, kind: &str, part: &str, version: &str) -> Request {
        self.get_of(id, kind, part, version).paged(Paging::next_url("/nextLink").items("/value"))
    }

    /// The population of a kind, where it is asked for.
    pub(super) fn open<K: EvidenceKind>(&self, query: &str) -> Wanted<K> {
        let mut wanted = self.ctx.wanted::<K>(query);
        if let Some(gap) = &self.gap {
            wanted.incomplete(gap);
        }
        wanted
    }

    /// See [`Passing::take`].
    pub(super) fn take(&self, feeds: &mut [&mut dyn Feed], answer: Result<Vec<Page>>) -> Result<Vec<Page>> {
        self.passing.take(feeds, answer)
    }

    /// See [`Passing::known`].
    pub(super) fn known<T>(&self, what: &str, answer: Result<T>) -> Option<T> {
        self.passing.known(what, answer)
    }

    /// What supports records, asked for side by side, in the order of `of`; nothing where it is withheld.
    pub(super) fn details<'t, T>(
        &self,
        what: &str,
        of: &'t [T],
        ask: impl Fn(&'t T) -> Request,
    ) -> Vec<Option<Vec<Page>>> {
        self.ctx.each(of, ask).map(|(_, answer)| self.known(what, answer)).collect()
    }

    /// The failure that the run ends with, if any.
    pub(super) fn end(self) -> Result<()> {
        self.passing.end()
    }
}
