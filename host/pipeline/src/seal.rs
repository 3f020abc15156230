//! The closing of an audit period: every expected collection period with its outcome, under a signed checkpoint,
//! with an outside timestamp where an authority is configured. The seal is one leaf and is made once; a timestamp
//! that is missing afterwards is taken when the period is sealed again.

use crate::coverage::{self, PeriodCoverage};
use crate::host::Host;
use crate::timestamp::{self, Authority, AuthorityError, Taken};
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
    /// The authority cannot be asked as it is configured; nothing was sealed.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// The period is sealed, and the authority gave no timestamp that holds.
    #[error("{period} is sealed, but the timestamp authority {url} gave no timestamp that holds: {reason}")]
    Timestamp {
        /// The period.
        period: AuditPeriod,
        /// The authority's URL.
        url: url::Url,
        /// Why.
        reason: String,
    },
}

impl SealPeriodError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Authority(error) => error.hint(),
            Self::Timestamp { period, .. } => {
                Some(format!("nothing is lost: `exhibit seal {period}` again asks for the timestamp alone"))
            }
            Self::NotOver { .. } | Self::Sealed { .. } | Self::Store { .. } => None,
        }
    }
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
    /// It was sealed earlier, and now its timestamp was taken.
    pub earlier: bool,
    /// The outside authority's word; none: no authority is configured.
    pub timestamp: Option<Taken>,
}

/// Seals a period: writes every slot's outcome into a document, and the document's digest into the ledger; then asks
/// the authority, where one is configured. Where the period is sealed and only its timestamp is missing, asks for that.
///
/// Runs cannot be in flight: the store is open in this process alone, and nothing else runs in it now.
pub async fn seal(host: &Host, period: &AuditPeriod) -> Result<Sealed, SealPeriodError> {
    let now = host.clock.now();
    if now < period.span().end {
        return Err(SealPeriodError::NotOver { period: period.clone(), end: period.span().end });
    }
    let store_failed = |reason: String| SealPeriodError::Store { period: period.clone(), reason };
    let authority = Authority::configured(&host.workspace, &host.clock)?;
    if let Some((leaf, seal)) = find(host, period).map_err(store_failed)? {
        let stamped = timestamp::of_leaf(host, leaf).map_err(|e| store_failed(e.to_string()))?;
        if authority.is_none() || stamped.is_some() {
            return Err(SealPeriodError::Sealed { period: period.clone(), at: seal.sealed_at });
        }
        let bytes = seal.to_bytes().map_err(|e| store_failed(e.to_string()))?;
        let timestamp = take(host, authority.as_ref(), period).await?;
        return Ok(Sealed { digest: Digest::of(&bytes), seal, leaf, earlier: true, timestamp });
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
    let timestamp = take(host, authority.as_ref(), period).await?;
    Ok(Sealed { digest: Digest::of(&bytes), seal, leaf: committed.leaf, earlier: false, timestamp })
}

/// Asks the authority, where there is one.
async fn take(
    host: &Host,
    authority: Option<&Authority>,
    period: &AuditPeriod,
) -> Result<Option<Taken>, SealPeriodError> {
    let Some(authority) = authority else { return Ok(None) };
    let failed = |reason| {
        let url = authority.url().clone();
        SealPeriodError::Timestamp { period: period.clone(), url, reason }
    };
    authority.stamp(host).await.map(Some).map_err(failed)
}

/// The seal of a period, with its leaf; none: it is not sealed.
pub fn find(host: &Host, period: &AuditPeriod) -> Result<Option<(u64, Seal)>, String> {
    for leaf in host.store.leaves(Some(LeafKind::Seal)).map_err(|e| e.to_string())? {
        let document = host.store.document(leaf.index).map_err(|e| e.to_string())?;
        // It might be this period's, which must not be sealed twice.
        let Some(bytes) = document else {
            return Err(format!(
                "leaf {} is a seal whose pack is missing or damaged: restore it from a backup, and run `exhibit check \
                 --rebuild`",
                leaf.index
            ));
        };
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
        uploads: period.uploads.clone(),
    };
    of.periods.iter().map(slot).collect()
}
