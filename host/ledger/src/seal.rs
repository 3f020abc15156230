//! The closing of an audit period: which collection periods were expected, and what became of each.
//!
//! A [`Seal`] is a document of its own, canonical JSON on one line, because half a year of daily controls has
//! thousands of slots; its leaf carries the document's digest and the counts. Evidence that comes later is an
//! [`Addendum`] that names the seal, never an edit.

use crate::statement::{LeafKind, Statement};
use crate::tree::TreeHead;
use exhibit_evidence::canonical::{self, CanonicalError, Value};
use exhibit_evidence::control::ControlId;
use exhibit_evidence::digest::Digest;
use exhibit_evidence::period::{AuditPeriod, CollectionPeriod};
use exhibit_evidence::run::RunId;
use exhibit_evidence::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Version of the documents' form.
pub const SEAL_FORMAT: u32 = 1;

/// What became of an expected collection period.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A complete run filled it in time. Zero records from a complete run fill it too.
    Filled,
    /// Only partial runs filled it.
    Partial,
    /// Every run that should have filled it failed.
    Failed,
    /// No run was made for it.
    Missed,
    /// It was filled after its close and grace.
    Late,
}

impl Outcome {
    /// Its word, as it is written.
    pub fn word(self) -> &'static str {
        match self {
            Self::Filled => "filled",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Missed => "missed",
            Self::Late => "late",
        }
    }
}

/// One expected collection period of one control.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slot {
    /// The control.
    pub control: ControlId,
    /// The period.
    pub period: CollectionPeriod,
    /// What became of it.
    pub outcome: Outcome,
    /// What is missing, or why; none where it is filled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The runs that filled it or should have, in order of time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<RunId>,
    /// The leaves of the files that people attached to it, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uploads: Vec<u64>,
}

/// Why a document is not a seal or an addendum.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// It has no canonical form, or is not in it.
    #[error("the {document} is not canonical JSON: {source}")]
    Canonical {
        /// Which document.
        document: &'static str,
        /// Why.
        source: CanonicalError,
    },
    /// It is not the document.
    #[error("the {document} cannot be read: {source}")]
    Json {
        /// Which document.
        document: &'static str,
        /// Why.
        source: serde_json::Error,
    },
    /// Its bytes are not the ones that were digested.
    #[error("the {0} is not in canonical form: its bytes were rewritten")]
    Rewritten(&'static str),
    /// It is of another form.
    #[error("the {document} has format {found}, and this version of Exhibit reads {SEAL_FORMAT}")]
    Format {
        /// Which document.
        document: &'static str,
        /// Its format.
        found: u32,
    },
    /// One slot is listed twice, or out of order.
    #[error("{control} {period} is listed twice or out of order")]
    Order {
        /// The control.
        control: ControlId,
        /// The period.
        period: CollectionPeriod,
    },
}

/// The closing of an audit period.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seal {
    /// [`SEAL_FORMAT`].
    pub format: u32,
    /// The period.
    pub period: AuditPeriod,
    /// When it was closed.
    pub sealed_at: Timestamp,
    /// Made under a simulated clock against made-up systems. Such a seal proves nothing about anyone.
    pub simulated: bool,
    /// Entries in the log before the seal's own leaf.
    pub tree_size: u64,
    /// Merkle root over them.
    pub root: Digest,
    /// Every expected collection period, by control and then period; each once.
    pub controls: Vec<Slot>,
}

impl Seal {
    /// Closes `period` over the log as it is at `head`. Sorts the slots.
    ///
    /// # Errors
    /// [`SealError::Order`] where a slot is given twice.
    pub fn new(
        period: AuditPeriod,
        sealed_at: Timestamp,
        simulated: bool,
        head: &TreeHead,
        slots: Vec<Slot>,
    ) -> Result<Self, SealError> {
        let controls = sorted(slots)?;
        Ok(Self {
            format: SEAL_FORMAT,
            period,
            sealed_at,
            simulated,
            tree_size: head.size,
            root: head.root,
            controls,
        })
    }

    /// The document: one canonical line without a newline.
    ///
    /// # Errors
    /// [`SealError::Canonical`], for a log of more than 2^53 entries.
    pub fn to_bytes(&self) -> Result<Vec<u8>, SealError> {
        canonical::to_bytes(self).map_err(|source| SealError::Canonical { document: "seal", source })
    }

    /// SHA-256 of the document.
    ///
    /// # Errors
    /// As [`Seal::to_bytes`].
    pub fn digest(&self) -> Result<Digest, SealError> {
        self.to_bytes().map(Digest::of)
    }

