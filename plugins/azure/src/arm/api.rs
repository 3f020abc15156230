//! Azure Resource Manager: where it is, how it pages.
//!
//! Every list is `value`, and ends where there is no `nextLink`:
//! <https://github.com/microsoft/api-guidelines/blob/vNext/azure/Guidelines.md#collections>.

use crate::Settings;
use exhibit_sdk::prelude::*;

const PUBLIC: &str = "https://management.azure.com";

/// Azure Resource Manager, seen from one run.
pub(crate) struct Arm<'a> {
    pub(crate) ctx: &'a Context,
    origin: &'a str,
}

impl<'a> Arm<'a> {
    pub(crate) fn new(ctx: &'a Context, settings: &'a Settings) -> Self {
        let origin = settings.arm_endpoint.as_deref().unwrap_or(PUBLIC).trim_end_matches('/');
        Self { ctx, origin }
    }

    /// A GET request with the credential. Each service has versions of its own.
    pub(crate) fn get(&self, path: &str, version: &str) -> Request {
        self.ctx.get(format!("{}{path}", self.origin)).query("api-version", version).auth("arm")
    }

    /// A list.
    pub(crate) fn list(&self, path: &str, version: &str) -> Request {
        self.get(path, version).paged(Paging::next_url("/nextLink").items("/value"))
    }
}
