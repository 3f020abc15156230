//! Content that comes again: stored once while it is the same, and as a difference while it is nearly so.
//!
//! Whatever a run writes has a *slot*: the request that a body answers (method, URL, request body), or the
//! name of a file (`exchanges`, `log`). A slot knows the content that it had last, and the last that was
//! stored whole. New content is written as a zstd frame with that whole one as prefix, so no chain is longer
//! than one; it is written whole when the differences since would outweigh it. No slot outlives its
//! retention bucket.
//!
//! ```text
//! table     pack count (varint), packs (32 each); slot count (varint), slots sorted by id
//! slot      id (16), last digest (32), last pack, age (varint), flag; flag 1: full digest (32), full pack,
//!           full bytes, bytes of differences (varints). flag 2: the same, its digest and pack being the last's
//! packs     numbers (varints): 0 the pack that the table is in, else the place in the list, from 1
//! id        first 16 bytes of SHA-256 over what names the slot
//! ```

use crate::error::ReadError;
use crate::pack::footer::Encoding;
use crate::pack::read::{Packs, drain};
use crate::pack::write::PackWriter;
use crate::rows::PackRef;
use crate::wire::{Wire, put_varint};
use exhibit_evidence::digest::{Digest, Hasher};
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write as _};
use std::sync::Arc;

const LEVEL: i32 = 3;

/// Content above this is compressed as it streams by, and never against a prefix.
pub(crate) const MAX_DELTA_BYTES: u64 = 16 << 20;

/// A slot that was not used in this many runs is forgotten.
const MAX_AGE: u64 = 8;

/// Names a slot.
pub(crate) type SlotId = [u8; 16];

/// The slot of a request's answers.
pub(crate) fn request_slot(method: &str, url: &str, body: Option<&Digest>) -> SlotId {
    let mut hasher = Hasher::default();
    hasher.update("request\0").update(method).update("\0").update(url).update("\0");
    if let Some(body) = body {
        hasher.update(body.as_bytes());
    }
    cut(&hasher.finish())
}

/// The slot of the bodies that a request sends.
pub(crate) fn sent_slot(method: &str, url: &str) -> SlotId {
    cut(&Digest::of(format!("sent\0{method}\0{url}")))
}

/// The slot of a file of the run.
pub(crate) fn name_slot(name: &str) -> SlotId {
    cut(&Digest::of(format!("name\0{name}")))
}

fn cut(digest: &Digest) -> SlotId {
    let mut id = [0; 16];
    id.copy_from_slice(&digest.as_bytes()[..16]);
    id
}

/// The content that was stored whole, and what was written against it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Full {
    pub(crate) digest: Digest,
    /// Its pack; none: the one being written.
    pub(crate) pack: Option<Digest>,
    pub(crate) bytes: u64,
    pub(crate) delta_bytes: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Slot {
    last: Digest,
    last_pack: Option<Digest>,
    age: u64,
    full: Option<Full>,
}

/// The slots of a source, as a run left them.
#[derive(Default, PartialEq, Eq, Debug)]
pub(crate) struct Table {
    slots: BTreeMap<SlotId, Slot>,
    homes: HashMap<Digest, Digest>,
}

impl Table {
    /// The pack that holds a content.
    pub(crate) fn home(&self, digest: &Digest) -> Option<Digest> {
        self.homes.get(digest).copied()
    }

