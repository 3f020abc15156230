//! The store itself: what is open, and what everything in it is found by.

use crate::crypt::KeyRing;
use crate::error::{OpenError, ReadError, StageError};
use crate::faults::{Faults, Points};
use crate::format::{Format, FormatVersion};
use crate::index::{Batch, Index};
use crate::keys;
use crate::lock::Lock;
use crate::log_files::LogFiles;
use crate::pack::object::Objects;
use crate::pack::read::Packs;
use crate::rows::{DatasetRow, LeafRow, RunRow, from_row};
use crate::snapshot::chain::{Holdings, Overlay, is_linked};
use crate::snapshot::compare::instant_of;
use crate::snapshot::layer::LayerReader;
use crate::stage::{RunStart, Stage};
use crate::{files, open};
use exhibit_evidence::kind::Kind;
use exhibit_evidence::name::SourceName;
use exhibit_evidence::run::RunId;
use exhibit_evidence::secret::Secret;
use exhibit_ledger::checkpoint::Checkpoint;
use exhibit_ledger::key::{SigningKey, VerifierKey};
use exhibit_ledger::log::Log;
use exhibit_ledger::tree::TreeHead;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How a new store is made.
#[derive(Clone, Debug)]
pub struct CreateOptions {
    /// Made under a simulated clock against made-up systems; can never be changed.
    pub simulated: bool,
    /// Origin of its log: the signing key's name, `example.com/exhibit`.
    pub origin: String,
    /// age recipient (`age1…`) to whom the keys of its content are wrapped; none: content is not encrypted.
    pub recipient: Option<String>,
}

/// What a store is opened with.
#[derive(Clone, Default)]
pub struct OpenOptions {
    /// Signs the log; without it nothing can be added.
    pub signer: Option<Arc<SigningKey>>,
    /// The age identity of the store's recipient, `AGE-SECRET-KEY-1…`; without it the content of an
    /// encrypted store can be neither read nor added to.
    pub identity: Option<Secret>,
    /// Keys that earlier checkpoints may be signed with, beside the signer's own; for [`Store::check`].
    pub verifiers: Vec<VerifierKey>,
    /// Stops commits at their steps, for tests.
    pub faults: Option<Arc<dyn Faults>>,
}

impl std::fmt::Debug for OpenOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenOptions").field("identity", &self.identity).finish_non_exhaustive()
    }
}

/// An open store. Cheap to clone; closed when the last clone, stage and iterator is gone.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

/// The log as it was last signed.
#[derive(Debug)]
pub(crate) struct LogState {
    pub(crate) log: Log,
    /// The signed checkpoint; none before the first leaf.
    pub(crate) checkpoint: Option<Checkpoint>,
    /// Why nothing more can be added until the store is opened again.
    pub(crate) halted: Option<String>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) dir: PathBuf,
    pub(crate) format: Format,
    pub(crate) index: Index,
    pub(crate) packs: Arc<Packs>,
    pub(crate) files: LogFiles,
    pub(crate) log: Mutex<LogState>,
    /// Runs that go on in this process.
    pub(crate) active: Mutex<HashSet<RunId>>,
    /// Held over a whole commit: leaves are added one at a time.
    pub(crate) writer: Mutex<()>,
    pub(crate) signer: Option<Arc<SigningKey>>,
    pub(crate) verifiers: Vec<VerifierKey>,
    pub(crate) points: Points,
    pub(crate) notes: Vec<String>,
    /// The last leaf that is a run's, with nothing known of the run: its pack is missing or cannot be read.
    pub(crate) last_lost: Option<u64>,
    pub(crate) _lock: Lock,
}

