//! Packs as objects: a local folder now, S3-compatible storage where it is shared.

use crate::error::ReadError;
use crate::faults::{Points, Step};
use crate::files;
use bytes::Bytes;
use exhibit_evidence::digest::{Digest, Hasher};
use object_store::local::LocalFileSystem;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, ObjectStoreExt as _, PutMode, PutPayload};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Packs above this are put in parts, so that memory does not grow with a pack.
const PART_BYTES: usize = 8 << 20;

/// Read ahead by this much.
const BLOCK_BYTES: u64 = 128 << 10;

/// The place where packs are.
#[derive(Debug)]
pub(crate) struct Objects {
    store: Arc<dyn ObjectStore>,
    dir: PathBuf,
    points: Points,
}

fn object_path(pack: &Digest) -> ObjectPath {
    let name = pack.to_string();
    ObjectPath::from(format!("{}/{name}.pack", &name[..2]))
}

fn failed(pack: &Digest) -> impl Fn(object_store::Error) -> ReadError {
    let pack = object_path(pack).to_string();
    move |e| ReadError::Pack { pack: pack.clone(), reason: e.to_string() }
}

impl Objects {
    /// Packs in a local folder, each synced before its writing returns.
    pub(crate) fn local(dir: &Path, points: Points) -> Result<Self, ReadError> {
        files::create_dirs(dir).map_err(ReadError::io(dir))?;
        let store = LocalFileSystem::new_with_prefix(dir)
            .map_err(|e| ReadError::Pack { pack: String::new(), reason: e.to_string() })?
            .with_fsync(true);
        Ok(Self { store: Arc::new(store), dir: dir.to_owned(), points })
    }

    /// Puts a finished pack; durable on return. A pack of that digest is the same pack.
    pub(crate) fn put(&self, pack: &Digest, file: &Path, bytes: u64) -> Result<(), ReadError> {
        let object = object_path(pack);
        let path = self.dir.join(object.as_ref());
        let put = || {
            if bytes > PART_BYTES as u64 {
                return self.put_parts(pack, File::open(file)?);
            }
            let content = PutPayload::from(std::fs::read(file)?);
            self.points.pass(Step::Pack, || {
                let put = self.store.put_opts(&object, content, PutMode::Create.into());
                match wait(put) {
                    Ok(_) => Ok(()),
                    // By an attempt that failed, or was stopped: perhaps before its entry was durable.
                    Err(object_store::Error::AlreadyExists { .. }) => files::sync_parent(&path),
                    Err(e) => Err(io::Error::other(e)),
                }
            })
        };
        put().map_err(ReadError::io(&path))
    }

    /// Puts a pack a part at a time; durable on return.
    fn put_parts(&self, pack: &Digest, mut from: impl Read) -> io::Result<()> {
        let path = object_path(pack);
        let begin = || wait(self.store.put_multipart(&path)).map_err(io::Error::other);
        let mut upload = self.points.pass(Step::Pack, begin)?;
        loop {
            let mut part = Vec::new();
            if (&mut from).take(PART_BYTES as u64).read_to_end(&mut part)? == 0 {
                break;
            }
            let put = || wait(upload.put_part(PutPayload::from(part))).map_err(io::Error::other);
            self.points.pass(Step::Pack, put)?;
        }
        self.points.pass(Step::Pack, || wait(upload.complete()).map_err(io::Error::other))?;
        Ok(())
    }

    /// Copies a pack to another place; durable on return.
    pub(crate) fn copy(&self, pack: &Digest, to: &Self) -> Result<(), ReadError> {
        let from = self.open(pack)?;
        to.put_parts(pack, from).map_err(ReadError::io(to.dir.join(object_path(pack).as_ref())))
    }

    /// Removes a pack that nothing refers to.
    pub(crate) fn delete(&self, pack: &Digest) -> Result<(), ReadError> {
        let delete = || wait(self.store.delete(&object_path(pack))).map_err(io::Error::other);
        let deleted = self.points.pass(Step::Sweep, delete);
        deleted.map_err(ReadError::io(self.dir.join(object_path(pack).as_ref())))
    }

    /// The packs that are there, and the names of files that are not packs.
    pub(crate) fn list(&self) -> Result<(Vec<Digest>, Vec<PathBuf>), ReadError> {
        let mut packs = Vec::new();
        let mut strange = Vec::new();
        for path in files::walk(&self.dir).map_err(ReadError::io(&self.dir))? {
            let text = path.to_string_lossy();
            let named = text.split_once('/').and_then(|(_, file)| file.strip_suffix(".pack"));
            match named.and_then(|hex| hex.parse::<Digest>().ok()) {
                Some(pack) if object_path(&pack).as_ref() == text => packs.push(pack),
                _ => strange.push(self.dir.join(&path)),
            }
        }
        Ok((packs, strange))
    }

    /// The digest of a pack's file as it is now.
    pub(crate) fn digest(&self, pack: &Digest) -> Result<Digest, ReadError> {
        let mut reader = self.open(pack)?;
        let mut hasher = Hasher::default();
        let mut block = vec![0; 1 << 16];
        loop {
            let n =
                reader.read(&mut block).map_err(ReadError::io(self.dir.join(object_path(pack).as_ref())))?;
            if n == 0 {
                return Ok(hasher.finish());
            }
            hasher.update(&block[..n]);
        }
    }

    /// A reader of a pack's file.
    pub(crate) fn open(&self, pack: &Digest) -> Result<ObjectReader, ReadError> {
        let path = object_path(pack);
        let meta = wait(self.store.head(&path)).map_err(failed(pack))?;
        Ok(ObjectReader {
            store: Arc::clone(&self.store),
            path,
            size: meta.size,
            position: 0,
            block: Bytes::new(),
            block_at: 0,
        })
    }
}

/// An object as something to read and seek in, a block at a time.
pub(crate) struct ObjectReader {
    store: Arc<dyn ObjectStore>,
    path: ObjectPath,
    size: u64,
    position: u64,
    block: Bytes,
    block_at: u64,
}

impl Read for ObjectReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.position >= self.size || out.is_empty() {
            return Ok(0);
        }
        let block_end = self.block_at + self.block.len() as u64;
        if self.position < self.block_at || self.position >= block_end {
            let end = self.size.min(self.position + BLOCK_BYTES.max(out.len() as u64));
            let range = self.position..end;
            self.block = wait(self.store.get_range(&self.path, range)).map_err(io::Error::other)?;
            self.block_at = self.position;
        }
        let from = usize::try_from(self.position - self.block_at).map_err(io::Error::other)?;
        let n = out.len().min(self.block.len() - from);
        out[..n].copy_from_slice(&self.block[from..from + n]);
        self.position += n as u64;
        Ok(n)
    }
}

impl Seek for ObjectReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.size.checked_add_signed(by),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
        };
        self.position = position.ok_or_else(|| io::Error::other("a seek before the start"))?;
        Ok(self.position)
    }
}

/// Waits for the object store on this thread. Without its budget: inside a tokio task a future that has used up
/// the task's budget waits for the task to yield, which it cannot do while this thread waits for the future.
fn wait<F: Future>(future: F) -> F::Output {
    pollster::block_on(tokio::task::unconstrained(future))
}
