//! What goes wrong with evidence at rest. Reading fails in one way everywhere ([`ReadError`]); every
//! operation that does more has its own error around it.

use exhibit_evidence::name::SourceName;
use exhibit_evidence::run::RunId;
use std::path::{Path, PathBuf};

/// Why something could not be read from the store.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The operating system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Its word.
        source: std::io::Error,
    },
    /// The index failed.
    #[error(
        "the index (sled/) failed: {0}; run `exhibit check`, and `exhibit check --rebuild` if it finds damage"
    )]
    Index(String),
    /// The pack store failed.
    #[error("packs/{pack}: {reason}")]
    Pack {
        /// The pack's digest, or its path.
        pack: String,
        /// What failed.
        reason: String,
    },
    /// Bytes at rest are not what was written.
    #[error(
        "{place} is damaged: {reason}; run `exhibit check`, and restore it from a backup or run `exhibit check --rebuild`"
    )]
    Damaged {
        /// Which file, row or entry.
        place: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The content is encrypted, and the operator's identity was not given or does not fit.
    #[error(
        "keys/{owner}/{bucket}.key.age is locked: {reason}; give the age identity of the store's recipient"
    )]
    Locked {
        /// Source whose key it is.
        owner: String,
        /// Retention bucket.
        bucket: String,
        /// Why it did not open.
        reason: String,
    },
    /// The key of a retention bucket is gone: its content was disposed of, or the file is lost.
    #[error(
        "keys/{owner}/{bucket}: no key; the content of this bucket was disposed of, or its key file must be restored from a backup"
    )]
    KeyGone {
        /// Source whose key it was.
        owner: String,
        /// Retention bucket.
        bucket: String,
    },
    /// No such run.
    #[error("there is no run {0}; `exhibit status` lists the runs")]
    NoRun(RunId),
    /// The run has no dataset of that kind.
    #[error("run {run} of {source_name} holds no dataset of {kind}; its manifest lists what it holds")]
    NoDataset {
        /// The run.
        run: RunId,
        /// Its source.
        source_name: SourceName,
        /// The kind asked for.
        kind: String,
    },
    /// A body, file or leaf that the store does not hold.
    #[error("{0} is not in the store")]
    Missing(String),
}

impl ReadError {
    pub(crate) fn io(path: impl AsRef<Path>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.as_ref().to_owned();
        move |source| Self::Io { path, source }
    }

    pub(crate) fn damaged(place: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Damaged { place: place.into(), reason: reason.into() }
    }
}

impl From<sled::Error> for ReadError {
    fn from(error: sled::Error) -> Self {
        Self::Index(error.to_string())
    }
}

/// Why a store could not be created or opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is a store, or something else, where a new one should be.
    #[error("{}: the folder is not empty; open the store that is there, or create one elsewhere", .0.display())]
    NotEmpty(PathBuf),
    /// No store is there.
    #[error("{}: no store here (there is no `format` file); create one with `exhibit init`", .0.display())]
    NoStore(PathBuf),
    /// Another process holds the store.
    #[error("{}: store in use by process {pid}; stop it, or wait until it ends", path.display())]
    InUse {
        /// The data folder.
        path: PathBuf,
        /// The other process, as it wrote itself down.
        pid: String,
    },
    /// Written by a later version of Exhibit.
    #[error("{}: store format {found} is newer than this Exhibit reads (up to {known}); use the version that wrote it", path.display())]
    Newer {
        /// The data folder.
        path: PathBuf,
        /// Version found.
        found: u32,
        /// Latest known.
        known: u32,
    },
    /// A setting of the store cannot be used.
    #[error("{0}")]
    Setting(String),
    /// The signer is not this log's.
    #[error(
        "the signing key is named `{signer}`, and this store's log is `{origin}`; a log is signed under its own name"
    )]
    Origin {
        /// The signer's name.
        signer: String,
        /// The log's origin.
        origin: String,
    },
    /// Index, packs and log do not agree, and could not be made to.
    #[error("{0}")]
    Disagree(String),
    /// Reading failed.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// What a crash had left half done could not be finished.
    #[error("finishing what an earlier process left half done: {0}")]
    Recover(#[from] CommitError),
}

/// Why something could not be staged for a run.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// A key that the store does not take.
    #[error("record key {0:?}: keys are 1 to 1024 bytes without NUL")]
    Key(String),
    /// The run is there already.
    #[error("run {0} is already committed, or goes on in this process; a run is never written twice")]
    Known(RunId),
    /// A value that has no canonical form.
    #[error("{what}: {reason}")]
    Form {
        /// What was being written.
        what: &'static str,
        /// Why it could not be.
        reason: String,
    },
    /// Reading what the run builds on failed, or writing to staging did.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// Why a run or a leaf was not committed.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// The store was opened without a signer.
    #[error(
        "the store was opened without a signing key, so nothing can be added; give the log's signing key"
    )]
    NoSigner,
    /// The manifest is not of the run that was staged.
    #[error("the manifest is of run {manifest}, and run {staged} was staged")]
    OtherRun {
        /// Run named by the manifest.
        manifest: RunId,
        /// Run that was begun.
        staged: RunId,
    },
    /// Another run of the source was committed since this one compared its records with what was held.
    #[error(
        "source {source_name}: run {by} was committed meanwhile, so what changed since the run before is no longer known; collect again, one run at a time"
    )]
    Overtaken {
        /// The source.
        source_name: SourceName,
        /// The other run.
        by: RunId,
    },
    /// An earlier commit failed while being made durable.
    #[error("an earlier commit failed halfway ({0}); reopen the store, which finishes or drops it")]
    Halted(String),
    /// The statement is too large for the log.
    #[error("the leaf statement has {0} bytes; the log takes up to 65535")]
    Statement(usize),
    /// The ledger refused.
    #[error("the ledger: {0}")]
    Ledger(String),
    /// Staging or writing failed.
    #[error(transparent)]
    Stage(#[from] StageError),
    /// Reading or writing failed.
    #[error(transparent)]
    Read(#[from] ReadError),
}
