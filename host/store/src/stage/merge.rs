//! The end of gathering: what a run brought against what was held, kind by kind, in key order.

use super::provenance::read_staged;
use super::sorter::{Sorted, Sorter};
use super::spool::SpoolRoom;
use super::{Gathered, KindStage, Lines, Stage, Writing};
use crate::body::name_slot;
use crate::error::{ReadError, StageError};
use crate::pack::name;
use crate::rows::{DatasetRow, PackRef};
use crate::snapshot::compare::{Arrival, KindMerge};
use exhibit_evidence::digest::Digest;
use exhibit_evidence::kind::{Kind, Shape};
use exhibit_evidence::run::{Dataset, ExchangeFacts};
use exhibit_ledger::tree::{Frontier, leaf_hash};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Origins that are kept of one record. A guest that emits one record a million times cites no more.
const MAX_ORIGINS: usize = 1000;

/// How a run's reading of one kind ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KindEnd {
    /// How the dataset behaves.
    pub shape: Shape,
    /// Whether all of it was seen, so that what was not seen is gone.
    pub complete: bool,
}

/// A run compared with what was held: the facts for its manifest, and what [`Merged::commit`] publishes.
pub struct Merged {
    /// The datasets as they stand after the run, in the order of their kinds.
    pub datasets: Vec<Dataset>,
    /// What the exchanges come to.
    pub exchanges: ExchangeFacts,
    /// Digest of the walks file.
    pub walks: Digest,
    /// Refused records by code.
    pub rejected: BTreeMap<String, u64>,
    /// Digest of the rejections file.
    pub rejections: Digest,
    /// Digest of the log file.
    pub log: Digest,
    /// Lines in the log file.
    pub log_lines: u64,
    pub(crate) stage: Stage,
    pub(crate) writing: Writing,
    pub(crate) names: BTreeMap<String, Digest>,
    pub(crate) rows: Vec<DatasetRow>,
    /// The source's last leaf when this run was compared, and its run's pack.
    pub(crate) after: Option<(u64, PackRef)>,
}

impl std::fmt::Debug for Merged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Merged").field("start", &self.stage.start).finish_non_exhaustive()
    }
}

impl Stage {
    /// Compares what was staged with what was held before. Datasets are made for exactly the kinds of
    /// `kinds`; records of other kinds are dropped (a failed run names none).
    ///
    /// # Errors
    /// [`StageError`] where what was held cannot be read, or staging cannot be written.
    pub fn merge(self, kinds: &BTreeMap<Kind, KindEnd>) -> Result<Merged, StageError> {
        let inner = Arc::clone(&self.inner);
        let after = inner.last_run(&self.start.source)?.map(|(leaf, _, row)| (leaf, row.pack_ref()));
        let mut gathered = self.gathered()?;
        self.mark()?;
        let mut names = BTreeMap::new();
        let mut rows = merge_kinds(&self, &mut gathered, kinds, &mut names)?;
        rows.sort_by(|a, b| a.dataset.kind.cmp(&b.dataset.kind));
        let Gathered { mut writing, exchanges, walks, rejections, log, facts, rejected, room, .. } = gathered;
        let (exchange_lines, root) = in_order(exchanges.finish()?, &room)?;
        put_lines(&mut writing, &mut names, name::EXCHANGES, exchange_lines)?;
        let (walk_lines, _) = in_order(walks.finish()?, &room)?;
        let walks = put_lines(&mut writing, &mut names, name::WALKS, walk_lines)?;
        let rejections = put_lines(&mut writing, &mut names, name::REJECTIONS, rejections)?;
        let log_lines = log.count;
        let log = put_lines(&mut writing, &mut names, name::LOG, log)?;
        Ok(Merged {
            datasets: rows.iter().map(|row| row.dataset.clone()).collect(),
            exchanges: ExchangeFacts { root, ..facts },
            walks,
            rejected,
            rejections,
            log,
            log_lines,
            stage: self,
            writing,
            names,
            rows,
            after,
        })
    }
}

/// Lines out of a sorter, and their Merkle root.
fn in_order(sorted: Sorted, room: &SpoolRoom) -> Result<(Lines, Digest), ReadError> {
    let mut lines = Lines::new(room);
    let mut tree = Frontier::new();
    for item in sorted {
        let (_, line) = item?;
        tree.push(leaf_hash(&line));
        lines.push(&line)?;
    }
    Ok((lines, tree.root()))
}

/// Writes a file of the run into its pack; answers with the file's digest.
pub(crate) fn put_lines(
    writing: &mut Writing,
    names: &mut BTreeMap<String, Digest>,
    name: &str,
    lines: Lines,
) -> Result<Digest, ReadError> {
    let digest = lines.hasher.finish();
    let length = lines.spool.len();
    let reader = lines.spool.reader()?;
    writing.contents.put_stream(&mut writing.writer, name_slot(name), digest, length, reader)?;
    names.insert(name.to_owned(), digest);
    Ok(digest)
}

fn merge_kinds(
    stage: &Stage,
    gathered: &mut Gathered,
    kinds: &BTreeMap<Kind, KindEnd>,
    names: &mut BTreeMap<String, Digest>,
) -> Result<Vec<DatasetRow>, StageError> {
    let records = std::mem::replace(&mut gathered.records, Sorter::new(gathered.room.clone()));
    let mut incoming = Incoming { sorted: records.finish()? };
    let mut rows = Vec::new();
    let staged: Vec<KindStage> = std::mem::take(&mut gathered.kinds);
    let silent = kinds.iter().filter(|(kind, _)| !staged.iter().any(|s| s.kind == **kind));
    let silent: Vec<(Kind, KindEnd)> = silent.map(|(kind, end)| (kind.clone(), *end)).collect();
    for (number, kind) in (0_u16..).zip(&staged) {
        let Some(end) = kinds.get(&kind.kind) else {
            while incoming.next_of(number)?.is_some() {}
            continue;
        };
        let merge = KindMerge { stage, kind: &kind.kind, end: *end, room: &gathered.room };
        rows.push(merge.run(&mut || incoming.next_of(number), &mut gathered.writing, names)?);
    }
    for (kind, end) in &silent {
        let merge = KindMerge { stage, kind, end: *end, room: &gathered.room };
        rows.push(merge.run(&mut || Ok(None), &mut gathered.writing, names)?);
    }
    Ok(rows)
}

struct Incoming {
    sorted: Sorted,
}

impl Incoming {
    /// The next record of the kind with this number: each key once, with all its origins.
    fn next_of(&mut self, number: u16) -> Result<Option<Arrival>, ReadError> {
        let number = number.to_be_bytes();
        if !self.sorted.peek().is_some_and(|place| place.starts_with(&number)) {
            return Ok(None);
        }
        let damaged = || ReadError::damaged("staging", "a staged record cannot be read back");
        let Some(first) = self.sorted.next() else { return Ok(None) };
        let (place, value) = first?;
        let (mut origins, line) = read_staged(&value).ok_or_else(damaged)?;
        let (digest, line) = line.map(|(digest, line)| (digest, line.to_vec())).ok_or_else(damaged)?;
        while self.sorted.peek().is_some_and(|next| next == place) {
            let Some(again) = self.sorted.next() else { break };
            let again = again?.1;
            let (more, _) = read_staged(&again).ok_or_else(damaged)?;
            origins.extend(more.into_iter().take(MAX_ORIGINS.saturating_sub(origins.len())));
        }
        Ok(Some(Arrival { key: place[2..].to_vec(), digest, line, origins }))
    }
}
