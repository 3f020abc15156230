//! A pack's footer: what is where.

use crate::rows::DatasetRow;
use crate::wire::{Wire, put_chunk, put_varint};
use exhibit_evidence::digest::Digest;
use exhibit_evidence::run::RunId;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::io::Read as _;

/// Version of the pack's form.
pub(crate) const PACK_FORMAT: u32 = 1;

/// Largest footer that is read.
const MAX_FOOTER_BYTES: u64 = 1 << 30;

/// What a pack is, in JSON.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Head {
    pub(crate) format: u32,
    /// What its leaf is about: `run`, or the caller's word.
    pub(crate) kind: String,
    /// Digest of the leaf statement; a pack whose statement is not in the log counts for nothing.
    pub(crate) leaf: Digest,
    pub(crate) owner: String,
    pub(crate) bucket: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) run: Option<RunId>,
    /// What the run wrote, by name.
    pub(crate) names: BTreeMap<String, Digest>,
    /// Blobs that are in other packs and not in the table: digest to pack.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) elsewhere: BTreeMap<Digest, Digest>,
    /// Where the table of requests stands in its own chain of deltas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) table: Option<TableChain>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) datasets: Vec<DatasetRow>,
}

/// The table of requests is a blob, too, and may be written against an earlier one.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TableChain {
    /// Pack that holds the table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) pack: Option<Digest>,
    /// The last table that was written whole.
    pub(crate) full: Digest,
    /// Pack that holds it; none: this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) full_pack: Option<Digest>,
    /// Its stored bytes.
    pub(crate) full_bytes: u64,
    /// Stored bytes of those written against it since.
    pub(crate) delta_bytes: u64,
}

/// How a blob's bytes are stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Encoding {
    /// A zstd frame.
    Zstd,
    /// As they are.
    Plain,
    /// A zstd frame with the blob of this digest as prefix.
    Against(Digest),
}

/// A blob's place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Blob {
    pub(crate) digest: Digest,
    pub(crate) offset: u64,
    pub(crate) stored: u64,
    pub(crate) length: u64,
    pub(crate) encoding: Encoding,
}

/// A footer that was read.
#[derive(Debug)]
pub(crate) struct Footer {
    pub(crate) head: Head,
    pub(crate) blobs: HashMap<Digest, Blob>,
}

/// The footer's bytes.
pub(crate) fn encode(head: &Head, blobs: &[Blob]) -> Result<Vec<u8>, String> {
    let mut raw = Vec::new();
    put_chunk(&mut raw, &serde_json::to_vec(head).map_err(|e| e.to_string())?);
    put_varint(&mut raw, blobs.len() as u64);
    for blob in blobs {
        raw.extend_from_slice(blob.digest.as_bytes());
        put_varint(&mut raw, blob.offset);
        put_varint(&mut raw, blob.stored);
        put_varint(&mut raw, blob.length);
        match blob.encoding {
            Encoding::Zstd => raw.push(0),
            Encoding::Plain => raw.push(1),
            Encoding::Against(base) => {
                raw.push(2);
                raw.extend_from_slice(base.as_bytes());
            }
        }
    }
    zstd::bulk::compress(&raw, 3).map_err(|e| e.to_string())
}

/// Reads a footer; `end` is where blobs end.
pub(crate) fn decode(bytes: &[u8], end: u64) -> Result<Footer, String> {
    let mut raw = Vec::new();
    let decoder = zstd::Decoder::with_buffer(bytes).map_err(|e| e.to_string())?;
    decoder.take(MAX_FOOTER_BYTES).read_to_end(&mut raw).map_err(|e| e.to_string())?;
    let mut wire = Wire(&raw);
    let head = wire.chunk().ok_or("its footer ends early")?;
    let head: Head = serde_json::from_slice(head).map_err(|e| format!("its footer: {e}"))?;
    if head.format != PACK_FORMAT {
        return Err(format!("pack format {} is not {PACK_FORMAT}", head.format));
    }
    let blobs = blobs(&mut wire, end).ok_or("its footer lists blobs that make no sense")?;
    Ok(Footer { head, blobs })
}

fn blobs(wire: &mut Wire<'_>, end: u64) -> Option<HashMap<Digest, Blob>> {
    let count = wire.varint()?;
    let mut blobs = HashMap::new();
    for _ in 0..count {
        let digest = Digest(wire.array()?);
        let (offset, stored, length) = (wire.varint()?, wire.varint()?, wire.varint()?);
        let encoding = match wire.byte()? {
            0 => Encoding::Zstd,
            1 => Encoding::Plain,
            2 => Encoding::Against(Digest(wire.array()?)),
            _ => return None,
        };
        if offset.checked_add(stored)? > end {
            return None;
        }
        blobs.insert(digest, Blob { digest, offset, stored, length, encoding });
    }
    wire.is_empty().then_some(blobs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_and_refuses_what_points_outside() {
        let head = Head {
            format: PACK_FORMAT,
            kind: "run".into(),
            leaf: Digest::of("leaf"),
            owner: "okta".into(),
            bucket: "2026-Q1".into(),
            run: None,
            names: BTreeMap::from([("log".into(), Digest::of("x"))]),
            elsewhere: BTreeMap::from([(Digest::of("y"), Digest::of("z"))]),
            table: None,
            datasets: Vec::new(),
        };
        let blob = |encoding, text: &str| Blob {
            digest: Digest::of(text),
            offset: 15,
            stored: 5,
            length: 9,
            encoding,
        };
        let blobs = [
            blob(Encoding::Zstd, "a"),
            blob(Encoding::Plain, "b"),
            blob(Encoding::Against(Digest::of("a")), "c"),
        ];
        let bytes = encode(&head, &blobs).unwrap();
        let footer = decode(&bytes, 20).unwrap();
        assert_eq!(footer.head, head);
        assert!(blobs.iter().all(|b| footer.blobs[&b.digest] == *b));
        assert!(decode(&bytes, 19).is_err());
        assert!(decode(&bytes[1..], 20).is_err());
    }
}
