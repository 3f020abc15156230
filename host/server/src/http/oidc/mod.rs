//! Signing in through an identity provider: OpenID Connect Core 1.0, the authorization code flow (section 3.1) with PKCE
//! (RFC 7636), for people whom the settings name.
//!
//! What the provider says is believed after: the answer belongs to a sign-in that this browser began (state, and a
//! cookie of its own); the provider that it names is the one that was asked (RFC 9207); the code was exchanged by who
//! began (PKCE); and the ID token is signed by the provider, for us, now, with our nonce.

mod provider;
mod token;

pub(crate) use provider::Provider;

use super::app::App;
use super::extract::Query;
use super::login::local;
use super::problem::Problem;
use super::tokens::{Role, random_text};
use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use exhibit_evidence::digest::Digest;
use exhibit_evidence::secret::Secret;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use url::Url;

/// How long a person may take at the provider.
const BEGUN: Duration = Duration::from_secs(10 * 60);
/// Sign-ins that are begun at once; more, and the oldest is forgotten.
const MOST: usize = 1_000;
/// Where the provider sends people back to.
pub(crate) const BACK: &str = "/login/callback";

/// An identity provider, and whom it may sign in.
#[derive(Clone, Debug)]
pub struct Oidc {
    /// Its issuer identifier: `https://login.example.com`.
    pub issuer: Url,
    /// What it calls us.
    pub client_id: String,
    /// What we show it; none: we are a public client, and PKCE alone binds the code.
    pub client_secret: Option<Secret>,
    /// The claim that names a person: `email`, which must be verified; or `sub`.
    pub claim: String,
    /// Who may sign in, by that claim.
    pub people: Vec<(String, Role)>,
    /// Authorities to trust beside the system's, PEM.
    pub ca_pem: Option<Vec<u8>>,
}

impl Oidc {
    fn role(&self, person: &str) -> Option<&Role> {
        // A provider may write an address in another case than the operator did.
        let same = |name: &str| match self.claim.as_str() {
            "email" => name.eq_ignore_ascii_case(person),
            _ => name == person,
        };
        self.people.iter().find(|(name, _)| same(name)).map(|(_, role)| role)
    }
}

/// A sign-in that was begun.
struct Begun {
    at: Instant,
    browser: Digest,
    nonce: String,
    verifier: String,
    redirect: String,
    next: String,
}

/// Sign-ins that were begun, by their state.
#[derive(Default)]
pub(crate) struct Pending(Mutex<HashMap<String, Begun>>);

impl Pending {
    fn begin(&self, state: String, begun: Begun) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, begun| begun.at.elapsed() < BEGUN);
        if all.len() >= MOST
            && let Some(oldest) = all.iter().min_by_key(|(_, begun)| begun.at).map(|(state, _)| state.clone())
        {
            all.remove(&oldest);
        }
        all.insert(state, begun);
    }

    /// Takes a sign-in back: each ends once.
    fn end(&self, state: &str) -> Option<Begun> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(state).filter(|begun| begun.at.elapsed() < BEGUN)
    }
}

#[derive(Deserialize)]
pub(crate) struct Where {
    next: Option<String>,
}

fn none() -> Problem {
    Problem::not_found("no identity provider is configured here: sign in with a token")
}

fn cookie_name(https: bool) -> &'static str {
    if https { "__Host-exhibit-login" } else { "exhibit-login" }
}

