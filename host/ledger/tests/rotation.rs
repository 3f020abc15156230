//! Following a log's keys through rotations, and every way to slip another key in.
#![allow(clippy::unwrap_used, clippy::panic)]

use exhibit_evidence::canonical::Value;
use exhibit_evidence::digest::Digest;
use exhibit_ledger::checkpoint::Checkpoint;
use exhibit_ledger::key::{SigningKey, VerifierKey};
use exhibit_ledger::rotation::{KeyChain, Rotation, RotationError};
use exhibit_ledger::statement::{LeafKind, Statement};
use exhibit_ledger::tree::{Tree, leaf_hash};

fn key(n: u8) -> SigningKey {
    SigningKey::from_seed("evidence.example.com/ledger", &[n; 32]).unwrap()
}

fn verifier(n: u8) -> VerifierKey {
    key(n).verifier().clone()
}

fn run(n: u8) -> Vec<u8> {
    let statement = Statement::new(LeafKind::Run, "manifest.json", Digest::of("m"), Value::object([]));
    statement.to_leaf(&key(n)).unwrap()
}

/// A leaf that rotates from `old` to `new`, signed by `signer`.
fn rotation(old: u8, new: VerifierKey, signer: u8) -> Vec<u8> {
    let at = "2026-03-04T10:00:00Z".parse().unwrap();
    let rotation = Rotation { at, old: verifier(old), new, reason: "yearly".into() };
    rotation.statement().unwrap().to_leaf(&key(signer)).unwrap()
}

fn follow(first: u8, leaves: &[Vec<u8>]) -> Result<KeyChain, RotationError> {
    let mut chain = KeyChain::new(verifier(first));
    for (index, leaf) in (0..).zip(leaves) {
        chain.read(index, leaf)?;
    }
    Ok(chain)
}

fn checkpoint(leaves: &[Vec<u8>], signer: u8) -> Checkpoint {
    Checkpoint::sign(Tree::new(leaves.iter().map(leaf_hash)).head(), &key(signer)).unwrap()
}

#[test]
fn any_key_of_the_chain_can_be_pinned() {
    let leaves = [run(1), rotation(1, verifier(2), 1), run(2), rotation(2, verifier(3), 2), run(3)];
    let chain = follow(1, &leaves).unwrap();
    assert_eq!(chain.keys().cloned().collect::<Vec<_>>(), [verifier(1), verifier(2), verifier(3)]);
    let last = checkpoint(&leaves, 3);
    for pinned in 1..=3 {
        chain.close(&last, Some(&verifier(pinned))).unwrap();
    }
    chain.close(&last, None).unwrap();
    assert!(matches!(chain.close(&last, Some(&verifier(4))), Err(RotationError::Unpinned(_))));
    for retired in 1..=2 {
        assert!(matches!(
            chain.close(&checkpoint(&leaves, retired), None),
            Err(RotationError::Checkpoint(_))
        ));
    }
}

#[test]
fn no_other_key_slips_in() {
    let elsewhere = SigningKey::from_seed("other.example.com", &[2; 32]).unwrap().verifier().clone();
    for (what, first, leaves, at) in [
        ("a retired key signs", 1, vec![rotation(1, verifier(2), 1), run(1)], 1),
        ("a coming key signs", 1, vec![run(2), rotation(1, verifier(2), 1)], 0),
        ("a key appoints itself", 1, vec![rotation(1, verifier(2), 2)], 0),
        ("a rotation from a key that is not in force", 1, vec![rotation(3, verifier(2), 1)], 0),
        ("a rotation to another log's key", 1, vec![rotation(1, elsewhere, 1)], 0),
        ("another key from the start", 9, vec![run(1)], 0),
    ] {
        match follow(first, &leaves) {
            Err(RotationError::Leaf { index, .. } | RotationError::OtherKey { index, .. }) => {
                assert_eq!(index, at, "{what}");
            }
            other => panic!("{what}: {other:?}"),
        }
    }
    let odd = Statement::new(LeafKind::KeyRotation, "key", Digest::of("k"), Value::object([]));
    let error = follow(1, &[odd.to_leaf(&key(1)).unwrap()]).unwrap_err();
    assert!(matches!(error, RotationError::Predicate { index: 0, .. }), "{error}");
}
