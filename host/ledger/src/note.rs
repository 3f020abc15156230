//! Signed notes: text and the signatures under it, by C2SP `signed-note` (<https://c2sp.org/signed-note>).
//!
//! ```text
//! text, one or more lines
//!
//! — <key name> <base64 of key id and signature>
//! ```
//!
//! Signatures by keys that the reader does not know are kept and ignored: that is how keys rotate and
//! witnesses cosign.

use crate::key::{KeyId, SigningKey, VerifierKey, check_name};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

/// Longer notes are refused: the bound of Go's reader.
const MAX_NOTE_BYTES: usize = 1_000_000;
/// More signatures are refused.
const MAX_SIGNATURES: usize = 100;

/// Why a note cannot be read, made or trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// The bytes have not the form of a note.
    #[error("this is not a signed note: {0}")]
    Form(&'static str),
    /// A line among the signatures is not one.
    #[error("line {line} of the note's signatures is not `— <key name> <base64>`")]
    SignatureLine {
        /// Which of them, from 1.
        line: usize,
    },
    /// None of the keys that were asked for has signed.
    #[error("the note is signed by {found}, and by none of the expected keys ({expected})")]
    NoKnownKey {
        /// Who signed.
        found: String,
        /// Who should have.
        expected: String,
    },
    /// A known key's signature does not fit the text.
    #[error("the signature of {name}+{id} does not fit the text: the note was altered")]
    Invalid {
        /// The key's name.
        name: String,
        /// The key's id.
        id: KeyId,
    },
}

/// One signature under a note.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NoteSignature {
    /// The signing key's name.
    pub name: String,
    /// The signing key's id.
    pub id: KeyId,
    /// The signature; 64 bytes where the key is an Ed25519 one.
    pub bytes: Vec<u8>,
}

/// A text and the signatures under it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

impl Note {
    /// A note of `text`, which ends with a newline, signed by these keys.
    ///
    /// # Errors
    /// [`NoteError::Form`] where the text cannot stand in a note.
    pub fn sign(text: &str, keys: &[&SigningKey]) -> Result<Self, NoteError> {
        check_text(text)?;
        let signatures = keys
            .iter()
            .map(|key| NoteSignature {
                name: key.verifier().name().to_owned(),
                id: key.verifier().id(),
                bytes: key.sign(text.as_bytes()).to_vec(),
            })
            .collect();
        Ok(Self { text: text.to_owned(), signatures })
    }

    /// Reads a note. Nothing in it is to be believed before [`Note::verify`].
    ///
    /// # Errors
    /// [`NoteError::Form`], [`NoteError::SignatureLine`].
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        if bytes.len() > MAX_NOTE_BYTES {
            return Err(NoteError::Form("it is longer than 1,000,000 bytes"));
        }
        let whole = str::from_utf8(bytes).map_err(|_| NoteError::Form("it is not UTF-8"))?;
        // The last blank line parts text and signatures: the text may hold blank lines of its own.
        let break_at = whole.rfind("\n\n").ok_or(NoteError::Form("no blank line before signatures"))?;
        let (text, signatures) = (&whole[..=break_at], &whole[break_at + 2..]);
        check_text(text)?;
        let signatures = signatures.strip_suffix('\n').ok_or(NoteError::Form("its last line has no end"))?;
        let mut parsed = Vec::new();
        for (line, text) in (1..).zip(signatures.split('\n')) {
            if line > MAX_SIGNATURES {
                return Err(NoteError::Form("it has more than 100 signatures"));
            }
            parsed.push(read_signature(text).ok_or(NoteError::SignatureLine { line })?);
        }
        Ok(Self { text: text.to_owned(), signatures: parsed })
    }

    /// The signed text, with its last newline.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signatures, verified or not, in their order.
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// Adds a signature that was made elsewhere, a witness's for example.
    pub fn add_signature(&mut self, signature: NoteSignature) {
        self.signatures.retain(|s| (&s.name, s.id) != (&signature.name, signature.id));
        self.signatures.push(signature);
    }

    /// Which of `keys` have signed this text.
    ///
    /// # Errors
    /// [`NoteError::NoKnownKey`] where none has, [`NoteError::Invalid`] where a signature claims to be by one
    /// of them and is not.
    pub fn verify<'k>(&self, keys: &'k [VerifierKey]) -> Result<Vec<&'k VerifierKey>, NoteError> {
        let mut signed: Vec<&VerifierKey> = Vec::new();
        for signature in &self.signatures {
            let is_theirs = |key: &&VerifierKey| key.name() == signature.name && key.id() == signature.id;
            let Some(key) = keys.iter().find(is_theirs) else { continue };
            if !key.verify(self.text.as_bytes(), &signature.bytes) {
                return Err(NoteError::Invalid { name: signature.name.clone(), id: signature.id });
            }
            if !signed.contains(&key) {
                signed.push(key);
            }
        }
        if signed.is_empty() {
            let found = self.signatures.iter().map(|s| format!("{}+{}", s.name, s.id)).collect::<Vec<_>>();
            let expected = keys.iter().map(|k| format!("{}+{}", k.name(), k.id())).collect::<Vec<_>>();
            let join = |list: Vec<String>| if list.is_empty() { "nobody".into() } else { list.join(", ") };
            return Err(NoteError::NoKnownKey { found: join(found), expected: join(expected) });
        }
        Ok(signed)
    }

    /// The bytes of the note, as they are stored and sent.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = self.text.clone();
        out.push('\n');
        for signature in &self.signatures {
            let bytes = [signature.id.0.as_slice(), &signature.bytes].concat();
            out.push_str(&format!("— {} {}\n", signature.name, BASE64_STANDARD.encode(bytes)));
        }
        out.into_bytes()
    }
}

fn check_text(text: &str) -> Result<(), NoteError> {
    if text.len() > MAX_NOTE_BYTES {
        return Err(NoteError::Form("it is longer than 1,000,000 bytes"));
    }
    if !text.ends_with('\n') {
        return Err(NoteError::Form("its text does not end with a newline"));
    }
    if text.bytes().any(|b| b < 0x20 && b != b'\n') {
        return Err(NoteError::Form("its text has a control character"));
    }
    Ok(())
}

fn read_signature(line: &str) -> Option<NoteSignature> {
    let (name, encoded) = line.strip_prefix("— ")?.split_once(' ')?;
    check_name(name).ok()?;
    let bytes = BASE64_STANDARD.decode(encoded).ok()?;
    let (id, bytes) = bytes.split_first_chunk::<4>()?;
    (!bytes.is_empty()).then(|| NoteSignature {
        name: name.to_owned(),
        id: KeyId(*id),
        bytes: bytes.to_vec(),
    })
}
