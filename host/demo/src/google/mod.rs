//! What the fakes of Google's APIs share: service accounts and their tokens, errors, lists in pages.
//!
//! A service account signs an assertion (RFC 7523) and gets a bearer token for it, an hour long:
//! <https://developers.google.com/identity/protocols/oauth2/service-account>. Errors have the form of
//! <https://google.aip.dev/193>, lists that of <https://google.aip.dev/158>.
//!
//! Every service of Google's is below one origin here, at `ORIGIN/HOST/PATH`; tokens are at `ORIGIN/token`.

use crate::http::{Reply, Request};
use crate::random::hex_id;
use crate::system::Source;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use exhibit_evidence::time::Timestamp;
use ring::signature::{KeyPair, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey};
use serde::Deserialize;
use serde_json::{Value, json};
use std::ops::Range;

/// RFC 7515 appendix A.2: everybody has this key, and it opens nothing.
const KEY: &str = include_str!("rfc7515-a2-rs256.pem");
/// The key's id.
pub(crate) const KEY_ID: &str = "0000000000000000000000000000000000007515";
/// Whom an assertion is for.
const AUDIENCE: &str = "https://oauth2.googleapis.com/token";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// Seconds that an assertion, and the token for it, may live.
const LIFETIME_S: u64 = 3600;

/// A service account that a fake knows.
#[derive(Debug)]
pub(crate) struct ServiceAccount {
    pub(crate) email: &'static str,
    /// The user of Google Workspace that it acts for, by domain-wide delegation.
    pub(crate) subject: Option<&'static str>,
    /// The scopes that it may ask for.
    pub(crate) scopes: &'static [&'static str],
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: Option<String>,
    scope: String,
    aud: String,
    iat: u64,
    exp: u64,
}

/// What the token endpoint says instead of giving a token (RFC 6749 section 5.2).
struct Denied(u16, &'static str, &'static str);

impl ServiceAccount {
    /// How a source reads the fake at `origin` as this account.
    pub(crate) fn source(&self, origin: &str, slots: &'static [&'static str]) -> Source {
        let mut credential = json!({
            "scheme": "google_service_account", "scopes": self.scopes, "token_url": format!("{origin}/token"),
        });
        if let Some(subject) = self.subject {
            credential["subject"] = subject.into();
        }
        Source::new(json!({"endpoint": origin}), slots, credential, vec![("key", self.key_file())])
    }

    /// The key file, as Google hands it out.
    fn key_file(&self) -> String {
        let project = self.email.split(['@', '.']).nth(1).unwrap_or_default();
        let file = json!({
            "type": "service_account", "project_id": project, "private_key_id": KEY_ID, "private_key": KEY,
            "client_email": self.email, "token_uri": AUDIENCE,
        });
        file.to_string()
    }

    /// Answers the token endpoint.
    pub(crate) fn token(&self, request: &Request, now: Timestamp) -> Reply {
        match self.grant(request, now.as_ms() / 1000) {
            Ok(token) => {
                let body =
                    json!({"access_token": token, "expires_in": LIFETIME_S - 1, "token_type": "Bearer"});
                Reply::new(200, "application/json; charset=UTF-8", body.to_string())
            }
            Err(Denied(status, error, description)) => {
                let body = json!({"error": error, "error_description": description});
                Reply::new(status, "application/json; charset=UTF-8", body.to_string())
            }
        }
    }

    fn grant(&self, request: &Request, now_s: u64) -> Result<String, Denied> {
        let form: Vec<_> = url::form_urlencoded::parse(&request.body).collect();
        let field = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_ref());
        if field("grant_type") != Some(GRANT) {
            return Err(Denied(400, "unsupported_grant_type", "Invalid grant_type"));
        }
        let claims = field("assertion").and_then(verified);
        let claims = claims.ok_or(Denied(400, "invalid_grant", "Invalid JWT Signature."))?;
        let is_timely =
            claims.iat <= now_s + 300 && now_s < claims.exp && claims.exp - claims.iat <= LIFETIME_S;
        if !is_timely || claims.aud != AUDIENCE {
            let description =
                "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe.";
            return Err(Denied(400, "invalid_grant", description));
        }
        if claims.iss != self.email {
            return Err(Denied(400, "invalid_grant", "Invalid grant: account not found"));
        }
        let mask = self.mask(&claims.scope).filter(|_| claims.sub.as_deref() == self.subject).ok_or(Denied(
            401,
            "unauthorized_client",
            "Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested.",
        ))?;
        Ok(self.signed(now_s + LIFETIME_S, mask))
    }

    /// Which of its scopes are asked for, as bits; `None` where there is one that it may not ask for.
    fn mask(&self, scope: &str) -> Option<u64> {
        let bit = |word: &str| self.scopes.iter().position(|of| *of == word).map(|at| 1 << at);
        scope.split(' ').map(bit).try_fold(0, |mask, bit| Some(mask | bit?)).filter(|mask| *mask != 0)
    }

    /// A token says until when and for what it is good, and a digest keeps it from being made elsewhere.
    fn signed(&self, until_s: u64, mask: u64) -> String {
        let digest = hex_id(until_s, &format!("google token {} {mask}", self.email), 40);
        format!("ya29.simulated.{until_s}.{mask}.{digest}")
    }

    /// Whether the request's token is good for `scope`.
    pub(crate) fn check(&self, request: &Request, now: Timestamp, scope: &str) -> Result<(), Refusal> {
        let token = request.header("authorization").and_then(|text| text.strip_prefix("Bearer "));
        let parts = token.and_then(|token| {
            let mut parts = token.split('.').skip(2);
            let number = |part: Option<&str>| part?.parse::<u64>().ok();
            let (until_s, mask) = (number(parts.next())?, number(parts.next())?);
            (self.signed(until_s, mask) == token && now.as_ms() / 1000 < until_s).then_some(mask)
        });
        let Some(mask) = parts else {
            let message = "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.";
            return Err(Refusal::new(401, "UNAUTHENTICATED", message));
        };
        match self.mask(scope) {
            Some(bit) if mask & bit == bit => Ok(()),
            _ => {
                let message = "Request had insufficient authentication scopes.";
                Err(Refusal::new(403, "PERMISSION_DENIED", message))
            }
        }
    }
}

