//! The populations: the lines give the root of every run that held them.

use super::Checking;
use crate::report::Finding;
use exhibit_evidence::canonical;
use exhibit_evidence::digest::Digest;
use exhibit_evidence::kind::{Kind, Shape};
use exhibit_evidence::name::SourceName;
use exhibit_evidence::record::Record;
use exhibit_evidence::run::RunId;
use exhibit_package::contents::{PopulationContents, RunContents};
use exhibit_package::layout::{self, population_file};
use exhibit_package::model::{Meta, PopulationRun, PopulationRuns};
use exhibit_package::read::HeldLine;
use exhibit_package::roots::{RootError, SnapshotRoots};
use std::collections::BTreeMap;

/// What the manifests say of each dataset, in the order of the runs' starts.
type Expected = BTreeMap<(SourceName, Kind), (Shape, Vec<PopulationRun>)>;

pub(super) fn check(
    checking: &mut Checking<'_>,
    _meta: &Meta,
    runs: &BTreeMap<RunId, RunContents>,
) -> Result<Vec<PopulationContents>, Finding> {
    let expected = expected(runs)?;
    for (source, kind) in checking.package.populations() {
        if !expected.contains_key(&(source.clone(), kind.clone())) {
            let path = layout::population(&source, &kind, population_file::RUNS);
            return Err(Finding::new(path, "a population that a run in the package has", "none has it"));
        }
    }
    let mut populations = Vec::new();
    let (mut lines, mut snapshots) = (0, 0);
    for ((source, kind), (shape, runs)) in expected {
        let population = population(checking, &source, &kind, shape, runs)?;
        lines += population.lines;
        snapshots += population.runs.runs.len();
        populations.push(population);
    }
    let detail = format!("{}: {lines} lines give the roots of {snapshots} snapshots", populations.len());
    checking.ok("populations", detail);
    Ok(populations)
}

fn expected(runs: &BTreeMap<RunId, RunContents>) -> Result<Expected, Finding> {
    let mut expected = Expected::new();
    for run in runs.values() {
        let manifest = &run.manifest;
        for dataset in &manifest.datasets {
            let key = (manifest.source.clone(), dataset.kind.clone());
            let entry = expected.entry(key).or_insert_with(|| (dataset.shape, Vec::new()));
            if entry.0 != dataset.shape {
                let path = layout::run(&manifest.run, layout::run_file::MANIFEST);
                return Err(Finding::new(
                    path,
                    format!("{} of one shape in every run", dataset.kind),
                    "another",
                ));
            }
            entry.1.push(PopulationRun::of(manifest, dataset));
        }
    }
    for (_, runs) in expected.values_mut() {
        runs.sort_by(|a, b| (a.started_at, &a.run).cmp(&(b.started_at, &b.run)));
    }
    Ok(expected)
}

fn population(
    checking: &mut Checking<'_>,
    source: &SourceName,
    kind: &Kind,
    shape: Shape,
    expected: Vec<PopulationRun>,
) -> Result<PopulationContents, Finding> {
    let path = |file: &str| layout::population(source, kind, file);
    let runs_path = path(population_file::RUNS);
    let runs: PopulationRuns = checking.json(&runs_path)?;
    let wanted =
        PopulationRuns { source: source.clone(), kind: kind.clone(), shape, runs: expected, ..runs.clone() };
    if runs != wanted {
        let differing =
            wanted.runs.iter().zip(&runs.runs).find(|(a, b)| a != b).map(|(a, _)| a.run.to_string());
        let found = differing
            .map_or_else(|| "another list of runs".to_owned(), |run| format!("it differs at run {run}"));
        return Err(Finding::new(
            runs_path,
            "the runs of this dataset, as their manifests state them",
            found,
        ));
    }
    let (records_path, index_path) = (path(population_file::RECORDS), path(population_file::INDEX));
    checking.explain(&records_path);
    checking.explain(&index_path);
    let mut held = checking.package.records(source, kind).map_err(|e| super::unreadable(&e))?;
    let mut roots = SnapshotRoots::new(&runs);
    let (mut keys, mut rows, mut last_key) = (0, 0, None::<String>);
    loop {
        let number = held.number() + 1;
        let next = held.next_record().map_err(|e| super::unreadable(&e))?;
        let Some(line) = next else { break };
        record(&records_path, &index_path, number, &line, &runs)?;
        roots.add(&line.index).map_err(|e| {
            Finding::new(&index_path, "an index that agrees with the runs", format!("line {number}: {e}"))
        })?;
        rows += line.index.held.len() as u64;
        if last_key.as_ref() != Some(&line.index.key) {
            keys += 1;
            last_key = Some(line.index.key);
        }
    }
    let lines = held.number();
    roots.finish().map_err(|e| root_finding(&records_path, &runs, e))?;
    Ok(PopulationContents { runs, lines, keys, rows, sheets: Vec::new() })
}

/// One line: canonical, of this population, with the digest and key that the index says.
fn record(
    records: &str,
    index: &str,
    number: u64,
    held: &HeldLine<'_>,
    runs: &PopulationRuns,
) -> Result<(), Finding> {
    let digest = Digest::of(held.line);
    if digest != held.index.sha256 {
        let expected = format!("line {number} with sha256 {}, which the index states", held.index.sha256);
        return Err(Finding::new(records, expected, format!("sha256 {digest}")));
    }
    for (path, line) in [(records, held.line), (index, held.index_line)] {
        if !canonical::is_canonical(line) {
            return Err(Finding::new(
                path,
                "canonical JSON on each line",
                format!("another form on line {number}"),
            ));
        }
    }
    let record: Record = serde_json::from_slice(held.line)
        .map_err(|e| Finding::new(records, "a record on each line", format!("line {number}: {e}")))?;
    if record.source != runs.source || record.kind != runs.kind {
        let expected = format!("records of {} from {}", runs.kind, runs.source);
        return Err(Finding::new(
            records,
            expected,
            format!("{} from {} on line {number}", record.kind, record.source),
        ));
    }
    if record.key().as_str() != held.index.key {
        let expected = format!("the key of line {number}, `{}`", record.key().as_str());
        return Err(Finding::new(index, expected, format!("`{}`", held.index.key)));
    }
    Ok(())
}

fn root_finding(path: &str, runs: &PopulationRuns, error: RootError) -> Finding {
    match error {
        RootError::Count { run, expected, found } => Finding::new(
            path,
            format!(
                "{expected} records held by run {} by {}, as its manifest says",
                runs.runs[run].run,
                population_file::INDEX
            ),
            found,
        ),
        RootError::Root { run, expected, found } => Finding::new(
            path,
            format!(
                "records that, with runs and salts of {}, give the root {expected}, as the manifest of run {} says",
                population_file::INDEX,
                runs.runs[run].run
            ),
            format!("the root {found}"),
        ),
        other => Finding::new(path, "records that agree with their index", other),
    }
}
