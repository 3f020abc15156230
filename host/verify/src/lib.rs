//! The auditor's checker: does this package prove what it says? Needs the package and nothing else: no store,
//! no network, no WebAssembly.
//!
//! Floor 5, and yet it knows only evidence, ledger and package, so that it can be read, built and trusted on
//! its own. [`verify`] is what the binary `exhibit-verify` and the command `exhibit verify` call.
//!
//! It goes from the outside in, and stops at the first thing that is wrong:
//!
//! 1. the bag: every file is there, no other, and each has its digest;
//! 2. the log: the checkpoint is signed, the leaf hashes give its root, an earlier checkpoint is its beginning;
//! 3. the runs: each manifest is the subject of a leaf, and every file of the run is what the manifest says;
//! 4. the populations: the lines give the root of every run, and every attribute of the index agrees;
//! 5. the seal: its leaf, its slots, and the coverage that was drawn from it;
//! 6. the views: pages, tables and workbook are drawn again and compared;
//! 7. the timestamp.

mod checks;
mod report;

pub use report::{Finding, Report, Signer, Wrong};

use exhibit_ledger::key::VerifierKey;
use exhibit_package::read::{OpenError, Package};
use std::path::Path;

/// What the auditor obtained on another way than the package.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The log's public key; none: the signer stays unconfirmed.
    pub key: Option<VerifierKey>,
    /// An earlier checkpoint of the log.
    pub checkpoint: Option<Vec<u8>>,
    /// PEM certificates of the timestamp authorities that are trusted.
    pub timestamp_ca: Option<Vec<u8>>,
}

/// Why a package was not verified.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// It cannot be read at all: nothing is known of it.
    #[error(transparent)]
    Unreadable(OpenError),
    /// Something about it is wrong. The first such thing.
    #[error(transparent)]
    Wrong(Box<Wrong>),
}

/// Verifies the package at `path`, a zip or the folder that it was unpacked into.
///
/// # Errors
/// [`VerifyError`].
pub fn verify(path: &Path, options: &Options) -> Result<Report, VerifyError> {
    match Package::open(path) {
        Ok(package) => checks::all(&package, options).map_err(|wrong| VerifyError::Wrong(Box::new(wrong))),
        Err(error @ (OpenError::Io { .. } | OpenError::NotABag(_))) => Err(VerifyError::Unreadable(error)),
        Err(error) => Err(VerifyError::Wrong(Box::new(Wrong::unopened(&error)))),
    }
}
