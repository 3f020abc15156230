//! START HERE. From a due run to a package: collect, cover, seal, export, re-perform.
//!
//! Floor 4. The clock is passed in and so is everything that a run depends on; nothing here prints, reads
//! arguments, or knows what time it really is.
//!
//! | module | holds |
//! | --- | --- |
//! | [`workspace`] | the operator's folder: settings, controls, sources, approvals |
//! | [`source`] | a source's settings, and what it needs to run |
//! | [`keys`] | the operator's identity and the signing key |
//! | [`host`] | a workspace with its store, runtime and clock: what every operation below needs |
//! | `opened`, `history` | what is kept from one run for the next |
//! | [`approve`] | what a component asks against what was approved |
//! | [`services`] | what a guest reaches in a run |
//! | [`collect`] | one run of a source, from approval to leaf |
//! | [`coverage`] | which collection periods have what |
//! | [`operation`] | what the host itself did: leaves of the ledger, and what they say of a period |
//! | [`inspect`] | what is wrong with a source, as far as its files tell |
//! | [`due`] | what the scheduler is told of a source |
//! | [`seal`] | the closing of an audit period |
//! | [`timestamp`] | an outside authority's word on when a checkpoint was there |
//! | [`upload`] | files that people attach to a control's period |
//! | [`export`] | the auditor's package |
//! | [`people`] | joiners and leavers across systems |
//! | [`reperform`] | every run of a package again, offline |

pub mod approve;
pub mod collect;
pub mod coverage;
pub mod due;
pub mod export;
mod history;
pub mod host;
pub mod inspect;
pub mod keys;
mod opened;
pub mod operation;
pub mod people;
pub mod reperform;
pub mod seal;
pub mod services;
pub mod source;
pub mod timestamp;
pub mod upload;
pub mod workspace;
