//! What a leaf of the log says: an in-toto Statement v1
//! (<https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md>) in a DSSE envelope.
//!
//! The subject names a document by its digest (a run's manifest, a seal, an uploaded file); the predicate says
//! what happened to it, in canonical JSON. The predicate's type is `urn:exhibit:leaf:<word>:<version>`.
//!
//! A leaf is under 64 KiB. Whatever is larger is a document beside the log, and its digest is in the leaf.

use crate::dsse::{Envelope, EnvelopeError};
use crate::key::{SigningKey, VerifierKey};
use crate::tile::MAX_ENTRY_BYTES;
use exhibit_evidence::canonical::{self, Value};
use exhibit_evidence::digest::Digest;
use serde::{Deserialize, Serialize};
use std::fmt;

/// `_type` of the statement.
pub const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
/// `payloadType` of the envelope.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
/// Bytes of the largest leaf, its envelope included: what an entry bundle can hold.
pub const MAX_LEAF_BYTES: usize = MAX_ENTRY_BYTES;

/// What kind of thing a leaf states.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum LeafKind {
    /// A source was run. Subject: the run's manifest.
    Run,
    /// A collection period passed unfilled. Subject: the control's file.
    Missed,
    /// A person attached a file. Subject: the file.
    Upload,
    /// A person approved a component and its grants. Subject: the component.
    Approval,
    /// Settings, controls or schedule changed. Subject: the new ones.
    Settings,
    /// The signing key changed. Subject: the new key.
    KeyRotation,
    /// An audit period was closed. Subject: the seal.
    Seal,
    /// Evidence came after a seal. Subject: the addendum.
    Addendum,
    /// A retention bucket's key was destroyed. Subject: the list of what went with it.
    Disposal,
    /// The host started, stopped, exported, restored. Subject: what it acted on.
    Host,
}

impl LeafKind {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::Run,
        Self::Missed,
        Self::Upload,
        Self::Approval,
        Self::Settings,
        Self::KeyRotation,
        Self::Seal,
        Self::Addendum,
        Self::Disposal,
        Self::Host,
    ];

    /// Its word: `run`, `key-rotation`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Missed => "missed",
            Self::Upload => "upload",
            Self::Approval => "approval",
            Self::Settings => "settings",
            Self::KeyRotation => "key-rotation",
            Self::Seal => "seal",
            Self::Addendum => "addendum",
            Self::Disposal => "disposal",
            Self::Host => "host",
        }
    }

    /// The predicate type that is written today: `urn:exhibit:leaf:run:1`.
    pub fn predicate_type(self) -> String {
        format!("urn:exhibit:leaf:{}:1", self.word())
    }
}

impl fmt::Display for LeafKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// Why a statement cannot be made, read or trusted.
#[derive(Debug, thiserror::Error)]
pub enum StatementError {
    /// A statement is about something.
    #[error("a {0} statement needs a subject: name what it is about, and give its digest")]
    NoSubject(LeafKind),
    /// It does not fit a leaf.
    #[error(
        "the {kind} statement makes a leaf of {bytes} bytes, and a leaf holds {MAX_LEAF_BYTES}: put the details into a document, and its digest into the statement"
    )]
    TooLarge {
        /// What it states.
        kind: LeafKind,
        /// Bytes of the leaf.
        bytes: usize,
    },
    /// The envelope is not to be trusted, or not one.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// The payload is not a statement.
    #[error("the leaf's payload is not an in-toto statement in canonical JSON: {0}")]
    Payload(#[from] canonical::CanonicalError),
    /// The payload is canonical JSON, and no statement.
    #[error("the leaf's payload is not an in-toto statement: {0}")]
    Json(#[from] serde_json::Error),
    /// The statement is of another version.
    #[error("the leaf holds a statement of type `{found}`, and this version reads {STATEMENT_TYPE} alone")]
    OtherStatement {
        /// Its type.
        found: String,
    },
    /// The predicate is of a type that this version does not know.
    #[error(
        "the leaf holds a predicate `{found}`, which this version of Exhibit does not know: a newer one wrote it"
    )]
    UnknownPredicate {
        /// Its type.
        found: String,
    },
}

