//! API tokens: that they exist, how old they are and whose; their values are never shown by Okta.

use crate::Api;
use exhibit_sdk::kinds::{Credential, CredentialStatus, CredentialType, PrincipalType};
use exhibit_sdk::prelude::*;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Token {
    id: String,
    name: Option<String>,
    user_id: Option<String>,
    created: Option<String>,
    expires_at: Option<String>,
    token_window: Option<String>,
    network: Option<Network>,
}

#[derive(Debug, Deserialize)]
struct Network {
    connection: Option<String>,
}

pub(crate) fn collect(api: &Api<'_>) -> Result<()> {
    let mut tokens = api.ctx.population::<Credential>("all API tokens");
    for page in api.whole_list("/api/v1/api-tokens").pages() {
        let Some(page) = tokens.tolerate(page)? else { break };
        for token in tokens.items::<Token>(&page)? {
            let expires_at = instant(token.expires_at.as_ref());
            let expired = expires_at.is_some_and(|at| at <= api.ctx.started_at());
            // "Tokens are valid for 30 days from creation or last use, so that the `expiresAt` property changes
            // with each use": the day of the last use, or of the making of one that was never used.
            let used = expires_at.filter(|_| token.token_window.as_deref() == Some("P30D"));
            let last_used_on = used.map(|at| at.plus_days(-30).date());
            let attributes = Credential {
                status: Some(if expired { CredentialStatus::Expired } else { CredentialStatus::Active }),
                name: token.name.clone(),
                owner_id: token.user_id.clone(),
                owner_type: Some(PrincipalType::User),
                network_restricted: token
                    .network
                    .as_ref()
                    .and_then(|n| n.connection.as_deref())
                    .map(|connection| connection != "ANYWHERE"),
                created_at: instant(token.created.as_ref()),
                last_used_on,
                // It ends 30 days after its last use: the instant would move with every look.
                expires_at: None,
                ..Credential::new(CredentialType::ApiToken)
            };
            let mut record = token.record(&token.id, attributes);
            if last_used_on.is_none() {
                record = record.unknown("last_used_on");
            }
            if token.network.is_none() {
                record = record.unknown("network_restricted");
            }
            tokens.emit(record)?;
        }
    }
    tokens.seal()
}
