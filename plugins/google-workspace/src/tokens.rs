//! Applications that users have let in to their data (OAuth), with the scopes that they gave.
//!
//! <https://developers.google.com/workspace/admin/directory/reference/rest/v1/tokens>

use crate::api::Api;
use crate::users::{Known, Users};
use exhibit_sdk::kinds::{AppGrant, Assignment, PrincipalType, Status};
use exhibit_sdk::prelude::*;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Token {
    client_id: String,
    display_text: Option<String>,
    #[serde(default)]
    scopes: Vec<String>,
}

/// Calls under way in one batch.
const BATCH: usize = 200;

pub(crate) fn collect(api: &Api<'_>, users: &Users) -> Result<()> {
    let mut grants = api.ctx.wanted::<AppGrant>("applications that users who are not deleted have let in");
    if !grants.is_wanted() {
        return Ok(());
    }
    if let Some(gap) = &users.gap {
        grants.incomplete(gap);
    }
    let ask = |user: &&Known| {
        let request = api.directory(&format!("/users/{}/tokens", encode(&user.id)));
        request.paged(Paging::single().items("/items").absent_is_empty())
    };
    for batch in users.live().chunks(BATCH) {
        let mut refused = 0;
        for (user, answer) in api.ctx.each(batch, ask) {
            refused += usize::from(answer.as_ref().is_err_and(Failure::is_forbidden));
            for page in api.passing.take(&mut [&mut grants], answer)? {
                for token in grants.items::<Token>(&page)? {
                    grants.emit(record(api, user, &token))?;
                }
            }
        }
        // Closed to this credential altogether: the other users' answers would say the same.
        if refused == batch.len() {
            break;
        }
    }
    grants.seal()
}

fn record(api: &Api<'_>, user: &Known, token: &Item<Token>) -> Record<AppGrant> {
    let mut scopes = token.scopes.clone();
    scopes.sort();
    let attributes = AppGrant {
        app_name: token.display_text.clone(),
        principal_id: Some(user.id.clone()),
        principal_type: Some(PrincipalType::User),
        principal_name: Some(user.address.clone()),
        assignment: Some(Assignment::Direct),
        status: Some(Status::Active),
        scopes: Some(scopes),
        ..AppGrant::new(&token.client_id)
    };
    token
        .record(format!("{}/{}", user.id, token.client_id), attributes)
        .origin(&user.origin)
        .subject(subject::person_or_account(Some(&user.address), &api.tenant, &user.id))
        .unknown("granted_at")
}
