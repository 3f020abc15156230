//! The index against packs and log: every row that should be there is, as it should be, and no other.

use super::Report;
use crate::commit::fill_rows;
use crate::error::ReadError;
use crate::keys;
use crate::rebuild::each_frame;
use crate::rows::{DatasetRow, LeafRow, PackRef, RunRow, to_row};
use crate::snapshot::group::{Value, from_value};
use crate::store::Inner;
use exhibit_evidence::digest::Digest;
use exhibit_evidence::run::Manifest;
use std::collections::BTreeMap;

/// Rows that should be there, by their tag.
#[derive(Default)]
pub(super) struct Counts {
    rows: BTreeMap<u8, u64>,
    /// Something was not readable, so that rows cannot be counted against it.
    partial: bool,
}

impl Counts {
    fn add(&mut self, tag: u8, rows: u64) {
        *self.rows.entry(tag).or_default() += rows;
    }

    /// A leaf's own row. Where it is a run whose pack is never read, `run` is not called for it.
    pub(super) fn leaf(&mut self, row: &LeafRow) {
        self.add(keys::LEAF, 1);
        if row.run.is_some() {
            self.add(keys::RUN, 1);
        }
    }

    /// A run's rows; answers with what is wrong.
    pub(super) fn run(
        &mut self,
        inner: &Inner,
        leaf: u64,
        at: &PackRef,
        manifest: &Manifest,
        digest: Digest,
        datasets: &[DatasetRow],
    ) -> Result<Vec<String>, ReadError> {
        let mut wrong = Vec::new();
        let source = &manifest.source;
        let run_row = RunRow { leaf, ..RunRow::new(manifest, digest, at, leaf) };
        let mut expected = vec![
            (keys::run(&manifest.run), to_row(&run_row)?),
            (keys::source(source, leaf), keys::run_key(&manifest.run).to_vec()),
        ];
        self.add(keys::SOURCE, 1);
        for row in datasets {
            expected.push((keys::dataset(source, &row.dataset.kind, leaf), to_row(row)?));
            self.add(keys::DATASET, 1);
        }
        let fills: BTreeMap<Vec<u8>, u8> = fill_rows(manifest).into_iter().collect();
        self.add(keys::CONTROL, fills.len() as u64);
        expected.extend(fills.into_iter().map(|(key, verdict)| (key, vec![verdict])));
        for (key, value) in expected {
            if inner.index.get(&key)?.as_deref() != Some(value.as_slice()) {
                wrong.push(format!("index row {} is missing or another", key.escape_ascii()));
            }
        }
        for row in datasets {
            let groups = self.groups(inner, at, manifest, row)?;
            wrong.extend(groups);
        }
        Ok(wrong)
    }

    /// The groups of a dataset, in the index as in the pack.
    fn groups(
        &mut self,
        inner: &Inner,
        at: &PackRef,
        manifest: &Manifest,
        row: &DatasetRow,
    ) -> Result<Option<String>, ReadError> {
        let keys = inner.packs.ring.get(&at.owner, &at.bucket)?;
        let prefix = keys::group_prefix(&manifest.source, &row.dataset.kind, &row.run);
        let mut rows = inner.index.prefix(&prefix);
        let mut differs = false;
        let mut frames = 0;
        each_frame(inner, at, row, &mut |offset, frame| {
            frames += 1;
            let same = match rows.next().transpose()? {
                None => false,
                Some((_, value)) => match from_value(&value, keys.sealer.as_ref()) {
                    Some(Value::Near(near)) => *near == *frame,
                    Some(Value::Far { offset: far, len }) => (far, len) == (offset, frame.len() as u64),
                    None => false,
                },
            };
            differs |= !same;
            Ok(())
        })?;
        self.add(keys::GROUP, frames);
        Ok(differs.then(|| format!("the index holds other records of {} than the pack", row.dataset.kind)))
    }

    /// Notes that some pack could not be read.
    pub(super) fn skip(&mut self) {
        self.partial = true;
    }

    /// Reads every row of the index, and looks for rows that nothing accounts for.
    pub(super) fn compare(&self, inner: &Inner, report: &mut Report) -> Result<(), ReadError> {
        let mut found: BTreeMap<u8, u64> = BTreeMap::new();
        for row in inner.index.prefix(&[]) {
            let (key, _) = row?;
            *found.entry(key.first().copied().unwrap_or_default()).or_default() += 1;
        }
        // Runs that go on have staged rows, and a store that was never closed has a statement set aside.
        let passing = found.remove(&keys::STAGED).is_some();
        found.remove(&keys::PENDING);
        if self.partial || passing || found == self.rows {
            return Ok(());
        }
        for (tag, count) in &found {
            let expected = self.rows.get(tag).copied().unwrap_or_default();
            if *count != expected {
                let place = format!("index rows `{}`", char::from(*tag).escape_default());
                report.add(place, format!("{count} are there, and packs and log account for {expected}"));
            }
        }
        Ok(())
    }
}
