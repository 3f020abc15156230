//! The runs: each manifest is what a leaf of the log is about, and every file is what its manifest says.

use super::{Checking, log::Log};
use crate::report::Finding;
use exhibit_evidence::canonical;
use exhibit_evidence::digest::Digest;
use exhibit_evidence::exchange::{Answer, Exchange, ExchangeId, Walk};
use exhibit_evidence::kind::Kind;
use exhibit_evidence::record::{Origin, Rejection};
use exhibit_evidence::run::{MANIFEST_FORMAT, Manifest, ReplayInputs, RunId};
use exhibit_ledger::statement::LeafKind;
use exhibit_ledger::tree::{Frontier, leaf_hash};
use exhibit_package::contents::RunContents;
use exhibit_package::layout::{self, run_file};
use exhibit_package::model::{Meta, Withheld};
use exhibit_package::views;
use exhibit_package::write::bodies_of;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};

/// A line of provenance.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Provenance {
    key: String,
    origins: Vec<Origin>,
}

pub(super) fn check(
    checking: &mut Checking<'_>,
    meta: &Meta,
    log: &Log,
) -> Result<BTreeMap<RunId, RunContents>, Finding> {
    let withheld: Vec<Withheld> = checking.json(layout::WITHHELD)?;
    let mut withheld: BTreeMap<RunId, String> = withheld.into_iter().map(|w| (w.run, w.reason)).collect();
    let mut runs = BTreeMap::new();
    let (mut exchanges, mut leaves) = (0, BTreeSet::new());
    for id in checking.package.runs() {
        let run = run(checking, meta, log, &id, withheld.remove(&id))?;
        if !leaves.insert(run.leaf) {
            let path = layout::run(&id, run_file::STATEMENT);
            return Err(Finding::new(
                path,
                "a leaf of its own",
                format!("leaf {}, which is another run's", run.leaf),
            ));
        }
        exchanges += run.manifest.exchanges.count;
        runs.insert(id, run);
    }
    if let Some((id, _)) = withheld.first_key_value() {
        return Err(Finding::new(layout::WITHHELD, "runs that are in the package", id));
    }
    bodies(checking)?;
    let detail =
        format!("{} manifests, each the subject of a signed leaf; {exchanges} exchanges", runs.len());
    checking.ok("runs", detail);
    Ok(runs)
}

fn run(
    checking: &mut Checking<'_>,
    meta: &Meta,
    log: &Log,
    id: &RunId,
    withheld: Option<String>,
) -> Result<RunContents, Finding> {
    let path = layout::run(id, run_file::MANIFEST);
    let bytes = checking.document(&path)?;
    let manifest = manifest(&path, &bytes, id, meta)?;
    let (leaf, statement) = log.leaf(checking, &layout::run(id, ""))?;
    let digest = Digest::of(&bytes);
    let subject = statement.subject().map(|s| s.digest);
    if statement.kind != LeafKind::Run || subject != Some(digest) {
        let said = match subject {
            Some(other) if statement.kind == LeafKind::Run => format!("a run's manifest with sha256 {other}"),
            _ => format!("a statement of the kind {}", statement.kind),
        };
        let expected = format!("the manifest that leaf {leaf} is about: {said}");
        return Err(Finding::new(path, expected, format!("sha256 {digest}")));
    }
    let replay = layout::run(id, run_file::REPLAY);
    checking.same_digest(&replay, manifest.replay, "the run's manifest")?;
    let _: ReplayInputs = checking.json(&replay)?;

    let ids = exchanges(checking, id, &manifest, withheld.is_some())?;
    let walks: Vec<Walk> = lines(checking, id, run_file::WALKS, manifest.walks)?.1;
    let rejections: (u64, Vec<Rejection>) = lines(checking, id, run_file::REJECTIONS, manifest.rejections)?;
    let rejected: u64 = manifest.rejected.values().sum();
    if rejections.0 != rejected {
        let path = layout::run(id, run_file::REJECTIONS);
        return Err(Finding::new(
            path,
            format!("{rejected} refused items, as the manifest says"),
            rejections.0,
        ));
    }
    let log_lines = lines::<canonical::Value>(checking, id, run_file::LOG, manifest.log)?.0;
    if log_lines != manifest.log_lines {
        let path = layout::run(id, run_file::LOG);
        return Err(Finding::new(
            path,
            format!("{} lines, as the manifest says", manifest.log_lines),
            log_lines,
        ));
    }
    for dataset in &manifest.datasets {
        provenance(checking, id, &dataset.kind, dataset.provenance, &ids)?;
    }
    component(checking, &manifest)?;
    let run = RunContents { manifest, digest, leaf, withheld };
    page(checking, meta, &run, &walks)?;
    Ok(run)
}

fn manifest(path: &str, bytes: &[u8], id: &RunId, meta: &Meta) -> Result<Manifest, Finding> {
    if !canonical::is_canonical(bytes) {
        return Err(Finding::new(path, "canonical JSON on one line", "another form"));
    }
    let manifest: Manifest =
        serde_json::from_slice(bytes).map_err(|e| Finding::new(path, "a run's manifest", e))?;
    if manifest.format != MANIFEST_FORMAT {
        return Err(Finding::new(
            path,
            format!("format {MANIFEST_FORMAT}"),
            format!("format {}", manifest.format),
        ));
    }
    if manifest.run != *id {
        return Err(Finding::new(
            path,
            format!("the manifest of run {id}"),
            format!("that of run {}", manifest.run),
        ));
    }
    if manifest.simulated && !meta.simulated {
        return Err(Finding::new(layout::PACKAGE, "`simulated`: true, as run manifests say", "false"));
    }
    Ok(manifest)
}

