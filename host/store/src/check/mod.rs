//! Reading everything again: files against their digests, manifests against leaves, records against roots,
//! the index against packs and log.
//!
//! What is found wrong is listed, not returned as an error, so that one damaged file does not hide another.
//! Content whose key is not at hand is named as not checked.

mod content;
mod index;

use crate::error::ReadError;
use crate::keys;
use crate::rows::{LeafRow, PackRef, from_row};
use crate::store::Store;
use exhibit_evidence::digest::Digest;
use exhibit_ledger::reading::check_all;
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

/// One thing that is wrong.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub struct Problem {
    /// Which file, row or run.
    pub place: String,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.reason)
    }
}

/// What a check found.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize)]
pub struct Report {
    /// Runs that were read.
    pub runs: u64,
    /// Leaves that were read.
    pub leaves: u64,
    /// Packs that were read.
    pub packs: u64,
    /// What is wrong, in the order in which it was found.
    pub problems: Vec<Problem>,
    /// What could not be checked, and why; nothing is wrong with it that is known.
    pub unchecked: Vec<Problem>,
    /// Indexes that were damaged, and put aside when another was built. Nothing reads them.
    pub aside: Vec<PathBuf>,
}

impl Report {
    fn add(&mut self, place: impl Into<String>, reason: impl Into<String>) {
        self.problems.push(Problem { place: place.into(), reason: reason.into() });
    }

    /// Files away why something could not be read.
    fn add_error(&mut self, place: impl Into<String>, error: ReadError) {
        let (place, reason) = (place.into(), error.to_string());
        let problem = Problem { place, reason };
        match error {
            ReadError::Locked { .. } | ReadError::KeyGone { .. } => self.unchecked.push(problem),
            _ => self.problems.push(problem),
        }
    }
}

impl Store {
    /// Reads everything again. `progress` is told how many of how many steps are done.
    pub fn check(&self, progress: &dyn Fn(u64, u64)) -> Report {
        let mut report = Report::default();
        // sled panics on some damage; that is a finding, too.
        let checked = catch_unwind(AssertUnwindSafe(|| self.check_into(&mut report, progress)));
        match checked {
            Ok(Ok(())) => {}
            Ok(Err(e)) => report.add_error("the index (sled/)", e),
            Err(_) => report.add("the index (sled/)", "reading it panicked; run `exhibit check --rebuild`"),
        }
        report
    }

    fn check_into(&self, report: &mut Report, progress: &dyn Fn(u64, u64)) -> Result<(), ReadError> {
        self.inner.packs.forget();
        report.aside = crate::open::put_aside(&self.inner.dir)?;
        self.check_format(report);
        let statements = {
            // Nothing is committed while the log is read. Packs and records do not change when something is.
            let _writer = self.inner.writer.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            self.check_log(report)
        };
        self.check_keys(report);
        let leaves = self.leaf_rows(&statements, report)?;
        let referred: BTreeSet<PackRef> = leaves.iter().filter_map(|(_, row)| row.pack.clone()).collect();
        self.check_strays(&referred, report);
        let total = referred.len() as u64 * 2 + 1;
        let mut sound = BTreeSet::new();
        for (done, at) in (0..).zip(&referred) {
            progress(done, total);
            if self.check_pack_file(at, report) {
                sound.insert(at.pack);
            }
        }
        let mut counts = index::Counts::default();
        for (done, (leaf, row)) in (referred.len() as u64..).zip(&leaves) {
            progress(done.min(total - 1), total);
            counts.leaf(row);
            match &row.pack {
                Some(at) if sound.contains(&at.pack) => {
                    self.check_pack(*leaf, row, at, &mut counts, report);
                }
                Some(_) => counts.skip(),
                None => {}
            }
        }
        self.check_roots(report)?;
        if self.inner.signed() == statements.len() as u64 {
            counts.compare(&self.inner, report)?;
        }
        progress(total, total);
        Ok(())
    }

    fn check_format(&self, report: &mut Report) {
        match crate::format::Format::read(&self.inner.dir) {
            Ok(format) if format == self.inner.format => {}
            Ok(_) => report.add("format", "it is not what it was when the store was opened"),
            Err(e) => report.add("format", e.to_string()),
        }
    }

