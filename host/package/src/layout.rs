//! Where everything is in a package: the one file that knows paths. Readers and writers ask here.
//!
//! ```text
//! exhibit-2026-H1-0123456789ab/
//!   START-HERE.html                       leads to data/index.html
//!   bagit.txt bag-info.txt                RFC 8493
//!   manifest-sha256.txt                   every file below data/, for `sha256sum -c`
//!   tagmanifest-sha256.txt                every file beside data/
//!   data/
//!     index.html                          the report, readable offline
//!     controls/01-AC-03.html              a page for each control
//!     populations.xlsx                    a sheet for each population
//!     package.json withheld.json coverage.json coverage.csv people.csv
//!     seal.json                           the sealed statement of what was expected
//!     populations/<source>/<kind>/        records.jsonl index.jsonl runs.json population.csv index.html
//!     runs/<run>/                         manifest.json statement.dsse.json inclusion.tlog-proof exchanges.jsonl
//!                                         walks.jsonl rejections.jsonl log.jsonl replay.json
//!                                         provenance/<kind>.jsonl index.html
//!     bodies/ab/<sha256>                  what was sent and answered, by digest
//!     components/<sha256>.wasm            the connectors that ran
//!     ledger/                             checkpoint key.txt key.pem leaf-hashes
//!                                         stamped-checkpoint timestamp.tsr
//!     ledger/leaves/<index>/              statement.dsse.json inclusion.tlog-proof document
//! ```
//!
//! Every name is made of ASCII letters, digits and `. _ - @`, so no path needs quoting, in a shell, in a
//! URL or on any system.

use exhibit_evidence::control::ControlId;
use exhibit_evidence::digest::Digest;
use exhibit_evidence::kind::Kind;
use exhibit_evidence::name::SourceName;
use exhibit_evidence::run::RunId;

/// Version of this layout, written in `data/package.json`.
pub const FORMAT: u32 = 1;

/// The bag declaration.
pub const BAGIT: &str = "bagit.txt";
/// What the bag is, for people and programs.
pub const BAG_INFO: &str = "bag-info.txt";
/// Digests of the payload.
pub const MANIFEST: &str = "manifest-sha256.txt";
/// Digests of the tag files.
pub const TAG_MANIFEST: &str = "tagmanifest-sha256.txt";
/// The page at the top that leads to the report.
pub const START: &str = "START-HERE.html";

/// What the package is, as [`crate::model::Meta`].
pub const PACKAGE: &str = "data/package.json";
/// The report.
pub const INDEX: &str = "data/index.html";
/// The workbook.
pub const WORKBOOK: &str = "data/populations.xlsx";
/// What belongs to the evidence and is not in the package, as a list of [`crate::model::Withheld`].
pub const WITHHELD: &str = "data/withheld.json";
/// The runs, for people.
pub const RUNS_PAGE: &str = "data/runs/index.html";
/// The controls as they were in force, and their collection periods: a list of
/// [`crate::model::ControlCoverage`].
pub const COVERAGE: &str = "data/coverage.json";
/// The same as a table.
pub const COVERAGE_CSV: &str = "data/coverage.csv";
/// Joiners and leavers across systems: a row for each person in each system.
pub const PEOPLE_CSV: &str = "data/people.csv";
/// The seal's document, canonical.
pub const SEAL: &str = "data/seal.json";
/// The signed checkpoint that every proof leads to.
pub const CHECKPOINT: &str = "data/ledger/checkpoint";
/// The log's verifier key (`name+hash+base64`, as C2SP signed-note writes it).
pub const KEY: &str = "data/ledger/key.txt";
/// The same key as a PEM `PUBLIC KEY`, for `openssl pkeyutl`.
pub const KEY_PEM: &str = "data/ledger/key.pem";
/// Every leaf hash of the log up to the checkpoint, 32 bytes each, in order.
pub const LEAF_HASHES: &str = "data/ledger/leaf-hashes";
/// The checkpoint that an outside authority has stamped: this one, or an earlier one of the same log.
pub const STAMPED: &str = "data/ledger/stamped-checkpoint";
/// RFC 3161 response over the bytes of [`STAMPED`].
pub const TIMESTAMP: &str = "data/ledger/timestamp.tsr";

