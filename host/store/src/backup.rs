//! Copies of a store: made while it is in use, and put back.
//!
//! A backup is a store: the log as it was when the backup began, the packs and keys that its leaves refer
//! to, and an index of exactly those. Its `format` file is written last, so that a backup that was cut short
//! is no store. Bucket keys are in it, wrapped as they are; the signing key and the operator's age identity
//! are not in the store and so not in the backup.

use crate::check::Problem;
use crate::error::{OpenError, ReadError};
use crate::faults::{Points, Step};
use crate::files;
use crate::format::Format;
use crate::index::{Batch, Index};
use crate::keys;
use crate::lock::Lock;
use crate::log_files::LogFiles;
use crate::pack::object::Objects;
use crate::store::{Inner, Store};
use exhibit_evidence::digest::Digest;
use exhibit_evidence::run::RunId;
use exhibit_ledger::checkpoint::Checkpoint;
use exhibit_ledger::log::LogError;
use exhibit_ledger::reading::{check_all, copy_at};
use std::collections::HashSet;
use std::path::Path;
use std::sync::PoisonError;

/// Why a backup was not made or not put back.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// Something is where the copy should go.
    #[error("{0}: the folder is not empty; name one that is, or is not there yet")]
    NotEmpty(String),
    /// The copy is not whole, or not what it was.
    #[error("{0}")]
    Damaged(String),
    /// The folder to be put back is no store, or is in use.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Reading or writing failed.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl From<LogError> for BackupError {
    fn from(e: LogError) -> Self {
        Self::Damaged(e.to_string())
    }
}

fn empty(dest: &Path) -> Result<(), BackupError> {
    files::create_dirs(dest).map_err(ReadError::io(dest))?;
    if std::fs::read_dir(dest).map_err(ReadError::io(dest))?.next().is_some() {
        return Err(BackupError::NotEmpty(dest.display().to_string()));
    }
    Ok(())
}

fn write(points: &Points, path: &Path, bytes: &[u8]) -> Result<(), ReadError> {
    let put = || {
        if let Some(parent) = path.parent() {
            files::create_dirs(parent)?;
        }
        files::replace(path, bytes)
    };
    points.pass(Step::Copy, put).map_err(ReadError::io(path))
}

/// Copies every file below `from`, synced.
fn copy_folder(points: &Points, from: &Path, to: &Path, private: bool) -> Result<(), ReadError> {
    files::create_dirs(to).map_err(ReadError::io(to))?;
    if !from.exists() {
        return Ok(());
    }
    for file in files::walk(from).map_err(ReadError::io(from))? {
        let (source, dest) = (from.join(&file), to.join(&file));
        if files::is_staged(&file) {
            continue;
        }
        let copy = || {
            if let Some(parent) = dest.parent() {
                files::create_dirs(parent)?;
            }
            if private {
                return files::replace_private(&dest, &std::fs::read(&source)?);
            }
            std::fs::copy(&source, &dest)?;
            std::fs::File::open(&dest)?.sync_all()?;
            files::sync_parent(&dest)
        };
        points.pass(Step::Copy, copy).map_err(ReadError::io(&source))?;
    }
    Ok(())
}

impl Store {
    /// Copies the store to `dest`, which must be absent or empty, while it is in use. The copy is the store
    /// as of one checkpoint, and can be opened as it is. Answers with the packs that are damaged or gone: these
    /// are not in the copy, which lacks what the store itself lacks, and all others are.
    ///
    /// # Errors
    /// [`BackupError`]; `dest` is then no store.
    pub fn backup(&self, dest: &Path) -> Result<Vec<Problem>, BackupError> {
        empty(dest)?;
        let inner = &self.inner;
        let points = &inner.points;
        // Held for the moment of looking only: everything under a checkpoint never changes again.
        let (head, checkpoint) = {
            let _writer = inner.writer.lock().unwrap_or_else(PoisonError::into_inner);
            (inner.head(), self.checkpoint())
        };
        let log = dest.join("log");
        files::create_dirs(&log).map_err(ReadError::io(&log))?;
        copy_at(&inner.files, &head, |file| {
            Ok::<_, BackupError>(write(points, &log.join(file.path()), &file.bytes)?)
        })?;
        if let Some(checkpoint) = checkpoint {
            write(points, &log.join(LogFiles::CHECKPOINT), &checkpoint.to_bytes())?;
        }
        let packs = Objects::local(&dest.join("packs"), points.clone())?;
        let (mut runs, mut left_out) = (HashSet::new(), Vec::new());
        for leaf in 0..head.size {
            let row = inner
                .leaf_row(leaf)?
                .ok_or_else(|| ReadError::Missing(format!("leaf {leaf} of the index")))?;
            if let Some(at) = &row.pack {
                left_out.extend(copy_pack(inner, &packs, &at.pack)?);
            }
            runs.extend(row.run);
        }
        copy_folder(points, &inner.dir.join("keys"), &dest.join("keys"), true)?;
        copy_index(inner, &dest.join("sled"), head.size, &runs)?;
        write(points, &dest.join(Format::FILE), &inner.format.line()?)?;
        Ok(left_out)
    }

