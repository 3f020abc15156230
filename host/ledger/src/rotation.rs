//! Which key signs from which leaf on.
//!
//! A key is replaced by a leaf that names the new one and is signed by the old one. From the next leaf on, and
//! under every later checkpoint, only the new key counts. So whoever pinned one key of the chain can follow it:
//! where it is not the last, it has itself signed the leaf that led on; where it is, it signs the checkpoint.

use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::key::{KeyError, VerifierKey};
use crate::statement::{LeafKind, Statement, StatementError};
use exhibit_evidence::canonical::{CanonicalError, Value};
use exhibit_evidence::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The predicate of a key rotation.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rotation {
    /// When.
    pub at: Timestamp,
    /// The key that signed until here, this leaf included.
    pub old: VerifierKey,
    /// The key that signs from here on.
    pub new: VerifierKey,
    /// Why.
    pub reason: String,
}

/// Why a chain of keys does not hold.
#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    /// A leaf is not signed by the key in force, or says nothing that is known.
    #[error("leaf {index}: {source}")]
    Leaf {
        /// The leaf.
        index: u64,
        /// What is wrong with it.
        source: StatementError,
    },
    /// A rotation's predicate cannot be read.
    #[error("leaf {index} is a key rotation that cannot be read: {reason}")]
    Predicate {
        /// The leaf.
        index: u64,
        /// Why.
        reason: String,
    },
    /// A rotation is from a key that is not in force, or to another log's.
    #[error("leaf {index} rotates from {old} to {new}, and the key in force is {current}")]
    OtherKey {
        /// The leaf.
        index: u64,
        /// The key it rotates from.
        old: String,
        /// The key it rotates to.
        new: String,
        /// The key in force.
        current: String,
    },
    /// The key that the reader trusts never signed here.
    #[error("none of the keys that signed this log is the trusted one, {0}")]
    Unpinned(String),
    /// The checkpoint is not signed by the last key.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The new key cannot be written.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The rotation has no canonical form.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
}

impl Rotation {
    /// The statement for the log, about the new key. Sign it with the old one.
    ///
    /// # Errors
    /// [`RotationError::Key`], [`RotationError::Canonical`], which valid keys do not give.
    pub fn statement(&self) -> Result<Statement, RotationError> {
        let digest = self.new.spki_digest()?;
        Ok(Statement::new(LeafKind::KeyRotation, self.new.to_string(), digest, Value::of(self)?))
    }
}

/// The keys of a log, followed leaf by leaf from the first.
#[derive(Clone, Debug)]
pub struct KeyChain {
    /// Keys that are no longer in force.
    past: Vec<VerifierKey>,
    current: VerifierKey,
}

impl KeyChain {
    /// The chain of a log whose first leaf `first` signed.
    pub fn new(first: VerifierKey) -> Self {
        Self { past: Vec::new(), current: first }
    }

    /// What the next leaf says, where the key in force signed it; a rotation puts its new key in force. Hand over
    /// every leaf, in order.
    ///
    /// # Errors
    /// [`RotationError`], naming the leaf.
    pub fn read(&mut self, index: u64, leaf: &[u8]) -> Result<Statement, RotationError> {
        let keys = std::slice::from_ref(&self.current);
        let statement =
            Statement::from_leaf(leaf, keys).map_err(|source| RotationError::Leaf { index, source })?;
        if statement.kind == LeafKind::KeyRotation {
            let rotation: Rotation = serde_json::from_slice(&statement.predicate.to_bytes())
                .map_err(|error| RotationError::Predicate { index, reason: error.to_string() })?;
            let Rotation { old, new, .. } = rotation;
            if old != self.current || new.name() != self.current.name() {
                let (old, new) = (old.to_string(), new.to_string());
                return Err(RotationError::OtherKey { index, old, new, current: self.current.to_string() });
            }
            self.past.push(std::mem::replace(&mut self.current, new));
        }
        Ok(statement)
    }

    /// The key in force.
    pub fn current(&self) -> &VerifierKey {
        &self.current
    }

    /// Every key of the chain, in order.
    pub fn keys(&self) -> impl Iterator<Item = &VerifierKey> {
        self.past.iter().chain([&self.current])
    }

    /// Checks, after the last leaf, that the key in force signed `checkpoint`, and that `pinned`, the key that the
    /// reader obtained elsewhere, is one of the chain.
    ///
    /// # Errors
    /// [`RotationError::Checkpoint`], [`RotationError::Unpinned`].
    pub fn close(&self, checkpoint: &Checkpoint, pinned: Option<&VerifierKey>) -> Result<(), RotationError> {
        checkpoint.verify(self.current.name(), std::slice::from_ref(&self.current))?;
        match pinned {
            Some(pinned) if self.keys().all(|key| key != pinned) => {
                Err(RotationError::Unpinned(pinned.to_string()))
            }
            _ => Ok(()),
        }
    }
}
