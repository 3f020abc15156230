//! Credentials: what is attached to a request after it has left the guest.
//!
//! A source's configuration names a scheme for each slot that its connector declares:
//!
//! ```toml
//! [credentials.okta]
//! scheme = "ssws"
//! token = "env:OKTA_TOKEN"
//! ```
//!
//! Each scheme is one file: its configuration, and a `Scheme` that attaches it. To add one, write the file,
//! and name it in [`SCHEMES`] and [`CredentialConfig`].
//!
//! | scheme | file | is |
//! | --- | --- | --- |
//! | `bearer`, `api_key_header`, `basic`, `ssws` | `header` | one header, the same for all requests |
//! | `private_key_jwt` | `private_key_jwt` | OAuth 2.0 client credentials with a signed assertion (Okta) |
//! | `oauth_client_credentials` | `client_credentials` | OAuth 2.0 client credentials with a secret or a certificate (Entra ID, Atlassian) |
//! | `github_app` | `github_app` | a GitHub App's installation: a signed token, traded for one of an hour |
//! | `aws_sigv4` | `aws` | AWS Signature Version 4, with or without assuming a role |
//! | `google_service_account`, `google_workload_identity` | `google` | a service account's key; another system's identity |
//!
//! What those share that obtain a bearer token is in `oauth`.

mod aws;
mod client_credentials;
mod github_app;
mod google;
mod header;
mod jwt;
mod known;
mod oauth;
mod private_key_jwt;
mod token;

use crate::grant::AskedToken;
use crate::secret::{SecretError, SecretRef, Text, Vault};
use async_trait::async_trait;
use exhibit_evidence::fetch::FetchError;
use exhibit_evidence::secret::Secret;
use exhibit_evidence::time::Timestamp;
use serde::Deserialize;
use std::fmt;
use std::sync::Arc;
use url::Url;

pub use aws::{AssumeRoleConfig, AwsConfig};
pub use client_credentials::{ClientAuth, OAuthClientCredentialsConfig};
pub use github_app::GitHubAppConfig;
pub use google::{GoogleServiceAccountConfig, GoogleWorkloadIdentityConfig};
pub use header::{ApiKeyHeaderConfig, BasicConfig, TokenConfig};
pub(crate) use known::KnownSecrets;
pub use private_key_jwt::PrivateKeyJwtConfig;

/// The schemes that this host knows.
pub const SCHEMES: [&str; 10] = [
    "bearer",
    "api_key_header",
    "basic",
    "ssws",
    "private_key_jwt",
    "oauth_client_credentials",
    "github_app",
    "aws_sigv4",
    "google_service_account",
    "google_workload_identity",
];

/// A credential as a source's configuration gives it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "scheme", rename_all = "snake_case")]
pub enum CredentialConfig {
    /// `Authorization: Bearer TOKEN` (RFC 6750).
    Bearer(TokenConfig),
    /// A header of the system's own.
    ApiKeyHeader(ApiKeyHeaderConfig),
    /// `Authorization: Basic …` (RFC 7617).
    Basic(BasicConfig),
    /// `Authorization: SSWS TOKEN`, an Okta API token.
    Ssws(TokenConfig),
    /// An OAuth 2.0 service application that signs its assertion.
    PrivateKeyJwt(PrivateKeyJwtConfig),
    /// An OAuth 2.0 application that signs in as itself.
    #[serde(rename = "oauth_client_credentials")]
    OAuthClientCredentials(OAuthClientCredentialsConfig),
    /// A GitHub App's installation.
    #[serde(rename = "github_app")]
    GitHubApp(GitHubAppConfig),
    /// AWS Signature Version 4.
    AwsSigv4(AwsConfig),
    /// A Google service account's key.
    GoogleServiceAccount(GoogleServiceAccountConfig),
    /// Google's workload identity federation.
    GoogleWorkloadIdentity(GoogleWorkloadIdentityConfig),
}

