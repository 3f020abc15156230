//! The append-only log: Merkle tree, checkpoint, note and proof, without I/O.