    /// Reads a table out of `own`.
    pub(crate) fn decode(bytes: &[u8], own: Digest) -> Option<Self> {
        let mut wire = Wire(bytes);
        let mut packs = vec![own];
        for _ in 0..wire.varint()? {
            packs.push(Digest(wire.array()?));
        }
        let pack = |wire: &mut Wire<'_>| Some(*packs.get(usize::try_from(wire.varint()?).ok()?)?);
        let mut table = Self::default();
        for _ in 0..wire.varint()? {
            let id: SlotId = wire.array()?;
            let last = Digest(wire.array()?);
            let last_pack = Some(pack(&mut wire)?);
            let age = wire.varint()?;
            let full = match wire.byte()? {
                0 => None,
                flag @ (1 | 2) => {
                    let (digest, pack) = if flag == 1 {
                        (Digest(wire.array()?), Some(pack(&mut wire)?))
                    } else {
                        (last, last_pack)
                    };
                    Some(Full { digest, pack, bytes: wire.varint()?, delta_bytes: wire.varint()? })
                }
                _ => return None,
            };
            table.homes.insert(last, last_pack?);
            if let Some(Full { digest, pack: Some(pack), .. }) = full {
                table.homes.insert(digest, pack);
            }
            table.slots.insert(id, Slot { last, last_pack, age, full });
        }
        wire.is_empty().then_some(table)
    }

    /// The table as it is written.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut numbers: HashMap<Digest, u64> = HashMap::new();
        let mut list = Vec::new();
        let mut body = Vec::new();
        let mut number = |pack: Option<Digest>| match pack {
            None => 0,
            Some(pack) => *numbers.entry(pack).or_insert_with(|| {
                list.push(pack);
                list.len() as u64
            }),
        };
        for (id, slot) in &self.slots {
            body.extend_from_slice(id);
            body.extend_from_slice(slot.last.as_bytes());
            put_varint(&mut body, number(slot.last_pack));
            put_varint(&mut body, slot.age);
            let Some(full) = &slot.full else {
                body.push(0);
                continue;
            };
            if (full.digest, full.pack) == (slot.last, slot.last_pack) {
                body.push(2);
            } else {
                body.push(1);
                body.extend_from_slice(full.digest.as_bytes());
                put_varint(&mut body, number(full.pack));
            }
            put_varint(&mut body, full.bytes);
            put_varint(&mut body, full.delta_bytes);
        }
        let mut out = Vec::with_capacity(body.len() + list.len() * 32 + 20);
        put_varint(&mut out, list.len() as u64);
        list.iter().for_each(|pack| out.extend_from_slice(pack.as_bytes()));
        put_varint(&mut out, self.slots.len() as u64);
        out.extend_from_slice(&body);
        out
    }
}

thread_local! {
    /// Making one costs as much as the compressing of a small body.
    static COMPRESSOR: RefCell<Option<zstd::bulk::Compressor<'static>>> = const { RefCell::new(None) };
}

/// Content as a zstd frame.
fn compress(content: &[u8]) -> io::Result<Vec<u8>> {
    COMPRESSOR.with_borrow_mut(|held| match held {
        Some(compressor) => compressor.compress(content),
        none => none.insert(zstd::bulk::Compressor::new(LEVEL)?).compress(content),
    })
}

/// Content as a zstd frame with `base` as prefix.
fn compress_against(content: &[u8], base: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = zstd::Encoder::with_ref_prefix(Vec::new(), LEVEL, base)?;
    let window = usize::BITS - (content.len() + base.len()).max(1024).leading_zeros();
    encoder.window_log(window.min(27))?;
    encoder.set_pledged_src_size(Some(content.len() as u64))?;
    encoder.write_all(content)?;
    encoder.finish()
}

/// The content of such a frame.
pub(crate) fn expand(stored: &[u8], base: &[u8], length: u64) -> io::Result<Vec<u8>> {
    let mut decoder = zstd::Decoder::with_ref_prefix(stored, base)?;
    decoder.window_log_max(27)?;
    drain(decoder, length)
}

/// The contents of a run being written.
pub(crate) struct Contents {
    packs: Arc<Packs>,
    /// Owner and bucket of this run's pack.
    home: PackRef,
    previous: Option<Arc<Table>>,
    current: BTreeMap<SlotId, Slot>,
    /// Contents that are in other packs, and which.
    referred: HashMap<Digest, Digest>,
}

