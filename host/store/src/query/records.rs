//! Records: as a run left them, as they happened, one by one over time, and between two runs.

use crate::error::ReadError;
use crate::keys;
use crate::rows::DatasetRow;
use crate::snapshot::chain::{Held, Holdings, Overlay, apply, is_linked};
use crate::snapshot::group::State;
use crate::snapshot::layer::instant_key;
use crate::store::{Inner, Store};
use exhibit_evidence::digest::Digest;
use exhibit_evidence::kind::{Kind, Shape};
use exhibit_evidence::name::SourceName;
use exhibit_evidence::record::RecordKey;
use exhibit_evidence::run::{Dataset, RunId};
use exhibit_evidence::time::{Span, Timestamp};

/// A record's canonical line, without its newline, under its key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecordLine {
    /// The record's key.
    pub key: RecordKey,
    /// The line.
    pub line: Vec<u8>,
}

/// A dataset in the store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DatasetEntry {
    /// Its source.
    pub source: SourceName,
    /// The last run that wrote it.
    pub run: RunId,
    /// How many runs did.
    pub runs: u64,
    /// How it stands after the last.
    pub last: Dataset,
}

/// A dataset after one of the runs that wrote it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DatasetRun {
    /// The run.
    pub run: RunId,
    /// When it began.
    pub started_at: Timestamp,
    /// How the dataset stood after it.
    pub dataset: Dataset,
}

/// What a run did to a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// It was not held before.
    Added,
    /// It was held with another line.
    Changed,
    /// A complete run did not see it.
    Removed,
    /// A run that was not complete did not see it.
    Unobserved,
    /// It was seen again as it was, after runs that had not seen it.
    SeenAgain,
}

/// One step of a record's history.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HistoryEntry {
    /// The run.
    pub run: RunId,
    /// The record's key.
    pub key: RecordKey,
    /// What the run did.
    pub change: Change,
    /// Digest of the line that holds after the run.
    pub digest: Option<Digest>,
    /// That line.
    pub line: Option<Vec<u8>>,
}

/// A record that differs between two runs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Difference {
    /// Only the second has it.
    Added(RecordLine),
    /// Only the first has it.
    Removed(RecordLine),
    /// Both have it, with different lines.
    Changed {
        /// Its key.
        key: RecordKey,
        /// Its line in the first.
        old: Vec<u8>,
        /// Its line in the second.
        new: Vec<u8>,
    },
}

fn key_of(bytes: Vec<u8>) -> Result<RecordKey, ReadError> {
    let text = String::from_utf8(bytes).map_err(|e| ReadError::damaged("a record's key", e.to_string()))?;
    Ok(RecordKey(text))
}

/// Records in the order of their keys.
pub struct Records<'s> {
    holdings: Holdings<'s>,
    /// Keys at this and after are left out.
    end: Option<Vec<u8>>,
}

impl Iterator for Records<'_> {
    type Item = Result<RecordLine, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let held = match self.holdings.next()? {
                Ok(held) => held,
                Err(e) => return Some(Err(e)),
            };
            if self.end.as_ref().is_some_and(|end| held.key >= *end) {
                return None;
            }
            if held.state == State::Present {
                return Some(key_of(held.key).map(|key| RecordLine { key, line: held.line }));
            }
        }
    }
}

impl Inner {
    /// A run's row of a dataset, and its leaf.
    pub(crate) fn dataset_row(
        &self,
        source: &SourceName,
        kind: &Kind,
        run: &RunId,
    ) -> Result<(u64, DatasetRow), ReadError> {
        let leaf = self.run_row(run)?.leaf;
        let key = keys::dataset(source, kind, leaf);
        let row = self.index.get(&key)?.ok_or_else(|| ReadError::NoDataset {
            run: run.clone(),
            source_name: source.clone(),
            kind: kind.to_string(),
        })?;
        Ok((leaf, crate::rows::from_row(&key, &row)?))
    }
}

