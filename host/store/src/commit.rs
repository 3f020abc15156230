//! A commit, in the one order that survives a power cut: the pack; staged rows; the publishing batch,
//! flushed and synced; the log's files; the checkpoint, signed, replaced and synced; then the answer.
//!
//! Before the publishing batch nothing has happened: whatever was written is swept. After it the leaf will
//! be in the log, now or when the store is next opened. A failure in between halts the store, so that no
//! second leaf is ever put where one may already be.

use crate::error::{CommitError, ReadError, StageError};
use crate::index::Batch;
use crate::keys;
use crate::pack::footer::{Head, PACK_FORMAT};
use crate::pack::name;
use crate::pack::write::PackWriter;
use crate::rows::{DatasetRow, LeafRow, PackRef, RunRow, to_row, verdict_byte};
use crate::stage::merge::Merged;
use crate::stage::{Stage, Writing};
use crate::store::{Inner, Store};
use crate::{body, bucket};
use exhibit_evidence::canonical;
use exhibit_evidence::digest::Digest;
use exhibit_evidence::kind::Kind;
use exhibit_evidence::run::{Manifest, ReplayInputs, RunId, Verdict};
use exhibit_evidence::time::Timestamp;
use exhibit_ledger::checkpoint::Checkpoint;
use exhibit_ledger::statement::{LeafKind, MAX_LEAF_BYTES, Statement};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Arc, MutexGuard};

/// Where a leaf came to stand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Committed {
    /// Its index in the log, from 0.
    pub leaf: u64,
    /// Leaves under the checkpoint that was signed with it.
    pub tree_size: u64,
}

/// A document that is kept with a leaf: an uploaded file, a seal.
#[derive(Clone, Copy, Debug)]
pub struct Document<'a> {
    /// Its bytes.
    pub bytes: &'a [u8],
    /// When it came: the quarter is its retention bucket.
    pub at: Timestamp,
}

/// Keys of documents belong to no source; an underscore begins no source's name.
const DOCUMENT_OWNER: &str = "_documents";

/// What one leaf publishes.
struct Publication {
    statement: Vec<u8>,
    row: LeafRow,
    run: Option<(RunId, RunRow)>,
    datasets: Vec<DatasetRow>,
}

impl Merged {
    /// Commits the run. On return it is durable, under a signed checkpoint.
    ///
    /// `statement` is the leaf: a DSSE envelope of kind [`LeafKind::Run`] whose subject is the manifest's
    /// canonical bytes. `state` is the connector's state for its next run.
    ///
    /// # Errors
    /// [`CommitError`]. The run is then not acknowledged; after a failure late in the commit the store is
    /// halted, and reopening it tells.
    pub fn commit(
        self,
        manifest: &Manifest,
        replay: &ReplayInputs,
        state: &BTreeMap<String, Vec<u8>>,
        statement: &[u8],
    ) -> Result<Committed, CommitError> {
        let inner = Arc::clone(&self.stage.inner);
        inner.can_commit()?;
        let manifest_bytes = canonical_bytes("manifest", manifest)?;
        let replay_bytes = canonical_bytes("replay inputs", replay)?;
        self.check(manifest, &manifest_bytes, &replay_bytes, statement)?;
        let state_bytes = canonical_bytes("state", &hex_state(state))?;
        let (start, rows) = (self.stage.start.clone(), self.rows.clone());
        let after = self.after.as_ref().map(|(leaf, _)| *leaf);
        // Whole, never as a difference: a run is known by these though every other pack were damaged.
        let parts = [
            (name::MANIFEST, manifest_bytes.as_slice()),
            (name::REPLAY, &replay_bytes),
            (name::STATE, &state_bytes),
            (name::LEAF, statement),
        ];
        let (stage, pack) = self.write_pack(&parts, Digest::of(statement))?;
        stage_fills(&inner, manifest)?;
        let _writer = inner.writer()?;
        not_overtaken(&inner, &start, after)?;
        let run_row = RunRow::new(manifest, Digest::of(&manifest_bytes), &pack, 0);
        let row = LeafRow {
            kind: LeafKind::Run.word().to_owned(),
            statement: Digest::of(statement),
            pack: Some(pack),
            run: Some(start.run.clone()),
        };
        stage.publishing();
        let run = Some((start.run, run_row));
        publish(&inner, Publication { statement: statement.to_vec(), row, run, datasets: rows })
    }