impl Contents {
    /// Contents after those of `previous`, a pack of the same source and bucket.
    pub(crate) fn after(packs: Arc<Packs>, home: PackRef, previous: Option<&PackRef>) -> Self {
        // A table that cannot be read costs space and nothing else: `check` is what reports the damage.
        let previous = previous.and_then(|at| packs.table(at).ok());
        Self { packs, home, previous, current: BTreeMap::new(), referred: HashMap::new() }
    }

    fn slot(&self, id: &SlotId) -> Option<Slot> {
        self.current.get(id).or_else(|| self.previous.as_ref()?.slots.get(id)).copied()
    }

    /// Writes `content` under its digest, or notes where it already is.
    pub(crate) fn put(
        &mut self,
        writer: &mut PackWriter,
        id: SlotId,
        digest: Digest,
        content: &[u8],
    ) -> Result<(), ReadError> {
        let before = self.slot(&id);
        let mut slot = Slot { last: digest, last_pack: None, age: 0, full: before.and_then(|b| b.full) };
        if writer.holds(&digest) {
        } else if let Some(pack) = self.previous.as_ref().and_then(|p| p.home(&digest)) {
            self.referred.insert(digest, pack);
            slot.last_pack = Some(pack);
        } else {
            slot.full = Some(self.store(writer, slot.full, digest, content)?);
        }
        self.current.insert(id, slot);
        Ok(())
    }

    /// Stores a content that is nowhere yet, against `full` where that pays.
    fn store(
        &mut self,
        writer: &mut PackWriter,
        full: Option<Full>,
        digest: Digest,
        content: &[u8],
    ) -> Result<Full, ReadError> {
        let length = content.len() as u64;
        if let Some(full) = full.filter(|_| length <= MAX_DELTA_BYTES)
            && let Some(pack) = full.pack
            && let Ok(base) = self.packs.content(&PackRef { pack, ..self.home.clone() }, &full.digest)
        {
            let stored = compress_against(content, &base).map_err(ReadError::io("zstd"))?;
            let delta_bytes = full.delta_bytes.saturating_add(stored.len() as u64);
            if delta_bytes <= full.bytes {
                self.referred.insert(full.digest, pack);
                writer.add_stored(digest, length, Encoding::Against(full.digest), &stored)?;
                return Ok(Full { delta_bytes, ..full });
            }
        }
        let stored = compress(content).map_err(ReadError::io("zstd"))?;
        writer.add_stored(digest, length, Encoding::Zstd, &stored)?;
        Ok(Full { digest, pack: None, bytes: stored.len() as u64, delta_bytes: 0 })
    }

    /// Writes a content of any length from a reader, `digest` being its digest.
    pub(crate) fn put_stream(
        &mut self,
        writer: &mut PackWriter,
        id: SlotId,
        digest: Digest,
        length: u64,
        mut from: impl io::Read,
    ) -> Result<(), ReadError> {
        let held = writer.holds(&digest) || self.previous.as_ref().is_some_and(|p| p.home(&digest).is_some());
        if held || length <= MAX_DELTA_BYTES {
            let mut content = Vec::new();
            if !held {
                from.read_to_end(&mut content).map_err(ReadError::io("staging"))?;
            }
            return self.put(writer, id, digest, &content);
        }
        let blob = writer.add_stream(digest, length, from)?;
        let full = Full { digest, pack: None, bytes: blob.stored, delta_bytes: 0 };
        self.current.insert(id, Slot { last: digest, last_pack: None, age: 0, full: Some(full) });
        Ok(())
    }

    /// The table for the next run, and the contents elsewhere that it does not tell of.
    pub(crate) fn finish(mut self) -> (Vec<u8>, BTreeMap<Digest, Digest>) {
        if let Some(previous) = self.previous.take() {
            for (id, slot) in &previous.slots {
                if slot.age < MAX_AGE {
                    self.current.entry(*id).or_insert(Slot { age: slot.age + 1, ..*slot });
                }
            }
        }
        let table = Table { slots: self.current, homes: HashMap::new() };
        for slot in table.slots.values() {
            self.referred.remove(&slot.last);
            if let Some(full) = slot.full {
                self.referred.remove(&full.digest);
            }
        }
        (table.encode(), self.referred.into_iter().collect())
    }
}

