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

use super::jwt::{self, SigningKey};
use super::token::{Fresh, TokenCache};
use super::{CredentialError, CredentialProblem, Draft, Loader, Means, Scheme, Stamp, attach_error};
use crate::secret::{SecretRef, Text};
use async_trait::async_trait;
use exhibit_evidence::fetch::FetchError;
use exhibit_evidence::secret::Secret;
use serde::{Deserialize, Serialize};
use url::Url;

/// How long an assertion is valid. Okta allows up to one hour.
const ASSERTION_S: u64 = 300;
/// Assumed where the endpoint does not say.
const LIFETIME_S: u64 = 300;

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

/// RFC 6749 section 5.1.
#[derive(Deserialize)]
pub(super) struct Granted {
    pub(super) access_token: String,
    pub(super) token_type: String,
    pub(super) expires_in: Option<u64>,
}

/// RFC 6749 section 5.2.
#[derive(Deserialize)]
pub(super) struct Refused {
    pub(super) error: String,
    #[serde(default)]
    pub(super) error_description: String,
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
        // RFC 6749 appendix A.4: scope tokens are visible ASCII without quote and backslash.
        let fits = |scope: &String| {
            !scope.is_empty() && scope.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\'))
        };
        if config.scopes.is_empty() || !config.scopes.iter().all(fits) {
            let problem = "name at least one scope, such as okta.users.read".to_owned();
            return Err(loader.fail("scopes", CredentialProblem::Config(problem)));
        }
        Ok(Self {
            slot: loader.slot.to_owned(),
            client_id: loader.text("client_id", &config.client_id)?,
            key,
            key_id: config.key_id.clone(),
            scope: config.scopes.join(" "),
            token_url: config.token_url.clone(),
            tokens: TokenCache::new(),
        })
    }

    fn endpoint(&self, request: &Url) -> Url {
        self.token_url.clone().unwrap_or_else(|| {
            let mut url = request.clone();
            url.set_path("/oauth2/v1/token");
            url.set_query(None);
            url.set_fragment(None);
            url
        })
    }

    async fn obtain(&self, endpoint: &Url, means: &Means<'_>) -> Result<Fresh<Secret>, FetchError> {
        let fail = |message: String, retryable| {
            attach_error(format!("credential `{}`, token from {endpoint}: {message}", self.slot), retryable)
        };
        let now_s = means.now.as_ms() / 1000;
        let claims = Claims {
            iss: &self.client_id,
            sub: &self.client_id,
            aud: endpoint.as_str(),
            iat: now_s,
            exp: now_s + ASSERTION_S,
            jti: format!("{:032x}", rand::random::<u128>()),
        };
        let assertion =
            jwt::encode(&self.key, self.key_id.as_deref(), &claims).map_err(|e| fail(e, false))?;
        let body = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "client_credentials")
            .append_pair("scope", &self.scope)
            .append_pair("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
            .append_pair("client_assertion", &assertion)
            .finish();
        let headers = vec![
            ("accept".to_owned(), "application/json".to_owned()),
            ("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned()),
        ];
        let (status, body) = means.wire.post(endpoint, headers, body.into_bytes()).await?;
        if status != 200 {
            return Err(match serde_json::from_slice::<Refused>(&body) {
                Ok(refused) => fail(
                    format!(
                        "status {status}, {}: {}. Check client_id, private_key, key_id and that the scopes are granted to the application",
                        printable(&refused.error),
                        printable(&refused.error_description)
                    ),
                    false,
                ),
                Err(_) => fail(format!("status {status}"), status >= 500),
            });
        }
        // The body holds the token, so a parser's message, which may repeat it, is dropped.
        let granted: Granted = serde_json::from_slice(&body)
            .map_err(|_| fail("the answer is not a token (RFC 6749 section 5.1)".to_owned(), false))?;
        let token = Secret::new(granted.access_token);
        means.known.add(&token);
        if !granted.token_type.eq_ignore_ascii_case("bearer") {
            return Err(fail(
                format!(
                    "a {} token was issued, and only Bearer is supported: turn off proof of possession (DPoP) for the application",
                    printable(&granted.token_type)
                ),
                false,
            ));
        }
        if token.expose().is_empty() || !token.expose().bytes().all(|b| b.is_ascii_graphic()) {
            return Err(fail("the token is not one word of ASCII (RFC 6750)".to_owned(), false));
        }
        let lifetime_ms = granted.expires_in.unwrap_or(LIFETIME_S).min(86_400) * 1000;
        Ok(Fresh { token, expires_at: means.now.plus_ms(lifetime_ms.cast_signed()) })
    }
}

/// What a server says of itself, cut and on one line.
pub(super) fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(300).collect()
}

#[async_trait]
impl Scheme for PrivateKeyJwt {
    fn own_headers(&self) -> Vec<String> {
        vec!["authorization".to_owned()]
    }

    async fn attach(
        &self,
        draft: &mut Draft<'_>,
        _params: &[(String, String)],
        means: &Means<'_>,
    ) -> Result<Stamp, FetchError> {
        let endpoint = self.endpoint(&*draft.url);
        let (token, stamp) =
            self.tokens.get(endpoint.as_str(), means.now, self.obtain(&endpoint, means)).await?;
        draft.headers.push(("authorization".to_owned(), format!("Bearer {}", token.expose())));
        Ok(stamp)
    }

    async fn refresh(&self, stamp: Stamp) -> bool {
        self.tokens.forget(stamp).await;
        true
    }
}
