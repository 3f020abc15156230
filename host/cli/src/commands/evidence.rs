//! `exhibit evidence`: what is held.

use crate::args::Evidence;
use crate::clock::WallClock;
use crate::exit::Problem;
use crate::output::{self, Format};
use anyhow::Result;
use exhibit_evidence::kind::Kind;
use exhibit_evidence::name::SourceName;
use exhibit_evidence::period::{AuditPeriod, Frequency};
use exhibit_evidence::run::{RunId, Verdict};
use exhibit_evidence::time::{Clock as _, Span, Timestamp};
use exhibit_package::people::Row;
use exhibit_pipeline::operation::{self, Alive};
use exhibit_pipeline::workspace::Workspace;
use exhibit_server::operate::memory::Memory;
use exhibit_store::{Change, Difference, RunFilter, Standing, Store};
use jiff::civil::{Date, date};
use serde::Serialize;
use serde_json::Value;
use std::path::Path;

pub(crate) fn run(at: &Path, format: Format, command: Evidence) -> Result<()> {
    if let Evidence::Kinds = command {
        return kinds(format);
    }
    let workspace = Workspace::open(at)?;
    let store = exhibit_pipeline::host::open_store(&workspace)?;
    match command {
        Evidence::List { control: Some(control), period: Some(period) } => {
            let proofs: Vec<Proof> = store
                .proves(&control, &period)?
                .into_iter()
                .map(|p| Proof { run: p.run, kind: p.kind, standing: word(p.standing) })
                .collect();
            if proofs.is_empty() {
                output::say(&format!("Nothing proves {control} for {period}."));
            }
            output::rows(format, &proofs, &["run", "kind", "standing"], |p| {
                vec![p.run.to_string(), p.kind.to_string(), p.standing.to_owned()]
            })
        }
        Evidence::List { .. } => datasets(format, &store),
        Evidence::Runs { source, period } => {
            runs(format, &store, &RunFilter { source, span: period.map(|period| period.span()) })
        }
        Evidence::Show { run, kind: None } => output::json(&store.manifest(&run)?),
        Evidence::Show { run, kind: Some(kind) } => records(format, &store, &run, &kind),
        Evidence::History { source, kind, id } => history(format, &store, &source, &kind, &id),
        Evidence::Diff { kind, from, to } => diff(format, &store, &kind, &from, &to),
        Evidence::People { from, to, directory, all } => {
            let directory = directory.or_else(|| workspace.config().directory.clone());
            people(format, &store, span(from, to)?, directory.as_ref(), all)
        }
        Evidence::Host { period } => operation(format, &store, period),
        Evidence::Kinds => Ok(()),
    }
}

/// When the service ran in a period, and what it wrote down of itself.
fn operation(format: Format, store: &Store, period: Option<AuditPeriod>) -> Result<()> {
    let now = WallClock.now();
    let period = match period {
        Some(period) => period,
        None => Frequency::Annual.period_at(now).to_string().parse()?,
    };
    // Whoever holds the store is not a service that runs.
    let alive = Alive::Last(Memory::read(store.dir()).alive_at);
    let operation = operation::operation(store, period.span(), now, alive)?;
    if format == Format::Json {
        return output::json(&operation);
    }
    if operation.ran.is_empty() {
        output::line(&format!("The service did not run in {period}."))?;
    }
    output::rows(format, &operation.ran, &["ran from", "until", "ended"], |ran| {
        vec![ran.from.to_string(), ran.until.to_string(), ran.ended.clone()]
    })?;
    output::line("")?;
    output::rows(format, &operation.gaps, &["did not run from", "until"], |gap| {
        vec![gap.start.to_string(), gap.end.to_string()]
    })?;
    output::line("")?;
    output::rows(
        format,
        &operation.entries,
        &["leaf", "at", "what", "source", "slots", "by", "why"],
        |entry| {
            let what = match &entry.of {
                Some(of) => format!("{} ({of})", entry.act),
                None => entry.act.clone(),
            };
            vec![
                entry.leaf.to_string(),
                entry.at.to_string(),
                what,
                entry.source.as_ref().map(SourceName::to_string).unwrap_or_default(),
                entry.span.as_ref().map(Span::to_string).unwrap_or_default(),
                entry.by.clone().unwrap_or_default(),
                entry.why.clone().unwrap_or_default(),
            ]
        },
    )
}

#[derive(Serialize)]
struct Proof {
    run: RunId,
    kind: Kind,
    standing: &'static str,
}

