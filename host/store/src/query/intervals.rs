//! Intervals: which line of which record was held in which runs of a span. A package is written from this.

use super::records::overlay;
use crate::crypt::BucketKeys;
use crate::error::ReadError;
use crate::rows::DatasetRow;
use crate::snapshot::chain::{Held, Overlay, Said, apply};
use crate::snapshot::group::State;
use crate::store::Store;
use exhibit_evidence::kind::Kind;
use exhibit_evidence::name::SourceName;
use exhibit_evidence::record::RecordKey;
use exhibit_evidence::run::RunId;
use exhibit_evidence::time::Span;
use exhibit_ledger::record_leaf::Salt;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

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

/// A dataset over a span, in the order of the keys; of one key, in the order of first holding.
pub struct Intervals<'s> {
    runs: Vec<RunId>,
    overlay: Overlay<'s>,
    kind: Kind,
    timed: bool,
    /// Layers that lie before the span: the chain that its first run stands on.
    before: usize,
    /// For each layer, the next that is a keyframe.
    next_keyframe: Vec<usize>,
    /// First and last run of each bucket, with its name and keys.
    buckets: Vec<(usize, usize, String, Arc<BucketKeys>)>,
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
        let mut next_keyframe = vec![layers.len(); layers.len()];
        for place in (1..layers.len()).rev() {
            next_keyframe[place - 1] = if layers[place].keyframe { place } else { next_keyframe[place] };
        }
        let mut buckets: Vec<(usize, usize, String, Arc<BucketKeys>)> = Vec::new();
        for (place, row) in layers[before..].iter().enumerate() {
            match buckets.last_mut() {
                Some((_, last, bucket, _)) if *bucket == row.dataset.bucket => *last = place,
                _ => {
                    let keys = self.inner.packs.ring.get(source.as_str(), &row.dataset.bucket)?;
                    buckets.push((place, place, row.dataset.bucket.clone(), keys));
                }
            }
        }
        Ok(Intervals {
            runs,
            overlay: overlay(&self.inner, source, kind, &layers)?,
            kind: kind.clone(),
            timed,
            before,
            next_keyframe,
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
        let layers = self.next_keyframe.len();
        let mut held: Option<Held> = None;
        let mut said = all.into_iter().peekable();
        while let Some(Said { layer, entry }) = said.next() {
            let next = said.peek().map_or(layers, |next| next.layer);
            if self.timed {
                add(&mut lines, entry.line.unwrap_or_default(), layer, layer);
                continue;
            }
            held = apply(held, entry)?;
            // A keyframe that does not name the key ends it.
            let end = next.min(self.next_keyframe[layer]);
            let from = layer.max(self.before);
            if let Some(held) = held.as_ref().filter(|held| held.state == State::Present)
                && from < end
            {
                add(&mut lines, held.line.clone(), from - self.before, end - 1 - self.before);
            }
            if end < next {
                held = None;
            }
        }
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
        let touched = self
            .buckets
            .iter()
            .filter(|(from, to, ..)| held.iter().any(|(first, last)| first <= to && last >= from));
        touched
            .map(|(_, _, bucket, keys)| (bucket.clone(), Salt(keys.salter(&self.kind).salt(key))))
            .collect()
    }
}

/// Adds a stretch of runs to a line's, joined to the one before where they touch.
fn add(lines: &mut Vec<(Vec<u8>, Stretches)>, line: Vec<u8>, first: usize, last: usize) {
    match lines.iter_mut().find(|(known, _)| *known == line) {
        Some((_, held)) => match held.last_mut() {
            Some((_, end)) if *end + 1 == first => *end = last,
            _ => held.push((first, last)),
        },
        None => lines.push((line, vec![(first, last)])),
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
