//! The files of a log, by C2SP `tlog-tiles` (<https://c2sp.org/tlog-tiles>).
//!
//! ```text
//! checkpoint                      the signed head
//! tile/0/000  tile/0/x001/x234/067    256 leaf hashes each, 8192 bytes
//! tile/1/000                      256 hashes, each the root over a full tile of level 0; and so on
//! tile/0/001.p/44                 the rightmost tile, holding 44 so far
//! tile/entries/000                256 entries: a big-endian u16 length, then the entry
//! tile/entries/001.p/44           the rightmost bundle
//! ```

use exhibit_evidence::digest::Digest;
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::str::FromStr;

/// Hashes in a full tile, entries in a full bundle.
pub const TILE_WIDTH: usize = 256;

/// Bytes of the longest entry: its length is written in 16 bits.
pub const MAX_ENTRY_BYTES: usize = u16::MAX as usize;

/// Levels of tiles that a log of up to 2^64 entries can have.
pub(crate) const TILE_LEVELS: u8 = 8;

/// What a tile holds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Content {
    /// The entries themselves.
    Entries,
    /// Hashes of subtrees of 256^level entries.
    Hashes(u8),
}

/// One tile or entry bundle of a log.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Tile {
    /// What it holds.
    pub content: Content,
    /// Its place among those of its level, from 0.
    pub index: u64,
    /// How many hashes or entries it holds, 1 to 256; 256 is a full tile.
    pub width: u16,
}

impl Tile {
    /// Whether nothing can be added to it.
    pub fn is_full(&self) -> bool {
        usize::from(self.width) == TILE_WIDTH
    }

    /// The full tile at the same place.
    pub fn full(self) -> Self {
        Self { width: TILE_WIDTH as u16, ..self }
    }

    /// Whether all that it holds is of a log of `size` leaves.
    pub fn lies_in(&self, size: u64) -> bool {
        let level = match self.content {
            Content::Entries => 0,
            Content::Hashes(level) => u32::from(level),
        };
        let end = u128::from(self.index) * TILE_WIDTH as u128 + u128::from(self.width);
        let leaves = (TILE_WIDTH as u128).checked_pow(level).and_then(|each| end.checked_mul(each));
        leaves.is_some_and(|leaves| leaves <= u128::from(size))
    }

    /// The path below the log's folder, with `/` between its parts.
    pub fn path(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.content {
            Content::Entries => f.write_str("tile/entries/")?,
            Content::Hashes(level) => write!(f, "tile/{level}/")?,
        }
        let mut groups = vec![self.index % 1000];
        let mut rest = self.index / 1000;
        while rest > 0 {
            groups.push(rest % 1000);
            rest /= 1000;
        }
        for group in groups[1..].iter().rev() {
            write!(f, "x{group:03}/")?;
        }
        write!(f, "{:03}", groups[0])?;
        if self.is_full() { Ok(()) } else { write!(f, ".p/{}", self.width) }
    }
}

/// A path that names no tile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not the path of a tile: they look like tile/0/000, tile/1/x001/234 or tile/entries/000.p/44"
)]
pub struct ParseTileError(String);

impl FromStr for Tile {
    type Err = ParseTileError;

    fn from_str(path: &str) -> Result<Self, Self::Err> {
        // One spelling a tile: whatever is not written exactly as `path()` writes it is refused.
        read_path(path)
            .filter(|tile| tile.path() == path)
            .ok_or_else(|| ParseTileError(path.chars().take(80).collect()))
    }
}

fn read_path(path: &str) -> Option<Tile> {
    let (level, place) = path.strip_prefix("tile/")?.split_once('/')?;
    let content = match level {
        "entries" => Content::Entries,
        _ => Content::Hashes(level.parse().ok().filter(|level| *level < 64)?),
    };
    let (place, width) = match place.split_once(".p/") {
        Some((place, width)) => (place, width.parse().ok().filter(|w| (1..256).contains(w))?),
        None => (place, TILE_WIDTH as u16),
    };
    let mut index: u64 = 0;
    for group in place.split('/') {
        let digits: u64 = group.strip_prefix('x').unwrap_or(group).parse().ok()?;
        index = index.checked_mul(1000)?.checked_add(digits)?;
    }
    Some(Tile { content, index, width })
}

/// Where a log's files are read from. Paths are those of [`Tile::path`].
pub trait TileReader {
    /// The bytes of the file at `path`; none where there is no such file.
    ///
    /// # Errors
    /// Whatever keeps an existing file from being read.
    fn read_tile(&self, path: &str) -> io::Result<Option<Vec<u8>>>;
}

