//! Packs: what a run collected, written once and never changed.
//!
//! ```text
//! pack      magic "EXHIBIT PACK 1\n", blobs one after another, footer, trailer
//! blob      stored bytes: a zstd frame, or a zstd frame against another blob as prefix, or as they are
//! footer    zstd frame of: head (varint length, JSON of Head), blob count (varint), then each blob:
//!           digest (32), offset, stored length, length (varints), encoding: 0 zstd, 1 as it is,
//!           2 against a prefix, followed by the prefix's digest (32)
//! trailer   offset of the footer and its length (u64 little-endian each), "PACK END"
//! ```
//!
//! The file's name is the SHA-256 of it as stored; with encryption on, the whole is one age file. Everything
//! in it is a blob under the digest of its content, so that what two runs share is stored once: a name
//! (`manifest`, `log`) leads to a digest, and a digest that is not here is found through the table of
//! requests ([`crate::body`]) or `elsewhere`, in another pack of the same source and bucket.

pub(crate) mod footer;
pub(crate) mod object;
pub(crate) mod read;
pub(crate) mod write;

/// First bytes of a pack.
pub(crate) const MAGIC: &[u8; 15] = b"EXHIBIT PACK 1\n";
/// Last bytes of a pack.
pub(crate) const END: &[u8; 8] = b"PACK END";
/// Bytes of the trailer.
pub(crate) const TRAILER_BYTES: u64 = 24;

/// Names of what a run's pack holds.
pub(crate) mod name {
    /// The manifest, canonical.
    pub(crate) const MANIFEST: &str = "manifest";
    /// The leaf statement.
    pub(crate) const LEAF: &str = "leaf";
    /// The document that came with a leaf.
    pub(crate) const DOCUMENT: &str = "document";
    /// The replay inputs, canonical.
    pub(crate) const REPLAY: &str = "replay";
    /// The connector's state going out.
    pub(crate) const STATE: &str = "state";
    /// Canonical exchange lines.
    pub(crate) const EXCHANGES: &str = "exchanges";
    /// Canonical walk lines.
    pub(crate) const WALKS: &str = "walks";
    /// Canonical rejection lines.
    pub(crate) const REJECTIONS: &str = "rejections";
    /// Canonical log lines.
    pub(crate) const LOG: &str = "log";
    /// The table of requests.
    pub(crate) const TABLE: &str = "table";

    /// Canonical provenance lines of a kind.
    pub(crate) fn provenance(kind: &exhibit_evidence::kind::Kind) -> String {
        format!("provenance/{kind}")
    }
}
