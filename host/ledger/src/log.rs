//! The append-only log: what an append writes, and opening one from its checkpoint.
//!
//! Nothing here touches a disk. [`Log::append`] says which files to write, and hands back the log as it will
//! be; the caller makes the files durable, signs and replaces the checkpoint, and only then keeps the new
//! [`Log`] and removes the superseded files. If anything fails in between, the old `Log` is still the truth.

use crate::tile::{
    self, Content, MAX_ENTRY_BYTES, TILE_LEVELS, TILE_WIDTH, Tile, TileReader, join_hashes, push_entry,
    split_bundle, split_hashes,
};
use crate::tree::{TreeHead, complete_root, fold_peaks, leaf_hash};
use exhibit_evidence::digest::Digest;
use std::io;

/// Why a log cannot be opened, read or added to.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// A file that the checkpoint's size asks for is not there.
    #[error("the log's file {path} is missing, and a log of {size} entries has it: restore it from a backup")]
    Missing {
        /// The file.
        path: String,
        /// Entries in the log.
        size: u64,
    },
    /// A file is there, and is not what it should be.
    #[error("the log's file {path} is damaged: {reason}; restore it from a backup")]
    Damaged {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A file could not be read.
    #[error("the log's file {path} cannot be read")]
    Read {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// The files hash to something else than the checkpoint says.
    #[error(
        "the log's {size} entries have the root {computed}, and the checkpoint says {expected}: either was changed"
    )]
    OtherRoot {
        /// Entries in the log.
        size: u64,
        /// What the files hash to.
        computed: Digest,
        /// What the checkpoint says.
        expected: Digest,
    },
    /// An entry is too long for the format.
    #[error("an entry of {bytes} bytes does not fit the log: the longest is {MAX_ENTRY_BYTES}")]
    EntryTooLong {
        /// Its length.
        bytes: usize,
    },
    /// A proof was asked for that this log cannot give.
    #[error(transparent)]
    Proof(#[from] crate::proof::ProofError),
}

/// A file of the log, to be written whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TileFile {
    /// Which tile it is.
    pub tile: Tile,
    /// Its content.
    pub bytes: Vec<u8>,
}

impl TileFile {
    /// Its path below the log's folder.
    pub fn path(&self) -> String {
        self.tile.path()
    }
}

/// What an append comes to.
#[derive(Clone, Debug)]
pub struct Append {
    /// Index of the first entry that was added.
    pub first: u64,
    /// The log's head afterwards, to be signed.
    pub head: TreeHead,
    /// Files to write, entries first. All are new: none replaces another.
    pub files: Vec<TileFile>,
    /// Partial tiles that the new files contain. Remove them once the new checkpoint is durable, never before.
    pub superseded: Vec<Tile>,
    /// The log afterwards.
    pub log: Log,
}

/// The right edge of a log: all that is needed to add to it.
#[derive(Clone, Debug)]
pub struct Log {
    size: u64,
    /// For each level the hashes of its partial tile, 0 to 255 of them.
    edges: Vec<Vec<Digest>>,
    /// The bytes of the partial entry bundle.
    bundle: Vec<u8>,
}

impl Default for Log {
    fn default() -> Self {
        Self { size: 0, edges: vec![Vec::new(); usize::from(TILE_LEVELS)], bundle: Vec::new() }
    }
}

impl Log {
    /// A log without entries.
    pub fn new() -> Self {
        Self::default()
    }

    /// The log under this head, from its rightmost files: one a level (a level holds 256 times what the one
    /// below does), and the last entry bundle. They are checked against the head.
    ///
    /// # Errors
    /// [`LogError`] where one of those files is missing or damaged, or they have another root.
    pub fn open(reader: &impl TileReader, head: &TreeHead) -> Result<Self, LogError> {
        let mut log = Self { size: head.size, ..Self::default() };
        for level in 0..TILE_LEVELS {
            if let Some(tile) = partial_tile(Content::Hashes(level), head.size) {
                log.edges[usize::from(level)] = read_hashes(reader, tile, head.size)?;
            }
        }
        let computed = log.root();
        if computed != head.root {
            return Err(LogError::OtherRoot { size: head.size, computed, expected: head.root });
        }
        if let Some(tile) = partial_tile(Content::Entries, head.size) {
            let entries = read_entries(reader, tile, head.size)?;
            check_entries(&tile, &entries, &log.edges[0])?;
            entries.iter().for_each(|entry| push_entry(&mut log.bundle, entry));
        }
        Ok(log)
    }

    /// Number of entries.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Merkle root over all entries.
    pub fn root(&self) -> Digest {
        let mut peaks = Vec::new();
        for edge in self.edges.iter().rev() {
            let mut rest = edge.as_slice();
            while !rest.is_empty() {
                let (complete, after) = rest.split_at(1 << rest.len().ilog2());
                peaks.push(complete_root(complete));
                rest = after;
            }
        }
        fold_peaks(&peaks)
    }

    /// Size and root.
    pub fn head(&self) -> TreeHead {
        TreeHead { size: self.size, root: self.root() }
    }

