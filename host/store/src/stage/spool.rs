//! Bytes set aside while a run goes on: in memory while they are few, then in a file without a name.
//!
//! Where the store is encrypted the file is sealed in blocks under a key that exists in this process only,
//! so that a crash leaves nothing that anyone can read.

use crate::crypt::{SEAL_BYTES, Sealer};
use crate::error::ReadError;
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Kept in memory before a file is made, and the size of a sealed block.
const BLOCK_BYTES: usize = 256 << 10;

static NEXT: AtomicU64 = AtomicU64::new(0);

/// Where a run's spools go, and whether they are sealed.
#[derive(Clone)]
pub(crate) struct SpoolRoom {
    dir: PathBuf,
    sealer: Option<Sealer>,
}

impl SpoolRoom {
    pub(crate) fn new(dir: &Path, sealed: bool) -> Self {
        Self { dir: dir.to_owned(), sealer: sealed.then(Sealer::passing) }
    }

    pub(crate) fn spool(&self) -> Spool {
        Spool { room: self.clone(), block: Vec::new(), file: None, bytes: 0 }
    }

    /// A file that has no name any more: it is gone when it is closed.
    fn file(&self) -> io::Result<File> {
        std::fs::create_dir_all(&self.dir)?;
        let path = self.dir.join(format!("spool-{}", NEXT.fetch_add(1, Ordering::Relaxed)));
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
        std::fs::remove_file(&path)?;
        Ok(file)
    }
}

/// Bytes being set aside.
pub(crate) struct Spool {
    room: SpoolRoom,
    block: Vec<u8>,
    file: Option<File>,
    bytes: u64,
}

impl Spool {
    /// Bytes set aside so far.
    pub(crate) fn len(&self) -> u64 {
        self.bytes
    }

    fn put_block(&mut self) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(self.room.file()?),
        };
        match &self.room.sealer {
            None => file.write_all(&self.block)?,
            Some(sealer) => {
                let sealed = sealer.seal(&self.block).map_err(|e| io::Error::other(e.to_string()))?;
                file.write_all(&(sealed.len() as u32).to_le_bytes())?;
                file.write_all(&sealed)?;
            }
        }
        self.block.clear();
        Ok(())
    }

    /// Everything set aside, from the start.
    pub(crate) fn reader(mut self) -> Result<SpoolReader, ReadError> {
        let place = self.room.dir.clone();
        let mut finish = || {
            if self.file.is_some() && !self.block.is_empty() {
                self.put_block()?;
            }
            let mut file = self.file.take();
            if let Some(file) = &mut file {
                file.seek(SeekFrom::Start(0))?;
            }
            Ok(SpoolReader {
                file: file.map(|f| BufReader::with_capacity(64 << 10, f)),
                sealer: self.room.sealer.take(),
                block: io::Cursor::new(std::mem::take(&mut self.block)),
            })
        };
        finish().map_err(ReadError::io(place))
    }
}

impl Write for Spool {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.block.extend_from_slice(bytes);
        self.bytes += bytes.len() as u64;
        if self.block.len() >= BLOCK_BYTES {
            self.put_block()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads what was set aside.
pub(crate) struct SpoolReader {
    file: Option<BufReader<File>>,
    sealer: Option<Sealer>,
    block: io::Cursor<Vec<u8>>,
}

impl SpoolReader {
    fn next_block(&mut self) -> io::Result<bool> {
        let (Some(file), Some(sealer)) = (&mut self.file, &self.sealer) else { return Ok(false) };
        let mut len = [0; 4];
        match file.read_exact(&mut len) {
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
            read => read?,
        }
        let len = u32::from_le_bytes(len) as usize;
        // A block is what `write` was given on top of BLOCK_BYTES, so it has no fixed bound but its own length.
        let mut sealed = Vec::with_capacity(len.min(BLOCK_BYTES + SEAL_BYTES));
        file.take(len as u64).read_to_end(&mut sealed)?;
        let plain = sealer.open(&sealed).ok_or_else(|| io::Error::other("a staged block was changed"))?;
        self.block = io::Cursor::new(plain);
        Ok(true)
    }
}

impl Read for SpoolReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.sealer.is_none()
            && let Some(file) = &mut self.file
        {
            return file.read(out);
        }
        loop {
            let n = self.block.read(out)?;
            if n > 0 || out.is_empty() || !self.next_block()? {
                return Ok(n);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_back_what_it_was_given() {
        let dir = tempfile::tempdir().unwrap();
        for sealed in [false, true] {
            for pieces in [0_usize, 1, 40, 4000] {
                let mut spool = SpoolRoom::new(dir.path(), sealed).spool();
                let mut expected = Vec::new();
                for i in 0..pieces {
                    let piece = vec![i as u8; i % 701];
                    spool.write_all(&piece).unwrap();
                    expected.extend_from_slice(&piece);
                }
                assert_eq!(spool.len(), expected.len() as u64);
                let mut all = Vec::new();
                spool.reader().unwrap().read_to_end(&mut all).unwrap();
                assert_eq!(all, expected);
            }
        }
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "spools leave no names");
    }
}
