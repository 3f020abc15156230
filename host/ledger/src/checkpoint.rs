//! Checkpoints: a log's signed head, by C2SP `tlog-checkpoint` (<https://c2sp.org/tlog-checkpoint>).
//!
//! ```text
//! evidence.example.com/ledger
//! 20852163
//! CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
//!
//! — evidence.example.com/ledger Az3grlgt…
//! ```
//!
//! The origin is the name of the key that signs.

use crate::key::{SigningKey, VerifierKey};
use crate::note::{Note, NoteError, NoteSignature};
use crate::tree::TreeHead;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use exhibit_evidence::digest::Digest;

/// Why a checkpoint cannot be read, made or trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The note is not one, or is not signed as expected.
    #[error("the checkpoint: {0}")]
    Note(#[from] NoteError),
    /// The note's text is not that of a checkpoint.
    #[error("the checkpoint's text is not an origin, a size and a root, one a line: {0}")]
    Form(&'static str),
    /// The checkpoint is of another log.
    #[error("the checkpoint is of the log `{found}`, and should be of `{expected}`")]
    OtherLog {
        /// Origin in the checkpoint.
        found: String,
        /// Origin that was expected.
        expected: String,
    },
}

/// A log's head with the log's name and the signatures under them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Checkpoint {
    origin: String,
    head: TreeHead,
    note: Note,
}

impl Checkpoint {
    /// Signs `head` as the log that `key` is named after.
    ///
    /// Never sign two roots for one size: the caller holds what was signed before.
    ///
    /// # Errors
    /// [`CheckpointError::Note`], which a key with a valid name does not give.
    pub fn sign(head: TreeHead, key: &SigningKey) -> Result<Self, CheckpointError> {
        let origin = key.verifier().name().to_owned();
        let root = BASE64_STANDARD.encode(head.root.as_bytes());
        let note = Note::sign(&format!("{origin}\n{}\n{root}\n", head.size), &[key])?;
        Ok(Self { origin, head, note })
    }

    /// Reads a checkpoint. Nothing in it is to be believed before [`Checkpoint::verify`].
    ///
    /// # Errors
    /// [`CheckpointError::Note`], [`CheckpointError::Form`].
    pub fn parse(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let note = Note::parse(bytes)?;
        let mut lines = note.text().split_terminator('\n');
        let mut line = |missing| lines.next().filter(|l| !l.is_empty()).ok_or(CheckpointError::Form(missing));
        let origin = line("the origin is missing")?.to_owned();
        let size_text = line("the size is missing")?;
        let root_text = line("the root is missing")?;
        if lines.any(str::is_empty) {
            return Err(CheckpointError::Form("an extension line is empty"));
        }
        let size: u64 = size_text
            .parse()
            .ok()
            .filter(|size: &u64| size.to_string() == size_text)
            .ok_or(CheckpointError::Form("the size is not a plain decimal number"))?;
        let root = BASE64_STANDARD
            .decode(root_text)
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or(CheckpointError::Form("the root is not 32 bytes in base64"))?;
        Ok(Self { origin, head: TreeHead { size, root: Digest(root) }, note })
    }

    /// Reads a checkpoint of the log `origin` that at least one of `keys` has signed.
    ///
    /// # Errors
    /// [`CheckpointError`].
    pub fn open(bytes: &[u8], origin: &str, keys: &[VerifierKey]) -> Result<Self, CheckpointError> {
        let checkpoint = Self::parse(bytes)?;
        checkpoint.verify(origin, keys)?;
        Ok(checkpoint)
    }

    /// Checks that it is of the log `origin`, and signed by a key of that name among `keys`. Answers with the
    /// keys that have signed, witnesses among them.
    ///
    /// # Errors
    /// [`CheckpointError::OtherLog`], [`CheckpointError::Note`].
    pub fn verify<'k>(
        &self,
        origin: &str,
        keys: &'k [VerifierKey],
    ) -> Result<Vec<&'k VerifierKey>, CheckpointError> {
        if self.origin != origin {
            return Err(CheckpointError::OtherLog {
                found: self.origin.clone(),
                expected: origin.to_owned(),
            });
        }
        let signed = self.note.verify(keys)?;
        if !signed.iter().any(|key| key.name() == origin) {
            let list = |keys: &mut dyn Iterator<Item = &VerifierKey>| {
                keys.map(|k| format!("{}+{}", k.name(), k.id())).collect::<Vec<_>>().join(", ")
            };
            let found = list(&mut signed.iter().copied());
            let expected = format!("a key named {origin}");
            return Err(NoteError::NoKnownKey { found, expected }.into());
        }
        Ok(signed)
    }

    /// The log's name.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Size and root.
    pub fn head(&self) -> &TreeHead {
        &self.head
    }

    /// The note: text and signatures.
    pub fn note(&self) -> &Note {
        &self.note
    }

    /// Adds a signature that was made elsewhere: a witness's, or a second key's while keys rotate.
    pub fn add_signature(&mut self, signature: NoteSignature) {
        self.note.add_signature(signature);
    }

    /// The bytes of the file `checkpoint`.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.note.to_bytes()
    }
}
