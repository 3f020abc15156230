//! OAuth 2.0 client credentials (RFC 6749 section 4.4): an application that signs in as itself, with a secret or with a
//! certificate.
//!
//! ```toml
//! [credentials.graph]
//! scheme = "oauth_client_credentials"
//! client_id = "00001111-aaaa-2222-bbbb-3333cccc4444"
//! certificate = "file:/run/secrets/exhibit.pem"
//! private_key = "file:/run/secrets/exhibit.pem"
//!
//! [credentials.jira]
//! scheme = "oauth_client_credentials"
//! client_id = "exampleClientId"
//! client_secret = "env:ATLASSIAN_SECRET"
//! ```
//!
//! `token_url` and `scopes` are the connector's, where its `connector.toml` names them for the slot, unless the source
//! names its own. Either way the secret goes to no host that is not approved for the slot. A secret is sent in the form
//! (`client_secret_post`), or in a header with `client_auth = "basic"` (RFC 6749 section 2.3.1). A certificate signs an
//! assertion (RFC 7523 section 2.2) as Entra ID wants it, PS256 and with `x5t#S256`:
//! <https://learn.microsoft.com/en-us/entra/identity-platform/certificate-credentials>. The endpoint's answers are never
//! recorded.

use super::jwt::{self, Header, SigningKey};
use super::oauth::{self, Exchange, Obtains};
use super::token::{Fresh, TokenCache};
use super::{CredentialError, CredentialProblem, Loader, Means};
use crate::grant::AskedToken;
use crate::secret::{SecretRef, Text};
use async_trait::async_trait;
use exhibit_evidence::fetch::FetchError;
use exhibit_evidence::secret::Secret;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use url::{Host, Url};

/// How long an assertion is valid: Microsoft advises 5 to 10 minutes at most.
const ASSERTION_S: u64 = 300;

/// An application with a secret or a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OAuthClientCredentialsConfig {
    /// The application's client id, or where it is.
    pub client_id: Text,
    /// Where its secret is.
    #[serde(default)]
    pub client_secret: Option<SecretRef>,
    /// Where the secret is put.
    #[serde(default)]
    pub client_auth: ClientAuth,
    /// In the secret's place: where its certificate is, in PEM.
    #[serde(default)]
    pub certificate: Option<SecretRef>,
    /// Where the certificate's private key is, in PEM: RSA of 2048 bits or more. It may be the same file.
    #[serde(default)]
    pub private_key: Option<SecretRef>,
    /// The token endpoint, where it is not the connector's.
    #[serde(default)]
    pub token_url: Option<Url>,
    /// Scopes, where they are not the connector's; never chosen by a guest.
    #[serde(default)]
    pub scopes: Option<Vec<String>>,
}

/// Where a client's secret is put (RFC 6749 section 2.3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    /// In the form.
    #[default]
    Post,
    /// In `Authorization`.
    Basic,
}

impl OAuthClientCredentialsConfig {
    /// With what the connector names for the slot in the place of what the source leaves out.
    pub(super) fn completed(&self, asked: &AskedToken) -> Self {
        Self {
            token_url: self.token_url.clone().or_else(|| asked.url.clone()),
            scopes: self.scopes.clone().or_else(|| Some(asked.scopes.clone())),
            ..self.clone()
        }
    }
}

/// How the application shows who it is.
enum Proof {
    Post(Secret),
    /// The value of `Authorization`.
    Basic(Secret),
    Certificate {
        key: SigningKey,
        thumbprint: String,
    },
}

/// RFC 7523 section 3, with `nbf` as Microsoft's page has it.
#[derive(Serialize)]
struct Claims<'a> {
    aud: &'a str,
    exp: u64,
    iat: u64,
    iss: &'a str,
    jti: String,
    nbf: u64,
    sub: &'a str,
}

pub(super) struct OAuthClientCredentials {
    slot: String,
    client_id: String,
    proof: Proof,
    scope: String,
    token_url: Url,
    tokens: TokenCache<Secret>,
}