impl Store {
    /// Every dataset, by source and kind.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn datasets(&self) -> Result<Vec<DatasetEntry>, ReadError> {
        let mut found = Vec::new();
        let mut from = vec![keys::DATASET];
        while let Some(row) = self.inner.index.prefix_from(&[keys::DATASET], &from).next() {
            let (key, _) = row?;
            let damaged =
                || ReadError::damaged(format!("index row {}", key.escape_ascii()), "it names no dataset");
            let (source, kind) = keys::dataset_parts(&key).ok_or_else(damaged)?;
            let rows = self.inner.dataset_rows(&source, &kind)?;
            from = keys::dataset_prefix(&source, &kind);
            from.extend([0xff; 9]);
            let runs = rows.len() as u64;
            if let Some((_, row)) = rows.into_iter().next_back() {
                found.push(DatasetEntry { source, run: row.run, runs, last: row.dataset });
            }
        }
        Ok(found)
    }

    /// A dataset after each of the runs that wrote it, in the order in which they were committed.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn dataset_runs(&self, source: &SourceName, kind: &Kind) -> Result<Vec<DatasetRun>, ReadError> {
        let rows = self.inner.dataset_rows(source, kind)?.into_iter();
        Ok(rows
            .map(|(_, row)| DatasetRun { run: row.run, started_at: row.started_at, dataset: row.dataset })
            .collect())
    }

    /// A state dataset as a run left it, in the order of the keys; of an event or act dataset, what the run
    /// added.
    ///
    /// # Errors
    /// [`ReadError::NoRun`], [`ReadError::NoDataset`], or why it cannot be read.
    pub fn snapshot(&self, source: &SourceName, kind: &Kind, run: &RunId) -> Result<Records<'_>, ReadError> {
        self.snapshot_from(source, kind, run, "")
    }

    /// As [`Store::snapshot`], from a key on.
    ///
    /// # Errors
    /// As [`Store::snapshot`].
    pub fn snapshot_from(
        &self,
        source: &SourceName,
        kind: &Kind,
        run: &RunId,
        from: &str,
    ) -> Result<Records<'_>, ReadError> {
        let (leaf, row) = self.inner.dataset_row(source, kind, run)?;
        let chain = if row.dataset.shape.is_timed() {
            vec![row]
        } else {
            self.inner.chain(source, kind, Some(leaf))?
        };
        let holdings = match from {
            "" => self.inner.holdings(source, kind, &chain)?,
            from => self.inner.holdings_from(source, kind, &chain, from.as_bytes())?,
        };
        Ok(Records { holdings, end: None })
    }

    /// Events or acts that occurred in a span, in order, each with the last line it was seen with.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn events(&self, source: &SourceName, kind: &Kind, span: Span) -> Result<Records<'_>, ReadError> {
        let from = instant_key(span.start.as_ms());
        let end = Some(instant_key(span.end.as_ms()));
        Ok(Records { holdings: self.inner.timed_holdings(source, kind, &from)?, end })
    }

    /// What runs did to the records with this native id, in the order of the runs. An event's id may have
    /// been seen at several instants.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn history(
        &self,
        source: &SourceName,
        kind: &Kind,
        native_id: &str,
    ) -> Result<Vec<HistoryEntry>, ReadError> {
        let rows = self.inner.dataset_rows(source, kind)?;
        match rows.last().map(|(_, row)| row.dataset.shape) {
            None => Ok(Vec::new()),
            Some(Shape::State) => self.state_history(source, kind, native_id, &rows),
            Some(_) => self.timed_history(source, kind, native_id, &rows),
        }
    }

    fn state_history(
        &self,
        source: &SourceName,
        kind: &Kind,
        native_id: &str,
        rows: &[(u64, DatasetRow)],
    ) -> Result<Vec<HistoryEntry>, ReadError> {
        let mut history = Vec::new();
        let mut held: Option<Held> = None;
        let mut before: Option<&DatasetRow> = None;
        for (_, row) in rows {
            if !is_linked(before.replace(row), row) {
                return Err(row.broken(source));
            }
            let layer = match self.inner.layer(source, kind, row) {
                Err(ReadError::KeyGone { .. }) => {
                    held = None;
                    continue;
                }
                layer => layer?,
            };
            let after = match layer.entry(native_id.as_bytes())? {
                Some(entry) => apply(held.clone(), entry)?,
                // A keyframe names everything that holds.
                None if row.is_keyframe() => None,
                None => continue,
            };
            let change = match (&held, &after) {
                (None, None) => None,
                (None, Some(_)) => Some(Change::Added),
                (Some(_), None) => Some(Change::Removed),
                (Some(old), Some(new)) if old.line != new.line => Some(Change::Changed),
                (Some(old), Some(new)) => match (old.state, new.state) {
                    (State::Present, State::Unobserved) => Some(Change::Unobserved),
                    (State::Unobserved, State::Present) => Some(Change::SeenAgain),
                    _ => None,
                },
            };
            if let Some(change) = change {
                let line = after.as_ref().map(|held| held.line.clone());
                history.push(HistoryEntry {
                    run: row.run.clone(),
                    key: RecordKey(native_id.to_owned()),
                    change,
                    digest: line.as_ref().map(Digest::of),
                    line,
                });
            }
            held = after;
        }
        Ok(history)
    }

    fn timed_history(
        &self,
        source: &SourceName,
        kind: &Kind,
        native_id: &str,
        rows: &[(u64, DatasetRow)],
    ) -> Result<Vec<HistoryEntry>, ReadError> {
        let mut history: Vec<HistoryEntry> = Vec::new();
        for (_, row) in rows {
            let layer = match self.inner.layer(source, kind, row) {
                Err(ReadError::KeyGone { .. }) => continue,
                layer => layer?,
            };
            for entry in layer.all() {
                let entry = entry?;
                if entry.key.get(17..) != Some(native_id.as_bytes()) {
                    continue;
                }
                let key = key_of(entry.key)?;
                let known = history.iter().any(|before| before.key == key);
                history.push(HistoryEntry {
                    run: row.run.clone(),
                    change: if known { Change::Changed } else { Change::Added },
                    digest: entry.line.as_ref().map(Digest::of),
                    line: entry.line,
                    key,
                });
            }
        }
        Ok(history)
    }

    /// What differs between a dataset as two runs left it, in the order of the keys.
    ///
    /// # Errors
    /// [`ReadError::NoRun`], [`ReadError::NoDataset`], or why it cannot be read.
    pub fn diff(
        &self,
        source: &SourceName,
        kind: &Kind,
        first: &RunId,
        second: &RunId,
    ) -> Result<Differences<'_>, ReadError> {
        self.diff_from(source, kind, first, second, "")
    }

    /// As [`Store::diff`], from a key on.
    ///
    /// # Errors
    /// As [`Store::diff`].
    pub fn diff_from(
        &self,
        source: &SourceName,
        kind: &Kind,
        first: &RunId,
        second: &RunId,
        from: &str,
    ) -> Result<Differences<'_>, ReadError> {
        let mut old = self.snapshot_from(source, kind, first, from)?;
        let mut new = self.snapshot_from(source, kind, second, from)?;
        let (next_old, next_new) = (old.next().transpose()?, new.next().transpose()?);
        Ok(Differences { old, new, next_old, next_new })
    }
}

