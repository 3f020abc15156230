//! Opens a package that a stranger may have made: the zip, or the folder it was unpacked into.
//!
//! Opening looks at names and sizes only. It refuses what no writer makes: paths that lead elsewhere, links,
//! two files of one name, entries that overlap or that two readers would read differently, encryption. A file
//! is read to its declared length and no further, and only as much is held in memory as the caller allows.
//! Whether the content is right is the checker's work.

mod archive;
mod evidence;
mod folder;

use crate::layout;
use crate::lines::LineReader;
use archive::Archive;
use folder::Folder;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

pub use evidence::{HeldLine, HeldRecords, RunRecording};

/// Largest document that is read into memory: manifests, statements, tables of contents.
pub const MAX_DOCUMENT: u64 = 256 << 20;

/// Why a package cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It cannot be read at all.
    #[error("cannot read {}: {source}", .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is a file, and no zip.
    #[error("{} is not a whole zip archive: {reason}; fetch it again", .path.display())]
    NotAnArchive {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// It is a folder, and no bag.
    #[error("{} holds no bagit.txt: name the folder that does, or the zip", .0.display())]
    NotABag(PathBuf),
    /// It holds something that no package holds.
    #[error("{path}: {reason}")]
    Hostile {
        /// Which entry, as far as it can be shown.
        path: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// Why a file of a package cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The package has no such file.
    #[error("{0} is missing")]
    Missing(String),
    /// It cannot be read, or not to its declared length.
    #[error("{path} cannot be read: {source}")]
    Io {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// It is larger than a file of its kind may be.
    #[error("{path} has {size} bytes, and a file of its kind at most {most}")]
    TooLarge {
        /// The file.
        path: String,
        /// Its length.
        size: u64,
        /// The bound.
        most: u64,
    },
    /// It is not the document that belongs there.
    #[error("{path} is not what belongs there: {reason}")]
    Form {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
}

/// An opened package.
pub struct Package {
    name: String,
    backend: Backend,
    files: BTreeMap<String, u64>,
}

enum Backend {
    Archive(Archive),
    Folder(Folder),
}

/// A file of a package being read.
pub type FileReader = BufReader<Box<dyn Read + Send>>;

impl Package {
    /// Opens the zip or folder at `path`.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let kind =
            std::fs::metadata(path).map_err(|source| OpenError::Io { path: path.to_owned(), source })?;
        if kind.is_dir() {
            let (folder, name, files) = Folder::open(path)?;
            Ok(Self { name, backend: Backend::Folder(folder), files })
        } else {
            let (archive, name, files) = Archive::open(path)?;
            Ok(Self { name, backend: Backend::Archive(archive), files })
        }
    }

    /// The top-level folder's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Every file with its length, sorted by path.
    pub fn files(&self) -> impl Iterator<Item = (&str, u64)> {
        self.files.iter().map(|(path, size)| (path.as_str(), *size))
    }

    /// Every file below a folder, `data/runs/` for example.
    pub fn files_below<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = &'a str> {
        let from = std::ops::Bound::Included(folder.to_owned());
        self.files
            .range((from, std::ops::Bound::Unbounded))
            .map(|(path, _)| path.as_str())
            .take_while(move |path| path.starts_with(folder))
    }

    /// Whether there is such a file.
    pub fn has(&self, path: &str) -> bool {
        self.files.contains_key(path)
    }

    /// Opens a file. Reading fails where it is longer or shorter than declared.
    ///
    /// # Errors
    /// [`ReadError::Missing`], [`ReadError::Io`].
    pub fn open_file(&self, path: &str) -> Result<FileReader, ReadError> {
        let size = *self.files.get(path).ok_or_else(|| ReadError::Missing(path.to_owned()))?;
        let inner = match &self.backend {
            Backend::Archive(archive) => archive.open_file(path),
            Backend::Folder(folder) => folder.open_file(path),
        };
        let inner = inner.map_err(|source| ReadError::Io { path: path.to_owned(), source })?;
        Ok(BufReader::with_capacity(1 << 16, Box::new(Exactly { inner, left: size })))
    }

    /// A file's lines.
    ///
    /// # Errors
    /// [`ReadError::Missing`], [`ReadError::Io`].
    pub fn lines(&self, path: &str) -> Result<LineReader<FileReader>, ReadError> {
        self.open_file(path).map(LineReader::new)
    }

    /// A whole file of at most `most` bytes.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn read(&self, path: &str, most: u64) -> Result<Vec<u8>, ReadError> {
        let size = *self.files.get(path).ok_or_else(|| ReadError::Missing(path.to_owned()))?;
        if size > most {
            return Err(ReadError::TooLarge { path: path.to_owned(), size, most });
        }
        let mut bytes = Vec::new();
        let mut file = self.open_file(path)?;
        file.read_to_end(&mut bytes).map_err(|source| ReadError::Io { path: path.to_owned(), source })?;
        Ok(bytes)
    }

    /// A JSON document.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn json<T: DeserializeOwned>(&self, path: &str) -> Result<T, ReadError> {
        let bytes = self.read(path, MAX_DOCUMENT)?;
        serde_json::from_slice(&bytes)
            .map_err(|e| ReadError::Form { path: path.to_owned(), reason: e.to_string() })
    }
}

/// Reads exactly the declared length: more or less is an error.
struct Exactly<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Exactly<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        let wrong = |what| io::Error::new(io::ErrorKind::InvalidData, what);
        let got = self.inner.read(out)?;
        if got == 0 && self.left > 0 {
            return Err(wrong("it ends before its declared length"));
        }
        self.left =
            self.left.checked_sub(got as u64).ok_or_else(|| wrong("it goes on after its declared length"))?;
        Ok(got)
    }
}

/// Where the bag lies among these paths: the one folder that they share. Answers with the folder and the
/// paths below it.
fn below_one_folder(entries: Vec<(String, u64)>) -> Result<(String, BTreeMap<String, u64>), OpenError> {
    let hostile = |path: &str, reason| OpenError::Hostile { path: path.escape_debug().to_string(), reason };
    let mut folder: Option<String> = None;
    let mut files = BTreeMap::new();
    for (path, size) in entries {
        if !layout::is_plain(&path) {
            return Err(hostile(&path, "this name is not one that a package has"));
        }
        let Some((first, rest)) = path.split_once('/') else {
            return Err(hostile(&path, "it lies beside the package's one folder"));
        };
        if folder.get_or_insert_with(|| first.to_owned()) != first {
            return Err(hostile(&path, "it lies beside the package's one folder"));
        }
        if files.insert(rest.to_owned(), size).is_some() {
            return Err(hostile(&path, "two entries have this name"));
        }
    }
    Ok((folder.unwrap_or_default(), files))
}
