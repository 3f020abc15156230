//! Service principals, which are the applications' accounts in this tenant, and the secrets and certificates of
//! applications and service principals: never their values, which Graph does not show either.
//!
//! <https://learn.microsoft.com/en-us/graph/api/serviceprincipal-list>,
//! <https://learn.microsoft.com/en-us/graph/api/application-list>

use super::api::Graph;
use exhibit_sdk::prelude::*;
use std::collections::BTreeMap;

/// The tenant that Microsoft's own applications are of:
/// <https://learn.microsoft.com/en-us/troubleshoot/entra/entra-id/governance/verify-first-party-apps-sign-in>
const MICROSOFT: &str = "f8cdef31-a31e-4b4a-93e4-5f571e91255a";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ServicePrincipal {
    id: String,
    app_id: String,
    display_name: Option<String>,
    service_principal_type: Option<String>,
    account_enabled: Option<bool>,
    app_owner_organization_id: Option<String>,
    #[serde(default)]
    app_roles: Vec<AppRole>,
    #[serde(flatten)]
    keys: Keys,
}

#[derive(Debug, Deserialize)]
struct AppRole {
    id: String,
    value: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Application {
    id: String,
    display_name: Option<String>,
    #[serde(flatten)]
    keys: Keys,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Keys {
    #[serde(default)]
    password_credentials: Vec<Key>,
    #[serde(default)]
    key_credentials: Vec<Key>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Key {
    key_id: String,
    display_name: Option<String>,
    start_date_time: Option<String>,
    end_date_time: Option<String>,
    usage: Option<String>,
}

/// What grants need to know of a service principal.
pub(super) struct Service {
    pub(super) id: String,
    pub(super) name: Option<String>,
    pub(super) is_enabled: Option<bool>,
    pub(super) origin: Origin,
    /// What may be done in it, by id.
    roles: BTreeMap<String, String>,
}

impl Service {
    /// The word for a role. The id of zeros stands for access without any.
    pub(super) fn role(&self, id: &str) -> Option<String> {
        self.roles.get(id).cloned()
    }
}

/// All service principals, in Graph's order.
#[derive(Default)]
pub(super) struct Services {
    pub(super) all: Vec<Service>,
    /// Why not all of them are known.
    pub(super) gap: Option<String>,
}

pub(super) fn collect(graph: &Graph<'_>) -> Result<Services> {
    let ctx = graph.ctx;
    let mut services = Services::default();
    let mut accounts =
        ctx.wanted::<Account>("service principals of applications that are not Microsoft's own");
    let mut keys = ctx.wanted::<Credential>("secrets and certificates of service principals");
    if accounts.is_wanted() || keys.is_wanted() || ctx.wants::<AppGrant>() {
        let fields = "id,appId,displayName,servicePrincipalType,accountEnabled,appOwnerOrganizationId,appRoles,passwordCredentials,keyCredentials";
        let list = graph.list("/servicePrincipals").query("$select", fields).query("$top", "100");
        for page in list.pages() {
            if let Err(failure) = &page {
                services.gap = Some(format!("service principals are not known: {}", failure.reason()));
            }
            for page in graph.passing.take(&mut [&mut accounts, &mut keys], page.map(|page| vec![page]))? {
                for service in page.items::<ServicePrincipal>()? {
                    of_service(graph, &service, &mut accounts, &mut keys)?;
                    services.all.push(known(&service));
                }
            }
        }
        accounts.seal()?;
        keys.seal()?;
    }
    of_applications(graph)?;
    Ok(services)
}

fn known(service: &Item<ServicePrincipal>) -> Service {
    let roles = service.app_roles.iter().filter_map(|role| Some((role.id.clone(), role.value.clone()?)));
    Service {
        id: service.id.clone(),
        name: service.display_name.clone(),
        is_enabled: service.account_enabled,
        origin: service.origin().clone(),
        roles: roles.collect(),
    }
}

fn of_service(
    graph: &Graph<'_>,
    service: &Item<ServicePrincipal>,
    accounts: &mut Wanted<Account>,
    keys: &mut Wanted<Credential>,
) -> Result<()> {
    if service.app_owner_organization_id.as_deref() == Some(MICROSOFT) {
        accounts.filtered(1, "an application of Microsoft's own")?;
    } else {
        accounts.emit(account(graph, service))?;
    }
    if service.service_principal_type.as_deref() == Some("ManagedIdentity") {
        return keys.filtered(1, "a managed identity, whose certificates Azure itself makes and renews");
    }
    let owner = Owner { list: "servicePrincipals", id: &service.id, name: service.display_name.as_ref() };
    emit(graph, keys, &owner, service, &service.keys)
}

fn of_applications(graph: &Graph<'_>) -> Result<()> {
    let mut keys = graph.ctx.wanted::<Credential>("secrets and certificates of applications of this tenant");
    if !keys.is_wanted() {
        return Ok(());
    }
    let fields = "id,appId,displayName,passwordCredentials,keyCredentials";
    for page in graph.list("/applications").query("$select", fields).query("$top", "999").pages() {
        for page in graph.passing.take(&mut [&mut keys], page.map(|page| vec![page]))? {
            for application in keys.items::<Application>(&page)? {
                let name = application.display_name.as_ref();
                let owner = Owner { list: "applications", id: &application.id, name };
                emit(graph, &mut keys, &owner, &application, &application.keys)?;
            }
        }
    }
    keys.seal()
}

fn account(graph: &Graph<'_>, service: &Item<ServicePrincipal>) -> Record<Account> {
    let status = service.account_enabled.map(|is_on| match is_on {
        true => AccountStatus::Active,
        false => AccountStatus::Disabled,
    });
    let owner = service.app_owner_organization_id.as_deref();
    // Managed identities are of no application, and so of this tenant.
    let managed = service.service_principal_type.as_deref() == Some("ManagedIdentity");
    let external = owner.map(|owner| !owner.eq_ignore_ascii_case(&graph.tenant)).or(managed.then_some(false));
    let attributes = Account {
        display_name: service.display_name.clone(),
        r#type: Some(AccountType::Service),
        status,
        source_status: service.service_principal_type.clone(),
        external,
        ..Account::new(&service.app_id)
    };
    let subject = subject::account(&graph.tenant, &service.id);
    let mut record = service.record(&service.id, attributes).subject(subject).unknown("admin");
    for (attribute, is_known) in [("status", status.is_some()), ("external", external.is_some())] {
        if !is_known {
            record = record.unknown(attribute);
        }
    }
    record.unknown("created_at").unknown("last_login_on")
}

/// Whose keys they are.
struct Owner<'a> {
    list: &'a str,
    id: &'a str,
    name: Option<&'a String>,
}

fn emit<T>(
    graph: &Graph<'_>,
    population: &mut Wanted<Credential>,
    owner: &Owner<'_>,
    item: &Item<T>,
    keys: &Keys,
) -> Result<()> {
    let mut count = 0_u64;
    for (place, keys, is_secret) in [
        ("/passwordCredentials", &keys.password_credentials, true),
        ("/keyCredentials", &keys.key_credentials, false),
    ] {
        for key in item.nested(place, keys) {
            population.emit(credential(graph, owner, &key, is_secret))?;
            count += 1;
        }
    }
    population.filtered(u64::from(count == 0), "an application without secrets and certificates")
}

fn credential(graph: &Graph<'_>, owner: &Owner<'_>, key: &Item<&Key>, is_secret: bool) -> Record<Credential> {
    let kind = match (is_secret, key.usage.as_deref()) {
        (true, _) => CredentialType::ClientSecret,
        // It signs what this tenant says of people to the application (SAML).
        (false, Some("Sign")) => CredentialType::SigningKey,
        (false, _) => CredentialType::Certificate,
    };
    let ends = instant(key.end_date_time.as_ref());
    let has_ended = ends.map(|at| at <= graph.ctx.started_at());
    let attributes = Credential {
        status: has_ended
            .map(|ended| if ended { CredentialStatus::Expired } else { CredentialStatus::Active }),
        name: key.display_name.clone(),
        owner_id: Some(owner.id.to_owned()),
        owner_name: owner.name.cloned(),
        owner_type: Some(PrincipalType::Service),
        // Graph keeps from when it is good, which is when it was made unless someone chose another day.
        created_at: instant(key.start_date_time.as_ref()),
        expires_at: ends,
        ..Credential::new(kind)
    };
    let mut record = key.record(format!("{}/{}/{}", owner.list, owner.id, key.key_id), attributes);
    for (attribute, is_known) in [
        ("status", has_ended.is_some()),
        ("created_at", key.start_date_time.is_some()),
        ("last_used_on", false),
    ] {
        if !is_known {
            record = record.unknown(attribute);
        }
    }
    record
}
