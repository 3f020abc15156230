//! The checks, in their order, and what they share.

mod bag;
mod log;
mod populations;
mod runs;
mod seal;
mod views;

use crate::Options;
use crate::report::{Check, Finding, Report, Signer, Wrong};
use exhibit_evidence::digest::Digest;
use exhibit_package::contents::{Contents, LedgerContents};
use exhibit_package::layout;
use exhibit_package::lines::LineReader;
use exhibit_package::model::Meta;
use exhibit_package::people::People;
use exhibit_package::read::{FileReader, MAX_DOCUMENT, Package, ReadError};
use std::collections::{BTreeMap, BTreeSet};

/// What is known so far.
pub(crate) struct Checking<'a> {
    package: &'a Package,
    options: &'a Options,
    /// Digest of every payload file, all of them checked.
    digests: BTreeMap<String, Digest>,
    /// Files of the payload whose place in it is understood.
    explained: BTreeSet<String>,
    checks: Vec<Check>,
    notes: Vec<String>,
}

/// Everything, from the outside in.
pub(crate) fn all(package: &Package, options: &Options) -> Result<Report, Wrong> {
    let mut checking = Checking {
        package,
        options,
        digests: BTreeMap::new(),
        explained: BTreeSet::new(),
        checks: Vec::new(),
        notes: Vec::new(),
    };
    checking.all().map_err(|finding| Wrong::new(finding, checking.checks))
}

impl Checking<'_> {
    fn all(&mut self) -> Result<Report, Finding> {
        let meta = bag::check(self)?;
        let log = log::check(self)?;
        let leaves = log::leaves(self, &log)?;
        let runs = runs::check(self, &meta, &log)?;
        let populations = populations::check(self, &meta, &runs)?;
        let coverage = seal::check(self, &meta, &log, &leaves, &runs)?;
        let signer = Signer {
            log: log.checkpoint.origin().to_owned(),
            key: log.key.to_string(),
            confirmed: self.options.key.is_some(),
        };
        let ledger = LedgerContents {
            origin: signer.log.clone(),
            size: log.checkpoint.head().size,
            root: log.checkpoint.head().root,
            key: signer.key.clone(),
            timestamp: self.package.has(layout::TIMESTAMP),
            leaves: leaves.into_iter().map(|leaf| leaf.contents).collect(),
        };
        let mut contents = Contents { meta, coverage, runs, populations, people: People::default(), ledger };
        views::check(self, &mut contents)?;
        log::timestamp(self, &log)?;
        self.check_explained()?;

        let count = contents.runs.len() as u64;
        let reperformable =
            contents.runs.values().filter(|run| run.not_reperformable().is_none()).count() as u64;
        if reperformable < count {
            self.notes.push(format!(
                "re-performance is not possible for {} of {count} runs",
                count - reperformable
            ));
        }
        if !signer.confirmed {
            self.notes.push(
                "the key came with the package: give the log's key with --key, from another way, to confirm the signer"
                    .into(),
            );
        }
        if self.options.checkpoint.is_none() {
            self.notes.push(
                "no earlier checkpoint was given: with --checkpoint it is shown that nothing was changed since".into(),
            );
        }
        let (checks, notes) = (std::mem::take(&mut self.checks), std::mem::take(&mut self.notes));
        Ok(Report { runs: count, reperformable, ..Report::new(&contents.meta, signer, checks, notes) })
    }

    fn ok(&mut self, name: &'static str, detail: String) {
        self.checks.push(Check { name, detail });
    }

    /// Says that a file has its place.
    fn explain(&mut self, path: impl Into<String>) {
        self.explained.insert(path.into());
    }

    /// Every file of the payload belongs to something.
    fn check_explained(&self) -> Result<(), Finding> {
        match self.digests.keys().find(|path| !self.explained.contains(*path)) {
            Some(path) => Err(Finding::new(
                path,
                "nothing in this place",
                "a file that belongs to nothing in the package",
            )),
            None => Ok(()),
        }
    }

    /// A document, whole.
    fn document(&mut self, path: &str) -> Result<Vec<u8>, Finding> {
        self.explain(path);
        self.package.read(path, MAX_DOCUMENT).map_err(|e| unreadable(&e))
    }

    /// A JSON document.
    fn json<T: serde::de::DeserializeOwned>(&mut self, path: &str) -> Result<T, Finding> {
        self.explain(path);
        self.package.json(path).map_err(|e| unreadable(&e))
    }

    /// The lines of a file.
    fn lines(&mut self, path: &str) -> Result<LineReader<FileReader>, Finding> {
        self.explain(path);
        self.package.lines(path).map_err(|e| unreadable(&e))
    }

    /// The digest that the bag's manifest gives a file; its bytes were compared with it.
    fn digest(&self, path: &str) -> Result<Digest, Finding> {
        self.digests.get(path).copied().ok_or_else(|| Finding::new(path, "a file", "nothing"))
    }

    /// Compares a file's digest with what something else says of it.
    fn same_digest(&self, path: &str, expected: Digest, who: &str) -> Result<(), Finding> {
        let found = self.digest(path)?;
        if found == expected {
            Ok(())
        } else {
            Err(Finding::new(
                path,
                format!("sha256 {expected}, which {who} states"),
                format!("sha256 {found}"),
            ))
        }
    }
}

fn unreadable(error: &ReadError) -> Finding {
    match error {
        ReadError::Missing(path) => Finding::new(path, "a file", "nothing"),
        ReadError::Io { path, source } => Finding::new(path, "a file that can be read", source),
        ReadError::TooLarge { path, size, most } => {
            Finding::new(path, format!("at most {most} bytes"), format!("{size} bytes"))
        }
        ReadError::Form { path, reason } => Finding::new(path, "what belongs there", reason),
    }
}

/// Whether the meta says what this version can read.
fn check_format(meta: &Meta) -> Result<(), Finding> {
    if meta.format == layout::FORMAT {
        Ok(())
    } else {
        let expected = format!("format {}, which this version of exhibit-verify reads", layout::FORMAT);
        Err(Finding::new(layout::PACKAGE, expected, format!("format {}", meta.format)))
    }
}
