//! Every byte in or out of a guest: grants, credentials, paging, limits, exchanges, replay.
//!
//! Floor 2. A guest's request passes the modules in this order; nothing here knows wasmtime or a store.
//!
//! | module | holds |
//! | --- | --- |
//! | [`grant`] | the requests that a source may make: asked and approved |
//! | [`manifest`] | what a component asks for, readable without running it |
//! | [`pointer`] | what stands at a JSON pointer or XML path, in one pass |
//! | [`transport`] | the seam between what records and what reaches the network |

pub mod grant;
pub mod manifest;
pub mod pointer;
pub mod transport;
