//! Google's administrative APIs: where they are, how they page, and what a refusal means for a population.
//!
//! Every list of them ends where an answer has no `nextPageToken`: <https://google.aip.dev/158>. Errors have one
//! form: <https://google.aip.dev/193>.

use crate::Settings;
use exhibit_sdk::prelude::*;

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
    /// What may pass by itself: the run ends with it, once everything has been asked.
    pub(crate) passing: Passing,
}

impl<'a> Api<'a> {
    pub(crate) fn new(ctx: &'a Context, settings: &'a Settings) -> Self {
        let endpoint = settings.endpoint.as_deref().map(|origin| origin.trim_end_matches('/'));
        Self {
            ctx,
            endpoint,
            customer: &settings.customer,
            tenant: String::new(),
            passing: Passing::new(is_throttled),
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
}

/// Whether Google says "too fast": with 429, and the Admin SDK with 403.
/// <https://developers.google.com/workspace/admin/directory/v1/limits>
fn is_throttled(failure: &Failure) -> bool {
    failure.says(&["RESOURCE_EXHAUSTED", "rateLimitExceeded", "Rate Limit Exceeded", "Quota exceeded"])
}
