//! The provider as it describes itself (OpenID Connect Discovery 1.0), and what is asked of it.

use super::Oidc;
use super::token::{self, Claims, Keys};
use exhibit_broker::address::AllowedAddresses;
use exhibit_broker::credential::Credential;
use exhibit_broker::grant::{Ask, AskedRule, AskedSlot, AskedToken, Grants};
use exhibit_broker::live::{LiveOptions, LiveTransport};
use exhibit_broker::transport::{Outgoing, Transport as _};
use exhibit_evidence::fetch::AuthRef;
use exhibit_evidence::time::Clock;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;
use url::Url;

/// How long what a provider says of itself is relied on.
const FRESH: Duration = Duration::from_secs(60 * 60);
/// How soon its keys are asked for again because one is not among them.
const KEYS_AGAIN: Duration = Duration::from_secs(60);
/// Bytes of an answer.
const ANSWER_BYTES: u64 = 1 << 20;
/// What our own secret is called at the transport.
const SLOT: &str = "client";

/// What a provider says of itself.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Described {
    issuer: String,
    pub(crate) authorization_endpoint: Url,
    token_endpoint: Url,
    jwks_uri: Url,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Exchanged {
    id_token: String,
}

/// A provider that was configured.
pub(crate) struct Provider {
    pub(crate) oidc: Oidc,
    clock: Arc<dyn Clock>,
    described: Mutex<Option<(Instant, Described)>>,
    keys: Mutex<Option<(Instant, Arc<Keys>)>>,
}

impl Provider {
    pub(crate) fn new(oidc: Oidc, clock: Arc<dyn Clock>) -> Self {
        Self { oidc, clock, described: Mutex::default(), keys: Mutex::default() }
    }

    /// Its identifier, as it writes it: without the slash that a URL without a path gets.
    pub(crate) fn issuer(&self) -> &str {
        let text = self.oidc.issuer.as_str();
        if self.oidc.issuer.path() == "/" { text.trim_end_matches('/') } else { text }
    }

    /// What it says of itself.
    ///
    /// # Errors
    /// Why that is not known, in words for the one who signs in.
    pub(crate) async fn discover(&self) -> Result<Described, String> {
        let mut known = self.described.lock().await;
        if let Some((at, described)) = known.as_ref()
            && at.elapsed() < FRESH
        {
            return Ok(described.clone());
        }
        let at = format!("{}/.well-known/openid-configuration", self.issuer().trim_end_matches('/'));
        let at = Url::parse(&at).map_err(|error| format!("the issuer is no URL: {error}"))?;
        let described: Described = self.ask(get(at), None).await?;
        if described.issuer.trim_end_matches('/') != self.issuer().trim_end_matches('/') {
            return Err("the identity provider describes another than the one that was asked".to_owned());
        }
        let safe = |url: &Url| url.scheme() == "https" || self.oidc.issuer.scheme() == "http";
        let urls = [&described.authorization_endpoint, &described.token_endpoint, &described.jwks_uri];
        if !urls.into_iter().all(safe) {
            return Err("the identity provider has an address without TLS".to_owned());
        }
        *known = Some((Instant::now(), described.clone()));
        Ok(described)
    }

