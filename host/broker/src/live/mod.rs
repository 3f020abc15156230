//! The transport that reaches the network. A request passes, in this order: what guests may not send
//! (`guard`), the grants, the credential, the pace, the address check at dial (`client`), the attempt with its
//! caps (`attempt`), the judgement whether to send again (`judge`, `line`), and redirects (`redirect`).

mod attempt;
mod client;
mod guard;
mod judge;
mod line;
mod redirect;
mod trust;

use crate::address::AllowedAddresses;
use crate::credential::{Credential, KnownSecrets};
use crate::grant::{DenialReason, Grants, Permit, address_of};
use crate::transport::{Incoming, Outgoing, SendFailure, Transport};
use async_trait::async_trait;
pub use client::{Lookup, SystemLookup};
use exhibit_evidence::fetch::FetchError;
use exhibit_evidence::run::Limits;
use exhibit_evidence::time::Clock;
use line::{Delivery, Line};
use std::collections::BTreeMap;
use std::sync::Arc;
pub use trust::Trust;

/// Redirects that are followed for one request.
const REDIRECTS_MAX: usize = 5;

/// Bounds of one source's transport.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveLimits {
    /// Bytes of one body, decoded.
    pub body_bytes: u64,
    /// Bytes of all bodies, decoded: of every attempt, token requests included.
    pub received_bytes: u64,
    /// Attempts for one request.
    pub attempts: u32,
    /// Attempts for all requests, repetitions and token requests included.
    pub attempts_in_all: u64,
    /// Milliseconds until a connection stands.
    pub connect_timeout_ms: u64,
    /// Milliseconds for one attempt, from leaving to the body's last byte.
    pub attempt_timeout_ms: u64,
    /// The longest wait that a server may ask for, in milliseconds; a longer one is an error.
    pub wait_ms_max: u64,
    /// Upper bound of the first back-off; it doubles each time.
    pub back_off_ms: u64,
    /// Where doubling ends.
    pub back_off_ms_max: u64,
    /// Requests to one host at once.
    pub concurrency_per_host: usize,
    /// Requests to one host a second; 0 for no limit but the server's.
    pub requests_per_s: u32,
}

impl Default for LiveLimits {
    fn default() -> Self {
        Self::of(&Limits::default())
    }
}

impl LiveLimits {
    /// The transport's bounds for a run under these limits.
    pub fn of(limits: &Limits) -> Self {
        Self {
            body_bytes: limits.body_bytes,
            received_bytes: limits.received_bytes,
            attempts: 5,
            attempts_in_all: limits.requests.saturating_mul(2),
            connect_timeout_ms: 10_000,
            attempt_timeout_ms: 60_000,
            wait_ms_max: 5 * 60 * 1000,
            back_off_ms: 500,
            back_off_ms_max: 20_000,
            concurrency_per_host: 8,
            requests_per_s: 0,
        }
    }
}

/// What a [`LiveTransport`] is made of.
pub struct LiveOptions {
    /// What the source may do.
    pub grants: Grants,
    /// Its credentials, by slot.
    pub credentials: BTreeMap<String, Credential>,
    /// Addresses that it may reach beside public ones.
    pub allow_addresses: AllowedAddresses,
    /// Bounds.
    pub limits: LiveLimits,
    /// The system's authorities. A host has one of these for all of its transports.
    pub trust: Arc<Trust>,
    /// Authorities to trust beside the system's, as PEM.
    pub extra_ca_pem: Option<Vec<u8>>,
    /// The `User-Agent` of requests that set none.
    pub user_agent: String,
    /// What time it is, for signatures and tokens.
    pub clock: Arc<dyn Clock>,
    /// Finds addresses of names.
    pub lookup: Arc<dyn Lookup>,
}

impl LiveOptions {
    /// Options with no credentials, no further addresses and the default limits.
    pub fn new(grants: Grants, clock: Arc<dyn Clock>) -> Self {
        Self {
            grants,
            credentials: BTreeMap::new(),
            allow_addresses: AllowedAddresses::default(),
            limits: LiveLimits::default(),
            trust: Arc::default(),
            extra_ca_pem: None,
            user_agent: concat!("exhibit/", env!("CARGO_PKG_VERSION")).to_owned(),
            clock,
            lookup: Arc::new(SystemLookup),
        }
    }
}

/// Why a transport cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// The further authorities.
    #[error("the extra CA file cannot be used: {0}. It must be PEM")]
    ExtraCa(String),
    /// A credential that the connector does not declare.
    #[error(
        "source `{source_name}` has a credential `{slot}`, and its connector declares {declared}. Rename or remove it"
    )]
    UnusedCredential {
        /// The source.
        source_name: String,
        /// The slot.
        slot: String,
        /// Slots that there are.
        declared: String,
    },
    /// A scheme that the connector does not accept.
    #[error(
        "source `{source_name}`, credential `{slot}`: scheme `{scheme}` is not among those that the connector accepts: {accepted}"
    )]
    Scheme {
        /// The source.
        source_name: String,
        /// The slot.
        slot: String,
        /// The scheme configured.
        scheme: &'static str,
        /// Schemes that the connector accepts.
        accepted: String,
    },
    /// A token endpoint at a host that the slot may not be sent to.
    #[error("source `{source_name}`, credential `{slot}`, token_url {url}: {reason}")]
    TokenUrl {
        /// The source.
        source_name: String,
        /// The slot.
        slot: String,
        /// The endpoint.
        url: String,
        /// Why, and what would allow it.
        reason: Box<DenialReason>,
    },
}