    /// Adds entries. This log stays as it is; the one that holds them is in the answer.
    ///
    /// # Errors
    /// [`LogError::EntryTooLong`].
    pub fn append<E: AsRef<[u8]>>(&self, entries: &[E]) -> Result<Append, LogError> {
        if let Some(long) = entries.iter().find(|entry| entry.as_ref().len() > MAX_ENTRY_BYTES) {
            return Err(LogError::EntryTooLong { bytes: long.as_ref().len() });
        }
        let mut log = self.clone();
        let mut files = Vec::new();
        for entry in entries {
            log.push(entry.as_ref(), &mut files);
        }
        let (before, after) = (self.partial_tiles(), log.partial_tiles());
        let new = after.iter().filter(|tile| !before.contains(tile));
        files.extend(new.map(|tile| log.partial_file(*tile)));
        files.sort_by_key(|file| file.tile);
        let superseded = before.into_iter().filter(|tile| !after.contains(tile)).collect();
        Ok(Append { first: self.size, head: log.head(), files, superseded, log })
    }

    /// The partial tiles at the right edge.
    pub(crate) fn partial_files(&self) -> impl Iterator<Item = TileFile> {
        self.partial_tiles().into_iter().map(|tile| self.partial_file(tile))
    }

    fn partial_tiles(&self) -> Vec<Tile> {
        let contents = (0..TILE_LEVELS).map(Content::Hashes).chain([Content::Entries]);
        contents.filter_map(|content| partial_tile(content, self.size)).collect()
    }

    fn partial_file(&self, tile: Tile) -> TileFile {
        let bytes = match tile.content {
            Content::Entries => self.bundle.clone(),
            Content::Hashes(level) => join_hashes(&self.edges[usize::from(level)]),
        };
        TileFile { tile, bytes }
    }

    /// Adds one entry, and to `files` every tile that it fills.
    fn push(&mut self, entry: &[u8], files: &mut Vec<TileFile>) {
        push_entry(&mut self.bundle, entry);
        self.size += 1;
        let mut hash = leaf_hash(entry);
        for (level, edge) in (0..).zip(&mut self.edges) {
            edge.push(hash);
            if edge.len() < TILE_WIDTH {
                return;
            }
            let full = |content| {
                let entries = self.size >> (8 * u32::from(level));
                Tile { content, index: entries / TILE_WIDTH as u64 - 1, width: TILE_WIDTH as u16 }
            };
            if level == 0 {
                let bytes = std::mem::take(&mut self.bundle);
                files.push(TileFile { tile: full(Content::Entries), bytes });
            }
            files.push(TileFile { tile: full(Content::Hashes(level)), bytes: join_hashes(edge) });
            hash = complete_root(edge);
            edge.clear();
        }
    }
}

/// The partial tile that a log of `size` entries has at its right edge, if any.
pub(crate) fn partial_tile(content: Content, size: u64) -> Option<Tile> {
    let units = match content {
        Content::Entries => size,
        Content::Hashes(level) => size >> (8 * u32::from(level)),
    };
    let width = (units % TILE_WIDTH as u64) as u16;
    (width > 0).then_some(Tile { content, index: units / TILE_WIDTH as u64, width })
}

/// Reads a tile. Where it is gone, because the log has grown since, a wider one at the same place begins with
/// what it held. Answers with the tile that was found.
fn read(reader: &impl TileReader, tile: Tile, size: u64) -> Result<(Tile, Vec<u8>), LogError> {
    let full = TILE_WIDTH as u16;
    let wider = (tile.width < full).then_some(full).into_iter().chain(tile.width + 1..full);
    for width in std::iter::once(tile.width).chain(wider) {
        let found = Tile { width, ..tile };
        let path = found.path();
        match reader.read_tile(&path) {
            Ok(Some(bytes)) => return Ok((found, bytes)),
            Ok(None) => {}
            Err(source) => return Err(LogError::Read { path, source }),
        }
    }
    Err(LogError::Missing { path: tile.path(), size })
}

/// The hashes of a tile of a log of `size` entries, exactly as many as it should hold.
pub(crate) fn read_hashes(reader: &impl TileReader, tile: Tile, size: u64) -> Result<Vec<Digest>, LogError> {
    let (found, bytes) = read(reader, tile, size)?;
    let width = usize::from(found.width);
    let mut hashes = split_hashes(&bytes).unwrap_or_default();
    if hashes.len() != width {
        let reason = format!("it has {} bytes, and should have {}", bytes.len(), 32 * width);
        return Err(LogError::Damaged { path: found.path(), reason });
    }
    hashes.truncate(usize::from(tile.width));
    Ok(hashes)
}

/// The entries of a bundle of a log of `size` entries, exactly as many as it should hold.
pub(crate) fn read_entries(
    reader: &impl TileReader,
    tile: Tile,
    size: u64,
) -> Result<Vec<Vec<u8>>, LogError> {
    let (found, bytes) = read(reader, tile, size)?;
    let damaged = |reason| LogError::Damaged { path: found.path(), reason };
    let entries =
        split_bundle(&bytes).map_err(|at| damaged(format!("it breaks off in the entry at byte {at}")))?;
    if entries.len() != usize::from(found.width) {
        return Err(damaged(format!("it has {} entries, and should have {}", entries.len(), found.width)));
    }
    Ok(entries.into_iter().take(usize::from(tile.width)).map(<[u8]>::to_vec).collect())
}

/// Checks that entries hash to the leaves that the tile of hashes beside them holds.
pub(crate) fn check_entries(tile: &Tile, entries: &[Vec<u8>], leaves: &[Digest]) -> Result<(), LogError> {
    let first = tile.index * tile::TILE_WIDTH as u64;
    for (index, (entry, leaf)) in (first..).zip(entries.iter().zip(leaves)) {
        let computed = leaf_hash(entry);
        if computed != *leaf {
            let reason = format!("entry {index} hashes to {computed}, and its leaf is {leaf}");
            return Err(LogError::Damaged { path: tile.path(), reason });
        }
    }
    Ok(())
}
