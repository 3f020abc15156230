//! The archive being written: one zip under one folder, every file digested for the bag's manifests.
//!
//! Written beside its destination, as `.NAME.part`, and renamed when whole, so a package exists wholly or not at
//! all. The same input gives the same bytes: every entry bears the time of the export and the same permissions.

use crate::bag::{self, Oxum};
use crate::layout;
use crate::model::Meta;
use crate::write::WriteError;
use exhibit_evidence::digest::{Digest, Hasher};
use exhibit_evidence::time::Timestamp;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

/// A zip in the making.
pub(crate) struct Sink {
    zip: ZipWriter<BufWriter<NamedTempFile>>,
    folder: String,
    options: SimpleFileOptions,
    payload: BTreeMap<String, Digest>,
    tags: BTreeMap<String, Digest>,
    oxum: Oxum,
    destination: PathBuf,
}

/// One file being written into the archive. Dropped without [`Entry::finish`] it is in no manifest, and the
/// export has failed.
pub(crate) struct Entry<'a> {
    sink: &'a mut Sink,
    path: String,
    hasher: Hasher,
    bytes: u64,
}

impl Sink {
    /// Begins an archive that will be at `destination`, which must not exist.
    pub(crate) fn create(destination: &Path, folder: String, made_at: Timestamp) -> Result<Self, WriteError> {
        if destination.exists() {
            return Err(WriteError::Exists(destination.to_owned()));
        }
        let parent = match destination.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let temporary = part(destination, parent).map_err(|e| WriteError::io(parent, e))?;
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .last_modified_time(dos_time(made_at))
            .unix_permissions(0o644);
        Ok(Self {
            zip: ZipWriter::new(BufWriter::with_capacity(1 << 18, temporary)).set_auto_large_file(),
            folder,
            options,
            payload: BTreeMap::new(),
            tags: BTreeMap::new(),
            oxum: Oxum::default(),
            destination: destination.to_owned(),
        })
    }

    /// Begins a file whose length is not known yet.
    pub(crate) fn entry(&mut self, path: String) -> Result<Entry<'_>, WriteError> {
        self.start(&path, true)?;
        Ok(Entry { sink: self, path, hasher: Hasher::default(), bytes: 0 })
    }

    /// Writes a whole file.
    pub(crate) fn file(&mut self, path: String, bytes: &[u8]) -> Result<(), WriteError> {
        self.start(&path, bytes.len() > 1 << 31)?;
        let mut entry = Entry { sink: self, path, hasher: Hasher::default(), bytes: 0 };
        entry.write_all(bytes).map_err(|e| entry.sink.failed(e))?;
        entry.finish()
    }

    /// Writes a file from a reader.
    pub(crate) fn copy(&mut self, path: String, from: &mut impl Read) -> Result<(), WriteError> {
        let mut entry = self.entry(path)?;
        io::copy(from, &mut entry).map_err(|e| entry.sink.failed(e))?;
        entry.finish()
    }

    /// Whether `path` was written.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.payload.contains_key(path)
    }

    /// Writes the bag's own files, syncs the archive and gives it its name.
    pub(crate) fn finish(mut self, meta: &Meta) -> Result<Finished, WriteError> {
        self.file(layout::START.into(), start_page(meta).as_bytes())?;
        self.file(layout::BAGIT.into(), bag::DECLARATION.as_bytes())?;
        self.file(layout::BAG_INFO.into(), bag::info(meta, self.oxum).as_bytes())?;
        let manifest = bag::manifest(&self.payload);
        self.file(layout::MANIFEST.into(), manifest.as_bytes())?;
        let tags = bag::manifest(&self.tags);
        self.file(layout::TAG_MANIFEST.into(), tags.as_bytes())?;

        let destination = self.destination;
        let fail = |e: io::Error| WriteError::io(&destination, e);
        let writer = self.zip.finish().map_err(|e| fail(e.into()))?;
        let temporary = writer.into_inner().map_err(|e| fail(e.into_error()))?;
        temporary.as_file().sync_all().map_err(fail)?;
        let bytes = temporary.as_file().metadata().map_err(fail)?.len();
        temporary.persist_noclobber(&destination).map_err(|e| match e.error.kind() {
            io::ErrorKind::AlreadyExists => WriteError::Exists(destination.clone()),
            _ => fail(e.error),
        })?;
        sync_folder_of(&destination).map_err(fail)?;
        Ok(Finished {
            name: self.folder,
            bytes,
            files: self.oxum.files,
            manifest: Digest::of(manifest),
            path: destination,
        })
    }

    fn start(&mut self, path: &str, large: bool) -> Result<(), WriteError> {
        if !layout::is_plain(path) || self.payload.contains_key(path) || self.tags.contains_key(path) {
            return Err(WriteError::Path(path.to_owned()));
        }
        let name = format!("{}/{path}", self.folder);
        let options = self.options.large_file(large);
        self.zip.start_file(name, options).map_err(|e| WriteError::io(&self.destination, e.into()))
    }

    fn failed(&self, error: io::Error) -> WriteError {
        WriteError::io(&self.destination, error)
    }
}

