//! Reading packs: footers, kept while they are used, and blobs, each checked against its digest.

use super::footer::{Blob, Encoding, Footer, decode};
use super::object::{ObjectReader, Objects};
use super::{END, MAGIC, TRAILER_BYTES, name};
use crate::body::Table;
use crate::crypt::{BucketKeys, KeyRing};
use crate::error::ReadError;
use crate::rows::PackRef;
use exhibit_evidence::digest::{Digest, Hasher};
use std::collections::HashMap;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Packs kept open.
const OPEN_PACKS: usize = 64;

/// Largest prefix or body that is read into memory.
pub(crate) const MAX_BLOB_BYTES: u64 = 1 << 30;

/// The plaintext of a pack's file.
enum Plain {
    Open(ObjectReader),
    Age(Box<age::stream::StreamReader<ObjectReader>>),
}

impl Read for Plain {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Open(reader) => reader.read(out),
            Self::Age(reader) => reader.read(out),
        }
    }
}

impl Seek for Plain {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match self {
            Self::Open(reader) => reader.seek(to),
            Self::Age(reader) => reader.seek(to),
        }
    }
}

/// An opened pack.
pub(crate) struct Pack {
    pub(crate) digest: Digest,
    pub(crate) footer: Footer,
    reader: Mutex<Plain>,
    table: OnceLock<Arc<Table>>,
}

impl std::fmt::Debug for Pack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pack").field("digest", &self.digest).finish_non_exhaustive()
    }
}

impl Pack {
    pub(crate) fn open(objects: &Objects, pack: Digest, keys: &BucketKeys) -> Result<Self, ReadError> {
        let place = || format!("packs/{}/{pack}.pack", &pack.to_string()[..2]);
        let damaged = |reason: String| ReadError::damaged(place(), reason);
        let object = objects.open(&pack)?;
        let mut reader = if keys.sealer.is_some() {
            Plain::Age(Box::new(keys.decrypt(object).map_err(|e| damaged(e.to_string()))?))
        } else {
            Plain::Open(object)
        };
        let footer = read_footer(&mut reader).map_err(damaged)?;
        Ok(Self { digest: pack, footer, reader: Mutex::new(reader), table: OnceLock::new() })
    }

    fn damaged(&self, reason: impl Into<String>) -> ReadError {
        ReadError::damaged(format!("packs/{}/{}.pack", &self.digest.to_string()[..2], self.digest), reason)
    }

    /// Bytes of the pack's plaintext.
    pub(crate) fn bytes(&self, offset: u64, len: u64) -> Result<Vec<u8>, ReadError> {
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let mut bytes = Vec::with_capacity(usize::try_from(len.min(64 << 20)).unwrap_or_default());
        reader.seek(SeekFrom::Start(offset)).map_err(|e| self.damaged(e.to_string()))?;
        reader.by_ref().take(len).read_to_end(&mut bytes).map_err(|e| self.damaged(e.to_string()))?;
        if bytes.len() as u64 != len {
            return Err(self.damaged("it ends early"));
        }
        Ok(bytes)
    }

    /// Part of a blob that is stored as it is.
    pub(crate) fn part(&self, blob: &Digest, offset: u64, len: u64) -> Result<Vec<u8>, ReadError> {
        let blob = self.blob(blob)?;
        if offset.checked_add(len).is_none_or(|end| end > blob.stored) {
            return Err(self.damaged("a reference points outside of its blob"));
        }
        self.bytes(blob.offset + offset, len)
    }

    fn blob(&self, digest: &Digest) -> Result<&Blob, ReadError> {
        self.footer.blobs.get(digest).ok_or_else(|| self.damaged(format!("blob {digest} is not in it")))
    }
}