/// What a statement is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Subject {
    /// Its name: a path in the store or package, or a connector's name and version.
    pub name: String,
    /// SHA-256 of its bytes.
    pub digest: Digest,
}

/// What a leaf says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Statement {
    /// What kind of thing it states.
    pub kind: LeafKind,
    /// What it is about; at least one.
    pub subjects: Vec<Subject>,
    /// What happened. An object.
    pub predicate: Value,
}

#[derive(Serialize, Deserialize)]
struct StatementJson {
    #[serde(rename = "_type")]
    statement_type: String,
    subject: Vec<SubjectJson>,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    predicate: Value,
}

#[derive(Serialize, Deserialize)]
struct SubjectJson {
    name: String,
    digest: DigestSet,
}

#[derive(Serialize, Deserialize)]
struct DigestSet {
    sha256: Digest,
}

impl Statement {
    /// A statement about one document.
    pub fn new(kind: LeafKind, name: impl Into<String>, digest: Digest, predicate: Value) -> Self {
        Self { kind, subjects: vec![Subject { name: name.into(), digest }], predicate }
    }

    /// The statement as canonical JSON.
    ///
    /// # Errors
    /// [`StatementError::NoSubject`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, StatementError> {
        if self.subjects.is_empty() {
            return Err(StatementError::NoSubject(self.kind));
        }
        let subject =
            |s: &Subject| SubjectJson { name: s.name.clone(), digest: DigestSet { sha256: s.digest } };
        Ok(canonical::to_bytes(&StatementJson {
            statement_type: STATEMENT_TYPE.to_owned(),
            subject: self.subjects.iter().map(subject).collect(),
            predicate_type: self.kind.predicate_type(),
            predicate: self.predicate.clone(),
        })?)
    }

    /// Reads a statement, an envelope's payload.
    ///
    /// # Errors
    /// [`StatementError`].
    pub fn parse(payload: &[u8]) -> Result<Self, StatementError> {
        // By way of `Value`, which refuses a key that stands twice.
        let json: StatementJson = serde_json::from_slice(&Value::parse(payload)?.to_bytes())?;
        if json.statement_type != STATEMENT_TYPE {
            return Err(StatementError::OtherStatement { found: json.statement_type });
        }
        let kind = LeafKind::ALL.into_iter().find(|kind| kind.predicate_type() == json.predicate_type);
        let kind = kind.ok_or(StatementError::UnknownPredicate { found: json.predicate_type })?;
        if json.subject.is_empty() {
            return Err(StatementError::NoSubject(kind));
        }
        let subjects = json.subject.into_iter().map(|s| Subject { name: s.name, digest: s.digest.sha256 });
        Ok(Self { kind, subjects: subjects.collect(), predicate: json.predicate })
    }

    /// The leaf: the signed envelope, as the log's entry.
    ///
    /// # Errors
    /// [`StatementError::TooLarge`], [`StatementError::NoSubject`].
    pub fn to_leaf(&self, key: &SigningKey) -> Result<Vec<u8>, StatementError> {
        let leaf = Envelope::sign(PAYLOAD_TYPE, self.to_bytes()?, key)?.to_bytes()?;
        if leaf.len() > MAX_LEAF_BYTES {
            return Err(StatementError::TooLarge { kind: self.kind, bytes: leaf.len() });
        }
        Ok(leaf)
    }

    /// What a leaf says, where one of `keys` has signed it.
    ///
    /// # Errors
    /// [`StatementError`].
    pub fn from_leaf(leaf: &[u8], keys: &[VerifierKey]) -> Result<Self, StatementError> {
        Self::parse(Envelope::parse(leaf)?.verify(PAYLOAD_TYPE, keys)?)
    }

    /// What a leaf says, whoever signed it: for listing a log whose checkpoint already vouches for it.
    ///
    /// # Errors
    /// [`StatementError`].
    pub fn from_leaf_unverified(leaf: &[u8]) -> Result<Self, StatementError> {
        Self::parse(Envelope::parse(leaf)?.unverified_payload())
    }

    /// The first subject.
    pub fn subject(&self) -> Option<&Subject> {
        self.subjects.first()
    }
}
