//! The seal: its leaf, its slots, and the coverage that the package shows.

use super::Checking;
use super::log::{Leaf, Log};
use crate::report::Finding;
use exhibit_evidence::control::ControlId;
use exhibit_evidence::digest::Digest;
use exhibit_evidence::period::CollectionPeriod;
use exhibit_evidence::run::RunId;
use exhibit_ledger::seal::{Addendum, Outcome, Seal, Slot};
use exhibit_ledger::statement::LeafKind;
use exhibit_ledger::upload::Upload;
use exhibit_package::contents::RunContents;
use exhibit_package::layout;
use exhibit_package::model::{ControlCoverage, Meta};
use std::collections::BTreeMap;

type Slots = BTreeMap<(ControlId, CollectionPeriod), Slot>;

pub(super) fn check(
    checking: &mut Checking<'_>,
    meta: &Meta,
    log: &Log,
    leaves: &[Leaf],
    runs: &BTreeMap<RunId, RunContents>,
) -> Result<Vec<ControlCoverage>, Finding> {
    let coverage: Vec<ControlCoverage> = checking.json(layout::COVERAGE)?;
    known_runs(&coverage, runs)?;
    known_uploads(&coverage, leaves)?;
    let Some(digest) = meta.seal else {
        checking
            .notes
            .push("the period is not sealed: what was expected of it is this package's word alone".into());
        return Ok(coverage);
    };
    let seal = seal(checking, meta, log, leaves, digest)?;
    let mut slots: Slots =
        seal.controls.into_iter().map(|slot| ((slot.control.clone(), slot.period), slot)).collect();
    let addenda = addenda(checking, leaves, digest, &mut slots)?;
    same_slots(&coverage, &slots)?;
    every_period(meta, &coverage)?;
    let with = if addenda > 0 { format!(", with {addenda} addenda") } else { String::new() };
    checking.ok("seal", format!("{} expected periods of {} controls{with}", slots.len(), coverage.len()));
    Ok(coverage)
}

/// Every run that the coverage names is in the package.
fn known_runs(coverage: &[ControlCoverage], runs: &BTreeMap<RunId, RunContents>) -> Result<(), Finding> {
    for control in coverage {
        for period in &control.periods {
            if let Some(run) = period.runs.iter().find(|run| !runs.contains_key(*run)) {
                let expected =
                    format!("run {run}, which had a part in {} of {}", period.period, control.control.id);
                return Err(Finding::new(layout::run(run, layout::run_file::MANIFEST), expected, "nothing"));
            }
        }
    }
    Ok(())
}

/// Every attached file that the coverage names is in the package, was attached to that very period; and what only people fill is not filled
/// without one.
fn known_uploads(coverage: &[ControlCoverage], leaves: &[Leaf]) -> Result<(), Finding> {
    for control in coverage {
        for period in &control.periods {
            for index in &period.uploads {
                let expected = format!("a file attached to {} of {}", period.period, control.control.id);
                let path = layout::leaf(*index, layout::leaf_file::DOCUMENT);
                let leaf = leaves.iter().find(|leaf| leaf.contents.index == *index);
                let Some(leaf) = leaf.filter(|leaf| leaf.document.is_some()) else {
                    return Err(Finding::new(path, expected, "nothing"));
                };
                match Upload::of(&leaf.statement) {
                    Some(upload)
                        if upload.control == control.control.id && upload.period == period.period => {}
                    Some(upload) => {
                        let found = format!("one attached to {} of {}", upload.period, upload.control);
                        return Err(Finding::new(path, expected, found));
                    }
                    None => return Err(Finding::new(path, expected, "a leaf of another kind")),
                }
            }
            let needs = control.control.manual.is_some() && control.control.evidence.is_empty();
            if needs && period.outcome == Outcome::Filled && period.uploads.is_empty() {
                let expected = format!(
                    "a file attached to {} of {}, which is filled",
                    period.period, control.control.id
                );
                return Err(Finding::new(layout::COVERAGE, expected, "none"));
            }
        }
    }
    Ok(())
}

