//! Writes a package. Whatever has a digest, a root or a proof is checked against it on its way in, so that a
//! damaged store is found here and not by an auditor. Whether seal and coverage agree is the checker's work.
//!
//! Order of calls: [`PackageWriter::create`], then components, bodies, leaves and runs in any order, then
//! populations (they need every run of their dataset), then [`PackageWriter::finish`]. Nothing is at the
//! destination before `finish` has returned; a writer that is dropped leaves nothing.

mod parts;

pub use parts::{LeafFiles, LedgerFiles, RunFiles, Stamped, WriteError};

use crate::contents::{Contents, LeafContents, LedgerContents, PopulationContents, RunContents};
use crate::html;
use crate::layout::{self, run_file};
use crate::lines::{BoxError, Lines};
use crate::model::{ControlCoverage, Meta, PopulationRun, PopulationRuns, Withheld};
use crate::people::{self, Gathering};
use crate::population::{self, HeldRecord, Population, pretty};
use crate::sink::{Finished, Sink};
use crate::workbook::Book;
use exhibit_evidence::digest::{Digest, Hasher};
use exhibit_evidence::exchange::{Answer, Exchange, Walk};
use exhibit_evidence::kind::Kind;
use exhibit_evidence::name::SourceName;
use exhibit_evidence::run::{Manifest, RunId};
use exhibit_ledger::checkpoint::Checkpoint;
use exhibit_ledger::statement::Statement;
use exhibit_ledger::tlog_proof::TlogProof;
use exhibit_ledger::tree::{Frontier, Tree, leaf_hash};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{BufReader, Seek, SeekFrom, Write};
use std::path::Path;

/// A package in the making.
pub struct PackageWriter {
    sink: Sink,
    book: Book,
    meta: Meta,
    runs: BTreeMap<RunId, RunContents>,
    populations: BTreeMap<(SourceName, Kind), PopulationContents>,
    people: Gathering,
    leaves: BTreeMap<u64, LeafContents>,
    /// Leaf hashes of the statements that were handed over, and where their proofs go.
    proofs: BTreeMap<u64, (Digest, String)>,
    /// Bodies that the exchanges refer to, with one run of each.
    needed: HashMap<Digest, RunId>,
}

impl PackageWriter {
    /// Begins a package that will be the zip file `destination`.
    ///
    /// # Errors
    /// [`WriteError::Exists`], [`WriteError::Io`].
    pub fn create(destination: &Path, meta: Meta) -> Result<Self, WriteError> {
        let book = Book::new(&meta).map_err(|e| WriteError::mismatch("the workbook", e))?;
        Ok(Self {
            sink: Sink::create(destination, meta.name(), meta.made_at)?,
            book,
            meta,
            runs: BTreeMap::new(),
            populations: BTreeMap::new(),
            people: Gathering::default(),
            leaves: BTreeMap::new(),
            proofs: BTreeMap::new(),
            needed: HashMap::new(),
        })
    }

    /// Adds a component that ran. Adding it again changes nothing.
    ///
    /// # Errors
    /// [`WriteError::Mismatch`] where the bytes have another digest.
    pub fn component(&mut self, digest: Digest, bytes: &[u8]) -> Result<(), WriteError> {
        self.addressed(digest, layout::component(&digest), bytes)
    }

    /// Adds a body that was sent or answered. Adding it again changes nothing.
    ///
    /// # Errors
    /// [`WriteError::Mismatch`] where the bytes have another digest.
    pub fn body(&mut self, digest: Digest, bytes: &[u8]) -> Result<(), WriteError> {
        self.addressed(digest, layout::body(&digest), bytes)
    }

    /// Whether this body was added.
    pub fn has_body(&self, digest: &Digest) -> bool {
        self.sink.has(&layout::body(digest))
    }

