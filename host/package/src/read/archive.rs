//! A package as a zip. The crate `zip` reads and checks the directory; the data of an entry is then read from
//! its place in the file, so that many entries can be open at once.

use super::{OpenError, below_one_folder};
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use zip::{CompressionMethod, ZipArchive};

/// An opened zip.
pub(super) struct Archive {
    file: Arc<Mutex<File>>,
    places: HashMap<String, Place>,
}

/// Where an entry's data is.
#[derive(Clone, Copy)]
struct Place {
    start: u64,
    length: u64,
    deflated: bool,
}

impl Archive {
    pub(super) fn open(path: &Path) -> Result<(Self, String, BTreeMap<String, u64>), OpenError> {
        let io = |source| OpenError::Io { path: path.to_owned(), source };
        let broken = |e: zip::result::ZipError| OpenError::NotAnArchive {
            path: path.to_owned(),
            reason: e.to_string(),
        };
        let file = File::open(path).map_err(io)?;
        let mut zip = ZipArchive::new(BufReader::new(file.try_clone().map_err(io)?)).map_err(broken)?;
        // Duplicate names, overlapping entries, entries that only some readers would see.
        zip.validate_header_consistency().map_err(broken)?;
        let (mut entries, mut places) = (Vec::new(), Vec::new());
        for number in 0..zip.len() {
            let entry = zip.by_index_raw(number).map_err(broken)?;
            let name = String::from_utf8_lossy(entry.name_raw()).into_owned();
            let hostile = |reason| OpenError::Hostile { path: name.escape_debug().to_string(), reason };
            if entry.is_symlink() {
                return Err(hostile("it is a link; a package holds plain files only"));
            }
            if entry.encrypted() {
                return Err(hostile("it is encrypted; a package is not"));
            }
            if entry.is_dir() {
                continue;
            }
            let deflated = match entry.compression() {
                CompressionMethod::Stored => false,
                CompressionMethod::Deflated => true,
                _ => return Err(hostile("it is compressed in a way that no package uses")),
            };
            let start = entry.data_start().ok_or_else(|| hostile("its data cannot be found"))?;
            places.push(Place { start, length: entry.compressed_size(), deflated });
            entries.push((name, entry.size()));
        }
        let names: Vec<String> = entries.iter().map(|(name, _)| name.clone()).collect();
        let (folder, files) = below_one_folder(entries)?;
        let below = |name: String| name.get(folder.len() + 1..).unwrap_or_default().to_owned();
        let places = names.into_iter().map(below).zip(places).collect();
        Ok((Self { file: Arc::new(Mutex::new(file)), places }, folder, files))
    }

    pub(super) fn open_file(&self, path: &str) -> io::Result<Box<dyn Read + Send>> {
        let place = self.places.get(path).ok_or(io::ErrorKind::NotFound)?;
        let section =
            BufReader::new(Section { file: Arc::clone(&self.file), at: place.start, left: place.length });
        Ok(if place.deflated {
            Box::new(flate2::bufread::DeflateDecoder::new(section))
        } else {
            Box::new(section)
        })
    }
}

/// A part of the shared file. Each has its own place, so several can be read in turn.
struct Section {
    file: Arc<Mutex<File>>,
    at: u64,
    left: u64,
}

impl Read for Section {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(out.len());
        // A reader that panicked left no half-made state behind: every read seeks first.
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(self.at))?;
        let got = file.read(&mut out[..most])?;
        self.at += got as u64;
        self.left -= got as u64;
        Ok(got)
    }
}
