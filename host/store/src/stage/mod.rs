//! A run while it goes on: what it brings is set aside, bodies already in the pack to be, the rest in
//! spools; nothing of it can be seen. [`Stage::merge`] compares it with what was held before.
//!
//! Memory does not grow with the run but for 24 bytes a record, by which a key that comes again is known.

mod bodies;
pub(crate) mod merge;
pub(crate) mod provenance;
pub(crate) mod sorter;
pub(crate) mod spool;

use crate::body::{Contents, request_slot, sent_slot};
use crate::bucket::bucket_of;
use crate::error::{ReadError, StageError};
use crate::pack::write::PackWriter;
use crate::rows::PackRef;
use crate::store::Inner;
use bodies::Bodies;
use exhibit_evidence::canonical;
use exhibit_evidence::digest::{Digest, Hasher};
use exhibit_evidence::exchange::{Answer, Exchange, Walk};
use exhibit_evidence::kind::Kind;
use exhibit_evidence::name::SourceName;
use exhibit_evidence::record::{CanonicalRecord, Rejection};
use exhibit_evidence::run::{ExchangeFacts, RunId};
use exhibit_evidence::time::{Span, Timestamp};
use serde::Serialize;
use sorter::Sorter;
use spool::{Spool, SpoolRoom};
use std::collections::{BTreeMap, HashMap};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a run is, as it begins.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RunStart {
    /// Its name.
    pub run: RunId,
    /// The source that is run.
    pub source: SourceName,
    /// Its start; the quarter that this lies in is the retention bucket of all that it brings.
    pub started_at: Timestamp,
    /// Window of events and acts.
    pub window: Span,
}

/// What became of a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Recorded {
    /// It is new to this run.
    Accepted,
    /// The same line came before in this run; its origins were added to that one's.
    Repeated,
    /// Another line came before under its key; this one is not kept. Make a rejection of it.
    Conflict,
}

/// A run being staged. Usable from several tasks at once. Dropped without a commit, it leaves nothing.
pub struct Stage {
    pub(crate) inner: Arc<Inner>,
    pub(crate) start: RunStart,
    pub(crate) home: PackRef,
    pub(crate) dir: PathBuf,
    /// Whether rows may lie in the index that mean nothing if the run is given up.
    marked: AtomicBool,
    staging: Mutex<Staging>,
}

impl std::fmt::Debug for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stage").field("start", &self.start).finish_non_exhaustive()
    }
}

/// The pack being written, made when the first body comes: a run that waits costs no file.
pub(crate) struct Writing {
    pub(crate) writer: PackWriter,
    pub(crate) contents: Contents,
}

/// One kind's records so far.
pub(crate) struct KindStage {
    pub(crate) kind: Kind,
    pub(crate) records: u64,
    pub(crate) repeated: u64,
    /// Keys by their digest's first half, with the first eighth of their line's.
    seen: HashMap<[u8; 16], [u8; 8]>,
}

struct Staging {
    room: SpoolRoom,
    bodies: Bodies,
    exchanges: Sorter,
    walks: Sorter,
    rejections: Lines,
    log: Lines,
    records: Sorter,
    kinds: Vec<KindStage>,
    facts: ExchangeFacts,
    rejected: BTreeMap<String, u64>,
}

/// Everything that a stage gathered, once it is over.
pub(crate) struct Gathered {
    pub(crate) room: SpoolRoom,
    pub(crate) writing: Writing,
    pub(crate) exchanges: Sorter,
    pub(crate) walks: Sorter,
    pub(crate) rejections: Lines,
    pub(crate) log: Lines,
    pub(crate) records: Sorter,
    pub(crate) kinds: Vec<KindStage>,
    pub(crate) facts: ExchangeFacts,
    pub(crate) rejected: BTreeMap<String, u64>,
}

/// Lines of a file, with its digest.
pub(crate) struct Lines {
    pub(crate) spool: Spool,
    pub(crate) hasher: Hasher,
    pub(crate) count: u64,
}

impl Lines {
    pub(crate) fn new(room: &SpoolRoom) -> Self {
        Self { spool: room.spool(), hasher: Hasher::default(), count: 0 }
    }