fn read_footer(reader: &mut Plain) -> Result<Footer, String> {
    let mut magic = [0; MAGIC.len()];
    reader.read_exact(&mut magic).map_err(|e| e.to_string())?;
    if magic != *MAGIC {
        return Err("it does not begin as a pack does".into());
    }
    let end = reader.seek(SeekFrom::End(0)).map_err(|e| e.to_string())?;
    let trailer_at = end.checked_sub(TRAILER_BYTES).ok_or("it ends early")?;
    reader.seek(SeekFrom::Start(trailer_at)).map_err(|e| e.to_string())?;
    let (mut offset, mut len, mut mark) = ([0; 8], [0; 8], [0; END.len()]);
    for part in [&mut offset, &mut len, &mut mark] {
        reader.read_exact(part).map_err(|e| e.to_string())?;
    }
    let (offset, len) = (u64::from_le_bytes(offset), u64::from_le_bytes(len));
    if mark != *END || offset.checked_add(len) != Some(trailer_at) {
        return Err("it does not end as a pack does".into());
    }
    let mut bytes = Vec::new();
    reader.seek(SeekFrom::Start(offset)).map_err(|e| e.to_string())?;
    reader.take(len).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    decode(&bytes, offset)
}

/// What says where a content is that the pack does not hold: the table of requests itself is found by the head alone.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Head,
    Table,
}

/// The packs of a store, and the keys to them.
#[derive(Debug)]
pub(crate) struct Packs {
    pub(crate) objects: Objects,
    pub(crate) ring: KeyRing,
    open: Mutex<HashMap<Digest, Arc<Pack>>>,
}

impl Packs {
    pub(crate) fn new(objects: Objects, ring: KeyRing) -> Self {
        Self { objects, ring, open: Mutex::default() }
    }

    /// Opens a pack.
    pub(crate) fn pack(&self, at: &PackRef) -> Result<Arc<Pack>, ReadError> {
        if let Some(pack) = self.open.lock().unwrap_or_else(PoisonError::into_inner).get(&at.pack) {
            return Ok(Arc::clone(pack));
        }
        let keys = self.ring.get(&at.owner, &at.bucket)?;
        let pack = Arc::new(Pack::open(&self.objects, at.pack, &keys)?);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.len() >= OPEN_PACKS
            && let Some(any) = open.keys().next().copied()
        {
            open.remove(&any);
        }
        open.insert(at.pack, Arc::clone(&pack));
        Ok(pack)
    }

    /// Forgets what is held open, so that the next reading is from the disk.
    pub(crate) fn forget(&self) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The content of a name in a pack.
    pub(crate) fn named(&self, at: &PackRef, name: &str) -> Result<Option<Vec<u8>>, ReadError> {
        let pack = self.pack(at)?;
        match pack.footer.head.names.get(name) {
            None => Ok(None),
            Some(digest) => self.content(at, digest).map(Some),
        }
    }

    /// The content of a digest that the pack holds or refers to.
    pub(crate) fn content(&self, at: &PackRef, digest: &Digest) -> Result<Vec<u8>, ReadError> {
        self.read(at, digest, By::Table)
    }

    fn read(&self, at: &PackRef, digest: &Digest, by: By) -> Result<Vec<u8>, ReadError> {
        let (home, blob) = self.find(at, digest, by)?;
        let Encoding::Against(base) = blob.encoding else { return self.expand(&home, &blob, &[]) };
        let (base_home, base) = self.find(&home, &base, by)?;
        // What a pack refers to is only what a writer said: a circle must not be followed.
        if matches!(base.encoding, Encoding::Against(_)) {
            let reason =
                format!("blob {digest} is a difference to blob {}, which is one itself", base.digest);
            return Err(self.pack(&home)?.damaged(reason));
        }
        let base = self.expand(&base_home, &base, &[])?;
        self.expand(&home, &blob, &base)
    }

    /// A digest's place: in the pack, or in one that it refers to.
    fn find(&self, at: &PackRef, digest: &Digest, by: By) -> Result<(PackRef, Blob), ReadError> {
        let pack = self.pack(at)?;
        if let Some(blob) = pack.footer.blobs.get(digest) {
            return Ok((at.clone(), *blob));
        }
        let home = self.home(at, &pack, digest, by)?;
        let blob = *self.pack(&home)?.blob(digest)?;
        Ok((home, blob))
    }

