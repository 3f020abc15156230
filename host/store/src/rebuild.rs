//! Building the index again from packs and log: what `check --rebuild` does, and opening when the index
//! cannot be believed.

use crate::commit::{fill_rows, publishing_rows};
use crate::error::ReadError;
use crate::index::Batch;
use crate::keys;
use crate::pack::footer::Head;
use crate::pack::name;
use crate::pack::read::Pack;
use crate::rows::{DatasetRow, LeafRow, PackRef, RunRow};
use crate::snapshot::group::{entries_of, to_value};
use crate::store::Inner;
use exhibit_evidence::digest::Digest;
use exhibit_evidence::name::SourceName;
use exhibit_evidence::run::{Manifest, RunId};
use exhibit_ledger::reading::check_all;
use exhibit_ledger::statement::Statement;
use std::collections::HashMap;

/// Fills an empty index. Answers with what could not be read, and so is not in it.
pub(crate) fn fill(inner: &Inner) -> Result<Vec<String>, ReadError> {
    let mut notes = Vec::new();
    let by_leaf = packs_by_leaf(inner)?;
    let head = inner.head();
    let mut leaves: Vec<(Digest, String)> = Vec::new();
    check_all(&inner.files, &head, |_, entry| {
        let kind = Statement::from_leaf_unverified(entry).map_or("unknown", |s| s.kind.word());
        leaves.push((Digest::of(entry), kind.to_owned()));
    })
    .map_err(|e| ReadError::damaged("log", e.to_string()))?;
    for (leaf, (statement, kind)) in (0..).zip(leaves) {
        let pack = by_leaf.get(&statement).cloned();
        let mut batch = Batch::default();
        let mut row = LeafRow { kind, statement, pack: pack.clone(), run: None };
        let run = match pack.as_ref().map(|at| run_of(inner, at)).transpose() {
            Ok(run) => run.flatten(),
            Err(refused @ ReadError::Io { .. }) => return Err(refused),
            Err(e) => {
                notes.push(format!("leaf {leaf} is not answered for: {e}"));
                None
            }
        };
        if let Some((run, run_row, datasets)) = run {
            row.run = Some(run.clone());
            publishing_rows(&mut batch, leaf, &row, Some(&(run, run_row)), &datasets)?;
        } else {
            publishing_rows(&mut batch, leaf, &row, None, &[])?;
        }
        inner.index.stage(batch)?;
    }
    inner.index.sync()?;
    Ok(notes)
}

/// Every pack that can be opened, by its leaf's statement. One that cannot stays out: its leaf then has no
/// pack, which `check` reports.
fn packs_by_leaf(inner: &Inner) -> Result<HashMap<Digest, PackRef>, ReadError> {
    let mut found = HashMap::new();
    for pack in inner.packs.objects.list()?.0 {
        if let Some(head) = open_any(inner, pack)? {
            found.insert(head.leaf, PackRef { pack, owner: head.owner, bucket: head.bucket });
        }
    }
    Ok(found)
}

/// Opens a pack of which only the name is known. Where the store is encrypted each key is tried: an age
/// file does not say whose it is.
pub(crate) fn open_any(inner: &Inner, pack: Digest) -> Result<Option<Head>, ReadError> {
    for (owner, bucket) in inner.packs.ring.names()? {
        let keys = match inner.packs.ring.get(&owner, &bucket) {
            Ok(keys) => keys,
            Err(locked @ ReadError::Locked { .. }) => return Err(locked),
            Err(_) => continue,
        };
        if let Ok(opened) = Pack::open(&inner.packs.objects, pack, &keys) {
            return Ok(Some(opened.footer.head));
        }
    }
    Ok(None)
}

/// The rows of a run's pack, its groups written to the index on the way.
fn run_of(inner: &Inner, at: &PackRef) -> Result<Option<(RunId, RunRow, Vec<DatasetRow>)>, ReadError> {
    let pack = inner.packs.pack(at)?;
    let Some(run) = pack.footer.head.run.clone() else { return Ok(None) };
    let damaged = |reason: String| ReadError::damaged(format!("pack {}", at.pack), reason);
    let bytes = inner.packs.named(at, name::MANIFEST)?.ok_or_else(|| damaged("it has no manifest".into()))?;
    let manifest: Manifest = serde_json::from_slice(&bytes).map_err(|e| damaged(e.to_string()))?;
    for row in &pack.footer.head.datasets {
        groups(inner, at, &manifest.source, row)?;
    }
    let mut batch = Batch::default();
    for (key, verdict) in fill_rows(&manifest) {
        batch.put(&key, &[verdict])?;
        if batch.is_full() {
            inner.index.stage(std::mem::take(&mut batch))?;
        }
    }
    inner.index.stage(batch)?;
    let row = RunRow::new(&manifest, Digest::of(&bytes), at, 0);
    Ok(Some((run, row, pack.footer.head.datasets.clone())))
}

/// Writes a dataset's groups from the pack into the index.
fn groups(inner: &Inner, at: &PackRef, source: &SourceName, row: &DatasetRow) -> Result<(), ReadError> {
    let keys = inner.packs.ring.get(&at.owner, &at.bucket)?;
    let prefix = keys::group_prefix(source, &row.dataset.kind, &row.run);
    let mut batch = Batch::default();
    let mut ordinal = 0;
    each_frame(inner, at, row, &mut |offset, frame| {
        let damaged = || ReadError::damaged(format!("pack {}", at.pack), "its records cannot be read");
        let entries = entries_of(frame).ok_or_else(damaged)?;
        let first = entries.first().ok_or_else(damaged)?;
        let value = to_value(frame, offset, keys.sealer.as_ref())?;
        batch.put(&keys::group(&prefix, &first.key, ordinal), &value)?;
        ordinal += 1;
        if batch.is_full() {
            inner.index.stage(std::mem::take(&mut batch))?;
        }
        Ok(())
    })?;
    inner.index.stage(batch)
}

/// Is handed offset and bytes of a frame.
type EachFrame<'a> = &'a mut dyn FnMut(u64, &[u8]) -> Result<(), ReadError>;

/// Hands on each group's frame in a run's pack, with its offset.
pub(crate) fn each_frame(
    inner: &Inner,
    at: &PackRef,
    row: &DatasetRow,
    each: EachFrame<'_>,
) -> Result<(), ReadError> {
    let Some(groups) = row.groups else { return Ok(()) };
    let mut rest: Vec<u8> = Vec::new();
    let mut offset = 0;
    inner.packs.plain_pieces(at, &groups, &mut |piece| {
        rest.extend_from_slice(piece);
        let mut used = 0;
        while let Some(len) = rest.get(used..used + 4).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes)
        {
            let Some(frame) = rest.get(used + 4..used + 4 + len as usize) else { break };
            each(offset + 4, frame)?;
            used += 4 + len as usize;
            offset += 4 + u64::from(len);
        }
        rest.drain(..used);
        Ok(())
    })?;
    if rest.is_empty() {
        return Ok(());
    }
    Err(ReadError::damaged(format!("pack {}", at.pack), "its records break off"))
}
