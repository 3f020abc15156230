//! What schemes share that trade something for a bearer token: the token endpoint's answers (RFC 6749 section 5),
//! the token's form, and how it is attached and renewed (RFC 6750).

use super::token::{Fresh, TokenCache};
use super::{CredentialError, CredentialProblem, Draft, Loader, Means, Scheme, Stamp, attach_error};
use async_trait::async_trait;
use exhibit_evidence::fetch::FetchError;
use exhibit_evidence::secret::Secret;
use exhibit_evidence::time::Timestamp;
use serde::Deserialize;
use std::borrow::Cow;
use url::Url;

/// How a client says in a form that it signs who it is (RFC 7523 section 2.2).
pub(super) const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// Assumed where the endpoint does not say how long a token lives.
const LIFETIME_S: u64 = 300;
/// The longest life that is believed.
const LIFETIME_S_MAX: u64 = 86_400;

/// A scheme whose credential is a bearer token that it obtains.
#[async_trait]
pub(super) trait Obtains: Send + Sync {
    /// The tokens obtained so far, by endpoint.
    fn tokens(&self) -> &TokenCache<Secret>;

    /// Where the token for a request is obtained.
    fn endpoint(&self, request: &Url) -> Cow<'_, Url>;

    /// An endpoint that a connector may have named, which therefore has to be among the slot's hosts.
    fn granted_endpoint(&self) -> Option<&Url> {
        None
    }

    /// Obtains a token at the endpoint.
    async fn obtain(&self, endpoint: &Url, means: &Means<'_>) -> Result<Fresh<Secret>, FetchError>;
}

#[async_trait]
impl<T: Obtains> Scheme for T {
    fn own_headers(&self) -> Vec<String> {
        vec!["authorization".to_owned()]
    }

    fn granted_endpoint(&self) -> Option<&Url> {
        Obtains::granted_endpoint(self)
    }

    async fn attach(
        &self,
        draft: &mut Draft<'_>,
        _params: &[(String, String)],
        means: &Means<'_>,
    ) -> Result<Stamp, FetchError> {
        let endpoint = self.endpoint(draft.url);
        let (token, stamp) =
            self.tokens().get(endpoint.as_str(), means.now, self.obtain(&endpoint, means)).await?;
        draft.headers.push(("authorization".to_owned(), format!("Bearer {}", token.expose())));
        Ok(stamp)
    }

    async fn refresh(&self, stamp: Stamp) -> bool {
        self.tokens().forget(stamp).await;
        true
    }
}

/// The URL of another path on the host of a request.
pub(super) fn beside(request: &Url, path: &str) -> Url {
    let mut url = request.clone();
    url.set_path(path);
    url.set_query(None);
    url.set_fragment(None);
    url
}

/// RFC 6749 section 5.1.
#[derive(Deserialize)]
struct Granted {
    access_token: String,
    token_type: String,
    expires_in: Option<u64>,
}

/// RFC 6749 section 5.2.
#[derive(Deserialize)]
struct Refused {
    error: String,
    #[serde(default)]
    error_description: String,
}

/// One request to a token endpoint.
pub(super) struct Exchange<'a> {
    pub(super) slot: &'a str,
    pub(super) endpoint: &'a Url,
    /// The form, in the order in which it is sent.
    pub(super) fields: &'a [(&'a str, &'a str)],
    /// The value of `Authorization`, where the client says there who it is.
    pub(super) authorization: Option<&'a Secret>,
    /// What to look at when the endpoint refuses.
    pub(super) hint: &'a str,
    /// Whether what the endpoint refuses with status 500 or above is worth another attempt. Without the form of
    /// RFC 6749, such a status always is.
    pub(super) refusals_pass: bool,
    /// What to do about a token that is not Bearer.
    pub(super) bearer_hint: &'a str,
}

impl Exchange<'_> {
    /// Sends it, and reads the token. The token is known as a secret before anything is said of it.
    pub(super) async fn send(&self, means: &Means<'_>) -> Result<Fresh<Secret>, FetchError> {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(self.fields).finish();
        let mut headers = vec![
            ("accept".to_owned(), "application/json".to_owned()),
            ("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned()),
        ];
        if let Some(value) = self.authorization {
            headers.push(("authorization".to_owned(), value.expose().to_owned()));
        }
        let (status, body) = means.wire.post(self.endpoint, headers, body.into_bytes()).await?;
        if status != 200 {
            return Err(self.refused(status, &body));
        }
        // The body holds the token, so a parser's message, which may repeat it, is dropped.
        let granted: Granted = serde_json::from_slice(&body)
            .map_err(|_| self.fail("the answer is not a token (RFC 6749 section 5.1)", false))?;
        let token = Secret::new(granted.access_token);
        means.known.add(&token);
        if !granted.token_type.eq_ignore_ascii_case("bearer") {
            let issued = printable(&granted.token_type);
            let hint = self.bearer_hint;
            return Err(
                self.fail(&format!("a {issued} token was issued, and only Bearer is supported{hint}"), false)
            );
        }
        let token = usable(token).map_err(|problem| self.fail(problem, false))?;
        let lifetime_ms = granted.expires_in.unwrap_or(LIFETIME_S).min(LIFETIME_S_MAX) * 1000;
        Ok(Fresh { token, expires_at: means.now.plus_ms(lifetime_ms.cast_signed()) })
    }

    fn refused(&self, status: u16, body: &[u8]) -> FetchError {
        match serde_json::from_slice::<Refused>(body) {
            Ok(Refused { error, error_description }) => {
                let (error, description) = (printable(&error), printable(&error_description));
                let said = format!("status {status}, {error}: {description}. {}", self.hint);
                self.fail(&said, self.refusals_pass && status >= 500)
            }
            Err(_) => self.fail(&format!("status {status}"), status >= 500),
        }
    }

    fn fail(&self, message: &str, retryable: bool) -> FetchError {
        failure(self.slot, "token", self.endpoint, message, retryable)
    }
}

/// A failure to obtain `what` from an endpoint.
pub(super) fn failure(slot: &str, what: &str, endpoint: &Url, message: &str, retryable: bool) -> FetchError {
    attach_error(format!("credential `{slot}`, {what} from {endpoint}: {message}"), retryable)
}

/// A token that a header can hold (RFC 6750 section 2.1).
pub(super) fn usable(token: Secret) -> Result<Secret, &'static str> {
    let word = !token.expose().is_empty() && token.expose().bytes().all(|b| b.is_ascii_graphic());
    if word { Ok(token) } else { Err("the token is not one word of ASCII (RFC 6750)") }
}

/// A token that comes with the time at which it ends.
pub(super) fn dated(token: Secret, ends: &str) -> Result<Fresh<Secret>, &'static str> {
    let expires_at = ends.parse::<Timestamp>().map_err(|_| "the answer does not say when the token ends")?;
    Ok(Fresh { token: usable(token)?, expires_at })
}

/// What a server says of itself, cut and on one line.
pub(super) fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(300).collect()
}

/// The scopes as a request has them (RFC 6749 section 3.3): visible ASCII without quote and backslash.
pub(super) fn scope(scopes: &[String], hint: &str, loader: &Loader<'_>) -> Result<String, CredentialError> {
    let fits = |scope: &String| {
        !scope.is_empty() && scope.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\'))
    };
    if scopes.iter().all(fits) {
        return Ok(scopes.join(" "));
    }
    Err(loader.fail("scopes", CredentialProblem::Config(hint.to_owned())))
}
