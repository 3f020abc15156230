//! Groups: a run's records of one kind, sorted by key, packed as many together as fit one sled value.
//!
//! ```text
//! group      zstd frame of: entry*
//! entry      flags, key (varint length, bytes), and where flags say so the line (varint length, bytes)
//! flags      bits 0-1: 0 present, 1 unobserved, 2 removed; bit 2: a line follows
//! ```
//!
//! A keyframe holds every entry with its line. A delta holds what differs from the run before; an entry
//! without a line keeps the line that the chain holds for its key. In the pack a dataset is its groups, each
//! led by its length (u32 little-endian). In sled a value is one tag byte and: `0` the frame, `1` the
//! frame sealed, `2` offset and length (varints) of a frame in the pack's dataset that is too large for sled.

use crate::crypt::{SEAL_BYTES, Sealer};
use crate::error::ReadError;
use crate::keys::MAX_VALUE_BYTES;
use crate::wire::{Wire, put_chunk, put_varint};
use std::cell::RefCell;

/// Longest frame that fits a value, sealed or not.
pub(crate) const FRAME_BYTES: usize = MAX_VALUE_BYTES - 1 - SEAL_BYTES;

/// A group is closed at this many bytes before compression, so that reading one record stays cheap.
const RAW_BYTES: usize = 64 << 10;

const LEVEL: i32 = 3;
const HAS_LINE: u8 = 4;

/// Longest record line that a group may hold; far above intake's bound.
pub(crate) const MAX_LINE_BYTES: usize = 64 << 20;

/// What a run says of a record.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum State {
    /// It was there.
    Present,
    /// The run, being incomplete, did not see it.
    Unobserved,
    /// A complete run did not see it: it is gone.
    Removed,
}

/// One record in a keyframe or a delta.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Entry {
    pub(crate) key: Vec<u8>,
    pub(crate) state: State,
    /// The line; none where it did not change.
    pub(crate) line: Option<Vec<u8>>,
}

impl Entry {
    fn write(&self, out: &mut Vec<u8>) {
        let state = match self.state {
            State::Present => 0,
            State::Unobserved => 1,
            State::Removed => 2,
        };
        out.push(state | if self.line.is_some() { HAS_LINE } else { 0 });
        put_chunk(out, &self.key);
        if let Some(line) = &self.line {
            put_chunk(out, line);
        }
    }

    fn read(wire: &mut Wire<'_>) -> Option<Self> {
        let flags = wire.byte()?;
        let state = match flags & 3 {
            0 => State::Present,
            1 => State::Unobserved,
            2 => State::Removed,
            _ => return None,
        };
        let key = wire.chunk()?.to_vec();
        let line = match flags & !3 {
            0 => None,
            HAS_LINE => Some(wire.chunk()?.to_vec()),
            _ => return None,
        };
        Some(Self { key, state, line })
    }
}

thread_local! {
    /// Making one costs more than the decompressing of a group.
    static DECOMPRESSOR: RefCell<Option<zstd::bulk::Decompressor<'static>>> = const { RefCell::new(None) };
}

/// The entries of a frame.
pub(crate) fn entries_of(frame: &[u8]) -> Option<Vec<Entry>> {
    let length = zstd::zstd_safe::get_frame_content_size(frame).ok()??;
    let length = usize::try_from(length).ok().filter(|length| *length <= MAX_LINE_BYTES + RAW_BYTES)?;
    let raw = DECOMPRESSOR.with_borrow_mut(|held| {
        let decompressor = match held {
            Some(decompressor) => decompressor,
            none => none.insert(zstd::bulk::Decompressor::new().ok()?),
        };
        decompressor.decompress(frame, length).ok()
    })?;
    let mut wire = Wire(&raw);
    let mut entries = Vec::new();
    while !wire.is_empty() {
        entries.push(Entry::read(&mut wire)?);
    }
    (!entries.is_empty() && entries.is_sorted_by(|a, b| a.key < b.key)).then_some(entries)
}

/// A group as it is written: the first record's key, and the frame.
pub(crate) struct Group {
    pub(crate) first: Vec<u8>,
    pub(crate) frame: Vec<u8>,
}

/// Packs entries, given in key order, into groups.
pub(crate) struct Grouper {
    compressor: zstd::bulk::Compressor<'static>,
    raw: Vec<u8>,
    /// Where each entry in `raw` starts, and its key's place.
    starts: Vec<usize>,
    /// Bytes before compression for each byte after, as the last groups had it, in sixteenths.
    ratio16: usize,
}

impl Grouper {
    pub(crate) fn new() -> Result<Self, ReadError> {
        let compressor = zstd::bulk::Compressor::new(LEVEL).map_err(ReadError::io("zstd"))?;
        Ok(Self { compressor, raw: Vec::new(), starts: Vec::new(), ratio16: 48 })
    }

    /// Adds an entry; `put` is handed the groups that are full.
    pub(crate) fn push(
        &mut self,
        entry: &Entry,
        put: &mut dyn FnMut(Group) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        let start = self.raw.len();
        entry.write(&mut self.raw);
        // Nine tenths of what should fit: a group that comes out too large is cut in two and compressed again.
        let target = (FRAME_BYTES * self.ratio16 / 16 * 9 / 10).min(RAW_BYTES);
        if start > 0 && self.raw.len() > target {
            let entry_bytes = self.raw.split_off(start);
            self.flush(put)?;
            self.raw = entry_bytes;
            self.starts.push(0);
        } else {
            self.starts.push(start);
        }
        Ok(())
    }

    /// Hands on what is left.
    pub(crate) fn flush(
        &mut self,
        put: &mut dyn FnMut(Group) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        let raw = std::mem::take(&mut self.raw);
        let starts = std::mem::take(&mut self.starts);
        self.emit(&raw, &starts, put)
    }