/// Writes the table itself, against the last that was written whole where that pays.
pub(crate) fn put_table(
    writer: &mut PackWriter,
    packs: &Packs,
    previous: Option<&PackRef>,
    table: &[u8],
) -> Result<(Digest, crate::pack::footer::TableChain), ReadError> {
    use crate::pack::footer::TableChain;
    let digest = Digest::of(table);
    let before = previous.and_then(|at| {
        let pack = packs.pack(at).ok()?;
        let chain = pack.footer.head.table.clone()?;
        let last = *pack.footer.head.names.get(crate::pack::name::TABLE)?;
        Some((at, chain.pack.unwrap_or(at.pack), last, chain))
    });
    if let Some((at, last_pack, last, chain)) = before {
        let full_pack = chain.full_pack.unwrap_or(at.pack);
        let same = TableChain { pack: Some(last_pack), full_pack: Some(full_pack), ..chain };
        if last == digest {
            return Ok((digest, same));
        }
        if let Ok(base) = packs.content(&PackRef { pack: full_pack, ..at.clone() }, &chain.full) {
            let stored = compress_against(table, &base).map_err(ReadError::io("zstd"))?;
            let delta_bytes = chain.delta_bytes.saturating_add(stored.len() as u64);
            if delta_bytes <= chain.full_bytes {
                writer.add_stored(digest, table.len() as u64, Encoding::Against(chain.full), &stored)?;
                return Ok((digest, TableChain { pack: None, delta_bytes, ..same }));
            }
        }
    }
    let stored = compress(table).map_err(ReadError::io("zstd"))?;
    writer.add_stored(digest, table.len() as u64, Encoding::Zstd, &stored)?;
    let full_bytes = stored.len() as u64;
    Ok((digest, TableChain { pack: None, full: digest, full_pack: None, full_bytes, delta_bytes: 0 }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_reads_back() {
        let own = Digest::of("own");
        let other = Digest::of("other");
        let slot = |last: &str, last_pack, full| Slot { last: Digest::of(last), last_pack, age: 2, full };
        let full = |digest: &str, pack| Full { digest: Digest::of(digest), pack, bytes: 9, delta_bytes: 1 };
        let table = Table {
            slots: BTreeMap::from([
                (request_slot("GET", "https://a.example/", None), slot("x", None, None)),
                (name_slot("log"), slot("y", Some(other), Some(full("y", Some(other))))),
                (name_slot("walks"), slot("z", None, Some(full("w", Some(other))))),
            ]),
            homes: HashMap::new(),
        };
        let back = Table::decode(&table.encode(), own).unwrap();
        assert_eq!(back.home(&Digest::of("x")), Some(own));
        assert_eq!(back.home(&Digest::of("y")), Some(other));
        assert_eq!(back.home(&Digest::of("w")), Some(other));
        assert_eq!(back.home(&Digest::of("v")), None);
        assert_eq!(back.slots[&name_slot("walks")].full, Some(full("w", Some(other))));
        let bytes = table.encode();
        for cut in 0..bytes.len() {
            assert!(Table::decode(&bytes[..cut], own).is_none());
        }
    }

    #[test]
    fn a_difference_is_small_and_expands() {
        let line = |i: u32, v: u32| {
            format!("{{\"id\":\"{i:08}\",\"value\":\"{:x}\"}}\n", i.wrapping_mul(2_654_435_761) ^ v)
        };
        let base: String = (0..5000).map(|i| line(i, 0)).collect();
        let content: String = (0..5000).map(|i| line(i, u32::from(i % 500 == 0))).collect();
        let stored = compress_against(content.as_bytes(), base.as_bytes()).unwrap();
        assert!(stored.len() < base.len() / 100, "{}", stored.len());
        assert_eq!(expand(&stored, base.as_bytes(), content.len() as u64).unwrap(), content.as_bytes());
    }
}
