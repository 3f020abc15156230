//! Writing a pack, front to back, into a staging file that becomes the pack as it stands.

use super::footer::{Blob, Encoding, Head, encode};
use super::{END, MAGIC};
use crate::crypt::BucketKeys;
use crate::error::ReadError;
use exhibit_evidence::digest::{Digest, Hasher};
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

/// Level for what is written once a run.
const LEVEL: i32 = 3;

/// A file that knows the digest of what was written to it.
struct Hashed {
    file: BufWriter<File>,
    hasher: Hasher,
    bytes: u64,
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.file.write(bytes)?;
        self.hasher.update(&bytes[..n]);
        self.bytes += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

enum Sink {
    Open(Hashed),
    Age(Box<age::stream::StreamWriter<Hashed>>),
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Open(file) => file.write(bytes),
            Self::Age(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A pack being written.
pub(crate) struct PackWriter {
    sink: Sink,
    path: PathBuf,
    position: u64,
    blobs: Vec<Blob>,
    known: HashMap<Digest, usize>,
}

/// A pack as it lies in staging.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) path: PathBuf,
    pub(crate) digest: Digest,
    pub(crate) bytes: u64,
}

impl PackWriter {
    /// Begins a pack at `path`, sealed where the bucket's keys seal.
    pub(crate) fn begin(path: &Path, keys: &BucketKeys) -> Result<Self, ReadError> {
        let begin = || {
            let file = BufWriter::with_capacity(64 << 10, File::create(path)?);
            let hashed = Hashed { file, hasher: Hasher::default(), bytes: 0 };
            let mut sink = if keys.sealer.is_some() {
                Sink::Age(Box::new(keys.encrypt(hashed)?))
            } else {
                Sink::Open(hashed)
            };
            sink.write_all(MAGIC)?;
            Ok(sink)
        };
        let sink = begin().map_err(ReadError::io(path))?;
        Ok(Self {
            sink,
            path: path.to_owned(),
            position: MAGIC.len() as u64,
            blobs: Vec::new(),
            known: HashMap::new(),
        })
    }

    /// Whether this pack holds a blob of that digest.
    pub(crate) fn holds(&self, digest: &Digest) -> bool {
        self.known.contains_key(digest)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), ReadError> {
        self.sink.write_all(bytes).map_err(ReadError::io(&self.path))?;
        self.position += bytes.len() as u64;
        Ok(())
    }

    fn note(&mut self, digest: Digest, offset: u64, length: u64, encoding: Encoding) -> Blob {
        let blob = Blob { digest, offset, stored: self.position - offset, length, encoding };
        self.known.insert(digest, self.blobs.len());
        self.blobs.push(blob);
        blob
    }

    /// Adds a blob whose stored form is ready.
    pub(crate) fn add_stored(
        &mut self,
        digest: Digest,
        length: u64,
        encoding: Encoding,
        stored: &[u8],
    ) -> Result<Blob, ReadError> {
        let offset = self.position;
        self.put(stored)?;
        Ok(self.note(digest, offset, length, encoding))
    }

    /// Adds a blob of any length, compressed as it is read. `digest` is the digest of what `from` gives.
    pub(crate) fn add_stream(
        &mut self,
        digest: Digest,
        length: u64,
        from: impl Read,
    ) -> Result<Blob, ReadError> {
        let path = self.path.clone();
        let offset = self.position;
        let mut counted = Counted { sink: &mut self.sink, bytes: 0 };
        zstd::stream::copy_encode(from, &mut counted, LEVEL).map_err(ReadError::io(path))?;
        self.position += counted.bytes;
        Ok(self.note(digest, offset, length, Encoding::Zstd))
    }

    /// Begins a blob that is stored as it comes; its digest is known at its end.
    pub(crate) fn begin_plain(&self) -> PlainBlob {
        PlainBlob { offset: self.position, hasher: Hasher::default() }
    }

    /// Adds to a blob that was begun, and says where in it these bytes are.
    pub(crate) fn add_plain(&mut self, blob: &mut PlainBlob, bytes: &[u8]) -> Result<u64, ReadError> {
        let at = self.position - blob.offset;
        self.put(bytes)?;
        blob.hasher.update(bytes);
        Ok(at)
    }

    /// Ends a blob that was begun.
    pub(crate) fn end_plain(&mut self, blob: PlainBlob) -> Blob {
        let length = self.position - blob.offset;
        self.note(blob.hasher.finish(), blob.offset, length, Encoding::Plain)
    }

    /// Writes footer and trailer. The file is complete, and not yet durable: the pack store makes it so.
    pub(crate) fn finish(mut self, head: &Head) -> Result<Finished, ReadError> {
        let place = self.path.display().to_string();
        let footer = encode(head, &self.blobs).map_err(|e| ReadError::damaged(place, e))?;
        let offset = self.position;
        self.put(&footer)?;
        self.put(&offset.to_le_bytes())?;
        self.put(&(footer.len() as u64).to_le_bytes())?;
        self.put(END)?;
        let end = || {
            let mut hashed = match self.sink {
                Sink::Open(hashed) => hashed,
                Sink::Age(stream) => stream.finish()?,
            };
            hashed.flush()?;
            Ok((hashed.hasher.finish(), hashed.bytes))
        };
        let (digest, bytes) = end().map_err(ReadError::io(&self.path))?;
        Ok(Finished { path: self.path, digest, bytes })
    }
}

/// A blob being written as it comes.
pub(crate) struct PlainBlob {
    offset: u64,
    hasher: Hasher,
}

struct Counted<'a> {
    sink: &'a mut Sink,
    bytes: u64,
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.sink.write(bytes)?;
        self.bytes += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
