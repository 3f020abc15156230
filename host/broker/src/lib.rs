//! Every byte in or out of a guest: grants, credentials, paging, limits, exchanges, replay.
//!
//! Floor 2. A guest's request passes the modules in this order; nothing here knows wasmtime or a store.
//!
//! | module | holds |
//! | --- | --- |
//! | [`broker`] | the facade: START HERE |
//! | [`grant`] | the requests that a source may make: asked and approved |
//! | [`manifest`] | what a component asks for, readable without running it |
//! | [`paging`] | how a list goes on, and the walk over its pages |
//! | [`pointer`] | what stands at a JSON pointer or XML path, in one pass |
//! | [`record`] | what is kept of an exchange, and who keeps it |
//! | [`redact`] | places cut from answers before anyone sees them |
//! | [`replay`] | answers from a recording, and where a guest asked otherwise |
//! | [`scrub`] | known secret values, replaced by stars |
//! | [`transport`] | the seam between what records and what reaches the network |

pub mod broker;
pub mod grant;
pub mod manifest;
pub mod paging;
pub mod pointer;
pub mod record;
pub mod redact;
pub mod replay;
pub mod scrub;
pub mod transport;