    /// Adds a run.
    ///
    /// # Errors
    /// [`WriteError::Mismatch`] where a file is not what the manifest says, [`WriteError::Input`] where it
    /// cannot be read.
    pub fn run(&mut self, files: RunFiles<'_>) -> Result<(), WriteError> {
        let manifest: Manifest = serde_json::from_slice(&files.manifest)
            .map_err(|e| WriteError::mismatch("a run's manifest", e))?;
        let id = manifest.run.clone();
        let what = |file: &str| format!("run {id}, {file}");
        if manifest.simulated && !self.meta.simulated {
            return Err(WriteError::mismatch(
                format!("run {id}"),
                "it is simulated, and the package says it is not",
            ));
        }
        if let Some(kind) = manifest
            .datasets
            .iter()
            .map(|d| &d.kind)
            .find(|kind| self.populations.contains_key(&(manifest.source.clone(), (*kind).clone())))
        {
            return Err(WriteError::mismatch(
                format!("run {id}"),
                format!("the population of {kind} is written already"),
            ));
        }
        let path = |file: &str| layout::run(&id, file);
        self.sink.file(path(run_file::MANIFEST), &files.manifest)?;
        self.sink.file(path(run_file::STATEMENT), &files.statement)?;
        self.proof(files.leaf, &files.statement, path(run_file::PROOF))?;
        if Digest::of(&files.replay) != manifest.replay {
            return Err(WriteError::mismatch(what(run_file::REPLAY), "its digest is not the manifest's"));
        }
        self.sink.file(path(run_file::REPLAY), &files.replay)?;

        self.exchanges(&id, &manifest, files.exchanges, files.withheld.is_some())?;
        let mut walks = Vec::new();
        let keep = |line: &[u8]| {
            walks.push(serde_json::from_slice::<Walk>(line).map_err(|e| e.to_string())?);
            Ok(())
        };
        self.digested(&what(run_file::WALKS), path(run_file::WALKS), files.walks, manifest.walks, keep)?;
        for (file, lines, digest) in [
            (run_file::REJECTIONS, files.rejections, manifest.rejections),
            (run_file::LOG, files.log, manifest.log),
        ] {
            self.digested(&what(file), path(file), lines, digest, |_| Ok(()))?;
        }
        self.provenance(&manifest, files.provenance)?;

        let digest = Digest::of(&files.manifest);
        let run = RunContents { manifest, digest, leaf: files.leaf, withheld: files.withheld };
        self.sink.file(path(run_file::PAGE), html::run_page(&self.meta, &run, &walks).as_bytes())?;
        self.runs.insert(id, run);
        Ok(())
    }

    /// Adds a leaf that is not a run's.
    ///
    /// # Errors
    /// [`WriteError::Path`] where the leaf is there already.
    pub fn leaf(&mut self, leaf: LeafFiles) -> Result<(), WriteError> {
        let path = |file: &str| layout::leaf(leaf.index, file);
        self.sink.file(path(layout::leaf_file::STATEMENT), &leaf.statement)?;
        self.proof(leaf.index, &leaf.statement, path(layout::leaf_file::PROOF))?;
        let what = || format!("leaf {}", leaf.index);
        let statement =
            Statement::from_leaf_unverified(&leaf.statement).map_err(|e| WriteError::mismatch(what(), e))?;
        if let Some(document) = &leaf.document {
            if statement.subject().map(|subject| subject.digest) != Some(Digest::of(document)) {
                return Err(WriteError::mismatch(what(), "the document is not its subject"));
            }
            self.sink.file(path(layout::leaf_file::DOCUMENT), document)?;
        }
        let contents = LeafContents::of(leaf.index, &statement, leaf.document.is_some())
            .ok_or_else(|| WriteError::mismatch(what(), "it has no subject"))?;
        self.leaves.insert(leaf.index, contents);
        Ok(())
    }