/// The claims of an assertion that the key signed.
fn verified(assertion: &str) -> Option<Claims> {
    let (signed, signature) = assertion.rsplit_once('.')?;
    let (header, claims) = signed.split_once('.')?;
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
    let header: Header = serde_json::from_slice(&decode(header)?).ok()?;
    let pem: String = KEY.lines().filter(|line| !line.starts_with("-----")).collect();
    let key = RsaKeyPair::from_pkcs8(&STANDARD.decode(pem).ok()?).ok()?;
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key().as_ref());
    public.verify(signed.as_bytes(), &decode(signature)?).ok()?;
    let is_ours = header.alg == "RS256" && header.kid.is_none_or(|kid| kid == KEY_ID);
    serde_json::from_slice(&decode(claims)?).ok().filter(|_| is_ours)
}

/// An error in Google's form.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: u16,
    code: &'static str,
    message: String,
}

impl Refusal {
    pub(crate) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    pub(crate) fn not_found(what: &str) -> Self {
        Self::new(404, "NOT_FOUND", format!("Requested entity was not found: {what}"))
    }

    pub(crate) fn invalid(what: &str) -> Self {
        Self::new(400, "INVALID_ARGUMENT", format!("Invalid value at '{what}'"))
    }
}

/// The answer, or the error.
pub(crate) fn reply(answer: Result<Value, Refusal>) -> Reply {
    let (status, body) = match answer {
        Ok(body) => (200, body),
        Err(Refusal { status, code, message }) => {
            (status, json!({"error": {"code": status, "message": message, "status": code}}))
        }
    };
    Reply::new(status, "application/json; charset=UTF-8", body.to_string())
}

/// The answer, or the error as older APIs write it, with a list of reasons: Cloud Storage, Compute Engine, Cloud SQL.
/// <https://cloud.google.com/storage/docs/json_api/v1/status-codes>
pub(crate) fn reply_of_old(answer: Result<Value, Refusal>) -> Reply {
    let Err(Refusal { status, message, .. }) = answer else { return reply(answer) };
    let reason = match status {
        401 => "authError",
        403 => "forbidden",
        404 => "notFound",
        _ => "invalid",
    };
    let one = json!({"message": message, "domain": "global", "reason": reason});
    let body = json!({"error": {"code": status, "message": message, "errors": [one]}});
    Reply::new(status, "application/json; charset=UTF-8", body.to_string())
}

