//! Datasets over time.
//!
//! A state dataset is a chain for each source, kind and retention bucket: a keyframe, which holds every
//! record, and deltas, which hold what differs from the run before. A new keyframe is written when the
//! deltas since the last would outweigh it. An event or act dataset has no chain: each run holds what it
//! added, and the dataset is all of it.
//!
//! | module | holds |
//! | --- | --- |
//! | [`group`] | entries, and how they are packed |
//! | [`layer`] | one run's entries in key order |
//! | [`chain`] | layers over one another |
//! | [`compare`] | what a run brought against what was held |
//! | [`sink`] | writing a run's entries, to pack and index |

pub(crate) mod chain;
pub(crate) mod compare;
pub(crate) mod group;
pub(crate) mod layer;
pub(crate) mod sink;
