//! Google's APIs as one system: where they are, how they page, and what a refusal means for a population.
//!
//! Every list of them ends where an answer has no `nextPageToken`: <https://google.aip.dev/158>. Errors have one
//! form: <https://google.aip.dev/193>.

use exhibit_sdk::prelude::*;

/// Hosts of the services that are asked.
pub(crate) const RESOURCES: &str = "cloudresourcemanager.googleapis.com";
pub(crate) const IAM: &str = "iam.googleapis.com";
pub(crate) const SERVICES: &str = "serviceusage.googleapis.com";
pub(crate) const STORAGE: &str = "storage.googleapis.com";
pub(crate) const LOGGING: &str = "logging.googleapis.com";
pub(crate) const MONITORING: &str = "monitoring.googleapis.com";
pub(crate) const KMS: &str = "cloudkms.googleapis.com";
pub(crate) const COMPUTE: &str = "compute.googleapis.com";
pub(crate) const SQL: &str = "sqladmin.googleapis.com";
pub(crate) const POLICIES: &str = "orgpolicy.googleapis.com";

/// Google Cloud, seen from one run.
pub(crate) struct Api<'a> {
    pub(crate) ctx: &'a Context,
    endpoint: Option<&'a str>,
    /// `organizations/123` or `projects/123`.
    pub(crate) tenant: String,
    /// Why not every project is known.
    pub(crate) gap: Option<String>,
    /// What may pass by itself: the run ends with it, once everything has been asked.
    pub(crate) passing: Passing,
}

impl<'a> Api<'a> {
    pub(crate) fn new(ctx: &'a Context, endpoint: Option<&'a str>) -> Self {
        let endpoint = endpoint.map(|origin| origin.trim_end_matches('/'));
        Self { ctx, endpoint, tenant: String::new(), gap: None, passing: Passing::new(is_throttled) }
    }

    fn url(&self, host: &str, path: &str) -> String {
        match self.endpoint {
            Some(origin) => format!("{origin}/{host}{path}"),
            None => format!("https://{host}{path}"),
        }
    }

    /// A GET request with the credential.
    pub(crate) fn get(&self, host: &str, path: &str) -> Request {
        self.ctx.get(self.url(host, path)).auth("gcp")
    }

    /// A POST request that only reads.
    pub(crate) fn post(&self, host: &str, path: &str, body: &serde_json::Value) -> Request {
        self.ctx.post(self.url(host, path)).json(body).auth("gcp")
    }

    /// A list; `items` is where its items are.
    pub(crate) fn list(&self, host: &str, path: &str, items: &str) -> Request {
        let paging = Paging::cursor(Read::json("/nextPageToken"), Write::query("pageToken"));
        self.get(host, path).paged(paging.items(items).absent_is_empty())
    }

    /// A list that has one page by the interface's definition, of this request's answer.
    pub(crate) fn whole(request: Request, items: &str) -> Request {
        request.paged(Paging::single().items(items).absent_is_empty())
    }

    /// The population of a kind, where it is asked for.
    pub(crate) fn open<K: EvidenceKind>(&self, query: &str) -> Wanted<K> {
        let mut wanted = self.ctx.wanted(query);
        if let Some(gap) = &self.gap {
            wanted.incomplete(gap);
        }
        wanted
    }
}

/// Whether Google says "too fast": with 429, and in older services with 403.
/// <https://cloud.google.com/compute/docs/api/rate-limits>
fn is_throttled(failure: &Failure) -> bool {
    failure.says(&["RESOURCE_EXHAUSTED", "rateLimitExceeded", "Rate Limit Exceeded", "Quota exceeded"])
}
