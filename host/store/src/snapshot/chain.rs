//! Layers over one another: for each key, what each run of a chain says of it.

use super::group::{Entry, State};
use super::layer::Layer;
use crate::error::ReadError;
use crate::rows::DatasetRow;
use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// An entry and the number of the layer that it is of.
pub(crate) struct Said {
    pub(crate) layer: usize,
    pub(crate) entry: Entry,
}

struct Head {
    said: Said,
}

impl Ord for Head {
    fn cmp(&self, other: &Self) -> Ordering {
        // Reversed: the heap gives the greatest, and the smallest key of the earliest layer is wanted.
        let key = |head: &Self| (head.said.layer, ());
        other.said.entry.key.cmp(&self.said.entry.key).then_with(|| key(other).cmp(&key(self)))
    }
}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Head {}

/// Merges layers: yields each key once, with all that the layers say of it, earliest first. A layer is not
/// read before its first key could be next, so that a year of hourly runs is not held in memory at once.
pub(crate) struct Overlay<'s> {
    layers: Vec<Option<Layer<'s>>>,
    /// Layers that are not read yet: a key that none of theirs is before, and their number; the last is next.
    waiting: Vec<(Vec<u8>, usize)>,
    heap: BinaryHeap<Head>,
    failed: bool,
}

impl<'s> Overlay<'s> {
    /// Layers in their order.
    pub(crate) fn new(layers: Vec<Layer<'s>>) -> Self {
        let mut waiting: Vec<_> =
            layers.iter().enumerate().map(|(number, layer)| (layer.not_before().to_vec(), number)).collect();
        waiting.sort_by(|a, b| b.cmp(a));
        let heap = BinaryHeap::with_capacity(layers.len().min(256));
        Self { layers: layers.into_iter().map(Some).collect(), waiting, heap, failed: false }
    }

    /// Reads on in a layer; one that ends is closed.
    fn refill(&mut self, layer: usize) -> Result<(), ReadError> {
        match self.layers[layer].as_mut().and_then(Layer::next).transpose()? {
            Some(entry) => self.heap.push(Head { said: Said { layer, entry } }),
            None => self.layers[layer] = None,
        }
        Ok(())
    }

    /// Begins to read the layers that may hold the next key.
    fn wake(&mut self) -> Result<(), ReadError> {
        while let Some((from, layer)) = self.waiting.last() {
            if self.heap.peek().is_some_and(|next| next.said.entry.key < *from) {
                break;
            }
            let layer = *layer;
            self.waiting.pop();
            self.refill(layer)?;
        }
        Ok(())
    }

    fn take(&mut self) -> Result<Option<Vec<Said>>, ReadError> {
        self.wake()?;
        let Some(Head { said }) = self.heap.pop() else { return Ok(None) };
        self.refill(said.layer)?;
        let mut all = vec![said];
        while self.heap.peek().is_some_and(|next| next.said.entry.key == all[0].entry.key) {
            let Some(Head { said }) = self.heap.pop() else { break };
            self.refill(said.layer)?;
            all.push(said);
        }
        Ok(Some(all))
    }
}

impl Iterator for Overlay<'_> {
    type Item = Result<Vec<Said>, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let taken = self.take().transpose();
        self.failed = matches!(taken, Some(Err(_)));
        taken
    }
}

/// A record as a chain leaves it: never [`State::Removed`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Held {
    pub(crate) key: Vec<u8>,
    pub(crate) state: State,
    pub(crate) line: Vec<u8>,
}

/// What a chain holds after its last layer, unobserved records included.
pub(crate) struct Holdings<'s>(pub(crate) Overlay<'s>);

impl Iterator for Holdings<'_> {
    type Item = Result<Held, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.0.next()?.and_then(settle) {
                Ok(None) => {}
                Ok(Some(held)) => return Some(Ok(held)),
                Err(e) => return Some(Err(e)),
            }
        }
    }
}

/// Which of a dataset's runs a word on a key is good for: until the next that says something of it, and no
/// further than a keyframe, which names everything that holds.
pub(crate) struct Timeline {
    /// For each layer, the next that is a keyframe.
    next_keyframe: Vec<usize>,
}

impl Timeline {
    /// Of layers in their order. Every run of an event or act dataset stands for itself, as a keyframe does.
    pub(crate) fn new(rows: &[DatasetRow]) -> Self {
        let mut next_keyframe = vec![rows.len(); rows.len()];
        for place in (1..rows.len()).rev() {
            next_keyframe[place - 1] = if rows[place].is_keyframe() { place } else { next_keyframe[place] };
        }
        Self { next_keyframe }
    }

    /// Tells `each` what holds of a key, from which layer on, and before which.
    pub(crate) fn stretches(
        &self,
        all: Vec<Said>,
        each: &mut dyn FnMut(&Held, usize, usize),
    ) -> Result<(), ReadError> {
        let mut held: Option<Held> = None;
        let mut said = all.into_iter().peekable();
        while let Some(Said { layer, entry }) = said.next() {
            let next = said.peek().map_or(self.next_keyframe.len(), |next| next.layer);
            let end = next.min(self.next_keyframe[layer]);
            held = apply(held, entry)?;
            if let Some(held) = &held {
                each(held, layer, end);
            }
            if end < next {
                held = None;
            }
        }
        Ok(())
    }
}

/// Whether a row holds everything, or tells the difference to the row before it. Where it does not, a run was
/// lost between them.
pub(crate) fn is_linked(before: Option<&DatasetRow>, row: &DatasetRow) -> bool {
    row.follows.as_ref().is_none_or(|follows| before.is_some_and(|before| before.run == *follows))
}

/// The last word on a key, with the last line that was given for it.
pub(crate) fn settle(all: Vec<Said>) -> Result<Option<Held>, ReadError> {
    let mut held: Option<Held> = None;
    for Said { entry, .. } in all {
        held = apply(held, entry)?;
    }
    Ok(held)
}

/// What holds of a key after one more entry.
pub(crate) fn apply(held: Option<Held>, entry: Entry) -> Result<Option<Held>, ReadError> {
    if entry.state == State::Removed {
        return Ok(None);
    }
    match (entry.line, held) {
        (Some(line), _) => Ok(Some(Held { key: entry.key, state: entry.state, line })),
        (None, Some(held)) => Ok(Some(Held { state: entry.state, ..held })),
        (None, None) => Err(ReadError::damaged(
            format!("the chain of record {:?}", String::from_utf8_lossy(&entry.key)),
            "a run refers to a line that no run before it holds",
        )),
    }
}