impl Store {
    /// Makes an empty store in `dir`, which must be absent or empty.
    ///
    /// # Errors
    /// [`OpenError::NotEmpty`], [`OpenError::Setting`] for a recipient that is none, [`OpenError::Read`].
    pub fn create(dir: &Path, options: &CreateOptions) -> Result<(), OpenError> {
        if let Some(recipient) = &options.recipient {
            crate::crypt::recipient(recipient).map_err(OpenError::Setting)?;
        }
        if options.origin.is_empty() || options.origin.contains(|c: char| c.is_whitespace() || c == '+') {
            let what = format!(
                "log origin {:?}: a name without spaces or `+`, example.com/exhibit for example",
                options.origin
            );
            return Err(OpenError::Setting(what));
        }
        files::create_dirs(dir).map_err(ReadError::io(dir))?;
        if std::fs::read_dir(dir).map_err(ReadError::io(dir))?.next().is_some() {
            return Err(OpenError::NotEmpty(dir.to_owned()));
        }
        for folder in ["packs", "log", "keys"] {
            let folder = dir.join(folder);
            files::create_dirs(&folder).map_err(ReadError::io(&folder))?;
        }
        let format = Format {
            format: FormatVersion::CURRENT,
            origin: options.origin.clone(),
            recipient: options.recipient.clone(),
            simulated: options.simulated,
        };
        // Last: without it there is no store here.
        Ok(format.write(dir)?)
    }

    /// Opens the store in `dir`, alone: no other process can until this one closes it. What a crash left
    /// half done is finished or dropped first; what had to be mended is in [`Store::notes`].
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(dir: &Path, options: OpenOptions) -> Result<Self, OpenError> {
        open::open(dir, options).map(|inner| Self { inner: Arc::new(inner) })
    }

    /// As [`Store::open`], with the index built again from packs and log, whatever state it is in.
    ///
    /// # Errors
    /// [`OpenError`]; the old index is then still there, or beside it as `sled.damaged-…`.
    pub fn rebuild(dir: &Path, options: OpenOptions) -> Result<Self, OpenError> {
        open::rebuild(dir, options).map(|inner| Self { inner: Arc::new(inner) })
    }

    /// What was mended when the store was opened, for people; mostly nothing.
    pub fn notes(&self) -> &[String] {
        &self.inner.notes
    }

    /// What never changes about the store.
    pub fn format(&self) -> &Format {
        &self.inner.format
    }

    /// Its folder.
    pub fn dir(&self) -> &Path {
        &self.inner.dir
    }

    /// Begins a run. Nothing of it is seen before it is committed.
    ///
    /// # Errors
    /// [`StageError::Known`] where the run is committed or goes on.
    pub fn begin(&self, start: RunStart) -> Result<Stage, StageError> {
        // A row that is not signed yet counts, too: its groups must not be written over.
        let committed = self.inner.index.get(&keys::run(&start.run))?.is_some();
        let mut active = self.inner.active.lock().unwrap_or_else(PoisonError::into_inner);
        if committed || !active.insert(start.run.clone()) {
            return Err(StageError::Known(start.run));
        }
        Ok(Stage::new(Arc::clone(&self.inner), start))
    }
}

impl Inner {
    pub(crate) fn new(
        dir: &Path,
        format: Format,
        options: &OpenOptions,
        lock: Lock,
        index: Index,
    ) -> Result<Self, OpenError> {
        let points = Points(options.faults.clone());
        let ring = KeyRing::new(
            dir.join("keys"),
            format.recipient.as_deref(),
            options.identity.as_ref(),
            points.clone(),
        )
        .map_err(OpenError::Setting)?;
        let mut verifiers = options.verifiers.clone();
        verifiers.extend(options.signer.as_ref().map(|signer| signer.verifier().clone()));
        let objects = Objects::local(&dir.join("packs"), points.clone())?;
        Ok(Self {
            dir: dir.to_owned(),
            format,
            index,
            packs: Arc::new(Packs::new(objects, ring)),
            files: LogFiles::new(dir.join("log"), points.clone()),
            log: Mutex::new(LogState { log: Log::new(), checkpoint: None, halted: None }),
            active: Mutex::default(),
            writer: Mutex::new(()),
            signer: options.signer.clone(),
            verifiers,
            points,
            notes: Vec::new(),
            last_lost: None,
            _lock: lock,
        })
    }

    pub(crate) fn staging_dir(&self) -> PathBuf {
        self.dir.join("staging")
    }

    pub(crate) fn log_state(&self) -> MutexGuard<'_, LogState> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The log's head under the checkpoint.
    pub(crate) fn head(&self) -> TreeHead {
        self.log_state().log.head()
    }