/// One page of `items` at `place` of `body`: as many as the parameter `size` asks for, and `most` at most. An empty
/// list is left out, as Google does.
pub(crate) fn page<T>(
    request: &Request,
    mut body: Value,
    place: &str,
    (size, most): (&str, usize),
    items: &[T],
    shape: impl Fn(&T) -> Value,
) -> Result<Value, Refusal> {
    let (size, token) = (request.param(size), request.param("pageToken"));
    let (range, next) = cut(size.as_deref(), token.as_deref(), most, items.len())?;
    let listed: Vec<Value> = items[range].iter().map(shape).collect();
    if !listed.is_empty() {
        body[place] = listed.into();
    }
    if let Some(next) = next {
        body["nextPageToken"] = next.into();
    }
    Ok(body)
}

/// Which of `count` items are on the page that `token` names, of `size` and `most` at most; and the next page's token.
pub(crate) fn cut(
    size: Option<&str>,
    token: Option<&str>,
    most: usize,
    count: usize,
) -> Result<(Range<usize>, Option<String>), Refusal> {
    let size = match size.map(str::parse::<usize>) {
        None => most,
        Some(Ok(size)) => size.clamp(1, most),
        Some(Err(_)) => return Err(Refusal::invalid("page_size")),
    };
    let start = match token.filter(|token| !token.is_empty()) {
        None => 0,
        Some(token) => {
            token_start(token).filter(|at| *at < count).ok_or_else(|| Refusal::invalid("page_token"))?
        }
    };
    let end = (start + size).min(count);
    Ok((start..end, (end < count).then(|| page_token(end))))
}

/// The token of the page that begins at this item.
pub(crate) fn page_token(start: usize) -> String {
    URL_SAFE_NO_PAD.encode(format!("from {start}"))
}

fn token_start(token: &str) -> Option<usize> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    text.strip_prefix("from ")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNT: ServiceAccount =
        ServiceAccount { email: "a@p.iam.gserviceaccount.com", subject: None, scopes: &["one", "two"] };

    #[test]
    fn a_token_is_good_for_its_scopes_and_its_hour() {
        let now = Timestamp::from_ms(1_772_618_400_000);
        let asked = |authorization: String| {
            let mut headers = hyper::header::HeaderMap::new();
            headers.insert("authorization", authorization.parse().unwrap());
            let (method, path, query) = ("GET".to_owned(), "/".to_owned(), String::new());
            Request { method, path, query, headers, body: hyper::body::Bytes::new() }
        };
        let until_s = now.as_ms() / 1000 + LIFETIME_S;
        let token = ACCOUNT.signed(until_s, ACCOUNT.mask("two").unwrap());
        let answer = |token: &str, later_s: i64, scope: &str| {
            let at = now.plus_ms(later_s * 1000);
            ACCOUNT.check(&asked(format!("Bearer {token}")), at, scope).map_err(|refusal| refusal.status)
        };
        assert_eq!(answer(&token, 3599, "two"), Ok(()));
        assert_eq!(answer(&token, 3600, "two"), Err(401), "its hour is over");
        assert_eq!(answer(&token, 0, "one"), Err(403), "the other scope");
        assert_eq!(answer(&token.replace(".2.", ".3."), 0, "one"), Err(401), "made elsewhere");
        assert_eq!(ACCOUNT.mask("one three"), None);
    }

    /// The example of RFC 7515, appendix A.2.1: its signature holds, and nothing else of it is an assertion of ours.
    #[test]
    fn the_documented_signature_verifies() {
        let header = "eyJhbGciOiJSUzI1NiJ9";
        let claims =
            "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
        let signature = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
        let pem: String = KEY.lines().filter(|line| !line.starts_with("-----")).collect();
        let key = RsaKeyPair::from_pkcs8(&STANDARD.decode(pem).unwrap()).unwrap();
        let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key().as_ref());
        let signed = format!("{header}.{claims}");
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        assert!(public.verify(signed.as_bytes(), &signature).is_ok());
        assert!(verified(&format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))).is_none());
    }
}
