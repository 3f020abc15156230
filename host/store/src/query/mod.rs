//! Questions to the store. Everything here shows committed runs only: those under the checkpoint.
//!
//! | module | answers |
//! | --- | --- |
//! | [`runs`] | which runs there are, what each wrote, which control and period it proves |
//! | [`log`] | leaves, checkpoint and proofs |
//! | [`records`] | snapshots, events, a record's history, what differs between two runs |
//! | [`intervals`] | which line of a record was held in which runs of a span |

pub(crate) mod intervals;
pub(crate) mod log;
pub(crate) mod records;
pub(crate) mod runs;
