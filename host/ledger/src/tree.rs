//! Merkle tree hashing as in RFC 6962 section 2.1 (the same in RFC 9162), with SHA-256.
//!
//! A leaf's hash is SHA-256(0x00 ‖ data), a node's SHA-256(0x01 ‖ left ‖ right), the empty tree's root
//! SHA-256 of nothing. [`Frontier`] takes leaves one by one and holds one hash for each bit of the size;
//! [`Tree`] holds every complete subtree, for those who want many proofs of one tree.

use crate::proof::{self, Nodes, ProofError};
use exhibit_evidence::digest::{Digest, Hasher};
use std::convert::Infallible;

/// A tree's size and root: what a checkpoint signs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TreeHead {
    /// Number of leaves.
    pub size: u64,
    /// Merkle root over them.
    pub root: Digest,
}

impl TreeHead {
    /// The head of a tree without leaves.
    pub fn empty() -> Self {
        Self { size: 0, root: empty_root() }
    }
}

/// The hash of a leaf holding `data`.
pub fn leaf_hash(data: impl AsRef<[u8]>) -> Digest {
    let mut hasher = Hasher::default();
    hasher.update([0x00]).update(data);
    hasher.finish()
}

/// The hash of the node above `left` and `right`.
pub fn node_hash(left: &Digest, right: &Digest) -> Digest {
    let mut hasher = Hasher::default();
    hasher.update([0x01]).update(left.as_bytes()).update(right.as_bytes());
    hasher.finish()
}

/// The root of a tree without leaves.
pub fn empty_root() -> Digest {
    Digest::of([])
}

/// Folds the roots of complete subtrees, largest (leftmost) first, into the root of them all.
pub(crate) fn fold_peaks(peaks: &[Digest]) -> Digest {
    let mut right_to_left = peaks.iter().rev();
    let Some(last) = right_to_left.next() else { return empty_root() };
    right_to_left.fold(*last, |right, left| node_hash(left, &right))
}

/// The root of a complete subtree over `hashes`, whose number is a power of two.
pub(crate) fn complete_root(hashes: &[Digest]) -> Digest {
    debug_assert!(hashes.len().is_power_of_two());
    match hashes {
        [only] => *only,
        _ => {
            let (left, right) = hashes.split_at(hashes.len() / 2);
            node_hash(&complete_root(left), &complete_root(right))
        }
    }
}

/// A tree in the making: leaf hashes go in, left to right, and the root is known at any time. Holds at most
/// one hash for each bit of the size, however many leaves there are.
#[derive(Clone, Debug, Default)]
pub struct Frontier {
    size: u64,
    /// Roots of the complete subtrees, largest first: one for each set bit of `size`.
    peaks: Vec<Digest>,
}

impl Frontier {
    /// A tree without leaves.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a leaf by its hash.
    pub fn push(&mut self, leaf: Digest) {
        let mut hash = leaf;
        // Each trailing one bit of the old size is a complete subtree that this leaf completes further.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                hash = node_hash(&left, &hash);
            }
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    /// Number of leaves so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Root over the leaves so far.
    pub fn root(&self) -> Digest {
        fold_peaks(&self.peaks)
    }

    /// Size and root so far.
    pub fn head(&self) -> TreeHead {
        TreeHead { size: self.size, root: self.root() }
    }
}

impl Extend<Digest> for Frontier {
    fn extend<I: IntoIterator<Item = Digest>>(&mut self, leaves: I) {
        leaves.into_iter().for_each(|leaf| self.push(leaf));
    }
}

/// The root over leaf hashes, in order, in memory that grows with the logarithm of their number.
pub fn root_of(leaves: impl IntoIterator<Item = Digest>) -> Digest {
    let mut frontier = Frontier::new();
    frontier.extend(leaves);
    frontier.root()
}

/// A tree in memory: 64 bytes a leaf, and every proof in logarithmic time.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// `levels[l][i]` is the root over leaves `i << l .. (i + 1) << l`; complete subtrees only.
    levels: Vec<Vec<Digest>>,
}

impl Tree {
    /// The tree over these leaf hashes, in order.
    pub fn new(leaves: impl IntoIterator<Item = Digest>) -> Self {
        let mut tree = Self::default();
        tree.extend(leaves);
        tree
    }

    /// Adds a leaf by its hash.
    pub fn push(&mut self, leaf: Digest) {
        let mut hash = leaf;
        for level in 0.. {
            if self.levels.len() == level {
                self.levels.push(Vec::new());
            }
            let row = &mut self.levels[level];
            row.push(hash);
            if row.len() % 2 == 1 {
                return;
            }
            hash = node_hash(&row[row.len() - 2], &hash);
        }
    }

    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.levels.first().map_or(0, |leaves| leaves.len() as u64)
    }

    /// Root over all leaves.
    pub fn root(&self) -> Digest {
        let Ok(root) = proof::range_root(self, 0, self.size());
        root
    }

    /// Size and root.
    pub fn head(&self) -> TreeHead {
        TreeHead { size: self.size(), root: self.root() }
    }

    /// The leaf hash at `index`.
    pub fn leaf(&self, index: u64) -> Option<Digest> {
        self.levels.first()?.get(usize::try_from(index).ok()?).copied()
    }

    /// The inclusion proof of the leaf at `index`: hashes from the leaf's sibling up to the root's child.
    ///
    /// # Errors
    /// [`ProofError::NoSuchLeaf`] where `index` is not below the size.
    pub fn inclusion(&self, index: u64) -> Result<Vec<Digest>, ProofError> {
        proof::check_index(index, self.size())?;
        let Ok(path) = proof::inclusion(self, index, self.size());
        Ok(path)
    }

    /// The proof that this tree begins with the `old_size` leaves of an earlier one.
    ///
    /// # Errors
    /// [`ProofError::OldIsLarger`] where `old_size` is above the size.
    pub fn consistency(&self, old_size: u64) -> Result<Vec<Digest>, ProofError> {
        proof::check_sizes(old_size, self.size())?;
        let Ok(path) = proof::consistency(self, old_size, self.size());
        Ok(path)
    }
}

impl Extend<Digest> for Tree {
    fn extend<I: IntoIterator<Item = Digest>>(&mut self, leaves: I) {
        leaves.into_iter().for_each(|leaf| self.push(leaf));
    }
}

impl Nodes for Tree {
    type Error = Infallible;

    fn node(&self, level: u32, index: u64) -> Result<Digest, Infallible> {
        // In bounds: proofs ask only for complete subtrees below the size that was checked.
        Ok(self.levels[level as usize][index as usize])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vectors;

    #[test]
    fn roots_of_the_certificate_transparency_vectors() {
        let mut frontier = Frontier::new();
        let mut tree = Tree::default();
        assert_eq!(frontier.root().to_string(), vectors::EMPTY_ROOT);
        assert_eq!(tree.root().to_string(), vectors::EMPTY_ROOT);
        for (leaf, root) in vectors::leaves().iter().zip(vectors::ROOTS) {
            frontier.push(leaf_hash(leaf));
            tree.push(leaf_hash(leaf));
            assert_eq!(frontier.root().to_string(), root);
            assert_eq!(tree.root().to_string(), root);
        }
        assert_eq!(frontier.size(), 8);
        assert_eq!(tree.size(), 8);
    }

    #[test]
    fn a_frontier_stays_small() {
        let mut frontier = Frontier::new();
        frontier.extend((0..100_000u32).map(|n| leaf_hash(n.to_be_bytes())));
        assert_eq!(frontier.peaks.len(), 100_000u32.count_ones() as usize);
    }
}
