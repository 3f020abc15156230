//! Layers over one another: for each key, what each run of a chain says of it.

use super::group::{Entry, State};
use super::layer::Layer;
use crate::error::ReadError;
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

/// Merges layers: yields each key once, with all that the layers say of it, earliest first.
pub(crate) struct Overlay<'s> {
    layers: Vec<Layer<'s>>,
    heap: BinaryHeap<Head>,
    failed: bool,
}

impl<'s> Overlay<'s> {
    pub(crate) fn new(layers: Vec<Layer<'s>>) -> Result<Self, ReadError> {
        let mut overlay = Self { heap: BinaryHeap::with_capacity(layers.len()), layers, failed: false };
        for layer in 0..overlay.layers.len() {
            overlay.refill(layer)?;
        }
        Ok(overlay)
    }

    fn refill(&mut self, layer: usize) -> Result<(), ReadError> {
        if let Some(entry) = self.layers[layer].next() {
            self.heap.push(Head { said: Said { layer, entry: entry? } });
        }
        Ok(())
    }

    fn take(&mut self) -> Result<Option<Vec<Said>>, ReadError> {
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
