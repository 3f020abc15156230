//! The folder `log/`: C2SP tiles and the checkpoint, each file whole or not there.

use crate::error::ReadError;
use crate::faults::{Points, Step};
use crate::files;
use exhibit_ledger::checkpoint::Checkpoint;
use exhibit_ledger::log::Append;
use exhibit_ledger::tile::{Tile, TileReader};
use std::io;
use std::path::{Path, PathBuf};

/// The folder.
#[derive(Clone, Debug)]
pub(crate) struct LogFiles {
    dir: PathBuf,
    points: Points,
}

impl TileReader for LogFiles {
    fn read_tile(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        match std::fs::read(self.dir.join(path)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }
}

impl LogFiles {
    pub(crate) const CHECKPOINT: &'static str = "checkpoint";

    pub(crate) fn new(dir: PathBuf, points: Points) -> Self {
        Self { dir, points }
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The checkpoint's bytes; none before the first leaf.
    pub(crate) fn checkpoint(&self) -> Result<Option<Vec<u8>>, ReadError> {
        let path = self.dir.join(Self::CHECKPOINT);
        match std::fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(ReadError::Io { path, source }),
        }
    }

    /// Writes an append's files, each synced with its folder.
    pub(crate) fn write_tiles(&self, append: &Append) -> Result<(), ReadError> {
        for file in &append.files {
            let path = self.dir.join(file.path());
            let write = || {
                if let Some(parent) = path.parent() {
                    files::create_dirs(parent)?;
                }
                files::replace(&path, &file.bytes)
            };
            self.points.pass(Step::Tile, write).map_err(ReadError::io(&path))?;
        }
        Ok(())
    }

    /// Replaces the checkpoint; durable on return.
    pub(crate) fn write_checkpoint(&self, checkpoint: &Checkpoint) -> Result<(), ReadError> {
        let path = self.dir.join(Self::CHECKPOINT);
        let write = || {
            files::create_dirs(&self.dir)?;
            files::replace(&path, &checkpoint.to_bytes())
        };
        self.points.pass(Step::Checkpoint, write).map_err(ReadError::io(&path))
    }

    /// Removes partial tiles that newer ones contain.
    pub(crate) fn remove(&self, superseded: &[Tile]) {
        for tile in superseded {
            // One left behind costs its bytes; the next start sweeps nothing that a reader needs.
            let path = self.dir.join(tile.path());
            let _ = std::fs::remove_file(&path);
            if let Some(folder) = path.parent() {
                let _ = std::fs::remove_dir(folder);
            }
        }
    }
}