impl CredentialConfig {
    /// The scheme's name, one of [`SCHEMES`].
    pub fn scheme(&self) -> &'static str {
        match self {
            Self::Bearer(_) => "bearer",
            Self::ApiKeyHeader(_) => "api_key_header",
            Self::Basic(_) => "basic",
            Self::Ssws(_) => "ssws",
            Self::PrivateKeyJwt(_) => "private_key_jwt",
            Self::OAuthClientCredentials(_) => "oauth_client_credentials",
            Self::GitHubApp(_) => "github_app",
            Self::AwsSigv4(_) => "aws_sigv4",
            Self::GoogleServiceAccount(_) => "google_service_account",
            Self::GoogleWorkloadIdentity(_) => "google_workload_identity",
        }
    }

    /// With what the connector names for the slot, its token endpoint and scopes, where the source leaves it out.
    pub fn completed(&self, asked: &AskedToken) -> Self {
        match self {
            Self::OAuthClientCredentials(config) => Self::OAuthClientCredentials(config.completed(asked)),
            _ => self.clone(),
        }
    }
}

/// Why a credential cannot be made ready.
#[derive(Debug, thiserror::Error)]
#[error("source `{source_name}`, credential `{slot}`, {field}: {problem}")]
pub struct CredentialError {
    /// The source.
    pub source_name: String,
    /// The slot.
    pub slot: String,
    /// The member of the configuration.
    pub field: &'static str,
    /// What is wrong.
    pub problem: Box<CredentialProblem>,
}

/// What is wrong with a member of a credential's configuration.
#[derive(Debug, thiserror::Error)]
pub enum CredentialProblem {
    /// The secret cannot be read.
    #[error("{0}")]
    Secret(#[from] SecretError),
    /// The secret was read from `reference`, and cannot be used.
    #[error("what {reference} holds cannot be used: {reason}")]
    Unusable {
        /// Where it is.
        reference: String,
        /// Why.
        reason: String,
    },
    /// The configuration itself.
    #[error("{0}")]
    Config(String),
}

/// A credential, ready to be attached.
#[derive(Clone)]
pub struct Credential {
    scheme_name: &'static str,
    scheme: Arc<dyn Scheme>,
    secrets: Vec<Secret>,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential").field("scheme", &self.scheme_name).finish_non_exhaustive()
    }
}

impl Credential {
    /// Reads the secrets of a slot's configuration, and makes them ready.
    pub fn load(
        source: &str,
        slot: &str,
        config: &CredentialConfig,
        vault: &Vault,
    ) -> Result<Self, CredentialError> {
        let mut loader = Loader { source, slot, vault, secrets: Vec::new() };
        let scheme: Arc<dyn Scheme> = match config {
            CredentialConfig::Bearer(config) => Arc::new(header::bearer(config, &mut loader)?),
            CredentialConfig::ApiKeyHeader(config) => Arc::new(header::api_key(config, &mut loader)?),
            CredentialConfig::Basic(config) => Arc::new(header::basic(config, &mut loader)?),
            CredentialConfig::Ssws(config) => Arc::new(header::ssws(config, &mut loader)?),
            CredentialConfig::PrivateKeyJwt(config) => {
                Arc::new(private_key_jwt::PrivateKeyJwt::load(config, &mut loader)?)
            }
            CredentialConfig::OAuthClientCredentials(config) => {
                Arc::new(client_credentials::OAuthClientCredentials::load(config, &mut loader)?)
            }
            CredentialConfig::GitHubApp(config) => {
                Arc::new(github_app::GitHubApp::load(config, &mut loader)?)
            }
            CredentialConfig::AwsSigv4(config) => Arc::new(aws::AwsSigV4::load(config, &mut loader)?),
            CredentialConfig::GoogleServiceAccount(config) => {
                Arc::new(google::GoogleServiceAccount::load(config, &mut loader)?)
            }
            CredentialConfig::GoogleWorkloadIdentity(config) => {
                Arc::new(google::GoogleWorkloadIdentity::load(config, &mut loader)?)
            }
        };
        Ok(Self { scheme_name: config.scheme(), scheme, secrets: loader.secrets })
    }

    /// A client's own name and secret, where a program shows who it is itself and no source's settings do
    /// (RFC 6749, section 2.3.1).
    pub fn client(client_id: &str, secret: &Secret) -> Self {
        let (header, encoded) = header::client(client_id, secret);
        Self { scheme_name: "basic", scheme: Arc::new(header), secrets: vec![secret.clone(), encoded] }
    }

