//! The API's own description: what the handlers say of themselves, and what holds for all of them.

use super::problem::Problem;
use super::routes::Access;
use utoipa::PartialSchema as _;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    ContentBuilder, InfoBuilder, OpenApi, Ref, RefOr, ResponseBuilder, SecurityRequirement,
};

/// Says of an operation what its route says: who may ask, and how it refuses.
pub(crate) fn complete(operation: &mut Operation, access: Access, path: &str) {
    let mut refusals = vec![("400", "The request is not one that is understood.")];
    if access != Access::Open {
        refusals.push(("401", "No token, or none that is valid."));
        refusals.push(("403", "The token's role may not do this."));
        let needs = |name: &str| SecurityRequirement::new(name, Vec::<String>::new());
        operation.security = Some(vec![needs("token"), needs("session")]);
    }
    if path.contains('{') {
        refusals.push(("404", "There is no such thing, or none that the one who asks may see."));
    }
    for (status, what) in refusals {
        operation.responses.responses.entry(status.to_owned()).or_insert_with(|| refusal(what));
    }
    let who = match access {
        Access::Open => "anyone",
        Access::SignedIn => "every role",
        Access::Read => "operator; auditor, of the engagement",
        Access::Ingest => "operator, ingest",
        Access::Watch => "operator, monitor",
        Access::Operate => "operator",
    };
    let said = operation.description.take().unwrap_or_default();
    operation.description = Some(format!("{said}\n\nFor: {who}.").trim().to_owned());
}

fn refusal(what: &str) -> RefOr<utoipa::openapi::Response> {
    let schema = RefOr::Ref(Ref::from_schema_name("Problem"));
    let content = ContentBuilder::new().schema(Some(schema)).build();
    ResponseBuilder::new().description(what).content("application/problem+json", content).build().into()
}

/// The whole document, as JSON.
///
/// # Errors
/// Where it cannot be written as JSON.
pub(crate) fn document(mut api: OpenApi) -> Result<Vec<u8>, serde_json::Error> {
    api.info = InfoBuilder::new()
        .title("Exhibit")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Evidence of a SOC 2 Type II examination: sources, runs, records, coverage, seals, exports and the \
             ledger. Errors are RFC 9457 problems. Lists go on with `next`, put into `cursor`.",
        ))
        .build();
    let components = api.components.get_or_insert_default();
    components.schemas.insert("Problem".to_owned(), Problem::schema());
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
    components.security_schemes.insert("token".to_owned(), SecurityScheme::Http(bearer).into());
    let cookie = SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new("exhibit")));
    components.security_schemes.insert("session".to_owned(), cookie.into());
    serde_json::to_vec(&api)
}
