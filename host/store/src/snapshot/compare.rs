//! What a run brought of one kind against what was held: the delta, the counts and the root.

use super::chain::{Held, Holdings, apply};
use super::group::{Entry, State};
use super::sink::{Delta, DeltaReader, Sink};
use crate::crypt::Salter;
use crate::error::ReadError;
use crate::keys;
use crate::pack::name;
use crate::rows::DatasetRow;
use crate::stage::merge::{KindEnd, put_lines};
use crate::stage::provenance::Column;
use crate::stage::spool::SpoolRoom;
use crate::stage::{Stage, Writing};
use crate::store::Inner;
use exhibit_evidence::digest::Digest;
use exhibit_evidence::kind::Kind;
use exhibit_evidence::record::Origin;
use exhibit_evidence::run::Dataset;
use exhibit_ledger::record_leaf::Salt;
use exhibit_ledger::tree::Frontier;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A record of the run, each key once.
pub(crate) struct Arrival {
    pub(crate) key: Vec<u8>,
    pub(crate) digest: Digest,
    pub(crate) line: Vec<u8>,
    pub(crate) origins: Vec<Origin>,
}

/// The run's records of one kind, in key order.
pub(crate) type Arrivals<'a> = &'a mut dyn FnMut() -> Result<Option<Arrival>, ReadError>;

/// The comparing of one kind.
pub(crate) struct KindMerge<'a> {
    pub(crate) stage: &'a Stage,
    pub(crate) kind: &'a Kind,
    pub(crate) end: KindEnd,
    pub(crate) room: &'a SpoolRoom,
}

/// What comparing comes to.
struct Outcome {
    tree: Frontier,
    salter: Salter,
    column: Column,
    added: u64,
    changed: u64,
    removed: u64,
    unobserved: u64,
    already_held: u64,
    held: u64,
    span_ms: Option<(u64, u64)>,
}

impl Outcome {
    /// A record that counts under the root.
    fn count(&mut self, key: &[u8], line: &Digest) {
        self.tree.push(Salt(self.salter.salt(key)).leaf(line));
    }
}

/// Where the entries of a state dataset go.
enum Target<'t, 'a> {
    /// Everything that holds is written.
    Keyframe(&'t mut Sink<'a>),
    /// Only what differs is.
    Delta(&'t mut Delta),
}

impl Target<'_, '_> {
    /// `held` holds after this run; `entry` tells it from before, where it differs.
    fn holds(&mut self, held: Held, entry: Option<Entry>) -> Result<(), ReadError> {
        match (self, entry) {
            (Self::Keyframe(sink), _) => sink.push(&whole(held)),
            (Self::Delta(delta), Some(entry)) => delta.push(&entry),
            (Self::Delta(_), None) => Ok(()),
        }
    }

    /// `key` no longer holds.
    fn gone(&mut self, key: Vec<u8>) -> Result<(), ReadError> {
        match self {
            Self::Keyframe(_) => Ok(()),
            Self::Delta(delta) => delta.push(&Entry { key, state: State::Removed, line: None }),
        }
    }
}

fn whole(held: Held) -> Entry {
    Entry { key: held.key, state: held.state, line: Some(held.line) }
}

/// Records that were held, looked at one ahead.
struct Peeked<I: Iterator<Item = Result<Held, ReadError>>> {
    inner: I,
    next: Option<Held>,
}

impl<I: Iterator<Item = Result<Held, ReadError>>> Peeked<I> {
    fn new(mut inner: I) -> Result<Self, ReadError> {
        let next = inner.next().transpose()?;
        Ok(Self { inner, next })
    }

    fn take(&mut self) -> Result<Option<Held>, ReadError> {
        if self.next.is_none() {
            return Ok(None);
        }
        let after = self.inner.next().transpose()?;
        Ok(std::mem::replace(&mut self.next, after))
    }

    fn take_before(&mut self, key: &[u8]) -> Result<Option<Held>, ReadError> {
        if self.next.as_ref().is_some_and(|held| held.key.as_slice() < key) { self.take() } else { Ok(None) }
    }

