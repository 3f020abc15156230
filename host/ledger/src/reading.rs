//! Reading a log back: entries, proofs out of tiles, and the check of everything.
//!
//! Files are believed only as far as the head bears them out: a proof is checked before it is handed out, an
//! entry against its leaf.

use crate::log::{Log, LogError, TileFile, check_entries, partial_tile, read_entries, read_hashes};
use crate::proof::{self, Nodes, verify_consistency, verify_inclusion};
use crate::tile::{Content, TILE_WIDTH, Tile, TileReader, join_hashes};
use crate::tree::{TreeHead, complete_root};
use exhibit_evidence::digest::Digest;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// Tiles of hashes kept while proofs are made: 8 KiB each.
const CACHED_TILES: usize = 256;

/// A log's files, read under a head that the caller has verified.
pub struct LogReader<R> {
    reader: R,
    head: TreeHead,
    cache: RefCell<HashMap<Tile, Rc<[Digest]>>>,
}

impl<R: TileReader> LogReader<R> {
    /// The log in `reader` as it was at `head`. Reads nothing yet.
    pub fn new(reader: R, head: TreeHead) -> Self {
        Self { reader, head, cache: RefCell::default() }
    }

    /// The head it is read under.
    pub fn head(&self) -> &TreeHead {
        &self.head
    }

    /// The entry at `index`, checked against its leaf.
    ///
    /// # Errors
    /// [`LogError`] where there is none, or its files are missing or damaged.
    pub fn entry(&self, index: u64) -> Result<Vec<u8>, LogError> {
        proof::check_index(index, self.head.size)?;
        let tile = self.tile_at(Content::Entries, index);
        let mut entries = read_entries(&self.reader, tile, self.head.size)?;
        check_entries(&tile, &entries, &self.hashes(0, index)?)?;
        Ok(entries.swap_remove((index % TILE_WIDTH as u64) as usize))
    }

    /// The leaf hash at `index`.
    ///
    /// # Errors
    /// [`LogError`] where there is none, or its tile is missing or damaged.
    pub fn leaf(&self, index: u64) -> Result<Digest, LogError> {
        proof::check_index(index, self.head.size)?;
        self.node(0, index)
    }

    /// The inclusion proof of the entry at `index` under the head.
    ///
    /// # Errors
    /// [`LogError`] where there is none, or the tiles do not lead to the head's root.
    pub fn inclusion(&self, index: u64) -> Result<Vec<Digest>, LogError> {
        let leaf = self.leaf(index)?;
        let path = proof::inclusion(self, index, self.head.size)?;
        verify_inclusion(&leaf, index, &path, &self.head)?;
        Ok(path)
    }

    /// The proof that this log begins with exactly the entries of `old`.
    ///
    /// # Errors
    /// [`LogError`] where it does not, or the tiles do not lead to both roots.
    pub fn consistency(&self, old: &TreeHead) -> Result<Vec<Digest>, LogError> {
        proof::check_sizes(old.size, self.head.size)?;
        let path = proof::consistency(self, old.size, self.head.size)?;
        verify_consistency(&path, old, &self.head)?;
        Ok(path)
    }

    /// The head of this log when it had `size` entries.
    ///
    /// # Errors
    /// [`LogError`] where it never had as many, or its tiles are missing or damaged.
    pub fn head_at(&self, size: u64) -> Result<TreeHead, LogError> {
        proof::check_sizes(size, self.head.size)?;
        let old = TreeHead { size, root: proof::range_root(self, 0, size)? };
        self.consistency(&old)?;
        Ok(old)
    }

    fn tile_at(&self, content: Content, place: u64) -> Tile {
        let index = place / TILE_WIDTH as u64;
        partial_tile(content, self.head.size).filter(|tile| tile.index == index).unwrap_or(Tile {
            content,
            index,
            width: TILE_WIDTH as u16,
        })
    }