    /// Reads the log whole; answers with the digests of its entries.
    fn check_log(&self, report: &mut Report) -> Vec<Digest> {
        let (head, checkpoint) = {
            let state = self.inner.log_state();
            (state.log.head(), state.checkpoint.clone())
        };
        match (self.inner.files.checkpoint(), checkpoint) {
            (Ok(on_disk), checkpoint) if on_disk == checkpoint.as_ref().map(|c| c.to_bytes()) => {
                if let Some(checkpoint) = checkpoint {
                    let keys = &self.inner.verifiers;
                    match checkpoint.verify(&self.inner.format.origin, keys) {
                        Ok(_) => {}
                        Err(_) if keys.is_empty() => report.unchecked.push(Problem {
                            place: "log/checkpoint".into(),
                            reason: "its signature: no key was given".into(),
                        }),
                        Err(e) => report.add("log/checkpoint", e.to_string()),
                    }
                }
            }
            (Ok(_), _) => report.add("log/checkpoint", "it is not the one that was last signed"),
            (Err(e), _) => report.add_error("log/checkpoint", e),
        }
        let mut statements = Vec::new();
        if let Err(e) = check_all(&self.inner.files, &head, |_, entry| statements.push(Digest::of(entry))) {
            report.add("log", e.to_string());
        }
        report.leaves = statements.len() as u64;
        statements
    }

    fn check_keys(&self, report: &mut Report) {
        let names = match self.inner.packs.ring.names() {
            Ok(names) => names,
            Err(e) => return report.add_error("keys", e),
        };
        for (owner, bucket) in names {
            if let Err(e) = self.inner.packs.ring.read_again(&owner, &bucket) {
                report.add_error(format!("keys/{owner}/{bucket}"), e);
            }
        }
    }

    /// The index's leaf rows, each compared with the log's entry.
    fn leaf_rows(
        &self,
        statements: &[Digest],
        report: &mut Report,
    ) -> Result<Vec<(u64, LeafRow)>, ReadError> {
        let mut rows = Vec::new();
        for (leaf, statement) in (0..).zip(statements) {
            let key = keys::leaf(leaf);
            let row = self.inner.index.get(&key)?.map(|value| from_row::<LeafRow>(&key, &value));
            match row {
                Some(Ok(row)) if row.statement == *statement => {
                    let lost = match (row.is_lost_run(), row.is_lost_seal()) {
                        (true, _) => Some("its run's pack"),
                        (_, true) => Some("the pack with its seal"),
                        _ => None,
                    };
                    if let Some(lost) = lost {
                        let reason = format!(
                            "{lost} is missing or cannot be read; restore it from a backup, and run `exhibit check \
                             --rebuild`"
                        );
                        report.add(format!("leaf {leaf}"), reason);
                    }
                    rows.push((leaf, row));
                }
                Some(Ok(_)) => {
                    report.add(format!("leaf {leaf}"), "the index has another statement than the log")
                }
                Some(Err(e)) => report.add_error(format!("leaf {leaf}"), e),
                None => report.add(format!("leaf {leaf}"), "the index does not have it"),
            }
        }
        Ok(rows)
    }

    /// Packs that no leaf is known to refer to: of a commit that goes on, or damaged beyond knowing.
    fn check_strays(&self, referred: &BTreeSet<PackRef>, report: &mut Report) {
        let packs = match self.inner.packs.objects.list() {
            Ok((packs, _)) => packs,
            Err(e) => return report.add_error("packs", e),
        };
        for pack in packs.into_iter().filter(|pack| !referred.iter().any(|at| at.pack == *pack)) {
            let at = PackRef { pack, owner: String::new(), bucket: String::new() };
            self.check_pack_file(&at, report);
        }
    }

    /// Whether a pack's file is what its name says.
    fn check_pack_file(&self, at: &PackRef, report: &mut Report) -> bool {
        report.packs += 1;
        let place = format!("packs/{}/{}.pack", &at.pack.to_string()[..2], at.pack);
        match self.inner.packs.objects.digest(&at.pack) {
            Ok(digest) if digest == at.pack => true,
            Ok(digest) => {
                report.add(place, format!("its content has the digest {digest}; restore it from a backup"));
                false
            }
            Err(e) => {
                report.add_error(place, e);
                false
            }
        }
    }
}