    fn take_at(&mut self, key: &[u8]) -> Result<Option<Held>, ReadError> {
        if self.next.as_ref().is_some_and(|held| held.key == key) { self.take() } else { Ok(None) }
    }
}

impl KindMerge<'_> {
    fn inner(&self) -> &Inner {
        &self.stage.inner
    }

    /// Compares and writes; answers with the row to publish.
    pub(crate) fn run(
        &self,
        arrivals: Arrivals<'_>,
        writing: &mut Writing,
        names: &mut BTreeMap<String, Digest>,
    ) -> Result<DatasetRow, ReadError> {
        let start = &self.stage.start;
        let keys = self.inner().packs.ring.get_or_make(start.source.as_str(), &self.stage.home.bucket)?;
        let mut out = Outcome {
            tree: Frontier::new(),
            salter: keys.salter(self.kind),
            column: Column::new(self.room),
            added: 0,
            changed: 0,
            removed: 0,
            unobserved: 0,
            already_held: 0,
            held: 0,
            span_ms: None,
        };
        let prefix = keys::group_prefix(&start.source, self.kind, &start.run);
        let mut sink = Sink::new(&self.inner().index, &mut writing.writer, Arc::clone(&keys), prefix)?;
        let follows = if self.end.shape.is_timed() {
            self.timed(arrivals, &mut sink, &mut out)?;
            None
        } else {
            self.state(arrivals, &mut sink, &mut out)?
        };
        let (groups, bytes) = sink.end()?;
        let provenance = out.column.root();
        put_lines(writing, names, &name::provenance(self.kind), out.column.lines)?;
        Ok(DatasetRow {
            run: start.run.clone(),
            started_at: start.started_at,
            follows: follows.as_ref().map(|row| row.run.clone()),
            bytes,
            keyframe_bytes: follows.as_ref().map_or(bytes, |row| row.keyframe_bytes),
            delta_bytes: follows.as_ref().map_or(0, |row| row.delta_bytes.saturating_add(bytes)),
            held: out.held,
            span_ms: out.span_ms,
            groups,
            dataset: Dataset {
                kind: self.kind.clone(),
                shape: self.end.shape,
                root: out.tree.root(),
                records: out.tree.size(),
                added: out.added,
                changed: out.changed,
                removed: out.removed,
                unobserved: out.unobserved,
                already_held: out.already_held,
                bucket: self.stage.home.bucket.clone(),
                provenance,
            },
        })
    }

    /// Writes a state dataset. Answers with the row that the run's delta follows; none for a keyframe.
    fn state(
        &self,
        arrivals: Arrivals<'_>,
        sink: &mut Sink<'_>,
        out: &mut Outcome,
    ) -> Result<Option<DatasetRow>, ReadError> {
        let source = &self.stage.start.source;
        let chain = self.inner().readable_chain(source, self.kind)?;
        let mut before = Peeked::new(self.inner().holdings(source, self.kind, &chain)?)?;
        let last = chain.last().filter(|row| row.dataset.bucket == self.stage.home.bucket);
        let Some(last) = last else {
            self.compare(arrivals, &mut before, out, &mut Target::Keyframe(sink))?;
            return Ok(None);
        };
        let mut delta = Delta::new(self.room)?;
        self.compare(arrivals, &mut before, out, &mut Target::Delta(&mut delta))?;
        let (mut delta, bytes) = delta.end()?;
        if bytes > 0 && last.delta_bytes.saturating_add(bytes) > last.keyframe_bytes {
            let before = Peeked::new(self.inner().holdings(source, self.kind, &chain)?)?;
            rewrite(before, delta, sink)?;
            return Ok(None);
        }
        while let Some(group) = delta.next_group()? {
            sink.put(&group)?;
        }
        Ok(Some(last.clone()))
    }

