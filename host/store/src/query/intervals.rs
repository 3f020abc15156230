//! Intervals: which line of which record was held in which runs of a span. A package is written from this.

use super::records::overlay;
use crate::crypt::Salter;
use crate::error::ReadError;
use crate::rows::DatasetRow;
use crate::snapshot::chain::{Overlay, Said, Timeline, is_linked};
use crate::snapshot::group::State;
use crate::store::Store;
use exhibit_evidence::kind::Kind;
use exhibit_evidence::name::SourceName;
use exhibit_evidence::record::RecordKey;
use exhibit_evidence::run::RunId;
use exhibit_evidence::time::Span;
use exhibit_ledger::record_leaf::Salt;
use std::collections::{BTreeMap, VecDeque};

/// First and last run of each stretch of runs, as places in a list of runs.
pub type Stretches = Vec<(usize, usize)>;

/// One line of a record, and where it held.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Interval {
    /// The record's key.
    pub key: RecordKey,
    /// Its canonical line, without its newline.
    pub line: Vec<u8>,
    /// The salt of its leaf, for each retention bucket that it was held in.
    pub salts: BTreeMap<String, Salt>,
    /// First and last run of each stretch of runs that held it, as places in [`Intervals::runs`]. An event's
    /// or act's is the run that added it.
    pub held: Stretches,
}

/// First and last run of a retention bucket, and the salts in it.
struct Bucket {
    first: usize,
    last: usize,
    name: String,
    salter: Salter,
}

/// A dataset over a span, in the order of the keys; of one key, in the order of first holding.
pub struct Intervals<'s> {
    runs: Vec<RunId>,
    overlay: Overlay<'s>,
    /// Layers that lie before the span: the chain that its first run stands on.
    before: usize,
    timeline: Timeline,
    /// The retention buckets that the runs are in.
    buckets: Vec<Bucket>,
    ready: VecDeque<Interval>,
}

impl Store {
    /// A dataset over a span. Its runs are those started in the span; for events and acts also those that
    /// added something that occurred in it. Everything that such a run added is there, so that the run's
    /// root can be computed from it.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn intervals(
        &self,
        source: &SourceName,
        kind: &Kind,
        span: Span,
    ) -> Result<Intervals<'_>, ReadError> {
        let rows = self.inner.dataset_rows(source, kind)?;
        let timed = rows.last().is_some_and(|(_, row)| row.dataset.shape.is_timed());
        let span_ms = (span.start.as_ms(), span.end.as_ms());
        let wanted = |row: &DatasetRow| {
            let occurred = row.span_ms.is_some_and(|(from, to)| from < span_ms.1 && to >= span_ms.0);
            span.contains(row.started_at) || (timed && occurred)
        };
        let inside: Vec<(u64, DatasetRow)> = rows.into_iter().filter(|(_, row)| wanted(row)).collect();
        let mut layers: Vec<DatasetRow> = match inside.first() {
            Some((leaf, _)) if !timed => self.inner.chain(source, kind, Some(*leaf))?,
            _ => Vec::new(),
        };
        layers.pop();
        let before = layers.len();
        let runs = inside.iter().map(|(_, row)| row.run.clone()).collect();
        layers.extend(inside.into_iter().map(|(_, row)| row));
        if let Some(pair) = layers.windows(2).find(|pair| !is_linked(Some(&pair[0]), &pair[1])) {
            return Err(pair[1].broken(source));
        }
        let mut buckets: Vec<Bucket> = Vec::new();
        for (place, row) in layers[before..].iter().enumerate() {
            match buckets.last_mut() {
                Some(bucket) if bucket.name == row.dataset.bucket => bucket.last = place,
                _ => {
                    let name = row.dataset.bucket.clone();
                    let salter = self.inner.packs.ring.get(source.as_str(), &name)?.salter(kind);
                    buckets.push(Bucket { first: place, last: place, name, salter });
                }
            }
        }
        Ok(Intervals {
            runs,
            overlay: overlay(&self.inner, source, kind, &layers)?,
            before,
            timeline: Timeline::new(&layers),
            buckets,
            ready: VecDeque::new(),
        })
    }
}

impl Intervals<'_> {
    /// The runs of the dataset in the span, in the order in which they were committed.
    pub fn runs(&self) -> &[RunId] {
        &self.runs
    }

    /// Turns all that was said of a key into its lines and where they held.
    fn settle(&self, all: Vec<Said>) -> Result<Vec<Interval>, ReadError> {
        let mut lines: Vec<(Vec<u8>, Stretches)> = Vec::new();
        let Some(key) = all.first().map(|said| said.entry.key.clone()) else { return Ok(Vec::new()) };
        let before = self.before;
        self.timeline.stretches(all, &mut |held, from, end| {
            if held.state == State::Present && end > before {
                add(&mut lines, &held.line, from.saturating_sub(before), end - 1 - before);
            }
        })?;
        let text = String::from_utf8_lossy(&key).into_owned();
        let interval = |(line, held): (Vec<u8>, Stretches)| Interval {
            key: RecordKey(text.clone()),
            salts: self.salts(&key, &held),
            line,
            held,
        };
        Ok(lines.into_iter().map(interval).collect())
    }

    fn salts(&self, key: &[u8], held: &[(usize, usize)]) -> BTreeMap<String, Salt> {
        let touches =
            |bucket: &&Bucket| held.iter().any(|(from, to)| *from <= bucket.last && *to >= bucket.first);
        let buckets = self.buckets.iter().filter(touches);
        buckets.map(|bucket| (bucket.name.clone(), Salt(bucket.salter.salt(key)))).collect()
    }
}

/// Adds a stretch of runs to a line's, joined to the one before where they touch.
fn add(lines: &mut Vec<(Vec<u8>, Stretches)>, line: &[u8], first: usize, last: usize) {
    match lines.iter_mut().find(|(known, _)| known == line) {
        Some((_, held)) => match held.last_mut() {
            Some((_, end)) if *end + 1 == first => *end = last,
            _ => held.push((first, last)),
        },
        None => lines.push((line.to_vec(), vec![(first, last)])),
    }
}

impl Iterator for Intervals<'_> {
    type Item = Result<Interval, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(interval) = self.ready.pop_front() {
                return Some(Ok(interval));
            }
            let settled = self.overlay.next()?.and_then(|all| self.settle(all));
            match settled {
                Ok(intervals) => self.ready = intervals.into(),
                Err(e) => return Some(Err(e)),
            }
        }
    }
}