/// What differs between two snapshots.
pub struct Differences<'s> {
    old: Records<'s>,
    new: Records<'s>,
    next_old: Option<RecordLine>,
    next_new: Option<RecordLine>,
}

impl Differences<'_> {
    fn step(&mut self) -> Result<Option<Difference>, ReadError> {
        loop {
            let order = match (&self.next_old, &self.next_new) {
                (None, None) => return Ok(None),
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (Some(old), Some(new)) => old.key.cmp(&new.key),
            };
            let old = if order.is_le() {
                std::mem::replace(&mut self.next_old, self.old.next().transpose()?)
            } else {
                None
            };
            let new = if order.is_ge() {
                std::mem::replace(&mut self.next_new, self.new.next().transpose()?)
            } else {
                None
            };
            match (old, new) {
                (Some(old), Some(new)) if old.line == new.line => {}
                (Some(old), Some(new)) => {
                    return Ok(Some(Difference::Changed { key: old.key, old: old.line, new: new.line }));
                }
                (Some(old), None) => return Ok(Some(Difference::Removed(old))),
                (None, Some(new)) => return Ok(Some(Difference::Added(new))),
                (None, None) => return Ok(None),
            }
        }
    }
}

impl Iterator for Differences<'_> {
    type Item = Result<Difference, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step().transpose()
    }
}

/// The layers of several runs.
pub(crate) fn overlay<'s>(
    inner: &'s Inner,
    source: &SourceName,
    kind: &Kind,
    rows: &[DatasetRow],
) -> Result<Overlay<'s>, ReadError> {
    let layers = rows.iter().map(|row| Ok(inner.layer(source, kind, row)?.all()));
    Ok(Overlay::new(layers.collect::<Result<_, ReadError>>()?))
}
