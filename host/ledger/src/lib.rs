//! The ledger: an append-only Merkle log in the C2SP formats, and what is written into it.
//!
//! Floor 1. Pure: no files, no network, no clock, no random numbers; all of those are handed in. What a log
//! writes and reads goes through [`tile::TileReader`] and the file lists that [`log::Log::append`] answers.
//!
//! | module | holds | follows |
//! | --- | --- | --- |
//! | [`tree`] | leaf, node and root hashes | RFC 6962 section 2.1 |
//! | [`proof`] | inclusion and consistency proofs | RFC 9162 sections 2.1.3, 2.1.4 |
//! | [`tile`] | the log's files | C2SP tlog-tiles |
//! | [`log`] | appending, opening | |
//! | [`reading`] | entries and proofs out of tiles, the check of everything | |
//! | [`key`] | signing and verifying keys | C2SP signed-note, RFC 8032, RFC 8410 |
//! | [`note`] | signed text | C2SP signed-note |
//! | [`checkpoint`] | the log's signed head | C2SP tlog-checkpoint |
//! | [`tlog_proof`] | an inclusion proof with its checkpoint, as one file | C2SP tlog-proof |
//! | [`dsse`] | signed envelopes | DSSE 1.0 |
//! | [`statement`] | what a leaf of the log says | in-toto Statement 1 |
//! | [`seal`] | the closing of an audit period | |
//! | [`upload`] | what a person says of an attached file | |
//! | [`rotation`] | which key signs from which leaf on | |
//! | [`record_leaf`] | salted leaves of records, in the tree of their snapshot | |
//! | [`timestamp`] | what an outside authority says of a checkpoint | RFC 3161, RFC 5816 |
//!
//! Tree, tiles and notes are own code, with the crates `tlog_tiles` and `signed_note` as oracles in the tests:
//! those stop with a panic or a bare "malformed" on input from outside, have no streaming root and no entry
//! bundles, and would bring a second base64, a second thiserror and a URL parser into the auditor's checker.
//!
//! What this proves: nothing was changed after a checkpoint that someone else holds. It does not prove that
//! the machine that wrote the log was honest.

pub mod checkpoint;
pub mod dsse;
pub mod key;
pub mod log;
pub mod note;
pub mod proof;
pub mod reading;
pub mod record_leaf;
pub mod rotation;
pub mod seal;
pub mod statement;
pub mod tile;
pub mod timestamp;
pub mod tlog_proof;
pub mod tree;
pub mod upload;

#[cfg(test)]
mod vectors;