impl OAuthClientCredentials {
    pub(super) fn load(
        config: &OAuthClientCredentialsConfig,
        loader: &mut Loader<'_>,
    ) -> Result<Self, CredentialError> {
        let client_id = loader.text("client_id", &config.client_id)?;
        if client_id.is_empty() || client_id.chars().any(char::is_control) {
            return Err(wrong(loader, "client_id", "write the application's client id, one line"));
        }
        let Some(token_url) = config.token_url.clone() else {
            let needed = "the connector names no token endpoint under these settings: set token_url";
            return Err(wrong(loader, "token_url", needed));
        };
        if !is_private(&token_url) {
            let needed = "write an https URL without user, query and fragment (http for this machine alone)";
            return Err(wrong(loader, "token_url", needed));
        }
        let scopes = config.scopes.as_deref().unwrap_or_default();
        Ok(Self {
            slot: loader.slot.to_owned(),
            proof: proof(config, &client_id, loader)?,
            client_id,
            scope: oauth::scope(scopes, "write each scope as one word", loader)?,
            token_url,
            tokens: TokenCache::new(),
        })
    }

    fn assertion(&self, key: &SigningKey, thumbprint: &str, now_s: u64) -> Result<Secret, String> {
        let claims = Claims {
            aud: self.token_url.as_str(),
            exp: now_s + ASSERTION_S,
            iat: now_s,
            iss: &self.client_id,
            jti: guid(rand::random()),
            nbf: now_s,
            sub: &self.client_id,
        };
        jwt::encode(key, &Header::with_thumbprint(thumbprint), &claims).map(Secret::new)
    }
}

#[async_trait]
impl Obtains for OAuthClientCredentials {
    fn tokens(&self) -> &TokenCache<Secret> {
        &self.tokens
    }

    fn endpoint(&self, _request: &Url) -> Cow<'_, Url> {
        Cow::Borrowed(&self.token_url)
    }

    fn granted_endpoint(&self) -> Option<&Url> {
        Some(&self.token_url)
    }

    async fn obtain(&self, endpoint: &Url, means: &Means<'_>) -> Result<Fresh<Secret>, FetchError> {
        let assertion = match &self.proof {
            Proof::Certificate { key, thumbprint } => {
                let signed = self
                    .assertion(key, thumbprint, means.now.as_ms() / 1000)
                    .map_err(|problem| oauth::failure(&self.slot, "token", endpoint, &problem, false))?;
                means.known.add(&signed);
                Some(signed)
            }
            Proof::Post(_) | Proof::Basic(_) => None,
        };
        let mut fields = vec![("grant_type", "client_credentials")];
        if !self.scope.is_empty() {
            fields.push(("scope", &self.scope));
        }
        if !matches!(self.proof, Proof::Basic(_)) {
            fields.push(("client_id", &self.client_id));
        }
        if let Proof::Post(secret) = &self.proof {
            fields.push(("client_secret", secret.expose()));
        }
        if let Some(assertion) = &assertion {
            fields.push(("client_assertion_type", oauth::ASSERTION_TYPE));
            fields.push(("client_assertion", assertion.expose()));
        }
        let (authorization, hint) = match &self.proof {
            Proof::Basic(value) => (Some(value), SECRET_HINT),
            Proof::Post(_) => (None, SECRET_HINT),
            Proof::Certificate { .. } => (None, CERTIFICATE_HINT),
        };
        Exchange {
            slot: &self.slot,
            endpoint,
            fields: &fields,
            authorization,
            hint,
            refusals_pass: true,
            bearer_hint: "",
        }
        .send(means)
        .await
    }
}

const SECRET_HINT: &str = "Check client_id, that client_secret is the secret's value and not its id, that it has not expired, and that the application may have the scopes";
const CERTIFICATE_HINT: &str = "Check client_id, that the certificate is the one that the application has and has not expired, this machine's clock, and that the application may have the scopes";

