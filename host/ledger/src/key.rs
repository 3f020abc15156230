//! The ledger's Ed25519 keys, in the text forms of C2SP `signed-note`:
//! `PRIVATE+KEY+<name>+<hash>+<base64>` for the signer, `<name>+<hash>+<base64>` for the verifier.
//!
//! The name is the log's origin. The hash is the first four bytes of SHA-256(name ‖ 0x0A ‖ 0x01 ‖ public key),
//! in hex; the base64 holds 0x01 (Ed25519) and the 32 bytes of the key.
//!
//! Own code rather than the crate `signed_note` (which the tests use as an oracle): that one keeps the private
//! key in plain strings and byte vectors that are never wiped, and says only "malformed" to every fault.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ed25519_dalek::pkcs8::EncodePublicKey as _;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::{Signature, Signer as _, VerifyingKey};
use exhibit_evidence::digest::Digest;
use exhibit_evidence::secret::Secret;
use serde::{Deserialize, Serialize};
use sha2::Digest as _;
use std::fmt;
use std::str::FromStr;
use zeroize::Zeroizing;

/// The signature type byte of Ed25519.
const ED25519: u8 = 0x01;
const PRIVATE: &str = "PRIVATE+KEY+";

/// Why a text is not a key. Never repeats the text: it may be a private one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The name cannot be written into a note.
    #[error(
        "`{0}` cannot name a log: use a non-empty name without white space or `+`, for example evidence.example.com/ledger"
    )]
    Name(String),
    /// The text has not the form of a key.
    #[error("this is not a {form}: write it as {form_example}, on one line")]
    Form {
        /// Which key was expected.
        form: &'static str,
        /// How it is written.
        form_example: &'static str,
    },
    /// The key is of a type that is not known here.
    #[error("the key of `{name}` is of type {algorithm}, and only Ed25519 (type 1) is known here")]
    Algorithm {
        /// Name in the key.
        name: String,
        /// Its type byte.
        algorithm: u8,
    },
    /// The hash in the key is not that of its name and bytes.
    #[error(
        "the key of `{name}` says {written} and its content hashes to {computed}: the text was altered or cut"
    )]
    Hash {
        /// Name in the key.
        name: String,
        /// Hash as written.
        written: String,
        /// Hash as computed.
        computed: KeyId,
    },
    /// The bytes are no point on the curve.
    #[error("the key of `{0}` is not an Ed25519 public key")]
    Point(String),
    /// A PEM form could not be made.
    #[error("the key of `{0}` cannot be written as PEM")]
    Pem(String),
}

/// The four bytes that tell a note's signatures apart. Written as eight hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId(pub [u8; 4]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn key_id(name: &str, key: &VerifyingKey) -> KeyId {
    let hash = sha2::Sha256::new()
        .chain_update(name)
        .chain_update([b'\n', ED25519])
        .chain_update(key.as_bytes())
        .finalize();
    KeyId([hash[0], hash[1], hash[2], hash[3]])
}

pub(crate) fn check_name(name: &str) -> Result<(), KeyError> {
    // Control characters cannot stand in a note at all.
    let bad = |c: char| c.is_whitespace() || c.is_control() || c == '+';
    if name.is_empty() || name.len() > 256 || name.contains(bad) {
        return Err(KeyError::Name(name.chars().take(80).collect()));
    }
    Ok(())
}

/// A private key that signs checkpoints and statements. Wiped when dropped, prints as `***`.
pub struct SigningKey {
    key: ed25519_dalek::SigningKey,
    verifier: VerifierKey,
}

impl SigningKey {
    /// The key named `name` that grows from 32 random bytes (an RFC 8032 secret key).
    ///
    /// # Errors
    /// [`KeyError::Name`].
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, KeyError> {
        check_name(name)?;
        let key = ed25519_dalek::SigningKey::from_bytes(seed);
        let verifier = VerifierKey::from_point(name, key.verifying_key());
        Ok(Self { key, verifier })
    }

    /// Reads the signer's text.
    ///
    /// # Errors
    /// [`KeyError`], which never repeats the text.
    pub fn from_text(text: &Secret) -> Result<Self, KeyError> {
        let form = KeyError::Form { form: "signer key", form_example: "PRIVATE+KEY+<name>+<hash>+<base64>" };
        let rest = text.expose().trim_end().strip_prefix(PRIVATE).ok_or_else(|| form.clone())?;
        let (name, written, bytes) = split_key(rest).ok_or_else(|| form.clone())?;
        let seed = Zeroizing::new(ed25519_bytes(name, &bytes)?.ok_or(form)?);
        let key = Self::from_seed(name, &seed)?;
        key.verifier.check_hash(written)?;
        Ok(key)
    }

