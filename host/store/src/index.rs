//! sled, with the care it needs: bounded keys and values, guarded opening, and `fsync` after `flush`.
//!
//! sled 0.34.7's own flush calls `sync_file_range`, which orders nothing on the disk itself, so every
//! flush here is followed by an `fsync` of its `db` file and folder. Its `conf`, without which `db` cannot be
//! read, it writes once and never syncs: that is done when it is opened. A stale `snap.*.generating` file, left
//! by a crash while sled wrote a snapshot, is removed before opening. Values above 4 KiB are refused:
//! sled would put their pages into files that it never syncs.

use crate::error::ReadError;
use crate::faults::{Points, Step};
use crate::files;
use crate::keys::{MAX_KEY_BYTES, MAX_VALUE_BYTES};
use std::fs::{self, File, TryLockError};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

/// Rows staged in one batch, at most.
const BATCH_ROWS: usize = 64;

/// The index.
#[derive(Debug)]
pub(crate) struct Index {
    db: sled::Db,
    dir: PathBuf,
    points: Points,
    /// The first write that failed. sled writes nothing more after one, until it is opened again.
    failed: OnceLock<String>,
}

/// Rows to be written in one atomic step.
#[derive(Default)]
pub(crate) struct Batch {
    inner: sled::Batch,
    rows: usize,
}

impl Batch {
    pub(crate) fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), ReadError> {
        bounded(key, value)?;
        self.inner.insert(key, value);
        self.rows += 1;
        Ok(())
    }

    pub(crate) fn remove(&mut self, key: &[u8]) {
        self.inner.remove(key);
        self.rows += 1;
    }

    pub(crate) fn is_full(&self) -> bool {
        self.rows >= BATCH_ROWS
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows == 0
    }
}

/// The boundary that no large value passes.
fn bounded(key: &[u8], value: &[u8]) -> Result<(), ReadError> {
    if key.len() > MAX_KEY_BYTES || value.len() > MAX_VALUE_BYTES {
        return Err(ReadError::Index(format!(
            "a row of {} key bytes and {} value bytes is over the bound ({MAX_KEY_BYTES} and {MAX_VALUE_BYTES})",
            key.len(),
            value.len()
        )));
    }
    Ok(())
}

/// Rows of a prefix, in key order.
pub(crate) struct Rows(sled::Iter);

impl Iterator for Rows {
    type Item = Result<(sled::IVec, sled::IVec), ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|row| row.map_err(ReadError::from))
    }
}

impl DoubleEndedIterator for Rows {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.0.next_back().map(|row| row.map_err(ReadError::from))
    }
}

impl Index {
    /// Opens the index in `dir`. sled may panic on a damaged file: that is caught.
    ///
    /// # Errors
    /// [`ReadError::Index`] where the files are damaged, [`ReadError::Io`] where the system refused.
    pub(crate) fn open(dir: &Path, points: Points) -> Result<Self, ReadError> {
        files::create_dirs(dir).map_err(ReadError::io(dir))?;
        remove_stale_snapshots(dir).map_err(ReadError::io(dir))?;
        wait_for_lock(dir);
        let config = sled::Config::new().path(dir).cache_capacity(64 << 20).flush_every_ms(None);
        let opened = catch_unwind(AssertUnwindSafe(|| config.open()));
        let db = match opened {
            Ok(Ok(db)) => db,
            Ok(Err(sled::Error::Io(source))) if is_refusal(source.kind()) => {
                return Err(ReadError::Io { path: dir.to_owned(), source });
            }
            Ok(Err(e)) => return Err(e.into()),
            Err(cause) => return Err(ReadError::Index(panic_text(cause.as_ref()))),
        };
        let index = Self { db, dir: dir.to_owned(), points, failed: OnceLock::new() };
        index.sync()?;
        // `conf`, and what an earlier process wrote and did not sync.
        files::sync_all(dir).map_err(ReadError::io(dir))?;
        Ok(index)
    }

    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<sled::IVec>, ReadError> {
        Ok(self.db.get(key)?)
    }

    pub(crate) fn prefix(&self, prefix: &[u8]) -> Rows {
        Rows(self.db.scan_prefix(prefix))
    }

    /// Rows from `from` to the end of `prefix`.
    pub(crate) fn prefix_from(&self, prefix: &[u8], from: &[u8]) -> Rows {
        let mut end = prefix.to_vec();
        while let Some(last) = end.pop() {
            if last < 0xff {
                end.push(last + 1);
                break;
            }
        }
        Rows(if end.is_empty() { self.db.range(from.to_vec()..) } else { self.db.range(from.to_vec()..end) })
    }

    /// The last row at or before `key`.
    pub(crate) fn at_or_before(&self, key: &[u8]) -> Result<Option<(sled::IVec, sled::IVec)>, ReadError> {
        Ok(self.db.range(..=key).next_back().transpose()?)
    }