    pub(crate) fn push(&mut self, line: &[u8]) -> Result<(), ReadError> {
        let spool = &mut self.spool;
        spool.write_all(line).and_then(|()| spool.write_all(b"\n")).map_err(ReadError::io("staging"))?;
        self.hasher.update(line).update(b"\n");
        self.count += 1;
        Ok(())
    }
}

fn canonical_line<T: Serialize>(what: &'static str, value: &T) -> Result<Vec<u8>, StageError> {
    canonical::to_bytes(value).map_err(|e| StageError::Form { what, reason: e.to_string() })
}

impl Stage {
    pub(crate) fn new(inner: Arc<Inner>, start: RunStart) -> Self {
        let dir = inner.staging_dir().join(start.run.as_str());
        let room = SpoolRoom::new(&dir, inner.packs.ring.is_encrypted());
        let bucket = bucket_of(start.started_at);
        let home = PackRef { pack: Digest::default(), owner: start.source.as_str().to_owned(), bucket };
        let staging = Staging {
            bodies: Bodies::default(),
            exchanges: Sorter::new(room.clone()),
            walks: Sorter::new(room.clone()),
            rejections: Lines::new(&room),
            log: Lines::new(&room),
            records: Sorter::new(room.clone()),
            kinds: Vec::new(),
            facts: ExchangeFacts::default(),
            rejected: BTreeMap::new(),
            room,
        };
        Self { inner, start, home, dir, marked: AtomicBool::new(false), staging: Mutex::new(staging) }
    }

    /// What the run is.
    pub fn start(&self) -> &RunStart {
        &self.start
    }

    fn lock(&self) -> MutexGuard<'_, Staging> {
        self.staging.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps an exchange, its bodies stored under their digests.
    ///
    /// # Errors
    /// [`StageError`] where it has no canonical form, or staging cannot be written.
    pub fn exchange(
        &self,
        exchange: &Exchange,
        request_body: Option<&[u8]>,
        body: Option<&[u8]>,
    ) -> Result<(), StageError> {
        let line = canonical_line("exchange", exchange)?;
        let mut staging = self.lock();
        let staging = &mut *staging;
        staging.facts.count += 1;
        match &exchange.answer {
            Answer::Response { status, body_bytes, .. } => {
                staging.facts.failed += u64::from(*status >= 400);
                staging.facts.body_bytes += body_bytes;
            }
            Answer::Error(_) => staging.facts.failed += 1,
        }
        if let (Some(digest), Some(sent)) = (exchange.request_body, request_body) {
            let slot = sent_slot(&exchange.method, &exchange.url);
            staging.bodies.put(|| self.begin_pack(), slot, digest, sent)?;
        }
        if let (Answer::Response { body: digest, .. }, Some(body)) = (&exchange.answer, body) {
            let slot = request_slot(&exchange.method, &exchange.url, exchange.request_body.as_ref());
            staging.bodies.put(|| self.begin_pack(), slot, *digest, body)?;
        }
        let mut key = [0; 12];
        let id = exchange.id;
        for (part, number) in key.chunks_exact_mut(4).zip([id.call, id.index, id.page]) {
            part.copy_from_slice(&number.to_be_bytes());
        }
        Ok(staging.exchanges.push(&key, |out| out.extend_from_slice(&line))?)
    }

    pub(crate) fn begin_pack(&self) -> Result<Writing, ReadError> {
        std::fs::create_dir_all(&self.dir).map_err(ReadError::io(&self.dir))?;
        let keys = self.inner.packs.ring.get_or_make(&self.home.owner, &self.home.bucket)?;
        let writer = PackWriter::begin(&self.dir.join("pack"), &keys)?;
        let previous = self.inner.last_run(&self.start.source)?.map(|(_, _, row)| row.pack_ref());
        let previous = previous.filter(|at| at.bucket == self.home.bucket);
        let contents = Contents::after(Arc::clone(&self.inner.packs), self.home.clone(), previous.as_ref());
        Ok(Writing { writer, contents })
    }

    /// Keeps how a list was read.
    ///
    /// # Errors
    /// [`StageError`] where it has no canonical form, or staging cannot be written.
    pub fn walk(&self, walk: &Walk) -> Result<(), StageError> {
        let line = canonical_line("walk", walk)?;
        let key = [walk.id.call.to_be_bytes(), walk.id.index.to_be_bytes()].concat();
        Ok(self.lock().walks.push(&key, |out| out.extend_from_slice(&line))?)
    }