    /// Leaves that the checkpoint vouches for. What lies beyond is not shown.
    pub(crate) fn signed(&self) -> u64 {
        self.log_state().log.size()
    }

    /// Leaves in the index, which may be one ahead of the log after a crash.
    pub(crate) fn published(&self) -> Result<u64, ReadError> {
        match self.index.prefix(&[keys::LEAF]).next_back().transpose()? {
            None => Ok(0),
            Some((key, _)) => keys::leaf_index(&key)
                .map(|last| last + 1)
                .ok_or_else(|| ReadError::damaged("an index row", "its key has no leaf index")),
        }
    }

    /// A leaf's row.
    pub(crate) fn leaf_row(&self, leaf: u64) -> Result<Option<LeafRow>, ReadError> {
        let key = keys::leaf(leaf);
        self.index.get(&key)?.map(|value| from_row(&key, &value)).transpose()
    }

    /// A run's row, where it is committed.
    pub(crate) fn find_run(&self, run: &RunId) -> Result<Option<RunRow>, ReadError> {
        let key = keys::run(run);
        let row: Option<RunRow> = self.index.get(&key)?.map(|value| from_row(&key, &value)).transpose()?;
        Ok(row.filter(|row| row.leaf < self.signed()))
    }

    /// A run's row.
    pub(crate) fn run_row(&self, run: &RunId) -> Result<RunRow, ReadError> {
        self.find_run(run)?.ok_or_else(|| ReadError::NoRun(run.clone()))
    }

    /// The last committed run of a source.
    pub(crate) fn last_run(&self, source: &SourceName) -> Result<Option<(u64, RunId, RunRow)>, ReadError> {
        let signed = self.signed();
        for row in self.index.prefix(&keys::source_prefix(source)).rev() {
            let (key, value) = row?;
            let damaged =
                || ReadError::damaged(format!("index row {}", key.escape_ascii()), "it names no run");
            let leaf = keys::leaf_index(&key).ok_or_else(damaged)?;
            if leaf < signed {
                let run = keys::run_of(&value).ok_or_else(damaged)?;
                let row = self.run_row(&run)?;
                return Ok(Some((leaf, run, row)));
            }
        }
        Ok(None)
    }

    /// Every committed state of a dataset, with its leaf, in the order of the leaves.
    pub(crate) fn dataset_rows(
        &self,
        source: &SourceName,
        kind: &Kind,
    ) -> Result<Vec<(u64, DatasetRow)>, ReadError> {
        let signed = self.signed();
        let mut rows = Vec::new();
        for row in self.index.prefix(&keys::dataset_prefix(source, kind)) {
            let (key, value) = row?;
            let leaf = keys::leaf_index(&key).unwrap_or(u64::MAX);
            if leaf < signed {
                rows.push((leaf, from_row(&key, &value)?));
            }
        }
        Ok(rows)
    }

    /// The chain that leads to a dataset's state after `upto`, or to its last state: keyframe first.
    pub(crate) fn chain(
        &self,
        source: &SourceName,
        kind: &Kind,
        upto: Option<u64>,
    ) -> Result<Vec<DatasetRow>, ReadError> {
        let signed = self.signed();
        let prefix = keys::dataset_prefix(source, kind);
        let mut chain = Vec::new();
        for row in self.index.prefix(&prefix).rev() {
            let (key, value) = row?;
            let leaf = keys::leaf_index(&key).unwrap_or(u64::MAX);
            if leaf >= signed || upto.is_some_and(|upto| leaf > upto) {
                continue;
            }
            let row: DatasetRow = from_row(&key, &value)?;
            if chain.last().is_some_and(|after| !is_linked(Some(&row), after)) {
                break;
            }
            let keyframe = row.is_keyframe();
            chain.push(row);
            if keyframe {
                chain.reverse();
                return Ok(chain);
            }
        }
        chain.last().map_or_else(|| Ok(Vec::new()), |row| Err(row.broken(source)))
    }