    /// Finishes the pack and puts it into the pack store.
    fn write_pack(self, parts: &[(&str, &[u8])], leaf: Digest) -> Result<(Stage, PackRef), CommitError> {
        let Self { stage, writing, mut names, rows, after, .. } = self;
        let Writing { mut writer, contents } = writing;
        for (name, bytes) in parts {
            names.insert((*name).to_owned(), add_whole(&mut writer, bytes)?);
        }
        let packs = &stage.inner.packs;
        let (table, elsewhere) = contents.finish();
        let previous = after.as_ref().map(|(_, at)| at).filter(|at| at.bucket == stage.home.bucket);
        let (digest, table) = body::put_table(&mut writer, packs, previous, &table)?;
        names.insert(name::TABLE.to_owned(), digest);
        let head = Head {
            format: PACK_FORMAT,
            kind: LeafKind::Run.word().to_owned(),
            leaf,
            owner: stage.home.owner.clone(),
            bucket: stage.home.bucket.clone(),
            run: Some(stage.start.run.clone()),
            names,
            elsewhere,
            table: Some(table),
            datasets: rows,
        };
        let finished = writer.finish(&head)?;
        packs.objects.put(&finished.digest, &finished.path, finished.bytes)?;
        let pack = PackRef { pack: finished.digest, ..stage.home.clone() };
        Ok((stage, pack))
    }

    fn check(
        &self,
        manifest: &Manifest,
        manifest_bytes: &[u8],
        replay_bytes: &[u8],
        statement: &[u8],
    ) -> Result<(), CommitError> {
        let staged = &self.stage.start.run;
        if manifest.run != *staged || manifest.source != self.stage.start.source {
            return Err(CommitError::OtherRun { manifest: manifest.run.clone(), staged: staged.clone() });
        }
        let parsed = check_statement(statement)?;
        let subject = parsed.subject().map(|s| s.digest);
        let wrong = if parsed.kind != LeafKind::Run {
            Some("its statement is not of kind `run`")
        } else if subject != Some(Digest::of(manifest_bytes)) {
            Some("its statement names another manifest")
        } else if manifest.replay != Digest::of(replay_bytes) {
            Some("its manifest names other replay inputs")
        } else if manifest.datasets != self.datasets
            || manifest.exchanges != self.exchanges
            || (manifest.walks, manifest.rejections, manifest.log) != (self.walks, self.rejections, self.log)
        {
            Some("its manifest states other datasets, exchanges or files than were merged")
        } else {
            None
        };
        match wrong {
            Some(reason) => Err(CommitError::Ledger(format!("run {staged} cannot be committed: {reason}"))),
            None => Ok(()),
        }
    }
}

fn check_statement(statement: &[u8]) -> Result<Statement, CommitError> {
    if statement.len() > MAX_LEAF_BYTES {
        return Err(CommitError::Statement(statement.len()));
    }
    Statement::from_leaf_unverified(statement).map_err(|e| CommitError::Ledger(e.to_string()))
}

fn canonical_bytes<T: Serialize>(what: &'static str, value: &T) -> Result<Vec<u8>, StageError> {
    canonical::to_bytes(value).map_err(|e| StageError::Form { what, reason: e.to_string() })
}

/// Writes a content into a pack, where it is not there yet.
fn add_whole(writer: &mut PackWriter, bytes: &[u8]) -> Result<Digest, ReadError> {
    let digest = Digest::of(bytes);
    if !writer.holds(&digest) {
        writer.add_stream(digest, bytes.len() as u64, bytes)?;
    }
    Ok(digest)
}

/// State values are bytes; in JSON they are hex.
fn hex_state(state: &BTreeMap<String, Vec<u8>>) -> BTreeMap<&str, String> {
    state.iter().map(|(key, value)| (key.as_str(), hex::encode(value))).collect()
}