    /// Keeps a log line: canonical, without its newline.
    ///
    /// # Errors
    /// [`StageError`] where staging cannot be written.
    pub fn log(&self, line: &[u8]) -> Result<(), StageError> {
        Ok(self.lock().log.push(line)?)
    }

    /// Keeps a refused item.
    ///
    /// # Errors
    /// [`StageError`] where it has no canonical form, or staging cannot be written.
    pub fn reject(&self, rejection: &Rejection) -> Result<(), StageError> {
        let line = canonical_line("rejection", rejection)?;
        let mut staging = self.lock();
        *staging.rejected.entry(rejection.code.clone()).or_default() += 1;
        Ok(staging.rejections.push(&line)?)
    }

    /// Stages a record.
    ///
    /// # Errors
    /// [`StageError`] where its key cannot be stored, or staging cannot be written.
    pub fn record(&self, record: &CanonicalRecord) -> Result<Recorded, StageError> {
        let key = record.key.as_str().as_bytes();
        if !(1..=1024).contains(&key.len()) || key.contains(&0) {
            return Err(StageError::Key(record.key.as_str().chars().take(80).collect()));
        }
        let mut id = [0; 16];
        id.copy_from_slice(&Digest::of(key).as_bytes()[..16]);
        let mut mark = [0; 8];
        let digest = record.digest();
        mark.copy_from_slice(&digest.as_bytes()[..8]);
        let mut staging = self.lock();
        let staging = &mut *staging;
        let number = match staging.kinds.iter().position(|k| k.kind == record.kind) {
            Some(number) => number,
            None => {
                let kind = record.kind.clone();
                staging.kinds.push(KindStage { kind, records: 0, repeated: 0, seen: HashMap::new() });
                staging.kinds.len() - 1
            }
        };
        let kind = &mut staging.kinds[number];
        let recorded = match kind.seen.insert(id, mark) {
            None => Recorded::Accepted,
            Some(before) if before == mark => Recorded::Repeated,
            Some(before) => {
                kind.seen.insert(id, before);
                return Ok(Recorded::Conflict);
            }
        };
        let line = match recorded {
            Recorded::Accepted => {
                kind.records += 1;
                Some((&digest, record.line.as_slice()))
            }
            _ => {
                kind.repeated += 1;
                None
            }
        };
        let place = [&(number as u16).to_be_bytes(), key].concat();
        staging.records.push(&place, |out| provenance::write_staged(out, &record.origins, line))?;
        Ok(recorded)
    }

    /// Rows of this run are about to be staged in the index.
    pub(crate) fn mark(&self) -> Result<(), ReadError> {
        self.marked.store(true, Ordering::Relaxed);
        self.inner.mark_staged(&self.start.run, &self.start.source)
    }

    /// From here on only the next start can tell whether the run was published.
    pub(crate) fn publishing(&self) {
        self.marked.store(false, Ordering::Relaxed);
    }

    /// Ends the gathering.
    pub(crate) fn gathered(&self) -> Result<Gathered, ReadError> {
        let mut staging = self.lock();
        let room = staging.room.clone();
        let sorter = || Sorter::new(room.clone());
        let writing = match staging.bodies.end()? {
            Some(writing) => writing,
            None => self.begin_pack()?,
        };
        Ok(Gathered {
            writing,
            exchanges: std::mem::replace(&mut staging.exchanges, sorter()),
            walks: std::mem::replace(&mut staging.walks, sorter()),
            rejections: std::mem::replace(&mut staging.rejections, Lines::new(&room)),
            log: std::mem::replace(&mut staging.log, Lines::new(&room)),
            records: std::mem::replace(&mut staging.records, sorter()),
            kinds: std::mem::take(&mut staging.kinds),
            facts: std::mem::take(&mut staging.facts),
            rejected: std::mem::take(&mut staging.rejected),
            room,
        })
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.lock().bodies.give_up();
        // What is left here is swept at the next start.
        if self.marked.load(Ordering::Relaxed) {
            let _ = self.inner.sweep_run(&self.start.run, &self.start.source);
        }
        self.inner.active.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.start.run);
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}