fn word(standing: Standing) -> &'static str {
    match standing {
        Standing::Complete => "complete",
        Standing::Partial => "partial",
        Standing::Failed => "failed",
    }
}

#[derive(Serialize)]
struct Run {
    run: RunId,
    source: SourceName,
    started_at: Timestamp,
    ended_at: Timestamp,
    #[serde(flatten)]
    verdict: Verdict,
    records: u64,
    leaf: u64,
}

fn runs(format: Format, store: &Store, filter: &RunFilter) -> Result<()> {
    let mut runs = Vec::new();
    for entry in store.runs(filter)? {
        let manifest = store.manifest(&entry.run)?;
        runs.push(Run {
            run: entry.run,
            source: entry.source,
            started_at: entry.started_at,
            ended_at: entry.ended_at,
            records: manifest.populations.iter().map(|population| population.emitted).sum(),
            verdict: manifest.verdict,
            leaf: entry.leaf,
        });
    }
    output::rows(format, &runs, &["leaf", "run", "source", "ended", "records", "verdict", "why"], |run| {
        vec![
            run.leaf.to_string(),
            run.run.to_string(),
            run.source.to_string(),
            run.ended_at.to_string(),
            run.records.to_string(),
            run.verdict.word().to_owned(),
            run.verdict.reason().unwrap_or_default().to_owned(),
        ]
    })
}

fn kinds(format: Format) -> Result<()> {
    let kinds = exhibit_evidence::kind::builtin();
    output::rows(format, &kinds, &["kind", "shape", "title"], |spec| {
        let shape = serde_json::to_value(spec.shape).ok().and_then(|s| s.as_str().map(str::to_owned));
        vec![spec.kind.to_string(), shape.unwrap_or_default(), spec.title.clone()]
    })
}

#[derive(Serialize)]
struct Held {
    source: SourceName,
    kind: Kind,
    records: u64,
    runs: u64,
    last_run: RunId,
}

fn datasets(format: Format, store: &Store) -> Result<()> {
    let held: Vec<Held> = store
        .datasets()?
        .into_iter()
        .map(|d| Held {
            source: d.source,
            kind: d.last.kind,
            records: d.last.records,
            runs: d.runs,
            last_run: d.run,
        })
        .collect();
    if held.is_empty() {
        output::say("Nothing is held yet: exhibit collect.");
    }
    output::rows(format, &held, &["source", "kind", "records", "runs", "last run"], |d| {
        let (source, kind, run) = (d.source.to_string(), d.kind.to_string(), d.last_run.to_string());
        vec![source, kind, d.records.to_string(), d.runs.to_string(), run]
    })
}

/// Canonical lines, as they are: one a line for people and `jq`, or as one array.
fn records(format: Format, store: &Store, run: &RunId, kind: &Kind) -> Result<()> {
    let manifest = store.manifest(run)?;
    let mut lines = output::Lines::new(format);
    for record in store.snapshot(&manifest.source, kind, run)? {
        lines.next(&String::from_utf8_lossy(&record?.line))?;
    }
    lines.end()
}

/// From the first day to the last, both included.
fn span(from: Option<Date>, to: Option<Date>) -> Result<Span> {
    let start = from.map_or(Timestamp::from_ms(0), Timestamp::at_midnight);
    let end = match to {
        // Half open: the day after.
        Some(day) => Timestamp::at_midnight(day.tomorrow()?),
        // No run lies beyond it. The very last day of the calendar has no instant.
        None => Timestamp::at_midnight(date(9999, 1, 1)),
    };
    match start < end {
        true => Ok(Span { start, end }),
        false => Err(Problem::usage("the last day is before the first", "exchange --from and --to")),
    }
}

fn people(
    format: Format,
    store: &Store,
    span: Span,
    directory: Option<&SourceName>,
    all: bool,
) -> Result<()> {
    let mut people = exhibit_pipeline::people::people(store, span, directory)?;
    if let Some(named) = directory.filter(|named| people.directory.as_ref() != Some(named)) {
        let systems: Vec<String> = people.systems.iter().map(|system| system.source.to_string()).collect();
        return Err(Problem::failed(
            format!("{named} has no list of accounts in this time"),
            Some(format!("those that have one: {}", systems.join(", "))),
        ));
    }
    let summary = people.summary();
    if !all {
        let is_told = |row: &Row| row.joined().is_some() || row.left.is_some() || !row.findings.is_empty();
        people.rows.retain(is_told);
    }
    if format == Format::Json {
        return output::json(&people);
    }
    let columns = ["person", "system", "joined", "left", "at end", "what does not fit"];
    output::rows(format, &people.rows, &columns, |row| {
        let day = |at: Option<Timestamp>| at.map(|at| at.date().to_string()).unwrap_or_default();
        let says: Vec<String> = row.findings.iter().map(|finding| finding.says()).collect();
        let person = row.person.strip_prefix("person:").unwrap_or(&row.person).to_owned();
        let (joined, left, at_end) = (day(row.joined()), day(row.left), row.at_end.word().to_owned());
        vec![person, row.source.to_string(), joined, left, at_end, says.join("; ")]
    })?;
    output::say(&format!("{summary}."));
    Ok(())
}

