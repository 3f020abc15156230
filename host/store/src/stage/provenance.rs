//! Where a run's records stood: staged beside each record, and written as a file of the run.
//!
//! ```text
//! staged      origin count (varint), each: call, index, page (varints), pointer (varint length, bytes);
//!             then the line's digest (32) and the line; nothing where the record came before
//! file        canonical lines {"key":…,"origins":[{"exchange":…,"pointer":…}]}, in key order
//! ```

use crate::wire::{Wire, put_chunk, put_varint};
use exhibit_evidence::digest::Digest;
use exhibit_evidence::exchange::ExchangeId;
use exhibit_evidence::record::Origin;
use exhibit_ledger::tree::{Frontier, leaf_hash};
use serde::{Deserialize, Serialize};

/// Appends origins, and of a record that is new its line, with the line's digest.
pub(crate) fn write_staged(out: &mut Vec<u8>, origins: &[Origin], line: Option<(&Digest, &[u8])>) {
    put_varint(out, origins.len() as u64);
    for origin in origins {
        for number in [origin.exchange.call, origin.exchange.index, origin.exchange.page] {
            put_varint(out, u64::from(number));
        }
        put_chunk(out, origin.pointer.as_bytes());
    }
    if let Some((digest, line)) = line {
        out.extend_from_slice(digest.as_bytes());
        out.extend_from_slice(line);
    }
}

/// Origins, and a line with its digest.
pub(crate) type Staged<'a> = (Vec<Origin>, Option<(Digest, &'a [u8])>);

/// Reads what [`write_staged`] wrote.
pub(crate) fn read_staged(bytes: &[u8]) -> Option<Staged<'_>> {
    let mut wire = Wire(bytes);
    let count = usize::try_from(wire.varint()?).ok()?;
    let mut origins = Vec::with_capacity(count.min(16));
    for _ in 0..count {
        let mut number = || u32::try_from(wire.varint()?).ok();
        let exchange = ExchangeId { call: number()?, index: number()?, page: number()? };
        let pointer = std::str::from_utf8(wire.chunk()?).ok()?.to_owned();
        origins.push(Origin { exchange, pointer });
    }
    let line = if wire.is_empty() { None } else { Some((Digest(wire.array()?), wire.0)) };
    Some((origins, line))
}

/// One line of a run's provenance: where a record's facts stood.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// The record's key.
    pub key: String,
    /// Its origins, sorted, each once.
    pub origins: Vec<Origin>,
}

/// The provenance file of one kind, being written.
pub(crate) struct Column {
    pub(crate) lines: super::Lines,
    tree: Frontier,
}

impl Column {
    pub(crate) fn new(room: &super::spool::SpoolRoom) -> Self {
        Self { lines: super::Lines::new(room), tree: Frontier::new() }
    }

    pub(crate) fn push(
        &mut self,
        key: &[u8],
        mut origins: Vec<Origin>,
    ) -> Result<(), crate::error::ReadError> {
        origins.sort();
        origins.dedup();
        let line = Provenance { key: String::from_utf8_lossy(key).into_owned(), origins };
        // serde_json escapes as RFC 8785 does, and these members are in order: the bytes are canonical, as a
        // test checks, at a third of the price of sorting them again.
        let line = serde_json::to_vec(&line)
            .map_err(|e| crate::error::ReadError::damaged("a provenance line", e.to_string()))?;
        self.tree.push(leaf_hash(&line));
        self.lines.push(&line)
    }

    pub(crate) fn root(&self) -> Digest {
        self.tree.root()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use exhibit_evidence::canonical;

    fn origin(call: u32, pointer: &str) -> Origin {
        Origin { exchange: ExchangeId { call, index: 1, page: 300 }, pointer: pointer.into() }
    }

    #[test]
    fn staged_form_reads_back() {
        let origins = vec![origin(0, "/0"), origin(7, "")];
        let digest = Digest::of("{}");
        for line in [None, Some((&digest, b"{}".as_slice()))] {
            let mut out = Vec::new();
            write_staged(&mut out, &origins, line);
            assert_eq!(
                read_staged(&out),
                Some((origins.clone(), line.map(|(digest, line)| (*digest, line))))
            );
        }
        assert_eq!(read_staged(&[1, 0, 0]), None);
    }

    #[test]
    fn lines_are_canonical() {
        let line = Provenance {
            key: "a\"\\\u{8}\u{c}\n\r\t\u{1}\u{7f}é\u{2028}/".into(),
            origins: vec![origin(1, "/a~1b/\u{1f}")],
        };
        let bytes = serde_json::to_vec(&line).unwrap();
        assert!(canonical::is_canonical(&bytes), "{}", String::from_utf8_lossy(&bytes));
    }
}
