//! Inclusion and consistency proofs: RFC 9162 sections 2.1.3 and 2.1.4 (the same hashes in the same order as
//! RFC 6962 sections 2.1.1 and 2.1.2).
//!
//! Making a proof asks a `Nodes` for complete subtrees, wherever they are kept; checking one needs nothing
//! but the proof, and never panics whatever is handed in.

use crate::tree::{TreeHead, empty_root, fold_peaks, node_hash};
use exhibit_evidence::digest::Digest;

/// Why a proof cannot be made, or does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The leaf asked about is not in the tree.
    #[error("there is no leaf {index} in a tree of {size}: leaves are numbered from 0")]
    NoSuchLeaf {
        /// The leaf.
        index: u64,
        /// Leaves in the tree.
        size: u64,
    },
    /// The tree that should be the earlier one is the larger.
    #[error(
        "a tree of {old} leaves cannot be the beginning of one of {new}: the newer one is missing leaves"
    )]
    OldIsLarger {
        /// Leaves of the earlier tree.
        old: u64,
        /// Leaves of the later tree.
        new: u64,
    },
    /// The proof has too few or too many hashes for trees of these sizes.
    #[error(
        "the proof's {got} hashes do not fit trees of these sizes: it was cut, padded, or made for others"
    )]
    WrongLength {
        /// Hashes in the proof.
        got: usize,
    },
    /// The proof leads to another root.
    #[error(
        "the proof leads to root {computed} and not to {expected}: a leaf, the proof or the root was changed"
    )]
    OtherRoot {
        /// Where it leads.
        computed: Digest,
        /// What was claimed.
        expected: Digest,
    },
}

/// Where complete subtrees are kept.
pub(crate) trait Nodes {
    /// Why a subtree cannot be had.
    type Error;

    /// The root over leaves `index << level .. (index + 1) << level`. Asked only for subtrees that lie wholly
    /// inside the tree.
    fn node(&self, level: u32, index: u64) -> Result<Digest, Self::Error>;
}

pub(crate) fn check_index(index: u64, size: u64) -> Result<(), ProofError> {
    if index < size { Ok(()) } else { Err(ProofError::NoSuchLeaf { index, size }) }
}

pub(crate) fn check_sizes(old: u64, new: u64) -> Result<(), ProofError> {
    if old <= new { Ok(()) } else { Err(ProofError::OldIsLarger { old, new }) }
}

/// The root over leaves `start..end`, as far as `start` is where a subtree of that size begins.
pub(crate) fn range_root<N: Nodes>(nodes: &N, start: u64, end: u64) -> Result<Digest, N::Error> {
    let mut peaks = Vec::new();
    let mut at = start;
    while at < end {
        let level = (end - at).ilog2();
        peaks.push(nodes.node(level, at >> level)?);
        at += 1 << level;
    }
    Ok(fold_peaks(&peaks))
}

/// The largest power of two below `n`, which is at least 2: where RFC 6962 splits `n` leaves.
fn split(n: u64) -> u64 {
    1 << (n - 1).ilog2()
}

/// The inclusion proof of leaf `index`, which is below `size`.
pub(crate) fn inclusion<N: Nodes>(nodes: &N, index: u64, size: u64) -> Result<Vec<Digest>, N::Error> {
    let (mut start, mut end) = (0, size);
    let mut from_the_root = Vec::new();
    while end - start > 1 {
        let middle = start + split(end - start);
        if index < middle {
            from_the_root.push(range_root(nodes, middle, end)?);
            end = middle;
        } else {
            from_the_root.push(range_root(nodes, start, middle)?);
            start = middle;
        }
    }
    from_the_root.reverse();
    Ok(from_the_root)
}

/// The consistency proof between the first `old` leaves and all `new`, where `old <= new`.
pub(crate) fn consistency<N: Nodes>(nodes: &N, old: u64, new: u64) -> Result<Vec<Digest>, N::Error> {
    if old == 0 {
        return Ok(Vec::new());
    }
    let (mut start, mut end) = (0, new);
    let mut from_the_root = Vec::new();
    while old < end {
        let middle = start + split(end - start);
        if old <= middle {
            from_the_root.push(range_root(nodes, middle, end)?);
            end = middle;
        } else {
            from_the_root.push(range_root(nodes, start, middle)?);
            start = middle;
        }
    }
    // The old tree ends here. Its root is known to the checker, unless it began further right.
    if start > 0 {
        from_the_root.push(range_root(nodes, start, end)?);
    }
    from_the_root.reverse();
    Ok(from_the_root)
}

