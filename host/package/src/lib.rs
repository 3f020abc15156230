//! What the auditor receives: a BagIt bag (RFC 8493) in one zip. Layout, writing, reading.
//!
//! Floor 2. Knows evidence and ledger; knows nothing of the store, the network or the sandbox. The only crate
//! that touches archives and spreadsheets. Floor 4 pushes what the store holds into [`write::PackageWriter`];
//! the checker and re-performance pull it out of [`read::Package`].
//!
//! | module | holds |
//! | --- | --- |
//! | [`layout`] | every path |
//! | [`model`] | the documents that are defined here |
//! | [`bag`] | BagIt's own files |
//! | [`lines`] | files of lines, bounded |
//! | [`mod@write`] | the writer; one archive, whole or not at all |
//! | [`population`] | one population: lines, index, table and sheet |
//! | [`people`] | joiners and leavers across systems |
//! | [`roots`] | rebuilding the roots that manifests state |
//! | [`mod@html`] | the pages, and the parts of them that the service's pages share |
//! | [`contents`], [`views`] | what pages, tables and workbook are drawn from, and drawing them again |
//! | [`read`] | opening a package that a stranger may have made |
//!
//! The evidence (manifests, lines, proofs) is what is proven. The views (pages, CSV, XLSX) are a pure function
//! of it: a checker draws them again and compares, so that the workbook an auditor samples from is proven too.

pub mod bag;
pub mod contents;
pub mod html;
pub mod layout;
pub mod lines;
pub mod model;
pub mod people;
pub mod population;
pub mod read;
pub mod roots;
mod sink;
mod table;
pub mod views;
mod workbook;
pub mod write;

pub use sink::Finished;
