//! AWS: requests signed with Signature Version 4, with or without assuming a role.
//!
//! ```toml
//! [credentials.aws]
//! scheme = "aws_sigv4"
//! access_key_id = "env:AWS_ACCESS_KEY_ID"
//! secret_access_key = "env:AWS_SECRET_ACCESS_KEY"
//!
//! [credentials.aws.assume_role]
//! role_arn = "arn:aws:iam::123456789012:role/exhibit"
//! external_id = "example-external-id"
//! ```
//!
//! The guest chooses `service` and `region` and nothing else; the role comes from here.

mod assume_role;
mod sign;

use super::token::TokenCache;
use super::{CredentialError, CredentialProblem, Draft, Loader, Means, Scheme, Stamp, attach_error};
use crate::secret::{SecretRef, Text};
use assume_role::AssumeRole;
use async_trait::async_trait;
use exhibit_evidence::fetch::FetchError;
use serde::Deserialize;
use sign::{Keys, Scope, Signable, Style};
use std::borrow::Cow;
use url::Url;

/// Keys of an AWS principal, and a role to assume with them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AwsConfig {
    /// The access key's id, or where it is. It is no secret.
    pub access_key_id: Text,
    /// Where the secret access key is.
    pub secret_access_key: SecretRef,
    /// Where the session token is, for temporary keys.
    #[serde(default)]
    pub session_token: Option<SecretRef>,
    /// The role to work as.
    #[serde(default)]
    pub assume_role: Option<AssumeRoleConfig>,
}

/// A role to assume (AWS STS API, AssumeRole).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AssumeRoleConfig {
    /// `arn:aws:iam::123456789012:role/exhibit`.
    pub role_arn: String,
    /// The external id that the role's trust policy asks for, or where it is.
    #[serde(default)]
    pub external_id: Option<Text>,
    /// Shown in the account's CloudTrail. Default: `exhibit-` and the source's name.
    #[serde(default)]
    pub session_name: Option<String>,
    /// Seconds that the session lasts, 900 to 43200. Default: 3600.
    #[serde(default)]
    pub duration_s: Option<u32>,
    /// Region of the STS endpoint. Default: `us-east-1`.
    #[serde(default)]
    pub region: Option<String>,
    /// The STS endpoint, where it is not AWS's own for the region.
    #[serde(default)]
    pub endpoint: Option<Url>,
}

pub(super) struct AwsSigV4 {
    slot: String,
    keys: Keys,
    role: Option<AssumeRole>,
    sessions: TokenCache<Keys>,
}

impl AwsSigV4 {
    pub(super) fn load(config: &AwsConfig, loader: &mut Loader<'_>) -> Result<Self, CredentialError> {
        let access_key_id = loader.text("access_key_id", &config.access_key_id)?;
        if !is_word(&access_key_id) {
            let problem = "an access key's id is letters and digits, such as AKIAIOSFODNN7EXAMPLE".to_owned();
            return Err(loader.fail("access_key_id", CredentialProblem::Config(problem)));
        }
        let keys = Keys {
            access_key_id,
            secret_access_key: loader.line("secret_access_key", &config.secret_access_key)?,
            session_token: match &config.session_token {
                Some(reference) => Some(loader.line("session_token", reference)?),
                None => None,
            },
        };
        let role = match &config.assume_role {
            Some(role) => Some(AssumeRole::load(role, loader)?),
            None => None,
        };
        Ok(Self { slot: loader.slot.to_owned(), keys, role, sessions: TokenCache::new() })
    }

    /// The service and region that the guest chose.
    fn scope_of<'a>(&self, params: &'a [(String, String)]) -> Result<(&'a str, &'a str), FetchError> {
        let param = |name: &str| {
            let value = params.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
            value.filter(|value| is_label(value)).ok_or_else(|| {
                let message = format!(
                    "credential `{}`: parameter `{name}` is missing or not lower-case letters, digits and hyphens; the connector must give `service` and `region`",
                    self.slot
                );
                FetchError::new("invalid-request", message, false)
            })
        };
        Ok((param("service")?, param("region")?))
    }

    async fn keys_for(&self, means: &Means<'_>) -> Result<(Cow<'_, Keys>, Stamp), FetchError> {
        let Some(role) = &self.role else {
            return Ok((Cow::Borrowed(&self.keys), Stamp::default()));
        };
        let obtain = role.obtain(&self.slot, &self.keys, means);
        let (keys, stamp) = self.sessions.get("", means.now, obtain).await?;
        Ok((Cow::Owned(keys), stamp))
    }
}

/// Signs a draft, and adds the headers.
fn sign_draft(draft: &mut Draft<'_>, keys: &Keys, scope: &Scope<'_>) -> Result<(), FetchError> {
    sign::spell_out(draft.url, Style::of(scope.service));
    let host = host_header(draft.url)
        .ok_or_else(|| attach_error(format!("{} has no host to sign for", draft.url), false))?;
    let mut headers = vec![("host".to_owned(), host)];
    headers.extend(draft.headers.iter().cloned());
    let request = Signable {
        method: draft.method,
        path: draft.url.path(),
        query: draft.url.query().unwrap_or_default(),
        headers: &headers,
        body: draft.body,
    };
    let added = sign::sign(&request, keys, scope, Style::of(scope.service));
    draft.headers.extend(added);
    Ok(())
}

/// The `Host` header as an HTTP client derives it: the port only where it is not the scheme's own.
fn host_header(url: &Url) -> Option<String> {
    let host = url.host_str()?;
    Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
}

fn is_word(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn is_label(text: &str) -> bool {
    (1..=40).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

#[async_trait]
impl Scheme for AwsSigV4 {
    fn params(&self) -> &'static [&'static str] {
        &["service", "region"]
    }

    fn own_headers(&self) -> Vec<String> {
        let names = ["authorization", "x-amz-date", "x-amz-security-token", "x-amz-content-sha256"];
        names.map(str::to_owned).to_vec()
    }

    async fn attach(
        &self,
        draft: &mut Draft<'_>,
        params: &[(String, String)],
        means: &Means<'_>,
    ) -> Result<Stamp, FetchError> {
        let (service, region) = self.scope_of(params)?;
        let (keys, stamp) = self.keys_for(means).await?;
        sign_draft(draft, &keys, &Scope { service, region, at: means.now })?;
        Ok(stamp)
    }

    /// AWS answers 400 or 403 to an expired session: `ExpiredToken`, `ExpiredTokenException`.
    fn is_refusal(&self, status: u16, body: &[u8]) -> bool {
        matches!(status, 400 | 401 | 403) && body.windows(12).take(4096).any(|w| w == b"ExpiredToken")
    }

    async fn refresh(&self, stamp: Stamp) -> bool {
        if self.role.is_none() {
            return false;
        }
        self.sessions.forget(stamp).await;
        true
    }
}