    /// Copies a backup to `dest`, which must be absent or empty: every pack against its name, the log
    /// against its checkpoint. The backup stays as it is.
    ///
    /// # Errors
    /// [`BackupError`]; `dest` is then no store.
    pub fn restore(backup: &Path, dest: &Path) -> Result<(), BackupError> {
        let format = Format::read(backup)?;
        // A backup that is open, or a live store, may change while it is copied. One on a medium that
        // cannot be written cannot be locked, and does not change either.
        let _lock = match Lock::take(backup) {
            Err(in_use @ OpenError::InUse { .. }) => return Err(in_use.into()),
            lock => lock.ok(),
        };
        empty(dest)?;
        let points = &Points::default();
        let log = LogFiles::new(backup.join("log"), points.clone());
        if let Some(bytes) = log.checkpoint()? {
            let checkpoint = Checkpoint::parse(&bytes)
                .map_err(|e| BackupError::Damaged(format!("log/checkpoint: {e}")))?;
            check_all(&log, checkpoint.head(), |_, _| ())?;
        }
        copy_folder(points, &backup.join("log"), &dest.join("log"), false)?;
        let from = Objects::local(&backup.join("packs"), points.clone())?;
        let to = Objects::local(&dest.join("packs"), points.clone())?;
        for pack in from.list()?.0 {
            let found = from.digest(&pack)?;
            if found != pack {
                let reason = format!("pack {pack} of the backup has the digest {found}; it was changed");
                return Err(BackupError::Damaged(reason));
            }
            from.copy(&pack, &to)?;
        }
        copy_folder(points, &backup.join("keys"), &dest.join("keys"), true)?;
        copy_folder(points, &backup.join("sled"), &dest.join("sled"), false)?;
        format.write(dest)?;
        Ok(())
    }

    /// Where the signed checkpoint is, for copying it out.
    pub fn checkpoint_file(&self) -> std::path::PathBuf {
        self.inner.dir.join("log").join(LogFiles::CHECKPOINT)
    }
}

/// Copies a pack; answers with what is wrong with it where it cannot be believed.
fn copy_pack(inner: &Inner, to: &Objects, pack: &Digest) -> Result<Option<Problem>, BackupError> {
    let reason = match inner.packs.objects.digest(pack) {
        Ok(found) if found == *pack => {
            inner.packs.objects.copy(pack, to)?;
            return Ok(None);
        }
        Ok(found) => format!("its content has the digest {found}"),
        Err(e) => e.to_string(),
    };
    Ok(Some(Problem { place: format!("packs/{}/{pack}.pack", &pack.to_string()[..2]), reason }))
}

/// Copies the rows of the leaves below `size`.
fn copy_index(inner: &Inner, dest: &Path, size: u64, runs: &HashSet<RunId>) -> Result<(), ReadError> {
    let index = Index::open(dest, inner.points.clone())?;
    let mut batch = Batch::default();
    for row in inner.index.prefix(&[]) {
        let (key, value) = row?;
        let tail = |len: usize| key.len().checked_sub(len).and_then(|at| keys::run_of(&key[at..]));
        let copied = match key.first() {
            Some(&(keys::LEAF | keys::SOURCE | keys::DATASET)) => {
                keys::leaf_index(&key).is_some_and(|l| l < size)
            }
            Some(&(keys::RUN | keys::CONTROL)) => tail(10).is_some_and(|run| runs.contains(&run)),
            Some(&keys::GROUP) => keys::group_run(&key).is_some_and(|run| runs.contains(&run)),
            _ => false,
        };
        if copied {
            batch.put(&key, &value)?;
        }
        if batch.is_full() {
            index.stage(std::mem::take(&mut batch))?;
        }
    }
    index.stage(batch)?;
    index.sync()?;
    // Closing it writes once more.
    drop(index);
    files::sync_all(dest).map_err(ReadError::io(dest))
}
