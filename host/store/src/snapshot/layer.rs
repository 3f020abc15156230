//! One run's entries of one kind, in key order, out of the index.

use super::group::{Entry, Value, entries_of, from_value};
use crate::crypt::BucketKeys;
use crate::error::ReadError;
use crate::index::{Index, Rows};
use crate::keys;
use crate::pack::read::Packs;
use crate::rows::{DatasetRow, PackRef, RunRow, from_row};
use exhibit_evidence::kind::Kind;
use exhibit_evidence::name::SourceName;
use exhibit_evidence::run::RunId;
use std::sync::Arc;

/// The first key that a timed record of this instant can have.
pub(crate) fn instant_key(at_ms: u64) -> Vec<u8> {
    format!("{at_ms:016}").into_bytes()
}

/// Where a run's groups are, and how to read them.
#[derive(Clone)]
pub(crate) struct LayerReader<'s> {
    index: &'s Index,
    packs: &'s Packs,
    keys: Arc<BucketKeys>,
    prefix: Vec<u8>,
    run: RunId,
    row: DatasetRow,
}

impl<'s> LayerReader<'s> {
    pub(crate) fn new(
        index: &'s Index,
        packs: &'s Packs,
        source: &SourceName,
        kind: &Kind,
        row: &DatasetRow,
    ) -> Result<Self, ReadError> {
        Ok(Self {
            index,
            packs,
            keys: packs.ring.get(source.as_str(), &row.dataset.bucket)?,
            prefix: keys::group_prefix(source, kind, &row.run),
            run: row.run.clone(),
            row: row.clone(),
        })
    }

    /// Every entry.
    pub(crate) fn all(self) -> Layer<'s> {
        let rows = self.index.prefix(&self.prefix);
        let from = self.row.span_ms.map_or_else(Vec::new, |(first, _)| instant_key(first));
        Layer { reader: self, rows, group: Vec::new().into_iter(), from }
    }

    /// Entries at `from` and after.
    pub(crate) fn from(self, from: &[u8]) -> Result<Layer<'s>, ReadError> {
        let start = self.group_at(from)?;
        let rows = self.index.prefix_from(&self.prefix, &start);
        let first = self.row.span_ms.map_or_else(Vec::new, |(first, _)| instant_key(first));
        Ok(Layer { reader: self, rows, group: Vec::new().into_iter(), from: first.max(from.to_vec()) })
    }

    /// The entry of one key.
    pub(crate) fn entry(self, key: &[u8]) -> Result<Option<Entry>, ReadError> {
        let first = self.from(key)?.next().transpose()?;
        Ok(first.filter(|entry| entry.key == key))
    }

    /// The row of the group in which `key` would be.
    fn group_at(&self, key: &[u8]) -> Result<Vec<u8>, ReadError> {
        let mut at = keys::group_upto(&self.prefix, key);
        loop {
            let Some((row, value)) = self.index.at_or_before(&at)? else { return Ok(self.prefix.clone()) };
            if !row.starts_with(&self.prefix) {
                return Ok(self.prefix.clone());
            }
            // Long keys are cut in the row's key: the group may begin after the key that is sought.
            let begins = self.decode(&row, &value)?.first().is_some_and(|entry| entry.key.as_slice() <= key);
            if begins {
                return Ok(row.to_vec());
            }
            at = row.to_vec();
            match at.pop() {
                Some(last) if last > 0 => at.extend([last - 1, 0xff]),
                _ => {}
            }
        }
    }

    fn decode(&self, row: &[u8], value: &[u8]) -> Result<Vec<Entry>, ReadError> {
        let damaged = || {
            ReadError::damaged(format!("index row {}", row.escape_ascii()), "it is not a group of records")
        };
        match from_value(value, self.keys.sealer.as_ref()).ok_or_else(damaged)? {
            Value::Near(frame) => entries_of(&frame).ok_or_else(damaged),
            Value::Far { offset, len } => entries_of(&self.far(offset, len)?).ok_or_else(damaged),
        }
    }

    /// A frame too large for the index, out of the run's pack.
    pub(crate) fn far(&self, offset: u64, len: u64) -> Result<Vec<u8>, ReadError> {
        let key = keys::run(&self.run);
        let row = self.index.get(&key)?.ok_or_else(|| ReadError::NoRun(self.run.clone()))?;
        let row: RunRow = from_row(&key, &row)?;
        let groups =
            self.row.groups.ok_or_else(|| ReadError::Missing(format!("the groups of run {}", self.run)))?;
        let at: PackRef = row.pack_ref();
        self.packs.pack(&at)?.part(&groups, offset, len)
    }
}

impl Layer<'_> {
    /// A key that none of the entries is before; empty where nothing is known.
    pub(crate) fn not_before(&self) -> &[u8] {
        &self.from
    }
}

/// A run's entries, as they are read.
pub(crate) struct Layer<'s> {
    reader: LayerReader<'s>,
    rows: Rows,
    group: std::vec::IntoIter<Entry>,
    from: Vec<u8>,
}

impl Iterator for Layer<'_> {
    type Item = Result<Entry, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(entry) = self.group.next() {
                if entry.key < self.from {
                    continue;
                }
                return Some(Ok(entry));
            }
            let group = self.rows.next()?.and_then(|(row, value)| self.reader.decode(&row, &value));
            match group {
                Ok(entries) => self.group = entries.into_iter(),
                Err(e) => return Some(Err(e)),
            }
        }
    }
}
