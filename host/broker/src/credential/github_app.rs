//! A GitHub App that is installed in an organisation: docs.github.com, "Generating an installation access token
//! for a GitHub App".
//!
//! ```toml
//! [credentials.github]
//! scheme = "github_app"
//! app_id = "Iv23liExample"
//! installation_id = "12345678"
//! private_key = "file:/run/secrets/github-app.pem"
//! ```
//!
//! A token signed with the app's key is traded for one of the installation, which lasts an hour and opens what the
//! installation was granted; `permissions` narrows it: `permissions = { members = "read" }`. The endpoint is at the
//! host of the request, `/app/installations/ID/access_tokens`, below `/api/v3` on Enterprise Server. Its answers are
//! never recorded.

use super::jwt::{self, Header, SigningKey};
use super::oauth::{self, Obtains, printable};
use super::token::{Fresh, TokenCache};
use super::{CredentialError, CredentialProblem, Loader, Means};
use crate::secret::{SecretRef, Text};
use async_trait::async_trait;
use exhibit_evidence::fetch::FetchError;
use exhibit_evidence::secret::Secret;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use url::Url;

/// GitHub takes a signed token for ten minutes at most, and advises to set its start a minute back for clocks that
/// are ahead.
const LIFETIME_S: u64 = 540;
const BACK_S: u64 = 60;

/// A GitHub App, installed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GitHubAppConfig {
    /// The app's client id, or its number.
    pub app_id: Text,
    /// The installation's number: the end of its address in the organisation's settings.
    pub installation_id: Text,
    /// Where the app's private key is, in PEM.
    pub private_key: SecretRef,
    /// What the token may do, where it is less than the installation may; never chosen by a guest.
    #[serde(default)]
    pub permissions: BTreeMap<String, String>,
}

#[derive(Serialize)]
struct Claims<'a> {
    iat: u64,
    exp: u64,
    iss: &'a str,
}

#[derive(Serialize)]
struct Ask<'a> {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    permissions: &'a BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Granted {
    token: String,
    expires_at: String,
}

#[derive(Deserialize)]
struct Refused {
    message: String,
}

pub(super) struct GitHubApp {
    slot: String,
    app_id: String,
    installation_id: String,
    key: SigningKey,
    permissions: BTreeMap<String, String>,
    tokens: TokenCache<Secret>,
}

impl GitHubApp {
    pub(super) fn load(config: &GitHubAppConfig, loader: &mut Loader<'_>) -> Result<Self, CredentialError> {
        let pem = loader.secret("private_key", &config.private_key)?;
        let key = SigningKey::from_pem(pem.expose())
            .map_err(|reason| loader.unusable("private_key", &config.private_key, reason))?;
        if !matches!(key, SigningKey::Rsa(_)) {
            let reason = "GitHub Apps sign with RSA: use the key that GitHub made for the app";
            return Err(loader.unusable("private_key", &config.private_key, reason));
        }
        let installation_id = loader.text("installation_id", &config.installation_id)?;
        if installation_id.is_empty() || !installation_id.bytes().all(|b| b.is_ascii_digit()) {
            let problem = "write the installation's number: the end of its address in the organisation's settings, \
                           github.com/organizations/ORG/settings/installations/NUMBER";
            return Err(loader.fail("installation_id", CredentialProblem::Config(problem.to_owned())));
        }
        let writes: Vec<&str> =
            config.permissions.iter().filter(|(_, a)| *a != "read").map(|(area, _)| area.as_str()).collect();
        if !writes.is_empty() {
            let problem = format!("evidence is read: write \"read\" for {}", writes.join(", "));
            return Err(loader.fail("permissions", CredentialProblem::Config(problem)));
        }
        Ok(Self {
            slot: loader.slot.to_owned(),
            app_id: loader.text("app_id", &config.app_id)?,
            installation_id,
            key,
            permissions: config.permissions.clone(),
            tokens: TokenCache::new(),
        })
    }
}

#[async_trait]
impl Obtains for GitHubApp {
    fn tokens(&self) -> &TokenCache<Secret> {
        &self.tokens
    }

    /// On the host of the request; Enterprise Server has its interfaces below `/api`.
    fn endpoint(&self, request: &Url) -> Cow<'_, Url> {
        let base = if request.path().starts_with("/api/") { "/api/v3" } else { "" };
        let path = format!("{base}/app/installations/{}/access_tokens", self.installation_id);
        Cow::Owned(oauth::beside(request, &path))
    }

    async fn obtain(&self, endpoint: &Url, means: &Means<'_>) -> Result<Fresh<Secret>, FetchError> {
        let fail =
            |message: &str, retryable| oauth::failure(&self.slot, "token", endpoint, message, retryable);
        let now_s = means.now.as_ms() / 1000;
        let claims = Claims { iat: now_s.saturating_sub(BACK_S), exp: now_s + LIFETIME_S, iss: &self.app_id };
        let header = Header::with_kid(&self.key, None);
        let signed =
            Secret::new(jwt::encode(&self.key, &header, &claims).map_err(|problem| fail(&problem, false))?);
        means.known.add(&signed);
        let ask = serde_json::to_vec(&Ask { permissions: &self.permissions })
            .map_err(|error| fail(&error.to_string(), false))?;
        let headers = vec![
            ("accept".to_owned(), "application/vnd.github+json".to_owned()),
            ("authorization".to_owned(), format!("Bearer {}", signed.expose())),
            ("content-type".to_owned(), "application/json".to_owned()),
        ];
        let (status, body) = means.wire.post(endpoint, headers, ask).await?;
        if status != 201 {
            let said = serde_json::from_slice::<Refused>(&body).map(|refused| refused.message);
            let said = said.map(|said| format!(", {}", printable(&said))).unwrap_or_default();
            let hint = match status {
                401 => ". Check app_id and private_key, and this machine's clock",
                403 => ". Check that the installation is not suspended",
                404 => ". Check installation_id: the app must be installed in the organisation",
                422 => ". Check permissions: the installation must have been granted them",
                _ => "",
            };
            return Err(fail(&format!("status {status}{said}{hint}"), status == 429 || status >= 500));
        }
        // The body holds the token, so a parser's message, which may repeat it, is dropped.
        let granted: Granted = serde_json::from_slice(&body)
            .map_err(|_| fail("the answer is not an installation's token", false))?;
        let token = Secret::new(granted.token);
        means.known.add(&token);
        oauth::dated(token, &granted.expires_at).map_err(|problem| fail(problem, false))
    }
}
