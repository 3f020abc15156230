//! The token endpoint of Entra ID: an application that signs in as itself, with a secret.
//!
//! <https://learn.microsoft.com/en-us/entra/identity-platform/v2-oauth2-client-creds-grant-flow>; the codes of errors:
//! <https://learn.microsoft.com/en-us/entra/identity-platform/reference-error-codes>.

use super::Refusal;
use crate::http::{Reply, Request};
use crate::org::azure::TENANT;
use crate::random::{hex_id, uuid};
use exhibit_evidence::time::Timestamp;
use serde_json::json;

/// The application that reads evidence.
pub(super) const CLIENT: &str = "7c1d2e3f-4a5b-4c6d-8e7f-90a1b2c3d4e5";
/// Its secret. It opens nothing else.
pub(super) const SECRET: &str = "sIm8Q~simulatedSecretOpensNothingElse0000";
const LIFETIME_S: u64 = 3600;

/// What a token is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Audience {
    Graph,
    Arm,
}

impl Audience {
    fn scope(self) -> &'static str {
        match self {
            Self::Graph => "https://graph.microsoft.com/.default",
            Self::Arm => "https://management.azure.com/.default",
        }
    }

    /// A token says until when it is good, and a digest keeps it from being made elsewhere.
    fn signed(self, until_s: u64) -> String {
        format!("eyJ0.simulated.{until_s}.{}", hex_id(until_s, &format!("entra token {self:?}"), 40))
    }

    /// Refuses a request whose token is not good for it.
    pub(super) fn check(self, request: &Request, now: Timestamp) -> Result<(), Refusal> {
        let token = request.header("authorization").and_then(|text| text.strip_prefix("Bearer "));
        let until = token.and_then(|token| token.split('.').nth(2)?.parse::<u64>().ok());
        let is_ours = until.is_some_and(|until| Some(self.signed(until).as_str()) == token);
        let is_live = until.is_some_and(|until| now.as_ms() / 1000 < until);
        let (code, missing, expired) = match self {
            Self::Graph => (
                "InvalidAuthenticationToken",
                "Access token validation failure. Invalid audience.",
                "Lifetime validation failed, the token is expired.",
            ),
            Self::Arm => (
                "InvalidAuthenticationTokenAudience",
                "The access token has been obtained for wrong audience or resource.",
                "The access token expiry UTC time is earlier than current UTC time.",
            ),
        };
        match (token, is_ours, is_live) {
            (_, true, true) => Ok(()),
            (None, ..) if self == Self::Arm => Err(Refusal::new(
                401,
                "AuthenticationFailed",
                "Authentication failed. The 'Authorization' header is missing.",
            )),
            (None, ..) => Err(Refusal::new(401, code, "Access token is empty.")),
            (_, true, false) if self == Self::Arm => {
                Err(Refusal::new(401, "ExpiredAuthenticationToken", expired))
            }
            (_, true, false) => Err(Refusal::new(401, code, expired)),
            _ => Err(Refusal::new(401, code, missing)),
        }
    }
}

pub(super) fn answer(request: &Request, tenant: &str, now: Timestamp) -> Reply {
    let refused = |status: u16, error: &str, code: u64, description: &str| {
        let id = uuid(code, &format!("entra trace {now}"));
        let text =
            format!("AADSTS{code}: {description} Trace ID: {id} Correlation ID: {id} Timestamp: {now}");
        let body = json!({
            "error": error, "error_description": text, "error_codes": [code], "timestamp": now,
            "trace_id": id, "correlation_id": id,
        });
        Reply::new(status, "application/json; charset=utf-8", body.to_string())
    };
    let form: Vec<_> = url::form_urlencoded::parse(&request.body).collect();
    let field = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_ref());
    if request.method != "POST" || tenant != TENANT {
        return refused(400, "invalid_request", 90002, &format!("Tenant '{tenant}' not found."));
    }
    if field("grant_type") != Some("client_credentials") {
        return refused(400, "unsupported_grant_type", 70003, "The app requested an unsupported grant type.");
    }
    if field("client_id") != Some(CLIENT) {
        return refused(400, "unauthorized_client", 700016, "Application was not found in the directory.");
    }
    if field("client_secret") != Some(SECRET) {
        return refused(401, "invalid_client", 7000215, "Invalid client secret provided.");
    }
    let asked = [Audience::Graph, Audience::Arm].into_iter().find(|of| field("scope") == Some(of.scope()));
    let Some(audience) = asked else {
        return refused(400, "invalid_scope", 70011, "The provided value for 'scope' is not valid.");
    };
    let lifetime = LIFETIME_S - 1;
    let body = json!({
        "token_type": "Bearer", "expires_in": lifetime, "ext_expires_in": lifetime,
        "access_token": audience.signed(now.as_ms() / 1000 + LIFETIME_S),
    });
    Reply::new(200, "application/json; charset=utf-8", body.to_string())
}
