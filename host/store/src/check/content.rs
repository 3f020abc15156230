//! What packs hold, against manifests, leaves and roots.

use super::Report;
use super::index::Counts;
use crate::error::ReadError;
use crate::pack::name;
use crate::rows::{DatasetRow, LeafRow, PackRef};
use crate::snapshot::chain::{Overlay, Timeline, is_linked};
use crate::snapshot::group::State;
use crate::store::Store;
use exhibit_evidence::digest::Digest;
use exhibit_evidence::kind::Kind;
use exhibit_evidence::name::SourceName;
use exhibit_evidence::run::Manifest;
use exhibit_ledger::record_leaf::Salt;
use exhibit_ledger::statement::Statement;
use exhibit_ledger::tree::{Frontier, leaf_hash};

/// The Merkle root over a file's lines.
fn root_of_lines(file: &[u8]) -> Digest {
    let mut tree = Frontier::new();
    tree.extend(file.split(|b| *b == b'\n').filter(|line| !line.is_empty()).map(leaf_hash));
    tree.root()
}

impl Store {
    /// Reads a pack's content, and compares what it says with leaf and index.
    pub(super) fn check_pack(
        &self,
        leaf: u64,
        row: &LeafRow,
        at: &PackRef,
        counts: &mut Counts,
        report: &mut Report,
    ) {
        let place = format!("leaf {leaf} (pack {})", at.pack.short());
        if let Err(e) = self.check_blobs(at) {
            counts.skip();
            return report.add_error(place, e);
        }
        let checked = match row.run {
            None => Ok(Vec::new()),
            Some(_) => self.check_run(leaf, row, at, counts, report),
        };
        match checked {
            Ok(wrong) => wrong.into_iter().for_each(|reason| report.add(place.clone(), reason)),
            Err(e) => {
                counts.skip();
                report.add_error(place, e);
            }
        }
    }

    /// Every blob of a pack has the content that its digest says.
    fn check_blobs(&self, at: &PackRef) -> Result<(), ReadError> {
        let pack = self.inner.packs.pack(at)?;
        for (digest, blob) in &pack.footer.blobs {
            if blob.encoding == crate::pack::footer::Encoding::Plain {
                self.inner.packs.plain_pieces(at, digest, &mut |_| Ok(()))?;
            } else {
                self.inner.packs.content(at, digest)?;
            }
        }
        Ok(())
    }

    /// What of a run does not agree with its manifest, its leaf and the index.
    fn check_run(
        &self,
        leaf: u64,
        row: &LeafRow,
        at: &PackRef,
        counts: &mut Counts,
        report: &mut Report,
    ) -> Result<Vec<String>, ReadError> {
        report.runs += 1;
        let packs = &self.inner.packs;
        let pack = packs.pack(at)?;
        let file = |name: &str| {
            packs.named(at, name)?.ok_or_else(|| ReadError::Missing(format!("`{name}` of pack {}", at.pack)))
        };
        let bytes = file(name::MANIFEST)?;
        let manifest: Manifest = serde_json::from_slice(&bytes)
            .map_err(|e| ReadError::damaged(format!("the manifest of leaf {leaf}"), e.to_string()))?;
        let statement = file(name::LEAF)?;
        let subject = Statement::from_leaf_unverified(&statement).ok().and_then(|s| s.subject().cloned());
        let mut wrong = Vec::new();
        let mut expect = |holds: bool, what: &str| {
            if !holds {
                wrong.push(what.to_owned());
            }
        };
        expect(Digest::of(&statement) == row.statement, "its pack holds another statement");
        expect(
            subject.is_some_and(|s| s.digest == Digest::of(&bytes)),
            "its statement names another manifest than its pack holds",
        );
        expect(
            manifest.replay == Digest::of(file(name::REPLAY)?),
            "its replay inputs are not the manifest's",
        );
        expect(
            manifest.exchanges.root == root_of_lines(&file(name::EXCHANGES)?),
            "its exchanges do not have the manifest's root",
        );
        for (name, digest, what) in [
            (name::WALKS, manifest.walks, "its walks are not the manifest's"),
            (name::REJECTIONS, manifest.rejections, "its rejections are not the manifest's"),
            (name::LOG, manifest.log, "its log is not the manifest's"),
        ] {
            expect(Digest::of(file(name)?) == digest, what);
        }
        for dataset in &manifest.datasets {
            expect(
                root_of_lines(&file(&name::provenance(&dataset.kind))?) == dataset.provenance,
                "its provenance does not have the manifest's root",
            );
        }
        let rows = &pack.footer.head.datasets;
        expect(
            rows.iter().map(|row| &row.dataset).eq(&manifest.datasets),
            "its datasets are not the manifest's",
        );
        wrong.extend(counts.run(&self.inner, leaf, at, &manifest, Digest::of(&bytes), rows)?);
        Ok(wrong)
    }

