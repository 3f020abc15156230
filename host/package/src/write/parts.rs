//! What is handed to the writer, and why it may refuse.

use crate::lines::{BoxError, Lines};
use exhibit_evidence::digest::Digest;
use exhibit_evidence::kind::Kind;
use exhibit_ledger::key::VerifierKey;
use std::io;
use std::path::{Path, PathBuf};

/// Why a package was not written. Nothing is at its destination then.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// There is something at the destination.
    #[error("{} exists already: move it away, or export to another name", .0.display())]
    Exists(PathBuf),
    /// A file cannot be written.
    #[error("cannot write {}: {source}", .path.display())]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A temporary file cannot be written or read.
    #[error("cannot use the temporary folder: {0}; set TMPDIR to one with more room")]
    Spool(#[source] io::Error),
    /// A path that no package has, or one that is in it already.
    #[error("`{0}` cannot be added: it is no path of a package, or is in it already")]
    Path(String),
    /// What should be written could not be read from where it is kept.
    #[error("{what}: {error}")]
    Input {
        /// What it belongs to.
        what: String,
        /// Why.
        #[source]
        error: BoxError,
    },
    /// What should be written is not what its manifest, digest or proof says.
    #[error("{what} does not agree with its own record: {reason}; run `exhibit check`")]
    Mismatch {
        /// What it belongs to.
        what: String,
        /// In which way.
        reason: String,
    },
    /// Something that the rest refers to was not handed over.
    #[error("{0} belongs to the package and is missing")]
    Missing(String),
    /// A table or sheet cannot be made.
    #[error("the table of {population}: {reason}")]
    Table {
        /// Which population.
        population: String,
        /// Why.
        reason: String,
    },
}

impl WriteError {
    pub(crate) fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }

    pub(crate) fn mismatch(what: impl ToString, reason: impl ToString) -> Self {
        Self::Mismatch { what: what.to_string(), reason: reason.to_string() }
    }
}

/// Everything of one run.
pub struct RunFiles<'a> {
    /// The manifest's canonical bytes.
    pub manifest: Vec<u8>,
    /// The leaf: the DSSE envelope's bytes as they were logged.
    pub statement: Vec<u8>,
    /// The leaf's index in the log.
    pub leaf: u64,
    /// [`exhibit_evidence::run::ReplayInputs`], canonical.
    pub replay: Vec<u8>,
    /// Exchange lines, in the order of their ids.
    pub exchanges: Lines<'a>,
    /// Walk lines.
    pub walks: Lines<'a>,
    /// [`exhibit_evidence::record::Rejection`]s.
    pub rejections: Lines<'a>,
    /// Log entries.
    pub log: Lines<'a>,
    /// Provenance lines of each dataset, in key order.
    pub provenance: Vec<(Kind, Lines<'a>)>,
    /// Why this run's bodies are not in the package; none: every body is handed over.
    pub withheld: Option<String>,
}

/// A leaf of the log that is not a run's: a missed period, an approval, the seal.
#[derive(Clone, Debug)]
pub struct LeafFiles {
    /// Its index in the log.
    pub index: u64,
    /// The DSSE envelope's bytes as they were logged.
    pub statement: Vec<u8>,
    /// The document that is its subject, where it is disclosed. The seal's has its own place: leave it out.
    pub document: Option<Vec<u8>>,
}

/// The log that proves the package.
#[derive(Clone, Debug)]
pub struct LedgerFiles {
    /// The signed checkpoint.
    pub checkpoint: Vec<u8>,
    /// Every leaf hash up to the checkpoint, in order.
    pub leaf_hashes: Vec<Digest>,
    /// The log's verifier key.
    pub key: VerifierKey,
    /// What an outside authority has stamped, where there is one.
    pub timestamp: Option<Stamped>,
}

/// A checkpoint of the log with an outside authority's timestamp.
#[derive(Clone, Debug)]
pub struct Stamped {
    /// The checkpoint's bytes: the package's, or an earlier one's.
    pub checkpoint: Vec<u8>,
    /// The RFC 3161 response over those bytes.
    pub response: Vec<u8>,
}