/// A run's verdict for each control and period that it fills.
pub(crate) fn fill_rows(manifest: &Manifest) -> Vec<(Vec<u8>, u8)> {
    let verdict_of = |kind: &Kind| {
        let mut populations = manifest.populations.iter().filter(|p| p.kind == *kind).map(|p| &p.verdict);
        let worst = populations.try_fold(Verdict::Complete, |worst, v| Some(worst.worst(v.clone())));
        match (&manifest.verdict, worst) {
            (Verdict::Failed(_), _) | (_, None) => verdict_byte(&manifest.verdict),
            (_, Some(verdict)) => verdict_byte(&verdict),
        }
    };
    let row = |fill: &exhibit_evidence::run::Fill| {
        let key = keys::control(&fill.control, &fill.period.to_string(), &fill.kind, &manifest.run);
        (key, verdict_of(&fill.kind))
    };
    manifest.fills.iter().map(row).collect()
}

fn stage_fills(inner: &Inner, manifest: &Manifest) -> Result<(), ReadError> {
    let mut batch = Batch::default();
    for (key, verdict) in fill_rows(manifest) {
        batch.put(&key, &[verdict])?;
        if batch.is_full() {
            inner.index.stage(std::mem::take(&mut batch))?;
        }
    }
    inner.index.stage(batch)
}

fn not_overtaken(
    inner: &Inner,
    start: &crate::stage::RunStart,
    after: Option<u64>,
) -> Result<(), CommitError> {
    match inner.last_run(&start.source)? {
        Some((leaf, by, _)) if Some(leaf) != after => {
            Err(CommitError::Overtaken { source_name: start.source.clone(), by })
        }
        _ => Ok(()),
    }
}

/// The rows that make a leaf visible.
pub(crate) fn publishing_rows(
    batch: &mut Batch,
    leaf: u64,
    row: &LeafRow,
    run: Option<&(RunId, RunRow)>,
    datasets: &[DatasetRow],
) -> Result<(), ReadError> {
    batch.put(&keys::leaf(leaf), &to_row(row)?)?;
    if let Some((run, run_row)) = run {
        let run_row = RunRow { leaf, ..run_row.clone() };
        batch.put(&keys::run(run), &to_row(&run_row)?)?;
        batch.put(&keys::source(&run_row.source, leaf), &keys::run_key(run))?;
        batch.remove(&keys::staged(run));
        for dataset in datasets {
            batch.put(&keys::dataset(&run_row.source, &dataset.dataset.kind, leaf), &to_row(dataset)?)?;
        }
    }
    Ok(())
}

/// Publishes a leaf and puts it under the checkpoint. The caller holds the writer's lock.
fn publish(inner: &Inner, publication: Publication) -> Result<Committed, CommitError> {
    inner.can_commit()?;
    let leaf = inner.signed();
    let mut batch = Batch::default();
    let Publication { statement, row, run, datasets } = publication;
    publishing_rows(&mut batch, leaf, &row, run.as_ref(), &datasets)?;
    if statement.len() <= keys::MAX_VALUE_BYTES {
        batch.put(&keys::pending(leaf), &statement)?;
    }
    if let Some(before) = leaf.checked_sub(1) {
        batch.remove(&keys::pending(before));
    }
    let done = inner
        .index
        .publish(batch)
        .map_err(CommitError::from)
        .and_then(|()| append_to_log(inner, &[statement]));
    if let Err(e) = &done {
        inner.log_state().halted = Some(e.to_string());
    }
    done
}

/// Adds statements to the log, signs and replaces the checkpoint. The caller holds the writer's lock.
pub(crate) fn append_to_log(inner: &Inner, statements: &[Vec<u8>]) -> Result<Committed, CommitError> {
    let signer = inner.signer.as_ref().ok_or(CommitError::NoSigner)?;
    let ledger = |e: &dyn std::fmt::Display| CommitError::Ledger(e.to_string());
    let append = inner.log_state().log.append(statements).map_err(|e| ledger(&e))?;
    inner.files.write_tiles(&append)?;
    let checkpoint = Checkpoint::sign(append.head, signer).map_err(|e| ledger(&e))?;
    inner.files.write_checkpoint(&checkpoint)?;
    let committed = Committed { leaf: append.first, tree_size: append.head.size };
    {
        let mut state = inner.log_state();
        state.log = append.log;
        state.checkpoint = Some(checkpoint);
    }
    inner.files.remove(&append.superseded);
    Ok(committed)
}