/// The secret or the certificate: one of them.
fn proof(
    config: &OAuthClientCredentialsConfig,
    client_id: &str,
    loader: &mut Loader<'_>,
) -> Result<Proof, CredentialError> {
    match (&config.client_secret, &config.certificate, &config.private_key) {
        (Some(reference), None, None) => {
            let secret = loader.secret("client_secret", reference)?;
            if secret.expose().is_empty() || secret.expose().chars().any(char::is_control) {
                return Err(loader.unusable("client_secret", reference, "it is not one line"));
            }
            Ok(match config.client_auth {
                ClientAuth::Post => Proof::Post(secret),
                ClientAuth::Basic => Proof::Basic(basic(client_id, &secret, loader)),
            })
        }
        (None, Some(certificate), Some(private_key)) => certified(certificate, private_key, loader),
        _ => {
            let needed = "give client_secret, or certificate and private_key";
            Err(wrong(loader, "client_secret", needed))
        }
    }
}

/// RFC 6749 section 2.3.1: both are written as in a form before they are joined.
fn basic(client_id: &str, secret: &Secret, loader: &mut Loader<'_>) -> Secret {
    let (header, encoded) = super::header::client(client_id, secret);
    loader.secrets.push(encoded);
    header.into_value()
}

fn certified(
    certificate: &SecretRef,
    private_key: &SecretRef,
    loader: &mut Loader<'_>,
) -> Result<Proof, CredentialError> {
    let pem = loader.secret("private_key", private_key)?;
    let key = SigningKey::from_pem(pem.expose())
        .map_err(|reason| loader.unusable("private_key", private_key, reason))?;
    if !matches!(key, SigningKey::Rsa(_)) {
        return Err(loader.unusable(
            "private_key",
            private_key,
            "certificates sign with RSA here: make one with an RSA key",
        ));
    }
    let text = loader.secret("certificate", certificate)?;
    let der = CertificateDer::from_pem_slice(text.expose().as_bytes())
        .map_err(|_| loader.unusable("certificate", certificate, "it is not a certificate in PEM"))?;
    let thumbprint = jwt::thumbprint(&der);
    let own = PrivateKeyDer::from_pem_slice(pem.expose().as_bytes())
        .map_err(|_| loader.unusable("private_key", private_key, "it is not a private key in PEM"))?;
    CertifiedKey::from_der(vec![der], own, &rustls::crypto::ring::default_provider()).map_err(|_| {
        loader.unusable("certificate", certificate, "it is not the certificate of the private key")
    })?;
    Ok(Proof::Certificate { key, thumbprint })
}

/// Whether what is posted there is read on the way by nobody.
fn is_private(url: &Url) -> bool {
    let local = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        _ => false,
    };
    (url.scheme() == "https" || url.scheme() == "http" && local)
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none()
}

/// RFC 9562 section 5.4: Entra ID calls `jti` a GUID.
fn guid(random: u128) -> String {
    let hex = format!("{:032x}", random & !(0xf << 76 | 0x3 << 62) | 0x4 << 76 | 0x2 << 62);
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

fn wrong(loader: &Loader<'_>, field: &'static str, problem: &str) -> CredentialError {
    loader.fail(field, CredentialProblem::Config(problem.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The version and the variant stand where RFC 9562 figure 8 has them.
    #[test]
    fn a_guid_is_of_version_4() {
        assert_eq!(guid(0), "00000000-0000-4000-8000-000000000000");
        assert_eq!(guid(u128::MAX), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }

    #[test]
    fn secrets_go_over_tls_or_nowhere() {
        let fits = |url: &str| is_private(&Url::parse(url).unwrap());
        assert!(fits("https://login.microsoftonline.com/t/oauth2/v2.0/token"));
        assert!(fits("http://127.0.0.1:5000/token") && fits("http://[::1]:5000/token"));
        for bad in [
            "http://login.microsoftonline.com/token",
            "http://10.0.0.1/token",
            "ftp://127.0.0.1/token",
            "https://me@a.test/token",
            "https://a.test/token?x=1",
            "https://a.test/token#x",
        ] {
            assert!(!fits(bad), "{bad}");
        }
    }
}
