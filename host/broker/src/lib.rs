//! Every byte in or out of a guest: grants, credentials, paging, limits, exchanges, replay.
//!
//! Floor 2. A guest's request passes the modules in this order; nothing here knows wasmtime or a store.
//!
//! | module | holds |
//! | --- | --- |
//! | [`manifest`] | what a component asks for, readable without running it |
//! | [`transport`] | the seam between what records and what reaches the network |

pub mod manifest;
pub mod transport;