impl Inner {
    /// The right to add a leaf. Where a commit panicked (sled does, on a disk that is full) nobody has it any
    /// more: its leaf may be there already.
    fn writer(&self) -> Result<MutexGuard<'_, ()>, CommitError> {
        self.writer.lock().map_err(|_| CommitError::Halted("it panicked".to_owned()))
    }

    /// Whether a leaf could be added now.
    fn can_commit(&self) -> Result<(), CommitError> {
        if self.signer.is_none() {
            return Err(CommitError::NoSigner);
        }
        match &self.log_state().halted {
            Some(reason) => Err(CommitError::Halted(reason.clone())),
            None => Ok(()),
        }
    }
}

impl Store {
    /// Why nothing more can be added until the store is opened again, which finishes or drops what had failed
    /// halfway; none: nothing is wrong.
    pub fn halted(&self) -> Option<String> {
        match self.inner.can_commit() {
            Err(CommitError::Halted(reason)) => Some(reason),
            _ if self.inner.writer.is_poisoned() => Some("a commit panicked".to_owned()),
            _ => self.inner.index.failed().map(|reason| format!("the index takes nothing more: {reason}")),
        }
    }

    /// Adds a leaf that is not a run: a missed period, an approval, a seal. A document, where there is one,
    /// is kept in a pack.
    ///
    /// # Errors
    /// [`CommitError`].
    pub fn append_leaf(
        &self,
        statement: &[u8],
        document: Option<Document<'_>>,
    ) -> Result<Committed, CommitError> {
        let inner = &self.inner;
        let kind = check_statement(statement)?.kind;
        if kind == LeafKind::Run {
            return Err(CommitError::Ledger(
                "a run is committed with what it collected, not as a leaf".into(),
            ));
        }
        inner.can_commit()?;
        let needs_pack = document.is_some() || statement.len() > keys::MAX_VALUE_BYTES;
        let at = document.map_or(Timestamp::default(), |d| d.at);
        let pack = if needs_pack { Some(self.put_document(kind, statement, document, at)?) } else { None };
        let row = LeafRow { kind: kind.word().to_owned(), statement: Digest::of(statement), pack, run: None };
        let _writer = inner.writer()?;
        publish(inner, Publication { statement: statement.to_vec(), row, run: None, datasets: Vec::new() })
    }

    fn put_document(
        &self,
        kind: LeafKind,
        statement: &[u8],
        document: Option<Document<'_>>,
        at: Timestamp,
    ) -> Result<PackRef, CommitError> {
        let inner = &self.inner;
        let bucket = bucket::bucket_of(at);
        let keys = inner.packs.ring.get_or_make(DOCUMENT_OWNER, &bucket)?;
        let dir = inner.staging_dir();
        std::fs::create_dir_all(&dir).map_err(ReadError::io(&dir))?;
        let leaf = Digest::of(statement);
        let path = dir.join(format!("leaf-{leaf}"));
        let mut writer = PackWriter::begin(&path, &keys)?;
        let mut names = BTreeMap::new();
        let parts = [(name::LEAF, Some(statement)), (name::DOCUMENT, document.map(|d| d.bytes))];
        for (name, bytes) in parts {
            if let Some(bytes) = bytes {
                names.insert(name.to_owned(), add_whole(&mut writer, bytes)?);
            }
        }
        let head = Head {
            format: PACK_FORMAT,
            kind: kind.word().to_owned(),
            leaf,
            owner: DOCUMENT_OWNER.to_owned(),
            bucket: bucket.clone(),
            run: None,
            names,
            elsewhere: BTreeMap::new(),
            table: None,
            datasets: Vec::new(),
        };
        let finished = writer.finish(&head)?;
        inner.packs.objects.put(&finished.digest, &finished.path, finished.bytes)?;
        let _ = std::fs::remove_file(&path);
        Ok(PackRef { pack: finished.digest, owner: DOCUMENT_OWNER.to_owned(), bucket })
    }
}