    /// Reads the document.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, SealError> {
        let seal: Self = read("seal", bytes)?;
        check("seal", seal.format, &seal.controls)?;
        Ok(seal)
    }

    /// The head that it closes over.
    pub fn head(&self) -> TreeHead {
        TreeHead { size: self.tree_size, root: self.root }
    }

    /// How many slots came to which outcome.
    pub fn counts(&self) -> BTreeMap<Outcome, u64> {
        count(&self.controls)
    }

    /// The statement for the log, about the document at `path`.
    ///
    /// # Errors
    /// As [`Seal::to_bytes`].
    pub fn statement(&self, path: &str) -> Result<Statement, SealError> {
        let predicate = object([
            ("counts", counts_value(&self.counts())),
            ("period", text(self.period.name())),
            ("root", text(&self.root.to_string())),
            ("sealed_at", text(&self.sealed_at.to_string())),
            ("simulated", Value::Bool(self.simulated)),
            ("tree_size", number(self.tree_size)),
        ]);
        Ok(Statement::new(LeafKind::Seal, path, self.digest()?, predicate))
    }
}

/// What changed after a seal: late evidence, a corrected control. Linked to it, and beside it in every export.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Addendum {
    /// [`SEAL_FORMAT`].
    pub format: u32,
    /// The period.
    pub period: AuditPeriod,
    /// Digest of the seal's document.
    pub seal: Digest,
    /// Digest of the addendum before this one; none for the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Digest>,
    /// When it was written.
    pub added_at: Timestamp,
    /// Why.
    pub reason: String,
    /// Entries in the log before the addendum's own leaf.
    pub tree_size: u64,
    /// Merkle root over them.
    pub root: Digest,
    /// The slots as they stand now, of those that changed.
    pub controls: Vec<Slot>,
}

impl Addendum {
    /// The document: one canonical line without a newline.
    ///
    /// # Errors
    /// [`SealError::Order`], [`SealError::Canonical`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, SealError> {
        check("addendum", self.format, &self.controls)?;
        canonical::to_bytes(self).map_err(|source| SealError::Canonical { document: "addendum", source })
    }

    /// SHA-256 of the document.
    ///
    /// # Errors
    /// As [`Addendum::to_bytes`].
    pub fn digest(&self) -> Result<Digest, SealError> {
        self.to_bytes().map(Digest::of)
    }

    /// Reads the document.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, SealError> {
        let addendum: Self = read("addendum", bytes)?;
        check("addendum", addendum.format, &addendum.controls)?;
        Ok(addendum)
    }

    /// The statement for the log, about the document at `path`.
    ///
    /// # Errors
    /// As [`Addendum::to_bytes`].
    pub fn statement(&self, path: &str) -> Result<Statement, SealError> {
        let predicate = object([
            ("added_at", text(&self.added_at.to_string())),
            ("counts", counts_value(&count(&self.controls))),
            ("period", text(self.period.name())),
            ("seal", text(&self.seal.to_string())),
        ]);
        Ok(Statement::new(LeafKind::Addendum, path, self.digest()?, predicate))
    }
}

fn sorted(mut slots: Vec<Slot>) -> Result<Vec<Slot>, SealError> {
    slots.sort_by(|a, b| (&a.control, a.period).cmp(&(&b.control, b.period)));
    check("seal", SEAL_FORMAT, &slots)?;
    Ok(slots)
}

fn check(document: &'static str, format: u32, slots: &[Slot]) -> Result<(), SealError> {
    if format != SEAL_FORMAT {
        return Err(SealError::Format { document, found: format });
    }
    match slots
        .windows(2)
        .find(|pair| (&pair[0].control, pair[0].period) >= (&pair[1].control, pair[1].period))
    {
        Some(pair) => Err(SealError::Order { control: pair[1].control.clone(), period: pair[1].period }),
        None => Ok(()),
    }
}

fn read<T: serde::de::DeserializeOwned>(document: &'static str, bytes: &[u8]) -> Result<T, SealError> {
    let value = Value::parse(bytes).map_err(|source| SealError::Canonical { document, source })?;
    if value.to_bytes() != bytes {
        return Err(SealError::Rewritten(document));
    }
    serde_json::from_slice(bytes).map_err(|source| SealError::Json { document, source })
}

fn count(slots: &[Slot]) -> BTreeMap<Outcome, u64> {
    let mut counts = BTreeMap::new();
    for slot in slots {
        *counts.entry(slot.outcome).or_insert(0) += 1;
    }
    counts
}

fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    Value::object(members.map(|(key, value)| (key.to_owned(), value)))
}

fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

fn number(n: u64) -> Value {
    // Sizes above 2^53 have been refused by the document's canonical form.
    Value::Integer(n.min(canonical::MAX_INTEGER.unsigned_abs()).cast_signed())
}

fn counts_value(counts: &BTreeMap<Outcome, u64>) -> Value {
    Value::object(counts.iter().map(|(outcome, n)| (outcome.word().to_owned(), number(*n))))
}
