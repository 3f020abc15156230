//! Google's credentials: a service account that signs for itself, and another system's identity that stands for one.
//!
//! ```toml
//! [credentials.gcp]
//! scheme = "google_service_account"
//! key = "file:/run/secrets/exhibit.json"
//!
//! [credentials.workspace]
//! scheme = "google_service_account"
//! key = "file:/run/secrets/exhibit.json"
//! subject = "auditor@example.com"
//! scopes = ["https://www.googleapis.com/auth/admin.directory.user.readonly"]
//!
//! [credentials.federated]
//! scheme = "google_workload_identity"
//! audience = "//iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/POOL/providers/PROVIDER"
//! subject_token = "file:/var/run/secrets/tokens/gcp"
//! service_account = "exhibit@example-prod-1.iam.gserviceaccount.com"
//! ```
//!
//! A service account's assertion (RFC 7523 section 2.1) goes to the token endpoint that its key file names; with
//! `subject` it acts for a user of Google Workspace, who must have been opened to it by domain-wide delegation:
//! <https://developers.google.com/identity/protocols/oauth2/service-account>. Workload identity federation exchanges a
//! token of a trusted system (RFC 8693), and may then take on a service account:
//! <https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token>. That token is read when a run begins.
//! No answer of these endpoints is ever recorded.

use super::jwt::{self, Header, SigningKey};
use super::oauth::{self, Exchange, Obtains, printable};
use super::token::{Fresh, TokenCache};
use super::{CredentialError, CredentialProblem, Loader, Means, attach_error};
use crate::secret::SecretRef;
use async_trait::async_trait;
use exhibit_evidence::fetch::FetchError;
use exhibit_evidence::secret::Secret;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::borrow::Cow;
use url::Url;

/// What an assertion and the token for it may live: an hour, which is Google's own limit.
const LIFETIME_S: u64 = 3600;
/// Reads and writes all of Google Cloud that roles allow: several of its APIs know no narrower one for reading.
const CLOUD_PLATFORM: &str = "https://www.googleapis.com/auth/cloud-platform";
const STS: &str = "https://sts.googleapis.com/v1/token";
const IAM_CREDENTIALS: &str = "https://iamcredentials.googleapis.com";

/// A service account with a key.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoogleServiceAccountConfig {
    /// Where the key file is, as Google hands it out: JSON.
    pub key: SecretRef,
    /// The user of Google Workspace that it acts for.
    #[serde(default)]
    pub subject: Option<String>,
    /// Scopes, chosen here and never by a guest; without any, all of Google Cloud that the account's roles allow.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Where assertions are sent, where it is not the endpoint that the key file names.
    #[serde(default)]
    pub token_url: Option<Url>,
}

/// Another system's identity.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoogleWorkloadIdentityConfig {
    /// The provider's full name, `//iam.googleapis.com/projects/…/providers/…`.
    pub audience: String,
    /// Where the other system's token is.
    pub subject_token: SecretRef,
    /// What that token is (RFC 8693 section 3): a JWT unless said otherwise.
    #[serde(default = "jwt_type")]
    pub subject_token_type: String,
    /// The service account to take on; without it, the federated identity itself is used.
    #[serde(default)]
    pub service_account: Option<String>,
    /// Scopes; without any, all of Google Cloud that the identity's roles allow.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Where tokens are exchanged, where it is not Google's `https://sts.googleapis.com/v1/token`.
    #[serde(default)]
    pub token_url: Option<Url>,
    /// Where service accounts are taken on, where it is not Google's `https://iamcredentials.googleapis.com`.
    #[serde(default)]
    pub impersonation_url: Option<Url>,
}

fn jwt_type() -> String {
    "urn:ietf:params:oauth:token-type:jwt".to_owned()
}

/// The key file, as far as it is needed.
#[derive(Deserialize)]
struct KeyFile {
    r#type: String,
    client_email: String,
    private_key: String,
    private_key_id: String,
    token_uri: Url,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<&'a str>,
    scope: &'a str,
    aud: &'a str,
    iat: u64,
    exp: u64,
}

pub(super) struct GoogleServiceAccount {
    slot: String,
    email: String,
    key: SigningKey,
    key_id: String,
    subject: Option<String>,
    scope: String,
    /// Whom the assertion is for.
    audience: Url,
    endpoint: Url,
    tokens: TokenCache<Secret>,
}

