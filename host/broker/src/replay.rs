//! Answers from a recording instead of a network, and where a guest asked otherwise than it did then.

use crate::record::{Recording, request_digest};
use crate::transport::Outgoing;
use exhibit_evidence::digest::Digest;
use exhibit_evidence::exchange::{Answer, Exchange, ExchangeId};
use exhibit_evidence::fetch::FetchError;
use std::fmt;

/// Why an exchange could not be replayed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Divergence {
    /// The guest asks something else than it did then.
    Differs {
        /// The exchange.
        id: ExchangeId,
        /// Method and URL as recorded.
        recorded: String,
        /// Method and URL as asked now.
        asked: String,
        /// What differs: `method`, `url`, `headers`, `body`, `slot`, `params`.
        what: Vec<&'static str>,
    },
    /// The guest asks something that it did not ask then.
    Unrecorded {
        /// The exchange.
        id: ExchangeId,
        /// Method and URL as asked now.
        asked: String,
    },
    /// The body is not in the recording: disposed of, or withheld. The run is not re-performable.
    BodyMissing {
        /// The exchange.
        id: ExchangeId,
        /// The body's digest.
        body: Digest,
    },
    /// The body's bytes are not the recorded ones. The run is not re-performable.
    BodyDamaged {
        /// The exchange.
        id: ExchangeId,
        /// The digest as recorded.
        body: Digest,
        /// The digest of what was found.
        found: Digest,
    },
}

impl Divergence {
    /// Whether the recording lacks what it would take, so that the run is not re-performable; else the
    /// guest behaved otherwise than it did then.
    pub fn is_loss(&self) -> bool {
        matches!(self, Self::BodyMissing { .. } | Self::BodyDamaged { .. })
    }

    /// The exchange.
    pub fn exchange(&self) -> ExchangeId {
        match self {
            Self::Differs { id, .. }
            | Self::Unrecorded { id, .. }
            | Self::BodyMissing { id, .. }
            | Self::BodyDamaged { id, .. } => *id,
        }
    }
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Differs { id, recorded, asked, what } => {
                write!(
                    f,
                    "request {id} differs in {}: recorded {recorded}, asked {asked}",
                    what.join(" and ")
                )
            }
            Self::Unrecorded { id, asked } => {
                write!(f, "request {id} was not made in the recorded run: asked {asked}")
            }
            Self::BodyMissing { id, body } => write!(
                f,
                "not re-performable: the body of exchange {id}, sha256 {body}, is not in the recording"
            ),
            Self::BodyDamaged { id, body, found } => write!(
                f,
                "not re-performable: the body of exchange {id} should have sha256 {body}, but has {found}"
            ),
        }
    }
}

/// The recorded exchange of this name, and its body where it has one; or that the guest diverged.
pub(crate) fn answer(
    recording: &dyn Recording,
    id: ExchangeId,
    asked: &Outgoing,
) -> Result<(Exchange, Option<Vec<u8>>), Divergence> {
    let name = |method: &str, url: &str| format!("{method} {}", url.chars().take(500).collect::<String>());
    let Some(exchange) = recording.exchange(id) else {
        return Err(Divergence::Unrecorded { id, asked: name(&asked.method, asked.url.as_str()) });
    };
    if exchange.request != request_digest(asked, id.page) {
        return Err(Divergence::Differs {
            id,
            recorded: name(&exchange.method, &exchange.url),
            asked: name(&asked.method, asked.url.as_str()),
            what: differences(&exchange, asked),
        });
    }
    let Answer::Response { body: digest, .. } = exchange.answer else { return Ok((exchange, None)) };
    let Some(body) = recording.body(&digest) else {
        return Err(Divergence::BodyMissing { id, body: digest });
    };
    let found = Digest::of(&body);
    if found != digest {
        return Err(Divergence::BodyDamaged { id, body: digest, found });
    }
    Ok((exchange, Some(body)))
}

/// What the digests cannot tell: which part is another. Slot parameters are not kept, so they are what
/// differs when nothing else does.
fn differences(recorded: &Exchange, asked: &Outgoing) -> Vec<&'static str> {
    let slot = asked.auth.as_ref().map(|auth| &auth.slot);
    let body = asked.body.as_ref().map(Digest::of);
    let parts = [
        ("method", recorded.method != asked.method),
        ("url", recorded.url != asked.url.as_str()),
        ("headers", recorded.request_headers != asked.headers),
        ("body", recorded.request_body != body),
        ("slot", recorded.slot.as_ref() != slot),
    ];
    let mut what: Vec<&'static str> =
        parts.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect();
    if what.is_empty() {
        what.push("params");
    }
    what
}

/// What a guest is told of a divergence.
pub(crate) fn error(divergence: &Divergence) -> FetchError {
    FetchError::new("replay", divergence.to_string(), false)
}
