//! What the index's JSON rows hold, and what is the same in a pack's footer.

use crate::error::ReadError;
use exhibit_evidence::digest::Digest;
use exhibit_evidence::name::SourceName;
use exhibit_evidence::run::{Dataset, Manifest, RunId, Verdict};
use exhibit_evidence::time::Timestamp;
use exhibit_ledger::statement::LeafKind;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A leaf of the log, as the index knows it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct LeafRow {
    /// What the leaf is about: `run`, or the caller's word.
    pub(crate) kind: String,
    /// Digest of the statement.
    pub(crate) statement: Digest,
    /// The pack that holds statement and document; none where the statement needed no pack.
    pub(crate) pack: Option<PackRef>,
    /// The run, where it is one.
    pub(crate) run: Option<RunId>,
}

impl LeafRow {
    /// Whether this is a run of which nothing else is known, its pack having been missing or damaged when the
    /// index was built again.
    pub(crate) fn is_lost_run(&self) -> bool {
        self.kind == LeafKind::Run.word() && self.run.is_none()
    }

    /// Whether this is a seal without its document, for the same reason: every seal has one.
    pub(crate) fn is_lost_seal(&self) -> bool {
        self.kind == LeafKind::Seal.word() && self.pack.is_none()
    }
}

/// A pack and the key that it is under.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub(crate) struct PackRef {
    /// Digest of the file as stored: its name.
    pub(crate) pack: Digest,
    /// Source, or what else the key belongs to.
    pub(crate) owner: String,
    /// Retention bucket.
    pub(crate) bucket: String,
}

/// A run, as the index knows it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct RunRow {
    pub(crate) leaf: u64,
    pub(crate) source: SourceName,
    pub(crate) started_at: Timestamp,
    pub(crate) ended_at: Timestamp,
    pub(crate) bucket: String,
    pub(crate) pack: Digest,
    pub(crate) manifest: Digest,
}

impl RunRow {
    pub(crate) fn new(manifest: &Manifest, digest: Digest, pack: &PackRef, leaf: u64) -> Self {
        Self {
            leaf,
            source: manifest.source.clone(),
            started_at: manifest.started_at,
            ended_at: manifest.ended_at,
            bucket: pack.bucket.clone(),
            pack: pack.pack,
            manifest: digest,
        }
    }

    pub(crate) fn pack_ref(&self) -> PackRef {
        PackRef { pack: self.pack, owner: self.source.as_str().to_owned(), bucket: self.bucket.clone() }
    }
}

/// A dataset after a run: the manifest's facts, and its place in the chain.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct DatasetRow {
    pub(crate) run: RunId,
    pub(crate) started_at: Timestamp,
    /// The run that this one's groups tell the difference to; none where they hold everything.
    pub(crate) follows: Option<RunId>,
    /// Bytes of the run's groups.
    pub(crate) bytes: u64,
    /// Bytes of the keyframe that the chain begins with.
    pub(crate) keyframe_bytes: u64,
    /// Bytes of the deltas since that keyframe, this run's included.
    pub(crate) delta_bytes: u64,
    /// Records that a whole snapshot holds, unobserved ones included.
    pub(crate) held: u64,
    /// First and last instant of what the run added, for events and acts.
    pub(crate) span_ms: Option<(u64, u64)>,
    /// Digest of the groups in the run's pack; none where there are none.
    pub(crate) groups: Option<Digest>,
    /// The manifest's facts.
    pub(crate) dataset: Dataset,
}

impl DatasetRow {
    /// Whether the run's groups hold everything.
    pub(crate) fn is_keyframe(&self) -> bool {
        self.follows.is_none()
    }

    /// That the run before this one is not at hand, and so neither is what held after this one.
    pub(crate) fn broken(&self, source: &SourceName) -> ReadError {
        let before = self.follows.as_ref().map_or("", RunId::as_str);
        ReadError::damaged(
            format!("{} of {source} after run {}", self.dataset.kind, self.run),
            format!(
                "it is kept as the difference to run {before}, which cannot be read; restore the pack of that \
                 run from a backup, and run `exhibit check --rebuild`"
            ),
        )
    }
}

/// One byte for a verdict, in `C` rows.
pub(crate) fn verdict_byte(verdict: &Verdict) -> u8 {
    match verdict {
        Verdict::Complete => b'c',
        Verdict::Partial(_) => b'p',
        Verdict::Failed(_) => b'f',
    }
}

/// A row as JSON.
pub(crate) fn to_row<T: Serialize>(row: &T) -> Result<Vec<u8>, ReadError> {
    serde_json::to_vec(row).map_err(|e| ReadError::Index(e.to_string()))
}

/// A row back from its JSON.
pub(crate) fn from_row<T: DeserializeOwned>(key: &[u8], value: &[u8]) -> Result<T, ReadError> {
    serde_json::from_slice(value)
        .map_err(|e| ReadError::damaged(format!("index row {}", key.escape_ascii()), e.to_string()))
}
