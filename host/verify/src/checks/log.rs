//! The log: its key, its checkpoint, its leaf hashes, the leaves that are disclosed, the timestamp.

use super::Checking;
use crate::report::Finding;
use exhibit_evidence::digest::Digest;
use exhibit_ledger::checkpoint::Checkpoint;
use exhibit_ledger::key::VerifierKey;
use exhibit_ledger::statement::Statement;
use exhibit_ledger::timestamp;
use exhibit_ledger::tlog_proof::TlogProof;
use exhibit_ledger::tree::{Frontier, TreeHead, leaf_hash};
use exhibit_package::contents::LeafContents;
use exhibit_package::layout::{self, leaf_file};

/// The log as the package shows it, checkpoint and leaf hashes checked.
pub(super) struct Log {
    pub(super) key: VerifierKey,
    pub(super) checkpoint: Checkpoint,
    pub(super) leaves: Vec<Digest>,
}

/// A disclosed leaf that is not a run's.
pub(super) struct Leaf {
    pub(super) contents: LeafContents,
    pub(super) statement: Statement,
    /// The disclosed document.
    pub(super) document: Option<Vec<u8>>,
}

pub(super) fn check(checking: &mut Checking<'_>) -> Result<Log, Finding> {
    let key = key(checking)?;
    let bytes = checking.document(layout::CHECKPOINT)?;
    let checkpoint = Checkpoint::open(&bytes, key.name(), std::slice::from_ref(&key)).map_err(|e| {
        Finding::new(layout::CHECKPOINT, format!("a checkpoint of {} signed by {key}", key.name()), e)
    })?;
    let hashes = checking.document(layout::LEAF_HASHES)?;
    let (leaves, rest) = hashes.as_chunks::<32>();
    let leaves: Vec<Digest> = leaves.iter().copied().map(Digest).collect();
    let head = *checkpoint.head();
    if !rest.is_empty() || leaves.len() as u64 != head.size {
        let expected = format!("{} hashes of 32 bytes, as the checkpoint has leaves", head.size);
        return Err(Finding::new(layout::LEAF_HASHES, expected, format!("{} bytes", hashes.len())));
    }
    let log = Log { key, checkpoint, leaves };
    let root = log.head_at(head.size).root;
    if root != head.root {
        let expected = format!("leaf hashes under the checkpoint's root {}", head.root);
        return Err(Finding::new(layout::LEAF_HASHES, expected, format!("the root {root}")));
    }
    checking
        .ok("log", format!("{}: {} leaves under the signed checkpoint", log.checkpoint.origin(), head.size));
    earlier(checking, &log)?;
    Ok(log)
}

fn key(checking: &mut Checking<'_>) -> Result<VerifierKey, Finding> {
    let text = checking.document(layout::KEY)?;
    let text = String::from_utf8_lossy(&text).into_owned();
    let key: VerifierKey =
        text.trim_end().parse().map_err(|e| Finding::new(layout::KEY, "a verifier key", e))?;
    if text != format!("{key}\n") {
        return Err(Finding::new(layout::KEY, "a verifier key on one line", "more than that"));
    }
    let pem = checking.document(layout::KEY_PEM)?;
    if key.to_pem().map(String::into_bytes).ok() != Some(pem) {
        return Err(Finding::new(layout::KEY_PEM, format!("the key of {} as PEM", layout::KEY), "another"));
    }
    match &checking.options.key {
        Some(pinned) if *pinned != key => {
            Err(Finding::new(layout::KEY, format!("the key you gave, {pinned}"), &key))
        }
        _ => Ok(key),
    }
}

impl Log {
    /// The head that the log had at an earlier size.
    pub(super) fn head_at(&self, size: u64) -> TreeHead {
        let mut frontier = Frontier::new();
        frontier.extend(self.leaves.iter().copied().take(usize::try_from(size).unwrap_or(usize::MAX)));
        frontier.head()
    }

    /// Whether the log began with `other`; why not, otherwise.
    fn begins_with(&self, other: &Checkpoint) -> Result<(), String> {
        let head = other.head();
        if head.size > self.checkpoint.head().size {
            return Err(format!("it has {} leaves, more than the package's checkpoint", head.size));
        }
        let root = self.head_at(head.size).root;
        if root == head.root {
            Ok(())
        } else {
            Err(format!(
                "its {} leaves have the root {}, and the log's first {0} have {root}",
                head.size, head.root
            ))
        }
    }