    /// Rebuilds every snapshot, all runs of a dataset in one pass, and compares the roots.
    pub(super) fn check_roots(&self, report: &mut Report) -> Result<(), ReadError> {
        for entry in self.datasets()? {
            let (source, kind) = (&entry.source, &entry.last.kind);
            let rows: Vec<DatasetRow> =
                self.inner.dataset_rows(source, kind)?.into_iter().map(|(_, row)| row).collect();
            // One bucket at a time: no chain crosses one, and a bucket's key may be gone.
            for rows in rows.chunk_by(|a, b| a.dataset.bucket == b.dataset.bucket) {
                let rows = with_all_before(rows, &mut |broken| {
                    let error = broken.broken(source);
                    report.add_error(format!("run {}", broken.run), error);
                });
                if let Err(e) = self.check_bucket(source, kind, &rows, report) {
                    let bucket = rows.first().map_or("", |row| row.dataset.bucket.as_str());
                    report.add_error(format!("{kind} of {source} in {bucket}"), e);
                }
            }
        }
        Ok(())
    }

    fn check_bucket(
        &self,
        source: &SourceName,
        kind: &Kind,
        rows: &[DatasetRow],
        report: &mut Report,
    ) -> Result<(), ReadError> {
        let Some(first) = rows.first() else { return Ok(()) };
        let salter = self.inner.packs.ring.get(source.as_str(), &first.dataset.bucket)?.salter(kind);
        let layers = rows.iter().map(|row| Ok(self.inner.layer(source, kind, row)?.all()));
        let overlay = Overlay::new(layers.collect::<Result<_, ReadError>>()?);
        let timeline = Timeline::new(rows);
        let mut trees = vec![Frontier::new(); rows.len()];
        for all in overlay {
            timeline.stretches(all?, &mut |held, from, end| {
                if held.state == State::Present {
                    let leaf = Salt(salter.salt(&held.key)).leaf(&Digest::of(&held.line));
                    trees[from..end].iter_mut().for_each(|tree| tree.push(leaf));
                }
            })?;
        }
        for (row, tree) in rows.iter().zip(&trees) {
            if tree.root() != row.dataset.root || tree.size() != row.dataset.records {
                report.add(
                    format!("{kind} of {source} after run {}", row.run),
                    format!(
                        "{} records with the root {} are held, and the manifest says {} with {}",
                        tree.size(),
                        tree.root(),
                        row.dataset.records,
                        row.dataset.root
                    ),
                );
            }
        }
        Ok(())
    }
}

/// The rows that can be rebuilt. One whose run before it was lost is told of; it and those after it are left
/// out, up to the next keyframe.
fn with_all_before(rows: &[DatasetRow], broken: &mut dyn FnMut(&DatasetRow)) -> Vec<DatasetRow> {
    let mut whole = true;
    let mut before = None;
    let kept = rows.iter().filter(|row| {
        let linked = is_linked(before.replace(*row), row);
        if !linked {
            broken(row);
        }
        whole = row.is_keyframe() || (whole && linked);
        whole
    });
    kept.cloned().collect()
}