fn seal(
    checking: &mut Checking<'_>,
    meta: &Meta,
    log: &Log,
    leaves: &[Leaf],
    digest: Digest,
) -> Result<Seal, Finding> {
    checking.same_digest(layout::SEAL, digest, layout::PACKAGE)?;
    let bytes = checking.document(layout::SEAL)?;
    let seal = Seal::parse(&bytes).map_err(|e| Finding::new(layout::SEAL, "a seal", e))?;
    let is_its_leaf = |leaf: &&Leaf| {
        leaf.statement.kind == LeafKind::Seal && leaf.statement.subject().is_some_and(|s| s.digest == digest)
    };
    if !leaves.iter().any(|leaf| is_its_leaf(&leaf)) {
        let expected = format!("a seal that a leaf of the log is about (sha256 {digest})");
        return Err(Finding::new(layout::SEAL, expected, "no such leaf is in the package"));
    }
    if seal.period != meta.period || seal.simulated != meta.simulated {
        let expected = format!("the seal of {}, simulated: {}", meta.period, meta.simulated);
        let found = format!("that of {}, simulated: {}", seal.period, seal.simulated);
        return Err(Finding::new(layout::SEAL, expected, found));
    }
    let head = log.head_at(seal.tree_size);
    if head != seal.head() {
        let expected = format!("the root of the log's first {} leaves, {}", seal.tree_size, head.root);
        return Err(Finding::new(layout::SEAL, expected, seal.root));
    }
    Ok(seal)
}

/// Lays what the disclosed addenda to this seal say over its slots. Answers with their number.
fn addenda(
    checking: &Checking<'_>,
    leaves: &[Leaf],
    seal: Digest,
    slots: &mut Slots,
) -> Result<usize, Finding> {
    let mut count = 0;
    let mut previous = None;
    for leaf in leaves.iter().filter(|leaf| leaf.statement.kind == LeafKind::Addendum) {
        let path = layout::leaf(leaf.contents.index, layout::leaf_file::DOCUMENT);
        let Some(bytes) = &leaf.document else { continue };
        let addendum = Addendum::parse(bytes).map_err(|e| Finding::new(&path, "an addendum to a seal", e))?;
        if addendum.seal != seal {
            continue;
        }
        if addendum.previous != previous {
            let name = |digest: Option<Digest>| digest.map_or_else(|| "none".to_owned(), |d| d.to_string());
            return Err(Finding::new(
                path,
                format!("the addendum after {}", name(previous)),
                name(addendum.previous),
            ));
        }
        previous = Some(checking.digest(&path)?);
        slots.extend(addendum.controls.into_iter().map(|slot| ((slot.control.clone(), slot.period), slot)));
        count += 1;
    }
    Ok(count)
}

/// The coverage says what the seal says, no more and no less.
fn same_slots(coverage: &[ControlCoverage], slots: &Slots) -> Result<(), Finding> {
    let mut shown = Slots::new();
    for control in coverage {
        for period in &control.periods {
            let slot = Slot {
                control: control.control.id.clone(),
                period: period.period,
                outcome: period.outcome,
                reason: period.reason.clone(),
                runs: period.runs.clone(),
                uploads: period.uploads.clone(),
            };
            shown.insert((slot.control.clone(), slot.period), slot);
        }
    }
    let words = |slot: Option<&Slot>| match slot {
        Some(slot) => {
            let reason = slot.reason.as_ref().map_or_else(String::new, |reason| format!(", {reason}"));
            format!(
                "{} {}: {}{reason}, {} runs",
                slot.control,
                slot.period,
                slot.outcome.word(),
                slot.runs.len()
            )
        }
        None => "nothing".to_owned(),
    };
    for key in slots.keys().chain(shown.keys()) {
        let (sealed, shown) = (slots.get(key), shown.get(key));
        if sealed != shown {
            let expected = format!("what the seal says of {} {}: {}", key.0, key.1, words(sealed));
            return Err(Finding::new(layout::COVERAGE, expected, words(shown)));
        }
    }
    Ok(())
}

/// No period that a control's frequency asks for is left out of the seal.
fn every_period(meta: &Meta, coverage: &[ControlCoverage]) -> Result<(), Finding> {
    for control in coverage {
        let listed: Vec<CollectionPeriod> = control.periods.iter().map(|p| p.period).collect();
        let asked = control.control.frequency.periods_in(meta.period.span());
        if listed != asked {
            let first = asked.iter().find(|period| !listed.contains(period));
            let found = first.map_or_else(|| "others".to_owned(), |period| format!("{period} is not listed"));
            let expected = format!("every period of {} in {}", control.control.id, meta.period);
            return Err(Finding::new(layout::SEAL, expected, found));
        }
    }
    Ok(())
}