    /// Adds a population: each distinct line once, ordered by key, then by the first run that held it. Its runs
    /// must have been added. Populations come in the order of their sources, then kinds.
    ///
    /// # Errors
    /// [`WriteError::Mismatch`] where the lines do not give each run's root, [`WriteError::Input`] where they
    /// cannot be read.
    pub fn population<E: Into<BoxError>>(
        &mut self,
        population: Population,
        records: impl IntoIterator<Item = Result<HeldRecord, E>>,
    ) -> Result<(), WriteError> {
        let key = (population.source.clone(), population.kind.clone());
        if self.populations.last_key_value().is_some_and(|(last, _)| *last >= key) {
            let what = format!("the population of {} of {}", key.1, key.0);
            return Err(WriteError::mismatch(
                what,
                "it comes after its place in the order of sources and kinds",
            ));
        }
        let runs = PopulationRuns {
            runs: self.runs_of(&population)?,
            source: population.source,
            kind: population.kind,
            title: population.title,
            shape: population.shape,
        };
        let (gathering, known) = (&mut self.people, &self.runs);
        let contents =
            population::write(&mut self.sink, &mut self.book, runs, records, |of, lines, index| {
                if of.kind.to_string() == people::KIND {
                    crate::views::gather(gathering, of, known, lines, index)?;
                }
                Ok(())
            })?;
        self.populations.insert(key, contents);
        Ok(())
    }

    /// Checks that everything is there, draws the pages and the workbook, and gives the package its name.
    ///
    /// # Errors
    /// [`WriteError::Missing`] where something that the rest refers to was not added,
    /// [`WriteError::Mismatch`] where the log does not prove a leaf.
    pub fn finish(
        mut self,
        ledger: LedgerFiles,
        coverage: Vec<ControlCoverage>,
        seal: Option<Vec<u8>>,
    ) -> Result<Finished, WriteError> {
        self.check_whole(seal.as_deref())?;
        let checkpoint = self.ledger(&ledger)?;
        if let Some(seal) = &seal {
            self.sink.file(layout::SEAL.into(), seal)?;
        }
        self.sink.file(layout::PACKAGE.into(), &pretty(&self.meta)?)?;
        self.sink.file(layout::COVERAGE.into(), &pretty(&coverage)?)?;
        let withheld: Vec<Withheld> = (self.runs.values())
            .filter_map(|r| Some(Withheld { run: r.manifest.run.clone(), reason: r.withheld.clone()? }))
            .collect();
        self.sink.file(layout::WITHHELD.into(), &pretty(&withheld)?)?;

        let contents = Contents {
            people: self.people.reconcile(self.meta.directory.as_ref()),
            meta: self.meta,
            coverage,
            runs: self.runs,
            populations: self.populations.into_values().collect(),
            ledger: LedgerContents {
                origin: checkpoint.origin().to_owned(),
                size: checkpoint.head().size,
                root: checkpoint.head().root,
                key: ledger.key.to_string(),
                timestamp: ledger.timestamp.is_some(),
                leaves: self.leaves.into_values().collect(),
            },
        };
        tables(&mut self.sink, &contents)?;
        workbook_file(&mut self.sink, self.book, &contents)?;
        for (path, page) in html::pages(&contents) {
            self.sink.file(path, page.as_bytes())?;
        }
        self.sink.finish(&contents.meta)
    }

    /// What the manifests say of a population's runs.
    fn runs_of(&self, population: &Population) -> Result<Vec<PopulationRun>, WriteError> {
        let (source, kind) = (&population.source, &population.kind);
        let mut before = None;
        let mut runs = Vec::with_capacity(population.runs.len());
        for id in &population.runs {
            let wrong = |reason: &str| {
                WriteError::mismatch(format!("run {id} in the population of {kind} of {source}"), reason)
            };
            let run = self.runs.get(id).ok_or_else(|| wrong("it was not added"))?;
            let dataset =
                run.dataset(source, kind).ok_or_else(|| wrong("its manifest has no such dataset"))?;
            if dataset.shape != population.shape {
                return Err(wrong("its dataset has another shape"));
            }
            if before.is_some_and(|before| before >= run.leaf) {
                return Err(wrong("runs are not in the order of their leaves"));
            }
            before = Some(run.leaf);
            runs.push(PopulationRun::of(&run.manifest, dataset));
        }
        Ok(runs)
    }

