//! Who is assigned to applications, what applications may do in others, and what was consented to.
//!
//! <https://learn.microsoft.com/en-us/graph/api/serviceprincipal-list-approleassignedto>,
//! <https://learn.microsoft.com/en-us/graph/api/oauth2permissiongrant-list>. Every assignment stands under one application,
//! the one that it opens: so those of Microsoft's own are asked too, for what may be done in Microsoft Graph itself.

use super::api::Graph;
use super::applications::{Service, Services};
use super::users::People;
use exhibit_sdk::prelude::*;
use std::collections::BTreeMap;

/// Questions under way in one batch.
const BATCH: usize = 200;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Assigned {
    id: String,
    app_role_id: String,
    created_date_time: Option<String>,
    principal_id: String,
    principal_type: Option<String>,
    principal_display_name: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Consent {
    id: String,
    client_id: String,
    consent_type: Option<String>,
    principal_id: Option<String>,
    scope: Option<String>,
}

pub(super) fn collect(graph: &Graph<'_>, services: &Services) -> Result<()> {
    let mut assigned = graph.ctx.wanted::<AppGrant>("who is assigned to each application, in which role");
    if !assigned.is_wanted() {
        return Ok(());
    }
    if let Some(gap) = &services.gap {
        assigned.incomplete(gap);
    }
    let people = People::default();
    let ask = |service: &Service| {
        graph
            .list(&format!("/servicePrincipals/{}/appRoleAssignedTo", encode(&service.id)))
            .query("$top", "999")
    };
    for batch in services.all.chunks(BATCH) {
        for (service, answer) in graph.ctx.each(batch, ask) {
            for page in graph.passing.take(&mut [&mut assigned], answer)? {
                for item in assigned.items::<Assigned>(&page)? {
                    assigned.emit(assignment(graph, &people, service, &item))?;
                }
            }
        }
    }
    assigned.seal()?;
    consents(graph, &people, services)
}

fn assignment(
    graph: &Graph<'_>,
    people: &People,
    service: &Service,
    assigned: &Item<Assigned>,
) -> Record<AppGrant> {
    let kind = match assigned.principal_type.as_deref() {
        Some("User") => Some(PrincipalType::User),
        Some("Group") => Some(PrincipalType::Group),
        Some("ServicePrincipal") => Some(PrincipalType::Service),
        _ => None,
    };
    let role = service.role(&assigned.app_role_id);
    let attributes = AppGrant {
        app_name: service.name.clone(),
        app_status: status(service),
        principal_id: Some(assigned.principal_id.clone()),
        principal_type: kind,
        principal_name: assigned.principal_display_name.clone(),
        assignment: Some(Assignment::Direct),
        status: Some(Status::Active),
        scopes: role.map(|role| vec![role]),
        granted_at: instant(assigned.created_date_time.as_ref()),
        ..AppGrant::new(&service.id)
    };
    let mut record = assigned.record(&assigned.id, attributes).origin(&service.origin);
    if kind == Some(PrincipalType::User) {
        record = people.name(graph, &assigned.principal_id, record);
    }
    for (attribute, is_known) in [
        ("app_status", service.is_enabled.is_some()),
        ("principal_type", kind.is_some()),
        ("granted_at", assigned.created_date_time.is_some()),
    ] {
        if !is_known {
            record = record.unknown(attribute);
        }
    }
    record
}

fn status(service: &Service) -> Option<Status> {
    service.is_enabled.map(|is_on| if is_on { Status::Active } else { Status::Inactive })
}

fn consents(graph: &Graph<'_>, people: &People, services: &Services) -> Result<()> {
    let mut consents =
        graph.ctx.population::<AppGrant>("what people and administrators consented to on people's behalf");
    let by_id: BTreeMap<&str, &Service> = services.all.iter().map(|s| (s.id.as_str(), s)).collect();
    for page in graph.list("/oauth2PermissionGrants").query("$top", "999").pages() {
        for page in graph.passing.take(&mut [&mut consents], page.map(|page| vec![page]))? {
            for consent in consents.items::<Consent>(&page)? {
                let client = by_id.get(consent.client_id.as_str()).copied();
                consents.emit(consented(graph, people, client, &consent))?;
            }
        }
    }
    consents.seal()
}

fn consented(
    graph: &Graph<'_>,
    people: &People,
    client: Option<&Service>,
    consent: &Item<Consent>,
) -> Record<AppGrant> {
    let mut scopes: Vec<String> =
        consent.scope.as_deref().unwrap_or_default().split_whitespace().map(str::to_owned).collect();
    scopes.sort();
    scopes.dedup();
    let attributes = AppGrant {
        app_name: client.and_then(|client| client.name.clone()),
        app_status: client.and_then(status),
        principal_id: consent.principal_id.clone(),
        principal_type: consent.principal_id.as_ref().map(|_| PrincipalType::User),
        status: Some(Status::Active),
        // Everyone, or the one principal.
        source_status: consent.consent_type.clone(),
        scopes: Some(scopes),
        ..AppGrant::new(&consent.client_id)
    };
    let mut record = consent.record(format!("consent/{}", consent.id), attributes).unknown("granted_at");
    if let Some(client) = client {
        record = record.origin(&client.origin);
    }
    if let Some(id) = &consent.principal_id {
        record = people.name(graph, id, record);
    }
    if client.is_none_or(|client| client.is_enabled.is_none()) {
        record = record.unknown("app_status");
    }
    record
}