    #[cfg(test)]
    fn put(&self, key: &[u8], value: &[u8]) -> Result<(), ReadError> {
        bounded(key, value)?;
        self.db.insert(key, value)?;
        Ok(())
    }

    /// Writes a batch of staged rows.
    pub(crate) fn stage(&self, batch: Batch) -> Result<(), ReadError> {
        if batch.is_empty() {
            return Ok(());
        }
        self.step(Step::Rows, || Ok(self.db.apply_batch(batch.inner)?))
    }

    /// Writes the batch that makes a leaf and all that belongs to it visible, and makes it durable.
    pub(crate) fn publish(&self, batch: Batch) -> Result<(), ReadError> {
        self.step(Step::Publish, || Ok(self.db.apply_batch(batch.inner)?))?;
        self.sync()
    }

    /// Removes every row of a prefix.
    pub(crate) fn remove_prefix(&self, prefix: &[u8]) -> Result<u64, ReadError> {
        let mut removed = 0;
        let mut batch = Batch::default();
        for row in self.prefix(prefix) {
            batch.remove(&row?.0);
            removed += 1;
            if batch.is_full() {
                self.stage(std::mem::take(&mut batch))?;
            }
        }
        self.stage(batch)?;
        Ok(removed)
    }

    /// Everything written is on the disk when this returns.
    pub(crate) fn sync(&self) -> Result<(), ReadError> {
        self.step(Step::Flush, || Ok(self.db.flush().map(|_| ())?))?;
        let file = self.dir.join("db");
        let sync = || {
            File::open(&file)?.sync_all()?;
            files::sync_dir(&self.dir)
        };
        self.step(Step::Sync, || sync().map_err(ReadError::io(&file)))
    }

    fn step<T>(&self, step: Step, work: impl FnOnce() -> Result<T, ReadError>) -> Result<T, ReadError> {
        let done = self.points.pass(step, || work().map_err(Stopped)).map_err(|stopped| stopped.0);
        if let Err(error) = &done {
            let _ = self.failed.set(error.to_string());
        }
        done
    }

    /// Why nothing more is written; none: nothing has failed.
    pub(crate) fn failed(&self) -> Option<&str> {
        self.failed.get().map(String::as_str)
    }
}

/// Lets a fault at a step come out as a read error.
struct Stopped(ReadError);

impl From<io::Error> for Stopped {
    fn from(source: io::Error) -> Self {
        Self(ReadError::Io { path: PathBuf::from("sled"), source })
    }
}

fn remove_stale_snapshots(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

/// Whether the system would not, rather than the files being wrong.
fn is_refusal(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    matches!(kind, PermissionDenied | QuotaExceeded | ReadOnlyFilesystem | StorageFull)
}

fn panic_text(cause: &(dyn std::any::Any + Send)) -> String {
    let text = cause.downcast_ref::<String>().map(String::as_str).or(cause.downcast_ref::<&str>().copied());
    format!("opening it panicked: {}", text.unwrap_or("(no message)"))
}

/// The store is locked by us, so whoever holds sled's own lock is about to let go of it: a child that is just being
/// started has a copy of every file until it runs its program.
fn wait_for_lock(dir: &Path) {
    let Ok(file) = File::open(dir.join("db")) else { return };
    for _ in 0..200 {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(10)),
            _ => break,
        }
    }
    let _ = file.unlock();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_above_the_bound() {
        let dir = tempfile::tempdir().unwrap();
        let index = Index::open(dir.path(), Points::default()).unwrap();
        assert!(index.put(b"k", &[0; MAX_VALUE_BYTES]).is_ok());
        assert!(index.put(b"k", &[0; MAX_VALUE_BYTES + 1]).is_err());
        assert!(Batch::default().put(&[0; MAX_KEY_BYTES + 1], b"").is_err());
        let blobs = dir.path().join("blobs");
        assert!(!blobs.exists() || fs::read_dir(blobs).unwrap().next().is_none());
    }

    #[test]
    fn prefixes_end_where_they_should() {
        let dir = tempfile::tempdir().unwrap();
        let index = Index::open(dir.path(), Points::default()).unwrap();
        for key in [b"a\xff".as_slice(), b"a\xff1", b"b", b"a"] {
            index.put(key, b"").unwrap();
        }
        let found: Vec<_> = index.prefix_from(b"a\xff", b"a\xff1").map(|r| r.unwrap().0.to_vec()).collect();
        assert_eq!(found, [b"a\xff1".to_vec()]);
        assert_eq!(index.at_or_before(b"aa").unwrap().unwrap().0.as_ref(), b"a");
        assert_eq!(index.remove_prefix(b"a").unwrap(), 3);
    }

    #[test]
    fn stale_snapshots_go() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("snap.0000000000000001.generating"), b"x").unwrap();
        Index::open(dir.path(), Points::default()).unwrap();
        let left = files::walk(dir.path()).unwrap();
        assert!(left.iter().all(|p| !p.to_string_lossy().ends_with(".generating")), "{left:?}");
    }
}