    /// Everything that a manifest or an exchange names is in the package.
    fn check_whole(&self, seal: Option<&[u8]>) -> Result<(), WriteError> {
        if seal.map(Digest::of) != self.meta.seal {
            return Err(WriteError::mismatch(
                "the seal",
                "its digest is not the one the package was begun with",
            ));
        }
        for run in self.runs.values() {
            let manifest = &run.manifest;
            if !self.sink.has(&layout::component(&manifest.connector.component)) {
                return Err(WriteError::Missing(format!(
                    "component {} of run {}",
                    manifest.connector.component, manifest.run
                )));
            }
            for dataset in manifest.datasets.iter().filter(|_| run.is_within(&self.meta.period)) {
                let (source, kind) = (&manifest.source, &dataset.kind);
                let population = self.populations.get(&(source.clone(), kind.clone()));
                if !population.is_some_and(|p| p.runs.runs.iter().any(|r| r.run == manifest.run)) {
                    let id = &manifest.run;
                    return Err(WriteError::Missing(format!(
                        "the population of {kind} of {source} as of run {id}"
                    )));
                }
            }
        }
        match self.needed.iter().find(|(digest, _)| !self.has_body(digest)) {
            Some((digest, run)) => Err(WriteError::Missing(format!("body {digest} of run {run}"))),
            None => Ok(()),
        }
    }

    /// The log's files, and a proof for every leaf that is disclosed.
    fn ledger(&mut self, ledger: &LedgerFiles) -> Result<Checkpoint, WriteError> {
        let failed = |e: &dyn std::fmt::Display| WriteError::mismatch("the checkpoint", e);
        let checkpoint =
            Checkpoint::open(&ledger.checkpoint, ledger.key.name(), std::slice::from_ref(&ledger.key))
                .map_err(|e| failed(&e))?;
        let tree = Tree::new(ledger.leaf_hashes.iter().copied());
        if tree.head() != *checkpoint.head() {
            return Err(failed(&"the leaf hashes do not give its root"));
        }
        for (index, (leaf, path)) in std::mem::take(&mut self.proofs) {
            if tree.leaf(index) != Some(leaf) {
                return Err(WriteError::mismatch(format!("leaf {index}"), "the log holds another"));
            }
            let hashes = tree.inclusion(index).map_err(|e| failed(&e))?;
            let proof = TlogProof { index, path: hashes, checkpoint: checkpoint.clone(), extra: None };
            self.sink.file(path, &proof.to_bytes())?;
        }
        let hashes: Vec<u8> = ledger.leaf_hashes.iter().flat_map(|hash| *hash.as_bytes()).collect();
        self.sink.file(layout::LEAF_HASHES.into(), &hashes)?;
        self.sink.file(layout::CHECKPOINT.into(), &ledger.checkpoint)?;
        self.sink.file(layout::KEY.into(), format!("{}\n", ledger.key).as_bytes())?;
        let pem = ledger.key.to_pem().map_err(|e| failed(&e))?;
        self.sink.file(layout::KEY_PEM.into(), pem.as_bytes())?;
        if let Some(stamped) = &ledger.timestamp {
            self.sink.file(layout::STAMPED.into(), &stamped.checkpoint)?;
            self.sink.file(layout::TIMESTAMP.into(), &stamped.response)?;
        }
        Ok(checkpoint)
    }

    fn addressed(&mut self, digest: Digest, path: String, bytes: &[u8]) -> Result<(), WriteError> {
        if self.sink.has(&path) {
            return Ok(());
        }
        if Digest::of(bytes) != digest {
            return Err(WriteError::mismatch(path, "its bytes have another digest"));
        }
        self.sink.file(path, bytes)
    }

    fn proof(&mut self, index: u64, statement: &[u8], path: String) -> Result<(), WriteError> {
        match self.proofs.insert(index, (leaf_hash(statement), path)) {
            None => Ok(()),
            Some(_) => Err(WriteError::mismatch(format!("leaf {index}"), "two statements claim to be it")),
        }
    }

    fn exchanges(
        &mut self,
        id: &RunId,
        manifest: &Manifest,
        lines: Lines<'_>,
        withheld: bool,
    ) -> Result<(), WriteError> {
        let what = format!("run {id}, {}", run_file::EXCHANGES);
        let (mut bodies, mut root) = (BTreeSet::new(), Frontier::new());
        let each = |line: &[u8]| {
            root.push(leaf_hash(line));
            let exchange: Exchange = serde_json::from_slice(line).map_err(|e| e.to_string())?;
            bodies.extend(bodies_of(&exchange));
            Ok(())
        };
        self.lines(&what, layout::run(id, run_file::EXCHANGES), lines, each)?;
        if root.root() != manifest.exchanges.root || root.size() != manifest.exchanges.count {
            return Err(WriteError::mismatch(what, "its root or count is not the manifest's"));
        }
        if !withheld {
            self.needed.extend(bodies.into_iter().map(|digest| (digest, id.clone())));
        }
        Ok(())
    }

