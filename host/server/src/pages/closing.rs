//! What was closed: seals of audit periods.

use super::visit::Visit;
use super::{Drawn, Page, Section, Trouble, link};
use exhibit_evidence::digest::Digest;
use exhibit_ledger::seal::Seal;
use exhibit_ledger::statement::LeafKind;
use exhibit_package::html::markup::{counted, escape, grouped, minute};
use exhibit_package::model::OUTCOMES;
use exhibit_package::put;

/// Seals of the periods that may be seen.
pub(super) fn seals_page(visit: &Visit) -> Drawn {
    let mut out = String::from(
        "<h1>Seals</h1>\n<p class=\"lead\">A seal closes an audit period: it lists every expected collection period with what \
         became of it, under a signed checkpoint.</p>\n",
    );
    let seals = seals(visit)?;
    if seals.is_empty() {
        out.push_str("<p class=\"empty\">No period is sealed yet.</p>\n");
    }
    for (leaf, seal) in &seals {
        one(&mut out, *leaf, seal);
    }
    Ok(Page::new(Section::Seals, "Seals", out))
}

/// Every seal, newest first, of those that may be seen: an auditor's is that of the engagement.
fn seals(visit: &Visit) -> Result<Vec<(u64, Seal)>, Trouble> {
    let mut seals = Vec::new();
    for leaf in visit.host.store.leaves(Some(LeafKind::Seal))?.into_iter().rev() {
        let Some(bytes) = visit.host.store.document(leaf.index)? else { continue };
        let seal = Seal::parse(&bytes).map_err(|error| Trouble::failed(error.to_string()))?;
        if visit.engagement().is_none_or(|engagement| engagement.span() == seal.period.span()) {
            seals.push((leaf.index, seal));
        }
    }
    Ok(seals)
}

fn one(out: &mut String, leaf: u64, seal: &Seal) {
    let counts = seal.counts();
    put!(
        out,
        "<section class=\"card\"><h2 class=\"small\">{}</h2><p>Sealed on {}, {} expected.</p><p class=\"tally\">",
        escape(&seal.period),
        minute(seal.sealed_at),
        counted(seal.controls.len(), "period", "periods")
    );
    for outcome in OUTCOMES {
        if let Some(count) = counts.get(&outcome).filter(|count| **count > 0) {
            put!(out, "<span class=\"badge {0}\">{1} {0}</span> ", outcome.word(), grouped(*count));
        }
    }
    let digest = seal.to_bytes().map_or_else(|_| String::new(), |bytes| Digest::of(bytes).to_string());
    put!(
        out,
        "</p><p>Document <code>{digest}</code>, <a href=\"{}\">leaf {leaf}</a> of the ledger. \
         <a href=\"{}\">The calendar of {}</a></p></section>\n",
        link::leaf(leaf),
        escape(link::with("/calendar", &[("period", seal.period.name())])),
        escape(&seal.period)
    );
}