impl GoogleServiceAccount {
    pub(super) fn load(
        config: &GoogleServiceAccountConfig,
        loader: &mut Loader<'_>,
    ) -> Result<Self, CredentialError> {
        let file = loader.secret("key", &config.key)?;
        // A parser's message may repeat what it read.
        let file: KeyFile = serde_json::from_str(file.expose()).map_err(|_| {
            let needed = "it is not a service account's key file, JSON with client_email, private_key, private_key_id and token_uri";
            loader.unusable("key", &config.key, needed)
        })?;
        loader.secrets.push(Secret::new(file.private_key.clone()));
        if file.r#type != "service_account" {
            let needed = "its type is not service_account; for a file of type external_account use the scheme google_workload_identity";
            return Err(loader.unusable("key", &config.key, needed));
        }
        let key = SigningKey::from_pem(&file.private_key)
            .map_err(|reason| loader.unusable("key", &config.key, reason))?;
        // A key file from elsewhere must not choose who gets the assertion.
        if config.token_url.is_none() && !is_google(&file.token_uri) {
            let needed = "its token_uri is not at googleapis.com over https; if that is meant, set token_url";
            return Err(loader.unusable("key", &config.key, needed));
        }
        if config.subject.as_ref().is_some_and(|subject| !subject.contains('@')) {
            return Err(config_error(loader, "subject", "write the address of a user, auditor@example.com"));
        }
        if config.subject.is_some() && config.scopes.is_empty() {
            return Err(config_error(loader, "scopes", "with subject, name the scopes that were delegated"));
        }
        Ok(Self {
            slot: loader.slot.to_owned(),
            email: file.client_email,
            key,
            key_id: file.private_key_id,
            subject: config.subject.clone(),
            scope: scope(&config.scopes, loader)?,
            endpoint: config.token_url.clone().unwrap_or_else(|| file.token_uri.clone()),
            audience: file.token_uri,
            tokens: TokenCache::new(),
        })
    }
}

#[async_trait]
impl Obtains for GoogleServiceAccount {
    fn tokens(&self) -> &TokenCache<Secret> {
        &self.tokens
    }

    fn endpoint(&self, _request: &Url) -> Cow<'_, Url> {
        Cow::Borrowed(&self.endpoint)
    }

    async fn obtain(&self, endpoint: &Url, means: &Means<'_>) -> Result<Fresh<Secret>, FetchError> {
        let now_s = means.now.as_ms() / 1000;
        let claims = Claims {
            iss: &self.email,
            sub: self.subject.as_deref(),
            scope: &self.scope,
            aud: self.audience.as_str(),
            iat: now_s,
            exp: now_s + LIFETIME_S,
        };
        let header = Header::with_kid(&self.key, Some(&self.key_id));
        let assertion = jwt::encode(&self.key, &header, &claims)
            .map_err(|problem| attach_error(format!("credential `{}`: {problem}", self.slot), false))?;
        let fields =
            [("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), ("assertion", &assertion)];
        let hint = match self.subject {
            Some(_) => {
                "Check that the key is enabled, and that the admin console delegates exactly these scopes to the account's client id"
            }
            None => "Check that the key and its service account exist and are enabled",
        };
        exchange(&self.slot, endpoint, &fields, hint, means).await
    }
}

pub(super) struct GoogleWorkloadIdentity {
    slot: String,
    audience: String,
    subject_token: Secret,
    subject_token_type: String,
    service_account: Option<String>,
    scope: String,
    endpoint: Url,
    impersonation: Url,
    tokens: TokenCache<Secret>,
}

/// <https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken>
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Impersonated {
    access_token: String,
    expire_time: String,
}

/// <https://google.aip.dev/193>
#[derive(Deserialize)]
struct ApiRefused {
    error: ApiError,
}

#[derive(Deserialize)]
struct ApiError {
    #[serde(default)]
    status: String,
    #[serde(default)]
    message: String,
}

impl GoogleWorkloadIdentity {
    pub(super) fn load(
        config: &GoogleWorkloadIdentityConfig,
        loader: &mut Loader<'_>,
    ) -> Result<Self, CredentialError> {
        let subject_token = loader.line("subject_token", &config.subject_token)?;
        if !config.audience.starts_with("//iam.googleapis.com/") {
            let needed = "write the provider's full name, //iam.googleapis.com/projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER";
            return Err(config_error(loader, "audience", needed));
        }
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '@' | '.' | '-');
        if config
            .service_account
            .as_ref()
            .is_some_and(|email| !email.contains('@') || !email.chars().all(fits))
        {
            return Err(config_error(
                loader,
                "service_account",
                "write its address, NAME@PROJECT.iam.gserviceaccount.com",
            ));
        }
        let url = |given: &Option<Url>, google: &str, field, loader: &Loader<'_>| match given {
            Some(url) => Ok(url.clone()),
            None => Url::parse(google).map_err(|error| config_error(loader, field, &error.to_string())),
        };
        Ok(Self {
            slot: loader.slot.to_owned(),
            audience: config.audience.clone(),
            subject_token,
            subject_token_type: config.subject_token_type.clone(),
            service_account: config.service_account.clone(),
            scope: scope(&config.scopes, loader)?,
            endpoint: url(&config.token_url, STS, "token_url", loader)?,
            impersonation: url(&config.impersonation_url, IAM_CREDENTIALS, "impersonation_url", loader)?,
            tokens: TokenCache::new(),
        })
    }

    async fn impersonate(
        &self,
        email: &str,
        federated: &Fresh<Secret>,
        means: &Means<'_>,
    ) -> Result<Fresh<Secret>, FetchError> {
        let mut url = self.impersonation.clone();
        url.set_path(&format!("/v1/projects/-/serviceAccounts/{email}:generateAccessToken"));
        let fail = |message: &str, retryable| {
            oauth::failure(&self.slot, &format!("token of {email}"), &url, message, retryable)
        };
        let scopes: Vec<&str> = self.scope.split(' ').collect();
        let body = json!({"scope": scopes, "lifetime": format!("{LIFETIME_S}s")});
        let headers = vec![
            ("accept".to_owned(), "application/json".to_owned()),
            ("content-type".to_owned(), "application/json".to_owned()),
            ("authorization".to_owned(), format!("Bearer {}", federated.token.expose())),
        ];
        let (status, body) = means.wire.post(&url, headers, body.to_string().into_bytes()).await?;
        if status != 200 {
            return Err(match serde_json::from_slice::<ApiRefused>(&body) {
                Ok(ApiRefused { error }) => fail(
                    &format!(
                        "status {status}, {}: {}. Grant roles/iam.workloadIdentityUser on the service account to the federated identity",
                        printable(&error.status),
                        printable(&error.message)
                    ),
                    status >= 500,
                ),
                Err(_) => fail(&format!("status {status}"), status >= 500),
            });
        }
        // The body holds the token, so a parser's message is dropped.
        let granted: Impersonated =
            serde_json::from_slice(&body).map_err(|_| fail("the answer is not a token", false))?;
        let token = Secret::new(granted.access_token);
        means.known.add(&token);
        oauth::dated(token, &granted.expire_time).map_err(|problem| fail(problem, false))
    }
}