    /// The hashes of the tile of `level` that holds the hash at `place` of that level.
    fn hashes(&self, level: u8, place: u64) -> Result<Rc<[Digest]>, LogError> {
        let tile = self.tile_at(Content::Hashes(level), place);
        if let Some(hashes) = self.cache.borrow().get(&tile) {
            return Ok(Rc::clone(hashes));
        }
        let hashes: Rc<[Digest]> = read_hashes(&self.reader, tile, self.head.size)?.into();
        let mut cache = self.cache.borrow_mut();
        if cache.len() >= CACHED_TILES {
            cache.clear();
        }
        cache.insert(tile, Rc::clone(&hashes));
        Ok(hashes)
    }
}

impl<R: TileReader> Nodes for LogReader<R> {
    type Error = LogError;

    fn node(&self, level: u32, index: u64) -> Result<Digest, LogError> {
        let (tile_level, height) = ((level / 8) as u8, level % 8);
        let place = index << height;
        let hashes = self.hashes(tile_level, place)?;
        let first = (place % TILE_WIDTH as u64) as usize;
        // In bounds: only subtrees inside the tree are asked for, and tiles have the width that its size implies.
        Ok(complete_root(&hashes[first..first + (1 << height)]))
    }
}

/// Reads every entry of the log in `reader`, hashes it, and compares every tile and the root with `head`.
/// `each` is handed every entry, in order, before the root is known to hold.
///
/// # Errors
/// [`LogError`], naming the first file that is missing or wrong.
pub fn check_all(
    reader: &impl TileReader,
    head: &TreeHead,
    mut each: impl FnMut(u64, &[u8]),
) -> Result<(), LogError> {
    walk(reader, head, |index, entry| each(index, entry), |file| compare(reader, file, head.size))
}

/// The files of the log as it was at `head`, whole, though it may have grown since: for a package or a copy.
/// They are handed to `each` as they are made, bundles and tiles in turn; the root is checked at the end.
///
/// # Errors
/// [`LogError`], or whatever `each` answers.
pub fn copy_at<E: From<LogError>>(
    reader: &impl TileReader,
    head: &TreeHead,
    each: impl FnMut(TileFile) -> Result<(), E>,
) -> Result<(), E> {
    walk(reader, head, |_, _| (), each)
}

/// Builds the log again from its entries up to `head`, and hands out every file that it has then.
fn walk<E: From<LogError>>(
    reader: &impl TileReader,
    head: &TreeHead,
    mut entry: impl FnMut(u64, &[u8]),
    mut file: impl FnMut(TileFile) -> Result<(), E>,
) -> Result<(), E> {
    let mut log = Log::new();
    while log.size() < head.size {
        let index = log.size() / TILE_WIDTH as u64;
        let width = (head.size - log.size()).min(TILE_WIDTH as u64) as u16;
        let bundle = Tile { content: Content::Entries, index, width };
        let entries = read_entries(reader, bundle, head.size)?;
        (log.size()..).zip(&entries).for_each(|(index, bytes)| entry(index, bytes));
        let append = log.append(&entries)?;
        log = append.log;
        // Partial tiles belong to the last size alone.
        append.files.into_iter().filter(|f| f.tile.is_full()).try_for_each(&mut file)?;
    }
    log.partial_files().try_for_each(&mut file)?;
    let computed = log.root();
    if computed != head.root {
        return Err(LogError::OtherRoot { size: head.size, computed, expected: head.root }.into());
    }
    Ok(())
}

/// Compares a tile of hashes, as its entries make it, with the one that is there.
fn compare(reader: &impl TileReader, file: TileFile, size: u64) -> Result<(), LogError> {
    let Content::Hashes(level) = file.tile.content else { return Ok(()) };
    let found = join_hashes(&read_hashes(reader, file.tile, size)?);
    let hashes = |bytes: &[u8]| bytes.as_chunks::<32>().0.to_vec();
    let differs = hashes(&found).iter().zip(hashes(&file.bytes)).position(|(found, made)| *found != made);
    let Some(position) = differs else { return Ok(()) };
    let place = file.tile.index * TILE_WIDTH as u64 + position as u64;
    let reason = match level {
        0 => {
            format!("its hash of entry {place} is not that of the entry in tile/entries: either was changed")
        }
        _ => format!("its hash {position} is not that of the tile below it"),
    };
    Err(LogError::Damaged { path: file.path(), reason })
}
