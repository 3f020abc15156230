//! Microsoft Graph: where it is, how it pages, what it says when a licence is missing.
//!
//! Every list is `value`, and ends where there is no `@odata.nextLink`: <https://learn.microsoft.com/en-us/graph/paging>.

use crate::Settings;
use exhibit_sdk::prelude::*;

const PUBLIC: &str = "https://graph.microsoft.com";

/// Microsoft Graph, seen from one run.
pub(crate) struct Graph<'a> {
    pub(crate) ctx: &'a Context,
    origin: &'a str,
    /// The tenant's id, in lower case.
    pub(crate) tenant: String,
    /// What may pass by itself: the run ends with it, once everything has been asked.
    pub(crate) passing: Passing,
}

impl<'a> Graph<'a> {
    pub(crate) fn new(ctx: &'a Context, settings: &'a Settings) -> Self {
        let origin = settings.graph_endpoint.as_deref().unwrap_or(PUBLIC).trim_end_matches('/');
        // "Too fast" is 429 with every service behind Graph: https://learn.microsoft.com/en-us/graph/throttling
        Self { ctx, origin, tenant: settings.tenant_id.to_lowercase(), passing: Passing::new(|_| false) }
    }

    /// A GET request with the credential.
    pub(crate) fn get(&self, path: &str) -> Request {
        self.ctx.get(format!("{}/v1.0{path}", self.origin)).auth("graph")
    }

    /// A list.
    pub(crate) fn list(&self, path: &str) -> Request {
        self.get(path).paged(Paging::next_url("/@odata.nextLink").items("/value"))
    }
}

/// Whether Graph says that the tenant's licence does not cover what was asked.
pub(crate) fn is_unlicensed(failure: &Failure) -> bool {
    failure.says(&["Authentication_RequestFromNonPremiumTenantOrB2CTenant", "AadPremiumLicenseRequired"])
}

/// A principal as lists of several kinds name it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Principal {
    #[serde(rename = "@odata.type")]
    odata_type: Option<String>,
    pub(crate) display_name: Option<String>,
    pub(crate) user_principal_name: Option<String>,
    pub(crate) mail: Option<String>,
}

impl Principal {
    /// What it is; none: a device, a contact, or Graph does not say.
    pub(crate) fn kind(&self) -> Option<PrincipalType> {
        Some(match self.odata_type.as_deref()? {
            "#microsoft.graph.user" => PrincipalType::User,
            "#microsoft.graph.group" => PrincipalType::Group,
            "#microsoft.graph.servicePrincipal" => PrincipalType::Service,
            _ => return None,
        })
    }

    /// Login, or name.
    pub(crate) fn name(&self) -> Option<String> {
        self.user_principal_name.clone().or_else(|| self.display_name.clone())
    }

    /// The subject of a person's record; none for others.
    pub(crate) fn subject(&self, tenant: &str, id: &str) -> Option<String> {
        let login = self.user_principal_name.as_deref();
        (self.kind() == Some(PrincipalType::User)).then(|| person(self.mail.as_deref(), login, tenant, id))
    }
}

/// A person by mail address, or by login: a guest's login, `ada_example.com#EXT#@…`, is nobody's address.
pub(crate) fn person(mail: Option<&str>, login: Option<&str>, tenant: &str, id: &str) -> String {
    let login = login.filter(|login| !login.contains("#EXT#"));
    subject::person_or_account(mail.or(login), tenant, id)
}