    /// Walks what was held and what arrived, together, in key order.
    fn compare(
        &self,
        arrivals: Arrivals<'_>,
        before: &mut Peeked<Holdings<'_>>,
        out: &mut Outcome,
        target: &mut Target<'_, '_>,
    ) -> Result<(), ReadError> {
        while let Some(arrival) = arrivals()? {
            while let Some(held) = before.take_before(&arrival.key)? {
                self.not_seen(held, out, target)?;
            }
            let held = before.take_at(&arrival.key)?;
            out.count(&arrival.key, &arrival.digest);
            out.column.push(&arrival.key, arrival.origins)?;
            out.held += 1;
            let new_line = held.as_ref().is_none_or(|held| held.line != arrival.line);
            match &held {
                None => out.added += 1,
                Some(_) => out.changed += u64::from(new_line),
            }
            let differs = new_line || held.is_some_and(|held| held.state == State::Unobserved);
            let entry = differs.then(|| Entry {
                key: arrival.key.clone(),
                state: State::Present,
                line: new_line.then(|| arrival.line.clone()),
            });
            target.holds(Held { key: arrival.key, state: State::Present, line: arrival.line }, entry)?;
        }
        while let Some(held) = before.take()? {
            self.not_seen(held, out, target)?;
        }
        Ok(())
    }

    /// A record that was held and did not arrive: gone where all was seen, else told apart from that.
    fn not_seen(&self, held: Held, out: &mut Outcome, target: &mut Target<'_, '_>) -> Result<(), ReadError> {
        if self.end.complete {
            out.removed += 1;
            return target.gone(held.key);
        }
        out.unobserved += 1;
        out.held += 1;
        let entry = (held.state == State::Present).then(|| Entry {
            key: held.key.clone(),
            state: State::Unobserved,
            line: None,
        });
        target.holds(Held { state: State::Unobserved, ..held }, entry)
    }

    /// Writes an event or act dataset: what is not held yet, and what is held with another line.
    fn timed(&self, arrivals: Arrivals<'_>, sink: &mut Sink<'_>, out: &mut Outcome) -> Result<(), ReadError> {
        let Some(first) = arrivals()? else { return Ok(()) };
        let source = &self.stage.start.source;
        // From the first that arrived on: what lies before cannot be among them.
        let mut before = Peeked::new(self.inner().timed_holdings(source, self.kind, &first.key)?)?;
        let mut next = Some(first);
        while let Some(arrival) = next {
            while before.take_before(&arrival.key)?.is_some() {}
            let held = before.take_at(&arrival.key)?;
            out.column.push(&arrival.key, arrival.origins)?;
            if held.as_ref().is_some_and(|held| held.line == arrival.line) {
                out.already_held += 1;
            } else {
                out.count(&arrival.key, &arrival.digest);
                out.held += 1;
                if held.is_some() {
                    out.changed += 1;
                } else {
                    out.added += 1;
                }
                let at = instant_of(&arrival.key);
                out.span_ms = Some(out.span_ms.map_or((at, at), |(from, to)| (from.min(at), to.max(at))));
                sink.push(&Entry { key: arrival.key, state: State::Present, line: Some(arrival.line) })?;
            }
            next = arrivals()?;
        }
        Ok(())
    }
}

/// The instant that a timed record's key begins with, in milliseconds.
pub(crate) fn instant_of(key: &[u8]) -> u64 {
    let digits = key.get(..16).and_then(|d| std::str::from_utf8(d).ok());
    digits.and_then(|d| d.parse().ok()).unwrap_or_default()
}

/// Writes a keyframe: what held before, with a delta applied.
fn rewrite(
    mut before: Peeked<Holdings<'_>>,
    mut delta: DeltaReader,
    sink: &mut Sink<'_>,
) -> Result<(), ReadError> {
    while let Some(entries) = delta.next_entries()? {
        for entry in entries {
            while let Some(held) = before.take_before(&entry.key)? {
                sink.push(&whole(held))?;
            }
            let held = before.take_at(&entry.key)?;
            if let Some(held) = apply(held, entry)? {
                sink.push(&whole(held))?;
            }
        }
    }
    while let Some(held) = before.take()? {
        sink.push(&whole(held))?;
    }
    Ok(())
}