/// The exchanges' lines, and that their bodies are there. Answers with their names.
fn exchanges(
    checking: &mut Checking<'_>,
    id: &RunId,
    manifest: &Manifest,
    withheld: bool,
) -> Result<BTreeSet<ExchangeId>, Finding> {
    let path = layout::run(id, run_file::EXCHANGES);
    let mut reader = checking.lines(&path)?;
    let (mut ids, mut root, mut body_bytes, mut line) = (BTreeSet::new(), Frontier::new(), 0, Vec::new());
    while next(&mut reader, &path, &mut line)? {
        root.push(leaf_hash(&line));
        let exchange: Exchange = parse(&path, reader.number(), &line)?;
        if ids.last().is_some_and(|last| *last >= exchange.id) {
            let found = format!("{} on line {}", exchange.id, reader.number());
            return Err(Finding::new(path, "exchanges in the order of their ids, each once", found));
        }
        ids.insert(exchange.id);
        if let Answer::Response { body_bytes: bytes, .. } = &exchange.answer {
            body_bytes += bytes;
        }
        for body in bodies_of(&exchange) {
            let body_path = layout::body(&body);
            if checking.package.has(&body_path) {
                checking.explain(body_path);
            } else if !withheld {
                let expected = format!("the body that exchange {} of run {id} refers to", exchange.id);
                return Err(Finding::new(body_path, expected, "nothing"));
            }
        }
    }
    let stated = &manifest.exchanges;
    if root.size() != stated.count || root.root() != stated.root || body_bytes != stated.body_bytes {
        let expected =
            format!("{} exchanges under the root {}, as the manifest says", stated.count, stated.root);
        return Err(Finding::new(path, expected, format!("{} under {}", root.size(), root.root())));
    }
    Ok(ids)
}

/// A file of canonical lines with the manifest's digest. Answers with the number of lines, and the lines.
fn lines<T: DeserializeOwned>(
    checking: &mut Checking<'_>,
    id: &RunId,
    file: &str,
    digest: Digest,
) -> Result<(u64, Vec<T>), Finding> {
    let path = layout::run(id, file);
    checking.same_digest(&path, digest, "the run's manifest")?;
    let mut reader = checking.lines(&path)?;
    let (mut items, mut line) = (Vec::new(), Vec::new());
    while next(&mut reader, &path, &mut line)? {
        items.push(parse(&path, reader.number(), &line)?);
    }
    Ok((reader.number(), items))
}

fn provenance(
    checking: &mut Checking<'_>,
    id: &RunId,
    kind: &Kind,
    root: Digest,
    exchanges: &BTreeSet<ExchangeId>,
) -> Result<(), Finding> {
    let path = layout::provenance(id, kind);
    let mut reader = checking.lines(&path)?;
    let (mut tree, mut before, mut line) = (Frontier::new(), None::<String>, Vec::new());
    while next(&mut reader, &path, &mut line)? {
        tree.push(leaf_hash(&line));
        let entry: Provenance = parse(&path, reader.number(), &line)?;
        if before.as_ref().is_some_and(|before| *before >= entry.key) {
            let found = format!("`{}` on line {}", entry.key, reader.number());
            return Err(Finding::new(path, "lines in key order, each key once", found));
        }
        if let Some(origin) = entry.origins.iter().find(|origin| !exchanges.contains(&origin.exchange)) {
            let expected = format!("origins in exchanges of run {id}");
            return Err(Finding::new(
                path,
                expected,
                format!("{} on line {}", origin.exchange, reader.number()),
            ));
        }
        before = Some(entry.key);
    }
    if tree.root() == root {
        Ok(())
    } else {
        Err(Finding::new(path, format!("lines under the root {root}, as the manifest says"), tree.root()))
    }
}

fn component(checking: &mut Checking<'_>, manifest: &Manifest) -> Result<(), Finding> {
    let digest = manifest.connector.component;
    let path = layout::component(&digest);
    checking.same_digest(&path, digest, &format!("the manifest of run {}", manifest.run))?;
    checking.explain(path);
    Ok(())
}

/// The run's page, drawn again.
fn page(checking: &mut Checking<'_>, meta: &Meta, run: &RunContents, walks: &[Walk]) -> Result<(), Finding> {
    let path = layout::run(&run.manifest.run, run_file::PAGE);
    checking.explain(&path);
    if meta.views != views::VERSION {
        return checking.digest(&path).map(drop);
    }
    let drawn = Digest::of(views::run_page(meta, run, walks));
    checking.same_digest(&path, drawn, "the page drawn from the manifest")
}

/// Every body's name is its digest.
fn bodies(checking: &Checking<'_>) -> Result<(), Finding> {
    for path in checking.package.files_below(layout::BODIES) {
        let digest = checking.digest(path)?;
        if layout::body(&digest) != path {
            return Err(Finding::new(path, "a body under its own digest", format!("sha256 {digest}")));
        }
    }
    Ok(())
}

fn next(
    reader: &mut exhibit_package::lines::LineReader<exhibit_package::read::FileReader>,
    path: &str,
    line: &mut Vec<u8>,
) -> Result<bool, Finding> {
    reader.next_into(line).map_err(|e| Finding::new(path, "lines, each ended by a newline", e))
}

fn parse<T: DeserializeOwned>(path: &str, number: u64, line: &[u8]) -> Result<T, Finding> {
    if !canonical::is_canonical(line) {
        return Err(Finding::new(
            path,
            "canonical JSON on each line",
            format!("another form on line {number}"),
        ));
    }
    serde_json::from_slice(line)
        .map_err(|e| Finding::new(path, "what belongs there", format!("line {number}: {e}")))
}