    /// The scheme's name.
    pub fn scheme_name(&self) -> &'static str {
        self.scheme_name
    }

    /// The values that must never be shown: those configured. Tokens join them as they are obtained.
    pub fn secrets(&self) -> &[Secret] {
        &self.secrets
    }

    pub(crate) fn scheme(&self) -> &dyn Scheme {
        self.scheme.as_ref()
    }
}

/// Reads the members of one slot's configuration, and remembers the secrets among them.
struct Loader<'a> {
    source: &'a str,
    slot: &'a str,
    vault: &'a Vault,
    secrets: Vec<Secret>,
}

impl Loader<'_> {
    fn fail(&self, field: &'static str, problem: impl Into<CredentialProblem>) -> CredentialError {
        CredentialError {
            source_name: self.source.to_owned(),
            slot: self.slot.to_owned(),
            field,
            problem: Box::new(problem.into()),
        }
    }

    fn unusable(&self, field: &'static str, reference: &SecretRef, reason: &str) -> CredentialError {
        let problem =
            CredentialProblem::Unusable { reference: reference.to_string(), reason: reason.to_owned() };
        self.fail(field, problem)
    }

    fn secret(&mut self, field: &'static str, reference: &SecretRef) -> Result<Secret, CredentialError> {
        let secret = self.vault.read(reference).map_err(|e| self.fail(field, e))?;
        self.secrets.push(secret.clone());
        Ok(secret)
    }

    /// A secret that goes into a header: one line of visible ASCII.
    fn line(&mut self, field: &'static str, reference: &SecretRef) -> Result<Secret, CredentialError> {
        let secret = self.secret(field, reference)?;
        if secret.expose().bytes().all(|b| (0x20..0x7f).contains(&b)) {
            Ok(secret)
        } else {
            Err(self.unusable(field, reference, "it is not one line of ASCII, as a header needs"))
        }
    }

    fn text(&self, field: &'static str, text: &Text) -> Result<String, CredentialError> {
        text.read(self.vault).map_err(|e| self.fail(field, e))
    }
}

/// A request that is about to leave, as a scheme sees it.
pub(crate) struct Draft<'a> {
    pub(crate) method: &'a str,
    /// A scheme may write it in another spelling, never as another URL.
    pub(crate) url: &'a mut Url,
    /// Headers that will be sent; schemes add theirs.
    pub(crate) headers: &'a mut Vec<(String, String)>,
    pub(crate) body: &'a [u8],
}

/// What a scheme may use.
pub(crate) struct Means<'a> {
    pub(crate) wire: &'a dyn Wire,
    pub(crate) now: Timestamp,
    pub(crate) known: &'a KnownSecrets,
}

/// Sends a scheme's own requests, to a token endpoint say. They pass the address check, the pace and the
/// limits, and are never recorded.
#[async_trait]
pub(crate) trait Wire: Send + Sync {
    async fn post(
        &self,
        url: &Url,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
    ) -> Result<(u16, Vec<u8>), FetchError>;
}

/// Names the token that a request was sent with, so that a refusal drops that one and not its successor.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Stamp(u64);

/// One way of attaching a credential.
#[async_trait]
pub(crate) trait Scheme: Send + Sync {
    /// Parameters that a guest may choose.
    fn params(&self) -> &'static [&'static str] {
        &[]
    }

    /// Headers that this scheme sets, in lower case, which a guest therefore may not.
    fn own_headers(&self) -> Vec<String> {
        Vec::new()
    }

    /// Where this scheme sends its secret to, beside the requests' hosts: it has to be among those of the slot.
    fn granted_endpoint(&self) -> Option<&Url> {
        None
    }

    /// Adds the credential to the request.
    async fn attach(
        &self,
        draft: &mut Draft<'_>,
        params: &[(String, String)],
        means: &Means<'_>,
    ) -> Result<Stamp, FetchError>;

    /// Whether the answer says that the credential was not accepted.
    fn is_refusal(&self, status: u16, _body: &[u8]) -> bool {
        status == 401
    }

    /// Drops the token that `stamp` names; true where another attempt would bring another token.
    async fn refresh(&self, _stamp: Stamp) -> bool {
        false
    }
}

/// A failure to attach.
fn attach_error(message: impl Into<String>, retryable: bool) -> FetchError {
    FetchError::new("credential", message, retryable)
}