    /// A leaf: signed, at its place, proven. `folder` ends with a slash.
    pub(super) fn leaf(
        &self,
        checking: &mut Checking<'_>,
        folder: &str,
    ) -> Result<(u64, Statement), Finding> {
        let path = format!("{folder}{}", leaf_file::STATEMENT);
        let bytes = checking.document(&path)?;
        let statement = Statement::from_leaf(&bytes, std::slice::from_ref(&self.key))
            .map_err(|e| Finding::new(&path, format!("a statement signed by {}", self.key), e))?;
        let proof_path = format!("{folder}{}", leaf_file::PROOF);
        let proof_bytes = checking.document(&proof_path)?;
        let proof = TlogProof::parse(&proof_bytes)
            .map_err(|e| Finding::new(&proof_path, "an inclusion proof (C2SP tlog-proof)", e))?;
        if proof.checkpoint != self.checkpoint {
            return Err(Finding::new(
                &proof_path,
                "a proof that leads to the package's checkpoint",
                "another checkpoint",
            ));
        }
        proof
            .verify(&bytes, self.checkpoint.origin(), std::slice::from_ref(&self.key))
            .map_err(|e| Finding::new(&proof_path, format!("a proof that {path} is in the log"), e))?;
        let place = usize::try_from(proof.index).ok().and_then(|index| self.leaves.get(index));
        if place != Some(&leaf_hash(&bytes)) {
            let expected = format!("leaf {} of {}", proof.index, layout::LEAF_HASHES);
            return Err(Finding::new(&path, expected, format!("the leaf hash {}", leaf_hash(&bytes))));
        }
        if proof.to_bytes() != proof_bytes {
            return Err(Finding::new(&proof_path, "a proof and nothing else", "something beside the proof"));
        }
        Ok((proof.index, statement))
    }
}

/// The log begins with the checkpoint that the auditor holds.
fn earlier(checking: &mut Checking<'_>, log: &Log) -> Result<(), Finding> {
    let Some(bytes) = &checking.options.checkpoint else { return Ok(()) };
    let expected = || "a log that begins with the checkpoint you gave".to_owned();
    let earlier = Checkpoint::open(bytes, log.key.name(), std::slice::from_ref(&log.key)).map_err(|e| {
        Finding::new(
            layout::CHECKPOINT,
            expected(),
            format!("a log of another name or key: your checkpoint: {e}"),
        )
    })?;
    log.begins_with(&earlier)
        .map_err(|e| Finding::new(layout::CHECKPOINT, expected(), format!("another log: {e}")))?;
    let size = earlier.head().size;
    checking.ok("consistency", format!("the first {size} leaves are those of the checkpoint you gave"));
    Ok(())
}

/// The disclosed leaves that are not runs.
pub(super) fn leaves(checking: &mut Checking<'_>, log: &Log) -> Result<Vec<Leaf>, Finding> {
    let mut folders: Vec<String> = checking
        .package
        .files_below(layout::LEAVES)
        .filter_map(|path| path.rsplit_once('/').map(|(folder, _)| format!("{folder}/")))
        .collect();
    folders.dedup();
    let mut leaves = Vec::new();
    for folder in folders {
        let (index, statement) = log.leaf(checking, &folder)?;
        if folder != layout::leaf(index, "") {
            return Err(Finding::new(
                folder,
                "the folder of the leaf whose number it bears",
                format!("leaf {index}"),
            ));
        }
        let path = layout::leaf(index, leaf_file::DOCUMENT);
        let statement_path = layout::leaf(index, leaf_file::STATEMENT);
        let mut document = None;
        if checking.package.has(&path) {
            let subject = statement.subject().map(|s| s.digest);
            let subject = subject.ok_or_else(|| Finding::new(&statement_path, "a subject", "none"))?;
            checking.same_digest(&path, subject, "the leaf's statement")?;
            document = Some(checking.document(&path)?);
        }
        let contents = LeafContents::of(index, &statement, document.is_some())
            .ok_or_else(|| Finding::new(&statement_path, "a subject", "none"))?;
        leaves.push(Leaf { contents, statement, document });
    }
    if !leaves.is_empty() {
        checking.ok("leaves", format!("{} beside the runs', each signed and in the log", leaves.len()));
    }
    Ok(leaves)
}

/// The outside authority's timestamp, where there is one.
pub(super) fn timestamp(checking: &mut Checking<'_>, log: &Log) -> Result<(), Finding> {
    if !checking.package.has(layout::TIMESTAMP) && !checking.package.has(layout::STAMPED) {
        checking.notes.push("no outside authority has stamped the log".into());
        return Ok(());
    }
    let stamped = checking.document(layout::STAMPED)?;
    let response = checking.document(layout::TIMESTAMP)?;
    let checkpoint = Checkpoint::open(&stamped, log.key.name(), std::slice::from_ref(&log.key))
        .map_err(|e| Finding::new(layout::STAMPED, format!("a checkpoint of {}", log.key.name()), e))?;
    log.begins_with(&checkpoint)
        .map_err(|e| Finding::new(layout::STAMPED, "a checkpoint that this log had", e))?;
    let expected = format!("an RFC 3161 timestamp of {}", layout::STAMPED);
    let failed = |e: timestamp::TimestampError| Finding::new(layout::TIMESTAMP, &expected, e);
    let size = checkpoint.head().size;
    match &checking.options.timestamp_ca {
        Some(roots) => {
            let stamp = timestamp::verify(&response, &stamped, None, roots).map_err(failed)?;
            checking.ok(
                "timestamp",
                format!("{size} leaves existed at {}, by an authority you trust", stamp.time),
            );
        }
        None => {
            let stamp = timestamp::read(&response, &stamped, None).map_err(failed)?;
            checking.notes.push(format!(
                "a timestamp says that {size} leaves existed at {}: give the authority's certificates with --timestamp-ca to \
                 check its signature",
                stamp.time
            ));
        }
    }
    Ok(())
}
