//! An inclusion proof with the checkpoint it leads to, in one file that needs nothing else:
//! C2SP `tlog-proof` (<https://c2sp.org/tlog-proof>), stored as `*.tlog-proof`.
//!
//! ```text
//! c2sp.org/tlog-proof@v1
//! index 73894
//! <base64 hash>            from the leaf's sibling up to the root's child
//! <base64 hash>
//!
//! <checkpoint, verbatim>
//! ```

use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::key::VerifierKey;
use crate::proof::{ProofError, verify_inclusion};
use crate::tree::leaf_hash;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use exhibit_evidence::digest::Digest;

const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";
/// A tree of 2^64 leaves has paths this long.
const MAX_PATH: usize = 64;

/// Why a proof file cannot be read or trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlogProofError {
    /// The file has not the form of a proof.
    #[error("this is not a tlog-proof file: {0}")]
    Form(&'static str),
    /// The checkpoint in it is not to be trusted.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The proof does not hold.
    #[error(transparent)]
    Proof(#[from] ProofError),
}

/// An inclusion proof with its checkpoint.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlogProof {
    /// The entry's index in the log, from 0.
    pub index: u64,
    /// Hashes from the leaf's sibling up to the root's child.
    pub path: Vec<Digest>,
    /// The checkpoint they lead to.
    pub checkpoint: Checkpoint,
    /// Data beside the proof. Nothing vouches for it.
    pub extra: Option<Vec<u8>>,
}

impl TlogProof {
    /// The bytes of the file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = format!("{FIRST_LINE}\n");
        if let Some(extra) = &self.extra {
            out.push_str(&format!("extra {}\n", BASE64_STANDARD.encode(extra)));
        }
        out.push_str(&format!("index {}\n", self.index));
        for hash in &self.path {
            out.push_str(&BASE64_STANDARD.encode(hash.as_bytes()));
            out.push('\n');
        }
        out.push('\n');
        let mut out = out.into_bytes();
        out.extend(self.checkpoint.to_bytes());
        out
    }

    /// Reads a file. Nothing in it is to be believed before [`TlogProof::verify`].
    ///
    /// # Errors
    /// [`TlogProofError::Form`], [`TlogProofError::Checkpoint`].
    pub fn parse(bytes: &[u8]) -> Result<Self, TlogProofError> {
        let form = TlogProofError::Form;
        let text = str::from_utf8(bytes).map_err(|_| form("it is not UTF-8"))?;
        let (proof, checkpoint) =
            text.split_once("\n\n").ok_or(form("no empty line before the checkpoint"))?;
        let mut lines = proof.split('\n').peekable();
        if lines.next() != Some(FIRST_LINE) {
            return Err(form("its first line is not c2sp.org/tlog-proof@v1"));
        }
        let extra = match lines.next_if(|line| line.starts_with("extra ")) {
            Some(line) => {
                let decoded = BASE64_STANDARD.decode(&line["extra ".len()..]);
                Some(decoded.map_err(|_| form("its extra data is not base64"))?)
            }
            None => None,
        };
        let index_text = lines
            .next()
            .and_then(|line| line.strip_prefix("index "))
            .ok_or(form("its index line is missing"))?;
        let index: u64 = index_text
            .parse()
            .ok()
            .filter(|index: &u64| index.to_string() == index_text)
            .ok_or(form("its index is not a plain decimal number"))?;
        let mut path = Vec::new();
        for line in lines {
            if path.len() == MAX_PATH {
                return Err(form("it has more than 64 hashes"));
            }
            let hash = BASE64_STANDARD.decode(line).ok().and_then(|bytes| bytes.try_into().ok());
            path.push(Digest(hash.ok_or(form("a line of the proof is not 32 bytes in base64"))?));
        }
        let checkpoint = Checkpoint::parse(checkpoint.as_bytes())?;
        Ok(Self { index, path, checkpoint, extra })
    }

    /// Checks that `entry` stands at the index in the log `origin`, whose checkpoint one of `keys` has signed.
    ///
    /// # Errors
    /// [`TlogProofError`].
    pub fn verify(&self, entry: &[u8], origin: &str, keys: &[VerifierKey]) -> Result<(), TlogProofError> {
        self.checkpoint.verify(origin, keys)?;
        verify_inclusion(&leaf_hash(entry), self.index, &self.path, self.checkpoint.head())?;
        Ok(())
    }
}
