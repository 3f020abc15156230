//! Signed envelopes: DSSE 1.0 (<https://github.com/secure-systems-lab/dsse>), signed with Ed25519.
//!
//! ```json
//! {"payload":"<base64>","payloadType":"application/vnd.in-toto+json","signatures":[{"keyid":"<hex>","sig":"<base64>"}]}
//! ```
//!
//! The signature is over `DSSEv1 <len(type)> <type> <len(payload)> <payload>`, not over the JSON. The key id is
//! the SHA-256 of the key's DER `SubjectPublicKeyInfo`, a hint that nothing relies on.

use crate::key::{KeyError, SigningKey, VerifierKey};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use exhibit_evidence::canonical;
use serde::{Deserialize, Serialize};

/// Why an envelope cannot be made, read or trusted.
#[derive(Debug, thiserror::Error)]
pub enum EnvelopeError {
    /// The bytes are not the JSON of an envelope.
    #[error("this is not a DSSE envelope: {0}")]
    Json(#[from] serde_json::Error),
    /// A part of it is not base64.
    #[error("this is not a DSSE envelope: its {0} is not base64")]
    Base64(&'static str),
    /// It holds another type of payload.
    #[error("the envelope holds `{found}`, and should hold `{expected}`")]
    OtherType {
        /// Type in the envelope.
        found: String,
        /// Type that was expected.
        expected: String,
    },
    /// None of the expected keys has signed what it holds.
    #[error(
        "none of the envelope's {signatures} signatures is by an expected key ({expected}) over this content"
    )]
    Unsigned {
        /// Signatures in the envelope.
        signatures: usize,
        /// Keys that were tried.
        expected: String,
    },
    /// The key cannot be named.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The envelope has no canonical form.
    #[error(transparent)]
    Canonical(#[from] canonical::CanonicalError),
}

/// A payload, its type, and the signatures over both.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Envelope {
    payload_type: String,
    payload: Vec<u8>,
    signatures: Vec<(String, Vec<u8>)>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EnvelopeJson {
    payload: String,
    #[serde(rename = "payloadType")]
    payload_type: String,
    signatures: Vec<SignatureJson>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SignatureJson {
    #[serde(default)]
    keyid: String,
    sig: String,
}

/// The bytes that are signed: DSSE's pre-authentication encoding.
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut out = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    out.extend_from_slice(payload);
    out
}

impl Envelope {
    /// Signs `payload`.
    ///
    /// # Errors
    /// [`EnvelopeError::Key`], which a valid key does not give.
    pub fn sign(payload_type: &str, payload: Vec<u8>, key: &SigningKey) -> Result<Self, EnvelopeError> {
        let signature = key.sign(&pae(payload_type, &payload));
        let keyid = key.verifier().spki_digest()?.to_string();
        Ok(Self {
            payload_type: payload_type.to_owned(),
            payload,
            signatures: vec![(keyid, signature.to_vec())],
        })
    }

    /// Reads an envelope. Nothing in it is to be believed before [`Envelope::verify`].
    ///
    /// # Errors
    /// [`EnvelopeError::Json`], [`EnvelopeError::Base64`].
    pub fn parse(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        let json: EnvelopeJson = serde_json::from_slice(bytes)?;
        let decode = |text: &str, what| BASE64_STANDARD.decode(text).map_err(|_| EnvelopeError::Base64(what));
        let payload = decode(&json.payload, "payload")?;
        let mut signatures = Vec::with_capacity(json.signatures.len());
        for signature in json.signatures {
            signatures.push((signature.keyid, decode(&signature.sig, "signature")?));
        }
        Ok(Self { payload_type: json.payload_type, payload, signatures })
    }

    /// The envelope as one line of canonical JSON, without a newline.
    ///
    /// # Errors
    /// [`EnvelopeError::Canonical`], which strings alone do not give.
    pub fn to_bytes(&self) -> Result<Vec<u8>, EnvelopeError> {
        let signatures = self.signatures.iter().map(|(keyid, signature)| SignatureJson {
            keyid: keyid.clone(),
            sig: BASE64_STANDARD.encode(signature),
        });
        Ok(canonical::to_bytes(&EnvelopeJson {
            payload: BASE64_STANDARD.encode(&self.payload),
            payload_type: self.payload_type.clone(),
            signatures: signatures.collect(),
        })?)
    }

    /// The payload, where it is of this type and one of `keys` has signed it.
    ///
    /// # Errors
    /// [`EnvelopeError::OtherType`], [`EnvelopeError::Unsigned`].
    pub fn verify(&self, payload_type: &str, keys: &[VerifierKey]) -> Result<&[u8], EnvelopeError> {
        if self.payload_type != payload_type {
            return Err(EnvelopeError::OtherType {
                found: self.payload_type.chars().take(80).collect(),
                expected: payload_type.to_owned(),
            });
        }
        let message = pae(&self.payload_type, &self.payload);
        let is_signed =
            self.signatures.iter().any(|(_, sig)| keys.iter().any(|key| key.verify(&message, sig)));
        if is_signed {
            return Ok(&self.payload);
        }
        let expected: Vec<String> = keys.iter().map(|k| format!("{}+{}", k.name(), k.id())).collect();
        Err(EnvelopeError::Unsigned { signatures: self.signatures.len(), expected: expected.join(", ") })
    }

    /// The payload, believed by nobody.
    pub fn unverified_payload(&self) -> &[u8] {
        &self.payload
    }
}
