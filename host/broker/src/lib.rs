//! Every byte in or out of a guest: grants, credentials, paging, limits, exchanges, replay.
//!
//! Floor 2. Nothing here knows wasmtime, a store, or what a record is.
//!
//! A guest's request goes through [`broker`] (recording, paging, redaction) to a [`transport`]; the [`live`] one
//! takes it through [`grant`], [`credential`], the pace, and the [`address`] check, to the network and back.
//!
//! | module | holds |
//! | --- | --- |
//! | [`address`] | addresses that a connection may go to |
//! | [`broker`] | the facade: START HERE |
//! | [`credential`] | what is attached to a request after it has left the guest |
//! | [`fixture`] | recorded exchanges as JSON lines, and a transport that answers from them |
//! | [`grant`] | the requests that a source may make: asked and approved |
//! | [`live`] | the transport that reaches the network |
//! | [`manifest`] | what a component asks for, readable without running it |
//! | [`memory`] | a recording in memory |
//! | [`paging`] | how a list goes on, and the walk over its pages |
//! | [`mod@pointer`] | what stands at a JSON pointer or XML path, in one pass |
//! | [`reconcile`] | whether a population is whole |
//! | [`record`] | what is kept of an exchange, and who keeps it |
//! | [`redact`] | places cut from answers before anyone sees them |
//! | [`replay`] | answers from a recording, and where a guest asked otherwise |
//! | [`secret`] | where secrets come from |
//! | [`scrub`] | known secret values, replaced by stars |
//! | [`transport`] | the seam between what records and what reaches the network |

pub mod address;
pub mod broker;
pub mod credential;
pub mod fixture;
pub mod grant;
pub mod live;
pub mod manifest;
pub mod memory;
mod pace;
pub mod paging;
pub mod pointer;
pub mod reconcile;
pub mod record;
pub mod redact;
pub mod replay;
pub mod scrub;
pub mod secret;
pub mod transport;
