//! The closing of an audit period: every expected collection period with its outcome, under a signed checkpoint,
//! with an outside timestamp where an authority is configured.

use crate::coverage::{self, PeriodCoverage};
use crate::host::Host;
use exhibit_evidence::digest::Digest;
use exhibit_evidence::period::AuditPeriod;
use exhibit_ledger::seal::{Outcome, Seal, Slot};
use exhibit_ledger::statement::LeafKind;
use exhibit_store::Document;

/// Why a period cannot be sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealPeriodError {
    /// It is not over.
    #[error("{period} is not over: it ends on {end}")]
    NotOver {
        /// The period.
        period: AuditPeriod,
        /// Its end.
        end: exhibit_evidence::time::Timestamp,
    },
    /// It is sealed already.
    #[error("{period} was sealed on {at}; a seal is never edited")]
    Sealed {
        /// The period.
        period: AuditPeriod,
        /// When.
        at: exhibit_evidence::time::Timestamp,
    },
    /// The store cannot be read or written.
    #[error("{period} cannot be sealed: {reason}")]
    Store {
        /// The period.
        period: AuditPeriod,
        /// Why.
        reason: String,
    },
    /// The authority gave no timestamp that holds.
    #[error("the timestamp authority {url} gave no timestamp that holds: {reason}")]
    Timestamp {
        /// Its URL.
        url: String,
        /// Why.
        reason: String,
    },
}

/// A sealed period.
#[derive(Clone, Debug)]
pub struct Sealed {
    /// The document.
    pub seal: Seal,
    /// Its digest.
    pub digest: Digest,
    /// Place of its leaf.
    pub leaf: u64,
}

/// Seals a period: writes every slot's outcome into a document, and the document's digest into the ledger.
///
/// Runs cannot be in flight: the store is open in this process alone, and nothing else runs in it now.
pub async fn seal(host: &Host, period: &AuditPeriod) -> Result<Sealed, SealPeriodError> {
    let now = host.clock.now();
    if now < period.span().end {
        return Err(SealPeriodError::NotOver { period: period.clone(), end: period.span().end });
    }
    let store_failed = |reason: String| SealPeriodError::Store { period: period.clone(), reason };
    if let Some((_, earlier)) = find(host, period).map_err(store_failed)? {
        return Err(SealPeriodError::Sealed { period: period.clone(), at: earlier.sealed_at });
    }
    let coverage = coverage::cover(host, period.span()).map_err(|e| store_failed(e.to_string()))?;
    let slots = coverage.iter().flat_map(slots).collect();
    let simulated = host.store.format().simulated;
    let seal = Seal::new(period.clone(), now, simulated, &host.store.head(), slots)
        .map_err(|e| store_failed(e.to_string()))?;
    let bytes = seal.to_bytes().map_err(|e| store_failed(e.to_string()))?;
    let leaf = seal
        .statement("data/seal.json")
        .map_err(|e| store_failed(e.to_string()))?
        .to_leaf(&host.signer)
        .map_err(|e| store_failed(e.to_string()))?;
    let document = Document { bytes: &bytes, at: now };
    let committed = host.store.append_leaf(&leaf, Some(document)).map_err(|e| store_failed(e.to_string()))?;
    crate::timestamp::take(host, period).await?;
    Ok(Sealed { digest: Digest::of(&bytes), seal, leaf: committed.leaf })
}

/// The seal of a period, with its leaf; none: it is not sealed.
pub fn find(host: &Host, period: &AuditPeriod) -> Result<Option<(u64, Seal)>, String> {
    for leaf in host.store.leaves(Some(LeafKind::Seal)).map_err(|e| e.to_string())? {
        let document = host.store.document(leaf.index).map_err(|e| e.to_string())?;
        let Some(bytes) = document else { continue };
        let seal = Seal::parse(&bytes).map_err(|e| e.to_string())?;
        if seal.period.span() == period.span() {
            return Ok(Some((leaf.index, seal)));
        }
    }
    Ok(None)
}

fn slots(of: &coverage::ControlCoverage) -> Vec<Slot> {
    let slot = |period: &PeriodCoverage| Slot {
        control: of.control.id.clone(),
        period: period.period,
        // A period that begins in the sealed one and ends after it is not over: nobody looked yet.
        outcome: period.outcome.unwrap_or(Outcome::Missed),
        reason: period.reason.clone(),
        runs: period.runs.clone(),
    };
    of.periods.iter().map(slot).collect()
}