    fn emit(
        &mut self,
        raw: &[u8],
        starts: &[usize],
        put: &mut dyn FnMut(Group) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        let (Some(&from), count) = (starts.first(), starts.len()) else { return Ok(()) };
        let frame = self.compressor.compress(&raw[from..]).map_err(ReadError::io("zstd"))?;
        if frame.len() > FRAME_BYTES && count > 1 {
            self.ratio16 = (self.ratio16 * 7 / 8).max(16);
            let middle = starts[count / 2];
            self.emit(&raw[..middle], &starts[..count / 2], put)?;
            return self.emit(raw, &starts[count / 2..], put);
        }
        self.ratio16 = (self.ratio16 * 7 + (raw.len() - from) * 16 / frame.len().max(1)) / 8;
        let mut wire = Wire(&raw[from + 1..]);
        let first = wire.chunk().unwrap_or_default().to_vec();
        put(Group { first, frame })
    }
}

/// A group as a sled value.
pub(crate) enum Value<'a> {
    /// The frame.
    Near(std::borrow::Cow<'a, [u8]>),
    /// Where in the pack's dataset the frame is.
    Far {
        /// Offset of the frame.
        offset: u64,
        /// Its length.
        len: u64,
    },
}

/// The sled value of a frame at `offset` in the pack's dataset.
pub(crate) fn to_value(frame: &[u8], offset: u64, sealer: Option<&Sealer>) -> Result<Vec<u8>, ReadError> {
    if frame.len() > FRAME_BYTES {
        let mut value = vec![2];
        put_varint(&mut value, offset);
        put_varint(&mut value, frame.len() as u64);
        return Ok(value);
    }
    Ok(match sealer {
        None => [[0].as_slice(), frame].concat(),
        Some(sealer) => [[1].as_slice(), &sealer.seal(frame)?].concat(),
    })
}

/// Reads a sled value.
pub(crate) fn from_value<'a>(value: &'a [u8], sealer: Option<&Sealer>) -> Option<Value<'a>> {
    let (tag, rest) = value.split_first()?;
    match (tag, sealer) {
        (0, None) => Some(Value::Near(rest.into())),
        (1, Some(sealer)) => Some(Value::Near(sealer.open(rest)?.into())),
        (2, _) => {
            let mut wire = Wire(rest);
            let (offset, len) = (wire.varint()?, wire.varint()?);
            wire.is_empty().then_some(Value::Far { offset, len })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn group_all(entries: &[Entry]) -> Vec<Group> {
        let mut groups = Vec::new();
        let mut grouper = Grouper::new().unwrap();
        let mut put = |g: Group| {
            groups.push(g);
            Ok(())
        };
        for entry in entries {
            grouper.push(entry, &mut put).unwrap();
        }
        grouper.flush(&mut put).unwrap();
        groups
    }

    fn entry(i: u32, line: Option<Vec<u8>>) -> Entry {
        Entry { key: format!("key-{i:06}").into_bytes(), state: State::Present, line }
    }

    #[test]
    fn lines_that_compress_and_lines_that_do_not_stay_under_the_bound() {
        let mut noise = vec![0_u8; 2000];
        let entries: Vec<_> = (0..3000)
            .map(|i| {
                rand::RngCore::fill_bytes(&mut rand::rng(), &mut noise);
                // Turns from text to noise in the middle, so that the ratio misleads the grouper.
                entry(
                    i,
                    Some(if i < 1500 {
                        format!("{{\"same\":{i}}}").repeat(40).into()
                    } else {
                        noise.clone()
                    }),
                )
            })
            .collect();
        let groups = group_all(&entries);
        assert!(groups.iter().all(|g| g.frame.len() <= FRAME_BYTES));
        let back: Vec<_> = groups.iter().flat_map(|g| entries_of(&g.frame).unwrap()).collect();
        assert_eq!(back, entries);
        assert!(groups.iter().all(|g| entries_of(&g.frame).unwrap()[0].key == g.first));
    }

    #[test]
    fn one_large_line_is_a_group_by_itself_and_far() {
        let mut noise = vec![0_u8; 10_000];
        rand::RngCore::fill_bytes(&mut rand::rng(), &mut noise);
        let entries = [entry(1, Some(b"a".to_vec())), entry(2, Some(noise)), entry(3, None)];
        let groups = group_all(&entries);
        let back: Vec<_> = groups.iter().flat_map(|g| entries_of(&g.frame).unwrap()).collect();
        assert_eq!(back, entries);
        let large: Vec<_> = groups.iter().filter(|g| g.frame.len() > FRAME_BYTES).collect();
        assert_eq!(large.len(), 1);
        let value = to_value(&large[0].frame, 77, None).unwrap();
        assert!(matches!(from_value(&value, None), Some(Value::Far { offset: 77, len }) if len > 10_000));
    }

    proptest! {
        #[test]
        fn any_entries_come_back(lines in proptest::collection::vec(proptest::option::of(proptest::collection::vec(any::<u8>(), 0..200)), 1..80)) {
            let entries: Vec<_> = (0..).zip(lines).map(|(i, line)| entry(i, line)).collect();
            let back: Vec<_> = group_all(&entries).iter().flat_map(|g| entries_of(&g.frame).unwrap()).collect();
            prop_assert_eq!(back, entries);
        }

        #[test]
        fn any_bytes_are_refused_or_read(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = entries_of(&bytes);
            let _ = from_value(&bytes, None);
            let _ = from_value(&bytes, Some(&Sealer::new(&[7; 32])));
            if let Ok(frame) = zstd::bulk::compress(&bytes, 1) {
                let _ = entries_of(&frame);
            }
        }
    }
}
