//! The words of the field, as types: records, kinds, controls, periods, digests, canonical bytes.
//!
//! Floor 0. Everything in Exhibit may depend on this crate; it depends on no other crate of ours, and
//! does no I/O: no clock, no files, no network.
//!
//! | module | holds |
//! | --- | --- |
//! | [`canonical`] | the one byte form that is digested: RFC 8785, cut to strings, booleans and integers |
//! | [`digest`] | SHA-256 digests |
//! | [`time`] | instants in milliseconds, spans, the [`time::Clock`] that the floors above are handed |
//! | [`period`] | frequencies, collection periods, audit periods |
//! | [`control`] | criteria, controls and their identifiers |
//! | [`kind`] | kinds of evidence and their shapes |
//! | [`record`] | one normalised piece of evidence and where it came from |
//! | [`fetch`] | what a guest may ask of the network, and what it is answered |
//! | [`exchange`] | one HTTP request and response, as the host saw it, and the walk it was a page of |
//! | [`run`] | a run's manifest, its populations and its verdict |
//! | [`secret`] | values that print as `***` |

pub mod canonical;
pub mod control;
pub mod digest;
pub mod exchange;
pub mod fetch;
pub mod kind;
pub mod name;
pub mod period;
pub mod record;
pub mod run;
pub mod secret;
pub mod time;