impl Entry<'_> {
    /// Ends the file and enters it in its manifest.
    pub(crate) fn finish(self) -> Result<(), WriteError> {
        let digest = self.hasher.finish();
        if self.path.starts_with("data/") {
            self.sink.oxum.bytes += self.bytes;
            self.sink.oxum.files += 1;
            self.sink.payload.insert(self.path, digest);
        } else {
            self.sink.tags.insert(self.path, digest);
        }
        Ok(())
    }

    /// The error of a failed write into this file.
    pub(crate) fn failed(&self, error: io::Error) -> WriteError {
        self.sink.failed(error)
    }
}

impl Write for Entry<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.sink.zip.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A package that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// Where it is.
    pub path: PathBuf,
    /// Its top-level folder.
    pub name: String,
    /// Length of the archive.
    pub bytes: u64,
    /// Files below `data/`.
    pub files: u64,
    /// Digest of `manifest-sha256.txt`: one value that stands for every file.
    pub manifest: Digest,
}

/// The file that is written to. One name for each destination: what an export left that was killed is taken away by
/// the next.
fn part(destination: &Path, parent: &Path) -> io::Result<NamedTempFile> {
    let mut name = OsString::from(".");
    name.push(destination.file_name().unwrap_or_default());
    name.push(".part");
    match std::fs::remove_file(parent.join(&name)) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    tempfile::Builder::new().prefix(&name).rand_bytes(0).tempfile_in(parent)
}

/// The time of an entry: the zip format holds 1980 to 2107, in steps of two seconds.
fn dos_time(at: Timestamp) -> DateTime {
    let text = at.to_string();
    let part =
        |range: std::ops::Range<usize>| text.get(range).and_then(|t| t.parse::<u16>().ok()).unwrap_or(0);
    let small = |range| u8::try_from(part(range)).unwrap_or(0);
    DateTime::from_date_and_time(
        part(0..4),
        small(5..7),
        small(8..10),
        small(11..13),
        small(14..16),
        small(17..19),
    )
    .unwrap_or_default()
}

/// The page at the top of the folder: someone who does not know the layout opens this.
pub(crate) fn start_page(meta: &Meta) -> String {
    let organisation = crate::html::markup::escape(&meta.organisation);
    let period = meta.period.name();
    let index = layout::INDEX;
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"refresh\" content=\"0; url={index}\">\n\
         <title>Evidence for {period}, {organisation}</title>\n\
         <p>Evidence of {organisation} for {period}. Unpack the whole archive, then open \
         <a href=\"{index}\">{index}</a>.\n</html>\n"
    )
}

#[cfg(unix)]
fn sync_folder_of(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

#[cfg(not(unix))]
fn sync_folder_of(_: &Path) -> io::Result<()> {
    let _: Option<File> = None;
    Ok(())
}
