//! Schemes that are one header, the same for all requests: bearer, API key, basic, SSWS.

use super::{CredentialError, Draft, Loader, Means, Scheme, Stamp};
use crate::secret::{SecretRef, Text};
use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use exhibit_evidence::fetch::FetchError;
use exhibit_evidence::secret::Secret;
use serde::Deserialize;

/// A token, for `bearer` and `ssws`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenConfig {
    /// Where the token is.
    pub token: SecretRef,
}

/// A key in a header of the system's own.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiKeyHeaderConfig {
    /// The header's name, `PRIVATE-TOKEN`.
    pub header: String,
    /// Where the key is.
    pub key: SecretRef,
    /// What stands before the key: `"Token token="`, `"token "`.
    #[serde(default)]
    pub prefix: String,
}

/// A user and password.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BasicConfig {
    /// The user, or where it is.
    pub username: Text,
    /// Where the password is.
    pub password: SecretRef,
}

/// One header.
pub(super) struct Header {
    name: String,
    value: Secret,
}

/// RFC 6750 section 2.1.
pub(super) fn bearer(config: &TokenConfig, loader: &mut Loader<'_>) -> Result<Header, CredentialError> {
    let token = loader.line("token", &config.token)?;
    Ok(authorization(format!("Bearer {}", token.expose())))
}

/// Okta's API tokens: developer.okta.com, "Create an API token".
pub(super) fn ssws(config: &TokenConfig, loader: &mut Loader<'_>) -> Result<Header, CredentialError> {
    let token = loader.line("token", &config.token)?;
    // People paste the header's whole value.
    let token = token.expose().strip_prefix("SSWS ").unwrap_or(token.expose());
    Ok(authorization(format!("SSWS {token}")))
}

pub(super) fn api_key(
    config: &ApiKeyHeaderConfig,
    loader: &mut Loader<'_>,
) -> Result<Header, CredentialError> {
    let name = &config.header;
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if name.is_empty() || !name.bytes().all(token) {
        let problem = format!("`{}` is not a header's name", name.escape_debug());
        return Err(loader.fail("header", super::CredentialProblem::Config(problem)));
    }
    if !config.prefix.bytes().all(|b| (0x20..0x7f).contains(&b)) {
        let problem = "write one line of ASCII".to_owned();
        return Err(loader.fail("prefix", super::CredentialProblem::Config(problem)));
    }
    let key = loader.line("key", &config.key)?;
    let value = Secret::new(format!("{}{}", config.prefix, key.expose()));
    Ok(Header { name: name.to_ascii_lowercase(), value })
}

/// RFC 7617 section 2, with UTF-8 as section 2.1 recommends.
pub(super) fn basic(config: &BasicConfig, loader: &mut Loader<'_>) -> Result<Header, CredentialError> {
    let username = loader.text("username", &config.username)?;
    if username.contains(':') || username.chars().any(char::is_control) {
        let problem = "a user name has no colon and no control character (RFC 7617)".to_owned();
        return Err(loader.fail("username", super::CredentialProblem::Config(problem)));
    }
    let password = loader.secret("password", &config.password)?;
    if password.expose().chars().any(char::is_control) {
        return Err(loader.unusable("password", &config.password, "it has a control character (RFC 7617)"));
    }
    let pair = Secret::new(format!("{username}:{}", password.expose()));
    let encoded = Secret::new(STANDARD.encode(pair.expose()));
    // The encoded pair is as good as the password, and no encoding of it alone.
    loader.secrets.push(encoded.clone());
    Ok(authorization(format!("Basic {}", encoded.expose())))
}

/// A client's name and secret as one header (RFC 6749, section 2.3.1): both are written as in a form before they are
/// joined. The encoded pair comes with it: it is as good as the secret, and no encoding of it alone.
pub(super) fn client(client_id: &str, secret: &Secret) -> (Header, Secret) {
    let form = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = Secret::new(format!("{}:{}", form(client_id), form(secret.expose())));
    let encoded = Secret::new(STANDARD.encode(pair.expose()));
    (authorization(format!("Basic {}", encoded.expose())), encoded)
}

impl Header {
    /// Its value.
    pub(super) fn into_value(self) -> Secret {
        self.value
    }
}

fn authorization(value: String) -> Header {
    Header { name: "authorization".to_owned(), value: Secret::new(value) }
}

#[async_trait]
impl Scheme for Header {
    fn own_headers(&self) -> Vec<String> {
        vec![self.name.clone()]
    }

    async fn attach(
        &self,
        draft: &mut Draft<'_>,
        _params: &[(String, String)],
        _means: &Means<'_>,
    ) -> Result<Stamp, FetchError> {
        draft.headers.push((self.name.clone(), self.value.expose().to_owned()));
        Ok(Stamp::default())
    }
}
