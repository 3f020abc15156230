//! The populations: the lines give the root of every run that held them.

use super::Checking;
use crate::report::Finding;
use exhibit_evidence::canonical;
use exhibit_evidence::digest::Digest;
use exhibit_evidence::kind::Kind;
use exhibit_evidence::name::SourceName;
use exhibit_evidence::record::Record;
use exhibit_evidence::run::RunId;
use exhibit_package::contents::{PopulationContents, RunContents};
use exhibit_package::layout::{self, population_file};
use exhibit_package::model::{Meta, PopulationRun, PopulationRuns};
use exhibit_package::read::HeldLine;
use exhibit_package::roots::{RootError, SnapshotRoots};
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn check(
    checking: &mut Checking<'_>,
    meta: &Meta,
    runs: &BTreeMap<RunId, RunContents>,
) -> Result<Vec<PopulationContents>, Finding> {
    let mut populations = Vec::new();
    let (mut lines, mut snapshots, mut covered) = (0, 0, BTreeSet::new());
    for (source, kind) in checking.package.populations() {
        let population = population(checking, &source, &kind, runs)?;
        lines += population.lines;
        snapshots += population.runs.runs.len();
        covered.extend(population.runs.runs.iter().map(|run| (run.run.clone(), kind.clone())));
        populations.push(population);
    }
    let mut outside = 0;
    for run in runs.values() {
        for dataset in &run.manifest.datasets {
            if covered.contains(&(run.manifest.run.clone(), dataset.kind.clone())) {
                continue;
            }
            if run.is_within(&meta.period) {
                let path = layout::population(&run.manifest.source, &dataset.kind, population_file::RUNS);
                let expected = format!("run {}, whose manifest has this dataset", run.manifest.run);
                return Err(Finding::new(path, expected, "it is not in the list"));
            }
            outside += 1;
        }
    }
    let detail = format!("{}: {lines} lines give the roots of {snapshots} snapshots", populations.len());
    checking.ok("populations", detail);
    if outside > 0 {
        checking.notes.push(format!(
            "snapshots of runs that started outside {}: {outside} are not in the package; what they add to the period is",
            meta.period
        ));
    }
    Ok(populations)
}

/// What the manifests say of the runs that a population lists.
fn stated(
    path: &str,
    listed: &PopulationRuns,
    runs: &BTreeMap<RunId, RunContents>,
) -> Result<Vec<PopulationRun>, Finding> {
    let mut stated = Vec::new();
    let mut before = None;
    for entry in &listed.runs {
        let id = &entry.run;
        let run = runs.get(id).ok_or_else(|| Finding::new(path, "runs that are in the package", id))?;
        let dataset = run
            .dataset(&listed.source, &listed.kind)
            .filter(|dataset| dataset.shape == listed.shape)
            .ok_or_else(|| Finding::new(path, "runs whose manifests have this dataset in this shape", id))?;
        if before.is_some_and(|before| before >= run.leaf) {
            return Err(Finding::new(path, "runs in the order of their leaves, each once", id));
        }
        before = Some(run.leaf);
        stated.push(PopulationRun::of(&run.manifest, dataset));
    }
    Ok(stated)
}

fn population(
    checking: &mut Checking<'_>,
    source: &SourceName,
    kind: &Kind,
    manifests: &BTreeMap<RunId, RunContents>,
) -> Result<PopulationContents, Finding> {
    let path = |file: &str| layout::population(source, kind, file);
    let runs_path = path(population_file::RUNS);
    let runs: PopulationRuns = checking.json(&runs_path)?;
    if runs.source != *source || runs.kind != *kind {
        let found = format!("the runs of {} of {}", runs.kind, runs.source);
        return Err(Finding::new(runs_path, format!("the runs of {kind} of {source}"), found));
    }
    let stated = stated(&runs_path, &runs, manifests)?;
    if let Some((stated, _)) = stated.iter().zip(&runs.runs).find(|(stated, listed)| stated != listed) {
        let expected = format!("what the manifest of run {} says", stated.run);
        return Err(Finding::new(runs_path, expected, "something else"));
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
