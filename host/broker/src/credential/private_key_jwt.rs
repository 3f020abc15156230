//! OAuth 2.0 client credentials with a signed assertion (RFC 7523 section 2.2), as Okta's service
//! applications use it: developer.okta.com, "Implement OAuth for Okta with a service app".
//!
//! ```toml
//! [credentials.okta]
//! scheme = "private_key_jwt"
//! client_id = "0oa1example"
//! private_key = "file:/run/secrets/okta.pem"
//! key_id = "2026-01"
//! scopes = ["okta.users.read", "okta.groups.read"]
//! ```
//!
//! The token endpoint is the organisation's own, `/oauth2/v1/token` on the host of the request, unless
//! `token_url` names another. Its answers are never recorded.

use super::jwt::{self, Header, SigningKey};
use super::oauth::{self, Exchange, Obtains};
use super::token::{Fresh, TokenCache};
use super::{CredentialError, CredentialProblem, Loader, Means};
use crate::secret::{SecretRef, Text};
use async_trait::async_trait;
use exhibit_evidence::fetch::FetchError;
use exhibit_evidence::secret::Secret;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use url::Url;

/// How long an assertion is valid. Okta allows up to one hour.
const ASSERTION_S: u64 = 300;

/// A service application.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrivateKeyJwtConfig {
    /// The application's client id, or where it is.
    pub client_id: Text,
    /// Where the private key is, in PEM: RSA of 2048 bits or more, or P-256.
    pub private_key: SecretRef,
    /// The key's id at the authorization server.
    #[serde(default)]
    pub key_id: Option<String>,
    /// Scopes, chosen here and never by a guest.
    pub scopes: Vec<String>,
    /// The token endpoint, where it is not `/oauth2/v1/token` on the host of the request.
    #[serde(default)]
    pub token_url: Option<Url>,
}

/// RFC 7523 section 3.
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    iat: u64,
    exp: u64,
    jti: String,
}

pub(super) struct PrivateKeyJwt {
    slot: String,
    client_id: String,
    key: SigningKey,
    key_id: Option<String>,
    scope: String,
    token_url: Option<Url>,
    tokens: TokenCache<Secret>,
}

impl PrivateKeyJwt {
    pub(super) fn load(
        config: &PrivateKeyJwtConfig,
        loader: &mut Loader<'_>,
    ) -> Result<Self, CredentialError> {
        let pem = loader.secret("private_key", &config.private_key)?;
        let key = SigningKey::from_pem(pem.expose())
            .map_err(|reason| loader.unusable("private_key", &config.private_key, reason))?;
        let needed = "name at least one scope, such as okta.users.read";
        if config.scopes.is_empty() {
            return Err(loader.fail("scopes", CredentialProblem::Config(needed.to_owned())));
        }
        Ok(Self {
            slot: loader.slot.to_owned(),
            client_id: loader.text("client_id", &config.client_id)?,
            key,
            key_id: config.key_id.clone(),
            scope: oauth::scope(&config.scopes, needed, loader)?,
            token_url: config.token_url.clone(),
            tokens: TokenCache::new(),
        })
    }
}

#[async_trait]
impl Obtains for PrivateKeyJwt {
    fn tokens(&self) -> &TokenCache<Secret> {
        &self.tokens
    }

    fn endpoint(&self, request: &Url) -> Cow<'_, Url> {
        match &self.token_url {
            Some(url) => Cow::Borrowed(url),
            None => Cow::Owned(oauth::beside(request, "/oauth2/v1/token")),
        }
    }

    async fn obtain(&self, endpoint: &Url, means: &Means<'_>) -> Result<Fresh<Secret>, FetchError> {
        let now_s = means.now.as_ms() / 1000;
        let claims = Claims {
            iss: &self.client_id,
            sub: &self.client_id,
            aud: endpoint.as_str(),
            iat: now_s,
            exp: now_s + ASSERTION_S,
            jti: format!("{:032x}", rand::random::<u128>()),
        };
        let header = Header::with_kid(&self.key, self.key_id.as_deref());
        let assertion = jwt::encode(&self.key, &header, &claims)
            .map_err(|problem| oauth::failure(&self.slot, "token", endpoint, &problem, false))?;
        let fields = [
            ("grant_type", "client_credentials"),
            ("scope", self.scope.as_str()),
            ("client_assertion_type", oauth::ASSERTION_TYPE),
            ("client_assertion", assertion.as_str()),
        ];
        Exchange {
            slot: &self.slot,
            endpoint,
            fields: &fields,
            authorization: None,
            hint: "Check client_id, private_key, key_id and that the scopes are granted to the application",
            refusals_pass: false,
            bearer_hint: ": turn off proof of possession (DPoP) for the application",
        }
        .send(means)
        .await
    }
}