#[async_trait]
impl Obtains for GoogleWorkloadIdentity {
    fn tokens(&self) -> &TokenCache<Secret> {
        &self.tokens
    }

    fn endpoint(&self, _request: &Url) -> Cow<'_, Url> {
        Cow::Borrowed(&self.endpoint)
    }

    async fn obtain(&self, endpoint: &Url, means: &Means<'_>) -> Result<Fresh<Secret>, FetchError> {
        // What takes on a service account needs no more than the right to do so.
        let scope = if self.service_account.is_some() { CLOUD_PLATFORM } else { &self.scope };
        let fields = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("audience", &self.audience),
            ("scope", scope),
            ("requested_token_type", "urn:ietf:params:oauth:token-type:access_token"),
            ("subject_token", self.subject_token.expose()),
            ("subject_token_type", &self.subject_token_type),
        ];
        let hint = "Check audience, that the provider accepts the token's issuer, audience and subject, and that the token is fresh: it is read when a run begins";
        let federated = exchange(&self.slot, endpoint, &fields, hint, means).await?;
        match &self.service_account {
            Some(email) => self.impersonate(email, &federated, means).await,
            None => Ok(federated),
        }
    }
}

fn config_error(loader: &Loader<'_>, field: &'static str, problem: &str) -> CredentialError {
    loader.fail(field, CredentialProblem::Config(problem.to_owned()))
}

fn is_google(url: &Url) -> bool {
    url.scheme() == "https" && url.host_str().is_some_and(|host| host.ends_with(".googleapis.com"))
}

/// The scopes of a request; without any, all of Google Cloud.
fn scope(scopes: &[String], loader: &Loader<'_>) -> Result<String, CredentialError> {
    if scopes.is_empty() {
        return Ok(CLOUD_PLATFORM.to_owned());
    }
    oauth::scope(scopes, "write each as one word, https://www.googleapis.com/auth/cloud-platform", loader)
}

/// Asks one of Google's token endpoints.
async fn exchange(
    slot: &str,
    endpoint: &Url,
    fields: &[(&str, &str)],
    hint: &str,
    means: &Means<'_>,
) -> Result<Fresh<Secret>, FetchError> {
    let authorization = None;
    Exchange { slot, endpoint, fields, authorization, hint, refusals_pass: true, bearer_hint: "" }
        .send(means)
        .await
}