/// Checks that `leaf` (a leaf hash) stands at `index` under `head`.
///
/// # Errors
/// [`ProofError`] where it does not, or the proof does not fit.
pub fn verify_inclusion(
    leaf: &Digest,
    index: u64,
    path: &[Digest],
    head: &TreeHead,
) -> Result<(), ProofError> {
    check_index(index, head.size)?;
    let wrong_length = ProofError::WrongLength { got: path.len() };
    let (mut node, mut last) = (index, head.size - 1);
    let mut hash = *leaf;
    for sibling in path {
        if last == 0 {
            return Err(wrong_length);
        }
        if node % 2 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            // A node without a right neighbour rises until it is someone's right child.
            while node.is_multiple_of(2) && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(wrong_length);
    }
    same_root(hash, head.root)
}

/// Checks that the tree of `new` begins with exactly the leaves of `old`.
///
/// # Errors
/// [`ProofError`] where it does not, or the proof does not fit.
pub fn verify_consistency(path: &[Digest], old: &TreeHead, new: &TreeHead) -> Result<(), ProofError> {
    check_sizes(old.size, new.size)?;
    let wrong_length = || ProofError::WrongLength { got: path.len() };
    if old.size == 0 || old.size == new.size {
        if !path.is_empty() {
            return Err(wrong_length());
        }
        return same_root(old.root, if old.size == 0 { empty_root() } else { new.root });
    }
    let (mut node, mut last) = (old.size - 1, new.size - 1);
    let complete_levels = node.trailing_ones();
    node >>= complete_levels;
    last >>= complete_levels;
    // Where the old tree is one complete subtree, its root is not repeated in the proof.
    let (seed, rest) = if node == 0 {
        (old.root, path)
    } else {
        path.split_first().map(|(s, r)| (*s, r)).ok_or_else(wrong_length)?
    };
    let (mut old_hash, mut new_hash) = (seed, seed);
    for sibling in rest {
        if last == 0 {
            return Err(wrong_length());
        }
        if node % 2 == 1 || node == last {
            old_hash = node_hash(sibling, &old_hash);
            new_hash = node_hash(sibling, &new_hash);
            while node.is_multiple_of(2) && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            new_hash = node_hash(&new_hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(wrong_length());
    }
    same_root(old_hash, old.root)?;
    same_root(new_hash, new.root)
}

fn same_root(computed: Digest, expected: Digest) -> Result<(), ProofError> {
    if computed == expected { Ok(()) } else { Err(ProofError::OtherRoot { computed, expected }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{Tree, leaf_hash};
    use crate::vectors;
    use proptest::prelude::*;

    fn tree(size: u64) -> Tree {
        Tree::new((0..size).map(|n| leaf_hash(n.to_be_bytes())))
    }

    fn ct_tree(size: u64) -> Tree {
        Tree::new(vectors::leaves()[..size as usize].iter().map(leaf_hash))
    }

    #[test]
    fn proofs_of_the_certificate_transparency_vectors() {
        for (index, size, path) in vectors::INCLUSION {
            let tree = ct_tree(size);
            assert_eq!(tree.inclusion(index).unwrap(), vectors::path(path), "{index} in {size}");
            verify_inclusion(&tree.leaf(index).unwrap(), index, &vectors::path(path), &tree.head()).unwrap();
        }
        for (old, new, path) in vectors::CONSISTENCY {
            let (old, new) = (ct_tree(old), ct_tree(new));
            assert_eq!(new.consistency(old.size()).unwrap(), vectors::path(path));
            verify_consistency(&vectors::path(path), &old.head(), &new.head()).unwrap();
        }
    }

    /// Every proof of every tree up to 70 leaves, against the proofs that the crate `tlog_tiles` makes.
    #[test]
    fn proofs_are_those_of_tlog_tiles() {
        struct Stored(Vec<tlog_tiles::Hash>);
        impl tlog_tiles::HashReader for Stored {
            fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog_tiles::Hash>, tlog_tiles::Error> {
                Ok(indexes.iter().map(|i| self.0[*i as usize]).collect())
            }
        }
        let mut stored = Stored(Vec::new());
        for size in 1..=70u64 {
            let more = tlog_tiles::stored_hashes(size - 1, &(size - 1).to_be_bytes(), &stored).unwrap();
            stored.0.extend(more);
            let tree = tree(size);
            assert_eq!(tree.root().0, tlog_tiles::tree_hash(size, &stored).unwrap().0);
            for index in 0..size {
                let theirs = tlog_tiles::prove_record(size, index, &stored).unwrap();
                let theirs: Vec<Digest> = theirs.iter().map(|hash| Digest(hash.0)).collect();
                assert_eq!(tree.inclusion(index).unwrap(), theirs, "{index} in {size}");
            }
            for old in 1..=size {
                let theirs = tlog_tiles::prove_tree(size, old, &stored).unwrap();
                let theirs: Vec<Digest> = theirs.iter().map(|hash| Digest(hash.0)).collect();
                assert_eq!(tree.consistency(old).unwrap(), theirs, "{old} to {size}");
            }
        }
    }

    #[test]
    fn what_cannot_be_proven_is_refused() {
        let tree = tree(5);
        assert_eq!(tree.inclusion(5), Err(ProofError::NoSuchLeaf { index: 5, size: 5 }));
        assert_eq!(tree.consistency(6), Err(ProofError::OldIsLarger { old: 6, new: 5 }));
        let head = tree.head();
        let leaf = tree.leaf(0).unwrap();
        assert!(verify_inclusion(&leaf, 0, &[], &TreeHead::empty()).is_err());
        assert!(verify_consistency(&[], &head, &TreeHead::empty()).is_err());
        // Any tree begins with the empty one, and with itself; but not with another root of the same size.
        verify_consistency(&[], &TreeHead::empty(), &head).unwrap();
        verify_consistency(&[], &head, &head).unwrap();
        let forged = TreeHead { root: leaf, ..head };
        assert!(matches!(verify_consistency(&[], &forged, &head), Err(ProofError::OtherRoot { .. })));
        let not_empty = TreeHead { size: 0, root: leaf };
        assert!(verify_consistency(&[], &not_empty, &head).is_err());
        // Sizes at the end of what can be written must not overflow anything.
        let vast = TreeHead { size: u64::MAX, root: leaf };
        assert!(verify_inclusion(&leaf, u64::MAX - 1, &[leaf; 64], &vast).is_err());
        assert!(verify_consistency(&[leaf; 64], &TreeHead { size: 1 << 63, root: leaf }, &vast).is_err());
    }

    /// What can be done to a proof: change, drop, add or exchange a hash.
    fn altered(path: &[Digest], how: usize, at: usize) -> Vec<Digest> {
        let mut path = path.to_vec();
        let length = path.len();
        let at = if length == 0 { 0 } else { at % length };
        match how {
            0 if !path.is_empty() => path[at].0[at % 32] ^= 1 << (at % 8),
            1 if !path.is_empty() => drop(path.remove(at)),
            2 if length > 1 => path.swap(at, (at + 1) % length),
            _ => path.insert(at, leaf_hash(b"another")),
        }
        path
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]
        #[test]
        fn inclusion_holds_and_nothing_else_does(size in 1u64..2000, pick in any::<u64>(), how in 0usize..4, at in 0usize..64) {
            let (tree, index) = (tree(size), pick % size);
            let (head, leaf) = (tree.head(), tree.leaf(index).unwrap());
            let path = tree.inclusion(index).unwrap();
            prop_assert!(path.len() <= 11);
            verify_inclusion(&leaf, index, &path, &head).unwrap();
            prop_assert!(verify_inclusion(&leaf, index, &altered(&path, how, at), &head).is_err());
            prop_assert!(verify_inclusion(&leaf_hash(b"another"), index, &path, &head).is_err());
            let other = TreeHead { root: leaf_hash(b"x"), ..head };
            prop_assert!(verify_inclusion(&leaf, index, &path, &other).is_err());
            let elsewhere = pick.rotate_left(7) % size;
            prop_assert_eq!(verify_inclusion(&leaf, elsewhere, &path, &head).is_ok(), elsewhere == index);
        }

        #[test]
        fn consistency_holds_and_nothing_else_does(size in 1u64..2000, pick in any::<u64>(), how in 0usize..4, at in 0usize..64) {
            let (new, old) = (tree(size), tree(1 + pick % size));
            let path = new.consistency(old.size()).unwrap();
            verify_consistency(&path, &old.head(), &new.head()).unwrap();
            prop_assert!(verify_consistency(&altered(&path, how, at), &old.head(), &new.head()).is_err());
            let other = TreeHead { root: leaf_hash(b"x"), size: old.size() };
            prop_assert!(verify_consistency(&path, &other, &new.head()).is_err());
            let other = TreeHead { root: leaf_hash(b"x"), size };
            prop_assert!(verify_consistency(&path, &old.head(), &other).is_err());
        }

        #[test]
        fn any_path_is_an_answer(index in any::<u64>(), size in any::<u64>(), old in any::<u64>(), hashes in 0usize..80) {
            let path = vec![leaf_hash(b"n"); hashes];
            let head = TreeHead { size, root: leaf_hash(b"r") };
            prop_assert!(verify_inclusion(&leaf_hash(b"l"), index, &path, &head).is_err());
            let old = TreeHead { size: old.max(1), root: leaf_hash(b"o") };
            prop_assert!(verify_consistency(&path, &old, &head).is_err());
        }
    }
}