/// The transport of one source.
pub struct LiveTransport {
    grants: Grants,
    credentials: BTreeMap<String, Credential>,
    own_headers: Vec<String>,
    line: Line,
}

impl LiveTransport {
    /// Checks the options and sets the clients up.
    pub fn new(options: LiveOptions) -> Result<Self, LiveError> {
        check_credentials(&options)?;
        let secrets = options.credentials.values().flat_map(|c| c.secrets().iter().cloned()).collect();
        let own_headers = options.credentials.values().flat_map(|c| c.scheme().own_headers()).collect();
        let line = Line::new(&options, KnownSecrets::new(secrets))?;
        Ok(Self { grants: options.grants, credentials: options.credentials, own_headers, line })
    }

    async fn send_checked(&self, request: &Outgoing) -> Result<Incoming, SendFailure> {
        let unsent = |error| SendFailure { error, attempts: 0 };
        guard::check(request, &self.own_headers).map_err(unsent)?;
        let mut permit = self.permit(request).map_err(unsent)?;
        let mut request = request.clone();
        let mut attempts = 0;
        for hop in 0..=REDIRECTS_MAX {
            let credential = self.credential_of(&request).map_err(unsent)?;
            let delivery = Delivery { request: &request, credential, repeatable: permit.repeatable };
            let (answer, made) = self.line.deliver(&delivery).await.map_err(|mut failure| {
                failure.attempts += attempts;
                failure
            })?;
            attempts += made;
            let landed = (hop > 0).then(|| request.url.clone());
            let (status, headers, body) = (answer.status, answer.headers, answer.body);
            let incoming = Incoming { status, headers, body, attempts, landed };
            let Some(next) =
                redirect::next(&request, &incoming).map_err(|error| SendFailure { error, attempts })?
            else {
                return Ok(incoming);
            };
            guard::check(&next, &self.own_headers).map_err(|error| SendFailure { error, attempts })?;
            permit = self.permit(&next).map_err(|mut error| {
                error.message = format!(
                    "redirected from {}: {}",
                    request.url.origin().ascii_serialization(),
                    error.message
                );
                SendFailure { error, attempts }
            })?;
            request = next;
        }
        let message = format!("{}: more than {REDIRECTS_MAX} redirects", address_of(&request.url));
        Err(SendFailure { error: FetchError::new("redirect", message, false), attempts })
    }

    fn permit(&self, request: &Outgoing) -> Result<Permit, FetchError> {
        self.grants.check(request).map_err(|denial| FetchError::new("denied", denial.to_string(), false))
    }

    fn credential_of(&self, request: &Outgoing) -> Result<Option<&Credential>, FetchError> {
        let Some(auth) = &request.auth else { return Ok(None) };
        let source = self.grants.source();
        let Some(credential) = self.credentials.get(&auth.slot) else {
            let slot = &auth.slot;
            let schemes = self.grants.schemes_of(slot).join(", ");
            let message = format!(
                "source `{source}` has no credential for slot `{slot}`. Add to the source: [credentials.{slot}] with scheme = one of {schemes}"
            );
            return Err(FetchError::new("credential", message, false));
        };
        let known = credential.scheme().params();
        if let Some((name, _)) = auth.params.iter().find(|(name, _)| !known.contains(&name.as_str())) {
            let message = format!(
                "credential `{}`: a connector may not choose `{}` with scheme {}{}",
                auth.slot,
                name.escape_debug(),
                credential.scheme_name(),
                if known.is_empty() {
                    String::new()
                } else {
                    format!("; it may choose {}", known.join(", "))
                }
            );
            return Err(FetchError::new("invalid-request", message, false));
        }
        Ok(Some(credential))
    }
}

fn check_credentials(options: &LiveOptions) -> Result<(), LiveError> {
    let slots = options.grants.slots();
    for (slot, credential) in &options.credentials {
        let source_name = options.grants.source().to_owned();
        if !slots.contains(&slot.as_str()) {
            let declared = if slots.is_empty() { "none".to_owned() } else { slots.join(", ") };
            return Err(LiveError::UnusedCredential { source_name, slot: slot.clone(), declared });
        }
        let accepted = options.grants.schemes_of(slot);
        let scheme = credential.scheme_name();
        if !accepted.contains(&scheme) {
            let accepted = accepted.join(", ");
            return Err(LiveError::Scheme { source_name, slot: slot.clone(), scheme, accepted });
        }
        if let Some(url) = credential.scheme().granted_endpoint() {
            options.grants.check_slot(slot, url.host_str().unwrap_or_default()).map_err(|reason| {
                LiveError::TokenUrl {
                    source_name,
                    slot: slot.clone(),
                    url: address_of(url),
                    reason: Box::new(reason),
                }
            })?;
        }
    }
    Ok(())
}

#[async_trait]
impl Transport for LiveTransport {
    async fn send(&self, request: &Outgoing) -> Result<Incoming, SendFailure> {
        self.send_checked(request).await.map_err(|mut failure| {
            // A server's words are in some messages.
            let (message, _) = self.scrub(failure.error.message.into_bytes());
            failure.error.message = String::from_utf8_lossy(&message).into_owned();
            failure
        })
    }

    fn scrub(&self, bytes: Vec<u8>) -> (Vec<u8>, bool) {
        self.line.known.scrub(bytes)
    }
}
