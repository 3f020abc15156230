//! Leaves, the checkpoint, and proofs.

use crate::error::ReadError;
use crate::pack::name;
use crate::store::Store;
use exhibit_evidence::digest::Digest;
use exhibit_evidence::run::RunId;
use exhibit_ledger::checkpoint::Checkpoint;
use exhibit_ledger::log::LogError;
use exhibit_ledger::reading::LogReader;
use exhibit_ledger::statement::LeafKind;
use exhibit_ledger::tile::TileReader;
use exhibit_ledger::tlog_proof::TlogProof;
use exhibit_ledger::tree::TreeHead;

/// A leaf in a list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Leaf {
    /// Its index in the log.
    pub index: u64,
    /// What it is about; none where a later version of Exhibit wrote it.
    pub kind: Option<LeafKind>,
    /// Digest of its statement.
    pub statement: Digest,
    /// The run, where it is one.
    pub run: Option<RunId>,
}

fn log_error(e: LogError) -> ReadError {
    ReadError::damaged("log", e.to_string())
}

impl Store {
    /// The signed head of the log; none before the first leaf.
    pub fn checkpoint(&self) -> Option<Checkpoint> {
        self.inner.log_state().checkpoint.clone()
    }

    /// Size and root of the log under the checkpoint.
    pub fn head(&self) -> TreeHead {
        self.inner.head()
    }

    /// The log's files, for a copy or a proof of one's own.
    pub fn log_files(&self) -> impl TileReader + Send + Sync + use<> {
        self.inner.files.clone()
    }

    /// Leaves of a kind, or all, from the first on.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn leaves(&self, kind: Option<LeafKind>) -> Result<Vec<Leaf>, ReadError> {
        let mut leaves = Vec::new();
        for index in 0..self.inner.signed() {
            let leaf = self.leaf(index)?;
            if kind.is_none() || kind == leaf.kind {
                leaves.push(leaf);
            }
        }
        Ok(leaves)
    }

    /// One leaf.
    ///
    /// # Errors
    /// [`ReadError`] where there is none, or the index is damaged.
    pub fn leaf(&self, index: u64) -> Result<Leaf, ReadError> {
        if index >= self.inner.signed() {
            return Err(ReadError::Missing(format!("leaf {index}")));
        }
        let missing = || ReadError::damaged("the index", format!("it has no leaf {index}"));
        let row = self.inner.leaf_row(index)?.ok_or_else(missing)?;
        let kind = LeafKind::ALL.into_iter().find(|kind| kind.word() == row.kind);
        Ok(Leaf { index, kind, statement: row.statement, run: row.run })
    }

    /// The statement at an index: the DSSE envelope as it stands in the log, checked against its leaf.
    ///
    /// # Errors
    /// [`ReadError`] where there is none, or the log is damaged.
    pub fn statement(&self, index: u64) -> Result<Vec<u8>, ReadError> {
        self.log_reader().entry(index).map_err(log_error)
    }

    /// The document that was kept with a leaf, if any.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn document(&self, index: u64) -> Result<Option<Vec<u8>>, ReadError> {
        let row = if index < self.inner.signed() { self.inner.leaf_row(index)? } else { None };
        match row.ok_or_else(|| ReadError::Missing(format!("leaf {index}")))?.pack {
            Some(at) => self.inner.packs.named(&at, name::DOCUMENT),
            None => Ok(None),
        }
    }

    /// A run's leaf index.
    ///
    /// # Errors
    /// [`ReadError::NoRun`].
    pub fn leaf_of(&self, run: &RunId) -> Result<u64, ReadError> {
        Ok(self.inner.run_row(run)?.leaf)
    }

    /// The inclusion proof of a leaf under the checkpoint, with it.
    ///
    /// # Errors
    /// [`ReadError`] where there is no such leaf, or the log is damaged.
    pub fn proof(&self, index: u64) -> Result<TlogProof, ReadError> {
        let checkpoint = self.checkpoint().ok_or_else(|| ReadError::Missing(format!("leaf {index}")))?;
        let reader = LogReader::new(&self.inner.files, *checkpoint.head());
        let path = reader.inclusion(index).map_err(log_error)?;
        Ok(TlogProof { index, path, checkpoint, extra: None })
    }

    /// The proof that the log, as the checkpoint has it, begins with the `old` log.
    ///
    /// # Errors
    /// [`ReadError`] where it does not, or the log is damaged.
    pub fn consistency(&self, old: &TreeHead) -> Result<Vec<Digest>, ReadError> {
        self.log_reader().consistency(old).map_err(log_error)
    }

    fn log_reader(&self) -> LogReader<&crate::log_files::LogFiles> {
        LogReader::new(&self.inner.files, self.head())
    }
}