    /// The pack that holds a digest which `pack` only refers to.
    fn home(&self, at: &PackRef, pack: &Pack, digest: &Digest, by: By) -> Result<PackRef, ReadError> {
        let chain = pack.footer.head.table.as_ref();
        let home = match pack.footer.head.elsewhere.get(digest) {
            Some(home) => Some(*home),
            None if chain.is_some_and(|c| c.full == *digest) => chain.and_then(|c| c.full_pack),
            None if pack.footer.head.names.get(name::TABLE) == Some(digest) => chain.and_then(|c| c.pack),
            None if by == By::Head => None,
            None => self.table_of(at, pack)?.home(digest),
        };
        let pack = home.ok_or_else(|| ReadError::Missing(format!("content {digest} of pack {}", at.pack)))?;
        Ok(PackRef { pack, ..at.clone() })
    }

    /// The pack's table of requests.
    pub(crate) fn table(&self, at: &PackRef) -> Result<Arc<Table>, ReadError> {
        let pack = self.pack(at)?;
        self.table_of(at, &pack)
    }

    fn table_of(&self, at: &PackRef, pack: &Pack) -> Result<Arc<Table>, ReadError> {
        if let Some(table) = pack.table.get() {
            return Ok(Arc::clone(table));
        }
        let table = match pack.footer.head.names.get(name::TABLE) {
            None => Table::default(),
            Some(digest) => {
                let bytes = self.read(at, digest, By::Head)?;
                Table::decode(&bytes, at.pack).ok_or_else(|| pack.damaged("its table of requests"))?
            }
        };
        Ok(Arc::clone(pack.table.get_or_init(|| Arc::new(table))))
    }

    /// A blob's content; `base` is what it is a difference to.
    fn expand(&self, at: &PackRef, blob: &Blob, base: &[u8]) -> Result<Vec<u8>, ReadError> {
        let pack = self.pack(at)?;
        let damaged = |e: io::Error| pack.damaged(format!("blob {}: {e}", blob.digest));
        let stored = pack.bytes(blob.offset, blob.stored)?;
        let content = match blob.encoding {
            Encoding::Plain => stored,
            Encoding::Zstd => {
                let decoder = zstd::Decoder::with_buffer(stored.as_slice()).map_err(damaged)?;
                drain(decoder, blob.length).map_err(damaged)?
            }
            Encoding::Against(_) => crate::body::expand(&stored, base, blob.length).map_err(damaged)?,
        };
        if content.len() as u64 != blob.length || Digest::of(&content) != blob.digest {
            return Err(pack.damaged(format!("blob {} has another content", blob.digest)));
        }
        Ok(content)
    }

    /// Reads a blob that is stored as it is, in pieces, and checks its digest at the end.
    pub(crate) fn plain_pieces(
        &self,
        at: &PackRef,
        digest: &Digest,
        piece: &mut dyn FnMut(&[u8]) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        let pack = self.pack(at)?;
        let blob = *pack.blob(digest)?;
        let mut hasher = Hasher::default();
        let mut done = 0;
        while done < blob.stored {
            let bytes = pack.bytes(blob.offset + done, (blob.stored - done).min(1 << 20))?;
            hasher.update(&bytes);
            piece(&bytes)?;
            done += bytes.len() as u64;
        }
        if hasher.finish() != *digest {
            return Err(pack.damaged(format!("blob {digest} has another content")));
        }
        Ok(())
    }
}

/// Reads a decoder to its end, but no further than the length that was noted.
pub(crate) fn drain(decoder: impl Read, length: u64) -> io::Result<Vec<u8>> {
    if length > MAX_BLOB_BYTES {
        return Err(io::Error::other(format!("{length} bytes are over the bound")));
    }
    let mut content = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
    decoder.take(length + 1).read_to_end(&mut content)?;
    Ok(content)
}
