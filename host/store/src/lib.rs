//! Evidence at rest: packs, keys, append, query, check, backup.
//!
//! Floor 2. Packs are the truth; sled answers the questions and can be built again from packs and log.
//!
//! ```text
//! data/
//!   format                    version, simulated or not, log origin, recipient      [`mod@format`]
//!   lock                      held while open, names the process
//!   packs/ab/<sha256>.pack    what runs collected, immutable
//!   sled/                     records by dataset and run, every index
//!   log/                      C2SP tiles and the signed checkpoint
//!   keys/<source>/<bucket>.key[.age]
//!   staging/                  runs that go on; swept at the start
//! ```
//!
//! A run is begun ([`Store::begin`]), gathers ([`Stage`]), is compared with what was held
//! ([`Stage::merge`]) and committed ([`Merged::commit`]); until then nothing of it can be seen. The order of
//! a commit is in `commit.rs`, the keys of sled in `keys.rs`, the form of a pack in `pack/mod.rs`.

mod backup;
mod body;
mod bucket;
mod check;
mod commit;
mod crypt;
mod error;
mod faults;
mod files;
pub mod format;
#[cfg(feature = "fuzz")]
pub mod fuzz;
mod index;
mod keys;
mod lock;
mod log_files;
mod open;
mod pack;
mod query;
mod rebuild;
mod rows;
mod snapshot;
mod stage;
mod store;
mod wire;

pub use backup::BackupError;
pub use bucket::bucket_of;
pub use check::{Problem, Report};
pub use commit::{Committed, Document};
pub use error::{CommitError, OpenError, ReadError, StageError};
pub use faults::{Faults, Step};
pub use query::intervals::{Interval, Intervals, Stretches};
pub use query::log::Leaf;
pub use query::records::{
    Change, DatasetEntry, DatasetRun, Difference, Differences, HistoryEntry, RecordLine, Records,
};
pub use query::runs::{RunEntry, RunFile, RunFilter, RunRef, Standing};
pub use stage::merge::{KindEnd, Merged};
pub use stage::provenance::Provenance;
pub use stage::{Recorded, RunStart, Stage};
pub use store::{CreateOptions, OpenOptions, Store};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_may_move_between_threads() {
        fn is_send<T: Send>() {}
        fn is_shared<T: Send + Sync>() {}
        is_shared::<Store>();
        is_shared::<Stage>();
        is_send::<Merged>();
        is_send::<Records<'_>>();
        is_send::<Intervals<'_>>();
    }
}