impl<T: TileReader + ?Sized> TileReader for &T {
    fn read_tile(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        (**self).read_tile(path)
    }
}

/// Files held in memory: a log inside a package, or in a test.
impl TileReader for BTreeMap<String, Vec<u8>> {
    fn read_tile(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        Ok(self.get(path).cloned())
    }
}

/// Adds one entry to the bytes of a bundle. The caller has checked its length.
pub(crate) fn push_entry(bundle: &mut Vec<u8>, entry: &[u8]) {
    debug_assert!(entry.len() <= MAX_ENTRY_BYTES);
    bundle.extend_from_slice(&(entry.len() as u16).to_be_bytes());
    bundle.extend_from_slice(entry);
}

/// The entries of a bundle. `Err` says at which byte it breaks off.
pub(crate) fn split_bundle(bundle: &[u8]) -> Result<Vec<&[u8]>, usize> {
    let mut entries = Vec::new();
    let mut rest = bundle;
    while !rest.is_empty() {
        let broken = bundle.len() - rest.len();
        let (length, after) = rest.split_first_chunk::<2>().ok_or(broken)?;
        let (entry, after) =
            after.split_at_checked(usize::from(u16::from_be_bytes(*length))).ok_or(broken)?;
        entries.push(entry);
        rest = after;
    }
    Ok(entries)
}

/// The bytes of a tile of hashes.
pub(crate) fn join_hashes(hashes: &[Digest]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
}

/// The hashes of a tile; none where the bytes are not a whole number of them.
pub(crate) fn split_hashes(bytes: &[u8]) -> Option<Vec<Digest>> {
    let (hashes, rest) = bytes.as_chunks::<32>();
    rest.is_empty().then(|| hashes.iter().map(|hash| Digest(*hash)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_tile_lies_in_a_log_that_has_all_its_leaves() {
        let lies = |path: &str, size| path.parse::<Tile>().unwrap().lies_in(size);
        assert!(lies("tile/0/000.p/44", 44) && !lies("tile/0/000.p/44", 43));
        assert!(lies("tile/entries/001", 512) && !lies("tile/entries/001", 511));
        assert!(lies("tile/1/000.p/1", 256) && !lies("tile/1/000.p/1", 255));
        assert!(lies("tile/2/000.p/3", 196_608) && !lies("tile/2/000.p/3", 196_607));
        assert!(!lies("tile/63/000.p/1", u64::MAX));
    }

    #[test]
    fn paths_of_the_specification() {
        let tile = Tile { content: Content::Hashes(0), index: 1_234_067, width: 256 };
        assert_eq!(tile.path(), "tile/0/x001/x234/067");
        let entries = Tile { content: Content::Entries, index: 0, width: 112 };
        assert_eq!(entries.path(), "tile/entries/000.p/112");
        for bad in [
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/00/000",
            "tile/64/000",
            "tile/0/x000/001",
            "tile/0/1",
            "tile/0/001/002",
            "tile/0/+01",
            "tile/0/../000",
            "/tile/0/000",
            "tile/0/000.p/01",
            "tile/0/x999/x999/x999/x999/x999/x999/999",
        ] {
            assert!(bad.parse::<Tile>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn paths_are_those_of_tlog_tiles(level in 0u8..64, index in any::<u64>(), width in 1u16..=256) {
            let tile = Tile { content: Content::Hashes(level), index, width };
            // That crate puts the height of the tiles into its paths, the older form.
            let theirs = tlog_tiles::Tile::new(8, level, index, u32::from(width), false).path();
            prop_assert_eq!(tile.path(), theirs.replacen("tile/8/", "tile/", 1));
            prop_assert_eq!(tile.path().parse::<Tile>().unwrap(), tile);
        }

        #[test]
        fn any_text_is_a_tile_or_an_error(text in "tile/[0-9a-z./x+-]{0,40}") {
            if let Ok(tile) = text.parse::<Tile>() {
                prop_assert_eq!(tile.path(), text);
            }
        }

        #[test]
        fn bundles_read_back(entries in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..20), cut in 1usize..9) {
            let mut bundle = Vec::new();
            entries.iter().for_each(|entry| push_entry(&mut bundle, entry));
            prop_assert_eq!(split_bundle(&bundle).unwrap(), entries.iter().map(Vec::as_slice).collect::<Vec<_>>());
            if let Some(short) = bundle.len().checked_sub(cut) {
                prop_assert_ne!(split_bundle(&bundle[..short]).ok().map(|e| e.len()), Some(entries.len()));
            }
        }
    }
}
