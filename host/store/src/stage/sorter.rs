//! Sorting what does not fit into memory: chunks are sorted, spilled to spools, and merged as they are read.

use super::spool::{Spool, SpoolReader, SpoolRoom};
use crate::error::ReadError;
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::io::{self, Read, Write as _};

/// Bytes kept in memory before they are sorted and spilled.
const CHUNK_BYTES: usize = 16 << 20;

/// Items being gathered, in any order.
pub(crate) struct Sorter {
    room: SpoolRoom,
    arena: Vec<u8>,
    /// Start of each item in the arena, length of its key, length of its value.
    items: Vec<(u32, u32, u32)>,
    spills: Vec<Spool>,
    chunk_bytes: usize,
}

impl Sorter {
    pub(crate) fn new(room: SpoolRoom) -> Self {
        Self { room, arena: Vec::new(), items: Vec::new(), spills: Vec::new(), chunk_bytes: CHUNK_BYTES }
    }

    /// Adds an item; `value` writes its bytes.
    pub(crate) fn push(&mut self, key: &[u8], value: impl FnOnce(&mut Vec<u8>)) -> Result<(), ReadError> {
        let start = self.arena.len();
        self.arena.extend_from_slice(key);
        value(&mut self.arena);
        let value_len = self.arena.len() - start - key.len();
        self.items.push((start as u32, key.len() as u32, value_len as u32));
        if self.arena.len() >= self.chunk_bytes {
            self.spill()?;
        }
        Ok(())
    }

    fn sort(&mut self) {
        let arena = &self.arena;
        // Stable: of items with one key the first stays first.
        self.items.sort_by(|a, b| key_of(arena, *a).cmp(key_of(arena, *b)));
    }

    fn spill(&mut self) -> Result<(), ReadError> {
        self.sort();
        let mut spool = self.room.spool();
        let write = |spool: &mut Spool| -> io::Result<()> {
            for &(start, key, value) in &self.items {
                spool.write_all(&key.to_le_bytes())?;
                spool.write_all(&value.to_le_bytes())?;
                spool.write_all(&self.arena[start as usize..(start + key + value) as usize])?;
            }
            Ok(())
        };
        write(&mut spool).map_err(ReadError::io("staging"))?;
        self.spills.push(spool);
        self.arena.clear();
        self.items.clear();
        Ok(())
    }

    /// Every item, in key order; those with one key in the order they came.
    pub(crate) fn finish(mut self) -> Result<Sorted, ReadError> {
        self.sort();
        let mut sources = Vec::new();
        for spill in self.spills {
            sources.push(Source::Spill(io::BufReader::with_capacity(64 << 10, spill.reader()?)));
        }
        sources.push(Source::Memory { arena: self.arena, items: self.items.into_iter() });
        let mut sorted = Sorted { sources, heap: BinaryHeap::new() };
        for source in 0..sorted.sources.len() {
            sorted.refill(source)?;
        }
        Ok(sorted)
    }
}

fn key_of(arena: &[u8], (start, key, _): (u32, u32, u32)) -> &[u8] {
    &arena[start as usize..(start + key) as usize]
}

enum Source {
    Spill(io::BufReader<SpoolReader>),
    Memory { arena: Vec<u8>, items: std::vec::IntoIter<(u32, u32, u32)> },
}

impl Source {
    fn next(&mut self) -> io::Result<Option<(Vec<u8>, Vec<u8>)>> {
        match self {
            Self::Memory { arena, items } => Ok(items.next().map(|(start, key, value)| {
                let (start, middle) = (start as usize, (start + key) as usize);
                (arena[start..middle].to_vec(), arena[middle..middle + value as usize].to_vec())
            })),
            Self::Spill(reader) => {
                let mut lengths = [0; 8];
                match reader.read_exact(&mut lengths[..1]) {
                    Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
                    read => read?,
                }
                reader.read_exact(&mut lengths[1..])?;
                let [a, b, c, d, e, f, g, h] = lengths;
                let mut key = vec![0; u32::from_le_bytes([a, b, c, d]) as usize];
                let mut value = vec![0; u32::from_le_bytes([e, f, g, h]) as usize];
                reader.read_exact(&mut key)?;
                reader.read_exact(&mut value)?;
                Ok(Some((key, value)))
            }
        }
    }
}

struct Head {
    key: Vec<u8>,
    value: Vec<u8>,
    source: usize,
}

impl Ord for Head {
    fn cmp(&self, other: &Self) -> Ordering {
        // Reversed: the heap gives the greatest, and the smallest key is wanted.
        other.key.cmp(&self.key).then(other.source.cmp(&self.source))
    }
}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Head {}

/// Items in key order.
pub(crate) struct Sorted {
    sources: Vec<Source>,
    heap: BinaryHeap<Head>,
}

impl Sorted {
    fn refill(&mut self, source: usize) -> Result<(), ReadError> {
        if let Some((key, value)) = self.sources[source].next().map_err(ReadError::io("staging"))? {
            self.heap.push(Head { key, value, source });
        }
        Ok(())
    }

    /// The next item's key.
    pub(crate) fn peek(&self) -> Option<&[u8]> {
        self.heap.peek().map(|head| head.key.as_slice())
    }
}

impl Iterator for Sorted {
    type Item = Result<(Vec<u8>, Vec<u8>), ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let Head { key, value, source } = self.heap.pop()?;
        Some(self.refill(source).map(|()| (key, value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorts_more_than_a_chunk_and_keeps_the_order_of_equals() {
        let dir = tempfile::tempdir().unwrap();
        let mut sorter = Sorter::new(SpoolRoom::new(dir.path(), true));
        sorter.chunk_bytes = 1 << 20;
        let count = 6_000_u32;
        for i in 0..count {
            let key = (i.wrapping_mul(2_654_435_761) % 4_000).to_be_bytes();
            sorter
                .push(&key, |out| {
                    out.extend_from_slice(&i.to_be_bytes());
                    out.resize(out.len() + 800, 7);
                })
                .unwrap();
        }
        assert!(sorter.spills.len() >= 2);
        let sorted: Vec<_> = sorter.finish().unwrap().map(|item| item.unwrap()).collect();
        assert_eq!(sorted.len(), count as usize);
        // Key, then the number that says when it came: ascending together.
        assert!(sorted.is_sorted_by(|a, b| (&a.0, &a.1[..4]) < (&b.0, &b.1[..4])));
    }
}
