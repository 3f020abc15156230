//! The closing of an audit period: every expected collection period with its outcome, under a signed checkpoint,
//! with an outside timestamp where an authority is configured.

use crate::coverage::{self, Observation, PeriodCoverage};
use crate::host::Host;
use exhibit_evidence::control::Control;
use exhibit_evidence::digest::Digest;
use exhibit_evidence::period::AuditPeriod;
use exhibit_evidence::time::Span;
use exhibit_ledger::seal::{Outcome, Seal, Slot};
use std::collections::BTreeMap;

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