#[derive(Serialize)]
struct Step {
    run: RunId,
    change: &'static str,
    sha256: Option<String>,
    record: Option<Value>,
}

fn history(format: Format, store: &Store, source: &SourceName, kind: &Kind, id: &str) -> Result<()> {
    let mut steps = Vec::new();
    for entry in store.history(source, kind, id)? {
        steps.push(Step {
            run: entry.run,
            change: match entry.change {
                Change::Added => "added",
                Change::Changed => "changed",
                Change::Removed => "removed",
                Change::Unobserved => "unobserved",
                Change::SeenAgain => "seen again",
            },
            sha256: entry.digest.map(|digest| digest.to_string()),
            record: entry.line.and_then(|line| serde_json::from_slice(&line).ok()),
        });
    }
    if steps.is_empty() {
        return Err(Problem::failed(
            format!("{source} never held a {kind} with the id `{}`", output::printable(id)),
            Some("`exhibit evidence show RUN --kind KIND` prints the ids of a run".into()),
        ));
    }
    output::rows(format, &steps, &["run", "change", "sha256", "attributes"], |s| {
        let attributes = s.record.as_ref().map(|r| r["attributes"].to_string()).unwrap_or_default();
        vec![s.run.to_string(), s.change.to_owned(), s.sha256.clone().unwrap_or_default(), attributes]
    })
}

#[derive(Serialize)]
struct Changed {
    change: &'static str,
    key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    old: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    new: Option<Value>,
}

fn diff(format: Format, store: &Store, kind: &Kind, from: &RunId, to: &RunId) -> Result<()> {
    let (first, second) = (store.manifest(from)?, store.manifest(to)?);
    if first.source != second.source {
        return Err(Problem::usage(
            format!("{from} is a run of {}, and {to} of {}", first.source, second.source),
            "name two runs of one source",
        ));
    }
    let json = |line: &[u8]| serde_json::from_slice(line).ok();
    let mut changed = Vec::new();
    for difference in store.diff(&first.source, kind, from, to)? {
        changed.push(match difference? {
            Difference::Added(r) => Changed { change: "added", key: r.key.0, old: None, new: json(&r.line) },
            Difference::Removed(r) => {
                Changed { change: "removed", key: r.key.0, old: json(&r.line), new: None }
            }
            Difference::Changed { key, old, new } => {
                Changed { change: "changed", key: key.0, old: json(&old), new: json(&new) }
            }
        });
    }
    if changed.is_empty() {
        output::say(&format!("Nothing differs in {kind} of {} between the two runs.", first.source));
    }
    output::rows(format, &changed, &["change", "key", "what"], |c| {
        vec![c.change.to_owned(), c.key.clone(), what(c)]
    })
}

/// The attributes that differ, with both values.
fn what(changed: &Changed) -> String {
    let (Some(old), Some(new)) = (&changed.old, &changed.new) else { return String::new() };
    let none = serde_json::Map::new();
    let attributes = |of: &Value| of["attributes"].as_object().unwrap_or(&none).clone();
    let (old, new) = (attributes(old), attributes(new));
    let names: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let show = |value: Option<&Value>| value.map_or_else(|| "(unknown)".to_owned(), ToString::to_string);
    names
        .into_iter()
        .filter(|name| old.get(*name) != new.get(*name))
        .map(|name| format!("{name}: {} -> {}", show(old.get(name)), show(new.get(name))))
        .collect::<Vec<_>>()
        .join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_that_are_left_out_are_all_there_are() {
        let all = span(None, None).unwrap();
        assert!(all.contains("1970-01-01T00:00:00Z".parse().unwrap()));
        assert!(all.contains("2199-12-31T23:59:59Z".parse().unwrap()));
        let (first, last) = (date(2026, 1, 1), date(2026, 1, 31));
        let month = span(Some(first), Some(last)).unwrap();
        assert_eq!((month.end.as_ms() - month.start.as_ms()) / 86_400_000, 31);
        assert!(span(Some(last), Some(first)).is_err());
    }
}