/// Folder of runs.
pub const RUNS: &str = "data/runs/";
/// Folder of bodies.
pub const BODIES: &str = "data/bodies/";
/// Folder of populations.
pub const POPULATIONS: &str = "data/populations/";
/// Folder of components.
pub const COMPONENTS: &str = "data/components/";
/// Folder of disclosed leaves that are not runs.
pub const LEAVES: &str = "data/ledger/leaves/";

/// Files of one run, below `data/runs/<run>/`.
pub mod run_file {
    /// The manifest, canonical bytes and nothing else.
    pub const MANIFEST: &str = "manifest.json";
    /// The ledger's leaf.
    pub const STATEMENT: &str = "statement.dsse.json";
    /// Inclusion proof of the leaf in the package's checkpoint.
    pub const PROOF: &str = "inclusion.tlog-proof";
    /// One canonical line an exchange.
    pub const EXCHANGES: &str = "exchanges.jsonl";
    /// One canonical line a list that was read.
    pub const WALKS: &str = "walks.jsonl";
    /// One canonical line a refused item.
    pub const REJECTIONS: &str = "rejections.jsonl";
    /// One canonical line a log entry.
    pub const LOG: &str = "log.jsonl";
    /// The inputs that re-performance needs beside the exchanges, canonical.
    pub const REPLAY: &str = "replay.json";
    /// The run for people.
    pub const PAGE: &str = "index.html";
}

/// Files of one population, below `data/populations/<source>/<kind>/`.
pub mod population_file {
    /// Each distinct canonical line once.
    pub const RECORDS: &str = "records.jsonl";
    /// For each line, in the same order: key, digest, salts and when it was held.
    pub const INDEX: &str = "index.jsonl";
    /// The runs that the index counts in.
    pub const RUNS: &str = "runs.json";
    /// The population as a table.
    pub const CSV: &str = "population.csv";
    /// The population for people.
    pub const PAGE: &str = "index.html";
}

/// Files of one disclosed leaf, below `data/ledger/leaves/<index>/`.
pub mod leaf_file {
    /// The leaf.
    pub const STATEMENT: &str = "statement.dsse.json";
    /// Inclusion proof of the leaf in the package's checkpoint.
    pub const PROOF: &str = "inclusion.tlog-proof";
    /// The document that is the statement's subject.
    pub const DOCUMENT: &str = "document";
}

/// A file of a run.
pub fn run(run: &RunId, file: &str) -> String {
    format!("{RUNS}{run}/{file}")
}

/// A run's provenance lines of one kind.
pub fn provenance(run: &RunId, kind: &Kind) -> String {
    format!("{RUNS}{run}/provenance/{kind}.jsonl")
}

/// A file of a population.
pub fn population(source: &SourceName, kind: &Kind, file: &str) -> String {
    format!("{POPULATIONS}{source}/{kind}/{file}")
}

/// A body.
pub fn body(digest: &Digest) -> String {
    let hex = digest.to_string();
    format!("{BODIES}{}/{hex}", &hex[..2])
}

/// A component.
pub fn component(digest: &Digest) -> String {
    format!("{COMPONENTS}{digest}.wasm")
}

/// A file of a leaf that is not a run's.
pub fn leaf(index: u64, file: &str) -> String {
    format!("{LEAVES}{index:010}/{file}")
}

/// A control's page. The number keeps names apart where letter case is not told apart.
pub fn control_page(number: usize, control: &ControlId) -> String {
    format!("data/controls/{number:02}-{control}.html")
}

/// Whether a path may stand in a package: relative, forward slashes, plain names, no `.` or `..`.
pub fn is_plain(path: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-@".contains(&b);
    path.len() <= 240
        && path
            .split('/')
            .all(|part| !part.is_empty() && part != "." && part != ".." && part.bytes().all(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_paths() {
        assert!(is_plain("data/populations/okta-prod/identity.account@1/records.jsonl"));
        for bad in
            ["", "/etc/passwd", "data/../x", "data//x", "a\\b", "C:/x", "data/é", "x\0", "./x", "data/x/"]
        {
            assert!(!is_plain(bad), "{bad:?}");
        }
    }

    #[test]
    fn bodies_are_spread() {
        let digest = Digest::of("abc");
        assert_eq!(
            body(&digest),
            "data/bodies/ba/ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