    /// Exchanges a code for an ID token (OpenID Connect Core, section 3.1.3).
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) async fn exchange(
        &self,
        code: &str,
        redirect: &str,
        verifier: &str,
    ) -> Result<String, String> {
        let described = self.discover().await?;
        let methods = described.token_endpoint_auth_methods_supported.as_deref();
        // Where a provider does not say, it takes the first (Discovery, section 3).
        let basic = methods.is_none_or(|all| all.iter().any(|method| method == "client_secret_basic"));
        let mut secret = self.oidc.client_secret.as_ref();
        let credential =
            secret.take_if(|_| basic).map(|secret| Credential::client(&self.oidc.client_id, secret));
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect),
            ("client_id", &self.oidc.client_id),
            ("code_verifier", verifier),
        ];
        fields.extend(secret.map(|secret| ("client_secret", secret.expose())));
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let (url, body) = (described.token_endpoint, Some(body.into_bytes()));
        let auth = credential.is_some().then(|| AuthRef { slot: SLOT.to_owned(), params: Vec::new() });
        let headers = vec![("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned())];
        let request = Outgoing { method: "POST".to_owned(), url, headers, body, auth };
        self.ask::<Exchanged>(request, credential).await.map(|exchanged| exchanged.id_token)
    }

    /// Reads an ID token.
    ///
    /// # Errors
    /// Why it is not believed.
    pub(crate) async fn read(&self, id_token: &str, nonce: &str, now_s: u64) -> Result<Claims, String> {
        let mut keys = self.keys(None).await?;
        if !keys.has_key_of(id_token) {
            // It has new ones since.
            keys = self.keys(Some(KEYS_AGAIN)).await?;
        }
        let claims = token::verify(id_token, &keys)?;
        claims.check(self.issuer(), &self.oidc.client_id, nonce, now_s)?;
        Ok(claims)
    }

    async fn keys(&self, newer_than: Option<Duration>) -> Result<Arc<Keys>, String> {
        let mut known = self.keys.lock().await;
        if let Some((at, keys)) = known.as_ref()
            && at.elapsed() < newer_than.unwrap_or(FRESH)
        {
            return Ok(Arc::clone(keys));
        }
        let url = self.discover().await?.jwks_uri;
        let keys: Arc<Keys> = Arc::new(self.ask(get(url), None).await?);
        *known = Some((Instant::now(), Arc::clone(&keys)));
        Ok(keys)
    }

    /// Asks by the transport that sources use, granted this one address.
    async fn ask<T: DeserializeOwned>(
        &self,
        request: Outgoing,
        credential: Option<Credential>,
    ) -> Result<T, String> {
        let told = |error: &dyn std::fmt::Display| format!("the identity provider was not reached: {error}");
        let mut pattern = request.url.clone();
        pattern.set_query(None);
        let rule = format!("{} {pattern}", request.method).parse().map_err(|error| format!("{error}"))?;
        let mut ask = Ask { egress: vec![AskedRule { rule, read_only: false }], ..Ask::default() };
        let host = request.url.host_str().unwrap_or_default();
        if let Some(credential) = &credential {
            let hosts = vec![host.parse().map_err(|error| told(&error))?];
            let schemes = vec![credential.scheme_name().to_owned()];
            ask.slots.insert(SLOT.to_owned(), AskedSlot { schemes, hosts, token: AskedToken::default() });
        }
        let mut options = LiveOptions::new(Grants::all("oidc", ask), Arc::clone(&self.clock));
        // The operator named the issuer, so what it points to may have a private address.
        let named = [host.trim_matches(['[', ']'])];
        options.allow_addresses = AllowedAddresses::parse(named).map_err(|error| told(&error))?;
        options.credentials =
            credential.map(|credential| (SLOT.to_owned(), credential)).into_iter().collect();
        options.extra_ca_pem.clone_from(&self.oidc.ca_pem);
        options.limits.body_bytes = ANSWER_BYTES;
        options.limits.attempt_timeout_ms = 10_000;
        options.limits.connect_timeout_ms = 5_000;
        options.limits.attempts = 1;
        let transport = LiveTransport::new(options).map_err(|error| told(&error))?;
        let answer = transport.send(&request).await.map_err(|failure| told(&failure.error.message))?;
        if answer.status != 200 {
            return Err(format!("the identity provider answered with status {}", answer.status));
        }
        serde_json::from_slice(&answer.body)
            .map_err(|error| format!("the identity provider's answer: {error}"))
    }
}

fn get(url: Url) -> Outgoing {
    Outgoing { method: "GET".to_owned(), url, headers: Vec::new(), body: None, auth: None }
}