fn cookie(https: bool, value: &str, seconds: u64) -> HeaderValue {
    let secure = if https { "; Secure" } else { "" };
    let name = cookie_name(https);
    let text = format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// `GET /login/oidc`: sends a person to the provider.
pub(crate) async fn begin(
    State(app): State<App>,
    Query(to): Query<Where>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let provider = app.provider().ok_or_else(none)?;
    let found = provider.discover().await.map_err(|error| Problem::new(StatusCode::BAD_GATEWAY, error))?;
    let (state, nonce, browser) = (random_text()?, random_text()?, random_text()?);
    // 64 characters of those that RFC 7636, section 4.1, allows.
    let verifier = random_text()?;
    let challenge = BASE64_URL_SAFE_NO_PAD.encode(Digest::of(&verifier).as_bytes());
    let redirect = redirect_uri(&app, &headers)?;
    let mut address = found.authorization_endpoint.clone();
    address
        .query_pairs_mut()
        .append_pair("response_type", "code")
        .append_pair("client_id", &provider.oidc.client_id)
        .append_pair("redirect_uri", &redirect)
        .append_pair("scope", "openid email")
        .append_pair("state", &state)
        .append_pair("nonce", &nonce)
        .append_pair("code_challenge", &challenge)
        .append_pair("code_challenge_method", "S256");
    let set = cookie(app.options().is_https(), &browser, BEGUN.as_secs());
    let begun = Begun {
        at: Instant::now(),
        browser: Digest::of(browser),
        nonce,
        verifier,
        redirect,
        next: local(to.next.as_deref()),
    };
    app.pending().begin(state, begun);
    Ok(([(header::SET_COOKIE, set)], Redirect::to(address.as_str())).into_response())
}

/// Where people come back: at the address that browsers use.
fn redirect_uri(app: &App, headers: &HeaderMap) -> Result<String, Problem> {
    if let Some(public) = &app.options().public_url {
        return Ok(format!("{}{BACK}", public.trim_end_matches('/')));
    }
    let scheme = if app.options().is_https() { "https" } else { "http" };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.ok_or_else(|| Problem::bad_request("the request names no host"))?;
    Ok(format!("{scheme}://{host}{BACK}"))
}

#[derive(Deserialize)]
pub(crate) struct Back {
    state: Option<String>,
    code: Option<String>,
    iss: Option<String>,
    error: Option<String>,
}

/// `GET /login/callback`: a person comes back from the provider.
pub(crate) async fn back(
    State(app): State<App>,
    Query(told): Query<Back>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let provider = app.provider().ok_or_else(none)?;
    let refused = |why: String| Problem::forbidden(format!("{why}: sign in again from /login"));
    let begun = told.state.as_deref().and_then(|state| app.pending().end(state));
    let begun =
        begun.ok_or_else(|| refused("this sign-in was not begun here, or took too long".to_owned()))?;
    let https = app.options().is_https();
    if !has_cookie(&headers, cookie_name(https), &begun.browser) {
        return Err(refused("this sign-in was begun in another browser".to_owned()));
    }
    if told.iss.is_some_and(|issuer| issuer != provider.issuer()) {
        return Err(refused("another identity provider answered".to_owned()));
    }
    if let Some(error) = told.error {
        let error: String = error.chars().filter(char::is_ascii_graphic).take(60).collect();
        return Err(refused(format!("the identity provider says `{error}`")));
    }
    let code = told.code.ok_or_else(|| refused("the identity provider sent no code".to_owned()))?;
    let exchanged = provider.exchange(&code, &begun.redirect, &begun.verifier).await;
    let id_token = exchanged.map_err(|error| Problem::new(StatusCode::BAD_GATEWAY, error))?;
    let now_s = app.host().clock.now().as_ms() / 1000;
    let claims = provider.read(&id_token, &begun.nonce, now_s).await.map_err(refused)?;
    let person = claims.person(&provider.oidc.claim).map_err(refused)?;
    let role = provider.oidc.role(&person).cloned();
    let role = role.ok_or_else(|| {
        Problem::forbidden("the identity provider knows you, and this service does not: ask its operator")
    })?;
    let opened = app.sessions().open(format!("{}:{person}", role.word()), role, None)?;
    let mut response = Redirect::to(&begun.next).into_response();
    response.headers_mut().append(header::SET_COOKIE, opened);
    response.headers_mut().append(header::SET_COOKIE, cookie(https, "", 0));
    Ok(response)
}

fn has_cookie(headers: &HeaderMap, name: &str, expected: &Digest) -> bool {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.any(|(found, value)| found == name && Digest::of(value) == *expected)
}
