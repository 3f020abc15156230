//! A package as a folder: the archive, unpacked.

use super::{OpenError, below_one_folder};
use crate::layout;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Folders within folders beyond this depth are no package's.
const MAX_DEPTH: usize = 8;

/// An opened folder.
pub(super) struct Folder {
    root: PathBuf,
}

impl Folder {
    pub(super) fn open(path: &Path) -> Result<(Self, String, BTreeMap<String, u64>), OpenError> {
        let root = bag_in(path)?;
        let mut entries = Vec::new();
        walk(&root, "bag", 0, &mut entries)?;
        let (_, files) = below_one_folder(entries)?;
        let name = fs::canonicalize(&root)
            .ok()
            .and_then(|real| Some(real.file_name()?.to_string_lossy().into_owned()))
            .unwrap_or_default();
        Ok((Self { root }, name, files))
    }

    pub(super) fn open_file(&self, path: &str) -> io::Result<Box<dyn Read + Send>> {
        let path = self.root.join(path);
        // Looked at again: what was a file when the folder was listed may be a link by now.
        if fs::symlink_metadata(&path)?.is_file() {
            Ok(Box::new(File::open(path)?))
        } else {
            Err(io::Error::new(io::ErrorKind::InvalidData, "it is no longer a plain file"))
        }
    }
}

/// The folder that holds `bagit.txt`: this one, or the only folder in it.
fn bag_in(path: &Path) -> Result<PathBuf, OpenError> {
    if path.join(layout::BAGIT).is_file() || path.join("data").is_dir() {
        return Ok(path.to_owned());
    }
    let io = |source| OpenError::Io { path: path.to_owned(), source };
    let mut folders = Vec::new();
    for entry in fs::read_dir(path).map_err(io)? {
        let entry = entry.map_err(io)?;
        if entry.file_type().map_err(io)?.is_dir() {
            folders.push(entry.path());
        }
    }
    match folders.as_slice() {
        [only] if only.join(layout::BAGIT).is_file() => Ok(only.clone()),
        _ => Err(OpenError::NotABag(path.to_owned())),
    }
}

fn walk(folder: &Path, name: &str, depth: usize, entries: &mut Vec<(String, u64)>) -> Result<(), OpenError> {
    let io = |source| OpenError::Io { path: folder.to_owned(), source };
    let hostile = |path: &str, reason| OpenError::Hostile { path: path.escape_debug().to_string(), reason };
    if depth > MAX_DEPTH {
        return Err(hostile(name, "it lies deeper than anything in a package"));
    }
    for entry in fs::read_dir(folder).map_err(io)? {
        let entry = entry.map_err(io)?;
        let path = format!("{name}/{}", entry.file_name().to_string_lossy());
        let meta = fs::symlink_metadata(entry.path()).map_err(io)?;
        if meta.is_dir() {
            walk(&entry.path(), &path, depth + 1, entries)?;
        } else if meta.is_file() {
            entries.push((path, meta.len()));
        } else {
            return Err(hostile(&path, "it is a link or a device; a package holds plain files only"));
        }
    }
    Ok(())
}