    /// The signer's text, to be encrypted before it is stored.
    pub fn to_text(&self) -> Secret {
        let mut bytes = Zeroizing::new([0; 33]);
        bytes[0] = ED25519;
        bytes[1..].copy_from_slice(self.key.as_bytes());
        let encoded = Zeroizing::new(BASE64_STANDARD.encode(*bytes));
        let VerifierKey { name, id, .. } = &self.verifier;
        // Room for all of it at once: a string that grows leaves copies behind.
        let mut text = String::with_capacity(PRIVATE.len() + name.len() + 2 + 8 + encoded.len());
        for part in [PRIVATE, name, "+", &id.to_string(), "+", &encoded] {
            text.push_str(part);
        }
        Secret::new(text)
    }

    /// The key that checks this one's signatures.
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// The Ed25519 signature over `message`, 64 bytes.
    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign(message).to_bytes()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({} ***)", self.verifier.name)
    }
}

/// A public key. Its text form is what an auditor obtains elsewhere and pins.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    id: KeyId,
    point: VerifyingKey,
}

impl VerifierKey {
    fn from_point(name: &str, point: VerifyingKey) -> Self {
        Self { name: name.to_owned(), id: key_id(name, &point), point }
    }

    /// The name: the origin of the log that it signs.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The id that its signatures in a note carry.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The 32 bytes of the public key.
    pub fn public_bytes(&self) -> &[u8; 32] {
        self.point.as_bytes()
    }

    /// The public key as PEM `SubjectPublicKeyInfo` (RFC 8410), as `openssl pkeyutl -verify -pubin` reads it.
    ///
    /// # Errors
    /// [`KeyError::Pem`], which a 32-byte key does not give.
    pub fn to_pem(&self) -> Result<String, KeyError> {
        self.point.to_public_key_pem(LineEnding::LF).map_err(|_| KeyError::Pem(self.name.clone()))
    }

    /// SHA-256 over the DER `SubjectPublicKeyInfo`: the key's id in DSSE envelopes.
    ///
    /// # Errors
    /// [`KeyError::Pem`], which a 32-byte key does not give.
    pub fn spki_digest(&self) -> Result<Digest, KeyError> {
        let der = self.point.to_public_key_der().map_err(|_| KeyError::Pem(self.name.clone()))?;
        Ok(Digest::of(der.as_bytes()))
    }

    /// Whether `signature` is this key's over `message`. Refuses weak keys and malleable signatures.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        Signature::from_slice(signature).is_ok_and(|s| self.point.verify_strict(message, &s).is_ok())
    }

    fn check_hash(&self, written: &str) -> Result<(), KeyError> {
        if self.id.to_string() == written {
            return Ok(());
        }
        let written = written.chars().take(16).collect();
        Err(KeyError::Hash { name: self.name.clone(), written, computed: self.id })
    }
}

impl FromStr for VerifierKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let form = KeyError::Form { form: "verifier key", form_example: "<name>+<hash>+<base64>" };
        // Were it a private key, its parts would be shifted, and an error might repeat some.
        if text.starts_with(PRIVATE) {
            return Err(form);
        }
        let (name, written, bytes) = split_key(text.trim_end()).ok_or_else(|| form.clone())?;
        check_name(name)?;
        let bytes = ed25519_bytes(name, &bytes)?.ok_or(form)?;
        let point = VerifyingKey::from_bytes(&bytes).map_err(|_| KeyError::Point(name.to_owned()))?;
        let key = Self::from_point(name, point);
        key.check_hash(written)?;
        Ok(key)
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = vec![ED25519];
        bytes.extend_from_slice(self.point.as_bytes());
        write!(f, "{}+{}+{}", self.name, self.id, BASE64_STANDARD.encode(bytes))
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifierKey({self})")
    }
}

impl Serialize for VerifierKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for VerifierKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// `<name>+<hash>+<base64>` as its three parts, the last decoded.
fn split_key(text: &str) -> Option<(&str, &str, Zeroizing<Vec<u8>>)> {
    // Base64 may hold `+` too, names and hashes may not.
    let mut parts = text.splitn(3, '+');
    let (name, hash, encoded) = (parts.next()?, parts.next()?, parts.next()?);
    let mut bytes = Zeroizing::new(vec![0; base64::decoded_len_estimate(encoded.len())]);
    let length = BASE64_STANDARD.decode_slice(encoded, &mut bytes).ok()?;
    bytes.truncate(length);
    Some((name, hash, bytes))
}

/// The 32 bytes behind the type byte; `Ok(None)` where the length is wrong.
fn ed25519_bytes(name: &str, bytes: &[u8]) -> Result<Option<[u8; 32]>, KeyError> {
    match bytes.split_first() {
        Some((&ED25519, key)) => Ok(key.try_into().ok()),
        Some((&algorithm, _)) => {
            Err(KeyError::Algorithm { name: name.chars().take(80).collect(), algorithm })
        }
        None => Ok(None),
    }
}