    fn provenance(&mut self, manifest: &Manifest, files: Vec<(Kind, Lines<'_>)>) -> Result<(), WriteError> {
        let mut expected: BTreeMap<&Kind, Digest> =
            manifest.datasets.iter().map(|d| (&d.kind, d.provenance)).collect();
        for (kind, lines) in files {
            let what = format!("run {}, provenance of {kind}", manifest.run);
            let mut root = Frontier::new();
            self.lines(&what, layout::provenance(&manifest.run, &kind), lines, |line| {
                root.push(leaf_hash(line));
                Ok(())
            })?;
            if expected.remove(&kind) != Some(root.root()) {
                return Err(WriteError::mismatch(what, "its root is not the manifest's"));
            }
        }
        match expected.keys().next() {
            Some(kind) => {
                Err(WriteError::Missing(format!("the provenance of {kind} of run {}", manifest.run)))
            }
            None => Ok(()),
        }
    }

    fn digested(
        &mut self,
        what: &str,
        path: String,
        lines: Lines<'_>,
        digest: Digest,
        mut each: impl FnMut(&[u8]) -> Result<(), String>,
    ) -> Result<(), WriteError> {
        let mut hasher = Hasher::default();
        self.lines(what, path, lines, |line| {
            hasher.update(line).update(b"\n");
            each(line)
        })?;
        if hasher.finish() == digest {
            Ok(())
        } else {
            Err(WriteError::mismatch(what, "its digest is not the manifest's"))
        }
    }

    fn lines(
        &mut self,
        what: &str,
        path: String,
        lines: Lines<'_>,
        mut each: impl FnMut(&[u8]) -> Result<(), String>,
    ) -> Result<(), WriteError> {
        let mut entry = self.sink.entry(path)?;
        for line in lines {
            let mut line = line.map_err(|error| WriteError::Input { what: what.to_owned(), error })?;
            if line.contains(&b'\n') {
                return Err(WriteError::mismatch(what, "a line has a newline inside"));
            }
            each(&line).map_err(|e| WriteError::mismatch(what, e))?;
            line.push(b'\n');
            entry.write_all(&line).map_err(|e| entry.failed(e))?;
        }
        entry.finish()
    }
}

/// The bodies that an exchange refers to. An empty one needs no file.
pub fn bodies_of(exchange: &Exchange) -> impl Iterator<Item = Digest> {
    let shown = match &exchange.answer {
        Answer::Response { body, .. } => Some(*body),
        Answer::Error(_) => None,
    };
    let empty = Digest::of([]);
    exchange.request_body.into_iter().chain(shown).filter(move |digest| *digest != empty)
}

/// The tables that are of no population.
fn tables(sink: &mut Sink, contents: &Contents) -> Result<(), WriteError> {
    let failed = |of: &str, e: crate::table::TableError| WriteError::Table {
        population: of.to_owned(),
        reason: e.to_string(),
    };
    let coverage = crate::views::coverage_csv(contents).map_err(|e| failed("the coverage", e))?;
    sink.file(layout::COVERAGE_CSV.into(), &coverage)?;
    let people = crate::views::people_csv(&contents.people).map_err(|e| failed("people", e))?;
    sink.file(layout::PEOPLE_CSV.into(), &people)
}

fn workbook_file(sink: &mut Sink, book: Book, contents: &Contents) -> Result<(), WriteError> {
    let failed = |e: crate::table::TableError| WriteError::Table {
        population: "the workbook".into(),
        reason: e.to_string(),
    };
    let mut file = tempfile::tempfile().map_err(WriteError::Spool)?;
    book.finish(contents, &mut file).map_err(failed)?;
    file.seek(SeekFrom::Start(0)).map_err(WriteError::Spool)?;
    sink.copy(layout::WORKBOOK.into(), &mut BufReader::new(file))
}