    /// The chain to the last state; none where its bucket's key was destroyed, or where a run was lost that is
    /// of it or might be: collecting goes on, with a keyframe, which stays right when the run is restored.
    pub(crate) fn readable_chain(
        &self,
        source: &SourceName,
        kind: &Kind,
    ) -> Result<Vec<DatasetRow>, ReadError> {
        let chain = match self.chain(source, kind, None) {
            Err(ReadError::Damaged { .. }) => return Ok(Vec::new()),
            chain => chain?,
        };
        let Some(last) = chain.last() else { return Ok(chain) };
        if self.last_lost > Some(self.run_row(&last.run)?.leaf) {
            return Ok(Vec::new());
        }
        match self.packs.ring.get(source.as_str(), &last.dataset.bucket) {
            Ok(_) => Ok(chain),
            Err(ReadError::KeyGone { .. }) => Ok(Vec::new()),
            Err(e) => Err(e),
        }
    }

    /// What a chain holds, unobserved records included.
    pub(crate) fn holdings(
        &self,
        source: &SourceName,
        kind: &Kind,
        chain: &[DatasetRow],
    ) -> Result<Holdings<'_>, ReadError> {
        let layers = chain.iter().map(|row| Ok(self.layer(source, kind, row)?.all()));
        Ok(Holdings(Overlay::new(layers.collect::<Result<_, ReadError>>()?)))
    }

    /// What a chain holds from a key on, unobserved records included.
    pub(crate) fn holdings_from(
        &self,
        source: &SourceName,
        kind: &Kind,
        chain: &[DatasetRow],
        from: &[u8],
    ) -> Result<Holdings<'_>, ReadError> {
        let layers = chain.iter().map(|row| self.layer(source, kind, row)?.from(from));
        Ok(Holdings(Overlay::new(layers.collect::<Result<_, ReadError>>()?)))
    }

    /// What is held of an event or act dataset from a key on.
    pub(crate) fn timed_holdings(
        &self,
        source: &SourceName,
        kind: &Kind,
        from: &[u8],
    ) -> Result<Holdings<'_>, ReadError> {
        let at = instant_of(from);
        let mut layers = Vec::new();
        for (_, row) in self.dataset_rows(source, kind)? {
            if row.span_ms.is_none_or(|(_, last)| last < at) {
                continue;
            }
            match self.layer(source, kind, &row) {
                Ok(layer) => layers.push(layer.from(from)?),
                Err(ReadError::KeyGone { .. }) => {}
                Err(e) => return Err(e),
            }
        }
        Ok(Holdings(Overlay::new(layers)))
    }

    pub(crate) fn layer(
        &self,
        source: &SourceName,
        kind: &Kind,
        row: &DatasetRow,
    ) -> Result<LayerReader<'_>, ReadError> {
        LayerReader::new(&self.index, &self.packs, source, kind, row)
    }

    /// Notes, durably in the index's own order, that rows of this run may be staged.
    pub(crate) fn mark_staged(&self, run: &RunId, source: &SourceName) -> Result<(), ReadError> {
        let mut batch = Batch::default();
        batch.put(&keys::staged(run), source.as_str().as_bytes())?;
        self.index.stage(batch)
    }

    /// Removes everything that a run staged in the index.
    pub(crate) fn sweep_run(&self, run: &RunId, source: &SourceName) -> Result<u64, ReadError> {
        let mut swept = 0;
        let all = keys::group_source_prefix(source);
        let mut from = all.clone();
        while let Some(row) = self.index.prefix_from(&all, &from).next() {
            let (key, _) = row?;
            let Some((_, kind)) = keys::dataset_parts(&key) else { break };
            swept += self.index.remove_prefix(&keys::group_prefix(source, &kind, run))?;
            from = [all.as_slice(), kind.to_string().as_bytes(), &[1]].concat();
        }
        let suffix = keys::run_key(run);
        let mut batch = Batch::default();
        for row in self.index.prefix(&[keys::CONTROL]) {
            let (key, _) = row?;
            if key.ends_with(&suffix) {
                batch.remove(&key);
                swept += 1;
            }
        }
        batch.remove(&keys::staged(run));
        self.index.stage(batch)?;
        Ok(swept)
    }
}
